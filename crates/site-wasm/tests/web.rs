//! In a browser, as the functions use it.

use js_sys::{Array, JSON, Reflect};
use pageperfect_site_wasm::{SitePlanner, measure_effect, parse_sitemap};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

fn get(value: &JsValue, key: &str) -> JsValue {
    Reflect::get(value, &key.into()).unwrap()
}

#[wasm_bindgen_test]
fn a_sitemap_is_read() {
    let sitemap =
        parse_sitemap(b"<urlset><url><loc>https://a.example/</loc></url></urlset>").unwrap();
    let pages: Array = get(&sitemap, "pages").into();
    assert_eq!(get(&pages.get(0), "url"), "https://a.example/");
    assert!(parse_sitemap(b"nonsense").is_err());
}

#[wasm_bindgen_test]
fn an_effect_is_measured_or_null() {
    let page = JSON::parse(r#"{"before": 100, "after": 150}"#).unwrap();
    let controls =
        JSON::parse(r#"[[100,100],[90,95],[120,118],[80,85],[200,190],[150,155]]"#).unwrap();
    let controls: Array = Array::from(&controls)
        .iter()
        .map(|pair| {
            let pair: Array = pair.into();
            let text = format!(
                r#"{{"before": {}, "after": {}}}"#,
                pair.get(0).as_f64().unwrap(),
                pair.get(1).as_f64().unwrap()
            );
            JSON::parse(&text).unwrap()
        })
        .collect();
    let effect = measure_effect(page.clone(), controls.into()).unwrap();
    let factor = get(&effect, "factor").as_f64().unwrap();
    assert!((factor - 1.48).abs() < 0.05, "{factor}");
    assert!(measure_effect(page, Array::new().into()).unwrap().is_null());
}

#[wasm_bindgen_test]
fn pages_become_a_report() {
    let mut planner = SitePlanner::new();
    planner
        .push_pages(
            r#"[{"id": "1", "url": "https://a.example/1", "title": "Moka pots", "page_type": "article",
                 "topics": [{"topic_index": 0, "label": "moka pot induction", "kind": "gap", "queries": [
                   {"query": "moka pot induction", "impressions": 1000, "clicks": 10, "position": 9, "coverage": 0.2}]}],
                 "segments": [{"id": 7, "kind": "paragraph", "text": "Use a low flame."}], "links": []}]"#,
        )
        .unwrap();
    assert_eq!(planner.page_count(), 1);
    assert_eq!(Array::from(&planner.candidates().unwrap()).length(), 0);
    let report = planner.report("[]", r#"{"period_days": 28}"#).unwrap();
    let edits: Array = get(&JSON::parse(&report).unwrap(), "edits").into();
    assert_eq!(get(&edits.get(0), "kind"), "write");
    assert!(planner.push_pages("nonsense").is_err());
}
