use crate::{
    DbscanError, Keywords, NOISE,
    dbscan::{Forest, by_label},
    scan::{BLOCK, triangle, triangle_count},
};
use pageperfect_vector::{FixedRows, TILE};
use std::{array, collections::BTreeMap};

/// What the radius is multiplied by from one level to the next.
const SHRINK: f64 = 0.9;
/// Vectors nearer than this are the same topic however many there are.
const LEAST_RADIUS: f64 = 0.01;

/// Splits the clusters that have more than `max_size` members, such as those that one shared word (a
/// brand) or a chain of neighbours holds together, in steps that a caller with little time can stop
/// between.
///
/// The members of such a cluster are clustered again among themselves, with `eps` times 0.9, 0.81,
/// … down to a cosine distance of 0.01; each part that is still too large goes on alone. Where the
/// next radius leaves no cluster at all, a part stays as large as it is. Members that fell
/// out on the way join the part of their nearest neighbour within `eps`, the nearest first, as long
/// as that part has room; those left over become noise.
///
/// Other clusters and noise stay what they are. Numbers are given out anew where anything was
/// split: the parts of a cluster take its place, by their first member. Distances are those of
/// fixed point, right to about 10^-5. With `min_points` above 2, clusters within a cluster are made
/// of its core points; the others have fallen out.
///
/// All radii are tried at once: each pair is compared one time, and connected at every radius that
/// it is within (as in single linkage; for core points that is DBSCAN's rule).
pub struct Split {
    eps: f64,
    min_points: u32,
    max_size: usize,
    /// As DBSCAN gave them.
    labels: Vec<i32>,
    /// Members of the clusters that are too large, cluster by cluster. What follows speaks of them by
    /// their place in here.
    members: Vec<usize>,
    /// The largest first; a level is an index into these.
    radii: Vec<f64>,
    phase: Phase,
    step: usize,
    /// For each level and member the neighbours that are within its radius but not the next one's.
    near: Vec<u32>,
    /// For each member the number of levels that it is core at.
    core: Vec<u32>,
    /// Connected members, by level.
    forests: Vec<Forest>,
    parts: Vec<Vec<usize>>,
    fallen: Vec<usize>,
    /// Members of the parts and which part, in the order of members.
    kept: Vec<(usize, u32)>,
    /// For each of the fallen the distance of its nearest neighbour in a part, and that part.
    nearest: Vec<(f32, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// At which levels points are core. Not needed up to `min_points` 2: whoever is connected is.
    Count,
    Link,
    /// What the fallen are nearest to.
    Join,
    Done,
}

/// As [`Split`], in one go: `labels` are what DBSCAN found with `eps` and `min_points`.
///
/// # Errors
/// As [`Split::new`].
pub fn split(
    keywords: &Keywords,
    labels: &[i32],
    eps: f64,
    min_points: u32,
    max_size: usize,
) -> Result<Vec<i32>, DbscanError> {
    let mut split = Split::new(keywords, labels.to_vec(), eps, min_points, max_size)?;
    while !split.advance(keywords) {}
    Ok(split.labels())
}

impl Split {
    /// `labels` are what DBSCAN found for `keywords` with `eps` and `min_points`.
    ///
    /// # Errors
    /// [`DbscanError`] unless `0 < eps <= 2`, `min_points >= 1` and `max_size >= 2`.
    pub fn new(
        keywords: &Keywords,
        labels: Vec<i32>,
        eps: f64,
        min_points: u32,
        max_size: usize,
    ) -> Result<Self, DbscanError> {
        DbscanError::check(eps, min_points)?;
        if max_size < 2 {
            return Err(DbscanError::MaxSize);
        }
        assert_eq!(labels.len(), keywords.len(), "one label a keyword");
        let too_large = by_label(&labels).0.into_iter();
        let members: Vec<usize> = (too_large.filter(|cluster| cluster.len() > max_size))
            .flatten()
            .collect();
        let radii = (1..)
            .map(|level| eps * SHRINK.powi(level))
            .take_while(|radius| *radius >= LEAST_RADIUS)
            .collect();
        let phase = match min_points {
            _ if members.is_empty() => Phase::Done,
            ..=2 => Phase::Link,
            _ => Phase::Count,
        };
        let mut new = Self {
            eps,
            min_points,
            max_size,
            labels,
            members,
            radii,
            phase,
            step: 0,
            near: Vec::new(),
            core: Vec::new(),
            forests: Vec::new(),
            parts: Vec::new(),
            fallen: Vec::new(),
            kept: Vec::new(),
            nearest: Vec::new(),
        };
        let (count, level_count) = (new.members.len(), new.radii.len());
        new.core = vec![level_count as u32; count];
        new.forests = vec![Forest::new(count); level_count];
        if phase == Phase::Count {
            new.near = vec![0; count * level_count];
        }
        Ok(new)
    }

