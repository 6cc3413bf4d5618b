//! Keywords made up alike natively and in a browser.

/// [`hash`] of the labels of `site(2100, 0.25, 5)` with eps 0.3 and min_points 2.
pub const LABELS: u32 = 1_552_732_071;

/// FNV-1a.
pub fn hash(labels: &[i32]) -> u32 {
    let step = |hash: u32, label: &i32| (hash ^ (label + 1) as u32).wrapping_mul(0x0100_0193);
    labels.iter().fold(0x811c_9dc5, step)
}

/// Enough rows of enough dimensions that sketches choose the candidates.
pub fn site(count: usize, common: f32, seed: u64) -> Vec<Vec<f32>> {
    let dimensions = 128;
    let mut state = seed;
    let mut random = move || {
        // The sum of four uniform numbers is near enough to a normal one.
        (0..4).fold(-2.0, |sum, _| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            sum + (state >> 40) as f32 / (1u64 << 24) as f32
        })
    };
    let mut row = || (0..dimensions).map(|_| random()).collect::<Vec<f32>>();
    let shared = row();
    let mut group = row();
    (0..count)
        .map(|index| {
            if index % 7 == 0 {
                group = row();
            }
            let near = 0.5 + 0.1 * (index % 5) as f32;
            let weights = [common, (1.0 - common) * near, (1.0 - common) * (1.0 - near)];
            let [a, b, c] = weights.map(f32::sqrt);
            let own = row();
            (0..dimensions)
                .map(|i| a * shared[i] + b * group[i] + c * own[i])
                .collect()
        })
        .collect()
}
