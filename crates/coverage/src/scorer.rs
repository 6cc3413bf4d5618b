mod checkpoint;
mod row;

use crate::held::Held;
use crate::model::{Features, coverage, gap_probability, gap_probability_alone};
use crate::outline::root_depth;
use crate::summary::{self, Topic};
use crate::terms::{FunctionWords, words_of_query};
use crate::topics::{Options, Shared, Topics};
use crate::words::{MOST_WORDS, Words};
use pageperfect_vector::{FixedRows, TILE, VectorError, check_dimensions, codec, kernel};
use row::{MEANING, PART_NEIGHBOURS, PARTS, Row, measure, nearest_parts, rounded};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::{cell::OnceCell, fmt};

/// A neighbour at this share of the distance to the unrelated weighs 1/e of the nearest.
const REACH: f32 = 0.1;
/// A query's neighbours are looked for among so many queries, the first.
const NEIGHBOURS: usize = 2048;
/// Up to so many queries all vectors are kept; those of more are read anew for each pass over them, so
/// that little is read before there is something to go on from.
const KEPT: usize = NEIGHBOURS;
/// Queries whose vectors are read on end.
const AHEAD: usize = 100;
/// Further segments change nothing: chance finds no better ones among them. (Pages that the constants
/// were fitted on have up to 24; labelled pages of a hundred say where it ends.)
const MOST_SEGMENTS: usize = 40;
/// The lead of a page's best segment where there is none to lead before: that of most queries of most pages.
const USUAL_LEAD: f32 = 0.5;
/// Fewer queries say nothing about each other.
const FEW: usize = 6;
/// Pairs that a step compares, about.
const STEP_PAIRS: usize = 65_536;

/// A segment as a reader sees it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SegmentText {
    pub text: String,
    /// Headings above it, outermost first.
    #[serde(default)]
    pub heading_path: Vec<String>,
}

impl SegmentText {
    fn whole(&self) -> String {
        self.heading_path
            .iter()
            .chain([&self.text])
            .fold(String::new(), |whole, part| whole + "\n" + part)
    }
}

/// A segment, by its place in the page, and how well it answers a query: half the cosine on the
/// page's scale plus the share of words, about 0 for the unrelated and 1 for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hit {
    pub segment: usize,
    pub score: f64,
}

/// How well the page answers one query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryCoverage {
    /// In [0, 1]; the page answers the query from 0.7 on, whatever the model.
    pub coverage: f64,
    /// Probability that the page does not answer the query.
    pub gap_probability: f64,
    /// Coverage below 0.7.
    pub is_gap: bool,
    /// Cosine with the best segment on the page's own scale: 0 is the mean of all queries and
    /// segments of the page, 1 the same text.
    pub meaning: f64,
    /// Share of the query's words in the best segment, rare ones counting more, in [0, 1].
    pub words: f64,
    /// Words of the query that the best segment does not have.
    pub missing_in_best: Vec<String>,
    /// Words of the query that no segment has.
    pub missing_in_page: Vec<String>,
    /// The best segments, best first.
    pub hits: Vec<Hit>,
    /// The parts of the page where a reader would look for it, likeliest first, each by its first
    /// segment. Scores are for comparing parts, also over the queries of a topic.
    pub parts: Vec<Hit>,
    /// Which of [`PageCoverage::topics`] it belongs to.
    pub topic: usize,
    /// The query that this one is another spelling of.
    pub variant_of: Option<usize>,
}

/// A search query of the page and how it did.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Query {
    pub query: String,
    pub impressions: f64,
    #[serde(default)]
    pub clicks: f64,
    /// Average position in the results, 1 is the top; `None` where it is not known.
    pub position: Option<f64>,
}

/// Why scoring was refused.
#[derive(Debug, Clone, PartialEq)]
pub enum CoverageError {
    Vector(VectorError),
    /// There are not as many vectors as texts.
    Count {
        what: &'static str,
        texts: usize,
        vectors: usize,
    },
    /// Vectors after the first step.
    Started,
    /// `score` before all steps are done.
    NotDone,
    /// A checkpoint of other texts or vectors, or not a checkpoint.
    Checkpoint,
}

