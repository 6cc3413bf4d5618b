//! Which blocks are content.
//!
//! A gradient-boosted forest, fitted by `train/train.py` on pages whose main content people marked,
//! says how likely each block is; a few rules say what goes with what.

use crate::Kind;
use crate::blocks::{Block, Blocks, Name};
use crate::features::{Rows, features};
use crate::labels;
use crate::meta::{Meta, PageKind};
use crate::page_type::{self, TypeName};
use crate::vocabulary;
use crate::words;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::LazyLock;

/// A page of which no block is this likely content has none.
const UNLIKELY: f32 = 0.15;
/// Below it a block is none even where all around it is.
const DOUBTFUL: f32 = 0.08;
/// The page's own heading goes with what is below it when it is this likely content.
const LIKELY_TITLE: f32 = 0.25;
/// What is marked up as a pair keeps both parts when its words are this likely content.
const LIKELY_PAIR: f32 = 0.2;
/// A text with as many words is a sentence; shorter ones are labels, and stand where they belong.
const MIN_WORDS_SAID: u32 = 8;
/// A page is treated as one of a type that it is this likely of.
const LIKELY_TYPE: f32 = 0.5;

/// Whether each block is content, and how likely the page is of each of [`page_type::TYPES`].
///
/// What a score is worth depends on what kind of page it is: the type is told from what the scores
/// keep as they are, and by it they are calibrated.
pub fn content(page: &Blocks, meta: &Meta, url: &str, comments: bool) -> (Vec<bool>, Vec<f32>) {
    if has_no_boilerplate(page) {
        let kept = vec![true; page.blocks.len()];
        let chances = page_type::chances(page, meta, url, &kept);
        return (kept, chances);
    }
    let mut scores = scores(page, meta, url);
    let kept = keep(page, meta, url, &scores, false);
    let chances = page_type::chances(page, meta, url, &kept);
    calibrate(&mut scores, &chances);
    let mut kept = keep(page, meta, url, &scores, comments);
    keep_once(page, &chances, &mut kept);
    (kept, chances)
}

/// Whether each block is content, by the score of each.
pub fn keep(page: &Blocks, meta: &Meta, url: &str, scores: &[f32], comments: bool) -> Vec<bool> {
    let threshold = threshold(page, scores);
    let mut kept: Vec<bool> = scores.iter().map(|score| *score >= threshold).collect();
    keep_between(page, scores, &mut kept);
    keep_alike(page, scores, &mut kept);
    let is_discussion = meta.says(PageKind::Discussion) || is_forum(url);
    keep_comments(page, meta, is_discussion, comments, &mut kept);
    keep_answers(page, scores, &mut kept);
    keep_headings(page, scores, &mut kept);
    kept
}

/// Whether a text reads as content wherever it stands: no links, nothing that names it otherwise.
fn is_plain(page: &Blocks, block: &Block) -> bool {
    const ELSE: u32 = vocabulary::AD
        | vocabulary::SHARE
        | vocabulary::RELATED
        | vocabulary::SIGN_UP
        | vocabulary::COMMENT
        | vocabulary::META
        | vocabulary::NAV
        | vocabulary::CART
        | vocabulary::CAPTION;
    let element = &page.elements[block.element as usize];
    let parent = &page.elements[element.parent as usize];
    let other = Name::Form.bit()
        | Name::Button.bit()
        | Name::Nav.bit()
        | Name::Aside.bit()
        | Name::Footer.bit();
    block.link_chars * 2 < block.chars.max(1)
        && (element.hints | parent.hints) & ELSE == 0
        && !element.is_in(other)
}

