//! What the classifier sees of a block: a schema of named numbers.
//!
//! Each group of features is one function that [`put`](Row::put)s a name and a number after the
//! other. The same functions write the bare rows that the forest reads and, in tests and training,
//! the rows with names ([`Named`]), so that the schema has no second list to keep in step. Flags
//! are 0 or 1; shares are in \[0, 1\]; what has no value is 0 with a flag of its own beside it.

use crate::Kind;
use crate::blocks::{Block, Blocks, Element, Name};
use crate::dates;
use crate::meta::{Meta, PageKind};
use crate::vocabulary::{self, Hints};
use crate::words::{self, MAX_WORDS_READ, Texts, Word, read_words};
use memchr::memmem::Finder;
use rustc_hash::{FxHashMap, FxHashSet};

/// Where features go, in the order of the schema.
pub trait Row {
    fn put(&mut self, name: &str, value: f32);

    /// A feature of one among several neighbours or ancestors.
    fn put_at(&mut self, group: &str, index: i32, name: &str, value: f32);
}

/// A row as the forest reads it: names cost nothing here.
impl Row for Vec<f32> {
    #[inline(always)]
    fn put(&mut self, _name: &str, value: f32) {
        self.push(value);
    }

    #[inline(always)]
    fn put_at(&mut self, _group: &str, _index: i32, _name: &str, value: f32) {
        self.push(value);
    }
}

/// A row whose length is known: the fastest to write.
struct Cells<'r>(std::slice::IterMut<'r, f32>);

impl Row for Cells<'_> {
    #[inline(always)]
    fn put(&mut self, _name: &str, value: f32) {
        if let Some(cell) = self.0.next() {
            *cell = value;
        }
    }

    #[inline(always)]
    fn put_at(&mut self, _group: &str, _index: i32, name: &str, value: f32) {
        self.put(name, value);
    }
}

/// A row with the name of each feature.
#[derive(Default)]
pub struct Named(pub Vec<(String, f32)>);

impl Row for Named {
    fn put(&mut self, name: &str, value: f32) {
        self.0.push((name.to_owned(), value));
    }

    fn put_at(&mut self, group: &str, index: i32, name: &str, value: f32) {
        self.0.push((format!("{group}[{index}].{name}"), value));
    }
}

/// Numbers in rows of the same length, one a block.
pub struct Rows {
    numbers: Vec<f32>,
    length: usize,
}

impl Rows {
    pub fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.numbers.chunks_exact(self.length.max(1))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.numbers.len() / self.length.max(1)
    }

    pub fn length(&self) -> usize {
        self.length
    }

    pub fn row(&self, index: usize) -> &[f32] {
        &self.numbers[index * self.length..][..self.length]
    }
}

/// One row a block.
pub fn features(page: &Blocks, meta: &Meta, url: &str, tables: &words::Tables) -> Rows {
    let facts = PageFacts::new(page, meta, url, tables);
    let mut before = Before::default();
    let mut length = 0;
    if !page.blocks.is_empty() {
        let mut first = [0.0; MAX_FEATURES];
        let mut cells = Cells(first.iter_mut());
        facts.row(0, &before, &mut cells);
        length = MAX_FEATURES - cells.0.len();
    }
    let mut numbers = vec![0.0; length * page.blocks.len()];
    let rows = numbers.chunks_exact_mut(length.max(1));
    for (index, (row, block)) in rows.zip(&page.blocks).enumerate() {
        facts.row(index, &before, &mut Cells(row.iter_mut()));
        before.pass(block, index, facts.mentions[index]);
    }
    Rows { numbers, length }
}

/// The row of block `index`, with names.
pub fn named_features(
    page: &Blocks,
    meta: &Meta,
    url: &str,
    tables: &words::Tables,
    index: usize,
) -> Named {
    let facts = PageFacts::new(page, meta, url, tables);
    let mut before = Before::default();
    for (at, block) in page.blocks[..index].iter().enumerate() {
        before.pass(block, at, facts.mentions[at]);
    }
    let mut row = Named::default();
    facts.row(index, &before, &mut row);
    row
}