impl fmt::Display for CoverageError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Vector(error) => error.fmt(f),
            Self::Count {
                what,
                texts,
                vectors,
            } => {
                write!(
                    f,
                    "there are {texts} {what} but {vectors} vectors of them were pushed"
                )
            }
            Self::Started => write!(f, "push all vectors before the first step"),
            Self::NotDone => write!(f, "scoring is not done: call step() until it returns 1"),
            Self::Checkpoint => {
                write!(
                    f,
                    "this checkpoint was made with other segments or queries: start again"
                )
            }
        }
    }
}

impl std::error::Error for CoverageError {}

impl From<VectorError> for CoverageError {
    fn from(error: VectorError) -> Self {
        Self::Vector(error)
    }
}

/// How well a page answers its queries, and what topics they make.
///
/// All texts first, then the vectors in the same order, then [`advance`](Self::advance) until it
/// is done, then [`queries`](Self::queries) and [`topics`](Self::topics). The queries' vectors can
/// come when they are [`wanted`](Self::wanted) instead, the segments' when
/// [`needs_segments`](Self::needs_segments) says so: of a large page a part at a time.
pub struct PageCoverage {
    dimensions: usize,
    queries: Vec<Query>,
    texts: Vec<SegmentText>,
    options: Options,
    segment_count: usize,
    /// Of each segment: the part of the page that it stands in, by the part's first segment.
    parts: Vec<Option<u32>>,
    /// Made when it is needed first: cutting all texts takes longer than most steps.
    words: OnceCell<Words>,
    segments: FixedRows,
    /// Of the texts: tells a checkpoint's page from another.
    digest: u32,
    vectors: Held,
    /// Queries whose vectors are in the mean so far.
    averaged: usize,
    /// Their sum, and at the end their mean.
    vector_mean: Vec<f64>,
    scale: Option<Scale>,
    rows: Vec<Row>,
    /// Of each word that many queries share: the mean vector of the first queries that have it.
    shared_means: Vec<Vec<f32>>,
    /// Of each query: how well the page answers its neighbours.
    neighbours: Vec<f32>,
    topics: Option<Topics>,
}

/// What all queries of the page have in common, and all segments.
struct Scale {
    /// Mean cosine of the page's queries with its segments: the zero of the page's scale.
    unrelated: f32,
    /// Of each segment: its mean h with the page's queries.
    mean: Vec<f32>,
    /// Of each segment: the same of the scaled cosine alone.
    meaning: Vec<f32>,
    /// Mean of the segments' vectors.
    centre: Vec<f32>,
    /// Of each segment: the length of its vector without the mean.
    lengths: Vec<f32>,
}

impl Scale {
    /// How far a query's best segment is before the mean of the others, by cosines of the vectors without the queries' mean and
    /// the segments' mean. `with_centre`: the query's product with the segments' mean; `length`: its own without the queries'.
    fn centred_lead(&self, scaled: &[f32], with_centre: f32, length: f32) -> f32 {
        let count = scaled.len();
        if count < 2 {
            return USUAL_LEAD;
        }
        let of_all = self.meaning.iter().sum::<f32>() / count as f32;
        let (mut best, mut sum) = (f32::MIN, 0f32);
        for ((scaled, meaning), segment_length) in
            scaled.iter().zip(&self.meaning).zip(&self.lengths)
        {
            // What the scale took off all cosines cancels out.
            let own = (1.0 - self.unrelated) * (scaled - meaning + of_all)
                - (with_centre - self.unrelated);
            let cosine = (own / (length * segment_length)).clamp(-1.0, 1.0);
            best = best.max(cosine);
            sum += cosine;
        }
        best - (sum - best) / (count - 1) as f32
    }
}

