//! What a desk is given, and what it settles.

use serde::{Deserialize, Serialize};

use crate::input::{Form, Kind, Page, Passage, or_default};
use crate::reading::Verdict;

/// What gap analysis handed on. Ids are those of the database.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct DeskInput {
    /// Its headings and excerpts are filled in from `segments`.
    #[serde(default, deserialize_with = "or_default")]
    pub page: Page,
    /// All of the page, in its order.
    #[serde(default, deserialize_with = "or_default")]
    pub segments: Vec<Segment>,
    /// By rank; more than `top`, since a reader may strike some out.
    #[serde(default, deserialize_with = "or_default")]
    pub edits: Vec<Edit>,
    /// Those of the edits, at least.
    #[serde(default, deserialize_with = "or_default")]
    pub topics: Vec<Topic>,
    /// How many recommendations the job asks for.
    pub top: usize,
    /// Coverage in [0, 1] below which a query is open.
    pub threshold: f64,
    /// How many of them are drafted, and in which form.
    #[serde(default)]
    pub draft_count: usize,
    #[serde(default, deserialize_with = "or_default")]
    pub form: Form,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Segment {
    pub id: i64,
    pub kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub heading_path: Vec<String>,
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Edit {
    pub id: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub kind: Kind,
    pub topic_id: i64,
    pub label: String,
    #[serde(default, deserialize_with = "or_default")]
    pub open_queries: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub expected_clicks: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub opportunity: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub impressions: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub coverage: f64,
    #[serde(default)]
    pub confidence: Option<f64>,
    #[serde(default, deserialize_with = "or_default")]
    pub place: EditPlace,
    /// Segments by how near they come to the topic, nearest first.
    #[serde(default, deserialize_with = "or_default")]
    pub nearest: Vec<i64>,
}

/// Where an edit goes; the shape of the result's `place`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct EditPlace {
    #[serde(default, deserialize_with = "or_default")]
    pub kind: PlaceKind,
    #[serde(default)]
    pub after_heading: Option<String>,
    #[serde(default)]
    pub before_heading: Option<String>,
    #[serde(default)]
    pub parent_heading: Option<String>,
    /// The section that it belongs to, outermost below the page's title.
    #[serde(default)]
    pub section: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub heading_path: Vec<String>,
    #[serde(default)]
    pub segment_id: Option<i64>,
    #[serde(default)]
    pub level: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    #[default]
    NewSection,
    Extend,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Topic {
    pub id: i64,
    pub kind: String,
    #[serde(default)]
    pub confidence: Option<f64>,
    pub queries: Vec<TopicQuery>,
}

/// A query as the result shows it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct TopicQuery {
    pub query: String,
    #[serde(default, deserialize_with = "or_default")]
    pub variants: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub impressions: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub clicks: f64,
    #[serde(default)]
    pub position: Option<f64>,
    pub coverage: f64,
    #[serde(default)]
    pub segment_id: Option<i64>,
    pub is_answered: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub missing_terms: Vec<String>,
}

/// The recommendations that are left, and the topics that the reader changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Settled {
    /// By rank, from 1.
    pub edits: Vec<SettledEdit>,
    pub topics: Vec<SettledTopic>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct SettledEdit {
    pub id: i64,
    pub rank: usize,
    pub kind: Kind,
    pub open_queries: Vec<String>,
    pub expected_clicks: f64,
    pub opportunity: f64,
    pub coverage: f64,
    pub confidence: Option<f64>,
    pub place: EditPlace,
    pub verification: Option<Verification>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Verification {
    pub verdict: Verdict,
    pub quote: Option<String>,
    pub model: String,
    pub queries: Vec<VerifiedQuery>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct VerifiedQuery {
    pub query: String,
    pub verdict: Verdict,
    pub quote: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettledTopic {
    pub id: i64,
    pub kind: String,
    pub coverage: f64,
    pub confidence: Option<f64>,
    pub queries: Vec<TopicQuery>,
}

impl Segment {
    pub(super) fn passage(&self) -> Passage {
        Passage {
            heading_path: self.heading_path.clone(),
            text: self.text.clone(),
        }
    }

    /// The headings down to the section that it stands in; a heading opens one of its own.
    pub(super) fn section_path(&self) -> Vec<String> {
        let mut path = self.heading_path.clone();
        if self.kind == "heading" {
            path.push(self.text.clone());
        }
        path
    }
}
