//! Every export as JavaScript sees it, in a browser.

use js_sys::{Array, Reflect};
use pageperfect_segment_wasm::{embedding_texts, pgvector_text, segment};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const PAGE: &str = "<html lang=en><title>Tea</title><main><h1>Green tea</h1>\
    <p>Steep for two minutes at 75 °C, then pour into a warm cup.</p></main>";

fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap()
}

fn segments() -> (JsValue, Array) {
    let page: JsValue = segment(PAGE.into(), "https://example.com/tea")
        .ok()
        .unwrap()
        .into();
    let segments = get(&page, "segments").unchecked_into();
    (page, segments)
}

#[wasm_bindgen_test]
fn a_page_is_a_plain_object_with_null_for_what_it_does_not_say() {
    let (page, segments) = segments();
    assert_eq!(get(&page, "title"), "Tea");
    assert_eq!(get(&page, "language"), "en");
    assert!(get(&page, "canonical_url").is_null());
    assert!(get(&page, "published_at").is_null());
    assert_eq!(segments.length(), 2);
    let paragraph = segments.get(1);
    assert_eq!(get(&paragraph, "kind"), "paragraph");
    assert_eq!(get(&paragraph, "position"), 1);
    assert_eq!(get(&get(&paragraph, "heading_path"), "0"), "Green tea");
    assert_eq!(
        get(&paragraph, "css_path"),
        "html > body > main:nth-of-type(1) > p:nth-of-type(1)"
    );
}

#[wasm_bindgen_test]
fn ranges_count_code_points() {
    let (_, segments) = segments();
    let paragraph = segments.get(1);
    let number = |key: &str| get(&paragraph, key).as_f64().unwrap() as usize;
    let slice: String = PAGE
        .chars()
        .skip(number("char_start"))
        .take(number("char_end") - number("char_start"))
        .collect();
    assert_eq!(get(&paragraph, "text"), slice);
}

#[wasm_bindgen_test]
fn embedding_texts_take_the_segments_back() {
    let (_, segments) = segments();
    let texts = embedding_texts("Tea", JsValue::from(segments).unchecked_into())
        .ok()
        .unwrap();
    assert_eq!(texts[0], "Green tea");
    assert!(texts[1].starts_with("Green tea\nSteep"));
    let nonsense = Array::of1(&JsValue::from(1));
    assert!(embedding_texts("Tea", JsValue::from(nonsense).unchecked_into()).is_err());
}

#[wasm_bindgen_test]
fn pgvector_text_of_an_openai_embedding() {
    assert_eq!(
        pgvector_text("AAAAPwAAgL4=".into()).ok().unwrap(),
        "[0.5,-0.25]"
    );
    assert!(pgvector_text("AAAA".into()).is_err());
    assert!(pgvector_text("no base64".into()).is_err());
    assert!(pgvector_text("AADAfw==".into()).is_err());
}
