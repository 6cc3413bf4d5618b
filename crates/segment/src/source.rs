//! HTML source text to a tree whose texts know where in the source they stand.
//!
//! html5ever builds the tree; its tokenizer reports no offsets, so the source is cut into tokens
//! here. That also keeps out what can hold no content (scripts, styles, comments, drawings), which
//! is half of a usual page, skips the attributes that nobody asks for, and puts bounds on hostile
//! pages.

use crate::entities;
use crate::tree::{Node, Sink, Text};
use html5ever::data::C1_REPLACEMENTS;
use html5ever::interface::TreeSink;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Doctype, Tag, TagKind, Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, LocalName, QualName, local_name, ns};
use memchr::{memchr, memchr2, memmem};
use typed_arena::Arena;

/// Elements nested deeper are ignored and their text stays: the tree builder looks through all open
/// elements at each tag, so depth makes it quadratic. Browsers draw the same line at 512.
const MAX_DEPTH: u16 = 256;
/// The same once a page has shown that it is deep all through: more open elements at a tag than this
/// on the average, when [`DEEP_WORK`] is used up.
const MAX_MEAN_DEPTH: u16 = 64;
const DEEP_WORK: usize = 500_000;
/// Each attribute of a tag is compared with all before it.
const MAX_ATTRIBUTES: usize = 128;
/// The tree builder looks through all open formatting elements at each new one, comparing their
/// attributes. What is not read of these is one number, and above these bounds they are only text.
const MAX_OPEN_FORMATTING: u32 = 24;
const MAX_FORMATTING_ATTRIBUTES: usize = 3;
/// A shorter `<noscript>` holds a lazy image, a tracking pixel or a request to turn scripts on.
const MIN_NOSCRIPT_BYTES: usize = 2000;
/// Unclosed formatting elements are created anew in each paragraph. A page whose tree has this many
/// times more elements than tags is cut there.
const MAX_ELEMENTS_PER_TAG: usize = 4;
const KEPT_OUT_COUNT: usize = 8;
/// Elements that hold no content for a reader, and whether they can hold themselves.
const KEPT_OUT: [(LocalName, bool); KEPT_OUT_COUNT] = [
    (local_name!("script"), false),
    (local_name!("style"), false),
    (local_name!("svg"), true),
    (local_name!("noscript"), false),
    (local_name!("template"), true),
    (local_name!("iframe"), false),
    (local_name!("noembed"), false),
    (local_name!("noframes"), false),
];
/// The attributes that are kept of every element.
const ATTRIBUTES: [&str; 22] = [
    "class",
    "id",
    "style",
    "role",
    "hidden",
    "aria-hidden",
    "itemprop",
    "itemtype",
    "lang",
    "xml:lang",
    // What says which text a control shows.
    "aria-controls",
    "aria-expanded",
    "aria-haspopup",
    "aria-label",
    "aria-labelledby",
    "aria-level",
    "data-toggle",
    "data-bs-toggle",
    "data-target",
    "data-bs-target",
    "for",
    "onclick",
];
/// The longest of them.
const MAX_ATTRIBUTE_NAME: usize = 15;

/// A parsed page. The arena that it was parsed into holds its nodes.
pub struct Source<'s> {
    pub document: &'s Node<'s>,
    /// What was parsed.
    pub html: &'s str,
    /// The contents of `<script type="application/ld+json">`, as byte ranges of the source.
    pub json_ld: Vec<(usize, usize)>,
    /// The same of `<style>`.
    pub styles: Vec<(usize, usize)>,
}

