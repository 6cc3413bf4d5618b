//! What kind of page it is, with how likely: a softmax regression over a few named facts, fitted by
//! `train/train.py` on pages that people sorted.

use crate::Kind;
use crate::blocks::Blocks;
use crate::features::{Row, page_features};
use crate::meta::{Meta, PageKind};
use crate::model;
use crate::vocabulary;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeName {
    Article,
    /// Many products or posts to choose from.
    Category,
    Documentation,
    Forum,
    /// An index of content: courses, reviews, places.
    Listing,
    Product,
    Service,
    /// Mostly questions and answers of the site itself.
    Faq,
}

/// In the order of the fitted weights; those that training knows by other names with them.
pub const TYPES: [(TypeName, &str); 7] = [
    (TypeName::Article, "article"),
    (TypeName::Category, "collection"),
    (TypeName::Documentation, "documentation"),
    (TypeName::Forum, "forum"),
    (TypeName::Listing, "listing"),
    (TypeName::Product, "product"),
    (TypeName::Service, "service"),
];

/// The likeliest type of a page.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageType {
    #[serde(rename = "type")]
    pub name: TypeName,
    /// In (0, 1], to two decimals; of pages with 0.8, four in five are of the type.
    pub probability: f64,
}

/// To two decimals as f64: an f32 reads differently as JSON and as a JavaScript number.
fn rounded(probability: f32) -> f64 {
    f64::from((probability * 100.0).round()) / 100.0
}

/// Words of a path or a host name that say what a page is.
const PATH_WORDS: [(&str, &[&str]); 7] = [
    (
        "article",
        &[
            "blog", "news", "article", "articles", "post", "posts", "story", "stories", "magazine",
            "insights", "review", "recipe", "recipes",
        ],
    ),
    (
        "category",
        &[
            "category",
            "categories",
            "collections",
            "collection",
            "shop",
            "catalog",
            "c",
            "browse",
            "store",
            "all",
            "sale",
            "tag",
        ],
    ),
    (
        "documentation",
        &[
            "docs",
            "documentation",
            "reference",
            "guide",
            "guides",
            "manual",
            "api",
            "wiki",
            "tutorial",
            "tutorials",
            "learn",
            "html",
            "stable",
            "latest",
            "doc",
        ],
    ),
    (
        "forum",
        &[
            "forum",
            "forums",
            "thread",
            "threads",
            "t",
            "topic",
            "discussion",
            "discussions",
            "questions",
            "community",
            "viewtopic",
            "showthread",
            "comments",
            "r",
            "answers",
        ],
    ),
    (
        "listing",
        &[
            "best",
            "top",
            "courses",
            "jobs",
            "directory",
            "search",
            "list",
            "lists",
            "events",
            "rankings",
            "reviews",
            "explore",
            "topics",
        ],
    ),
    (
        "product",
        &[
            "product", "products", "p", "item", "dp", "ip", "buy", "pd", "sku", "book",
        ],
    ),
    (
        "service",
        &[
            "services",
            "service",
            "solutions",
            "features",
            "pricing",
            "platform",
            "about",
            "use-cases",
            "software",
            "company",
            "plans",
            "industries",
        ],
    ),
];

/// A page with at least so many questions, whose answers are this much of it, is for them.
const FAQ_QUESTIONS: usize = 4;
const FAQ_SHARE: f32 = 0.5;
const FAQ_SHARE_WHEN_SAID: f32 = 0.3;

