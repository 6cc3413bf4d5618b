//! What `train/train.py` asks of the extractor, so that no part of it is written twice.
//!
//! Pages are JSON lines `{"id", "url", "html"}` on stdin; DIR holds what goes between the two:
//!
//!     training rows DIR      writes rows.f32 (a row a block), blocks.jsonl ({"id", "blocks": [{"text",
//!                            "words"}]} a page), schema.json (the features' names), and
//!                            hashes.u32, hash-counts.u32: the words of each block, group by group, and
//!                            how many each group has; the words' scores in the rows are left 0
//!     training keep DIR      reads scores.f32 (one a block) and chances.f32 (of a page's types, a row a
//!                            page; none where there is nothing to tell them from yet), writes kept.jsonl
//!                            ({"id", "paragraphs"}), page.f32 (a row a page, by what is kept whatever its
//!                            type) and page-schema.json (its names and the types')
//!     training score DIR     writes scores.f32: those of the fitted forest
//!     training spell DIR     reads wanted-0.u32 and wanted-1.u32 (the hashes in each table of words),
//!                            writes spelled.jsonl ({"table", "hash", "word"})
//!
//! Numbers are little-endian f32. Pages without blocks are left out of all files but kept.jsonl.

use pageperfect_segment::blocks::Blocks;
use pageperfect_segment::features::{Named, features, named_features};
use pageperfect_segment::meta::Meta;
use pageperfect_segment::model;
use pageperfect_segment::page_type::{self, TYPES};
use pageperfect_segment::source::Source;
use pageperfect_segment::words::{self, Tables};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;

fn write_all(out: &mut impl Write, numbers: &[f32]) -> std::io::Result<()> {
    numbers
        .iter()
        .try_for_each(|number| out.write_all(&number.to_le_bytes()))
}

fn read_all(path: &Path) -> std::io::Result<Vec<f32>> {
    let bytes = std::fs::read(path)?;
    Ok(bytes
        .as_chunks()
        .0
        .iter()
        .map(|number| f32::from_le_bytes(*number))
        .collect())
}

fn read_hashes(path: &Path) -> std::io::Result<HashSet<u32>> {
    let bytes = std::fs::read(path)?;
    let hashes = bytes.as_chunks().0.iter();
    Ok(hashes.map(|hash| u32::from_le_bytes(*hash)).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, dir] = &arguments[..] else {
        return Err("usage: training rows|keep|score|spell DIR < PAGES".into());
    };
    let dir = Path::new(dir);
    let create = |name: &str| File::create(dir.join(name)).map(BufWriter::new);
    let (scores, mut numbers, mut lines) = match &**command {
        "rows" => (Vec::new(), create("rows.f32")?, create("blocks.jsonl")?),
        "keep" => (
            read_all(&dir.join("scores.f32"))?,
            create("page.f32")?,
            create("kept.jsonl")?,
        ),
        "score" => (Vec::new(), create("scores.f32")?, create("unused")?),
        "spell" => (Vec::new(), create("unused")?, create("spelled.jsonl")?),
        _ => return Err(format!("no command {command:?}").into()),
    };
    let words_of = |name: &str| match &**command {
        "rows" => create(name),
        _ => create("unused"),
    };
    let (mut hashes, mut hash_counts) = (words_of("hashes.u32")?, words_of("hash-counts.u32")?);
    let (mut at, mut schema, mut page_schema) = (0, None, None);
    let chances = match &**command {
        "keep" => read_all(&dir.join("chances.f32"))?,
        _ => Vec::new(),
    };
    let mut chances = chances.chunks_exact(TYPES.len());
    let mut wanted = match &**command {
        "spell" => [
            read_hashes(&dir.join("wanted-0.u32"))?,
            read_hashes(&dir.join("wanted-1.u32"))?,
        ],
        _ => Default::default(),
    };
    for line in std::io::stdin().lock().lines() {
        let page: Value = serde_json::from_str(&line?)?;
        let field = |name: &str| page[name].as_str().unwrap_or_default();
        let arena = typed_arena::Arena::new();
        let source = Source::parse(field("html"), &arena);
        let meta = Meta::read(&source);
        let found = Blocks::new(&source);
        let count = found.blocks.len();
        let mine = scores.get(at..at + count).unwrap_or_default();
        at += count;
        match &**command {
            "rows" if count > 0 => {
                for row in features(&found, &meta, field("url"), &Tables::default()).iter() {
                    write_all(&mut numbers, row)?;
                }
                for group in words::hashes(&found).iter().flatten() {
                    hash_counts.write_all(&(group.len() as u32).to_le_bytes())?;
                    for hash in group {
                        hashes.write_all(&hash.to_le_bytes())?;
                    }
                }
                let blocks: Vec<Value> = found
                    .blocks
                    .iter()
                    .map(|block| json!({ "text": block.text, "words": block.words }))
                    .collect();
                writeln!(lines, "{}", json!({ "id": page["id"], "blocks": blocks }))?;
                schema.get_or_insert_with(|| {
                    let names = |row: Vec<(String, f32)>| {
                        row.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
                    };
                    json!(names(
                        named_features(&found, &meta, "", &Tables::default(), 0).0
                    ))
                });
            }
            "keep" => {
                let mut kept = model::keep(&found, &meta, field("url"), mine, false);
                let mut row = Vec::new();
                if count > 0 {
                    page_type::features(&found, &meta, field("url"), &kept, &mut row);
                }
                write_all(&mut numbers, &row)?;
                let names = || {
                    let mut row = Named::default();
                    page_type::features(&found, &meta, "", &kept, &mut row);
                    row.0.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
                };
                if count > 0 && page_schema.is_none() {
                    page_schema =
                        Some(json!({ "features": names(), "types": TYPES.map(|(_, name)| name) }));
                }
                if count > 0 {
                    model::keep_once(&found, chances.next().unwrap_or_default(), &mut kept);
                }
                let kept = found.blocks.iter().zip(kept).filter(|(_, kept)| *kept);
                let paragraphs: Vec<&str> = kept.map(|(block, _)| &*block.text).collect();
                writeln!(
                    lines,
                    "{}",
                    json!({ "id": page["id"], "paragraphs": paragraphs })
                )?;
            }
            "spell" => {
                let mut spelled = Vec::new();
                let wants = |table: usize, hash: u32| wanted[table].contains(&hash);
                words::spell(&found, wants, |table, hash, word| {
                    spelled.push((table, hash, word));
                });
                for (table, hash, word) in spelled {
                    if wanted[table].remove(&hash) {
                        let line = json!({ "table": table, "hash": hash, "word": word });
                        writeln!(lines, "{line}")?;
                    }
                }
            }
            "score" => write_all(&mut numbers, &model::scores(&found, &meta, field("url")))?,
            _ => {}
        }
    }
    if let Some(schema) = schema {
        std::fs::write(dir.join("schema.json"), schema.to_string())?;
    }
    if let Some(schema) = page_schema {
        std::fs::write(dir.join("page-schema.json"), schema.to_string())?;
    }
    hashes.flush()?;
    hash_counts.flush()?;
    numbers.flush()?;
    lines.flush()?;
    Ok(())
}
