//! What the words of a block, of the heading above it and of the names of the elements around it
//! say for it being content: sums of weights that `train/train.py` fits, one logistic regression a
//! group. [`crate::vocabulary`] holds the words that a person would think of; these are the others.

use crate::Kind;
use crate::blocks::{Blocks, Element};

/// Where words stand, and with which weights of the two tables they count there.
pub const GROUPS: [&str; 5] = ["text", "heading", "own", "near", "far"];
const TEXT: usize = 0;
const HEADING: usize = 1;
const OWN: usize = 2;
const NEAR: usize = 3;
const FAR: usize = 4;

/// Words of a text that are read: more say nothing more of what it is.
pub const MAX_WORDS_READ: usize = 60;
/// Those of them that are looked up, and the most of a text that is also read by pairs, and as a whole.
const MAX_WORDS: usize = 40;
const MAX_PAIRED: usize = 30;
const MAX_WHOLE: usize = 4;
/// The most bytes of an attribute and letters of a name that are read.
const MAX_NAME_BYTES: usize = 1024;
const NAME_LETTERS: std::ops::RangeInclusive<usize> = 2..=18;
/// What a weight in the file counts.
const UNIT: f32 = 1.0 / 16.0;

/// The weights of words, by their hashes: of texts (here, in a heading), and of the names of
/// elements (the block's own, its parent's and grandparent's, those further out).
#[derive(Default)]
pub struct Tables {
    texts: Table<2>,
    names: Table<3>,
}

/// Open addressing: a taken slot sends on to the next.
struct Table<const N: usize> {
    /// A power of two, at least a third of them free.
    slots: Vec<Option<(u32, [i8; N])>>,
}

impl<const N: usize> Default for Table<N> {
    fn default() -> Table<N> {
        Table { slots: vec![None] }
    }
}

impl<const N: usize> Table<N> {
    /// Takes a table off the front. Little-endian: a u16 of words, then for each its u32 hash and
    /// an i8 for each weight.
    fn read(bytes: &mut &[u8]) -> Table<N> {
        let (count, rest) = bytes.split_at(2);
        let count = usize::from(u16::from_le_bytes([count[0], count[1]]));
        let (words, rest) = rest.split_at(count * (4 + N));
        *bytes = rest;
        let mut slots = vec![None; (count * 3 / 2 + 1).next_power_of_two()];
        for word in words.chunks_exact(4 + N) {
            let hash = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            let mut slot = hash as usize % slots.len();
            while slots[slot].is_some() {
                slot = (slot + 1) % slots.len();
            }
            slots[slot] = Some((hash, std::array::from_fn(|at| word[4 + at] as i8)));
        }
        Table { slots }
    }

    fn entries(&self) -> Vec<(u32, Vec<i8>)> {
        let known = self.slots.iter().flatten();
        let mut found: Vec<_> = known
            .map(|(hash, weights)| (*hash, weights.to_vec()))
            .collect();
        found.sort_unstable();
        found
    }

    fn weights(&self, hash: u32) -> Option<&[i8; N]> {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while let Some((known, weights)) = &self.slots[slot] {
            if *known == hash {
                return Some(weights);
            }
            slot = (slot + 1) & mask;
        }
        None
    }
}

impl Tables {
    /// Of each table the hashes and their weights, by hash.
    pub fn entries(&self) -> [Vec<(u32, Vec<i8>)>; 2] {
        [self.texts.entries(), self.names.entries()]
    }

    pub fn read(bytes: &mut &[u8]) -> Tables {
        Tables {
            texts: Table::read(bytes),
            names: Table::read(bytes),
        }
    }
}

/// Weights of known words, and how many of them there were.
#[derive(Clone, Copy, Default)]
struct Sum {
    weights: i32,
    count: u32,
}

impl Sum {
    fn add(&mut self, weight: i8) {
        self.weights += i32::from(weight);
        self.count += 1;
    }

