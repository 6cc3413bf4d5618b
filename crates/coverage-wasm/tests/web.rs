//! The exports as JavaScript sees them, in a browser.

use pageperfect_coverage_wasm::PageCoverage;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn json(text: &str) -> JsValue {
    js_sys::JSON::parse(text).unwrap()
}

#[wasm_bindgen_test]
fn a_page_without_queries_is_done_at_once() {
    let mut page = PageCoverage::new(2, json("[]"), json("[]"), None).unwrap();
    assert_eq!(page.step(1).unwrap(), 1.0);
    let topics = js_sys::JSON::stringify(&page.topics().unwrap()).unwrap();
    assert_eq!(topics, "[]");
}

#[wasm_bindgen_test]
fn vectors_must_be_as_many_as_texts() {
    let queries = json(r#"[{"query":"tea","impressions":1,"clicks":0,"position":2}]"#);
    let mut page = PageCoverage::new(2, json("[]"), queries, None).unwrap();
    assert!(page.step(1).is_err());
}
