//! Words and their stems, and how telling a word is on a site.

use std::collections::{BTreeSet, HashMap, HashSet};

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

/// The first six letters in lower case without a last s: enough to bring forms of a word together in most languages, without a
/// list for each.
pub fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    let singular = word
        .strip_suffix('s')
        .filter(|rest| rest.chars().count() > 2 && !rest.ends_with('s'));
    singular.unwrap_or(&word).chars().take(6).collect()
}

pub fn stems(text: &str) -> impl Iterator<Item = String> {
    words(text).map(|word| stem(word.text))
}

/// A passage's words with those of its section's headings, but not of the page's title.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passage {
    pub segment_id: i64,
    pub stems: HashSet<String>,
    /// From the page's title down.
    pub headings: Vec<String>,
}

/// The words of a page: of its title and headings, which say what it is about, of all its text, and of each passage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub title: HashSet<String>,
    pub subject: HashSet<String>,
    pub body: HashSet<String>,
    passages: Vec<Passage>,
}

impl Profile {
    pub fn new<'a>(title: &str, headings: impl Iterator<Item = &'a str>) -> Self {
        let title: HashSet<String> = stems(title).collect();
        let mut subject = title.clone();
        for heading in headings {
            subject.extend(stems(heading));
        }
        Self {
            title,
            body: subject.clone(),
            subject,
            passages: Vec::new(),
        }
    }

    /// Adds a passage under `headings`, the page's title first.
    pub fn push<'a>(
        &mut self,
        segment_id: i64,
        text: &str,
        headings: impl Iterator<Item = &'a str>,
    ) {
        let mut stems: HashSet<String> = self::stems(text).collect();
        let headings: Vec<String> = headings.map(str::to_owned).collect();
        for heading in headings.iter().skip(1) {
            stems.extend(self::stems(heading));
        }
        self.body.extend(stems.iter().cloned());
        self.passages.push(Passage {
            segment_id,
            stems,
            headings,
        });
    }

    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    pub fn passage(&self, segment_id: i64) -> Option<&Passage> {
        (self.passages.iter()).find(|passage| passage.segment_id == segment_id)
    }
}

/// How telling words are on a site: what stands on every page tells nothing.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    page_count: usize,
    pages_with: HashMap<String, usize>,
}

impl Lexicon {
    /// `queries` are those of each page: what is asked everywhere, such as "how", tells as little as what stands everywhere.
    pub fn new<'a>(profiles: &[Profile], queries: impl Iterator<Item = (usize, &'a str)>) -> Self {
        let mut asked: HashMap<usize, HashSet<String>> = HashMap::new();
        for (page, query) in queries {
            asked.entry(page).or_default().extend(stems(query));
        }
        let mut pages_with = HashMap::new();
        let none = HashSet::new();
        for (index, profile) in profiles.iter().enumerate() {
            for stem in profile.body.union(asked.get(&index).unwrap_or(&none)) {
                *pages_with.entry(stem.clone()).or_default() += 1;
            }
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

    /// Whether a word stands or is asked on few enough pages to tell one from another: a quarter of them, or two.
    pub fn is_telling(&self, stem: &str) -> bool {
        let with = self.pages_with.get(stem).copied().unwrap_or(0);
        with <= (self.page_count / 4).max(2)
    }

    /// Share of a query's weight that `stems` have, 0 to 1.
    pub fn share(&self, query: &str, has: &HashSet<String>) -> f64 {
        let (mut all, mut found) = (0.0, 0.0);
        for stem in stems(query).collect::<BTreeSet<_>>() {
            let weight = self.weight(&stem);
            all += weight;
            found += if has.contains(&stem) { weight } else { 0.0 };
        }
        if all > 0.0 { found / all } else { 0.0 }
    }

    /// The largest share of a query's weight that one passage has, and the headings above that passage.
    pub fn best_passage<'a>(&self, query: &str, profile: &'a Profile) -> (f64, &'a [String]) {
        let weights: Vec<(String, f64)> = (stems(query).collect::<BTreeSet<_>>().into_iter())
            .map(|stem| (self.weight(&stem), stem))
            .map(|(weight, stem)| (stem, weight))
            .collect();
        let all: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut best: (f64, &[String]) = (0.0, &[]);
        for passage in &profile.passages {
            let found = (weights.iter()).filter(|(stem, _)| passage.stems.contains(stem));
            let sum: f64 = found.map(|(_, weight)| weight).sum();
            if sum > best.0 {
                best = (sum, &passage.headings);
            }
        }
        if all > 0.0 {
            (best.0 / all, best.1)
        } else {
            (0.0, &[])
        }
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
        let lexicon = Lexicon::new(&profiles, [].into_iter());
        assert!(lexicon.weight("coffee") < lexicon.weight("press"));
        assert!(lexicon.weight("press") < lexicon.weight("turkis"));
        assert!(lexicon.share("coffee press", &profiles[1].subject) == 1.0);
        assert!(lexicon.share("turkish coffee", &profiles[1].subject) < 0.2);
    }
}
