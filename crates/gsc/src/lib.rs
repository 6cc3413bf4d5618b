//! Search queries of a page: the [`Keyword`] that every other part of PagePerfect works with, and
//! the reader of the CSV files that Search Console (and people's spreadsheets) produce.
//!
//! ```
//! let csv = b"Top queries,Clicks,Impressions,CTR,Position\ntrail shoes,12,\"1,340\",0.9%,7.2\n";
//! let parsed = pageperfect_gsc::parse_csv(csv, None, |_| None)?;
//! assert_eq!(parsed.keywords[0].query, "trail shoes");
//! assert_eq!(parsed.keywords[0].impressions, 1340.0);
//! # Ok::<(), pageperfect_gsc::CsvError>(())
//! ```

mod keyword;
mod number;
mod pages;
mod rows;
mod table;

pub use keyword::{Keyword, KeywordMerger, MAX_COUNT, MAX_PAGE_BYTES, MAX_QUERY_CHARS};
pub use pages::{PageList, parse_pages};
pub use rows::{AnswerError, Defaults, Row, SearchConsoleRows};
pub use table::{CsvError, ParsedCsv, parse_csv};
