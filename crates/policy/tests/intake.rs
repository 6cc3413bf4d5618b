use pageperfect_policy::intake::{
    FieldError, IntakeRequest, MAX_KEYWORD_ERRORS, MAX_KEYWORDS, check_intake,
};
use pageperfect_policy::url::{AllowedUrl, RefusedUrl};
use serde_json::{Value, json};

/// Stands for the URL policy, which has its own tests.
fn check_url(url: &str) -> Result<AllowedUrl, RefusedUrl> {
    match url.strip_prefix("https://") {
        Some(host) => Ok(AllowedUrl {
            href: format!("https://{host}/"),
            hostname: host.into(),
            port: 443,
            resolve: true,
        }),
        None => Err(RefusedUrl::unparsable()),
    }
}

fn check(body: &Value) -> Result<IntakeRequest, Vec<FieldError>> {
    check_intake(body, check_url)
}

/// `field message` of each error.
fn errors(body: Value) -> Vec<String> {
    match check(&body) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .into_iter()
            .map(|error| format!("{} {}", error.field, error.message))
            .collect(),
    }
}

fn error(body: Value) -> String {
    let errors = errors(body.clone());
    assert_eq!(errors.len(), 1, "{body}: {errors:?}");
    errors.into_iter().next().unwrap()
}

fn with(field: &str, value: Value) -> Value {
    json!({ "url": "https://example.com", field: value })
}

const PAGE_ID: &str = "0f0e0d0c-1111-4222-8333-0123456789ab";

#[test]
fn a_url_alone_gets_every_default() {
    let request = check(&json!({ "url": " https://example.com " })).unwrap();
    assert_eq!(
        serde_json::to_value(&request).unwrap(),
        json!({
            "url": "https://example.com/",
            "priority": 0,
            "premium": false,
            "ultra_premium": false,
            "render": false,
            "generate_draft": true,
            "parameters": { "eps": 0.3, "min_points": 2, "exact": false, "similarity_threshold": 0.7, "top": 10, "method": "calibrated", "brand": [], "drafts": 1, "draft_form": "text" },
        })
    );
}