/// What stands between content in the same element is content too.
fn keep_between(page: &Blocks, scores: &[f32], kept: &mut [bool]) {
    let before = kept.to_vec();
    for index in 1..page.blocks.len().saturating_sub(1) {
        let block = &page.blocks[index];
        if before[index] || !before[index - 1] || !before[index + 1] || scores[index] < DOUBTFUL {
            continue;
        }
        let parent = |at: usize| {
            let element = page.blocks[at].element;
            let parent = page.elements[element as usize].parent;
            [element, parent, page.elements[parent as usize].parent]
        };
        let mine = parent(index);
        let is_near = |at: usize| parent(at).iter().any(|element| mine.contains(element));
        if is_near(index - 1) && is_near(index + 1) && is_plain(page, block) {
            kept[index] = true;
        }
    }
}

/// One of many that look alike side by side is content when most of them are.
fn keep_alike(page: &Blocks, scores: &[f32], kept: &mut [bool]) {
    let mut counts: FxHashMap<(u32, u32), (u32, u32)> = FxHashMap::default();
    let key = |block: &Block| {
        let element = &page.elements[block.element as usize];
        (element.parent, element.look)
    };
    for (block, kept) in page.blocks.iter().zip(&*kept) {
        let (all, mine) = counts.entry(key(block)).or_default();
        *all += 1;
        *mine += u32::from(*kept);
    }
    for (index, block) in page.blocks.iter().enumerate() {
        let (all, mine) = counts[&key(block)];
        let is_most = all >= 4 && mine * 10 >= all * 7;
        kept[index] |= is_most && scores[index] >= DOUBTFUL && is_plain(page, block);
    }
}

/// Readers' comments: all of them when they are asked for, else none below an article.
fn keep_comments(
    page: &Blocks,
    meta: &Meta,
    is_discussion: bool,
    comments: bool,
    kept: &mut [bool],
) {
    let in_comments =
        |block: &Block| page.elements[block.element as usize].all_hints & vocabulary::COMMENT != 0;
    if comments {
        for (block, kept) in page.blocks.iter().zip(kept) {
            let context = page.elements[block.element as usize].context;
            let is_control = context & (Name::Form.bit() | Name::Button.bit()) != 0;
            let is_text = block.words >= 4 && block.link_chars * 2 < block.chars;
            *kept |= in_comments(block) && is_text && !is_control;
        }
    } else if !is_discussion {
        let (mut comment_words, mut other_words) = (0, 0);
        for (block, _) in page.blocks.iter().zip(&*kept).filter(|(_, kept)| **kept) {
            let words = if in_comments(block) {
                &mut comment_words
            } else {
                &mut other_words
            };
            *words += block.words;
        }
        // Below an article of its own a comment is a reader's; without one it is the content.
        let is_article = meta.says(PageKind::Article) || other_words * 2 >= comment_words;
        if other_words >= 100 && is_article {
            for (block, kept) in page.blocks.iter().zip(kept) {
                *kept &= !in_comments(block);
            }
        }
    }
}

/// Whether the address is that of a forum, whose replies are content whatever their markup calls them.
fn is_forum(url: &str) -> bool {
    const FORUMS: [&str; 6] = [
        "forum",
        "forums",
        "thread",
        "threads",
        "viewtopic",
        "showthread",
    ];
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = address.split(['?', '#']).next().unwrap_or("");
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let is_of_host =
        |label: &str| label == "community" || label.ends_with("forum") || label.ends_with("forums");
    let mut parts = path.split(['/', '.']);
    host.to_ascii_lowercase().split('.').any(is_of_host)
        || parts.any(|part| FORUMS.iter().any(|forum| part.eq_ignore_ascii_case(forum)))
}

