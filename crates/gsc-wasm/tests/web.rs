//! Every export of the module, called from JavaScript's side, in a browser.

use js_sys::JSON;
use pageperfect_gsc_wasm::parse_csv;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

fn json(value: &JsValue) -> String {
    JSON::stringify(value).unwrap().into()
}

#[wasm_bindgen_test]
fn a_file_becomes_plain_objects_with_numbers() {
    let csv = "\u{feff}Top queries,Clicks,Impressions,CTR,Position\nwide \"shoes\" ü,2,\"1,234\",0.2%,7.5\n,1,1,1,1\n";
    let parsed = parse_csv(csv.as_bytes()).unwrap_or_else(|_| panic!("the file is good"));
    assert_eq!(
        json(&parsed),
        r#"{"keywords":[{"query":"wide \"shoes\" ü","impressions":1234,"clicks":2,"position":7.5}],"warnings":["1 row skipped: the query is empty (line 3)"]}"#
    );
}

#[wasm_bindgen_test]
fn a_broken_line_is_thrown_as_an_error_with_its_number() {
    let csv = b"query,clicks,impressions,position\na,1,2,3\nb,x,2,3\n";
    let error = JsValue::from(parse_csv(csv).expect_err("line 3 is broken"));
    let error: js_sys::Error = error.dyn_into().unwrap();
    assert_eq!(
        error.message(),
        r#"line 3: clicks is not a whole number: "x""#
    );
}

#[wasm_bindgen_test]
fn a_hundred_thousand_rows() {
    let rows: String = (0..100_000)
        .map(|i| format!("query number {i},1,2,3.5\n"))
        .collect();
    let csv = format!("query,clicks,impressions,position\n{rows}");
    let parsed = parse_csv(csv.as_bytes()).unwrap_or_else(|_| panic!("the file is good"));
    let keywords = js_sys::Reflect::get(&parsed, &"keywords".into()).unwrap();
    assert_eq!(js_sys::Array::from(&keywords).length(), 100_000);
}
