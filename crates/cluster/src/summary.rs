use crate::{
    Keywords, NOISE,
    dbscan::by_label,
    words::{stem, stop_words, words},
};
use pageperfect_vector::{VectorError, check_dimensions, codec, kernel};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fmt,
};

/// Terms given for a cluster at most.
const TERM_COUNT: usize = 5;
/// Terms that a label adds to the medoid's query at most.
const LABEL_TERM_COUNT: usize = 2;
/// A term that a label adds stands in this share of the members at least.
const LABEL_TERM_SHARE: f64 = 0.25;
/// A term is this many times as frequent in the cluster as outside of it.
const TERM_RATIO: f64 = 2.0;
/// A word that stands in this share of the clusters, and in so many, sets none apart, whatever its
/// language.
const COMMON_SHARE: f64 = 0.2;
const COMMON_COUNT: usize = 4;

/// A search query of a page and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Keyword {
    pub query: String,
    pub impressions: f64,
    pub clicks: f64,
    /// Average position in the results, 1 is the top; `None` where it is not known.
    pub position: Option<f64>,
}

/// A keyword cluster, or one noise point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterSummary {
    /// The cluster's label; -1 for a noise point.
    pub cluster_index: i32,
    pub is_noise: bool,
    /// The medoid's query, with the terms that it lacks: `trail shoes (women, waterproof)`.
    pub label: String,
    /// The query nearest to the centroid.
    pub medoid_query: String,
    /// Words that set the cluster apart from the page's other queries, most telling first.
    pub terms: Vec<String>,
    /// Most impressions first.
    pub queries: Vec<String>,
    pub size: usize,
    /// Mean cosine of the members with the centroid; 1 when all are alike.
    pub cohesion: f64,
    pub impressions: f64,
    pub clicks: f64,
    /// Mean of the positions that are known, weighted by impressions.
    pub avg_position: Option<f64>,
}

/// Mean of a cluster's unit vectors, of length 1. Not part of the summary: the centroids of thousands
/// of noise points are more than a worker's memory holds, so they are made of their vectors chunk by
/// chunk.
///
/// ```
/// use pageperfect_cluster::Centroid;
/// let mut centroid = Centroid::new(2)?;
/// centroid.push(&[3.0, 0.0])?;
/// centroid.push(&[0.0, 0.5])?;
/// assert_eq!(centroid.take(), [0.5f32.sqrt(); 2]);
/// # Ok::<(), pageperfect_vector::VectorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Centroid {
    sum: Vec<f32>,
}

impl Centroid {
    /// # Errors
    /// [`VectorError::DimensionCount`].
    pub fn new(dimensions: usize) -> Result<Self, VectorError> {
        check_dimensions(dimensions)?;
        let sum = vec![0.0; dimensions];
        Ok(Self { sum })
    }

    /// Adds members; `rows` holds whole vectors on end, of any length.
    ///
    /// # Errors
    /// Ragged or not finite rows; nothing is added then.
    pub fn push(&mut self, rows: &[f32]) -> Result<(), VectorError> {
        codec::check_rows(rows, self.sum.len(), 0)?;
        rows.chunks_exact(self.sum.len())
            .for_each(|row| add_unit(&mut self.sum, row));
        Ok(())
    }

    /// As [`push`](Self::push), from base64 of little-endian f32.
    ///
    /// # Errors
    /// As [`codec::base64_f32`].
    pub fn push_base64(&mut self, text: Vec<u8>) -> Result<(), VectorError> {
        let sum = &mut self.sum;
        codec::base64_f32(text, sum.len(), |row| add_unit(sum, row))
    }

    /// The centroid of what was pushed; the next cluster begins.
    pub fn take(&mut self) -> Vec<f32> {
        let empty = vec![0.0; self.sum.len()];
        let mut centroid = std::mem::replace(&mut self.sum, empty);
        kernel::normalize(&mut centroid);
        centroid
    }
}

fn add_unit(sum: &mut [f32], row: &[f32]) {
    let mut unit = row.to_vec();
    kernel::normalize(&mut unit);
    sum.iter_mut().zip(unit).for_each(|(sum, x)| *sum += x);
}

/// The keywords described are not those that were pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryError {
    pub described: usize,
    pub pushed: usize,
}

impl fmt::Display for SummaryError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { described, pushed } = self;
        write!(
            f,
            "{described} keywords are described but {pushed} have vectors and labels"
        )
    }
}

impl std::error::Error for SummaryError {}

