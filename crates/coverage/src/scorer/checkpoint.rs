//! What a scorer has found so far as bytes, and back.

use super::row::{HITS, PARTS, Row};
use super::{CoverageError, PageCoverage, Scale};
use crate::topics::Topics;
use crate::words::MOST_SHARED;
use std::mem;

const ROW_NUMBERS: usize = 10 + MOST_SHARED;
/// Words of a row in a checkpoint.
const ROW_WORDS: usize = ROW_NUMBERS + 5 + 2 * (HITS + PARTS);

impl PageCoverage {
    /// What was found so far as bytes, for [`restore`](Self::restore) in another process.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut words = self.identity().to_vec();
        words.push(self.averaged as u32);
        words.extend(self.vector_mean.iter().flat_map(|x| halves(*x)));
        if let Some(scale) = &self.scale {
            words.push(scale.unrelated.to_bits());
            let numbers = (scale.mean.iter())
                .chain(&scale.meaning)
                .chain(&scale.lengths)
                .chain(&scale.centre);
            words.extend(numbers.map(|x| x.to_bits()));
            let means = self.shared_means.iter().flatten();
            words.push(self.shared_means.len() as u32);
            words.extend(means.map(|x| x.to_bits()));
            words.extend([self.rows.len() as u32, self.neighbours.len() as u32]);
        }
        for row in &self.rows {
            words.extend(row.numbers().map(f32::to_bits));
            words.push(row.shared_words);
            words.extend(
                row.missing
                    .iter()
                    .flat_map(|bits| [*bits as u32, (bits >> 32) as u32]),
            );
            words.extend(
                (row.hits.iter().chain(&row.parts))
                    .flat_map(|(segment, score)| [*segment, score.to_bits()]),
            );
        }
        words.extend(self.neighbours.iter().map(|x| x.to_bits()));
        words.extend(self.topics.iter().flat_map(Topics::state));
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Goes on from a checkpoint after the same texts and vectors were given.
    ///
    /// # Errors
    /// [`CoverageError::Checkpoint`] when it is of anything else; nothing changes then.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), CoverageError> {
        let (words, rest) = checkpoint.as_chunks();
        let words: Vec<u32> = words.iter().copied().map(u32::from_le_bytes).collect();
        let state = (words.strip_prefix(&self.identity()[..]))
            .filter(|_| rest.is_empty())
            .and_then(|words| self.read_state(words))
            .ok_or(CoverageError::Checkpoint)?;
        let before = (self.topics.take(), mem::take(&mut self.rows));
        (self.rows, self.neighbours) = (state.rows, state.neighbours);
        let means = mem::replace(&mut self.shared_means, state.shared_means);
        let mean = mem::replace(&mut self.vector_mean, state.vector_mean);
        if !state.topics.is_empty() {
            self.group_none();
            let topics = self.topics.as_mut().ok_or(CoverageError::Checkpoint)?;
            if topics.restore(&state.topics).is_none() {
                (self.topics, self.rows) = before;
                (self.vector_mean, self.shared_means) = (mean, means);
                return Err(CoverageError::Checkpoint);
            }
        }
        (self.averaged, self.scale) = (state.averaged, state.scale);
        Ok(())
    }

    /// `None` when the words are of no state that a page with these texts can be in.
    fn read_state(&self, words: &[u32]) -> Option<State> {
        let count = self.queries.len();
        let (&averaged, words) = words.split_first()?;
        let (mean, words) = words.split_at_checked(2 * self.dimensions)?;
        let vector_mean: Vec<f64> = mean.as_chunks().0.iter().map(whole).collect();
        let averaged = averaged as usize;
        let is_sound = averaged <= count && vector_mean.iter().all(|x| x.is_finite());
        let mut state = State {
            averaged,
            vector_mean,
            ..State::default()
        };
        if words.is_empty() {
            return is_sound.then_some(state);
        }
        let (&unrelated, words) = words.split_first()?;
        let (mean, words) = words.split_at_checked(self.segment_count)?;
        let (meaning, words) = words.split_at_checked(self.segment_count)?;
        let (lengths, words) = words.split_at_checked(self.segment_count)?;
        let (centre, words) = words.split_at_checked(self.dimensions)?;
        let numbers =
            |words: &[u32]| -> Vec<f32> { words.iter().map(|&x| f32::from_bits(x)).collect() };
        let scale = Scale {
            unrelated: f32::from_bits(unrelated),
            mean: numbers(mean),
            meaning: numbers(meaning),
            centre: numbers(centre),
            lengths: numbers(lengths),
        };
        let (&shared_count, words) = words.split_first()?;
        let shared_count = (shared_count as usize).min(MOST_SHARED);
        let (means, words) = words.split_at_checked(shared_count * self.dimensions)?;
        state.shared_means = means.chunks(self.dimensions).map(numbers).collect();
        let is_finite = (scale.mean.iter().chain(&scale.meaning))
            .chain(scale.centre.iter().chain(&scale.lengths))
            .chain(state.shared_means.iter().flatten())
            .chain([&scale.unrelated])
            .all(|x| x.is_finite());
        (state.rows, state.neighbours, state.topics) = read_rows(words, count, self.segment_count)?;
        state.scale = Some(scale);
        (is_sound && is_finite && averaged == count).then_some(state)
    }

    /// What a checkpoint must agree in.
    fn identity(&self) -> [u32; 5] {
        [
            (self.options.eps as f32).to_bits(),
            self.dimensions as u32,
            self.segment_count as u32,
            self.queries.len() as u32,
            self.digest,
        ]
    }
}

