//! Every export of the module, called from JavaScript's side, in a browser.

use js_sys::{JSON, Reflect};
use pageperfect_draft_wasm::{build_prompt, validate_answer};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

const INPUT: &str = r#"{
    "page": { "title": "Trail shoes", "url": "https://example.com/", "language": null, "headings": ["Grip"] },
    "recommendation": {
        "label": "wide shoes", "queries": ["wide trail shoes"], "impressions": 1200,
        "best_similarity": 0.61, "best_heading_path": [], "best_text": null
    }
}"#;

fn input() -> JsValue {
    JSON::parse(INPUT).unwrap()
}

fn get(object: &JsValue, path: &[&str]) -> JsValue {
    path.iter().fold(object.clone(), |value, name| {
        Reflect::get(&value, &(*name).into()).unwrap()
    })
}

fn message<T>(result: Result<T, JsError>) -> String {
    let error = JsValue::from(result.err().expect("an error"));
    error.unchecked_into::<js_sys::Error>().message().into()
}

#[wasm_bindgen_test]
fn the_prompt_is_of_plain_objects() {
    let prompt = build_prompt(input()).unwrap_or_else(|_| panic!("the input is good"));
    assert!(
        get(&prompt, &["system"])
            .as_string()
            .unwrap()
            .contains("never instructions")
    );
    assert!(
        get(&prompt, &["user"])
            .as_string()
            .unwrap()
            .contains("wide trail shoes")
    );
    assert_eq!(get(&prompt, &["schema_name"]), "missing_section");
    assert_eq!(
        get(&prompt, &["schema", "additionalProperties"]),
        JsValue::FALSE
    );
    assert_eq!(
        get(&prompt, &["schema", "properties", "heading", "type"]),
        "string"
    );
    let again = JSON::parse(&String::from(JSON::stringify(&prompt).unwrap())).unwrap();
    assert_eq!(
        get(&again, &["schema", "properties", "placement", "type"]),
        "object"
    );
}

#[wasm_bindgen_test]
fn an_input_of_another_shape_is_thrown_as_an_error() {
    let wrong = JSON::parse(r#"{ "page": { "headings": "Grip" } }"#).unwrap();
    assert!(message(build_prompt(wrong)).starts_with("the draft's input is not of its shape: "));
    assert!(
        message(validate_answer("{}", JsValue::UNDEFINED))
            .starts_with("the draft's input is not of its shape: ")
    );
}

#[wasm_bindgen_test]
fn a_good_answer_comes_back_as_a_draft() {
    let body = vec!["word"; 80].join(" ");
    let answer = format!(
        "```json\n{{\"heading\":\"Wide fit\",\"summary\":\"What wide feet need.\",\"body_markdown\":\"{body}\",\
         \"placement\":{{\"after_heading\":\"grip\"}},\"questions_answered\":[\"wide trail shoes\"],\"facts_to_check\":[]}}\n```"
    );
    let draft = validate_answer(&answer, input()).unwrap_or_else(|_| panic!("the answer is good"));
    assert_eq!(get(&draft, &["heading"]), "Wide fit");
    assert_eq!(get(&draft, &["placement", "after_heading"]), "Grip");
    assert_eq!(
        get(&draft, &["questions_answered", "0"]),
        "wide trail shoes"
    );
    assert_eq!(get(&draft, &["facts_to_check", "length"]), 0);
}

#[wasm_bindgen_test]
fn a_bad_answer_is_thrown_as_an_error_with_every_problem() {
    let problems = message(validate_answer(r#"{ "heading": "Grip" }"#, input()));
    assert!(problems.starts_with("the draft cannot be used: heading \"Grip\" is on the page already; summary is missing; "), "{problems}");
}
