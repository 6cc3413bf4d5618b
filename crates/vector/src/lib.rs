//! Embedding vectors: their wire formats ([`codec`]), plain dot products ([`kernel`]) and the
//! fixed-point rows that make comparing millions of pairs affordable ([`FixedRows`]).

pub mod codec;
mod error;
mod fixed;
pub mod kernel;

pub use error::{MAX_DIMENSIONS, VectorError, check_dimensions};
pub use fixed::{FixedRows, TILE};
