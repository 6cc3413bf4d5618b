//! How much text an embedding model sees, without its vocabulary.

use crate::vocabulary::is_dense_script;

/// An estimate of the tokens of OpenAI's embedding models (cl100k), for sizing and not for billing.
pub fn token_count(text: &str) -> u32 {
    let (mut count, mut letters, mut digits, mut wide) = (0u32, 0u32, 0u32, 0u32);
    for c in text.chars().chain(std::iter::once(' ')) {
        let dense = is_dense_script(c);
        if !dense && c.is_alphabetic() {
            if c.is_ascii() {
                letters += 1
            } else {
                wide += 1
            }
            continue;
        }
        if c.is_ascii_digit() {
            digits += 1;
            continue;
        }
        // Usual words are one token; longer ones and other alphabets come in pieces.
        if letters + wide > 0 {
            count += (letters.saturating_sub(1) / 7 + wide.div_ceil(3)).max(1);
        }
        count += digits.div_ceil(3);
        (letters, digits, wide) = (0, 0, 0);
        count += u32::from(dense || !c.is_whitespace());
    }
    count
}
