//! What a map has to keep of the vectors.

use pageperfect_layout::{EPOCHS, Layout};

/// `groups` directions with `size` vectors about each, in a fixed pattern.
fn groups(groups: usize, size: usize, dimensions: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut vectors = Vec::new();
    for group in 0..groups {
        for _ in 0..size {
            let mut row: Vec<f32> = (0..dimensions).map(|_| 0.1 * noise()).collect();
            row[group % dimensions] += 1.0;
            vectors.extend(row);
        }
    }
    vectors
}

fn finish(mut layout: Layout) -> Vec<f32> {
    assert_eq!(layout.step(EPOCHS), 1.0);
    layout.positions().to_vec()
}

#[test]
fn neighbours_stay_neighbours() {
    let size = 30;
    let vectors = groups(12, size, 64);
    let positions = finish(Layout::new(&vectors, 64));
    let count = positions.len() / 2;
    let mut kept = 0;
    for a in 0..count {
        let squared = |b: usize| {
            (positions[2 * a] - positions[2 * b]).powi(2)
                + (positions[2 * a + 1] - positions[2 * b + 1]).powi(2)
        };
        let nearest = (0..count)
            .filter(|&b| b != a)
            .min_by(|&b, &c| squared(b).total_cmp(&squared(c)));
        kept += usize::from(nearest.unwrap() / size == a / size);
    }
    assert!(
        kept as f64 >= 0.99 * count as f64,
        "{kept} of {count} have a neighbour of their own group"
    );
}

#[test]
fn the_same_vectors_give_the_same_map_in_steps_of_any_size() {
    let vectors = groups(5, 20, 32);
    let whole = finish(Layout::new(&vectors, 32));
    let mut layout = Layout::new(&vectors, 32);
    while layout.step(7) < 1.0 {}
    assert_eq!(layout.positions(), whole);
}

#[test]
fn odd_input_gives_finite_points() {
    assert_eq!(finish(Layout::new(&[], 8)), []);
    assert_eq!(finish(Layout::new(&[1.0, 0.0], 2)).len(), 2);
    for vectors in [
        vec![0.0; 40 * 8],
        vec![1.0; 40 * 8],
        groups(1, 3, 8),
        groups(3, 1, 1),
    ] {
        let dimensions = if vectors.len() == 3 { 1 } else { 8 };
        let positions = finish(Layout::new(&vectors, dimensions));
        assert_eq!(positions.len(), vectors.len() / dimensions * 2);
        assert!(positions.iter().all(|x| x.is_finite()), "{positions:?}");
    }
}
