//! How surely a page answers each of its search queries.
//!
//! A query and a segment are compared by meaning (the cosine of their embeddings, on a scale of the
//! page's own: 0 is the mean of all its queries and segments) and by words (the share of the query's
//! words that the segment holds, rare ones counting more). From the best segment, its lead over the
//! others, how the page's other queries fare and what share of the words stands anywhere, a
//! logistic model makes the probability that the query is not answered. Its constants were fitted on
//! pages some of whose sections were taken away (`fit/`); they are the same for every embedding
//! model, since nothing in the features depends on a model's scale: `cos -> a + (1 - a) cos` changes
//! no result.
//!
//! ```
//! use pageperfect_coverage::{PageCoverage, Query, SegmentText};
//! let segment = |text: &str| SegmentText { text: text.into(), heading_path: vec!["Tea".into()] };
//! let segments = vec![segment("Steep green tea for two minutes."), segment("Store tea in a dark tin.")];
//! let query = |query: &str| Query { query: query.into(), impressions: 90.0, clicks: 3.0, position: Some(8.2) };
//! let queries = vec![query("how long to steep green tea"), query("tea from sri lanka")];
//! let mut scorer = PageCoverage::new(2, segments, queries, Default::default())?;
//! scorer.push_segments(&[1.0, 0.2, 0.2, 1.0])?;
//! scorer.push_queries(&[0.9, 0.1, 0.5, 0.5])?;
//! while !scorer.advance()? {}
//! let covered = scorer.queries()?;
//! assert!(covered[0].coverage > covered[1].coverage);
//! assert_eq!(covered[0].hits[0].segment, 0);
//! assert_eq!(covered[1].missing_in_page, ["sri", "lanka"]);
//! # Ok::<(), pageperfect_coverage::CoverageError>(())
//! ```

mod constants;
mod held;
mod model;
pub mod outline;
mod scorer;
mod summary;
pub mod terms;
mod topics;
mod words;

pub use model::{FEATURES, Features, coverage, gap_probability};
pub use scorer::{CoverageError, Hit, PageCoverage, Query, QueryCoverage, SegmentText};
pub use summary::{Place, Topic};
pub use topics::Options;