    fn and(self, other: Sum) -> Sum {
        Sum {
            weights: self.weights.saturating_add(other.weights),
            count: self.count.saturating_add(other.count),
        }
    }

    /// Many words say more than few, but not as many times more.
    fn score(self) -> f32 {
        self.weights as f32 / (self.count.max(1) as f32).sqrt() * UNIT
    }
}

/// For each block a score of each of [`GROUPS`], in that order; 0 where nothing is known.
pub fn scores(page: &Blocks, texts: &Texts, tables: &Tables) -> Vec<[f32; GROUPS.len()]> {
    // Of each element by itself, then with all around it.
    let mut named: Vec<[Sum; 3]> = Vec::with_capacity(page.elements.len());
    let mut around: Vec<Sum> = Vec::with_capacity(page.elements.len());
    for (index, element) in page.elements.iter().enumerate() {
        let mut sums = [Sum::default(); 3];
        if element.block_count > 0 {
            names(element, |hash| {
                if let Some(weights) = tables.names.weights(hash) {
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        sum.add(*weight);
                    }
                }
            });
        }
        named.push(sums);
        around.push(match index {
            0 => sums[2],
            _ => around[element.parent as usize].and(sums[2]),
        });
    }
    let mut heading = Sum::default();
    let mut found = Vec::with_capacity(page.blocks.len());
    for (at, block) in page.blocks.iter().enumerate() {
        let mut said = [Sum::default(); 2];
        hashes_of_text(texts.words(at), |hash| {
            if let Some(weights) = tables.texts.weights(hash) {
                for (sum, weight) in said.iter_mut().zip(weights) {
                    sum.add(*weight);
                }
            }
        });
        let [first, second, third] = lineage(page, block.element);
        let near = [first, second].map(|at| at.map_or(Sum::default(), |at| named[at][1]));
        let far = third.map_or(Sum::default(), |at| around[at]);
        let mut row = [0.0; GROUPS.len()];
        row[TEXT] = said[0].score();
        row[HEADING] = heading.score();
        row[OWN] = named[block.element as usize][0].score();
        row[NEAR] = near[0].and(near[1]).score();
        row[FAR] = far.score();
        found.push(row);
        if block.kind == Kind::Heading {
            heading = said[1];
        }
    }
    found
}

/// The hashes behind [`scores`], for training: of each block and group those of its words.
pub fn hashes(page: &Blocks) -> Vec<[Vec<u32>; GROUPS.len()]> {
    let of_names = |at: Option<usize>| {
        let mut found = Vec::new();
        if let Some(at) = at {
            names(&page.elements[at], |hash| found.push(hash));
        }
        found
    };
    let mut heading = Vec::new();
    let mut found = Vec::with_capacity(page.blocks.len());
    let texts = Texts::of(page);
    for (at, block) in page.blocks.iter().enumerate() {
        let mut text = Vec::new();
        hashes_of_text(texts.words(at), |hash| text.push(hash));
        let [first, second, third] = lineage(page, block.element);
        let far = third.into_iter().flat_map(|at| {
            let around = page.ancestors_with_index(at as u32);
            around.flat_map(|(at, _)| of_names(Some(at as usize)))
        });
        let mut row: [Vec<u32>; GROUPS.len()] = Default::default();
        row[TEXT] = text.clone();
        row[HEADING] = heading.clone();
        row[OWN] = of_names(Some(block.element as usize));
        row[NEAR] = [of_names(first), of_names(second)].concat();
        row[FAR] = far.collect();
        found.push(row);
        if block.kind == Kind::Heading {
            heading = text;
        }
    }
    found
}

/// Parent, grandparent and the one beyond.
fn lineage(page: &Blocks, element: u32) -> [Option<usize>; 3] {
    let mut next = Some(element as usize);
    std::array::from_fn(|_| {
        next = next
            .filter(|at| *at != 0)
            .map(|at| page.elements[at].parent as usize);
        next
    })
}

/// FNV-1a.
const START: u32 = 0x811c_9dc5;
/// The hash of a number.
const NUMBER: u32 = step(START, b'0' as u32);

