//! Any page: no panic, segments in order, ranges within the source, no text that the page has not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageperfect_segment::{Options, segment_with};

/// Letters and digits: white space and the ` | ` between cells are the segmenter's.
fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn is_subsequence(part: &[char], whole: &[char]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|c| c == wanted))
}

fuzz_target!(|input: (bool, &str)| {
    let (whole, html) = input;
    let options = Options {
        join: whole,
        comments: !whole,
        ..Options::default()
    };
    let page = segment_with(html, "https://example.com/a", &options);
    let again = segment_with(html, "https://example.com/a", &options);
    assert_eq!(page, again, "not deterministic");

    let char_count = html.chars().count() as u32;
    let text: String = (scraper::Html::parse_document(html).root_element().text()).collect();
    let there = letters(&(text + html));
    for (position, segment) in page.segments.iter().enumerate() {
        assert_eq!(segment.position as usize, position);
        assert!(!segment.text.trim().is_empty(), "{segment:?}");
        assert!(segment.char_start < segment.char_end, "{segment:?}");
        assert!(segment.char_end <= char_count, "{segment:?}");
        assert!(segment.token_count > 0, "{segment:?}");
        let selector = scraper::Selector::parse(&segment.css_path);
        assert!(selector.is_ok(), "{segment:?}");
        // What a table cannot hold moves in front of it; all else keeps its order.
        if !html.contains("<t") && !html.contains("<T") {
            let found = is_subsequence(&letters(&segment.text), &there);
            assert!(found, "{segment:?}");
        }
    }
});
