//! JavaScript boundary of `pageperfect-segment`, and the codec that its embeddings go through.

use js_sys::JsString;
use pageperfect_boundary::{ascii, utf8};
use pageperfect_segment::Segment;
use pageperfect_vector::{VectorError, codec};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A piece of a page's main content. */
export interface Segment {
  /** 0-based, in document order. */
  position: number;
  kind: "heading" | "paragraph" | "list_item" | "quote" | "code" | "table_row" | "definition";
  /** The headings above it, outermost first. */
  heading_path: string[];
  text: string;
  /** Range in the HTML in code points, as Postgres' `substr` counts: `[...html].slice(start, end)`. */
  char_start: number;
  char_end: number;
  /** A selector for the element of its first block. */
  css_path: string;
  /** An estimate. */
  token_count: number;
}

/** What stands in the way of reading a page. */
export interface PageWarning {
  code:
    | "soft_404"
    | "bot_wall"
    | "paywall"
    | "consent_wall"
    | "app_shell"
    | "meta_refresh"
    | "encoding_doubt"
    | "segments_capped"
    | "language_mismatch";
  /** A sentence for people. */
  message: string;
  /** Whether there is nothing on the page worth analysing. */
  is_fatal: boolean;
}

/** A page: what it says about itself, and its main content. */
export interface SegmentedPage {
  title: string;
  description: string;
  canonical_url: string | null;
  /** BCP 47: declared, or what it is written in where it declares none or another. */
  language: string | null;
  language_source: "declared" | "detected" | null;
  /** ISO 8601, a day or a time. */
  published_at: string | null;
  modified_at: string | null;
  site_name: string | null;
  author: string | null;
  /** From the start of the site down. */
  breadcrumbs: string[];
  /** The likeliest; of pages with a probability of 0.8, four in five are of the type. */
  page_type: {
    type:
      | "article"
      | "category"
      | "documentation"
      | "forum"
      | "listing"
      | "product"
      | "service"
      | "faq";
    probability: number;
  } | null;
  /** The gravest first. */
  warnings: PageWarning[];
  /** At most 3,000. */
  segments: Segment[];
  /** How many more the page has. */
  segments_dropped: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "SegmentedPage")]
    pub type PageObject;
    #[wasm_bindgen(typescript_type = "Segment[]")]
    pub type SegmentObjects;
}

/// What the page says about itself, what stands in the way of reading it, and its segments. Never throws.
/// `url` is where the page came from; it may be empty.
#[wasm_bindgen]
pub fn segment(
    #[wasm_bindgen(unchecked_param_type = "string")] html: JsString,
    url: &str,
) -> Result<PageObject, JsError> {
    let page = pageperfect_segment::segment(&utf8(&html), url);
    // `None` is null for JavaScript: a key that JSON would keep.
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    Ok(page.serialize(&serializer)?.unchecked_into())
}

/// What is embedded for each of `segment`'s segments: its text, with the heading path (or else the
/// title) in front where it is not a heading itself.
#[wasm_bindgen]
pub fn embedding_texts(page_title: &str, segments: SegmentObjects) -> Result<Vec<String>, JsError> {
    let segments: Vec<Segment> = serde_wasm_bindgen::from_value(segments.into())
        .map_err(|error| JsError::new(&format!("segments are not those of segment(): {error}")))?;
    Ok(pageperfect_segment::embedding_texts(page_title, &segments))
}

/// An embedding as OpenAI sends it (base64 of little-endian f32) in pgvector's text form.
///
/// # Errors
/// Not base64, not whole numbers, or not finite.
#[wasm_bindgen]
pub fn pgvector_text(
    #[wasm_bindgen(unchecked_param_type = "string")] base64: JsString,
) -> Result<String, JsError> {
    let text = ascii(&base64).ok_or(VectorError::Base64 { offset: 0 })?;
    let bytes = codec::base64(text)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if numbers.is_empty() || !rest.is_empty() {
        return Err(JsError::new(&format!(
            "an embedding is a whole number of 4-byte floats, got {} bytes",
            bytes.len()
        )));
    }
    let row: Vec<f32> = numbers.iter().copied().map(f32::from_le_bytes).collect();
    codec::check_rows(&row, row.len(), 0)?;
    Ok(codec::write_text(&row))
}
