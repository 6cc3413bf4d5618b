//! A plan in steps: what is planned one after the other, and where it stands between two of them.

use super::edits::Contest;
use super::states::State;
use super::topics::MOST_TOPICS;
use super::{Decay, Edit, Planner, QueryRef, Topic, questions};
use crate::links::Names;
use crate::topics::TopicRef;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is planned one after the other; of each, one unit of work after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Phase {
    /// What is to be done about each query, by text.
    #[default]
    Decide,
    /// Queries that follow their topics to other pages.
    Follow,
    /// Queries that follow their neighbours, by page.
    Neighbours,
    /// Topics that compete by meaning.
    Rivals,
    /// Who should own what two pages compete for.
    Contests,
    /// Topics of one page that are about the same, by page.
    Themes,
    /// Edits of each kind.
    Competing,
    Elsewhere,
    Decays,
    Open,
    Improved,
    Rank,
    /// Topics, described one by one.
    Topics,
    /// What each page is looked for by, and who else is, by page.
    Names,
    OtherNames,
    Done,
}

impl Phase {
    const ALL: [Self; 16] = [
        Self::Decide,
        Self::Follow,
        Self::Neighbours,
        Self::Rivals,
        Self::Contests,
        Self::Themes,
        Self::Competing,
        Self::Elsewhere,
        Self::Decays,
        Self::Open,
        Self::Improved,
        Self::Rank,
        Self::Topics,
        Self::Names,
        Self::OtherNames,
        Self::Done,
    ];

    fn next(self) -> Self {
        let next = (self as usize + 1).min(Self::ALL.len() - 1);
        Self::ALL[next]
    }
}

/// More than the units of any phase.
const PHASE: f64 = 1e9;

/// Begins a checkpoint. Those of earlier versions began with a phase.
const FORMAT: u8 = 100;

/// What has been planned so far: all that a checkpoint holds.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Progress {
    phase: Phase,
    /// Units of the phase that are done.
    next: usize,
    pub(super) states: BTreeMap<QueryRef, State>,
    /// What two pages compete for, by the pages: queries that both are shown for; topics that mean the same, as numbers of the grouping's
    /// rivals, in order; and who should own these, in order. On a site whose pages are alike nearly every two of them compete.
    pub(super) contested: BTreeMap<(usize, usize), BTreeSet<QueryRef>>,
    pub(super) rivals: Vec<u32>,
    pub(super) contests: Vec<((usize, usize), Contest)>,
    /// Topics that a larger one of their page is about as well, with that one.
    pub(super) themes: BTreeMap<TopicRef, TopicRef>,
    pub(super) edits: Vec<Edit>,
    pub(super) decays: Vec<Decay>,
    /// Topics of pages, for each decay.
    pub(super) decayed: Vec<TopicRef>,
    /// Groups, those with the most impressions first, and extra clicks of each.
    pub(super) order: Vec<usize>,
    pub(super) expected: Vec<f64>,
    pub(super) topics: Vec<Topic>,
    pub(super) names: Names,
}

/// What a phase works on, made from the progress when it begins or is taken up again.
#[derive(Default)]
pub(super) struct Work {
    /// Units of the phase.
    pub(super) count: usize,
    /// Queries by text, and where each text begins.
    pub(super) places: Vec<QueryRef>,
    pub(super) starts: Vec<usize>,
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) moves: Vec<((usize, usize), Vec<QueryRef>)>,
    /// Decays by the topics of pages.
    pub(super) decays: FxHashMap<TopicRef, usize>,
    /// Who should own a query, where it is another page, and by the owner.
    pub(super) owners: FxHashMap<QueryRef, usize>,
    pub(super) owned: FxHashMap<usize, Vec<QueryRef>>,
}

impl Planner {
    /// Does up to `count` units of work; how much is left, falling from step to step, 0 when the plan is made. A unit takes some
    /// microseconds; a few take some milliseconds for each thousand pages.
    pub fn step(&mut self, count: usize) -> f64 {
        let mut work = match self.work.take() {
            Some(work) => work,
            None => {
                self.answers.sort();
                self.begin()
            }
        };
        for _ in 0..count {
            self.skip(&mut work);
            if self.progress.phase == Phase::Done {
                break;
            }
            self.unit(self.progress.next, &work);
            self.progress.next += 1;
        }
        self.skip(&mut work);
        let phases = Phase::Done as usize - self.progress.phase as usize;
        let left = PHASE * phases as f64 - self.progress.next as f64;
        self.work = Some(work);
        left
    }

    /// Begins the next phase when one is done.
    fn skip(&mut self, work: &mut Work) {
        while self.progress.next >= work.count && self.progress.phase != Phase::Done {
            self.progress.phase = self.progress.phase.next();
            self.progress.next = 0;
            // Freed before the next is made.
            *work = Work::default();
            *work = self.begin();
        }
    }

    /// Where the plan stands, without what it is made of.
    pub fn checkpoint(&mut self) -> Vec<u8> {
        // What can be made again leaves its room.
        self.work = None;
        // Room for all at once: a vector that grows takes three times as much, of memory that is never given back.
        let size = postcard::experimental::serialized_size(&self.progress).unwrap_or_default();
        let mut bytes = Vec::with_capacity(1 + size);
        bytes.push(FORMAT);
        postcard::to_extend(&self.progress, bytes).unwrap_or_default()
    }

