//! Every export of the module, called from JavaScript's side, in a browser.

use std::collections::BTreeSet;

use js_sys::{JSON, JsString, Reflect};
use pageperfect_policy_wasm::*;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

fn json(value: Result<JsValue, JsError>) -> String {
    let value = value.unwrap_or_else(|_| panic!("no error"));
    JSON::stringify(&value).unwrap().into()
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap()
}

fn decide(attempt: u32, kind: &str, retry_after: Option<f64>) -> JsValue {
    retry_decision(attempt, 3, 10.0, 60.0, kind, retry_after).unwrap_or_else(|_| panic!("no error"))
}

/// The code of the refusal, or `ok`.
fn outcome(url: &str) -> String {
    let check = check_url(url, vec![], None).unwrap_or_else(|_| panic!("no error"));
    if get(&check, "ok") == JsValue::TRUE {
        "ok".into()
    } else {
        get(&check, "code").as_string().unwrap()
    }
}

#[wasm_bindgen_test]
fn delays_are_random_within_their_bounds() {
    let delays: Vec<f64> = (0..50)
        .map(|_| {
            get(&decide(2, "transient", None), "delay_seconds")
                .as_f64()
                .unwrap()
        })
        .collect();
    assert!(
        delays.iter().all(|delay| (0.0..=20.0).contains(delay)),
        "{delays:?}"
    );
    let distinct: BTreeSet<u64> = delays.iter().map(|delay| delay.to_bits()).collect();
    assert!(distinct.len() > 25, "{delays:?}");
    let delay = get(&decide(1, "transient", Some(100.0)), "delay_seconds")
        .as_f64()
        .unwrap();
    assert!((100.0..=110.0).contains(&delay), "{delay}");
}

#[wasm_bindgen_test]
fn decisions() {
    assert_eq!(get(&decide(1, "transient", None), "action"), "retry");
    assert_eq!(
        get(&decide(1, "transient", Some(5.0)), "reason"),
        "retry_after"
    );
    assert_eq!(
        json(Ok(decide(3, "transient", None))),
        r#"{"action":"dead_letter","delay_seconds":0,"reason":"attempts_exhausted"}"#
    );
    assert_eq!(
        json(Ok(decide(1, "permanent", None))),
        r#"{"action":"dead_letter","delay_seconds":0,"reason":"permanent_error"}"#
    );
    let error =
        JsValue::from(retry_decision(1, 3, 1.0, 1.0, "maybe", None).expect_err("no such kind"));
    let message: JsString = error.unchecked_into::<js_sys::Error>().message();
    assert_eq!(
        String::from(message),
        r#"error_kind must be transient or permanent, not "maybe""#
    );
}

#[wasm_bindgen_test]
fn errors_are_classified() {
    assert_eq!(classify_error(Some(429), None), "transient");
    assert_eq!(
        classify_error(Some(429), Some("insufficient_quota".into())),
        "permanent"
    );
    assert_eq!(classify_error(None, Some("http_404".into())), "permanent");
    assert_eq!(classify_error(None, None), "transient");
    let codes = json(error_codes());
    assert!(
        codes.contains(
            r#"{"code":"not_html","kind":"permanent","meaning":"the answer is not an HTML page"}"#
        ),
        "{codes}"
    );
}

#[wasm_bindgen_test]
fn times_to_wait() {
    assert_eq!(retry_after_seconds(Some("120".into()), 0.0), Some(120.0));
    assert_eq!(
        retry_after_seconds(
            Some("Sun, 06 Nov 1994 08:50:07 GMT".into()),
            784_111_777_000.0
        ),
        Some(30.0)
    );
    assert_eq!(retry_after_seconds(Some("soon".into()), 0.0), None);
    assert_eq!(retry_after_seconds(None, 0.0), None);
    assert_eq!(
        json(crawl_wait(Some("processing".into()), Some(1.0), 1)),
        r#"{"action":"sleep","delay_seconds":10,"message":"the crawl is processing","poll_count":2}"#
    );
    assert_eq!(
        json(crawl_wait(None, None, 0)),
        r#"{"action":"give_up","code":"invalid_input","message":"the job has no crawl to wait for"}"#
    );
    assert_eq!(
        json(crawl_wait(Some("completed".into()), None, 0)),
        r#"{"action":"done"}"#
    );
    assert_eq!(refused_seconds(None, 0.0), 10.0);
    let headers = [
        "x-ratelimit-limit-requests",
        "5",
        "x-ratelimit-remaining-requests",
        "0",
    ];
    assert_eq!(
        json(rate_limits(headers.map(str::to_owned).to_vec(), 0.0)),
        r#"[{"unit":"requests","limit":5,"remaining":0,"reset_seconds":null}]"#
    );
}

