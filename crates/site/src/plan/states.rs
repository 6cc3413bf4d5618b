//! What is to be done about each query on each page that is shown for it.

use super::ownership::is_front;
use super::{FITS, Planner, QueryRef, STRIKING};
use crate::model::{ANSWERED, Key};
use crate::topics::{SHARED, TopicRef};
use crate::words::{Profile, Stems};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done about a query on a page.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum State {
    Answered,
    Open,
    /// Another page answers it, and this one does not.
    Elsewhere {
        page: usize,
    },
    /// Several pages answer it.
    Contested,
    /// A passage answers it, and is to say more of what belongs to it.
    Extended,
    /// Nothing to be done here: no page answers it, and another one shall; or another one surely does, though this one is more about it.
    Left,
}

/// By how much surer another page's answer must be than that of the page which Google shows.
const CLEARLY: f64 = 0.15;

/// Share of a query's telling words in one passage from which the passage speaks of it. Words that stand or are asked everywhere on the
/// site tell nothing, which a single page cannot know.
pub(super) const SPOKEN_OF: f64 = 0.8;

/// Coverage from which a passage answers a query more likely than not: what it lacks is added there, and no section is written beside it.
pub(super) const LIKELY: f64 = 0.5;

/// The same share in a page's title and headings, from which the page is about the query: it is not to be written there.
const IS_ABOUT: f64 = 0.8;

/// Share of a query's telling words that one passage must have for its measured coverage to be believed where the page stands low: an
/// answer in other words altogether is rarer than a measure that takes a neighbour for an answer.
const BELIEVED: f64 = 0.5;

/// Coverage below which a page has nothing that comes near an answer.
const NEAR: f64 = 0.3;

/// Share of a query's telling words in one passage from which it answers what was measured to come near, where no other page does better.
const MOST_WORDS: f64 = 0.6;

/// Weights of the log-odds that a page answers a query at least in part: of those of its measured coverage, of the share of its words in
/// one passage and anywhere on the page, and what stands alone. Fitted by logistic regression on the 229 labelled queries of the sample site.
const WEIGHTS: [f64; 3] = [0.56, 3.15, 0.59];
const BIAS: f64 = 0.2;

/// Of a probability; that of certainty is finite.
pub(super) fn log_odds(probability: f64) -> f64 {
    let probability = probability.clamp(0.005, 0.995);
    (probability / (1.0 - probability)).ln()
}

impl Planner {
    /// Says what is to be done about a query on every page that is shown for it.
    pub(super) fn decide(&mut self, places: &[QueryRef]) {
        let key = self.query(places[0]).key;
        let all: f64 = places
            .iter()
            .map(|&place| self.query(place).impressions)
            .sum();
        let surely: BTreeMap<QueryRef, f64> = (places.iter())
            .map(|&place| {
                let query = self.query(place);
                let surely = self.evidence(place.node.page, &query.stems, query.coverage);
                (place, surely)
            })
            .collect();
        let (contenders, others): (Vec<_>, Vec<_>) = (places.iter().copied())
            .partition(|&place| self.query(place).impressions >= SHARED * all);
        let is_shared = contenders
            .iter()
            .any(|c| c.node.page != contenders[0].node.page);
        // Who gets a share of the impressions stands in the other's way, whatever it says.
        let is_contested = is_shared
            && contenders
                .iter()
                .any(|&place| surely[&place] >= ANSWERED || self.is_likely_answered(place));
        for place in contenders.iter().copied().chain(others) {
            let own = surely[&place];
            let state = if is_contested && contenders.contains(&place) {
                State::Contested
            } else if self.is_answered(place) {
                State::Answered
            } else {
                let beside = (contenders.iter())
                    .filter(|other| other.node.page != place.node.page)
                    .map(|other| (other.node.page, surely[other]));
                let found = self.best_elsewhere(place, key);
                // A passage elsewhere that sounds alike is no answer: the other page must be more about it.
                // The site's first page names everything and explains nothing.
                let fit = if is_front(&self.input.pages[place.node.page]) {
                    -1.0
                } else {
                    self.fit(place.node.page, &[place])
                };
                // What another page surely answers is not to be written, whatever this one is about.
                let is_sure = found.is_some_and(|(_, coverage)| coverage >= ANSWERED + CLEARLY);
                let best = (beside.chain(found))
                    .filter(|&(_, coverage)| coverage >= ANSWERED && coverage >= own + CLEARLY)
                    .map(|(page, coverage)| (page, coverage, self.fit(page, &[place])))
                    .filter(|&(_, _, of_other)| of_other > fit)
                    .max_by(|a, b| (a.1 + a.2).total_cmp(&(b.1 + b.2)).then(b.0.cmp(&a.0)));
                match best {
                    Some((page, ..)) => State::Elsewhere { page },
                    None if self.is_likely_answered(place) => State::Answered,
                    None if is_shared && self.first_choice(&contenders) != place.node.page => {
                        State::Left
                    }
                    None if is_sure => State::Left,
                    None => State::Open,
                }
            };
            self.progress.states.insert(place, state);
        }
        if is_contested {
            for (index, a) in contenders.iter().enumerate() {
                for b in &contenders[index + 1..] {
                    self.contend(*a, *b);
                }
            }
        }
    }

