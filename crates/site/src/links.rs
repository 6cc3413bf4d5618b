//! Internal links: sentences that speak of what another page answers. Suggested, never inserted.

use crate::model::{Key, Page, TopicQuery};
use crate::plan::class;
use crate::words::{Profile, stem, stem_of, words};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The text of a page, as links are looked for in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageText {
    pub segments: Vec<Segment>,
    /// Addresses that the page links to already, absolute or from the site's root.
    #[serde(default)]
    pub links: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub id: i64,
    pub kind: String,
    #[serde(default)]
    pub heading_path: Vec<String>,
    pub text: String,
}

/// A link that could be set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    pub page_id: String,
    pub url: String,
    pub target_page_id: String,
    pub target_url: String,
    pub segment_id: i64,
    pub heading_path: Vec<String>,
    /// The sentence as it stands, and the words in it that would be the link.
    pub sentence: String,
    pub anchor: String,
    /// Impressions of the target's queries that have these words.
    pub impressions: f64,
}

/// Most links that are suggested on one page.
const MAX_PER_PAGE: usize = 5;
/// Most words of an anchor.
const MAX_WORDS: usize = 3;
/// Share of an expression's impressions that one page must own for the expression to name that page; a single word needs more.
const OWNED: f64 = 0.6;
const OWNED_ALONE: f64 = 0.8;
/// Share of a page's impressions from which an expression is what the page is looked for by; again a single word needs more.
const NAMES: f64 = 0.15;
const NAMES_ALONE: f64 = 0.4;
/// Share of a word's impressions on its page in one longer expression from which it is only a part of that.
const PART: f64 = 0.8;
/// Fewest impressions of an expression, in queries that its page answers.
const MIN_IMPRESSIONS: f64 = 100.0;

/// What each page may be looked for by, as it is worked out: first of each page, then how much other pages are looked for by the same.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Names {
    /// By expression, stems joined with a space: its pages, each with the impressions of its queries that have it.
    of_pages: BTreeMap<String, Vec<(usize, f64)>>,
    /// Impressions of all queries that have an expression.
    impressions: BTreeMap<String, f64>,
    /// Pages whose queries have a stem with which an expression begins or ends.
    pages_with: BTreeMap<String, u32>,
}

fn stems_of(query: &TopicQuery) -> Vec<String> {
    words(&query.query).map(|word| stem(word.text)).collect()
}

/// The expressions of a query, each once.
fn grams(stems: &[String]) -> BTreeSet<String> {
    (1..=MAX_WORDS)
        .flat_map(|length| stems.windows(length).map(|gram| gram.join(" ")))
        .collect()
}

impl Names {
    /// Expressions that a page is looked for by, with their impressions. `queries`: those that the page owns. Pages that serve who comes
    /// for the site itself have none.
    pub(crate) fn of_page(
        page: &Page,
        profile: &Profile,
        queries: &[&TopicQuery],
    ) -> Vec<(String, f64)> {
        if !is_target(page) {
            return Vec::new();
        }
        let all: f64 = queries.iter().map(|query| query.impressions).sum();
        // Impressions, the first query, and whether there is another one: a single word of a single query is chance.
        let mut uses: FxHashMap<String, (f64, Key, bool)> = FxHashMap::default();
        for query in queries {
            for gram in grams(&stems_of(query)) {
                let uses = uses.entry(gram).or_insert((0.0, query.key, false));
                uses.0 += query.impressions;
                uses.2 |= uses.1 != query.key;
            }
        }
        // A word that hardly stands but in one longer expression is a part of it, and names nothing alone.
        let mut parts: HashSet<&str> = HashSet::new();
        for (gram, (whole, _, is_rule)) in &uses {
            if *is_rule && gram.contains(' ') {
                parts.extend(
                    gram.split(' ')
                        .filter(|&part| *whole >= PART * uses[part].0),
                );
            }
        }
        let mut found: Vec<(String, f64)> = (uses.iter())
            .filter(|(gram, (impressions, _, is_rule))| {
                let is_longer = gram.contains(' ');
                let names = if is_longer { NAMES } else { NAMES_ALONE };
                (is_longer || *is_rule)
                    && *impressions >= MIN_IMPRESSIONS
                    && *impressions >= names * all
                    && !parts.contains(&gram[..])
                    // A page that has the words in a heading is about them, not merely found by them.
                    && (gram.split(' ')).all(|stem| profile.subject.contains(stem_of(stem)))
            })
            .map(|(gram, &(impressions, ..))| (gram.clone(), impressions))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// Adds what [`Self::of_page`] found; page by page.
    pub(crate) fn push(&mut self, page: usize, found: Vec<(String, f64)>) {
        for (gram, impressions) in found {
            for end in [gram.split(' ').next(), gram.split(' ').next_back()] {
                self.pages_with
                    .entry(end.unwrap_or_default().to_owned())
                    .or_default();
            }
            self.impressions.entry(gram.clone()).or_default();
            self.of_pages
                .entry(gram)
                .or_default()
                .push((page, impressions));
        }
    }

    /// Counts a page's queries, whoever owns them; after all pages were pushed.
    pub(crate) fn count<'q>(&mut self, queries: impl Iterator<Item = &'q TopicQuery>) {
        let mut with: BTreeSet<String> = BTreeSet::new();
        for query in queries {
            let stems = stems_of(query);
            for gram in grams(&stems) {
                if let Some(sum) = self.impressions.get_mut(&gram) {
                    *sum += query.impressions;
                }
            }
            with.extend(stems);
        }
        for stem in with {
            if let Some(count) = self.pages_with.get_mut(&stem) {
                *count += 1;
            }
        }
    }

