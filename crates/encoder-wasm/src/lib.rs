//! JavaScript boundary of `pageperfect-encoder`: the embedded stack's embedding model.

use pageperfect_boundary as _;
use wasm_bindgen::prelude::*;

/// A loaded model; about 130 MB.
#[wasm_bindgen]
pub struct Encoder(pageperfect_encoder::Encoder);

/// Embeddings of some texts.
#[wasm_bindgen]
pub struct Embeddings {
    vectors: Vec<f32>,
    token_counts: Vec<u32>,
}

#[wasm_bindgen]
impl Encoder {
    /// Reads a model file.
    ///
    /// # Errors
    /// Not such a file, or cut short.
    #[wasm_bindgen(constructor)]
    pub fn new(file: Vec<u8>) -> Result<Encoder, JsError> {
        Ok(Self(pageperfect_encoder::Encoder::parse(file)?))
    }

    /// Length of the vectors.
    #[wasm_bindgen(getter)]
    pub fn dimensions(&self) -> usize {
        self.0.dimensions()
    }

    /// Unit vectors of `texts`, one after the other. Texts longer than the model takes are cut.
    pub fn embed(&self, texts: Vec<String>) -> Embeddings {
        let (mut vectors, mut token_counts) = (Vec::new(), Vec::new());
        for embedding in self.0.embed(&texts) {
            vectors.extend_from_slice(&embedding.vector);
            token_counts.push(embedding.token_count as u32);
        }
        Embeddings {
            vectors,
            token_counts,
        }
    }
}

#[wasm_bindgen]
impl Embeddings {
    /// All vectors, one after the other.
    #[wasm_bindgen(getter)]
    pub fn vectors(&self) -> Vec<f32> {
        self.vectors.clone()
    }

    /// Tokens of each text before it was cut, the two special ones among them.
    #[wasm_bindgen(getter)]
    pub fn token_counts(&self) -> Vec<u32> {
        self.token_counts.clone()
    }
}