impl Row {
    fn numbers(&self) -> impl Iterator<Item = f32> {
        [
            self.best,
            self.rest,
            self.second,
            self.above_mean,
            self.anywhere,
            self.lead,
            self.meaning,
            self.words,
            self.shared,
            self.centred_lead,
        ]
        .into_iter()
        .chain(self.with_shared)
    }
}

/// What a checkpoint holds.
#[derive(Default)]
struct State {
    averaged: usize,
    vector_mean: Vec<f64>,
    scale: Option<Scale>,
    rows: Vec<Row>,
    shared_means: Vec<Vec<f32>>,
    neighbours: Vec<f32>,
    topics: Vec<u32>,
}

/// A number as two words, and back.
fn halves(x: f64) -> [u32; 2] {
    let bits = x.to_bits();
    [bits as u32, (bits >> 32) as u32]
}

fn whole(&[low, high]: &[u32; 2]) -> f64 {
    f64::from_bits(u64::from(low) | u64::from(high) << 32)
}

type Rows = (Vec<Row>, Vec<f32>, Vec<u32>);

fn read_rows(words: &[u32], query_count: usize, segment_count: usize) -> Option<Rows> {
    let (&[row_count, neighbour_count], words) = words.split_first_chunk()?;
    let (row_count, neighbour_count) = (row_count as usize, neighbour_count as usize);
    let is_sound = row_count <= query_count
        && neighbour_count <= query_count
        && (neighbour_count == 0 || row_count == query_count)
        && (neighbour_count == query_count
            || words.len() == row_count * ROW_WORDS + neighbour_count);
    let (rows, words) = words
        .split_at_checked(row_count * ROW_WORDS)
        .filter(|_| is_sound)?;
    let (neighbours, state) = words.split_at_checked(neighbour_count)?;
    let rows = rows.as_chunks::<ROW_WORDS>().0.iter().map(|words| {
        let number = |at: usize| f32::from_bits(words[at]);
        let pair = |at: usize| (words[at], number(at + 1));
        let hits = std::array::from_fn(|hit| pair(ROW_NUMBERS + 5 + 2 * hit));
        let parts = std::array::from_fn(|part| pair(ROW_NUMBERS + 5 + 2 * (HITS + part)));
        let row = Row {
            best: number(0),
            rest: number(1),
            second: number(2),
            above_mean: number(3),
            anywhere: number(4),
            lead: number(5),
            meaning: number(6),
            words: number(7),
            shared: number(8),
            centred_lead: number(9),
            with_shared: std::array::from_fn(|word| number(10 + word)),
            shared_words: words[ROW_NUMBERS] & ((1 << MOST_SHARED) - 1),
            missing: [0, 1].map(|which| {
                let at = ROW_NUMBERS + 1 + 2 * which;
                u64::from(words[at]) | u64::from(words[at + 1]) << 32
            }),
            hits,
            parts,
        };
        let is_sound = row.numbers().all(|x| x.is_finite())
            && (row.hits.iter().chain(&row.parts)).all(|(segment, score)| {
                score.is_finite() && (*segment as usize) < segment_count.max(1)
            });
        is_sound.then_some(row)
    });
    let neighbours: Vec<f32> = neighbours.iter().map(|&x| f32::from_bits(x)).collect();
    let rows = rows.collect::<Option<_>>()?;
    neighbours
        .iter()
        .all(|x| x.is_finite())
        .then_some((rows, neighbours, state.to_vec()))
}