impl PageCoverage {
    /// # Errors
    /// [`VectorError::DimensionCount`].
    pub fn new(
        dimensions: usize,
        segments: Vec<SegmentText>,
        queries: Vec<Query>,
        options: Options,
    ) -> Result<Self, CoverageError> {
        check_dimensions(dimensions)?;
        let texts = (segments.iter())
            .flat_map(|segment| segment.heading_path.iter().chain([&segment.text]))
            .chain(queries.iter().map(|query| &query.query));
        Ok(Self {
            dimensions,
            digest: digest(texts),
            words: OnceCell::new(),
            vectors: Held::new(dimensions, queries.len()),
            segment_count: segments.len(),
            parts: parts(&segments),
            texts: segments,
            queries,
            options,
            segments: FixedRows::new(dimensions),
            averaged: 0,
            vector_mean: vec![0.0; dimensions],
            scale: None,
            rows: Vec::new(),
            shared_means: Vec::new(),
            neighbours: Vec::new(),
            topics: None,
        })
    }

    /// Adds vectors of segments; `rows` holds whole vectors on end.
    ///
    /// # Errors
    /// Ragged or not finite rows, or scoring has begun.
    pub fn push_segments(&mut self, rows: &[f32]) -> Result<(), CoverageError> {
        self.check_not_scaled()?;
        codec::check_rows(rows, self.dimensions, self.segments.len())?;
        rows.chunks_exact(self.dimensions)
            .for_each(|row| self.segments.push(row));
        Ok(())
    }

    /// As [`push_segments`](Self::push_segments), from base64 of pgvector's binary form.
    ///
    /// # Errors
    /// As [`codec::base64_vector_send`], or scoring has begun.
    pub fn push_segments_base64(&mut self, text: Vec<u8>) -> Result<(), CoverageError> {
        self.check_not_scaled()?;
        Ok(codec::base64_vector_send(text, self.dimensions, |row| {
            self.segments.push(row)
        })?)
    }

    /// Adds vectors of segments that are not stored, from base64 of little-endian f32.
    ///
    /// # Errors
    /// As [`codec::base64_f32`], or scoring has begun.
    pub fn push_embedded_segments_base64(&mut self, text: Vec<u8>) -> Result<(), CoverageError> {
        self.check_not_scaled()?;
        Ok(codec::base64_f32(text, self.dimensions, |row| {
            self.segments.push(row)
        })?)
    }

    /// Adds vectors of queries; `rows` holds whole vectors on end.
    ///
    /// # Errors
    /// Ragged or not finite rows, or scoring has begun.
    pub fn push_queries(&mut self, rows: &[f32]) -> Result<(), CoverageError> {
        self.check_not_started()?;
        codec::check_rows(rows, self.dimensions, self.vectors.len())?;
        let mut count = self.vectors.len();
        for row in rows.chunks_exact(self.dimensions) {
            count += 1;
            self.vectors.push(row);
        }
        self.check_query_count(count)
    }

    /// As [`push_queries`](Self::push_queries), from base64 of little-endian f32.
    ///
    /// # Errors
    /// As [`codec::base64_f32`], or scoring has begun.
    pub fn push_queries_base64(&mut self, text: Vec<u8>) -> Result<(), CoverageError> {
        self.check_not_started()?;
        let mut count = self.vectors.len();
        codec::base64_f32(text, self.dimensions, |row| {
            count += 1;
            self.vectors.push(row);
        })?;
        self.check_query_count(count)
    }

    fn check_query_count(&self, vectors: usize) -> Result<(), CoverageError> {
        if vectors > self.queries.len() {
            Err(self.miscounted("queries", self.queries.len(), vectors))
        } else {
            Ok(())
        }
    }

    /// Queries, by their index, whose vectors the next steps need: [`supply`](Self::supply) takes
    /// them in this order. Empty when a step can be done. Vectors that are no longer needed make room
    /// for them where there are many.
    pub fn wanted(&mut self) -> Vec<usize> {
        let needs = self.needs(AHEAD);
        let is_large = self.queries.len() > KEPT;
        self.vectors.ask(&needs, AHEAD, is_large)
    }

