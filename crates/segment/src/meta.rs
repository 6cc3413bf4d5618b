//! What the page says about itself: title, description, canonical URL, language, date.

use crate::source::Source;
use crate::tree::{Data, Node};
use html5ever::local_name;

/// Facts about the page as a whole; empty where the page does not tell.
#[derive(Default, Debug)]
pub struct Meta {
    pub title: String,
    pub description: String,
    pub canonical_url: Option<String>,
    pub language: Option<String>,
    pub published_at: Option<String>,
    /// What the page is said to be: 1 article, 2 product, 4 discussion, 8 collection.
    pub kinds: u8,
}

const ARTICLE: u8 = 1;
const PRODUCT: u8 = 2;
const DISCUSSION: u8 = 4;
const COLLECTION: u8 = 8;

impl Meta {
    /// Whether the page says that it is a thread of posts or questions and answers.
    pub fn is_discussion(&self) -> bool {
        self.kinds & DISCUSSION != 0
    }

    /// Whether the page says that it is an article of any kind.
    pub fn is_article(&self) -> bool {
        self.kinds & ARTICLE != 0
    }

    pub fn read(page: &Source, source: &str) -> Meta {
        let mut meta = Meta::default();
        let mut title = String::new();
        let (mut og_title, mut og_description, mut og_url) = (None, None, None);
        let (mut date, mut time) = (None, None);
        let mut heading = None;
        for node in page.document.descendants() {
            let Some(name) = node.name() else { continue };
            let attribute = |wanted: &str| node.attribute(wanted).map(|value| clean(&value));
            match *name {
                local_name!("html") => {
                    meta.language = attribute("lang")
                        .or_else(|| attribute("xml:lang"))
                        .filter(|l| !l.is_empty());
                }
                local_name!("title") if title.is_empty() => title = text_of(node),
                local_name!("h1") if heading.is_none() => heading = Some(text_of(node)),
                local_name!("link") => {
                    if attribute("rel").is_some_and(|rel| rel.eq_ignore_ascii_case("canonical")) {
                        meta.canonical_url =
                            meta.canonical_url.take().or_else(|| attribute("href"));
                    }
                }
                local_name!("time") if time.is_none() => {
                    time = attribute("datetime").filter(|value| is_date(value));
                }
                local_name!("meta") => {
                    let Some(content) = attribute("content").filter(|content| !content.is_empty())
                    else {
                        continue;
                    };
                    let name = attribute("property")
                        .or_else(|| attribute("name"))
                        .or_else(|| attribute("itemprop"))
                        .or_else(|| attribute("http-equiv"))
                        .unwrap_or_default()
                        .to_ascii_lowercase();
                    match &*name {
                        "og:title" => og_title = Some(content),
                        "og:description" | "twitter:description" => {
                            og_description.get_or_insert(content);
                        }
                        "description" => meta.description = content,
                        "og:url" => og_url = Some(content),
                        "og:type" => meta.kinds |= kinds_of(&content),
                        "og:locale" | "content-language" if meta.language.is_none() => {
                            meta.language = Some(content.replace('_', "-"));
                        }
                        "article:published_time"
                        | "datepublished"
                        | "date"
                        | "pubdate"
                        | "publishdate"
                        | "dc.date"
                        | "dc.date.issued"
                        | "dcterms.created"
                        | "dcterms.date"
                        | "citation_publication_date"
                        | "parsely-pub-date"
                        | "sailthru.date"
                            if is_date(&content) =>
                        {
                            date.get_or_insert(content);
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        let mut said_date = None;
        for &(start, end) in &page.json_ld {
            let json = &source[start..end];
            said_date =
                said_date.or_else(|| json_string(json, "datePublished").filter(|d| is_date(d)));
            if meta.language.is_none() {
                meta.language =
                    json_string(json, "inLanguage").filter(|language| language.len() <= 35);
            }
            let mut rest = json;
            while let Some(at) = rest.find("\"@type\"") {
                rest = &rest[at + 7..];
                let value = &rest[..rest.char_indices().nth(80).map_or(rest.len(), |(at, _)| at)];
                let value = value.split(['}', ',']).next().unwrap_or("");
                meta.kinds |= kinds_of(value);
            }
        }
        meta.title = [
            title,
            og_title.unwrap_or_default(),
            heading.unwrap_or_default(),
        ]
        .into_iter()
        .find(|title| !title.is_empty())
        .unwrap_or_default();
        if meta.description.is_empty() {
            meta.description = og_description.unwrap_or_default();
        }
        meta.canonical_url = meta.canonical_url.or(og_url).filter(|url| !url.is_empty());
        meta.published_at = date.or(said_date).or(time);
        meta
    }
}

fn kinds_of(name: &str) -> u8 {
    let name = name.to_ascii_lowercase();
    let mut kinds = 0;
    for (words, kind) in [
        (&["article", "blogposting", "report"][..], ARTICLE),
        (&["product", "offer"], PRODUCT),
        (&["discussion", "qapage", "question"], DISCUSSION),
        (&["collection", "itemlist", "searchresults"], COLLECTION),
    ] {
        if words.iter().any(|word| name.contains(word)) {
            kinds |= kind;
        }
    }
    kinds
}

/// A date as machines write it: starts with a year, month and day.
fn is_date(value: &str) -> bool {
    let mut parts = value.splitn(3, ['-', '/']);
    let mut number = |len: usize| {
        parts.next().is_some_and(|part| {
            part.len() >= len && part.bytes().take(len).all(|b| b.is_ascii_digit())
        })
    };
    value.len() <= 40 && number(4) && number(1) && number(1)
}

/// The text after `"key":` in JSON that need not be valid, as it often is not on real pages.
fn json_string(json: &str, key: &str) -> Option<String> {
    let mut rest = json;
    loop {
        let at = rest.find(key)?;
        let quoted = rest[..at].ends_with('"');
        rest = &rest[at + key.len()..];
        if !quoted {
            continue;
        }
        let Some(value) = rest.strip_prefix('"').map(str::trim_start) else {
            continue;
        };
        let Some(value) = value.strip_prefix(':').map(str::trim_start) else {
            continue;
        };
        let Some(value) = value.strip_prefix('"') else {
            continue;
        };
        return Some(value[..value.find(['"', '\\'])?].to_owned());
    }
}

fn text_of<'s>(node: &'s Node<'s>) -> String {
    let mut text = String::new();
    for node in node.descendants() {
        if let Data::Text(part) = &node.data {
            text.push_str(&part.text);
            // Elements separate words, character references do not.
            if !matches!(
                node.next(),
                Some(Node {
                    data: Data::Text(_),
                    ..
                })
            ) {
                text.push(' ');
            }
        }
        if text.len() > 2000 {
            break;
        }
    }
    clean(&text)
}

/// White space as one space, at most 1,000 characters.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(1000));
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > 1000 {
            break;
        }
    }
    out.chars().take(1000).collect()
}
