//! JavaScript boundary of `pageperfect-charset`. A module of its own, since the crawler needs it and not the segmenter,
//! and its tables are as large as the segmenter's code.

use pageperfect_boundary as _;
use wasm_bindgen::prelude::*;

/// Decodes HTML by its byte order mark, `content_type`'s charset, its own `<meta>`, or its bytes.
/// Malformed sequences become U+FFFD; never throws.
#[wasm_bindgen]
pub fn decode_html(bytes: &[u8], content_type: &str) -> String {
    pageperfect_charset::decode_html(bytes, content_type)
}