impl<'s> Source<'s> {
    /// Parses any text: broken HTML gives the tree that a browser would make of it.
    pub fn parse(html: &'s str, arena: &'s Arena<Node<'s>>) -> Source<'s> {
        let options = TreeBuilderOpts {
            // Reads what `<noscript>` holds as elements.
            scripting_enabled: false,
            ..TreeBuilderOpts::default()
        };
        let mut reader = Reader {
            html,
            source: html.as_bytes(),
            whole: StrTendril::from(html),
            at: 0,
            builder: TreeBuilder::new(Sink::new(arena), options),
            names: Names::default(),
            unclosed: [false; KEPT_OUT_COUNT],
            noscript_end: 0,
            json_ld: Vec::new(),
            styles: Vec::new(),
            formatting: Vec::new(),
            tag_count: 0,
            depth_sum: 0,
            skipped_depth: 0,
        };
        reader.read();
        let _ = reader.builder.process_token(Token::EOFToken, 1);
        Source {
            document: reader.builder.sink.finish(),
            html,
            json_ld: reader.json_ld,
            styles: reader.styles,
        }
    }
}

/// Cuts the source where the HTML standard's tokenizer would, and feeds the tree builder.
struct Reader<'h, 's> {
    html: &'h str,
    source: &'h [u8],
    /// The source once more: parts of it share its memory.
    whole: StrTendril,
    at: usize,
    builder: TreeBuilder<&'s Node<'s>, Sink<'s>>,
    names: Names,
    /// Which of [`KEPT_OUT`] have no end in the rest of the source: looked for once only.
    unclosed: [bool; KEPT_OUT_COUNT],
    /// Where the last `<noscript>` ends that is read: those inside it need not be looked at again.
    noscript_end: usize,
    json_ld: Vec<(usize, usize)>,
    styles: Vec<(usize, usize)>,
    /// Names of formatting elements, how many of each are open, and how many that were not fed.
    formatting: Vec<(LocalName, u32, u32)>,
    /// Start tags that are not kept out, and the sum of how deep they stand.
    tag_count: usize,
    depth_sum: usize,
    /// Open elements that are too deep to be in the tree.
    skipped_depth: usize,
}

impl<'s> Reader<'_, 's> {
    fn read(&mut self) {
        while self.at < self.source.len() {
            let start = self.at;
            self.at = self.markup_from(start);
            if self.at > start {
                self.text(start, self.at, Content::Data);
            }
            if self.at < self.source.len() && !self.markup() {
                break;
            }
        }
    }

    /// Where the text from `from` on ends: at a `<` that opens something.
    fn markup_from(&self, mut from: usize) -> usize {
        while let Some(found) = memchr(b'<', &self.source[from..]) {
            from += found;
            match (self.source.get(from + 1), self.source.get(from + 2)) {
                (Some(b'!' | b'?'), _) | (Some(b'/'), Some(_)) => return from,
                (Some(byte), _) if byte.is_ascii_alphabetic() => return from,
                _ => from += 1,
            }
        }
        self.source.len()
    }

    /// Reads what the `<` here opens. False when the rest of the source is not read.
    fn markup(&mut self) -> bool {
        let start = self.at;
        let rest = &self.source[start..];
        let is_end = rest[1] == b'/';
        if rest.starts_with(b"<!--") {
            self.at = comment_end(self.source, start);
        } else if rest[1 + usize::from(is_end)].is_ascii_alphabetic() {
            let Some((tag, end)) = self.tag(start, is_end) else {
                self.at = self.source.len();
                return true;
            };
            self.at = end;
            return if is_end {
                self.end_tag(tag);
                true
            } else {
                self.start_tag(start, tag)
            };
        } else if rest.starts_with(b"<![CDATA[") && self.is_foreign() {
            let end = memmem::find(rest, b"]]>").unwrap_or(rest.len());
            self.text(start + 9, start + end, Content::Cdata);
            self.at = start + rest.len().min(end + 3);
        } else {
            let end = memchr(b'>', rest).unwrap_or(rest.len());
            if rest.len() > 9 && rest[2..9].eq_ignore_ascii_case(b"doctype") {
                let doctype = doctype(&self.html[start + 9..start + end]);
                self.feed(Token::DoctypeToken(doctype));
            }
            self.at = start + rest.len().min(end + 1);
        }
        true
    }

    fn is_foreign(&self) -> bool {
        self.builder
            .adjusted_current_node_present_but_not_in_html_namespace()
    }

    fn end_tag(&mut self, tag: Tag) {
        if self.skipped_depth > 0 {
            self.skipped_depth -= 1;
            return;
        }
        if is_formatting(&tag.name) && !self.closes_formatting(&tag.name) {
            return;
        }
        let depth = &self.builder.sink.depth;
        depth.set(depth.get().saturating_sub(1));
        let _ = self.feed_tag(tag);
    }