const fn step(hash: u32, value: u32) -> u32 {
    (hash ^ value).wrapping_mul(0x0100_0193)
}

/// A word of a text, letters and digits of any script, in lower case.
#[derive(Clone, Copy)]
pub struct Word {
    /// By which the tables know it; all numbers share one.
    hash: u32,
    /// By which it is told from all others.
    pub id: u64,
}

/// The first words of each block.
pub struct Texts {
    words: Vec<Word>,
    /// Where those of each block end.
    ends: Vec<usize>,
}

impl Texts {
    pub fn of(page: &Blocks) -> Texts {
        let mut texts = Texts {
            words: Vec::new(),
            ends: Vec::with_capacity(page.blocks.len()),
        };
        for block in &page.blocks {
            read_words(&block.text, MAX_WORDS_READ, &mut texts.words);
            texts.ends.push(texts.words.len());
        }
        texts
    }

    pub fn words(&self, block: usize) -> &[Word] {
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.words[start..self.ends[block]]
    }
}

/// Appends the words of a text, at most so many.
pub fn read_words(text: &str, most: usize, words: &mut Vec<Word>) {
    /// FNV-1a in 64 bits.
    const WIDE_START: u64 = 0xcbf2_9ce4_8422_2325;
    let wide_step = |id: u64, value: u32| (id ^ u64::from(value)).wrapping_mul(0x0100_0000_01b3);
    let most = words.len() + most;
    let mut at = 0;
    while at < text.len() && words.len() < most {
        let start = at;
        let (mut hash, mut id, mut is_number) = (START, WIDE_START, true);
        // Bytes where they are characters: decoding takes as long as all the rest.
        while let Some(&byte) = text.as_bytes().get(at) {
            if byte.is_ascii_alphanumeric() {
                let letter = byte.to_ascii_lowercase().into();
                (hash, id) = (step(hash, letter), wide_step(id, letter));
                is_number &= byte.is_ascii_digit();
                at += 1;
                continue;
            }
            match text[at..].chars().next() {
                Some(c) if !byte.is_ascii() && c.is_alphanumeric() => {
                    for c in c.to_lowercase() {
                        (hash, id) = (step(hash, c.into()), wide_step(id, c.into()));
                    }
                    is_number = false;
                    at += c.len_utf8();
                }
                _ => break,
            }
        }
        if at > start {
            words.push(Word {
                hash: if is_number { NUMBER } else { hash },
                id,
            });
        }
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
}

/// The words of a text, of short texts its pairs of words too, and the whole of a label.
fn hashes_of_text(words: &[Word], mut found: impl FnMut(u32)) {
    let first = &words[..words.len().min(MAX_WORDS)];
    first.iter().for_each(|word| found(word.hash));
    if words.len() <= MAX_PAIRED {
        let pairs = words.windows(2);
        pairs.for_each(|pair| found(pair_hash(pair[0].hash, pair[1].hash)));
    }
    if (1..=MAX_WHOLE).contains(&words.len()) {
        found(whole_hash(words.iter().map(|word| word.hash)));
    }
}

/// Calls `found` with what is hashed into each table, spelled as [`hash_of`] reads it, where `wants`
/// its hash there: 0 for texts, 1 for names. For people who read the tables.
pub fn spell(
    page: &Blocks,
    wants: impl Fn(usize, u32) -> bool,
    mut found: impl FnMut(usize, u32, String),
) {
    let mut offer = |table: usize, hash: u32, spelled: &dyn Fn() -> String| {
        if wants(table, hash) {
            found(table, hash, spelled());
        }
    };
    for block in &page.blocks {
        let words: Vec<&str> = block
            .text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .take(MAX_WORDS + 1)
            .collect();
        let hashes: Vec<u32> = words.iter().map(|word| word_hash(word)).collect();
        let spelled = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| as_counted(word)).collect();
            words.join(" ")
        };
        for (word, hash) in words.iter().zip(&hashes).take(MAX_WORDS) {
            offer(0, *hash, &|| spelled(&[word]));
        }
        if words.len() <= MAX_PAIRED {
            for (words, hashes) in words.windows(2).zip(hashes.windows(2)) {
                offer(0, pair_hash(hashes[0], hashes[1]), &|| spelled(words));
            }
        }
        if (1..=MAX_WHOLE).contains(&words.len()) {
            offer(0, whole_hash(hashes.iter().copied()), &|| {
                format!("={}", spelled(&words))
            });
        }
    }
    for element in page.elements.iter().filter(|e| e.block_count > 0) {
        let name = element.node.name().map_or("", |name| name);
        if matches!(name, "html" | "body") {
            continue;
        }
        offer(1, tag_hash(name), &|| format!("<{name}"));
        for attribute in ["class", "id", "role"] {
            let value = element.node.attribute(attribute).unwrap_or_default();
            name_words(&value, |word, hash| {
                offer(1, hash, &|| word.to_ascii_lowercase());
            });
        }
    }
}

