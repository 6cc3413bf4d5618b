//! What other pages have for queries that a page does not answer.

use crate::model::Key;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// What another page has for a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Index of the page that Google shows, and of the other one.
    pub page: u32,
    pub other: u32,
    pub coverage: f64,
    pub segment_id: Option<i64>,
}

/// Answers by query: one array, and where each query's begin.
#[derive(Default)]
pub(super) struct Answers {
    rows: Vec<(Key, Answer)>,
    ranges: FxHashMap<Key, (u32, u32)>,
    is_sorted: bool,
}

impl Answers {
    pub(super) fn push(&mut self, key: Key, answer: Answer) {
        self.rows.push((key, answer));
        self.is_sorted = false;
    }

    pub(super) fn extend(&mut self, mut rows: Vec<(Key, Answer)>) {
        if self.rows.is_empty() {
            std::mem::swap(&mut self.rows, &mut rows);
        }
        self.rows.extend(rows);
        self.is_sorted = false;
    }

    /// To be called after the last push: those to a query stay in the order in which they came.
    pub(super) fn sort(&mut self) {
        if self.is_sorted {
            return;
        }
        self.rows.shrink_to_fit();
        self.rows.sort_by_key(|&(key, _)| key);
        self.ranges.clear();
        let mut start = 0;
        for rows in self.rows.chunk_by(|a, b| a.0 == b.0) {
            let end = start + rows.len();
            self.ranges.insert(rows[0].0, (start as u32, end as u32));
            start = end;
        }
        self.is_sorted = true;
    }

    /// Those to a query.
    pub(super) fn to(&self, key: Key) -> impl Iterator<Item = &Answer> {
        let (start, end) = self.ranges.get(&key).copied().unwrap_or_default();
        (self.rows[start as usize..end as usize].iter()).map(|(_, answer)| answer)
    }
}
