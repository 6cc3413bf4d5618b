//! A layer of BERT: attention within each text, then two products with a nonlinearity between them.

use crate::file::{FileError, Shape, Tensors};
use crate::math;
use pageperfect_vector::{FixedRows, TILE, kernel};
use std::ops::Range;

/// Where each text's tokens stand in a batch.
#[derive(Default)]
pub struct Spans {
    ends: Vec<usize>,
}

impl Spans {
    pub fn push(&mut self, count: usize) {
        self.ends.push(self.ends.last().unwrap_or(&0) + count);
    }

    pub fn iter(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| *start..*end)
    }
}

/// Layer normalisation.
pub struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    pub fn read(tensors: &Tensors, name: &str, shape: &Shape) -> Result<Self, FileError> {
        Ok(Self {
            weight: tensors.floats(&format!("{name}.w"), shape.width)?,
            bias: tensors.floats(&format!("{name}.b"), shape.width)?,
            epsilon: shape.epsilon,
        })
    }

    /// Each row of `x` on its own.
    #[inline(never)]
    pub fn apply(&self, x: &mut [f32]) {
        let width = self.weight.len();
        for row in x.chunks_exact_mut(width) {
            let mean = row.iter().sum::<f32>() / width as f32;
            row.iter_mut().for_each(|x| *x -= mean);
            let variance = kernel::dot(row, row) / width as f32;
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            for ((x, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                *x = *x * scale * weight + bias;
            }
        }
    }
}

/// Rows of unit length in fixed point, and how long each was.
struct Rows {
    units: FixedRows,
    lengths: Vec<f32>,
}

impl Rows {
    fn new(width: usize) -> Self {
        Self {
            units: FixedRows::new(width),
            lengths: Vec::new(),
        }
    }

    fn of(x: &[f32], width: usize) -> Self {
        let mut rows = Self::new(width);
        x.chunks_exact(width).for_each(|row| rows.push(row));
        rows
    }

    fn push(&mut self, row: &[f32]) {
        self.units.push(row);
        self.lengths.push(kernel::norm(row) as f32);
    }
}

/// A weight matrix and its bias.
struct Linear {
    weights: Rows,
    bias: Vec<f32>,
}

impl Linear {
    fn read(
        tensors: &Tensors,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, FileError> {
        let mut weights = Rows::new(inputs);
        tensors.rows(&format!("{name}.w"), outputs, inputs, |row| {
            weights.push(row)
        })?;
        let bias = tensors.floats(&format!("{name}.b"), outputs)?;
        Ok(Self { weights, bias })
    }

    /// Each row of `x` times the matrix.
    fn apply(&self, x: &Rows) -> Vec<f32> {
        let outputs = self.bias.len();
        let count = x.lengths.len();
        let mut y = vec![0f32; count * outputs];
        for output in (0..outputs).step_by(TILE) {
            for row in (0..count).step_by(TILE) {
                self.tile(x, row, output, &mut y);
            }
        }
        y
    }

    #[inline(never)]
    fn tile(&self, x: &Rows, row: usize, output: usize, y: &mut [f32]) {
        let outputs = self.bias.len();
        let products = x.units.tile(row, &self.weights.units, output);
        for (i, products) in products.iter().enumerate().take(x.lengths.len() - row) {
            for (j, product) in products.iter().enumerate().take(outputs - output) {
                let (row, output) = (row + i, output + j);
                y[row * outputs + output] =
                    product * x.lengths[row] * self.weights.lengths[output] + self.bias[output];
            }
        }
    }
}

pub struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention: Linear,
    attention_norm: Norm,
    inner: Linear,
    outer: Linear,
    outer_norm: Norm,
    width: usize,
    heads: usize,
}

impl Layer {
    pub fn read(tensors: &Tensors, index: usize, shape: &Shape) -> Result<Self, FileError> {
        let linear = |name: &str, outputs, inputs| {
            Linear::read(tensors, &format!("l{index}.{name}"), outputs, inputs)
        };
        let norm = |name: &str| Norm::read(tensors, &format!("l{index}.{name}"), shape);
        let (width, inner) = (shape.width, shape.inner);
        Ok(Self {
            query: linear("q", width, width)?,
            key: linear("k", width, width)?,
            value: linear("v", width, width)?,
            attention: linear("ao", width, width)?,
            attention_norm: norm("aln")?,
            inner: linear("fi", inner, width)?,
            outer: linear("fo", width, inner)?,
            outer_norm: norm("oln")?,
            width,
            heads: shape.heads,
        })
    }

    /// Takes a batch of tokens, a row each, through the layer.
    pub fn apply(&self, x: &mut [f32], spans: &Spans) {
        let rows = Rows::of(x, self.width);
        let (q, k, v) = (
            self.query.apply(&rows),
            self.key.apply(&rows),
            self.value.apply(&rows),
        );
        let mut mixed = vec![0f32; x.len()];
        for span in spans.iter() {
            for head in 0..self.heads {
                self.attend(&q, &k, &v, &span, head, &mut mixed);
            }
        }
        let attended = self.attention.apply(&Rows::of(&mixed, self.width));
        x.iter_mut().zip(&attended).for_each(|(x, y)| *x += y);
        self.attention_norm.apply(x);

        let mut inner = self.inner.apply(&Rows::of(x, self.width));
        math::gelu(&mut inner);
        let outer = self.outer.apply(&Rows::of(&inner, self.inner.bias.len()));
        x.iter_mut().zip(&outer).for_each(|(x, y)| *x += y);
        self.outer_norm.apply(x);
    }

    /// Each of a text's tokens becomes a mean of all of them, weighted by how well they fit.
    #[inline(never)]
    fn attend(
        &self,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        span: &Range<usize>,
        head: usize,
        mixed: &mut [f32],
    ) {
        let size = self.width / self.heads;
        let part =
            |token: usize| token * self.width + head * size..token * self.width + (head + 1) * size;
        let scale = 1.0 / (size as f32).sqrt();
        let mut shares = vec![0f32; span.len()];
        for token in span.clone() {
            let query = &q[part(token)];
            for (share, other) in shares.iter_mut().zip(span.clone()) {
                *share = scale * short_dot(query, &k[part(other)]);
            }
            math::softmax(&mut shares);
            let mix = &mut mixed[part(token)];
            for (share, other) in shares.iter().zip(span.clone()) {
                mix.iter_mut()
                    .zip(&v[part(other)])
                    .for_each(|(sum, value)| *sum += share * value);
            }
        }
    }
}

/// `a · b` of a few dozen values, whose count eight divides.
fn short_dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}
