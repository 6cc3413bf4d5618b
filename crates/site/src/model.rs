//! What the plan of a site is made from: the analyses of its pages.

use crate::words::{Stems, stems};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Coverage from which a query counts as answered; the same for every model and language (crates/coverage).
pub const ANSWERED: f64 = 0.7;

/// A page with what its own analysis found: the parts of `pageperfect_jobs.result` that a plan needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    pub id: String,
    pub url: String,
    #[serde(default)]
    pub title: String,
    /// As crates/segment tells it: `article`, `product`, `category` …; empty when unknown.
    #[serde(default)]
    pub page_type: String,
    #[serde(default)]
    pub topics: Vec<PageTopic>,
    #[serde(default)]
    pub edits: Vec<PageEdit>,
}

impl Page {
    /// Works out what queries are compared by; to be called once, before the page is used.
    pub fn prepare(&mut self) {
        for query in self.topics.iter_mut().flat_map(|topic| &mut topic.queries) {
            query.key = key(&query.query);
            query.stems = stems(&query.query).collect();
        }
    }
}

/// A topic of one page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageTopic {
    pub topic_index: i64,
    pub label: String,
    /// `gap`, `partly`, `answered`, `improve`, `brand`, `navigation`, `unrelated`.
    pub kind: String,
    #[serde(default)]
    pub intent: Option<String>,
    pub queries: Vec<TopicQuery>,
}

impl PageTopic {
    /// Whether people look for an answer, rather than for the brand, a page, or something else entirely.
    pub fn is_question(&self) -> bool {
        !matches!(&self.kind[..], "brand" | "navigation" | "unrelated")
    }
}

/// A query of a page over the period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicQuery {
    pub query: String,
    pub impressions: f64,
    pub clicks: f64,
    pub position: f64,
    /// How surely the page answers it, 0 to 1.
    pub coverage: f64,
    #[serde(default)]
    pub segment_id: Option<i64>,
    /// The period before, where it is known.
    #[serde(default)]
    pub before: Option<Before>,
    /// See [`key`] and [`Page::prepare`].
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub stems: Stems,
}

/// The same query of the same page over the period before, of the same length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Before {
    pub impressions: f64,
    pub clicks: f64,
    pub position: f64,
}

/// An edit that the page's own analysis recommends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageEdit {
    /// `write`, `extend` or `improve`.
    pub kind: String,
    pub topic_index: i64,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub open_queries: Vec<String>,
    /// A month.
    #[serde(default)]
    pub expected_clicks: f64,
    #[serde(default)]
    pub confidence: f64,
    /// Where in the page; passed on as it is.
    #[serde(default, with = "json_text")]
    pub place: Option<serde_json::Value>,
}

/// JSON inside of a format that does not describe itself: as text.
pub(crate) mod json_text {
    use super::*;
    use serde::de::Error;
    use serde_json::Value;

    pub fn serialize<S: Serializer>(value: &Option<Value>, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            value.serialize(to)
        } else {
            value.as_ref().map(Value::to_string).serialize(to)
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
        if from.is_human_readable() {
            return Option::deserialize(from);
        }
        let text: Option<String> = Option::deserialize(from)?;
        (text.map(|text| serde_json::from_str(&text)))
            .transpose()
            .map_err(D::Error::custom)
    }
}

/// How well another page answers a query than the one that Google shows for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Index of the page that Google shows, and the query's text on it.
    pub page: usize,
    pub query: String,
    /// Index of the other page.
    pub other: usize,
    pub coverage: f64,
    #[serde(default)]
    pub segment_id: Option<i64>,
}

/// Click-through rate by position: the site's own curve, or a general one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve(pub Vec<f64>);

impl Curve {
    /// Expected share of clicks at a position, 1 the top; between two positions a straight line, after the last its value
    /// falling with the position.
    pub fn rate(&self, position: f64) -> f64 {
        let Some(&last) = self.0.last() else {
            return 0.0;
        };
        let place = position.max(1.0) - 1.0;
        let (below, part) = (place.floor() as usize, place.fract());
        if below + 1 >= self.0.len() {
            return last * self.0.len() as f64 / position.max(self.0.len() as f64);
        }
        self.0[below] * (1.0 - part) + self.0[below + 1] * part
    }

    /// Extra clicks when `impressions` are shown at `target` instead of `position`; never negative.
    pub fn gain(&self, impressions: f64, position: f64, target: f64) -> f64 {
        impressions * (self.rate(target) - self.rate(position)).max(0.0)
    }
}

/// A query as it is compared: case, spaces and punctuation do not make another one.
pub fn key(query: &str) -> String {
    crate::words::words(query)
        .map(|word| word.text.to_lowercase())
        .collect::<Vec<_>>()
        .join(" ")
}
