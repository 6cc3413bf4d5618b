//! How much of everything a prompt carries and an answer may hold.

/// Words of a section.
pub const MIN_BODY_WORDS: usize = 60;
pub const MAX_BODY_WORDS: usize = 1200;
/// Words of an outline, and of what is added to a section that stands already.
pub(crate) const MIN_SHORT_WORDS: usize = 30;
pub(crate) const MAX_SHORT_WORDS: usize = 500;
pub(crate) const MAX_HEADING_CHARS: usize = 120;
pub(crate) const MAX_SUMMARY_CHARS: usize = 600;
pub(crate) const MAX_FACTS: usize = 20;
pub(crate) const MAX_FACT_CHARS: usize = 400;

// What a model reads with care and a section needs; a page can have thousands of each.
pub(crate) const MAX_QUERIES: usize = 50;
pub(crate) const MAX_HEADINGS: usize = 80;
pub(crate) const MAX_BEST_TEXT_CHARS: usize = 6_000;
pub(crate) const MAX_EXCERPTS_CHARS: usize = 12_000;
pub(crate) const MAX_BODY_CHARS: usize = 12_000;

/// Queries of one candidate that a reader is asked about.
pub(crate) const MAX_READ_QUERIES: usize = 8;
/// Characters of a page that a reader is shown for one candidate.
pub(crate) const MAX_READ_CHARS: usize = 12_000;
/// Characters of one passage.
pub(crate) const MAX_PASSAGE_CHARS: usize = 1_500;
/// Characters of a quote.
pub(crate) const MAX_QUOTE_CHARS: usize = 600;