    /// Gives vectors of queries that were [`wanted`](Self::wanted); `rows` holds whole vectors on end.
    ///
    /// # Errors
    /// Ragged or not finite rows, or nothing more was wanted.
    pub fn supply(&mut self, rows: &[f32]) -> Result<(), CoverageError> {
        codec::check_rows(rows, self.dimensions, self.vectors.len())?;
        let mut rows = rows.chunks_exact(self.dimensions);
        let is_wanted = rows.all(|row| self.vectors.supply(row));
        self.check_wanted(is_wanted)
    }

    /// As [`supply`](Self::supply), from base64 of little-endian f32.
    ///
    /// # Errors
    /// As [`codec::base64_f32`], or nothing more was wanted.
    pub fn supply_base64(&mut self, text: Vec<u8>) -> Result<(), CoverageError> {
        let mut is_wanted = true;
        codec::base64_f32(text, self.dimensions, |row| {
            is_wanted &= self.vectors.supply(row);
        })?;
        self.check_wanted(is_wanted)
    }

    fn check_wanted(&self, is_wanted: bool) -> Result<(), CoverageError> {
        if is_wanted {
            Ok(())
        } else {
            Err(self.miscounted("queries", self.queries.len(), self.vectors.len() + 1))
        }
    }

    /// Whether the next step needs the segments' vectors, of which [`segment_vector_count`
    /// ](Self::segment_vector_count) are there.
    pub fn needs_segments(&self) -> bool {
        self.averaged == self.queries.len()
            && (self.scale.is_none() || self.rows.len() < self.queries.len())
            && self.segments.len() < self.segment_count
    }

    /// How many vectors of segments were pushed.
    pub fn segment_vector_count(&self) -> usize {
        self.segments.len()
    }

    /// Queries whose vectors the next step needs, and the next ones up to `ahead`.
    fn needs(&self, ahead: usize) -> Vec<usize> {
        let count = self.queries.len();
        let from = |first: usize| first..(first + ahead).min(count);
        if self.averaged < count {
            from(self.averaged).collect()
        } else if self.rows.len() < count {
            from(self.rows.len()).collect()
        } else if self.neighbours.len() < count {
            let others = count.min(NEIGHBOURS);
            let next = from(self.neighbours.len());
            (0..others)
                .chain(next.filter(|&query| query >= others))
                .collect()
        } else {
            let topics = self.topics.as_ref();
            topics.map_or_else(Vec::new, |topics| topics.needs(ahead))
        }
    }

    fn check_not_started(&self) -> Result<(), CoverageError> {
        if self.averaged > 0 {
            Err(CoverageError::Started)
        } else {
            Ok(())
        }
    }

    /// Segments may be given again to go on from a checkpoint.
    fn check_not_scaled(&self) -> Result<(), CoverageError> {
        if self.scale.is_some() && self.segments.len() >= self.segment_count {
            Err(CoverageError::Started)
        } else {
            Ok(())
        }
    }

    fn is_done(&self) -> bool {
        let is_grouped = || self.topics.as_ref().is_some_and(Topics::is_done);
        self.scale.is_some() && (self.queries.is_empty() || is_grouped())
    }

    /// How much is done, from 0 to 1; more after each step that is worth a checkpoint.
    pub fn progress(&self) -> f64 {
        if self.is_done() {
            return 1.0;
        }
        let grouped = self.topics.as_ref().map_or(0.0, Topics::progress);
        let done = (self.averaged + self.rows.len() + self.neighbours.len()) as f64 + grouped;
        done / (4 * self.queries.len() + 1) as f64
    }

