//! The page as blocks: runs of text between the borders that a reader would see, in document order.
//!
//! Nothing is judged here, only measured: what stands around a block, how much of it is links, what
//! its containers are called.

use crate::Kind;
use crate::consent;
use crate::folds::{self, Control, ControlKind, Pair};
use crate::source::Source;
use crate::styles::{self, Styles};
use crate::tree::{Data, Node, Text};
use crate::vocabulary::{self, Hints};
use html5ever::{Attribute, LocalName, local_name};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// A run of text between block borders.
pub struct Block {
    /// White space is one space; a line break is `\n`.
    pub text: String,
    pub kind: Kind,
    /// 1 to 6 for a heading.
    pub level: u8,
    /// The innermost element with a border that holds it: an index into [`Blocks::elements`].
    pub element: u32,
    /// (byte of `text`, byte of the source) wherever the two stop running side by side.
    pub map: Vec<(u32, u32)>,
    /// Byte range in the source.
    pub start: u32,
    pub end: u32,
    pub chars: u32,
    pub words: u32,
    pub link_chars: u32,
    pub link_count: u16,
    pub bold_chars: u32,
    /// Whether it is a question, or what one reveals.
    pub fold: Fold,
    /// Whether the page's own markup or styles keep it from being seen at first.
    pub is_hidden: bool,
}

/// The part of a block in a pair of a question (a summary, a tab, a term) and its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    #[default]
    None,
    Question,
    Answer,
}

impl Fold {
    pub fn is_question(self) -> bool {
        self == Fold::Question
    }

    pub fn is_answer(self) -> bool {
        self == Fold::Answer
    }
}

/// What is known of an element once the walk is over. Texts count without white space collapsed out.
pub struct Element<'s> {
    pub parent: u32,
    pub name: Name,
    pub depth: u16,
    pub node: &'s Node<'s>,
    /// What its own class, id and role say.
    pub hints: Hints,
    /// The same with those of all elements around it.
    pub all_hints: Hints,
    /// Which of [`Name`]'s context elements are around it, itself included.
    pub context: u32,
    pub chars: u32,
    pub link_chars: u32,
    pub words: u32,
    pub block_count: u32,
    /// Chars in paragraphs that are its children, and half of those of its grandchildren.
    pub prose: f32,
    /// Where its blocks start; they stand side by side.
    pub first_block: u32,
    /// The same for elements of one name and class.
    pub look: u32,
    /// How many children of its parent share its look, itself included, and how many of them stand
    /// before it.
    pub alike: u16,
    pub alike_before: u16,
    /// Pictures in it.
    pub images: u32,
}

impl Element<'_> {
    /// The blocks in it and all it holds.
    pub fn blocks(&self) -> Range<usize> {
        let start = if self.block_count == 0 {
            0
        } else {
            self.first_block as usize
        };
        start..start + self.block_count as usize
    }

    pub fn is_in(&self, names: u32) -> bool {
        self.context & names != 0
    }
}

/// The elements that matter for what a text is; the bit in `context` is `1 << Name as u32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Name {
    Main,
    Article,
    Section,
    Nav,
    Header,
    Footer,
    Aside,
    Form,
    Button,
    Figure,
    Quote,
    Table,
    List,
    Item,
    Details,
    Link,
    Paragraph,
    Cell,
    Row,
    Heading,
    Code,
    Term,
    Description,
    Label,
    Caption,
    Address,
    Div,
    Body,
    Inline,
    Hidden,
    Other,
}

impl Name {
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }
}

pub struct Blocks<'s> {
    pub source: &'s Source<'s>,
    pub elements: Vec<Element<'s>>,
    pub blocks: Vec<Block>,
    /// Questions with their answers, in the order of the questions.
    pub pairs: Vec<Pair>,
    /// In requests for consent, which are not among the blocks.
    pub consent_words: u32,
}

/// How an element takes part in the flow of text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Inline,
    Block,
    Break,
    Skip,
}

