//! Topics as an editor reads them: a label, what is open, and where the answer belongs.

use crate::scorer::{Query, QueryCoverage, SegmentText};
use crate::terms::fold;
use pageperfect_cluster::mean_position;
use pageperfect_cluster::words::stem;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Queries of a topic that misspellings are looked for among.
const SPELLED: usize = 200;
/// A query shorter than this has no misspellings.
const LONG_ENOUGH: usize = 6;

/// Queries that ask for the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topic {
    /// The query that stands for it.
    pub label: String,
    /// Most impressions first.
    pub queries: Vec<usize>,
    /// Those of them that the page does not answer.
    pub open: Vec<usize>,
    /// Of its queries, weighted by impressions.
    pub coverage: f64,
    pub impressions: f64,
    /// Of the open ones.
    pub open_impressions: f64,
    pub clicks: f64,
    /// Of the positions that are known, weighted by impressions.
    pub avg_position: Option<f64>,
    /// Where a reader would look for what is open, or what is answered.
    pub place: Option<Place>,
}

/// A section of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// Its heading; `None` in a page without headings.
    pub heading: Option<String>,
    /// The headings above and its own, outermost first.
    pub heading_path: Vec<String>,
    /// Its segment that comes nearest.
    pub segment: usize,
    /// Its last segment: what is new goes behind it.
    pub after_segment: usize,
    /// How much nearer it is than the second section, in [0, 1].
    pub certainty: f64,
}

/// One spelling of a query is enough: labels in which variants are of one topic, numbered by the
/// topics' first queries, and of each query the one that it is a variant of.
pub(crate) fn arrange(queries: &[Query], labels: &[usize]) -> (Vec<usize>, Vec<Option<usize>>) {
    let mut order: Vec<usize> = (0..queries.len()).collect();
    order.sort_by(|&a, &b| {
        queries[b]
            .impressions
            .total_cmp(&queries[a].impressions)
            .then(a.cmp(&b))
    });
    let spellings: Vec<Spelling> = queries
        .iter()
        .map(|query| Spelling::new(&query.query))
        .collect();
    let mut variants = vec![None; queries.len()];
    let mut by_words: HashMap<&[String], usize> = HashMap::new();
    let mut by_topic: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut topics = labels.to_vec();
    for &query in &order {
        let spelling = &spellings[query];
        let head = by_words.get(&*spelling.words).copied().or_else(|| {
            let heads = by_topic.get(&labels[query])?;
            heads
                .iter()
                .copied()
                .find(|&head| spellings[head].is_nearly(spelling))
        });
        if let Some(head) = head {
            variants[query] = Some(head);
            topics[query] = topics[head];
            continue;
        }
        by_words.insert(&spelling.words, query);
        let heads = by_topic.entry(labels[query]).or_default();
        if heads.len() < SPELLED {
            heads.push(query);
        }
    }
    // A topic all of whose queries went elsewhere is none.
    let mut weights: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    for (query, &topic) in topics.iter().enumerate() {
        weights.entry(topic).or_insert((0.0, query)).0 += queries[query].impressions;
    }
    let mut by_weight: Vec<_> = weights.into_iter().collect();
    by_weight.sort_by(|(_, (a, first)), (_, (b, second))| b.total_cmp(a).then(first.cmp(second)));
    let numbers: HashMap<usize, usize> = (by_weight.iter().enumerate())
        .map(|(number, (topic, _))| (*topic, number))
        .collect();
    (
        topics.iter().map(|topic| numbers[topic]).collect(),
        variants,
    )
}

/// A query as far as its spelling goes.
struct Spelling {
    letters: Vec<char>,
    /// Stems in alphabetical order.
    words: Vec<String>,
}

impl Spelling {
    fn new(query: &str) -> Self {
        let folded = fold(query);
        let mut words: Vec<String> = (folded.split(|c: char| !c.is_alphanumeric()))
            .filter(|word| !word.is_empty())
            .map(|word| stem(word).to_owned())
            .collect();
        words.sort_unstable();
        let letters = folded.chars().filter(|c| c.is_alphanumeric()).collect();
        Self { letters, words }
    }

    /// Whether one letter is missing, added, another, or two have changed places; digits never.
    fn is_nearly(&self, other: &Self) -> bool {
        let (a, b) = (&self.letters, &other.letters);
        if a.len().min(b.len()) < LONG_ENOUGH || a.len().abs_diff(b.len()) > 1 {
            return false;
        }
        let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
        let (a, b) = (&a[start..], &b[start..]);
        let end = a
            .iter()
            .rev()
            .zip(b.iter().rev())
            .take_while(|(x, y)| x == y)
            .count();
        let (a, b) = (&a[..a.len() - end], &b[..b.len() - end]);
        let is_letter = a
            .iter()
            .chain(b)
            .all(|c| c.is_alphabetic() && (*c as u32) < 0x2e80);
        let is_swapped = a.len() == 2 && b.len() == 2 && a[0] == b[1] && a[1] == b[0];
        is_letter && (a.len() <= 1 && b.len() <= 1 || is_swapped)
    }
}

