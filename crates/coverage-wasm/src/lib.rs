//! JavaScript boundary of `pageperfect-coverage`. Vectors cross packed, never as objects.

use js_sys::JsString;
use pageperfect_boundary::{ascii, read, write};
use pageperfect_coverage::{CoverageError, Options, PageCoverage as Coverage};
use pageperfect_vector::VectorError;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A segment as a reader sees it. */
export interface SegmentText {
  text: string;
  /** Headings above it, outermost first. */
  heading_path: string[];
}

/** A search query of the page and how it did. `position` 1 is the top. */
export interface PageQuery {
  query: string;
  impressions: number;
  clicks: number;
  position: number;
}

/** A segment by its index, and how well it answers a query: about 0 for the unrelated, 1 for an answer. */
export interface SegmentHit {
  segment: number;
  score: number;
}

/** How well the page answers one query. */
export interface QueryCoverage {
  /** In [0, 1]; the page answers the query from 0.7 on, whatever the model. */
  coverage: number;
  /** Probability that the page does not answer the query. */
  gap_probability: number;
  /** Coverage below 0.7. */
  is_gap: boolean;
  /** Cosine with the best segment on the page's own scale: 0 is the mean of all its queries and segments. */
  meaning: number;
  /** Share of the query's words in the best segment, rare ones counting more, in [0, 1]. */
  words: number;
  /** Words of the query that the best segment does not have. */
  missing_in_best: string[];
  /** Words of the query that no segment has. */
  missing_in_page: string[];
  /** The best segments, best first, at most five. */
  hits: SegmentHit[];
  /** Index of its topic. */
  topic: number;
  /** Index of the query that this one is another spelling of. */
  variant_of: number | null;
}

/** The section of the page that comes nearest. */
export interface SectionPlace {
  heading: string | null;
  heading_path: string[];
  /** Index of its segment that comes nearest. */
  segment: number;
  /** Index of its last segment: what is new goes behind it. */
  after_segment: number;
  /** How much nearer it is than the second section, in [0, 1]. */
  certainty: number;
}

/** Queries that ask for the same. Queries are indices. */
export interface CoverageTopic {
  label: string;
  /** Most impressions first. */
  queries: number[];
  /** Those of them that the page does not answer. */
  open: number[];
  /** Of its queries, weighted by impressions. */
  coverage: number;
  impressions: number;
  /** Of the open ones. */
  open_impressions: number;
  clicks: number;
  /** Weighted by impressions. */
  avg_position: number;
  place: SectionPlace | null;
}
"#;

/// How well a page answers its queries, and what topics they make.
///
/// All texts first, then the vectors in the same order (in chunks of any size), then `step` until it
/// returns 1, then `queries` and `topics`, then `free`. `checkpoint` and `restore` carry what was
/// found so far (not the vectors) to another isolate.
#[wasm_bindgen]
pub struct PageCoverage(Coverage);

#[wasm_bindgen]
impl PageCoverage {
    /// `dimensions`: of every vector. `eps`: how far apart the queries of a topic may be on average,
    /// on a scale on which two queries of the page are 0.4 apart on average; 0.3 unless given.
    #[wasm_bindgen(constructor)]
    pub fn new(
        dimensions: usize,
        #[wasm_bindgen(unchecked_param_type = "SegmentText[]")] segments: JsValue,
        #[wasm_bindgen(unchecked_param_type = "PageQuery[]")] queries: JsValue,
        eps: Option<f64>,
    ) -> Result<Self, JsError> {
        let options = eps.map_or_else(Options::default, |eps| Options { eps });
        Ok(Self(Coverage::new(
            dimensions,
            read("segments", segments)?,
            read("queries", queries)?,
            options,
        )?))
    }

    /// Adds vectors of segments: base64 of Postgres' binary vectors (`vector_send`), one or many on end.
    pub fn push_segments(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.push_segments_base64(unpack(&packed)?)?)
    }

    /// Adds vectors of queries: base64 of little-endian f32, one or many on end.
    pub fn push_queries(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.push_queries_base64(unpack(&packed)?)?)
    }

    /// Does up to `blocks` blocks of some 65,536 pairs; returns what share of all is done, 1 at the end.
    pub fn step(&mut self, blocks: u32) -> Result<f64, JsError> {
        for _ in 0..blocks {
            if self.0.advance()? {
                break;
            }
        }
        Ok(self.0.progress())
    }

    /// What was found so far, for `restore`.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.0.checkpoint()
    }

    /// Goes on from a checkpoint, after the same texts and vectors were given.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), JsError> {
        Ok(self.0.restore(checkpoint)?)
    }

    /// One coverage a query, in their order, once `step` has returned 1.
    #[wasm_bindgen(unchecked_return_type = "QueryCoverage[]")]
    pub fn queries(&self) -> Result<JsValue, JsError> {
        write(&self.0.queries()?)
    }

    /// The topics, the one with most impressions first, once `step` has returned 1.
    #[wasm_bindgen(unchecked_return_type = "CoverageTopic[]")]
    pub fn topics(&self) -> Result<JsValue, JsError> {
        write(&self.0.topics()?)
    }
}

fn unpack(packed: &JsString) -> Result<Vec<u8>, CoverageError> {
    ascii(packed).ok_or(CoverageError::Vector(VectorError::Base64 { offset: 0 }))
}
