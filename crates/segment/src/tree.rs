//! The page as a tree of nodes in one arena, as html5ever's tree builder makes it.
//!
//! Only what is read later is kept: names, a few attributes, and texts with their place in the source.

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, LocalName, QualName};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use typed_arena::Arena;

/// A node; its links change while the page is read, and stand still after that.
pub struct Node<'s> {
    pub data: Data,
    parent: Link<'s>,
    previous: Link<'s>,
    next: Link<'s>,
    first_child: Link<'s>,
    last_child: Link<'s>,
    depth: Cell<u16>,
    /// See [`Node::nth_of_type`]; 0 until it is asked for.
    nth: Cell<u32>,
}

type Link<'s> = Cell<Option<&'s Node<'s>>>;

pub enum Data {
    Document,
    Element {
        name: QualName,
        attributes: RefCell<Vec<Attribute>>,
    },
    Text(Text),
}

/// One stretch of text. Stretches that stand side by side are nodes of their own, unlike in a DOM.
pub struct Text {
    pub text: StrTendril,
    /// Byte range in the source. It has the text's length, unless the text is what a character
    /// reference stands for.
    pub start: u32,
    pub end: u32,
}

impl<'s> Node<'s> {
    fn new(data: Data) -> Node<'s> {
        Node {
            data,
            parent: Cell::default(),
            previous: Cell::default(),
            next: Cell::default(),
            first_child: Cell::default(),
            last_child: Cell::default(),
            depth: Cell::default(),
            nth: Cell::default(),
        }
    }

    pub fn parent(&self) -> Option<&'s Node<'s>> {
        self.parent.get()
    }

    pub fn next(&self) -> Option<&'s Node<'s>> {
        self.next.get()
    }

    pub fn first_child(&self) -> Option<&'s Node<'s>> {
        self.first_child.get()
    }

    /// The name of an element.
    pub fn name(&self) -> Option<&LocalName> {
        match &self.data {
            Data::Element { name, .. } => Some(&name.local),
            _ => None,
        }
    }

    pub fn attribute(&self, wanted: &str) -> Option<StrTendril> {
        let Data::Element { attributes, .. } = &self.data else {
            return None;
        };
        let attributes = attributes.borrow();
        let found = attributes.iter().find(|a| &*a.name.local == wanted);
        found.map(|attribute| attribute.value.clone())
    }

    /// All below it in document order.
    pub fn descendants(&'s self) -> impl Iterator<Item = &'s Node<'s>> {
        let mut next = self.first_child();
        std::iter::from_fn(move || {
            let node = next?;
            next = node.first_child().or_else(|| {
                let mut last = node;
                loop {
                    if let Some(next) = last.next() {
                        return Some(next);
                    }
                    last = last.parent().filter(|up| !std::ptr::eq(*up, self))?;
                }
            });
            Some(node)
        })
    }

    /// Its 1-based place among the elements of its name and parent.
    pub fn nth_of_type(&self) -> u32 {
        if self.nth.get() == 0
            && let Some(parent) = self.parent()
        {
            // All children at once, so that asking for each of them stays linear.
            let mut counts: FxHashMap<&LocalName, u32> = FxHashMap::default();
            let children = std::iter::successors(parent.first_child(), |child| child.next());
            for child in children {
                if let Some(name) = child.name() {
                    let count = counts.entry(name).or_default();
                    *count += 1;
                    child.nth.set(*count);
                }
            }
        }
        self.nth.get()
    }

    fn detach(&self) {
        let (previous, next) = (self.previous.take(), self.next.take());
        let Some(parent) = self.parent.take() else {
            return;
        };
        match previous {
            Some(previous) => previous.next.set(next),
            None => parent.first_child.set(next),
        }
        match next {
            Some(next) => next.previous.set(previous),
            None => parent.last_child.set(previous),
        }
    }

    /// Makes `child`, which has no parent, one of its children: before `next`, or the last.
    fn insert(&'s self, child: &'s Node<'s>, next: Option<&'s Node<'s>>) {
        let previous = match next {
            Some(next) => next.previous.replace(Some(child)),
            None => self.last_child.replace(Some(child)),
        };
        match previous {
            Some(previous) => previous.next.set(Some(child)),
            None => self.first_child.set(Some(child)),
        }
        child.parent.set(Some(self));
        child.previous.set(previous);
        child.next.set(next);
        child.depth.set(self.depth.get().saturating_add(1));
    }
}

/// Builds the tree, and knows where the text comes from that the tree builder hands over.
pub struct Sink<'s> {
    arena: &'s Arena<Node<'s>>,
    document: &'s Node<'s>,
    /// Text that the tree builder was fed and has not handed over: it may hold back several runs
    /// where a table forbids text, and drops white space in some places.
    runs: RefCell<VecDeque<Text>>,
    /// How deep the element stands that was last put in place.
    pub depth: Cell<u16>,
    pub element_count: Cell<usize>,
}

