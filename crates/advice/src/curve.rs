//! How many of those who see a result click it, by its position.

use serde::Serialize;

/// Share of clicks at positions 1 to 10 as Backlinko found them over four million Google results (Dean, "We analyzed 4 million
/// Google search results", 2023); from 11 on continued here, falling to what studies report for the second page.
const FALLBACK: [f64; 20] = [
    0.276, 0.158, 0.110, 0.084, 0.063, 0.049, 0.039, 0.033, 0.027, 0.024, 0.014, 0.012, 0.010,
    0.009, 0.008, 0.007, 0.0065, 0.006, 0.0055, 0.005,
];

/// Upper bounds of the groups of positions that are set right together.
const GROUPS: [f64; 8] = [1.5, 2.5, 3.5, 5.5, 7.5, 10.5, 15.5, f64::INFINITY];
/// Clicks that a group must have before its own figures outweigh those of all groups together.
const PRIOR_CLICKS: f64 = 10.0;
/// Fewer clicks than these in all tell nothing.
const LEAST_CLICKS: f64 = 30.0;

/// Click-through rate by position.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Where it comes from, for a reader.
    pub source: String,
    /// At positions 1 to 20, never rising.
    pub by_position: Vec<f64>,
}

/// Between positions in proportion; beyond the last it falls with the square of the position.
fn read(by_position: &[f64], position: f64) -> f64 {
    let last = by_position.len();
    let position = position.max(1.0);
    if position >= last as f64 {
        return by_position[last - 1] * (last as f64 / position).powi(2);
    }
    let below = position.floor();
    let index = below as usize;
    by_position[index - 1] + (position - below) * (by_position[index] - by_position[index - 1])
}

impl Curve {
    /// From rows of (position, impressions, clicks): the fallback's shape, set right for each group of positions as far as
    /// there are clicks to do it by.
    pub fn fit(rows: impl Iterator<Item = (f64, f64, f64)>) -> Self {
        let (mut clicks, mut expected) = ([0.0; GROUPS.len()], [0.0; GROUPS.len()]);
        for (position, impressions, clicked) in rows {
            let group = GROUPS
                .iter()
                .position(|bound| position < *bound)
                .unwrap_or(GROUPS.len() - 1);
            clicks[group] += clicked;
            expected[group] += impressions * read(&FALLBACK, position);
        }
        let total: f64 = clicks.iter().sum();
        if total < LEAST_CLICKS {
            return Self {
                source: "Backlinko 2023, four million Google results".into(),
                by_position: FALLBACK.to_vec(),
            };
        }
        let general = (total + PRIOR_CLICKS) / (expected.iter().sum::<f64>() + PRIOR_CLICKS);
        let mut least = 1.0f64;
        let by_position = (FALLBACK.iter().zip(1u8..))
            .map(|(rate, position)| {
                let position = f64::from(position);
                let group = GROUPS
                    .iter()
                    .position(|bound| position < *bound)
                    .expect("the last has no end");
                let own =
                    (clicks[group] + PRIOR_CLICKS * general) / (expected[group] + PRIOR_CLICKS);
                least = least.min(rate * own);
                least
            })
            .collect();
        Self {
            source: format!("the page's own {total} clicks, over the shape of Backlinko 2023"),
            by_position,
        }
    }

    /// Share of impressions that are clicked at `position`, which may be a mean.
    pub fn rate(&self, position: f64) -> f64 {
        read(&self.by_position, position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_clicks_it_is_the_fallback() {
        let curve = Curve::fit([(3.0, 100.0, 5.0)].into_iter());
        assert_eq!(curve.rate(1.0), 0.276);
        assert!((curve.rate(1.5) - 0.217).abs() < 1e-12);
        assert!(curve.rate(40.0) < curve.rate(20.0));
        assert_eq!(curve.rate(0.0), curve.rate(1.0));
    }

    #[test]
    fn a_site_that_gets_half_the_clicks_has_half_the_curve() {
        let rows = (1..=20).map(|p| (f64::from(p), 1e6, 1e6 * 0.5 * FALLBACK[p as usize - 1]));
        let curve = Curve::fit(rows);
        for position in [1.0, 4.0, 9.0, 18.0] {
            let ratio = curve.rate(position) / read(&FALLBACK, position);
            assert!((ratio - 0.5).abs() < 0.01, "{position}: {ratio}");
        }
        assert!(curve.by_position.windows(2).all(|pair| pair[0] >= pair[1]));
    }
}
