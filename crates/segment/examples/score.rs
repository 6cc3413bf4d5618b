//! JSON lines `{"id", "url", "html"}` on stdin to `{"id", "paragraphs"}` on stdout, one paragraph a
//! block, for scoring against pages whose content is known.

use pageperfect_segment::{Options, segment_with};
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let options = Options {
        join: false,
        ..Options::default()
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let page: serde_json::Value = serde_json::from_str(&line?)?;
        let field = |name: &str| page[name].as_str().unwrap_or_default();
        let segments = segment_with(field("html"), field("url"), &options).segments;
        let paragraphs: Vec<_> = segments.into_iter().map(|segment| segment.text).collect();
        let answer = serde_json::json!({ "id": page["id"], "paragraphs": paragraphs });
        writeln!(out, "{answer}")?;
    }
    out.flush()
}
