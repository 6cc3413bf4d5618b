//! JSON lines `{"html"}` on stdin: megabytes of HTML segmented a second, warm.

use std::io::BufRead;
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let pages: Vec<String> = std::io::stdin()
        .lock()
        .lines()
        .map(|line| {
            let page: serde_json::Value = serde_json::from_str(&line?)?;
            Ok(page["html"].as_str().unwrap_or_default().to_owned())
        })
        .collect::<std::io::Result<_>>()?;
    let bytes: usize = pages.iter().map(String::len).sum();
    for _ in 0..5 {
        let start = Instant::now();
        let count: usize = pages
            .iter()
            .map(|page| pageperfect_segment::segment(page, "").segments.len())
            .sum();
        let seconds = start.elapsed().as_secs_f64();
        println!("{:.1} MB/s, {count} segments", bytes as f64 / 1e6 / seconds);
    }
    Ok(())
}
