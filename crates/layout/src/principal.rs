//! The leading principal components, by subspace iteration: passes over the data instead of a covariance matrix.

use crate::random::Random;
use pageperfect_vector::kernel::dot;

/// Passes over the vectors; each brings the subspace nearer to that of the leading components.
const PASSES: usize = 6;

/// The rows of `vectors` about their mean in `count` components (or `dimensions`, when that is less), the one of the
/// largest variance first.
pub fn project(vectors: &[f32], dimensions: usize, count: usize, random: &mut Random) -> Vec<f32> {
    let count = count.min(dimensions);
    let rows = vectors.len() / dimensions;
    let mut mean = vec![0.0f32; dimensions];
    for row in vectors.chunks_exact(dimensions) {
        for (sum, x) in mean.iter_mut().zip(row) {
            *sum += x / rows as f32;
        }
    }
    let mut basis: Vec<Vec<f32>> = (0..count)
        .map(|_| (0..dimensions).map(|_| random.unit() - 0.5).collect())
        .collect();
    let mut centred = vec![0.0f32; dimensions];
    for _ in 0..PASSES {
        orthonormalize(&mut basis);
        let mut next = vec![vec![0.0f32; dimensions]; count];
        for row in vectors.chunks_exact(dimensions) {
            subtract(&mut centred, row, &mean);
            for (direction, image) in basis.iter().zip(&mut next) {
                let along = dot(&centred, direction);
                for (x, y) in image.iter_mut().zip(&centred) {
                    *x += along * y;
                }
            }
        }
        // The images' lengths are the variances: in order of them, so that the first axis is the longest.
        next.sort_by(|a, b| dot(b, b).total_cmp(&dot(a, a)));
        basis = next;
    }
    orthonormalize(&mut basis);
    let mut points = Vec::with_capacity(rows * count);
    for row in vectors.chunks_exact(dimensions) {
        subtract(&mut centred, row, &mean);
        points.extend(basis.iter().map(|direction| dot(&centred, direction)));
    }
    points
}

fn subtract(into: &mut [f32], row: &[f32], mean: &[f32]) {
    for ((x, value), mean) in into.iter_mut().zip(row).zip(mean) {
        *x = value - mean;
    }
}

/// Modified Gram–Schmidt; a direction that depends on the others becomes zero.
fn orthonormalize(basis: &mut [Vec<f32>]) {
    for at in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(at);
        let direction = &mut rest[0];
        let length_before = dot(direction, direction).sqrt();
        for other in before.iter() {
            let along = dot(direction, other);
            for (x, y) in direction.iter_mut().zip(other) {
                *x -= along * y;
            }
        }
        let length = dot(direction, direction).sqrt();
        let scale = if length > length_before * 1e-5 {
            1.0 / length
        } else {
            0.0
        };
        for x in direction.iter_mut() {
            *x *= scale;
        }
    }
}
