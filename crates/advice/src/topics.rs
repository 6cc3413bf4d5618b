//! From what was measured of each query to topics: those that are no question to the page stand apart, other spellings of a
//! query count for it.

use crate::site::{Apart, QueryRow, SiteFacts, median, set_apart};
use crate::{Kind, words::words};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// What was measured of a query, in the queries' order.
#[derive(Debug, Clone, Deserialize)]
pub struct Measured {
    /// That no passage answers it, by meaning and words, 0 to 1.
    pub gap_probability: f64,
    /// Cosine with the nearest segment, on any scale.
    pub meaning: f64,
    /// Index of the query that this is another spelling of.
    #[serde(default)]
    pub variant_of: Option<usize>,
    #[serde(default)]
    pub missing_in_best: Vec<String>,
    #[serde(default)]
    pub hits: Vec<Hit>,
    /// Parts of the page, by their first segment, and how likely a reader looks there.
    #[serde(default)]
    pub parts: Vec<Hit>,
}

/// A near segment, by its index, and how near it is.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Hit {
    pub segment: usize,
    pub score: f64,
}

/// Queries that want the same, by their index.
#[derive(Debug, Clone, Deserialize)]
pub struct Group {
    pub label: String,
    pub queries: Vec<usize>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct TopicsInput {
    pub facts: SiteFacts,
    pub rows: Vec<QueryRow>,
    pub measured: Vec<Measured>,
    pub groups: Vec<Group>,
    /// Of each segment that was compared: its index among all of the page.
    pub segments: Vec<usize>,
}

/// A row of `keyword_clusters`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicRow {
    pub cluster_index: usize,
    pub is_noise: bool,
    pub label: String,
    /// Why it is set apart; none: it asks the page something.
    pub kind: Option<Kind>,
    pub medoid_query: String,
    pub terms: Vec<String>,
    /// All of them, other spellings too.
    pub queries: Vec<String>,
    pub size: usize,
    pub impressions: f64,
    pub clicks: f64,
    pub avg_position: Option<f64>,
    pub query_coverage: Vec<MeasuredQuery>,
}

/// As [`Query`](crate::Query), the other way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredQuery {
    pub query: String,
    pub variants: Vec<String>,
    pub impressions: f64,
    pub clicks: f64,
    pub position: Option<f64>,
    pub coverage: f64,
    pub hits: Vec<(usize, f64)>,
    pub parts: Vec<(usize, f64)>,
    pub missing_terms: Vec<String>,
}

/// What each doubling of the position over the page's median adds to the log odds of a gap: a page that answers is found higher.
/// Chosen, not fitted: no data at hand has real positions. It settles what the page's text leaves open, and no more.
const RANK_WEIGHT: f64 = 0.5;
/// Doublings that count.
const RANK_DOUBLINGS: f64 = 2.0;

/// The probability that nothing answers, with what the position says of it.
fn with_rank(gap_probability: f64, position: Option<f64>, usual: f64) -> f64 {
    let Some(position) = position.filter(|position| *position >= 1.0 && usual >= 1.0) else {
        return gap_probability;
    };
    let doublings = (position / usual)
        .log2()
        .clamp(-RANK_DOUBLINGS, RANK_DOUBLINGS);
    let odds =
        gap_probability / (1.0 - gap_probability).max(1e-9) * (RANK_WEIGHT * doublings).exp();
    odds / (1.0 + odds)
}

