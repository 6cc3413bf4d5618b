//! Every export of the module, called from JavaScript's side, in a browser.

use js_sys::{JSON, Reflect};
use pageperfect_draft_wasm::Desk;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

const INPUT: &str = r#"{
    "page": { "title": "Trail shoes", "url": "https://example.com/", "language": null },
    "segments": [
        { "id": 1, "kind": "heading", "heading_path": [], "text": "Grip" },
        { "id": 2, "kind": "paragraph", "heading_path": ["Grip"], "text": "Deep lugs hold on wet ground." }
    ],
    "edits": [{
        "id": 7, "kind": "write", "topic_id": 5, "label": "wide shoes", "open_queries": ["wide trail shoes"],
        "expected_clicks": 12, "opportunity": 600, "impressions": 1200, "coverage": 0.2, "confidence": 0.9,
        "place": { "kind": "new_section", "after_heading": "Grip", "before_heading": null, "parent_heading": null,
            "heading_path": ["Grip"], "segment_id": null, "level": 2 },
        "nearest": [2, 1]
    }],
    "topics": [{ "id": 5, "kind": "gap", "confidence": 0.9, "queries": [{
        "query": "wide trail shoes", "variants": [], "impressions": 1200, "clicks": 1, "position": 14, "coverage": 0.2,
        "segment_id": 2, "is_answered": false, "missing_terms": ["wide"] }] }],
    "top": 10, "threshold": 0.7, "draft_count": 1, "form": "text"
}"#;

fn desk() -> Desk {
    Desk::new(JSON::parse(INPUT).unwrap()).unwrap_or_else(|_| panic!("the input is good"))
}

fn get(object: &JsValue, path: &[&str]) -> JsValue {
    path.iter().fold(object.clone(), |value, name| {
        Reflect::get(&value, &(*name).into()).unwrap()
    })
}

fn good<T>(result: Result<T, JsError>) -> T {
    result.unwrap_or_else(|error| panic!("{}", message::<()>(Err(error))))
}

fn message<T>(result: Result<T, JsError>) -> String {
    let error = JsValue::from(result.err().expect("an error"));
    error.unchecked_into::<js_sys::Error>().message().into()
}

fn first_edit(desk: &Desk) -> JsValue {
    get(&good(desk.settle()), &["edits", "0"])
}

#[wasm_bindgen_test]
fn an_input_of_another_shape_is_thrown_as_an_error() {
    let wrong = JSON::parse(r#"{ "edits": "all" }"#).unwrap();
    assert!(message(Desk::new(wrong)).starts_with("the stage's input is not of its shape: "));
    let nothing = desk().draft_prompt(JsValue::UNDEFINED, JsValue::NULL);
    assert!(message(nothing).starts_with("the edit is not of its shape: "));
}

#[wasm_bindgen_test]
fn a_reading_is_asked_for_and_taken() {
    let mut desk = desk();
    assert_eq!(get(&good(desk.candidates()), &["0"]), 7);
    let prompt = good(desk.reading_prompt(7.0));
    assert_eq!(get(&prompt, &["schema_name"]), "reading");
    assert_eq!(
        get(&prompt, &["schema", "additionalProperties"]),
        JsValue::FALSE
    );
    assert!(message(desk.take_reading(7.0, "yes", "reader-1")).contains("not JSON"));
    assert!(get(&first_edit(&desk), &["verification"]).is_null());

    let answer = r#"{"answers": [{"number": 1, "verdict": "answered", "quote": "Deep lugs hold on wet ground"}]}"#;
    good(desk.take_reading(7.0, answer, "reader-1"));
    let settled = good(desk.settle());
    assert_eq!(get(&settled, &["edits", "length"]), 0);
    assert_eq!(get(&settled, &["topics", "0", "kind"]), "answered");
}

#[wasm_bindgen_test]
fn a_draft_is_asked_for_judged_and_briefed() {
    let desk = desk();
    let edit = first_edit(&desk);
    let previous =
        JSON::parse(r#"{ "body_markdown": "x", "problems": ["too short"], "open": [] }"#).unwrap();
    let prompt = good(desk.draft_prompt(edit.clone(), previous));
    assert_eq!(get(&prompt, &["schema_name"]), "missing_section");
    assert!(
        get(&prompt, &["user"])
            .as_string()
            .unwrap()
            .contains("too short")
    );

    let problems = message(desk.take_draft(edit.clone(), r#"{ "heading": "Grip" }"#));
    assert!(
        problems.starts_with("the draft cannot be used: heading \"Grip\" is on the page already; "),
        "{problems}"
    );
    let body = vec!["word"; 80].join(" ");
    let answer = format!(
        "```json\n{{\"heading\":\"Wide fit\",\"summary\":\"What wide feet need.\",\"body_markdown\":\"{body}\",\
         \"placement\":{{\"after_heading\":\"\"}},\"questions_answered\":[\"wide trail shoes\"],\"facts_to_check\":[]}}\n```"
    );
    let draft = good(desk.take_draft(edit.clone(), &answer));
    assert_eq!(get(&draft, &["placement", "after_heading"]), "Grip");
    assert_eq!(
        get(&draft, &["questions_answered", "0"]),
        "wide trail shoes"
    );
    let brief = good(desk.brief(edit, "Wide fit"));
    assert_eq!(get(&brief, &["level"]), 2);
}
