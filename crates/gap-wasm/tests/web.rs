//! Every export of the module, called from JavaScript's side, in a browser.

use js_sys::{Array, JSON, JsString, Reflect};
use pageperfect_gap_wasm::GapScorer;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen]
extern "C" {
    fn btoa(binary: &str) -> JsString;
}

/// As Postgres packs vectors: `encode(string_agg(vector_send(v), ''), 'base64')`.
fn packed(rows: &[&[f32]]) -> JsString {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend((row.len() as u16).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(row.iter().flat_map(|x| x.to_be_bytes()));
    }
    btoa(&bytes.into_iter().map(char::from).collect::<String>())
}

fn message<T>(result: Result<T, JsError>) -> String {
    let error = JsValue::from(result.err().expect("an error"));
    error.unchecked_into::<js_sys::Error>().message().into()
}

fn parse(json: &str) -> JsValue {
    JSON::parse(json).unwrap()
}

fn get(object: &JsValue, path: &[&str]) -> JsValue {
    path.iter().fold(object.clone(), |value, key| {
        Reflect::get(&value, &(*key).into()).unwrap()
    })
}

#[wasm_bindgen_test]
fn gaps_are_ranked_and_everything_is_covered() {
    let mut scorer = GapScorer::new(2).unwrap();
    scorer
        .push_segments(packed(&[&[1.0, 0.0], &[4.0, 4.0]]))
        .unwrap();
    scorer
        .push_clusters(packed(&[&[1.0, 0.1], &[-1.0, 0.5]]))
        .unwrap();
    scorer
        .push_clusters(packed(&[&[-0.5, 1.0], &[0.0, -1.0]]))
        .unwrap();
    let clusters = parse(
        r#"[{"id": 11, "is_noise": false, "impressions": 900, "avg_position": 3},
            {"id": "b", "is_noise": false, "impressions": 50, "avg_position": 9},
            {"id": 13, "is_noise": false, "impressions": 400, "avg_position": 5},
            {"id": 14, "is_noise": true, "impressions": 999, "avg_position": 5}]"#,
    );
    let segments = parse(r#"[{"id": 1, "kind": "heading"}, {"id": "two", "kind": "paragraph"}]"#);
    let gaps = scorer.score(clusters, segments, 0.7, 10).unwrap();
    let coverage: Array = get(&gaps, &["coverage"]).unchecked_into();
    let ranked: Array = get(&gaps, &["recommendations"]).unchecked_into();
    assert_eq!((coverage.length(), ranked.length()), (4, 2));
    assert_eq!(get(&ranked, &["0", "cluster_id"]), 13);
    assert_eq!(get(&ranked, &["0", "rank"]), 1);
    assert_eq!(get(&ranked, &["0", "best_segment_id"]), "two");
    assert_eq!(get(&ranked, &["0", "second_segment_id"]), 1);
    assert_eq!(get(&ranked, &["1", "cluster_id"]), "b");
    assert_eq!(get(&ranked, &["1", "opportunity"]), 50);
    assert_eq!(get(&coverage, &["0", "is_gap"]), false);
    assert_eq!(get(&coverage, &["0", "rank"]), JsValue::NULL);
    assert!(get(&coverage, &["0", "best_similarity"]).as_f64().unwrap() > 0.99);
    assert_eq!(get(&coverage, &["3", "is_noise"]), true);
    assert_eq!(get(&coverage, &["3", "is_gap"]), true);
    assert_eq!(get(&coverage, &["3", "rank"]), JsValue::NULL);
}

#[wasm_bindgen_test]
fn a_page_without_segments_has_null_for_its_best() {
    let mut scorer = GapScorer::new(2).unwrap();
    scorer.push_segments("".into()).unwrap();
    scorer.push_clusters(packed(&[&[1.0, 0.1]])).unwrap();
    let clusters = parse(r#"[{"id": 1, "is_noise": false, "impressions": 10, "avg_position": 3}]"#);
    let gaps = scorer
        .score(clusters, Array::new().into(), 0.7, 10)
        .unwrap();
    assert_eq!(
        get(&gaps, &["coverage", "0", "best_segment_id"]),
        JsValue::NULL
    );
    assert_eq!(get(&gaps, &["coverage", "0", "best_similarity"]), 0);
    assert_eq!(
        get(&gaps, &["coverage", "0", "second_similarity"]),
        JsValue::NULL
    );
    assert_eq!(get(&gaps, &["recommendations", "0", "opportunity"]), 10);
}

#[wasm_bindgen_test]
fn wrong_input_is_an_error_with_a_message() {
    assert!(message(GapScorer::new(0)).contains("not 0"));
    let mut scorer = GapScorer::new(2).unwrap();
    assert!(message(scorer.push_segments("?".into())).contains("base64"));
    assert!(message(scorer.push_segments(packed(&[&[1.0]]))).contains("1 dimensions where 2"));
    scorer.push_segments(packed(&[&[1.0, 0.0]])).unwrap();
    scorer.push_clusters(packed(&[&[1.0, 0.0]])).unwrap();
    assert!(message(scorer.push_segments(packed(&[&[1.0, 0.0]]))).contains("before the first"));
    let empty = || JsValue::from(Array::new());
    assert!(message(scorer.score(empty(), empty(), 0.7, 10)).contains("0 segments"));
    assert!(
        message(scorer.score(empty(), parse(r#"[{"id": 1}]"#), 0.7, 10)).contains("0 clusters")
    );
    assert!(message(scorer.score(parse(r#"[{"id": 1}]"#), empty(), 0.7, 10)).contains("is_noise"));
}