fn flow_and_name(name: &LocalName) -> (Flow, Name) {
    use Flow::*;
    match *name {
        local_name!("div") => (Block, Name::Div),
        local_name!("span") => (Inline, Name::Inline),
        local_name!("a") => (Inline, Name::Link),
        local_name!("p") => (Block, Name::Paragraph),
        local_name!("li") => (Block, Name::Item),
        local_name!("ul") | local_name!("ol") | local_name!("menu") => (Block, Name::List),
        local_name!("h1")
        | local_name!("h2")
        | local_name!("h3")
        | local_name!("h4")
        | local_name!("h5")
        | local_name!("h6") => (Block, Name::Heading),
        local_name!("br") => (Break, Name::Inline),
        local_name!("main") => (Block, Name::Main),
        local_name!("article") => (Block, Name::Article),
        local_name!("section") => (Block, Name::Section),
        local_name!("nav") => (Block, Name::Nav),
        local_name!("header") => (Block, Name::Header),
        local_name!("footer") => (Block, Name::Footer),
        local_name!("aside") => (Block, Name::Aside),
        local_name!("form") | local_name!("fieldset") => (Block, Name::Form),
        local_name!("button") => (Block, Name::Button),
        local_name!("figure") => (Block, Name::Figure),
        local_name!("figcaption") | local_name!("caption") => (Block, Name::Caption),
        local_name!("blockquote") => (Block, Name::Quote),
        local_name!("table") => (Block, Name::Table),
        local_name!("tr") => (Block, Name::Row),
        local_name!("td") | local_name!("th") => (Block, Name::Cell),
        local_name!("details") => (Block, Name::Details),
        local_name!("pre") | local_name!("listing") | local_name!("xmp") => (Block, Name::Code),
        local_name!("dt") => (Block, Name::Term),
        local_name!("dd") => (Block, Name::Description),
        local_name!("label") => (Inline, Name::Label),
        local_name!("address") => (Block, Name::Address),
        local_name!("body") => (Block, Name::Body),
        local_name!("html")
        | local_name!("dl")
        | local_name!("summary")
        | local_name!("tbody")
        | local_name!("thead")
        | local_name!("tfoot")
        | local_name!("colgroup")
        | local_name!("center")
        | local_name!("dialog")
        | local_name!("legend")
        | local_name!("hr")
        | local_name!("hgroup")
        | local_name!("dir")
        | local_name!("search")
        | local_name!("slot")
        | local_name!("noscript")
        | local_name!("template")
        | local_name!("optgroup") => (Block, Name::Other),
        local_name!("head")
        | local_name!("script")
        | local_name!("style")
        | local_name!("svg")
        | local_name!("select")
        | local_name!("option")
        | local_name!("datalist")
        | local_name!("textarea")
        // Tags inside these are text to the parser, so what stands in them has no place of its own.
        | local_name!("title")
        | local_name!("xmp")
        | local_name!("plaintext")
        | local_name!("input")
        | local_name!("canvas")
        | local_name!("video")
        | local_name!("audio")
        | local_name!("object")
        | local_name!("iframe")
        | local_name!("map")
        | local_name!("progress")
        | local_name!("meter")
        | local_name!("annotation")
        | local_name!("annotation-xml")
        | local_name!("rp")
        | local_name!("rt") => (Skip, Name::Other),
        // Custom elements are containers more often than words.
        _ if name.contains('-') => (Block, Name::Div),
        _ => (Inline, Name::Inline),
    }
}

/// An open element during the walk.
struct Open {
    element: u32,
    flow: Flow,
    /// It leads to another page or place.
    is_link: bool,
}

/// What is longer is text dressed up as a heading, and would be in the path of all below it.
const MAX_HEADING_CHARS: u32 = 300;
/// A row with more text than this is a page laid out as a table.
const MAX_ROW_BYTES: usize = 1500;

