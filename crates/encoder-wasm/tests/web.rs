//! Run in a browser by wasm-pack.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn what_is_no_model_is_an_error() {
    assert!(pageperfect_encoder_wasm::Encoder::new(b"PK\x03\x04".to_vec()).is_err());
}
