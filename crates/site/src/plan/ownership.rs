//! Which page should answer a topic, by how well it covers it, where it stands, its clicks, its type and its title.

use super::answers::Answer;
use super::states::State;
use super::sums::{Sums, sums};
use super::{Owner, Planner, QueryRef, covered};
use crate::model::{Key, Page};
use crate::words::Stem;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

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

/// Whether this is the site's first page.
pub(super) fn is_front(page: &Page) -> bool {
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

/// Most pages whose headings have a word for a page to be found by it.
const MOST_PAGES: usize = 200;

impl Planner {
    /// The page, of those that a query stands on, which should answer it.
    pub(super) fn first_choice(&self, places: &[QueryRef]) -> usize {
        let pages: BTreeSet<usize> = places.iter().map(|place| place.node.page).collect();
        self.owner(pages.into_iter().collect(), places)
            .map_or(places[0].node.page, |owner| owner.page)
    }

    /// Which of `pages` should answer `places`, which may stand on any page, and why.
    pub(super) fn owner(&self, pages: Vec<usize>, places: &[QueryRef]) -> Option<Owner> {
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
        let mut reasons = vec![covered(*coverage)];
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

    /// Who should own a query that a page is shown for, where it is another page.
    pub(super) fn owners(&self) -> FxHashMap<QueryRef, usize> {
        let mut owners = FxHashMap::default();
        for (&place, &state) in &self.progress.states {
            if let State::Elsewhere { page } = state {
                owners.insert(place, page);
            }
        }
        for &(pages, contest) in &self.progress.contests {
            owners.extend((self.contested(pages).into_iter()).map(|place| (place, contest.owner)));
        }
        owners.retain(|place, owner| place.node.page != *owner);
        owners
    }

    /// How well a page covers queries, by impressions; those that it is not known for count as not covered.
    pub(super) fn coverage_on(&self, page: usize, places: &[QueryRef]) -> f64 {
        let own: FxHashMap<Key, f64> = (places.iter().filter(|place| place.node.page == page))
            .map(|&place| (self.query(place).key, self.query(place).coverage))
            .collect();
        let (mut weight, mut covered) = (0.0, 0.0);
        for &place in places {
            let query = self.query(place);
            let coverage = own.get(&query.key).copied();
            let coverage = coverage.or_else(|| Some(self.answer_of(page, query.key)?.coverage));
            weight += query.impressions;
            covered += query.impressions * coverage.unwrap_or(0.0);
        }
        if weight > 0.0 { covered / weight } else { 0.0 }
    }

    /// The best that was found on a page for a query which it is not shown for.
    pub(super) fn answer_of(&self, page: usize, key: Key) -> Option<&Answer> {
        (self.answers.to(key))
            .filter(|found| found.other as usize == page)
            .max_by(|a, b| a.coverage.total_cmp(&b.coverage))
    }

    /// The best fit that any page has for queries.
    pub(super) fn best_fit(&self, places: &[QueryRef]) -> f64 {
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
    pub(super) fn fit(&self, page: usize, places: &[QueryRef]) -> f64 {
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
}
