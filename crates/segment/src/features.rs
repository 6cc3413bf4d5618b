//! What the classifier sees of a block, as numbers.

use crate::Kind;
use crate::blocks::{Block, Blocks, Element, Name};
use crate::meta::Meta;
use crate::vocabulary::{self, Hints};
use std::collections::HashMap;

/// Names of context elements that are a feature each.
const CONTEXTS: [Name; 20] = [
    Name::Main,
    Name::Article,
    Name::Section,
    Name::Nav,
    Name::Header,
    Name::Footer,
    Name::Aside,
    Name::Form,
    Name::Button,
    Name::Figure,
    Name::Quote,
    Name::Table,
    Name::List,
    Name::Details,
    Name::Link,
    Name::Label,
    Name::Caption,
    Name::Address,
    Name::Hidden,
    Name::Paragraph,
];
const HINT_COUNT: usize = 30;
const ROW_LENGTH: usize = 179;
const CONTEXT_ROW_LENGTH: usize = 23;
/// Hints that are also looked for in a short text and in the heading above it.
const SPOKEN: [Hints; 10] = [
    vocabulary::RELATED,
    vocabulary::SHARE,
    vocabulary::SIGN_UP,
    vocabulary::CONSENT,
    vocabulary::AD,
    vocabulary::COMMENT,
    vocabulary::META,
    vocabulary::FOOTER,
    vocabulary::CART,
    vocabulary::SEARCH,
];

/// Numbers in rows of the same length, one a block.
pub struct Rows {
    numbers: Vec<f32>,
    length: usize,
}

