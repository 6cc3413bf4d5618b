//! Every export of the module, called from JavaScript's side, in a browser.

use js_sys::{Array, JSON, JsString, Reflect};
use pageperfect_coverage_wasm::PageCoverage;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen]
extern "C" {
    fn btoa(binary: &str) -> JsString;
}

fn base64(bytes: Vec<u8>) -> JsString {
    btoa(&bytes.into_iter().map(char::from).collect::<String>())
}

/// As Postgres packs vectors: `encode(string_agg(vector_send(v), ''), 'base64')`.
fn sent(rows: &[[f32; 2]]) -> JsString {
    base64(
        (rows.iter())
            .flat_map(|row| {
                let body = row.iter().flat_map(|x| x.to_be_bytes());
                [0, 2, 0, 0].into_iter().chain(body)
            })
            .collect(),
    )
}

fn plain(rows: &[[f32; 2]]) -> JsString {
    base64(
        rows.iter()
            .flatten()
            .flat_map(|x| x.to_le_bytes())
            .collect(),
    )
}

fn parse(json: &str) -> JsValue {
    JSON::parse(json).unwrap()
}

fn get(object: &JsValue, path: &[&str]) -> JsValue {
    path.iter().fold(object.clone(), |value, key| {
        Reflect::get(&value, &(*key).into()).unwrap()
    })
}

fn message<T>(result: Result<T, JsError>) -> String {
    let error = JsValue::from(result.err().expect("an error"));
    error.unchecked_into::<js_sys::Error>().message().into()
}

fn page() -> PageCoverage {
    let segments = parse(
        r#"[{"text": "Steep green tea for two minutes.", "heading_path": ["Tea", "Steeping"]},
            {"text": "Store it in a dark tin.", "heading_path": ["Tea", "Storing"]}]"#,
    );
    let queries = parse(
        r#"[{"query": "how long to steep green tea", "impressions": 90, "clicks": 4, "position": 3},
            {"query": "tea from sri lanka", "impressions": 500, "clicks": 0, "position": 14}]"#,
    );
    PageCoverage::new(2, segments, queries, None).unwrap()
}

#[wasm_bindgen_test]
fn queries_are_covered_and_make_topics() {
    let mut coverage = page();
    coverage
        .push_segments(sent(&[[1.0, 0.2], [0.2, 1.0]]))
        .unwrap();
    coverage.push_queries(plain(&[[0.9, 0.1]])).unwrap();
    coverage.push_queries(plain(&[[0.1, 0.5]])).unwrap();
    assert!(message(coverage.queries()).contains("step()"));
    while coverage.step(1).unwrap() < 1.0 {}
    let queries = coverage.queries().unwrap();
    assert_eq!(get(&queries, &["0", "hits", "0", "segment"]), 0);
    let of = |query: &str| get(&queries, &[query, "coverage"]).as_f64().unwrap();
    assert!(of("0") > of("1"));
    assert_eq!(get(&queries, &["0", "variant_of"]), JsValue::NULL);
    let topics = coverage.topics().unwrap();
    assert_eq!(get(&topics, &["0", "label"]), "tea from sri lanka");
    let total: u32 = Array::from(&topics)
        .iter()
        .map(|topic| Array::from(&get(&topic, &["queries"])).length())
        .sum();
    assert_eq!(total, 2);

    let mut other = page();
    other
        .push_segments(sent(&[[1.0, 0.2], [0.2, 1.0]]))
        .unwrap();
    other
        .push_queries(plain(&[[0.9, 0.1], [0.1, 0.5]]))
        .unwrap();
    other.restore(&coverage.checkpoint()).unwrap();
    assert_eq!(
        JSON::stringify(&other.queries().unwrap()).unwrap(),
        JSON::stringify(&queries).unwrap()
    );
    assert!(message(other.restore(&[1, 2, 3])).contains("checkpoint"));
}

#[wasm_bindgen_test]
fn what_does_not_fit_is_refused() {
    let mut coverage = page();
    assert!(message(coverage.push_queries(plain(&[[f32::NAN, 0.0]]))).contains("finite"));
    coverage.push_segments(sent(&[[1.0, 0.2]])).unwrap();
    assert!(message(coverage.step(1)).contains("2 segments but 1 vectors"));
    assert!(
        message(PageCoverage::new(2, parse("[{}]"), parse("[]"), None)).starts_with("segments:")
    );
}
