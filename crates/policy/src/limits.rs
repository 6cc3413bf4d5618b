//! What a model's provider says of its rate limits.

use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::retry::retry_after_seconds;

/// A bucket of calls or tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateLimit {
    /// `requests`, `tokens`, `input_tokens` or `output_tokens`.
    pub unit: &'static str,
    pub limit: f64,
    pub remaining: f64,
    /// Until it is full again.
    pub reset_seconds: Option<f64>,
}

/// Unit, and its word in headers.
const UNITS: [(&str, &str); 4] = [
    ("requests", "requests"),
    ("tokens", "tokens"),
    ("input_tokens", "input-tokens"),
    ("output_tokens", "output-tokens"),
];

/// The limits in the headers of an answer: OpenAI's and those who follow it
/// (`x-ratelimit-limit-requests`), or Anthropic's (`anthropic-ratelimit-requests-limit`).
/// `header` gives one by its name in lower case; `now_ms` are milliseconds since 1970.
pub fn rate_limits<'a>(header: impl Fn(&str) -> Option<&'a str>, now_ms: f64) -> Vec<RateLimit> {
    UNITS
        .iter()
        .filter_map(|&(unit, name)| {
            let read = |what: &str| {
                header(&format!("x-ratelimit-{what}-{name}"))
                    .or_else(|| header(&format!("anthropic-ratelimit-{name}-{what}")))
            };
            let number = |what: &str| read(what)?.trim().parse::<f64>().ok();
            let (limit, remaining) = (number("limit")?, number("remaining")?);
            // Azure says -1 where it has none.
            let is_limit = limit > 0.0 && limit.is_finite() && (0.0..).contains(&remaining);
            is_limit.then(|| RateLimit {
                unit,
                limit,
                remaining,
                reset_seconds: read("reset").and_then(|time| seconds_until(time, now_ms)),
            })
        })
        .collect()
}

/// A number of seconds above this is a time, in seconds since 1970.
const EARLIEST_TIME: f64 = 1e9;

/// Seconds until the time of a header: `6m0s`, `12ms`, `1.5`, seconds since 1970, or a date.
fn seconds_until(time: &str, now_ms: f64) -> Option<f64> {
    let time = time.trim();
    let seconds_from_now = |at: f64| (at - now_ms / 1000.0).max(0.0);
    if let Ok(seconds) = time.parse::<f64>() {
        return (0.0..f64::INFINITY).contains(&seconds).then(|| {
            if seconds > EARLIEST_TIME {
                seconds_from_now(seconds)
            } else {
                seconds
            }
        });
    }
    duration(time).or_else(|| {
        let date = humantime::parse_rfc3339_weak(time).ok()?;
        Some(seconds_from_now(
            date.duration_since(UNIX_EPOCH).ok()?.as_secs_f64(),
        ))
    })
}

/// `1h6m0.5s` in seconds.
fn duration(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let count: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| !c.is_ascii_lowercase())
            .unwrap_or(rest.len());
        seconds += count
            * match &rest[..letters] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(seconds)
}

/// Seconds for which a model that answered 429 is not asked again, by any worker: as its
/// `Retry-After` says, ten without one, and one at least.
///
/// ```
/// use pageperfect_policy::limits::refused_seconds;
///
/// assert_eq!(refused_seconds(Some("7"), 0.0), 7.0);
/// assert_eq!(refused_seconds(Some("0"), 0.0), 1.0);
/// assert_eq!(refused_seconds(None, 0.0), 10.0);
/// ```
pub fn refused_seconds(retry_after: Option<&str>, now_ms: f64) -> f64 {
    retry_after
        .and_then(|header| retry_after_seconds(header, now_ms))
        .unwrap_or(10.0)
        .max(1.0)
}
