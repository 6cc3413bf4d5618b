use serde::{Deserialize, Deserializer};

/// The page and the gap that the draft is for. `null` counts as empty throughout.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct DraftInput {
    #[serde(default, deserialize_with = "or_default")]
    pub page: Page,
    #[serde(default, deserialize_with = "or_default")]
    pub recommendation: Recommendation,
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
    /// Most impressions first.
    #[serde(default, deserialize_with = "or_default")]
    pub queries: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub impressions: f64,
    /// Cosine similarity of the queries to that section, in [-1, 1].
    #[serde(default, deserialize_with = "or_default")]
    pub best_similarity: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub best_heading_path: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub best_text: String,
}

fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
