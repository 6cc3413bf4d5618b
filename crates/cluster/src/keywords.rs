use pageperfect_vector::{FixedRows, VectorError, check_dimensions, codec, kernel};
use std::collections::HashMap;

/// Exact rows are kept while all of them fit into this many bytes (2,048 rows of 1,536).
const EXACT_BYTES: usize = 12 << 20;
/// Exact rows in one block of memory: growing wasm's memory row by row is slow, and a single vector
/// needs twice its memory to grow. As large as a block of fixed-point rows, which take its place
/// once there are too many to keep.
const EXACT_BLOCK: usize = 32;

/// Embeddings of a page's keywords, pushed in chunks of any size.
///
/// All rows are kept in 16-bit fixed point, which decides nearly every pair. The f32 rows, which
/// decide the rest, are kept as long as all of them fit 12 MB (2,048 rows of 1,536 numbers); of a
/// larger set only those given again with [`supply`](Self::supply) are.
#[derive(Debug, Clone)]
pub struct Keywords {
    fixed: FixedRows,
    exact: Exact,
    /// Bytes of f32 rows up to which all are kept.
    exact_bytes: usize,
}

#[derive(Debug, Clone)]
enum Exact {
    All(Vec<Vec<f32>>),
    Some(HashMap<usize, Box<[f32]>>),
}

impl Keywords {
    /// # Errors
    /// [`VectorError::DimensionCount`].
    pub fn new(dimensions: usize) -> Result<Self, VectorError> {
        Self::keeping(EXACT_BYTES, dimensions)
    }

    /// As [`new`](Self::new), with another limit than 12 MB for the f32 rows.
    ///
    /// # Errors
    /// [`VectorError::DimensionCount`].
    pub fn keeping(exact_bytes: usize, dimensions: usize) -> Result<Self, VectorError> {
        check_dimensions(dimensions)?;
        Ok(Self {
            fixed: FixedRows::new(dimensions),
            exact: Exact::All(Vec::new()),
            exact_bytes,
        })
    }

    pub fn dimensions(&self) -> usize {
        self.fixed.dimensions()
    }

    pub fn len(&self) -> usize {
        self.fixed.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fixed.is_empty()
    }

    /// Adds whole vectors on end, of any length; a zero vector has similarity 0 to all.
    ///
    /// # Errors
    /// Ragged or not finite rows; nothing is added then.
    pub fn push(&mut self, rows: &[f32]) -> Result<(), VectorError> {
        codec::check_rows(rows, self.dimensions(), self.len())?;
        rows.chunks_exact(self.dimensions())
            .for_each(|row| self.add(row));
        Ok(())
    }

    /// Adds vectors from base64 of little-endian f32, one or many on end.
    ///
    /// # Errors
    /// As [`codec::base64_f32`]; vectors before one that is not finite stay.
    pub fn push_base64(&mut self, text: Vec<u8>) -> Result<(), VectorError> {
        codec::base64_f32(text, self.dimensions(), |row| self.add(row))
    }

    fn add(&mut self, row: &[f32]) {
        self.fixed.push(row);
        if let Exact::All(blocks) = &mut self.exact {
            if self.fixed.len() * size_of_val(row) > self.exact_bytes {
                self.exact = Exact::Some(HashMap::new());
                return;
            }
            if self.fixed.len() % EXACT_BLOCK == 1 {
                blocks.push(Vec::with_capacity(EXACT_BLOCK * row.len()));
            }
            let block = blocks.last_mut().expect("made for the first of its rows");
            block.extend_from_slice(row);
        }
    }

    /// Gives the f32 vector of row `index` again, for [`Dbscan::undecided`](crate::Dbscan::undecided).
    ///
    /// # Errors
    /// A row of another length, or not finite. An index that was never pushed is ignored.
    pub fn supply(&mut self, index: usize, row: &[f32]) -> Result<(), VectorError> {
        let (found, expected) = (row.len(), self.dimensions());
        if found != expected {
            return Err(VectorError::Dimensions {
                row: index,
                found,
                expected,
            });
        }
        codec::check_rows(row, expected, index)?;
        self.keep(index, row);
        Ok(())
    }

    /// As [`supply`](Self::supply), from base64 of little-endian f32.
    ///
    /// # Errors
    /// As [`codec::base64_f32`].
    pub fn supply_base64(&mut self, index: usize, text: Vec<u8>) -> Result<(), VectorError> {
        codec::base64_f32(text, self.dimensions(), |row| self.keep(index, row))
    }

    fn keep(&mut self, index: usize, row: &[f32]) {
        let length = self.len();
        if let Exact::Some(kept) = &mut self.exact
            && index < length
        {
            kept.insert(index, row.into());
        }
    }

    pub(crate) fn fixed(&self) -> &FixedRows {
        &self.fixed
    }

    fn exact(&self, index: usize) -> Option<&[f32]> {
        match &self.exact {
            Exact::All(blocks) => {
                let start = index % EXACT_BLOCK * self.dimensions();
                blocks
                    .get(index / EXACT_BLOCK)?
                    .get(start..start + self.dimensions())
            }
            Exact::Some(rows) => rows.get(&index).map(|row| &**row),
        }
    }

    /// Row `index` scaled to length 1: of the f32 row where that is kept, else of fixed point.
    pub fn unit_row(&self, index: usize) -> Vec<f32> {
        let mut row: Vec<f32> = match self.exact(index) {
            Some(row) => row.to_vec(),
            None => self.fixed.row_f32(index).collect(),
        };
        kernel::normalize(&mut row);
        row
    }

    /// Whether `1 - cosine <= eps`, decided in f64 on the f32 rows; `None` when fixed point cannot
    /// tell and an f32 row is not kept.
    pub(crate) fn within(&self, a: usize, b: usize, eps: f64) -> Option<bool> {
        let distance = self.distance(a, b);
        let error = self.fixed.error(a, &self.fixed, b);
        if distance + error <= eps {
            return Some(true);
        }
        if distance - error > eps {
            return Some(false);
        }
        Some(1.0 - kernel::cosine(self.exact(a)?, self.exact(b)?) <= eps)
    }

    /// Cosine distance, in fixed point: within 2e-3 of the truth.
    pub(crate) fn distance(&self, a: usize, b: usize) -> f64 {
        1.0 - self.fixed.dot(a, &self.fixed, b)
    }

    /// The best guess where [`within`](Self::within) has no verdict.
    pub(crate) fn probably_within(&self, a: usize, b: usize, eps: f64) -> bool {
        self.distance(a, b) <= eps
    }
}
