//! A site as it is read page by page, and its report.

use crate::links::{Link, LinkFinder, PageText};
use crate::meaning::{DOUBT, NO_TOPIC, SAME, TOGETHER};
use crate::model::{ANSWERED, Curve, FNV_START, Key, Page, fnv1a};
use crate::pack::{Index, Pack};
use crate::plan::{
    self, Answer, Decay, Edit, Input, Kind, Owner, Planner, Topic, TopicKind, TopicPage,
};
use crate::topics::{Grouping, SHARED};
use crate::words::{Profile, Stem};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

/// Version of what [`Site::report`] makes. Raised by a change that breaks a reader; fields are added without.
pub const SCHEMA_VERSION: u32 = 1;
/// A page as it comes from the database: its analysis and its text.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PageInput {
    #[serde(flatten)]
    pub page: Page,
    #[serde(flatten)]
    pub text: PageText,
}

/// An answer found on another page, by ids.
#[derive(Clone, Debug, Deserialize)]
pub struct Found {
    pub page_id: String,
    pub query: String,
    pub other_page_id: String,
    pub coverage: f64,
    #[serde(default)]
    pub segment_id: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub period_days: f64,
    /// Most edits of the plan; all that there are when it is left out.
    #[serde(default)]
    pub top: Option<usize>,
}

/// What a plan needs of a page, without its text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    page: Page,
    profile: Profile,
}

impl Summary {
    pub fn new(PageInput { mut page, text }: PageInput) -> Self {
        page.prepare();
        let headings = (text.segments.iter())
            .filter(|segment| segment.kind == "heading")
            .map(|segment| &segment.text[..]);
        let passages = (text.segments.iter())
            .map(|segment| (segment.id, &segment.text[..], &segment.heading_path[..]));
        let profile = Profile::new(&page.title, headings, passages);
        Self { page, profile }
    }

    pub fn page_id(&self) -> &str {
        &self.page.id
    }

    pub fn page(&self) -> &Page {
        &self.page
    }

    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(crate) fn of_parts(page: Page, profile: Profile) -> Self {
        Self { page, profile }
    }

    pub(crate) fn into_parts(self) -> (Page, Profile) {
        (self.page, self.profile)
    }

