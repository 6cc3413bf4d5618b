//! HTML source text to a tree whose text nodes know where in the source they stand.
//!
//! html5ever reports no offsets. The source is therefore cut into tags and text runs first and fed
//! piece by piece, so that every piece of text the parser hands to the tree can be found again in
//! the run it came from. Cutting also keeps out what can hold no content (scripts, styles,
//! comments, drawings), which is half of a usual page, and puts bounds on hostile ones.

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, ParseOpts, QualName};
use memchr::{memchr, memmem};
use scraper::{Html, HtmlTreeSink, Node};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};

type NodeId = <HtmlTreeSink as TreeSink>::Handle;

/// Elements nested deeper are ignored and their text stays: the parser looks through all open
/// elements at each tag, so depth makes it quadratic. Browsers draw the same line at 512.
const MAX_DEPTH: u16 = 256;
/// The parser compares each attribute of a tag with all before it.
const MAX_ATTRIBUTES: usize = 128;
/// A shorter `<noscript>` holds a lazy image, a tracking pixel or a request to turn scripts on.
const MIN_NOSCRIPT_BYTES: usize = 2000;
/// Unclosed formatting elements are created anew in each paragraph. A page whose tree has this many
/// times more elements than tags is cut there.
const MAX_ELEMENTS_PER_TAG: usize = 4;

/// A parsed page.
pub struct Source {
    pub html: Html,
    /// Where text came from, by node, then by offset in the node.
    pieces: Vec<(NodeId, Piece)>,
    /// The contents of `<script type="application/ld+json">`, as byte ranges of the source.
    pub json_ld: Vec<(usize, usize)>,
}

/// `len` bytes from `at` on of a text node stand at bytes `start..end` of the source.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    pub at: u32,
    pub len: u32,
    pub start: u32,
    pub end: u32,
}

impl Piece {
    /// The source range of the node's bytes `from..to`, which lie in this piece.
    pub fn place(self, from: usize, to: usize) -> (u32, u32) {
        // A character reference is longer than what it stands for.
        if self.end - self.start != self.len {
            return (self.start, self.end);
        }
        (
            self.start + from as u32 - self.at,
            self.start + to as u32 - self.at,
        )
    }
}

impl Source {
    /// Parses any text: broken HTML gives the tree that a browser would make of it.
    pub fn parse(source: &str) -> Source {
        let sink = Sink {
            source,
            inner: HtmlTreeSink::new(Html::new_document()),
            run: Cell::new((0, 0)),
            pieces: RefCell::default(),
            depths: RefCell::default(),
            depth: Cell::new(0),
        };
        let mut options = ParseOpts::default();
        // Reads what `<noscript>` holds as elements.
        options.tree_builder.scripting_enabled = false;
        let mut parser = html5ever::parse_document(sink, options);
        let whole = StrTendril::from(source);
        let mut json_ld = Vec::new();
        let (mut tag_count, mut skipped_depth) = (0usize, 0usize);
        let scanner = Scanner {
            source: source.as_bytes(),
            at: 0,
            unclosed: [false; KEPT_OUT.len()],
        };
        for token in scanner {
            let sink = &parser.tokenizer.sink.sink;
            match token {
                Token::Text(start, end) => sink.run.set((start, end)),
                Token::Raw {
                    name,
                    start,
                    end,
                    tag,
                } => {
                    if name == b"script" && contains_ignore_case(tag, b"ld+json") {
                        json_ld.push((start, end));
                    }
                    continue;
                }
                Token::Start { .. } => {
                    if sink.depth.get() >= MAX_DEPTH {
                        skipped_depth += 1;
                        continue;
                    }
                    tag_count += 1;
                    let element_count = sink.depths.borrow().len();
                    if element_count > 10_000 + tag_count * MAX_ELEMENTS_PER_TAG {
                        break;
                    }
                }
                Token::End(..) => {
                    if skipped_depth > 0 {
                        skipped_depth -= 1;
                        continue;
                    }
                    sink.depth.set(sink.depth.get().saturating_sub(1));
                }
            }
            match token {
                Token::Text(start, end) | Token::End(start, end) => {
                    parser.process(whole.subtendril(start as u32, (end - start) as u32));
                }
                Token::Start { start, end, cut } => {
                    parser.process(whole.subtendril(start as u32, (end - start) as u32));
                    if cut {
                        parser.process(StrTendril::from_slice(">"));
                    }
                }
                Token::Raw { .. } => {}
            }
        }
        let mut parsed = parser.finish();
        parsed.json_ld = json_ld;
        parsed
    }

    /// The pieces of one text node, in order of `at`.
    pub fn pieces(&self, node: NodeId) -> impl Iterator<Item = Piece> + '_ {
        let first = self.pieces.partition_point(|(id, _)| *id < node);
        self.pieces[first..]
            .iter()
            .take_while(move |(id, _)| *id == node)
            .map(|(_, piece)| *piece)
    }
}

