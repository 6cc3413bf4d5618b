//! JavaScript boundary of `pageperfect-coverage`. Vectors cross packed, never as objects.

use js_sys::JsString;
use pageperfect_boundary::{ascii, read, write};
use pageperfect_coverage::{PageCoverage as Page, Query, QueryCoverage, SegmentText, Topic};
use pageperfect_vector::VectorError;
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface SegmentText {
  text: string;
  /** Outermost first. */
  heading_path: string[];
}

export interface CoverageQuery {
  query: string;
  impressions: number;
  clicks: number;
  position: number | null;
}

/** How well the page answers one query. */
export interface QueryCoverage {
  /** 0 to 1; answered from 0.7 on, whatever the model. */
  coverage: number;
  gap_probability: number;
  is_gap: boolean;
  /** Cosine with the best segment on the page's own scale: 0 is the mean of all its queries and segments. */
  meaning: number;
  /** Share of the query's words in the best segment, rare ones counting more. */
  words: number;
  /** Words that the best segment, or any segment, does not have. */
  missing_in_best: string[];
  missing_in_page: string[];
  /** The best segments, best first, by their index. */
  hits: { segment: number; score: number }[];
  /** The parts of the page where a reader would look for it, likeliest first, by the index of their first segment. */
  parts: { segment: number; score: number }[];
  topic: number;
  /** The query that this is another spelling of, by its index. */
  variant_of: number | null;
}

/** Queries that want the same; indexes of the pushed queries and segments. */
export interface CoverageTopic {
  label: string;
  queries: number[];
  open: number[];
  coverage: number;
  impressions: number;
  open_impressions: number;
  clicks: number;
  avg_position: number | null;
}
"#;

/// Scores every query of a page against every segment, and makes topics of the queries.
///
/// Push all segments and all queries (in chunks of any size), `step` until it answers 1, then `queries` and `topics`, then
/// `free`. With a CPU budget: `checkpoint` and `restore` carry what was found so far (not the vectors) to another isolate,
/// and vectors are given when they are `wanted` and `needs_segments`, so that little is read again there.
#[wasm_bindgen]
pub struct PageCoverage(Page);

#[wasm_bindgen]
impl PageCoverage {
    /// `dimensions`: of every vector. `eps`: the mean distance up to which groups of queries are one topic, on the calibrated
    /// scale (default 0.3).
    #[wasm_bindgen(constructor)]
    pub fn new(
        dimensions: usize,
        #[wasm_bindgen(unchecked_param_type = "SegmentText[]")] segments: JsValue,
        #[wasm_bindgen(unchecked_param_type = "CoverageQuery[]")] queries: JsValue,
        eps: Option<f64>,
    ) -> Result<Self, JsError> {
        let segments: Vec<SegmentText> = read("segments", segments)?;
        let queries: Vec<Query> = read("queries", queries)?;
        let mut options = pageperfect_coverage::Options::default();
        options.eps = eps.unwrap_or(options.eps);
        Ok(Self(Page::new(dimensions, segments, queries, options)?))
    }

    /// Adds vectors of segments: base64 of Postgres' binary vectors (`vector_send`), one or many on end.
    pub fn push_segments(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.push_segments_base64(unpack(&packed)?)?)
    }

    /// Adds vectors of segments that are not stored: base64 of little-endian f32, one or many on end.
    pub fn push_embedded_segments(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.push_embedded_segments_base64(unpack(&packed)?)?)
    }

    /// Adds vectors of queries: base64 of little-endian f32, one or many on end.
    pub fn push_queries(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.push_queries_base64(unpack(&packed)?)?)
    }

    /// Indexes of queries whose vectors the next steps need, when they were not pushed before: `supply` them in this order.
    /// Empty when a step can be done.
    pub fn wanted(&mut self) -> Vec<u32> {
        let wanted = self.0.wanted();
        wanted.into_iter().map(|query| query as u32).collect()
    }

    /// Gives vectors that were `wanted`: base64 of little-endian f32, one or many on end.
    pub fn supply(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.supply_base64(unpack(&packed)?)?)
    }

    /// Whether the next step needs the segments' vectors.
    #[wasm_bindgen(getter)]
    pub fn needs_segments(&self) -> bool {
        self.0.needs_segments()
    }

    /// How many vectors of segments were pushed.
    #[wasm_bindgen(getter)]
    pub fn segment_vector_count(&self) -> usize {
        self.0.segment_vector_count()
    }

    /// The share that is done: more after each step that is worth a checkpoint, 1 at the end.
    #[wasm_bindgen(getter)]
    pub fn progress(&self) -> f64 {
        self.0.progress()
    }

    /// Does `blocks` times some milliseconds of work, or less where more vectors are `wanted` then; answers the share that is
    /// done, 1 at the end.
    pub fn step(&mut self, blocks: usize) -> Result<f64, JsError> {
        for block in 0..blocks {
            if block > 0 && self.0.check_ready().is_err() {
                break;
            }
            if self.0.advance()? {
                return Ok(1.0);
            }
        }
        // Less than 1 while it is not done, whatever rounding says.
        Ok(self.0.progress().min(0.999_999))
    }

    /// What was found so far, for `restore`.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.0.checkpoint()
    }

    /// Goes on from a checkpoint, after the same texts and vectors were given.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), JsError> {
        Ok(self.0.restore(checkpoint)?)
    }

    /// As JSON what `queries` and `topics` say: `{"measured": QueryCoverage[], "groups": CoverageTopic[]}`. Thousands of queries
    /// cross in one string faster than as objects.
    pub fn found(&self) -> Result<String, JsError> {
        let (measured, groups) = self.0.found()?;
        let found = Found { measured, groups };
        Ok(serde_json::to_string(&found)?)
    }

    /// Each query's coverage, in their order.
    #[wasm_bindgen(unchecked_return_type = "QueryCoverage[]")]
    pub fn queries(&self) -> Result<JsValue, JsError> {
        write(&self.0.queries()?)
    }

    /// The topics by impressions.
    #[wasm_bindgen(unchecked_return_type = "CoverageTopic[]")]
    pub fn topics(&self) -> Result<JsValue, JsError> {
        write(&self.0.topics()?)
    }
}

#[derive(Serialize)]
struct Found {
    measured: Vec<QueryCoverage>,
    groups: Vec<Topic>,
}

fn unpack(packed: &JsString) -> Result<Vec<u8>, VectorError> {
    ascii(packed).ok_or(VectorError::Base64 { offset: 0 })
}