    /// Who owns an expression is named by it.
    pub(crate) fn finder(&self, pages: &[Page]) -> LinkFinder {
        let common = (pages.len() as f64 / 3.0).max(2.0);
        let is_common = |stem: &str| {
            stem.chars().count() < 3
                || (self.pages_with.get(stem)).is_some_and(|&count| f64::from(count) > common)
        };
        let mut owned = BTreeMap::new();
        for (gram, of_pages) in &self.of_pages {
            let ends = [gram.split(' ').next(), gram.split(' ').next_back()];
            if ends.into_iter().flatten().any(is_common) {
                continue;
            }
            let share = if gram.contains(' ') {
                OWNED
            } else {
                OWNED_ALONE
            };
            let least = share * self.impressions.get(gram).copied().unwrap_or_default();
            // At most one page has more than half.
            if let Some(&owner) = (of_pages.iter()).find(|(_, impressions)| *impressions >= least) {
                owned.insert(gram.clone(), owner);
            }
        }
        let pages = pages
            .iter()
            .map(|page| (page.id.clone(), page.url.clone()))
            .collect();
        LinkFinder {
            owned,
            pages,
            by_path: HashMap::new(),
        }
        .ready()
    }
}

/// What each page is looked for by: expressions of one to three words that stand in its queries and hardly in other pages'.
#[derive(Serialize, Deserialize)]
pub struct LinkFinder {
    /// By stems joined with a space: the page and the impressions.
    owned: BTreeMap<String, (usize, f64)>,
    /// Ids and addresses of the pages.
    pages: Vec<(String, String)>,
    #[serde(skip)]
    by_path: HashMap<String, usize>,
}

impl LinkFinder {
    /// Works out what is not stored; after reading a finder back.
    pub fn ready(mut self) -> Self {
        self.by_path = (self.pages.iter().enumerate())
            .map(|(index, (_, url))| (path(url), index))
            .collect();
        self
    }