impl<'s> Blocks<'s> {
    pub fn new(source: &'s Source<'s>) -> Blocks<'s> {
        let mut walk = Walk {
            out: Blocks {
                source,
                elements: Vec::new(),
                blocks: Vec::new(),
                pairs: Vec::new(),
                consent_words: 0,
            },
            open: Vec::new(),
            current: Run::default(),
            styles: Styles::read(source),
            controls: Vec::new(),
            link_depth: 0,
            bold_depth: 0,
            code: 0,
            row: 0,
        };
        let mut next = source.document.first_child();
        while let Some(mut node) = next {
            next = None;
            if walk.enter(node) {
                next = node.first_child();
                if next.is_none() {
                    walk.leave(node);
                }
            }
            while next.is_none() {
                next = node.next();
                if next.is_none() {
                    let Some(parent) = node.parent() else { break };
                    node = parent;
                    walk.leave(node);
                }
            }
        }
        walk.flush();
        let mut out = walk.out;
        out.sum_up();
        out.count_alike();
        folds::find(&mut out, &walk.controls);
        out.remove_unseen();
        folds::reorder(&mut out);
        out
    }

    /// Takes out what no reader ever sees, and what only asks for consent.
    fn remove_unseen(&mut self) {
        let all: u32 = self.blocks.iter().map(|block| block.words).sum();
        let hidden: u32 = self
            .blocks
            .iter()
            .filter(|b| b.is_hidden)
            .map(|b| b.words)
            .sum();
        // A page that hides most of itself is one that its script shows once it has loaded.
        let hides_itself = hidden * 2 > all;
        let consent = consent::blocks(self);
        let mut new_places = Vec::with_capacity(self.blocks.len() + 1);
        let mut count = 0;
        for (block, is_consent) in self.blocks.iter_mut().zip(consent) {
            new_places.push(count);
            block.is_hidden &= !hides_itself;
            self.consent_words += if is_consent { block.words } else { 0 };
            let keeps = !block.is_hidden && !is_consent;
            count += u32::from(keeps);
            // Marked here, removed below.
            block.is_hidden = !keeps;
        }
        new_places.push(count);
        self.blocks.retain(|block| !block.is_hidden);
        self.pairs.retain_mut(|pair| {
            let is_removed =
                new_places[pair.question as usize] == new_places[pair.question as usize + 1];
            pair.question = new_places[pair.question as usize];
            let place = |at: u32| new_places[at as usize];
            pair.answer = place(pair.answer.start)..place(pair.answer.end);
            !is_removed && !pair.answer.is_empty()
        });
        self.sum_up();
    }

    /// Counts the siblings of one look, and the pictures.
    fn count_alike(&mut self) {
        let key = |element: &Element| (u64::from(element.parent) << 32) | u64::from(element.look);
        let mut counts: FxHashMap<u64, u16> =
            FxHashMap::with_capacity_and_hasher(self.elements.len(), Default::default());
        for element in &mut self.elements {
            let count = counts.entry(key(element)).or_default();
            element.alike_before = *count;
            *count = count.saturating_add(1);
        }
        for element in &mut self.elements {
            element.alike = counts[&key(element)];
        }
        for index in (1..self.elements.len()).rev() {
            let Element { parent, images, .. } = self.elements[index];
            self.elements[parent as usize].images += images;
        }
    }

    /// Adds what blocks hold to all elements around them.
    fn sum_up(&mut self) {
        for element in &mut self.elements {
            (element.chars, element.link_chars, element.words) = (0, 0, 0);
            (element.block_count, element.first_block) = (0, u32::MAX);
            element.prose = 0.0;
        }
        for (index, block) in self.blocks.iter().enumerate() {
            let element = &mut self.elements[block.element as usize];
            element.chars += block.chars;
            element.link_chars += block.link_chars;
            element.words += block.words;
            element.block_count += 1;
            element.first_block = element.first_block.min(index as u32);
            if block.kind == Kind::Paragraph
                && block.words >= 8
                && block.link_chars * 3 < block.chars
            {
                let prose = block.chars as f32;
                let is_paragraph = element.name == Name::Paragraph;
                let parent = if is_paragraph {
                    element.parent
                } else {
                    block.element
                };
                self.elements[parent as usize].prose += prose;
                let grandparent = self.elements[parent as usize].parent;
                self.elements[grandparent as usize].prose += prose / 2.0;
            }
        }
        // Parents stand before their children.
        for index in (1..self.elements.len()).rev() {
            let element = &self.elements[index];
            let (chars, link_chars, words) = (element.chars, element.link_chars, element.words);
            let (block_count, first_block) = (element.block_count, element.first_block);
            let parent = element.parent as usize;
            let parent = &mut self.elements[parent];
            parent.chars += chars;
            parent.link_chars += link_chars;
            parent.words += words;
            parent.block_count += block_count;
            parent.first_block = parent.first_block.min(first_block);
        }
    }

    /// The element and those around it, innermost first.
    pub fn ancestors(&self, element: u32) -> impl Iterator<Item = &Element<'s>> {
        self.ancestors_with_index(element)
            .map(|(_, element)| element)
    }

    /// [`Blocks::ancestors`] with their places in [`Blocks::elements`].
    pub fn ancestors_with_index(&self, element: u32) -> impl Iterator<Item = (u32, &Element<'s>)> {
        let mut next = Some(element);
        std::iter::from_fn(move || {
            let index = next?;
            let element = &self.elements[index as usize];
            next = (index != 0).then_some(element.parent);
            Some((index, element))
        })
    }
}