    /// Goes on where [`Self::checkpoint`] was made of the same input. False: these are no such bytes.
    pub fn restore(&mut self, bytes: &[u8]) -> bool {
        let Some((&FORMAT, bytes)) = bytes.split_first() else {
            return false;
        };
        let Ok(progress) = postcard::from_bytes::<Progress>(bytes) else {
            return false;
        };
        let topic_of = |node: &TopicRef| self.input.pages.get(node.page)?.topics.get(node.topic);
        let is_topic = |node: &TopicRef| topic_of(node).is_some();
        let is_query = |place: &QueryRef| {
            topic_of(&place.node).is_some_and(|topic| place.query < topic.queries.len())
        };
        let is_group = |group: &usize| *group < self.groups().len();
        let is_known = progress.states.keys().all(is_query)
            && progress.contested.values().flatten().all(is_query)
            && (progress.rivals.iter())
                .all(|&rivals| (rivals as usize) < self.input.grouping.rivals.len())
            && progress
                .themes
                .iter()
                .flat_map(|(a, b)| [a, b])
                .all(is_topic)
            && progress.order.iter().all(is_group)
            && progress.expected.len() == progress.order.len();
        if is_known {
            self.progress = progress;
            self.work = None;
        }
        is_known
    }

    /// What the present phase works on.
    fn begin(&self) -> Work {
        let mut work = Work::default();
        work.count = match self.progress.phase {
            Phase::Decide => {
                work.places = (self.nodes())
                    .filter(|&node| self.topic(node).is_question())
                    .flat_map(|node| self.queries_of(node))
                    .collect();
                let key = |place: &QueryRef| self.query(*place).key;
                work.places
                    .sort_unstable_by_key(|place| (key(place), *place));
                work.starts = (0..work.places.len())
                    .filter(|&at| at == 0 || key(&work.places[at]) != key(&work.places[at - 1]))
                    .collect();
                work.starts.len()
            }
            Phase::Neighbours | Phase::Themes | Phase::OtherNames => self.input.pages.len(),
            Phase::Rivals => self.input.grouping.rivals.len(),
            Phase::Contests => {
                let Progress {
                    contested, rivals, ..
                } = &self.progress;
                let rivals = rivals.iter().map(|&index| self.rival_pages(index));
                work.pairs = contested.keys().copied().chain(rivals).collect();
                work.pairs.sort_unstable();
                work.pairs.dedup();
                work.pairs.len()
            }
            Phase::Competing => {
                work.pairs = self.settled_contests();
                work.pairs.len()
            }
            Phase::Elsewhere => {
                work.moves = self.moves();
                work.moves.len()
            }
            Phase::Open | Phase::Improved => {
                let decayed = self.progress.decayed.iter().enumerate();
                work.decays = decayed.map(|(at, &node)| (node, at)).collect();
                if self.progress.phase == Phase::Open {
                    self.groups().len()
                } else {
                    self.input.pages.len()
                }
            }
            Phase::Topics => self.groups().len().min(MOST_TOPICS),
            Phase::Names => {
                work.owners = self.owners();
                for (&place, &owner) in &work.owners {
                    work.owned.entry(owner).or_default().push(place);
                }
                work.owned.values_mut().for_each(|places| places.sort());
                self.input.pages.len()
            }
            Phase::Follow | Phase::Decays | Phase::Rank => 1,
            Phase::Done => 0,
        };
        work
    }

    fn unit(&mut self, index: usize, work: &Work) {
        match self.progress.phase {
            Phase::Decide => {
                let end = (work.starts.get(index + 1)).map_or(work.places.len(), |&end| end);
                self.decide(&work.places[work.starts[index]..end]);
            }
            Phase::Follow => self.follow_topics(),
            Phase::Neighbours => self.follow_neighbours(index),
            Phase::Rivals => self.rivals(index),
            Phase::Contests => {
                let pages = work.pairs[index];
                if let Some(contest) = self.contest(pages) {
                    for place in self.contested(pages) {
                        self.progress.states.insert(place, State::Contested);
                    }
                    self.progress.contests.push((pages, contest));
                }
            }
            Phase::Themes => self.themes(index),
            Phase::Competing => self.competing(work.pairs[index]),
            Phase::Elsewhere => {
                let (pages, places) = &work.moves[index];
                let edit = self.elsewhere(*pages, places);
                self.progress.edits.push(edit);
            }
            Phase::Open => {
                if let Some((edit, extended)) = self.open(index, &work.decays) {
                    self.progress.edits.push(edit);
                    for place in extended {
                        self.progress.states.insert(place, State::Extended);
                    }
                }
            }
            Phase::Decays => {
                let decays = self.decays();
                (self.progress.decayed, self.progress.decays) = decays.into_iter().unzip();
            }
            Phase::Improved => {
                for is_decayed in [false, true] {
                    let edit = self.improved(index, is_decayed, &work.decays);
                    self.progress.edits.extend(edit);
                }
            }
            Phase::Rank => self.rank(),
            Phase::Topics => {
                let group = self.progress.order[index];
                let topic = self.describe(&self.groups()[group], self.progress.expected[group]);
                self.progress.topics.push(topic);
            }
            Phase::Names => self.name(index, work),
            Phase::OtherNames => {
                let queries = questions(&self.input.pages[index]);
                self.progress.names.count(queries);
            }
            Phase::Done => {}
        }
    }
}
