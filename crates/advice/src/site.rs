//! Queries that are no question to the page: for its site by name, for some page of a site, or for something else altogether.

use crate::intent;
use crate::words::{compact, is_unspaced, words};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// What is known of whose page it is. Absent and empty are the same.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SiteFacts {
    pub url: String,
    pub canonical_url: Option<String>,
    pub title: Option<String>,
    pub site_name: Option<String>,
    /// Language tag.
    pub language: Option<String>,
    /// Names that the owner gave.
    pub brand: Vec<String>,
}

/// A row of Search Console.
#[derive(Debug, Clone, Deserialize)]
pub struct QueryRow {
    pub query: String,
    pub impressions: f64,
    #[serde(default)]
    pub clicks: f64,
    /// Mean, 1 is the top.
    pub position: Option<f64>,
}

/// Why a query is set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Apart {
    Brand,
    Navigation,
    Unrelated,
}

/// A mean position up to here is that of somebody who looks for the site: Google puts it first, and there it is clicked.
const NAMED_POSITION: f64 = 2.5;
/// The same without the name in the query, which takes more to believe.
const FOUND_POSITION: f64 = 2.0;
const FOUND_RATE: f64 = 0.24;
const FOUND_IMPRESSIONS: f64 = 20.0;
/// A name in more of the queries is their topic as well: a maker's own page.
const TOPICAL_SHARE: f64 = 0.3;
/// A word of as many of the queries says what the page is about.
const HEAD_SHARE: f64 = 0.25;

/// Articles that a name is typed without, and words that a domain has beside a name.
const ARTICLES: &[&str] = &[
    "the", "der", "die", "das", "le", "la", "les", "el", "los", "il", "lo", "de", "het", "o", "a",
];
const DOMAIN_WORDS: &[&str] = &[
    "usa", "us", "uk", "eu", "de", "fr", "es", "it", "nl", "online", "shop", "store", "group",
    "inc", "web", "app", "hq", "official",
];
/// Hosts of others' sites: the name stands before them.
const SHARED_HOSTS: &[&str] = &[
    "blogspot",
    "wordpress",
    "github",
    "gitlab",
    "medium",
    "substack",
    "tumblr",
    "wixsite",
    "netlify",
    "vercel",
    "pages",
];
const SECOND_LEVEL: &[&str] = &[
    "co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "go", "gob", "gouv",
];

#[derive(Debug, Clone)]
struct Name {
    words: Vec<String>,
    compact: String,
    /// Also the topic of the queries.
    is_topical: bool,
}

/// Whose page it is, by what the page says and what people type.
#[derive(Debug, Clone)]
pub struct Site {
    names: Vec<Name>,
    /// Words that say what the page is about.
    head: HashSet<String>,
    title: HashSet<String>,
    language: String,
}

impl Site {
    pub fn new(facts: &SiteFacts, queries: &[QueryRow]) -> Self {
        let mut names: Vec<Vec<String>> = facts.brand.iter().map(|name| words(name)).collect();
        let host = (facts.canonical_url.as_deref())
            .and_then(host_labels)
            .or_else(|| host_labels(&facts.url))
            .unwrap_or_default();
        let site_name = facts.site_name.as_deref().unwrap_or("");
        names.extend(parts(site_name).next().map(|part| bare(words(part))));
        if let Some(label) = host.first() {
            let label: Vec<String> = words(label);
            let proper: Vec<String> = label
                .iter()
                .filter(|word| !DOMAIN_WORDS.contains(&word.as_str()))
                .cloned()
                .collect();
            names.extend([label, proper]);
        }
        let asked: HashSet<String> = (queries.iter())
            .filter(|row| {
                row.position
                    .is_some_and(|position| position <= NAMED_POSITION)
            })
            .map(|row| compact(&row.query))
            .collect();
        let host_text: String = host.iter().map(|label| compact(label)).collect();
        let title = facts.title.as_deref().unwrap_or("");
        if parts(title).count() > 1 {
            for part in parts(title) {
                let part = bare(words(part));
                let name: String = part.concat();
                let is_confirmed = host_text.contains(&name)
                    || (host.first())
                        .is_some_and(|label| label.len() >= 4 && name.contains(&compact(label)))
                    || compact(site_name).contains(&name)
                    || asked.contains(&name);
                if part.len() <= 4 && is_confirmed {
                    names.push(part);
                }
            }
        }
        let mut known = HashSet::new();
        let mut names: Vec<Name> = (names.into_iter())
            .map(|words| Name {
                compact: words.concat(),
                words,
                is_topical: false,
            })
            .filter(|name| name.compact.chars().count() >= least_length(&name.compact))
            .filter(|name| known.insert(name.compact.clone()))
            .collect();
        let all: Vec<Vec<String>> = queries.iter().map(|row| words(&row.query)).collect();
        for name in &mut names {
            let count = all
                .iter()
                .filter(|words| name.rest(words).is_some())
                .count();
            name.is_topical = count as f64 > TOPICAL_SHARE * all.len() as f64;
        }
        let mut counts: HashMap<&String, usize> = HashMap::new();
        for query in &all {
            for word in query.iter().collect::<HashSet<_>>() {
                *counts.entry(word).or_default() += 1;
            }
        }
        let head = (counts.into_iter())
            .filter(|(_, count)| *count as f64 >= HEAD_SHARE * all.len() as f64)
            .map(|(word, _)| word.clone())
            .collect();
        Self {
            names,
            head,
            title: words(title).into_iter().collect(),
            language: facts.language.clone().unwrap_or_default(),
        }
    }