/// The text that has been read since the last border.
#[derive(Default)]
struct Run {
    text: String,
    map: Vec<(u32, u32)>,
    start: u32,
    end: u32,
    /// White space or a break stands before the next character.
    gap: Option<char>,
    link_bytes: u32,
    link_count: u16,
    bold_bytes: u32,
}

impl Run {
    /// Appends a stretch that stands at `start..end` of the source, its white space as it is kept.
    fn push(&mut self, word: &str, start: u32, end: u32) {
        if let Some(gap) = self.gap.take()
            && !self.text.is_empty()
        {
            self.text.push(gap);
        }
        if self.text.is_empty() {
            self.start = start;
        }
        let at = self.text.len() as u32;
        let in_step = self
            .map
            .last()
            .is_some_and(|(text, source)| at - text == start.wrapping_sub(*source));
        if !in_step {
            self.map.push((at, start));
        }
        self.text.push_str(word);
        self.end = end;
    }

    fn white_space(&mut self, c: char, keep: bool) {
        if !keep {
            return self.gap(' ');
        }
        // Inside code all of it stays but what stands around the whole.
        if self.text.is_empty() {
            return;
        }
        if let Some(gap) = self.gap.take() {
            self.text.push(gap);
        }
        self.text.push(c);
    }

    fn gap(&mut self, gap: char) {
        // A line break outlives the spaces around it.
        if self.gap.is_none() || gap == '\n' {
            self.gap = Some(gap);
        }
    }
}

struct Walk<'s> {
    out: Blocks<'s>,
    open: Vec<Open>,
    current: Run,
    styles: Styles,
    /// What a reader may press to see more.
    controls: Vec<Control>,
    link_depth: u32,
    bold_depth: u32,
    /// Open elements that keep their white space.
    code: u32,
    /// Depth of the open stack at which a table row is read as one block, or 0.
    row: usize,
}

