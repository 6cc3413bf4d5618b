use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::{Deserialize, Serialize};

/// Longest query that is accepted, in characters. Search engines cut queries long before, and the
/// database indexes them: 500 characters of four bytes still fit an index entry.
pub const MAX_QUERY_CHARS: usize = 500;

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
    /// Average rank in the results: 1 is the first, 0 only where there were no impressions.
    pub position: f64,
}

/// Collects keywords and merges those of the same query, in order of first appearance.
///
/// Impressions and clicks are summed; the position is the average weighted by impressions, or the
/// plain average while there are none.
#[derive(Debug, Default)]
pub struct KeywordMerger {
    rows: Vec<Sum>,
    row_of_query: HashMap<String, usize>,
    merged_count: usize,
}

#[derive(Debug)]
struct Sum {
    impressions: f64,
    clicks: f64,
    position_times_impressions: f64,
    position: f64,
    row_count: f64,
}

impl KeywordMerger {
    /// Adds one row; `false` when it was merged into an earlier row of the same query.
    pub fn push(&mut self, keyword: Keyword) -> bool {
        let Keyword {
            query,
            impressions,
            clicks,
            position,
        } = keyword;
        match self.row_of_query.entry(query) {
            Entry::Vacant(entry) => {
                entry.insert(self.rows.len());
                self.rows.push(Sum {
                    impressions,
                    clicks,
                    position_times_impressions: position * impressions,
                    position,
                    row_count: 1.0,
                });
                true
            }
            Entry::Occupied(entry) => {
                let sum = &mut self.rows[*entry.get()];
                sum.impressions += impressions;
                sum.clicks += clicks;
                sum.position_times_impressions += position * impressions;
                sum.position += position;
                sum.row_count += 1.0;
                self.merged_count += 1;
                false
            }
        }
    }

    /// Number of rows that went into an earlier row of the same query.
    pub fn merged_count(&self) -> usize {
        self.merged_count
    }

    /// The keywords, one a query.
    pub fn finish(self) -> Vec<Keyword> {
        let mut queries = vec![String::new(); self.rows.len()];
        for (query, row) in self.row_of_query {
            queries[row] = query;
        }
        queries
            .into_iter()
            .zip(self.rows)
            .map(|(query, sum)| sum.into_keyword(query))
            .collect()
    }
}

impl Sum {
    fn into_keyword(self, query: String) -> Keyword {
        let position = if self.row_count == 1.0 {
            self.position
        } else if self.impressions > 0.0 {
            self.position_times_impressions / self.impressions
        } else {
            self.position / self.row_count
        };
        Keyword {
            query,
            impressions: self.impressions,
            clicks: self.clicks,
            position,
        }
    }
}