    /// The other page that answers a query most surely, of those that were found, and how surely.
    fn best_elsewhere(&self, place: QueryRef, key: Key) -> Option<(usize, f64)> {
        let stems = &self.query(place).stems;
        let mut best: Option<(usize, f64)> = None;
        for found in self.answers.to(key) {
            if found.page as usize == place.node.page {
                let other = found.other as usize;
                let surely = self.evidence(other, stems, found.coverage);
                if best.is_none_or(|(_, best)| surely > best) {
                    best = Some((other, surely));
                }
            }
        }
        best
    }

    /// Where the answer to one query of a page stands, those to its neighbours belong.
    pub(super) fn follow_neighbours(&mut self, page: usize) {
        let queries = (0..self.input.pages[page].topics.len())
            .flat_map(|topic| self.queries_of(TopicRef { page, topic }));
        let (mut targets, mut open) = (BTreeSet::new(), Vec::new());
        for place in queries {
            match self.progress.states.get(&place) {
                Some(State::Elsewhere { page }) => {
                    targets.insert(*page);
                }
                Some(State::Open) => open.push(place),
                _ => {}
            }
        }
        for place in open {
            let own = self.fit(page, &[place]);
            let better = (targets.iter())
                .map(|&page| (page, self.fit(page, &[place])))
                .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            if let Some((page, fit)) = better
                && fit >= FITS
                && fit > own
            {
                (self.progress.states).insert(place, State::Elsewhere { page });
            }
        }
    }

    /// Queries of a topic that its page answers.
    pub(super) fn answered_queries(&self, node: TopicRef) -> Vec<QueryRef> {
        (self.queries_of(node))
            .filter(|place| {
                matches!(
                    self.progress.states.get(place),
                    Some(State::Answered | State::Contested)
                )
            })
            .collect()
    }

    /// The same by meaning: no query in common, and yet one topic.
    pub(super) fn rivals(&mut self, index: usize) {
        let (a, b) = self.input.grouping.rivals[index];
        let (left, right) = (self.answered_queries(a), self.answered_queries(b));
        let impressions = |places: &[QueryRef]| -> f64 {
            places
                .iter()
                .map(|&place| self.query(place).impressions)
                .sum()
        };
        let (of_a, of_b) = (impressions(&left), impressions(&right));
        if of_a.min(of_b) < SHARED * (of_a + of_b) || of_a.min(of_b) <= 0.0 {
            return;
        }
        // What is asked in the same way of two things sounds alike: each page has to speak of what the other one is asked.
        if !self.speaks_of(a.page, &right) || !self.speaks_of(b.page, &left) {
            return;
        }
        self.progress.rivals.push(index as u32);
    }