    /// Links that a page could set, those with the most impressions first.
    pub fn find(&self, page_id: &str, text: &PageText) -> Vec<Link> {
        let Some(index) = self.pages.iter().position(|(id, _)| id == page_id) else {
            return Vec::new();
        };
        let url = &self.pages[index].1;
        let mut linked: HashSet<usize> = (text.links.iter())
            .filter_map(|link| self.by_path.get(&resolve(url, link)).copied())
            .collect();
        linked.insert(index);
        let mut best: HashMap<usize, Link> = HashMap::new();
        for segment in text.segments.iter().filter(|s| s.kind != "heading") {
            for sentence in sentences(&segment.text) {
                let words: Vec<_> = words(sentence).collect();
                let stems: Vec<String> = words.iter().map(|word| stem(word.text)).collect();
                let mut next = 0;
                while next < words.len() {
                    let longest = (1..=MAX_WORDS.min(words.len() - next)).rev();
                    let found = longest
                        .map(|length| (length, stems[next..next + length].join(" ")))
                        .find_map(|(length, gram)| Some((length, *self.owned.get(&gram)?)));
                    let Some((length, (target, impressions))) = found else {
                        next += 1;
                        continue;
                    };
                    let anchor = &sentence[words[next].start..words[next + length - 1].end];
                    next += length;
                    if linked.contains(&target) {
                        continue;
                    }
                    let link = Link {
                        page_id: page_id.to_owned(),
                        url: url.clone(),
                        target_page_id: self.pages[target].0.clone(),
                        target_url: self.pages[target].1.clone(),
                        segment_id: segment.id,
                        heading_path: segment.heading_path.clone(),
                        sentence: sentence.to_owned(),
                        anchor: anchor.to_owned(),
                        impressions,
                    };
                    // The most telling words, and the first place where they stand.
                    best.entry(target)
                        .and_modify(|old| {
                            if old.anchor.split_whitespace().count()
                                < anchor.split_whitespace().count()
                            {
                                *old = link.clone();
                            }
                        })
                        .or_insert(link);
                }
            }
        }
        let mut links: Vec<(usize, Link)> = best.into_iter().collect();
        links.sort_by(|(a, left), (b, right)| {
            (right.impressions.total_cmp(&left.impressions)).then(a.cmp(b))
        });
        links.truncate(MAX_PER_PAGE);
        links.into_iter().map(|(_, link)| link).collect()
    }
}

/// The site's first page is a link away from everywhere, and nobody needs to be led to the imprint.
fn is_target(page: &Page) -> bool {
    class(&page.page_type) != "service" && !path(&page.url).is_empty()
}

/// What of an address tells a page of the site from the others: without scheme, host, query, fragment and the last slash.
pub(crate) fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| {
        rest.find('/').map_or("/", |slash| &rest[slash..])
    });
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let path = rest[..end].trim_end_matches('/');
    path.to_owned()
}

/// The path that a link of a page leads to: as [`path`], with what is said from the page's own folder resolved.
fn resolve(url: &str, link: &str) -> String {
    if link.contains("://") || link.starts_with('/') {
        return path(link);
    }
    // Without the last slash, an address ends in its folder only when it had one.
    let base = url.split(['?', '#']).next().unwrap_or_default();
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = path(&format!("{folder}/"));
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let below = path(&format!("/{link}"));
    for part in below.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().map(|part| format!("/{part}")).collect()
}

/// Sentences end at `.`, `!`, `?` or the like before a space, or with the text.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let mut characters = rest.char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, character)) = characters.next() {
            let is_end = matches!(character, '.' | '!' | '?' | '…' | '。' | '！' | '？');
            if is_end
                && characters
                    .peek()
                    .is_none_or(|(_, next)| next.is_whitespace())
            {
                end = at + character.len_utf8();
                break;
            }
        }
        let (sentence, after) = rest.split_at(end);
        rest = after;
        Some(sentence.trim_end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_cut_where_they_end() {
        let text = "Take 1.5 litres. Stir!  Then wait… or not? Done";
        let found: Vec<_> = sentences(text).collect();
        assert_eq!(
            found,
            ["Take 1.5 litres.", "Stir!", "Then wait…", "or not?", "Done"]
        );
        assert_eq!(sentences("  ").count(), 0);
    }

    #[test]
    fn links_lead_where_a_browser_would_go() {
        for (url, link, to) in [
            (
                "https://a.example/guides/press/",
                "../grind-size/",
                "/guides/grind-size",
            ),
            (
                "https://a.example/guides/press",
                "grind-size",
                "/guides/grind-size",
            ),
            (
                "https://a.example/guides/press/",
                "./parts/#top",
                "/guides/press/parts",
            ),
            ("https://a.example/guides/press/", "/shop", "/shop"),
            ("https://a.example/guides/press/", "../../", ""),
            ("https://a.example/", "shop/?x=1", "/shop"),
        ] {
            assert_eq!(resolve(url, link), to, "{link} on {url}");
        }
    }

    #[test]
    fn addresses_of_one_page_are_one() {
        for url in [
            "https://a.example/b/",
            "/b",
            "/b/#top",
            "http://www.a.example/b?x=1",
        ] {
            assert_eq!(path(url), "/b");
        }
        assert_eq!(path("https://a.example"), "");
        assert_eq!(path("https://a.example/"), "");
    }
}
