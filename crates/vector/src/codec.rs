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

/// Decodes base64. White space may stand anywhere (Postgres wraps lines), and several padded texts
/// may follow each other, so encodings can be joined without decoding them.
///
/// # Errors
/// [`VectorError::Base64`] with the offset of the offending character.
pub fn base64(text: &str) -> Result<Vec<u8>, VectorError> {
    let text = text.as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 16);
    let mut offset = 0;
    loop {
        offset += blocks(&text[offset..], &mut bytes);
        match group(text, offset, &mut bytes)? {
            Some(next) => offset = next,
            None => return Ok(bytes),
        }
    }
}

/// Reads one group of four digits (or a padded one) from `start`; `None` at the end of the text.
fn group(text: &[u8], start: usize, bytes: &mut Vec<u8>) -> Result<Option<usize>, VectorError> {
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
        _ => bytes.extend_from_slice(&(bits << (32 - 6 * digits)).to_be_bytes()[..digits * 3 / 4]),
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

/// Decodes whole blocks of 16 digits while there are only digits; returns how many it consumed.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(never)]
fn blocks(text: &[u8], bytes: &mut Vec<u8>) -> usize {
    use core::arch::wasm32::*;
    let mut consumed = 0;
    for block in text.chunks_exact(16) {
        // SAFETY: the block is 16 bytes long; v128_load has no alignment requirement.
        let ascii = unsafe { v128_load(block.as_ptr().cast()) };
        let between = |low: u8, high: u8| {
            u8x16_le(u8x16_sub(ascii, u8x16_splat(low)), u8x16_splat(high - low))
        };
        let (upper, lower, digit) = (
            between(b'A', b'Z'),
            between(b'a', b'z'),
            between(b'0', b'9'),
        );
        let plus = u8x16_eq(ascii, u8x16_splat(b'+'));
        let slash = u8x16_eq(ascii, u8x16_splat(b'/'));
        let known = v128_or(v128_or(v128_or(upper, lower), v128_or(digit, plus)), slash);
        if !u8x16_all_true(known) {
            break;
        }
        // What to add to the ASCII code for the digit's value, each range by its own mask.
        let pick = |mask: v128, shift: u8| v128_and(mask, u8x16_splat(shift));
        let shift = v128_or(
            v128_or(pick(upper, 191), pick(lower, 185)),
            v128_or(v128_or(pick(digit, 4), pick(plus, 19)), pick(slash, 16)),
        );
        let six = u8x16_add(ascii, shift);
        // Four values of 6 bits become 24 bits: first in pairs of 16, then in lanes of 32.
        let pairs = v128_or(
            i16x8_shl(v128_and(six, u16x8_splat(0x00ff)), 6),
            u16x8_shr(six, 8),
        );
        let lanes = v128_or(
            i32x4_shl(v128_and(pairs, u32x4_splat(0xffff)), 12),
            u32x4_shr(pairs, 16),
        );
        let packed =
            i8x16_shuffle::<2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 3, 7, 11, 15>(lanes, lanes);
        let mut output = [0u8; 16];
        // SAFETY: the array is 16 bytes long.
        unsafe { v128_store(output.as_mut_ptr().cast(), packed) };
        bytes.extend_from_slice(&output[..12]);
        consumed += 16;
    }
    consumed
}

/// Decodes whole blocks of 4 digits while there are only digits; returns how many it consumed.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn blocks(text: &[u8], bytes: &mut Vec<u8>) -> usize {
    let mut consumed = 0;
    for block in text.chunks_exact(4) {
        let digits = [0, 1, 2, 3].map(|i| DIGITS[block[i] as usize]);
        if digits.iter().any(|&digit| digit >= SPACE) {
            break;
        }
        let bits = digits
            .iter()
            .fold(0u32, |bits, &digit| bits << 6 | u32::from(digit));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
        consumed += 4;
    }
    consumed
}

/// Base64 of little-endian f32, one vector or many on end.
///
/// # Errors
/// [`VectorError::Base64`], or [`VectorError::Ragged`] when bytes are left over.
pub fn base64_f32(text: &str) -> Result<Vec<f32>, VectorError> {
    let bytes = base64(text)?;
    if !bytes.len().is_multiple_of(4) {
        return Err(VectorError::Ragged {
            values: bytes.len() / 4,
            dimensions: 1,
        });
    }
    Ok(bytes
        .chunks_exact(4)
        .map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]]))
        .collect())
}

