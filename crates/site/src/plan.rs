//! The plan of a site: who owns a topic, and from it which edits pay most.
//!
//! The pages' own analyses say what each of them does not answer. A plan adds what only the site knows: that another page answers
//! it, that several pages compete for it, that Google shows the wrong one, or that no page fits.
//!
//! A plan of a large site takes more time than one invocation of a function has, so it is made in steps ([`Planner::step`]), and where
//! it stands can be kept and taken up again anywhere ([`Planner::checkpoint`]). However it is cut, the plan is the same to the last bit.

mod answers;
mod edits;
mod joined;
mod ownership;
mod phases;
mod places;
mod states;
mod sums;
mod themes;
mod topics;

pub use answers::Answer;
use answers::Answers;
use edits::{pages_of, usual_position};
pub(crate) use ownership::class;
use phases::{Progress, Work};

use crate::links::LinkFinder;
use crate::model::{Curve, Elsewhere, Key, Page, PageTopic, TopicQuery, key};
use crate::topics::{Grouping, TopicRef};
use crate::words::{Lexicon, LexiconBuilder, Profile, Stem, words};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Share of a topic's telling words in a page's title and headings from which the topic belongs to the page.
const FITS: f64 = 0.25;

/// Positions between which an answered topic is worth an edit: not yet at the top, within reach.
const STRIKING: std::ops::RangeInclusive<f64> = 4.5..=20.0;

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
    /// Which of the pages' topics are one topic of the site.
    pub grouping: Grouping,
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

/// Makes a plan: answers are pushed, then it is stepped through. The same input gives the same plan.
pub struct Planner {
    input: Input,
    group_of: FxHashMap<TopicRef, usize>,
    lexicon: Lexicon,
    answers: Answers,
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
        let lexicon = lexicon(&input.pages, &input.profiles);
        Self::with_lexicon(input, lexicon)
    }

    /// `lexicon`: of these pages, at least of what they are asked for; their profiles need no other words either.
    pub fn with_lexicon(mut input: Input, lexicon: Lexicon) -> Self {
        (input.grouping.rivals).sort_unstable_by_key(|rivals| (pages_of(rivals), *rivals));
        let group_of = (input.grouping.groups.iter().enumerate())
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
            group_of,
            lexicon,
            answers: Answers::default(),
            subjects,
            months: 365.25 / 12.0 / input.period_days.max(1.0),
            usual_position: usual_position(&input.pages),
            site_change: if before > 0.0 { clicks / before } else { 1.0 },
            input,
            progress: Progress::default(),
            work: None,
        }
    }

    /// Topics of pages that are one topic of the site.
    fn groups(&self) -> &[Vec<TopicRef>] {
        &self.input.grouping.groups
    }

    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Adds an answer that another page has for a query which a page does not answer; all of them before the first step, and before
    /// [`Self::restore`] the same ones in the same order.
    pub fn push(&mut self, found: &Elsewhere) {
        let answer = Answer {
            page: found.page as u32,
            other: found.other as u32,
            coverage: found.coverage,
            segment_id: found.segment_id,
        };
        self.answers.push(key(&found.query), answer);
    }

    /// [`Self::push`] of many by their queries' keys, which are not copied when they are all.
    pub fn push_answers(&mut self, found: Vec<(Key, Answer)>) {
        self.answers.extend(found);
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
            topic_count: self.groups().len(),
            edits,
            decays,
        };
        (plan, names.finder(&self.input.pages))
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
}

/// How telling words are on the site.
pub fn lexicon(pages: &[Page], profiles: &[Profile]) -> Lexicon {
    let mut lexicon = LexiconBuilder::default();
    for (page, profile) in pages.iter().zip(profiles) {
        lexicon.push(profile, page.asked());
    }
    lexicon.finish()
}

/// A page's queries that people want an answer to.
pub(crate) fn questions(page: &Page) -> impl Iterator<Item = &TopicQuery> {
    (page.topics.iter().filter(|topic| topic.is_question())).flat_map(|topic| &topic.queries)
}

/// A share as a reader sees it, rounded as the plan's own figures are, so that both say the same.
fn percent(share: f64) -> String {
    let thousandths = (1000.0 * share).round();
    format!("{:.0} %", (thousandths / 10.0).round())
}

/// How well a page answers something, in the words of the plan.
fn covered(coverage: f64) -> String {
    format!("covered {}", percent(coverage))
}

/// A label for a file or an anchor: words with hyphens.
pub fn slug(label: &str) -> String {
    words(label)
        .map(|word| word.text.to_lowercase())
        .collect::<Vec<_>>()
        .join("-")
}
