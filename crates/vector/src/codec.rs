//! Wire formats of vectors.
//!
//! | format | written by | read by |
//! | --- | --- | --- |
//! | base64 of little-endian f32 | OpenAI (`encoding_format: base64`), the embedding cache | [`base64_f32`] |
//! | base64 of `vector_send` rows | Postgres, `encode(vector_send(v), 'base64')` | [`base64_vector_send`] |
//! | text `[0.1,-0.2]` | Postgres, `v::text` | [`parse_text`], written by [`write_text`] |

use crate::{VectorError, kernel};

/// Values of base64 digits by ASCII code; [`SPACE`] and [`INVALID`] for the rest.
const DIGITS: [u8; 256] = {
    let mut table = [INVALID; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < alphabet.len() {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table[b' ' as usize] = SPACE;
    table[b'\n' as usize] = SPACE;
    table[b'\r' as usize] = SPACE;
    table[b'\t' as usize] = SPACE;
    table
};
const SPACE: u8 = 64;
const INVALID: u8 = 65;

/// Decodes base64 in place. White space may stand anywhere (Postgres wraps lines), and several
/// padded texts may follow each other, so encodings can be joined without decoding them.
///
/// # Errors
/// [`VectorError::Base64`] with the offset of the offending character.
pub fn base64(mut text: Vec<u8>) -> Result<Vec<u8>, VectorError> {
    let (mut offset, mut length) = (0, 0);
    loop {
        // Three bytes for four digits: what is written never reaches what is still to be read.
        let count = blocks(&mut text, offset, length);
        offset += count * BLOCK;
        length += count * BLOCK / 4 * 3;
        if count == PIECE {
            continue;
        }
        match group(&mut text, offset, &mut length)? {
            Some(next) => offset = next,
            None => {
                text.truncate(length);
                return Ok(text);
            }
        }
    }
}

/// Writes base64, padded.
pub fn to_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |index: usize| match index {
            index if index > group.len() => b'=',
            index => DIGITS[(bits >> (18 - 6 * index) & 63) as usize],
        };
        text.extend::<[u8; 4]>(std::array::from_fn(digit));
    }
    String::from_utf8(text).expect("base64 is ASCII")
}

/// Reads one group of four digits (or a padded one) from `start`; `None` at the end of the text.
fn group(text: &mut [u8], start: usize, length: &mut usize) -> Result<Option<usize>, VectorError> {
    let (mut bits, mut digits, mut offset) = (0u32, 0, start);
    while offset < text.len() && digits < 4 {
        match DIGITS[text[offset] as usize] {
            SPACE => {}
            INVALID if text[offset] == b'=' && digits >= 2 => break,
            INVALID => return Err(VectorError::Base64 { offset }),
            value => {
                bits = bits << 6 | u32::from(value);
                digits += 1;
            }
        }
        offset += 1;
    }
    match digits {
        0 => return Ok(None),
        1 => return Err(VectorError::Base64 { offset: offset - 1 }),
        _ => {
            let count = digits * 3 / 4;
            let decoded = (bits << (32 - 6 * digits)).to_be_bytes();
            text[*length..*length + count].copy_from_slice(&decoded[..count]);
            *length += count;
        }
    }
    while digits < 4 && offset < text.len() {
        match text[offset] {
            b'=' => digits += 1,
            space if DIGITS[space as usize] == SPACE => {}
            _ => break,
        }
        offset += 1;
    }
    Ok(Some(offset))
}

/// Digits that [`blocks`] reads at once.
const BLOCK: usize = 16;
/// How many blocks a call of [`blocks`] reads at most.
const PIECE: usize = 1024;

