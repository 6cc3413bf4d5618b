//! The edits of each kind, what they may bring, and their ranks.

use super::ownership::class;
use super::states::State;
use super::sums::sums;
use super::{Edit, Kind, OfTopic, Owner, Planner, QueryRef, STRIKING, covered, percent, questions};
use crate::model::{ANSWERED, Key, Page, PageEdit};
use crate::topics::TopicRef;
use pageperfect_advice::grouped;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Share of a page's impressions in contested queries from which the page is about what the other one is about.
const SAME_PAGE: f64 = 0.5;

/// Average position from which Google finds that no page of the site fits.
const FAR: f64 = 15.0;

/// Share of a topic's telling words in a page's title and headings, below which no page is about what Google finds no page for.
const FITS_WELL: f64 = 0.5;

/// Average position beyond which a page is not shown for what it is about, whatever it says.
const OUT_OF_REACH: f64 = 30.0;

/// Clicks a month that an edit must promise.
const LEAST_CLICKS: f64 = 1.0;

/// Where a new page begins: on the lower half of the first page of results.
const NEW_PAGE_POSITION: f64 = 8.0;

/// How many of a topic's queries a plan names.
pub(super) const NAMED: usize = 20;

/// How many other pages, or other topics, the reason of an edit names.
pub(super) const NAMED_OTHERS: usize = 5;

/// Most pages that one page is to link to for what they own.
const MOST_LINKS: usize = 5;

/// How two pages that answer the same should get on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Contest {
    /// Which of them should own it.
    pub(super) owner: usize,
    /// What becomes of the other: merge or link.
    kind: Kind,
    /// Of the queries that both are shown for.
    impressions: f64,
    /// Their share of the impressions of the other page.
    share: f64,
}

/// Those that promise most first.
pub(super) fn by_gain(a: &Edit, b: &Edit) -> Ordering {
    (b.expected_clicks.total_cmp(&a.expected_clicks))
        .then((a.page, a.kind, &a.label).cmp(&(b.page, b.kind, &b.label)))
}

/// The pages of two topics, the lesser number first.
pub(super) fn pages_of((a, b): &(TopicRef, TopicRef)) -> (usize, usize) {
    (a.page.min(b.page), a.page.max(b.page))
}

impl Contest {
    fn lesser(&self, pages: (usize, usize)) -> usize {
        if self.owner == pages.0 {
            pages.1
        } else {
            pages.0
        }
    }
}