    /// Does some 65,536 pairs (milliseconds), or fewer where further vectors are
    /// [`wanted`](Self::wanted) then; true when all is done.
    ///
    /// # Errors
    /// [`CoverageError::Count`] unless the vectors are there that it needs.
    pub fn advance(&mut self) -> Result<bool, CoverageError> {
        let (count, mut pairs) = (self.queries.len(), 0);
        while pairs < STEP_PAIRS && !self.is_done() {
            if let Err(error) = self.check_ready() {
                // What was done so far is worth something.
                return if pairs == 0 { Err(error) } else { Ok(false) };
            }
            if self.averaged < count {
                pairs += self.average();
            } else if self.scale.is_none() {
                // The texts are cut into words then, which is enough for a step.
                self.scale();
                break;
            } else if self.rows.len() < count {
                self.compare();
                pairs += TILE * self.segment_count.max(1);
            } else if self.neighbours.len() < count {
                self.look_around();
                pairs += TILE * count.min(NEIGHBOURS);
            } else {
                pairs += self.group();
            }
        }
        Ok(self.is_done())
    }

    fn miscounted(&self, what: &'static str, texts: usize, vectors: usize) -> CoverageError {
        CoverageError::Count {
            what,
            texts,
            vectors,
        }
    }

    /// # Errors
    /// [`CoverageError::Count`] unless the vectors are there that the next step needs.
    pub fn check_ready(&self) -> Result<(), CoverageError> {
        let is_held = |&query: &usize| self.vectors.holds(query);
        if !self.needs(TILE).iter().all(is_held) {
            return Err(self.miscounted("queries", self.queries.len(), self.vectors.len()));
        }
        if self.needs_segments() || self.segments.len() > self.segment_count {
            return Err(self.miscounted("segments", self.segment_count, self.segments.len()));
        }
        Ok(())
    }

    /// Adds the next queries to the mean of their vectors, each of length 1; returns how many.
    fn average(&mut self) -> usize {
        let queries = self.averaged..(self.averaged + TILE).min(self.queries.len());
        let added = queries.len();
        for query in queries {
            (self.vector_mean.iter_mut().zip(self.vectors.row_f32(query)))
                .for_each(|(sum, x)| *sum += f64::from(x));
        }
        self.averaged += added;
        if self.averaged == self.queries.len() {
            let count = self.averaged as f64;
            self.vector_mean.iter_mut().for_each(|x| *x /= count);
        }
        added
    }

    fn scale(&mut self) {
        let mean = &self.vector_mean;
        let cosines: Vec<f32> = (0..self.segment_count)
            .map(|segment| {
                let row = self.segments.row_f32(segment);
                row.zip(mean).map(|(x, y)| f64::from(x) * y).sum::<f64>() as f32
            })
            .collect();
        // Where all texts are one, so are all cosines, and none says anything.
        let unrelated = (cosines.iter().sum::<f32>() / cosines.len().max(1) as f32).min(0.999);
        let meaning: Vec<f32> = (cosines.iter())
            .map(|cosine| (cosine - unrelated) / (1.0 - unrelated))
            .collect();
        let words = self.words().mean_shares();
        let mean = (meaning.iter().zip(words))
            .map(|(meaning, words)| MEANING * meaning + words)
            .collect();
        let (centre, lengths) = self.segment_centre();
        self.scale = Some(Scale {
            unrelated,
            mean,
            meaning,
            centre,
            lengths,
        });
    }

    /// The mean of the segments' vectors, and how long each is without it.
    fn segment_centre(&self) -> (Vec<f32>, Vec<f32>) {
        let mut sum = vec![0f64; self.dimensions];
        for segment in 0..self.segment_count {
            let row = self.segments.row_f32(segment);
            (sum.iter_mut().zip(row)).for_each(|(sum, x)| *sum += f64::from(x));
        }
        let count = self.segment_count.max(1) as f64;
        let centre: Vec<f32> = sum.iter().map(|sum| (sum / count) as f32).collect();
        let square = kernel::dot(&centre, &centre);
        let lengths = (0..self.segment_count).map(|segment| {
            let row: Vec<f32> = self.segments.row_f32(segment).collect();
            length_without(kernel::dot(&row, &centre), square)
        });
        let lengths = lengths.collect();
        (centre, lengths)
    }