/// A question goes with its answer, and both stay where the page's markup is certain and nothing
/// says that they are furniture.
fn keep_answers(page: &Blocks, scores: &[f32], kept: &mut [bool]) {
    for pair in &page.pairs {
        let answer = pair.answer.start as usize..pair.answer.end as usize;
        let has_answer = kept[answer.clone()].iter().any(|kept| *kept);
        // A tab or a filter may look like a pair, and must read as content all in all; what asks in
        // so many words is one.
        let parts = || answer.clone().chain([pair.question as usize]);
        let is_likely = if labels::is_question(&page.blocks[pair.question as usize].text) {
            parts().any(|at| scores[at] >= DOUBTFUL)
        } else {
            let words = |at: usize| page.blocks[at].words.max(1) as f32;
            let all: f32 = parts().map(words).sum();
            let likely: f32 = parts().map(|at| words(at) * scores[at]).sum();
            likely >= LIKELY_PAIR * all
        };
        if pair.is_certain && is_likely {
            kept[answer].fill(true);
            kept[pair.question as usize] = true;
        } else {
            kept[pair.question as usize] = has_answer;
        }
    }
}

/// A heading goes with the text below it. The page's own stands above whatever there is, its
/// banner's too: it must be likelier.
fn keep_headings(page: &Blocks, scores: &[f32], kept: &mut [bool]) {
    // From the last, since a heading may head another.
    let (mut kept_words, mut words) = (0, 0);
    let mut below: Option<(u8, bool)> = None;
    for (index, block) in page.blocks.iter().enumerate().rev() {
        if block.kind != Kind::Heading {
            words += block.words.max(1);
            kept_words += if kept[index] { block.words.max(1) } else { 0 };
            continue;
        }
        let heads = match below {
            _ if words > 0 => kept_words * 2 > words || kept[index + 1],
            Some((level, is_kept)) => level > block.level && is_kept,
            None => false,
        };
        let least = if block.level == 1 {
            LIKELY_TITLE
        } else {
            DOUBTFUL
        };
        kept[index] |= heads && scores[index] >= least;
        below = Some((block.level, kept[index]));
        (kept_words, words) = (0, 0);
    }
}

/// What is said twice is content once: twins for narrow and wide screens, slides that come round
/// again, and what a post quotes of those before it.
///
/// Under another heading the same words may speak of something else, as of what two plans have in
/// common. Code is typed again, a table has its rows, and manuals say the same of each function.
pub fn keep_once(page: &Blocks, chances: &[f32], kept: &mut [bool]) {
    let is_likely = |name| page_type::chance_of(chances, name) >= LIKELY_TYPE;
    if is_likely(TypeName::Documentation) {
        return;
    }
    let is_forum = is_likely(TypeName::Forum);
    let (mut said, mut said_here) = (FxHashSet::default(), FxHashSet::default());
    let (mut heading, mut headings) = ("", FxHashSet::default());
    let mut repeated_headings = Vec::new();
    for (index, block) in page.blocks.iter().enumerate() {
        if !kept[index] {
            continue;
        }
        let text = &*block.text;
        match block.kind {
            Kind::Heading => {
                heading = text;
                if !headings.insert(text) {
                    repeated_headings.push(index);
                }
            }
            Kind::Code | Kind::TableRow => {}
            _ if block.words < MIN_WORDS_SAID => {}
            _ => {
                let element = &page.elements[block.element as usize];
                let may_quote = is_forum || element.is_in(Name::Quote.bit());
                let is_new = (said.insert(text), said_here.insert((heading, text)));
                kept[index] = if may_quote { is_new.0 } else { is_new.1 };
            }
        }
    }
    // What they headed may be gone; from the last, since a heading may head another.
    for index in repeated_headings.into_iter().rev() {
        let level = page.blocks[index].level;
        let mut behind = page.blocks.iter().zip(&*kept).skip(index + 1);
        let next = behind.find(|(_, kept)| **kept).map(|(block, _)| block);
        kept[index] = next.is_some_and(|next| next.kind != Kind::Heading || next.level > level);
    }
}

