//! Pages made to hurt, by hand and by `examples/slow.rs`: the work for each is bounded and linear,
//! with a small stack and without losing the text.
//!
//! `hostile.json` holds them as lists of [text, times], `{i}` standing for a running number.
//! `./pageperfect bench compute` times the same pages in wasm.

use cpu_time::ThreadTime;
use pageperfect_segment::{Page, segment};
use std::collections::BTreeMap;
use std::time::Duration;

/// How much more processor time a byte may take than one of a usual page in the same run, and than
/// one of the same page a quarter as long.
const MOST_OF_USUAL: f64 = 60.0;
const MOST_OF_SHORTER: f64 = 3.0;
/// What is done in less says nothing about how it grows.
const MEASURABLE: Duration = Duration::from_millis(8);
const BYTES: usize = 200_000;

type Parts = Vec<(String, usize)>;

/// A page of its parts, of at most about so many bytes.
fn page(parts: &Parts, bytes: usize) -> String {
    let mut html = String::new();
    for (text, times) in parts {
        for i in 0..*times {
            if html.len() > bytes {
                return html;
            }
            html += &text.replace("{i}", &i.to_string());
        }
    }
    html
}

/// Runs on the stack that a thread has in wasm, or less.
fn survives(name: &str, html: String) -> (Page, Duration) {
    let run = move || {
        let start = ThreadTime::now();
        (segment(&html, "https://example.com/"), start.elapsed())
    };
    let thread = std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(run)
        .unwrap();
    thread.join().unwrap_or_else(|_| panic!("{name}: panicked"))
}

/// Seconds of processor time a byte, the least of three: other work on the machine only adds.
fn cost(name: &str, html: &str) -> f64 {
    let times = (0..3).map(|_| survives(name, html.to_owned()).1.as_secs_f64());
    times.fold(f64::MAX, f64::min) / html.len() as f64
}

fn text_of(page: &Page) -> String {
    let texts: Vec<&str> = page.segments.iter().map(|s| &*s.text).collect();
    texts.join("\n")
}

#[test]
fn every_hostile_page_is_linear_and_in_bounds() {
    let pages: BTreeMap<String, Parts> =
        serde_json::from_str(include_str!("hostile.json")).unwrap();
    let usual = "<div class=item><h2>A heading</h2><p>Some text with <a href=/x>a link</a> and a <b>bold</b> word in it.</p></div>";
    let usual = cost("usual", &usual.repeat(BYTES / usual.len()));
    for (name, parts) in pages {
        let html = page(&parts, BYTES);
        let (result, once) = survives(&name, html.clone());
        assert!(result.segments.len() <= 3000, "{name}");
        for segment in result.segments {
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
        if once < MEASURABLE {
            continue;
        }
        let (short, long) = (cost(&name, &page(&parts, BYTES / 4)), cost(&name, &html));
        let (of_usual, of_shorter) = (long / usual, long / short);
        println!("{of_usual:5.1} times a usual page, {of_shorter:4.1} times a shorter one: {name}");
        assert!(
            of_usual < MOST_OF_USUAL,
            "{name}: {of_usual:.1} times a usual page"
        );
        assert!(
            of_shorter < MOST_OF_SHORTER || of_usual < 10.0,
            "{name}: {of_shorter:.1} times a shorter one"
        );
    }
}

#[test]
fn segments_above_the_bound_are_counted() {
    let html: String = (0..4000)
        .map(|i| format!("<h3>Heading {i}</h3><p>Text {i}.</p>"))
        .collect();
    let page = segment(&html, "");
    assert_eq!(page.segments.len(), 3000);
    assert_eq!(page.segments_dropped, 5000);
    let is_said =
        |warning: &pageperfect_segment::Warning| warning.message.contains("5000 segments more");
    assert!(page.warnings.iter().any(is_said), "{:?}", page.warnings);
}

#[test]
fn what_they_say_is_kept() {
    let text = |html: String| text_of(&survives("text", html).0);
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
