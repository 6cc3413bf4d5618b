//! JavaScript binding of [`pageperfect_gsc`].

use pageperfect_boundary as _;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** One search query of a page with its Search Console figures. */
export interface Keyword {
  query: string;
  impressions: number;
  clicks: number;
  /** Average rank; 1 is the first. */
  position: number;
}

export interface ParsedCsv {
  /** One a query, in the file's order. */
  keywords: Keyword[];
  /** What was left out or merged, one sentence each. */
  warnings: string[];
}
"#;

/// Reads a CSV file of search queries. Throws `line N: …` for a broken line.
#[wasm_bindgen(unchecked_return_type = "ParsedCsv")]
pub fn parse_csv(bytes: &[u8]) -> Result<JsValue, JsError> {
    let parsed = pageperfect_gsc::parse_csv(bytes)?;
    // One string across the boundary instead of a call for each field of each row.
    let json = serde_json::to_string(&parsed)?;
    js_sys::JSON::parse(&json).map_err(|_| JsError::new("the result is not JSON"))
}