/// Median position of what the site answers, by impressions; 3 when it answers nothing. Never better than 2: a plan promises
/// no first place.
pub(super) fn usual_position(pages: &[Page]) -> f64 {
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

impl Planner {
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
    pub(super) fn reach(&self) -> impl Fn(f64) -> f64 + use<> {
        let usual = self.usual_position;
        move |position: f64| position.min(usual)
    }

    /// Ranks the edits and the topics.
    pub(super) fn rank(&mut self) {
        let mut edits = std::mem::take(&mut self.progress.edits);
        // Pages that compete are worth knowing of whatever it brings.
        edits.retain(|edit| {
            edit.expected_clicks >= LEAST_CLICKS || matches!(edit.kind, Kind::Merge | Kind::Link)
        });
        edits.sort_by(by_gain);
        let mut expected = vec![0.0; self.groups().len()];
        for edit in &edits {
            expected[edit.topic] += edit.expected_clicks;
        }
        let mut edits = self.joined(edits);
        for (index, edit) in edits.iter_mut().enumerate() {
            edit.rank = index + 1;
        }
        edits.truncate(self.input.top.unwrap_or(usize::MAX));
        let impressions: Vec<f64> = (self.groups().iter())
            .map(|nodes| sums(nodes.iter().flat_map(|&node| &self.topic(node).queries)).impressions)
            .collect();
        let mut order: Vec<usize> = (0..self.groups().len()).collect();
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

    pub(super) fn edit(&self, kind: Kind, page: usize, places: &[QueryRef]) -> Edit {
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
    pub(super) fn named(&self, places: &[QueryRef]) -> Vec<String> {
        let mut by_key: BTreeMap<Key, (f64, &str)> = BTreeMap::new();
        for &place in places {
            let query = self.query(place);
            by_key.entry(query.key).or_insert((0.0, &query.query)).0 += query.impressions;
        }
        let mut named: Vec<_> = by_key.into_values().collect();
        named.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        named
            .into_iter()
            .take(NAMED)
            .map(|(_, text)| text.to_owned())
            .collect()
    }

    /// Who of two pages that answer the same should own it, and what becomes of the other: of two that are about the same one goes, else
    /// the lesser links to the owner.
    pub(super) fn contest(&self, (a, b): (usize, usize)) -> Option<Contest> {
        let places = self.contested((a, b));
        let owner = self.owner(vec![a, b], &places)?.page;
        let shown = |page: usize| -> f64 {
            questions(&self.input.pages[page])
                .map(|query| query.impressions)
                .sum()
        };
        let share = |page: usize| self.contested_on(page, &places) / shown(page).max(1.0);
        let [left, right] = [a, b].map(|page| class(&self.input.pages[page].page_type));
        let is_half = share(a).max(share(b)) >= SAME_PAGE;
        // What is asked alike of several pages without a query in common is a contest when one of them is about little else.
        if !is_half && !self.progress.contested.contains_key(&(a, b)) {
            return None;
        }
        let is_same = is_half && left == right;
        let lesser = if owner == a { b } else { a };
        Some(Contest {
            owner,
            kind: if is_same { Kind::Merge } else { Kind::Link },
            impressions: self.contested_on(a, &places) + self.contested_on(b, &places),
            share: share(lesser),
        })
    }

    /// What two pages compete for.
    pub(super) fn contested(&self, pages: (usize, usize)) -> Vec<QueryRef> {
        let shared = self.progress.contested.get(&pages).into_iter().flatten();
        let rivals = &self.progress.rivals;
        let first = rivals.partition_point(|&rival| self.rival_pages(rival) < pages);
        let alike = (rivals[first..].iter())
            .take_while(|&&rival| self.rival_pages(rival) == pages)
            .flat_map(|&rival| <[TopicRef; 2]>::from(self.input.grouping.rivals[rival as usize]))
            .flat_map(|node| self.answered_queries(node));
        let places: BTreeSet<QueryRef> = shared.copied().chain(alike).collect();
        places.into_iter().collect()
    }

    /// The pages of two topics that mean the same; rising, as the grouping's rivals are ordered.
    pub(super) fn rival_pages(&self, rival: u32) -> (usize, usize) {
        pages_of(&self.input.grouping.rivals[rival as usize])
    }

    fn contest_of(&self, pages: (usize, usize)) -> Option<&Contest> {
        let contests = &self.progress.contests;
        let found = contests.binary_search_by_key(&pages, |(pages, _)| *pages);
        Some(&contests[found.ok()?].1)
    }

    fn contested_on(&self, page: usize, places: &[QueryRef]) -> f64 {
        let own = places.iter().filter(|place| place.node.page == page);
        sums(own.map(|&place| self.query(place))).impressions
    }

    /// The contests that become edits: a page can go but once, and one that goes need not link; one that stays links to the few that it
    /// competes with most. On a site whose pages are all alike there are as many contests as pairs of pages.
    pub(super) fn settled_contests(&self) -> Vec<(usize, usize)> {
        let mut by_lesser: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for of_pages in &self.progress.contests {
            let (pages, contest) = of_pages;
            let lesser = contest.lesser(*pages);
            by_lesser.entry(lesser).or_default().push(of_pages);
        }
        let mut settled = Vec::new();
        for mut of_page in by_lesser.into_values() {
            of_page.sort_by(|(a, of_a), (b, of_b)| {
                (of_b.impressions.total_cmp(&of_a.impressions)).then(a.cmp(b))
            });
            let merger = (of_page.iter()).find(|(_, contest)| contest.kind == Kind::Merge);
            match merger {
                Some((pages, _)) => settled.push(*pages),
                None => settled.extend(of_page.iter().take(MOST_LINKS).map(|(pages, _)| *pages)),
            }
        }
        settled.sort_unstable();
        settled
    }

    /// Several pages answer the same.
    pub(super) fn competing(&mut self, pages: (usize, usize)) {
        let Some(&contest) = self.contest_of(pages) else {
            return;
        };
        let Contest {
            owner, kind, share, ..
        } = contest;
        let places = self.contested(pages);
        let Some(Owner { reason, .. }) = self.owner(vec![pages.0, pages.1], &places) else {
            return;
        };
        let lesser = contest.lesser(pages);
        let mut edit = self.edit(kind, lesser, &places);
        edit.target = Some(owner);
        // Together they come to stand where the better one does, or better.
        let mut best: FxHashMap<Key, f64> = FxHashMap::default();
        for &place in &places {
            let query = self.query(place);
            let position = best.entry(query.key).or_insert(query.position);
            *position = position.min(query.position);
        }
        let usual = self.usual_position;
        edit.expected_clicks = self.months
            * (places.iter())
                .map(|&place| {
                    let query = self.query(place);
                    let best = best[&query.key];
                    // One query is one search: only the page that stays is counted at its better place.
                    let weight = if place.node.page == owner { 1.0 } else { 0.0 };
                    let target = (0.75 * best).max(usual.min(best));
                    weight
                        * self
                            .input
                            .curve
                            .gain(query.impressions, query.position, target)
                })
                .sum::<f64>();
        edit.confidence = share.clamp(0.3, 0.95);
        edit.reason = format!(
            "{} queries are answered by two pages; {} should own them: {}",
            grouped(best.len() as f64),
            self.input.pages[owner].url,
            reason
        );
        self.progress.edits.push(edit);
    }

    /// Queries by the page that Google shows, which does not answer them, and the one that does.
    pub(super) fn moves(&self) -> Vec<((usize, usize), Vec<QueryRef>)> {
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
    pub(super) fn elsewhere(&self, (page, target): (usize, usize), places: &[QueryRef]) -> Edit {
        let mut edit = self.edit(Kind::Move, page, places);
        edit.target = Some(target);
        edit.expected_clicks = self.gain(places, self.reach());
        let coverage = self.coverage_on(target, places);
        edit.confidence = (coverage - edit.coverage).clamp(0.1, 0.95);
        edit.reason = format!(
            "shown at position {:.1} for what {} answers ({} there, {} here)",
            edit.avg_position,
            self.input.pages[target].url,
            covered(coverage),
            percent(edit.coverage)
        );
        edit
    }

    /// No page answers. With the edit: queries that what it extends answers.
    pub(super) fn open(
        &self,
        group: usize,
        decays: &FxHashMap<TopicRef, usize>,
    ) -> Option<(Edit, Vec<QueryRef>)> {
        let nodes = &self.of_theme(&self.groups()[group]);
        let open = |node: TopicRef| self.open_queries(node);
        let places: Vec<QueryRef> = nodes.iter().flat_map(|&node| open(node)).collect();
        if places.is_empty() {
            return None;
        }
        let best_fit = self.best_fit(&places);
        let position = sums(places.iter().map(|&place| self.query(place))).position();
        if position >= OUT_OF_REACH {
            return None;
        }
        if best_fit < FITS_WELL && position >= FAR {
            let page = self.most_shown(&places);
            let mut edit = self.edit(Kind::NewPage, page, &places);
            let reach = self.usual_position.max(NEW_PAGE_POSITION);
            edit.expected_clicks = self.gain(&places, |position| position.min(reach));
            edit.confidence = (1.0 - best_fit / FITS_WELL).clamp(0.3, 0.9);
            edit.reason = format!(
                "no page is about it: {:.0} % of its telling words stand in a title or heading, and it is shown at {position:.1}",
                100.0 * best_fit
            );
            return Some((edit, Vec::new()));
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
            edit.place = found.place.value();
            edit.confidence = found.confidence;
        }
        edit.reason = self.why(&edit, &own);
        if kind == Kind::Write {
            edit.place = self.place_of(owner.page, &own, edit.place);
        }
        if let (Some(headings), false) = (spoken, is_partly) {
            edit.place = Some(serde_json::json!({
                "kind": "extend", "after_heading": headings.last(), "heading_path": headings,
            }));
            edit.reason = "a passage speaks of it and does not answer it".to_owned();
        }
        let mut extended = Vec::new();
        if kind == Kind::Extend {
            extended = self.answered_at(owner.page, edit.place.as_ref(), decays);
        }
        if !extended.is_empty() {
            let all: Vec<QueryRef> = own.iter().chain(&extended).copied().collect();
            let sums = sums(all.iter().map(|&place| self.query(place)));
            edit.queries = self.named(&all);
            edit.impressions = sums.impressions;
            edit.clicks = sums.clicks;
            edit.avg_position = sums.position();
            edit.coverage = self.coverage_on(owner.page, &all);
            edit.expected_clicks = self.gain(&all, self.reach());
            edit.reason = format!(
                "{}; with {} that the section answers already, {}",
                edit.reason,
                self.counted(&extended),
                covered(edit.coverage)
            );
        }
        if pages.len() > 1 {
            let others = pages.iter().filter(|&&page| page != owner.page);
            let mut urls: Vec<_> = others
                .map(|&page| &self.input.pages[page].url[..])
                .take(NAMED_OTHERS)
                .collect();
            let more = format!("{} more", grouped((pages.len() - 1 - urls.len()) as f64));
            if pages.len() - 1 > urls.len() {
                urls.push(&more);
            }
            edit.reason = format!("{}; also looked for on {}", edit.reason, urls.join(", "));
        }
        Some((edit, extended))
    }

    /// Answered and within reach; or answered once with more success than today. One edit a page for each: who improves a page has
    /// all of it before them.
    pub(super) fn improved(
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
            "answered ({}) and shown at position {:.1}",
            covered(edit.coverage),
            edit.avg_position
        );
        if let Some(found) = self.page_edit(*node, &["improve"]) {
            edit.place = found.place.value();
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
                "{}; it brought {} clicks in the period before and {} now",
                edit.reason,
                grouped(before),
                grouped(after)
            );
        }
        Some(edit)
    }

    /// What is known of a topic that the page leaves open.
    fn why(&self, edit: &Edit, places: &[QueryRef]) -> String {
        format!(
            "{} {} with {} impressions at position {:.1} ({})",
            if edit.kind == Kind::Write {
                "nothing on the page answers"
            } else {
                "the page answers a part of"
            },
            self.counted(places),
            grouped(edit.impressions),
            edit.avg_position,
            covered(edit.coverage)
        )
    }

    /// How many different queries, in words: an edit names only the first of them.
    fn counted(&self, places: &[QueryRef]) -> String {
        let keys: BTreeSet<Key> = places.iter().map(|&place| self.query(place).key).collect();
        match keys.len() {
            1 => "a query".to_owned(),
            count => format!("{} queries", grouped(count as f64)),
        }
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
}
