//! JSON lines `{"id", "url", "html"}` on stdin to the blocks of each page as `train/train.py` reads
//! them: `{"id", "elements": [parent], "blocks": [{"text", "words", "element"}], "features": [[f32]]}`.

use pageperfect_segment::blocks::Blocks;
use pageperfect_segment::features::features;
use pageperfect_segment::meta::Meta;
use pageperfect_segment::source::Source;
use serde_json::{Value, json};
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let page: Value = serde_json::from_str(&line?)?;
        let field = |name: &str| page[name].as_str().unwrap_or_default();
        let arena = typed_arena::Arena::new();
        let source = Source::parse(field("html"), &arena);
        let meta = Meta::read(&source, field("html"));
        let found = Blocks::new(&source);
        let elements: Vec<u32> = found
            .elements
            .iter()
            .map(|element| element.parent)
            .collect();
        let blocks: Vec<Value> = found
            .blocks
            .iter()
            .map(|block| json!({ "text": block.text, "words": block.words, "element": block.element }))
            .collect();
        let rows = features(&found, &meta, field("url"));
        let features: Vec<&[f32]> = rows.iter().collect();
        let answer = json!({ "id": page["id"], "elements": elements, "blocks": blocks, "features": features });
        writeln!(out, "{answer}")?;
    }
    out.flush()
}
