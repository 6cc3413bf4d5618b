//! Blocks of content to segments: heading paths, joins and splits near a size, places.

use crate::blocks::{Block, Blocks, Element, Name};
use crate::features::is_sentence_end;
use crate::folds::QUESTION_LEVEL;
use crate::tokens::{TokenCounter, token_count};
use crate::{Kind, Options, Segment};
use html5ever::tendril::StrTendril;
use rustc_hash::FxHashMap;
use std::fmt::Write;

/// More than any page has that people read; what comes behind is counted only.
pub const MAX_SEGMENTS: usize = 3000;

/// The segments of the blocks that are `kept`, and how many more there would be. `html` is the
/// source the blocks were read from.
pub fn segments(
    html: &str,
    page: &Blocks,
    kept: &[bool],
    options: &Options,
) -> (Vec<Segment>, u32) {
    let mut headings = Headings::default();
    let mut parts: Vec<Part> = Vec::new();
    let mut questions = page.pairs.iter().peekable();
    for (index, (block, kept)) in page.blocks.iter().zip(kept).enumerate() {
        headings.leave_answers(index as u32);
        let pair = questions.next_if(|pair| pair.question == index as u32);
        if block.kind == Kind::Heading {
            headings.version += 1;
            // A title that stands apart from the content still heads it; other headings do not.
            let names_page = block.level == 1 && !is_aside(&page.elements[block.element as usize]);
            if *kept || names_page {
                headings.enter(block.level, without_permalink(block));
                if let Some(pair) = pair.filter(|_| block.level == QUESTION_LEVEL) {
                    headings.answer_ends.push(pair.answer.end);
                }
            }
        }
        if !kept {
            continue;
        }
        if options.join && block.kind != Kind::Heading {
            for part in split(block, options) {
                match parts.last_mut() {
                    Some(last) if last.takes(&part, headings.version, options) => last.join(part),
                    _ => parts.push(Part {
                        heading_version: headings.version,
                        ..part
                    }),
                }
                if let Some(last) = parts.last_mut() {
                    last.heading_path.get_or_insert_with(|| headings.path());
                }
            }
        } else {
            let text = without_permalink(block);
            let path = headings.path();
            let above = path.len() - usize::from(block.kind == Kind::Heading);
            parts.push(Part {
                heading_path: Some(path[..above].to_vec()),
                heading_version: headings.version,
                ..Part::of(block, 0, text.len(), token_count(text))
            });
        }
    }
    let dropped = parts.len().saturating_sub(MAX_SEGMENTS) as u32;
    parts.truncate(MAX_SEGMENTS);
    let paths = CssPaths::new(page);
    let mut chars = CharOffsets {
        html,
        byte: 0,
        chars: 0,
    };
    // Blocks can leave the source's order where the parser moved them, so places are looked up sorted.
    let mut places: Vec<u32> = parts
        .iter()
        .flat_map(|part| [part.start, part.end])
        .collect();
    places.sort_unstable();
    places.dedup();
    let offsets: Vec<u32> = places.iter().map(|byte| chars.at(*byte)).collect();
    let char_at = |byte: u32| {
        places
            .binary_search(&byte)
            .map_or(0, |index| offsets[index])
    };
    let segments = parts
        .into_iter()
        .enumerate()
        .map(|(position, part)| Segment {
            position: position as u32,
            kind: part.kind,
            heading_path: part.heading_path.unwrap_or_default(),
            char_start: char_at(part.start),
            char_end: char_at(part.end),
            css_path: paths.of(part.element),
            token_count: part.tokens,
            text: part.text,
        })
        .collect();
    (segments, dropped)
}

/// What is embedded for each segment: its text, with its heading path (or the page's title) in
/// front where it is not a heading, so that a short text is not torn out of what it is about.
pub fn embedding_texts(page_title: &str, segments: &[Segment]) -> Vec<String> {
    segments
        .iter()
        .map(|segment| {
            let path = match &segment.heading_path[..] {
                _ if segment.kind == Kind::Heading => String::new(),
                [] => page_title.to_owned(),
                path => path.join(" > "),
            };
            if path.is_empty() {
                segment.text.clone()
            } else {
                format!("{path}\n{}", segment.text)
            }
        })
        .collect()
}

/// The text of a heading without the sign behind it that links to the heading itself.
fn without_permalink(block: &Block) -> &str {
    const SIGNS: [char; 4] = ['#', '¶', '§', '🔗'];
    let text = &*block.text;
    let is_sign = block.kind == Kind::Heading && block.link_chars == 1;
    match text.strip_suffix(SIGNS) {
        Some(rest) if is_sign && !rest.trim_end().is_empty() => rest.trim_end(),
        _ => text,
    }
}

