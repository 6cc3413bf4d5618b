//! XLM-RoBERTa's SentencePiece tokenizer: the most probable way to cut a text into the vocabulary's
//! pieces (Kudo, "Subword Regularization", 2018).

use crate::file::{FileError, Reader};
use std::collections::HashMap;

/// Stands for a space, and before the first word.
const SPACE: char = '\u{2581}';
/// How much less probable a character outside of the vocabulary is than the rarest piece.
const UNKNOWN_PENALTY: f32 = 10.0;

pub struct Tokenizer {
    pub start: u32,
    pub end: u32,
    unknown: u32,
    pieces: HashMap<Box<[u8]>, u32>,
    scores: Vec<f32>,
    longest: usize,
    unknown_score: f32,
    /// What a character is replaced by, in the manner of NFKC; absent: itself.
    normal: HashMap<char, String>,
}

impl Tokenizer {
    pub fn read(reader: &mut Reader) -> Result<Self, FileError> {
        let count = reader.count()?;
        let [start, end, _padding, unknown] = std::array::from_fn(|_| reader.u32());
        let text_size = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
        let offsets: Vec<usize> = (0..=count)
            .map(|_| reader.u32().map(|offset| offset as usize))
            .collect::<Result<_, _>>()?;
        let scores: Vec<f32> = (0..count)
            .map(|_| reader.u32().map(f32::from_bits))
            .collect::<Result<_, _>>()?;
        let text = reader.take(text_size)?;
        let mut pieces: HashMap<Box<[u8]>, u32> = HashMap::with_capacity(count);
        for (id, ends) in offsets.windows(2).enumerate() {
            let piece = (text.get(ends[0]..ends[1]))
                .ok_or_else(|| FileError("a piece is cut short".into()))?;
            if !piece.is_empty() {
                // Of two alike, the first is meant.
                pieces.entry(piece.into()).or_insert(id as u32);
            }
        }
        let mut normal = HashMap::new();
        let normal_count = reader.count()?;
        reader.u32()?; // Their bytes.
        for _ in 0..normal_count {
            let from = char::from_u32(reader.u32()?);
            let to: String = (0..reader.u8()?)
                .map(|_| reader.u32())
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .filter_map(char::from_u32)
                .collect();
            from.map(|from| normal.insert(from, to));
        }
        let rarest = scores.iter().copied().fold(f32::INFINITY, f32::min);
        Ok(Self {
            start: start?,
            end: end?,
            unknown: unknown?,
            longest: pieces.keys().map(|piece| piece.len()).max().unwrap_or(0),
            pieces,
            unknown_score: rarest - UNKNOWN_PENALTY,
            scores,
            normal,
        })
    }

    /// Ids of a text's pieces, without those of start and end.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        let text = self.normalized(text);
        let bytes = text.as_bytes();
        // Of each position: the best score up to it, and the last piece with its start.
        let mut best = vec![(f32::NEG_INFINITY, 0u32, 0usize); bytes.len() + 1];
        best[0].0 = 0.0;
        let bounds: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([bytes.len()])
            .collect();
        for (index, &from) in bounds.iter().enumerate() {
            let reached = best[from].0;
            for (ahead, &to) in bounds[index + 1..].iter().enumerate() {
                if to - from > self.longest && ahead > 0 {
                    break;
                }
                let piece = self.pieces.get(&bytes[from..to]).copied();
                if let Some(id) = piece.filter(|id| *id != self.unknown) {
                    let score = reached + self.scores[id as usize];
                    if score > best[to].0 {
                        best[to] = (score, id, from);
                    }
                }
                if ahead == 0 && reached + self.unknown_score > best[to].0 {
                    best[to] = (reached + self.unknown_score, self.unknown, from);
                }
            }
        }
        let mut ids = Vec::new();
        let mut at = bytes.len();
        while at > 0 {
            let (_, id, from) = best[at];
            ids.push(id);
            at = from;
        }
        ids.reverse();
        ids
    }

    /// As the vocabulary writes it: characters replaced, runs of spaces as one, spaces marked.
    fn normalized(&self, text: &str) -> String {
        let mut normal = String::from(SPACE);
        let mut put = |c: char| {
            let c = if c == ' ' { SPACE } else { c };
            if !(c == SPACE && normal.ends_with(SPACE)) {
                normal.push(c);
            }
        };
        for c in text.chars() {
            match self.normal.get(&c) {
                Some(to) => to.chars().for_each(&mut put),
                None => put(c),
            }
        }
        normal
    }
}