/// Describes what [`Dbscan::labels`](crate::Dbscan::labels) found: clusters by impressions, most
/// first, then the noise points by impressions, each on its own.
///
/// # Errors
/// [`SummaryError`] unless there is one keyword and one label a vector.
pub fn summarize(
    vectors: &Keywords,
    labels: &[i32],
    keywords: &[Keyword],
) -> Result<Vec<ClusterSummary>, SummaryError> {
    let pushed = vectors.len().min(labels.len());
    if keywords.len() != vectors.len() || labels.len() != vectors.len() {
        return Err(SummaryError {
            described: keywords.len(),
            pushed,
        });
    }
    let (clusters, noise) = by_label(labels);
    let vocabulary = Vocabulary::new(keywords, &clusters);
    let groups = (clusters.into_iter()).chain(noise.into_iter().map(|point| vec![point]));
    let mut summaries: Vec<ClusterSummary> = (groups.filter(|group| !group.is_empty()))
        .map(|group| describe(vectors, labels, keywords, &vocabulary, group))
        .collect();
    summaries.sort_by(|a, b| {
        a.is_noise
            .cmp(&b.is_noise)
            .then(b.impressions.total_cmp(&a.impressions))
    });
    Ok(summaries)
}

fn describe(
    vectors: &Keywords,
    labels: &[i32],
    keywords: &[Keyword],
    vocabulary: &Vocabulary,
    mut members: Vec<usize>,
) -> ClusterSummary {
    members.sort_by(|&a, &b| keywords[b].impressions.total_cmp(&keywords[a].impressions));
    let mut centroid = vec![0f32; vectors.dimensions()];
    for &member in &members {
        add_unit(&mut centroid, &vectors.unit_row(member));
    }
    kernel::normalize(&mut centroid);
    let similarities: Vec<f64> = (members.iter())
        .map(|&member| kernel::cosine(&centroid, &vectors.unit_row(member)))
        .collect();
    // Members come by impressions and the first of equals counts; two of a pair are equally near
    // but for rounding.
    let nearness = |index: &usize| (similarities[*index] * 1e6).round() as i64;
    let medoid = (0..members.len()).rev().max_by_key(nearness);
    let medoid_query = medoid.map_or(String::new(), |index| {
        keywords[members[index]].query.clone()
    });

    let sum =
        |value: fn(&Keyword) -> f64| members.iter().map(|&m| value(&keywords[m])).sum::<f64>();
    let impressions = sum(|keyword| keyword.impressions);
    let avg_position =
        mean_position((members.iter()).map(|&m| (keywords[m].position, keywords[m].impressions)));
    let terms = vocabulary.terms(&members);
    let medoid_words: Vec<String> = words(&medoid_query).collect();
    let known: HashSet<&str> = medoid_words.iter().map(|word| stem(word)).collect();
    let added: Vec<&str> = (terms.iter())
        .filter(|term| term.share >= LABEL_TERM_SHARE && !known.contains(stem(&term.word)))
        .take(LABEL_TERM_COUNT)
        .map(|term| term.word.as_str())
        .collect();
    let label = if added.is_empty() {
        medoid_query.clone()
    } else {
        format!("{medoid_query} ({})", added.join(", "))
    };
    ClusterSummary {
        cluster_index: labels[members[0]],
        is_noise: labels[members[0]] == NOISE,
        label,
        medoid_query,
        terms: terms.into_iter().map(|term| term.word).collect(),
        queries: members
            .iter()
            .map(|&member| keywords[member].query.clone())
            .collect(),
        size: members.len(),
        cohesion: similarities.iter().sum::<f64>() / similarities.len() as f64,
        impressions,
        clicks: sum(|keyword| keyword.clicks),
        avg_position,
    }
}

/// Mean of the positions that are known, of (position, impressions), weighted by impressions; the plain
/// mean where nobody saw any.
pub fn mean_position(rows: impl Iterator<Item = (Option<f64>, f64)>) -> Option<f64> {
    let (mut count, mut sum, mut weight, mut weighted) = (0.0, 0.0, 0.0, 0.0);
    for (position, impressions) in rows {
        let Some(position) = position else {
            continue;
        };
        count += 1.0;
        sum += position;
        weight += impressions;
        weighted += position * impressions;
    }
    if weight > 0.0 {
        Some(weighted / weight)
    } else {
        (count > 0.0).then(|| sum / count)
    }
}

/// The words of all queries, to tell the words of one cluster from.
struct Vocabulary {
    /// Words of each query that may be terms, one a stem.
    queries: Vec<Vec<String>>,
    /// In how many queries a stem stands.
    frequency: HashMap<String, usize>,
    /// Stems that stand in too many clusters to set one apart.
    common: HashSet<String>,
}

