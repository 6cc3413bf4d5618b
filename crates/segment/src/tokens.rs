//! How much text an embedding model sees, without its vocabulary.

use crate::vocabulary::{is_dense_script, is_letter};

/// An estimate of the tokens of OpenAI's embedding models (cl100k), for sizing and not for billing.
pub fn token_count(text: &str) -> u32 {
    let mut counter = TokenCounter::default();
    let mut rest = text;
    loop {
        // Most of it is these.
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        counter.letters += letters as u32;
        let mut chars = rest[letters..].chars();
        let Some(c) = chars.next() else { break };
        counter.push(c);
        rest = chars.as_str();
    }
    counter.total()
}

/// [`token_count`], one character after the other.
#[derive(Clone, Copy, Default)]
pub struct TokenCounter {
    count: u32,
    /// Of the word that is being read.
    letters: u32,
    digits: u32,
    wide: u32,
}

impl TokenCounter {
    #[inline]
    pub fn push(&mut self, c: char) {
        let dense = is_dense_script(c);
        if c.is_ascii_alphabetic() {
            self.letters += 1;
        } else if c.is_ascii_digit() {
            self.digits += 1;
        } else if !dense && is_letter(c) {
            self.wide += 1;
        } else {
            *self = TokenCounter {
                count: self.total() + u32::from(dense || !c.is_whitespace()),
                ..TokenCounter::default()
            };
        }
    }

    #[inline]
    pub fn total(self) -> u32 {
        // Usual words are one token; longer ones and other alphabets come in pieces.
        let word = match self.letters + self.wide {
            0 => 0,
            _ => (self.letters.saturating_sub(1) / 7 + self.wide.div_ceil(3)).max(1),
        };
        self.count + word + self.digits.div_ceil(3)
    }
}
