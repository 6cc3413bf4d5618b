//! The label of a control: what it names, without what it says of pressing it.

use crate::blocks::{Blocks, measure};
use rustc_hash::FxHashMap;

/// What a label ends with that opens when it is pressed.
const SIGNS: [char; 14] = [
    '+', '-', '−', '–', '▼', '▾', '▸', '›', '˅', '⌄', '×', '✕', '↓', '→',
];
/// How style sheets call what is only read aloud.
const UNSEEN: [&[u8]; 6] = [
    b"sr-only",
    b"visually",
    b"screen-reader",
    b"screenreader",
    b"assistive",
    b"offscreen",
];
/// Of longer texts, and of those in more pieces, no end is looked for.
const MAX_LABEL_BYTES: usize = 1000;
const MAX_PIECES: usize = 64;
/// What is said of pressing is shorter.
const MAX_SAID_CHARS: usize = 40;
const MAX_SAID_WORDS: usize = 4;
/// What a label says behind its question mark in so few words is no part of the question.
const MAX_WORDS_BEHIND: usize = 3;

pub fn is_question(text: &str) -> bool {
    let text = without_sign(text).trim_end_matches(['"', '”', '’', ')', '»']);
    text.ends_with(['?', '？', '؟']) || text.starts_with('¿')
}

/// A label without the sign that shows whether it is open.
pub fn without_sign(text: &str) -> &str {
    match text.strip_suffix(SIGNS) {
        // Twice the same is a name, as in C++.
        Some(rest) if !rest.is_empty() && !rest.ends_with(SIGNS) => rest.trim_end(),
        _ => text,
    }
}

/// What two writings of a text share.
pub fn letters_of(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether labels of one look name no topic, as several of them say the same: "Details", whatever
/// the language.
pub fn say_the_same<'t>(mut labels: impl Iterator<Item = &'t str>) -> bool {
    let Some(first) = labels.next() else {
        return false;
    };
    let (mut count, first) = (1, letters_of(first));
    let is_same = labels.all(|label| {
        count += 1;
        letters_of(label) == first
    });
    is_same && count > 1
}

/// A part of a label that markup sets apart.
struct Piece {
    /// Byte of the text.
    start: usize,
    is_unseen: bool,
}

fn pieces(page: &Blocks, at: usize) -> Vec<Piece> {
    let html = page.source.html.as_bytes();
    let block = &page.blocks[at];
    let is_unseen = |tags: &[u8]| {
        UNSEEN
            .iter()
            .any(|name| memchr::memmem::find(tags, name).is_some())
    };
    let own_tag = html[..block.start as usize]
        .iter()
        .rposition(|byte| *byte == b'<');
    let own_tag = own_tag
        .unwrap_or(0)
        .max((block.start as usize).saturating_sub(500));
    let mut found = vec![Piece {
        start: 0,
        is_unseen: is_unseen(&html[own_tag..block.start as usize]),
    }];
    for (text, source) in &block.map {
        let start = *text as usize;
        if block.text[..start].trim_end().is_empty() {
            continue;
        }
        let between = block.source_end(start) as usize..*source as usize;
        let tags = html.get(between).unwrap_or_default();
        if tags.contains(&b'<') {
            found.push(Piece {
                start,
                is_unseen: is_unseen(tags),
            });
        }
    }
    found
}

/// Where what a label says of its control begins, if it ends with that.
fn said_behind(text: &str, pieces: &[Piece], shared: &[&str]) -> usize {
    let mut end = text.len();
    for piece in pieces[1..].iter().rev() {
        let rest = text[piece.start..].trim();
        let is_behind_question = is_question(text[..piece.start].trim_end())
            && rest.split_whitespace().count() <= MAX_WORDS_BEHIND
            && !rest.contains(['?', '？']);
        if piece.is_unseen && text[piece.start..end].chars().count() <= MAX_SAID_CHARS
            || shared.contains(&rest)
            || is_behind_question
        {
            end = piece.start;
        }
    }
    end
}

/// Takes from labels (their blocks, and the looks of those whose controls say that they open) what they say of the control
/// and not of what it opens: what is marked as only read aloud, what labels of one look end with
/// beside their own words, and what follows a question mark in a few words of its own.
pub fn strip(page: &mut Blocks, labels: &[(usize, Option<u32>)]) {
    let pieces: FxHashMap<usize, Vec<Piece>> = labels
        .iter()
        .filter(|(at, _)| {
            let block = &page.blocks[*at];
            block.text.len() <= MAX_LABEL_BYTES && block.map.len() <= MAX_PIECES
        })
        .map(|(at, _)| (*at, pieces(page, *at)))
        .collect();
    // By look: how many labels there are, and how many end so.
    let mut counts: FxHashMap<u32, (usize, FxHashMap<&str, usize>)> = FxHashMap::default();
    for (at, look) in labels {
        let text = &*page.blocks[*at].text;
        let Some(look) = look else { continue };
        let (count, ends) = counts.entry(*look).or_default();
        *count += 1;
        for piece in pieces.get(at).into_iter().flatten().skip(1) {
            let end = text[piece.start..].trim();
            let is_said = end.chars().count() <= MAX_SAID_CHARS
                && end.split_whitespace().count() <= MAX_SAID_WORDS
                && !end.contains(['?', '？']);
            if is_said && !end.is_empty() {
                *ends.entry(end).or_default() += 1;
            }
        }
    }
    // A text may be the label of two controls, one in the other.
    let mut cuts: FxHashMap<usize, (usize, usize)> = FxHashMap::default();
    for (at, look) in labels {
        let Some(mine) = pieces.get(at) else { continue };
        let text = &*page.blocks[*at].text;
        let mut shared = Vec::new();
        if let Some((count, ends)) = look.as_ref().and_then(|look| counts.get(look)) {
            let is_shared = |times: usize| times > 1 && times * 10 >= count * 6;
            let mine = ends.iter().filter(|(_, times)| is_shared(**times));
            shared.extend(mine.map(|(end, _)| *end));
        }
        let end = said_behind(text, mine, &shared);
        let start = match &mine[..] {
            [first, second, ..] if first.is_unseen && second.start < end => second.start,
            _ => 0,
        };
        let kept = text[start..end].trim();
        if kept.chars().filter(|c| c.is_alphanumeric()).count() > 1 && kept.len() < text.len() {
            let start = start + (text[start..end].len() - text[start..end].trim_start().len());
            cuts.entry(*at).or_insert((start, end));
        }
    }
    for (at, (start, end)) in cuts {
        page.blocks[at].cut(start, end);
        let block = &mut page.blocks[at];
        (block.chars, block.words) = measure(&block.text);
        block.link_chars = block.link_chars.min(block.chars);
        block.bold_chars = block.bold_chars.min(block.chars);
    }
}
