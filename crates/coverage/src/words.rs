//! The words' side: what share of a query's units a segment holds, rare units counting more.

use crate::terms::{FunctionWords, Script, Unit, of_query, runs_of, units_of_run, words_of_query};
use std::collections::HashMap;

/// Queries whose words make the mean over all queries, at most.
const SAMPLE: usize = 1024;
/// Words of a query that can be told to be missing; hardly any query has a fifth as many.
pub(crate) const MOST_WORDS: usize = u64::BITS as usize;
/// A word of a larger share of the queries, and of as many, is their subject: it is not what one of them misses.
const SUBJECT_SHARE: f64 = 0.25;
const FEW_ASK: usize = 4;
/// A word of so large a share of the queries, and of as many, makes them alike whatever they ask: a brand, a product, a place.
const SHARED_BY: f64 = 0.1;
/// So many of those words count, the most frequent ones. Pages at hand have at most eight.
pub(crate) const MOST_SHARED: usize = 6;
const CHANNELS: [Unit; 2] = [Unit::Word, Unit::Piece];

/// Which segments hold which units of the queries.
pub(crate) struct Words {
    channels: [Channel; CHANNELS.len()],
    segment_count: usize,
    function_words: FunctionWords,
    /// Units of words that many queries share, the most frequent first.
    shared: Vec<u32>,
}

struct Channel {
    /// Of each query: its units.
    queries: Vec<Vec<u32>>,
    units: HashMap<String, u32>,
    /// Of each unit: the segments that hold it.
    postings: Vec<Vec<u32>>,
    weights: Vec<f32>,
    /// Of each unit: whether it is what all queries are about, and so tells nothing about one.
    is_subject: Vec<bool>,
}

impl Channel {
    fn new(
        unit: Unit,
        segments: &[Vec<(String, Script)>],
        queries: &[&str],
        function_words: &FunctionWords,
    ) -> Self {
        let mut units = HashMap::new();
        let queries: Vec<Vec<u32>> = (queries.iter())
            .map(|query| {
                (of_query(query, unit, function_words).into_iter())
                    .map(|unit| {
                        let next = units.len() as u32;
                        *units.entry(unit).or_insert(next)
                    })
                    .collect()
            })
            .collect();
        // A word is cut once, however often it stands in the page.
        let mut known: HashMap<&str, Vec<u32>> = HashMap::new();
        let mut postings = vec![Vec::new(); units.len()];
        for (segment, runs) in (0..).zip(segments) {
            for (run, script) in runs {
                let cut = || {
                    let found = units_of_run(run, *script, unit).into_iter();
                    found.filter_map(|unit| units.get(&unit).copied()).collect()
                };
                for &unit in known.entry(run).or_insert_with(cut).iter() {
                    let held: &mut Vec<u32> = &mut postings[unit as usize];
                    if held.last() != Some(&segment) {
                        held.push(segment);
                    }
                }
            }
        }
        let asked = asked(&queries, units.len());
        let is_subject = (asked.iter())
            .map(|&asked| asked >= FEW_ASK && asked as f64 > SUBJECT_SHARE * queries.len() as f64)
            .collect();
        let weights = (postings.iter().zip(asked))
            .map(|(held, asked)| {
                rarity(held.len(), segments.len()) * telling(asked, queries.len()).sqrt()
            })
            .collect();
        Self {
            queries,
            units,
            postings,
            weights,
            is_subject,
        }
    }

    /// Units that many queries share, the most frequent first.
    fn shared(&self) -> Vec<u32> {
        let asked = asked(&self.queries, self.units.len());
        let least = (SHARED_BY * self.queries.len() as f64).max(FEW_ASK as f64);
        let mut shared: Vec<u32> = (0..asked.len() as u32)
            .filter(|&unit| asked[unit as usize] as f64 >= least)
            .collect();
        shared.sort_by_key(|&unit| (std::cmp::Reverse(asked[unit as usize]), unit));
        shared.truncate(MOST_SHARED);
        shared
    }

    /// Adds `scale` times the share of the query's weight that each segment holds; returns the
    /// share that any segment holds.
    fn add(&self, query: usize, scale: f32, shares: &mut [f32]) -> f32 {
        let units = &self.queries[query];
        let weight = |unit: &u32| self.weights[*unit as usize];
        let total: f32 = units.iter().map(weight).sum();
        if total <= 0.0 {
            return 0.0;
        }
        let mut held = 0.0;
        for unit in units {
            let postings = &self.postings[*unit as usize];
            let share = weight(unit) / total;
            if !postings.is_empty() {
                held += share;
            }
            for &segment in postings {
                shares[segment as usize] += scale * share;
            }
        }
        held
    }
}

/// How many queries have each unit.
fn asked(queries: &[Vec<u32>], unit_count: usize) -> Vec<usize> {
    let mut asked = vec![0; unit_count];
    (queries.iter().flatten()).for_each(|&unit| asked[unit as usize] += 1);
    asked
}

