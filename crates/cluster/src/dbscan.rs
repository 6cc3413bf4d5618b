use crate::{Keywords, scan::Scan};
use std::{fmt, mem};

/// The label of a point that belongs to no cluster.
pub const NOISE: i32 = -1;

/// Parameters out of range.
#[derive(Debug, Clone, PartialEq)]
pub enum DbscanError {
    Eps(f64),
    MinPoints,
    MaxSize,
    /// A checkpoint of other keywords, other parameters, or not a checkpoint.
    Checkpoint,
}

impl fmt::Display for DbscanError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Eps(eps) => write!(f, "eps is a cosine distance above 0 and up to 2, not {eps}"),
            Self::MinPoints => write!(f, "min_points is at least 1"),
            Self::MaxSize => write!(f, "max_cluster_size is at least 2"),
            Self::Checkpoint => {
                write!(
                    f,
                    "this checkpoint was made with other keywords or parameters: start again"
                )
            }
        }
    }
}

impl std::error::Error for DbscanError {}

impl DbscanError {
    pub(crate) fn check(eps: f64, min_points: u32) -> Result<(), Self> {
        if !(eps > 0.0 && eps <= 2.0) {
            return Err(Self::Eps(eps));
        }
        if min_points == 0 {
            return Err(Self::MinPoints);
        }
        Ok(())
    }
}

/// DBSCAN by scikit-learn's rule, in steps that a caller with little time can stop between.
///
/// A point is core when `min_points` points, itself included, lie within a cosine distance of
/// `eps`, the boundary included; the distance is decided in f64. Clusters are numbered by their
/// first core point. A border point takes the lowest number among its core neighbours.
///
/// Up to 2,047 keywords all pairs are compared. Above, candidates come from random sketches that
/// miss a pair of neighbours with a probability below 10^-8; [`Dbscan::exact`] does without.
pub struct Dbscan {
    eps: f64,
    min_points: u32,
    scan: Scan,
    phase: Phase,
    step: usize,
    /// Neighbours found so far, the point itself included; right only up to `min_points`.
    counts: Vec<u32>,
    /// Connected core points.
    forest: Forest,
    /// Of points that are not core: the lowest first point of a cluster with a neighbour here.
    border: Vec<u32>,
    /// Pairs of core points that need f32 rows which are not kept: decided at the end.
    deferred: Vec<[u32; 2]>,
    /// Other such pairs, which had to be decided at once, by fixed point.
    guessed: Vec<[u32; 2]>,
    /// Those of a run before this one, whose rows were given since.
    settled: Vec<[u32; 2]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Which points are core. Not needed up to `min_points` 2: neighbours are mutual, so a point
    /// with one is core, and clusters are the connected components.
    Count,
    /// Which core points are connected.
    Link,
    /// Which cluster takes the points that are not core.
    Border,
    Done,
}

impl Phase {
    fn first(min_points: u32) -> Self {
        if min_points > 2 {
            Self::Count
        } else {
            Self::Link
        }
    }
}

impl Dbscan {
    /// # Errors
    /// [`DbscanError`] unless `0 < eps <= 2` and `min_points >= 1`.
    pub fn new(keywords: &Keywords, eps: f64, min_points: u32) -> Result<Self, DbscanError> {
        Self::build(keywords, eps, min_points, false)
    }

