//! Every export of the module, called from JavaScript's side, in a browser.

#[path = "../../cluster/tests/site/mod.rs"]
mod site;

use js_sys::{Array, JSON, JsString, Object, Reflect};
use pageperfect_cluster_wasm::{Centroid, KeywordClustering};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen]
extern "C" {
    fn btoa(binary: &str) -> JsString;
}

fn base64(values: &[f32]) -> JsString {
    let bytes = values.iter().flat_map(|x| x.to_le_bytes());
    btoa(&bytes.map(char::from).collect::<String>())
}

fn message<T>(result: Result<T, JsError>) -> String {
    let error = JsValue::from(result.err().expect("an error"));
    error.unchecked_into::<js_sys::Error>().message().into()
}

fn keywords() -> JsValue {
    let json = r#"[
        {"query": "trail shoes", "impressions": 10, "clicks": 1, "position": 4},
        {"query": "shoes for trails", "impressions": 30, "clicks": 2, "position": 8},
        {"query": "laces", "impressions": 5, "clicks": 0, "position": 20}
    ]"#;
    JSON::parse(json).unwrap()
}

fn clustering() -> KeywordClustering {
    let mut clustering = KeywordClustering::new(2).unwrap();
    clustering
        .push_f32(&[1.0, 0.0, 0.9, 0.1, 0.0, 1.0])
        .unwrap();
    clustering
}

/// Rows of four well-separated directions, in an order that mixes them.
fn many(count: usize, dimensions: usize) -> Vec<f32> {
    let mut rows = vec![0.0; count * dimensions];
    for (index, row) in rows.chunks_exact_mut(dimensions).enumerate() {
        row[index % 4] = 1.0;
        row[4 + index % (dimensions - 4)] = 0.2;
    }
    rows
}

#[wasm_bindgen_test]
fn clusters_and_noise_are_labelled() {
    let mut clustering = clustering();
    assert_eq!(clustering.length(), 3);
    assert_eq!(clustering.cluster(0.3, 2, None).unwrap(), [0, 0, -1]);
    assert_eq!(clustering.cluster(0.3, 1, None).unwrap(), [0, 0, 1]);
    assert_eq!(clustering.cluster(0.3, 3, None).unwrap(), [-1, -1, -1]);
    assert!(clustering.undecided().unwrap().is_empty());
}

#[wasm_bindgen_test]
fn base64_and_floats_are_the_same_vectors() {
    for dimensions in [2, 16, 33, 100] {
        let rows = many(40 + dimensions, dimensions.max(6));
        let dimensions = dimensions.max(6);
        let mut floats = KeywordClustering::new(dimensions).unwrap();
        floats.push_f32(&rows).unwrap();
        let mut packed = KeywordClustering::new(dimensions).unwrap();
        for part in rows.chunks(7 * dimensions) {
            packed
                .push_base64(base64(part).concat(&"\n".into()))
                .unwrap();
        }
        assert_eq!(packed.length(), floats.length());
        assert_eq!(
            packed.cluster(0.1, 2, None).unwrap(),
            floats.cluster(0.1, 2, None).unwrap()
        );
    }
}