/// The topics by impressions, highest first.
///
/// # Panics
/// When an index in `input` is out of range, or `rows` and `measured` differ in length.
pub fn topics(input: &TopicsInput) -> Vec<TopicRow> {
    let TopicsInput {
        facts,
        rows,
        measured,
        groups,
        segments,
    } = input;
    let relation: Vec<f32> = measured
        .iter()
        .map(|measured| measured.meaning as f32)
        .collect();
    let apart = set_apart(facts, rows, &relation);
    let usual = median(
        (0..rows.len())
            .filter(|&i| apart[i].is_none())
            .filter_map(|i| rows[i].position)
            .collect(),
    );
    let of_page = |hits: &[Hit]| {
        (hits.iter())
            .map(|hit| (segments[hit.segment], hit.score))
            .collect()
    };
    let measured: Vec<MeasuredQuery> = (rows.iter().zip(measured))
        .map(|(row, measured)| MeasuredQuery {
            query: row.query.clone(),
            variants: Vec::new(),
            impressions: row.impressions,
            clicks: row.clicks,
            position: row.position,
            coverage: pageperfect_coverage::coverage(with_rank(
                measured.gap_probability,
                row.position,
                usual,
            )),
            hits: of_page(&measured.hits),
            parts: of_page(&measured.parts),
            missing_terms: measured.missing_in_best.clone(),
        })
        .collect();
    let variant_of: Vec<Option<usize>> = input
        .measured
        .iter()
        .map(|measured| measured.variant_of)
        .collect();
    let mut members: Vec<(Option<Kind>, String, Vec<usize>)> = Vec::new();
    for kind in [Apart::Brand, Apart::Navigation, Apart::Unrelated] {
        let found = (0..rows.len())
            .filter(|&i| apart[i] == Some(kind))
            .collect();
        members.push((Some(kind.into()), String::new(), found));
    }
    for group in groups {
        let left: Vec<usize> = group
            .queries
            .iter()
            .copied()
            .filter(|&i| apart[i].is_none())
            .collect();
        // A label that one of those set apart gave says nothing of the rest.
        let gave_label = group
            .queries
            .iter()
            .any(|&i| apart[i].is_some() && rows[i].query == group.label);
        let label = if gave_label {
            String::new()
        } else {
            group.label.clone()
        };
        members.push((None, label, left));
    }
    let mut topics: Vec<TopicRow> = (members.into_iter())
        .filter(|(_, _, members)| !members.is_empty())
        .map(|(kind, label, members)| topic(kind, label, &members, &measured, &variant_of))
        .collect();
    topics.sort_by(|a, b| {
        b.impressions
            .total_cmp(&a.impressions)
            .then_with(|| a.label.cmp(&b.label))
    });
    for (index, topic) in topics.iter_mut().enumerate() {
        topic.cluster_index = index;
    }
    topics
}

impl From<Apart> for Kind {
    fn from(apart: Apart) -> Self {
        match apart {
            Apart::Brand => Self::Brand,
            Apart::Navigation => Self::Navigation,
            Apart::Unrelated => Self::Unrelated,
        }
    }
}