/// The score from which on keeping blocks gives the best F1 that can be expected: a page of which
/// all is doubtful keeps more of it than one whose content stands out.
fn threshold(page: &Blocks, scores: &[f32]) -> f32 {
    let mut ranked: Vec<(f32, f32)> = scores
        .iter()
        .zip(&page.blocks)
        .map(|(score, block)| (*score, block.words as f32))
        .collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let expected: f32 = ranked.iter().map(|(score, words)| score * words).sum();
    if ranked.first().is_none_or(|(score, _)| *score < UNLIKELY) {
        return 1.0;
    }
    let (mut hits, mut words, mut best) = (0.0, 0.0, (0.0, 1.0));
    for (score, block_words) in ranked {
        hits += score * block_words;
        words += block_words;
        let f1 = 2.0 * hits / (words + expected).max(1.0);
        if f1 > best.0 {
            best = (f1, score);
        }
    }
    best.1
}

/// Text without a link, a landmark or a telling name anywhere: there is nothing to tell apart.
fn has_no_boilerplate(page: &Blocks) -> bool {
    const LANDMARKS: u32 = Name::Nav.bit()
        | Name::Header.bit()
        | Name::Footer.bit()
        | Name::Aside.bit()
        | Name::Form.bit()
        | Name::Button.bit()
        | Name::Hidden.bit();
    page.blocks.iter().all(|block| {
        let element = &page.elements[block.element as usize];
        block.link_chars == 0 && element.all_hints == 0 && element.context & LANDMARKS == 0
    })
}

/// How likely each block is content, in (0, 1).
pub fn scores(page: &Blocks, meta: &Meta, url: &str) -> Vec<f32> {
    let rows = features(page, meta, url, &FITTED.tables);
    FITTED.forest.scores(&rows)
}

/// The file that training writes: a line of JSON that says where it comes from, then what is fitted.
const FILE: &[u8] = include_bytes!("segment.forest");
struct Fitted {
    tables: words::Tables,
    forest: Forest,
    types: Regression,
    /// For each type the slope and the offset of its scores, as logits.
    calibration: Regression,
}

static FITTED: LazyLock<Fitted> = LazyLock::new(|| {
    let mut bytes = &FILE[provenance().len() + 1..];
    Fitted {
        tables: words::Tables::read(&mut bytes),
        forest: Forest::read(&mut bytes),
        types: Regression::read(&mut bytes),
        calibration: Regression::read(&mut bytes),
    }
});

/// A score for each of [`crate::page_type::TYPES`], whose softmax is its probability.
pub fn type_scores(row: &[f32]) -> Vec<f32> {
    FITTED.types.scores(row)
}

/// Scores as likelihoods on a page that is of each type this likely.
fn calibrate(scores: &mut [f32], chances: &[f32]) {
    let fitted = FITTED.calibration.weights.iter().zip(chances);
    let (slope, offset) = fitted.fold((0.0, 0.0), |(slope, offset), (mine, chance)| {
        (slope + chance * mine[0], offset + chance * mine[1])
    });
    for score in scores {
        let odds = score.clamp(1e-6, 1.0 - 1e-6);
        let logit = libm::logf(odds / (1.0 - odds));
        *score = 1.0 / (1.0 + libm::expf(-(slope * logit + offset)));
    }
}

/// The weights of words that the forest was fitted with.
pub fn tables() -> &'static words::Tables {
    &FITTED.tables
}

/// A linear score for each class.
struct Regression {
    /// For each class, a weight a feature and then the intercept.
    weights: Vec<Vec<f32>>,
}

impl Regression {
    /// Takes one off the front. Little-endian: a u16 of classes, a u16 of weights for each, then the
    /// f32 weights.
    fn read(bytes: &mut &[u8]) -> Regression {
        let (sizes, rest) = bytes.split_at(4);
        let size = |at: usize| usize::from(u16::from_le_bytes([sizes[at], sizes[at + 1]]));
        let (count, width) = (size(0), size(2));
        let (weights, rest) = rest.split_at(count * width * 4);
        *bytes = rest;
        let weights: Vec<f32> = weights
            .as_chunks()
            .0
            .iter()
            .map(|w| f32::from_le_bytes(*w))
            .collect();
        Regression {
            weights: weights
                .chunks_exact(width.max(1))
                .map(<[f32]>::to_vec)
                .collect(),
        }
    }