/// Decodes whole blocks from `offset`, while there are only digits, to `length`; returns how many.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(never)]
fn blocks(text: &mut [u8], offset: usize, length: usize) -> usize {
    use core::arch::wasm32::*;
    assert!(length <= offset && offset <= text.len());
    // By the low and the high half of a character: bits that are both set for what is no digit.
    // 1: 0x2_ but + and /; 2: 0x3_ above 9; 4: @ and `; 8: 0x5_ and 0x7_ after Z; 16: the rest.
    let low = u8x16(
        21, 17, 17, 17, 17, 17, 17, 17, 17, 17, 19, 26, 27, 27, 27, 26,
    );
    let high = u8x16(16, 16, 1, 2, 4, 8, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16);
    // By the high half: what to add to a character for its value; / takes the place before +.
    let shift = i8x16(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
    // The bytes of a block in its first 12 lanes, and what is no digit in it.
    let decode = |ascii: v128| {
        let upper = u8x16_shr(ascii, 4);
        let lower = v128_and(ascii, u8x16_splat(15));
        let wrong = v128_and(u8x16_swizzle(low, lower), u8x16_swizzle(high, upper));
        let slash = u8x16_eq(ascii, u8x16_splat(b'/'));
        let six = u8x16_add(ascii, u8x16_swizzle(shift, u8x16_add(upper, slash)));
        // Four values of 6 bits become 24 bits: first in pairs of 16, then in lanes of 32.
        let pairs = v128_or(
            i16x8_shl(v128_and(six, u16x8_splat(0x00ff)), 6),
            u16x8_shr(six, 8),
        );
        let lanes = i32x4_dot_i16x8(pairs, i32x4_splat(0x0001_1000));
        let bytes =
            i8x16_shuffle::<2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 3, 7, 11, 15>(lanes, lanes);
        (bytes, wrong)
    };
    let count = ((text.len() - offset) / BLOCK).min(PIECE);
    // SAFETY: `count` blocks of 16 bytes fit behind `offset`; v128_load needs no alignment.
    let load = |text: &[u8], block: usize| unsafe {
        v128_load(text.as_ptr().add(offset + block * BLOCK).cast())
    };
    // SAFETY: 16 bytes from here end no later than the block itself does, as length <= offset.
    let store = |text: &mut [u8], block: usize, bytes: v128| unsafe {
        v128_store(text.as_mut_ptr().add(length + block * 12).cast(), bytes)
    };
    let mut block = 0;
    // Two at a time share the check; both are read before the first is written.
    while block + 2 <= count {
        let (first, wrong) = decode(load(text, block));
        let (second, also_wrong) = decode(load(text, block + 1));
        if v128_any_true(v128_or(wrong, also_wrong)) {
            break;
        }
        store(text, block, first);
        store(text, block + 1, second);
        block += 2;
    }
    while block < count {
        let (bytes, wrong) = decode(load(text, block));
        if v128_any_true(wrong) {
            break;
        }
        store(text, block, bytes);
        block += 1;
    }
    block
}

/// Decodes whole blocks from `offset`, while there are only digits, to `length`; returns how many.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn blocks(text: &mut [u8], offset: usize, length: usize) -> usize {
    let count = ((text.len() - offset) / BLOCK).min(PIECE);
    for block in 0..count {
        let start = offset + block * BLOCK;
        let digits: [u8; BLOCK] = std::array::from_fn(|i| DIGITS[text[start + i] as usize]);
        if digits.iter().any(|&digit| digit >= SPACE) {
            return block;
        }
        for (index, group) in digits.as_chunks::<4>().0.iter().enumerate() {
            let bits = group
                .iter()
                .fold(0u32, |bits, &digit| bits << 6 | u32::from(digit));
            let end = length + block * 12 + index * 3;
            text[end..end + 3].copy_from_slice(&bits.to_be_bytes()[1..]);
        }
    }
    count
}

/// Base64 of little-endian f32, one vector or many on end: calls `each` with vector after vector.
///
/// # Errors
/// [`VectorError::Base64`]; [`VectorError::Ragged`] before the first call, when the numbers do not
/// make whole vectors; [`VectorError::NotFinite`] when the calls reach such a vector.
pub fn base64_f32(
    text: Vec<u8>,
    dimensions: usize,
    mut each: impl FnMut(&[f32]),
) -> Result<(), VectorError> {
    let bytes = base64(text)?;
    if !bytes.len().is_multiple_of(4 * dimensions) {
        return Err(VectorError::Ragged {
            values: bytes.len() / 4,
            dimensions,
        });
    }
    // SAFETY: any four bytes are an f32.
    let (before, rows, _) = unsafe { bytes.align_to::<f32>() };
    if cfg!(target_endian = "little") && before.is_empty() {
        for (index, row) in rows.chunks_exact(dimensions).enumerate() {
            check_row(row, index)?;
            each(row);
        }
        return Ok(());
    }
    let mut row = vec![0.0; dimensions];
    for (index, bytes) in bytes.chunks_exact(4 * dimensions).enumerate() {
        copy_row(bytes.as_chunks().0, f32::from_le_bytes, &mut row);
        check_row(&row, index)?;
        each(&row);
    }
    Ok(())
}

