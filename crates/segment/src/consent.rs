//! Requests for consent to cookies and tracking, of any vendor's shape.
//!
//! A banner is told by what it says (that the site stores something, and a control that agrees to
//! it), not by who made it: the words of the text and of the controls, in the languages of most
//! sites, and what the containers are called.

use crate::blocks::{Block, Blocks, Name};
use crate::vocabulary;
use std::sync::LazyLock;

/// Stems of what is asked about.
const SUBJECTS: [&str; 12] = [
    "cookie",
    "ciasteczk",
    "куки",
    "クッキー",
    "쿠키",
    "çerez",
    "tracker",
    "tracking technolog",
    "traceurs",
    "cookiet",
    "küpsis",
    "evästeit",
];
/// Stems of why and where: a recipe for cookies has none of them beside a control that agrees.
const PURPOSES: [&str; 53] = [
    "website",
    "web site",
    "webseite",
    "webbplats",
    "this site",
    "our site",
    "site web",
    "ce site",
    "sitio",
    "sito",
    "pagina",
    "página",
    "browser",
    "experience",
    "experiência",
    "erfahrung",
    "expérience",
    "experiencia",
    "esperienza",
    "ervaring",
    "upplevelse",
    "consent",
    "privacy",
    "privacidad",
    "confidentialité",
    "datenschutz",
    "einwillig",
    "analy",
    "policy",
    "politique",
    "política",
    "third part",
    "third-part",
    "partner",
    "traffic",
    "tracking",
    "necessary",
    "essential",
    "notwendig",
    "nécessaire",
    "necesari",
    "personali",
    "advertis",
    "werbung",
    "publicit",
    "your device",
    "strony",
    "witryn",
    "сайт",
    "サイト",
    "网站",
    "당사",
    "stránk",
];
/// What else asks: none of it says cookie.
const REQUESTS: [&str; 16] = [
    "value your privacy",
    "respect your privacy",
    "care about your privacy",
    "your privacy choices",
    "privacy preferences",
    "privacy settings",
    "manage consent",
    "your consent",
    "your data, your",
    "privatsphäre",
    "vie privée",
    "tu privacidad",
    "su privacidad",
    "la tua privacy",
    "uw privacy",
    "sua privacidade",
];
/// First words, or stems of them, of a control that answers.
const ANSWERS: [&str; 68] = [
    "accept",
    "agree",
    "i agree",
    "allow",
    "ok",
    "okay",
    "got it",
    "i understand",
    "understood",
    "i accept",
    "yes",
    "reject",
    "decline",
    "deny",
    "refuse",
    "only necessary",
    "necessary only",
    "essential only",
    "only essential",
    "use necessary",
    "save",
    "confirm",
    "dismiss",
    "close",
    "continue",
    "no, thanks",
    "no thanks",
    "that's fine",
    "fine",
    "hide this",
    "sounds good",
    "akzeptier",
    "alle akzeptier",
    "alle cookies",
    "zustimm",
    "einverstanden",
    "verstanden",
    "ablehn",
    "alle ablehn",
    "auswahl",
    "accepter",
    "j'accepte",
    "tout accepter",
    "tout refuser",
    "refuser",
    "d'accord",
    "acept",
    "entendido",
    "rechaz",
    "accett",
    "rifiut",
    "acconsent",
    "accepteer",
    "akkoord",
    "alles accept",
    "toestaan",
    "weiger",
    "aceit",
    "akceptuj",
    "zgadzam",
    "acceptera",
    "godkänn",
    "tillad",
    "godta",
    "hyväksy",
    "souhlas",
    "×",
    "✕",
];
const OTHER_ANSWERS: [&str; 14] = [
    "přijmout",
    "kabul",
    "принять",
    "согласен",
    "同意",
    "許可",
    "接受",
    "동의",
    "全部接受",
    "manage",
    "cookie settings",
    "customi",
    "preferences",
    "more options",
];

