//! Content gaps: every keyword cluster against every segment of the page.
//!
//! A cluster is answered by the segment most similar to its centroid. Where even that one stays
//! below the threshold the page has a gap, worth `impressions * (1 - similarity)`.

use pageperfect_vector::{FixedRows, TILE, VectorError, check_dimensions, codec, kernel};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What ranks a keyword cluster, in the order in which its vector was pushed.
#[derive(Debug, Clone, Deserialize)]
pub struct Cluster {
    /// A query that belongs to no cluster: scored for the coverage, never recommended.
    pub is_noise: bool,
    /// Searches that showed the page, summed over the cluster's queries.
    pub impressions: f64,
    /// Impression-weighted position in the results, 1 is the top; `None` where it is not known.
    pub avg_position: Option<f64>,
}

/// A segment, by the order in which its vector was pushed, and its cosine in [-1, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hit {
    pub segment: usize,
    pub similarity: f64,
}

/// How well the page answers one cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Match {
    pub cluster: usize,
    /// `None` when the page has no segments.
    pub best: Option<Hit>,
    pub second: Option<Hit>,
    pub is_gap: bool,
    /// `impressions * (1 - similarity)`; a negative similarity counts as 0.
    pub opportunity: f64,
    /// 1 for the greatest opportunity; only the recommended ones have it.
    pub rank: Option<usize>,
}

/// Result of [`GapScorer::score`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gaps {
    /// One a cluster, in the order in which they were pushed.
    pub coverage: Vec<Match>,
    /// Gaps of real clusters by opportunity, greatest first; the better position, then the
    /// earlier cluster, decides a tie. At most `top`.
    pub recommendations: Vec<Match>,
}

/// Why scoring was refused.
#[derive(Debug, Clone, PartialEq)]
pub enum GapError {
    Vector(VectorError),
    /// Clusters are compared as they arrive, so segments must all be there.
    SegmentsAfterClusters,
    /// The descriptions do not match the vectors.
    Count {
        what: &'static str,
        described: usize,
        pushed: usize,
    },
    /// A similarity threshold outside [-1, 1].
    Threshold(f64),
    /// A checkpoint of other segments, or not a checkpoint.
    Checkpoint,
}

impl fmt::Display for GapError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Vector(error) => error.fmt(f),
            Self::SegmentsAfterClusters => write!(f, "push all segments before the first cluster"),
            Self::Count {
                what,
                described,
                pushed,
            } => {
                write!(
                    f,
                    "{described} {what} are described but {pushed} vectors were pushed"
                )
            }
            Self::Threshold(value) => write!(f, "the threshold {value} is not within -1 and 1"),
            Self::Checkpoint => write!(
                f,
                "this checkpoint was made with other segments: start again"
            ),
        }
    }
}

impl std::error::Error for GapError {}

impl From<VectorError> for GapError {
    fn from(error: VectorError) -> Self {
        Self::Vector(error)
    }
}

/// Compares clusters with segments while they are pushed: a cluster's vector is not kept.
///
/// ```
/// use pageperfect_gap::{Cluster, GapScorer};
/// let mut scorer = GapScorer::new(2)?;
/// scorer.push_segments(&[1.0, 0.0])?;
/// scorer.push_clusters(&[0.0, 2.0, 3.0, 0.1])?;
/// let cluster = |impressions| Cluster { is_noise: false, impressions, avg_position: Some(4.0) };
/// let gaps = scorer.score(&[cluster(50.0), cluster(900.0)], 0.7, 10)?;
/// assert_eq!(gaps.recommendations.len(), 1);
/// assert_eq!(gaps.recommendations[0].cluster, 0);
/// assert_eq!(gaps.recommendations[0].opportunity, 50.0);
/// # Ok::<(), pageperfect_gap::GapError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GapScorer {
    dimensions: usize,
    segments: Vec<f32>,
    fixed_segments: FixedRows,
    hits: Vec<[Option<Hit>; 2]>,
}

