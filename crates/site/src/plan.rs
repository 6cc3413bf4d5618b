//! The plan of a site: who owns a topic, and from it which edits pay most.
//!
//! The pages' own analyses say what each of them does not answer. A plan adds what only the site knows: that another page answers
//! it, that several pages compete for it, that Google shows the wrong one, or that no page fits.
//!
//! A plan of a large site takes more time than one invocation of a function has, so it is made in steps ([`Planner::step`]), and where
//! it stands can be kept and taken up again anywhere ([`Planner::checkpoint`]). However it is cut, the plan is the same to the last bit.

use crate::links::{LinkFinder, Names};
use crate::model::{ANSWERED, Curve, Elsewhere, Page, PageEdit, PageTopic, TopicQuery, key};
use crate::outcome::{BeforeAfter, Trend, is_decayed};
use crate::topics::{SHARED, TopicRef, group};
use crate::words::{Lexicon, Passage, Profile, Stem, Stems, all_stems, words};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// By how much surer another page's answer must be than that of the page which Google shows.
const CLEARLY: f64 = 0.15;
/// Share of a page's impressions in contested queries from which the page is about what the other one is about.
const SAME_PAGE: f64 = 0.5;
/// Average position from which Google finds that no page of the site fits.
const FAR: f64 = 15.0;
/// Share of a topic's telling words in a page's title and headings from which the topic belongs to the page.
const FITS: f64 = 0.25;
/// Positions between which an answered topic is worth an edit: not yet at the top, within reach.
const STRIKING: std::ops::RangeInclusive<f64> = 4.5..=20.0;
/// Average position beyond which a page is not shown for what it is about, whatever it says.
const OUT_OF_REACH: f64 = 30.0;
/// Share of a query's telling words in one passage from which the passage speaks of it. Words that stand or are asked everywhere on the
/// site tell nothing, which a single page cannot know.
const SPOKEN_OF: f64 = 0.8;
/// The same share in a page's title and headings, from which the page is about the query: it is not to be written there.
const IS_ABOUT: f64 = 0.8;
/// Share of a query's telling words that one passage must have for its measured coverage to be believed where the page stands low: an
/// answer in other words altogether is rarer than a measure that takes a neighbour for an answer.
const BELIEVED: f64 = 0.5;
/// Share of the pairs of queries of two topics that mean the same, from which their pages compete without a query in common.
const RIVALS: f64 = 0.9;
/// Share of a topic's impressions in queries that have a word in common, from which the topic is about that word.
const THEME: f64 = 0.6;
/// Clicks a month that an edit must promise.
const LEAST_CLICKS: f64 = 1.0;
/// Where a new page begins: on the lower half of the first page of results.
const NEW_PAGE_POSITION: f64 = 8.0;
/// Most pages whose headings have a word for a page to be found by it.
const MOST_PAGES: usize = 200;
/// How many of a topic's queries a plan names.
const NAMED: usize = 20;
/// Most pages that a plan names for a topic, those with the most impressions.
const MOST_SHOWN: usize = 50;
/// Most topics that a plan describes.
const MOST_TOPICS: usize = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// No page answers it; a new section of the page that people are shown.
    Write,
    /// The page answers it partly; a longer section.
    Extend,
    /// Answered and within reach of the top.
    Improve,
    /// Two pages about the same: one of them goes, and points to the other.
    Merge,
    /// Two pages compete for it and each is needed: the lesser one links to its owner.
    Link,
    /// Google shows a page that does not answer it, and another one does: say it there in a word, and link.
    Move,
    /// No page of the site fits.
    NewPage,
}

impl Kind {
    /// What it takes, roughly: minutes, an hour or two, a day.
    pub fn effort(self) -> &'static str {
        match self {
            Self::Link | Self::Move | Self::Improve => "low",
            Self::Write | Self::Extend => "medium",
            Self::Merge | Self::NewPage => "high",
        }
    }
}

/// One line of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    pub rank: usize,
    pub kind: Kind,
    /// Index of the page to be edited; for a new page the one that is shown today.
    pub page: usize,
    /// Index of the page that owns the topic, where that is another one.
    pub target: Option<usize>,
    #[serde(with = "crate::model::json_text")]
    pub place: Option<serde_json::Value>,
    /// Index of the site's topic.
    pub topic: usize,
    pub label: String,
    /// Those with the most impressions first.
    pub queries: Vec<String>,
    pub impressions: f64,
    pub clicks: f64,
    pub avg_position: f64,
    /// Of the page to be edited.
    pub coverage: f64,
    /// More clicks a month.
    pub expected_clicks: f64,
    pub confidence: f64,
    pub reason: String,
    pub is_decayed: bool,
}

/// How the site does for a topic, or why nobody wants an answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicKind {
    Open,
    Partly,
    Answered,
    Brand,
    Navigation,
    Unrelated,
}

/// A topic of the site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    pub label: String,
    pub kind: TopicKind,
    pub intent: Option<String>,
    pub owner: Option<Owner>,
    pub queries: Vec<String>,
    pub query_count: usize,
    pub impressions: f64,
    pub clicks: f64,
    pub avg_position: f64,
    /// Of its edits.
    pub expected_clicks: f64,
    /// Those with the most impressions first, 50 at most.
    pub pages: Vec<TopicPage>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    pub page: usize,
    pub reason: String,
}

/// How a page does for a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicPage {
    pub page: usize,
    pub impressions: f64,
    pub clicks: f64,
    pub avg_position: Option<f64>,
    pub coverage: f64,
    pub segment_id: Option<i64>,
}

/// A topic of a page that lost clicks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decay {
    pub page: usize,
    pub label: String,
    pub clicks_before: f64,
    pub clicks_after: f64,
    pub position_before: f64,
    pub position_after: f64,
}

