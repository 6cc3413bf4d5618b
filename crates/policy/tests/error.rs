use std::collections::BTreeSet;

use pageperfect_policy::database::{PGRST, SQLSTATES, entry};
use pageperfect_policy::error::ErrorKind::{self, Permanent, Transient};
use pageperfect_policy::error::{CRAWL_CODES, STAGE_CODES, classify_error};

#[test]
fn errors_by_status_and_code() {
    let table: &[(Option<u16>, Option<&str>, ErrorKind)] = &[
        // by status
        (Some(408), None, Transient),
        (Some(425), None, Transient),
        (Some(429), None, Transient),
        (Some(500), None, Transient),
        (Some(502), None, Transient),
        (Some(503), None, Transient),
        (Some(504), None, Transient),
        (Some(529), None, Transient),
        (Some(546), None, Transient),
        (Some(400), None, Permanent),
        (Some(401), None, Permanent),
        (Some(403), None, Permanent),
        (Some(404), None, Permanent),
        (Some(409), None, Permanent),
        (Some(410), None, Permanent),
        (Some(413), None, Permanent),
        (Some(422), None, Permanent),
        (Some(451), None, Permanent),
        // that say nothing
        (None, None, Transient),
        (Some(0), None, Transient),
        (Some(200), None, Transient),
        (Some(302), None, Transient),
        (None, Some(""), Transient),
        (None, Some("unexpected_error"), Transient),
        (None, Some("http_"), Transient),
        (None, Some("http_abc"), Transient),
        (Some(600), Some("whatever"), Transient),
        // an unknown code leaves it to the status
        (Some(404), Some("something_new"), Permanent),
        (Some(503), Some("something_new"), Transient),
        // a known code decides
        (Some(429), Some("insufficient_quota"), Permanent),
        (Some(429), Some("billing_hard_limit_reached"), Permanent),
        (Some(429), Some("rate_limit_exceeded"), Transient),
        (Some(400), Some("context_length_exceeded"), Permanent),
        (Some(401), Some("invalid_api_key"), Permanent),
        (Some(529), Some("overloaded_error"), Transient),
        (Some(401), Some("authentication_error"), Permanent),
        (Some(413), Some("request_too_large"), Permanent),
        (Some(404), Some("timeout"), Transient),
        (Some(200), Some("not_html"), Permanent),
        (Some(502), Some("too_large"), Permanent),
        // the crawl's
        (None, Some("http_404"), Permanent),
        (None, Some("http_410"), Permanent),
        (None, Some("http_403"), Permanent),
        (None, Some("http_408"), Transient),
        (None, Some("http_429"), Transient),
        (None, Some("http_503"), Transient),
        (None, Some("blocked_address"), Permanent),
        (None, Some("robots_disallowed"), Permanent),
        (None, Some("empty_page"), Permanent),
        (None, Some("dns_failed"), Transient),
        (None, Some("crawl_timeout"), Transient),
        (None, Some("draft_invalid"), Transient),
        (None, Some("draft_refused"), Permanent),
        (Some(403), Some("scraper_unauthorized"), Permanent),
        (Some(500), Some("scraper_failed"), Transient),
        // networks
        (None, Some("ECONNREFUSED"), Transient),
        (None, Some("econnreset"), Transient),
        (None, Some("EPIPE"), Transient),
        (None, Some("ETIMEDOUT"), Transient),
        (None, Some("ENOTFOUND"), Transient),
        (None, Some("EAI_AGAIN"), Transient),
        (None, Some("UND_ERR_CONNECT_TIMEOUT"), Transient),
        (None, Some("UND_ERR_SOCKET"), Transient),
        (None, Some("AbortError"), Transient),
        (None, Some("TimeoutError"), Transient),
        (None, Some("APIConnectionError"), Transient),
        // Postgres and PostgREST
        (Some(500), Some("40001"), Transient),
        (Some(500), Some("40P01"), Transient),
        (Some(500), Some("57014"), Transient),
        (Some(500), Some("57P01"), Transient),
        (Some(503), Some("53300"), Transient),
        (Some(500), Some("08006"), Transient),
        (Some(500), Some("55P03"), Transient),
        (Some(409), Some("23505"), Permanent),
        (Some(400), Some("22023"), Permanent),
        (Some(404), Some("42883"), Permanent),
        (Some(400), Some("P0001"), Permanent),
        (Some(400), Some("P0002"), Permanent),
        (Some(503), Some("PGRST002"), Transient),
        (Some(504), Some("PGRST003"), Transient),
        // A deploy, a clock, a read-only hour: nobody's data are wrong.
        (Some(500), Some("PGRST300"), Transient),
        (Some(401), Some("PGRST301"), Transient),
        (Some(401), Some("PGRST303"), Transient),
        (Some(404), Some("PGRST202"), Transient),
        (Some(400), Some("PGRST204"), Transient),
        (Some(404), Some("PGRST205"), Transient),
        (Some(405), Some("25006"), Transient),
        (Some(500), Some("25P03"), Transient),
        (Some(500), Some("25P04"), Transient),
        (Some(500), Some("26000"), Transient),
        (Some(400), Some("42P05"), Transient),
        (Some(500), Some("0A000"), Transient),
        (Some(500), Some("28P01"), Transient),
        (Some(500), Some("99999"), Transient),
        (Some(400), Some("PGRST102"), Permanent),
        (Some(300), Some("PGRST203"), Permanent),
        (Some(403), Some("42501"), Permanent),
        (Some(500), Some("54000"), Permanent),
        (Some(546), Some("WORKER_LIMIT"), Transient),
    ];
    for &(status, code, expected) in table {
        assert_eq!(
            classify_error(status, code),
            expected,
            "{status:?} {code:?}"
        );
    }
}

#[test]
fn every_class_of_postgres_has_one_entry_with_a_reason() {
    // Appendix A of Postgres 18, without success and warnings.
    let classes = "03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F \
                   40 42 44 53 54 55 57 58 72 F0 HV P0 XX";
    for class in classes.split_whitespace() {
        let entries: Vec<_> = SQLSTATES
            .iter()
            .filter(|(name, _, _)| *name == class)
            .collect();
        assert_eq!(entries.len(), 1, "{class}");
        let code = format!("{class}0Z9");
        assert_eq!(entry(&code), Some(entries[0]), "{code}");
    }
    assert!(
        SQLSTATES
            .iter()
            .chain(PGRST)
            .all(|(_, _, reason)| reason.len() > 10)
    );
    assert_eq!(entry("42P05").unwrap().1, Transient);
    assert_eq!(entry("socket"), None);
}

#[test]
fn the_vocabulary_is_classified_as_it_says_and_names_each_code_once() {
    let mut seen = BTreeSet::new();
    for (code, kind, meaning) in CRAWL_CODES.iter().chain(STAGE_CODES) {
        assert!(seen.insert(code), "{code} is listed twice");
        assert_eq!(classify_error(None, Some(code)), *kind, "{code}");
        assert!(
            !meaning.is_empty()
                && code
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "{code}"
        );
    }
}

#[test]
fn kinds_have_names() {
    for kind in [Transient, Permanent] {
        assert_eq!(ErrorKind::from_name(kind.as_str()), Some(kind));
    }
    assert_eq!(ErrorKind::from_name("Transient"), None);
}