    fn scores(&self, row: &[f32]) -> Vec<f32> {
        let score = |weights: &Vec<f32>| {
            let products = row
                .iter()
                .zip(weights)
                .map(|(value, weight)| value * weight);
            products.sum::<f32>() + weights.last().copied().unwrap_or_default()
        };
        self.weights.iter().map(score).collect()
    }
}

/// JSON: hashes of the data, of the code and of the schema that they were fitted with.
pub fn provenance() -> &'static str {
    let end = FILE.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    std::str::from_utf8(&FILE[..end]).unwrap_or_default()
}

const MAX_TREES: usize = 256;
const MAX_LEAVES: usize = 16;
const LEAF: u16 = u16::MAX;
const NODE_BYTES: usize = 7;
/// Blocks that are scored side by side.
const LANES: usize = 8;

/// Sums of decision trees. Walking them one by one is slow, as no processor foresees the way; this
/// asks all trees about one feature after another instead, several blocks at once (QuickScorer,
/// Lucchese et al., 2015, and its form for vectors, 2016).
struct Forest {
    /// By feature, then by threshold.
    conditions: Vec<Condition>,
    /// Each feature that is asked about, and where its conditions end.
    features: Vec<(u16, u32)>,
    /// The values of each tree's leaves from left to right.
    leaves: Vec<[f32; MAX_LEAVES]>,
}

struct Condition {
    /// A row above it does not go left, and cannot reach the leaves there: zeros in `mask`.
    threshold: f32,
    tree: u32,
    mask: u32,
}

