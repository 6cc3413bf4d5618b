use std::fmt;

/// Why vectors could not be read. Rows count from 0 in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VectorError {
    /// Vectors have 1 to [`MAX_DIMENSIONS`] components.
    DimensionCount(usize),
    /// A byte that base64 does not have, or an incomplete group of four at `offset`.
    Base64 { offset: usize },
    /// The values do not fill whole rows.
    Ragged { values: usize, dimensions: usize },
    /// A vector with another number of components than the others.
    Dimensions {
        row: usize,
        found: usize,
        expected: usize,
    },
    /// NaN or an infinity.
    NotFinite { row: usize, component: usize },
    /// Not the text form of pgvector, `[0.1,-0.2]`.
    Text { offset: usize },
    /// Not the binary form of pgvector (`vector_send`).
    Binary { row: usize },
}

impl fmt::Display for VectorError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::DimensionCount(found) => write!(
                f,
                "vectors have 1 to {MAX_DIMENSIONS} dimensions, not {found}"
            ),
            Self::Base64 { offset } => {
                write!(
                    f,
                    "vectors are not valid base64: look at character {offset}"
                )
            }
            Self::Ragged { values, dimensions } => write!(
                f,
                "{values} numbers do not make whole vectors of {dimensions}: was the text cut, or do the dimensions differ?"
            ),
            Self::Dimensions {
                row,
                found,
                expected,
            } => write!(
                f,
                "vector {row} has {found} dimensions where {expected} are expected: are there embeddings of another model?"
            ),
            Self::NotFinite { row, component } => {
                write!(f, "vector {row} is not finite at component {component}")
            }
            Self::Text { offset } => write!(
                f,
                "not a vector in pgvector's text form such as [0.1,-0.2]: look at character {offset}"
            ),
            Self::Binary { row } => {
                write!(
                    f,
                    "vector {row} is not in the binary form of pgvector (vector_send)"
                )
            }
        }
    }
}

impl std::error::Error for VectorError {}

/// More than any embedding model has; pgvector's binary form counts them in 16 bits.
pub const MAX_DIMENSIONS: usize = 65_535;

/// # Errors
/// [`VectorError::DimensionCount`] unless there are 1 to [`MAX_DIMENSIONS`].
pub fn check_dimensions(dimensions: usize) -> Result<(), VectorError> {
    if (1..=MAX_DIMENSIONS).contains(&dimensions) {
        Ok(())
    } else {
        Err(VectorError::DimensionCount(dimensions))
    }
}