/// The elements that are a feature each: whether the block stands in one.
const CONTEXTS: [(Name, &str); 20] = [
    (Name::Main, "in_main"),
    (Name::Article, "in_article"),
    (Name::Section, "in_section"),
    (Name::Nav, "in_nav"),
    (Name::Header, "in_header"),
    (Name::Footer, "in_footer"),
    (Name::Aside, "in_aside"),
    (Name::Form, "in_form"),
    (Name::Button, "in_button"),
    (Name::Figure, "in_figure"),
    (Name::Quote, "in_quote"),
    (Name::Table, "in_table"),
    (Name::List, "in_list"),
    (Name::Details, "in_details"),
    (Name::Link, "in_link"),
    (Name::Label, "in_label"),
    (Name::Caption, "in_caption"),
    (Name::Address, "in_address"),
    (Name::Hidden, "in_hidden"),
    (Name::Paragraph, "in_paragraph"),
];

/// The element that a block stands in directly.
const OWN_ELEMENTS: [(Name, &str); 8] = [
    (Name::Div, "own_div"),
    (Name::Paragraph, "own_paragraph"),
    (Name::Item, "own_item"),
    (Name::Cell, "own_cell"),
    (Name::Section, "own_section"),
    (Name::Link, "own_link"),
    (Name::Button, "own_button"),
    (Name::Caption, "own_caption"),
];

/// Hints that are also looked for in a short text and in the heading above it.
const SPOKEN: [(Hints, &str); 16] = [
    (vocabulary::RELATED, "related"),
    (vocabulary::SHARE, "share"),
    (vocabulary::SIGN_UP, "sign_up"),
    (vocabulary::CONSENT, "consent"),
    (vocabulary::AD, "ad"),
    (vocabulary::COMMENT, "comment"),
    (vocabulary::META, "meta"),
    (vocabulary::FOOTER, "footer"),
    (vocabulary::CART, "cart"),
    (vocabulary::SEARCH, "search"),
    (vocabulary::REVIEW, "review"),
    (vocabulary::PRODUCT, "product"),
    (vocabulary::SPECS, "specs"),
    (vocabulary::TITLE, "title"),
    (vocabulary::BIO, "bio"),
    (vocabulary::TAGS, "tags"),
];

/// Hints of what follows the content: where it has been said, the end is likely past.
const ENDINGS: [(Hints, &str); 4] = [
    (vocabulary::RELATED, "related"),
    (vocabulary::COMMENT, "comment"),
    (vocabulary::SHARE, "share"),
    (vocabulary::SIGN_UP, "sign_up"),
];

const KINDS: [(Kind, &str); 6] = [
    (Kind::Heading, "is_heading"),
    (Kind::ListItem, "is_list_item"),
    (Kind::Quote, "is_quote"),
    (Kind::Code, "is_code"),
    (Kind::TableRow, "is_table_row"),
    (Kind::Definition, "is_definition"),
];

/// Hints that are looked for in paragraphs as well: what pleads, sells and disclaims.
const MENTIONED: [(Hints, &str); 7] = [
    (vocabulary::SIGN_UP, "sign_up"),
    (vocabulary::AD, "ad"),
    (vocabulary::SHARE, "share"),
    (vocabulary::RELATED, "related"),
    (vocabulary::FOOTER, "footer"),
    (vocabulary::CONSENT, "consent"),
    (vocabulary::BIO, "bio"),
];

/// A longer text mentions everything.
const MAX_MENTIONING_WORDS: u32 = 60;
/// A longer text is not a label.
const MAX_SPOKEN_WORDS: u32 = 12;
/// How far a heading, the title or a sibling is looked for.
const MAX_DISTANCE: usize = 200;
/// The schema has fewer features.
const MAX_FEATURES: usize = 512;
const NEIGHBOURS: [i32; 6] = [-3, -2, -1, 1, 2, 3];
const ANCESTORS: usize = 5;

fn flag(value: bool) -> f32 {
    f32::from(value)
}

fn ratio(part: u32, whole: u32) -> f32 {
    part as f32 / whole.max(1) as f32
}

/// 1 here, 1/2 one step away, 1/3 two; 0 nowhere.
fn nearness(steps: Option<usize>) -> f32 {
    steps.map_or(0.0, |steps| 1.0 / (1.0 + steps as f32))
}

