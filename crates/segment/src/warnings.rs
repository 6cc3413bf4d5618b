//! What stands in the way of reading a page: pages that are an error, a wall or a shell and not what
//! their address promises.

use crate::blocks::Blocks;
use crate::chunks::MAX_SEGMENTS;
use crate::language::LanguageSource;
use crate::meta::Meta;
use serde::{Deserialize, Serialize};
use std::cell::LazyCell;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// The page says that it does not exist, with the status of one that does.
    #[serde(rename = "soft_404")]
    Soft404,
    /// A check for robots, or a refusal.
    BotWall,
    /// The page says that only subscribers may read all of it.
    Paywall,
    /// Only a request for consent was there to read.
    ConsentWall,
    /// Without its script the page has next to no text: render it.
    AppShell,
    /// The page sends its readers elsewhere by itself.
    MetaRefresh,
    /// Characters that could not be read, or were read in another encoding than they were written.
    EncodingDoubt,
    /// It has more segments than are kept.
    SegmentsCapped,
    /// It declares another language than it is written in.
    LanguageMismatch,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub code: WarningCode,
    /// A sentence for people.
    pub message: String,
    /// Whether there is nothing on the page worth analysing.
    pub is_fatal: bool,
}

/// A page with more text than this is more than an error or a wall.
const MAX_ERROR_WORDS: u32 = 120;
const MAX_SHELL_WORDS: u32 = 40;

const NOT_FOUND: [&str; 26] = [
    "page not found",
    "not found",
    "404",
    "page cannot be found",
    "page can't be found",
    "page could not be found",
    "page couldn't be found",
    "page doesn't exist",
    "page does not exist",
    "page isn't available",
    "page is not available",
    "no longer available",
    "no longer exists",
    "we can't find",
    "we couldn't find",
    "seite nicht gefunden",
    "nicht gefunden",
    "page introuvable",
    "page non trouvée",
    "página no encontrada",
    "no encontrada",
    "pagina non trovata",
    "pagina niet gevonden",
    "página não encontrada",
    "nie znaleziono",
    "страница не найдена",
];
const BOT_CHECKS: [&str; 22] = [
    "verify you are human",
    "verify you're human",
    "verifying you are human",
    "are you a robot",
    "are you human",
    "not a robot",
    "checking your browser",
    "just a moment...",
    "just a moment…",
    "attention required",
    "access denied",
    "access to this page has been denied",
    "unusual traffic",
    "enable javascript and cookies to continue",
    "pardon our interruption",
    "request blocked",
    "you have been blocked",
    "security check",
    "complete the captcha",
    "ddos protection",
    "bot verification",
    "automated access",
];
const PAYWALLS: [&str; 12] = [
    "subscribe to continue reading",
    "subscribe to read",
    "to continue reading, subscribe",
    "this article is for subscribers",
    "subscriber-only",
    "subscribers only",
    "already a subscriber",
    "to read the full article",
    "mit einem abo weiterlesen",
    "réservé aux abonnés",
    "article réservé",
    "solo para suscriptores",
];
const NEEDS_SCRIPT: [&str; 8] = [
    "enable javascript",
    "turn on javascript",
    "javascript is required",
    "requires javascript",
    "javascript is disabled",
    "javascript aktivieren",
    "activer javascript",
    "activar javascript",
];