/// Base64 of pgvector's binary form, rows on end (big-endian i16 dimensions, i16 0, then f32s):
/// calls `each` with vector after vector.
///
/// # Errors
/// [`VectorError::Base64`], then [`VectorError::Binary`], [`VectorError::NotFinite`] or, for a
/// vector of another length, [`VectorError::Dimensions`] when the calls reach such a vector.
pub fn base64_vector_send(
    text: Vec<u8>,
    dimensions: usize,
    mut each: impl FnMut(&[f32]),
) -> Result<(), VectorError> {
    let bytes = base64(text)?;
    let mut values = vec![0.0; dimensions];
    for (row, chunk) in bytes.chunks(4 + 4 * dimensions).enumerate() {
        let Some((&[high, low, 0, 0], body)) = chunk.split_first_chunk::<4>() else {
            return Err(VectorError::Binary { row });
        };
        let found = usize::from(u16::from_be_bytes([high, low]));
        if found != dimensions && found > 0 {
            return Err(VectorError::Dimensions {
                row,
                found,
                expected: dimensions,
            });
        }
        if found == 0 || body.len() != 4 * dimensions {
            return Err(VectorError::Binary { row });
        }
        copy_row(body.as_chunks().0, f32::from_be_bytes, &mut values);
        check_row(&values, row)?;
        each(&values);
    }
    Ok(())
}

/// Out of line, and [`blocks`] a piece at a time: a wasm engine puts its optimised code to use only
/// when a function is called again.
#[inline(never)]
fn copy_row(bytes: &[[u8; 4]], read: impl Fn([u8; 4]) -> f32, row: &mut [f32]) {
    row.iter_mut()
        .zip(bytes)
        .for_each(|(x, &bytes)| *x = read(bytes));
}

/// Checks rows on end: whole ones, every component finite. `first` is the index of the first row.
///
/// # Errors
/// [`VectorError::Ragged`] or [`VectorError::NotFinite`].
pub fn check_rows(rows: &[f32], dimensions: usize, first: usize) -> Result<(), VectorError> {
    if !rows.len().is_multiple_of(dimensions) {
        return Err(VectorError::Ragged {
            values: rows.len(),
            dimensions,
        });
    }
    rows.chunks_exact(dimensions)
        .enumerate()
        .try_for_each(|(i, row)| check_row(row, first + i))
}

fn check_row(values: &[f32], row: usize) -> Result<(), VectorError> {
    // The square of the length is finite unless a value is not, or is huge: one fast pass.
    if kernel::dot(values, values).is_finite() {
        return Ok(());
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(component) => Err(VectorError::NotFinite { row, component }),
        None => Ok(()),
    }
}

/// pgvector's text form, `[0.1,-0.2]`, with as few digits as give the same f32 back.
pub fn write_text(row: &[f32]) -> String {
    let mut text = String::with_capacity(row.len() * 13 + 2);
    // Six times as fast as `{x}`, which is most of what carrying a vector costs.
    let mut buffer = zmij::Buffer::new();
    text.push('[');
    for (index, x) in row.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let number = buffer.format(*x);
        text.push_str(number.strip_suffix(".0").unwrap_or(number));
    }
    text.push(']');
    text
}