/// The facts that the type is judged by, in the order of the schema. Counts are logarithms.
pub fn features(page: &Blocks, meta: &Meta, url: &str, kept: &[bool], row: &mut impl Row) {
    let log = |count: f32| count.max(0.0).ln_1p();
    for (name, value) in page_features(page, meta, url) {
        row.put(name, if value > 1.0 { 1.0 + log(value) } else { value });
    }
    let address = url
        .split_once("://")
        .map_or(url, |(_, rest)| rest)
        .to_ascii_lowercase();
    let address = address.split(['?', '#']).next().unwrap_or("");
    let parts: Vec<&str> = address.split(['/', '.', '-', '_']).collect();
    let first: Vec<&str> = address.split('/').skip(1).collect();
    for (name, words) in PATH_WORDS {
        let is_part = first.iter().any(|part| words.contains(part));
        row.put_at("path", 0, name, f32::from(is_part));
        let is_word = parts.iter().any(|part| words.contains(part));
        row.put_at("address", 0, name, f32::from(is_word));
    }
    row.put(
        "address.is_home",
        f32::from(first.iter().all(|part| part.is_empty())),
    );
    let has_year = parts.iter().any(|part| {
        part.len() == 4 && part.starts_with("20") && part.bytes().all(|b| b.is_ascii_digit())
    });
    row.put("address.has_year", f32::from(has_year));
    let last = first
        .iter()
        .rev()
        .find(|part| !part.is_empty())
        .map_or("", |part| part);
    row.put("address.words", log(last.split(['-', '_']).count() as f32));
    row.put("says.date", f32::from(meta.published_at.is_some()));
    row.put("says.author", f32::from(meta.author.is_some()));
    row.put("says.breadcrumbs", f32::from(!meta.breadcrumbs.is_empty()));
    row.put("says.faq", f32::from(meta.says(PageKind::Faq)));
    row.put("asks", f32::from(meta.title.contains('?')));
    let content: Vec<_> = page
        .blocks
        .iter()
        .zip(kept)
        .filter(|(_, kept)| **kept)
        .map(|(block, _)| block)
        .collect();
    let words: u32 = content.iter().map(|block| block.words).sum();
    let all: u32 = page.blocks.iter().map(|block| block.words).sum();
    let share = |is: &dyn Fn(&crate::blocks::Block) -> bool| {
        let mine: u32 = content
            .iter()
            .filter(|block| is(block))
            .map(|block| block.words)
            .sum();
        mine as f32 / words.max(1) as f32
    };
    let hinted = |hints: u32| {
        let mine: u32 = page
            .blocks
            .iter()
            .filter(|b| page.elements[b.element as usize].all_hints & hints != 0)
            .map(|b| b.words)
            .sum();
        mine as f32 / all.max(1) as f32
    };
    row.put("content.words", log(words as f32));
    row.put("content.share", words as f32 / all.max(1) as f32);
    row.put(
        "content.words_a_block",
        log(words as f32 / content.len().max(1) as f32),
    );
    row.put("content.code_share", share(&|b| b.kind == Kind::Code));
    row.put("content.heading_share", share(&|b| b.kind == Kind::Heading));
    row.put("content.list_share", share(&|b| b.kind == Kind::ListItem));
    row.put("content.table_share", share(&|b| b.kind == Kind::TableRow));
    row.put("content.link_share", share(&|b| b.link_chars * 2 > b.chars));
    row.put("content.long_share", share(&|b| b.words >= 40));
    let prices = page
        .blocks
        .iter()
        .filter(|b| b.chars < 40 && b.text.contains(['$', '€', '£', '¥', '₹']))
        .count();
    row.put("prices", log(prices as f32));
    row.put("hinted.forum", hinted(vocabulary::FORUM));
    row.put("hinted.comment", hinted(vocabulary::COMMENT));
    row.put("hinted.cart", hinted(vocabulary::CART));
    row.put("hinted.card", hinted(vocabulary::CARD));
    row.put("hinted.product", hinted(vocabulary::PRODUCT));
    row.put("hinted.review", hinted(vocabulary::REVIEW));
    row.put("hinted.search", hinted(vocabulary::SEARCH));
    row.put("hinted.body", hinted(vocabulary::BODY));
    row.put("hinted.contents", hinted(vocabulary::CONTENTS));
    row.put("hinted.meta", hinted(vocabulary::META));
    row.put("hinted.sign_up", hinted(vocabulary::SIGN_UP));
}

/// That of one type among [`chances`]; 0 of a page that has none.
pub fn chance_of(chances: &[f32], name: TypeName) -> f32 {
    let all = TYPES.iter().zip(chances);
    let mut found = all.filter(|((known, _), _)| *known == name);
    found.next().map_or(0.0, |(_, chance)| *chance)
}

/// How likely the page is of each of [`TYPES`], by what is kept of it; nothing of a page without
/// blocks.
pub fn chances(page: &Blocks, meta: &Meta, url: &str, kept: &[bool]) -> Vec<f32> {
    if page.blocks.is_empty() {
        return Vec::new();
    }
    let mut row = Vec::new();
    features(page, meta, url, kept, &mut row);
    let mut scores = model::type_scores(&row);
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    for score in &mut scores {
        *score = libm::expf(*score - most);
    }
    let sum: f32 = scores.iter().sum();
    scores.iter().map(|power| power / sum).collect()
}

/// The likeliest type, by [`chances`]; none of a page without blocks.
pub fn of(page: &Blocks, meta: &Meta, kept: &[bool], chances: &[f32]) -> Option<PageType> {
    let (mut in_pairs, mut words) = (0, 0);
    for (block, _) in page.blocks.iter().zip(kept).filter(|(_, kept)| **kept) {
        words += block.words;
        in_pairs += if block.fold == crate::blocks::Fold::None {
            0
        } else {
            block.words
        };
    }
    let share = in_pairs as f32 / words.max(1) as f32;
    let least = if meta.says(PageKind::Faq) {
        FAQ_SHARE_WHEN_SAID
    } else {
        FAQ_SHARE
    };
    let asked = page.pairs.iter().filter(|pair| pair.is_certain).count();
    if asked >= FAQ_QUESTIONS && share >= least {
        return Some(PageType {
            name: TypeName::Faq,
            probability: rounded((0.5 + share / 2.0).min(1.0)),
        });
    }
    let likely = |(a, _): &(f32, usize), (b, _): &(f32, usize)| a.total_cmp(b);
    // Of equals the first.
    let all = chances.iter().copied().zip(0..chances.len()).rev();
    let (probability, best) = all.max_by(likely)?;
    Some(PageType {
        name: TYPES.get(best)?.0,
        probability: rounded(probability),
    })
}
