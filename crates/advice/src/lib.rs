//! What to do to a page about what it does not answer, where, and what that is worth.
//!
//! Pure decisions on what the other crates measured: each query's coverage and nearest segments in, topics with their kind and
//! worth, and ranked edits out. No vectors, no I/O.

mod curve;
mod edits;
pub mod intent;
mod place;
mod site;
mod topics;
mod words;

pub use curve::Curve;
pub use edits::grouped;
pub use intent::Intent;
pub use place::is_chrome;
pub use site::{Apart, QueryRow, Site, SiteFacts, set_apart};
pub use topics::{Group, Hit, Measured, MeasuredQuery, TopicRow, TopicsInput, topics};

use edits::{gap_edit, improvement, set_priorities, sort};
use place::Outline;
use serde::{Deserialize, Serialize};
use words::words;

/// A piece of the page, in its order.
#[derive(Debug, Clone, Deserialize)]
pub struct Segment {
    pub id: i64,
    pub kind: String,
    /// Headings above it, outermost first.
    #[serde(default)]
    pub heading_path: Vec<String>,
    #[serde(default)]
    pub text: String,
}

impl Segment {
    /// The heading path, a heading's own text included.
    fn path(&self) -> Vec<String> {
        let own = (self.kind == "heading").then_some(&self.text);
        (self.heading_path.iter().chain(own))
            .map(|heading| heading.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }
}

/// A query with what was measured of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Query {
    pub query: String,
    #[serde(default)]
    pub variants: Vec<String>,
    pub impressions: f64,
    #[serde(default)]
    pub clicks: f64,
    pub position: Option<f64>,
    /// How surely the page answers it, 0 to 1.
    pub coverage: f64,
    /// The nearest segments, best first, by their index, and how near each is.
    #[serde(default)]
    pub hits: Vec<(usize, f64)>,
    /// The parts of the page where a reader would look for it, by the index of their first segment.
    #[serde(default)]
    pub parts: Vec<(usize, f64)>,
    #[serde(default)]
    pub missing_terms: Vec<String>,
}

/// Queries that want the same.
#[derive(Debug, Clone, Deserialize)]
pub struct Topic {
    pub id: i64,
    #[serde(default)]
    pub label: String,
    /// Set when its queries are no question to the page.
    #[serde(default)]
    pub kind: Option<Kind>,
    pub queries: Vec<Query>,
}

/// All that is decided on.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    /// Language tag of the page.
    #[serde(default)]
    pub language: Option<String>,
    pub segments: Vec<Segment>,
    pub topics: Vec<Topic>,
    /// Coverage below it is a gap.
    pub threshold: f64,
    /// Edits to recommend at most, those that improve not counted.
    pub top: usize,
    /// Days that impressions and clicks are of.
    #[serde(default)]
    pub period_days: Option<f64>,
    /// The embedding model knows English alone.
    #[serde(default)]
    pub is_english_model: bool,
    /// The embedding model compares words more than meanings.
    #[serde(default)]
    pub is_lexical_model: bool,
}

/// What a topic is to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Gap,
    Partly,
    Answered,
    Improve,
    Brand,
    Navigation,
    Unrelated,
}