impl Rows {
    fn new(length: usize, count: usize) -> Rows {
        Rows {
            numbers: Vec::with_capacity(length * count),
            length,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.numbers.chunks_exact(self.length)
    }
}

pub fn features(page: &Blocks, meta: &Meta, url: &str) -> Rows {
    let blocks = &page.blocks;
    let mut out = Rows::new(ROW_LENGTH, blocks.len());
    let Some(root) = page.elements.first() else {
        return out;
    };
    let total_chars = root.chars.max(1) as f32;
    let top = page
        .elements
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.prose.total_cmp(&b.1.prose).then(b.0.cmp(&a.0)))
        .map_or(0, |(index, _)| index as u32);
    let top_prose = page.elements[top as usize].prose.max(1.0);
    let mut around_top = vec![false; page.elements.len()];
    let mut next = top;
    loop {
        around_top[next as usize] = true;
        if next == 0 {
            break;
        }
        next = page.elements[next as usize].parent;
    }
    let mut repeats: HashMap<&str, u16> = HashMap::new();
    for block in blocks {
        *repeats.entry(&block.text).or_default() += 1;
    }
    let first_h1 = blocks.iter().position(|block| block.level == 1);
    let title_words = words_of(&meta.title);
    let main = page.elements.iter().find(|e| e.name == Name::Main);
    let article_count = page
        .elements
        .iter()
        .filter(|e| e.name == Name::Article)
        .count() as f32;
    let paragraph_words: u32 = blocks
        .iter()
        .filter(|b| b.kind == Kind::Paragraph && b.words > 10)
        .map(|b| b.words)
        .sum();
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split_once('/').map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or("");
    let page_features = [
        root.words as f32,
        blocks.len() as f32,
        ratio(root.link_chars, root.chars),
        paragraph_words as f32 / root.words.max(1) as f32,
        main.map_or(-1.0, |main| main.chars as f32 / total_chars),
        article_count,
        top_prose / total_chars,
        meta.kinds as f32,
        f32::from(meta.kinds & 1 != 0),
        f32::from(meta.kinds & 2 != 0),
        f32::from(meta.kinds & 4 != 0),
        f32::from(meta.kinds & 8 != 0),
        path.split('/').filter(|part| !part.is_empty()).count() as f32,
        path.len() as f32,
        blocks.iter().filter(|b| b.kind == Kind::ListItem).count() as f32
            / blocks.len().max(1) as f32,
        blocks.iter().filter(|b| b.kind == Kind::Heading).count() as f32
            / blocks.len().max(1) as f32,
    ];
    let mut chars_before = 0;
    let (mut heading_hints, mut heading_distance, mut heading_level) = (0, 99, 0);
    let mut chars_at_h1 = 0;
    for (index, block) in blocks.iter().enumerate() {
        let row = &mut out.numbers;
        let element = &page.elements[block.element as usize];
        text_features(block, &title_words, row);
        row.push(f32::from(repeats[&*block.text]));
        row.push(element.name as u8 as f32);
        row.push(f32::from(element.depth));
        for name in CONTEXTS {
            row.push(f32::from(element.context & name.bit() != 0));
        }
        // How many steps up each hint stands.
        let mut steps_to = [99.0; HINT_COUNT];
        let mut seen: Hints = 0;
        let mut ancestors: [Option<&Element>; 4] = [None; 4];
        let (mut list, mut table, mut article) = (None, None, None);
        let mut top_steps = 99.0;
        let mut prose = 0f32;
        let mut walk = block.element;
        let mut steps = 0;
        loop {
            let ancestor = &page.elements[walk as usize];
            if steps < 4 {
                ancestors[steps] = Some(ancestor);
            }
            if steps < 3 {
                prose = prose.max(ancestor.prose);
            }
            let mut new = ancestor.hints & !seen;
            seen |= new;
            while new != 0 {
                let bit = new.trailing_zeros() as usize;
                steps_to[bit.min(HINT_COUNT - 1)] = steps as f32;
                new &= new - 1;
            }
            match ancestor.name {
                Name::List if list.is_none() => list = Some(ancestor),
                Name::Table if table.is_none() => table = Some(ancestor),
                Name::Article if article.is_none() => article = Some(ancestor),
                _ => {}
            }
            if around_top[walk as usize] && top_steps == 99.0 {
                top_steps = steps as f32 + if walk == top { 0.0 } else { 20.0 };
            }
            if walk == 0 {
                break;
            }
            walk = ancestor.parent;
            steps += 1;
        }
        row.extend(steps_to);
        for ancestor in ancestors {
            let Some(ancestor) = ancestor else {
                row.extend([-1.0; 4]);
                continue;
            };
            row.push(ancestor.chars as f32 / total_chars);
            row.push(ratio(ancestor.link_chars, ancestor.chars));
            row.push(ancestor.block_count as f32);
            row.push(ancestor.words as f32 / ancestor.block_count.max(1) as f32);
        }
        for container in [list, table, article] {
            let Some(container) = container else {
                row.extend([-1.0; 4]);
                continue;
            };
            row.push(container.chars as f32 / total_chars);
            row.push(ratio(container.link_chars, container.chars));
            row.push(container.block_count as f32);
            row.push(container.words as f32 / container.block_count.max(1) as f32);
        }
        row.push(prose / top_prose);
        row.push(top_steps);
        row.push(index as f32 / blocks.len() as f32);
        row.push(index.min(500) as f32);
        row.push(chars_before as f32 / total_chars);
        row.push((blocks.len() - index).min(500) as f32);
        match first_h1 {
            Some(h1) => {
                if h1 == index {
                    chars_at_h1 = chars_before;
                }
                row.push((index as f32 - h1 as f32).clamp(-200.0, 200.0));
                row.push(if index >= h1 {
                    (chars_before - chars_at_h1) as f32
                } else {
                    -1.0
                });
            }
            None => row.extend([-999.0, -2.0]),
        }
        let spoken = if block.words <= 12 {
            vocabulary::hints(&block.text)
        } else {
            0
        };
        for hint in SPOKEN {
            row.push(f32::from(spoken & hint != 0));
        }
        for hint in SPOKEN {
            row.push(f32::from(heading_hints & hint != 0));
        }
        row.push(heading_distance as f32);
        row.push(f32::from(heading_level));
        if block.kind == Kind::Heading {
            (heading_hints, heading_distance, heading_level) =
                (vocabulary::hints(&block.text), 0, block.level);
        }
        heading_distance = (heading_distance + 1).min(99);
        for offset in [-3isize, -2, -1, 1, 2, 3] {
            match index
                .checked_add_signed(offset)
                .and_then(|at| blocks.get(at))
            {
                Some(near) => {
                    row.push(near.words as f32);
                    row.push(ratio(near.link_chars, near.chars));
                    row.push(near.kind as u8 as f32);
                    row.push(f32::from(
                        near.element == block.element
                            || page.elements[near.element as usize].parent == element.parent,
                    ));
                }
                None => row.extend([-1.0, -1.0, -1.0, 0.0]),
            }
        }
        let window = &blocks[index.saturating_sub(6)..(index + 7).min(blocks.len())];
        let window_words: u32 = window.iter().map(|b| b.words).sum();
        let window_chars: u32 = window.iter().map(|b| b.chars).sum();
        let window_links: u32 = window.iter().map(|b| b.link_chars).sum();
        row.push(window_words as f32 / window.len() as f32);
        row.push(ratio(window_links, window_chars));
        row.extend(page_features);
        chars_before += block.chars;
    }
    debug_assert_eq!(out.numbers.len(), ROW_LENGTH * blocks.len());
    out
}