pub(crate) fn topics(
    queries: &[Query],
    covered: &[QueryCoverage],
    segments: &[SegmentText],
) -> Vec<Topic> {
    let count = covered
        .iter()
        .map(|query| query.topic + 1)
        .max()
        .unwrap_or(0);
    let mut members = vec![Vec::new(); count];
    for (index, query) in covered.iter().enumerate() {
        members[query.topic].push(index);
    }
    let sections = Sections::new(segments);
    (members.into_iter())
        .map(|mut members: Vec<usize>| {
            members.sort_by(|&a, &b| {
                queries[b]
                    .impressions
                    .total_cmp(&queries[a].impressions)
                    .then(a.cmp(&b))
            });
            describe(queries, covered, &sections, members)
        })
        .collect()
}

fn describe(
    queries: &[Query],
    covered: &[QueryCoverage],
    sections: &Sections,
    members: Vec<usize>,
) -> Topic {
    let impressions_of =
        |members: &[usize]| members.iter().map(|&m| queries[m].impressions).sum::<f64>();
    let impressions = impressions_of(&members);
    // Where nobody searched, all count alike.
    let weight = |member: usize| {
        if impressions > 0.0 {
            queries[member].impressions
        } else {
            1.0
        }
    };
    let total: f64 = members.iter().map(|&m| weight(m)).sum();
    let mean = |value: &dyn Fn(usize) -> f64| {
        members.iter().map(|&m| weight(m) * value(m)).sum::<f64>() / total
    };
    let open: Vec<usize> = members
        .iter()
        .copied()
        .filter(|&m| covered[m].is_gap)
        .collect();
    let about = if open.is_empty() { &members } else { &open };
    Topic {
        label: queries[about[0]]
            .query
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        coverage: (mean(&|m| covered[m].coverage) * 1e4).round() / 1e4,
        avg_position: mean_position(
            (members.iter()).map(|&m| (queries[m].position, queries[m].impressions)),
        )
        .map(|position| (position * 100.0).round() / 100.0),
        clicks: members.iter().map(|&m| queries[m].clicks).sum(),
        open_impressions: impressions_of(&open),
        place: sections.place(about.iter().map(|&m| (weight(m), &covered[m]))),
        impressions,
        open,
        queries: members,
    }
}

/// The page's sections: runs of segments under the same headings.
struct Sections<'a> {
    segments: &'a [SegmentText],
    /// Of each segment: its section.
    of: Vec<usize>,
    /// Of each section: its headings and its last segment.
    all: Vec<(&'a [String], usize)>,
}

impl<'a> Sections<'a> {
    fn new(segments: &'a [SegmentText]) -> Self {
        let mut all: Vec<(&[String], usize)> = Vec::new();
        let mut of = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            let path = &segment.heading_path[..];
            match all.last_mut() {
                Some((last, end)) if *last == path => *end = index,
                _ => all.push((path, index)),
            }
            of.push(all.len() - 1);
        }
        Self { segments, of, all }
    }

    fn place<'b>(&self, queries: impl Iterator<Item = (f64, &'b QueryCoverage)>) -> Option<Place> {
        let mut scores: BTreeMap<usize, (f64, f64, usize)> = BTreeMap::new();
        for (weight, query) in queries {
            for hit in &query.hits {
                let score = weight * hit.score.max(0.0).powi(2);
                let entry =
                    scores
                        .entry(self.of[hit.segment])
                        .or_insert((0.0, f64::MIN, hit.segment));
                entry.0 += score;
                if score > entry.1 {
                    (entry.1, entry.2) = (score, hit.segment);
                }
            }
        }
        // The page's title alone is no section, as long as there is another.
        let has_depth = |section: &usize| self.all[*section].0.len() > 1;
        let deep = scores.keys().any(has_depth);
        let mut ranked: Vec<_> = scores
            .into_iter()
            .filter(|(section, _)| !deep || has_depth(section))
            .collect();
        ranked.sort_by(|(a, x), (b, y)| y.0.total_cmp(&x.0).then(a.cmp(b)));
        let (section, (best, _, segment)) = ranked.first()?;
        let second = ranked.get(1).map_or(0.0, |(_, score)| score.0);
        let (path, after_segment) = self.all[*section];
        debug_assert!(after_segment < self.segments.len());
        Some(Place {
            heading: path.last().cloned(),
            heading_path: path.to_vec(),
            segment: *segment,
            after_segment,
            certainty: if *best > 0.0 {
                ((1.0 - second / best) * 1e4).round() / 1e4
            } else {
                0.0
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_order_number_and_typing_errors_make_variants() {
        let query = |query: &str, impressions: f64| Query {
            query: query.into(),
            impressions,
            clicks: 0.0,
            position: Some(1.0),
        };
        let queries = [
            query("sudo timeout", 50.0),
            query("timeouts sudo", 10.0),
            query("sudo timeot", 5.0),
            query("sudo timeout 5", 5.0),
            query("sudo timeout 6", 4.0),
            query("sudo without password", 9.0),
            query("sudo password", 3.0),
        ];
        let (topics, variants) = arrange(&queries, &[3, 1, 3, 3, 3, 0, 0]);
        assert_eq!(variants, [None, Some(0), Some(0), None, None, None, None]);
        assert_eq!(topics, [0, 0, 0, 0, 0, 1, 1]);
    }
}
