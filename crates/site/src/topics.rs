//! Topics of the site: page topics that several pages get impressions for are one.

use crate::meaning::TOGETHER;
use crate::model::{Key, Page};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// A topic of a page: index of the page, index of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicRef {
    pub page: usize,
    pub topic: usize,
}

/// Share of a topic's impressions from which queries that two pages have in common make their topics one.
pub const SHARED: f64 = 0.1;
/// Share of the pairs of queries of two topics that mean the same, from which their pages compete without a query in common.
const RIVALS: f64 = 0.9;

/// Which page topics are one topic of the site. Made once, since it takes more memory than the plan itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grouping {
    /// In order of their first topic.
    pub groups: Vec<Vec<TopicRef>>,
    /// Topics of two pages that mean the same nearly altogether.
    pub rivals: Vec<(TopicRef, TopicRef)>,
}

/// Reads the pages that are to be grouped, of each only what that takes.
#[derive(Default)]
pub struct Grouper {
    /// Number of each page's first topic among those of all pages.
    first: Vec<u32>,
    /// By topic: whether people look for an answer, and its impressions.
    is_question: Vec<bool>,
    impressions: Vec<f64>,
    /// A query, the topic it belongs to, and how often it was seen there.
    uses: Vec<(Key, u32, f64)>,
}

/// Two topics that may be one, the lesser number first, and how much they have in common: [`UNIT`] when it is just enough.
type Pair = (u32, u32, u16);

/// In whole numbers, so that sums are the same in any order.
const UNIT: u16 = 500;

/// Topics on the way to groups. Groups have the numbers of topics; a group that was added to another one keeps its number as a name for it.
struct Merging {
    members: Vec<Vec<u32>>,
    group_of: Vec<u32>,
    /// By group: others, by any of their names, and what they have in common; of a group that was named twice there are two sums to be added.
    neighbours: Vec<Vec<(u32, u64)>>,
    /// By group: how many neighbours there were when each was last named but once.
    tidy: Vec<usize>,
}

impl Merging {
    fn new(count: usize, pairs: &[Pair]) -> Self {
        let mut degrees = vec![0usize; count];
        for &(a, b, _) in pairs {
            degrees[a as usize] += 1;
            degrees[b as usize] += 1;
        }
        let mut neighbours: Vec<_> = (degrees.iter()).map(|&n| Vec::with_capacity(n)).collect();
        for &(a, b, common) in pairs {
            neighbours[a as usize].push((b, u64::from(common)));
            neighbours[b as usize].push((a, u64::from(common)));
        }
        Self {
            members: (0..count as u32).map(|number| vec![number]).collect(),
            group_of: (0..count as u32).collect(),
            neighbours,
            tidy: degrees,
        }
    }

    /// Makes the groups of two topics one when their topics have enough in common on average over all pairs of them, so that a chain of
    /// neighbours does not become one group.
    fn join(&mut self, a: u32, b: u32) {
        let (left, right) = (self.group_of[a as usize], self.group_of[b as usize]);
        if left == right {
            return;
        }
        let size = |group: u32| self.members[group as usize].len() as u64;
        let degree = |group: u32| self.neighbours[group as usize].len();
        let (few, other) = if degree(left) <= degree(right) {
            (left, right)
        } else {
            (right, left)
        };
        let common: u64 = (self.neighbours[few as usize].iter())
            .filter(|&&(name, _)| self.group_of[name as usize] == other)
            .map(|(_, common)| common)
            .sum();
        if common < u64::from(UNIT) * size(left) * size(right) {
            return;
        }
        // What has fewer members is added to the other.
        let (keep, gone) = if size(left) >= size(right) {
            (left, right)
        } else {
            (right, left)
        };
        for number in std::mem::take(&mut self.members[gone as usize]) {
            self.group_of[number as usize] = keep;
            self.members[keep as usize].push(number);
        }
        let of_gone = std::mem::take(&mut self.neighbours[gone as usize]);
        self.neighbours[keep as usize].extend(of_gone);
        if self.neighbours[keep as usize].len() > 2 * self.tidy[keep as usize] {
            self.tidy_up(keep);
        }
    }