/// Inverse document frequency as in BM25, with segments as documents.
fn rarity(held: usize, segment_count: usize) -> f32 {
    let (held, count) = (held as f64, segment_count as f64);
    (1.0 + (count - held + 0.5) / (held + 0.5)).ln() as f32
}

/// How much a unit tells one query from the page's others: 1 in a single one, about 0 in all.
fn telling(asked: usize, query_count: usize) -> f32 {
    let count = (query_count + 1) as f64;
    ((count / asked as f64).ln() / count.ln()) as f32
}

impl Words {
    /// `segments`: their texts with the headings above them.
    pub(crate) fn new(segments: &[String], queries: &[&str]) -> Self {
        let function_words = FunctionWords::default();
        let runs: Vec<_> = segments.iter().map(|text| runs_of(text)).collect();
        let channels = CHANNELS.map(|unit| Channel::new(unit, &runs, queries, &function_words));
        Self {
            shared: channels[0].shared(),
            channels,
            segment_count: segments.len(),
            function_words,
        }
    }

    pub(crate) fn query_count(&self) -> usize {
        self.channels[0].queries.len()
    }

    /// Share of the query's words in each segment, in [0, 1]; and in all of them together.
    pub(crate) fn shares(&self, query: usize) -> (Vec<f32>, f32) {
        let mut shares = vec![0.0; self.segment_count];
        let scale = 1.0 / CHANNELS.len() as f32;
        let held: f32 = (self.channels.iter())
            .map(|channel| scale * channel.add(query, scale, &mut shares))
            .sum();
        (shares, held)
    }

    /// Which of the words that many queries share this one has, a bit each.
    pub(crate) fn shared_with_others(&self, query: usize) -> u32 {
        let units = &self.channels[0].queries[query];
        (self.shared.iter().enumerate())
            .filter(|(_, unit)| units.contains(unit))
            .fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// How many words there are that many queries share.
    pub(crate) fn shared_count(&self) -> usize {
        self.shared.len()
    }

    /// Mean of [`shares`](Self::shares) over the queries, or an even sample of them.
    pub(crate) fn mean_shares(&self) -> Vec<f32> {
        let mut mean = vec![0.0; self.segment_count];
        let step = self.query_count().div_ceil(SAMPLE).max(1);
        let sample = (0..self.query_count()).step_by(step);
        let scale = 1.0 / (CHANNELS.len() * sample.len().max(1)) as f32;
        for query in sample {
            for channel in &self.channels {
                channel.add(query, scale, &mut mean);
            }
        }
        mean
    }

    /// Which of the query's words `segment` (or with `None` the page) holds no unit of, without those that most
    /// queries have: bit `n` is that of the `n`th word, up to [`MOST_WORDS`].
    pub(crate) fn missing(&self, query: &str, segment: Option<usize>) -> u64 {
        let channel = &self.channels[0];
        let is_held = |unit: &String| {
            let unit = channel.units.get(unit).map(|&unit| unit as usize);
            unit.is_some_and(|unit| {
                let held = &channel.postings[unit];
                channel.is_subject[unit]
                    || match segment {
                        Some(segment) => held.binary_search(&(segment as u32)).is_ok(),
                        None => !held.is_empty(),
                    }
            })
        };
        let words = words_of_query(query, &self.function_words).into_iter();
        (words.take(MOST_WORDS).enumerate())
            .filter(|(_, (_, units))| !units.iter().any(is_held))
            .fold(0, |bits, (at, _)| bits | 1 << at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(segments: &[&str], queries: &[&str]) -> Words {
        let owned = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        Words::new(&owned(segments), queries)
    }

    #[test]
    fn rare_words_count_more() {
        let page = ["sudo timeout", "sudo alias", "sudo log"];
        let words = words(&page, &["sudo timeout", "sudo fingerprint"]);
        let (shares, held) = words.shares(0);
        assert!(shares[0] > 0.99 && held > 0.99);
        assert!(shares[1] < 0.4 && shares[1] > 0.0);
        let (shares, held) = words.shares(1);
        assert!(shares.iter().all(|&share| share < 0.4) && held < 0.4);
        assert_eq!(words.missing("sudo fingerprint", Some(0)), 0b10);
        assert_eq!(words.missing("sudo timeout", Some(1)), 0b10);
        assert_eq!(words.missing("sudo timeout", None), 0);
    }

    #[test]
    fn the_subject_of_all_queries_is_not_what_one_misses() {
        let queries = ["agar jam", "plum jam", "jam pot", "jam sugar"];
        let words = words(&["Boil plums with sugar."], &queries);
        assert_eq!(words.missing(queries[0], None), 0b1);
    }

    #[test]
    fn the_mean_is_that_of_all_queries() {
        let words = words(&["tea green", "tea black"], &["tea", "green tea", "coffee"]);
        let mean = words.mean_shares();
        for (segment, mean) in mean.iter().enumerate() {
            let sum: f32 = (0..3).map(|query| words.shares(query).0[segment]).sum();
            assert!((sum / 3.0 - mean).abs() < 1e-6);
        }
    }
}