/// scraper's tree builder, which also notes the source of text and the depth of elements.
struct Sink<'s> {
    source: &'s str,
    inner: HtmlTreeSink,
    /// What is left of the text run that was fed last.
    run: Cell<(usize, usize)>,
    pieces: RefCell<Vec<(NodeId, Piece)>>,
    /// By id: ids grow, so new ones are pushed at the end.
    depths: RefCell<Vec<(NodeId, u16)>>,
    /// About how deep the next element will stand.
    depth: Cell<u16>,
}

impl Sink<'_> {
    /// Finds the source of `text` in the current run and moves behind it.
    fn locate(&self, text: &str) -> (usize, usize) {
        let (at, end) = self.run.get();
        let rest = &self.source[at..end];
        let skipped = rest.len() - rest.trim_ascii_start().len();
        // An ampersand in the text may stand for itself or for `&amp;`.
        let is_reference = rest[skipped..].starts_with('&')
            && (!rest[skipped..].starts_with(text)
                || (text == "&" && rest[skipped + 1..].starts_with(['a', 'A', '#'])));
        let near = &rest.as_bytes()[..rest.len().min(text.len() + 64)];
        let found = if is_reference {
            // What a character reference stands for is not in the source.
            let start = at + skipped;
            let name = self.source.as_bytes()[start + 1..end]
                .iter()
                .take(32)
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#')
                .count();
            let after = start + 1 + name;
            (
                start,
                if self.source[after..end].starts_with(';') {
                    after + 1
                } else {
                    after
                },
            )
        } else if rest.starts_with(text) {
            (at, at + text.len())
        } else if rest[skipped..].starts_with(text) {
            (at + skipped, at + skipped + text.len())
        } else if let Some(found) = memmem::find(near, text.as_bytes()) {
            (at + found, at + found + text.len())
        } else {
            return (at, end);
        };
        self.run.set((found.1, end));
        found
    }

    fn note_text(&self, node: Option<NodeId>, text: &str) {
        // White space falls together anyway, and the parser drops some of it.
        let Some(node) = node else { return };
        if text.trim_ascii().is_empty() {
            return;
        }
        let (start, end) = self.locate(text);
        let tree = self.inner.0.borrow();
        if let Some(Node::Text(whole)) = tree.tree.get(node).map(|node| node.value()) {
            let at = (whole.text.len() - text.len()) as u32;
            let (start, end, len) = (start as u32, end as u32, text.len() as u32);
            let piece = Piece {
                at,
                len,
                start,
                end,
            };
            self.pieces.borrow_mut().push((node, piece));
        }
    }

    fn depth_of(&self, node: &NodeId) -> Option<usize> {
        self.depths
            .borrow()
            .binary_search_by(|(id, _)| id.cmp(node))
            .ok()
    }

    fn note_parent(&self, parent: Option<NodeId>, child: &NodeId) {
        let Some(child) = self.depth_of(child) else {
            return;
        };
        let parent = parent.and_then(|parent| self.depth_of(&parent));
        let mut depths = self.depths.borrow_mut();
        let depth = parent
            .map_or(0, |parent| depths[parent].1)
            .saturating_add(1);
        depths[child].1 = depth;
        self.depth.set(depth);
    }
}

impl<'s> TreeSink for Sink<'s> {
    type Output = Source;
    type Handle = NodeId;
    type ElemName<'a>
        = <HtmlTreeSink as TreeSink>::ElemName<'a>
    where
        's: 'a;

    fn finish(self) -> Source {
        let mut pieces = self.pieces.into_inner();
        pieces.sort_by_key(|(node, _)| *node);
        Source {
            html: self.inner.finish(),
            pieces,
            json_ld: Vec::new(),
        }
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        match child {
            NodeOrText::AppendNode(node) => {
                self.inner.append(parent, NodeOrText::AppendNode(node));
                self.note_parent(Some(*parent), &node);
            }
            NodeOrText::AppendText(text) => {
                self.inner
                    .append(parent, NodeOrText::AppendText(text.clone()));
                let node = self
                    .inner
                    .0
                    .borrow()
                    .tree
                    .get(*parent)
                    .and_then(|parent| parent.last_child().map(|child| child.id()));
                self.note_text(node, &text);
            }
        }
    }