    /// The next `TILE` queries with all segments.
    fn compare(&mut self) {
        let Some(scale) = &self.scale else { return };
        let first = self.rows.len();
        let tile = self.tile(first);
        let mut cosines = vec![[0f32; TILE]; self.segment_count];
        tile_with_all(self.vectors.rows(), tile, &self.segments, &mut cosines);
        let mean = as_f32(&self.vector_mean);
        let mean_square = kernel::dot(&mean, &mean);
        for query in first..(first + TILE).min(self.queries.len()) {
            let (words, anywhere) = self.words().shares(query);
            let scaled = (cosines.iter()).map(|cosines| {
                (cosines[query - first] - scale.unrelated) / (1.0 - scale.unrelated)
            });
            let scaled: Vec<f32> = scaled.collect();
            let row = measure(&scaled, &words, &scale.mean);
            let vector: Vec<f32> = self.vectors.row_f32(query).collect();
            let shared = kernel::dot(&vector, &mean);
            let with_centre = kernel::dot(&vector, &scale.centre);
            let length = length_without(shared, mean_square);
            self.rows.push(Row {
                anywhere,
                shared,
                shared_words: self.words().shared_with_others(query),
                centred_lead: scale.centred_lead(&scaled, with_centre, length),
                missing: self.missing(query, &row),
                parts: nearest_parts(&scaled, &scale.meaning, &self.parts),
                ..row
            });
        }
    }

    /// The neighbours of the next `TILE` queries.
    fn look_around(&mut self) {
        let first = self.neighbours.len();
        let others = self.queries.len().min(NEIGHBOURS);
        if first == 0 {
            self.shared_means = self.means_of_shared(others);
        }
        let Some(scale) = &self.scale else { return };
        let mut cosines = vec![[0f32; TILE]; others];
        // The first queries, held by the first rows.
        let rows = self.vectors.rows();
        tile_with_all(rows, self.tile(first), rows, &mut cosines);
        let reach = REACH * (1.0 - scale.unrelated);
        for query in first..(first + TILE).min(self.queries.len()) {
            let others = || (cosines.iter().enumerate()).filter(|(other, _)| *other != query);
            let nearest = others()
                .map(|(_, x)| x[query - first])
                .fold(f32::MIN, f32::max);
            let (mut sum, mut weights) = (0f64, 0f64);
            let (mut answers, mut answered) = ([0f32; PARTS], 0f32);
            let parts = self.rows[query].parts;
            for (other, cosines) in others() {
                let weight = ((cosines[query - first] - nearest) / reach).exp();
                let row = &self.rows[other];
                sum += f64::from(weight) * f64::from(row.lead);
                weights += f64::from(weight);
                let vote = weight * row.best.clamp(0.0, 2.0);
                answered += vote;
                let part = self.parts.get(row.hits[0].0 as usize).copied().flatten();
                let at = parts.iter().position(|(known, _)| Some(*known) == part);
                if let Some(at) = at {
                    answers[at] += vote;
                }
            }
            if answered > 0.0 {
                for (part, answers) in self.rows[query].parts.iter_mut().zip(answers) {
                    part.1 += PART_NEIGHBOURS * answers / answered;
                }
            }
            let vector: Vec<f32> = self.vectors.row_f32(query).collect();
            let with_shared = &mut self.rows[query].with_shared;
            (with_shared.iter_mut().zip(&self.shared_means))
                .for_each(|(product, mean)| *product = kernel::dot(&vector, mean));
            let own = f64::from(self.rows[query].lead);
            self.neighbours
                .push(if weights > 0.0 { sum / weights } else { own } as f32);
        }
    }

    /// The mean vectors of those of the first `count` queries that share a word with many.
    fn means_of_shared(&self, count: usize) -> Vec<Vec<f32>> {
        (0..self.words().shared_count())
            .map(|word| {
                let mut mean = vec![0f64; self.dimensions];
                let mut members = 0;
                for query in
                    (0..count).filter(|&query| self.rows[query].shared_words >> word & 1 == 1)
                {
                    (mean.iter_mut().zip(self.vectors.row_f32(query)))
                        .for_each(|(sum, x)| *sum += f64::from(x));
                    members += 1;
                }
                let members = f64::from(members.max(1));
                mean.iter().map(|sum| (sum / members) as f32).collect()
            })
            .collect()
    }