#[wasm_bindgen_test]
fn every_base64_digit_is_read_and_nothing_else() {
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let push = |text: &str| KeywordClustering::new(1).unwrap().push_base64(text.into());
    // 48 bytes, of which some make no finite float: all that matters is that they are decoded.
    let refused = push(digits).err().map(|error| message::<()>(Err(error)));
    assert!(refused.is_none_or(|text| text.contains("not finite")));
    for code in (1u8..=127).filter(|code| !digits.contains(char::from(*code))) {
        let mut text = String::from("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        text.replace_range(5..6, &char::from(code).to_string());
        // White space leaves 31 digits, which are no whole floats.
        assert!(push(&text).is_err(), "{code}");
    }
    assert!(message(push("AAAAé")).contains("not valid base64"));
}

#[wasm_bindgen_test]
fn a_run_in_steps_with_a_checkpoint_equals_one_in_one_go() {
    let rows = many(2500, 128);
    let new = || {
        let mut clustering = KeywordClustering::new(128).unwrap();
        clustering.push_f32(&rows).unwrap();
        clustering
    };
    for min_points in [2, 4] {
        let expected = new().cluster(0.3, min_points, None).unwrap();
        assert_eq!(expected.iter().max(), Some(&3));
        let mut first = new();
        first.start(0.3, min_points, None).unwrap();
        assert!(first.step(3).unwrap() < 1.0);
        assert!(message(first.labels()).contains("not done"));
        let checkpoint = first.checkpoint().unwrap();
        let mut second = new();
        second.start(0.3, min_points, None).unwrap();
        second.restore(&checkpoint).unwrap();
        while second.step(1).unwrap() < 1.0 {}
        assert_eq!(second.labels().unwrap(), expected);
        let mut exact = new();
        exact.start(0.3, min_points, Some(true)).unwrap();
        while exact.step(1000).unwrap() < 1.0 {}
        assert_eq!(exact.labels().unwrap(), expected);
        assert!(message(exact.restore(&checkpoint)).contains("other keywords or parameters"));
    }
}

#[wasm_bindgen_test]
fn oversized_clusters_are_split_on_request() {
    let angles = [0.0f32, 0.07, 0.14, 0.34, 0.56, 0.63, 0.7];
    let rows: Vec<f32> = angles.iter().flat_map(|x| [x.cos(), x.sin()]).collect();
    let mut clustering = KeywordClustering::new(2).unwrap();
    clustering.push_f32(&rows).unwrap();
    assert!(message(clustering.split(3)).contains("start()"));
    let whole = [0; 7];
    assert_eq!(clustering.cluster(0.026, 2, None).unwrap(), whole);
    assert_eq!(clustering.cluster(0.026, 2, Some(7)).unwrap(), whole);
    let split = [0, 0, 0, -1, 1, 1, 1];
    assert_eq!(clustering.cluster(0.026, 2, Some(3)).unwrap(), split);
    assert_eq!(clustering.labels().unwrap(), split);
    assert!(message(clustering.cluster(0.026, 2, Some(1))).contains("at least 2"));

    let mut other = KeywordClustering::new(2).unwrap();
    other.push_f32(&rows).unwrap();
    other.start(0.026, 2, None).unwrap();
    while other.step(1).unwrap() < 1.0 {}
    assert!(!other.is_splitting());
    other.split(3).unwrap();
    assert!(other.is_splitting());
    assert!(message(other.labels()).contains("step()"));
    let checkpoint = other.checkpoint().unwrap();
    clustering.start(0.026, 2, None).unwrap();
    clustering.restore(&checkpoint).unwrap();
    while clustering.step(1).unwrap() < 1.0 {}
    assert_eq!(clustering.labels().unwrap(), split);
    assert!(clustering.is_exact());
}

#[wasm_bindgen_test]
fn what_was_not_kept_can_be_supplied() {
    let mut clustering = clustering();
    clustering.cluster(0.3, 2, None).unwrap();
    clustering.supply(0, base64(&[1.0, 0.0])).unwrap();
    assert!(message(clustering.supply(0, base64(&[1.0]))).contains("whole vectors"));
    assert_eq!(clustering.labels().unwrap(), [0, 0, -1]);
}

#[wasm_bindgen_test]
fn summaries_are_plain_objects() {
    let mut clustering = clustering();
    clustering.cluster(0.3, 2, None).unwrap();
    let summaries: Array = clustering.summarize(keywords()).unwrap().unchecked_into();
    assert_eq!(summaries.length(), 2);
    let get = |index: u32, key: &str| Reflect::get(&summaries.get(index), &key.into()).unwrap();
    assert_eq!(get(0, "cluster_index"), 0);
    assert_eq!(get(0, "is_noise"), false);
    assert_eq!(get(0, "medoid_query"), "shoes for trails");
    assert_eq!(get(0, "size"), 2);
    assert_eq!(get(0, "impressions"), 40);
    assert_eq!(get(0, "clicks"), 3);
    assert_eq!(get(0, "avg_position"), 7);
    assert!(get(0, "cohesion").as_f64().unwrap() > 0.99);
    assert_eq!(get(1, "cluster_index"), -1);
    assert_eq!(
        Object::keys(summaries.get(0).unchecked_ref::<Object>()).length(),
        11
    );
    assert!(message(clustering.summarize(Array::new().into())).contains("0 keywords"));
    assert!(message(clustering.summarize(JsValue::NULL)).contains("keywords: "));
}

#[wasm_bindgen_test]
fn centroids_are_taken_one_after_the_other() {
    let mut centroid = Centroid::new(2).unwrap();
    centroid.push_base64(base64(&[3.0, 0.0, 5.0, 0.0])).unwrap();
    assert_eq!(centroid.take(), "[1,0]");
    centroid.push_base64(base64(&[0.0, 2.0])).unwrap();
    assert_eq!(centroid.take(), "[0,1]");
    assert!(message(centroid.push_base64(base64(&[1.0]))).contains("whole vectors"));
    assert!(message(Centroid::new(0)).contains("1 to 65535 dimensions"));
}

#[wasm_bindgen_test]
fn wrong_input_is_an_error_with_a_message() {
    assert!(message(KeywordClustering::new(0)).contains("1 to 65535 dimensions, not 0"));
    assert!(message(KeywordClustering::new(1 << 30)).contains("dimensions, not 1073741824"));
    let mut clustering = KeywordClustering::new(2).unwrap();
    assert!(message(clustering.push_f32(&[1.0])).contains("whole vectors"));
    assert!(message(clustering.push_f32(&[1.0, f32::NAN])).contains("component 1"));
    assert!(message(clustering.push_base64("*".into())).contains("base64"));
    assert!(message(clustering.cluster(0.0, 2, None)).contains("eps"));
    assert!(message(clustering.cluster(0.3, 0, None)).contains("min_points"));
    let unstarted = KeywordClustering::new(2).unwrap();
    assert!(message(unstarted.labels()).contains("start()"));
    assert!(message(unstarted.checkpoint()).contains("start()"));
    assert!(message(unstarted.undecided()).contains("start()"));
}

#[wasm_bindgen_test]
fn no_vectors_make_no_clusters() {
    let mut clustering = KeywordClustering::new(8).unwrap();
    assert!(clustering.cluster(0.3, 2, None).unwrap().is_empty());
    let summaries: Array = clustering
        .summarize(Array::new().into())
        .unwrap()
        .unchecked_into();
    assert_eq!(summaries.length(), 0);
}

#[wasm_bindgen_test]
fn labels_are_the_same_as_natively() {
    let rows = site::site(2100, 0.25, 5).concat();
    let mut clustering = KeywordClustering::new(128).unwrap();
    clustering.push_f32(&rows).unwrap();
    assert_eq!(
        site::hash(&clustering.cluster(0.3, 2, None).unwrap()),
        site::LABELS
    );
}
