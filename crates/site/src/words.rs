//! Words and their stems, and how telling a word is on a site.

use pageperfect_coverage::terms::fold;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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

/// Endings of inflected words in languages of Latin letters: numbers, cases, persons and participles.
const ENDINGS: [&str; 14] = [
    "s", "es", "e", "n", "en", "er", "t", "ed", "ing", "a", "as", "o", "os", "ar",
];

/// Letters that a word keeps without its ending.
const LEAST: usize = 4;

/// The first six letters in lower case without accents, which people leave out when they search, and without an ending: enough to bring
/// forms of a word together in most languages, without a dictionary for each.
pub fn stem(word: &str) -> String {
    let word = fold(word);
    let bare = (ENDINGS.iter())
        .filter_map(|ending| word.strip_suffix(ending))
        .filter(|bare| bare.chars().count() >= LEAST)
        .min_by_key(|bare| bare.len());
    bare.unwrap_or(&word).chars().take(6).collect()
}

/// A stem as sites of many pages hold it: a hash of 32 bits (FNV-1a). Of 100,000 stems one pair is the same by chance.
pub type Stem = u32;

pub fn stem_of(stem: &str) -> Stem {
    (stem.bytes()).fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

pub fn stems(text: &str) -> impl Iterator<Item = Stem> {
    words(text).map(|word| stem_of(&stem(word.text)))
}

/// A set of stems, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stems(Vec<Stem>);

impl Stems {
    pub fn contains(&self, stem: Stem) -> bool {
        self.0.binary_search(&stem).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = Stem> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Stem> for Stems {
    fn from_iter<I: IntoIterator<Item = Stem>>(stems: I) -> Self {
        let mut stems: Vec<Stem> = stems.into_iter().collect();
        stems.sort_unstable();
        stems.dedup();
        Self(stems)
    }
}

/// A passage by its number on the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    pub segment_id: i64,
    /// Which of the page's heading paths it stands under.
    path: u32,
}

/// The words of a page: of its title, of its title and headings, which say what it is about, and of each passage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub title: Stems,
    pub subject: Stems,
    passages: Vec<Passage>,
    paths: Vec<Vec<String>>,
    /// Which passages have a stem, in order. A passage has its section's headings' words too, but not those of the page's title.
    postings: Vec<(Stem, u32)>,
}

impl Profile {
    /// `passages`: id, text and headings from the page's title down.
    pub fn new<'a>(
        title: &str,
        headings: impl Iterator<Item = &'a str>,
        passages: impl Iterator<Item = (i64, &'a str, &'a [String])>,
    ) -> Self {
        let mut profile = Self {
            title: stems(title).collect(),
            subject: headings.flat_map(stems).chain(stems(title)).collect(),
            ..Self::default()
        };
        for (segment_id, text, headings) in passages {
            let number = profile.passages.len() as u32;
            let below = headings.iter().skip(1).flat_map(|heading| stems(heading));
            let own: Stems = stems(text).chain(below).collect();
            profile
                .postings
                .extend(own.iter().map(|stem| (stem, number)));
            // Passages of a section follow each other.
            if profile.paths.last().is_none_or(|last| last != headings) {
                profile.paths.push(headings.to_vec());
            }
            let path = profile.paths.len() as u32 - 1;
            profile.passages.push(Passage { segment_id, path });
        }
        profile.postings.sort_unstable();
        profile
    }

    /// Forgets all other stems.
    pub(crate) fn keep_stems(&mut self, is_kept: impl Fn(Stem) -> bool) {
        for stems in [&mut self.title, &mut self.subject] {
            stems.0.retain(|&stem| is_kept(stem));
        }
        self.postings.retain(|&(stem, _)| is_kept(stem));
    }

    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    pub fn passage(&self, segment_id: i64) -> Option<&Passage> {
        (self.passages.iter()).find(|passage| passage.segment_id == segment_id)
    }

    /// From the page's title down.
    pub fn headings(&self, passage: &Passage) -> &[String] {
        &self.paths[passage.path as usize]
    }

    /// Numbers of the passages that have a stem.
    pub fn with(&self, stem: Stem) -> impl Iterator<Item = usize> + '_ {
        let start = self.postings.partition_point(|&(other, _)| other < stem);
        (self.postings[start..].iter())
            .take_while(move |&&(other, _)| other == stem)
            .map(|&(_, passage)| passage as usize)
    }

    /// All stems of the page.
    pub fn body(&self) -> impl Iterator<Item = Stem> + '_ {
        let mut last = None;
        let of_text = (self.postings.iter())
            .map(|&(stem, _)| stem)
            .filter(move |&stem| last.replace(stem) != Some(stem));
        let of_headings = self
            .subject
            .iter()
            .filter(|&stem| self.with(stem).next().is_none());
        of_text.chain(of_headings)
    }
}

