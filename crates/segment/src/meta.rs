//! What the page says about itself: title, description, address, language, dates, author, place in
//! its site.

use crate::dates;
use crate::json_ld::{self, Object};
use crate::source::Source;
use crate::tree::{Data, Node};
use crate::vocabulary;
use html5ever::local_name;

/// Facts about the page as a whole; empty where the page does not tell.
#[derive(Default, Debug)]
pub struct Meta {
    pub title: String,
    pub description: String,
    pub canonical_url: Option<String>,
    /// As the page declares it.
    pub language: Option<String>,
    pub published_at: Option<String>,
    pub modified_at: Option<String>,
    pub site_name: Option<String>,
    pub author: Option<String>,
    /// From the start of the site down, without the page itself where it is not linked.
    pub breadcrumbs: Vec<String>,
    /// Where the page sends its readers by itself.
    pub refresh_url: Option<String>,
    /// Whether the page says that it is not free to read.
    pub is_behind_paywall: bool,
    pub first_heading: String,
    /// What the page tells machines of its content: bodies of articles and posts, answers, reviews.
    pub told_bodies: Vec<String>,
    /// The same in short.
    pub told_descriptions: Vec<String>,
    /// What the page is said to be: bits of [`PageKind`].
    kinds: u8,
}

/// What a page can say that it is, in its Open Graph type or its JSON-LD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PageKind {
    Article = 1,
    Product = 2,
    /// A thread of posts, or questions and answers of readers.
    Discussion = 4,
    Collection = 8,
    Faq = 16,
}

/// The types of schema.org that are the page itself and not a part of it.
const PAGE_TYPES: [&str; 16] = [
    "Article",
    "NewsArticle",
    "BlogPosting",
    "Report",
    "TechArticle",
    "ScholarlyArticle",
    "AnalysisNewsArticle",
    "OpinionNewsArticle",
    "ReportageNewsArticle",
    "LiveBlogPosting",
    "Recipe",
    "HowTo",
    "WebPage",
    "FAQPage",
    "ItemPage",
    "DiscussionForumPosting",
];
const MAX_BREADCRUMBS: usize = 10;
/// A shorter text is a name.
const MIN_TOLD_BYTES: usize = 40;
const MAX_TOLD: usize = 200;
/// A slower refresh reloads the page and does not lead away from it.
const MAX_REFRESH_SECONDS: f32 = 15.0;

/// What `<meta>`, `<time>` and links say, by how far it is to be believed.
#[derive(Default)]
struct Found {
    title: String,
    og_title: Option<String>,
    og_description: Option<String>,
    og_url: Option<String>,
    published: Option<String>,
    modified: Option<String>,
    time: Option<String>,
    time_is_said: bool,
    author: Option<String>,
    author_link: Option<String>,
    heading: Option<String>,
    crumbs: Vec<String>,
}

impl Meta {
    /// Whether the page says that it is of this kind.
    pub fn says(&self, kind: PageKind) -> bool {
        self.kinds & kind as u8 != 0
    }

    pub fn read(page: &Source) -> Meta {
        let mut meta = Meta::default();
        let mut found = Found::default();
        for node in page.document.descendants() {
            meta.element(node, &mut found);
        }
        meta.json_ld(&json_ld::objects(page), &mut found);
        meta.first_heading = found.heading.unwrap_or_default();
        meta.title = [
            found.title,
            found.og_title.unwrap_or_default(),
            meta.first_heading.clone(),
        ]
        .into_iter()
        .find(|title| !title.is_empty())
        .unwrap_or_default();
        if meta.description.is_empty() {
            meta.description = found.og_description.unwrap_or_default();
        }
        let url = meta.canonical_url.take().or(found.og_url);
        meta.canonical_url = url.filter(|url| !url.is_empty());
        meta.published_at = meta.published_at.or(found.published).or(found.time);
        meta.modified_at = meta.modified_at.or(found.modified);
        meta.author = meta.author.or(found.author).or(found.author_link);
        if meta.breadcrumbs.is_empty() {
            meta.breadcrumbs = found.crumbs;
        }
        meta
    }

