//! Topics of the site: page topics that several pages get impressions for are one.

use crate::meaning::TOGETHER;
use crate::model::Page;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A topic of a page: index of the page, index of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicRef {
    pub page: usize,
    pub topic: usize,
}

/// Share of a topic's impressions from which queries that two pages have in common make their topics one.
pub const SHARED: f64 = 0.1;

/// Groups page topics: those of different pages that have [`SHARED`] of their impressions in common queries, and those, of one page or
/// several, that `similar` says mean the same, each with how much. Two groups become one when that holds for their topics on average over
/// all pairs of them, so that a chain of neighbours does not become one topic. In order of their first topic.
pub fn group(pages: &[Page], similar: &[(TopicRef, TopicRef, f64)]) -> Vec<Vec<TopicRef>> {
    let mut nodes = Vec::new();
    let mut impressions: HashMap<TopicRef, f64> = HashMap::new();
    // By query: where it stands, and how often it was seen there.
    let mut uses: BTreeMap<&str, Vec<(TopicRef, f64)>> = BTreeMap::new();
    for (page, topic) in (pages.iter().enumerate())
        .flat_map(|(index, page)| (0..page.topics.len()).map(move |topic| (index, topic)))
    {
        let node = TopicRef { page, topic };
        nodes.push(node);
        for query in &pages[page].topics[topic].queries {
            *impressions.entry(node).or_default() += query.impressions;
            let uses = uses.entry(&query.key[..]).or_default();
            match uses.iter_mut().find(|(other, _)| *other == node) {
                Some((_, sum)) => *sum += query.impressions,
                None => uses.push((node, query.impressions)),
            }
        }
    }
    let mut common: BTreeMap<(TopicRef, TopicRef), [f64; 2]> = BTreeMap::new();
    for uses in uses.values() {
        for (place, &(a, of_a)) in uses.iter().enumerate() {
            for &(b, of_b) in &uses[place + 1..] {
                if a.page != b.page {
                    let sums = common.entry((a, b)).or_default();
                    sums[0] += of_a;
                    sums[1] += of_b;
                }
            }
        }
    }
    let is_question = |node: TopicRef| pages[node.page].topics[node.topic].is_question();
    let mut scores: BTreeMap<(TopicRef, TopicRef), f64> = common
        .into_iter()
        .map(|((a, b), [of_a, of_b])| {
            let share = (of_a / impressions[&a]).max(of_b / impressions[&b]);
            ((a, b), share)
        })
        .collect();
    scores.retain(|_, share| *share >= SHARED);
    // Common queries say more than meaning does: they come first, and each is measured by its own limit.
    for &(a, b, share) in similar {
        let score = scores.entry((a.min(b), a.max(b))).or_default();
        *score = score.max(SHARED * share / TOGETHER);
    }
    scores.retain(|&(a, b), _| is_question(a) == is_question(b));

    let number: HashMap<TopicRef, usize> = nodes
        .iter()
        .enumerate()
        .map(|(index, &node)| (node, index))
        .collect();
    let mut groups: Vec<Vec<TopicRef>> = nodes.iter().map(|&node| vec![node]).collect();
    let mut group_of: Vec<usize> = (0..nodes.len()).collect();
    // Between groups: the sum of their topics' scores. Kept from merger to merger, so that a site whose topics are all alike takes no longer.
    let mut sums: Vec<FxHashMap<usize, f64>> = vec![FxHashMap::default(); nodes.len()];
    let mut pairs: Vec<(usize, usize, f64)> = (scores.iter())
        .map(|(&(a, b), &score)| (number[&a], number[&b], score))
        .collect();
    for &(a, b, score) in &pairs {
        sums[a].insert(b, score);
        sums[b].insert(a, score);
    }
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    for (a, b, _) in pairs {
        let (left, right) = (group_of[a], group_of[b]);
        if left == right {
            continue;
        }
        let sum = sums[left].get(&right).copied().unwrap_or_default();
        if sum < SHARED * (groups[left].len() * groups[right].len()) as f64 {
            continue;
        }
        // What has fewer neighbours is added to the other.
        let (keep, gone) = if (sums[left].len(), right) >= (sums[right].len(), left) {
            (left, right)
        } else {
            (right, left)
        };
        for (other, sum) in std::mem::take(&mut sums[gone]) {
            sums[other].remove(&gone);
            if other != keep {
                *sums[keep].entry(other).or_default() += sum;
                *sums[other].entry(keep).or_default() += sum;
            }
        }
        for node in std::mem::take(&mut groups[gone]) {
            group_of[number[&node]] = keep;
            groups[keep].push(node);
        }
    }
    groups.retain(|group| !group.is_empty());
    for group in &mut groups {
        group.sort();
    }
    groups.sort();
    groups
}
