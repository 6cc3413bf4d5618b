//! Every export of the module, called from JavaScript's side, in a browser.

use js_sys::JSON;
use pageperfect_gsc_wasm::{SearchConsoleRows, parse_csv};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

fn json(value: &JsValue) -> String {
    JSON::stringify(value).unwrap().into()
}

#[wasm_bindgen_test]
fn a_file_becomes_plain_objects_with_numbers() {
    let csv = "\u{feff}Top queries,Clicks,Impressions,CTR,Position\nwide \"shoes\" ü,2,\"1,234\",0.2%,7.5\n,1,1,1,1\n";
    let parsed = parse_csv(csv.as_bytes(), None).unwrap_or_else(|_| panic!("the file is good"));
    assert_eq!(
        json(&parsed),
        r#"{"keywords":[{"query":"wide \"shoes\" ü","impressions":1234,"clicks":2,"position":7.5}],"warnings":["1 row skipped: the query is empty (line 3)"]}"#
    );
}

#[wasm_bindgen_test]
fn a_broken_line_is_thrown_as_an_error_with_its_number() {
    let csv = b"query,clicks,impressions,position\na,1,2,3\nb,x,2,3\n";
    let error = JsValue::from(parse_csv(csv, None).expect_err("line 3 is broken"));
    let error: js_sys::Error = error.dyn_into().unwrap();
    assert_eq!(
        error.message(),
        r#"line 3: clicks is not a whole number: "x""#
    );
}

#[wasm_bindgen_test]
fn a_hundred_thousand_rows() {
    let rows: String = (0..100_000)
        .map(|i| format!("query number {i},1,2,3.5\n"))
        .collect();
    let csv = format!("query,clicks,impressions,position\n{rows}");
    let parsed = parse_csv(csv.as_bytes(), None).unwrap_or_else(|_| panic!("the file is good"));
    let keywords = js_sys::Reflect::get(&parsed, &"keywords".into()).unwrap();
    assert_eq!(js_sys::Array::from(&keywords).length(), 100_000);
}

#[wasm_bindgen_test]
fn rows_of_many_pages_come_in_chunks() {
    let csv = b"page,query,date,clicks,impressions,position\nHTTPS://A.example,a,2025-01-31,1,2,3.5\nhttps://a.example/,b,2025-01-31,0,1,4\n";
    let mut rows =
        SearchConsoleRows::from_csv(csv, None, None).unwrap_or_else(|_| panic!("the file is good"));
    assert_eq!((rows.row_count(), rows.page_count()), (2, 1));
    assert!(rows.warnings().is_empty());
    let mut next = || json(&rows.next(1).unwrap_or_else(|_| panic!("a chunk")));
    assert_eq!(
        next(),
        r#"[{"page":"https://a.example/","query":"a","date":"2025-01-31","impressions":2,"clicks":1,"position":3.5}]"#
    );
    assert!(next().contains(r#""query":"b""#));
    let end = rows.next(1).unwrap_or_else(|_| panic!("the end"));
    assert!(end.is_undefined());
}

#[wasm_bindgen_test]
fn pages_that_are_none_are_refused() {
    for page in ["javascript:alert(1)", "/relative", "a.example"] {
        let csv = format!("page,query,clicks,impressions,position\n{page},a,1,2,3\n");
        assert!(SearchConsoleRows::from_csv(csv.as_bytes(), None, None).is_err());
    }
    let csv = b"query,clicks,impressions,position\na,1,2,3\n";
    let page = Some("https://a.example/".to_owned());
    assert!(SearchConsoleRows::from_csv(csv, page, None).is_ok());
}

#[wasm_bindgen_test]
fn an_answer_of_the_api_is_read() {
    let answer = br#"{"rows":[{"keys":["https://a.example/","a","2025-01-31"],"clicks":1,"impressions":2,"ctr":0.5,"position":3}]}"#;
    let rows =
        SearchConsoleRows::from_answer(answer).unwrap_or_else(|_| panic!("the answer is good"));
    assert_eq!((rows.source_count(), rows.row_count()), (1, 1));
    assert!(SearchConsoleRows::from_answer(b"<html>").is_err());
}

#[wasm_bindgen_test]
fn a_large_file_becomes_files() {
    let csv = b"page,query,date,clicks,impressions,position\nhttps://a.example/,a,2025-01-31,1,2,3.5\nhttps://a.example/,b,2025-01-31,0,1,4\n";
    let mut rows =
        SearchConsoleRows::from_csv(csv, None, None).unwrap_or_else(|_| panic!("the file is good"));
    let part = rows.next_part(1, 1000).unwrap();
    assert_eq!(
        String::from_utf8(part).unwrap(),
        "page,query,date,clicks,impressions,position\n\"https://a.example/\",\"a\",2025-01-31,1,2,3.5\n"
    );
    assert_eq!((rows.taken_count(), rows.row_count()), (1, 2));
    assert!(rows.next_part(1, 1000).is_some());
    assert!(rows.next_part(1, 1000).is_none());
}