/// A word that sets a cluster apart.
struct Term {
    word: String,
    /// Of the members, how many have it.
    share: f64,
}

impl Vocabulary {
    /// `clusters`: indexes of the keywords of each.
    fn new(keywords: &[Keyword], clusters: &[Vec<usize>]) -> Self {
        let stop_words = stop_words();
        let queries: Vec<Vec<String>> = (keywords.iter())
            .map(|keyword| {
                let mut seen = HashSet::new();
                words(&keyword.query)
                    .filter(|word| !stop_words.contains(&**word))
                    .filter(|word| seen.insert(stem(word).to_owned()))
                    .collect()
            })
            .collect();
        let stems = |query: &usize| queries[*query].iter().map(|word| stem(word));
        let frequency = count((0..queries.len()).map(|query| stems(&query).collect()));
        let spread = count(
            clusters
                .iter()
                .map(|members| members.iter().flat_map(stems).collect()),
        );
        let least = COMMON_SHARE * clusters.len() as f64;
        let common = (spread.into_iter())
            .filter(|&(_, count)| count >= COMMON_COUNT && count as f64 >= least)
            .map(|(stem, _)| stem)
            .collect();
        Self {
            queries,
            frequency,
            common,
        }
    }

    /// Words that stand in more of the members than of the other queries, by how much more.
    fn terms(&self, members: &[usize]) -> Vec<Term> {
        let mut forms: HashMap<&str, HashMap<&str, usize>> = HashMap::new();
        for word in members.iter().flat_map(|&member| &self.queries[member]) {
            *(forms.entry(stem(word)).or_default())
                .entry(word)
                .or_default() += 1;
        }
        let (inside, all) = (members.len() as f64, self.queries.len() as f64);
        let mut scored: Vec<(f64, Term)> = (forms.into_iter())
            .filter_map(|(stem, forms)| {
                let count: usize = forms.values().sum();
                // A word of one member says something about that member, not about a cluster.
                if self.common.contains(stem) || (count == 1 && members.len() > 1) {
                    return None;
                }
                let share = count as f64 / inside;
                let outside = (self.frequency[stem] - count + 1) as f64 / (all - inside + 1.0);
                let (word, _) = (forms.into_iter())
                    .max_by_key(|&(word, count)| (count, std::cmp::Reverse((word.len(), word))))?;
                let word = word.to_owned();
                (share >= TERM_RATIO * outside)
                    .then(|| (share * (share / outside).ln(), Term { word, share }))
            })
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.word.cmp(&b.1.word)));
        (scored.into_iter().take(TERM_COUNT))
            .map(|(_, term)| term)
            .collect()
    }
}