/// What has been planned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan<'a> {
    /// Those with the most impressions, and those first.
    pub topics: &'a [Topic],
    /// How many topics there are, of which a plan describes 5,000 at most.
    pub topic_count: usize,
    pub edits: &'a [Edit],
    pub decays: &'a [Decay],
}

/// What a plan is made of; `profiles` are of the same pages in the same order.
pub struct Input {
    pub pages: Vec<Page>,
    pub profiles: Vec<Profile>,
    /// Topics of different pages that mean the same.
    pub similar: Vec<(TopicRef, TopicRef, f64)>,
    pub curve: Curve,
    /// Days that impressions and clicks were counted over.
    pub period_days: f64,
    /// Most edits of the plan; all that there are when it is left out.
    pub top: Option<usize>,
}

/// A query where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct QueryRef {
    node: TopicRef,
    query: usize,
}

/// Queries of a topic of a page.
type OfTopic = (TopicRef, Vec<QueryRef>);

/// What is to be done about a query on a page.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum State {
    Answered,
    Open,
    /// Another page answers it, and this one does not.
    Elsewhere {
        page: usize,
    },
    /// Several pages answer it.
    Contested,
    /// No page answers it, and another one shall.
    Left,
}

/// How telling words are on the site.
pub fn lexicon(pages: &[Page], profiles: &[Profile]) -> Lexicon {
    let queries = (pages.iter().enumerate()).flat_map(|(index, page)| {
        (page.topics.iter().flat_map(|topic| &topic.queries))
            .map(move |query| (index, &query.stems))
    });
    Lexicon::new(profiles, queries)
}

