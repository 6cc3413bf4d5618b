//! Which blocks are content.
//!
//! Two gradient-boosted forests, fitted by `train/train.py` on pages whose main content people
//! marked: the first looks at each block, the second also at how the blocks around it fared.

use crate::blocks::{Block, Blocks, Name};
use crate::features::{context_features, features};
use crate::meta::Meta;
use crate::vocabulary;
use std::sync::LazyLock;

/// A block this likely is content on every page, and one that is not on none.
const SURE: f32 = 0.6;
const UNLIKELY: f32 = 0.2;

/// Whether each block is content.
pub fn content(page: &Blocks, meta: &Meta, url: &str, comments: bool) -> Vec<bool> {
    if has_no_boilerplate(page) {
        return vec![true; page.blocks.len()];
    }
    let scores = scores(page, meta, url);
    let threshold = threshold(page, &scores);
    let mut kept: Vec<bool> = scores.iter().map(|score| *score >= threshold).collect();
    let in_comments =
        |block: &Block| page.elements[block.element as usize].all_hints & vocabulary::COMMENT != 0;
    if comments {
        for (block, kept) in page.blocks.iter().zip(&mut kept) {
            let context = page.elements[block.element as usize].context;
            let is_control = context & (Name::Form.bit() | Name::Button.bit()) != 0;
            let is_text = block.words >= 4 && block.link_chars * 2 < block.chars;
            *kept |= in_comments(block) && is_text && !is_control;
        }
    } else if !meta.is_discussion() {
        let (mut comment_words, mut other_words) = (0, 0);
        for (block, _) in page.blocks.iter().zip(&kept).filter(|(_, kept)| **kept) {
            let words = if in_comments(block) {
                &mut comment_words
            } else {
                &mut other_words
            };
            *words += block.words;
        }
        // Below an article of its own a comment is a reader's; without one it is the content.
        let is_article = meta.is_article() || other_words * 2 >= comment_words;
        if other_words >= 100 && is_article {
            for (block, kept) in page.blocks.iter().zip(&mut kept) {
                *kept &= !in_comments(block);
            }
        }
    }
    kept
}

/// The score from which on keeping blocks gives the best F1 that can be expected: a page of which
/// all is doubtful keeps more of it than one whose content stands out.
fn threshold(page: &Blocks, scores: &[f32]) -> f32 {
    let mut ranked: Vec<(f32, f32)> = scores
        .iter()
        .zip(&page.blocks)
        .map(|(score, block)| (*score, block.words as f32))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let expected: f32 = ranked.iter().map(|(score, words)| score * words).sum();
    let (mut hits, mut words, mut best) = (0.0, 0.0, (0.0, UNLIKELY));
    for (score, block_words) in ranked {
        hits += score * block_words;
        words += block_words;
        let f1 = 2.0 * hits / (words + expected).max(1.0);
        if f1 > best.0 {
            best = (f1, score);
        }
    }
    best.1.clamp(UNLIKELY, SURE)
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
    let rows = features(page, meta, url);
    let first: Vec<f32> = rows.iter().map(|row| FIRST.score(row)).collect();
    let contexts = context_features(page, &first);
    let mut row = Vec::new();
    rows.iter()
        .zip(contexts.iter())
        .map(|(features, context)| {
            row.clear();
            row.extend_from_slice(features);
            row.extend_from_slice(context);
            SECOND.score(&row)
        })
        .collect()
}

static FIRST: LazyLock<Forest> = LazyLock::new(|| Forest::read(include_bytes!("first.forest")));
static SECOND: LazyLock<Forest> = LazyLock::new(|| Forest::read(include_bytes!("second.forest")));

const MAX_TREES: usize = 128;
const MAX_LEAVES: usize = 16;

/// Sums of decision trees. Walking them one by one is slow, as no processor foresees the way; this
/// asks all trees about one feature after another instead (QuickScorer, Lucchese et al., 2015).
struct Forest {
    /// By feature, then by threshold.
    conditions: Vec<Condition>,
    /// Each feature that is asked about, and where its conditions end.
    features: Vec<(u8, u32)>,
    /// The values of each tree's leaves from left to right.
    leaves: Vec<[f32; MAX_LEAVES]>,
}

struct Condition {
    /// A row above it does not go left, and cannot reach the leaves there: zeros in `mask`.
    threshold: f32,
    tree: u16,
    mask: u16,
}

impl Forest {
    /// Little-endian: for each tree a u8 of nodes, and for each node u8 feature, f32 threshold, u8
    /// left child, counted from the root, the right one being the next. A leaf's feature is 255,
    /// and its threshold its value.
    fn read(mut bytes: &[u8]) -> Forest {
        let mut forest = Forest {
            conditions: Vec::new(),
            features: Vec::new(),
            leaves: Vec::new(),
        };
        let mut conditions = Vec::new();
        while let Some((&count, rest)) = bytes.split_first() {
            let (tree, rest) = rest.split_at(count as usize * 6);
            forest.leaves.push([0.0; MAX_LEAVES]);
            forest.read_tree(tree.as_chunks().0, 0, 0, &mut conditions);
            bytes = rest;
        }
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
        tree: &[[u8; 6]],
        node: usize,
        leaf: usize,
        conditions: &mut Vec<(u8, Condition)>,
    ) -> usize {
        let [feature, a, b, c, d, left] = tree[node];
        let threshold = f32::from_le_bytes([a, b, c, d]);
        let index = self.leaves.len() - 1;
        if feature == u8::MAX {
            self.leaves[index][leaf] = threshold;
            return leaf + 1;
        }
        let middle = self.read_tree(tree, left.into(), leaf, conditions);
        let left_leaves = (1u32 << middle) - (1 << leaf);
        let condition = Condition {
            threshold,
            tree: index as u16,
            mask: !left_leaves as u16,
        };
        conditions.push((feature, condition));
        self.read_tree(tree, usize::from(left) + 1, middle, conditions)
    }

    fn score(&self, row: &[f32]) -> f32 {
        let mut reachable = [u16::MAX; MAX_TREES];
        let mut start = 0;
        for &(feature, end) in &self.features {
            let value = row[usize::from(feature)];
            for condition in &self.conditions[start as usize..end as usize] {
                if value <= condition.threshold {
                    break;
                }
                reachable[usize::from(condition.tree) % MAX_TREES] &= condition.mask;
            }
            start = end;
        }
        let mut sum = 0.0;
        for (leaves, reachable) in self.leaves.iter().zip(reachable) {
            sum += leaves[reachable.trailing_zeros() as usize % MAX_LEAVES];
        }
        // Not f32::exp, which is another one on each platform.
        1.0 / (1.0 + libm::expf(-sum))
    }
}