/// The hash of a spelling: `word`, `two words`, `=the whole text`, `<tag`.
pub fn hash_of(spelled: &str) -> u32 {
    if let Some(name) = spelled.strip_prefix('<') {
        return tag_hash(name);
    }
    let whole = spelled.strip_prefix('=');
    let words = whole.unwrap_or(spelled).split(' ').map(word_hash);
    let hashes: Vec<u32> = words.collect();
    match &hashes[..] {
        _ if whole.is_some() => whole_hash(hashes.iter().copied()),
        [first, second] => pair_hash(*first, *second),
        _ => hashes[0],
    }
}

/// A word as it is counted: in lower case, and each number as 0.
fn as_counted(word: &str) -> String {
    match word.bytes().all(|byte| byte.is_ascii_digit()) {
        true => "0".to_owned(),
        false => word.to_lowercase(),
    }
}

fn word_hash(word: &str) -> u32 {
    let letters = as_counted(word);
    letters.chars().fold(START, |hash, c| step(hash, c.into()))
}

fn pair_hash(first: u32, second: u32) -> u32 {
    step(first.rotate_left(5), second)
}

fn whole_hash(words: impl Iterator<Item = u32>) -> u32 {
    words.fold(START, |all, hash| step(all.rotate_left(7), hash))
}

fn tag_hash(name: &str) -> u32 {
    let start = step(START, '<'.into());
    name.bytes()
        .fold(start, |hash, byte| step(hash, byte.into()))
}

/// The words of an element's class, id and role, as [`crate::vocabulary::hints`] splits them, and
/// its name. None of the whole page's.
fn names(element: &Element, mut found: impl FnMut(u32)) {
    let name = element.node.name().map_or("", |name| name);
    if matches!(name, "html" | "body") {
        return;
    }
    found(tag_hash(name));
    for attribute in ["class", "id", "role"] {
        if let Some(value) = element.node.attribute(attribute) {
            name_words(&value, |_, hash| found(hash));
        }
    }
}

/// The words of a class, an id or a role, each with its hash.
fn name_words(value: &str, mut found: impl FnMut(&str, u32)) {
    let (mut hash, mut len, mut before) = (START, 0, 0u8);
    let bytes = value.as_bytes();
    let bytes = &bytes[..bytes.len().min(MAX_NAME_BYTES)];
    for (at, &byte) in bytes.iter().chain(b" ").enumerate() {
        let is_letter = byte.is_ascii_alphabetic();
        if !is_letter || (byte.is_ascii_uppercase() && before.is_ascii_lowercase()) {
            if NAME_LETTERS.contains(&len) {
                // Letters of ASCII only, so these are borders of characters.
                found(&value[at - len..at], hash);
            }
            (hash, len) = (START, 0);
        }
        if is_letter {
            hash = step(hash, byte.to_ascii_lowercase().into());
            len += 1;
        }
        before = byte;
    }
}
