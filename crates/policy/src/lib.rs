//! Every decision of the pipeline that is not about vectors: whether and when a failed stage runs
//! again ([`retry`]), whether an error is worth another attempt ([`error`]), what a model's rate limits
//! are ([`limits`]), what the statuses on the way to a page mean and how a crawl is waited for
//! ([`crawl`]), which URLs may be fetched ([`url`], [`address`], [`robots`]), and whether a
//! request to start a job is well formed ([`intake`], [`site_intake`]).
//!
//! The crate has no clock, no random numbers and no URL parser of its own: the caller hands in the
//! time, the random number and the parts of the URL, so every decision is a pure function.

pub mod address;
pub mod crawl;
pub mod database;
pub mod error;
pub mod intake;
pub mod limits;
pub mod retry;
pub mod robots;
pub mod site_intake;
pub mod url;
