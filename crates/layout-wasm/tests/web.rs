//! Every export of the module, called from JavaScript's side, in a browser.

use js_sys::JsString;
use pageperfect_layout_wasm::MapLayout;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen]
extern "C" {
    fn btoa(binary: &str) -> JsString;
}

fn packed(rows: &[[f32; 3]]) -> JsString {
    let bytes = rows.iter().flatten().flat_map(|x| x.to_le_bytes());
    btoa(&bytes.map(char::from).collect::<String>())
}

#[wasm_bindgen_test]
fn vectors_pushed_in_parts_give_a_point_each() {
    let mut layout = MapLayout::new(3).ok().unwrap();
    layout
        .push_base64(packed(&[[1.0, 0.0, 0.0], [0.9, 0.1, 0.0]]))
        .ok()
        .unwrap();
    layout.push_base64(packed(&[[0.0, 0.0, 1.0]])).ok().unwrap();
    assert!(layout.positions().is_empty());
    assert_eq!(layout.step(0), 0.0);
    assert_eq!(layout.positions().len(), 6);
    while layout.step(50) < 1.0 {}
    assert!(layout.positions().iter().all(|x| x.is_finite()));
}

#[wasm_bindgen_test]
fn what_is_no_vector_is_refused() {
    let mut layout = MapLayout::new(3).ok().unwrap();
    assert!(layout.push_base64("####".into()).is_err());
    assert!(layout.push_base64(packed(&[[f32::NAN, 0.0, 0.0]])).is_err());
    assert!(MapLayout::new(0).is_err());
}