/// What is told by the text alone.
fn text_features(block: &Block, title_words: &[u64], row: &mut Vec<f32>) {
    const MARKS: [&[char]; 5] = [
        &['©', '®', '™'],
        &['$', '€', '£', '¥', '₹'],
        &['@'],
        &['|', '»', '›', '·', '•'],
        &['…'],
    ];
    let text = &*block.text;
    let (mut commas, mut digits, mut uppers, mut letters) = (0u32, 0, 0, 0);
    let (mut sentences, mut lines) = (0, 0);
    let mut marks = [0.0; MARKS.len()];
    let mut end = false;
    for (index, c) in text.chars().enumerate() {
        match c {
            'a'..='z' => letters += 1,
            'A'..='Z' => {
                letters += 1;
                uppers += 1;
            }
            ' ' => {}
            '\n' => lines += 1,
            ',' | '，' | '、' | ';' | '؛' | '،' => commas += 1,
            '0'..='9' => digits += 1,
            _ if vocabulary::is_letter(c) => {
                letters += 1;
                uppers += u32::from(c.is_uppercase());
            }
            _ if index < 300 => {
                for (mark, chars) in marks.iter_mut().zip(MARKS) {
                    if chars.contains(&c) {
                        *mark = 1.0;
                    }
                }
            }
            _ => {}
        }
        if end && c.is_whitespace() {
            sentences += 1;
        }
        end = is_sentence_end(c);
    }
    let last = text
        .trim_end_matches(['"', '”', '’', ')', '\'', '»'])
        .chars()
        .last()
        .unwrap_or(' ');
    // Few words in much text are signs and numbers.
    let mine = if block.words <= 40 && text.len() < 2000 {
        words_of(text)
    } else {
        Vec::new()
    };
    let shared = mine
        .iter()
        .filter(|word| title_words.contains(word))
        .count();
    let [rights, money, at, bars, dots] = marks;
    row.extend([
        block.chars as f32,
        block.words as f32,
        ratio(block.link_chars, block.chars),
        f32::from(block.link_count),
        ratio(block.bold_chars, block.chars),
        block.chars as f32 / block.words.max(1) as f32,
        f32::from(is_sentence_end(last)),
        f32::from(matches!(last, ':' | '：')),
        f32::from(matches!(last, '?' | '？')),
        commas as f32 / block.words.max(1) as f32,
        digits as f32 / block.chars.max(1) as f32,
        uppers as f32 / letters.max(1) as f32,
        f32::from(text.chars().next().is_some_and(char::is_uppercase)),
        sentences as f32,
        letters as f32 / block.chars.max(1) as f32,
        block.kind as u8 as f32,
        f32::from(block.level),
        shared as f32 / mine.len().max(1) as f32,
        shared as f32 / title_words.len().max(1) as f32,
        rights,
        money,
        at,
        bars,
        dots + f32::from(text.ends_with("...")),
        f32::from(text.contains("http") || text.contains("www.")),
        lines as f32,
    ]);
}

pub fn is_sentence_end(c: char) -> bool {
    matches!(
        c,
        '.' | '!' | '?' | '…' | '。' | '！' | '？' | '．' | '।' | '؟' | '۔'
    )
}

/// Hashes (FNV-1a) of the first words in lower case.
fn words_of(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(60)
        .map(|word| {
            let letters = word.chars().flat_map(char::to_lowercase);
            letters.fold(0xcbf2_9ce4_8422_2325, |hash, letter| {
                (hash ^ u64::from(letter)).wrapping_mul(0x0100_0000_01b3)
            })
        })
        .collect()
}

fn ratio(part: u32, whole: u32) -> f32 {
    part as f32 / whole.max(1) as f32
}

/// What the second look sees beside the first: how the blocks around fared.
pub fn context_features(page: &Blocks, scores: &[f32]) -> Rows {
    let blocks = &page.blocks;
    // Scores weighted by words, summed over each element and all it holds.
    let mut sums = vec![(0f32, 0f32); page.elements.len()];
    for (block, score) in blocks.iter().zip(scores) {
        let words = block.words.max(1) as f32;
        let sum = &mut sums[block.element as usize];
        *sum = (sum.0 + score * words, sum.1 + words);
    }
    for index in (1..page.elements.len()).rev() {
        let (own, parent) = (sums[index], page.elements[index].parent as usize);
        let sum = &mut sums[parent];
        *sum = (sum.0 + own.0, sum.1 + own.1);
    }
    let (all, all_words) = sums.first().copied().unwrap_or_default();
    let best = scores.iter().copied().fold(0.0, f32::max);
    // The words that the first look took for content, before and after.
    let mut before = 0.0;
    let mut out = Rows::new(CONTEXT_ROW_LENGTH, blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        let row = &mut out.numbers;
        row.push(scores[index]);
        for offset in [-4isize, -3, -2, -1, 1, 2, 3, 4] {
            let near = index
                .checked_add_signed(offset)
                .and_then(|at| scores.get(at));
            row.push(near.copied().unwrap_or(-1.0));
        }
        for reach in [3, 8, 20] {
            let (mut score, mut words) = (0.0, 0.0);
            for at in index.saturating_sub(reach)..(index + reach + 1).min(blocks.len()) {
                if at != index {
                    score += scores[at] * blocks[at].words as f32;
                    words += blocks[at].words as f32;
                }
            }
            row.push(score / f32::max(words, 1.0));
        }
        // Containers, without the block's own share.
        let words = block.words.max(1) as f32;
        let own = scores[index] * words;
        let mut element = block.element;
        for _ in 0..7 {
            let (score, sum_words) = sums[element as usize];
            let others = sum_words - words;
            // An element that holds nothing else has nothing to say.
            row.push(if others > 0.5 {
                (score - own) / others
            } else {
                -1.0
            });
            element = page.elements[element as usize].parent;
        }
        row.push(before / f32::max(all, 1.0));
        row.push(all / f32::max(all_words, 1.0));
        row.push(all);
        row.push(best);
        before += own;
    }
    debug_assert_eq!(out.numbers.len(), CONTEXT_ROW_LENGTH * blocks.len());
    out
}
