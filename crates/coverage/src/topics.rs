//! Topics: queries that mean the same and that the same passages of the page come nearest to.
//!
//! What all of the page's queries share is taken out of their vectors first, and of those that have a word in common with many
//! what these share: or else all that a brand is typed with would be one topic. Two queries are then
//! alike by the cosine of what is left and by how much they point to the same segments, up to half
//! each: what a query points to counts as far as it, or the other, is surely answered. Average linkage
//! joins groups while the mean distance between their members is at most [`eps`](Options::eps).

use crate::held::Held;
use crate::scorer::length_without;
use crate::words::MOST_SHARED;
use pageperfect_vector::{TILE, kernel};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Calibrated distance of a similarity of 0: the mean of the page's queries.
pub(crate) const UNRELATED: f32 = 0.375;

/// How topics are made.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Options {
    /// The mean distance up to which groups of queries are one topic, on the calibrated scale: 0 is
    /// the same text, 0.375 what two of the page's queries have between them on average.
    pub eps: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { eps: 0.3 }
    }
}

impl Options {
    /// The least mean similarity of a topic's parts.
    pub(crate) fn floor(self) -> f32 {
        1.0 - self.eps as f32 / UNRELATED
    }
}

/// Queries that are linked with each other at once. The rest joins what they make, or is linked next.
const BATCH: usize = 1024;
/// Queries that join topics at once.
const CHUNK: usize = 64;
const OPEN: u32 = u32::MAX;

/// Makes topics in steps.
///
/// The first queries, which have most impressions where the caller sorts them so, are linked with
/// each other; those after them join the topic that they are most alike to, as far as linkage would,
/// and what is left is linked next. Up to [`BATCH`] queries this is average linkage.
pub(crate) struct Topics {
    options: Options,
    /// What each query shares with others, its length without that, and which of `bases` that is.
    shared: Vec<Shared>,
    lengths: Vec<f32>,
    base_of: Vec<u32>,
    bases: Vec<Base>,
    /// The segments that each query points to, with its shares.
    pointers: Vec<Vec<(u32, f32)>>,
    /// How surely the page answers each query, which is how much it tells that two point to the same.
    sure: Vec<f32>,
    /// The topic of each query, or [`OPEN`].
    labels: Vec<u32>,
    /// Whether a query was linked with others, not joined to them.
    is_founder: Vec<bool>,
    topic_count: u32,
    /// The topics of the last batch, and up to which query others have joined them.
    batch: Vec<Centre>,
    first_of_batch: u32,
    joined: usize,
}

/// What a query shares with others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    /// Words that many queries have, a bit each.
    pub(crate) words: u32,
    /// Its product with the mean vector of those that have each of these words.
    pub(crate) with_words: [f32; MOST_SHARED],
    /// And with the mean of all.
    pub(crate) with_all: f32,
}

impl Shared {
    /// The product with a base.
    fn with(&self, words: u32) -> f32 {
        if words == 0 {
            return self.with_all;
        }
        let has = |word: &usize| words >> word & 1 == 1;
        let sum: f32 = (0..MOST_SHARED)
            .filter(has)
            .map(|word| self.with_words[word])
            .sum();
        sum / words.count_ones() as f32
    }
}

/// What queries with the same of these words share: the mean of the words' means, or without any that of all queries.
struct Base {
    words: u32,
    mean: Vec<f32>,
    /// Products with all bases.
    products: Vec<f32>,
}

impl Base {
    fn new(words: u32, of_all: &[f32], of_words: &[Vec<f32>]) -> Self {
        let mut mean = vec![0f32; of_all.len()];
        let means = (of_words.iter().enumerate()).filter(|(word, _)| words >> word & 1 == 1);
        for (_, of_word) in means {
            (mean.iter_mut().zip(of_word))
                .for_each(|(sum, x)| *sum += x / words.count_ones() as f32);
        }
        Self {
            words,
            mean: if words == 0 { of_all.to_vec() } else { mean },
            products: Vec::new(),
        }
    }
}

/// Mean of a topic's founders.
#[derive(Clone, Default)]
struct Centre {
    size: f32,
    row: Vec<f32>,
    /// Sorted by segment.
    pointer: Vec<(u32, f32)>,
    sure: f32,
}

