use pageperfect_policy::site_intake::{Source, check_site};
use pageperfect_policy::url::{AllowedUrl, RefusedUrl};
use serde_json::{Value, json};

fn allow(url: &str) -> Result<AllowedUrl, RefusedUrl> {
    match url.strip_prefix("https://") {
        Some(_) => Ok(AllowedUrl {
            href: url.to_owned(),
            hostname: "example.com".to_owned(),
            port: 443,
            resolve: true,
        }),
        None => Err(RefusedUrl::unparsable()),
    }
}

fn fields(body: Value) -> Vec<String> {
    check_site(&body, allow)
        .unwrap_err()
        .into_iter()
        .map(|error| error.field)
        .collect()
}

#[test]
fn defaults_are_filled_in() {
    let body = json!({"site": {"sitemap": "https://example.com/sitemap.xml"}});
    let request = check_site(&body, allow).unwrap();
    assert_eq!(
        serde_json::to_value(&request).unwrap(),
        json!({
            "site": {"sitemap": "https://example.com/sitemap.xml"},
            "select": "impressions", "max_pages": 300, "max_age_hours": 24, "priority": 0,
            "parameters": serde_json::to_value(&request.parameters).unwrap(),
        })
    );
}

#[test]
fn the_three_sources() {
    let source = |site: Value| check_site(&json!({ "site": site }), allow).unwrap().site;
    for property in [
        "sc-domain:example.com",
        "https://example.com/",
        "http://127.0.0.1:80/files/a/",
    ] {
        assert_eq!(
            source(json!({ "property": property })),
            Source::Property(property.into())
        );
    }
    let Source::Urls(urls) = source(json!({"urls": [
        "https://example.com/a", {"url": "https://example.com/b", "last_modified": "2026-01-31"}]}))
    else {
        panic!("urls");
    };
    assert_eq!(urls[0].last_modified, None);
    assert_eq!(urls[1].last_modified.as_deref(), Some("2026-01-31"));
}

#[test]
fn everything_wrong_is_named() {
    assert_eq!(fields(json!([])), ["body"]);
    assert_eq!(fields(json!({"site": 7})), ["site"]);
    assert_eq!(fields(json!({"site": {}})), ["site"]);
    assert_eq!(
        fields(json!({"site": {"urls": ["a"], "sitemap": "b"}})),
        ["site"]
    );
    assert_eq!(fields(json!({"site": {"urls": []}})), ["site.urls"]);
    assert_eq!(fields(json!({"site": {"urls": [7]}})), ["site.urls"]);
    assert_eq!(
        fields(json!({"site": {"sitemap": "nonsense"}})),
        ["site.sitemap"]
    );
    assert_eq!(
        fields(json!({"site": {"property": "example.com"}})),
        ["site.property"]
    );
    assert_eq!(
        fields(json!({
            "site": {"property": "sc-domain:example.com", "sitemaps": 1}, "select": "best", "max_pages": 0, "max_usd": -1,
            "priority": 101, "parameters": {"eps": 0}, "max_page": 3,
        })),
        [
            "max_page",
            "site.sitemaps",
            "select",
            "max_pages",
            "max_usd",
            "priority",
            "parameters.eps"
        ]
    );
}

#[test]
fn drafts_are_a_whole_number_up_to_a_hundred() {
    let drafts = |drafts: Value| {
        let body = json!({"site": {"property": "sc-domain:example.com"}, "drafts": drafts});
        check_site(&body, allow).map(|request| request.drafts)
    };
    assert_eq!(drafts(json!(20)), Ok(Some(20)));
    assert_eq!(drafts(json!(100)), Ok(Some(100)));
    // As if it were not said.
    assert_eq!(drafts(json!(0)), Ok(None));
    assert_eq!(drafts(json!(null)), Ok(None));
    for wrong in [json!(101), json!(-1), json!(1.5), json!("3")] {
        let errors = drafts(wrong).unwrap_err();
        assert_eq!(errors[0].field, "drafts");
        assert_eq!(errors[0].message, "must be a whole number from 0 to 100");
    }
}
