//! What is known of a page, and what is said of it.

use crate::{Curve, Intent};
use serde::{Deserialize, Serialize};

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
    pub(crate) fn path(&self) -> Vec<String> {
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
    pub(crate) fn is_apart(self) -> bool {
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
