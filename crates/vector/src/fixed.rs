use crate::kernel;

/// Side of the square of row pairs that [`FixedRows::tile`] multiplies at once: nine sums and four
/// operands fit the sixteen registers that a wasm engine has on x86.
pub const TILE: usize = 3;

/// 2^15: with rows of length 1 no sum of products can leave an i32 (Cauchy-Schwarz).
const SCALE: f32 = 32768.0;
/// Rows are padded with zeros to whole SIMD vectors.
const PAD: usize = 8;
/// Rows in one block of memory.
const BLOCK: usize = 64;
/// What rounding while normalising may add to a dot product.
const SLACK: f64 = 1e-6;

/// Unit rows in 16-bit fixed point: half the memory and twice the speed of f32, with a proven bound
/// on the error of every product, so that only the few pairs near a threshold need more.
#[derive(Debug, Clone)]
pub struct FixedRows {
    dimensions: usize,
    stride: usize,
    /// Blocks of [`BLOCK`] rows: one growing vector would need twice the memory to grow.
    blocks: Vec<Box<[i16]>>,
    /// Length of what rounding took from each row.
    residuals: Vec<f32>,
}

impl FixedRows {
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            stride: dimensions.next_multiple_of(PAD),
            blocks: Vec::new(),
            residuals: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.residuals.len()
    }

    pub fn is_empty(&self) -> bool {
        self.residuals.is_empty()
    }

    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Adds `row` scaled to length 1; a zero row stays zero.
    ///
    /// # Panics
    /// When `row` has another length than the dimensions. Components must be finite.
    pub fn push(&mut self, row: &[f32]) {
        assert_eq!(row.len(), self.dimensions);
        let length = kernel::norm(row);
        let scale = if length > 0.0 {
            (1.0 / length) as f32
        } else {
            0.0
        };
        let residual = quantize(row, scale * SCALE, self.next_row());
        self.residuals.push(residual.sqrt() / SCALE);
    }

    /// Room for one more row, all zeros.
    fn next_row(&mut self) -> &mut [i16] {
        let (block, start) = self.locate(self.len());
        if start == 0 {
            self.blocks.push(vec![0; BLOCK * self.stride].into());
        }
        &mut self.blocks[block][start..start + self.stride]
    }

    /// Drops all rows from `count` on.
    pub fn truncate(&mut self, count: usize) {
        self.residuals.truncate(count);
        self.blocks.truncate(self.len().div_ceil(BLOCK));
        // A row's padding is written by nobody else.
        if let (block, start @ 1..) = self.locate(self.len()) {
            self.blocks[block][start..].fill(0);
        }
    }

    /// A number that other rows, or the same in another order, hardly share.
    pub fn fingerprint(&self) -> u32 {
        let mut hash = 0x811c_9dc5u32;
        for residual in &self.residuals {
            hash = (hash ^ residual.to_bits())
                .wrapping_mul(0x0100_0193)
                .rotate_left(5);
        }
        hash
    }

    /// The fixed-point components of a row, padded with zeros; divide by 2^15 for the value.
    pub fn row(&self, index: usize) -> &[i16] {
        let (block, start) = self.locate(index);
        &self.blocks[block][start..start + self.stride]
    }

    fn locate(&self, index: usize) -> (usize, usize) {
        (index / BLOCK, index % BLOCK * self.stride)
    }

    /// Row `index` as f32, of length 1 within 1e-3.
    pub fn row_f32(&self, index: usize) -> impl Iterator<Item = f32> + '_ {
        self.row(index)[..self.dimensions]
            .iter()
            .map(|&x| f32::from(x) / SCALE)
    }

    /// Cosine of row `a` here and row `b` of `other`, within [`error`](Self::error) of the truth.
    pub fn dot(&self, a: usize, other: &Self, b: usize) -> f64 {
        f64::from(dot_i16(self.row(a), other.row(b))) / f64::from(SCALE * SCALE)
    }

    /// The most that [`dot`](Self::dot) can be off.
    pub fn error(&self, a: usize, other: &Self, b: usize) -> f64 {
        let (a, b) = (f64::from(self.residuals[a]), f64::from(other.residuals[b]));
        // |a·b - q·p| with a = q + r, b = p + s is at most |q||s| + |r||p| + |r||s|.
        (1.0 + a) * b + (1.0 + b) * a + a * b + SLACK
    }

    /// The largest [`error`](Self::error) between any row here and any of `other`.
    pub fn worst_error(&self, other: &Self) -> f64 {
        let worst = |rows: &Self| rows.residuals.iter().copied().fold(0f32, f32::max);
        let (a, b) = (f64::from(worst(self)), f64::from(worst(other)));
        (1.0 + a) * b + (1.0 + b) * a + a * b + SLACK
    }

    /// Cosines of `TILE` rows from `a` here with `TILE` rows from `b` of `other`. Rows past the end
    /// repeat the last one.
    pub fn tile(&self, a: usize, other: &Self, b: usize) -> [[f32; TILE]; TILE] {
        let rows = |rows: &'_ Self, from: usize| -> [usize; TILE] {
            std::array::from_fn(|i| (from + i).min(rows.len() - 1))
        };
        self.tile_of(rows(self, a), other, rows(other, b))
    }

    /// As [`tile`](Self::tile), of any rows.
    pub fn tile_of(&self, a: [usize; TILE], other: &Self, b: [usize; TILE]) -> [[f32; TILE]; TILE] {
        tile_i16(a.map(|i| self.row(i)), b.map(|i| other.row(i)))
            .map(|sums| sums.map(|sum| sum as f32 / (SCALE * SCALE)))
    }
}

