//! The line around the data of a prompt, and the search for it in what comes back.

use std::collections::HashSet;

/// A line that does not occur in the data. It depends on the data, so a page cannot know it without
/// knowing the queries, and were it to hit it, the next one is taken.
pub(crate) fn fence_for(data: &str) -> String {
    (0u64..)
        .map(|round| format!("DATA-{:016x}", fnv1a(data.as_bytes(), round)))
        .find(|fence| !data.contains(fence.as_str()))
        .expect("a text does not contain every number")
}

/// The 64-bit FNV-1a hash, started from `seed`.
fn fnv1a(bytes: &[u8], seed: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    bytes.iter().fold(start, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Words on end that make a quotation: fewer are common to texts that do not know each other.
const QUOTE_WORDS: usize = 8;

/// What of a prompt no section for readers holds: its rules, and the line around the data.
pub(crate) struct Inside {
    phrases: HashSet<String>,
    fence: String,
}

impl Inside {
    pub(crate) fn new(rules: &str, data: &str) -> Self {
        Self {
            phrases: phrases(rules).collect(),
            fence: fence_for(data),
        }
    }

    pub(crate) fn is_quoted_in(&self, text: &str) -> bool {
        text.contains(&self.fence) || phrases(text).any(|phrase| self.phrases.contains(&phrase))
    }
}

/// Every run of `QUOTE_WORDS` words, in lower case and without punctuation.
fn phrases(text: &str) -> impl Iterator<Item = String> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let starts = 0..words.len().saturating_sub(QUOTE_WORDS - 1);
    starts.map(move |start| words[start..start + QUOTE_WORDS].join(" "))
}