fn is_aside(element: &Element) -> bool {
    let aside = Name::Nav.bit() | Name::Footer.bit() | Name::Aside.bit() | Name::Hidden.bit();
    element.context & aside != 0
}

/// The headings that the walk is under.
#[derive(Default)]
struct Headings {
    open: Vec<(u32, String)>,
    /// Where the answers end that the walk is in. Headings in one stand below its question.
    answer_ends: Vec<u32>,
    /// Grows with each heading.
    version: u32,
}

impl Headings {
    /// Levels below all those outside of one more answer.
    fn base(&self) -> u32 {
        self.answer_ends.len() as u32 * (u32::from(QUESTION_LEVEL) + 1)
    }

    fn enter(&mut self, level: u8, text: &str) {
        let level = self.base() + u32::from(level);
        self.close_from(level);
        self.open.push((level, text.replace('\n', " ")));
    }

    /// Closes the questions whose answers end before block `index`.
    fn leave_answers(&mut self, index: u32) {
        while self.answer_ends.last().is_some_and(|end| *end <= index) {
            self.answer_ends.pop();
            self.close_from(self.base() + u32::from(QUESTION_LEVEL));
            self.version += 1;
        }
    }

    fn close_from(&mut self, level: u32) {
        while self.open.last().is_some_and(|(last, _)| *last >= level) {
            self.open.pop();
        }
    }

    fn path(&self) -> Vec<String> {
        self.open.iter().map(|(_, text)| text.clone()).collect()
    }
}

/// A segment in the making.
struct Part {
    kind: Kind,
    /// Tokens of the longest block so far, which gives the kind.
    longest: u32,
    text: String,
    tokens: u32,
    start: u32,
    end: u32,
    element: u32,
    heading_path: Option<Vec<String>>,
    heading_version: u32,
}

impl Part {
    /// Bytes `from..to` of a block's text, which are so many tokens.
    fn of(block: &Block, from: usize, to: usize, tokens: u32) -> Part {
        let text = block.text[from..to].trim();
        let start = if from == 0 {
            block.start
        } else {
            block.source_at(from)
        };
        let end = if to == block.text.len() {
            block.end
        } else {
            block.source_end(to)
        };
        Part {
            kind: block.kind,
            longest: tokens,
            text: text.to_owned(),
            tokens,
            start: start.min(end),
            end: end.max(start),
            element: block.element,
            heading_path: None,
            heading_version: 0,
        }
    }

    fn takes(&self, next: &Part, heading_version: u32, options: &Options) -> bool {
        let is_run = self.kind == next.kind
            && matches!(
                self.kind,
                Kind::ListItem | Kind::TableRow | Kind::Definition | Kind::Code
            );
        let is_short = self.tokens.min(next.tokens) < options.min_tokens;
        self.kind != Kind::Heading
            && self.heading_version == heading_version
            && self.tokens + next.tokens <= options.target_tokens
            && (is_run || is_short)
            && self.end <= next.start
    }

    fn join(&mut self, next: Part) {
        self.text.push('\n');
        self.text.push_str(&next.text);
        self.tokens += next.tokens;
        self.end = next.end;
        if next.longest > self.longest {
            (self.longest, self.kind) = (next.longest, next.kind);
        }
    }
}

impl Block {
    /// Where the byte `at` of the text stands in the source.
    fn source_at(&self, at: usize) -> u32 {
        let index = self
            .map
            .partition_point(|(text, _)| *text as usize <= at)
            .max(1)
            - 1;
        let (text, source) = self.map[index];
        source + (at as u32 - text)
    }

    /// Keeps of the text what stands from byte `start` up to `end`.
    pub fn cut(&mut self, start: usize, end: usize) {
        let end = self.text[..end].trim_end().len();
        (self.start, self.end) = (self.source_at(start), self.source_end(end));
        let first = (0, self.start);
        let shifted = self
            .map
            .iter()
            .filter(|(text, _)| (start..end).contains(&(*text as usize)));
        let shifted = shifted.map(|(text, source)| (text - start as u32, *source));
        self.map = std::iter::once(first)
            .chain(shifted.filter(|(text, _)| *text > 0))
            .collect();
        self.text.truncate(end);
        self.text.drain(..start);
    }

    /// Where the text before byte `at` ends in the source.
    pub fn source_end(&self, at: usize) -> u32 {
        let text = self.text[..at].trim_end();
        let last = text.chars().next_back().map_or(0, char::len_utf8);
        self.source_at(text.len() - last) + last as u32
    }
}

