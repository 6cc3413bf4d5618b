//! The export as JavaScript sees it, in a browser.

use pageperfect_charset_wasm::decode_html;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn decode_html_reads_the_declared_charset() {
    assert_eq!(
        decode_html(b"caf\xe9", "text/html; charset=ISO-8859-1"),
        "caf\u{e9}"
    );
    assert_eq!(decode_html("caf\u{e9}".as_bytes(), ""), "caf\u{e9}");
}