    /// Whether somebody who types this looks for the site, or for some page of a site.
    pub fn apart(&self, row: &QueryRow) -> Option<Apart> {
        let query = words(&row.query);
        let position = row.position.unwrap_or(f64::INFINITY);
        let rate = if row.impressions > 0.0 {
            row.clicks / row.impressions
        } else {
            0.0
        };
        let is_found = position <= FOUND_POSITION
            && rate >= FOUND_RATE
            && row.impressions >= FOUND_IMPRESSIONS;
        for name in &self.names {
            let Some(rest) = name.rest(&query) else {
                continue;
            };
            let is_head = |word: &String| self.head.contains(word) || self.title.contains(word);
            let is_named = if name.is_topical {
                is_found
            } else {
                position <= NAMED_POSITION
                    || (rest.iter().all(is_head) && position <= 2.0 * NAMED_POSITION)
            };
            if rest.is_empty() || intent::is_about_site(&rest, &self.language) || is_named {
                return Some(Apart::Brand);
            }
        }
        let is_short =
            query.len() <= 3 && row.query.chars().filter(|c| is_unspaced(*c)).count() <= 12;
        let names_site = || {
            query
                .iter()
                .any(|word| intent::is_about_site(std::slice::from_ref(word), &self.language))
        };
        // Part of a longer name, as where the site is called after its trade as well.
        let is_own = |word: &String| !self.head.contains(word) && word.chars().count() > 2;
        let has_part = || {
            let mut names = self.names.iter().flat_map(|name| &name.words);
            names.any(|part| is_own(part) && query.contains(part))
        };
        if is_found
            && (is_short || names_site() || has_part())
            && !query.iter().all(|word| self.title.contains(word))
        {
            return Some(Apart::Brand);
        }
        intent::is_navigational(&query, &self.language).then_some(Apart::Navigation)
    }
}

