//! Which topics mean the same: all queries of a site compared with each other, however many they are.
//!
//! What all queries of a site share is taken out: with the mean vector subtracted, queries about different things are at right angles.
//! Two queries mean the same when their centred vectors have a cosine of [`SAME`]. They are compared by the signs of 1,024 random
//! projections (Charikar's SimHash), 128 bytes a query: 100,000 take 13 MB, and the comparison stops and goes on anywhere. It is not
//! exact: within ±[`DOUBT`] of the limit a pair may be decided either way.

use crate::topics::TopicRef;
use pageperfect_cluster::Projection;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Cosine of centred vectors from which two queries mean the same.
pub const SAME: f64 = 0.5;
/// Two standard deviations of a cosine of [`SAME`], as 1,024 bits tell it: 2 · π · √(⅓ · ⅔ / 1024) · sin 60°.
pub const DOUBT: f64 = 0.08;
/// Share of the pairs of queries of two topics that mean the same, from which the topics do.
pub const TOGETHER: f64 = 0.5;
const WORDS: usize = 16;
/// Words of the first test, which most pairs fail.
const FIRST: usize = 4;
const BLOCK: usize = 512;
/// A query in bytes: its sketch, and its topic's number on the page.
const BYTES: usize = 8 * WORDS + 4;
/// In place of a topic: what nobody wants an answer to is compared with nothing.
pub const NO_TOPIC: u32 = u32::MAX;

/// Bits in which the sketches of two queries that mean the same differ at most: 1,024 · acos(½) / π.
const LIMIT: u32 = 341;
/// The same of the first 256 bits, and 5 standard deviations more, so that the first test loses none but one in millions.
const FIRST_LIMIT: u32 = 85 + 38;
/// The same of the first 512 bits: of those that pass the first test, which are a quarter, one in hundreds passes this one.
const SECOND: usize = 4;
const SECOND_LIMIT: u32 = 171 + 53;

/// Makes sketches of vectors.
pub struct Sketcher {
    mean: Vec<f32>,
    projection: Projection,
    centred: Vec<f32>,
}

impl Sketcher {
    /// `mean`: of unit vectors of the site's queries.
    pub fn new(mean: Vec<f32>) -> Self {
        Self {
            projection: Projection::new(mean.len()),
            centred: vec![0.0; mean.len()],
            mean,
        }
    }

    /// Adds a query to `bytes`; its vector's length does not matter.
    ///
    /// # Panics
    /// When the vector has other dimensions than the mean.
    pub fn push(&mut self, vector: &[f32], topic: u32, bytes: &mut Vec<u8>) {
        assert_eq!(vector.len(), self.mean.len(), "dimensions");
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        for ((centred, x), mean) in self.centred.iter_mut().zip(vector).zip(&self.mean) {
            *centred = x * scale - mean;
        }
        for word in &self.projection.signs(&self.centred)[..WORDS] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(topic.to_le_bytes());
    }
}

/// Two topics, by their numbers, and how many pairs of their queries mean the same.
type Hits = ((u32, u32), u32);

#[derive(Serialize, Deserialize)]
struct Progress {
    next: (u32, u32),
    open: Vec<Hits>,
    found: Vec<Hits>,
}

/// The comparison of all queries.
#[derive(Default)]
pub struct Meaning {
    first: Vec<[u64; FIRST]>,
    rest: Vec<[u64; WORDS - FIRST]>,
    /// Of each query: the number of its topic in `topics`.
    topic_of: Vec<u32>,
    topics: Vec<TopicRef>,
    sizes: Vec<u32>,
    /// The block in which a topic ends: its queries follow each other.
    ends: Vec<u32>,
    /// Of topics that are not yet compared to their ends.
    open: FxHashMap<(u32, u32), u32>,
    /// Of those that mean the same. The others, which are by far the most, are dropped as soon as they are compared.
    found: Vec<Hits>,
    /// The next two blocks to be compared.
    next: (usize, usize),
}