    /// Compares one block of keywords with another (milliseconds); true when all is done.
    pub fn advance(&mut self, keywords: &Keywords) -> bool {
        if self.step < self.step_count() {
            match self.phase {
                Phase::Count => self.count(keywords),
                Phase::Link => self.link(keywords),
                Phase::Join => self.meet(keywords),
                Phase::Done => return true,
            }
            self.step += 1;
        }
        if self.step >= self.step_count() {
            self.step = 0;
            self.phase = match self.phase {
                Phase::Count => {
                    self.decide_core();
                    Phase::Link
                }
                Phase::Link => {
                    self.part();
                    Phase::Join
                }
                Phase::Join => {
                    self.join();
                    Phase::Done
                }
                Phase::Done => Phase::Done,
            };
        }
        self.phase == Phase::Done
    }

    fn step_count(&self) -> usize {
        let blocks = |length: usize| length.div_ceil(BLOCK);
        match self.phase {
            Phase::Count | Phase::Link => triangle_count(blocks(self.members.len())),
            Phase::Join => blocks(self.fallen.len()) * blocks(self.kept.len()),
            Phase::Done => 0,
        }
    }

    /// How much is done, from 0 to 1.
    pub fn progress(&self) -> f64 {
        let done = match self.phase {
            Phase::Count => 0.0,
            Phase::Link => 1.0,
            Phase::Join => 2.0,
            Phase::Done => return 1.0,
        };
        let skipped = if self.min_points <= 2 { 1.0 } else { 0.0 };
        let share = self.step as f64 / self.step_count().max(1) as f64;
        (done + share - skipped) / (3.0 - skipped)
    }

    /// Calls `visit` for the pairs of this step that are of one cluster, with their cosine distance.
    fn each_pair(&self, keywords: &Keywords, mut visit: impl FnMut(usize, usize, f32)) {
        let (left, right) = triangle(self.step);
        let block = |block: usize| {
            let end = ((block + 1) * BLOCK).min(self.members.len());
            (block * BLOCK, &self.members[block * BLOCK..end])
        };
        let ((a_start, a_rows), (b_start, b_rows)) = (block(left), block(right));
        let label = |row: usize| self.labels[row];
        if a_rows.last().map(|&row| label(row)) < b_rows.first().map(|&row| label(row)) {
            return;
        }
        compare(keywords.fixed(), a_rows, b_rows, |a, b, distance| {
            if a_start + a < b_start + b && label(a_rows[a]) == label(b_rows[b]) {
                visit(a_start + a, b_start + b, distance);
            }
        });
    }

    fn count(&mut self, keywords: &Keywords) {
        let mut near = std::mem::take(&mut self.near);
        self.each_pair(keywords, |a, b, distance| {
            if let Some(level) = self.levels_within(distance).checked_sub(1) {
                near[a * self.radii.len() + level] += 1;
                near[b * self.radii.len() + level] += 1;
            }
        });
        self.near = near;
    }

    fn decide_core(&mut self) {
        let near = std::mem::take(&mut self.near);
        for (core, near) in self
            .core
            .iter_mut()
            .zip(near.chunks(self.radii.len().max(1)))
        {
            // Neighbours at a level are those of the levels beyond it, and its own; so is the point itself.
            let mut count = 1;
            *core = (1..=near.len() as u32)
                .rev()
                .find(|&levels| {
                    count += near[levels as usize - 1];
                    count >= self.min_points
                })
                .unwrap_or(0);
        }
    }

    fn link(&mut self, keywords: &Keywords) {
        let mut forests = std::mem::take(&mut self.forests);
        self.each_pair(keywords, |a, b, distance| {
            let core = self.core[a].min(self.core[b]) as usize;
            let levels = self.levels_within(distance).min(core);
            for forest in forests[..levels].iter_mut().rev() {
                if !forest.connect(a, b) {
                    // Connected before, so at all larger radii as well.
                    break;
                }
            }
        });
        self.forests = forests;
    }

    fn levels_within(&self, distance: f32) -> usize {
        self.radii
            .partition_point(|&radius| f64::from(distance) <= radius)
    }

