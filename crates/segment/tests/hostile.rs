//! Pages made to hurt: each must be done in a time that fits an Edge Function many times over, with
//! a small stack and without losing the text.
//!
//! `hostile.json` holds them as lists of [text, times], `{i}` standing for a running number.
//! `./pageperfect bench compute` times the same pages in wasm.

use cpu_time::ThreadTime;
use pageperfect_segment::{Page, segment};
use std::collections::BTreeMap;
use std::time::Duration;

/// Of processor time, so a busy machine does not matter. Far above what code without optimisation
/// takes, far below what anything quadratic does.
const LIMIT: Duration = Duration::from_secs(3);

fn page(parts: &[(String, usize)]) -> String {
    let mut html = String::new();
    for (text, times) in parts {
        for i in 0..*times {
            html += &text.replace("{i}", &i.to_string());
        }
    }
    html
}

/// Runs on the stack that a thread has in wasm, or less.
fn survives(name: &str, html: String) -> Page {
    let run = move || {
        let start = ThreadTime::now();
        (segment(&html, "https://example.com/"), start.elapsed())
    };
    let thread = std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(run)
        .unwrap();
    let (page, elapsed) = thread.join().unwrap_or_else(|_| panic!("{name}: panicked"));
    println!("{name}: {elapsed:?}");
    assert!(elapsed < LIMIT, "{name}: {elapsed:?}");
    page
}

fn text_of(page: &Page) -> String {
    let texts: Vec<&str> = page.segments.iter().map(|s| &*s.text).collect();
    texts.join("\n")
}

#[test]
fn every_hostile_page_is_done_in_time_and_in_bounds() {
    let pages: BTreeMap<String, Vec<(String, usize)>> =
        serde_json::from_str(include_str!("hostile.json")).unwrap();
    for (name, parts) in pages {
        let page = survives(&name, page(&parts));
        for segment in page.segments {
            assert!(segment.token_count <= 400, "{name}: {segment:?}");
            assert!(
                segment.css_path.matches('>').count() < 64,
                "{name}: {segment:?}"
            );
            let is_short = |heading: &String| heading.chars().count() <= 600;
            assert!(
                segment.heading_path.iter().all(is_short),
                "{name}: {segment:?}"
            );
        }
    }
}

#[test]
fn what_they_say_is_kept() {
    let text = |html: String| text_of(&survives("text", html));
    assert_eq!(
        text(format!("{}the end", "<div>".repeat(20_000))),
        "the end"
    );
    assert_eq!(
        text(format!(
            "{}the end{}",
            "<div>".repeat(20_000),
            "</div>".repeat(20_000)
        )),
        "the end"
    );
    let many: String = (0..50_000).map(|i| format!(" a{i}=\"{i}\"")).collect();
    assert_eq!(text(format!("<p{many}>text</p>")), "text");
    let filler = "var a = '<div>' + \"</p>\"; /* -- */ ".repeat(100_000);
    for (open, close) in [
        ("<script>", "</script>"),
        ("<style>", "</style>"),
        ("<!--", "-->"),
        ("<svg>", "</svg>"),
    ] {
        assert_eq!(
            text(format!("<p>before</p>{open}{filler}{close}<p>after</p>")),
            "before\nafter"
        );
    }
}
