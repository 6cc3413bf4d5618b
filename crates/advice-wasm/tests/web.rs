//! Run in a browser by wasm-pack.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn advice_crosses_as_json() {
    let input = r#"{"language":"en","threshold":0.7,"top":10,"segments":[{"id":7,"kind":"paragraph","heading_path":["Tea","Brewing"]}],
        "topics":[{"id":1,"queries":[{"query":"iced tea","impressions":1000,"position":15,"coverage":0.1,"hits":[[0,0.4]]}]}]}"#;
    let advice = pageperfect_advice_wasm::advise(input).unwrap();
    assert!(advice.contains(r#""after_heading":"Brewing""#), "{advice}");
    assert!(pageperfect_advice_wasm::advise("{}").is_err());
}