    /// Whether a page has half of the telling words of queries, by their impressions.
    fn speaks_of(&self, page: usize, places: &[QueryRef]) -> bool {
        let Some(profile) = self.input.profiles.get(page) else {
            return true;
        };
        let (mut all, mut spoken) = (0.0, 0.0);
        for query in places.iter().map(|&place| self.query(place)) {
            all += query.impressions;
            spoken += query.impressions * self.lexicon.share_of_page(&query.stems, profile);
        }
        spoken >= BELIEVED * all
    }

    /// A query that another page answers goes where most of its topic goes, though that page is no more about this one.
    pub(super) fn follow_topics(&mut self) {
        let mut goes: BTreeMap<TopicRef, BTreeMap<Option<usize>, f64>> = BTreeMap::new();
        for (&place, state) in &self.progress.states {
            let to = match state {
                State::Elsewhere { page } => Some(*page),
                State::Open => None,
                _ => continue,
            };
            *(goes.entry(place.node).or_default()).entry(to).or_default() +=
                self.query(place).impressions;
        }
        for (node, goes) in goes {
            let all: f64 = goes.values().sum();
            let Some(page) = (goes.iter())
                .filter(|&(_, impressions)| *impressions >= 0.5 * all)
                .find_map(|(page, _)| *page)
            else {
                continue;
            };
            for place in self.queries_of(node) {
                let is_answered = (self.answer_of(page, self.query(place).key))
                    .is_some_and(|answer| answer.coverage >= ANSWERED);
                if is_answered && self.progress.states.get(&place) == Some(&State::Open) {
                    (self.progress.states).insert(place, State::Elsewhere { page });
                }
            }
        }
    }

    fn contend(&mut self, a: QueryRef, b: QueryRef) {
        let pair = (a.node.page.min(b.node.page), a.node.page.max(b.node.page));
        if pair.0 == pair.1 {
            return;
        }
        (self.progress.contested.entry(pair).or_default()).extend([a, b]);
    }

    /// Whether the page that is shown for a query answers it: it is about it, or a passage was measured to answer it and shares words
    /// with it, or people find at the top what comes near an answer.
    fn is_answered(&self, place: QueryRef) -> bool {
        let query = self.query(place);
        let Some(profile) = self.input.profiles.get(place.node.page) else {
            return query.coverage >= ANSWERED;
        };
        if self.lexicon.share(&query.stems, &profile.subject) >= IS_ABOUT {
            return true;
        }
        let is_top = query.position < *STRIKING.start();
        (is_top && query.coverage >= NEAR)
            || (query.coverage >= ANSWERED && self.best_share(&query.stems, profile) >= BELIEVED)
    }

    /// Whether a page rather answers a query than not, where no other one does: a passage has most of its words, and something comes near,
    /// though not in a topic of which its own analysis misses a part.
    fn is_likely_answered(&self, place: QueryRef) -> bool {
        let query = self.query(place);
        let Some(profile) = self.input.profiles.get(place.node.page) else {
            return false;
        };
        self.topic(place.node).kind != "partly"
            && query.coverage >= NEAR
            && self.best_share(&query.stems, profile) >= MOST_WORDS
    }

    /// The largest share of a query's telling words that one passage has.
    fn best_share(&self, query: &Stems, profile: &Profile) -> f64 {
        (self.lexicon.best_passage(query, profile)).map_or(0.0, |(share, _)| share)
    }

    /// How surely a page answers a query: as it was measured, or since one passage speaks of all that the query names.
    fn evidence(&self, page: usize, query: &Stems, measured: f64) -> f64 {
        let Some(profile) = self.input.profiles.get(page) else {
            return measured;
        };
        let share = self.best_share(query, profile);
        if share >= SPOKEN_OF {
            measured.max(ANSWERED + share - SPOKEN_OF)
        } else {
            measured
        }
    }

    /// That a page answers a query of its own at least in part, by what was measured and the words that stand there.
    pub(super) fn log_odds(&self, place: QueryRef, profile: &Profile) -> f64 {
        let query = self.query(place);
        let best = self.best_share(&query.stems, profile);
        let anywhere = self.lexicon.share_of_page(&query.stems, profile);
        BIAS + WEIGHTS[0] * log_odds(query.coverage) + WEIGHTS[1] * best + WEIGHTS[2] * anywhere
    }
}
