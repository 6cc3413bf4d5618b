//! The model file: a header, the tokenizer's tables, a directory, and tensors. Weights are in blocks
//! of 32 with four bits each and one half-precision scale (`Q4_0`), all else is f32.

use std::collections::HashMap;
use std::ops::Range;

/// Weights a block, and its bytes: a scale of 2, then 16 of two weights each.
const BLOCK: usize = 32;
const BLOCK_BYTES: usize = 18;

/// Why a model file was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError(pub(crate) String);

impl std::fmt::Display for FileError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "not a model file: {}", self.0)
    }
}

impl std::error::Error for FileError {}

fn refuse<T>(why: impl Into<String>) -> Result<T, FileError> {
    Err(FileError(why.into()))
}

pub struct Shape {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub inner: usize,
    pub vocabulary: usize,
    pub max_tokens: usize,
    pub epsilon: f32,
}

/// Reads little-endian values from the front.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, FileError> {
        let mut reader = Self { bytes, at: 0 };
        if reader.take(4)? != b"E5S1" {
            return refuse("it does not begin with E5S1");
        }
        reader.u32()?; // The format's version.
        Ok(reader)
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], FileError> {
        let Some(bytes) = self.bytes.get(self.at..).and_then(|rest| rest.get(..count)) else {
            return refuse("it is cut short");
        };
        self.at += count;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        self.take(N)
            .map(|bytes| bytes.try_into().expect("N bytes were taken"))
    }

    pub fn u8(&mut self) -> Result<u8, FileError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, FileError> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, FileError> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, FileError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count that something real has: it bounds what is allocated by it.
    pub fn count(&mut self) -> Result<usize, FileError> {
        let count = self.u32()? as usize;
        if count > self.bytes.len() {
            return refuse(format!("a count of {count}"));
        }
        Ok(count)
    }

    pub fn shape(&mut self) -> Result<Shape, FileError> {
        let [
            width,
            layers,
            heads,
            inner,
            vocabulary,
            max_tokens,
            _token_types,
        ] = std::array::from_fn(|_| self.count());
        let epsilon = f32::from_bits(self.u32()?);
        let block = self.count()?;
        let shape = Shape {
            width: width?,
            layers: layers?,
            heads: heads?,
            inner: inner?,
            vocabulary: vocabulary?,
            max_tokens: max_tokens?,
            epsilon,
        };
        let is_sound = shape.width > 0
            && shape.heads > 0
            && shape.width.is_multiple_of(shape.heads * 8)
            && [shape.width, shape.inner]
                .iter()
                .all(|size| size % BLOCK == 0)
            && shape.max_tokens > 2
            && block == BLOCK;
        if !is_sound {
            return refuse("its sizes do not fit each other");
        }
        Ok(shape)
    }

    /// The directory; offsets count from the file's start.
    pub fn tensors(&mut self) -> Result<Tensors<'a>, FileError> {
        let mut offsets = HashMap::new();
        for _ in 0..self.count()? {
            let length = usize::from(self.u16()?);
            let name = String::from_utf8_lossy(self.take(length)?).into_owned();
            let _kind_and_count = self.take(5)?;
            let offset = usize::try_from(self.u64()?).unwrap_or(usize::MAX);
            let _size = self.u64()?;
            offsets.insert(name, offset);
        }
        Ok(Tensors {
            bytes: self.bytes,
            offsets,
        })
    }
}

pub struct Tensors<'a> {
    bytes: &'a [u8],
    offsets: HashMap<String, usize>,
}

impl Tensors<'_> {
    fn range(&self, name: &str, size: usize) -> Result<Range<usize>, FileError> {
        let end = |&start: &usize| start.checked_add(size);
        match self.offsets.get(name).map(|start| (*start, end(start))) {
            Some((start, Some(end))) if end <= self.bytes.len() => Ok(start..end),
            Some(_) => refuse(format!("{name} is cut short")),
            None => refuse(format!("{name} is missing")),
        }
    }

    pub fn floats(&self, name: &str, count: usize) -> Result<Vec<f32>, FileError> {
        let (numbers, _) = self.bytes[self.range(name, count * 4)?].as_chunks();
        Ok(numbers.iter().copied().map(f32::from_le_bytes).collect())
    }

    /// Four-bit rows of `width`.
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<TableAt, FileError> {
        let row_bytes = width / BLOCK * BLOCK_BYTES;
        Ok(TableAt {
            range: self.range(name, rows * row_bytes)?,
            row_bytes,
        })
    }

    /// As [`table`](Self::table), each row unpacked in turn.
    pub fn rows(
        &self,
        name: &str,
        rows: usize,
        width: usize,
        mut take: impl FnMut(&[f32]),
    ) -> Result<(), FileError> {
        let TableAt { range, row_bytes } = self.table(name, rows, width)?;
        let mut row = Vec::with_capacity(width);
        for packed in self.bytes[range].chunks_exact(row_bytes) {
            row.clear();
            unpack(packed, &mut row);
            take(&row);
        }
        Ok(())
    }
}

pub struct TableAt {
    range: Range<usize>,
    row_bytes: usize,
}

impl TableAt {
    /// Keeps the table's bytes only.
    pub fn own(self, mut file: Vec<u8>) -> Table {
        file.truncate(self.range.end);
        file.drain(..self.range.start);
        Table {
            bytes: file,
            row_bytes: self.row_bytes,
        }
    }
}

/// Rows that stay packed, since few of them are used.
pub struct Table {
    bytes: Vec<u8>,
    row_bytes: usize,
}

impl Table {
    pub fn push_row(&self, index: usize, row: &mut Vec<f32>) {
        unpack(&self.bytes[index * self.row_bytes..][..self.row_bytes], row);
    }
}

fn unpack(packed: &[u8], row: &mut Vec<f32>) {
    for block in packed.chunks_exact(BLOCK_BYTES) {
        let (scale, pairs) = block.split_at(2);
        let scale = half(u16::from_le_bytes([scale[0], scale[1]]));
        row.extend(
            pairs
                .iter()
                .map(|pair| (f32::from(pair & 15) - 8.0) * scale),
        );
        row.extend(
            pairs
                .iter()
                .map(|pair| (f32::from(pair >> 4) - 8.0) * scale),
        );
    }
}

/// IEEE 754 half precision, without infinities and NaN, which no scale is.
fn half(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let sign = u32::from(bits & 0x8000) << 16;
    // The exponents' biases differ by 112, which a product sets right for subnormals as well.
    f32::from_bits(f32::to_bits(f32::from_bits(magnitude) * 2f32.powi(112)) | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_as_ieee_754_has_it() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x0000, 0.0),
            (0x7bff, 65_504.0),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
    }

    #[test]
    fn a_block_holds_its_first_half_in_the_low_bits() {
        let mut block = vec![0x00, 0x3c];
        block.extend((0..16).map(|i| i | (15 - i) << 4));
        let mut row = Vec::new();
        unpack(&block, &mut row);
        let expected: Vec<f32> = (0..16).map(|i| i as f32 - 8.0).collect();
        assert_eq!(row[..16], expected);
        assert!(row[16..].iter().eq(expected.iter().rev()));
    }

    #[test]
    fn what_is_no_model_is_refused() {
        let error = |bytes: &[u8]| Reader::new(bytes).and_then(|mut r| r.shape()).err();
        assert!(error(b"PK\x03\x04....").is_some());
        assert!(error(b"E5S1\x01\0\0\0\x80\x01").is_some());
        assert!(error(&[b"E5S1".as_slice(), &[1; 60]].concat()).is_some());
    }
}
