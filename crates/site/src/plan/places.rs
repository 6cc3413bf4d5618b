//! Where on a page an edit goes.

use super::states::{LIKELY, SPOKEN_OF, State, log_odds};
use super::sums::sums;
use super::{Planner, QueryRef, STRIKING};
use crate::model::ANSWERED;
use crate::topics::TopicRef;
use crate::words::{Passage, Profile, Stem, all_stems};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Share of a topic's impressions in queries that have a word in common, from which the topic is about that word.
pub(super) const THEME: f64 = 0.6;

/// Share of the telling words of what a section answers that the page's title and headings have, below which the section is looked for
/// and not the page.
const OF_SECTION: f64 = 0.5;

/// Share of a query's telling words that one passage must have to be thought to speak of it, however near it was measured to come.
const A_WORD: f64 = 0.2;

impl Planner {
    /// The headings of the passage of a page that speaks of these queries without answering them, if one does: it has nearly all that
    /// most of them name, or it is one of the few that have what they are all about, or it was measured to come near, or the page
    /// likely answers at least a part of them and it has most of what they name.
    pub(super) fn spoken_of(&self, page: usize, places: &[QueryRef]) -> Option<Vec<String>> {
        let profile = self.input.profiles.get(page)?;
        let all = sums(places.iter().map(|&place| self.query(place))).impressions;
        // What a page with sections says before the first of them is about the page.
        let has_sections =
            (profile.passages().iter()).any(|passage| profile.headings(passage).len() > 1);
        let can_grow =
            |passage: &&Passage| profile.headings(passage).len() > usize::from(has_sections);
        let with_theme: Vec<&Passage> = (self.theme(profile, places).iter())
            .flat_map(|&theme| profile.with(theme))
            .map(|passage| &profile.passages()[passage])
            .filter(can_grow)
            .collect();
        if let [passage] | [passage, _] = with_theme[..] {
            return Some(profile.headings(passage).to_vec());
        }
        let own = || (places.iter().copied()).filter(|place| place.node.page == page);
        let odds = |place| self.query(place).impressions * self.log_odds(place, profile);
        let is_likely = own().map(odds).sum::<f64>() / all >= log_odds(ANSWERED);
        let mut by_passage: BTreeMap<&[String], f64> = BTreeMap::new();
        for query in own().map(|place| self.query(place)) {
            let found = self.lexicon.best_passage(&query.stems, profile);
            let near = (query.segment_id)
                .filter(|_| {
                    query.coverage >= LIKELY && found.is_some_and(|found| found.0 >= A_WORD)
                })
                .and_then(|id| profile.passage(id));
            let passage_from = |least| {
                let found = found.filter(|found| found.0 >= least)?;
                Some(found.1).filter(can_grow)
            };
            let near = near.filter(can_grow);
            let likely = || passage_from(A_WORD).filter(|_| is_likely);
            if let Some(passage) = passage_from(SPOKEN_OF).or(near).or_else(likely) {
                *by_passage.entry(profile.headings(passage)).or_default() += query.impressions;
            }
        }
        let (headings, impressions) = by_passage
            .into_iter()
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(a.0)))?;
        (impressions >= 0.5 * all).then(|| headings.to_vec())
    }

    /// The most telling word that most of several queries have and the page's title has not.
    fn theme(&self, profile: &Profile, places: &[QueryRef]) -> Option<Stem> {
        let mut by_stem: BTreeMap<Stem, (usize, f64)> = BTreeMap::new();
        let mut all = 0.0;
        for &place in places {
            let query = self.query(place);
            all += query.impressions;
            for stem in query.stems.iter() {
                let of_stem = by_stem.entry(stem).or_default();
                of_stem.0 += 1;
                of_stem.1 += query.impressions;
            }
        }
        (by_stem.into_iter())
            .filter(|(stem, (count, impressions))| {
                *count >= 2
                    && *impressions >= THEME * all
                    && self.lexicon.is_telling(*stem)
                    && !profile.title.contains(*stem)
            })
            .map(|(stem, _)| stem)
            .max_by(|a, b| {
                (self.lexicon.weight(*a).total_cmp(&self.lexicon.weight(*b))).then(b.cmp(a))
            })
    }

    /// Queries within reach of the top that a passage of the section at `place` answers, when they are about that section rather than about
    /// the page.
    pub(super) fn answered_at(
        &self,
        page: usize,
        place: Option<&serde_json::Value>,
        decays: &FxHashMap<TopicRef, usize>,
    ) -> Vec<QueryRef> {
        let path = place.and_then(|place| place.get("heading_path")?.as_array());
        let section = path.and_then(|path| path.last()?.as_str());
        let (Some(section), Some(profile)) = (section, self.input.profiles.get(page)) else {
            return Vec::new();
        };
        let answered: Vec<QueryRef> = (0..self.input.pages[page].topics.len())
            .map(|topic| TopicRef { page, topic })
            .filter(|node| !decays.contains_key(node))
            .flat_map(|node| self.queries_of(node))
            .filter(|place| self.progress.states.get(place) == Some(&State::Answered))
            .filter(|&place| {
                let query = self.query(place);
                let passage = query.segment_id.and_then(|id| profile.passage(id));
                STRIKING.contains(&query.position)
                    && passage
                        .and_then(|passage| profile.headings(passage).last())
                        .is_some_and(|heading| heading == section)
            })
            .collect();
        let is_of_section = self.fit(page, &answered) < OF_SECTION;
        if is_of_section { answered } else { Vec::new() }
    }

    /// Where a new section about these queries goes: the place that the page's analysis found, when its section has a word of theirs
    /// that is not the whole page's; else the end of what the page says.
    pub(super) fn place_of(
        &self,
        page: usize,
        places: &[QueryRef],
        found: Option<serde_json::Value>,
    ) -> Option<serde_json::Value> {
        let Some(profile) = self.input.profiles.get(page) else {
            return found;
        };
        let named: Vec<Stem> = all_stems(places.iter().map(|&place| &self.query(place).stems))
            .into_iter()
            .filter(|&stem| self.lexicon.is_telling(stem) && !profile.title.contains(stem))
            .collect();
        let after = (found.as_ref())
            .and_then(|place| place.get("after_heading")?.as_str())
            .unwrap_or_default();
        let is_near = (named.iter().flat_map(|&stem| profile.with(stem)))
            .map(|passage| profile.headings(&profile.passages()[passage]))
            .any(|headings| headings.iter().any(|heading| heading == after));
        if is_near {
            return found;
        }
        let last = (profile.passages().iter())
            .map(|passage| profile.headings(passage))
            .rfind(|headings| {
                headings.len() > 1
                    && !(headings.iter()).any(|heading| pageperfect_advice::is_chrome(heading))
            });
        let Some(last) = last else {
            return found;
        };
        // After the whole section, not after a part of it.
        let path = &last[..2];
        Some(serde_json::json!({
            "kind": "new_section", "after_heading": path[1], "heading_path": path, "level": 2,
        }))
    }
}
