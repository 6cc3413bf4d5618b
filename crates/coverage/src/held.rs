//! The queries' vectors that are in memory: all of a small page's, of a large one those of the pass at hand.

use pageperfect_vector::{FixedRows, TILE};
use std::collections::VecDeque;

const NOWHERE: u32 = u32::MAX;

pub(crate) struct Held {
    rows: FixedRows,
    /// Of each query: the row that holds it, or [`NOWHERE`].
    places: Vec<u32>,
    /// Of each row: its query.
    queries: Vec<u32>,
    /// Queries whose vectors were asked for, in their order.
    asked: VecDeque<usize>,
}

impl Held {
    pub(crate) fn new(dimensions: usize, count: usize) -> Self {
        Self {
            rows: FixedRows::new(dimensions),
            places: vec![NOWHERE; count],
            queries: Vec::new(),
            asked: VecDeque::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn rows(&self) -> &FixedRows {
        &self.rows
    }

    pub(crate) fn holds(&self, query: usize) -> bool {
        self.places[query] != NOWHERE
    }

    /// Row of a query that is held.
    pub(crate) fn place(&self, query: usize) -> usize {
        self.places[query] as usize
    }

    pub(crate) fn row_f32(&self, query: usize) -> impl Iterator<Item = f32> + '_ {
        self.rows.row_f32(self.place(query))
    }

    /// Cosines of queries with each other.
    pub(crate) fn tile_of(&self, a: [usize; TILE], b: [usize; TILE]) -> [[f32; TILE]; TILE] {
        let places = |queries: [usize; TILE]| queries.map(|query| self.place(query));
        self.rows.tile_of(places(a), &self.rows, places(b))
    }

    /// Adds the next query's vector, in the queries' order; false when there is no further query.
    pub(crate) fn push(&mut self, row: &[f32]) -> bool {
        let query = self.len();
        query < self.places.len() && self.add(query, row)
    }

    /// Adds the vector of the next query that was asked for; false when none is left.
    pub(crate) fn supply(&mut self, row: &[f32]) -> bool {
        let next = self.asked.pop_front();
        next.is_some_and(|query| self.add(query, row))
    }

    fn add(&mut self, query: usize, row: &[f32]) -> bool {
        self.places[query] = self.len() as u32;
        self.queries.push(query as u32);
        self.rows.push(row);
        true
    }

    /// Those of `needed` that are not held, `most` at once: `supply` takes them. Rows that are not
    /// needed make room for them when `is_tight`; the first of those that are stay where they are.
    pub(crate) fn ask(&mut self, needed: &[usize], most: usize, is_tight: bool) -> Vec<usize> {
        if needed.iter().all(|&query| self.holds(query)) {
            return Vec::new();
        }
        if is_tight {
            let mut is_needed = vec![false; self.places.len()];
            needed.iter().for_each(|&query| is_needed[query] = true);
            let kept = (self.queries.iter())
                .take_while(|&&query| is_needed[query as usize])
                .count();
            for query in self.queries.drain(kept..) {
                self.places[query as usize] = NOWHERE;
            }
            self.rows.truncate(kept);
        }
        let missing = needed.iter().copied().filter(|&query| !self.holds(query));
        let missing: Vec<usize> = missing.take(most).collect();
        self.asked = missing.iter().copied().collect();
        missing
    }
}