    /// False when the page is cut here.
    fn start_tag(&mut self, start: usize, tag: Tag) -> bool {
        if let Some(index) = KEPT_OUT.iter().position(|(name, _)| *name == tag.name)
            && self.keep_out(start, index, &tag)
        {
            return true;
        }
        self.tag_count += 1;
        let depth = self.builder.sink.depth.get();
        self.depth_sum += usize::from(depth);
        let is_deep = self.depth_sum > DEEP_WORK + self.tag_count * usize::from(MAX_MEAN_DEPTH);
        if depth >= if is_deep { MAX_MEAN_DEPTH } else { MAX_DEPTH } {
            self.skipped_depth += 1;
            return true;
        }
        if is_formatting(&tag.name) && !self.opens_formatting(&tag.name) {
            return true;
        }
        if self.builder.sink.element_count.get() > 10_000 + self.tag_count * MAX_ELEMENTS_PER_TAG {
            return false;
        }
        let name = tag.name.clone();
        let result = self.feed_tag(tag);
        if !matches!(
            result,
            TokenSinkResult::RawData(_) | TokenSinkResult::Plaintext
        ) {
            return true;
        }
        // No tags from here to the end tag, if there is one.
        let from = self.at;
        self.at = match result {
            TokenSinkResult::Plaintext => None,
            _ => element_end(self.source, from, &name, false).map(|(end, _)| end),
        }
        .unwrap_or(self.source.len());
        match result {
            TokenSinkResult::RawData(RawKind::Rcdata) => self.text(from, self.at, Content::Rcdata),
            TokenSinkResult::RawData(RawKind::ScriptData) => {}
            _ => self.text(from, self.at, Content::Raw),
        }
        true
    }

    /// Whether one more formatting element is fed; its text is read in any case.
    fn opens_formatting(&mut self, name: &LocalName) -> bool {
        let all: u32 = self.formatting.iter().map(|(_, open, _)| open).sum();
        let index = match self.formatting.iter().position(|(known, ..)| known == name) {
            Some(index) => index,
            None => {
                self.formatting.push((name.clone(), 0, 0));
                self.formatting.len() - 1
            }
        };
        let (_, open, skipped) = &mut self.formatting[index];
        let is_fed = all < MAX_OPEN_FORMATTING;
        *if is_fed { open } else { skipped } += 1;
        is_fed
    }

    /// Whether the end of a formatting element is fed: not when its start was not.
    fn closes_formatting(&mut self, name: &LocalName) -> bool {
        let known = self.formatting.iter_mut().find(|(known, ..)| known == name);
        let Some((_, open, skipped)) = known else {
            return true;
        };
        if *skipped > 0 {
            *skipped -= 1;
            return false;
        }
        *open = open.saturating_sub(1);
        true
    }

    /// Passes over what an element of [`KEPT_OUT`] holds; false when it is to be read after all.
    fn keep_out(&mut self, start: usize, index: usize, tag: &Tag) -> bool {
        let (name, nests) = &KEPT_OUT[index];
        let is_shadow_root = |attribute: &Attribute| &*attribute.name.local == "shadowrootmode";
        if self.unclosed[index]
            || (*name == local_name!("noscript") && start < self.noscript_end)
            || tag.attrs.iter().any(is_shadow_root)
        {
            return false;
        }
        if *nests && tag.self_closing {
            return true;
        }
        let Some((end, after)) = element_end(self.source, self.at, name, *nests) else {
            self.unclosed[index] = true;
            return false;
        };
        // Forums serve whole threads to readers without scripts; most others an image.
        if *name == local_name!("noscript") && end - self.at >= MIN_NOSCRIPT_BYTES {
            self.noscript_end = end;
            return false;
        }
        let is_json = |tag: &[u8]| tag.windows(7).any(|w| w.eq_ignore_ascii_case(b"ld+json"));
        if *name == local_name!("script") && is_json(&self.source[start..self.at]) {
            self.json_ld.push((self.at, end));
        }
        if *name == local_name!("style") {
            self.styles.push((self.at, end));
        }
        self.at = after;
        true
    }

