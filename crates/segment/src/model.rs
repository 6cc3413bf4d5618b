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
        if other_words >= 100 && other_words * 2 >= comment_words {
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
    let mut rows = features(page, meta, url);
    let first: Vec<f32> = rows.iter().map(|row| FIRST.score(row)).collect();
    for (row, context) in rows.iter_mut().zip(context_features(page, &first)) {
        row.extend(context);
    }
    rows.iter().map(|row| SECOND.score(row)).collect()
}

static FIRST: LazyLock<Forest> = LazyLock::new(|| Forest::read(include_bytes!("first.forest")));
static SECOND: LazyLock<Forest> = LazyLock::new(|| Forest::read(include_bytes!("second.forest")));

/// Sums of decision trees; each tree is a run of nodes whose first is the root.
struct Forest {
    roots: Vec<u32>,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    /// A leaf has none, and its value in `threshold`.
    feature: u8,
    threshold: f32,
    /// Where to go when the feature is at most the threshold; the next node otherwise.
    below: u32,
}

const LEAF: u8 = u8::MAX;

impl Forest {
    /// Little-endian: for each tree a u8 of nodes, and for each node u8 feature, f32 threshold,
    /// u8 below, counted from the root.
    fn read(mut bytes: &[u8]) -> Forest {
        let (mut roots, mut nodes) = (Vec::new(), Vec::new());
        while let Some((&count, rest)) = bytes.split_first() {
            let root = nodes.len() as u32;
            roots.push(root);
            let (tree, rest) = rest.split_at(count as usize * 6);
            nodes.extend(tree.chunks_exact(6).map(|node| Node {
                feature: node[0],
                threshold: f32::from_le_bytes([node[1], node[2], node[3], node[4]]),
                below: root + u32::from(node[5]),
            }));
            bytes = rest;
        }
        Forest { roots, nodes }
    }

    fn score(&self, row: &[f32]) -> f32 {
        let mut sum = 0.0;
        for &root in &self.roots {
            let mut node = self.nodes[root as usize];
            while node.feature != LEAF {
                // No branch on the comparison: it could not be foreseen.
                let above = row[node.feature as usize] > node.threshold;
                node = self.nodes[(node.below + u32::from(above)) as usize];
            }
            sum += node.threshold;
        }
        1.0 / (1.0 + (-sum).exp())
    }
}
