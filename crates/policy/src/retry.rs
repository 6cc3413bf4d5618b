//! Whether a failed stage runs again, and when.

use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::error::ErrorKind;

/// A `Retry-After` above this is cut: a server that asks for days must not park a job for days.
pub const MAX_RETRY_AFTER_SECONDS: f64 = 3600.0;

/// A stage's settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts a stage gets in all; at least 1 is always made.
    pub max_attempts: u32,
    /// Upper bound of the delay after the first attempt, in seconds; doubles with each attempt.
    pub base_seconds: f64,
    /// Cap of that bound, in seconds.
    pub max_seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Retry,
    DeadLetter,
}

/// What becomes of a failed attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RetryDecision {
    pub action: Action,
    /// Seconds until the next attempt, to the millisecond; 0 for a dead letter.
    pub delay_seconds: f64,
    /// `backoff`, `retry_after`, `permanent_error` or `attempts_exhausted`.
    pub reason: &'static str,
}

/// Decides what becomes of attempt number `attempt` (1 is the first), which has just failed.
///
/// The delay is exponential and capped with full jitter: uniform in
/// `[0, min(max_seconds, base_seconds * 2^(attempt - 1)))`, where `random`, uniform in `[0, 1)`,
/// picks the point. A `Retry-After` comes on top as the earliest moment, so that workers that were
/// all turned away with the same answer do not all come back at the same instant.
pub fn retry_decision(
    attempt: u32,
    policy: RetryPolicy,
    kind: ErrorKind,
    retry_after_seconds: Option<f64>,
    random: f64,
) -> RetryDecision {
    let dead_letter = |reason| RetryDecision {
        action: Action::DeadLetter,
        delay_seconds: 0.0,
        reason,
    };
    if kind == ErrorKind::Permanent {
        return dead_letter("permanent_error");
    }
    if attempt >= policy.max_attempts {
        return dead_letter("attempts_exhausted");
    }
    let floor = finite(retry_after_seconds.unwrap_or(0.0)).min(MAX_RETRY_AFTER_SECONDS);
    let doublings = attempt.saturating_sub(1).min(1000) as i32;
    let ceiling =
        (finite(policy.base_seconds) * 2f64.powi(doublings)).min(finite(policy.max_seconds));
    let delay = floor + finite(random).min(1.0) * ceiling;
    RetryDecision {
        action: Action::Retry,
        delay_seconds: (delay * 1000.0).round() / 1000.0,
        reason: if floor > 0.0 {
            "retry_after"
        } else {
            "backoff"
        },
    }
}

/// Settings and headers come from outside: nothing they hold may yield a delay that is negative or
/// no number.
fn finite(seconds: f64) -> f64 {
    if seconds.is_finite() && seconds > 0.0 {
        seconds
    } else {
        0.0
    }
}

/// Seconds to wait by a `Retry-After` header: a number of seconds or an HTTP date, which is taken
/// relative to `now_ms` (milliseconds since 1970). A date that has passed is 0; `None` when the
/// header is neither.
pub fn retry_after_seconds(header: &str, now_ms: f64) -> Option<f64> {
    let header = header.trim();
    if header.starts_with(|c: char| c.is_ascii_digit())
        && header.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        return header
            .parse()
            .ok()
            .filter(|seconds: &f64| seconds.is_finite());
    }
    let date = httpdate::parse_http_date(header).ok()?;
    let at_seconds = date.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    Some((at_seconds - now_ms / 1000.0).max(0.0)).filter(|seconds| seconds.is_finite())
}