/// What the blocks passed so far leave for those behind them.
#[derive(Default)]
struct Before {
    chars: u32,
    chars_at_title: Option<u32>,
    heading: Option<Heading>,
    /// What the open headings say, by their levels; the title says it of all.
    path: [Hints; 7],
    title_count: u16,
    /// Where the last paragraph of prose stood.
    prose: Option<usize>,
    prose_words: u32,
    /// Where each of [`ENDINGS`] was last said, and how much prose stood before.
    endings: [Option<(usize, u32)>; ENDINGS.len()],
}

#[derive(Clone, Copy)]
struct Heading {
    index: usize,
    level: u8,
    hints: Hints,
}

impl Before {
    /// `mentions` are the hints of its text.
    fn pass(&mut self, block: &Block, index: usize, mentions: Hints) {
        let is_label = block.words <= MAX_SPOKEN_WORDS;
        let said = if is_label { mentions } else { 0 };
        for ((hint, _), ending) in ENDINGS.iter().zip(&mut self.endings) {
            if said & hint != 0 {
                *ending = Some((index, self.prose_words));
            }
        }
        if block.kind == Kind::Heading {
            self.heading = Some(Heading {
                index,
                level: block.level,
                hints: said,
            });
            let level = usize::from(block.level).min(self.path.len() - 1);
            self.path[level..].fill(0);
            if level > 1 {
                self.path[level] = said;
            }
            self.title_count += u16::from(level == 1);
            if block.level == 1 && self.chars_at_title.is_none() {
                self.chars_at_title = Some(self.chars);
            }
        }
        if is_prose(block) {
            self.prose = Some(index);
            self.prose_words += block.words;
        }
        self.chars += block.chars;
    }
}

fn finder(name: Option<&str>) -> Option<Finder<'_>> {
    name.filter(|name| !name.is_empty()).map(Finder::new)
}

fn is_in(text: &str, wanted: &Finder) -> bool {
    wanted.find(text.as_bytes()).is_some()
}

fn is_prose(block: &Block) -> bool {
    block.words >= 15 && block.link_chars * 3 < block.chars && block.kind != Kind::Heading
}

fn prose_words(blocks: &[Block]) -> u32 {
    let prose = blocks.iter().filter(|block| is_prose(block));
    prose.map(|block| block.words).sum()
}

/// Sums over the blocks that look alike: same element and class, in the same kind of parent.
#[derive(Clone, Copy, Default)]
struct Alike {
    count: u32,
    chars: u32,
    link_chars: u32,
    words: u32,
    sentences: u32,
}