    /// The tag at `start` and where it ends; None when it never does.
    fn tag(&mut self, start: usize, is_end: bool) -> Option<(Tag, usize)> {
        let name = start + 1 + usize::from(is_end);
        let mut scan = TagScan::new(self.source, name);
        let mut tag = Tag {
            kind: if is_end {
                TagKind::EndTag
            } else {
                TagKind::StartTag
            },
            name: self.names.get(&self.html[name..scan.at]),
            self_closing: false,
            attrs: Vec::new(),
            had_duplicate_attributes: false,
        };
        let is_formatting = is_formatting(&tag.name);
        let (mut attribute_count, mut others) = (0, 0u64);
        for (name, value) in scan.by_ref() {
            attribute_count += 1;
            if is_end || attribute_count > MAX_ATTRIBUTES {
                continue;
            }
            let name = &self.html[name.0..name.1];
            if !is_read(&tag.name, name)
                || is_formatting && tag.attrs.len() == MAX_FORMATTING_ATTRIBUTES
            {
                // The order does not matter to what compares them.
                let hash = hash_of(name, hash_of(&self.html[value.0..value.1], HASH_START));
                others = others.wrapping_add(hash);
                continue;
            }
            let name = self.names.get(name);
            if tag.attrs.iter().all(|known| known.name.local != name) {
                tag.attrs.push(Attribute {
                    name: QualName::new(None, ns!(), name),
                    value: self.attribute_value(value.0, value.1),
                });
            }
        }
        if is_formatting && others != 0 {
            tag.attrs.push(Attribute {
                name: QualName::new(None, ns!(), self.names.get("other-attributes")),
                value: StrTendril::from(format!("{others:x}")),
            });
        }
        tag.self_closing = scan.is_self_closing;
        Some((tag, scan.end?))
    }

    fn attribute_value(&self, start: usize, end: usize) -> StrTendril {
        let (mut raw, mut value) = (&self.html[start..end], StrTendril::new());
        if memchr(b'&', raw.as_bytes()).is_none() {
            return self.part(start, end);
        }
        while let Some(at) = memchr(b'&', raw.as_bytes()) {
            value.push_slice(&raw[..at]);
            raw = &raw[at..];
            match reference(raw, true) {
                Some((text, len)) => {
                    value.push_tendril(&text);
                    raw = &raw[len..];
                }
                None => {
                    value.push_char('&');
                    raw = &raw[1..];
                }
            }
        }
        value.push_slice(raw);
        value
    }

    fn text(&mut self, mut start: usize, end: usize, content: Content) {
        let mut from = start;
        while let Some(found) = memchr2(b'&', 0, &self.source[from..end]) {
            let at = from + found;
            let is_null = self.source[at] == 0;
            let found = match content {
                _ if is_null => Some((StrTendril::from_char(char::REPLACEMENT_CHARACTER), 1)),
                Content::Raw | Content::Cdata => None,
                _ => reference(&self.html[at..end], false),
            };
            let Some((text, len)) = found else {
                from = at + 1;
                continue;
            };
            self.verbatim(start, at);
            start = at + len;
            from = start;
            self.builder.sink.expect(Text {
                text: text.clone(),
                start: at as u32,
                end: start as u32,
            });
            self.feed(match content {
                Content::Data | Content::Cdata if is_null => Token::NullCharacterToken,
                _ => Token::CharacterTokens(text),
            });
        }
        self.verbatim(start, end);
    }

    /// Feeds text as it stands.
    fn verbatim(&mut self, start: usize, end: usize) {
        if start < end {
            let text = self.part(start, end);
            self.builder.sink.expect(Text {
                text: text.clone(),
                start: start as u32,
                end: end as u32,
            });
            self.feed(Token::CharacterTokens(text));
        }
    }

    fn part(&self, start: usize, end: usize) -> StrTendril {
        self.whole.subtendril(start as u32, (end - start) as u32)
    }

    fn feed(&self, token: Token) {
        let _ = self.builder.process_token(token, 1);
    }

    fn feed_tag(&self, tag: Tag) -> TokenSinkResult<&'s Node<'s>> {
        let result = self.builder.process_token(Token::TagToken(tag), 1);
        self.builder.sink.forget_runs();
        result
    }
}

/// How text is read: only in the first two are there character references, and in the middle two a
/// null character is text.
#[derive(Clone, Copy)]
enum Content {
    Data,
    Rcdata,
    Raw,
    Cdata,
}

/// Names already looked up, each where a new one of its kind would be: interning hashes the slow way.
struct Names(Vec<LocalName>);

impl Default for Names {
    fn default() -> Names {
        Names(vec![local_name!(""); 256])
    }
}

