//! Words and their stems, and how telling a word is on a site.

use std::collections::{HashMap, HashSet};

/// A word where it stands in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a str,
    /// Byte offsets.
    pub start: usize,
    pub end: usize,
}

/// Runs of letters and digits; an apostrophe inside belongs to the word.
pub fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(char::is_alphanumeric)?;
        let end = text[start..]
            .find(|c| !is_part(c))
            .map_or(text.len(), |length| start + length);
        rest = end;
        Some(Word {
            text: &text[start..end],
            start,
            end,
        })
    })
}

/// The first six letters in lower case, as everywhere in PagePerfect: enough to bring forms of a word together in most
/// languages, without a list for each.
pub fn stem(word: &str) -> String {
    word.to_lowercase().chars().take(6).collect()
}

pub fn stems(text: &str) -> impl Iterator<Item = String> {
    words(text).map(|word| stem(word.text))
}

/// The words of a page: of its title and headings, which say what it is about, and of all its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub subject: HashSet<String>,
    pub body: HashSet<String>,
}

impl Profile {
    pub fn new<'a>(title: &str, headings: impl Iterator<Item = &'a str>) -> Self {
        let mut subject: HashSet<String> = stems(title).collect();
        for heading in headings {
            subject.extend(stems(heading));
        }
        Self {
            body: subject.clone(),
            subject,
        }
    }

    pub fn push(&mut self, text: &str) {
        self.body.extend(stems(text));
    }
}

/// How telling words are on a site: what stands on every page tells nothing.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    page_count: usize,
    pages_with: HashMap<String, usize>,
}

impl Lexicon {
    pub fn new(profiles: &[Profile]) -> Self {
        let mut pages_with = HashMap::new();
        for stem in profiles.iter().flat_map(|profile| &profile.body) {
            *pages_with.entry(stem.clone()).or_default() += 1;
        }
        Self {
            page_count: profiles.len(),
            pages_with,
        }
    }

    /// ln(1 + (N − df + ½) / (df + ½)), as BM25 has it.
    pub fn weight(&self, stem: &str) -> f64 {
        let with = self.pages_with.get(stem).copied().unwrap_or(0) as f64;
        (1.0 + (self.page_count as f64 - with + 0.5) / (with + 0.5)).ln()
    }

    /// Share of a query's weight that `stems` have, 0 to 1.
    pub fn share(&self, query: &str, has: &HashSet<String>) -> f64 {
        let (mut all, mut found) = (0.0, 0.0);
        for stem in stems(query).collect::<HashSet<_>>() {
            let weight = self.weight(&stem);
            all += weight;
            found += if has.contains(&stem) { weight } else { 0.0 };
        }
        if all > 0.0 { found / all } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_stems() {
        let found: Vec<_> = words("Don’t grind: V60s, café-crème!")
            .map(|w| w.text)
            .collect();
        assert_eq!(found, ["Don’t", "grind", "V60s", "café", "crème"]);
        assert_eq!(stem("Descaling"), "descal");
        assert_eq!(words("").count(), 0);
    }

    #[test]
    fn what_stands_everywhere_tells_little() {
        let profiles = [
            Profile::new("coffee grinder", [].into_iter()),
            Profile::new("coffee press", [].into_iter()),
        ];
        let lexicon = Lexicon::new(&profiles);
        assert!(lexicon.weight("coffee") < lexicon.weight("press"));
        assert!(lexicon.weight("press") < lexicon.weight("turkis"));
        assert!(lexicon.share("coffee press", &profiles[1].subject) == 1.0);
        assert!(lexicon.share("turkish coffee", &profiles[1].subject) < 0.2);
    }
}
