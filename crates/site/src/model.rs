//! What the plan of a site is made from: the analyses of its pages.

use crate::words::{Stem, Stems, stems};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;

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

    /// The stems of what the page is asked for.
    pub(crate) fn asked(&self) -> impl Iterator<Item = Stem> {
        (self.topics.iter().flat_map(|topic| &topic.queries)).flat_map(|query| query.stems.iter())
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
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
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
    /// See [`key`] and [`Page::prepare`]; stored as the text that it is made of.
    #[serde(default, deserialize_with = "key_of_text")]
    pub key: Key,
    #[serde(default)]
    pub stems: Stems,
}

impl Serialize for TopicQuery {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut query = to.serialize_struct("TopicQuery", 9)?;
        query.serialize_field("query", &self.query)?;
        query.serialize_field("impressions", &self.impressions)?;
        query.serialize_field("clicks", &self.clicks)?;
        query.serialize_field("position", &self.position)?;
        query.serialize_field("coverage", &self.coverage)?;
        query.serialize_field("segment_id", &self.segment_id)?;
        query.serialize_field("before", &self.before)?;
        query.serialize_field("key", &key_text(&self.query))?;
        query.serialize_field("stems", &self.stems)?;
        query.end()
    }
}

/// Without a copy of the text, of which a site has a hundred thousand.
fn key_of_text<'de, D: Deserializer<'de>>(from: D) -> Result<Key, D::Error> {
    struct Text;
    impl serde::de::Visitor<'_> for Text {
        type Value = Key;

        fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
            to.write_str("a query's words")
        }

        fn visit_str<E>(self, text: &str) -> Result<Key, E> {
            Ok(fnv1a(FNV_START, text.as_bytes()))
        }
    }
    from.deserialize_str(Text)
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
#[serde(from = "StoredEdit", into = "StoredEdit")]
pub struct PageEdit {
    /// `write`, `extend` or `improve`.
    pub kind: String,
    pub topic_index: i64,
    pub confidence: f64,
    /// Where in the page; passed on as it is.
    pub place: Place,
}

/// JSON, or nothing, as text: a tree of it takes ten times the memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place(Option<String>);

impl Place {
    pub fn value(&self) -> Option<Value> {
        serde_json::from_str(self.0.as_ref()?).ok()
    }
}

impl From<Option<Value>> for Place {
    fn from(value: Option<Value>) -> Self {
        Self(value.map(|value| value.to_string()))
    }
}

/// A [`PageEdit`] as it comes and is stored: the fields that no plan reads keep their places in bytes that do not name them, so that what
/// an earlier version stored is read.
#[derive(Default, Serialize, Deserialize)]
struct StoredEdit {
    kind: String,
    topic_index: i64,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    open_queries: Vec<String>,
    #[serde(default)]
    expected_clicks: f64,
    #[serde(default)]
    confidence: f64,
    #[serde(default, with = "place_text")]
    place: Place,
}

impl From<StoredEdit> for PageEdit {
    fn from(edit: StoredEdit) -> Self {
        Self {
            kind: edit.kind,
            topic_index: edit.topic_index,
            confidence: edit.confidence,
            place: edit.place,
        }
    }
}

impl From<PageEdit> for StoredEdit {
    fn from(edit: PageEdit) -> Self {
        Self {
            kind: edit.kind,
            topic_index: edit.topic_index,
            confidence: edit.confidence,
            place: edit.place,
            ..Self::default()
        }
    }
}

/// A tree where it is read by people, text elsewhere.
mod place_text {
    use super::*;

    pub fn serialize<S: Serializer>(place: &Place, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            place.value().serialize(to)
        } else {
            place.serialize(to)
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Place, D::Error> {
        if from.is_human_readable() {
            return Ok(Option::<Value>::deserialize(from)?.into());
        }
        Place::deserialize(from)
    }
}

/// JSON inside of a format that does not describe itself: as text.
pub(crate) mod json_text {
    use super::*;
    use serde::de::Error;

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

/// A query as it is compared: a hash of its words, of 64 bits. Of a million queries two are taken for one by chance once in 40 million
/// sites.
pub type Key = u64;

/// Case, spaces and punctuation do not make another query.
pub fn key(query: &str) -> Key {
    fnv1a(FNV_START, key_text(query).as_bytes())
}

pub(crate) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a of 64 bits, from [`FNV_START`] or from a hash on.
pub(crate) fn fnv1a(start: u64, bytes: &[u8]) -> u64 {
    (bytes.iter()).fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn key_text(query: &str) -> String {
    crate::words::words(query)
        .map(|word| word.text.to_lowercase())
        .collect::<Vec<_>>()
        .join(" ")
}
