//! Any bytes under any Content-Type: no panic, and text that was UTF-8 stays as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageperfect_charset::decode_html;

fuzz_target!(|input: (&str, &[u8])| {
    let (content_type, bytes) = input;
    let text = decode_html(bytes, content_type);
    assert_eq!(text, decode_html(bytes, content_type), "not deterministic");
    // What a header says comes before what the page says.
    let declared = decode_html(text.as_bytes(), "text/html; charset=utf-8");
    assert_eq!(declared, text.strip_prefix('\u{feff}').unwrap_or(&text));
});