impl Kind {
    /// Nothing that the page should answer.
    fn is_apart(self) -> bool {
        matches!(self, Self::Brand | Self::Navigation | Self::Unrelated)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryVerdict {
    pub query: String,
    pub variants: Vec<String>,
    pub impressions: f64,
    pub clicks: f64,
    pub position: Option<f64>,
    pub coverage: f64,
    pub segment_id: Option<i64>,
    pub is_answered: bool,
    pub missing_terms: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicVerdict {
    pub id: i64,
    pub kind: Kind,
    /// Of its queries, weighted by impressions, 0 to 1.
    pub coverage: f64,
    /// How sure the kind is, 0 to 1.
    pub confidence: f64,
    pub intent: Intent,
    /// More clicks a month, were it answered in full.
    pub expected_clicks: f64,
    /// Impressions × (1 − coverage).
    pub opportunity: f64,
    pub is_gap: bool,
    pub best_segment_id: Option<i64>,
    pub second_segment_id: Option<i64>,
    /// By impressions, highest first.
    pub queries: Vec<QueryVerdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    NewSection,
    Extend,
}

/// Where an edit belongs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    pub kind: PlaceKind,
    /// The heading whose section the new one follows; none: it is the only one.
    pub after_heading: Option<String>,
    /// The heading that then follows; none: nothing does.
    pub before_heading: Option<String>,
    pub parent_heading: Option<String>,
    /// The section that it belongs to, outermost below the page's title.
    pub section: Option<String>,
    /// Of the section to extend or to follow, itself included.
    pub heading_path: Vec<String>,
    /// The passage to extend.
    pub segment_id: Option<i64>,
    /// Of the new section's heading, 2 to 6.
    pub level: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EditKind {
    Write,
    Extend,
    Improve,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Priority {
    P1,
    P2,
    P3,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edit {
    pub topic_id: i64,
    /// From 1.
    pub rank: usize,
    pub kind: EditKind,
    pub priority: Priority,
    /// Why it has this priority.
    pub reason: String,
    /// By impressions.
    pub open_queries: Vec<String>,
    pub expected_clicks: f64,
    pub opportunity: f64,
    /// Those of the open queries.
    pub impressions: f64,
    pub clicks: f64,
    pub avg_position: Option<f64>,
    pub coverage: f64,
    pub confidence: f64,
    pub place: Place,
}

/// Why the advice is to be read with care.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub code: &'static str,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    pub topics: Vec<TopicVerdict>,
    /// Twice as many as asked for, since a reader may strike some out; then those that improve.
    pub edits: Vec<Edit>,
    pub ctr_curve: Curve,
    pub period_days: f64,
    /// The position that an answer is expected to reach.
    pub target_position: f64,
    pub warnings: Vec<Warning>,
}

/// Fewer queries say little of what people want.
const FEW_QUERIES: usize = 15;

fn warnings(input: &Input, query_count: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, message: String| warnings.push(Warning { code, message });
    let language = input.language.as_deref().unwrap_or("");
    if input.is_english_model && !language.is_empty() && !language.to_lowercase().starts_with("en")
    {
        let message = format!(
            "the embedding model knows English alone, and the page is in {language}: coverage rests on shared words"
        );
        warn("english_model", message);
    }
    if input.is_lexical_model {
        warn(
            "lexical_model",
            "the embedding model compares words more than meanings: a passage that answers in other words may count as a gap"
                .into(),
        );
    }
    let is_ranked = |topic: &Topic| topic.queries.iter().any(|query| query.position.is_some());
    if query_count > 0 && !input.topics.iter().any(is_ranked) {
        warn(
            "positions_unknown",
            "it is not known where the page ranks: clicks are estimated from impressions alone"
                .into(),
        );
    }
    if query_count < FEW_QUERIES {
        warn(
            "few_queries",
            format!(
                "there are {query_count} queries, which say little of what people want to know"
            ),
        );
    }
    warnings
}

/// Search Console's own exports span three months.
const USUAL_DAYS: f64 = 90.0;
const MONTH_DAYS: f64 = 30.0;
/// Where answers rank of a page that has none to go by, and the range within which it is believed.
const USUAL_TARGET: f64 = 6.0;
const TARGETS: (f64, f64) = (3.0, 8.0);
/// A topic with less of its impressions open is answered, with more it is a gap; between them it is answered in part.
const PARTLY_OPEN: f64 = 0.15;
const MOSTLY_OPEN: f64 = 0.7;
/// Mean positions within reach of the first places.
const STRIKING_DISTANCE: std::ops::RangeInclusive<f64> = 8.0..=20.0;
/// Clicks above the curve by this factor are not few.
const GOOD_RATE: f64 = 1.5;
const MOST_IMPROVEMENTS: usize = 5;
/// An edit that brings fewer clicks a month is not worth a line.
const LEAST_IMPROVEMENT: f64 = 1.0;
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

struct Worth {
    curve: Curve,
    target: f64,
    months: f64,
}

impl Worth {
    /// More clicks a month, were the query answered and ranked where the page's answers rank, or a place higher when it is
    /// there.
    fn of_answer(&self, query: &Query) -> f64 {
        let position = query.position.unwrap_or(3.0 * self.target);
        self.of_move(query, position, self.target.min(position - 1.0)) * (1.0 - query.coverage)
    }

    /// The same for ranking twice as high.
    fn of_improvement(&self, query: &Query) -> f64 {
        let position = query.position.unwrap_or(2.0 * self.target);
        self.of_move(
            query,
            position,
            (position / 2.0).max(TARGETS.0.min(position)),
        )
    }

    fn of_move(&self, query: &Query, from: f64, to: f64) -> f64 {
        let more = self.curve.rate(to.max(1.0)) - self.curve.rate(from);
        query.impressions * more.max(0.0) / self.months
    }
}

fn verdict(topic: &Topic, input: &Input, worth: &Worth) -> TopicVerdict {
    let mut order: Vec<&Query> = topic.queries.iter().collect();
    order.sort_by(|a, b| {
        b.impressions
            .total_cmp(&a.impressions)
            .then_with(|| a.query.cmp(&b.query))
    });
    let is_open = |query: &&Query| query.coverage < input.threshold;
    let impressions: f64 = order.iter().map(|query| query.impressions).sum();
    // Queries that nobody saw weigh the same.
    let weight = |query: &Query| {
        if impressions > 0.0 {
            query.impressions / impressions
        } else {
            1.0 / order.len() as f64
        }
    };
    let coverage: f64 = order
        .iter()
        .map(|query| weight(query) * query.coverage)
        .sum();
    let open: f64 = order.iter().copied().filter(is_open).map(weight).sum();
    let kind = match topic.kind {
        Some(kind) => kind,
        None if open >= MOSTLY_OPEN => Kind::Gap,
        None if open >= PARTLY_OPEN => Kind::Partly,
        None if is_in_striking_distance(&order, worth) => Kind::Improve,
        None => Kind::Answered,
    };
    let confidence = match kind {
        Kind::Gap | Kind::Partly if open > 0.0 => {
            let sure: f64 = order
                .iter()
                .copied()
                .filter(is_open)
                .map(|query| weight(query) * (1.0 - query.coverage))
                .sum();
            sure / open
        }
        Kind::Answered | Kind::Improve => coverage,
        _ => 1.0,
    };
    let expected_clicks = match kind {
        Kind::Gap | Kind::Partly => order
            .iter()
            .copied()
            .filter(is_open)
            .map(|query| worth.of_answer(query))
            .sum(),
        Kind::Improve => order.iter().map(|query| worth.of_improvement(query)).sum(),
        _ => 0.0,
    };
    let mut segments: Vec<(usize, f64)> = Vec::new();
    for query in &order {
        for &(segment, score) in &query.hits {
            match segments.iter_mut().find(|(other, _)| *other == segment) {
                Some((_, sum)) => *sum += weight(query) * score,
                None => segments.push((segment, weight(query) * score)),
            }
        }
    }
    segments.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let id = |at: usize| {
        segments
            .get(at)
            .map(|(segment, _)| input.segments[*segment].id)
    };
    let intents: Vec<(Intent, f64)> = (order.iter())
        .map(|query| {
            (
                intent::intent(
                    &words(&query.query),
                    input.language.as_deref().unwrap_or(""),
                ),
                weight(query),
            )
        })
        .collect();
    let share = |intent: Intent| {
        intents
            .iter()
            .filter(|(other, _)| *other == intent)
            .map(|(_, weight)| weight)
            .sum::<f64>()
    };
    let most = [
        Intent::Informational,
        Intent::Commercial,
        Intent::Transactional,
        Intent::Navigational,
    ]
    .into_iter()
    .max_by(|a, b| share(*a).total_cmp(&share(*b)).then(b.cmp_by_order(*a)))
    .unwrap_or(Intent::Informational);
    TopicVerdict {
        id: topic.id,
        kind,
        coverage,
        confidence,
        intent: if matches!(kind, Kind::Brand | Kind::Navigation) {
            Intent::Navigational
        } else {
            most
        },
        expected_clicks,
        opportunity: impressions * (1.0 - coverage),
        is_gap: matches!(kind, Kind::Gap | Kind::Partly),
        best_segment_id: id(0),
        second_segment_id: id(1),
        queries: (order.iter())
            .map(|query| QueryVerdict {
                query: query.query.clone(),
                variants: query.variants.clone(),
                impressions: query.impressions,
                clicks: query.clicks,
                position: query.position,
                coverage: query.coverage,
                segment_id: query
                    .hits
                    .first()
                    .map(|(segment, _)| input.segments[*segment].id),
                is_answered: query.coverage >= input.threshold,
                missing_terms: query.missing_terms.clone(),
            })
            .collect(),
    }
}

impl Intent {
    fn cmp_by_order(self, other: Self) -> std::cmp::Ordering {
        (self as u8).cmp(&(other as u8))
    }
}

fn avg_position<'a>(queries: impl Iterator<Item = &'a Query>) -> Option<f64> {
    let (sum, weight) = queries
        .filter_map(|query| Some((query.position?, query.impressions)))
        .fold((0.0, 0.0), |(sum, weight), (position, impressions)| {
            (sum + position * impressions, weight + impressions)
        });
    (weight > 0.0).then(|| sum / weight)
}

fn is_in_striking_distance(queries: &[&Query], worth: &Worth) -> bool {
    let Some(position) = avg_position(queries.iter().copied()) else {
        return false;
    };
    let sum = |of: fn(&Query) -> f64| queries.iter().map(|query| of(query)).sum::<f64>();
    let expected: f64 = queries
        .iter()
        .map(|query| query.impressions * worth.curve.rate(query.position.unwrap_or(position)))
        .sum();
    STRIKING_DISTANCE.contains(&position)
        && sum(|query| query.clicks) <= GOOD_RATE * expected
        && queries
            .iter()
            .map(|query| worth.of_improvement(query))
            .sum::<f64>()
            >= LEAST_IMPROVEMENT
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
