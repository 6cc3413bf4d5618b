use std::io::{BufRead, Write};
fn main() {
    let mut out = std::io::BufWriter::new(std::io::stdout());
    for line in std::io::stdin().lock().lines() {
        let v: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let (html, url) = (v["html"].as_str().unwrap(), v["url"].as_str().unwrap());
        let s = pageperfect_segment::source::Source::parse(html);
        let m = pageperfect_segment::meta::Meta::read(&s, html);
        let b = pageperfect_segment::blocks::Blocks::new(&s);
        let f = pageperfect_segment::features::features(&b, &m, url);
        let elements: Vec<_> = b.elements.iter().map(|e| e.parent).collect();
        let blocks: Vec<_> = b.blocks.iter().map(|x| serde_json::json!({"t": x.text, "w": x.words, "e": x.element, "k": format!("{:?}", x.kind)})).collect();
        writeln!(
            out,
            "{}",
            serde_json::json!({"id": v["id"], "blocks": blocks, "elements": elements, "f": f})
        )
        .unwrap();
    }
}
