//! JavaScript boundary of `pageperfect-gap`. Vectors cross packed, never as objects.

use js_sys::JsString;
use pageperfect_boundary::{ascii, read, write};
use pageperfect_gap::{Cluster, GapError, GapScorer as Scorer, Hit, Match as Scored};
use pageperfect_vector::VectorError;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A cluster whose vector was pushed, in the same order. */
export interface GapCluster<Id = unknown> {
  id: Id;
  is_noise: boolean;
  impressions: number;
  avg_position: number | null;
}

/** How well the page answers one cluster; similarities are cosines in [-1, 1]. */
export interface Match<ClusterId = unknown, SegmentId = unknown> {
  cluster_id: ClusterId;
  is_noise: boolean;
  /** null, with similarity 0, when the page has no segments. */
  best_segment_id: SegmentId | null;
  best_similarity: number;
  second_segment_id: SegmentId | null;
  second_similarity: number | null;
  is_gap: boolean;
  /** impressions * (1 - similarity) */
  opportunity: number;
  /** From 1; null unless recommended. */
  rank: number | null;
}

export interface Gaps<ClusterId = unknown, SegmentId = unknown> {
  /** Gaps of clusters that are no noise, by opportunity, then better position, then input order. */
  recommendations: Match<ClusterId, SegmentId>[];
  /** Every cluster and noise point, in input order. */
  coverage: Match<ClusterId, SegmentId>[];
}
"#;

#[derive(Deserialize)]
struct Id {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    id: JsValue,
}

#[derive(Serialize)]
struct Match {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    cluster_id: JsValue,
    is_noise: bool,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    best_segment_id: JsValue,
    best_similarity: f64,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    second_segment_id: JsValue,
    second_similarity: Option<f64>,
    is_gap: bool,
    opportunity: f64,
    rank: Option<usize>,
}

#[derive(Serialize)]
struct Gaps {
    recommendations: Vec<Match>,
    coverage: Vec<Match>,
}

/// Compares keyword clusters with the segments of a page.
///
/// Push all segments, then the clusters (both in chunks of any size), then `score`, then `free`. With
/// a CPU budget: `checkpoint` and `restore` carry what was found so far (not the vectors) to another
/// isolate.
#[wasm_bindgen]
pub struct GapScorer(Scorer);

#[wasm_bindgen]
impl GapScorer {
    /// `dimensions`: of every vector.
    #[wasm_bindgen(constructor)]
    pub fn new(dimensions: usize) -> Result<Self, JsError> {
        Ok(Self(Scorer::new(dimensions)?))
    }

    /// Adds segments: base64 of Postgres' binary vectors (`vector_send`), one or many on end.
    pub fn push_segments(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.push_segments_base64(unpack(&packed)?)?)
    }

    /// Adds clusters, packed likewise, after the last segment.
    pub fn push_clusters(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.push_clusters_base64(unpack(&packed)?)?)
    }

    /// How many clusters were compared, those of a restored checkpoint included.
    #[wasm_bindgen(getter)]
    pub fn cluster_count(&self) -> usize {
        self.0.cluster_count()
    }

    /// What was found so far, for `restore`.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.0.checkpoint()
    }

    /// Goes on from a checkpoint, after the same segments were pushed.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), JsError> {
        Ok(self.0.restore(checkpoint)?)
    }

    /// Ranks the gaps. `clusters` and `segments` in the order of their vectors; a cluster whose
    /// best similarity is below `threshold` is a gap; at most `top` are recommended.
    #[wasm_bindgen(unchecked_return_type = "Gaps<any, any>")]
    pub fn score(
        &self,
        #[wasm_bindgen(unchecked_param_type = "GapCluster[]")] clusters: JsValue,
        #[wasm_bindgen(unchecked_param_type = "{ id: unknown }[]")] segments: JsValue,
        threshold: f64,
        top: usize,
    ) -> Result<JsValue, JsError> {
        let cluster_ids: Vec<Id> = read("clusters", clusters.clone())?;
        let clusters: Vec<Cluster> = read("clusters", clusters)?;
        let segment_ids: Vec<Id> = read("segments", segments)?;
        if segment_ids.len() != self.0.segment_count() {
            return Err(GapError::Count {
                what: "segments",
                described: segment_ids.len(),
                pushed: self.0.segment_count(),
            }
            .into());
        }
        let gaps = self.0.score(&clusters, threshold, top)?;
        let segment_id =
            |hit: Option<Hit>| hit.map_or(JsValue::NULL, |hit| segment_ids[hit.segment].id.clone());
        let name = |found: &Scored| Match {
            cluster_id: cluster_ids[found.cluster].id.clone(),
            is_noise: clusters[found.cluster].is_noise,
            best_segment_id: segment_id(found.best),
            best_similarity: found.best.map_or(0.0, |hit| hit.similarity),
            second_segment_id: segment_id(found.second),
            second_similarity: found.second.map(|hit| hit.similarity),
            is_gap: found.is_gap,
            opportunity: found.opportunity,
            rank: found.rank,
        };
        let gaps = Gaps {
            recommendations: gaps.recommendations.iter().map(name).collect(),
            coverage: gaps.coverage.iter().map(name).collect(),
        };
        write(&gaps)
    }
}

fn unpack(packed: &JsString) -> Result<Vec<u8>, VectorError> {
    ascii(packed).ok_or(VectorError::Base64 { offset: 0 })
}
