use crate::scan::BLOCK;
use pageperfect_vector::FixedRows;

/// Words of 64 bits that the first, second and third test add.
const WORDS: [usize; 3] = [8, 8, 16];
const WORD_COUNT: usize = WORDS[0] + WORDS[1] + WORDS[2];
/// With fewer dimensions comparing is cheap, and sketch bits depend on each other.
const LEAST_DIMENSIONS: usize = 128;
/// A test rejects a pair of neighbours with at most this probability.
const MISS: f64 = 1e-9;
/// Steps of the tables of limits over cosines from -1 to 1.
const STEPS: usize = 2048;
/// More than the rounding of f32 in the terms of a threshold.
const SLACK: f32 = 1e-4;

/// Random sketches: the signs of 2,048 random projections of every row.
///
/// The share of bits in which two rows differ tells their angle: each bit differs with probability
/// angle / pi (Charikar's SimHash). By Chernoff's bound two rows that differ in too many of 512 bits
/// are no neighbours, but for one such pair in 10^9; those left are tested on 1,024, then 2,048
/// bits. Projections are two rounds of random signs and a Hadamard transform, which come close to
/// the independent random directions that the bound assumes.
///
/// Rows of one site all look alike, so the mean row is taken away first: with x = mean + c,
/// `a·b = ca·cb + mean·a + mean·b - mean·mean`, and what a neighbour's `ca·cb` must reach is known
/// for each pair. Rows are sorted by `mean·x`, so that it is nearly the same for a whole block.
pub(crate) struct Sketches {
    /// Rows by their product with the mean.
    order: Vec<u32>,
    places: Vec<Place>,
    first: Vec<[u64; WORDS[0]]>,
    second: Vec<[u64; WORDS[1]]>,
    third: Vec<[u64; WORDS[2]]>,
    /// What neighbours' `ca·cb + mean·a + mean·b` must reach.
    floor: f32,
    /// By the cosine of centred neighbours: in how many bits they differ at most.
    limits: Vec<[u32; 3]>,
    hits: Box<[u16; BLOCK]>,
}

/// Where a row lies with regard to the mean.
#[derive(Clone, Copy)]
struct Place {
    /// `mean·x`
    along: f32,
    /// Length of `x - mean`.
    apart: f32,
}

impl Sketches {
    /// `None` where sketches do not pay.
    pub fn new(rows: &FixedRows, eps: f64) -> Option<Self> {
        if rows.dimensions() < LEAST_DIMENSIONS {
            return None;
        }
        let mean = mean(rows);
        let square: f32 = mean.iter().map(|x| x * x).sum();
        let mut projection = Projection::new(rows.dimensions());
        let mut drafts: Vec<(Place, u32)> = Vec::with_capacity(rows.len());
        let mut bits = Vec::with_capacity(rows.len());
        let mut centred = vec![0f32; rows.dimensions()];
        for index in 0..rows.len() {
            let place = centre(rows, index, &mean, &mut centred);
            drafts.push((place, index as u32));
            bits.push(projection.signs(&centred));
        }
        drafts.sort_by(|a, b| a.0.along.total_cmp(&b.0.along).then(a.1.cmp(&b.1)));
        let (places, order): (Vec<Place>, Vec<u32>) = drafts.into_iter().unzip();
        Some(Self {
            first: part(&bits, &order, 0),
            second: part(&bits, &order, WORDS[0]),
            third: part(&bits, &order, WORDS[0] + WORDS[1]),
            places,
            order,
            floor: (1.0 - eps - rows.worst_error(rows)) as f32 + square - SLACK,
            limits: limits(),
            hits: Box::new([0; BLOCK]),
        })
    }

    /// Calls `candidate` for the pairs of a row of block `left` and one of block `right` (counted
    /// in sketch order) that pass all tests.
    pub fn scan(&mut self, left: usize, right: usize, candidate: &mut impl FnMut(usize, usize)) {
        let range = |block: usize| block * BLOCK..((block + 1) * BLOCK).min(self.order.len());
        let right_places = &self.places[range(right)];
        let along = right_places[right_places.len() - 1].along;
        let nearest = right_places
            .iter()
            .map(|place| place.apart)
            .fold(f32::MAX, f32::min);
        let farthest = right_places
            .iter()
            .map(|place| place.apart)
            .fold(0.0, f32::max);
        for a in range(left) {
            let place = self.places[a];
            // The least that any pair of this row and that block must reach.
            let product = self.floor - place.along - along;
            let length = place.apart * if product > 0.0 { farthest } else { nearest };
            let cosine = if length > 1e-3 {
                product / length
            } else {
                -1.0
            };
            if cosine > 1.0 {
                continue;
            }
            let step = ((cosine.max(-1.0) + 1.0) / 2.0 * STEPS as f32) as usize;
            let limits = self.limits[step];
            let start = if left == right { a + 1 } else { right * BLOCK };
            let first = &self.first[start..range(right).end];
            let count = near(&self.first[a], first, limits[0], &mut self.hits);
            for &hit in &self.hits[..count] {
                let b = start + usize::from(hit);
                let differing = distance(&self.first[a], &self.first[b])
                    + distance(&self.second[a], &self.second[b]);
                if differing <= limits[1]
                    && differing + distance(&self.third[a], &self.third[b]) <= limits[2]
                {
                    let pair = [self.order[a] as usize, self.order[b] as usize];
                    candidate(pair[0].min(pair[1]), pair[0].max(pair[1]));
                }
            }
        }
    }
}

