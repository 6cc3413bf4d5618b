use crate::{Keywords, sketch::Sketches};
use pageperfect_vector::TILE;

/// Rows in a block; pairs are scanned a block of rows against a block of rows.
pub(crate) const BLOCK: usize = 256;

/// From this many keywords on, candidates come from sketches unless the caller asks for exactness.
const SKETCH_FROM: usize = 2048;

/// Walks over all pairs of rows, a pair of blocks at a time, and finds those that may be
/// neighbours.
pub(crate) struct Scan {
    block_count: usize,
    sketches: Option<Sketches>,
    estimates: Box<[[f32; BLOCK]; TILE]>,
}

impl Scan {
    /// `exact` compares all pairs in fixed point, also where sketches would do.
    pub fn new(keywords: &Keywords, eps: f64, exact: bool) -> Self {
        let sketches = (!exact && keywords.len() >= SKETCH_FROM)
            .then(|| Sketches::new(keywords.fixed(), eps))
            .flatten();
        Self {
            block_count: keywords.len().div_ceil(BLOCK),
            sketches,
            estimates: Box::new([[0.0; BLOCK]; TILE]),
        }
    }

    /// Whether all pairs are compared.
    pub fn is_exact(&self) -> bool {
        self.sketches.is_none()
    }

    /// How many pairs of blocks there are.
    pub fn step_count(&self) -> usize {
        triangle_count(self.block_count)
    }

    /// Calls `candidate(a, b)` at least for every pair of neighbours in the `step`th pair of blocks
    /// (with sketches: for all but one in 10^8 of them).
    pub fn step(
        &mut self,
        keywords: &Keywords,
        eps: f64,
        step: usize,
        mut candidate: impl FnMut(usize, usize),
    ) {
        let (left, right) = triangle(step);
        if let Some(sketches) = &mut self.sketches {
            return sketches.scan(left, right, &mut candidate);
        }
        let rows = keywords.fixed();
        let end = |block: usize| ((block + 1) * BLOCK).min(rows.len());
        let floor = (1.0 - eps - rows.worst_error(rows)) as f32 - f32::EPSILON;
        for a in (left * BLOCK..end(left)).step_by(TILE) {
            estimate(keywords, a, right * BLOCK, end(right), &mut self.estimates);
            for (a, estimates) in (a..end(left)).zip(self.estimates.iter()) {
                for (b, estimate) in (right * BLOCK..end(right)).zip(estimates) {
                    if *estimate >= floor && a < b {
                        candidate(a, b);
                    }
                }
            }
        }
    }
}

/// How many pairs of blocks there are, each with itself included.
pub(crate) fn triangle_count(blocks: usize) -> usize {
    blocks * (blocks + 1) / 2
}

/// The `step`th pair (left, right) with left <= right, counted (0,0), (0,1), (1,1), (0,2), …
pub(crate) fn triangle(step: usize) -> (usize, usize) {
    let mut right = (((8 * step + 1) as f64).sqrt() as usize).saturating_sub(1) / 2;
    while (right + 1) * (right + 2) / 2 <= step {
        right += 1;
    }
    while right * (right + 1) / 2 > step {
        right -= 1;
    }
    (step - right * (right + 1) / 2, right)
}

/// Cosines of `TILE` rows from `a` with the rows `start..end`.
#[inline(never)]
fn estimate(
    keywords: &Keywords,
    a: usize,
    start: usize,
    end: usize,
    estimates: &mut [[f32; BLOCK]; TILE],
) {
    let rows = keywords.fixed();
    for b in (start..end).step_by(TILE) {
        for (tile, estimates) in rows.tile(a, rows, b).iter().zip(estimates.iter_mut()) {
            for (value, estimate) in tile.iter().zip(&mut estimates[b - start..]) {
                *estimate = *value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_visit_every_pair_of_blocks_once() {
        let steps: Vec<_> = (0..10).map(triangle).collect();
        let expected = [
            (0, 0),
            (0, 1),
            (1, 1),
            (0, 2),
            (1, 2),
            (2, 2),
            (0, 3),
            (1, 3),
            (2, 3),
            (3, 3),
        ];
        assert_eq!(steps, expected);
        assert_eq!(triangle(5050), (0, 100));
    }
}
