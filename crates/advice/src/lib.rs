//! What to do to a page about what it does not answer, where, and what that is worth.
//!
//! Pure decisions on what the other crates measured: each query's coverage and nearest segments in, topics with their kind and
//! worth, and ranked edits out. No vectors, no I/O.

mod curve;
mod edits;
pub mod intent;
mod model;
mod place;
mod site;
mod topics;
mod verdict;
mod warnings;
mod words;

pub use curve::Curve;
pub use edits::grouped;
pub use intent::Intent;
pub use model::*;
pub use place::is_chrome;
pub use site::{Apart, QueryRow, Site, SiteFacts, set_apart};
pub use topics::{Group, Hit, Measured, MeasuredQuery, TopicRow, TopicsInput, topics};

use edits::{gap_edit, improvement, set_priorities, sort};
use place::Outline;
use verdict::{Worth, verdict};
use warnings::warnings;

/// Search Console's own exports span three months.
const USUAL_DAYS: f64 = 90.0;
const MONTH_DAYS: f64 = 30.0;
/// Where answers rank of a page that has none to go by, and the range within which it is believed.
const USUAL_TARGET: f64 = 6.0;
const TARGETS: (f64, f64) = (3.0, 8.0);
const MOST_IMPROVEMENTS: usize = 5;
/// A gap is not worth a line when it brings so slight a share of what the largest one brings, unless it brings so many clicks a month.
const SLIGHT: f64 = 0.04;
const WORTH_A_LINE: f64 = 10.0;
/// The segments that are the page's own text, by their index: links to other pages and what visitors wrote answer nothing,
/// however well they match.
pub fn own_segments(segments: &[Segment]) -> Vec<usize> {
    let outline = Outline::new(segments);
    let own: Vec<usize> = (0..segments.len())
        .filter(|&segment| !outline.is_chrome(segment))
        .collect();
    // A page of nothing else is taken as it is.
    if own.is_empty() {
        (0..segments.len()).collect()
    } else {
        own
    }
}

/// Decides on everything.
///
/// # Panics
/// When a hit names a segment that is not there.
pub fn advise(input: &Input) -> Advice {
    let outline = Outline::new(&input.segments);
    let asked = || {
        input
            .topics
            .iter()
            .filter(|topic| !topic.kind.is_some_and(Kind::is_apart))
    };
    let curve = Curve::fit(
        asked()
            .flat_map(|topic| &topic.queries)
            .filter_map(|query| Some((query.position?, query.impressions, query.clicks))),
    );
    let answered = asked()
        .flat_map(|topic| &topic.queries)
        .filter(|query| query.coverage >= input.threshold);
    let target =
        weighted_median(answered.filter_map(|query| Some((query.position?, query.impressions))))
            .map_or(USUAL_TARGET, |position| {
                position.clamp(TARGETS.0, TARGETS.1)
            });
    let period_days = input
        .period_days
        .filter(|days| *days > 0.0)
        .unwrap_or(USUAL_DAYS);
    let worth = Worth {
        curve,
        target,
        months: period_days / MONTH_DAYS,
    };

    let topics: Vec<TopicVerdict> = input
        .topics
        .iter()
        .map(|topic| verdict(topic, input, &worth))
        .collect();
    let mut edits: Vec<(Edit, &Topic)> = (topics.iter().zip(&input.topics))
        .filter(|(verdict, _)| matches!(verdict.kind, Kind::Gap | Kind::Partly))
        .map(|(verdict, topic)| (gap_edit(verdict, topic, input, &outline), topic))
        .collect();
    sort(&mut edits, |edit| {
        edit.expected_clicks * (1.0 - edit.coverage)
    });
    let most = (edits.iter()).fold(0.0, |most: f64, (edit, _)| most.max(edit.expected_clicks));
    edits.retain(|(edit, _)| edit.expected_clicks >= WORTH_A_LINE.min(SLIGHT * most));
    edits.truncate(2 * input.top);
    let mut improvements: Vec<(Edit, &Topic)> = (topics.iter().zip(&input.topics))
        .filter(|(verdict, _)| verdict.kind == Kind::Improve)
        .map(|(verdict, topic)| (improvement(verdict, topic, input, &outline), topic))
        .collect();
    sort(&mut improvements, |edit| edit.expected_clicks);
    improvements.truncate(MOST_IMPROVEMENTS.min(input.top));
    edits.extend(improvements);
    set_priorities(&mut edits, input);
    Advice {
        topics,
        edits: edits.into_iter().map(|(edit, _)| edit).collect(),
        ctr_curve: worth.curve,
        period_days,
        target_position: target,
        warnings: warnings(input, asked().map(|topic| topic.queries.len()).sum()),
    }
}