fn part<const N: usize>(bits: &[[u64; WORD_COUNT]], order: &[u32], from: usize) -> Vec<[u64; N]> {
    let words = |&row: &u32| std::array::from_fn(|word| bits[row as usize][from + word]);
    order.iter().map(words).collect()
}

/// Puts the indexes of the rows that differ from `query` in at most `limit` bits into `hits`, and
/// returns how many. Without a branch: most data has no pattern to predict.
#[inline(never)]
fn near<const N: usize>(
    query: &[u64; N],
    rows: &[[u64; N]],
    limit: u32,
    hits: &mut [u16; BLOCK],
) -> usize {
    let mut count = 0;
    for (index, row) in rows.iter().enumerate() {
        hits[count % BLOCK] = index as u16;
        count += usize::from(distance(query, row) <= limit);
    }
    count
}

#[inline(always)]
fn distance<const N: usize>(a: &[u64; N], b: &[u64; N]) -> u32 {
    (0..N).map(|word| (a[word] ^ b[word]).count_ones()).sum()
}

#[inline(never)]
fn mean(rows: &FixedRows) -> Vec<f32> {
    let mut sums = vec![0i64; rows.dimensions()];
    for index in 0..rows.len() {
        for (sum, &x) in sums.iter_mut().zip(rows.row(index)) {
            *sum += i64::from(x);
        }
    }
    let scale = 1.0 / (32768.0 * rows.len() as f64);
    sums.iter()
        .map(|&sum| (sum as f64 * scale) as f32)
        .collect()
}

/// Writes `x - mean` to `centred`.
#[inline(never)]
fn centre(rows: &FixedRows, index: usize, mean: &[f32], centred: &mut [f32]) -> Place {
    let (mut along, mut square) = ([0f32; 8], [0f32; 8]);
    let chunks = rows
        .row(index)
        .chunks(8)
        .zip(mean.chunks(8))
        .zip(centred.chunks_mut(8));
    for ((row, mean), centred) in chunks {
        for (lane, ((&x, mean), centred)) in row.iter().zip(mean).zip(centred).enumerate() {
            let x = f32::from(x) / 32768.0;
            *centred = x - mean;
            along[lane] += x * mean;
            square[lane] += *centred * *centred;
        }
    }
    Place {
        along: along.iter().sum(),
        apart: square.iter().sum::<f32>().sqrt(),
    }
}

/// By the cosine that centred neighbours reach at least, from -1 to 1: in how many bits they differ
/// at most, up to the end of each test.
fn limits() -> Vec<[u32; 3]> {
    let bits = [WORDS[0], WORDS[0] + WORDS[1], WORD_COUNT].map(|words| 64.0 * words as f64);
    (0..=STEPS)
        .map(|step| {
            let cosine = 2.0 * step as f64 / STEPS as f64 - 1.0;
            let chance = cosine.clamp(-1.0, 1.0).acos() / std::f64::consts::PI;
            bits.map(|bits| limit(bits, chance))
        })
        .collect()
}

/// Least count that a binomial variable of `bits` draws exceeds with probability below [`MISS`],
/// by Chernoff's bound exp(-bits * divergence(count / bits, chance)).
fn limit(bits: f64, chance: f64) -> u32 {
    let enough = -MISS.ln() / bits;
    let exceeds = |count: f64| {
        let share = count / bits;
        if share <= chance {
            return false;
        }
        let term = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
        chance <= 0.0 || term(share, chance) + term(1.0 - share, 1.0 - chance) >= enough
    };
    (0..bits as u32)
        .find(|&count| exceeds(f64::from(count)))
        .unwrap_or(bits as u32)
}

/// Pseudo-random projections: signs, Hadamard transform, signs, Hadamard transform. The same in every build.
pub struct Projection {
    width: usize,
    /// Two rounds of signs for every transform that the bits need.
    signs: Vec<[Vec<f32>; 2]>,
    buffer: Vec<f32>,
}