/// Those of them that other things have too: a recipe is saved, a dialog is closed.
const VAGUE_ANSWERS: [&str; 15] = [
    "ok",
    "okay",
    "yes",
    "save",
    "confirm",
    "dismiss",
    "close",
    "continue",
    "fine",
    "×",
    "✕",
    "manage",
    "customi",
    "preferences",
    "more options",
];

/// A banner has fewer words; a list of what can be agreed to, in a container that is called so, has more.
const MAX_BANNER_WORDS: u32 = 450;
const MAX_NAMED_WORDS: u32 = 6000;
const MAX_STEPS: usize = 8;
/// What an outer element may hold beside the banner and still be a part of it.
const MAX_BESIDE_WORDS: u32 = 12;

/// Whether each block belongs to a request for consent.
pub fn blocks(page: &Blocks) -> Vec<bool> {
    let mut found = vec![false; page.blocks.len()];
    let answers: Vec<bool> = page
        .blocks
        .iter()
        .map(|block| is_answer(page, block))
        .collect();
    for index in 0..page.blocks.len() {
        let block = &page.blocks[index];
        if found[index] || block.words < 3 || block.chars > 4000 {
            continue;
        }
        let text = block.text.to_lowercase();
        if !ASKING.has_one_in(&text) {
            continue;
        }
        let asks = contains_any(&text, &REQUESTS);
        let has_purpose = asks || contains_any(&text, &PURPOSES);
        if let Some(range) = region(page, index, &answers, has_purpose) {
            found[range].fill(true);
        } else if has_purpose && block.words <= 120 {
            // Straight in the body: what asks, and what answers next to it.
            let end = index
                + 1
                + answers[index + 1..]
                    .iter()
                    .take(6)
                    .take_while(|is| **is)
                    .count();
            if end > index + 1 {
                found[index..end].fill(true);
            }
        }
    }
    found
}

/// The blocks of the banner that block `index` asks in.
fn region(
    page: &Blocks,
    index: usize,
    answers: &[bool],
    has_purpose: bool,
) -> Option<std::ops::Range<usize>> {
    let is_named = |hints| hints & vocabulary::CONSENT != 0;
    let is_box = |hints| hints & (vocabulary::MODAL | vocabulary::BANNER) != 0;
    let mut best: Option<std::ops::Range<usize>> = None;
    let block = &page.blocks[index];
    let (mut names, mut boxes) = (false, false);
    for element in page.ancestors(block.element).take(MAX_STEPS) {
        let range = element.blocks();
        names |= is_named(element.hints);
        boxes |=
            is_box(element.hints) || element.node.name().is_some_and(|name| &**name == "dialog");
        let is_content = matches!(element.name, Name::Main | Name::Article | Name::Body)
            || element.depth <= 1
            || range.len() > 400
            || page.blocks[range.clone()]
                .iter()
                .any(|block| block.level == 1 && !(boxes && asks_for_consent(&block.text)));
        let most = if names {
            MAX_NAMED_WORDS
        } else {
            MAX_BANNER_WORDS
        };
        if is_content || element.words > most {
            break;
        }
        if let Some(best) = &mut best {
            let inner: u32 = page.blocks[best.clone()]
                .iter()
                .map(|block| block.words)
                .sum();
            let is_more = element.words - inner <= MAX_BESIDE_WORDS || is_named(element.hints);
            if !is_more {
                break;
            }
            *best = range;
            continue;
        }
        let answered = answers[range.clone()].iter().any(|is| *is)
            || (element.words <= 150 && has_inline_answer(page, range.clone()));
        let is_consent = if answered {
            let agrees = |block: &Block| {
                answers_consent(&block.text)
                    && !starts_with_any(&as_answer(&block.text), &VAGUE_ANSWERS)
            };
            let mut texts = page.blocks[range.clone()]
                .iter()
                .zip(&answers[range.clone()]);
            has_purpose || names || boxes || texts.any(|(block, is)| *is && agrees(block))
        } else {
            // Nothing to press that is text: an icon, an input, or none.
            let is_outside = !element.is_in(Name::Main.bit() | Name::Article.bit());
            let most = if is_outside { 120 } else { 40 };
            has_purpose && element.words <= most && (names || boxes && is_outside)
        };
        if is_consent {
            best = Some(range);
        }
    }
    best
}

