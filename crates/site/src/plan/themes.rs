//! Topics of one page that one edit is about.

use super::places::THEME;
use super::states::State;
use super::{Planner, QueryRef};
use crate::topics::TopicRef;
use crate::words::Stem;
use std::collections::{BTreeMap, BTreeSet};

impl Planner {
    /// Queries of a topic that are to be answered.
    pub(super) fn open_queries(&self, node: TopicRef) -> Vec<QueryRef> {
        (self.queries_of(node))
            .filter(|place| self.progress.states.get(place) == Some(&State::Open))
            .collect()
    }

    /// Says which of a page's open topics are about what a larger one of them is about as well: the same telling word, which is not the
    /// whole page's, stands in most queries of both. Who writes a section has all of it before them.
    pub(super) fn themes(&mut self, page: usize) {
        let mut topics: Vec<(f64, TopicRef, BTreeSet<Stem>)> =
            (0..self.input.pages[page].topics.len())
                .map(|topic| TopicRef { page, topic })
                // What several pages are shown for has an owner among them.
                .filter(|node| {
                    let group = self.group_of.get(node).map(|&group| &self.groups()[group]);
                    group.is_some_and(|nodes| nodes.iter().all(|other| other.page == page))
                })
                .filter_map(|node| {
                    let open = self.open_queries(node);
                    let shown = open
                        .iter()
                        .map(|&place| self.query(place).impressions)
                        .sum();
                    (!open.is_empty()).then(|| (shown, node, self.theme_words(page, &open)))
                })
                .collect();
        topics.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut larger: Vec<(TopicRef, BTreeSet<Stem>)> = Vec::new();
        for (_, node, words) in topics {
            let same = (larger.iter()).find(|(_, theirs)| !theirs.is_disjoint(&words));
            match same.map(|&(larger, _)| larger) {
                Some(larger) => {
                    self.progress.themes.insert(node, larger);
                }
                None => larger.push((node, words)),
            }
        }
    }

    /// Telling words that most of several queries have and the page's title has not.
    fn theme_words(&self, page: usize, places: &[QueryRef]) -> BTreeSet<Stem> {
        let mut by_stem: BTreeMap<Stem, f64> = BTreeMap::new();
        let mut all = 0.0;
        for query in places.iter().map(|&place| self.query(place)) {
            all += query.impressions;
            for stem in query.stems.iter() {
                *by_stem.entry(stem).or_default() += query.impressions;
            }
        }
        let is_of_page = |stem| {
            (self.input.profiles.get(page)).is_some_and(|profile| profile.title.contains(stem))
        };
        (by_stem.into_iter())
            .filter(|&(_, impressions)| impressions >= THEME * all)
            .map(|(stem, _)| stem)
            .filter(|&stem| self.lexicon.is_telling(stem) && !is_of_page(stem))
            .collect()
    }

    /// Topics of a group, and those of their pages that are about the same; none that a larger one stands for.
    pub(super) fn of_theme(&self, nodes: &[TopicRef]) -> Vec<TopicRef> {
        let themes = &self.progress.themes;
        let mut all = Vec::new();
        for &node in nodes.iter().filter(|node| !themes.contains_key(node)) {
            let first = TopicRef { topic: 0, ..node };
            let of_page = (themes.range(first..)).take_while(|(other, _)| other.page == node.page);
            all.push(node);
            all.extend(
                of_page
                    .filter(|&(_, larger)| *larger == node)
                    .map(|(&other, _)| other),
            );
        }
        all
    }
}
