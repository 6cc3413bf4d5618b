use pageperfect_policy::crawl::{POLL_DEADLINE_SECONDS, poll_delay_seconds};
use pageperfect_policy::error::ErrorKind::{self, Permanent, Transient};
use pageperfect_policy::retry::{
    Action, MAX_RETRY_AFTER_SECONDS, RetryDecision, RetryPolicy, retry_after_seconds,
    retry_decision,
};
use proptest::prelude::*;

const POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 5,
    base_seconds: 10.0,
    max_seconds: 60.0,
};

/// The decision with the greatest delay.
fn decide(attempt: u32, kind: ErrorKind, retry_after: Option<f64>) -> RetryDecision {
    retry_decision(attempt, POLICY, kind, retry_after, 1.0)
}

#[test]
fn the_delay_doubles_up_to_the_cap() {
    let delays = [1, 2, 3, 4].map(|attempt| decide(attempt, Transient, None).delay_seconds);
    assert_eq!(delays, [10.0, 20.0, 40.0, 60.0]);
}

#[test]
fn the_jitter_is_full() {
    let delays = [0.0, 0.25, 0.5, 0.999]
        .map(|random| retry_decision(2, POLICY, Transient, None, random).delay_seconds);
    assert_eq!(delays, [0.0, 5.0, 10.0, 19.98]);
}

#[test]
fn the_last_attempt_ends_in_the_dead_letters() {
    let last = decide(5, Transient, Some(10.0));
    assert_eq!(
        last,
        RetryDecision {
            action: Action::DeadLetter,
            delay_seconds: 0.0,
            reason: "attempts_exhausted"
        }
    );
    assert_eq!(decide(6, Transient, None).action, Action::DeadLetter);
    assert_eq!(decide(4, Transient, None).action, Action::Retry);
}

#[test]
fn a_permanent_error_is_not_tried_again() {
    let first = decide(1, Permanent, Some(10.0));
    assert_eq!(
        first,
        RetryDecision {
            action: Action::DeadLetter,
            delay_seconds: 0.0,
            reason: "permanent_error"
        }
    );
}

#[test]
fn retry_after_is_the_earliest_moment_and_is_capped() {
    for (retry_after, random, expected, reason) in [
        (Some(30.0), 0.0, 30.0, "retry_after"),
        (Some(30.0), 0.5, 35.0, "retry_after"),
        (Some(7200.0), 0.0, MAX_RETRY_AFTER_SECONDS, "retry_after"),
        (Some(0.0), 0.5, 5.0, "backoff"),
        (Some(-5.0), 0.5, 5.0, "backoff"),
        (Some(f64::NAN), 0.5, 5.0, "backoff"),
        (Some(f64::INFINITY), 0.5, 5.0, "backoff"),
        (None, 0.5, 5.0, "backoff"),
    ] {
        let decision = retry_decision(1, POLICY, Transient, retry_after, random);
        assert_eq!(
            (decision.delay_seconds, decision.reason),
            (expected, reason),
            "{retry_after:?}"
        );
    }
}

#[test]
fn retry_after_headers() {
    let now = 784_111_777_000.0; // 1994-11-06 08:49:37 UTC
    for (header, expected) in [
        ("120", Some(120.0)),
        (" 120 ", Some(120.0)),
        ("0", Some(0.0)),
        ("1.5", Some(1.5)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0.0)),
        ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30.0)),
        ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30.0)),
        ("Sun Nov  6 08:50:07 1994", Some(30.0)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0.0)),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("+5", None),
        ("5s", None),
        ("1e3", None),
        ("1.2.3", None),
        ("NaN", None),
        ("inf", None),
        ("Sun, 31 Feb 1994 08:50:07 GMT", None),
        ("Sun, 06 Nov 1994 08:50:07 CET", None),
    ] {
        assert_eq!(retry_after_seconds(header, now), expected, "{header:?}");
    }
    assert_eq!(
        retry_after_seconds("Sun, 06 Nov 1994 08:50:07 GMT", f64::NAN),
        Some(0.0)
    );
    assert_eq!(
        retry_after_seconds(&"9".repeat(400), now),
        None,
        "a number that does not fit"
    );
}

#[test]
fn crawls_are_polled_less_and_less_often_until_the_deadline() {
    let delays: Vec<u32> = (0..8).map(poll_delay_seconds).collect();
    assert_eq!(delays, [5, 10, 20, 40, 60, 60, 60, 60]);
    assert_eq!(poll_delay_seconds(u32::MAX), 60);
    assert_eq!(POLL_DEADLINE_SECONDS, 300);
}

proptest! {
    #[test]
    fn every_delay_is_within_its_bounds(
        attempt: u32,
        max_attempts: u32,
        base: f64,
        max: f64,
        retry_after in proptest::option::of(any::<f64>()),
        random in 0.0..1.0,
    ) {
        let policy = RetryPolicy { max_attempts, base_seconds: base, max_seconds: max };
        let decision = retry_decision(attempt, policy, Transient, retry_after, random);
        prop_assert!(decision.delay_seconds.is_finite() && decision.delay_seconds >= 0.0);
        let most = if max > 0.0 { max } else { 0.0 } + MAX_RETRY_AFTER_SECONDS;
        prop_assert!(decision.delay_seconds <= most + 0.001);
        prop_assert_eq!(decision.action == Action::Retry, attempt < max_attempts);
    }

    #[test]
    fn any_header_gets_a_sane_answer(header in ".{0,40}", now in 0.0..4e12) {
        if let Some(seconds) = retry_after_seconds(&header, now) {
            prop_assert!(seconds >= 0.0 && seconds.is_finite());
        }
    }
}