/// For each query why it is set apart, if it is.
///
/// `relation`: each query's cosine with the mean of all queries' vectors, in their order. What ranks far behind the page's
/// other queries and has less to do with them than they have with each other is about something else: Google shows it, people
/// do not want it.
pub fn set_apart(facts: &SiteFacts, queries: &[QueryRow], relation: &[f32]) -> Vec<Option<Apart>> {
    assert_eq!(queries.len(), relation.len());
    let site = Site::new(facts, queries);
    let mut apart: Vec<Option<Apart>> = queries.iter().map(|row| site.apart(row)).collect();
    let rest: Vec<usize> = (0..queries.len()).filter(|&i| apart[i].is_none()).collect();
    let usual = median(rest.iter().filter_map(|&i| queries[i].position).collect());
    let near = median(rest.iter().map(|&i| f64::from(relation[i])).collect());
    let spread = median(
        rest.iter()
            .map(|&i| (f64::from(relation[i]) - near).abs())
            .collect(),
    );
    for i in rest {
        let distance = (near - f64::from(relation[i])) / spread.max(1e-9);
        let behind = queries[i].position.unwrap_or(usual);
        // What shares the page's subject is not soon about something else.
        let shares_subject = || {
            words(&queries[i].query)
                .iter()
                .any(|word| site.head.contains(word))
        };
        let is_far = behind > (2.0 * usual).max(30.0) && distance > 0.5 && !shares_subject();
        let is_lost = behind > (3.0 * usual).max(45.0) && distance > -0.5;
        if is_far || is_lost {
            apart[i] = Some(Apart::Unrelated);
        }
    }
    apart
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

impl Name {
    /// The query's other words when it has the name, also run together, cut apart or with one letter wrong.
    fn rest(&self, query: &[String]) -> Option<Vec<String>> {
        for count in 1..=self.words.len().max(3).min(query.len()) {
            for (at, window) in query.windows(count).enumerate() {
                if self.is_meant(&window.concat()) {
                    return Some([&query[..at], &query[at + count..]].concat());
                }
            }
        }
        // Without spaces, or with more written onto it.
        let least = if self.compact.chars().any(is_unspaced) {
            2
        } else {
            6
        };
        if self.compact.chars().count() < least {
            return None;
        }
        let at = query.iter().position(|word| word.contains(&self.compact))?;
        let mut rest = query.to_vec();
        let left = rest.remove(at).replacen(&self.compact, "", 1);
        if !left.is_empty() {
            rest.insert(at, left);
        }
        Some(rest)
    }

    fn is_meant(&self, text: &str) -> bool {
        text == self.compact
            || (self.compact.chars().count() >= 7
                && !text.chars().any(is_unspaced)
                && is_one_off(text, &self.compact))
    }
}

/// Shorter names are left out: their letters stand for too much else.
fn least_length(name: &str) -> usize {
    if name.chars().any(is_unspaced) { 2 } else { 3 }
}

/// Whether one letter more, less or else, or two swapped, make one of the other.
fn is_one_off(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 || a == b {
        return a == b;
    }
    let front = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let back = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    if front + back + 1 >= a.len().max(b.len()) {
        return true;
    }
    a.len() == b.len()
        && front + back + 2 >= a.len()
        && front + 1 < a.len()
        && a[front] == b[front + 1]
        && a[front + 1] == b[front]
}

/// The parts of a title, parted by what sites put before their name.
fn parts(title: &str) -> impl Iterator<Item = &str> {
    title
        .split(['|', '–', '—', '·', '｜', '»', '«', '•'])
        .flat_map(|part| part.split(" - "))
        .flat_map(|part| part.split(" :: "))
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn bare(mut name: Vec<String>) -> Vec<String> {
    if name.len() > 1 && ARTICLES.contains(&name[0].as_str()) {
        name.remove(0);
    }
    if name.len() > 1
        && name
            .last()
            .is_some_and(|last| ["com", "de", "fr", "nl", "org", "net"].contains(&last.as_str()))
    {
        name.pop();
    }
    name
}

/// The labels of a URL's host that are its owner's, the registered one first; none for an address or a name within a network.
fn host_labels(url: &str) -> Option<Vec<String>> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest
        .split(['/', '?', '#'])
        .next()?
        .rsplit('@')
        .next()?
        .split(':')
        .next()?;
    let mut labels: Vec<String> = host.to_lowercase().split('.').map(str::to_owned).collect();
    let top = labels.pop()?;
    if labels.is_empty() || top.chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    if top.len() == 2
        && labels.len() > 1
        && labels
            .last()
            .is_some_and(|last| SECOND_LEVEL.contains(&last.as_str()))
    {
        labels.pop();
    }
    if labels.len() > 1
        && labels
            .last()
            .is_some_and(|last| SHARED_HOSTS.contains(&last.as_str()))
    {
        labels.pop();
    }
    labels.reverse();
    labels.retain(|label| label != "www");
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(query: &str, position: f64, rate: f64) -> QueryRow {
        QueryRow {
            query: query.into(),
            impressions: 1000.0,
            clicks: 1000.0 * rate,
            position: Some(position),
        }
    }

    fn kinds(facts: SiteFacts, rows: &[QueryRow]) -> Vec<Option<Apart>> {
        let site = Site::new(&facts, rows);
        rows.iter().map(|row| site.apart(row)).collect()
    }

    fn ordinary() -> Vec<QueryRow> {
        (0..20)
            .map(|i| row(&format!("knitting pattern {i}"), 9.0, 0.02))
            .collect()
    }

    #[test]
    fn a_site_is_known_by_its_host_its_name_and_its_title() {
        let facts = SiteFacts {
            url: "https://www.wool-and-more.co.uk/patterns".into(),
            title: Some("Knitting patterns | The Wool Barn".into()),
            site_name: Some("The Wool Barn".into()),
            ..SiteFacts::default()
        };
        let mut rows = ordinary();
        rows.extend([
            row("wool barn", 1.1, 0.5),
            row("woolbarn opening hours", 3.0, 0.1),
            row("wool barm", 1.0, 0.4),
            row("wool and more shop", 2.0, 0.3),
            row("wool barn vest pattern too small", 8.0, 0.02),
            row("cable knitting pattern", 9.0, 0.02),
        ]);
        let brand = Some(Apart::Brand);
        assert_eq!(
            kinds(facts, &rows)[20..],
            [brand, brand, brand, brand, None, None]
        );
    }

    #[test]
    fn a_maker_s_name_is_no_reason_to_set_a_question_apart() {
        let facts = SiteFacts {
            url: "https://www.acme-usa.com/drills".into(),
            title: Some("Drills – Acme".into()),
            ..SiteFacts::default()
        };
        let rows: Vec<QueryRow> = (0..20)
            .map(|i| row(&format!("how to fix acme drill {i}"), 6.0, 0.05))
            .chain([
                row("acme", 1.0, 0.5),
                row("acme login", 1.0, 0.5),
                row("acme drill battery", 1.5, 0.1),
            ])
            .collect();
        let kinds = kinds(facts, &rows);
        assert!(kinds[..20].iter().all(Option::is_none));
        assert_eq!(kinds[20..], [Some(Apart::Brand), Some(Apart::Brand), None]);
    }

    #[test]
    fn who_is_found_first_and_clicked_is_who_was_looked_for() {
        let mut rows = ordinary();
        rows.extend([
            row("jane and peter knit blog", 1.2, 0.5),
            row("jane and peter knit socks", 1.2, 0.5),
        ]);
        assert_eq!(
            kinds(SiteFacts::default(), &rows)[20..],
            [Some(Apart::Brand), None]
        );
    }

    #[test]
    fn part_of_the_name_is_enough_where_it_is_found_first() {
        let facts = SiteFacts {
            site_name: Some("Chauffage Lorient & Fils".into()),
            ..SiteFacts::default()
        };
        let mut rows = ordinary();
        rows.push(row("lorient et fils à nantes", 1.3, 0.4));
        rows.push(row("histoire de lorient et port", 9.0, 0.02));
        assert_eq!(kinds(facts, &rows)[20..], [Some(Apart::Brand), None]);
    }

    #[test]
    fn names_are_found_in_text_without_spaces() {
        let facts = SiteFacts {
            site_name: Some("料理キッチン".into()),
            language: Some("ja".into()),
            ..SiteFacts::default()
        };
        let rows = [
            row("料理キッチン アプリ", 3.0, 0.1),
            row("卵料理 作り方", 4.0, 0.1),
        ];
        assert_eq!(kinds(facts, &rows), [Some(Apart::Brand), None]);
    }

    #[test]
    fn what_ranks_far_behind_and_is_about_something_else_is_unrelated() {
        let mut rows = ordinary();
        rows.extend([
            row("wool coat sale", 45.0, 0.0),
            row("knitting machine", 45.0, 0.0),
            row("yarn calculator", 9.0, 0.0),
        ]);
        let relation: Vec<f32> = (0..20)
            .map(|i| 0.6 + 0.005 * i as f32)
            .chain([0.2, 0.75, 0.2])
            .collect();
        let kinds = set_apart(&SiteFacts::default(), &rows, &relation);
        assert_eq!(kinds[20..], [Some(Apart::Unrelated), None, None]);
    }

    #[test]
    fn one_letter_wrong_is_one_letter() {
        for (a, b, is_near) in [
            ("woolbarn", "woolbarn", true),
            ("woolbarm", "woolbarn", true),
            ("wolbarn", "woolbarn", true),
            ("wooolbarn", "woolbarn", true),
            ("wooblarn", "woolbarn", true),
            ("woodbark", "woolbarn", false),
            ("wool", "woolbarn", false),
        ] {
            assert_eq!(is_one_off(a, b), is_near, "{a}");
        }
    }
}
