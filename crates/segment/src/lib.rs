//! HTML to segments: the main content of a page in document order, each piece with its heading
//! path, its kind, the place in the source it came from and the CSS path of its element.
//!
//! ```
//! let page = pageperfect_segment::segment(
//!     "<title>Tea</title><main><h1>Green tea</h1><p>Steep for two minutes at 75 °C.</p></main>",
//!     "https://example.com/tea",
//! );
//! assert_eq!(page.title, "Tea");
//! assert_eq!(page.segments[1].heading_path, ["Green tea"]);
//! assert_eq!(page.segments[1].text, "Steep for two minutes at 75 °C.");
//! ```
//!
//! The way through: [`source`] reads the page into a [`tree`] that remembers where text stood, [`blocks`] finds the runs of
//! text and measures what is around them, [`words`] weighs their words, [`features`] turns that into numbers, [`model`] says how
//! likely each block is content, [`chunks`] joins and splits what is kept.
//!
//! No walk is recursive and every cost is bounded by the size of the page, hostile ones included.

pub mod blocks;
pub mod chunks;
mod consent;
mod dates;
mod entities;
pub mod features;
mod folds;
mod json_ld;
mod labels;
mod language;
pub mod meta;
pub mod model;
pub mod page_type;
pub mod source;
mod styles;
mod tokens;
pub mod tree;
mod vocabulary;
mod warnings;
pub mod words;

pub use chunks::embedding_texts;
pub use language::LanguageSource;
pub use page_type::{PageType, TypeName};
pub use tokens::token_count;
pub use warnings::{Warning, WarningCode};

use blocks::Blocks;
use meta::Meta;
use serde::{Deserialize, Serialize};
use source::Source;
use typed_arena::Arena;

/// What a segment is in the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Heading,
    Paragraph,
    ListItem,
    Quote,
    Code,
    TableRow,
    Definition,
}

/// A piece of the page's main content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// 0-based, in document order.
    pub position: u32,
    /// Of a joined segment: the kind of its longest part.
    pub kind: Kind,
    /// The headings above it, outermost first; a heading is not in its own path.
    pub heading_path: Vec<String>,
    /// White space is one space; lines (of code, and joined blocks) are separated by `\n`, cells of
    /// a table row by ` | `.
    pub text: String,
    /// The range in the HTML that was passed in, in Unicode scalar values (what Postgres'
    /// `substr(html, char_start + 1, char_end - char_start)` and Python's slices count; JavaScript
    /// strings count UTF-16 units: there it is `[...html].slice(char_start, char_end).join("")`).
    /// It runs from the first character of the text to behind the last, markup between included.
    pub char_start: u32,
    pub char_end: u32,
    /// A CSS selector that finds the element of its first block in the page.
    pub css_path: String,
    /// An estimate of what an embedding model counts; see [`token_count`].
    pub token_count: u32,
}

/// A page: what it says about itself and its segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    pub title: String,
    pub description: String,
    pub canonical_url: Option<String>,
    /// A BCP 47 tag: as the page declares it, or what it is written in where it declares none or
    /// another.
    pub language: Option<String>,
    pub language_source: Option<LanguageSource>,
    /// ISO 8601, a day or a time.
    pub published_at: Option<String>,
    pub modified_at: Option<String>,
    pub site_name: Option<String>,
    pub author: Option<String>,
    /// From the start of the site down.
    pub breadcrumbs: Vec<String>,
    /// None of a page without text.
    pub page_type: Option<PageType>,
    /// What stands in the way of reading it, the gravest first.
    pub warnings: Vec<Warning>,
    /// At most 3,000.
    pub segments: Vec<Segment>,
    /// How many more the page has.
    pub segments_dropped: u32,
}

/// How a page is cut.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Keep readers' comments below an article. (Answers in a forum are content and always kept.)
    pub comments: bool,
    /// Join short blocks and split long ones; without it each block of the page is a segment.
    pub join: bool,
    /// Segments below this many tokens join their neighbours.
    pub min_tokens: u32,
    /// What joined and split segments aim at.
    pub target_tokens: u32,
    /// Segments above this many tokens are split.
    pub max_tokens: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            comments: false,
            join: true,
            min_tokens: 24,
            target_tokens: 128,
            max_tokens: 256,
        }
    }
}

/// Segments a page with the usual options. Never fails: a page without content has no segments.
/// `url` is where the page came from; it may be empty.
pub fn segment(html: &str, url: &str) -> Page {
    segment_with(html, url, &Options::default())
}

/// [`segment`] with options.
pub fn segment_with(html: &str, url: &str, options: &Options) -> Page {
    // Offsets are kept in 32 bits; no crawler hands over as much.
    let html = &html[..html.floor_char_boundary(u32::MAX as usize / 2)];
    let arena = Arena::new();
    let source = Source::parse(html, &arena);
    let meta = Meta::read(&source);
    let blocks = Blocks::new(&source);
    let (kept, chances) = model::content(&blocks, &meta, url, options.comments);
    let (segments, segments_dropped) = chunks::segments(html, &blocks, &kept, options);
    let mut warnings = warnings::of(&blocks, &meta, &kept);
    let texts = segments.iter().map(|segment| &*segment.text);
    let (language, language_source) = language::of(meta.language.as_deref(), texts);
    warnings.extend(warnings::of_result(
        &meta,
        language.as_deref(),
        language_source,
        segments_dropped,
    ));
    Page {
        page_type: page_type::of(&blocks, &meta, &kept, &chances),
        title: meta.title,
        description: meta.description,
        canonical_url: meta.canonical_url,
        language,
        language_source,
        published_at: meta.published_at,
        modified_at: meta.modified_at,
        site_name: meta.site_name,
        author: meta.author,
        breadcrumbs: meta.breadcrumbs,
        warnings,
        segments_dropped,
        segments,
    }
}