    /// The parts that the connections make, and who belongs to none.
    fn part(&mut self) {
        let mut open = Vec::new();
        for at in 0..self.members.len() {
            let label = self.labels[self.members[at]];
            match open.last_mut() {
                Some((last, cluster, _)) if *last == label => Vec::push(cluster, at),
                _ => open.push((label, vec![at], 0)),
            }
        }
        while let Some((label, members, level)) = open.pop() {
            if members.len() <= self.max_size || level == self.radii.len() {
                self.parts.push(members);
                continue;
            }
            let mut groups = BTreeMap::<usize, Vec<usize>>::new();
            for &member in &members {
                let root = self.forests[level].root(member);
                groups.entry(root).or_default().push(member);
            }
            let is_cluster = |group: &Vec<usize>| self.min_points == 1 || group.len() > 1;
            let (found, alone): (Vec<_>, Vec<_>) = groups.into_values().partition(is_cluster);
            if found.is_empty() {
                self.parts.push(members);
                continue;
            }
            self.fallen.extend(alone.into_iter().flatten());
            open.extend(found.into_iter().map(|group| (label, group, level + 1)));
        }
        self.parts.sort_unstable();
        self.fallen.sort_unstable();
        let parts = self.parts.iter().zip(0..);
        self.kept = parts
            .flat_map(|(part, number)| part.iter().map(move |&member| (member, number)))
            .collect();
        self.kept.sort_unstable();
        self.nearest = vec![(f32::INFINITY, u32::MAX); self.fallen.len()];
    }

    fn meet(&mut self, keywords: &Keywords) {
        let width = self.kept.len().div_ceil(BLOCK);
        let block = |block: usize, length: usize| block * BLOCK..((block + 1) * BLOCK).min(length);
        let fallen = block(self.step / width, self.fallen.len());
        let kept = block(self.step % width, self.kept.len());
        let row_of = |member: usize| self.members[member];
        let a_rows: Vec<usize> = (self.fallen[fallen.clone()].iter())
            .map(|&member| row_of(member))
            .collect();
        let b_rows: Vec<usize> = (self.kept[kept.clone()].iter())
            .map(|&(member, _)| row_of(member))
            .collect();
        let label = |row: usize| self.labels[row];
        let range = |rows: &[usize]| {
            rows.first().map(|&row| label(row))..=rows.last().map(|&row| label(row))
        };
        let (a_labels, b_labels) = (range(&a_rows), range(&b_rows));
        if a_labels.end() < b_labels.start() || b_labels.end() < a_labels.start() {
            return;
        }
        let (kept, nearest) = (&self.kept[kept], &mut self.nearest[fallen]);
        compare(keywords.fixed(), &a_rows, &b_rows, |a, b, distance| {
            let found = (distance, kept[b].1);
            if label(a_rows[a]) == label(b_rows[b])
                && f64::from(distance) <= self.eps
                && found < nearest[a]
            {
                nearest[a] = found;
            }
        });
    }

    /// Adds what fell out to the parts that it is nearest to.
    fn join(&mut self) {
        let mut order: Vec<_> = self.nearest.iter().zip(&self.fallen).collect();
        order.sort_by(|((a, _), x), ((b, _), y)| a.total_cmp(b).then(x.cmp(y)));
        for (&(_, part), &member) in order {
            if let Some(part) = self.parts.get_mut(part as usize)
                && part.len() < self.max_size
            {
                part.push(member);
            }
        }
        self.parts.iter_mut().for_each(|part| part.sort_unstable());
        self.parts.sort_unstable();
    }

    /// One label a keyword. Final once [`advance`](Self::advance) has said so.
    pub fn labels(&self) -> Vec<i32> {
        let mut labels = vec![NOISE; self.labels.len()];
        let mut parts = self.parts.iter().peekable();
        let mut next = 0;
        for (cluster, label) in by_label(&self.labels).0.into_iter().zip(0..) {
            if cluster.len() <= self.max_size {
                cluster.iter().for_each(|&row| labels[row] = next);
                next += i32::from(!cluster.is_empty());
                continue;
            }
            let of_cluster = |part: &&Vec<usize>| self.labels[self.members[part[0]]] == label;
            while let Some(part) = parts.next_if(of_cluster) {
                part.iter()
                    .for_each(|&member| labels[self.members[member]] = next);
                next += 1;
            }
        }
        labels
    }