/// What is found once a page.
pub struct PageFacts<'p, 's> {
    page: &'p Blocks<'s>,
    total_chars: f32,
    /// The element with the most prose, and whether each element holds it.
    top: u32,
    top_prose: f32,
    around_top: Vec<bool>,
    repeats: FxHashMap<&'p str, u16>,
    alike: FxHashMap<u32, Alike>,
    title_words: Vec<Word>,
    title_at: Option<usize>,
    /// Pairs of words of what the page tells machines, in full and in short.
    told_bodies: FxHashSet<u64>,
    told_descriptions: FxHashSet<u64>,
    /// Finds what is not empty.
    author: Option<Finder<'p>>,
    site_name: Option<Finder<'p>>,
    addresses: [Finder<'static>; 2],
    /// The hints of each block's text that is short enough.
    mentions: Vec<Hints>,
    /// How many `<article>` open before each element.
    articles_before: Vec<u16>,
    /// Index behind the last paragraph of prose.
    prose_end: usize,
    prose_words: u32,
    page_features: Vec<(&'static str, f32)>,
    texts: Texts,
    words: Vec<[f32; words::GROUPS.len()]>,
}

impl<'p, 's> PageFacts<'p, 's> {
    pub fn new(
        page: &'p Blocks<'s>,
        meta: &'p Meta,
        url: &str,
        tables: &words::Tables,
    ) -> PageFacts<'p, 's> {
        let blocks = &page.blocks;
        let total_chars = page.elements.first().map_or(1, |root| root.chars.max(1)) as f32;
        let top = page
            .elements
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.prose.total_cmp(&b.1.prose).then(b.0.cmp(&a.0)))
            .map_or(0, |(index, _)| index as u32);
        let top_prose = page
            .elements
            .get(top as usize)
            .map_or(1.0, |top| top.prose.max(1.0));
        let mut around_top = vec![false; page.elements.len()];
        let mut next = top;
        while let Some(element) = page.elements.get(next as usize) {
            around_top[next as usize] = true;
            if next == 0 {
                break;
            }
            next = element.parent;
        }
        let mut repeats: FxHashMap<&str, u16> = FxHashMap::default();
        let mut alike: FxHashMap<u32, Alike> = FxHashMap::default();
        for block in blocks {
            let count = repeats.entry(&block.text).or_default();
            *count = count.saturating_add(1);
            let sums = alike.entry(look_of(page, block)).or_default();
            sums.count += 1;
            sums.chars += block.chars;
            sums.link_chars += block.link_chars;
            sums.words += block.words;
            sums.sentences += u32::from(block.text.ends_with(is_sentence_end));
        }
        let texts = Texts::of(page);
        let mut title_words = Vec::new();
        read_words(&meta.title, MAX_WORDS_READ, &mut title_words);
        PageFacts {
            page,
            total_chars,
            top,
            top_prose,
            around_top,
            repeats,
            alike,
            title_words,
            told_bodies: pairs_of_words(&meta.told_bodies),
            told_descriptions: pairs_of_words(&meta.told_descriptions),
            mentions: blocks
                .iter()
                .map(|block| match block.words <= MAX_MENTIONING_WORDS {
                    true => vocabulary::hints(&block.text),
                    false => 0,
                })
                .collect(),
            author: finder(meta.author.as_deref()),
            site_name: finder(meta.site_name.as_deref()),
            addresses: ["http", "www."].map(Finder::new),
            articles_before: page
                .elements
                .iter()
                .scan(0u16, |count, element| {
                    let before = *count;
                    *count = before.saturating_add(u16::from(element.name == Name::Article));
                    Some(before)
                })
                .collect(),
            title_at: blocks.iter().position(|block| block.level == 1),
            prose_end: blocks.iter().rposition(is_prose).map_or(0, |at| at + 1),
            prose_words: prose_words(blocks),
            page_features: page_features(page, meta, url),
            words: words::scores(page, &texts, tables),
            texts,
        }
    }

    fn row(&self, index: usize, before: &Before, row: &mut impl Row) {
        let block = &self.page.blocks[index];
        let element = &self.page.elements[block.element as usize];
        self.text(index, block, row);
        self.looks(block, element, row);
        self.surroundings(block, element, row);
        self.place(index, before, row);
        self.headings(index, block, before, row);
        self.neighbours(index, block, element, row);
        for &(name, value) in &self.page_features {
            row.put(name, value);
        }
        for (group, score) in words::GROUPS.iter().zip(self.words[index]) {
            row.put_at("words", 0, group, score);
        }
    }

    /// What is told by the text alone.
    fn text(&self, index: usize, block: &Block, row: &mut impl Row) {
        let text = &*block.text;
        let found = TextCounts::of(text);
        let last = text
            .trim_end_matches(['"', '”', '’', ')', '\'', '»'])
            .chars()
            .last()
            .unwrap_or(' ');
        let words = self.texts.words(index);
        // Few words in much text are signs and numbers.
        let is_short = block.words <= 40 && text.len() < 2000;
        let mine = if is_short { words } else { &[] };
        let is_of_title = |word: &Word| self.title_words.iter().any(|known| known.id == word.id);
        let shared = mine.iter().filter(|word| is_of_title(word)).count() as f32;
        row.put("chars", block.chars as f32);
        row.put("words", block.words as f32);
        row.put("link_share", ratio(block.link_chars, block.chars));
        row.put("link_count", f32::from(block.link_count));
        row.put("bold_share", ratio(block.bold_chars, block.chars));
        row.put(
            "chars_a_word",
            block.chars as f32 / block.words.max(1) as f32,
        );
        row.put("ends_a_sentence", flag(is_sentence_end(last)));
        row.put("ends_with_colon", flag(matches!(last, ':' | '：')));
        row.put("ends_with_question", flag(matches!(last, '?' | '？')));
        row.put(
            "commas_a_word",
            found.commas as f32 / block.words.max(1) as f32,
        );
        row.put("digit_share", ratio(found.digits, block.chars));
        row.put("upper_share", ratio(found.uppers, found.letters));
        row.put("starts_upper", flag(text.starts_with(char::is_uppercase)));
        row.put("sentences", found.sentences as f32);
        row.put("letter_share", ratio(found.letters, block.chars));
        row.put("lines", found.lines as f32);
        row.put("title_share", shared / mine.len().max(1) as f32);
        row.put(
            "share_of_title",
            shared / self.title_words.len().max(1) as f32,
        );
        row.put("has_rights_mark", flag(found.rights));
        row.put("has_money", flag(found.money));
        row.put("has_at", flag(found.at));
        row.put("has_bar", flag(found.bar));
        row.put("has_dots", flag(found.dots) + flag(text.ends_with("...")));
        row.put(
            "has_url",
            flag(self.addresses.iter().any(|start| is_in(text, start))),
        );
        row.put("repeats", f32::from(self.repeats[text]));
        row.put("told_in_body", share_of_pairs(words, &self.told_bodies));
        row.put(
            "told_in_description",
            share_of_pairs(words, &self.told_descriptions),
        );
        let names = |name: &Option<Finder>| {
            block.words <= 20 && name.as_ref().is_some_and(|name| is_in(text, name))
        };
        row.put("names_author", flag(names(&self.author)));
        row.put("names_site", flag(names(&self.site_name)));
        let is_date = block.words <= 8 && text.len() <= 60 && found.digits >= 4;
        row.put("is_date", flag(is_date && dates::parse(text).is_some()));
        let mentioned = self.mentions[index];
        let is_label = block.words <= MAX_SPOKEN_WORDS;
        for (hint, name) in SPOKEN {
            row.put_at("says", 0, name, flag(is_label && mentioned & hint != 0));
        }
        for (hint, name) in MENTIONED {
            row.put_at("mentions", 0, name, flag(mentioned & hint != 0));
        }
    }

    /// What kind of block it is, and how those fare that look the same.
    fn looks(&self, block: &Block, element: &Element, row: &mut impl Row) {
        for (kind, name) in KINDS {
            row.put(name, flag(block.kind == kind));
        }
        row.put("heading_level", f32::from(block.level));
        for (own, name) in OWN_ELEMENTS {
            row.put(name, flag(element.name == own));
        }
        row.put("is_question", flag(block.fold.is_question()));
        row.put("is_answer", flag(block.fold.is_answer()));
        let alike = self.alike[&look_of(self.page, block)];
        row.put("alike_count", alike.count as f32);
        row.put("alike_words", alike.words as f32 / alike.count as f32);
        row.put("alike_link_share", ratio(alike.link_chars, alike.chars));
        row.put("alike_char_share", alike.chars as f32 / self.total_chars);
        row.put("alike_sentence_share", ratio(alike.sentences, alike.count));
    }

    /// The elements around it.
    fn surroundings(&self, block: &Block, element: &Element, row: &mut impl Row) {
        row.put("depth", f32::from(element.depth));
        for (name, label) in CONTEXTS {
            row.put(label, flag(element.context & name.bit() != 0));
        }
        let mut steps_to = [None; vocabulary::HINT_COUNT];
        let mut seen: Hints = 0;
        let mut ancestors: [Option<&Element>; ANCESTORS] = [None; ANCESTORS];
        let (mut list, mut table, mut article) = (None, None, None);
        let mut article_before = 0;
        let (mut top_steps, mut prose) = (None, 0f32);
        // The nearest element that stands among others of its look: a card, an item, a comment.
        let mut card: Option<&Element> = None;
        for (steps, (index, ancestor)) in self.page.ancestors_with_index(block.element).enumerate()
        {
            if steps < ANCESTORS {
                ancestors[steps] = Some(ancestor);
            }
            if steps < 3 {
                prose = prose.max(ancestor.prose);
            }
            let mut new = ancestor.hints & !seen;
            seen |= new;
            while new != 0 {
                let bit = new.trailing_zeros() as usize;
                if let Some(found) = steps_to.get_mut(bit) {
                    *found = Some(steps);
                }
                new &= new - 1;
            }
            match ancestor.name {
                Name::List if list.is_none() => list = Some(ancestor),
                Name::Table if table.is_none() => table = Some(ancestor),
                Name::Article if article.is_none() => {
                    article = Some(ancestor);
                    article_before = self.articles_before[index as usize];
                }
                _ => {}
            }
            if card.is_none() && ancestor.alike >= 3 && ancestor.block_count > 1 {
                card = Some(ancestor);
            }
            if top_steps.is_none() && self.around_top[index as usize] {
                top_steps = Some((steps, index == self.top));
            }
        }
        for (bit, (_, name)) in vocabulary::HINT_NAMES.iter().enumerate() {
            row.put_at("near_hint", 0, name, nearness(steps_to[bit]));
        }
        for (index, ancestor) in ancestors.iter().enumerate() {
            self.container("up", index as i32, *ancestor, row);
            let alike = ancestor.map_or(0, |ancestor| ancestor.alike);
            row.put_at("up", index as i32, "alike", f32::from(alike));
        }
        self.container("list", 0, list, row);
        self.container("table", 0, table, row);
        self.container("article", 0, article, row);
        self.container("card", 0, card, row);
        row.put("card_alike", card.map_or(0.0, |card| f32::from(card.alike)));
        row.put(
            "card_before",
            card.map_or(0.0, |card| f32::from(card.alike_before)),
        );
        row.put("article_before", f32::from(article_before));
        let holds_title = article.zip(self.title_at);
        row.put(
            "article_holds_title",
            flag(holds_title.is_some_and(|(article, at)| article.blocks().contains(&at))),
        );
        row.put("near_prose", prose / self.top_prose);
        row.put(
            "steps_to_top",
            top_steps.map_or(0.0, |(steps, _)| steps as f32),
        );
        row.put("in_top", flag(top_steps.is_some_and(|(_, is_top)| is_top)));
    }

    fn container(&self, group: &str, index: i32, found: Option<&Element>, row: &mut impl Row) {
        let (share, links, blocks, words, images) =
            found.map_or((0.0, 0.0, 0.0, 0.0, 0.0), |element| {
                (
                    element.chars as f32 / self.total_chars,
                    ratio(element.link_chars, element.chars),
                    element.block_count as f32,
                    element.words as f32 / element.block_count.max(1) as f32,
                    element.images as f32 / element.block_count.max(1) as f32,
                )
            });
        row.put_at(group, index, "images_a_block", images);
        row.put_at(group, index, "char_share", share);
        row.put_at(group, index, "link_share", links);
        row.put_at(group, index, "blocks", blocks);
        row.put_at(group, index, "words_a_block", words);
    }

    /// Where in the page it stands.
    fn place(&self, index: usize, before: &Before, row: &mut impl Row) {
        let count = self.page.blocks.len();
        row.put("place", index as f32 / count as f32);
        row.put("blocks_before", index.min(500) as f32);
        row.put("blocks_behind", (count - index).min(500) as f32);
        row.put("chars_before_share", before.chars as f32 / self.total_chars);
        let far = MAX_DISTANCE as f32;
        let to_title = self
            .title_at
            .map_or(0.0, |title| (index as f32 - title as f32).clamp(-far, far));
        row.put("has_title", flag(self.title_at.is_some()));
        row.put("blocks_behind_title", to_title);
        let since_title = (before.chars_at_title).map_or(0, |at| before.chars - at);
        row.put("chars_behind_title", since_title as f32);
        let prose_distance = before.prose.map(|at| index - at);
        row.put("near_prose_before", nearness(prose_distance));
        row.put(
            "prose_before_share",
            ratio(before.prose_words, self.prose_words),
        );
        let left = self.prose_end.saturating_sub(index).min(MAX_DISTANCE);
        row.put("blocks_to_prose_end", left as f32);
        let past = index.saturating_sub(self.prose_end).min(MAX_DISTANCE);
        row.put("blocks_past_prose_end", past as f32);
    }

    /// The heading above it.
    fn headings(&self, index: usize, block: &Block, before: &Before, row: &mut impl Row) {
        let hints = before.heading.map_or(0, |heading| heading.hints);
        for (hint, name) in SPOKEN {
            row.put_at("heading_says", 0, name, flag(hints & hint != 0));
        }
        let path = before.path.iter().fold(0, |all, hints| all | hints);
        for (hint, name) in SPOKEN {
            row.put_at("path_says", 0, name, flag(path & hint != 0));
        }
        for ((_, name), ending) in ENDINGS.iter().zip(before.endings) {
            let steps = ending.map(|(at, _)| index - at);
            row.put_at("behind", 0, name, nearness(steps));
            let prose = ending.map_or(0, |(_, words)| before.prose_words - words);
            row.put_at("prose_behind", 0, name, prose as f32);
        }
        row.put("titles_before", f32::from(before.title_count));
        let distance = before.heading.map(|heading| index - heading.index);
        row.put("near_heading", nearness(distance));
        let level = before.heading.map_or(0, |heading| heading.level);
        row.put("heading_above_level", f32::from(level));
        // A heading over nothing, or over prose.
        let next = self.page.blocks.get(index + 1);
        let is_empty = next.is_none_or(|next| next.kind == Kind::Heading);
        row.put(
            "heads_nothing",
            flag(block.kind == Kind::Heading && is_empty),
        );
    }

    /// The blocks before and behind it.
    fn neighbours(&self, index: usize, block: &Block, element: &Element, row: &mut impl Row) {
        let blocks = &self.page.blocks;
        for offset in NEIGHBOURS {
            let near = index
                .checked_add_signed(offset as isize)
                .and_then(|at| blocks.get(at));
            let (words, links) = near.map_or((0.0, 0.0), |near| {
                (near.words as f32, ratio(near.link_chars, near.chars))
            });
            row.put_at("near", offset, "words", words);
            row.put_at("near", offset, "link_share", links);
            row.put_at(
                "near",
                offset,
                "is_heading",
                flag(near.is_some_and(|n| n.kind == Kind::Heading)),
            );
            let is_sibling = near.is_some_and(|near| {
                near.element == block.element
                    || self.page.elements[near.element as usize].parent == element.parent
            });
            row.put_at("near", offset, "is_sibling", flag(is_sibling));
        }
        let window = &blocks[index.saturating_sub(6)..(index + 7).min(blocks.len())];
        let sum = |number: fn(&Block) -> u32| window.iter().map(number).sum::<u32>();
        let (words, chars, links) = (sum(|b| b.words), sum(|b| b.chars), sum(|b| b.link_chars));
        row.put("window_words", words as f32 / window.len() as f32);
        row.put("window_link_share", ratio(links, chars));
    }
}

/// The same for all blocks of a page.
pub fn page_features(page: &Blocks, meta: &Meta, url: &str) -> Vec<(&'static str, f32)> {
    let (elements, blocks) = (&page.elements, &page.blocks);
    let Some(root) = elements.first() else {
        return Vec::new();
    };
    let total_chars = root.chars.max(1) as f32;
    let prose_words = prose_words(blocks);
    let top_prose = elements.iter().map(|e| e.prose).fold(1.0, f32::max);
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split_once('/').map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or("");
    let main = elements.iter().find(|e| e.name == Name::Main);
    let articles = elements.iter().filter(|e| e.name == Name::Article).count();
    let share_of = |kind: Kind| {
        blocks.iter().filter(|b| b.kind == kind).count() as f32 / blocks.len().max(1) as f32
    };
    let questions = blocks.iter().filter(|b| b.fold.is_question()).count();
    vec![
        ("page.words", root.words as f32),
        ("page.blocks", blocks.len() as f32),
        ("page.link_share", ratio(root.link_chars, root.chars)),
        ("page.prose_share", ratio(prose_words, root.words)),
        ("page.prose_words", prose_words as f32),
        ("page.has_main", flag(main.is_some())),
        (
            "page.main_share",
            main.map_or(0.0, |main| main.chars as f32 / total_chars),
        ),
        ("page.articles", articles as f32),
        ("page.top_prose_share", top_prose / total_chars),
        ("page.says_article", flag(meta.says(PageKind::Article))),
        ("page.says_product", flag(meta.says(PageKind::Product))),
        (
            "page.says_discussion",
            flag(meta.says(PageKind::Discussion)),
        ),
        (
            "page.says_collection",
            flag(meta.says(PageKind::Collection)),
        ),
        (
            "page.path_parts",
            path.split('/').filter(|part| !part.is_empty()).count() as f32,
        ),
        ("page.path_length", path.len().min(300) as f32),
        ("page.list_item_share", share_of(Kind::ListItem)),
        ("page.heading_share", share_of(Kind::Heading)),
        ("page.table_row_share", share_of(Kind::TableRow)),
        ("page.questions", questions as f32),
        ("page.tells_body", flag(!meta.told_bodies.is_empty())),
        (
            "page.tells_description",
            flag(!meta.told_descriptions.is_empty()),
        ),
    ]
}

/// Blocks of one look share this number: that of the element, of its parent and of its kind.
fn look_of(page: &Blocks, block: &Block) -> u32 {
    let element = &page.elements[block.element as usize];
    let parent = &page.elements[element.parent as usize];
    element.look.rotate_left(7) ^ parent.look ^ u32::from(block.kind == Kind::Heading)
}

/// What is counted in a text, at one go.
#[derive(Default)]
struct TextCounts {
    commas: u32,
    digits: u32,
    uppers: u32,
    letters: u32,
    sentences: u32,
    lines: u32,
    rights: bool,
    money: bool,
    at: bool,
    bar: bool,
    dots: bool,
}

impl TextCounts {
    fn of(text: &str) -> TextCounts {
        let mut counts = TextCounts::default();
        let mut end = false;
        for (index, c) in text.chars().enumerate() {
            match c {
                // Most are these.
                'a'..='z' => {
                    counts.letters += 1;
                    end = false;
                    continue;
                }
                'A'..='Z' => {
                    counts.letters += 1;
                    counts.uppers += 1;
                }
                ' ' => {}
                '\n' => counts.lines += 1,
                ',' | '，' | '、' | ';' | '؛' | '،' => counts.commas += 1,
                '0'..='9' => counts.digits += 1,
                _ if vocabulary::is_letter(c) => {
                    counts.letters += 1;
                    counts.uppers += u32::from(c.is_uppercase());
                }
                _ if index >= 300 => {}
                '©' | '®' | '™' => counts.rights = true,
                '$' | '€' | '£' | '¥' | '₹' => counts.money = true,
                '@' => counts.at = true,
                '|' | '»' | '›' | '·' | '•' => counts.bar = true,
                '…' => counts.dots = true,
                _ => {}
            }
            if end && c.is_whitespace() {
                counts.sentences += 1;
            }
            end = is_sentence_end(c);
        }
        counts
    }
}

pub fn is_sentence_end(c: char) -> bool {
    matches!(
        c,
        '.' | '!' | '?' | '…' | '。' | '！' | '？' | '．' | '।' | '؟' | '۔'
    )
}

/// Pairs of words that are read of what a page tells machines.
const MAX_PAIRS: usize = 50_000;

fn pairs(words: &[Word]) -> impl Iterator<Item = u64> {
    words
        .windows(2)
        .map(|pair| pair[0].id.rotate_left(1).wrapping_add(pair[1].id))
}

fn pairs_of_words(texts: &[String]) -> FxHashSet<u64> {
    let mut found = FxHashSet::default();
    let mut words = Vec::new();
    for text in texts {
        if found.len() >= MAX_PAIRS {
            break;
        }
        words.clear();
        read_words(text, MAX_PAIRS - found.len(), &mut words);
        found.extend(pairs(&words));
    }
    found
}

/// How much of a text is among the pairs; 0 of a single word.
fn share_of_pairs(words: &[Word], known: &FxHashSet<u64>) -> f32 {
    if words.len() < 2 || known.is_empty() {
        return 0.0;
    }
    let shared = pairs(words).filter(|pair| known.contains(pair)).count();
    shared as f32 / (words.len() - 1) as f32
}