/// A block as parts of at most the maximum, cut at sentences near the target, else at words.
fn split(block: &Block, options: &Options) -> Vec<Part> {
    let text = &*block.text;
    let all_tokens = token_count(text);
    if all_tokens <= options.max_tokens {
        return vec![Part::of(block, 0, text.len(), all_tokens)];
    }
    let part = |from: usize, to: usize| Part::of(block, from, to, token_count(&text[from..to]));
    let mut parts = Vec::new();
    // Ends of pieces, from the best to cut at (a line, a sentence) to the worst.
    let (mut from, mut piece_start, mut tokens) = (0, 0, 0);
    for (end, piece) in sentences(text, options.target_tokens) {
        if tokens > 0 && tokens + piece > options.target_tokens {
            parts.push(part(from, piece_start));
            (from, tokens) = (piece_start, 0);
        }
        tokens += piece;
        piece_start = end;
    }
    parts.push(part(from, text.len()));
    parts.retain(|part| !part.text.is_empty());
    parts
}

/// Where each sentence or line ends, and its tokens; sentences over `limit` tokens are cut at words,
/// and words over it anywhere.
fn sentences(text: &str, limit: u32) -> Vec<(usize, u32)> {
    let mut ends = Vec::new();
    let (mut start, mut last_space, mut after_end) = (0, 0, false);
    let (mut tokens, mut chars) = (TokenCounter::default(), 0);
    for (at, c) in text.char_indices() {
        let is_space = c.is_whitespace();
        let next = at + c.len_utf8();
        chars += 1;
        // Looked at rarely, so that most sentences end before they are cut.
        if chars % 64 == 0 && tokens.total() > limit {
            let cut = match is_space {
                true => next,
                false if last_space > start => last_space,
                false => at,
            };
            ends.push((cut, token_count(&text[start..cut])));
            (start, last_space, chars) = (cut, 0, 0);
            tokens = TokenCounter::default();
            text[cut.min(at)..at].chars().for_each(|c| tokens.push(c));
        }
        tokens.push(c);
        let is_dense_end = matches!(c, '。' | '！' | '？' | '．' | '।' | '۔');
        if c == '\n' || (is_space && after_end) || is_dense_end {
            ends.push((next, tokens.total()));
            (start, last_space, chars) = (next, 0, 0);
            tokens = TokenCounter::default();
        }
        if is_space {
            last_space = next;
        } else {
            // Closing quotes and brackets belong to the sentence before.
            after_end = is_sentence_end(c)
                || (after_end && matches!(c, '"' | '”' | '’' | ')' | '»' | '\''));
        }
    }
    ends.push((text.len(), tokens.total()));
    ends.dedup_by_key(|(end, _)| *end);
    ends
}

/// Counts characters up to growing byte offsets.
struct CharOffsets<'s> {
    html: &'s str,
    byte: usize,
    chars: u32,
}

impl CharOffsets<'_> {
    fn at(&mut self, byte: u32) -> u32 {
        let byte = (byte as usize).min(self.html.len());
        let between = &self.html.as_bytes()[self.byte..byte];
        // Every byte but those that continue a character.
        self.chars += between
            .iter()
            .map(|b| u32::from((*b as i8) >= -0x40))
            .sum::<u32>();
        self.byte = byte;
        self.chars
    }
}

/// No page that was seen comes near; on a page that nests for its own sake a longer path costs more
/// than its text.
const MAX_STEPS: usize = 64;

/// Selectors, from the nearest element with an id of its own or from the root.
struct CssPaths<'p, 's> {
    page: &'p Blocks<'s>,
    ids: FxHashMap<String, u32>,
}

impl<'p, 's> CssPaths<'p, 's> {
    fn new(page: &'p Blocks<'s>) -> CssPaths<'p, 's> {
        let mut ids = FxHashMap::default();
        let nodes = page.source.document.descendants();
        for id in nodes.filter_map(|node| node.attribute("id")) {
            *ids.entry(id.into()).or_default() += 1;
        }
        CssPaths { page, ids }
    }

    fn of(&self, element: u32) -> String {
        let mut path = String::new();
        let mut steps = Vec::new();
        let mut next = element;
        while let Some(element) = self.page.elements.get(next as usize) {
            let id = element.node.attribute("id");
            let is_unique = |id: &StrTendril| is_plain_name(id) && self.ids.get(&**id) == Some(&1);
            if let Some(id) = id.filter(is_unique) {
                path = format!("#{id}");
                break;
            }
            steps.push(element.node);
            if next == 0 || steps.len() == MAX_STEPS {
                break;
            }
            next = element.parent;
        }
        for node in steps.into_iter().rev() {
            if !path.is_empty() {
                path += " > ";
            }
            match node.name().map(|name| &**name) {
                Some(name @ ("html" | "body")) => path += name,
                Some(name) if is_plain_name(name) => {
                    path += name;
                    path += ":nth-of-type(";
                    // Writing to a string does not fail.
                    let _ = write!(path, "{})", node.nth_of_type());
                }
                _ => path += "*",
            }
        }
        path
    }
}

/// Needs no escaping in a selector.
fn is_plain_name(name: &str) -> bool {
    name.len() <= 80
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