impl Projection {
    /// For rows of so many dimensions; below 64 they are padded.
    pub fn new(dimensions: usize) -> Self {
        let width = dimensions.next_power_of_two().max(64);
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut sign = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if state >> 63 == 0 { 1.0 } else { -1.0 }
        };
        let mut signs = || (0..width).map(|_| sign()).collect();
        let transforms = (WORD_COUNT * 64).div_ceil(width);
        Self {
            width,
            signs: (0..transforms).map(|_| [signs(), signs()]).collect(),
            buffer: vec![0.0; width],
        }
    }

    /// The signs of a row's projections, 64 a word: each differs between two rows with a probability of their angle over pi.
    pub fn signs(&mut self, row: &[f32]) -> [u64; WORD_COUNT] {
        let mut bits = [0; WORD_COUNT];
        for (signs, words) in self.signs.iter().zip(bits.chunks_mut(self.width / 64)) {
            self.buffer[..row.len()].copy_from_slice(row);
            self.buffer[row.len()..].fill(0.0);
            for signs in signs {
                flip(&mut self.buffer, signs);
                hadamard(&mut self.buffer);
            }
            pack(&self.buffer, words);
        }
        bits
    }
}

#[inline(never)]
fn flip(row: &mut [f32], signs: &[f32]) {
    row.iter_mut().zip(signs).for_each(|(x, sign)| *x *= sign);
}

/// Fast Walsh-Hadamard transform in place, unscaled, two of its rounds at a time.
#[inline(never)]
fn hadamard(row: &mut [f32]) {
    let cross = |a: f32, b: f32, c: f32, d: f32| {
        let (ab, a_b, cd, c_d) = (a + b, a - b, c + d, c - d);
        (ab + cd, a_b + c_d, ab - cd, a_b - c_d)
    };
    for four in row.as_chunks_mut::<4>().0 {
        let [a, b, c, d] = *four;
        let (a, b, c, d) = cross(a, b, c, d);
        *four = [a, b, c, d];
    }
    let mut quarter = 4;
    while 4 * quarter <= row.len() {
        for chunk in row.chunks_exact_mut(4 * quarter) {
            let (left, right) = chunk.split_at_mut(2 * quarter);
            let ((a, b), (c, d)) = (left.split_at_mut(quarter), right.split_at_mut(quarter));
            for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                (*a, *b, *c, *d) = cross(*a, *b, *c, *d);
            }
        }
        quarter *= 4;
    }
    if 2 * quarter <= row.len() {
        let (left, right) = row.split_at_mut(quarter);
        for (x, y) in left.iter_mut().zip(right) {
            (*x, *y) = (*x + *y, *x - *y);
        }
    }
}

#[inline(never)]
fn pack(row: &[f32], words: &mut [u64]) {
    for (word, values) in words.iter_mut().zip(row.as_chunks::<64>().0) {
        *word = (values.iter().enumerate()).fold(0, |word, (bit, x)| {
            word | u64::from(x.to_bits() >> 31) << bit
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_that_of_its_definition() {
        for width in [128, 256, 2048] {
            let row: Vec<f32> = (0..width)
                .map(|i| ((i * 7919) % 23) as f32 - 11.0)
                .collect();
            let mut found = row.clone();
            hadamard(&mut found);
            for (index, found) in found.iter().enumerate() {
                let sign = |i: usize| {
                    if (i & index).count_ones().is_multiple_of(2) {
                        1.0
                    } else {
                        -1.0
                    }
                };
                let expected: f32 = row.iter().enumerate().map(|(i, x)| x * sign(i)).sum();
                assert_eq!(*found, expected);
            }
        }
    }

    #[test]
    fn limits_hold_what_they_promise() {
        // Exact tail of the binomial distribution, in logarithms.
        let tail = |bits: u32, chance: f64, above: u32| -> f64 {
            let mut term = f64::from(bits) * (1.0 - chance).ln();
            let mut sum = 0.0;
            for count in 0..=bits {
                if count > above {
                    sum += term.exp();
                }
                let more = f64::from(bits - count) / f64::from(count + 1);
                term += (more * chance / (1.0 - chance)).ln();
            }
            sum
        };
        for bits in [512u32, 1024, 2048] {
            for chance in [0.05, 0.25, 0.35, 0.45] {
                let limit = limit(bits.into(), chance);
                assert!(tail(bits, chance, limit) <= MISS);
                assert!(f64::from(limit) < f64::from(bits) * (chance + 0.25));
            }
        }
    }
}