    /// Names each neighbour of a group once.
    fn tidy_up(&mut self, group: u32) {
        let neighbours = &mut self.neighbours[group as usize];
        for (name, _) in neighbours.iter_mut() {
            *name = self.group_of[*name as usize];
        }
        neighbours.retain(|&(name, _)| name != group);
        neighbours.sort_unstable();
        neighbours.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 += next.1;
            }
            is_same
        });
        neighbours.shrink_to_fit();
        self.tidy[group as usize] = neighbours.len();
    }
}

impl Grouper {
    /// Adds a page; in the order of the site.
    pub fn push(&mut self, page: &Page) {
        self.first.push(self.is_question.len() as u32);
        for topic in &page.topics {
            let number = self.is_question.len() as u32;
            self.is_question.push(topic.is_question());
            self.impressions
                .push(topic.queries.iter().map(|query| query.impressions).sum());
            (self.uses)
                .extend((topic.queries.iter()).map(|query| (query.key, number, query.impressions)));
        }
    }

    fn number(&self, TopicRef { page, topic }: TopicRef) -> Option<u32> {
        let end = (self.first.get(page + 1)).map_or(self.is_question.len(), |&end| end as usize);
        let number = *self.first.get(page)? as usize + topic;
        (number < end).then_some(number as u32)
    }

    fn node(&self, number: u32) -> TopicRef {
        let page = self.first.partition_point(|&first| first <= number) - 1;
        let topic = (number - self.first[page]) as usize;
        TopicRef { page, topic }
    }

    /// Topics of different pages that have [`SHARED`] of the impressions of one of them in common queries.
    fn common(&mut self) -> Vec<Pair> {
        let mut uses = std::mem::take(&mut self.uses);
        uses.sort_by_key(|&(key, number, _)| (key, number));
        uses.dedup_by(|next, kept| {
            let is_same = (next.0, next.1) == (kept.0, kept.1);
            if is_same {
                kept.2 += next.2;
            }
            is_same
        });
        let mut pairs: Vec<((u32, u32), [f64; 2])> = Vec::new();
        for uses in uses.chunk_by(|a, b| a.0 == b.0) {
            for (place, &(_, a, of_a)) in uses.iter().enumerate() {
                for &(_, b, of_b) in &uses[place + 1..] {
                    if self.node(a).page != self.node(b).page {
                        pairs.push(((a, b), [of_a, of_b]));
                    }
                }
            }
        }
        drop(uses);
        pairs.sort_by_key(|&(pair, _)| pair);
        pairs.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1[0] += next.1[0];
                kept.1[1] += next.1[1];
            }
            is_same
        });
        (pairs.into_iter())
            .map(|((a, b), [of_a, of_b])| {
                let share =
                    (of_a / self.impressions[a as usize]).max(of_b / self.impressions[b as usize]);
                (a, b, units(share, SHARED))
            })
            .filter(|&(.., common)| common >= UNIT)
            .collect()
    }

    /// Groups page topics: those of different pages that have [`SHARED`] of their impressions in common queries, and those, of one page or
    /// several, that `similar` says mean the same, each with how much. Two groups become one when that holds for their topics on average over
    /// all pairs of them.
    pub fn group(
        mut self,
        similar: impl Iterator<Item = (TopicRef, TopicRef, f64)> + Clone,
    ) -> Grouping {
        let known = (similar.clone())
            .filter_map(|(a, b, share)| Some(((a, self.number(a)?), (b, self.number(b)?), share)));
        let rivals = (known.clone())
            .filter(|((a, _), (b, _), share)| *share >= RIVALS && a.page != b.page)
            .map(|((a, _), (b, _), _)| (a, b))
            .collect();
        let count = known.count();
        let mut pairs = self.common();
        pairs.reserve_exact(count);
        // Common queries say more than meaning does: they come first, and each is measured by its own limit.
        pairs.extend(similar.filter_map(|(a, b, share)| {
            let (a, b) = (self.number(a)?, self.number(b)?);
            Some((a.min(b), a.max(b), units(share, TOGETHER)))
        }));
        pairs.sort_unstable_by_key(|&(a, b, common)| (a, b, Reverse(common)));
        pairs.dedup_by_key(|&mut (a, b, _)| (a, b));
        pairs.retain(|&(a, b, _)| self.is_question[a as usize] == self.is_question[b as usize]);

        let mut merging = Merging::new(self.is_question.len(), &pairs);
        pairs.sort_unstable_by_key(|&(a, b, common)| (Reverse(common), a, b));
        for (a, b, _) in pairs {
            merging.join(a, b);
        }
        let mut groups = merging.members;
        groups.retain(|group| !group.is_empty());
        for group in &mut groups {
            group.sort_unstable();
        }
        groups.sort();
        let groups = (groups.into_iter())
            .map(|group| group.into_iter().map(|number| self.node(number)).collect())
            .collect();
        Grouping { groups, rivals }
    }
}