/// The value that half of the weight lies below.
fn weighted_median(values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let mut values: Vec<(f64, f64)> = values.filter(|(_, weight)| *weight > 0.0).collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    values.into_iter().find_map(|(value, weight)| {
        below += weight;
        (below >= half).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(query: &str, impressions: f64, position: f64, coverage: f64, segment: usize) -> Query {
        Query {
            query: query.into(),
            variants: vec![],
            impressions,
            clicks: 0.0,
            position: Some(position),
            coverage,
            hits: vec![(segment, 0.8)],
            parts: vec![],
            missing_terms: vec![],
        }
    }

    fn topic(id: i64, queries: Vec<Query>) -> Topic {
        Topic {
            id,
            label: String::new(),
            kind: None,
            queries,
        }
    }

    fn input(topics: Vec<Topic>) -> Input {
        let segment = |id, heading: &str| Segment {
            id,
            kind: "paragraph".into(),
            heading_path: vec!["Tea".into(), heading.into()],
            text: String::new(),
        };
        Input {
            language: Some("en".into()),
            segments: vec![
                segment(10, "Brewing"),
                segment(11, "Storing"),
                segment(12, "Buying"),
            ],
            topics,
            threshold: 0.7,
            top: 10,
            period_days: Some(30.0),
            is_english_model: false,
            is_lexical_model: false,
        }
    }

    #[test]
    fn topics_are_what_their_queries_are() {
        let mut brand = topic(5, vec![query("tea house", 900.0, 1.0, 0.1, 0)]);
        brand.kind = Some(Kind::Brand);
        let advice = advise(&input(vec![
            topic(
                1,
                vec![
                    query("cold brew", 500.0, 15.0, 0.1, 0),
                    query("iced tea", 100.0, 15.0, 0.9, 0),
                ],
            ),
            topic(2, vec![query("how long to steep", 500.0, 3.0, 0.95, 0)]),
            topic(
                3,
                vec![
                    query("tea tin", 300.0, 9.0, 0.9, 1),
                    query("freeze tea", 200.0, 9.0, 0.2, 1),
                ],
            ),
            topic(4, vec![query("best tea", 5000.0, 12.0, 0.9, 2)]),
            brand,
        ]));
        let kinds: Vec<Kind> = advice.topics.iter().map(|topic| topic.kind).collect();
        assert_eq!(
            kinds,
            [
                Kind::Gap,
                Kind::Answered,
                Kind::Partly,
                Kind::Improve,
                Kind::Brand
            ]
        );
        assert!((advice.topics[0].coverage - 140.0 / 600.0).abs() < 1e-12);
        assert_eq!(advice.topics[3].intent, Intent::Commercial);
        let edits: Vec<(i64, EditKind)> = advice
            .edits
            .iter()
            .map(|edit| (edit.topic_id, edit.kind))
            .collect();
        assert_eq!(
            edits,
            [
                (1, EditKind::Write),
                (3, EditKind::Extend),
                (4, EditKind::Improve)
            ]
        );
        assert_eq!(advice.edits[0].open_queries, ["cold brew"]);
        assert_eq!(
            advice.edits[0].place.after_heading.as_deref(),
            Some("Brewing")
        );
        assert_eq!(advice.edits[1].place.segment_id, Some(11));
        assert!(
            advice
                .edits
                .iter()
                .zip(1..)
                .all(|(edit, rank)| edit.rank == rank)
        );
    }

    #[test]
    fn what_it_brings_is_what_ranking_like_the_rest_would() {
        let advice = advise(&input(vec![
            topic(1, vec![query("cold brew", 1000.0, 20.0, 0.0, 0)]),
            topic(2, vec![query("how long to steep", 500.0, 4.0, 1.0, 0)]),
        ]));
        // From 0.5 % at 20 to 8.4 % at 4, where the page's answers are.
        assert_eq!(advice.target_position, 4.0);
        assert!((advice.topics[0].expected_clicks - 79.0).abs() < 1e-9);
        assert_eq!(advice.edits[0].priority, Priority::P1);
        assert_eq!(
            advice.edits[0].reason,
            "about 79 more clicks a month: 1,000 impressions at position 20, and nothing on the page answers this query"
        );
    }

    #[test]
    fn what_makes_it_doubtful_is_said() {
        let mut asked = input(vec![topic(
            1,
            vec![query("cold brew", 1000.0, 20.0, 0.0, 0)],
        )]);
        let codes = |input: &Input| -> Vec<&'static str> {
            advise(input)
                .warnings
                .iter()
                .map(|warning| warning.code)
                .collect()
        };
        assert_eq!(codes(&asked), ["few_queries"]);
        asked.topics[0].queries[0].position = None;
        asked.is_lexical_model = true;
        assert_eq!(
            codes(&asked),
            ["lexical_model", "positions_unknown", "few_queries"]
        );
        assert!(advise(&asked).edits[0].expected_clicks > 0.0);
    }

    #[test]
    fn a_place_that_is_no_better_brings_nothing() {
        let advice = advise(&input(vec![topic(
            1,
            vec![query("cold brew", 1000.0, 1.0, 0.0, 0)],
        )]));
        assert_eq!(advice.topics[0].expected_clicks, 0.0);
        assert_eq!(advice.edits.len(), 1);
    }

    #[test]
    fn half_of_the_weight_is_below_the_median() {
        assert_eq!(
            weighted_median([(1.0, 1.0), (9.0, 5.0), (4.0, 1.0)].into_iter()),
            Some(9.0)
        );
        assert_eq!(weighted_median([(1.0, 0.0)].into_iter()), None);
    }
}
