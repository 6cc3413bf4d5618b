//! JavaScript boundary of `pageperfect-site`. What is large crosses as one JSON text.

use pageperfect_boundary as _;
use pageperfect_site::outcome::{BeforeAfter, effect};
use pageperfect_site::site::{Found, PageInput, Settings, Site};
use pageperfect_site::sitemap;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface SitemapEntry { url: string; last_modified: string | null }
/** What a sitemap names: pages, or further sitemaps. */
export interface Sitemap { pages: SitemapEntry[]; sitemaps: SitemapEntry[] }

/** Queries of other pages that a page may answer. */
export interface SiteCandidate { page_id: string; queries: { page_id: string; query: string }[] }

/** What a page has for a query that another page is shown for. */
export interface FoundElsewhere {
  page_id: string;
  query: string;
  other_page_id: string;
  coverage: number;
  segment_id: number | null;
}

/** Two sums over periods of the same length. */
export interface BeforeAfter { before: number; after: number }

/** A factor on clicks, against the untouched pages, with its 95 % interval; `extra` is in clicks. */
export interface Effect {
  factor: number; low: number; high: number;
  extra: number; extra_low: number; extra_high: number;
  control_count: number;
}
"#;

/// Reads a sitemap or a sitemap index, compressed by gzip or not. Throws what is wrong with it.
#[wasm_bindgen(unchecked_return_type = "Sitemap")]
pub fn parse_sitemap(bytes: &[u8]) -> Result<JsValue, JsError> {
    parse_json(&serde_json::to_string(&sitemap::parse(bytes)?)?)
}

/// Difference in differences; null when too little was counted to measure anything.
#[wasm_bindgen(unchecked_return_type = "Effect | null")]
pub fn measure_effect(
    #[wasm_bindgen(unchecked_param_type = "BeforeAfter")] edited: JsValue,
    #[wasm_bindgen(unchecked_param_type = "BeforeAfter[]")] controls: JsValue,
) -> Result<JsValue, JsError> {
    let edited: BeforeAfter = pageperfect_boundary::read("edited", edited)?;
    let controls: Vec<BeforeAfter> = pageperfect_boundary::read("controls", controls)?;
    pageperfect_boundary::write(&effect(edited, &controls))
}

/// The pages of a site, read one after another; then `candidates` or `report`, then `free`.
#[wasm_bindgen]
pub struct SitePlanner(Site);

#[wasm_bindgen]
impl SitePlanner {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Site::default())
    }

    /// Adds pages: JSON of an array of `{id, url, title, page_type, topics, edits, segments, links}`.
    pub fn push_pages(&mut self, json: &str) -> Result<(), JsError> {
        let pages: Vec<PageInput> = serde_json::from_str(json)?;
        pages.into_iter().for_each(|page| self.0.push(page));
        Ok(())
    }

    #[wasm_bindgen(getter)]
    pub fn page_count(&self) -> usize {
        self.0.page_count()
    }

    /// Where else answers may stand, page by page.
    #[wasm_bindgen(unchecked_return_type = "SiteCandidate[]")]
    pub fn candidates(&self) -> Result<JsValue, JsError> {
        parse_json(&serde_json::to_string(&self.0.candidates())?)
    }

    /// The report as JSON. `found`: JSON of an array of `FoundElsewhere`; `settings`: `{period_days, top?, similar?}`.
    pub fn report(&self, found: &str, settings: &str) -> Result<String, JsError> {
        let found: Vec<Found> = serde_json::from_str(found)?;
        let settings: Settings = serde_json::from_str(settings)?;
        Ok(serde_json::to_string(&self.0.report(&found, &settings))?)
    }
}

/// One string across the boundary instead of a call for each field of each row.
fn parse_json(json: &str) -> Result<JsValue, JsError> {
    js_sys::JSON::parse(json).map_err(|_| JsError::new("the result is not JSON"))
}