impl GapScorer {
    /// # Errors
    /// [`VectorError::DimensionCount`].
    pub fn new(dimensions: usize) -> Result<Self, GapError> {
        check_dimensions(dimensions)?;
        Ok(Self {
            dimensions,
            segments: Vec::new(),
            fixed_segments: FixedRows::new(dimensions),
            hits: Vec::new(),
        })
    }

    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub fn segment_count(&self) -> usize {
        self.fixed_segments.len()
    }

    pub fn cluster_count(&self) -> usize {
        self.hits.len()
    }

    /// Adds segments; `rows` holds whole vectors on end, of any length above zero.
    ///
    /// # Errors
    /// Ragged or not finite rows, or clusters already pushed.
    pub fn push_segments(&mut self, rows: &[f32]) -> Result<(), GapError> {
        if !self.hits.is_empty() {
            return Err(GapError::SegmentsAfterClusters);
        }
        codec::check_rows(rows, self.dimensions, self.segment_count())?;
        rows.chunks_exact(self.dimensions)
            .for_each(|row| self.add_segment(row));
        Ok(())
    }

    /// As [`push_segments`](Self::push_segments), from base64 of pgvector's binary form.
    ///
    /// # Errors
    /// As [`codec::base64_vector_send`], or clusters already pushed.
    pub fn push_segments_base64(&mut self, text: Vec<u8>) -> Result<(), GapError> {
        if !self.hits.is_empty() {
            return Err(GapError::SegmentsAfterClusters);
        }
        codec::base64_vector_send(text, self.dimensions, |row| self.add_segment(row))?;
        Ok(())
    }

    fn add_segment(&mut self, row: &[f32]) {
        self.segments.extend_from_slice(row);
        self.fixed_segments.push(row);
    }

    /// Compares clusters with every segment; `rows` holds whole vectors on end.
    ///
    /// # Errors
    /// Ragged or not finite rows.
    pub fn push_clusters(&mut self, rows: &[f32]) -> Result<(), GapError> {
        codec::check_rows(rows, self.dimensions, self.cluster_count())?;
        rows.chunks(self.dimensions * TILE)
            .for_each(|rows| self.compare(rows));
        Ok(())
    }

    /// As [`push_clusters`](Self::push_clusters), from base64 of pgvector's binary form.
    ///
    /// # Errors
    /// As [`codec::base64_vector_send`].
    pub fn push_clusters_base64(&mut self, text: Vec<u8>) -> Result<(), GapError> {
        let (dimensions, mut rows) = (self.dimensions, Vec::new());
        codec::base64_vector_send(text, dimensions, |row| {
            rows.extend_from_slice(row);
            if rows.len() == dimensions * TILE {
                self.compare(&rows);
                rows.clear();
            }
        })?;
        if !rows.is_empty() {
            self.compare(&rows);
        }
        Ok(())
    }

    /// Compares `rows`, 1 to `TILE` clusters, with every segment.
    fn compare(&mut self, rows: &[f32]) {
        let mut fixed = FixedRows::new(self.dimensions);
        rows.chunks_exact(self.dimensions)
            .for_each(|row| fixed.push(row));
        let mut estimates = vec![[0f32; TILE]; self.segment_count()];
        estimate(&fixed, &self.fixed_segments, &mut estimates);
        let error = 2.0 * fixed.worst_error(&self.fixed_segments) as f32;
        for (lane, cluster) in rows.chunks_exact(self.dimensions).enumerate() {
            let estimates = estimates.iter().map(|row| row[lane]);
            self.hits.push(self.best_two(cluster, estimates, error));
        }
    }

