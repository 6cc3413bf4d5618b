//! Who is whose neighbour, and how much.

use pageperfect_vector::kernel::dot;

/// A pair that attracts each other; `weight` in (0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    pub head: u32,
    pub tail: u32,
    pub weight: f32,
}

/// The edges of UMAP's graph over rows of `width`, by head, then tail. Weights below a 200th are left out: no round of the
/// layout would take them.
pub fn edges(points: &[f32], width: usize, neighbours: usize) -> Vec<Edge> {
    let count = points.len() / width;
    let neighbours = neighbours.min(count.saturating_sub(1));
    let lists = nearest(points, width, neighbours);
    let mut memberships: Vec<(u32, u32, f32)> = Vec::with_capacity(count * neighbours * 2);
    for (point, list) in lists.chunks_exact(neighbours.max(1)).enumerate() {
        let nearest = list.first().map_or(0.0, |first| first.0);
        let spread = spread(list, nearest);
        for &(distance, other) in list {
            let membership = (-(distance - nearest) / spread).exp();
            memberships.push((point as u32, other, membership));
            memberships.push((other, point as u32, 0.0));
        }
    }
    // Both directions of a pair come together: their union is a + b − ab.
    memberships.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(b.2.total_cmp(&a.2)));
    memberships.dedup_by_key(|edge| (edge.0, edge.1));
    let of = |head: u32, tail: u32| {
        let at = memberships.binary_search_by(|edge| (edge.0, edge.1).cmp(&(head, tail)));
        at.map_or(0.0, |index| memberships[index].2)
    };
    memberships
        .iter()
        .map(|&(head, tail, a)| {
            let b = of(tail, head);
            Edge {
                head,
                tail,
                weight: a + b - a * b,
            }
        })
        .filter(|edge| edge.weight >= 0.005)
        .collect()
}

/// How fast membership falls with distance: the length at which the list's memberships add up to log2 of their count.
fn spread(list: &[(f32, u32)], nearest: f32) -> f32 {
    let wanted = (list.len() as f32).log2();
    let (mut low, mut high, mut spread) = (0.0f32, f32::INFINITY, 1.0f32);
    for _ in 0..48 {
        let sum: f32 = list
            .iter()
            .map(|(distance, _)| (-(distance - nearest) / spread).exp())
            .sum();
        if sum > wanted {
            high = spread;
            spread = (low + high) / 2.0;
        } else {
            low = spread;
            spread = if high.is_finite() {
                (low + high) / 2.0
            } else {
                spread * 2.0
            };
        }
    }
    let mean = list.iter().map(|(distance, _)| distance).sum::<f32>() / list.len().max(1) as f32;
    spread.max(1e-3 * mean).max(f32::MIN_POSITIVE)
}

/// Each point's nearest others as (distance, index), the nearest first, all points' on end: every pair is compared.
fn nearest(points: &[f32], width: usize, neighbours: usize) -> Vec<(f32, u32)> {
    let count = points.len() / width;
    let row = |index: usize| &points[index * width..(index + 1) * width];
    let lengths: Vec<f32> = (0..count)
        .map(|index| dot(row(index), row(index)))
        .collect();
    let mut lists = Vec::with_capacity(count * neighbours);
    let mut list: Vec<(f32, u32)> = Vec::with_capacity(neighbours + 1);
    for point in 0..count {
        list.clear();
        let own = row(point);
        for other in 0..count {
            let squared = lengths[point] + lengths[other] - 2.0 * dot(own, row(other));
            let is_far =
                list.len() == neighbours && list.last().is_none_or(|last| squared >= last.0);
            if is_far || other == point {
                continue;
            }
            let at = list.partition_point(|near| near.0 <= squared);
            list.insert(at, (squared, other as u32));
            list.truncate(neighbours);
        }
        lists.extend(
            list.iter()
                .map(|&(squared, other)| (squared.max(0.0).sqrt(), other)),
        );
    }
    lists
}