impl Meaning {
    /// Adds a page's queries, as a [`Sketcher`] has made them; page by page, in the site's order. False: they are no such bytes.
    pub fn push(&mut self, page: usize, bytes: &[u8]) -> bool {
        let (queries, rest) = bytes.as_chunks::<BYTES>();
        for query in queries {
            let (words, topic) = query.split_at(8 * WORDS);
            let topic = u32::from_le_bytes(topic.try_into().unwrap_or_default());
            if topic == NO_TOPIC {
                continue;
            }
            let node = TopicRef {
                page,
                topic: topic as usize,
            };
            if self.topics.last() != Some(&node) {
                self.topics.push(node);
                self.sizes.push(0);
                self.ends.push(0);
            }
            let number = self.topics.len() - 1;
            self.sizes[number] += 1;
            self.ends[number] = (self.first.len() / BLOCK) as u32;
            self.topic_of.push(number as u32);
            let words = words.as_chunks::<8>().0;
            let word = |index: usize| u64::from_le_bytes(words[index]);
            self.first.push(std::array::from_fn(word));
            self.rest
                .push(std::array::from_fn(|index| word(FIRST + index)));
        }
        rest.is_empty()
    }

    pub fn query_count(&self) -> usize {
        self.first.len()
    }

    fn block_count(&self) -> usize {
        self.first.len().div_ceil(BLOCK)
    }

    /// Compares up to `count` pairs of blocks of 512 queries; how many pairs of blocks are left.
    pub fn step(&mut self, count: usize) -> usize {
        let blocks = self.block_count();
        for _ in 0..count {
            let (left, right) = self.next;
            if left >= blocks {
                break;
            }
            self.compare(left, right);
            self.settle((left as u32, right as u32));
            self.next = if right + 1 < blocks {
                (left, right + 1)
            } else {
                (left + 1, left + 1)
            };
        }
        let (left, right) = self.next;
        let rows = blocks.saturating_sub(left);
        (rows * (rows + 1) / 2).saturating_sub(right.saturating_sub(left))
    }

    fn compare(&mut self, left: usize, right: usize) {
        let mut found = [0u16; BLOCK];
        let range = |block: usize| block * BLOCK..((block + 1) * BLOCK).min(self.first.len());
        for a in range(left) {
            let start = if left == right { a + 1 } else { right * BLOCK };
            let count = near(
                &self.first[a],
                &self.first[start..range(right).end],
                &mut found,
            );
            let of_a = split(&self.rest[a]);
            for &hit in &found[..count] {
                let b = start + usize::from(hit);
                let (second, third) = split(&self.rest[b]);
                let mut differing =
                    distance(&self.first[a], &self.first[b]) + distance(of_a.0, second);
                if differing > SECOND_LIMIT {
                    continue;
                }
                differing += distance(of_a.1, third);
                let topics = (self.topic_of[a], self.topic_of[b]);
                if differing <= LIMIT && topics.0 != topics.1 {
                    *self.open.entry(topics).or_default() += 1;
                }
            }
        }
    }

    /// Decides about the topics that are compared to their ends once these blocks are.
    fn settle(&mut self, blocks: (u32, u32)) {
        let Self {
            ends, open, found, ..
        } = self;
        let mut settled = Vec::new();
        open.retain(|&(a, b), &mut hits| {
            let is_open = (ends[a as usize], ends[b as usize]) > blocks;
            if !is_open && share(&self.sizes, (a, b), hits) >= TOGETHER {
                settled.push(((a, b), hits));
            }
            is_open
        });
        settled.sort_unstable();
        found.extend(settled);
    }

    /// Where the comparison stands, without the queries.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut open: Vec<Hits> = (self.open.iter())
            .map(|(&pair, &count)| (pair, count))
            .collect();
        open.sort_unstable();
        let next = (self.next.0 as u32, self.next.1 as u32);
        let found = self.found.clone();
        postcard::to_allocvec(&Progress { next, open, found }).unwrap_or_default()
    }

    /// Goes on where [`Self::checkpoint`] was made of the same queries. False: these are no such bytes.
    pub fn restore(&mut self, bytes: &[u8]) -> bool {
        let Ok(progress) = postcard::from_bytes::<Progress>(bytes) else {
            return false;
        };
        let count = self.topics.len() as u32;
        let Progress { next, open, found } = progress;
        if (open.iter().chain(&found)).any(|((a, b), _)| *a >= count || *b >= count) {
            return false;
        }
        self.next = (next.0 as usize, next.1 as usize);
        self.open = open.into_iter().collect();
        self.found = found;
        true
    }

    pub fn similar_count(&self) -> usize {
        self.found.len()
    }

    /// Pairs of topics that mean the same, by how much: the share of their pairs of queries that do. In order, once all are compared.
    pub fn similar(&mut self) -> impl Iterator<Item = (TopicRef, TopicRef, f64)> {
        // Topics are numbered in their order.
        self.found.sort_unstable();
        let Self {
            found,
            sizes,
            topics,
            ..
        } = self;
        found.iter().map(|&((a, b), hits)| {
            let share = share(sizes, (a, b), hits);
            (topics[a as usize], topics[b as usize], share)
        })
    }
}