    /// The two most similar segments, decided in f64 among all that fixed point leaves possible.
    fn best_two(
        &self,
        cluster: &[f32],
        estimates: impl Iterator<Item = f32> + Clone,
        error: f32,
    ) -> [Option<Hit>; 2] {
        let mut floor = [f32::MIN; 2];
        for estimate in estimates.clone() {
            if estimate > floor[0] {
                floor = [estimate, floor[0]];
            } else if estimate > floor[1] {
                floor[1] = estimate;
            }
        }
        let mut best: [Option<Hit>; 2] = [None, None];
        for (segment, _) in estimates
            .enumerate()
            .filter(|(_, x)| *x >= floor[1] - error)
        {
            let row = &self.segments[segment * self.dimensions..(segment + 1) * self.dimensions];
            let hit = Some(Hit {
                segment,
                similarity: kernel::cosine(cluster, row),
            });
            let beats = |other: Option<Hit>| {
                other.is_none_or(|other| hit.is_some_and(|hit| hit.similarity > other.similarity))
            };
            if beats(best[0]) {
                best = [hit, best[0]];
            } else if beats(best[1]) {
                best[1] = hit;
            }
        }
        best
    }

    /// What was found for the clusters pushed so far as bytes, for [`restore`](Self::restore) in
    /// another process.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.hits.len() * HITS_BYTES);
        for hit in self.hits.iter().flatten() {
            let segment = hit.map_or(u32::MAX, |hit| hit.segment as u32);
            bytes.extend(segment.to_le_bytes());
            bytes.extend(hit.map_or(0.0, |hit| hit.similarity).to_le_bytes());
        }
        bytes
    }

    /// Goes on from a checkpoint after the same segments were pushed, with the first cluster that
    /// it does not hold.
    ///
    /// # Errors
    /// [`GapError::Checkpoint`] when it is of anything else; nothing changes then.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), GapError> {
        let (hits, rest) = checkpoint.as_chunks::<HITS_BYTES>();
        let read = |bytes: &[u8; HITS_BYTES]| {
            let (best, second) = bytes.split_at(HITS_BYTES / 2);
            Some([
                read_hit(best, self.segment_count())?,
                read_hit(second, self.segment_count())?,
            ])
        };
        let hits: Option<Vec<_>> = hits.iter().map(read).collect();
        self.hits = hits
            .filter(|_| rest.is_empty())
            .ok_or(GapError::Checkpoint)?;
        Ok(())
    }

    /// Ranks what was pushed. A cluster is a gap when its best similarity is below `threshold`.
    ///
    /// # Errors
    /// [`GapError::Count`] when `clusters` are not as many as were pushed, [`GapError::Threshold`].
    pub fn score(
        &self,
        clusters: &[Cluster],
        threshold: f64,
        top: usize,
    ) -> Result<Gaps, GapError> {
        if clusters.len() != self.cluster_count() {
            return Err(GapError::Count {
                what: "clusters",
                described: clusters.len(),
                pushed: self.cluster_count(),
            });
        }
        if !(-1.0..=1.0).contains(&threshold) {
            return Err(GapError::Threshold(threshold));
        }
        let mut coverage: Vec<Match> = (clusters.iter().zip(&self.hits).enumerate())
            .map(|(index, (cluster, [best, second]))| {
                let similarity = best.map_or(0.0, |hit| hit.similarity);
                Match {
                    cluster: index,
                    best: *best,
                    second: *second,
                    is_gap: similarity < threshold,
                    opportunity: cluster.impressions * (1.0 - similarity.max(0.0)),
                    rank: None,
                }
            })
            .collect();
        let mut order: Vec<usize> = (0..coverage.len())
            .filter(|&index| coverage[index].is_gap && !clusters[index].is_noise)
            .collect();
        // Sorting is stable, so the earlier cluster stays first when all else is equal.
        let place = |index: usize| clusters[index].avg_position.unwrap_or(f64::INFINITY);
        order.sort_by(|&a, &b| {
            (coverage[b].opportunity.total_cmp(&coverage[a].opportunity))
                .then(place(a).total_cmp(&place(b)))
        });
        order.truncate(top);
        for (place, &index) in order.iter().enumerate() {
            coverage[index].rank = Some(place + 1);
        }
        let recommendations = order.iter().map(|&index| coverage[index].clone()).collect();
        Ok(Gaps {
            coverage,
            recommendations,
        })
    }
}

