use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// Longest query that is accepted, in characters. Search engines cut queries long before, and the
/// database indexes them: 500 characters of four bytes still fit an index entry.
pub const MAX_QUERY_CHARS: usize = 500;

/// Longest address of a page, in bytes of its normalised form: the database indexes it.
pub const MAX_PAGE_BYTES: usize = 2_000;

/// Largest impressions or clicks of one row. Far above anything real, and low enough that the sum
/// of a whole file stays exact in an `f64` and in a `bigint`.
pub const MAX_COUNT: f64 = 1e9;

/// One search query of a page with its Search Console figures.
///
/// Counts are `f64` because they travel through JavaScript, where every number is one; they hold
/// whole numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keyword {
    /// Trimmed, never empty, at most [`MAX_QUERY_CHARS`] characters.
    pub query: String,
    /// How often the page was shown, `>= 0`.
    pub impressions: f64,
    /// How often it was clicked, `>= 0`.
    pub clicks: f64,
    /// Average rank in the results: 1 is the first, 0 only where there were no impressions; `None`
    /// where the source does not say.
    pub position: Option<f64>,
}

/// Collects keywords and merges those of the same query, in order of first appearance.
///
/// Impressions and clicks are summed; the position is the average of those that are known, weighted
/// by impressions, or the plain average while there are none.
#[derive(Debug, Default)]
pub struct KeywordMerger {
    merger: Merger<String>,
}

impl KeywordMerger {
    /// Adds one row; `false` when it was merged into an earlier row of the same query.
    pub fn push(&mut self, keyword: Keyword) -> bool {
        let (query, figures) = keyword.split();
        self.merger.push(query, figures)
    }

    /// Number of rows that went into an earlier row of the same query.
    pub fn merged_count(&self) -> usize {
        self.merger.merged_count
    }

    /// The keywords, one a query.
    pub fn finish(self) -> Vec<Keyword> {
        self.merger
            .finish()
            .map(|(query, figures)| Keyword {
                query,
                impressions: figures.impressions,
                clicks: figures.clicks,
                position: figures.position,
            })
            .collect()
    }
}

impl Keyword {
    pub(crate) fn split(self) -> (String, Figures) {
        let figures = Figures {
            impressions: self.impressions,
            clicks: self.clicks,
            position: self.position,
        };
        (self.query, figures)
    }
}

/// A keyword without its query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub impressions: f64,
    pub clicks: f64,
    pub position: Option<f64>,
}

/// Merges the figures of one key, whatever a key is, as [`KeywordMerger`] says.
#[derive(Debug)]
pub(crate) struct Merger<K> {
    sums: Vec<Sum>,
    index_of_key: HashMap<K, usize>,
    pub merged_count: usize,
}

impl<K> Default for Merger<K> {
    fn default() -> Self {
        Self {
            sums: Vec::new(),
            index_of_key: HashMap::new(),
            merged_count: 0,
        }
    }
}

impl<K: Eq + Hash> Merger<K> {
    /// Adds one row; `false` when it was merged into an earlier one.
    pub fn push(&mut self, key: K, figures: Figures) -> bool {
        match self.index_of_key.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(self.sums.len());
                let mut sum = Sum::default();
                sum.add(figures);
                self.sums.push(sum);
                true
            }
            Entry::Occupied(entry) => {
                self.sums[*entry.get()].add(figures);
                self.merged_count += 1;
                false
            }
        }
    }

    /// One row a key, in order of first appearance.
    pub fn finish(self) -> impl Iterator<Item = (K, Figures)> {
        let mut keys: Vec<Option<K>> = self.sums.iter().map(|_| None).collect();
        for (key, index) in self.index_of_key {
            keys[index] = Some(key);
        }
        let keys = keys.into_iter().map(|key| key.expect("each sum has a key"));
        keys.zip(self.sums.into_iter().map(Sum::figures))
    }
}

#[derive(Debug, Default)]
struct Sum {
    impressions: f64,
    clicks: f64,
    /// Of the rows whose position is known: how many, their impressions, and the sums of their
    /// positions.
    ranked_count: f64,
    ranked_impressions: f64,
    positions: f64,
    position_times_impressions: f64,
}

impl Sum {
    fn add(&mut self, figures: Figures) {
        self.impressions += figures.impressions;
        self.clicks += figures.clicks;
        if let Some(position) = figures.position {
            self.ranked_count += 1.0;
            self.ranked_impressions += figures.impressions;
            self.positions += position;
            self.position_times_impressions += position * figures.impressions;
        }
    }

    fn figures(self) -> Figures {
        let position = if self.ranked_count > 1.0 && self.ranked_impressions > 0.0 {
            Some(self.position_times_impressions / self.ranked_impressions)
        } else {
            (self.ranked_count > 0.0).then(|| self.positions / self.ranked_count)
        };
        Figures {
            impressions: self.impressions,
            clicks: self.clicks,
            position,
        }
    }
}
