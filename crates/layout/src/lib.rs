//! A map of embeddings: points of the plane that stand near each other where their vectors do.
//!
//! The vectors are brought to their [`COMPONENTS`] principal components by subspace iteration (Halko, Martinsson, Tropp
//! 2011), each is joined with its [`NEIGHBOURS`] nearest there, exactly, and the graph is laid out as UMAP does (McInnes,
//! Healy, Melville 2018): memberships by smoothed distances, then attraction along sampled edges and repulsion from
//! random points. The curve is Student's, 1 / (1 + d²), as in t-SNE, for it needs no power function.
//!
//! Nothing depends on chance: the random numbers begin with a constant, so that the same vectors give the same map.

mod graph;
mod principal;
mod random;

use graph::Edge;
use random::Random;

/// Principal components that distances are taken in.
pub const COMPONENTS: usize = 24;
/// Nearest others that a point is joined with.
pub const NEIGHBOURS: usize = 15;
/// Rounds over the edges until the map stands still.
pub const EPOCHS: usize = 200;
/// Random points that each sampled edge's head is pushed away from.
const REPULSIONS: usize = 5;
/// Longest move of a point by one edge.
const LONGEST: f32 = 4.0;

/// A map in the making.
pub struct Layout {
    /// x, y of each point.
    positions: Vec<f32>,
    edges: Vec<Edge>,
    epoch: usize,
    random: Random,
}

impl Layout {
    /// Starts with the two first principal components of `vectors`: rows of `dimensions` on end, of any length.
    ///
    /// # Panics
    /// When `vectors` is not whole rows.
    pub fn new(vectors: &[f32], dimensions: usize) -> Self {
        assert!(
            dimensions > 0 && vectors.len().is_multiple_of(dimensions),
            "whole rows"
        );
        let mut random = Random::new(0x5eed);
        let points = principal::project(vectors, dimensions, COMPONENTS, &mut random);
        let width = COMPONENTS.min(dimensions);
        let edges = graph::edges(&points, width, NEIGHBOURS);
        let mut positions: Vec<f32> = points
            .chunks_exact(width)
            .flat_map(|row| [row[0], row.get(1).copied().unwrap_or(0.0)])
            .collect();
        let largest = positions.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        for x in &mut positions {
            // Points of equal vectors need a direction to part in.
            *x = *x / largest.max(f32::MIN_POSITIVE) * 10.0 + (random.unit() - 0.5) * 1e-3;
        }
        Self {
            positions,
            edges,
            epoch: 0,
            random,
        }
    }

    /// x, y of each point in the order of the vectors.
    pub fn positions(&self) -> &[f32] {
        &self.positions
    }

    /// Goes on by `epochs` rounds; returns the share of [`EPOCHS`] that is done, 1 at the end.
    pub fn step(&mut self, epochs: usize) -> f64 {
        let count = self.positions.len() / 2;
        for _ in 0..epochs {
            if self.epoch == EPOCHS || count < 2 {
                self.epoch = EPOCHS;
                break;
            }
            let rate = 1.0 - self.epoch as f32 / EPOCHS as f32;
            for edge in 0..self.edges.len() {
                let Edge { head, tail, weight } = self.edges[edge];
                // An edge is taken as often as its weight says, spread evenly over the rounds.
                let taken = |epoch: usize| (epoch as f32 * weight) as usize;
                if taken(self.epoch) == taken(self.epoch + 1) {
                    continue;
                }
                self.attract(head as usize, tail as usize, rate);
                for _ in 0..REPULSIONS {
                    let other = self.random.below(count);
                    if other != head as usize {
                        self.repel(head as usize, other, rate);
                    }
                }
            }
            self.epoch += 1;
        }
        self.epoch as f64 / EPOCHS as f64
    }

    fn difference(&self, a: usize, b: usize) -> (f32, f32, f32) {
        let x = self.positions[2 * a] - self.positions[2 * b];
        let y = self.positions[2 * a + 1] - self.positions[2 * b + 1];
        (x, y, x * x + y * y)
    }

    fn attract(&mut self, a: usize, b: usize, rate: f32) {
        let (x, y, squared) = self.difference(a, b);
        let force = -2.0 / (1.0 + squared);
        for (axis, along) in [x, y].into_iter().enumerate() {
            let by = (force * along).clamp(-LONGEST, LONGEST) * rate;
            self.positions[2 * a + axis] += by;
            self.positions[2 * b + axis] -= by;
        }
    }

    fn repel(&mut self, a: usize, b: usize, rate: f32) {
        let (x, y, squared) = self.difference(a, b);
        let force = 2.0 / ((0.001 + squared) * (1.0 + squared));
        for (axis, along) in [x, y].into_iter().enumerate() {
            self.positions[2 * a + axis] += (force * along).clamp(-LONGEST, LONGEST) * rate;
        }
    }
}