    fn element<'s>(&mut self, node: &'s Node<'s>, found: &mut Found) {
        let Some(name) = node.name() else { return };
        let attribute = |wanted: &str| node.attribute(wanted).map(|value| clean(&value));
        match *name {
            local_name!("html") => {
                self.language = attribute("lang")
                    .or_else(|| attribute("xml:lang"))
                    .filter(|language| !language.is_empty());
            }
            local_name!("title") if found.title.is_empty() => found.title = text_of(node),
            local_name!("h1") if found.heading.is_none() => found.heading = Some(text_of(node)),
            local_name!("link") => {
                let is_canonical = |rel: String| rel.eq_ignore_ascii_case("canonical");
                if self.canonical_url.is_none() && attribute("rel").is_some_and(is_canonical) {
                    self.canonical_url = attribute("href");
                }
            }
            local_name!("time") if !found.time_is_said => {
                let is_said = node.attribute("pubdate").is_some()
                    || node
                        .attribute("itemprop")
                        .is_some_and(|p| &*p == "datePublished");
                if (is_said || found.time.is_none()) && !is_in_comments(node) {
                    let date = attribute("datetime").and_then(|value| dates::parse(&value));
                    let date = date.or_else(|| dates::parse(&text_of(node)));
                    found.time_is_said = is_said && date.is_some();
                    found.time = date.or(found.time.take());
                }
            }
            local_name!("a") if found.author_link.is_none() => {
                let is_author = attribute("rel").is_some_and(|rel| rel == "author");
                if is_author && !is_in_comments(node) {
                    found.author_link = Some(text_of(node)).filter(|name| is_name(name));
                }
            }
            local_name!("meta") => self.meta(node, found),
            _ => {}
        }
        if found.crumbs.is_empty() && is_breadcrumb(node) {
            found.crumbs = crumbs_of(node);
        }
    }

    fn meta(&mut self, node: &Node, found: &mut Found) {
        let attribute = |wanted: &str| node.attribute(wanted).map(|value| clean(&value));
        let Some(content) = attribute("content").filter(|content| !content.is_empty()) else {
            return;
        };
        let name = attribute("property")
            .or_else(|| attribute("name"))
            .or_else(|| attribute("itemprop"))
            .or_else(|| attribute("http-equiv"))
            .unwrap_or_default()
            .to_ascii_lowercase();
        match &*name {
            "og:title" => found.og_title = Some(content),
            "og:description" | "twitter:description" => {
                found.og_description.get_or_insert(content);
            }
            "description" => self.description = content,
            "og:url" => found.og_url = Some(content),
            "og:type" => self.kinds |= kinds_of(&content),
            "og:site_name" => self.site_name = Some(content),
            "application-name" if self.site_name.is_none() => self.site_name = Some(content),
            "og:locale" | "content-language" if self.language.is_none() => {
                self.language = Some(content.replace('_', "-"));
            }
            "author" | "article:author" | "parsely-author" | "sailthru.author" | "dc.creator"
            | "citation_author" | "byl"
                if found.author.is_none() && is_name(&content) =>
            {
                found.author = Some(content);
            }
            "refresh" => self.refresh_url = refresh_url(&content),
            "article:published_time"
            | "og:published_time"
            | "datepublished"
            | "date"
            | "pubdate"
            | "publishdate"
            | "publish_date"
            | "publication_date"
            | "dc.date"
            | "dc.date.issued"
            | "dcterms.created"
            | "dcterms.issued"
            | "dcterms.date"
            | "citation_publication_date"
            | "citation_date"
            | "parsely-pub-date"
            | "sailthru.date"
            | "article.published"
            | "originalpublicationdate"
                if found.published.is_none() =>
            {
                found.published = dates::parse(&content);
            }
            "article:modified_time"
            | "og:updated_time"
            | "datemodified"
            | "last-modified"
            | "dcterms.modified"
            | "revised"
                if found.modified.is_none() =>
            {
                found.modified = dates::parse(&content);
            }
            _ => {}
        }
    }

    fn json_ld(&mut self, objects: &[Object], found: &mut Found) {
        for (index, object) in objects.iter().enumerate() {
            for name in object.all("@type") {
                self.kinds |= kinds_of(name);
            }
            if object.is(&PAGE_TYPES) {
                let date = |key: &str| object.get(key).and_then(dates::parse);
                self.published_at = self.published_at.take().or_else(|| date("datePublished"));
                self.modified_at = self.modified_at.take().or_else(|| date("dateModified"));
                if object
                    .get("isAccessibleForFree")
                    .is_some_and(|is| is.eq_ignore_ascii_case("false"))
                {
                    self.is_behind_paywall = true;
                }
                let said = object.get("author").filter(|name| is_name(name)).map(clean);
                let of_object = || {
                    let is_author =
                        |other: &&Object| other.parent == Some(index) && other.key == "author";
                    let author = objects.iter().find(is_author)?;
                    author.get("name").filter(|name| is_name(name)).map(clean)
                };
                self.author = self.author.take().or(said).or_else(of_object);
                if self.language.is_none() {
                    let language = object
                        .get("inLanguage")
                        .filter(|language| language.len() <= 35);
                    self.language = language.map(clean);
                }
            }
            for (keys, told) in [
                (
                    &["articleBody", "text", "reviewBody"][..],
                    &mut self.told_bodies,
                ),
                (&["description"], &mut self.told_descriptions),
            ] {
                let texts = keys.iter().flat_map(|key| object.all(key));
                let texts = texts.filter(|text| text.len() >= MIN_TOLD_BYTES);
                told.extend(texts.take(MAX_TOLD).map(str::to_owned));
                told.truncate(MAX_TOLD);
            }
            if object.is(&["WebSite"]) && self.site_name.is_none() {
                self.site_name = object.get("name").map(clean);
            }
            if object.is(&["BreadcrumbList"]) && self.breadcrumbs.is_empty() {
                self.breadcrumbs = listed_crumbs(objects, index);
            }
        }
        if self.site_name.is_none() {
            let publisher = objects.iter().find(|object| object.key == "publisher");
            self.site_name = publisher.and_then(|object| object.get("name")).map(clean);
        }
        // A date that belongs to something else than a comment, when nothing better is there.
        let is_readers = [
            "Comment",
            "Review",
            "Answer",
            "VideoObject",
            "Question",
            "ImageObject",
        ];
        if self.published_at.is_none() && found.published.is_none() {
            let dated = objects.iter().filter(|object| !object.is(&is_readers));
            let mut dates = dated.filter_map(|object| object.get("datePublished"));
            self.published_at = dates.find_map(dates::parse);
        }
    }
}

