//! Functions of f32 that a compiler can put into SIMD lanes, which those of the standard library
//! cannot be.

/// e^x for x ≤ 0, within a hundred-thousandth of it; about 1e-38 below −87.
pub fn exp(x: f32) -> f32 {
    let x = x.max(-87.0) * std::f32::consts::LOG2_E;
    let whole = x.round_ties_even();
    let part = (x - whole) * std::f32::consts::LN_2;
    // Taylor's series to the seventh power: part is at most ln 2 / 2.
    let mut sum = 1.0 / 5040.0;
    for factor in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * part + factor;
    }
    sum * f32::from_bits(((whole as i32 + 127) << 23) as u32)
}

/// x Φ(x), with the error function of Abramowitz and Stegun 7.1.26, within 1.5e-7 of it.
fn gelu_one(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut sum = 1.061_405_4;
    for factor in [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        sum = sum * t + factor;
    }
    let erf = (1.0 - sum * t * exp(-z * z)).copysign(x);
    0.5 * x * (1.0 + erf)
}

/// The Gaussian error linear unit of each value.
#[inline(never)]
pub fn gelu(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = gelu_one(*x));
}

/// Values to shares of 1, in proportion to e^value.
#[inline(never)]
pub fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter_mut().for_each(|x| *x = exp(*x - largest));
    let scale = 1.0 / values.iter().sum::<f32>();
    values.iter_mut().for_each(|x| *x *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_the_standard_library() {
        for i in 0..8700 {
            let x = -(i as f32) / 100.0;
            assert!((exp(x) - x.exp()).abs() <= 1e-5 * x.exp(), "{x}");
        }
        assert!(exp(-1e9) < 1e-37);
    }

    #[test]
    fn gelu_has_known_values() {
        for (x, y) in [
            (0.0, 0.0),
            (1.0, 0.841_344_7),
            (-1.0, -0.158_655_26),
            (3.0, 2.995_950_3),
            (-9.0, 0.0),
        ] {
            assert!((gelu_one(x) - y).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn shares_add_up() {
        let mut values = [1.0, 2.0, 3.0, -50.0];
        softmax(&mut values);
        assert!((values.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((values[2] / values[1] - std::f32::consts::E).abs() < 1e-5);
    }
}