impl<'s> Walk<'s> {
    /// False when there is nothing in the node to go into.
    fn enter(&mut self, node: &'s Node<'s>) -> bool {
        let (local, attributes) = match &node.data {
            Data::Element { name, attributes } => (&name.local, attributes.borrow()),
            Data::Text(text) => {
                self.text(text);
                return false;
            }
            Data::Document => return false,
        };
        let (mut flow, mut name) = flow_and_name(local);
        if flow == Flow::Skip {
            return false;
        }
        // Icon fonts draw a glyph for its name, which no reader sees.
        let is_icon = |attribute: &Attribute| {
            attribute.name.local == local_name!("class") && {
                let value = attribute.value.as_bytes();
                let at = memchr::memmem::find(value, b"material-");
                at.is_some_and(|at| {
                    let font = &value[at + "material-".len()..];
                    font.starts_with(b"icons") || font.starts_with(b"symbols")
                })
            }
        };
        if flow == Flow::Inline && attributes.iter().any(is_icon) {
            return false;
        }
        let is_heading = |attribute: &Attribute| {
            attribute.name.local == local_name!("role") && &*attribute.value == "heading"
        };
        if flow == Flow::Inline && attributes.iter().any(is_heading) {
            flow = Flow::Block;
        }
        if flow == Flow::Break {
            if self.row == 0 && self.code == 0 && self.is_bold_line() {
                self.flush();
                return false;
            }
            match self.current.gap {
                Some('\n') if self.row == 0 && self.code == 0 => self.flush(),
                _ if self.row > 0 => self.current.gap(' '),
                _ => self.current.gap('\n'),
            }
            return false;
        }
        let in_row = self.row > 0;
        if flow == Flow::Block && in_row {
            match name {
                Name::Cell if !self.current.text.is_empty() => self.cell_border(),
                _ => self.current.gap(' '),
            }
        } else if flow == Flow::Block {
            self.flush();
        }
        let parent = self.open.last().map_or(0, |open| open.element);
        let mut hints = Hints::default();
        let mut look = look_start(local);
        let (mut is_hidden, mut is_link) = (false, *local == local_name!("a"));
        let mut control = None;
        let (mut class, mut id) = ("", "");
        for Attribute {
            name: attribute,
            value,
        } in attributes.iter()
        {
            match attribute.local {
                local_name!("class") => {
                    class = value;
                    hints |= vocabulary::hints(value);
                    look = look_step(look, value);
                }
                local_name!("id") => {
                    id = value;
                    hints |= vocabulary::hints(value);
                }
                local_name!("role") => {
                    hints |= vocabulary::hints(value);
                    match &**value {
                        "tab" => control = Some(ControlKind::Disclosure),
                        "heading" => name = Name::Heading,
                        "button" => control = control.or(Some(ControlKind::Press)),
                        _ => {}
                    }
                    is_link &= !matches!(&**value, "button" | "tab");
                }
                local_name!("itemprop") => match &**value {
                    "articleBody" => hints |= vocabulary::BODY,
                    "name" if self.is_question(parent) => control = Some(ControlKind::Markup),
                    _ => {}
                },
                local_name!("hidden") => is_hidden = true,
                local_name!("style") => is_hidden |= styles::hides(value) == Some(true),
                local_name!("aria-hidden") if &**value == "true" => hints |= vocabulary::HIDDEN,
                local_name!("href") if is_link => {
                    is_link = leads_elsewhere(value);
                    if is_link && value.starts_with('#') {
                        control = control.or(Some(ControlKind::Anchor));
                    }
                }
                _ => match &*attribute.local {
                    "aria-expanded" => control = Some(ControlKind::Disclosure),
                    "onclick" => control = control.or(Some(ControlKind::Press)),
                    "data-toggle" | "data-bs-toggle" if folds::is_toggle(value) => {
                        control = Some(ControlKind::Disclosure);
                    }
                    _ => {}
                },
            }
        }
        is_hidden |= self.styles.hide(local, class, id);
        if is_hidden {
            name = Name::Hidden;
        }
        match *local {
            local_name!("summary") => control = Some(ControlKind::Summary),
            local_name!("dt") => control = Some(ControlKind::Term),
            local_name!("label") => control = control.or(Some(ControlKind::Label)),
            local_name!("a") if !is_link => control = control.or(Some(ControlKind::Press)),
            local_name!("button") => control = control.or(Some(ControlKind::Press)),
            _ => {}
        }
        is_link &= !matches!(control, Some(ControlKind::Disclosure));
        let (depth, all_hints, context) = match self.out.elements.get(parent as usize) {
            Some(parent) => (parent.depth + 1, parent.all_hints, parent.context),
            None => (0, Hints::default(), 0),
        };
        // What is said of the whole page says nothing about a part of it.
        let is_page = matches!(*local, local_name!("html") | local_name!("body"));
        let hints = if is_page { Hints::default() } else { hints };
        let index = self.out.elements.len() as u32;
        self.out.elements.push(Element {
            parent,
            name,
            depth,
            node,
            hints,
            all_hints: all_hints | hints,
            context: context | name.bit(),
            chars: 0,
            link_chars: 0,
            words: 0,
            block_count: 0,
            prose: 0.0,
            first_block: u32::MAX,
            look,
            alike: 1,
            alike_before: 0,
            images: u32::from(*local == local_name!("img")),
        });
        if let Some(kind) = control {
            self.controls.push(Control {
                kind,
                element: index,
                block: self.out.blocks.len() as u32,
            });
        }
        self.open.push(Open {
            element: index,
            flow,
            is_link,
        });
        match *local {
            local_name!("a") if is_link => {
                self.link_depth += 1;
                self.current.link_count = self.current.link_count.saturating_add(1);
            }
            local_name!("b") | local_name!("strong") => self.bold_depth += 1,
            local_name!("pre") | local_name!("listing") | local_name!("xmp") => self.code += 1,
            local_name!("tr") if !in_row && is_data_row(node) => self.row = self.open.len(),
            _ => {}
        }
        true
    }