impl Topics {
    pub(crate) fn new(
        mean: Vec<f32>,
        shared_means: &[Vec<f32>],
        shared: Vec<Shared>,
        pointers: Vec<Vec<(u32, f32)>>,
        sure: Vec<f32>,
        options: Options,
    ) -> Self {
        let count = shared.len();
        let mut places: BTreeMap<u32, u32> =
            shared.iter().map(|shared| (shared.words, 0)).collect();
        (places.values_mut().zip(0..)).for_each(|(place, at)| *place = at);
        let mut bases: Vec<Base> = (places.keys())
            .map(|&words| Base::new(words, &mean, shared_means))
            .collect();
        for at in 0..bases.len() {
            let of = |other: &Base| kernel::dot(&bases[at].mean, &other.mean);
            bases[at].products = bases.iter().map(of).collect();
        }
        let base_of: Vec<u32> = shared.iter().map(|shared| places[&shared.words]).collect();
        let lengths = (shared.iter().zip(&base_of))
            .map(|(shared, &base)| {
                let square = bases[base as usize].products[base as usize];
                length_without(shared.with(shared.words), square)
            })
            .collect();
        Self {
            options,
            shared,
            lengths,
            base_of,
            bases,
            pointers,
            sure,
            labels: vec![OPEN; count],
            is_founder: vec![false; count],
            topic_count: 0,
            batch: Vec::new(),
            first_of_batch: 0,
            joined: count,
        }
    }

    fn done_count(&self) -> usize {
        self.labels.iter().filter(|&&label| label != OPEN).count()
    }

    pub(crate) fn is_done(&self) -> bool {
        !self.labels.contains(&OPEN)
    }

    /// How many queries are done; a pass over those that may join counts for less than one.
    pub(crate) fn progress(&self) -> f64 {
        self.done_count() as f64 + self.joined as f64 / (self.labels.len() + 1) as f64
    }

    /// Queries whose vectors the next step needs, and the next ones up to `ahead`.
    pub(crate) fn needs(&self, ahead: usize) -> Vec<usize> {
        if self.joined == self.labels.len() {
            return self.members();
        }
        if self.batch.is_empty() {
            return self.founders().map(|(query, _)| query).collect();
        }
        (self.joined..self.labels.len())
            .filter(|&query| self.labels[query] == OPEN)
            .take(ahead.max(CHUNK))
            .collect()
    }

    /// The queries to be linked next.
    fn members(&self) -> Vec<usize> {
        (0..self.labels.len())
            .filter(|&query| self.labels[query] == OPEN)
            .take(BATCH)
            .collect()
    }

    /// The queries of the last batch, each with its topic's place in it.
    fn founders(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let place = |label: u32| label.checked_sub(self.first_of_batch).map(|at| at as usize);
        (self.labels.iter().enumerate())
            .filter(|&(query, &label)| label != OPEN && self.is_founder[query])
            .filter_map(move |(query, &label)| Some((query, place(label)?)))
    }

    /// One topic a query, from 0. Final once all are done.
    pub(crate) fn labels(&self) -> Vec<usize> {
        self.labels.iter().map(|&label| label as usize).collect()
    }

    /// The next batch or the next queries that may join it; returns about how many pairs it compared.
    pub(crate) fn advance(&mut self, vectors: &Held) -> usize {
        if self.joined == self.labels.len() {
            self.link(vectors)
        } else if self.batch.is_empty() {
            self.batch = self.centres(vectors);
            self.batch.len()
        } else {
            self.join(vectors)
        }
    }

    fn link(&mut self, vectors: &Held) -> usize {
        let members = self.members();
        let similarity = self.similarities(vectors, &members);
        let labels = average_linkage(members.len(), similarity, self.options.floor());
        self.first_of_batch = self.topic_count;
        for (at, &member) in members.iter().enumerate() {
            self.is_founder[member] = true;
            self.labels[member] = if labels[at] == at {
                self.topic_count += 1;
                self.topic_count - 1
            } else {
                self.labels[members[labels[at]]]
            };
        }
        self.joined = if self.is_done() { self.labels.len() } else { 0 };
        self.batch = Vec::new();
        members.len() * members.len() / 2
    }

    fn similarities(&self, vectors: &Held, members: &[usize]) -> Vec<f32> {
        let count = members.len();
        let mut similarity = vec![0f32; count * count];
        let tile = |from: usize| -> [usize; TILE] {
            std::array::from_fn(|i| members[(from + i).min(count - 1)])
        };
        for a in (0..count).step_by(TILE) {
            for b in (a..count).step_by(TILE) {
                let cosines = vectors.tile_of(tile(a), tile(b));
                for (a, cosines) in (a..count).zip(cosines) {
                    for (b, cosine) in (b..count).zip(cosines) {
                        let alike = self.alike(members[a], members[b], cosine);
                        similarity[a * count + b] = alike;
                        similarity[b * count + a] = alike;
                    }
                }
            }
        }
        similarity
    }