impl Names {
    /// The name in lower case; it is not empty.
    fn get(&mut self, name: &str) -> LocalName {
        let bytes = name.as_bytes();
        let letter = |byte: u8| usize::from(byte | 0x20);
        let (first, last) = (letter(bytes[0]), letter(bytes[bytes.len() - 1]));
        let known = &mut self.0[(first * 5 + last * 3 + bytes.len() * 31) % 256];
        if !(**known).eq_ignore_ascii_case(name) {
            *known = LocalName::from(name.to_ascii_lowercase());
        }
        known.clone()
    }
}

/// Whether somebody asks for the attribute: most are told apart by no one, and half of a tag.
fn is_read(tag: &LocalName, attribute: &str) -> bool {
    match *tag {
        // What the page says of itself.
        local_name!("meta")
        | local_name!("link")
        | local_name!("time")
        // What the tree builder reads.
        | local_name!("input")
        | local_name!("template") => true,
        local_name!("a") if ["href", "rel"].iter().any(|read| read.eq_ignore_ascii_case(attribute)) => true,
        _ => {
            attribute.len() <= MAX_ATTRIBUTE_NAME
                && ATTRIBUTES.iter().any(|read| read.eq_ignore_ascii_case(attribute))
        }
    }
}

/// The standard's formatting elements, but for `a`, which never nests: those that are open are made
/// anew in each paragraph, and compared with each other at each start.
fn is_formatting(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("b")
            | local_name!("big")
            | local_name!("code")
            | local_name!("em")
            | local_name!("font")
            | local_name!("i")
            | local_name!("nobr")
            | local_name!("s")
            | local_name!("small")
            | local_name!("strike")
            | local_name!("strong")
            | local_name!("tt")
            | local_name!("u")
    )
}

/// FNV-1a.
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

fn hash_of(text: &str, start: u64) -> u64 {
    text.bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .fold(start, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// Goes through the attributes of a tag: byte ranges of each one's name and value.
struct TagScan<'h> {
    source: &'h [u8],
    at: usize,
    is_self_closing: bool,
    /// Behind the tag's `>`, once that is found.
    end: Option<usize>,
}

impl<'h> TagScan<'h> {
    /// From the tag's name on; leaves `at` behind it.
    fn new(source: &'h [u8], name: usize) -> TagScan<'h> {
        let mut scan = TagScan {
            source,
            at: name,
            is_self_closing: false,
            end: None,
        };
        scan.skip_to(|byte| is_space(byte) || matches!(byte, b'/' | b'>'));
        scan
    }

    fn skip_to(&mut self, stop: impl Fn(u8) -> bool) {
        let rest = &self.source[self.at..];
        self.at += rest
            .iter()
            .position(|byte| stop(*byte))
            .unwrap_or(rest.len());
    }
}

impl Iterator for TagScan<'_> {
    type Item = ((usize, usize), (usize, usize));

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.skip_to(|byte| !is_space(byte));
            match *self.source.get(self.at)? {
                b'>' => {
                    self.end = Some(self.at + 1);
                    return None;
                }
                b'/' => {
                    self.at += 1;
                    self.is_self_closing = self.source.get(self.at) == Some(&b'>');
                }
                _ => break,
            }
        }
        let start = self.at;
        // A name may start with `=`, and holds anything but these.
        self.at += 1;
        self.skip_to(|byte| is_space(byte) || matches!(byte, b'/' | b'>' | b'='));
        let name = (start, self.at);
        self.skip_to(|byte| !is_space(byte));
        if self.source.get(self.at) != Some(&b'=') {
            return Some((name, (self.at, self.at)));
        }
        self.at += 1;
        self.skip_to(|byte| !is_space(byte));
        let start = self.at;
        if let quote @ (b'"' | b'\'') = *self.source.get(start)? {
            let end = start + 1 + memchr(quote, &self.source[start + 1..])?;
            self.at = end + 1;
            return Some((name, (start + 1, end)));
        }
        self.skip_to(|byte| is_space(byte) || byte == b'>');
        Some((name, (start, self.at)))
    }
}

/// White space inside a tag.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | b'\x0c')
}