fn topic(
    kind: Option<Kind>,
    label: String,
    members: &[usize],
    measured: &[MeasuredQuery],
    variant_of: &[Option<usize>],
) -> TopicRow {
    let mut queries: Vec<(MeasuredQuery, f64)> = Vec::new();
    let weight = |query: &MeasuredQuery| query.impressions.max(1.0);
    // Those that stand for themselves first, then other spellings: with theirs when it is here.
    let here: HashSet<usize> = members.iter().copied().collect();
    let stands_for = |i: usize| variant_of[i].filter(|of| here.contains(of)).unwrap_or(i);
    let (own, other): (Vec<usize>, Vec<usize>) = (members.iter().copied())
        // A spelling of a spelling stands alone: chains lead away.
        .partition(|&i| stands_for(i) == i || stands_for(stands_for(i)) != stands_for(i));
    let mut places = HashMap::new();
    for i in own {
        places.insert(i, queries.len());
        queries.push((measured[i].clone(), weight(&measured[i])));
    }
    for i in other {
        let row = &measured[i];
        let (query, seen) = &mut queries[places[&stands_for(i)]];
        query.variants.push(row.query.clone());
        query.impressions += row.impressions;
        query.clicks += row.clicks;
        query.position = match (query.position, row.position) {
            (Some(a), Some(b)) => Some((a * *seen + b * weight(row)) / (*seen + weight(row))),
            (a, b) => a.or(b),
        };
        *seen += weight(row);
    }
    queries.sort_by(|(a, _), (b, _)| {
        b.impressions
            .total_cmp(&a.impressions)
            .then_with(|| a.query.cmp(&b.query))
    });
    let (position, seen) = (queries.iter())
        .filter_map(|(query, weight)| Some((query.position?, *weight)))
        .fold((0.0, 0.0), |(sum, all), (position, weight)| {
            (sum + position * weight, all + weight)
        });
    let first = queries[0].0.query.clone();
    TopicRow {
        cluster_index: 0,
        is_noise: false,
        label: if words(&label).is_empty() {
            first.clone()
        } else {
            label
        },
        kind,
        medoid_query: first,
        terms: Vec::new(),
        queries: (queries.iter())
            .flat_map(|(query, _)| std::iter::once(&query.query).chain(&query.variants))
            .cloned()
            .collect(),
        size: members.len(),
        impressions: queries.iter().map(|(query, _)| query.impressions).sum(),
        clicks: queries.iter().map(|(query, _)| query.clicks).sum(),
        avg_position: (seen > 0.0).then(|| position / seen),
        query_coverage: queries.into_iter().map(|(query, _)| query).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_position_speaks_for_an_answer_and_a_low_one_against() {
        assert_eq!(with_rank(0.5, Some(10.0), 10.0), 0.5);
        assert!(with_rank(0.5, Some(5.0), 10.0) < 0.4);
        assert_eq!(
            with_rank(0.5, Some(40.0), 10.0),
            with_rank(0.5, Some(400.0), 10.0)
        );
        assert_eq!(with_rank(1.0, None, 10.0), 1.0);
        assert!(with_rank(1.0, Some(1.0), 10.0) <= 1.0);
    }

    #[test]
    fn a_query_stands_in_one_topic_and_spellings_count_for_it() {
        let row = |query: &str, impressions: f64, position: f64| QueryRow {
            query: query.into(),
            impressions,
            clicks: 0.0,
            position: Some(position),
        };
        let measured = |variant_of| Measured {
            gap_probability: 0.5,
            meaning: 0.5,
            variant_of,
            missing_in_best: vec![],
            hits: vec![],
            parts: vec![],
        };
        let input = TopicsInput {
            facts: SiteFacts {
                site_name: Some("Wool Barn".into()),
                ..SiteFacts::default()
            },
            rows: vec![
                row("knit socks", 30.0, 10.0),
                row("knitting socks", 10.0, 20.0),
                row("wool barn", 90.0, 1.0),
                row("knit a hat", 50.0, 9.0),
                row("sock sizes", 20.0, 8.0),
            ],
            measured: vec![
                measured(None),
                measured(Some(0)),
                measured(None),
                measured(None),
                measured(None),
            ],
            segments: vec![],
            groups: vec![
                Group {
                    label: "wool barn".into(),
                    queries: vec![2, 3],
                },
                Group {
                    label: "socks".into(),
                    queries: vec![0, 1, 4],
                },
            ],
        };
        let topics = topics(&input);
        let shown: Vec<(Option<Kind>, &str, usize, f64)> = topics
            .iter()
            .map(|t| (t.kind, t.label.as_str(), t.size, t.impressions))
            .collect();
        assert_eq!(
            shown,
            [
                (Some(Kind::Brand), "wool barn", 1, 90.0),
                (None, "socks", 3, 60.0),
                (None, "knit a hat", 1, 50.0)
            ]
        );
        let socks = &topics[1].query_coverage[0];
        assert_eq!(
            (socks.variants.len(), socks.impressions, socks.position),
            (1, 40.0, Some(12.5))
        );
        assert_eq!(
            topics[1].queries,
            ["knit socks", "knitting socks", "sock sizes"]
        );
    }
}
