//! Any file: no panic, keywords that keep the rules of a keyword, pages that come once, errors that name a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageperfect_gsc::{MAX_QUERY_CHARS, parse_csv, parse_pages};
use std::collections::HashSet;

fuzz_target!(|bytes: &[u8]| {
    match parse_csv(bytes, None, |_| None) {
        Ok(parsed) => {
            let mut seen = HashSet::new();
            for keyword in &parsed.keywords {
                assert!(seen.insert(&keyword.query), "{keyword:?} comes twice");
                assert_eq!(keyword.query, keyword.query.trim());
                assert!((1..=MAX_QUERY_CHARS).contains(&keyword.query.chars().count()));
                for count in [keyword.impressions, keyword.clicks] {
                    assert!(count >= 0.0 && count.fract() == 0.0, "{keyword:?}");
                }
                assert!(
                    keyword.position.is_none_or(|rank| rank >= 0.0),
                    "{keyword:?}"
                );
            }
        }
        Err(error) => assert!(error.line >= 1 && !error.message.is_empty()),
    }
    match parse_pages(bytes, |text| text.starts_with("http").then(|| text.into())) {
        Ok(list) => {
            let mut seen = HashSet::new();
            assert!(!list.pages.is_empty() && list.pages.iter().all(|page| seen.insert(page)));
        }
        Err(error) => assert!(error.line >= 1 && !error.message.is_empty()),
    }
});
