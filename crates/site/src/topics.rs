//! Topics of the site: page topics that several pages get impressions for are one.

use crate::meaning::TOGETHER;
use crate::model::Page;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

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
    uses: Vec<(String, u32, f64)>,
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
            self.uses.extend(
                (topic.queries.iter()).map(|query| (query.key.clone(), number, query.impressions)),
            );
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

    /// How much each two topics of different pages have in common, in order: the share of the impressions of one of them in common queries.
    fn common(&mut self) -> Vec<(u32, u32, f64)> {
        let mut uses = std::mem::take(&mut self.uses);
        uses.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        uses.dedup_by(|next, kept| {
            let is_same = (&next.0, next.1) == (&kept.0, kept.1);
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
                (a, b, share)
            })
            .collect()
    }

    /// Groups page topics: those of different pages that have [`SHARED`] of their impressions in common queries, and those, of one page or
    /// several, that `similar` says mean the same, each with how much. Two groups become one when that holds for their topics on average over
    /// all pairs of them, so that a chain of neighbours does not become one topic.
    pub fn group(
        mut self,
        similar: impl Iterator<Item = (TopicRef, TopicRef, f64)> + Clone,
    ) -> Grouping {
        let rivals = (similar.clone())
            .filter(|&(a, b, share)| share >= RIVALS && a.page != b.page)
            .filter(|&(a, b, _)| self.number(a).is_some() && self.number(b).is_some())
            .map(|(a, b, _)| (a, b))
            .collect();
        let mut pairs = self.common();
        pairs.retain(|&(_, _, share)| share >= SHARED);
        pairs.reserve_exact(similar.clone().count());
        // Common queries say more than meaning does: they come first, and each is measured by its own limit.
        pairs.extend(similar.filter_map(|(a, b, share)| {
            let (a, b) = (self.number(a)?, self.number(b)?);
            Some((a.min(b), a.max(b), SHARED * share / TOGETHER))
        }));
        pairs.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(b.2.total_cmp(&a.2)));
        pairs.dedup_by_key(|&mut (a, b, _)| (a, b));
        pairs.retain(|&(a, b, _)| self.is_question[a as usize] == self.is_question[b as usize]);

        let count = self.is_question.len();
        let mut groups: Vec<Vec<u32>> = (0..count as u32).map(|number| vec![number]).collect();
        let mut group_of: Vec<u32> = (0..count as u32).collect();
        // Between groups: the sum of their topics' scores. Kept from merger to merger, so that a site whose topics are all alike takes no longer.
        let mut sums: Vec<FxHashMap<u32, f64>> = vec![FxHashMap::default(); count];
        for &(a, b, score) in &pairs {
            sums[a as usize].insert(b, score);
            sums[b as usize].insert(a, score);
        }
        pairs.sort_unstable_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        for (a, b, _) in pairs {
            let (left, right) = (group_of[a as usize], group_of[b as usize]);
            if left == right {
                continue;
            }
            let of = |group: u32| &sums[group as usize];
            let sum = of(left).get(&right).copied().unwrap_or_default();
            let size = |group: u32| groups[group as usize].len();
            if sum < SHARED * (size(left) * size(right)) as f64 {
                continue;
            }
            // What has fewer neighbours is added to the other.
            let (keep, gone) = if (of(left).len(), right) >= (of(right).len(), left) {
                (left, right)
            } else {
                (right, left)
            };
            for (other, sum) in std::mem::take(&mut sums[gone as usize]) {
                sums[other as usize].remove(&gone);
                if other != keep {
                    *sums[keep as usize].entry(other).or_default() += sum;
                    *sums[other as usize].entry(keep).or_default() += sum;
                }
            }
            for number in std::mem::take(&mut groups[gone as usize]) {
                group_of[number as usize] = keep;
                groups[keep as usize].push(number);
            }
        }
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

pub fn similar_to_bytes(similar: &[(TopicRef, TopicRef, f64)]) -> Vec<u8> {
    let pair = |node: TopicRef| (node.page as u32, node.topic as u32);
    let similar: Vec<Alike> = (similar.iter())
        .map(|&(a, b, share)| (pair(a), pair(b), (1000.0 * share).floor() as u16))
        .collect();
    postcard::to_allocvec(&similar).unwrap_or_default()
}

impl Grouper {
    /// [`Self::group`] by what [`similar_to_bytes`] made. None: these are no such bytes.
    pub fn group_by_bytes(self, similar: &[u8]) -> Option<Grouping> {
        let similar: Vec<Alike> = postcard::from_bytes(similar).ok()?;
        let node = |(page, topic): (u32, u32)| TopicRef {
            page: page as usize,
            topic: topic as usize,
        };
        Some(self.group(
            (similar.iter()).map(|&(a, b, share)| (node(a), node(b), f64::from(share) / 1000.0)),
        ))
    }
}
