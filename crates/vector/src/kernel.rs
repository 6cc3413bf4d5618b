//! Dot products of plain rows.
//!
//! Partial sums are kept in explicit lanes: addition of floats may not be reordered by a compiler,
//! so a plain sum would stay scalar in wasm as well as natively.

/// `a · b`, accumulated in f32. The shorter length counts.
#[inline(never)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let mut sums = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// `a · b` of f32 rows, accumulated in f64: the referee where a rule is decided exactly.
#[inline(never)]
pub fn dot_f64(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 8;
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let mut sums = [0f64; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = (a_chunks.remainder().iter().zip(b_chunks.remainder()))
        .map(|(x, y)| f64::from(*x) * f64::from(*y))
        .sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += f64::from(x[lane]) * f64::from(y[lane]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Euclidean length.
pub fn norm(row: &[f32]) -> f64 {
    dot_f64(row, row).sqrt()
}

/// Cosine in [-1, 1]; 0 when either row is zero.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let norms = norm(a) * norm(b);
    if norms == 0.0 {
        0.0
    } else {
        (dot_f64(a, b) / norms).clamp(-1.0, 1.0)
    }
}

/// Scales `row` to length 1; a zero row stays zero.
pub fn normalize(row: &mut [f32]) {
    let length = norm(row);
    if length > 0.0 {
        let scale = 1.0 / length;
        row.iter_mut()
            .for_each(|x| *x = (f64::from(*x) * scale) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_right_at_every_length() {
        for length in 0..70usize {
            let a: Vec<f32> = (0..length).map(|i| i as f32 - 3.0).collect();
            let b: Vec<f32> = (0..length).map(|i| (i % 7) as f32).collect();
            let expected: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(x * y)).sum();
            assert_eq!(dot_f64(&a, &b), expected);
            assert_eq!(f64::from(dot(&a, &b)), expected);
        }
    }

    #[test]
    fn a_zero_row_has_cosine_zero_and_stays_zero() {
        let mut zero = [0.0; 5];
        normalize(&mut zero);
        assert_eq!(zero, [0.0; 5]);
        assert_eq!(cosine(&zero, &[1.0; 5]), 0.0);
    }
}