    fn append_before_sibling(&self, sibling: &NodeId, child: NodeOrText<NodeId>) {
        match child {
            NodeOrText::AppendNode(node) => {
                self.inner
                    .append_before_sibling(sibling, NodeOrText::AppendNode(node));
                let parent = self
                    .inner
                    .0
                    .borrow()
                    .tree
                    .get(*sibling)
                    .and_then(|sibling| sibling.parent().map(|parent| parent.id()));
                self.note_parent(parent, &node);
            }
            NodeOrText::AppendText(text) => {
                self.inner
                    .append_before_sibling(sibling, NodeOrText::AppendText(text.clone()));
                let node = self
                    .inner
                    .0
                    .borrow()
                    .tree
                    .get(*sibling)
                    .and_then(|sibling| sibling.prev_sibling().map(|before| before.id()));
                self.note_text(node, &text);
            }
        }
    }

    fn append_based_on_parent_node(
        &self,
        element: &NodeId,
        previous: &NodeId,
        child: NodeOrText<NodeId>,
    ) {
        let has_parent = {
            let html = self.inner.0.borrow();
            html.tree
                .get(*element)
                .is_some_and(|element| element.parent().is_some())
        };
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> NodeId {
        let node = self.inner.create_element(name, attrs, flags);
        self.depths.borrow_mut().push((node, 0));
        node
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}
    fn get_document(&self) -> NodeId {
        self.inner.get_document()
    }
    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Self::ElemName<'a> {
        self.inner.elem_name(target)
    }
    fn create_comment(&self, text: StrTendril) -> NodeId {
        self.inner.create_comment(text)
    }
    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeId {
        self.inner.create_pi(target, data)
    }
    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        self.inner.append_doctype_to_document(name, public, system);
    }
    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        self.inner.get_template_contents(target)
    }
    fn same_node(&self, x: &NodeId, y: &NodeId) -> bool {
        x == y
    }
    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.inner.set_quirks_mode(mode);
    }
    fn add_attrs_if_missing(&self, target: &NodeId, attrs: Vec<Attribute>) {
        self.inner.add_attrs_if_missing(target, attrs);
    }
    fn remove_from_parent(&self, target: &NodeId) {
        self.inner.remove_from_parent(target);
    }
    fn reparent_children(&self, node: &NodeId, new_parent: &NodeId) {
        self.inner.reparent_children(node, new_parent);
    }
}

/// One piece of the source; numbers are byte offsets.
#[derive(Debug)]
enum Token<'s> {
    Text(usize, usize),
    /// `cut`: attributes past the limit are left out, and with them the tag's `>`.
    Start {
        start: usize,
        end: usize,
        cut: bool,
    },
    End(usize, usize),
    /// The content of an element that is kept out of the tree.
    Raw {
        name: &'static [u8],
        tag: &'s [u8],
        start: usize,
        end: usize,
    },
}

/// Cuts the source where the HTML standard's tokenizer would, without building anything.
struct Scanner<'s> {
    source: &'s [u8],
    at: usize,
    /// Which of [`KEPT_OUT`] have no end in the rest of the source: looked for once only.
    unclosed: [bool; KEPT_OUT.len()],
}

impl<'s> Iterator for Scanner<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        loop {
            let start = self.at;
            if start >= self.source.len() {
                return None;
            }
            let mut from = start;
            let text_end = loop {
                match memchr(b'<', &self.source[from..]) {
                    // A `<` before anything else is text.
                    Some(found) if !self.opens_markup(from + found) => from += found + 1,
                    Some(found) => break from + found,
                    None => break self.source.len(),
                }
            };
            if text_end > start {
                self.at = text_end;
                return Some(Token::Text(start, text_end));
            }
            let rest = &self.source[start..];
            if rest.starts_with(b"<!--") {
                self.at = comment_end(self.source, start);
                continue;
            }
            if matches!(rest[1], b'!' | b'?') {
                self.at = memchr(b'>', rest).map_or(self.source.len(), |found| start + found + 1);
                // The doctype decides between the standard's and the old table rules.
                if rest.len() > 9 && rest[2..9].eq_ignore_ascii_case(b"doctype") {
                    return Some(Token::Start {
                        start,
                        end: self.at,
                        cut: false,
                    });
                }
                continue;
            }
            let (end, cut) = tag_end(self.source, start);
            self.at = end;
            if rest[1] == b'/' {
                return Some(Token::End(start, end));
            }
            let name_start = start + 1;
            let name_end = name_start
                + self.source[name_start..end]
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
                    .count();
            let name = &self.source[name_start..name_end];
            let tag = &self.source[start..end];
            if let Some(index) = KEPT_OUT
                .iter()
                .position(|(raw, _)| raw.eq_ignore_ascii_case(name))
                && !self.unclosed[index]
                && !contains_ignore_case(tag, b"shadowrootmode")
            {
                let (name, nests) = KEPT_OUT[index];
                if nests && tag.ends_with(b"/>") {
                    continue;
                }
                if let Some((content_end, after)) = element_end(self.source, end, name, nests) {
                    // Forums serve whole threads to readers without scripts; most others an image.
                    if name == b"noscript" && content_end - end >= MIN_NOSCRIPT_BYTES {
                        return Some(Token::Start {
                            start,
                            end,
                            cut: false,
                        });
                    }
                    self.at = after;
                    return Some(Token::Raw {
                        name,
                        tag,
                        start: end,
                        end: content_end,
                    });
                }
                self.unclosed[index] = true;
            }
            return Some(Token::Start {
                start,
                end: cut.unwrap_or(end),
                cut: cut.is_some(),
            });
        }
    }
}