/// How telling words are on a site: what stands on every page tells nothing.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    page_count: usize,
    /// Pages that have a stem, and its weight.
    pages_with: FxHashMap<Stem, (u32, f64)>,
}

/// Counts the pages that stems stand on or are asked on, page by page.
#[derive(Default)]
pub struct LexiconBuilder {
    page_count: usize,
    pages_with: FxHashMap<Stem, u32>,
}

impl LexiconBuilder {
    /// `asked` are stems of what the page is asked for: what is asked everywhere, such as "how", tells as little as what stands
    /// everywhere.
    pub fn push(&mut self, profile: &Profile, asked: impl Iterator<Item = Stem>) {
        self.page_count += 1;
        let stems: Stems = profile.body().chain(asked).collect();
        for stem in stems.iter() {
            *self.pages_with.entry(stem).or_default() += 1;
        }
    }

    /// Each stem and its pages, in any order.
    pub fn counts(self) -> impl Iterator<Item = (Stem, u32)> {
        self.pages_with.into_iter()
    }

    pub fn finish(self) -> Lexicon {
        Lexicon::of_counts(self.page_count, self.pages_with.into_iter())
    }
}

impl Lexicon {
    /// `pages_with`: stems, and on or for how many pages each stands.
    pub fn of_counts(page_count: usize, pages_with: impl Iterator<Item = (Stem, u32)>) -> Self {
        let pages_with = pages_with
            .map(|(stem, count)| (stem, (count, weight_of(count, page_count))))
            .collect();
        Self {
            page_count,
            pages_with,
        }
    }

    pub fn weight(&self, stem: Stem) -> f64 {
        (self.pages_with.get(&stem)).map_or_else(|| weight_of(0, self.page_count), |known| known.1)
    }

    /// Whether a word stands or is asked on few enough pages to tell one from another: a quarter of them, or two.
    pub fn is_telling(&self, stem: Stem) -> bool {
        let with = self.pages_with.get(&stem).map_or(0, |known| known.0) as usize;
        with <= (self.page_count / 4).max(2)
    }

    /// Share of a query's weight that `has`, 0 to 1.
    pub fn share(&self, query: &Stems, has: &Stems) -> f64 {
        self.share_of(query, |stem| has.contains(stem))
    }

    /// Share of a query's weight that stands anywhere on a page, 0 to 1.
    pub fn share_of_page(&self, query: &Stems, profile: &Profile) -> f64 {
        self.share_of(query, |stem| {
            profile.subject.contains(stem) || profile.with(stem).next().is_some()
        })
    }

    fn share_of(&self, query: &Stems, has: impl Fn(Stem) -> bool) -> f64 {
        let (mut all, mut found) = (0.0, 0.0);
        for stem in query.iter() {
            let weight = self.weight(stem);
            all += weight;
            found += if has(stem) { weight } else { 0.0 };
        }
        if all > 0.0 { found / all } else { 0.0 }
    }