    /// Of a node that was entered, all in it read.
    fn leave(&mut self, node: &Node) {
        let Some(local) = node.name() else { return };
        let Some(&Open { flow, is_link, .. }) = self.open.last() else {
            return;
        };
        if flow == Flow::Block {
            if self.row == 0 {
                self.flush();
            } else if self.row == self.open.len() {
                self.flush();
                self.row = 0;
            } else {
                self.current.gap(' ');
            }
        }
        self.open.pop();
        match *local {
            local_name!("a") if is_link => self.link_depth = self.link_depth.saturating_sub(1),
            local_name!("b") | local_name!("strong") => {
                self.bold_depth = self.bold_depth.saturating_sub(1);
            }
            local_name!("pre") | local_name!("listing") | local_name!("xmp") => {
                self.code = self.code.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Whether what was read since the last border is bold and asks: the rest answers it.
    fn is_bold_line(&self) -> bool {
        let text = self.current.text.trim_end();
        text.len() <= 200
            && self.current.bold_bytes as usize >= text.len().max(1)
            && text.ends_with(['?', '？', '؟'])
    }

    fn cell_border(&mut self) {
        self.current.gap = None;
        self.current.text.push_str(" |");
        self.current.gap(' ');
    }

    fn text(&mut self, node: &Text) {
        if self.open.is_empty() {
            return;
        }
        let current = &mut self.current;
        let before = current.text.len();
        let text = &*node.text;
        let is_verbatim = (node.end - node.start) as usize == text.len();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            if c.is_whitespace() {
                // What a line ends with is a line break.
                match (c, text.as_bytes().get(at + 1)) {
                    ('\r', Some(b'\n')) => {}
                    ('\r', _) => current.white_space('\n', self.code > 0),
                    _ => current.white_space(c, self.code > 0),
                }
                at += c.len_utf8();
            } else if is_invisible(c) {
                at += c.len_utf8();
            } else {
                let (end, start, stop) = if is_verbatim {
                    let end = stretch_end(text, at);
                    (end, node.start + at as u32, node.start + end as u32)
                } else {
                    (word_end(text, at), node.start, node.end)
                };
                current.push(&text[at..end], start, stop);
                at = end;
            }
        }
        let added = (current.text.len() - before) as u32;
        if self.link_depth > 0 {
            current.link_bytes += added;
        }
        if self.bold_depth > 0 {
            current.bold_bytes += added;
        }
    }

    /// Ends the block that is being read.
    fn flush(&mut self) {
        let block = self.block();
        self.out.blocks.extend(block);
        let run = &mut self.current;
        run.text.clear();
        run.map.clear();
        run.gap = None;
        // Links that are open go on in the next block.
        run.link_count = u16::from(self.link_depth > 0);
        (run.link_bytes, run.bold_bytes) = (0, 0);
    }

    fn block(&self) -> Option<Block> {
        let run = &self.current;
        let text = run.text.trim_end();
        if text.is_empty() {
            return None;
        }
        let mut open = self.open.iter().rev();
        let element = open.find(|open| open.flow == Flow::Block)?.element;
        let (chars, words) = measure(text);
        let (kind, level) = match self.kind_of(element) {
            (Kind::Heading, _) if chars > MAX_HEADING_CHARS => (Kind::Paragraph, 0),
            found => found,
        };
        let share = |bytes: u32| (bytes as u64 * chars as u64 / text.len() as u64) as u32;
        Some(Block {
            text: text.to_owned(),
            kind,
            level,
            element,
            map: run.map.clone(),
            start: run.start,
            end: run.end,
            chars,
            words,
            link_chars: share(run.link_bytes),
            link_count: if run.link_bytes > 0 {
                run.link_count
            } else {
                0
            },
            bold_chars: share(run.bold_bytes),
            fold: Fold::None,
            is_hidden: self.out.elements[element as usize].is_in(Name::Hidden.bit()),
        })
    }

    fn kind_of(&self, element: u32) -> (Kind, u8) {
        let mut in_quote = false;
        for (steps, ancestor) in self.out.ancestors(element).enumerate() {
            match ancestor.name {
                Name::Heading => return (Kind::Heading, heading_level(ancestor.node)),
                Name::Code => return (Kind::Code, 0),
                Name::Row => return (Kind::TableRow, 0),
                Name::Term | Name::Description => return (Kind::Definition, 0),
                Name::Item => return (Kind::ListItem, 0),
                Name::Cell if steps > 0 => break,
                Name::Quote => in_quote = true,
                Name::Article | Name::Main | Name::Body => break,
                _ => {}
            }
        }
        (
            if in_quote {
                Kind::Quote
            } else {
                Kind::Paragraph
            },
            0,
        )
    }
}

impl Walk<'_> {
    /// Whether the element is a Question of schema.org.
    fn is_question(&self, element: u32) -> bool {
        let Some(element) = self.out.elements.get(element as usize) else {
            return false;
        };
        let kind = element.node.attribute("itemtype");
        kind.is_some_and(|kind| kind.ends_with("/Question"))
    }
}

/// 1 to 6; what an element with the role of a heading does not say is 2, as the standard has it.
fn heading_level(node: &Node) -> u8 {
    let name = node.name().map_or("", |name| name);
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => level - b'0',
        _ => node
            .attribute("aria-level")
            .and_then(|level| level.trim().parse().ok())
            .map_or(2, |level: u8| level.clamp(1, 6)),
    }
}