    /// The cosine of two queries without what they share with many, and as far as one is answered, up to half, how much they point to the
    /// same.
    fn alike(&self, a: usize, b: usize, cosine: f32) -> f32 {
        let (base_a, base_b) = (self.base(a), self.base(b));
        let shared = self.shared[a].with(base_b.words) + self.shared[b].with(base_a.words)
            - base_a.products[self.base_of[b] as usize];
        let centred = (cosine - shared) / (self.lengths[a] * self.lengths[b]);
        let pointing = 0.5 * self.sure[a].max(self.sure[b]);
        (1.0 - pointing) * centred + pointing * overlap(&self.pointers[a], &self.pointers[b])
    }

    /// What a query shares with others.
    fn base(&self, query: usize) -> &Base {
        &self.bases[self.base_of[query] as usize]
    }

    fn join(&mut self, vectors: &Held) -> usize {
        let mut pairs = 1;
        // Those who joined or were linked need no vector, so that a chunk may reach far.
        let chunk = self.needs(CHUNK);
        let end = if chunk.len() < CHUNK {
            self.labels.len()
        } else {
            chunk[CHUNK - 1] + 1
        };
        for query in chunk {
            let row = self.centred(vectors, query);
            let mut best = (self.options.floor(), None);
            for (topic, centre) in (self.first_of_batch..).zip(&self.batch) {
                let pointing = 0.5 * self.sure[query].max(centre.sure);
                let alike = (1.0 - pointing) * kernel::dot(&row, &centre.row)
                    + pointing * overlap(&self.pointers[query], &centre.pointer);
                if alike > best.0 {
                    best = (alike, Some(topic));
                }
            }
            if let Some(topic) = best.1 {
                self.labels[query] = topic;
            }
            pairs += self.batch.len();
        }
        self.joined = end;
        pairs
    }

    /// A query's vector without what it shares with many, of length 1.
    fn centred(&self, vectors: &Held, query: usize) -> Vec<f32> {
        let length = self.lengths[query];
        (vectors.row_f32(query).zip(&self.base(query).mean))
            .map(|(x, mean)| (x - mean) / length)
            .collect()
    }

    fn centres(&self, vectors: &Held) -> Vec<Centre> {
        let count = (self.topic_count - self.first_of_batch) as usize;
        let mut centres = vec![Centre::default(); count];
        for (query, place) in self.founders() {
            let centre = &mut centres[place];
            let row = self.centred(vectors, query);
            centre.size += 1.0;
            if centre.row.is_empty() {
                centre.row = row;
            } else {
                centre
                    .row
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += x);
            }
            centre.pointer.extend(&self.pointers[query]);
            centre.sure += self.sure[query];
        }
        for centre in &mut centres {
            centre.row.iter_mut().for_each(|x| *x /= centre.size);
            centre.sure /= centre.size;
            centre.pointer.sort_by_key(|(segment, _)| *segment);
            let mut merged: Vec<(u32, f32)> = Vec::new();
            for (segment, share) in centre.pointer.drain(..) {
                let share = share / centre.size;
                match merged.last_mut() {
                    Some((last, sum)) if *last == segment => *sum += share,
                    _ => merged.push((segment, share)),
                }
            }
            centre.pointer = merged;
        }
        centres
    }

    /// What [`restore`](Self::restore) needs.
    pub(crate) fn state(&self) -> Vec<u32> {
        let mut state = vec![self.topic_count, self.first_of_batch, self.joined as u32];
        state.extend(&self.labels);
        state.extend(self.is_founder.iter().map(|&founder| u32::from(founder)));
        state
    }

    /// `None`, and nothing done, unless `state` is of as many queries.
    pub(crate) fn restore(&mut self, state: &[u32]) -> Option<()> {
        let (&[topic_count, first_of_batch, joined], state) = state.split_first_chunk()?;
        let count = self.labels.len();
        let is_sound = state.len() == 2 * count
            && state[..count]
                .iter()
                .all(|&label| label == OPEN || label < topic_count)
            && topic_count as usize <= count
            && first_of_batch <= topic_count
            && joined as usize <= count;
        if !is_sound {
            return None;
        }
        self.labels = state[..count].to_vec();
        self.is_founder = state[count..].iter().map(|&founder| founder == 1).collect();
        (self.topic_count, self.first_of_batch) = (topic_count, first_of_batch);
        self.joined = joined as usize;
        self.batch = Vec::new();
        Some(())
    }
}

