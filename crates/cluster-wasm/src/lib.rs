//! JavaScript boundary of `pageperfect-cluster`. Vectors cross packed, never as objects.

use js_sys::JsString;
use pageperfect_boundary::{ascii, read, write};
use pageperfect_cluster::{
    Centroid as Sum, Dbscan, DbscanError, Keyword, Keywords, Split, summarize,
};
use pageperfect_vector::{VectorError, codec};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A search query of a page and how it did. `position` 1 is the top, null: not known. */
export interface Keyword {
  query: string;
  impressions: number;
  clicks: number;
  position: number | null;
}

/** A keyword cluster, or one noise point. */
export interface ClusterSummary {
  /** The label that `cluster` gave; -1 for a noise point. */
  cluster_index: number;
  is_noise: boolean;
  /** The medoid's query, with the telling terms that it lacks. */
  label: string;
  /** The query nearest to the centroid. */
  medoid_query: string;
  /** Words that set the cluster apart, most telling first. */
  terms: string[];
  /** Most impressions first. */
  queries: string[];
  size: number;
  /** Mean cosine of the members with the centroid. */
  cohesion: number;
  impressions: number;
  clicks: number;
  /** Weighted by impressions. */
  avg_position: number | null;
}
"#;

/// What a checkpoint is of: its first byte.
const DBSCAN: u8 = 1;
const SPLIT: u8 = 2;

/// DBSCAN over the embeddings of a page's keywords, by cosine distance.
///
/// Push the vectors in chunks of any size, then `cluster`, then `summarize`, then `free`. With a
/// CPU budget: `start`, `step` until it returns 1, perhaps `split` and the same again, `labels`;
/// `checkpoint` and `restore` carry the state (not the vectors) to another isolate.
#[wasm_bindgen]
pub struct KeywordClustering {
    keywords: Keywords,
    dbscan: Option<Dbscan>,
    /// Once that is done and its large clusters are to be split.
    split: Option<Split>,
}

#[wasm_bindgen]
impl KeywordClustering {
    /// `dimensions`: of every vector.
    #[wasm_bindgen(constructor)]
    pub fn new(dimensions: usize) -> Result<Self, JsError> {
        Ok(Self {
            keywords: Keywords::new(dimensions)?,
            dbscan: None,
            split: None,
        })
    }

    /// Adds vectors: base64 of little-endian f32, one or many on end, white space tolerated.
    pub fn push_base64(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        self.forget();
        Ok(self.keywords.push_base64(unpack(&packed)?)?)
    }

    /// Adds vectors on end.
    pub fn push_f32(&mut self, rows: &[f32]) -> Result<(), JsError> {
        self.forget();
        Ok(self.keywords.push(rows)?)
    }