/// In how many of `groups` each stem is.
fn count<'a>(groups: impl Iterator<Item = HashSet<&'a str>>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for stem in groups.flatten() {
        *counts.entry(stem).or_insert(0) += 1;
    }
    (counts.into_iter())
        .map(|(stem, count)| (stem.to_owned(), count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyword(query: &str, impressions: f64, clicks: f64, position: f64) -> Keyword {
        Keyword {
            query: query.into(),
            impressions,
            clicks,
            position: Some(position),
        }
    }

    #[test]
    fn clusters_come_before_noise_and_both_by_impressions() {
        let mut vectors = Keywords::new(3).unwrap();
        vectors
            .push(&[
                1.0, 0.0, 0.0, 2.0, 0.2, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.1, 0.0,
                -1.0, 0.0,
            ])
            .unwrap();
        let keywords = [
            keyword("trail shoes", 10.0, 1.0, 4.0),
            keyword("trail shoes women", 30.0, 2.0, 8.0),
            keyword("sock size", 5.0, 0.0, 20.0),
            keyword("shoe care", 400.0, 3.0, 2.0),
            keyword("shoe care tips", 100.0, 3.0, 7.0),
            keyword("laces", 6.0, 0.0, 9.0),
        ];
        let summaries = summarize(&vectors, &[0, 0, -1, 1, 1, -1], &keywords).unwrap();
        let indexes: Vec<i32> = summaries
            .iter()
            .map(|summary| summary.cluster_index)
            .collect();
        assert_eq!(indexes, [1, 0, -1, -1]);
        assert_eq!(summaries[2].queries, ["laces"]);
        assert_eq!(summaries[2].cohesion, 1.0);
        let care = &summaries[0];
        assert_eq!(care.queries, ["shoe care", "shoe care tips"]);
        assert_eq!(
            (care.impressions, care.clicks, care.avg_position),
            (500.0, 6.0, Some(3.0))
        );
        assert_eq!(care.terms, ["care"]);
        assert_eq!(care.label, "shoe care");
        let trail = &summaries[1];
        assert_eq!(trail.avg_position, Some(7.0));
        assert!(trail.cohesion > 0.99 && trail.cohesion < 1.0);
        assert_eq!(trail.terms, ["trail"]);
    }

    /// Terms and label of each cluster; vectors only say which query is the medoid, the first.
    fn described(clusters: &[&[&str]]) -> Vec<(String, Vec<String>)> {
        let mut vectors = Keywords::new(2).unwrap();
        let (mut labels, mut keywords) = (Vec::new(), Vec::new());
        for (cluster, queries) in clusters.iter().enumerate() {
            for (place, query) in queries.iter().enumerate() {
                let angle = [0.0, 0.3, -0.3][place % 3];
                vectors.push(&[f32::cos(angle), f32::sin(angle)]).unwrap();
                labels.push(cluster as i32);
                keywords.push(keyword(query, -(cluster as f64), 0.0, 1.0));
            }
        }
        (summarize(&vectors, &labels, &keywords).unwrap().into_iter())
            .map(|summary| (summary.label, summary.terms))
            .collect()
    }

    #[test]
    fn labels_add_what_sets_a_cluster_apart_and_nothing_else() {
        let found = described(&[
            &[
                "cycle to work scheme",
                "how does the cycle to work scheme work",
                "the cycle to work scheme calculator",
            ],
            &[
                "best commuter bike",
                "best bike for commuting",
                "the best commuter bikes",
            ],
            &[
                "bike insurance",
                "does home insurance cover the bike",
                "home insurance for a bike",
            ],
            &[
                "bike chain",
                "how to oil the bike chain",
                "the bike chain oil",
            ],
            &["bike lock", "the bike locks", "lock a bike"],
        ]);
        let labels: Vec<&str> = found.iter().map(|(label, _)| &**label).collect();
        assert_eq!(
            labels,
            [
                "cycle to work scheme",
                "best commuter bike",
                "bike insurance (home)",
                "bike chain (oil)",
                "bike lock",
            ]
        );
        // All clusters but one have "bike".
        assert!(
            found
                .iter()
                .all(|(_, terms)| !terms.contains(&"bike".into()))
        );
        assert_eq!(found[3].1, ["chain", "oil"]);
    }

    #[test]
    fn function_words_of_other_languages_are_no_terms() {
        let found = described(&[
            &[
                "fahrrad versichern",
                "was kostet die versicherung für ein fahrrad",
            ],
            &[
                "assurance vélo",
                "quelle est la meilleure assurance pour un vélo",
            ],
            &[
                "seguro de bicicleta",
                "cuánto cuesta el seguro para la bicicleta",
            ],
            &[
                "ubezpieczenie roweru",
                "czy ubezpieczenie roweru się opłaca",
            ],
            &["自転車 保険", "自転車 の 保険"],
        ]);
        let terms: Vec<String> = found
            .into_iter()
            .map(|(_, terms)| terms.join(" "))
            .collect();
        assert_eq!(
            terms,
            [
                "fahrrad",
                "assurance vélo",
                "bicicleta seguro",
                "roweru ubezpieczenie",
                "保険 自転車",
            ]
        );
        // Of a language without a list, words in too many clusters give themselves away.
        let found = described(&[
            &["как почистить чайник", "как отмыть чайник"],
            &["как выбрать велосипед", "как купить велосипед"],
            &["как заварить чай", "как правильно заварить чай"],
            &["как сшить платье", "как быстро сшить платье"],
        ]);
        assert!(found.iter().all(|(_, terms)| !terms.is_empty()));
        assert!(
            found
                .iter()
                .all(|(_, terms)| !terms.contains(&"как".into()))
        );
    }

    #[test]
    fn no_impressions_still_give_a_position() {
        let mut vectors = Keywords::new(1).unwrap();
        vectors.push(&[1.0, 1.0]).unwrap();
        let keywords = [keyword("a", 0.0, 0.0, 4.0), keyword("b", 0.0, 0.0, 8.0)];
        let summaries = summarize(&vectors, &[0, 0], &keywords).unwrap();
        assert_eq!(summaries[0].avg_position, Some(6.0));
        assert_eq!(summaries[0].medoid_query, "a");
    }

    #[test]
    fn other_keywords_are_refused() {
        let vectors = Keywords::new(1).unwrap();
        let keywords = [keyword("a", 0.0, 0.0, 4.0)];
        assert!(summarize(&vectors, &[], &keywords).is_err());
        assert_eq!(summarize(&vectors, &[], &[]), Ok(vec![]));
    }
}
