//! pgvector's text form: no panic, and what was read is written and read back alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageperfect_vector::{VectorError, codec};

fuzz_target!(|text: &str| {
    match codec::parse_text(text) {
        Ok(row) => {
            assert!(row.iter().all(|x| x.is_finite()));
            assert_eq!(codec::parse_text(&codec::write_text(&row)), Ok(row));
        }
        Err(VectorError::Text { offset }) => assert!(text.is_char_boundary(offset)),
        Err(other) => panic!("{other}"),
    }
});