/// Base64 of pgvector's binary form, rows on end: big-endian i16 dimensions, i16 0, then f32s.
///
/// # Errors
/// [`VectorError::Base64`], [`VectorError::Binary`], or [`VectorError::Dimensions`] for a vector of
/// another length than `dimensions`.
pub fn base64_vector_send(text: &str, dimensions: usize) -> Result<Vec<f32>, VectorError> {
    let bytes = base64(text)?;
    let mut values = Vec::with_capacity(bytes.len() / 4);
    for (row, chunk) in bytes.chunks(4 + 4 * dimensions).enumerate() {
        let Some((header, body)) = chunk.split_first_chunk::<4>() else {
            return Err(VectorError::Binary { row });
        };
        let found = usize::from(u16::from_be_bytes([header[0], header[1]]));
        if header[2..] != [0, 0] || found == 0 {
            return Err(VectorError::Binary { row });
        }
        if found != dimensions {
            return Err(VectorError::Dimensions {
                row,
                found,
                expected: dimensions,
            });
        }
        if body.len() != 4 * dimensions {
            return Err(VectorError::Binary { row });
        }
        values.extend(
            body.chunks_exact(4)
                .map(|x| f32::from_be_bytes([x[0], x[1], x[2], x[3]])),
        );
    }
    Ok(values)
}

/// Checks rows on end: whole ones, every component finite. `first` is the index of the first row.
///
/// # Errors
/// [`VectorError::Ragged`] or [`VectorError::NotFinite`].
pub fn check_rows(rows: &[f32], dimensions: usize, first: usize) -> Result<(), VectorError> {
    if !rows.len().is_multiple_of(dimensions) {
        return Err(VectorError::Ragged { values: rows.len(), dimensions });
    }
    for (row, values) in rows.chunks_exact(dimensions).enumerate() {
        // The square of the length is finite unless a value is not, or is huge: one fast pass.
        if kernel::dot(values, values).is_finite() {
            continue;
        }
        if let Some(component) = values.iter().position(|x| !x.is_finite()) {
            return Err(VectorError::NotFinite { row: first + row, component });
        }
    }
    Ok(())
}

/// pgvector's text form, `[0.1,-0.2]`, with as few digits as give the same f32 back.
pub fn write_text(row: &[f32]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(row.len() * 13 + 2);
    text.push('[');
    for (index, x) in row.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let _ = write!(text, "{x}");
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

    fn encode(bytes: &[u8]) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let mut group = [0u8; 4];
            group[1..=chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes(group);
            for digit in 0..4 {
                text.push(if digit <= chunk.len() {
                    alphabet[(bits >> (18 - 6 * digit)) as usize & 63] as char
                } else {
                    '='
                });
            }
        }
        text
    }

    proptest! {
        #[test]
        fn base64_gives_the_bytes_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(base64(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn wrapped_and_joined_base64_gives_the_bytes_back(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..5),
            width in 1usize..80,
        ) {
            let joined: String = parts.iter().map(|part| encode(part)).collect();
            let wrapped: Vec<&str> =
                joined.as_bytes().chunks(width).map(|x| std::str::from_utf8(x).unwrap()).collect();
            prop_assert_eq!(base64(&wrapped.join("\n")).unwrap(), parts.concat());
        }

        #[test]
        fn base64_never_panics(text in any::<String>()) {
            let _ = base64(&text);
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
        assert_eq!(base64("AAAA*AAA"), Err(VectorError::Base64 { offset: 4 }));
        assert_eq!(
            base64("AAAAAAAAAAAAAAAAA"),
            Err(VectorError::Base64 { offset: 16 })
        );
        assert_eq!(base64("=AAA"), Err(VectorError::Base64 { offset: 0 }));
        assert_eq!(base64(" \n"), Ok(vec![]));
    }

    #[test]
    fn vector_send_is_read_and_checked() {
        let row = |dimensions: u16, values: &[f32]| {
            let mut bytes = dimensions.to_be_bytes().to_vec();
            bytes.extend([0, 0]);
            bytes.extend(values.iter().flat_map(|x| x.to_be_bytes()));
            bytes
        };
        let good = [row(2, &[1.0, -2.5]), row(2, &[0.0, 3.0])].concat();
        assert_eq!(
            base64_vector_send(&encode(&good), 2).unwrap(),
            [1.0, -2.5, 0.0, 3.0]
        );
        assert_eq!(base64_vector_send("", 2), Ok(vec![]));
        assert_eq!(
            base64_vector_send(&encode(&row(3, &[1.0, 2.0, 3.0])), 2),
            Err(VectorError::Dimensions {
                row: 0,
                found: 3,
                expected: 2
            })
        );
        let cut = encode(&good[..good.len() - 4]);
        assert_eq!(
            base64_vector_send(&cut, 2),
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
