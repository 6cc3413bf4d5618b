//! The facts of `<script type="application/ld+json">`, as far as they can be read.
//!
//! Much of it on real pages is not valid JSON (comments, line ends in strings, a comma too many), so
//! this reads on after an error and keeps what it understood.

use crate::source::Source;

/// More objects than these is a catalogue, whose start says what the page is.
const MAX_OBJECTS: usize = 2000;
const MAX_VALUE_BYTES: usize = 100_000;

/// An object, with the texts in it.
#[derive(Debug, Default)]
pub struct Object {
    /// Index of the object it stands in, and the key there.
    pub parent: Option<usize>,
    pub key: String,
    /// Keys and texts in order; one of an array for each of its texts. Numbers and booleans as text.
    pub fields: Vec<(String, String)>,
}

impl Object {
    pub fn get(&self, wanted: &str) -> Option<&str> {
        self.all(wanted).next()
    }

    pub fn all(&self, wanted: &str) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().filter(move |(key, _)| key == wanted);
        fields.map(|(_, value)| &**value)
    }

    /// Whether its type is one of these, with or without an address in front.
    pub fn is(&self, types: &[&str]) -> bool {
        self.all("@type").any(|name| {
            let name = name.rsplit(['/', ':']).next().unwrap_or(name);
            types.contains(&name)
        })
    }
}

/// All objects of a page in the order in which they open.
pub fn objects(page: &Source) -> Vec<Object> {
    let mut objects = Vec::new();
    for &(start, end) in &page.json_ld {
        read(&page.html[start..end], &mut objects);
    }
    objects
}

enum Open {
    /// Index among the objects.
    Object(usize),
    /// The key that its texts belong to.
    Array(String),
}

fn read(json: &str, objects: &mut Vec<Object>) {
    let bytes = json.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    // The last text, which is a key if a colon follows, and the key whose value comes next.
    let mut key = String::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => {
                if objects.len() == MAX_OBJECTS {
                    return;
                }
                let parent = open.iter().rev().find_map(|open| match open {
                    Open::Object(index) => Some(*index),
                    Open::Array(_) => None,
                });
                let name = match open.last() {
                    Some(Open::Array(name)) => name.clone(),
                    _ => std::mem::take(&mut key),
                };
                open.push(Open::Object(objects.len()));
                objects.push(Object {
                    parent,
                    key: name,
                    fields: Vec::new(),
                });
                key.clear();
                at += 1;
            }
            b'[' => {
                let name = match open.last() {
                    Some(Open::Array(name)) => name.clone(),
                    _ => std::mem::take(&mut key),
                };
                open.push(Open::Array(name));
                at += 1;
            }
            b'}' | b']' => {
                open.pop();
                key.clear();
                at += 1;
            }
            b'"' => {
                let (value, end) = string(json, at + 1);
                at = end;
                let after = json[at..].trim_start();
                let in_object = matches!(open.last(), Some(Open::Object(_)));
                if in_object && key.is_empty() && after.starts_with(':') {
                    key = value;
                    at = json.len() - after.len() + 1;
                } else {
                    put(objects, &open, &mut key, value);
                }
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                let end = json[at..]
                    .find([',', '}', ']', '\n', ' '])
                    .map_or(json.len(), |end| at + end);
                put(objects, &open, &mut key, json[at..end].to_owned());
                at = end.max(at + 1);
            }
            _ => at += 1,
        }
        if open.len() > 100 {
            return;
        }
        while !json.is_char_boundary(at) {
            at += 1;
        }
    }
}

fn put(objects: &mut [Object], open: &[Open], key: &mut String, value: String) {
    let object = open.iter().rev().find_map(|open| match open {
        Open::Object(index) => Some(*index),
        Open::Array(_) => None,
    });
    let name = match open.last() {
        Some(Open::Array(name)) => name.clone(),
        _ => std::mem::take(key),
    };
    if let Some(object) = object.filter(|_| !name.is_empty() && value.len() <= MAX_VALUE_BYTES) {
        objects[object].fields.push((name, value));
    }
}

/// The string that starts at byte `start`, behind its quote, and where it ends.
fn string(json: &str, start: usize) -> (String, usize) {
    let bytes = json.as_bytes();
    let mut value = String::new();
    let mut from = start;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => break,
            b'\\' => {
                value.push_str(&json[from..at]);
                let (c, len) = escape(&json[at + 1..]);
                value.extend(c);
                at += 1 + len;
                from = at;
            }
            _ => at += 1,
        }
    }
    let at = at.min(bytes.len());
    value.push_str(json.get(from..at).unwrap_or_default());
    (value, (at + 1).min(bytes.len()))
}

/// What stands behind a backslash, and its length.
fn escape(text: &str) -> (Option<char>, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    match text.chars().next() {
        Some('n' | 'r' | 't' | 'b' | 'f') => (Some(' '), 1),
        Some('u') => match (unit(1), text.get(5..7), unit(7)) {
            (Some(high @ 0xd800..0xdc00), Some("\\u"), Some(low @ 0xdc00..0xe000)) => (
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)),
                11,
            ),
            (Some(c), ..) => (char::from_u32(c), 5),
            _ => (None, 1),
        },
        Some(c) => (Some(c), c.len_utf8()),
        None => (None, 0),
    }
}