fn asks_for_consent(text: &str) -> bool {
    ASKING.has_one_in(&text.to_lowercase())
}

fn is_answer(page: &Blocks, block: &Block) -> bool {
    if block.words > 7 || block.chars > 60 {
        return false;
    }
    let element = &page.elements[block.element as usize];
    let is_pressed = element.is_in(Name::Button.bit() | Name::Link.bit())
        || block.link_count > 0
        || element.hints & (vocabulary::TOOLS | vocabulary::CONSENT) != 0
        || has_inline_control(element.node);
    is_pressed && answers_consent(&block.text)
}

/// Whether a text is what a control says that answers.
fn answers_consent(text: &str) -> bool {
    let text = as_answer(text);
    starts_with_any(&text, &ANSWERS) || starts_with_any(&text, &OTHER_ANSWERS)
}

/// A text as answers are written here.
fn as_answer(text: &str) -> String {
    text.trim().to_lowercase().replace('’', "'")
}

fn starts_with_any(text: &str, answers: &[&str]) -> bool {
    let first = text.as_bytes().first();
    let mut likely = answers
        .iter()
        .filter(|answer| answer.as_bytes().first() == first);
    likely.any(|answer| {
        text.strip_prefix(answer).is_some_and(|rest| {
            // A short word is one of its own: `ok`, not `oklahoma`.
            answer.len() >= 5 || !rest.starts_with(char::is_alphabetic)
        })
    })
}

/// Whether a link or button inside running text agrees.
fn has_inline_answer(page: &Blocks, blocks: std::ops::Range<usize>) -> bool {
    let mut blocks = page.blocks[blocks].iter().take(12);
    blocks.any(|block| {
        let node = page.elements[block.element as usize].node;
        node.descendants().take(100).any(|node| {
            let is_control = node
                .name()
                .is_some_and(|name| matches!(&**name, "a" | "button"))
                || node
                    .attribute("role")
                    .is_some_and(|role| &*role == "button");
            is_control && {
                let text = crate::meta::text_of(node);
                text.len() <= 40 && starts_with_any(&as_answer(&text), &ANSWERS)
            }
        })
    })
}

fn has_inline_control(node: &crate::tree::Node) -> bool {
    let is_button = node
        .attribute("role")
        .is_some_and(|role| &*role == "button");
    is_button || node.attribute("onclick").is_some()
}

/// [`SUBJECTS`] and [`REQUESTS`].
static ASKING: LazyLock<Stems> =
    LazyLock::new(|| Stems::new(SUBJECTS.iter().chain(&REQUESTS).copied().collect()));

/// Stems that are looked for all at once. At most places of a text none of them begins, which a hash
/// of four bytes tells.
struct Stems {
    stems: Vec<&'static str>,
    /// A bit for each hash that a stem begins with.
    starts: [u64; 1 << (Stems::BITS - 6)],
}

impl Stems {
    const BITS: u32 = 12;

    /// Each has four bytes at least.
    fn new(stems: Vec<&'static str>) -> Stems {
        let mut starts = [0; _];
        for stem in &stems {
            let start = Stems::hash(stem.as_bytes().first_chunk().expect("a stem of four bytes"));
            starts[start / 64] |= 1 << (start % 64);
        }
        Stems { stems, starts }
    }

    fn hash(bytes: &[u8; 4]) -> usize {
        (u32::from_le_bytes(*bytes).wrapping_mul(0x9e37_79b1) >> (32 - Stems::BITS)) as usize
    }

    fn has_one_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        bytes.array_windows().enumerate().any(|(at, start)| {
            let start = Stems::hash(start);
            self.starts[start / 64] & 1 << (start % 64) != 0
                && self
                    .stems
                    .iter()
                    .any(|stem| bytes[at..].starts_with(stem.as_bytes()))
        })
    }
}

fn contains_any(text: &str, wanted: &[&str]) -> bool {
    wanted.iter().any(|word| text.contains(word))
}