    /// The largest share of a query's weight that one passage has, and the first such passage.
    pub fn best_passage<'a>(
        &self,
        query: &Stems,
        profile: &'a Profile,
    ) -> Option<(f64, &'a Passage)> {
        let mut sums: Vec<f64> = vec![0.0; profile.passages.len()];
        let mut all = 0.0;
        for stem in query.iter() {
            let weight = self.weight(stem);
            all += weight;
            for passage in profile.with(stem) {
                sums[passage] += weight;
            }
        }
        let best = sums.iter().copied().fold(0.0, f64::max);
        let first = sums.iter().position(|&sum| sum > 0.0 && sum >= best)?;
        Some((best / all, &profile.passages[first]))
    }
}

/// ln(1 + (N − df + ½) / (df + ½)), as BM25 has it.
fn weight_of(count: u32, page_count: usize) -> f64 {
    let with = f64::from(count);
    (1.0 + (page_count as f64 - with + 0.5) / (with + 0.5)).ln()
}

/// The different stems of several queries.
pub fn all_stems<'a>(queries: impl Iterator<Item = &'a Stems>) -> BTreeSet<Stem> {
    queries.flat_map(Stems::iter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(title: &str) -> Profile {
        Profile::new(title, [].into_iter(), [].into_iter())
    }

    fn lexicon(profiles: &[Profile]) -> Lexicon {
        let mut lexicon = LexiconBuilder::default();
        (profiles.iter()).for_each(|profile| lexicon.push(profile, [].into_iter()));
        lexicon.finish()
    }

    #[test]
    fn words_and_stems() {
        let found: Vec<_> = words("Don’t grind: V60s, café-crème!")
            .map(|w| w.text)
            .collect();
        assert_eq!(found, ["Don’t", "grind", "V60s", "café", "crème"]);
        assert_eq!(stem("Descaling"), "descal");
        for forms in [
            ["steam", "steaming"],
            ["brewed", "brewing"],
            ["flicken", "flickt"],
            ["maceta", "macetas"],
            ["bonsai", "Bonsái"],
        ] {
            assert_eq!(stem(forms[0]), stem(forms[1]));
        }
        assert_eq!((&stem("tea")[..], &stem("teas")[..]), ("tea", "teas"));
        assert_eq!(words("").count(), 0);
    }

    #[test]
    fn what_stands_everywhere_tells_little() {
        let profiles = [page("coffee grinder"), page("coffee press")];
        let lexicon = lexicon(&profiles);
        let weight = |word: &str| lexicon.weight(stem_of(&stem(word)));
        let share = |query: &str| lexicon.share(&stems(query).collect(), &profiles[1].subject);
        assert!(weight("coffee") < weight("press"));
        assert!(weight("press") < weight("turkish"));
        assert!(share("coffee press") == 1.0);
        assert!(share("turkish coffee") < 0.2);
    }

    #[test]
    fn the_passage_that_has_most_of_a_query() {
        let headings = ["Coffee".to_owned(), "Cleaning the press".to_owned()];
        let profile = Profile::new(
            "Coffee",
            ["Coffee", "Cleaning the press"].into_iter(),
            [
                (7, "Grind it fresh.", &headings[..1]),
                (8, "Rinse it with hot water.", &headings[..]),
            ]
            .into_iter(),
        );
        let lexicon = lexicon(std::slice::from_ref(&profile));
        let query: Stems = stems("rinse press").collect();
        let (share, passage) = lexicon.best_passage(&query, &profile).unwrap();
        assert_eq!((share, passage.segment_id), (1.0, 8));
        assert_eq!(profile.headings(passage), headings);
        assert!(
            lexicon
                .best_passage(&stems("turkish").collect(), &profile)
                .is_none()
        );
        let expected: Stems =
            stems("coffee cleaning the press grind it fresh rinse with hot water").collect();
        assert_eq!(profile.body().collect::<Stems>(), expected);
    }
}