#[wasm_bindgen_test]
fn answers_on_the_way_to_a_page() {
    assert_eq!(
        [200, 404, 503].map(robots_file),
        ["there", "none", "unavailable"]
    );
    assert_eq!(
        json(scraper_refusal(401, false)),
        r#"{"code":"scraper_unauthorized","message":"refuses SCRAPER_API_KEY"}"#
    );
    let passed_on = scraper_refusal(404, false).unwrap_or_else(|_| panic!("no error"));
    assert!(passed_on.is_undefined());
    assert_eq!(connection_code("dns error"), "dns_failed");
}

#[wasm_bindgen_test]
fn urls_are_read_as_the_browser_reads_them() {
    for (url, expected) in [
        ("https://example.com/a b", "ok"),
        ("https://bücher.example.com/", "ok"),
        ("nonsense", "invalid_url"),
        ("", "invalid_url"),
        ("http://256.256.256.256/", "invalid_url"),
        ("http://1.2.3.4.5/", "invalid_url"),
        ("http://127.0.0.08/", "invalid_url"),
        ("http://[fe80::1%25eth0]/", "invalid_url"),
        ("file:///etc/passwd", "unsupported_scheme"),
        ("javascript:alert(1)", "unsupported_scheme"),
        ("data:text/html,x", "unsupported_scheme"),
        ("https://user:pass@example.com/", "url_credentials"),
        ("https://example.com@127.0.0.1/", "url_credentials"),
        ("https://example.com:8080/", "blocked_port"),
        ("http://LOCALHOST./", "blocked_host"),
        ("http://ｌｏｃａｌｈｏｓｔ/", "blocked_host"),
        ("http://loc%61lhost/", "blocked_host"),
        ("http://printer.local/", "blocked_host"),
        ("http://metadata.google.internal./", "blocked_host"),
        ("http://kong:8000/", "blocked_host"),
        ("https://example.com./", "blocked_host"),
        ("http://localhost../", "blocked_host"),
        ("http://127.0.0.1/", "blocked_address"),
        ("http://127.0.0.1./", "blocked_address"),
        ("http://2130706433/", "blocked_address"),
        ("http://0x7f.1/", "blocked_address"),
        ("http://017700000001/", "blocked_address"),
        ("http://0177.0.0.1/", "blocked_address"),
        ("http://127.1/", "blocked_address"),
        ("http://0/", "blocked_address"),
        ("http://１２７。０。０。１/", "blocked_address"),
        ("http://①②⑦.⓪.⓪.①/", "blocked_address"),
        ("http://%31%32%37.0.0.1/", "blocked_address"),
        ("http:\\\\127.0.0.1\\", "blocked_address"),
        ("http:127.0.0.1/", "blocked_address"),
        ("\thttp://127.0.\n0.1/", "blocked_address"),
        ("http://127.0.0.1\\@example.com/", "blocked_address"),
        ("http://169.254.169.254/latest/", "blocked_address"),
        ("http://0xa9fea9fe/", "blocked_address"),
        ("http://[::1]/", "blocked_address"),
        ("http://[::ffff:127.0.0.1]/", "blocked_address"),
        ("http://[64:ff9b::7f00:1]/", "blocked_address"),
        ("http://[2002:7f00:1::]/", "blocked_address"),
        ("http://[fd00:ec2::254]/", "blocked_address"),
    ] {
        assert_eq!(outcome(url), expected, "{url:?}");
    }
}

