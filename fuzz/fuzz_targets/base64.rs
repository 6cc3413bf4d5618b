//! Base64 and the packed vectors in it: no panic, the same bytes as a plain decoder, round trips.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageperfect_vector::codec;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= chunk.len() {
                ALPHABET[value].into()
            } else {
                '='
            });
        }
    }
    text
}

/// Bit by bit; `None` where anything but digits, white space and padding stands.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut group) = (Vec::new(), Vec::new());
    let mut finish = |group: &mut Vec<u8>| {
        let bits: Vec<bool> = (group.iter())
            .flat_map(|value| (0..6).rev().map(move |bit| value >> bit & 1 == 1))
            .collect();
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        bytes.extend(bits.as_chunks::<8>().0.iter().map(|bits| byte(bits)));
        group.clear();
    };
    let mut padding = 0;
    for &c in text {
        if c == b'=' && (padding > 0 || group.len() >= 2) {
            // As many as the group lacks.
            padding = if padding == 0 {
                4 - group.len()
            } else {
                padding
            } - 1;
            finish(&mut group);
        } else if let Some(value) = ALPHABET.iter().position(|&digit| digit == c) {
            padding = 0;
            group.push(value as u8);
            if group.len() == 4 {
                finish(&mut group);
            }
        } else if !b" \t\r\n".contains(&c) {
            return None;
        }
    }
    if group.len() == 1 {
        return None;
    }
    finish(&mut group);
    Some(bytes)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (dimensions, bytes) = (usize::from(input.0 % 40) + 1, input.1);
    assert_eq!(codec::base64(bytes.to_vec()).ok(), decode(bytes));
    assert_eq!(codec::base64(encode(bytes).into()).as_deref(), Ok(bytes));

    for text in [bytes.to_vec(), encode(bytes).into()] {
        let mut rows = Vec::new();
        let result = codec::base64_f32(text.clone(), dimensions, |row| rows.extend_from_slice(row));
        assert!(rows.iter().all(|x| x.is_finite()));
        if result.is_ok() {
            let packed: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
            assert_eq!(codec::base64(text.clone()).as_deref(), Ok(&packed[..]));
        }
        let mut rows = Vec::new();
        let result = codec::base64_vector_send(text.clone(), dimensions, |row| {
            let head = [dimensions as u16, 0].map(u16::to_be_bytes);
            rows.extend_from_slice(head.as_flattened());
            rows.extend(row.iter().flat_map(|x| x.to_be_bytes()));
        });
        if result.is_ok() {
            assert_eq!(codec::base64(text).as_deref(), Ok(&rows[..]));
        }
    }
});