    /// Forgets what the page says with other stems.
    pub(crate) fn keep_stems(&mut self, is_kept: impl Fn(Stem) -> bool) {
        self.profile.keep_stems(is_kept);
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// None: these are no such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// The pages of a site.
#[derive(Default)]
pub struct Site {
    pages: Vec<Page>,
    profiles: Vec<Profile>,
    answers: Vec<(Key, Answer)>,
}

impl Site {
    /// Adds a page; in the order of the report.
    pub fn push(&mut self, Summary { page, profile }: Summary) {
        self.profiles.push(profile);
        self.pages.push(page);
    }

    /// Adds pages with the answers to their queries; in the order of the report.
    pub fn push_pack(&mut self, Pack { pages, answers }: Pack) {
        pages.into_iter().for_each(|page| self.push(page.into()));
        self.answers.extend(answers);
    }

    pub fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// A page's queries in the order of its topics, each with its topic's number; [`NO_TOPIC`] when nobody looks for an answer.
    pub fn queries(&self, page: usize) -> impl Iterator<Item = (&str, u32)> {
        (self.pages[page].topics.iter().enumerate()).flat_map(|(number, topic)| {
            let number = if topic.is_question() {
                number as u32
            } else {
                NO_TOPIC
            };
            (topic.queries.iter()).map(move |query| (&query.query[..], number))
        })
    }

    /// Begins the plan of packed pages. `index`: the one that they were packed by; `grouping`: bytes of a [`Grouping`] of them. None: they
    /// are of other pages.
    pub fn planning(self, settings: Settings, index: &Index, grouping: &[u8]) -> Option<Planning> {
        let Self {
            pages,
            profiles,
            answers,
        } = self;
        let is_page = |page: u32| (page as usize) < pages.len();
        let is_whole = pages.len() == index.page_count()
            && answers
                .iter()
                .all(|(_, answer)| is_page(answer.page) && is_page(answer.other));
        if !is_whole {
            return None;
        }
        let grouping = Grouping::from_bytes(grouping, &pages)?;
        // The site's own click-through rates, by all its pages together.
        let rows = (pages.iter())
            .flat_map(plan::questions)
            .map(|query| (query.position, query.impressions, query.clicks));
        let curve = Curve(pageperfect_advice::Curve::fit(rows).by_position);
        let input = Input {
            pages,
            profiles,
            grouping,
            curve,
            period_days: settings.period_days,
            top: settings.top,
        };
        let mut planner = Planner::with_lexicon(input, index.lexicon());
        planner.push_answers(answers);
        Some(Planning(planner))
    }
}

/// A site's plan as it is made.
pub struct Planning(Planner);

impl Planning {
    /// See [`Planner::step`].
    pub fn step(&mut self, count: usize) -> f64 {
        self.0.step(count)
    }

    /// See [`Planner::checkpoint`].
    pub fn checkpoint(&mut self) -> Vec<u8> {
        self.0.checkpoint()
    }

    /// See [`Planner::restore`].
    pub fn restore(&mut self, bytes: &[u8]) -> bool {
        self.0.restore(bytes)
    }

    /// The plan as people and programs read it, and what finds its links, page by page; complete when no step is left.
    pub fn report(self) -> (Report, LinkFinder) {
        let (plan, finder) = self.0.plan();
        let Input {
            pages,
            period_days,
            curve,
            ..
        } = self.0.input();
        let queries = || (pages.iter().flat_map(|page| &page.topics)).flat_map(|t| &t.queries);
        let mut edit_counts = vec![0; pages.len()];
        for edit in plan.edits {
            edit_counts[edit.page] += 1;
        }
        let report = Report {
            schema_version: SCHEMA_VERSION,
            site: Totals {
                page_count: pages.len(),
                topic_count: plan.topic_count,
                query_count: queries()
                    .map(|query| query.key)
                    .collect::<FxHashSet<_>>()
                    .len(),
                impressions: queries().map(|query| query.impressions).sum(),
                clicks: queries().map(|query| query.clicks).sum(),
                expected_clicks: plan.edits.iter().map(|edit| edit.expected_clicks).sum(),
            },
            method: Method {
                answered: ANSWERED,
                shared: SHARED,
                similar: Similar {
                    cosine: SAME,
                    doubt: DOUBT,
                    share: TOGETHER,
                    is_exact: false,
                },
                period_days: *period_days,
                ctr_by_position: curve.0.clone(),
            },
            edits: (plan.edits.iter().zip(edit_ids(pages, plan.edits)))
                .map(|(edit, id)| edit_row(pages, edit, id))
                .collect(),
            links: Vec::new(),
            decays: (plan.decays.iter())
                .map(|decay| decay_row(pages, decay))
                .collect(),
            pages: (pages.iter().zip(edit_counts))
                .map(|(page, edit_count)| PageRow {
                    page_id: page.id.clone(),
                    url: page.url.clone(),
                    title: page.title.clone(),
                    page_type: page.page_type.clone(),
                    impressions: (page.topics.iter().flat_map(|topic| &topic.queries))
                        .map(|query| query.impressions)
                        .sum(),
                    edit_count,
                })
                .collect(),
            topics: (plan.topics.iter().enumerate())
                .map(|(id, topic)| topic_row(pages, id, topic))
                .collect(),
        };
        (report, finder)
    }
}

fn edit_row(pages: &[Page], edit: &Edit, id: String) -> EditRow {
    let target = edit.target;
    EditRow {
        id,
        rank: edit.rank,
        kind: edit.kind,
        page_id: pages[edit.page].id.clone(),
        url: pages[edit.page].url.clone(),
        target_page_id: target.map(|page| pages[page].id.clone()),
        target_url: target.map(|page| pages[page].url.clone()),
        place: edit.place.clone(),
        topic_id: edit.topic,
        label: edit.label.clone(),
        queries: edit.queries.clone(),
        impressions: edit.impressions,
        clicks: edit.clicks,
        avg_position: round(edit.avg_position, 1),
        coverage: round(edit.coverage, 3),
        expected_clicks: round(edit.expected_clicks, 1),
        effort: edit.kind.effort(),
        confidence: round(edit.confidence, 2),
        reason: edit.reason.clone(),
        is_decayed: edit.is_decayed,
    }
}

fn decay_row(pages: &[Page], decay: &Decay) -> DecayRow {
    DecayRow {
        page_id: pages[decay.page].id.clone(),
        url: pages[decay.page].url.clone(),
        label: decay.label.clone(),
        clicks_before: decay.clicks_before,
        clicks_after: decay.clicks_after,
        position_before: round(decay.position_before, 1),
        position_after: round(decay.position_after, 1),
        change: round(decay.clicks_after / decay.clicks_before - 1.0, 3),
    }
}

fn topic_row(pages: &[Page], id: usize, topic: &Topic) -> TopicRow {
    TopicRow {
        id,
        label: topic.label.clone(),
        kind: topic.kind,
        intent: topic.intent.clone(),
        owner: topic.owner.as_ref().map(|Owner { page, reason }| OwnerRow {
            page_id: pages[*page].id.clone(),
            url: pages[*page].url.clone(),
            reason: reason.clone(),
        }),
        queries: topic.queries.clone(),
        query_count: topic.query_count,
        impressions: topic.impressions,
        clicks: topic.clicks,
        avg_position: round(topic.avg_position, 1),
        expected_clicks: round(topic.expected_clicks, 1),
        pages: (topic.pages.iter())
            .map(|page: &TopicPage| TopicPageRow {
                page_id: pages[page.page].id.clone(),
                url: pages[page.page].url.clone(),
                impressions: page.impressions,
                clicks: page.clicks,
                position: page.avg_position.map(|position| round(position, 1)),
                coverage: round(page.coverage, 3),
                segment_id: page.segment_id,
            })
            .collect(),
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

/// An id for each edit: the same edit of the same page, to the same target, has the same one in every plan (FNV-1a). Topics of a page
/// may have one label: among edits that are alike the number tells them apart.
fn edit_ids(pages: &[Page], edits: &[Edit]) -> Vec<String> {
    let mut seen: FxHashMap<u64, u32> = FxHashMap::default();
    let id = |edit: &Edit| {
        let url = |page: usize| &pages[page].url[..];
        let target = edit.target.map_or("", url);
        let text = format!(
            "{:?}\n{}\n{}\n{target}",
            edit.kind,
            url(edit.page),
            edit.label
        );
        let hash = fnv1a(FNV_START, text.as_bytes());
        let number = seen.entry(hash).or_default();
        *number += 1;
        let hash = match number {
            1 => hash,
            number => fnv1a(hash, &number.to_le_bytes()),
        };
        format!("{hash:016x}")
    };
    edits.iter().map(id).collect()
}

/// What a site's job found; the names are those of the page's report wherever they mean the same.
#[derive(Debug, Serialize)]
pub struct Report {
    pub schema_version: u32,
    pub site: Totals,
    pub method: Method,
    pub topics: Vec<TopicRow>,
    pub edits: Vec<EditRow>,
    /// See [`LinkFinder`].
    pub links: Vec<Link>,
    pub decays: Vec<DecayRow>,
    pub pages: Vec<PageRow>,
}

#[derive(Debug, Serialize)]
pub struct Totals {
    pub page_count: usize,
    /// The report describes those with the most impressions.
    pub topic_count: usize,
    pub query_count: usize,
    pub impressions: f64,
    pub clicks: f64,
    /// More clicks a month, if all edits are made.
    pub expected_clicks: f64,
}

#[derive(Debug, Serialize)]
pub struct Method {
    /// Coverage from which a query counts as answered.
    pub answered: f64,
    /// Share of impressions from which two pages compete for a query, and from which common queries make topics one.
    pub shared: f64,
    pub similar: Similar,
    pub period_days: f64,
    pub ctr_by_position: Vec<f64>,
}

/// How topics were compared by meaning (crates/site, meaning).
#[derive(Debug, Serialize)]
pub struct Similar {
    pub cosine: f64,
    /// Within which of the cosine a pair may be decided either way.
    pub doubt: f64,
    pub share: f64,
    pub is_exact: bool,
}

#[derive(Debug, Serialize)]
pub struct TopicRow {
    pub id: usize,
    pub label: String,
    pub kind: TopicKind,
    pub intent: Option<String>,
    pub owner: Option<OwnerRow>,
    pub queries: Vec<String>,
    pub query_count: usize,
    pub impressions: f64,
    pub clicks: f64,
    pub avg_position: f64,
    pub expected_clicks: f64,
    pub pages: Vec<TopicPageRow>,
}

#[derive(Debug, Serialize)]
pub struct OwnerRow {
    pub page_id: String,
    pub url: String,
    pub reason: String,
}

#[derive(Debug, Serialize)]
pub struct TopicPageRow {
    pub page_id: String,
    pub url: String,
    pub impressions: f64,
    pub clicks: f64,
    /// Null when the page is not shown for it, and yet answers it.
    pub position: Option<f64>,
    pub coverage: f64,
    pub segment_id: Option<i64>,
}

#[derive(Debug, Serialize)]
pub struct EditRow {
    pub id: String,
    pub rank: usize,
    pub kind: Kind,
    pub page_id: String,
    pub url: String,
    pub target_page_id: Option<String>,
    pub target_url: Option<String>,
    pub place: Option<serde_json::Value>,
    pub topic_id: usize,
    pub label: String,
    pub queries: Vec<String>,
    pub impressions: f64,
    pub clicks: f64,
    pub avg_position: f64,
    pub coverage: f64,
    pub expected_clicks: f64,
    pub effort: &'static str,
    pub confidence: f64,
    pub reason: String,
    pub is_decayed: bool,
}

#[derive(Debug, Serialize)]
pub struct DecayRow {
    pub page_id: String,
    pub url: String,
    pub label: String,
    pub clicks_before: f64,
    pub clicks_after: f64,
    pub position_before: f64,
    pub position_after: f64,
    /// −0.4: two fifths fewer clicks.
    pub change: f64,
}

#[derive(Debug, Serialize)]
pub struct PageRow {
    pub page_id: String,
    pub url: String,
    pub title: String,
    pub page_type: String,
    pub impressions: f64,
    pub edit_count: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_edit_has_an_id_of_its_own_whatever_its_rank() {
        let pages: Vec<Page> = (["/a", "/b", "/c"].iter())
            .map(|url| Page {
                url: (*url).to_owned(),
                ..Page::default()
            })
            .collect();
        let edit = |kind, target| Edit {
            rank: 1,
            kind,
            page: 0,
            target,
            place: None,
            topic: 0,
            label: "bikes".to_owned(),
            queries: Vec::new(),
            impressions: 0.0,
            clicks: 0.0,
            avg_position: 0.0,
            coverage: 0.0,
            expected_clicks: 0.0,
            confidence: 0.0,
            reason: String::new(),
            is_decayed: false,
        };
        let mut edits = vec![
            edit(Kind::Link, Some(1)),
            edit(Kind::Link, Some(2)),
            edit(Kind::Write, None),
            edit(Kind::Write, None),
        ];
        let ids = edit_ids(&pages, &edits);
        assert_eq!(ids.iter().collect::<FxHashSet<_>>().len(), 4);
        edits.reverse();
        let again = edit_ids(&pages, &edits);
        assert_eq!(
            ids.iter().rev().collect::<FxHashSet<_>>(),
            again.iter().collect()
        );
        assert_eq!(ids[..2], [again[3].clone(), again[2].clone()]);
    }
}
