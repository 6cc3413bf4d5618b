//! Pages made to hurt: each must be done in a time that fits an Edge Function many times over, with
//! a small stack and without losing the text.

use pageperfect_segment::segment;
use std::time::{Duration, Instant};

/// Far above what an optimised build takes (milliseconds), far below what anything quadratic does.
const LIMIT: Duration = Duration::from_secs(3);

/// Runs on the stack that a thread has in wasm, or less.
fn survives(name: &str, html: String) -> String {
    let run = move || {
        let start = Instant::now();
        let page = segment(&html, "https://example.com/");
        (
            page.segments
                .iter()
                .map(|s| s.text.clone())
                .collect::<Vec<_>>()
                .join("\n"),
            start.elapsed(),
        )
    };
    let thread = std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(run)
        .unwrap();
    let (text, elapsed) = thread.join().unwrap_or_else(|_| panic!("{name}: panicked"));
    println!("{name}: {elapsed:?}");
    assert!(elapsed < LIMIT, "{name}: {elapsed:?}");
    text
}

#[test]
fn deep_nesting() {
    for tag in [
        "div",
        "b",
        "span",
        "ul><li",
        "table><tr><td",
        "blockquote",
        "font color=red",
        "a",
        "p",
        "x-y",
        "button",
        "dl><dd",
    ] {
        let open = format!("<{tag}>");
        survives(
            tag,
            format!("{}the end{}", open.repeat(20_000), "</div>".repeat(20_000)),
        );
    }
    assert_eq!(
        survives("div", format!("{}the end", "<div>".repeat(20_000))),
        "the end"
    );
}

#[test]
fn many_attributes() {
    let many: String = (0..50_000).map(|i| format!(" a{i}=\"{i}\"")).collect();
    assert_eq!(survives("one tag", format!("<p{many}>text</p>")), "text");
    let classes: String = (0..50_000).map(|i| format!("class-{i} ")).collect();
    survives("classes", format!("<p class=\"{classes}\">text</p>"));
    survives(
        "bodies",
        (0..20_000)
            .map(|i| format!("<body b{i}=1>"))
            .collect::<String>()
            + "text",
    );
}

#[test]
fn megabytes_of_script_style_comment_and_drawing() {
    let filler = "var a = '<div>' + \"</p>\"; /* -- */ ".repeat(100_000);
    for (open, close) in [
        ("<script>", "</script>"),
        ("<style>", "</style>"),
        ("<!--", "-->"),
        ("<svg>", "</svg>"),
    ] {
        assert_eq!(
            survives(
                open,
                format!("<p>before</p>{open}{filler}{close}<p>after</p>")
            ),
            "before\nafter"
        );
    }
}

#[test]
fn things_that_never_close() {
    for open in [
        "<script>",
        "<svg>",
        "<template>",
        "<noscript>",
        "<textarea>",
        "<title>",
        "<select><option>",
        "<!--",
        "<p title=\"",
        "<",
        "</",
        "&",
        "<math><mi>",
    ] {
        survives(open, format!("<p>text</p>{}", open.repeat(20_000)));
    }
}

#[test]
fn formatting_that_is_made_anew_in_each_paragraph() {
    let fonts: String = (0..3000).map(|i| format!("<p><font size={i}>")).collect();
    survives("fonts", format!("{fonts}{}", "<p>x</p>".repeat(20_000)));
    survives("nested links", "<a href=x><div>".repeat(10_000));
    survives("misnested", "<b><i><u></b></i></u>".repeat(10_000));
}

#[test]
fn wide_pages() {
    survives("words", "<p>word</p>".repeat(50_000));
    survives("links", "<li><a href=/x>word</a>".repeat(30_000));
    survives(
        "cells",
        format!("<table>{}</table>", "<tr><td>a<td>b".repeat(20_000)),
    );
    survives(
        "names",
        (0..20_000).map(|i| format!("<x{i}>a</x{i}>")).collect(),
    );
    survives(
        "ids",
        (0..20_000)
            .map(|i| format!("<p id=i{i}>word number {i}</p>"))
            .collect(),
    );
    survives("one line", "word ".repeat(400_000));
    survives("one word", "x".repeat(2_000_000));
    survives("references", "&amp;&lt;&nosuch;&copy".repeat(50_000));
    survives("headings", "<h1>a</h1><h6>b</h6>".repeat(10_000));
    survives("breaks", "a<br>".repeat(100_000));
}
