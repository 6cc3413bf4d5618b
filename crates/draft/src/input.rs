use serde::{Deserialize, Deserializer, Serialize};

/// The page and the gap that the draft is for. `null` counts as empty throughout.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct DraftInput {
    #[serde(default, deserialize_with = "or_default")]
    pub page: Page,
    #[serde(default, deserialize_with = "or_default")]
    pub recommendation: Recommendation,
    #[serde(default, deserialize_with = "or_default")]
    pub form: Form,
    /// What an earlier version was like, when this is not the first.
    #[serde(default)]
    pub previous: Option<Previous>,
}

/// Whether a section is written, or the points that it has to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    #[default]
    Text,
    Outline,
}

/// The page as it is now.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Page {
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    #[serde(default, deserialize_with = "or_default")]
    pub url: String,
    /// Language tag such as `en` or `pt-BR`.
    #[serde(default, deserialize_with = "or_default")]
    pub language: String,
    /// In the page's order.
    #[serde(default, deserialize_with = "or_default")]
    pub headings: Vec<String>,
    /// Other text of the page that the draft may draw facts from, in the page's order. Optional:
    /// without it the best matching section is all that is known of the page.
    #[serde(default, deserialize_with = "or_default")]
    pub excerpts: Vec<String>,
}

/// The gap: queries that the page does not answer, and the section that comes nearest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Recommendation {
    #[serde(default, deserialize_with = "or_default")]
    pub label: String,
    /// Whether a section is missing, one answers in part, or no page fits.
    #[serde(default, deserialize_with = "or_default")]
    pub kind: Kind,
    /// Those that the page does not answer; most impressions first.
    #[serde(default, deserialize_with = "or_default")]
    pub queries: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub impressions: f64,
    /// How well that section answers the queries, in [0, 1].
    #[serde(default, deserialize_with = "or_default")]
    pub best_similarity: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub best_heading_path: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub best_text: String,
    /// Where the section goes, when that is settled.
    #[serde(default)]
    pub place: Option<Place>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Write,
    Extend,
    Improve,
    /// No page of the site fits: a page of its own.
    NewPage,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Place {
    /// The heading whose section the new one follows; empty: the end of the page.
    #[serde(default, deserialize_with = "or_default")]
    pub after_heading: String,
    /// Of the new section's heading, 2 to 6.
    #[serde(default)]
    pub level: Option<u8>,
}

impl Recommendation {
    /// Level of the section's heading, 2 to 6; 1 for a page of its own.
    pub(crate) fn level(&self) -> u8 {
        if self.kind == Kind::NewPage {
            return 1;
        }
        let level = self.place.as_ref().and_then(|place| place.level);
        let usual = if self.kind == Kind::Write { 2 } else { 3 };
        level.unwrap_or(usual).clamp(2, 6)
    }
}

/// An earlier version of the draft, and what it lacked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Previous {
    #[serde(default, deserialize_with = "or_default")]
    pub body_markdown: String,
    /// What kept it from being used.
    #[serde(default, deserialize_with = "or_default")]
    pub problems: Vec<String>,
    /// The queries that it did not answer.
    #[serde(default, deserialize_with = "or_default")]
    pub open: Vec<OpenQuery>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct OpenQuery {
    #[serde(default, deserialize_with = "or_default")]
    pub query: String,
    /// Words of the query that the nearest passage lacks.
    #[serde(default, deserialize_with = "or_default")]
    pub missing_terms: Vec<String>,
}

/// A piece of a page's or of a draft's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Passage {
    /// From the top down.
    #[serde(default, deserialize_with = "or_default")]
    pub heading_path: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub text: String,
}

pub(crate) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