impl<'s> Sink<'s> {
    pub fn new(arena: &'s Arena<Node<'s>>) -> Sink<'s> {
        Sink {
            arena,
            document: arena.alloc(Node::new(Data::Document)),
            runs: RefCell::default(),
            depth: Cell::new(0),
            element_count: Cell::new(0),
        }
    }

    /// Says where the text stands that the tree builder is fed next.
    pub fn expect(&self, run: Text) {
        self.runs.borrow_mut().push_back(run);
    }

    /// A tag was read: what the tree builder did not hand over until now it never will.
    pub fn forget_runs(&self) {
        self.runs.borrow_mut().clear();
    }

    fn text(&self, text: StrTendril) -> &'s Node<'s> {
        let mut runs = self.runs.borrow_mut();
        let (mut start, mut end) = (0, 0);
        while let Some(run) = runs.front_mut() {
            // White space may have been dropped in front of it.
            let space = |text: &str| text.len() - text.trim_ascii_start().len();
            let skipped = match run.text.starts_with(&*text) {
                true => 0,
                false => space(&run.text).saturating_sub(space(&text)),
            };
            if !run.text[skipped..].starts_with(&*text) {
                runs.pop_front();
                continue;
            }
            (start, end) = (run.start, run.end);
            if (end - start) as usize == run.text.len() {
                start += skipped as u32;
                end = start + text.len() as u32;
                run.start = end;
                run.text.pop_front((skipped + text.len()) as u32);
            }
            break;
        }
        let text = Text { text, start, end };
        self.arena.alloc(Node::new(Data::Text(text)))
    }

    fn note_depth(&self, child: &Node) {
        if let Data::Element { .. } = child.data {
            self.depth.set(child.depth.get());
        }
    }

    fn node(&self, child: NodeOrText<&'s Node<'s>>) -> &'s Node<'s> {
        match child {
            NodeOrText::AppendNode(node) => {
                node.detach();
                node
            }
            NodeOrText::AppendText(text) => self.text(text),
        }
    }
}

impl<'s> TreeSink for Sink<'s> {
    type Output = &'s Node<'s>;
    type Handle = &'s Node<'s>;
    type ElemName<'a>
        = &'a QualName
    where
        's: 'a;

    fn finish(self) -> &'s Node<'s> {
        self.document
    }

    fn get_document(&self) -> &'s Node<'s> {
        self.document
    }

    fn elem_name<'a>(&'a self, target: &'a &'s Node<'s>) -> &'a QualName {
        match &target.data {
            Data::Element { name, .. } => name,
            _ => unreachable!("only elements are asked for their names"),
        }
    }

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        _flags: ElementFlags,
    ) -> &'s Node<'s> {
        self.element_count.set(self.element_count.get() + 1);
        let attributes = RefCell::new(attributes);
        self.arena
            .alloc(Node::new(Data::Element { name, attributes }))
    }

    fn append(&self, parent: &&'s Node<'s>, child: NodeOrText<&'s Node<'s>>) {
        let child = self.node(child);
        parent.insert(child, None);
        self.note_depth(child);
    }

    fn append_before_sibling(&self, sibling: &&'s Node<'s>, child: NodeOrText<&'s Node<'s>>) {
        let child = self.node(child);
        if let Some(parent) = sibling.parent() {
            parent.insert(child, Some(sibling));
            self.note_depth(child);
        }
    }

    fn append_based_on_parent_node(
        &self,
        element: &&'s Node<'s>,
        previous: &&'s Node<'s>,
        child: NodeOrText<&'s Node<'s>>,
    ) {
        if element.parent().is_some() {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn remove_from_parent(&self, target: &&'s Node<'s>) {
        target.detach();
    }

    fn reparent_children(&self, node: &&'s Node<'s>, new_parent: &&'s Node<'s>) {
        while let Some(child) = node.first_child() {
            child.detach();
            new_parent.insert(child, None);
        }
    }

    fn add_attrs_if_missing(&self, target: &&'s Node<'s>, more: Vec<Attribute>) {
        if let Data::Element { attributes, .. } = &target.data {
            let mut attributes = attributes.borrow_mut();
            for attribute in more {
                if attributes.iter().all(|known| known.name != attribute.name) {
                    attributes.push(attribute);
                }
            }
        }
    }

    fn get_template_contents(&self, target: &&'s Node<'s>) -> &'s Node<'s> {
        target
    }

    fn same_node(&self, a: &&'s Node<'s>, b: &&'s Node<'s>) -> bool {
        std::ptr::eq(*a, *b)
    }

    // Comments and processing instructions are never fed.
    fn create_comment(&self, _text: StrTendril) -> &'s Node<'s> {
        unreachable!("no comment is fed")
    }
    fn create_pi(&self, _target: StrTendril, _data: StrTendril) -> &'s Node<'s> {
        unreachable!("no processing instruction is fed")
    }
    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}
    fn set_quirks_mode(&self, _mode: QuirksMode) {}
    fn parse_error(&self, _message: Cow<'static, str>) {}
}