    /// As [`new`](Self::new), but every pair is compared however many there are: seven times the
    /// work at 25,000 keywords.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn exact(keywords: &Keywords, eps: f64, min_points: u32) -> Result<Self, DbscanError> {
        Self::build(keywords, eps, min_points, true)
    }

    fn build(
        keywords: &Keywords,
        eps: f64,
        min_points: u32,
        exact: bool,
    ) -> Result<Self, DbscanError> {
        DbscanError::check(eps, min_points)?;
        Ok(Self {
            eps,
            min_points,
            scan: Scan::new(keywords, eps, exact),
            phase: Phase::first(min_points),
            step: 0,
            counts: vec![1; keywords.len()],
            forest: Forest::new(keywords.len()),
            border: vec![u32::MAX; keywords.len()],
            deferred: Vec::new(),
            guessed: Vec::new(),
            settled: Vec::new(),
        })
    }

    pub fn eps(&self) -> f64 {
        self.eps
    }

    pub fn min_points(&self) -> u32 {
        self.min_points
    }

    /// Whether all pairs are compared, rather than those that sketches find.
    pub fn is_exact(&self) -> bool {
        self.scan.is_exact()
    }

    /// Runs to the end.
    pub fn run(&mut self, keywords: &Keywords) {
        while !self.advance(keywords) {}
    }

    /// Compares one block of keywords with another (milliseconds); true when all is done.
    /// `keywords` are those of [`new`](Self::new), unchanged but for rows that were
    /// [supplied](Keywords::supply): when those prove a guess wrong that others were built on, the
    /// run starts over.
    pub fn advance(&mut self, keywords: &Keywords) -> bool {
        if self.phase == Phase::Done && self.has_misjudged(keywords) {
            self.start_over();
        }
        if self.step < self.scan.step_count() {
            match self.phase {
                Phase::Count => self.count(keywords),
                Phase::Link => self.link(keywords),
                Phase::Border => self.attach(keywords),
                Phase::Done => return true,
            }
            self.step += 1;
        }
        if self.step >= self.scan.step_count() {
            self.step = 0;
            self.phase = match self.phase {
                Phase::Count => Phase::Link,
                Phase::Link if self.min_points > 2 => {
                    let mut guessed = mem::take(&mut self.guessed);
                    self.forest = self.linked(keywords, &mut guessed);
                    self.guessed = guessed;
                    self.deferred.clear();
                    Phase::Border
                }
                _ => Phase::Done,
            };
        }
        self.phase == Phase::Done
    }

    fn has_misjudged(&self, keywords: &Keywords) -> bool {
        self.guessed.iter().any(|pair| {
            let [a, b] = pair.map(|point| point as usize);
            (keywords.within(a, b, self.eps))
                .is_some_and(|truth| truth != keywords.probably_within(a, b, self.eps))
        })
    }

    fn start_over(&mut self) {
        self.settled.append(&mut self.guessed);
        self.phase = Phase::first(self.min_points);
        self.step = 0;
        self.counts.fill(1);
        self.forest = Forest::new(self.counts.len());
        self.border.fill(u32::MAX);
    }

    fn count(&mut self, keywords: &Keywords) {
        let Self {
            eps,
            min_points,
            scan,
            step,
            counts,
            guessed,
            ..
        } = self;
        scan.step(keywords, *eps, *step, |a, b| {
            let open = counts[a] < *min_points || counts[b] < *min_points;
            if open && decide(keywords, a, b, *eps, guessed) {
                counts[a] += 1;
                counts[b] += 1;
            }
        });
    }

    fn link(&mut self, keywords: &Keywords) {
        let Self {
            eps,
            min_points,
            scan,
            step,
            counts,
            forest,
            deferred,
            ..
        } = self;
        let may_be_core = |point: usize| *min_points <= 2 || counts[point] >= *min_points;
        scan.step(keywords, *eps, *step, |a, b| {
            if may_be_core(a) && may_be_core(b) && forest.root(a) != forest.root(b) {
                match keywords.within(a, b, *eps) {
                    Some(true) => _ = forest.connect(a, b),
                    Some(false) => {}
                    None => deferred.push([a as u32, b as u32]),
                }
            }
        });
    }

    fn attach(&mut self, keywords: &Keywords) {
        let Self {
            eps,
            min_points,
            scan,
            step,
            counts,
            forest,
            border,
            guessed,
            ..
        } = self;
        scan.step(keywords, *eps, *step, |a, b| {
            let (core, other) = match (counts[a] >= *min_points, counts[b] >= *min_points) {
                (true, false) => (a, b),
                (false, true) => (b, a),
                _ => return,
            };
            let first = forest.root(core) as u32;
            if first < border[other] && decide(keywords, a, b, *eps, guessed) {
                border[other] = first;
            }
        });
    }

    /// The forest with what was deferred decided as well as can be now.
    fn linked(&self, keywords: &Keywords, guessed: &mut Vec<[u32; 2]>) -> Forest {
        let mut forest = self.forest.clone();
        for [a, b] in self
            .deferred
            .iter()
            .map(|pair| pair.map(|point| point as usize))
        {
            if forest.root(a) != forest.root(b) && decide(keywords, a, b, self.eps, guessed) {
                forest.connect(a, b);
            }
        }
        forest
    }

    /// How much is done, from 0 to 1.
    pub fn progress(&self) -> f64 {
        let (before, phases) = match self.phase {
            Phase::Done => return 1.0,
            _ if self.min_points <= 2 => (0.0, 1.0),
            Phase::Count => (0.0, 3.0),
            Phase::Link => (1.0, 3.0),
            Phase::Border => (2.0, 3.0),
        };
        (before + self.step as f64 / self.scan.step_count().max(1) as f64) / phases
    }

    /// One label a keyword: the cluster's number from 0, or [`NOISE`]. Final once
    /// [`advance`](Self::advance) has said so.
    pub fn labels(&self, keywords: &Keywords) -> Vec<i32> {
        let mut forest = self.linked(keywords, &mut Vec::new());
        let length = self.counts.len();
        let mut sizes = vec![0u32; length];
        (0..length).for_each(|point| sizes[forest.root(point)] += 1);
        let is_core = |point: usize, root: usize| match self.min_points {
            1 => true,
            2 => sizes[root] > 1,
            least => self.counts[point] >= least,
        };
        // A root is the first point of its tree, so numbers are given out in order.
        let mut labels = vec![NOISE; length];
        let mut count = 0;
        for point in 0..length {
            let root = forest.root(point);
            if is_core(point, root) {
                if root == point {
                    labels[point] = count;
                    count += 1;
                } else {
                    labels[point] = labels[root];
                }
            }
        }
        for (point, &first) in self.border.iter().enumerate() {
            if first != u32::MAX {
                labels[point] = labels[first as usize];
            }
        }
        labels
    }

    /// Rows that fixed point could not decide about and whose f32 vectors are not kept: none up to
    /// 12 MB of vectors, few above. The labels stand on the best guess for them (right to about
    /// 10^-5 of distance). For certainty [`supply`](Keywords::supply) these rows, call
    /// [`advance`](Self::advance) until it says so once more, and look again: none are left then,
    /// unless the run started over.
    pub fn undecided(&self, keywords: &Keywords) -> Vec<u32> {
        let mut forest = self.forest.clone();
        let open = self.deferred.iter().filter(|pair| {
            let [a, b] = pair.map(|point| point as usize);
            forest.root(a) != forest.root(b)
        });
        let mut rows: Vec<u32> = (open.chain(&self.guessed).chain(&self.settled))
            .filter(|[a, b]| {
                keywords
                    .within(*a as usize, *b as usize, self.eps)
                    .is_none()
            })
            .flatten()
            .copied()
            .collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// The state as bytes, for [`restore`](Self::restore) in another process.
    pub fn checkpoint(&self, keywords: &Keywords) -> Vec<u8> {
        let mut words = self.identity(keywords).to_vec();
        let lengths = [
            self.phase as usize,
            self.step,
            self.deferred.len(),
            self.guessed.len(),
            self.settled.len(),
        ];
        words.extend(lengths.map(|length| length as u32));
        words.extend(&self.counts);
        words.extend(self.forest.parents());
        words.extend(&self.border);
        let pairs = (self.deferred.iter()).chain(&self.guessed);
        words.extend(pairs.chain(&self.settled).flatten());
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Goes on from a checkpoint of a run over the same keywords with the same parameters.
    ///
    /// # Errors
    /// [`DbscanError::Checkpoint`] when it is of anything else; nothing changes then.
    pub fn restore(&mut self, keywords: &Keywords, bytes: &[u8]) -> Result<(), DbscanError> {
        self.try_restore(keywords, bytes)
            .ok_or(DbscanError::Checkpoint)
    }

    fn try_restore(&mut self, keywords: &Keywords, bytes: &[u8]) -> Option<()> {
        let words: Vec<u32> = (bytes.chunks(4))
            .map(|word| word.try_into().ok().map(u32::from_le_bytes))
            .collect::<Option<_>>()?;
        let length = self.counts.len();
        let words = words.strip_prefix(&self.identity(keywords)[..])?;
        let (&[phase, step, deferred, guessed, settled], words) = words.split_first_chunk()?;
        let phase = *[Phase::Count, Phase::Link, Phase::Border, Phase::Done].get(phase as usize)?;
        let (counts, words) = words.split_at_checked(length)?;
        let (parents, words) = words.split_at_checked(length)?;
        let forest = Forest::read(parents)?;
        let (border, words) = words.split_at_checked(length)?;
        let pairs = words.as_chunks::<2>().0;
        let (deferred, pairs_left) = pairs.split_at_checked(deferred as usize)?;
        let (guessed, settled_pairs) = pairs_left.split_at_checked(guessed as usize)?;
        let points = |words: &[u32]| words.iter().all(|&point| (point as usize) < length);
        let sound = words.len() == 2 * pairs.len()
            && settled_pairs.len() == settled as usize
            && step as usize <= self.scan.step_count()
            && counts.iter().all(|&count| count as usize <= length)
            && border
                .iter()
                .all(|&first| first == u32::MAX || points(&[first]))
            && points(words);
        sound.then(|| {
            self.phase = phase;
            self.step = step as usize;
            self.counts = counts.to_vec();
            self.forest = forest;
            self.border = border.to_vec();
            self.deferred = deferred.to_vec();
            self.guessed = guessed.to_vec();
            self.settled = settled_pairs.to_vec();
        })
    }

    /// What a checkpoint must agree in.
    fn identity(&self, keywords: &Keywords) -> [u32; 6] {
        let eps = self.eps.to_bits();
        let hash = keywords.fixed().fingerprint();
        let length = keywords.len() as u32;
        [
            length,
            self.min_points,
            eps as u32,
            (eps >> 32) as u32,
            hash,
            self.scan.is_exact().into(),
        ]
    }
}

fn decide(keywords: &Keywords, a: usize, b: usize, eps: f64, guessed: &mut Vec<[u32; 2]>) -> bool {
    keywords.within(a, b, eps).unwrap_or_else(|| {
        guessed.push([a as u32, b as u32]);
        keywords.probably_within(a, b, eps)
    })
}

/// The members of each cluster, and the noise points.
pub(crate) fn by_label(labels: &[i32]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let count = labels.iter().map(|&label| label + 1).max().unwrap_or(0);
    let (mut clusters, mut noise) = (vec![Vec::new(); count as usize], Vec::new());
    for (index, &label) in labels.iter().enumerate() {
        match usize::try_from(label) {
            Ok(cluster) => clusters[cluster].push(index),
            Err(_) => noise.push(index),
        }
    }
    (clusters, noise)
}

/// Disjoint sets of points; the root of a set is its lowest point.
#[derive(Debug, Clone)]
pub(crate) struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    pub fn new(length: usize) -> Self {
        Self {
            parents: (0..length as u32).collect(),
        }
    }

    /// A forest from its [`parents`](Self::parents); `None` when they are none of any.
    pub fn read(parents: &[u32]) -> Option<Self> {
        let is_sound =
            (parents.iter().enumerate()).all(|(point, &parent)| parent as usize <= point);
        is_sound.then(|| Self {
            parents: parents.to_vec(),
        })
    }

    /// For each point one of its set that is no higher.
    pub fn parents(&self) -> &[u32] {
        &self.parents
    }

    pub fn root(&mut self, point: usize) -> usize {
        let mut point = point;
        while self.parents[point] as usize != point {
            let parent = self.parents[point] as usize;
            self.parents[point] = self.parents[parent];
            point = self.parents[point] as usize;
        }
        point
    }

    /// False when they were connected before.
    pub fn connect(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b) as u32;
        a != b
    }
}