impl Scanner<'_> {
    fn opens_markup(&self, at: usize) -> bool {
        match (self.source.get(at + 1), self.source.get(at + 2)) {
            (Some(b'!' | b'?'), _) => true,
            (Some(b'/'), Some(byte)) => byte.is_ascii_alphabetic(),
            (Some(byte), _) => byte.is_ascii_alphabetic(),
            _ => false,
        }
    }
}

/// Elements that hold no content for a reader, and whether they can hold themselves.
const KEPT_OUT: [(&[u8], bool); 8] = [
    (b"script", false),
    (b"style", false),
    (b"svg", true),
    (b"noscript", false),
    (b"template", true),
    (b"iframe", false),
    (b"noembed", false),
    (b"noframes", false),
];

fn contains_ignore_case(text: &[u8], lowercase: &[u8]) -> bool {
    text.windows(lowercase.len())
        .any(|window| window.eq_ignore_ascii_case(lowercase))
}

/// The end of a comment that starts at `start`.
fn comment_end(source: &[u8], start: usize) -> usize {
    let body = start + 4;
    if source[body..].starts_with(b">") {
        return body + 1;
    }
    if source[body..].starts_with(b"->") {
        return body + 2;
    }
    let mut from = body;
    while let Some(found) = memmem::find(&source[from..], b"--") {
        let after = from + found + 2;
        if source[after..].starts_with(b">") {
            return after + 1;
        }
        if source[after..].starts_with(b"!>") {
            return after + 2;
        }
        from = after - 1;
    }
    source.len()
}

/// The end of the tag at `start`, and where to cut it when it has too many attributes.
fn tag_end(source: &[u8], start: usize) -> (usize, Option<usize>) {
    let mut at = start + 1;
    let (mut attribute_count, mut cut) = (0, None);
    while at < source.len()
        && !source[at].is_ascii_whitespace()
        && !matches!(source[at], b'>' | b'/')
    {
        at += 1;
    }
    if source[start + 1] == b'/' {
        at = start + 2;
    }
    while at < source.len() {
        match source[at] {
            b'>' => return (at + 1, cut),
            byte if byte.is_ascii_whitespace() || byte == b'/' => at += 1,
            _ => {
                attribute_count += 1;
                if attribute_count > MAX_ATTRIBUTES && cut.is_none() {
                    cut = Some(at);
                }
                // A name may start with `=`, and holds anything but these.
                at += 1;
                while at < source.len()
                    && !source[at].is_ascii_whitespace()
                    && !matches!(source[at], b'>' | b'/' | b'=')
                {
                    at += 1;
                }
                let value = at
                    + source[at..]
                        .iter()
                        .take_while(|b| b.is_ascii_whitespace())
                        .count();
                if source.get(value) != Some(&b'=') {
                    continue;
                }
                at = value + 1;
                at += source[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_whitespace())
                    .count();
                match source.get(at) {
                    Some(&quote @ (b'"' | b'\'')) => {
                        let close = memchr(quote, &source[at + 1..]);
                        at = close.map_or(source.len(), |close| at + close + 2);
                    }
                    _ => {
                        while at < source.len()
                            && !source[at].is_ascii_whitespace()
                            && source[at] != b'>'
                        {
                            at += 1;
                        }
                    }
                }
            }
        }
    }
    (source.len(), cut)
}

/// Where the content of the element `name` ends and where its end tag does; None when it never does.
fn element_end(source: &[u8], from: usize, name: &[u8], nests: bool) -> Option<(usize, usize)> {
    let (mut at, mut depth) = (from, 1);
    loop {
        let found = at + memchr(b'<', &source[at..])?;
        let close = source.get(found + 1) == Some(&b'/');
        let name_start = found + 1 + usize::from(close);
        let name_end = name_start + name.len();
        at = found + 1;
        let is_named = source
            .get(name_start..name_end)
            .is_some_and(|n| n.eq_ignore_ascii_case(name))
            && source
                .get(name_end)
                .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'));
        if !is_named {
            continue;
        }
        if close {
            depth -= 1;
            if depth == 0 {
                let after = memchr(b'>', &source[name_end..])?;
                return Some((found, name_end + after + 1));
            }
        } else if nests {
            let (end, _) = tag_end(source, found);
            if source[end - 2] != b'/' {
                depth += 1;
            }
            at = end;
        }
    }
}