/// What is wrong with the page. `kept` says of each block whether it is content.
pub fn of(page: &Blocks, meta: &Meta, kept: &[bool]) -> Vec<Warning> {
    let consent_words = page.consent_words;
    let mut warnings = Vec::new();
    let mut warn = |code, is_fatal, message: String| {
        warnings.push(Warning {
            code,
            message,
            is_fatal,
        });
    };
    let all_words: u32 = page.blocks.iter().map(|block| block.words).sum();
    let blocks = page.blocks.iter().zip(kept);
    let kept_words: u32 = blocks
        .filter(|(_, kept)| **kept)
        .map(|(block, _)| block.words)
        .sum();
    // The first texts of the page, as far as a short page goes.
    let start = LazyCell::new(|| {
        let mut start = meta.title.to_lowercase();
        for block in page.blocks.iter().take(60) {
            start.push('\n');
            start += &block.text.to_lowercase();
        }
        start
    });
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| start.contains(phrase));
    let title = format!("{}\n{}", meta.title, meta.first_heading).to_lowercase();
    let title_says = |phrases: &[&str]| phrases.iter().any(|phrase| contains_words(&title, phrase));
    if let Some(url) = &meta.refresh_url {
        let is_empty = kept_words < MAX_SHELL_WORDS;
        warn(
            WarningCode::MetaRefresh,
            is_empty,
            format!("the page sends its readers to {url}"),
        );
    }
    if kept_words <= MAX_ERROR_WORDS && title_says(&BOT_CHECKS)
        || all_words <= MAX_ERROR_WORDS && says(&BOT_CHECKS)
    {
        warn(WarningCode::BotWall, true, "the site answered with a check for robots; crawl it with premium, ultra_premium or render".into());
    } else if title_says(&NOT_FOUND) && kept_words <= MAX_ERROR_WORDS {
        warn(
            WarningCode::Soft404,
            true,
            format!("the page says that it does not exist ({})", shown(meta)),
        );
    } else if consent_words >= 20 && kept_words < MAX_SHELL_WORDS && consent_words > all_words {
        warn(
            WarningCode::ConsentWall,
            true,
            "only a request for consent was there to read; crawl it with render".into(),
        );
    } else if kept_words < MAX_SHELL_WORDS && is_shell(page, all_words, &start) {
        warn(
            WarningCode::AppShell,
            true,
            "the page has next to no text without its scripts; crawl it with render".into(),
        );
    }
    let garbled = garbled_count(page, kept);
    if garbled >= 3 && garbled * 200 > kept_words {
        warn(
            WarningCode::EncodingDoubt,
            false,
            format!(
                "{garbled} places of the text look as if they were read in another encoding than they were written"
            ),
        );
    }
    if meta.is_behind_paywall || kept_words < 600 && says(&PAYWALLS) {
        warn(
            WarningCode::Paywall,
            false,
            "only subscribers may read all of the page; what is analysed is what was readable"
                .into(),
        );
    }
    warnings
}

/// What only shows in what comes out of the page.
pub fn of_result(
    meta: &Meta,
    language: Option<&str>,
    source: Option<LanguageSource>,
    segments_dropped: u32,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, message: String| {
        warnings.push(Warning {
            code,
            message,
            is_fatal: false,
        });
    };
    if let (Some(LanguageSource::Detected), Some(declared), Some(found)) =
        (source, &meta.language, language)
    {
        warn(
            WarningCode::LanguageMismatch,
            format!("the page declares the language {declared} and is written in {found}"),
        );
    }
    if segments_dropped > 0 {
        warn(
            WarningCode::SegmentsCapped,
            format!(
                "the page has {segments_dropped} segments more than the {MAX_SEGMENTS} that are kept"
            ),
        );
    }
    warnings
}

/// Places in the content that hold what comes of a wrong encoding: the sign for what cannot be read,
/// and UTF-8 read as windows-1252.
fn garbled_count(page: &Blocks, kept: &[bool]) -> u32 {
    const SIGNS: [&str; 8] = ["\u{fffd}", "Ã©", "Ã¨", "Ã¤", "Ã¶", "Ã¼", "â€™", "â€œ"];
    let blocks = page.blocks.iter().zip(kept).filter(|(_, kept)| **kept);
    let texts = blocks
        .filter(|(block, _)| !block.text.is_ascii())
        .map(|(block, _)| &*block.text);
    texts
        .map(|text| {
            SIGNS
                .iter()
                .map(|sign| text.matches(sign).count() as u32)
                .sum::<u32>()
        })
        .sum()
}

fn shown(meta: &Meta) -> String {
    let title = if meta.title.is_empty() {
        &meta.first_heading
    } else {
        &meta.title
    };
    title.chars().take(80).collect()
}

/// Whether a phrase stands in a text as words of their own: 404, not 40413.
fn contains_words(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + phrase.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Whether scripts are to fill the page: it asks for them, or has an element that waits for them.
fn is_shell(page: &Blocks, all_words: u32, start: &str) -> bool {
    if all_words > 2 * MAX_SHELL_WORDS {
        return false;
    }
    let waits = page.elements.iter().any(|element| {
        let id = element.node.attribute("id");
        let is_root = id.is_some_and(|id| {
            matches!(
                &*id,
                "root"
                    | "app"
                    | "__next"
                    | "__nuxt"
                    | "___gatsby"
                    | "svelte"
                    | "main-app"
                    | "app-root"
            )
        });
        let name = element.node.name().map_or("", |name| name);
        (is_root || matches!(name, "app-root" | "ng-app")) && element.words < MAX_SHELL_WORDS
    });
    let text = page
        .source
        .html
        .get(..page.source.html.floor_char_boundary(200_000))
        .unwrap_or_default();
    let asks = || {
        let lower = text.to_ascii_lowercase();
        NEEDS_SCRIPT
            .iter()
            .any(|phrase| start.contains(phrase) || lower.contains(phrase))
    };
    waits || asks()
}