    /// How many vectors were pushed.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.keywords.len()
    }

    /// One label a vector: the cluster's number from 0, or -1 for noise.
    /// `eps`: cosine distance in (0, 2]; `min_points`: at least 1, the point itself included;
    /// `max_cluster_size`: when given, `split` follows.
    pub fn cluster(
        &mut self,
        eps: f64,
        min_points: u32,
        max_cluster_size: Option<u32>,
    ) -> Result<Vec<i32>, JsError> {
        self.start(eps, min_points, None)?;
        while self.step(u32::MAX)? < 1.0 {}
        if let Some(max_cluster_size) = max_cluster_size {
            self.split(max_cluster_size)?;
            while self.step(u32::MAX)? < 1.0 {}
        }
        self.labels()
    }

    /// Begins a run to be done in steps. `exact` compares every pair, also above 2,047 keywords,
    /// where random sketches otherwise pick the candidates (a neighbour is missed with a
    /// probability below 1e-8).
    pub fn start(&mut self, eps: f64, min_points: u32, exact: Option<bool>) -> Result<(), JsError> {
        // The sketches of a former run make room for those of this one.
        self.forget();
        let new = if exact == Some(true) {
            Dbscan::exact
        } else {
            Dbscan::new
        };
        self.dbscan = Some(new(&self.keywords, eps, min_points)?);
        Ok(())
    }

    /// Does up to `blocks` blocks of 65,536 pairs; returns what share of all is done, 1 at the end.
    /// Goes back to 0 when a supplied vector proves wrong what the rest was built on.
    pub fn step(&mut self, blocks: u32) -> Result<f64, JsError> {
        let dbscan = self.dbscan.as_mut().ok_or_else(not_started)?;
        for _ in 0..blocks {
            let is_done = match &mut self.split {
                Some(split) => split.advance(&self.keywords),
                None => dbscan.advance(&self.keywords),
            };
            if is_done {
                break;
            }
        }
        Ok(self.progress())
    }

    /// Begins to split the clusters that have more than `max_cluster_size` members (at least 2), once
    /// `step` has returned 1: they are clustered anew at smaller and smaller radii, and members
    /// that belong to no part become noise. `step` does it, from 0 to 1 again.
    pub fn split(&mut self, max_cluster_size: u32) -> Result<(), JsError> {
        let labels = self.labels()?;
        let dbscan = self.dbscan.as_ref().ok_or_else(not_started)?;
        let (eps, min_points, max_size) =
            (dbscan.eps(), dbscan.min_points(), max_cluster_size as usize);
        self.split = Some(Split::new(
            &self.keywords,
            labels,
            eps,
            min_points,
            max_size,
        )?);
        Ok(())
    }

    /// Whether `split` has begun.
    #[wasm_bindgen(getter)]
    pub fn is_splitting(&self) -> bool {
        self.split.is_some()
    }

    /// Whether all pairs are compared, rather than those that sketches find.
    #[wasm_bindgen(getter)]
    pub fn is_exact(&self) -> bool {
        self.dbscan.as_ref().is_some_and(Dbscan::is_exact)
    }

    /// One label a vector, once `step` has returned 1; those of `split` after that.
    pub fn labels(&self) -> Result<Vec<i32>, JsError> {
        let dbscan = self.dbscan.as_ref().ok_or_else(not_started)?;
        if self.progress() < 1.0 {
            return Err(JsError::new(
                "the clustering is not done: call step() until it returns 1",
            ));
        }
        Ok(match &self.split {
            Some(split) => split.labels(),
            None => dbscan.labels(&self.keywords),
        })
    }

    /// State of the run, for `restore`.
    pub fn checkpoint(&self) -> Result<Vec<u8>, JsError> {
        let dbscan = self.dbscan.as_ref().ok_or_else(not_started)?;
        let (kind, state) = match &self.split {
            Some(split) => (SPLIT, split.checkpoint(&self.keywords)),
            None => (DBSCAN, dbscan.checkpoint(&self.keywords)),
        };
        Ok([&[kind], &*state].concat())
    }

    /// Goes on from a checkpoint, after the same vectors were pushed and `start` called alike.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), JsError> {
        let dbscan = self.dbscan.as_mut().ok_or_else(not_started)?;
        self.split = None;
        match checkpoint.split_first() {
            Some((&SPLIT, state)) => {
                let (eps, min_points) = (dbscan.eps(), dbscan.min_points());
                self.split = Some(Split::restore(&self.keywords, eps, min_points, state)?);
            }
            Some((&DBSCAN, state)) => dbscan.restore(&self.keywords, state)?,
            _ => return Err(DbscanError::Checkpoint.into()),
        }
        Ok(())
    }

    /// Indexes of vectors needed again for certainty about pairs at the very boundary. Always empty
    /// up to 12 MB of vectors, since their f32 form is kept; above, the labels stand on 16-bit
    /// fixed point for these pairs. `supply` them and call `step` until it returns 1 again, which
    /// it mostly does at once. After `restore`, supply them before the first `step`.
    pub fn undecided(&self) -> Result<Vec<u32>, JsError> {
        let dbscan = self.dbscan.as_ref().ok_or_else(not_started)?;
        Ok(match self.split {
            Some(_) => Vec::new(),
            None => dbscan.undecided(&self.keywords),
        })
    }

    /// Gives the vector of `index` again: base64 of little-endian f32.
    pub fn supply(
        &mut self,
        index: usize,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        self.split = None;
        Ok(self.keywords.supply_base64(index, unpack(&packed)?)?)
    }

    /// Describes clusters, by impressions, then noise points, by impressions. `keywords` in the
    /// order of the vectors. Their centroids: `Centroid`.
    #[wasm_bindgen(unchecked_return_type = "ClusterSummary[]")]
    pub fn summarize(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Keyword[]")] keywords: JsValue,
    ) -> Result<JsValue, JsError> {
        let keywords: Vec<Keyword> = read("keywords", keywords)?;
        write(&summarize(&self.keywords, &self.labels()?, &keywords)?)
    }
}

/// Centroids, one after the other: push a cluster's vectors, `take`, push the next one's.
#[wasm_bindgen]
pub struct Centroid(Sum);

#[wasm_bindgen]
impl Centroid {
    /// `dimensions`: of every vector.
    #[wasm_bindgen(constructor)]
    pub fn new(dimensions: usize) -> Result<Self, JsError> {
        Ok(Self(Sum::new(dimensions)?))
    }

    /// Adds members: base64 of little-endian f32, one or many on end, white space tolerated.
    pub fn push_base64(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        Ok(self.0.push_base64(unpack(&packed)?)?)
    }

    /// The centroid, of length 1, in pgvector's text form.
    pub fn take(&mut self) -> String {
        codec::write_text(&self.0.take())
    }
}

impl KeywordClustering {
    fn progress(&self) -> f64 {
        match (&self.split, &self.dbscan) {
            (Some(split), _) => split.progress(),
            (None, Some(dbscan)) => dbscan.progress(),
            (None, None) => 0.0,
        }
    }

    /// A run is of the vectors that were there when it began.
    fn forget(&mut self) {
        self.dbscan = None;
        self.split = None;
    }
}

fn unpack(packed: &JsString) -> Result<Vec<u8>, VectorError> {
    ascii(packed).ok_or(VectorError::Base64 { offset: 0 })
}

fn not_started() -> JsError {
    JsError::new("call cluster() or start() after the last vector was pushed")
}
