//! JavaScript boundary of `pageperfect-advice`. Both functions take and give JSON as text: thousands of queries cross in one
//! string faster than as objects.

use pageperfect_boundary as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

fn answer<I: DeserializeOwned, O: Serialize>(
    input: &str,
    decide: fn(&I) -> O,
) -> Result<String, JsError> {
    Ok(serde_json::to_string(&decide(&serde_json::from_str(
        input,
    )?))?)
}

/// Indexes of the segments that are the page's own text; `segments` is `[{id, kind, heading_path, text}]`.
///
/// # Errors
/// JSON of another shape.
#[wasm_bindgen]
pub fn own_segments(segments: &str) -> Result<Vec<u32>, JsError> {
    let segments: Vec<pageperfect_advice::Segment> = serde_json::from_str(segments)?;
    let own = pageperfect_advice::own_segments(&segments);
    Ok(own.into_iter().map(|index| index as u32).collect())
}

/// Topics of measured queries: `{facts, rows, measured, groups, segments}` to rows of `keyword_clusters` (`TopicsInput`, `TopicRow`).
///
/// # Errors
/// JSON of another shape.
#[wasm_bindgen]
pub fn topics(input: &str) -> Result<String, JsError> {
    answer(input, pageperfect_advice::topics)
}

/// What to do about topics, and where: `{language, segments, topics, threshold, top, period_days}` to
/// `{topics, edits, ctr_curve, period_days, target_position}` (`Input`, `Advice`).
///
/// # Errors
/// JSON of another shape.
#[wasm_bindgen]
pub fn advise(input: &str) -> Result<String, JsError> {
    answer(input, pageperfect_advice::advise)
}