/// Sum of the products of the shares of the same segments. `a` is short.
fn overlap(a: &[(u32, f32)], b: &[(u32, f32)]) -> f32 {
    a.iter()
        .map(|(segment, share)| {
            let same = b.iter().find(|(other, _)| other == segment);
            same.map_or(0.0, |(_, other)| share * other)
        })
        .sum()
}

/// Average linkage: joins the two most alike groups, their members' mean similarity with each other,
/// as long as it is at least `floor`. `similarity` is a full square matrix and is used up. Returns
/// one label an item, numbered by the first item of each group.
///
/// Nearest-neighbour chains: every join is one of two groups that are each other's most alike, which
/// gives the same tree as always joining the most alike of all. Ties go to the first.
pub(crate) fn average_linkage(count: usize, mut similarity: Vec<f32>, floor: f32) -> Vec<usize> {
    let mut sizes = vec![1f32; count];
    let mut labels: Vec<usize> = (0..count).collect();
    let mut is_open = vec![true; count];
    let mut chain: Vec<usize> = Vec::new();
    loop {
        let Some(&last) = chain.last() else {
            let Some(next) = is_open.iter().position(|&open| open) else {
                break;
            };
            chain.push(next);
            continue;
        };
        let before = chain.len().checked_sub(2).map(|at| chain[at]);
        let row = &similarity[last * count..(last + 1) * count];
        let mut nearest = before;
        let mut most = before.map_or(f32::MIN, |before| row[before]);
        for (other, &alike) in row.iter().enumerate() {
            if alike > most && is_open[other] && other != last {
                (nearest, most) = (Some(other), alike);
            }
        }
        match nearest {
            Some(other) if most >= floor && Some(other) == before => {
                chain.truncate(chain.len() - 2);
                let (keep, gone) = (last.min(other), last.max(other));
                let (a, b) = (sizes[keep], sizes[gone]);
                for at in 0..count {
                    let mean = (a * similarity[keep * count + at]
                        + b * similarity[gone * count + at])
                        / (a + b);
                    similarity[keep * count + at] = mean;
                    similarity[at * count + keep] = mean;
                }
                sizes[keep] += sizes[gone];
                is_open[gone] = false;
                labels
                    .iter_mut()
                    .filter(|label| **label == gone)
                    .for_each(|label| *label = keep);
            }
            Some(other) if most >= floor => chain.push(other),
            // Nothing is near enough, and nothing will be: a join never brings a group nearer than
            // the nearer of its parts was.
            _ => {
                is_open[last] = false;
                chain.pop();
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The most alike pair of all, again and again.
    fn plain(count: usize, similarity: &[f32], floor: f32) -> Vec<usize> {
        let mut groups: Vec<Vec<usize>> = (0..count).map(|item| vec![item]).collect();
        loop {
            let mut best = (floor, None);
            for a in 0..groups.len() {
                for b in 0..a {
                    let pairs = groups[a]
                        .iter()
                        .flat_map(|&x| groups[b].iter().map(move |&y| (x, y)));
                    let sum: f32 = pairs.map(|(x, y)| similarity[x * count + y]).sum();
                    let mean = sum / (groups[a].len() * groups[b].len()) as f32;
                    if mean >= best.0 {
                        best = (mean, Some((a, b)));
                    }
                }
            }
            let Some((a, b)) = best.1 else { break };
            let gone = groups.remove(a);
            groups[b].extend(gone);
        }
        let mut labels = vec![0; count];
        for group in groups {
            let first = *group.iter().min().unwrap();
            group.iter().for_each(|&item| labels[item] = first);
        }
        labels
    }

    proptest! {
        #[test]
        fn chains_join_what_a_plain_search_joins(
            (count, values) in (1usize..14).prop_flat_map(|count| {
                (Just(count), prop::collection::vec(-1f32..1.0, count * count))
            }),
            floor in -0.5f32..0.8,
        ) {
            let mut similarity = vec![1f32; count * count];
            for a in 0..count {
                for b in 0..a {
                    similarity[a * count + b] = values[a * count + b];
                    similarity[b * count + a] = values[a * count + b];
                }
            }
            prop_assert_eq!(average_linkage(count, similarity.clone(), floor), plain(count, &similarity, floor));
        }
    }
}
