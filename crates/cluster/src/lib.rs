//! Keyword clusters: exact DBSCAN over cosine distance, and a summary of each cluster.
//!
//! ```
//! use pageperfect_cluster::{Dbscan, Keywords, NOISE};
//! let mut keywords = Keywords::new(2)?;
//! keywords.push(&[1.0, 0.0, 0.9, 0.1, 0.0, 1.0])?;
//! let mut dbscan = Dbscan::new(&keywords, 0.3, 2)?;
//! dbscan.run(&keywords);
//! assert_eq!(dbscan.labels(&keywords), [0, 0, NOISE]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dbscan;
mod keywords;
mod scan;
mod sketch;
mod split;
mod summary;
pub mod words;

pub use dbscan::{Dbscan, DbscanError, NOISE};
pub use keywords::Keywords;
pub use sketch::Projection;
pub use split::{Split, split};
pub use summary::{Centroid, ClusterSummary, Keyword, SummaryError, mean_position, summarize};