/// Reads pgvector's text form: the fallback where a binary form is not to be had.
///
/// # Errors
/// [`VectorError::Text`] with the offset of what is not a number.
pub fn parse_text(text: &str) -> Result<Vec<f32>, VectorError> {
    let inner = (text.trim().strip_prefix('['))
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or(VectorError::Text { offset: 0 })?;
    let start = inner.as_ptr() as usize - text.as_ptr() as usize;
    (inner.split(','))
        .map(|number| {
            (number.trim().parse::<f32>().ok().filter(|x| x.is_finite())).ok_or_else(|| {
                let within = number.as_ptr() as usize - inner.as_ptr() as usize;
                VectorError::Text {
                    offset: start + within,
                }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_as_rfc_4648_has_it() {
        let written = ["", "f", "fo", "foo", "foob"].map(|text| to_base64(text.as_bytes()));
        assert_eq!(written, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
        assert_eq!(to_base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }

    proptest! {
        #[test]
        fn base64_gives_the_bytes_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(base64(to_base64(&bytes).into()).unwrap(), bytes);
        }

        #[test]
        fn wrapped_and_joined_base64_gives_the_bytes_back(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..5),
            width in 1usize..80,
        ) {
            let joined: String = parts.iter().map(|part| to_base64(part)).collect();
            let wrapped: Vec<&str> =
                joined.as_bytes().chunks(width).map(|x| std::str::from_utf8(x).unwrap()).collect();
            prop_assert_eq!(base64(wrapped.join("\n").into()).unwrap(), parts.concat());
        }

        #[test]
        fn base64_never_panics(text in any::<String>()) {
            let _ = base64(text.into());
        }

        #[test]
        fn text_gives_the_same_floats_back(
            row in prop::collection::vec(any::<f32>().prop_filter("finite", |x| x.is_finite()), 1..50),
        ) {
            prop_assert_eq!(parse_text(&write_text(&row)).unwrap(), row);
        }

        #[test]
        fn text_never_panics(text in any::<String>()) {
            let _ = parse_text(&text);
        }
    }

    #[test]
    fn what_is_not_base64_is_named() {
        assert_eq!(
            base64("AAAA*AAA".into()),
            Err(VectorError::Base64 { offset: 4 })
        );
        assert_eq!(
            base64("AAAAAAAAAAAAAAAAA".into()),
            Err(VectorError::Base64 { offset: 16 })
        );
        assert_eq!(
            base64("=AAA".into()),
            Err(VectorError::Base64 { offset: 0 })
        );
        assert_eq!(base64(" \n".into()), Ok(vec![]));
    }

    #[test]
    fn little_endian_rows_are_read_and_checked() {
        let text = |values: &[f32]| {
            to_base64(
                &values
                    .iter()
                    .flat_map(|x| x.to_le_bytes())
                    .collect::<Vec<u8>>(),
            )
        };
        let read = |text: String, dimensions| {
            let mut rows = Vec::new();
            base64_f32(text.into(), dimensions, |row| rows.push(row.to_vec())).map(|()| rows)
        };
        assert_eq!(
            read(text(&[1.0, -2.5]) + "\n" + &text(&[0.0, 3.0]), 2).unwrap(),
            [[1.0, -2.5], [0.0, 3.0]]
        );
        assert_eq!(
            read(text(&[1.0; 5]), 2),
            Err(VectorError::Ragged {
                values: 5,
                dimensions: 2
            })
        );
        assert_eq!(
            read(text(&[1.0, 2.0, 3.0, f32::INFINITY]), 2),
            Err(VectorError::NotFinite {
                row: 1,
                component: 1
            })
        );
        assert_eq!(
            read(text(&[f32::MAX, f32::MAX]), 2).unwrap(),
            [[f32::MAX; 2]]
        );
    }

    #[test]
    fn vector_send_is_read_and_checked() {
        let row = |dimensions: u16, values: &[f32]| {
            let mut bytes = dimensions.to_be_bytes().to_vec();
            bytes.extend([0, 0]);
            bytes.extend(values.iter().flat_map(|x| x.to_be_bytes()));
            bytes
        };
        let read = |bytes: &[u8]| {
            let mut rows = Vec::new();
            base64_vector_send(to_base64(bytes).into(), 2, |row| rows.push(row.to_vec()))
                .map(|()| rows)
        };
        let good = [row(2, &[1.0, -2.5]), row(2, &[0.0, 3.0])].concat();
        assert_eq!(read(&good).unwrap(), [[1.0, -2.5], [0.0, 3.0]]);
        assert_eq!(read(&[]), Ok(vec![]));
        let longer = Err(VectorError::Dimensions {
            row: 0,
            found: 3,
            expected: 2,
        });
        assert_eq!(read(&row(3, &[1.0, 2.0, 3.0])), longer);
        assert_eq!(
            read(&good[..good.len() - 4]),
            Err(VectorError::Binary { row: 1 })
        );
    }

    #[test]
    fn text_that_is_no_vector_is_named() {
        assert_eq!(parse_text("0.1,0.2"), Err(VectorError::Text { offset: 0 }));
        assert_eq!(parse_text("[0.1,x]"), Err(VectorError::Text { offset: 5 }));
        assert_eq!(parse_text("[NaN]"), Err(VectorError::Text { offset: 1 }));
    }
}