/// Two hits in a checkpoint: for each a segment, `u32::MAX` for none, and its similarity as f64.
const HITS_BYTES: usize = 24;

/// `None` when the bytes are no hit on one of `segment_count` segments.
fn read_hit(bytes: &[u8], segment_count: usize) -> Option<Option<Hit>> {
    let (segment, similarity) = bytes.split_first_chunk()?;
    let segment = u32::from_le_bytes(*segment);
    let similarity = f64::from_le_bytes(similarity.try_into().ok()?);
    if segment == u32::MAX {
        return Some(None);
    }
    let segment = segment as usize;
    let is_sound = segment < segment_count && similarity.is_finite();
    is_sound.then_some(Some(Hit {
        segment,
        similarity,
    }))
}

/// Cosines of up to `TILE` clusters with all segments, in fixed point.
#[inline(never)]
fn estimate(clusters: &FixedRows, segments: &FixedRows, estimates: &mut [[f32; TILE]]) {
    for from in (0..segments.len()).step_by(TILE) {
        let tile = clusters.tile(0, segments, from);
        for (offset, row) in estimates[from..].iter_mut().take(TILE).enumerate() {
            *row = tile.map(|cluster| cluster[offset]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cluster(impressions: f64, avg_position: f64) -> Cluster {
        Cluster {
            is_noise: false,
            impressions,
            avg_position: Some(avg_position),
        }
    }

    fn scorer(segments: &[f32], clusters: &[f32], dimensions: usize) -> GapScorer {
        let mut scorer = GapScorer::new(dimensions).unwrap();
        scorer.push_segments(segments).unwrap();
        scorer.push_clusters(clusters).unwrap();
        scorer
    }

    proptest! {
        #[test]
        fn the_two_best_are_those_of_a_plain_search(
            (dimensions, segments, clusters) in (1usize..40).prop_flat_map(|dimensions| {
                let rows = |most: usize| {
                    prop::collection::vec(prop::collection::vec(-1f32..1.0, dimensions), 0..most)
                };
                (Just(dimensions), rows(20), rows(8))
            }),
        ) {
            let scorer = scorer(&segments.concat(), &clusters.concat(), dimensions);
            for (cluster, found) in clusters.iter().zip(&scorer.hits) {
                let mut truth: Vec<f64> =
                    segments.iter().map(|segment| kernel::cosine(cluster, segment)).collect();
                truth.sort_by(|a, b| b.total_cmp(a));
                let found: Vec<f64> = found.iter().flatten().map(|hit| hit.similarity).collect();
                prop_assert_eq!(&found[..], &truth[..truth.len().min(2)]);
            }
        }

        #[test]
        fn recommendations_are_ranked_gaps(
            impressions in prop::collection::vec((0u32..100, 1u32..5, any::<bool>()), 0..20),
            top in 0usize..12,
        ) {
            let rows: Vec<f32> =
                (0..impressions.len()).flat_map(|i| [1.0, (i % 4) as f32]).collect();
            let clusters: Vec<Cluster> = (impressions.iter())
                .map(|&(impressions, position, is_noise)| Cluster {
                    is_noise,
                    impressions: impressions.into(),
                    avg_position: Some(position.into()),
                })
                .collect();
            let gaps = scorer(&[1.0, 0.0], &rows, 2).score(&clusters, 0.7, top).unwrap();
            prop_assert_eq!(gaps.coverage.len(), clusters.len());
            prop_assert!(gaps.recommendations.len() <= top);
            for (place, found) in gaps.recommendations.iter().enumerate() {
                prop_assert!(found.is_gap && !clusters[found.cluster].is_noise);
                prop_assert_eq!(found.rank, Some(place + 1));
                prop_assert_eq!(found, &gaps.coverage[found.cluster]);
            }
            for pair in gaps.recommendations.windows(2) {
                let key = |found: &Match| {
                    (-found.opportunity, clusters[found.cluster].avg_position, found.cluster)
                };
                prop_assert!(key(&pair[0]) <= key(&pair[1]));
            }
        }
    }

    #[test]
    fn of_equals_one_whose_position_is_not_known_comes_last() {
        let scorer = scorer(&[1.0, 0.0], &[0.0, 1.0, 0.0, 1.0], 2);
        let unknown = Cluster {
            avg_position: None,
            ..cluster(5.0, 1.0)
        };
        let gaps = scorer
            .score(&[unknown, cluster(5.0, 90.0)], 0.7, 2)
            .unwrap();
        let order: Vec<usize> = gaps
            .recommendations
            .iter()
            .map(|found| found.cluster)
            .collect();
        assert_eq!(order, [1, 0]);
    }

    #[test]
    fn a_similarity_at_the_threshold_is_no_gap() {
        let scorer = scorer(&[1.0, 0.0, 0.0, 0.0], &[1.0, 1.0, 1.0, 1.0], 4);
        let is_gap = |threshold| {
            scorer
                .score(&[cluster(1.0, 1.0)], threshold, 1)
                .unwrap()
                .coverage[0]
                .is_gap
        };
        assert!(!is_gap(0.5));
        assert!(is_gap(0.500001));
    }

    #[test]
    fn a_page_without_segments_leaves_everything_open() {
        let gaps = scorer(&[], &[1.0, 0.0], 2)
            .score(&[cluster(7.0, 3.0)], 0.7, 10)
            .unwrap();
        assert_eq!(gaps.coverage[0].best, None);
        assert_eq!(gaps.recommendations[0].opportunity, 7.0);
    }

    #[test]
    fn a_negative_similarity_is_worth_no_more_than_none() {
        let gaps = scorer(&[-1.0, 0.0], &[1.0, 0.0], 2)
            .score(&[cluster(7.0, 3.0)], 0.7, 10)
            .unwrap();
        assert_eq!(gaps.coverage[0].best.unwrap().similarity, -1.0);
        assert_eq!(gaps.coverage[0].opportunity, 7.0);
    }

    #[test]
    fn a_restored_scorer_goes_on_where_the_checkpoint_was_made() {
        let segments = [1.0, 0.0, 0.6, 0.8];
        let clusters = [1.0, 0.1, 0.0, 1.0, -1.0, 0.0];
        let described = [cluster(5.0, 1.0), cluster(6.0, 2.0), cluster(7.0, 3.0)];
        let whole = scorer(&segments, &clusters, 2).score(&described, 0.9, 2);

        let first = scorer(&segments, &clusters[..2], 2);
        let mut second = scorer(&segments, &[], 2);
        second.restore(&first.checkpoint()).unwrap();
        assert_eq!(second.cluster_count(), 1);
        second.push_clusters(&clusters[2..]).unwrap();
        assert_eq!(second.score(&described, 0.9, 2), whole);

        let lonely = scorer(&[], &clusters, 2);
        let mut other = scorer(&[], &[], 2);
        other.restore(&lonely.checkpoint()).unwrap();
        assert_eq!(other.cluster_count(), 3);
        for foreign in [&first.checkpoint()[..], &lonely.checkpoint()[1..]] {
            assert_eq!(other.restore(foreign), Err(GapError::Checkpoint));
        }
        assert_eq!(other.cluster_count(), 3);
    }

    #[test]
    fn wrong_input_is_refused() {
        let mut scorer = scorer(&[1.0, 0.0], &[1.0, 0.0], 2);
        assert_eq!(
            scorer.push_segments(&[1.0, 0.0]),
            Err(GapError::SegmentsAfterClusters)
        );
        assert!(matches!(
            scorer.push_clusters(&[1.0]),
            Err(GapError::Vector(_))
        ));
        assert!(matches!(
            scorer.push_clusters(&[1.0, f32::NAN]),
            Err(GapError::Vector(_))
        ));
        assert!(matches!(
            scorer.score(&[], 0.7, 10),
            Err(GapError::Count { .. })
        ));
        assert!(matches!(
            scorer.score(&[cluster(1.0, 1.0)], f64::NAN, 10),
            Err(GapError::Threshold(_))
        ));
    }
}