/// A share by its limit, in [`UNIT`]s, rounded down.
fn units(share: f64, limit: f64) -> u16 {
    // A hair more, so that what is as much as the limit is not lost to the division.
    (f64::from(UNIT) * share / limit + 1e-9).clamp(0.0, f64::from(u16::MAX)) as u16
}

impl Grouping {
    /// Of pages at hand; see [`Grouper::group`].
    pub fn of_pages(pages: &[Page], similar: &[(TopicRef, TopicRef, f64)]) -> Self {
        let mut grouper = Grouper::default();
        pages.iter().for_each(|page| grouper.push(page));
        grouper.group(similar.iter().copied())
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// None: these are no such bytes, or of other pages.
    pub fn from_bytes(bytes: &[u8], pages: &[Page]) -> Option<Self> {
        let grouping: Self = postcard::from_bytes(bytes).ok()?;
        let is_topic = |node: &TopicRef| {
            (pages.get(node.page)).is_some_and(|page| node.topic < page.topics.len())
        };
        let topics: usize = pages.iter().map(|page| page.topics.len()).sum();
        let grouped: FxHashSet<&TopicRef> = grouping.groups.iter().flatten().collect();
        let is_whole = grouped.len() == topics && grouped.into_iter().all(is_topic);
        let is_known = (grouping.rivals.iter()).all(|(a, b)| is_topic(a) && is_topic(b));
        (is_whole && is_known).then_some(grouping)
    }
}

/// Topics that mean the same, as they go from stage to stage: numbers of page and topic twice, and the share in thousandths, rounded down,
/// so that limits which were met stay met.
type Alike = ((u32, u32), (u32, u32), u16);

/// `similar` in its own order.
pub fn similar_to_bytes(
    count: usize,
    similar: impl Iterator<Item = (TopicRef, TopicRef, f64)>,
) -> Vec<u8> {
    let pair = |node: TopicRef| (node.page as u32, node.topic as u32);
    // As postcard writes an array, without having it in memory.
    let mut bytes = postcard::to_allocvec(&count).unwrap_or_default();
    for (a, b, share) in similar {
        let alike: Alike = (pair(a), pair(b), (1000.0 * share).floor() as u16);
        bytes = postcard::to_extend(&alike, bytes).unwrap_or_default();
    }
    bytes
}

/// Reads what [`similar_to_bytes`] made, pair by pair.
#[derive(Clone)]
struct AlikeBytes<'a>(&'a [u8]);

impl Iterator for AlikeBytes<'_> {
    type Item = Alike;

    fn next(&mut self) -> Option<Alike> {
        let (alike, rest) = postcard::take_from_bytes(self.0).ok()?;
        self.0 = rest;
        Some(alike)
    }
}

impl Grouper {
    /// [`Self::group`] by what [`similar_to_bytes`] made. None: these are no such bytes.
    pub fn group_by_bytes(self, similar: &[u8]) -> Option<Grouping> {
        let (count, rest) = postcard::take_from_bytes::<usize>(similar).ok()?;
        let mut all = AlikeBytes(rest);
        if all.by_ref().count() != count || !all.0.is_empty() {
            return None;
        }
        let node = |(page, topic): (u32, u32)| TopicRef {
            page: page as usize,
            topic: topic as usize,
        };
        Some(self.group(
            AlikeBytes(rest).map(|(a, b, share)| (node(a), node(b), f64::from(share) / 1000.0)),
        ))
    }
}
