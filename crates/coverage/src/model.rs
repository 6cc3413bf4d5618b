//! From what was measured of a query to a probability.

use crate::constants::{BIAS, THRESHOLD, WEIGHTS};

/// What is measured of a query on its page, in the order of [`FEATURES`].
pub type Features = [f64; FEATURES.len()];

/// `h` of a query and a segment is half the scaled cosine plus the share of words.
pub const FEATURES: [&str; 11] = [
    // The best segment's h.
    "best",
    // The mean h of all other segments.
    "rest",
    // The second best segment's h.
    "second",
    // The largest h above what the segment has with the page's queries on average.
    "above_mean",
    // Logarithm of the number of segments, at most that of the pages fitted on.
    "segments",
    // Spread of the page's queries: wide where some are answered and some are not.
    "spread",
    // How well the page answers the queries nearest to this one.
    "neighbours",
    // Share of the query's words that stand anywhere in the page.
    "anywhere",
    // above_mean times spread: being above means less where the page's queries differ widely.
    "above_mean_in_spread",
    // above_mean squared: being twice as far above does not say twice as much.
    "above_mean_squared",
    // How far the nearest segment's cosine is before the mean of the others', without what all queries and all segments share.
    "centred_lead",
];

/// Probability that the page does not answer the query.
pub fn gap_probability(features: &Features) -> f64 {
    let sum: f64 = features
        .iter()
        .zip(WEIGHTS)
        .map(|(x, weight)| x * weight)
        .sum();
    1.0 / (1.0 + (-(BIAS + sum)).exp())
}

/// As [`gap_probability`] for a page with few queries, from the lead alone: the best segment's cosine
/// and words, plus how far they are above the mean of the rest. The slope is that of the plain rule,
/// whose decision at a lead of 1.055 is put at [`THRESHOLD`].
pub(crate) fn gap_probability_alone(lead: f64) -> f64 {
    1.0 / (1.0 + (2.29 * lead - 2.296).exp())
}

/// Coverage in [0, 1]: 0.7 where the probability of a gap is at the decision, linear on both sides.
pub fn coverage(gap_probability: f64) -> f64 {
    const DECISION: f64 = 0.7;
    if gap_probability <= THRESHOLD {
        1.0 - (1.0 - DECISION) * gap_probability / THRESHOLD
    } else {
        DECISION * (1.0 - gap_probability) / (1.0 - THRESHOLD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_falls_with_the_probability_of_a_gap_and_decides_at_seven_tenths() {
        assert_eq!((coverage(0.0), coverage(1.0)), (1.0, 0.0));
        assert!((coverage(THRESHOLD) - 0.7).abs() < 1e-12);
        let steps: Vec<f64> = (0..=100).map(|x| coverage(f64::from(x) / 100.0)).collect();
        assert!(steps.windows(2).all(|pair| pair[0] > pair[1]));
    }
}
