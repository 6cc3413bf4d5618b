//! JavaScript boundary of `pageperfect-layout`. Vectors cross packed, never as objects.

use js_sys::JsString;
use pageperfect_boundary::ascii;
use pageperfect_layout::Layout;
use pageperfect_vector::{VectorError, check_dimensions, codec};
use wasm_bindgen::prelude::*;

/// A map of embeddings: push the vectors, then `step` until it returns 1; `positions` at any time between.
#[wasm_bindgen]
pub struct MapLayout {
    dimensions: usize,
    vectors: Vec<f32>,
    layout: Option<Layout>,
}

#[wasm_bindgen]
impl MapLayout {
    /// `dimensions`: of every vector.
    #[wasm_bindgen(constructor)]
    pub fn new(dimensions: usize) -> Result<Self, JsError> {
        check_dimensions(dimensions)?;
        Ok(Self {
            dimensions,
            vectors: Vec::new(),
            layout: None,
        })
    }

    /// Adds vectors: base64 of little-endian f32, one or many on end.
    pub fn push_base64(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "string")] packed: JsString,
    ) -> Result<(), JsError> {
        let text = ascii(&packed).ok_or(VectorError::Base64 { offset: 0 })?;
        self.layout = None;
        let vectors = &mut self.vectors;
        codec::base64_f32(text, self.dimensions, |row| vectors.extend(row))?;
        Ok(())
    }

    /// Goes on by `epochs` rounds, and returns the share of all that is done: 1 at the end. The first call, with 0 rounds
    /// as well, finds the neighbours.
    pub fn step(&mut self, epochs: usize) -> f64 {
        self.layout
            .get_or_insert_with(|| Layout::new(&self.vectors, self.dimensions))
            .step(epochs)
    }

    /// x, y of each vector in order; empty before the first `step`.
    pub fn positions(&self) -> Vec<f32> {
        self.layout
            .as_ref()
            .map_or_else(Vec::new, |layout| layout.positions().to_vec())
    }
}