/// Share of the pairs of two topics' queries that mean the same.
fn share(sizes: &[u32], (a, b): (u32, u32), hits: u32) -> f64 {
    let pairs = f64::from(sizes[a as usize]) * f64::from(sizes[b as usize]);
    f64::from(hits) / pairs
}

/// Puts the numbers of rows that differ from `query` in few bits into `found`, and returns how many. Without a branch, and not inlined:
/// engines compile a loop well only in a function of its own.
#[inline(never)]
fn near(query: &[u64; FIRST], rows: &[[u64; FIRST]], found: &mut [u16; BLOCK]) -> usize {
    let mut count = 0;
    for (index, row) in rows.iter().enumerate() {
        found[count % BLOCK] = index as u16;
        count += usize::from(distance(query, row) <= FIRST_LIMIT);
    }
    count
}

/// The words of the second test, and those after them.
#[inline(always)]
fn split(rest: &[u64; WORDS - FIRST]) -> (&[u64; SECOND], &[u64; WORDS - FIRST - SECOND]) {
    rest.split_first_chunk()
        .and_then(|(second, third)| Some((second, third.try_into().ok()?)))
        .expect("as many words as there are")
}

#[inline(always)]
fn distance<const N: usize>(a: &[u64; N], b: &[u64; N]) -> u32 {
    (0..N).map(|word| (a[word] ^ b[word]).count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMENSIONS: usize = 256;

    /// Three topics a page, four queries each; topic 2 of every page is about the same.
    fn bytes(page: u64) -> Vec<u8> {
        let mut sketcher = Sketcher::new(vec![0.0; DIMENSIONS]);
        let mut bytes = Vec::new();
        for topic in 0..3u32 {
            let about = if topic == 2 {
                7
            } else {
                1_000 + 10 * page + u64::from(topic)
            };
            for query in 0..4 {
                let own = random(1_000_000 + 100 * page + 10 * u64::from(topic) + query);
                let vector: Vec<f32> = (random(about).iter().zip(own))
                    .map(|(a, b)| a + 0.5 * b)
                    .collect();
                sketcher.push(
                    &vector,
                    if topic == 1 && query == 3 {
                        NO_TOPIC
                    } else {
                        topic
                    },
                    &mut bytes,
                );
            }
        }
        bytes
    }

    fn random(seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..DIMENSIONS)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
            })
            .collect()
    }

    #[test]
    fn topics_that_mean_the_same_are_found_whole_or_in_parts() {
        let mut whole = Meaning::default();
        for page in 0..60 {
            assert!(whole.push(page, &bytes(page as u64)));
        }
        assert_eq!(whole.query_count(), 60 * 11);
        assert_eq!(whole.step(usize::MAX), 0);
        let similar: Vec<_> = whole.similar().collect();
        assert_eq!(similar.len(), 60 * 59 / 2);
        assert!(
            similar
                .iter()
                .all(|(a, b, share)| a.topic == 2 && b.topic == 2 && *share > 0.9)
        );

        let mut state = Vec::new();
        for left in [2, 1, 0] {
            let mut part = Meaning::default();
            (0..60).for_each(|page| assert!(part.push(page, &bytes(page as u64))));
            if !state.is_empty() {
                assert!(part.restore(&state));
            }
            assert_eq!(part.step(1), left);
            state = part.checkpoint();
            if left == 0 {
                assert_eq!(part.similar().collect::<Vec<_>>(), similar);
            }
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let mut meaning = Meaning::default();
        assert!(!meaning.push(0, &[1, 2, 3]));
        assert!(!meaning.restore(&[0xff]));
    }
}