    fn words(&self) -> &Words {
        self.words.get_or_init(|| {
            let texts: Vec<String> = self.texts.iter().map(SegmentText::whole).collect();
            let queries: Vec<&str> = self.queries.iter().map(|query| &*query.query).collect();
            Words::new(&texts, &queries)
        })
    }

    fn missing(&self, query: usize, row: &Row) -> [u64; 2] {
        let text = &self.queries[query].query;
        let best = (self.segment_count > 0).then(|| row.hits[0].0 as usize);
        let in_best = best.map_or(0, |best| self.words().missing(text, Some(best)));
        [in_best, self.words().missing(text, None)]
    }

    /// Rows that hold the `TILE` queries from `first` on; the last query's past the end.
    fn tile(&self, first: usize) -> [usize; TILE] {
        let last = self.queries.len() - 1;
        std::array::from_fn(|i| self.vectors.place((first + i).min(last)))
    }

    /// Some of the work of making topics; returns how many pairs it compared.
    fn group(&mut self) -> usize {
        if self.topics.is_none() {
            self.group_none();
            return self.queries.len();
        }
        let vectors = &self.vectors;
        self.topics
            .as_mut()
            .map_or(0, |topics| topics.advance(vectors))
    }

    /// Gets ready to make topics.
    fn group_none(&mut self) {
        if self.topics.is_none() {
            let pointers = self
                .rows
                .iter()
                .map(|row| row.pointer(self.segment_count))
                .collect();
            let shared = (self.rows.iter())
                .map(|row| Shared {
                    words: row.shared_words,
                    with_words: row.with_shared,
                    with_all: row.shared,
                })
                .collect();
            let sure = (self.features().unwrap_or_default().iter())
                .map(|features| 1.0 - gap_probability(features) as f32)
                .collect();
            self.topics = Some(Topics::new(
                as_f32(&self.vector_mean),
                &self.shared_means,
                shared,
                pointers,
                sure,
                self.options,
            ));
        }
    }

    /// What the probabilities are made of, for fitting.
    ///
    /// # Errors
    /// [`CoverageError::NotDone`].
    pub fn features(&self) -> Result<Vec<Features>, CoverageError> {
        if self.neighbours.len() < self.queries.len() {
            return Err(CoverageError::NotDone);
        }
        let leads = || self.rows.iter().map(|row| f64::from(row.lead));
        let count = self.rows.len().max(1) as f64;
        let mean = leads().sum::<f64>() / count;
        let spread = (leads().map(|lead| (lead - mean).powi(2)).sum::<f64>() / count).sqrt();
        let segments = (self.segment_count.clamp(1, MOST_SEGMENTS) as f64).ln();
        Ok((self.rows.iter().zip(&self.neighbours))
            .map(|(row, &neighbours)| {
                let above_mean = f64::from(row.above_mean);
                [
                    row.best.into(),
                    row.rest.into(),
                    row.second.into(),
                    above_mean,
                    segments,
                    spread,
                    neighbours.into(),
                    row.anywhere.into(),
                    above_mean * spread,
                    above_mean * above_mean,
                    row.centred_lead.into(),
                ]
            })
            .collect())
    }