/// The names of a BreadcrumbList, in the order of their positions.
fn listed_crumbs(objects: &[Object], list: usize) -> Vec<String> {
    let mut crumbs: Vec<(u32, String)> = Vec::new();
    for (index, item) in objects.iter().enumerate() {
        if item.parent != Some(list) || item.key != "itemListElement" {
            continue;
        }
        let inner = || {
            let thing = objects
                .iter()
                .find(|o| o.parent == Some(index) && o.key == "item")?;
            thing.get("name")
        };
        if let Some(name) = item.get("name").or_else(inner) {
            let position = item.get("position").and_then(|at| at.parse().ok());
            crumbs.push((position.unwrap_or(index as u32), clean(name)));
        }
    }
    crumbs.sort_by_key(|(position, _)| *position);
    crumbs.truncate(MAX_BREADCRUMBS);
    crumbs
        .into_iter()
        .map(|(_, name)| name)
        .filter(|name| !name.is_empty())
        .collect()
}

fn is_breadcrumb(node: &Node) -> bool {
    const WORD: &[u8] = b"breadcrumb";
    let Data::Element { attributes, .. } = &node.data else {
        return false;
    };
    attributes.borrow().iter().any(|attribute| {
        let value = &attribute.value.as_bytes()[..attribute.value.len().min(200)];
        matches!(
            attribute.name.local,
            local_name!("class")
                | local_name!("id")
                | local_name!("aria-label")
                | local_name!("itemtype")
        ) && value
            .windows(WORD.len())
            .any(|part| part.eq_ignore_ascii_case(WORD))
    })
}

fn crumbs_of<'s>(node: &'s Node<'s>) -> Vec<String> {
    let links = node
        .descendants()
        .take(200)
        .filter(|node| node.name().is_some_and(|name| *name == local_name!("a")));
    let mut crumbs: Vec<String> = links
        .map(text_of)
        .filter(|text| !text.is_empty() && text.len() <= 120)
        .collect();
    crumbs.dedup();
    crumbs.truncate(MAX_BREADCRUMBS);
    crumbs
}

/// Whether readers wrote what stands here.
fn is_in_comments(node: &Node) -> bool {
    let mut up = node.parent();
    let mut steps = 0;
    while let Some(node) = up.filter(|_| steps < 30) {
        let says = |name: &str| {
            let hints = node
                .attribute(name)
                .map_or(0, |value| vocabulary::hints(&value));
            hints & vocabulary::COMMENT != 0
        };
        let is_page = node
            .name()
            .is_none_or(|name| matches!(&**name, "body" | "html"));
        if !is_page && (says("class") || says("id")) {
            return true;
        }
        up = node.parent();
        steps += 1;
    }
    false
}

/// A person or an organisation, not an address or a sentence.
fn is_name(text: &str) -> bool {
    let text = text.trim();
    (2..=100).contains(&text.chars().count()) && !text.contains("://") && !text.contains('@')
}

/// Where `<meta http-equiv=refresh content="0; url=/there">` leads.
fn refresh_url(content: &str) -> Option<String> {
    let (delay, rest) = content.split_once([';', ','])?;
    let rest = rest.trim();
    let is_url = rest.get(..3)?.eq_ignore_ascii_case("url");
    let url = rest
        .split_once('=')
        .filter(|_| is_url)?
        .1
        .trim()
        .trim_matches(['"', '\'']);
    let is_soon = delay
        .trim()
        .parse::<f32>()
        .is_ok_and(|delay| delay <= MAX_REFRESH_SECONDS);
    (is_soon && !url.is_empty()).then(|| url.to_owned())
}

fn kinds_of(name: &str) -> u8 {
    let name = name.to_ascii_lowercase();
    let mut kinds = 0;
    for (words, kind) in [
        (&["article", "blogposting", "report"][..], PageKind::Article),
        (&["product", "offer"], PageKind::Product),
        (&["discussion", "qapage"], PageKind::Discussion),
        (
            &["collection", "itemlist", "searchresults"],
            PageKind::Collection,
        ),
        (&["faqpage"], PageKind::Faq),
    ] {
        if words.iter().any(|word| name.contains(word)) {
            kinds |= kind as u8;
        }
    }
    kinds
}

/// The text in an element: white space is one space, at most 1,000 characters.
pub fn text_of<'s>(node: &'s Node<'s>) -> String {
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
    if let Some((end, _)) = out.char_indices().nth(1000) {
        out.truncate(end);
    }
    out
}
