//! What text beside the page's own changes.

use serde::Serialize;

/// What a draft changes for the queries that its edit left open.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Mean coverage in [0, 1] of those queries by the page, weighted by their impressions.
    pub coverage_before: f64,
    /// The same by the page with the draft.
    pub coverage_after: f64,
    pub per_query: Vec<QueryEffect>,
    /// Whether the queries taken together are answered now.
    pub closes_gap: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryEffect {
    pub query: String,
    pub before: f64,
    pub after: f64,
}

/// What text beside the page's own changes: of queries their impressions (one with fewer than 1 weighs as one), and their
/// coverages without the text and with it. `None` when there are none, or not as many of each.
pub fn effect(
    queries: &[String],
    impressions: &[f64],
    before: &[f64],
    after: &[f64],
    threshold: f64,
) -> Option<Effect> {
    let lengths = [impressions.len(), before.len(), after.len()];
    if queries.is_empty() || lengths.iter().any(|length| *length != queries.len()) {
        return None;
    }
    let weights: Vec<f64> = impressions.iter().map(|count| count.max(1.0)).collect();
    let total: f64 = weights.iter().sum();
    // Shares first: the mean of one value is that value, to the last bit.
    let mean = |values: &[f64]| {
        let pairs = weights.iter().zip(values);
        pairs
            .map(|(weight, value)| weight / total * value)
            .sum::<f64>()
    };
    let coverage_after = mean(after);
    Some(Effect {
        coverage_before: mean(before),
        coverage_after,
        per_query: queries
            .iter()
            .zip(before.iter().zip(after))
            .map(|(query, (&before, &after))| QueryEffect {
                query: query.clone(),
                before,
                after,
            })
            .collect(),
        closes_gap: coverage_after >= threshold,
    })
}