/// What the character reference at the start of `text`, a `&`, stands for, and its length.
fn reference(text: &str, in_attribute: bool) -> Option<(StrTendril, usize)> {
    /// The longest name there is, and the longest that needs no semicolon.
    const LONGEST: (usize, usize) = (31, 6);
    let bytes = text.as_bytes();
    let count = |from: usize, is_part: fn(&u8) -> bool| {
        from + bytes[from..]
            .iter()
            .take_while(|byte| is_part(byte))
            .count()
    };
    if bytes.get(1) == Some(&b'#') {
        let is_hex = matches!(bytes.get(2), Some(b'x' | b'X'));
        let (start, radix) = if is_hex { (3, 16) } else { (2, 10) };
        let end = match is_hex {
            true => count(start, u8::is_ascii_hexdigit),
            false => count(start, u8::is_ascii_digit),
        };
        if end == start {
            return None;
        }
        let number = u32::from_str_radix(&text[start..end], radix).unwrap_or(u32::MAX);
        let c = match number {
            0 => None,
            0x80..=0x9f => C1_REPLACEMENTS[number as usize - 0x80].or(char::from_u32(number)),
            _ => char::from_u32(number),
        };
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        let is_closed = bytes.get(end) == Some(&b';');
        return Some((StrTendril::from_char(c), end + usize::from(is_closed)));
    }
    let name = &bytes[1..bytes.len().min(LONGEST.0 + 2)];
    let end = 1 + name
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let closed = (bytes.get(end) == Some(&b';')).then_some(end + 1);
    let open = (2..=end.min(LONGEST.1 + 1)).rev();
    for end in closed.into_iter().chain(open) {
        let Some(characters) = entities::named(&text[1..end]) else {
            continue;
        };
        let is_parameter = |next: &u8| *next == b'=' || next.is_ascii_alphanumeric();
        if in_attribute && bytes[end - 1] != b';' && bytes.get(end).is_some_and(is_parameter) {
            return None;
        }
        let mut text = StrTendril::new();
        characters.for_each(|c| text.push_char(c));
        return Some((text, end));
    }
    None
}

/// What stands between `<!doctype` and `>`: it decides between the standard's and the old table rules.
fn doctype(text: &str) -> Doctype {
    /// A quoted string at the start of `text`; what is not closed runs to the end.
    fn quoted(text: &mut &str) -> Option<StrTendril> {
        let trimmed = text.trim_ascii_start();
        let quote = trimmed.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, rest) = trimmed[1..]
            .split_once(quote)
            .unwrap_or((&trimmed[1..], ""));
        *text = rest;
        Some(StrTendril::from(value))
    }
    let text = text.trim_ascii_start();
    let name_end = text
        .find(|c: char| c.is_ascii_whitespace())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let rest = rest.trim_ascii_start();
    let (keyword, mut ids) = rest.split_at_checked(6).unwrap_or(("", rest));
    let mut public_id = None;
    if keyword.eq_ignore_ascii_case("public") {
        public_id = quoted(&mut ids);
    }
    let system_id = match keyword.eq_ignore_ascii_case("system") || public_id.is_some() {
        true => quoted(&mut ids),
        false => None,
    };
    Doctype {
        name: (!name.is_empty()).then(|| StrTendril::from(name.to_ascii_lowercase())),
        force_quirks: name.is_empty()
            || !rest.is_empty() && public_id.is_none() && system_id.is_none(),
        public_id,
        system_id,
    }
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
    while let Some(found) = memchr(b'>', &source[from..]) {
        let comment = &source[body..from + found];
        from += found + 1;
        if comment.ends_with(b"--") || comment.ends_with(b"--!") {
            return from;
        }
    }
    source.len()
}

/// Where the content of the element `name` ends and where its end tag does; None when it never does.
fn element_end(source: &[u8], from: usize, name: &str, nests: bool) -> Option<(usize, usize)> {
    let (mut at, mut depth) = (from, 1);
    loop {
        let found = at + memchr(b'<', &source[at..])?;
        let close = source.get(found + 1) == Some(&b'/');
        let name_start = found + 1 + usize::from(close);
        let name_end = name_start + name.len();
        at = found + 1;
        let is_named = source
            .get(name_start..name_end)
            .is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
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
            let mut scan = TagScan::new(source, name_start);
            scan.by_ref().for_each(drop);
            depth += usize::from(!scan.is_self_closing);
            at = scan.end?;
        }
    }
}