impl Forest {
    /// Takes a forest off the front. Little-endian: a u16 of trees, for each a u8 of nodes, and for
    /// each node u16 feature, f32 threshold, u8 left child, counted from the root, the right one
    /// being the next. A leaf's feature is [`LEAF`], and its threshold its value.
    fn read(bytes: &mut &[u8]) -> Forest {
        let mut forest = Forest {
            conditions: Vec::new(),
            features: Vec::new(),
            leaves: Vec::new(),
        };
        let mut conditions = Vec::new();
        let (count, mut rest) = bytes.split_at(2);
        for _ in 0..u16::from_le_bytes([count[0], count[1]]) {
            let (tree, after) = rest[1..].split_at(usize::from(rest[0]) * NODE_BYTES);
            forest.leaves.push([0.0; MAX_LEAVES]);
            forest.read_tree(tree.as_chunks().0, 0, 0, &mut conditions);
            rest = after;
        }
        *bytes = rest;
        assert!(forest.leaves.len() <= MAX_TREES);
        conditions.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.threshold.total_cmp(&y.threshold)));
        for (feature, condition) in conditions {
            if forest
                .features
                .last()
                .is_none_or(|(last, _)| *last != feature)
            {
                forest.features.push((feature, 0));
            }
            forest.conditions.push(condition);
            if let Some((_, end)) = forest.features.last_mut() {
                *end = forest.conditions.len() as u32;
            }
        }
        forest
    }

    /// Reads what is below a node of the last tree, whose leaves start at `leaf`; where they end.
    fn read_tree(
        &mut self,
        tree: &[[u8; NODE_BYTES]],
        node: usize,
        leaf: usize,
        conditions: &mut Vec<(u16, Condition)>,
    ) -> usize {
        let [low, high, a, b, c, d, left] = tree[node];
        let feature = u16::from_le_bytes([low, high]);
        let threshold = f32::from_le_bytes([a, b, c, d]);
        let index = self.leaves.len() - 1;
        if feature == LEAF {
            self.leaves[index][leaf] = threshold;
            return leaf + 1;
        }
        let middle = self.read_tree(tree, left.into(), leaf, conditions);
        let left_leaves = (1u32 << middle) - (1 << leaf);
        let condition = Condition {
            threshold,
            tree: index as u32,
            mask: !left_leaves,
        };
        conditions.push((feature, condition));
        self.read_tree(tree, usize::from(left) + 1, middle, conditions)
    }

    /// A score for each row.
    fn scores(&self, rows: &Rows) -> Vec<f32> {
        let count = rows.count();
        if count == 0 {
            return Vec::new();
        }
        let Asked { reachable, open } = self.ask_all(rows);
        let mut scores = Vec::with_capacity(count);
        for start in (0..count).step_by(LANES) {
            // What is left over at the end is filled with the last row again.
            let at: [usize; LANES] = std::array::from_fn(|lane| (start + lane).min(count - 1));
            let mine = at.map(|at| rows.row(at));
            let mut reachable = reachable.map(|leaves| [leaves; LANES]);
            for &(feature, conditions) in &open {
                let values = mine.map(|row| row[usize::from(feature)]);
                ask(conditions, &values, &mut reachable);
            }
            let mut sums = [0.0; LANES];
            for (leaves, reachable) in self.leaves.iter().zip(&reachable) {
                for (sum, reachable) in sums.iter_mut().zip(reachable) {
                    *sum += leaves[reachable.trailing_zeros() as usize % MAX_LEAVES];
                }
            }
            // Not f32::exp, which is another one on each platform.
            let score = |sum: f32| 1.0 / (1.0 + libm::expf(-sum));
            scores.extend(sums.into_iter().take(count - start).map(score));
        }
        scores
    }

    /// Asks what has one answer for all rows: facts of the page, and hints that it has nowhere.
    fn ask_all(&self, rows: &Rows) -> Asked<'_> {
        let mut least = vec![f32::MAX; rows.length()];
        let mut most = vec![f32::MIN; rows.length()];
        for row in rows.iter() {
            for ((least, most), value) in least.iter_mut().zip(&mut most).zip(row) {
                *least = if *value < *least { *value } else { *least };
                *most = if *value > *most { *value } else { *most };
            }
        }
        let mut asked = Asked {
            reachable: [u32::MAX; MAX_TREES],
            open: Vec::with_capacity(self.features.len()),
        };
        let mut from = 0;
        for &(feature, end) in &self.features {
            let conditions = &self.conditions[from as usize..end as usize];
            from = end;
            let below = |value: f32| conditions.partition_point(|c| c.threshold < value);
            let of_all = below(least[usize::from(feature)]);
            let of_some = below(most[usize::from(feature)]);
            for condition in &conditions[..of_all] {
                asked.reachable[condition.tree as usize] &= condition.mask;
            }
            if of_all < of_some {
                asked.open.push((feature, &conditions[of_all..of_some]));
            }
        }
        asked
    }
}

/// Asks rows side by side about one feature. Not inlined, or its numbers are no longer side by side.
#[inline(never)]
fn ask(conditions: &[Condition], values: &[f32; LANES], reachable: &mut [[u32; LANES]; MAX_TREES]) {
    // Not f32::max, which looks for what is no number.
    let most = values
        .iter()
        .fold(f32::MIN, |a, &b| if a > b { a } else { b });
    for condition in conditions {
        if most <= condition.threshold {
            break;
        }
        let reachable = &mut reachable[condition.tree as usize % MAX_TREES];
        for (reachable, value) in reachable.iter_mut().zip(values) {
            let is_above = *value > condition.threshold;
            *reachable &= condition.mask | if is_above { 0 } else { u32::MAX };
        }
    }
}

/// What remains of a forest's questions on one page.
struct Asked<'f> {
    /// The leaves of each tree that some row may reach.
    reachable: [u32; MAX_TREES],
    /// For each feature the conditions that some rows are above, and others not.
    open: Vec<(u16, &'f [Condition])>,
}
