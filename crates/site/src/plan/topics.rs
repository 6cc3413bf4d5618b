//! What a plan says beside its edits: the topics, those that lose clicks, and what each page is looked for by.

use super::phases::Work;
use super::states::State;
use super::sums::{Sums, sums};
use super::{Decay, Kind, Planner, QueryRef, Topic, TopicKind, TopicPage};
use crate::links::Names;
use crate::model::{ANSWERED, Key, TopicQuery};
use crate::outcome::{BeforeAfter, Trend, is_decayed};
use crate::topics::TopicRef;
use std::collections::BTreeSet;

/// Most pages that a plan names for a topic, those with the most impressions.
const MOST_SHOWN: usize = 50;

/// Most topics that a plan describes.
pub(super) const MOST_TOPICS: usize = 5_000;

impl Planner {
    pub(super) fn decays(&self) -> Vec<(TopicRef, Decay)> {
        let mut decays = Vec::new();
        for &node in self.groups().iter().flatten() {
            let topic = self.topic(node);
            let now = sums(topic.queries.iter());
            let mut before = Sums::default();
            for past in topic.queries.iter().filter_map(|query| query.before) {
                before.add(past.impressions, past.clicks, past.position);
            }
            let trend = Trend {
                clicks: BeforeAfter {
                    before: before.clicks,
                    after: now.clicks,
                },
                impressions: BeforeAfter {
                    before: before.impressions,
                    after: now.impressions,
                },
                position_before: before.position(),
                position_after: now.position(),
            };
            if is_decayed(&trend, self.site_change) {
                decays.push((
                    node,
                    Decay {
                        page: node.page,
                        label: topic.label.clone(),
                        clicks_before: before.clicks,
                        clicks_after: now.clicks,
                        position_before: before.position(),
                        position_after: now.position(),
                    },
                ));
            }
        }
        decays.sort_by(|(_, a), (_, b)| {
            let lost = |decay: &Decay| decay.clicks_before - decay.clicks_after;
            lost(b)
                .total_cmp(&lost(a))
                .then((a.page, &a.label).cmp(&(b.page, &b.label)))
        });
        decays
    }

    /// What a page is looked for by, as the plan has it: whose queries are whose. Pages that shall be merged into others are no targets of
    /// links.
    pub(super) fn name(&mut self, page: usize, work: &Work) {
        let is_gone =
            (self.progress.edits.iter()).any(|edit| edit.kind == Kind::Merge && edit.page == page);
        if is_gone {
            return;
        }
        let own = (0..self.input.pages[page].topics.len())
            .map(|topic| TopicRef { page, topic })
            .filter(|&node| self.topic(node).is_question())
            .flat_map(|node| self.queries_of(node))
            .filter(|place| !work.owners.contains_key(place));
        let owned = work.owned.get(&page).into_iter().flatten().copied();
        let queries: Vec<&TopicQuery> = own.chain(owned).map(|place| self.query(place)).collect();
        if let Some(profile) = self.input.profiles.get(page) {
            let found = Names::of_page(&self.input.pages[page], profile, &queries);
            self.progress.names.push(page, found);
        }
    }

    pub(super) fn describe(&self, nodes: &[TopicRef], expected_clicks: f64) -> Topic {
        let places: Vec<QueryRef> = nodes
            .iter()
            .flat_map(|&node| self.queries_of(node))
            .collect();
        let total = sums(places.iter().map(|&place| self.query(place)));
        let largest = nodes.iter().copied().max_by(|&a, &b| {
            let shown = |node| sums(self.topic(node).queries.iter()).impressions;
            shown(a).total_cmp(&shown(b)).then(b.cmp(&a))
        });
        let first = self.topic(largest.unwrap_or(nodes[0]));
        let keys: BTreeSet<Key> = (places.iter())
            .map(|&place| self.query(place).key)
            .collect();
        let mut pages: BTreeSet<usize> = nodes.iter().map(|node| node.page).collect();
        for found in keys.iter().flat_map(|&key| self.answers.to(key)) {
            if found.coverage >= ANSWERED {
                pages.insert(found.other as usize);
            }
        }
        let mut shown: Vec<TopicPage> = (pages.iter())
            .map(|&page| {
                let own: Vec<QueryRef> = places
                    .iter()
                    .copied()
                    .filter(|place| place.node.page == page)
                    .collect();
                let sums = sums(own.iter().map(|&place| self.query(place)));
                let best = (own.iter().map(|&place| self.query(place)))
                    .max_by(|a, b| a.coverage.total_cmp(&b.coverage));
                let segment_id = best.and_then(|query| query.segment_id).or_else(|| {
                    (keys.iter().filter_map(|&key| self.answer_of(page, key)))
                        .max_by(|a, b| a.coverage.total_cmp(&b.coverage))
                        .and_then(|found| found.segment_id)
                });
                TopicPage {
                    page,
                    impressions: sums.impressions,
                    clicks: sums.clicks,
                    avg_position: (sums.impressions > 0.0).then(|| sums.position()),
                    coverage: self.coverage_on(page, &places),
                    segment_id,
                }
            })
            .collect();
        shown.sort_by(|a, b| {
            b.impressions
                .total_cmp(&a.impressions)
                .then(a.page.cmp(&b.page))
        });
        shown.truncate(MOST_SHOWN);
        let kind = match &first.kind[..] {
            "brand" => TopicKind::Brand,
            "navigation" => TopicKind::Navigation,
            "unrelated" => TopicKind::Unrelated,
            _ => {
                let open: f64 = (places.iter())
                    .filter(|place| {
                        matches!(
                            self.progress.states.get(place),
                            Some(State::Open | State::Left)
                        )
                    })
                    .map(|&place| self.query(place).impressions)
                    .sum();
                match open / total.impressions.max(1.0) {
                    share if share < 0.2 => TopicKind::Answered,
                    share if share < 0.8 => TopicKind::Partly,
                    _ => TopicKind::Open,
                }
            }
        };
        let owner = if first.is_question() {
            self.owner(pages.into_iter().collect(), &places)
        } else {
            None
        };
        Topic {
            label: first.label.clone(),
            kind,
            intent: first.intent.clone(),
            owner,
            queries: self.named(&places),
            query_count: keys.len(),
            impressions: total.impressions,
            clicks: total.clicks,
            avg_position: total.position(),
            expected_clicks,
            pages: shown,
        }
    }
}