/// Whether a link's address is one: not `#`, not a script.
fn leads_elsewhere(href: &str) -> bool {
    let href = href.trim();
    let is_script = href
        .get(..11)
        .is_some_and(|start| start.eq_ignore_ascii_case("javascript:"));
    !(href.is_empty() || href == "#" || href == "#!" || is_script)
}

fn look_start(name: &LocalName) -> u32 {
    look_step(0x811c_9dc5, name)
}

/// FNV-1a over the letters of a class: `item-1` and `item-2` look alike.
fn look_step(look: u32, value: &str) -> u32 {
    let letters = value
        .bytes()
        .take(256)
        .filter(|byte| !byte.is_ascii_digit());
    letters.fold(look, |look, byte| {
        (look ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Where the words end that start at byte `at`, with one space between each two.
fn stretch_end(text: &str, at: usize) -> usize {
    let mut end = word_end(text, at);
    while text.as_bytes().get(end) == Some(&b' ') {
        let next = word_end(text, end + 1);
        if next == end + 1 {
            break;
        }
        end = next;
    }
    end
}

/// Where the word ends that starts at byte `at`.
fn word_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = at;
    loop {
        // Letters of the alphabet that most markup is written in, at a glance.
        while bytes.get(end).is_some_and(u8::is_ascii_graphic) {
            end += 1;
        }
        match text[end..].chars().next() {
            Some(c) if !c.is_whitespace() && !is_invisible(c) => end += c.len_utf8(),
            _ => return end,
        }
    }
}

/// Characters that take no room: soft hyphen, zero width space, word joiner, byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// Whether a row is data, one line for a reader, and not a page laid out in cells.
fn is_data_row<'s>(row: &'s Node<'s>) -> bool {
    let (mut cell_count, mut bytes) = (0, 0);
    for node in row.descendants() {
        match &node.data {
            Data::Document => {}
            Data::Text(text) => bytes += text.text.trim().len(),
            Data::Element { name, .. } => match flow_and_name(&name.local).1 {
                Name::Cell => cell_count += 1,
                Name::Table
                | Name::Heading
                | Name::Form
                | Name::Code
                | Name::Article
                | Name::Section => {
                    return false;
                }
                _ => {}
            },
        }
        if bytes > MAX_ROW_BYTES {
            return false;
        }
    }
    cell_count > 1
}

/// Characters without white space, and words; scripts without spaces count two characters a word.
pub fn measure(text: &str) -> (u32, u32) {
    let (mut chars, mut words, mut dense, mut in_word) = (0, 0, 0, false);
    let mut rest = text;
    loop {
        // Most of it is these.
        let letters = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if letters > 0 {
            chars += letters as u32;
            words += u32::from(!in_word);
            in_word = true;
        }
        let mut left = rest[letters..].chars();
        let Some(c) = left.next() else { break };
        rest = left.as_str();
        if c.is_whitespace() {
            in_word = false;
            continue;
        }
        chars += 1;
        let is_dense = vocabulary::is_dense_script(c);
        if is_dense {
            dense += 1;
        }
        let is_word = !is_dense && (vocabulary::is_letter(c) || c.is_numeric());
        if is_word && !in_word {
            words += 1;
        }
        in_word = is_word || (in_word && matches!(c, '\'' | '’' | '-'));
    }
    (chars, words + dense / 2)
}
