//! Internal links: sentences that speak of what another page answers. Suggested, never inserted.

use crate::model::Page;
use crate::plan::{Kind, Plan, class};
use crate::words::{Profile, stem, stem_of, words};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

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
/// Share of a word's impressions in one longer expression from which it is only a part of that.
const PART: f64 = 0.8;
/// Fewest impressions of an expression, in queries that its page answers.
const MIN_IMPRESSIONS: f64 = 100.0;
/// Fewest different queries with a single word; an expression of several is less of a chance.
const MIN_QUERIES: usize = 2;

/// What each page is looked for by: expressions of one to three words that stand in its queries and hardly in other pages'.
#[derive(Serialize, Deserialize)]
pub struct LinkFinder {
    /// By stems joined with a space: the page and the impressions.
    owned: HashMap<String, (usize, f64)>,
    /// Ids and addresses of the pages.
    pages: Vec<(String, String)>,
    #[serde(skip)]
    by_path: HashMap<String, usize>,
}

impl LinkFinder {
    /// What `plan` says about who owns a query counts for its owner, whichever page Google shows. Pages that serve who comes for the
    /// site itself, and those that shall be merged into others, are no targets.
    pub fn new(pages: &[Page], profiles: &[Profile], plan: &Plan) -> Self {
        let gone: HashSet<usize> = (plan.edits.iter())
            .filter(|edit| edit.kind == Kind::Merge)
            .map(|edit| edit.page)
            .collect();
        let mut uses: HashMap<String, Uses> = HashMap::new();
        let mut of_page: HashMap<usize, f64> = HashMap::new();
        let mut pages_with: HashMap<String, HashSet<usize>> = HashMap::new();
        for (index, page) in pages.iter().enumerate() {
            for query in (page.topics.iter())
                .filter(|topic| topic.is_question())
                .flat_map(|topic| &topic.queries)
            {
                let text = query.key.clone();
                let owner = *plan.owners.get(&(index, text.clone())).unwrap_or(&index);
                *of_page.entry(owner).or_default() += query.impressions;
                let stems: Vec<String> = words(&query.query).map(|word| stem(word.text)).collect();
                for stem in &stems {
                    pages_with.entry(stem.clone()).or_default().insert(index);
                }
                let grams: HashSet<String> = (1..=MAX_WORDS)
                    .flat_map(|length| stems.windows(length).map(|gram| gram.join(" ")))
                    .collect();
                for gram in grams {
                    let uses = uses.entry(gram).or_default();
                    uses.impressions += query.impressions;
                    *uses.by_page.entry(owner).or_default() += query.impressions;
                    uses.queries.insert(text.clone());
                }
            }
        }
        // A word that hardly stands but in one longer expression is a part of it, and names nothing alone.
        let mut parts: HashSet<String> = HashSet::new();
        for (gram, whole) in uses.iter().filter(|(gram, _)| gram.contains(' ')) {
            for part in gram.split(' ') {
                let is_rule = whole.queries.len() >= MIN_QUERIES;
                if is_rule && whole.impressions >= PART * uses[part].impressions {
                    parts.insert(part.to_owned());
                }
            }
        }
        let common = (pages.len() as f64 / 3.0).max(2.0);
        let is_common = |stem: &str| {
            stem.chars().count() < 3
                || (pages_with.get(stem)).is_some_and(|pages| pages.len() as f64 > common)
        };
        let owned = (uses.into_iter())
            .filter(|(gram, uses)| {
                let (first, last) = (gram.split(' ').next(), gram.split(' ').next_back());
                (uses.queries.len() >= MIN_QUERIES || gram.contains(' '))
                    && !parts.contains(gram)
                    && !first.is_none_or(is_common)
                    && !last.is_none_or(is_common)
            })
            .filter_map(|(gram, uses)| {
                let (page, impressions) = (uses.by_page.into_iter())
                    .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
                let share = if gram.contains(' ') {
                    OWNED
                } else {
                    OWNED_ALONE
                };
                let part = if gram.contains(' ') {
                    NAMES
                } else {
                    NAMES_ALONE
                };
                let is_named = impressions >= MIN_IMPRESSIONS
                    && impressions >= share * uses.impressions
                    && impressions >= part * of_page[&page]
                    // A page that has the words in a heading is about them, not merely found by them.
                    && (profiles.get(page)).is_some_and(|profile| {
                        (gram.split(' ')).all(|stem| profile.subject.contains(stem_of(stem)))
                    })
                    && !gone.contains(&page)
                    && is_target(&pages[page]);
                is_named.then_some((gram, (page, impressions)))
            })
            .collect();
        let pages = pages
            .iter()
            .map(|page| (page.id.clone(), page.url.clone()))
            .collect();
        Self {
            owned,
            pages,
            by_path: HashMap::new(),
        }
        .ready()
    }

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

#[derive(Default)]
struct Uses {
    impressions: f64,
    by_page: HashMap<usize, f64>,
    queries: HashSet<String>,
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