#[test]
fn everything_that_is_sent_is_kept() {
    let request = check(&json!({
        "page_id": PAGE_ID.to_uppercase(),
        "priority": 100,
        "premium": true,
        "ultra_premium": true,
        "render": true,
        "generate_draft": false,
        "keywords": [{ "query": " trail shoes ", "impressions": 1340, "clicks": 12, "position": 7.25 }],
        "parameters": {
            "eps": 2, "min_points": 1, "max_cluster_size": 50, "exact": true, "similarity_threshold": 0, "top": 100,
            "method": "cosine", "brand": "Acme", "period_days": 28,
            "drafts": 3, "draft_form": "outline", "verify": false
        },
        "idempotency_key": " import-2026-11 ",
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_value(&request).unwrap(),
        json!({
            "page_id": PAGE_ID,
            "priority": 100,
            "premium": true,
            "ultra_premium": true,
            "render": true,
            "generate_draft": false,
            "keywords": [{ "query": "trail shoes", "impressions": 1340.0, "clicks": 12.0, "position": 7.25 }],
            "parameters": {
                "eps": 2.0, "min_points": 1, "max_cluster_size": 50, "exact": true, "similarity_threshold": 0.0,
                "top": 100,
                "method": "cosine",
                "brand": ["Acme"],
                "period_days": 28,
                "drafts": 3, "draft_form": "outline", "verify": false
            },
            "idempotency_key": "import-2026-11",
        })
    );
}

#[test]
fn null_counts_as_not_sent() {
    let body = json!({
        "url": "https://example.com", "page_id": null, "priority": null, "premium": null, "keywords": null,
        "parameters": null, "idempotency_key": null,
    });
    assert_eq!(
        check(&body),
        check(&json!({ "url": "https://example.com" }))
    );
    assert_eq!(
        check(&with("parameters", json!({ "eps": null })))
            .unwrap()
            .parameters
            .eps,
        0.3
    );
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    for (body, kind) in [
        (json!(null), "null"),
        (json!([]), "an array"),
        (json!("x"), "a string"),
        (json!(5), "a number"),
        (json!(true), "a boolean"),
    ] {
        assert_eq!(
            error(body),
            format!("body must be a JSON object with url or page_id, not {kind}")
        );
    }
}

#[test]
fn exactly_one_of_url_and_page_id() {
    assert_eq!(error(json!({})), "url is required, or page_id in its place");
    assert_eq!(
        error(json!({ "url": null })),
        "url is required, or page_id in its place"
    );
    assert_eq!(
        error(json!({ "url": "https://a.com", "page_id": PAGE_ID })),
        "page_id must not be sent together with url"
    );
}

#[test]
fn single_fields() {
    let whole = "must be a whole number from 0 to 100";
    for (field, value, message) in [
        ("url", json!(5), "must be a string, not a number"),
        ("url", json!(""), "must not be empty"),
        ("url", json!("  "), "must not be empty"),
        (
            "url",
            json!("https://a.com/\0"),
            "must not contain the character U+0000",
        ),
        (
            "url",
            json!("example.com"),
            "this is not an absolute URL such as https://example.com/page",
        ),
        ("priority", json!(-1), whole),
        ("priority", json!(101), whole),
        ("priority", json!(1.5), whole),
        ("priority", json!("1"), whole),
        ("priority", json!(1e300), whole),
        (
            "premium",
            json!("true"),
            "must be true or false, not a string",
        ),
        (
            "ultra_premium",
            json!(1),
            "must be true or false, not a number",
        ),
        ("render", json!([]), "must be true or false, not an array"),
        (
            "generate_draft",
            json!({}),
            "must be true or false, not an object",
        ),
        ("idempotency_key", json!(""), "must not be empty"),
        (
            "idempotency_key",
            json!(7),
            "must be a string, not a number",
        ),
        (
            "idempotency_key",
            json!("k".repeat(201)),
            "must have at most 200 characters",
        ),
        ("parameters", json!([]), "must be an object, not an array"),
        (
            "parameters",
            json!("eps=1"),
            "must be an object, not a string",
        ),
        (
            "keywords",
            json!("a,b"),
            "must be an array of objects, not a string",
        ),
        (
            "keywords",
            json!({}),
            "must be an array of objects, not an object",
        ),
    ] {
        assert_eq!(error(with(field, value)), format!("{field} {message}"));
    }
    for id in [
        "7",
        "not-a-uuid",
        "0f0e0d0c111142228333-0123456789ab",
        "0f0e0d0c-1111-4222-8333-0123456789ag",
        "ééééééééé-1111-4222-8333-0123456789",
    ] {
        assert_eq!(
            error(json!({ "page_id": id })),
            "page_id must be the UUID of a row of pages"
        );
    }
    assert!(check(&with("idempotency_key", json!("é".repeat(200)))).is_ok());
    assert!(check(&with("priority", json!(7.0))).is_ok());
}

#[test]
fn parameters_out_of_range() {
    let eps = "must be a number above 0 and at most 2";
    let threshold = "must be a number from 0 to 1";
    let top = "must be a whole number from 1 to 100";
    for (field, value, message) in [
        ("eps", json!(0), eps),
        ("eps", json!(2.01), eps),
        ("eps", json!(-0.3), eps),
        ("eps", json!("0.3"), eps),
        (
            "min_points",
            json!(0),
            "must be a whole number from 1 to 1000000",
        ),
        (
            "min_points",
            json!(2.5),
            "must be a whole number from 1 to 1000000",
        ),
        (
            "max_cluster_size",
            json!(1),
            "must be a whole number from 2 to 1000000",
        ),
        ("similarity_threshold", json!(-0.1), threshold),
        ("similarity_threshold", json!(1.1), threshold),
        ("top", json!(0), top),
        ("top", json!(101), top),
        ("top", json!(true), top),
        ("method", json!("euclid"), "must be calibrated or cosine"),
        (
            "brand",
            json!(["Acme", " "]),
            "must be a text or a list of at most 20 texts, none empty",
        ),
        (
            "brand",
            json!(5),
            "must be a text or a list of at most 20 texts, none empty",
        ),
    ] {
        assert_eq!(
            error(with("parameters", json!({ field: value }))),
            format!("parameters.{field} {message}")
        );
    }
}

#[test]
fn an_unknown_field_names_the_nearest_known_one() {
    for (field, message) in [
        ("priorty", "did you mean priority?"),
        ("Priority", "did you mean priority?"),
        ("idempotencyKey", "did you mean idempotency_key?"),
        ("ultraPremium", "did you mean ultra_premium?"),
        ("pageId", "did you mean page_id?"),
        ("keyword", "did you mean keywords?"),
        (
            "param",
            "there are url, page_id, priority, premium, ultra_premium, render, generate_draft, keywords, parameters, idempotency_key",
        ),
        (
            "callback_address",
            "there are url, page_id, priority, premium, ultra_premium, render, generate_draft, keywords, parameters, idempotency_key",
        ),
    ] {
        assert_eq!(
            error(with(field, json!(1))),
            format!("{field} is not a known field; {message}")
        );
    }
    assert_eq!(
        error(with("parameters", json!({ "epsilon": 0.3 }))),
        "parameters.epsilon is not a known field; there are eps, min_points, max_cluster_size, exact, similarity_threshold, top, method, brand, period_days, drafts, draft_form, verify"
    );
    assert_eq!(
        error(with("parameters", json!({ "minPoints": 2 }))),
        "parameters.minPoints is not a known field; did you mean min_points?"
    );
    let long = "x".repeat(5000);
    assert!(
        error(with(&long, json!(1))).len() < 300,
        "a long name is not repeated in full"
    );
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let body = json!({
        "url": "nonsense", "priority": 1000, "premium": "yes", "colour": "red",
        "keywords": [{ "query": "" }], "parameters": { "eps": 9, "top": 0 }, "idempotency_key": 5,
    });
    let fields: Vec<String> = check(&body)
        .unwrap_err()
        .into_iter()
        .map(|error| error.field)
        .collect();
    assert_eq!(
        fields,
        [
            "colour",
            "url",
            "priority",
            "premium",
            "idempotency_key",
            "parameters.eps",
            "parameters.top",
            "keywords[0].query",
            "keywords[0].impressions",
        ]
    );
}

#[test]
fn rows_of_keywords() {
    let good = json!({ "query": "a", "impressions": 10, "clicks": 1, "position": 3.5 });
    let changed = |field: &str, value: Value| {
        let mut row = good.clone();
        row[field] = value;
        with("keywords", json!([good, row]))
    };
    let whole = "must be a whole number from 0 to 1000000000";
    let position = "must be a number that is not negative";
    for (field, value, message) in [
        ("query", json!(null), "is required"),
        ("query", json!(" "), "must not be empty"),
        ("query", json!(5), "must be a string, not a number"),
        (
            "query",
            json!("q".repeat(501)),
            "must have at most 500 characters",
        ),
        ("impressions", json!(null), "is required"),
        ("impressions", json!(-1), whole),
        ("impressions", json!(1.5), whole),
        ("impressions", json!("10"), whole),
        ("impressions", json!(1e10), whole),
        ("clicks", json!(-1), whole),
        ("position", json!(-0.5), position),
        ("position", json!("3"), position),
        (
            "ctr",
            json!(0.1),
            "is not a known field; there are query, impressions, clicks, position",
        ),
        (
            "impresions",
            json!(1),
            "is not a known field; did you mean impressions?",
        ),
    ] {
        assert_eq!(
            error(changed(field, value)),
            format!("keywords[1].{field} {message}")
        );
    }
    assert_eq!(
        error(with("keywords", json!(["a"]))),
        "keywords[0] must be an object with query, impressions, clicks, position, not a string"
    );
    assert!(
        check(&changed("clicks", json!(99))).is_ok(),
        "clicks may exceed impressions"
    );
    assert!(check(&changed("query", json!("q".repeat(500)))).is_ok());
}

#[test]
fn clicks_and_position_may_be_unknown() {
    let rows = json!([
        { "query": "a", "impressions": 10 },
        { "query": "b", "impressions": 10, "clicks": null, "position": null },
        { "query": "b", "impressions": 30, "position": 4 },
    ]);
    let keywords = check(&with("keywords", rows)).unwrap().keywords.unwrap();
    let read: Vec<_> = (keywords.iter())
        .map(|k| (k.query.as_str(), k.impressions, k.clicks, k.position))
        .collect();
    assert_eq!(read, [("a", 10.0, 0.0, None), ("b", 40.0, 0.0, Some(4.0))]);
}

#[test]
fn rows_of_the_same_query_are_merged() {
    let body = with(
        "keywords",
        json!([
            { "query": "a", "impressions": 30, "clicks": 1, "position": 2 },
            { "query": "b", "impressions": 1, "clicks": 0, "position": 9 },
            { "query": " a ", "impressions": 10, "clicks": 2, "position": 6 },
        ]),
    );
    let keywords = serde_json::to_value(check(&body).unwrap().keywords).unwrap();
    assert_eq!(
        keywords,
        json!([
            { "query": "a", "impressions": 40.0, "clicks": 3.0, "position": 3.0 },
            { "query": "b", "impressions": 1.0, "clicks": 0.0, "position": 9.0 },
        ])
    );
    assert_eq!(
        check(&with("keywords", json!([]))).unwrap().keywords,
        Some(vec![])
    );
}

#[test]
fn errors_about_keywords_are_limited() {
    let bad = json!({ "query": "a", "impressions": -1, "clicks": 0, "position": 1 });
    let rows = |count: usize| with("keywords", json!(vec![bad.clone(); count]));
    assert_eq!(errors(rows(MAX_KEYWORD_ERRORS)).len(), MAX_KEYWORD_ERRORS);
    let limited = errors(rows(100));
    assert_eq!(limited.len(), MAX_KEYWORD_ERRORS);
    assert_eq!(
        limited.last().unwrap(),
        "keywords 81 more errors in the rows; these are the first"
    );
}

#[test]
fn the_number_of_rows_is_limited() {
    let row = |index: usize| json!({ "query": format!("query {index}"), "impressions": 1, "clicks": 0, "position": 1 });
    let rows = |count: usize| with("keywords", (0..count).map(row).collect());
    assert_eq!(
        check(&rows(MAX_KEYWORDS)).unwrap().keywords.unwrap().len(),
        MAX_KEYWORDS
    );
    assert_eq!(
        error(rows(MAX_KEYWORDS + 1)),
        "keywords must have at most 25000 rows, not 25001"
    );
}
