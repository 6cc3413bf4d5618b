use pageperfect_policy::limits::{RateLimit, rate_limits};

const NOW_MS: f64 = 1_767_225_600_000.0; // 2026-01-01

fn read(headers: &[(&str, &str)]) -> Vec<(&'static str, f64, f64, Option<f64>)> {
    let find = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    };
    rate_limits(find, NOW_MS)
        .into_iter()
        .map(
            |RateLimit {
                 unit,
                 limit,
                 remaining,
                 reset_seconds,
             }| { (unit, limit, remaining, reset_seconds) },
        )
        .collect()
}

#[test]
fn of_openai() {
    let limits = read(&[
        ("x-ratelimit-limit-requests", "5000"),
        ("x-ratelimit-remaining-requests", "4999"),
        ("x-ratelimit-reset-requests", "12ms"),
        ("x-ratelimit-limit-tokens", "160000"),
        ("x-ratelimit-remaining-tokens", "100"),
        ("x-ratelimit-reset-tokens", "1h6m0.5s"),
    ]);
    assert_eq!(
        limits,
        [
            ("requests", 5000.0, 4999.0, Some(0.012)),
            ("tokens", 160_000.0, 100.0, Some(3960.5)),
        ]
    );
}

#[test]
fn of_anthropic() {
    let limits = read(&[
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        (
            "anthropic-ratelimit-requests-reset",
            "2026-01-01T00:00:01.5Z",
        ),
        ("anthropic-ratelimit-output-tokens-limit", "8000"),
        ("anthropic-ratelimit-output-tokens-remaining", "0"),
        (
            "anthropic-ratelimit-output-tokens-reset",
            "2025-12-31T23:59:59Z",
        ),
    ]);
    assert_eq!(
        limits,
        [
            ("requests", 50.0, 49.0, Some(1.5)),
            ("output_tokens", 8000.0, 0.0, Some(0.0)),
        ]
    );
}

#[test]
fn seconds_and_times() {
    let reset = |time: &str| {
        read(&[
            ("x-ratelimit-limit-requests", "10"),
            ("x-ratelimit-remaining-requests", "9"),
            ("x-ratelimit-reset-requests", time),
        ])[0]
            .3
    };
    assert_eq!(reset("1.5"), Some(1.5));
    assert_eq!(reset("1767225620"), Some(20.0));
    for wrong in ["", "soon", "-3", "NaN", "inf", "5x", "1m5", "..s"] {
        assert_eq!(reset(wrong), None, "{wrong:?}");
    }
}

#[test]
fn what_is_no_limit() {
    assert_eq!(read(&[]), []);
    for (limit, remaining) in [
        ("-1", "-1"),
        ("soon", ""),
        ("NaN", "1"),
        ("inf", "1"),
        ("5", "NaN"),
    ] {
        let headers = [
            ("x-ratelimit-limit-tokens", limit),
            ("x-ratelimit-remaining-tokens", remaining),
        ];
        assert_eq!(read(&headers), [], "{headers:?}");
    }
}
