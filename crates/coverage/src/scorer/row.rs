//! What the first pass finds of one query.

use super::Hit;
use crate::words::MOST_SHARED;

/// How much of the scaled cosine counts beside the share of words.
pub(super) const MEANING: f32 = 0.5;
/// A segment with so much less than the best has 1/e of its share of what a query points to.
const SHARPNESS: f32 = 0.15;
/// Segments given for a query.
pub(super) const HITS: usize = 5;
/// Parts of the page given for a query.
pub(super) const PARTS: usize = 6;
/// What a part is like as a whole, beside its nearest segment, and what it answers of the queries nearest to this one. The order
/// of the parts that editors chose for 162 topics of 20 pages was fitted once with each page left out: the weights hardly move.
const PART_MEAN: f32 = 0.65;
pub(super) const PART_NEIGHBOURS: f32 = 2.0;

/// What is kept of a query once it was compared with all segments.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Row {
    pub(super) best: f32,
    pub(super) rest: f32,
    pub(super) second: f32,
    pub(super) above_mean: f32,
    pub(super) anywhere: f32,
    /// With the whole cosine: best + (best - rest). What neighbours are judged by.
    pub(super) lead: f32,
    pub(super) meaning: f32,
    pub(super) words: f32,
    /// Cosine with the mean of all queries, times its length.
    pub(super) shared: f32,
    /// Words that many queries share, a bit each, and the products with the mean vectors of the queries that have them.
    pub(super) shared_words: u32,
    pub(super) with_shared: [f32; MOST_SHARED],
    /// How far the nearest segment's cosine is before the mean of the others', without what all queries and all segments share.
    pub(super) centred_lead: f32,
    /// Words that the best segment, and any segment, does not have: a bit each.
    pub(super) missing: [u64; 2],
    pub(super) hits: [(u32, f32); HITS],
    /// Parts of the page by how near they are; those that are not there score `f32::MIN`.
    pub(super) parts: [(u32, f32); PARTS],
}

impl Row {
    /// The segments that the query points to, each with its share.
    pub(super) fn pointer(&self, segment_count: usize) -> Vec<(u32, f32)> {
        let hits = &self.hits[..segment_count.min(HITS)];
        let weight = |score: f32| ((score - self.best) / SHARPNESS).exp();
        let total: f32 = hits.iter().map(|hit| weight(hit.1)).sum();
        hits.iter()
            .map(|&(segment, score)| (segment, weight(score) / total))
            .collect()
    }

    /// The parts that are there, likeliest first, their scores above that of the least.
    pub(super) fn parts(&self) -> Vec<Hit> {
        let mut parts: Vec<(u32, f32)> = (self.parts.iter().copied())
            .filter(|(_, score)| *score > f32::MIN / 2.0)
            .collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let least = parts.last().map_or(0.0, |part| part.1);
        (parts.into_iter())
            .map(|(segment, score)| Hit {
                segment: segment as usize,
                score: rounded(f64::from(score - least)),
            })
            .collect()
    }
}

/// A query's numbers from its scaled cosine and its share of words with every segment.
pub(super) fn measure(scaled: &[f32], words: &[f32], mean: &[f32]) -> Row {
    let mut row = Row::default();
    if scaled.is_empty() {
        return row;
    }
    let mut hits = [(0u32, f32::MIN); HITS];
    let (mut sum, mut above_mean) = (0f64, f32::MIN);
    let (mut lead_best, mut lead_sum) = (f32::MIN, 0f64);
    for (segment, ((&cosine, &words), &mean)) in scaled.iter().zip(words).zip(mean).enumerate() {
        let h = MEANING * cosine + words;
        sum += f64::from(h);
        above_mean = above_mean.max(h - mean);
        let whole = cosine + words;
        lead_best = lead_best.max(whole);
        lead_sum += f64::from(whole);
        if h > hits[HITS - 1].1 {
            let at = hits.iter().position(|hit| h > hit.1).unwrap_or(HITS - 1);
            hits[at..].rotate_right(1);
            hits[at] = (segment as u32, h);
        }
    }
    let best = hits[0].0 as usize;
    let others = (scaled.len() - 1).max(1) as f64;
    let rest = |sum: f64, best: f32| ((sum - f64::from(best)) / others) as f32;
    for hit in &mut hits[scaled.len().min(HITS)..] {
        *hit = (0, 0.0);
    }
    row.best = hits[0].1;
    row.rest = rest(sum, row.best);
    row.second = hits[1].1;
    row.above_mean = above_mean;
    row.lead = 2.0 * lead_best - rest(lead_sum, lead_best);
    row.meaning = scaled[best];
    row.words = words[best];
    row.hits = hits;
    row
}

/// The parts nearest to a query by meaning: their nearest segment and their mean, in standard deviations over the page's segments,
/// after what each segment has with all queries was taken off.
pub(super) fn nearest_parts(
    scaled: &[f32],
    with_all: &[f32],
    parts: &[Option<u32>],
) -> [(u32, f32); PARTS] {
    let mut nearest = [(0u32, f32::MIN); PARTS];
    let own = || {
        scaled
            .iter()
            .zip(with_all)
            .map(|(cosine, all)| cosine - all)
    };
    let count = scaled.len().max(1) as f32;
    let mean = own().sum::<f32>() / count;
    let deviation = (own().map(|x| (x - mean).powi(2)).sum::<f32>() / count)
        .sqrt()
        .max(1e-6);
    // Of each part, by its first segment: the highest, the sum, how many.
    let mut found: Vec<(f32, f32, f32)> = vec![(f32::MIN, 0.0, 0.0); scaled.len()];
    for (x, part) in own().zip(parts) {
        if let Some(part) = part {
            let x = (x - mean) / deviation;
            let (highest, sum, count) = &mut found[*part as usize];
            (*highest, *sum, *count) = (highest.max(x), *sum + x, *count + 1.0);
        }
    }
    for (part, (highest, sum, count)) in (0u32..).zip(found) {
        let score = highest + PART_MEAN * sum / count;
        if count > 0.0 && score > nearest[PARTS - 1].1 {
            let at = nearest
                .iter()
                .position(|other| score > other.1)
                .unwrap_or(PARTS - 1);
            nearest[at..].rotate_right(1);
            nearest[at] = (part, score);
        }
    }
    nearest
}

/// To four digits, so that the same input gives the same bytes wherever it runs.
pub(super) fn rounded(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}