#[wasm_bindgen_test]
fn answers_about_urls_are_plain_objects() {
    assert_eq!(
        json(check_url(" HTTPS://Example.com/x#y ", vec![], None)),
        r#"{"hostname":"example.com","href":"https://example.com/x#y","ok":true,"port":443,"resolve":true}"#
    );
    assert_eq!(
        json(check_url(
            "http://127.1:8080/",
            vec!["127.0.0.1:8080".into()],
            None
        )),
        r#"{"hostname":"127.0.0.1","href":"http://127.0.0.1:8080/","ok":true,"port":8080,"resolve":false}"#
    );
    assert_eq!(
        json(check_url(
            "https://rest.abc.supabase.co/",
            vec![],
            Some(vec!["abc.supabase.co".into()])
        )),
        r#"{"code":"blocked_host","message":"rest.abc.supabase.co is this project's own and is not crawled","ok":false}"#
    );
}

#[wasm_bindgen_test]
fn addresses() {
    assert_eq!(check_address("93.184.215.14"), None);
    assert_eq!(
        check_address("10.0.0.1").as_deref(),
        Some("a private address (10.0.0.0/8)")
    );
    assert_eq!(
        check_address("example.com").as_deref(),
        Some("not an IP address")
    );
}

#[wasm_bindgen_test]
fn robots() {
    let robots_txt = "User-agent: PagePerfect\nDisallow: /private/";
    assert!(robots_allows(robots_txt, "PagePerfect", "/public/"));
    assert!(!robots_allows(robots_txt, "PagePerfect", "/private/a?b=c"));
}

#[wasm_bindgen_test]
fn requests_get_their_defaults() {
    let body = JSON::parse(r#"{ "url": "https://example.com", "keywords": [{ "query": "a", "impressions": 3, "clicks": 1, "position": 2.5 }] }"#).unwrap();
    let check = check_intake(body, vec![], None).unwrap_or_else(|_| panic!("no error"));
    assert_eq!(get(&check, "ok"), JsValue::TRUE);
    let request = get(&check, "request");
    assert_eq!(get(&request, "url"), "https://example.com/");
    assert_eq!(get(&request, "page_id"), JsValue::UNDEFINED);
    assert_eq!(get(&request, "generate_draft"), JsValue::TRUE);
    assert_eq!(get(&get(&request, "parameters"), "eps"), 0.3);
    let keyword = get(&get(&request, "keywords"), "0");
    assert_eq!(get(&keyword, "impressions"), 3);
    assert_eq!(get(&keyword, "position"), 2.5);
}

#[wasm_bindgen_test]
fn wrong_requests_get_every_error() {
    let body =
        JSON::parse(r#"{ "url": "http://localhost/", "priorty": 1, "priority": 1.5 }"#).unwrap();
    assert_eq!(
        json(check_intake(body, vec![], None)),
        concat!(
            r#"{"errors":[{"field":"priorty","message":"is not a known field; did you mean priority?"},"#,
            r#"{"field":"url","message":"localhost is a local name, not a public site"},"#,
            r#"{"field":"priority","message":"must be a whole number from 0 to 100"}],"ok":false}"#,
        )
    );
    let circle = js_sys::Object::new();
    Reflect::set(&circle, &"self".into(), &circle).unwrap();
    let not_json = [
        JsValue::UNDEFINED,
        JsValue::NULL,
        JsValue::from(5),
        js_sys::BigInt::from(5).into(),
        circle.into(),
    ];
    for body in not_json {
        let answer = json(check_intake(body, vec![], None));
        assert!(
            answer.starts_with(
                r#"{"errors":[{"field":"body","message":"must be a JSON object with url or page_id"#
            ),
            "{answer}"
        );
    }
    let half = js_sys::JSON::parse(r#"{"url":"https://a.com/\ud800x"}"#).unwrap();
    let answer = json(check_intake(half, vec![], None));
    assert!(answer.contains("hex escape at line 1"), "{answer}");
}