/// 1.5 * 2^23: adding and taking it away rounds to the nearest integer, which stands in the low
/// bits of the sum.
const ROUND: f32 = 12_582_912.0;

/// Writes `row * scale`, rounded, to the front of `values`; returns the squared length of what
/// rounding took, in units of the fixed point.
#[inline(never)]
fn quantize(row: &[f32], scale: f32, values: &mut [i16]) -> f32 {
    let mut residuals = [0f32; PAD];
    let (chunks, rest) = row.as_chunks();
    let (value_chunks, _) = values.as_chunks_mut();
    quantize_chunks(chunks, scale, value_chunks, &mut residuals);
    if !rest.is_empty() {
        // Zeros add nothing.
        let mut last = [0f32; PAD];
        last[..rest.len()].copy_from_slice(rest);
        quantize_chunks(
            &[last],
            scale,
            &mut value_chunks[chunks.len()..],
            &mut residuals,
        );
    }
    residuals.iter().sum()
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(never)]
fn quantize_chunks(
    row: &[[f32; PAD]],
    scale: f32,
    values: &mut [[i16; PAD]],
    residuals: &mut [f32; PAD],
) {
    use core::arch::wasm32::*;
    // SAFETY (of all loads and stores): four f32 of eight, or eight i16; alignment is not needed.
    let half =
        |eight: &[f32; PAD], from: usize| unsafe { v128_load(eight.as_ptr().add(from).cast()) };
    let mut sums = [half(residuals, 0), half(residuals, 4)];
    let fix = |x: v128, sum: &mut v128| {
        let exact = f32x4_mul(x, f32x4_splat(scale));
        let rounded = f32x4_pmax(
            f32x4_splat(-32767.0),
            f32x4_pmin(f32x4_splat(32767.0), f32x4_nearest(exact)),
        );
        let residual = f32x4_sub(exact, rounded);
        *sum = f32x4_add(*sum, f32x4_mul(residual, residual));
        // As the difference of bit patterns: converting has no single instruction on x86.
        i32x4_sub(f32x4_add(rounded, f32x4_splat(ROUND)), f32x4_splat(ROUND))
    };
    for (row, values) in row.iter().zip(values) {
        let low = fix(half(row, 0), &mut sums[0]);
        let high = fix(half(row, 4), &mut sums[1]);
        unsafe { v128_store(values.as_mut_ptr().cast(), i16x8_narrow_i32x4(low, high)) };
    }
    unsafe {
        v128_store(residuals.as_mut_ptr().cast(), sums[0]);
        v128_store(residuals.as_mut_ptr().add(4).cast(), sums[1]);
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn quantize_chunks(
    row: &[[f32; PAD]],
    scale: f32,
    values: &mut [[i16; PAD]],
    residuals: &mut [f32; PAD],
) {
    for (row, values) in row.iter().zip(values) {
        for lane in 0..PAD {
            let exact = row[lane] * scale;
            let rounded = ((exact + ROUND) - ROUND).clamp(-32767.0, 32767.0);
            residuals[lane] += (exact - rounded) * (exact - rounded);
            values[lane] = rounded as i16;
        }
    }
}

/// Kept out of line, as every hot loop here: a wasm engine optimises a function when it is called
/// again, and would leave a loop inlined into one long call in baseline code.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(never)]
fn dot_i16(a: &[i16], b: &[i16]) -> i32 {
    use core::arch::wasm32::*;
    let mut sums = i32x4_splat(0);
    for (a, b) in a.chunks_exact(PAD).zip(b.chunks_exact(PAD)) {
        // SAFETY: both chunks are 16 bytes long; v128_load has no alignment requirement.
        let (a, b) = unsafe { (v128_load(a.as_ptr().cast()), v128_load(b.as_ptr().cast())) };
        sums = i32x4_add(sums, i32x4_dot_i16x8(a, b));
    }
    sum_lanes(sums)
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(never)]
fn tile_i16(a: [&[i16]; TILE], b: [&[i16]; TILE]) -> [[i32; TILE]; TILE] {
    use core::arch::wasm32::*;
    let length = a[0].len();
    assert!(a.iter().chain(&b).all(|row| row.len() == length));
    let mut sums = [[i32x4_splat(0); TILE]; TILE];
    for at in (0..length / PAD * PAD).step_by(PAD) {
        // SAFETY: all rows have `length` values, and PAD of them from `at` are within it.
        let load = |row: &[i16]| unsafe { v128_load(row.as_ptr().add(at).cast()) };
        let left = [load(a[0]), load(a[1]), load(a[2])];
        for (j, row) in b.iter().enumerate() {
            let right = load(row);
            for i in 0..TILE {
                sums[i][j] = i32x4_add(sums[i][j], i32x4_dot_i16x8(left[i], right));
            }
        }
    }
    sums.map(|row| row.map(sum_lanes))
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
fn sum_lanes(sums: core::arch::wasm32::v128) -> i32 {
    use core::arch::wasm32::*;
    i32x4_extract_lane::<0>(sums)
        + i32x4_extract_lane::<1>(sums)
        + i32x4_extract_lane::<2>(sums)
        + i32x4_extract_lane::<3>(sums)
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn dot_i16(a: &[i16], b: &[i16]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| i32::from(a) * i32::from(b))
        .sum()
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn tile_i16(a: [&[i16]; TILE], b: [&[i16]; TILE]) -> [[i32; TILE]; TILE] {
    a.map(|a| b.map(|b| dot_i16(a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(dimensions: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
        prop::collection::vec(prop::collection::vec(-9f32..9.0, dimensions), 1..8)
    }

    proptest! {
        #[test]
        fn products_stay_within_their_bound(
            rows in (1usize..80).prop_flat_map(rows),
        ) {
            let mut fixed = FixedRows::new(rows[0].len());
            rows.iter().for_each(|row| fixed.push(row));
            for (a, x) in rows.iter().enumerate() {
                for (b, y) in rows.iter().enumerate() {
                    let truth = kernel::cosine(x, y);
                    prop_assert!((fixed.dot(a, &fixed, b) - truth).abs() <= fixed.error(a, &fixed, b));
                    let tile = fixed.tile(a, &fixed, b);
                    prop_assert!((f64::from(tile[0][0]) - truth).abs() <= fixed.worst_error(&fixed));
                }
            }
        }
    }

    #[test]
    fn extreme_unit_rows_do_not_overflow() {
        let mut fixed = FixedRows::new(2);
        fixed.push(&[1.0, 0.0]);
        fixed.push(&[-1.0, 0.0]);
        fixed.push(&[0.0, 0.0]);
        assert!((fixed.dot(0, &fixed, 1) + 1.0).abs() < fixed.error(0, &fixed, 1));
        assert_eq!(fixed.dot(0, &fixed, 2), 0.0);
    }
}