/// What another page has for a query.
struct Answer {
    /// Index of the page that Google shows, and of the other one.
    page: usize,
    other: usize,
    coverage: f64,
    segment_id: Option<i64>,
}

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
    /// Edits of each kind.
    Competing,
    Elsewhere,
    Open,
    Decays,
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
    const ALL: [Self; 14] = [
        Self::Decide,
        Self::Follow,
        Self::Neighbours,
        Self::Rivals,
        Self::Competing,
        Self::Elsewhere,
        Self::Open,
        Self::Decays,
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

/// What has been planned so far: all that a checkpoint holds.
#[derive(Default, Serialize, Deserialize)]
struct Progress {
    phase: Phase,
    /// Units of the phase that are done.
    next: usize,
    states: BTreeMap<QueryRef, State>,
    /// Queries that two pages compete for, by the pages, and who of them should own these.
    contested: BTreeMap<(usize, usize), BTreeSet<QueryRef>>,
    owners: BTreeMap<(usize, usize), usize>,
    edits: Vec<Edit>,
    decays: Vec<Decay>,
    /// Topics of pages, for each decay.
    decayed: Vec<TopicRef>,
    /// Groups, those with the most impressions first, and extra clicks of each.
    order: Vec<usize>,
    expected: Vec<f64>,
    topics: Vec<Topic>,
    names: Names,
}

/// What a phase works on, made from the progress when it begins or is taken up again.
#[derive(Default)]
struct Work {
    /// Units of the phase.
    count: usize,
    /// Queries by text, and where each text begins.
    places: Vec<QueryRef>,
    starts: Vec<usize>,
    pairs: Vec<(usize, usize)>,
    moves: Vec<((usize, usize), Vec<QueryRef>)>,
    /// Decays by the topics of pages.
    decays: FxHashMap<TopicRef, usize>,
    /// Who should own a query, where it is another page, and by the owner.
    owners: FxHashMap<QueryRef, usize>,
    owned: FxHashMap<usize, Vec<QueryRef>>,
}

/// Makes a plan: answers are pushed, then it is stepped through. The same input gives the same plan.
pub struct Planner {
    input: Input,
    groups: Vec<Vec<TopicRef>>,
    group_of: FxHashMap<TopicRef, usize>,
    lexicon: Lexicon,
    /// By query: what other pages have for it.
    answers: FxHashMap<String, Vec<Answer>>,
    /// Pages by the words of their titles and headings.
    subjects: FxHashMap<Stem, Vec<usize>>,
    months: f64,
    /// Where the site's answers usually stand.
    usual_position: f64,
    site_change: f64,
    progress: Progress,
    work: Option<Work>,
}

impl Planner {
    pub fn new(input: Input) -> Self {
        let groups = group(&input.pages, &input.similar);
        let group_of = (groups.iter().enumerate())
            .flat_map(|(index, nodes)| nodes.iter().map(move |&node| (node, index)))
            .collect();
        let all =
            || (input.pages.iter()).flat_map(|page| page.topics.iter().flat_map(|t| &t.queries));
        let clicks: f64 = all().filter(|q| q.before.is_some()).map(|q| q.clicks).sum();
        let before: f64 = all().filter_map(|q| q.before).map(|b| b.clicks).sum();
        let mut subjects: FxHashMap<Stem, Vec<usize>> = FxHashMap::default();
        for (page, profile) in input.profiles.iter().enumerate() {
            for stem in profile.subject.iter() {
                subjects.entry(stem).or_default().push(page);
            }
        }
        Self {
            groups,
            group_of,
            lexicon: lexicon(&input.pages, &input.profiles),
            answers: FxHashMap::default(),
            subjects,
            months: 365.25 / 12.0 / input.period_days.max(1.0),
            usual_position: usual_position(&input.pages),
            site_change: if before > 0.0 { clicks / before } else { 1.0 },
            input,
            progress: Progress::default(),
            work: None,
        }
    }

    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Adds an answer that another page has for a query which a page does not answer; all of them before the first step, and before
    /// [`Self::restore`] the same ones in the same order.
    pub fn push(&mut self, found: &Elsewhere) {
        let answer = Answer {
            page: found.page,
            other: found.other,
            coverage: found.coverage,
            segment_id: found.segment_id,
        };
        self.answers
            .entry(key(&found.query))
            .or_default()
            .push(answer);
    }

    /// Does up to `count` units of work; how much is left, falling from step to step, 0 when the plan is made. A unit takes some
    /// microseconds; a few take some milliseconds for each thousand pages.
    pub fn step(&mut self, count: usize) -> f64 {
        let mut work = match self.work.take() {
            Some(work) => work,
            None => self.begin(),
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
            *work = self.begin();
        }
    }

    /// Where the plan stands, without what it is made of.
    pub fn checkpoint(&self) -> Vec<u8> {
        postcard::to_allocvec(&self.progress).unwrap_or_default()
    }

    /// Goes on where [`Self::checkpoint`] was made of the same input. False: these are no such bytes.
    pub fn restore(&mut self, bytes: &[u8]) -> bool {
        let Ok(progress) = postcard::from_bytes::<Progress>(bytes) else {
            return false;
        };
        let is_query = |place: &QueryRef| {
            (self.input.pages.get(place.node.page))
                .and_then(|page| page.topics.get(place.node.topic))
                .is_some_and(|topic| place.query < topic.queries.len())
        };
        let is_group = |group: &usize| *group < self.groups.len();
        let is_known = progress.states.keys().all(is_query)
            && progress.contested.values().flatten().all(is_query)
            && progress.order.iter().all(is_group)
            && progress.expected.len() == progress.order.len();
        if is_known {
            self.progress = progress;
            self.work = None;
        }
        is_known
    }

    /// What has been planned, and what finds the links; complete when nothing is left.
    pub fn plan(&self) -> (Plan<'_>, LinkFinder) {
        let Progress {
            topics,
            edits,
            decays,
            names,
            ..
        } = &self.progress;
        let plan = Plan {
            topics,
            topic_count: self.groups.len(),
            edits,
            decays,
        };
        (plan, names.finder(&self.input.pages))
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
                let key = |place: &QueryRef| &self.query(*place).key[..];
                work.places
                    .sort_by(|a, b| key(a).cmp(key(b)).then(a.cmp(b)));
                work.starts = (0..work.places.len())
                    .filter(|&at| at == 0 || key(&work.places[at]) != key(&work.places[at - 1]))
                    .collect();
                work.starts.len()
            }
            Phase::Neighbours => self.input.pages.len(),
            Phase::Rivals => self.input.similar.len(),
            Phase::Competing => {
                work.pairs = self.progress.contested.keys().copied().collect();
                work.pairs.len()
            }
            Phase::Elsewhere => {
                work.moves = self.moves();
                work.moves.len()
            }
            Phase::Open => self.groups.len(),
            Phase::Improved => {
                let decayed = self.progress.decayed.iter().enumerate();
                work.decays = decayed.map(|(at, &node)| (node, at)).collect();
                self.input.pages.len()
            }
            Phase::Topics => self.groups.len().min(MOST_TOPICS),
            Phase::Names | Phase::OtherNames => {
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
            Phase::Competing => self.competing(work.pairs[index]),
            Phase::Elsewhere => {
                let (pages, places) = &work.moves[index];
                let edit = self.elsewhere(*pages, places);
                self.progress.edits.push(edit);
            }
            Phase::Open => {
                let edit = self.open(index);
                self.progress.edits.extend(edit);
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
                let topic = self.describe(&self.groups[group], self.progress.expected[group]);
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

    fn nodes(&self) -> impl Iterator<Item = TopicRef> {
        (self.input.pages.iter().enumerate()).flat_map(|(page, found)| {
            (0..found.topics.len()).map(move |topic| TopicRef { page, topic })
        })
    }

    fn topic(&self, node: TopicRef) -> &PageTopic {
        &self.input.pages[node.page].topics[node.topic]
    }

    fn query(&self, place: QueryRef) -> &TopicQuery {
        &self.topic(place.node).queries[place.query]
    }

    fn queries_of(&self, node: TopicRef) -> impl Iterator<Item = QueryRef> + use<> {
        (0..self.topic(node).queries.len()).map(move |query| QueryRef { node, query })
    }

    /// Says what is to be done about a query on every page that is shown for it.
    fn decide(&mut self, places: &[QueryRef]) {
        let text = self.query(places[0]).key.clone();
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
        let is_contested = is_shared && contenders.iter().any(|place| surely[place] >= ANSWERED);
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
                let found = self.best_elsewhere(place, &text);
                // A passage elsewhere that sounds alike is no answer: the other page must be more about it.
                // The site's first page names everything and explains nothing.
                let fit = if is_front(&self.input.pages[place.node.page]) {
                    -1.0
                } else {
                    self.fit(place.node.page, &[place])
                };
                let best = (beside.chain(found))
                    .filter(|&(_, coverage)| coverage >= ANSWERED && coverage >= own + CLEARLY)
                    .map(|(page, coverage)| (page, coverage, self.fit(page, &[place])))
                    .filter(|&(_, _, of_other)| of_other > fit)
                    .max_by(|a, b| (a.1 + a.2).total_cmp(&(b.1 + b.2)).then(b.0.cmp(&a.0)));
                match best {
                    Some((page, ..)) => State::Elsewhere { page },
                    None if is_shared && self.first_choice(&contenders) != place.node.page => {
                        State::Left
                    }
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
    fn best_elsewhere(&self, place: QueryRef, text: &str) -> Option<(usize, f64)> {
        let stems = &self.query(place).stems;
        let mut best: Option<(usize, f64)> = None;
        for found in self.answers.get(text).into_iter().flatten() {
            if found.page == place.node.page {
                let surely = self.evidence(found.other, stems, found.coverage);
                if best.is_none_or(|(_, best)| surely > best) {
                    best = Some((found.other, surely));
                }
            }
        }
        best
    }

    /// Where the answer to one query of a page stands, those to its neighbours belong.
    fn follow_neighbours(&mut self, page: usize) {
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

    /// The same by meaning: no query in common, and yet one topic.
    fn rivals(&mut self, index: usize) {
        let (a, b, share) = self.input.similar[index];
        if a.page == b.page || share < RIVALS {
            return;
        }
        let answers = |node: TopicRef| -> Vec<QueryRef> {
            (self.queries_of(node))
                .filter(|place| {
                    matches!(
                        self.progress.states.get(place),
                        Some(State::Answered | State::Contested)
                    )
                })
                .collect()
        };
        let (left, right) = (answers(a), answers(b));
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
        let pages = (a.page.min(b.page), a.page.max(b.page));
        for &place in left.iter().chain(&right) {
            self.progress.states.insert(place, State::Contested);
            (self.progress.contested.entry(pages).or_default()).insert(place);
        }
    }

    /// A query that another page answers goes where most of its topic goes, though that page is no more about this one.
    fn follow_topics(&mut self) {
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
                let is_answered = (self.answer_of(page, &self.query(place).key))
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
    /// with it, or people find it at the top.
    fn is_answered(&self, place: QueryRef) -> bool {
        let query = self.query(place);
        let Some(profile) = self.input.profiles.get(place.node.page) else {
            return query.coverage >= ANSWERED;
        };
        if self.lexicon.share(&query.stems, &profile.subject) >= IS_ABOUT {
            return true;
        }
        query.coverage >= ANSWERED
            && (query.position < *STRIKING.start()
                || (self.lexicon.best_passage(&query.stems, profile))
                    .is_some_and(|(share, _)| share >= BELIEVED))
    }

    /// How surely a page answers a query: as it was measured, or since one passage speaks of all that the query names.
    fn evidence(&self, page: usize, query: &Stems, measured: f64) -> f64 {
        let Some(profile) = self.input.profiles.get(page) else {
            return measured;
        };
        let share = (self.lexicon.best_passage(query, profile)).map_or(0.0, |(share, _)| share);
        if share >= SPOKEN_OF {
            measured.max(ANSWERED + share - SPOKEN_OF)
        } else {
            measured
        }
    }

    /// The headings of the passage of a page that speaks of these queries without answering them, if one does: it has nearly all that
    /// most of them name, or it is one of the few that have what they are all about, or it was measured to come near.
    fn spoken_of(&self, page: usize, places: &[QueryRef]) -> Option<Vec<String>> {
        let profile = self.input.profiles.get(page)?;
        let all = sums(places.iter().map(|&place| self.query(place))).impressions;
        let with_theme: Vec<&Passage> = (self.theme(profile, places).iter())
            .flat_map(|&theme| profile.with(theme))
            .map(|passage| &profile.passages()[passage])
            .collect();
        if let [passage] | [passage, _] = with_theme[..]
            && !profile.headings(passage).is_empty()
        {
            return Some(profile.headings(passage).to_vec());
        }
        let mut by_passage: BTreeMap<&[String], f64> = BTreeMap::new();
        for &place in places.iter().filter(|place| place.node.page == page) {
            let query = self.query(place);
            let near = (query.segment_id)
                .filter(|_| query.coverage >= ANSWERED)
                .and_then(|id| profile.passage(id));
            let best = (self.lexicon.best_passage(&query.stems, profile))
                .filter(|&(share, _)| share >= SPOKEN_OF)
                .map(|(_, passage)| passage);
            if let Some(passage) = best.or(near) {
                *by_passage.entry(profile.headings(passage)).or_default() += query.impressions;
            }
        }
        let (headings, impressions) = by_passage
            .into_iter()
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(a.0)))?;
        (impressions >= 0.5 * all && !headings.is_empty()).then(|| headings.to_vec())
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

    /// Where a new section about these queries goes: the place that the page's analysis found, when its section has a word of theirs
    /// that is not the whole page's; else the end of what the page says.
    fn place_of(
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

    /// The page, of those that a query stands on, which should answer it.
    fn first_choice(&self, places: &[QueryRef]) -> usize {
        let pages: BTreeSet<usize> = places.iter().map(|place| place.node.page).collect();
        self.owner(pages.into_iter().collect(), places)
            .map_or(places[0].node.page, |owner| owner.page)
    }

    /// Which of `pages` should answer `places`, which may stand on any page, and why.
    fn owner(&self, pages: Vec<usize>, places: &[QueryRef]) -> Option<Owner> {
        let total = sums(places.iter().map(|&place| self.query(place)));
        let intent = places
            .iter()
            .find_map(|place| self.topic(place.node).intent.as_deref());
        let rated: Vec<(f64, usize, Sums, f64)> = pages
            .into_iter()
            .map(|page| {
                let own = sums(
                    (places.iter().filter(|place| place.node.page == page))
                        .map(|&place| self.query(place)),
                );
                let coverage = self.coverage_on(page, places);
                let clicks = if total.clicks > 0.0 {
                    own.clicks / total.clicks
                } else {
                    0.0
                };
                let seen = own.impressions / total.impressions.max(1.0);
                let position = if own.impressions > 0.0 {
                    3.0 / (2.0 + own.position())
                } else {
                    0.0
                };
                let suits = suits(&self.input.pages[page].page_type, intent);
                let fit = self.fit(page, places);
                let score = 0.35 * coverage
                    + 0.15 * clicks
                    + 0.1 * seen
                    + 0.15 * position
                    + 0.15 * suits
                    + 0.1 * fit;
                (score, page, own, coverage)
            })
            .collect();
        let (_, page, own, coverage) = rated
            .iter()
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let mut reasons = vec![format!("answers it with {coverage:.2}")];
        if own.impressions > 0.0 {
            reasons.push(format!("position {:.1}", own.position()));
        }
        if total.clicks > 0.0 && own.clicks > 0.0 {
            let share = 100.0 * own.clicks / total.clicks;
            reasons.push(format!("{share:.0} % of the clicks"));
        }
        let page_type = &self.input.pages[*page].page_type;
        if let Some(intent) = intent
            && !page_type.is_empty()
        {
            reasons.push(format!("{page_type} for {intent} queries"));
        }
        Some(Owner {
            page: *page,
            reason: reasons.join(", "),
        })
    }

    /// How well a page covers queries, by impressions; those that it is not known for count as not covered.
    fn coverage_on(&self, page: usize, places: &[QueryRef]) -> f64 {
        let own: FxHashMap<&str, f64> = (places.iter().filter(|place| place.node.page == page))
            .map(|&place| (&self.query(place).key[..], self.query(place).coverage))
            .collect();
        let (mut weight, mut covered) = (0.0, 0.0);
        for &place in places {
            let query = self.query(place);
            let coverage = own.get(&query.key[..]).copied();
            let coverage = coverage.or_else(|| Some(self.answer_of(page, &query.key)?.coverage));
            weight += query.impressions;
            covered += query.impressions * coverage.unwrap_or(0.0);
        }
        if weight > 0.0 { covered / weight } else { 0.0 }
    }

    /// The best that was found on a page for a query which it is not shown for.
    fn answer_of(&self, page: usize, text: &str) -> Option<&Answer> {
        (self.answers.get(text)?.iter())
            .filter(|found| found.other == page)
            .max_by(|a, b| a.coverage.total_cmp(&b.coverage))
    }

    /// The best fit that any page has for queries.
    fn best_fit(&self, places: &[QueryRef]) -> f64 {
        // What half of the pages have in their headings makes none of them fit.
        let most = self.input.pages.len().div_ceil(2).min(MOST_PAGES);
        let mut found: FxHashMap<usize, f64> = FxHashMap::default();
        let mut common: Vec<(Stem, f64)> = Vec::new();
        let mut all = 0.0;
        for query in places.iter().map(|&place| self.query(place)) {
            let weights: f64 = query
                .stems
                .iter()
                .map(|stem| self.lexicon.weight(stem))
                .sum();
            all += query.impressions;
            for stem in query.stems.iter() {
                let share = query.impressions * self.lexicon.weight(stem) / weights;
                match self.subjects.get(&stem) {
                    Some(pages) if pages.len() <= most => {
                        (pages.iter()).for_each(|&page| *found.entry(page).or_default() += share);
                    }
                    Some(_) => common.push((stem, share)),
                    None => {}
                }
            }
        }
        let with_common = |page: usize| -> f64 {
            let subject = &self.input.profiles[page].subject;
            (common.iter())
                .filter(|(stem, _)| subject.contains(*stem))
                .map(|(_, share)| share)
                .sum()
        };
        (found.into_iter())
            .map(|(page, share)| (share + with_common(page)) / f64::max(all, 1.0))
            .fold(0.0, f64::max)
    }

    /// How much of what telling words the queries have stands in a page's title and headings, 0 to 1.
    fn fit(&self, page: usize, places: &[QueryRef]) -> f64 {
        let Some(profile) = self.input.profiles.get(page) else {
            return 0.0;
        };
        let (mut weight, mut found) = (0.0, 0.0);
        for &place in places {
            let query = self.query(place);
            weight += query.impressions;
            found += query.impressions * self.lexicon.share(&query.stems, &profile.subject);
        }
        if weight > 0.0 { found / weight } else { 0.0 }
    }

    /// Extra clicks a month when these queries came to stand at `target` of their position.
    fn gain(&self, places: &[QueryRef], target: impl Fn(f64) -> f64) -> f64 {
        let curve = &self.input.curve;
        let clicks: f64 = (places.iter())
            .map(|&place| self.query(place))
            .map(|query| curve.gain(query.impressions, query.position, target(query.position)))
            .sum();
        clicks * self.months
    }

    /// Where an answer of this site can hope to stand: where its answers usually do.
    fn reach(&self) -> impl Fn(f64) -> f64 + use<> {
        let usual = self.usual_position;
        move |position: f64| position.min(usual)
    }

    /// Ranks the edits and the topics.
    fn rank(&mut self) {
        let mut edits = std::mem::take(&mut self.progress.edits);
        // Pages that compete are worth knowing of whatever it brings.
        edits.retain(|edit| {
            edit.expected_clicks >= LEAST_CLICKS || matches!(edit.kind, Kind::Merge | Kind::Link)
        });
        edits.sort_by(|a, b| {
            (b.expected_clicks.total_cmp(&a.expected_clicks))
                .then((a.page, a.kind, &a.label).cmp(&(b.page, b.kind, &b.label)))
        });
        let mut expected = vec![0.0; self.groups.len()];
        for (index, edit) in edits.iter_mut().enumerate() {
            edit.rank = index + 1;
            expected[edit.topic] += edit.expected_clicks;
        }
        edits.truncate(self.input.top.unwrap_or(usize::MAX));
        let impressions: Vec<f64> = (self.groups.iter())
            .map(|nodes| sums(nodes.iter().flat_map(|&node| &self.topic(node).queries)).impressions)
            .collect();
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by(|&a, &b| (impressions[b].total_cmp(&impressions[a])).then(a.cmp(&b)));
        let mut place_of = vec![0; order.len()];
        for (place, &index) in order.iter().enumerate() {
            place_of[index] = place;
        }
        for edit in &mut edits {
            edit.topic = place_of[edit.topic];
        }
        self.progress.edits = edits;
        self.progress.order = order;
        self.progress.expected = expected;
    }

    fn edit(&self, kind: Kind, page: usize, places: &[QueryRef]) -> Edit {
        let sums = sums(places.iter().map(|&place| self.query(place)));
        let named = self.named(places);
        Edit {
            rank: 0,
            kind,
            page,
            target: None,
            place: None,
            topic: places.first().map_or(0, |place| self.group_of[&place.node]),
            label: named.first().cloned().unwrap_or_default(),
            queries: named,
            impressions: sums.impressions,
            clicks: sums.clicks,
            avg_position: sums.position(),
            coverage: self.coverage_on(page, places),
            expected_clicks: 0.0,
            confidence: 0.5,
            reason: String::new(),
            is_decayed: false,
        }
    }

    /// Different queries by their impressions on all of `places`.
    fn named(&self, places: &[QueryRef]) -> Vec<String> {
        let mut by_key: BTreeMap<String, (f64, &str)> = BTreeMap::new();
        for &place in places {
            let query = self.query(place);
            by_key
                .entry(query.key.clone())
                .or_insert((0.0, &query.query))
                .0 += query.impressions;
        }
        let mut named: Vec<_> = by_key.into_values().collect();
        named.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        named
            .into_iter()
            .take(NAMED)
            .map(|(_, text)| text.to_owned())
            .collect()
    }

    /// Several pages answer the same: one of two that are about the same goes, else the lesser links to the owner.
    fn competing(&mut self, (a, b): (usize, usize)) {
        let places: Vec<QueryRef> = self.progress.contested[&(a, b)].iter().copied().collect();
        let Some(owner) = self.owner(vec![a, b], &places) else {
            return;
        };
        let lesser = if owner.page == a { b } else { a };
        let shown = |page: usize| -> f64 {
            questions(&self.input.pages[page])
                .map(|query| query.impressions)
                .sum()
        };
        let contested_on = |page: usize| {
            sums(
                (places.iter().filter(|place| place.node.page == page))
                    .map(|&place| self.query(place)),
            )
            .impressions
        };
        let share = |page: usize| contested_on(page) / shown(page).max(1.0);
        let [left, right] = [a, b].map(|page| class(&self.input.pages[page].page_type));
        let is_same = share(a).max(share(b)) >= SAME_PAGE && left == right;
        let kind = if is_same { Kind::Merge } else { Kind::Link };
        let mut edit = self.edit(kind, lesser, &places);
        edit.target = Some(owner.page);
        // Together they come to stand where the better one does, or better.
        let mut best: HashMap<String, f64> = HashMap::new();
        for &place in &places {
            let query = self.query(place);
            let position = best.entry(query.key.clone()).or_insert(query.position);
            *position = position.min(query.position);
        }
        let usual = self.usual_position;
        edit.expected_clicks = self.months
            * (places.iter())
                .map(|&place| {
                    let query = self.query(place);
                    let best = best[&query.key];
                    // One query is one search: only the page that stays is counted at its better place.
                    let weight = if place.node.page == owner.page {
                        1.0
                    } else {
                        0.0
                    };
                    let target = (0.75 * best).max(usual.min(best));
                    weight
                        * self
                            .input
                            .curve
                            .gain(query.impressions, query.position, target)
                })
                .sum::<f64>();
        edit.confidence = share(lesser).clamp(0.3, 0.95);
        edit.reason = format!(
            "{} queries are answered by two pages; {} should own them: {}",
            best.len(),
            self.input.pages[owner.page].url,
            owner.reason
        );
        self.progress.owners.insert((a, b), owner.page);
        self.progress.edits.push(edit);
    }

    /// Queries by the page that Google shows, which does not answer them, and the one that does.
    fn moves(&self) -> Vec<((usize, usize), Vec<QueryRef>)> {
        let mut groups: BTreeMap<(usize, usize), Vec<QueryRef>> = BTreeMap::new();
        for (&place, &state) in &self.progress.states {
            if let State::Elsewhere { page } = state {
                groups
                    .entry((place.node.page, page))
                    .or_default()
                    .push(place);
            }
        }
        groups.into_iter().collect()
    }

    /// Google shows a page that does not answer, and another one does.
    fn elsewhere(&self, (page, target): (usize, usize), places: &[QueryRef]) -> Edit {
        let mut edit = self.edit(Kind::Move, page, places);
        edit.target = Some(target);
        edit.expected_clicks = self.gain(places, self.reach());
        let coverage = self.coverage_on(target, places);
        edit.confidence = (coverage - edit.coverage).clamp(0.1, 0.95);
        edit.reason = format!(
            "shown at position {:.1} for what {} answers ({coverage:.2} against {:.2})",
            edit.avg_position, self.input.pages[target].url, edit.coverage
        );
        edit
    }

    /// No page answers.
    fn open(&self, group: usize) -> Option<Edit> {
        let nodes = &self.groups[group];
        let open = |node: TopicRef| -> Vec<QueryRef> {
            (self.queries_of(node))
                .filter(|place| self.progress.states.get(place) == Some(&State::Open))
                .collect()
        };
        let places: Vec<QueryRef> = nodes.iter().flat_map(|&node| open(node)).collect();
        if places.is_empty() {
            return None;
        }
        let best_fit = self.best_fit(&places);
        let position = sums(places.iter().map(|&place| self.query(place))).position();
        if position >= OUT_OF_REACH {
            return None;
        }
        if best_fit < FITS && position >= FAR {
            let page = self.most_shown(&places);
            let mut edit = self.edit(Kind::NewPage, page, &places);
            let reach = self.usual_position.max(NEW_PAGE_POSITION);
            edit.expected_clicks = self.gain(&places, |position| position.min(reach));
            edit.confidence = (1.0 - best_fit / FITS).clamp(0.3, 0.9);
            edit.reason = format!(
                "no page is about it: {:.0} % of its telling words stand in a title or heading, and it is shown at {position:.1}",
                100.0 * best_fit
            );
            return Some(edit);
        }
        // One page writes it, wherever else it is looked for.
        let pages: BTreeSet<usize> = places.iter().map(|place| place.node.page).collect();
        let owner = self.owner(pages.iter().copied().collect(), &places)?;
        let of_page = || nodes.iter().copied().filter(|node| node.page == owner.page);
        let own: Vec<QueryRef> = of_page().flat_map(open).collect();
        let shown =
            |node: TopicRef| sums(open(node).iter().map(|&place| self.query(place))).impressions;
        let node = of_page()
            .filter(|&node| shown(node) > 0.0)
            .max_by(|&a, &b| shown(a).total_cmp(&shown(b)).then(b.cmp(&a)))?;
        let found = self.page_edit(node, &["write", "extend"]);
        let is_partly = found.map_or_else(
            || self.topic(node).kind == "partly",
            |edit| edit.kind == "extend",
        );
        // What a passage speaks of without answering it belongs into that passage.
        let spoken = self.spoken_of(owner.page, &own);
        let kind = if is_partly || spoken.is_some() {
            Kind::Extend
        } else {
            Kind::Write
        };
        let mut edit = self.edit(kind, owner.page, &own);
        edit.topic = group;
        edit.label = self.topic(node).label.clone();
        edit.expected_clicks = self.gain(&own, self.reach());
        if let Some(found) = found {
            edit.place.clone_from(&found.place);
            edit.confidence = found.confidence;
        }
        edit.reason = self.why(kind, &edit);
        if kind == Kind::Write {
            edit.place = self.place_of(owner.page, &own, edit.place);
        }
        if let (Some(headings), false) = (spoken, is_partly) {
            edit.place = Some(serde_json::json!({
                "kind": "extend", "after_heading": headings.last(), "heading_path": headings,
            }));
            edit.reason = "a passage speaks of it and does not answer it".to_owned();
        }
        if pages.len() > 1 {
            let others = pages.iter().filter(|&&page| page != owner.page);
            let urls: Vec<_> = others
                .map(|&page| &self.input.pages[page].url[..])
                .collect();
            let note = format!("also looked for on {}", urls.join(", "));
            edit.reason = [edit.reason, note]
                .join("; ")
                .trim_start_matches("; ")
                .to_owned();
        }
        Some(edit)
    }

    /// Answered and within reach; or answered once with more success than today. One edit a page for each: who improves a page has
    /// all of it before them.
    fn improved(
        &self,
        page: usize,
        is_decayed: bool,
        decays: &FxHashMap<TopicRef, usize>,
    ) -> Option<Edit> {
        let mut topics: Vec<OfTopic> = Vec::new();
        for node in (0..self.input.pages[page].topics.len()).map(|topic| TopicRef { page, topic }) {
            if decays.contains_key(&node) != is_decayed {
                continue;
            }
            let places: Vec<QueryRef> = (self.queries_of(node))
                .filter(|place| self.progress.states.get(place) == Some(&State::Answered))
                .collect();
            let own = sums(places.iter().map(|&place| self.query(place)));
            if own.impressions > 0.0 && (is_decayed || STRIKING.contains(&own.position())) {
                topics.push((node, places));
            }
        }
        let gain = |places: &[QueryRef]| self.gain(places, self.reach());
        let (node, _) =
            (topics.iter()).max_by(|a, b| gain(&a.1).total_cmp(&gain(&b.1)).then(b.0.cmp(&a.0)))?;
        let places: Vec<QueryRef> = topics.iter().flat_map(|topic| &topic.1).copied().collect();
        let mut edit = self.edit(Kind::Improve, page, &places);
        edit.topic = self.group_of[node];
        edit.label = self.topic(*node).label.clone();
        edit.expected_clicks = gain(&places);
        edit.reason = format!(
            "answered ({:.2}) and shown at position {:.1}",
            edit.coverage, edit.avg_position
        );
        if let Some(found) = self.page_edit(*node, &["improve"]) {
            edit.place.clone_from(&found.place);
            edit.confidence = found.confidence;
        }
        if is_decayed {
            let lost = (topics.iter().filter_map(|(node, _)| decays.get(node)))
                .map(|&at| &self.progress.decays[at]);
            let (before, after) = lost.fold((0.0, 0.0), |(before, after), decay| {
                (before + decay.clicks_before, after + decay.clicks_after)
            });
            edit.is_decayed = true;
            edit.reason = format!(
                "{}; it brought {before:.0} clicks in the period before and {after:.0} now",
                edit.reason
            );
        }
        Some(edit)
    }

    /// What is known of a topic that the page leaves open.
    fn why(&self, kind: Kind, edit: &Edit) -> String {
        let queries = match &edit.queries[..] {
            [_] => "a query".to_owned(),
            queries => format!("{} queries", queries.len()),
        };
        format!(
            "{} {queries} with {:.0} impressions at position {:.1} ({:.2})",
            if kind == Kind::Write {
                "nothing on the page answers"
            } else {
                "the page answers a part of"
            },
            edit.impressions,
            edit.avg_position,
            edit.coverage
        )
    }

    fn page_edit(&self, node: TopicRef, kinds: &[&str]) -> Option<&PageEdit> {
        let index = self.topic(node).topic_index;
        (self.input.pages[node.page].edits.iter())
            .find(|edit| edit.topic_index == index && kinds.contains(&&edit.kind[..]))
    }

    fn most_shown(&self, places: &[QueryRef]) -> usize {
        let mut shown: BTreeMap<usize, f64> = BTreeMap::new();
        for &place in places {
            *shown.entry(place.node.page).or_default() += self.query(place).impressions;
        }
        (shown.into_iter())
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
            .map_or(0, |(page, _)| page)
    }

    fn decays(&self) -> Vec<(TopicRef, Decay)> {
        let mut decays = Vec::new();
        for &node in self.groups.iter().flatten() {
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

    /// Who should own a query that a page is shown for, where it is another page.
    fn owners(&self) -> FxHashMap<QueryRef, usize> {
        let mut owners = FxHashMap::default();
        for (&place, &state) in &self.progress.states {
            if let State::Elsewhere { page } = state {
                owners.insert(place, page);
            }
        }
        for (pair, places) in &self.progress.contested {
            if let Some(&owner) = self.progress.owners.get(pair) {
                owners.extend(places.iter().map(|&place| (place, owner)));
            }
        }
        owners.retain(|place, owner| place.node.page != *owner);
        owners
    }

    /// What a page is looked for by, as the plan has it: whose queries are whose. Pages that shall be merged into others are no targets of
    /// links.
    fn name(&mut self, page: usize, work: &Work) {
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

    fn describe(&self, nodes: &[TopicRef], expected_clicks: f64) -> Topic {
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
        let texts: BTreeSet<&str> = (places.iter())
            .map(|&place| &self.query(place).key[..])
            .collect();
        let mut pages: BTreeSet<usize> = nodes.iter().map(|node| node.page).collect();
        for found in texts
            .iter()
            .filter_map(|&text| self.answers.get(text))
            .flatten()
        {
            if found.coverage >= ANSWERED {
                pages.insert(found.other);
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
                    (texts.iter().filter_map(|&text| self.answer_of(page, text)))
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
            query_count: texts.len(),
            impressions: total.impressions,
            clicks: total.clicks,
            avg_position: total.position(),
            expected_clicks,
            pages: shown,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Sums {
    impressions: f64,
    clicks: f64,
    weighted: f64,
}

impl Sums {
    fn add(&mut self, impressions: f64, clicks: f64, position: f64) {
        self.impressions += impressions;
        self.clicks += clicks;
        self.weighted += impressions * position;
    }

    fn position(&self) -> f64 {
        if self.impressions > 0.0 {
            self.weighted / self.impressions
        } else {
            0.0
        }
    }
}

fn sums<'q>(queries: impl Iterator<Item = &'q TopicQuery>) -> Sums {
    let mut sums = Sums::default();
    for query in queries {
        sums.add(query.impressions, query.clicks, query.position);
    }
    sums
}

/// Median position of what the site answers, by impressions; 3 when it answers nothing. Never better than 2: a plan promises
/// no first place.
fn usual_position(pages: &[Page]) -> f64 {
    let mut answered: Vec<(f64, f64)> = (pages.iter().flat_map(|page| &page.topics))
        .filter(|topic| topic.is_question())
        .flat_map(|topic| &topic.queries)
        .filter(|query| query.coverage >= ANSWERED && query.position >= 1.0)
        .map(|query| (query.position, query.impressions))
        .collect();
    answered.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = answered.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    for (position, weight) in answered {
        sum += weight;
        if sum >= half {
            return position.clamp(2.0, 10.0);
        }
    }
    3.0
}

/// A page's queries that people want an answer to.
pub(crate) fn questions(page: &Page) -> impl Iterator<Item = &TopicQuery> {
    (page.topics.iter().filter(|topic| topic.is_question())).flat_map(|topic| &topic.queries)
}

/// Whether this is the site's first page.
fn is_front(page: &Page) -> bool {
    crate::links::path(&page.url).is_empty()
}

/// Pages that do the same work, as far as their type tells: to explain, to sell, to list, or to serve who comes for the site itself.
pub(crate) fn class(page_type: &str) -> &'static str {
    let page_type = page_type.to_lowercase();
    let has = |names: &[&str]| names.iter().any(|name| page_type.contains(name));
    if has(&["product"]) {
        "product"
    } else if has(&["category", "collection", "list", "home", "index"]) {
        "list"
    } else if has(&["contact", "about", "service", "legal", "search"]) {
        "service"
    } else {
        "text"
    }
}

/// How well a page's type suits what a searcher wants, 0 to 1.
fn suits(page_type: &str, intent: Option<&str>) -> f64 {
    match (intent, class(page_type)) {
        (_, _) if page_type.is_empty() => 0.5,
        (Some("informational") | None, "text") => 1.0,
        (Some("informational") | None, "service") => 0.5,
        (Some("commercial"), "text" | "list") => 1.0,
        (Some("commercial" | "transactional"), "product") => 0.9,
        (Some("transactional"), "list") => 0.9,
        (Some("transactional"), "service") => 0.6,
        (Some("navigational"), "service" | "list") => 1.0,
        _ => 0.2,
    }
}

/// A label for a file or an anchor: words with hyphens.
pub fn slug(label: &str) -> String {
    words(label)
        .map(|word| word.text.to_lowercase())
        .collect::<Vec<_>>()
        .join("-")
}