    /// The state as bytes, for [`restore`](Self::restore) in another process.
    pub fn checkpoint(&self, keywords: &Keywords) -> Vec<u8> {
        let mut words = self.identity(keywords).to_vec();
        words.extend([self.phase as u32, self.step as u32]);
        words.extend(self.labels.iter().map(|&label| label as u32));
        words.extend(&self.core);
        words.extend(&self.near);
        words.extend(self.forests.iter().flat_map(Forest::parents));
        words
            .extend((self.nearest.iter()).flat_map(|(distance, part)| [distance.to_bits(), *part]));
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Goes on from a checkpoint of a split of the same keywords with the same parameters; the
    /// labels and `max_size` come from there.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`DbscanError::Checkpoint`] when it is of anything else.
    pub fn restore(
        keywords: &Keywords,
        eps: f64,
        min_points: u32,
        bytes: &[u8],
    ) -> Result<Self, DbscanError> {
        let (words, rest) = bytes.as_chunks();
        let words: Vec<u32> = words.iter().copied().map(u32::from_le_bytes).collect();
        let count = keywords.len();
        let labels = words.get(HEADER..HEADER + count);
        let labels = labels.ok_or(DbscanError::Checkpoint)?;
        let labels: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
        if !rest.is_empty()
            || !(labels.iter()).all(|&label| label >= NOISE && i64::from(label) < count as i64)
        {
            return Err(DbscanError::Checkpoint);
        }
        let max_size = words[2] as usize;
        let mut new = Self::new(keywords, labels, eps, min_points, max_size)?;
        new.read(keywords, &words).ok_or(DbscanError::Checkpoint)?;
        Ok(new)
    }

    fn read(&mut self, keywords: &Keywords, words: &[u32]) -> Option<()> {
        let words = words.strip_prefix(&self.identity(keywords)[..])?;
        let (&[phase, step], words) = words.split_first_chunk()?;
        let (member_count, level_count) = (self.members.len(), self.radii.len());
        let (_, words) = words.split_at_checked(self.labels.len())?;
        let (core, words) = words.split_at_checked(member_count)?;
        let phases = [Phase::Count, Phase::Link, Phase::Join, Phase::Done];
        self.phase = *phases.get(phase as usize)?;
        let near_count = match self.phase {
            Phase::Count if self.min_points <= 2 => return None,
            Phase::Count => member_count * level_count,
            _ => 0,
        };
        let (near, words) = words.split_at_checked(near_count)?;
        let (forests, words) = words.split_at_checked(member_count * level_count)?;
        self.near = near.to_vec();
        self.core = core.to_vec();
        self.forests = (0..level_count)
            .map(|level| Forest::read(&forests[level * member_count..][..member_count]))
            .collect::<Option<_>>()?;
        if core.iter().any(|&levels| levels as usize > level_count) {
            return None;
        }
        if matches!(self.phase, Phase::Join | Phase::Done) && member_count > 0 {
            self.part();
        }
        let (nearest, rest) = words.as_chunks::<2>();
        if nearest.len() != self.nearest.len() || !rest.is_empty() {
            return None;
        }
        self.nearest = (nearest.iter())
            .map(|&[distance, part]| (f32::from_bits(distance), part))
            .collect();
        self.step = step as usize;
        match self.phase {
            Phase::Done if member_count > 0 => self.join(),
            Phase::Done => {}
            _ if member_count == 0 || self.step > self.step_count() => return None,
            _ => {}
        }
        Some(())
    }

    /// What a checkpoint must agree in.
    fn identity(&self, keywords: &Keywords) -> [u32; HEADER - 2] {
        let eps = self.eps.to_bits();
        [
            self.labels.len() as u32,
            self.min_points,
            self.max_size as u32,
            eps as u32,
            (eps >> 32) as u32,
            keywords.fixed().fingerprint(),
        ]
    }
}

/// Words of a checkpoint before the labels.
const HEADER: usize = 8;

/// Calls `visit` with the places of each pair of one of `a_rows` and one of `b_rows`, and its cosine
/// distance. Kept out of line: a wasm engine optimises what is called again.
#[inline(never)]
fn compare(
    rows: &FixedRows,
    a_rows: &[usize],
    b_rows: &[usize],
    mut visit: impl FnMut(usize, usize, f32),
) {
    let tile = |rows: &[usize], at: usize| -> [usize; TILE] {
        array::from_fn(|i| rows[(at + i).min(rows.len() - 1)])
    };
    for a in (0..a_rows.len()).step_by(TILE) {
        let a_tile = tile(a_rows, a);
        for b in (0..b_rows.len()).step_by(TILE) {
            let cosines = rows.tile_of(a_tile, rows, tile(b_rows, b));
            for (a, cosines) in (a..a_rows.len()).zip(cosines) {
                for (b, cosine) in (b..b_rows.len()).zip(cosines) {
                    visit(a, b, 1.0 - cosine);
                }
            }
        }
    }
}