    /// One coverage a query, in their order.
    ///
    /// # Errors
    /// [`CoverageError::NotDone`].
    pub fn queries(&self) -> Result<Vec<QueryCoverage>, CoverageError> {
        let features = self.features()?;
        let labels = (self.topics.as_ref().filter(|_| self.is_done()))
            .map(Topics::labels)
            .or_else(|| self.queries.is_empty().then(Vec::new))
            .ok_or(CoverageError::NotDone)?;
        let (labels, variants) = summary::arrange(&self.queries, &labels);
        let function_words = FunctionWords::default();
        Ok((features
            .iter()
            .zip(&self.rows)
            .zip(&self.queries)
            .enumerate())
        .map(|(index, ((features, row), Query { query, .. }))| {
            let gap = match (self.segment_count, self.queries.len()) {
                (0, _) => 1.0,
                (_, ..FEW) => gap_probability_alone(f64::from(row.lead)),
                _ => gap_probability(features),
            };
            let coverage = rounded(coverage(gap));
            let hits: Vec<Hit> = (row.hits.iter().take(self.segment_count))
                .map(|&(segment, score)| Hit {
                    segment: segment as usize,
                    score: rounded(f64::from(score)),
                })
                .collect();
            let words = words_of_query(query, &function_words);
            let missing = |bits: u64| -> Vec<String> {
                let mut missing: Vec<String> = Vec::new();
                for (at, (word, _)) in words.iter().take(MOST_WORDS).enumerate() {
                    if bits >> at & 1 == 1 && !missing.contains(word) {
                        missing.push(word.clone());
                    }
                }
                missing
            };
            QueryCoverage {
                coverage,
                gap_probability: rounded(gap),
                is_gap: coverage < 0.7,
                meaning: rounded(f64::from(row.meaning)),
                words: rounded(f64::from(row.words)),
                missing_in_best: missing(row.missing[0]),
                missing_in_page: missing(row.missing[1]),
                hits,
                parts: row.parts(),
                topic: labels[index],
                variant_of: variants[index],
            }
        })
        .collect())
    }

    /// The topics, the one with most impressions first.
    ///
    /// # Errors
    /// [`CoverageError::NotDone`].
    pub fn topics(&self) -> Result<Vec<Topic>, CoverageError> {
        Ok(self.found()?.1)
    }

    /// Both [`queries`](Self::queries) and [`topics`](Self::topics), for little more than one.
    ///
    /// # Errors
    /// [`CoverageError::NotDone`].
    pub fn found(&self) -> Result<(Vec<QueryCoverage>, Vec<Topic>), CoverageError> {
        let covered = self.queries()?;
        let topics = summary::topics(&self.queries, &covered, &self.texts);
        Ok((covered, topics))
    }
}

/// Of each segment: the first segment of its part of the page, which is what stands under one of the headings that divide the page.
fn parts(segments: &[SegmentText]) -> Vec<Option<u32>> {
    let paths: Vec<&[String]> = (segments.iter())
        .map(|segment| &segment.heading_path[..])
        .collect();
    let root = root_depth(&paths);
    let mut first: HashMap<&[String], u32> = HashMap::new();
    (paths.into_iter().zip(0..))
        .map(|(path, segment)| Some(*first.entry(path.get(..=root)?).or_insert(segment)))
        .collect()
}

/// Cosines of the rows at `tile` with as many of `others` as there are `cosines`. Out of line: a wasm
/// engine optimises what is called again.
#[inline(never)]
fn tile_with_all(
    rows: &FixedRows,
    tile: [usize; TILE],
    others: &FixedRows,
    cosines: &mut [[f32; TILE]],
) {
    let last = cosines.len().saturating_sub(1);
    for from in (0..cosines.len()).step_by(TILE) {
        let next = std::array::from_fn(|i| (from + i).min(last));
        let tile = rows.tile_of(tile, others, next);
        for (offset, cosines) in cosines[from..].iter_mut().take(TILE).enumerate() {
            *cosines = tile.map(|row| row[offset]);
        }
    }
}

/// The length of a vector of length 1 without a mean, by its product with the mean and the mean's square.
pub(crate) fn length_without(shared: f32, mean_square: f32) -> f32 {
    (1.0 - 2.0 * shared + mean_square).max(1e-6).sqrt()
}

fn as_f32(row: &[f64]) -> Vec<f32> {
    row.iter().map(|&x| x as f32).collect()
}

/// FNV-1a of texts.
fn digest<'a>(texts: impl Iterator<Item = &'a String>) -> u32 {
    let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
