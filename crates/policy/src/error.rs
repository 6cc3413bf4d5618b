//! Which errors are worth another attempt.
//!
//! [`CRAWL_CODES`] and [`STAGE_CODES`] are the vocabulary: what the crawler and the stages report.
//! The codes of the libraries and services they stand on are known beside them.

use serde::Serialize;

use crate::database;

/// Whether the same attempt may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    Transient,
    Permanent,
}

impl ErrorKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
        }
    }

    /// Reads the name that [`ErrorKind::as_str`] gives.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Transient, Self::Permanent]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

use ErrorKind::{Permanent, Transient};

/// A code with its kind and what it means.
pub type Code = (&'static str, ErrorKind, &'static str);

/// The crawl's own codes: what `crawl_jobs.error_code` and a failed `submit_crawl` or `wait_crawl`
/// hold. An answer of the site that is no success is `http_<status>`, such as `http_404`, and is
/// judged by its status.
pub const CRAWL_CODES: &[Code] = &[
    (
        "invalid_url",
        Permanent,
        "the URL cannot be parsed, has no host or is too long",
    ),
    (
        "unsupported_scheme",
        Permanent,
        "the URL is neither http nor https",
    ),
    (
        "url_credentials",
        Permanent,
        "the URL holds a user name or a password",
    ),
    (
        "blocked_port",
        Permanent,
        "the URL names a port other than 80 and 443",
    ),
    (
        "blocked_host",
        Permanent,
        "the host name is local, internal or this project's own",
    ),
    (
        "blocked_address",
        Permanent,
        "the host is, or resolves to, an address that is not public",
    ),
    ("dns_not_found", Permanent, "the host name does not exist"),
    (
        "robots_disallowed",
        Permanent,
        "the site's robots.txt forbids the page",
    ),
    (
        "too_many_redirects",
        Permanent,
        "the site redirects too often or in a circle",
    ),
    (
        "invalid_redirect",
        Permanent,
        "the site redirects without saying where",
    ),
    ("not_html", Permanent, "the answer is not an HTML page"),
    (
        "too_large",
        Permanent,
        "the page is larger than the crawler reads",
    ),
    ("empty_page", Permanent, "the page has no readable text"),
    (
        "certificate_invalid",
        Permanent,
        "the site's TLS certificate cannot be trusted",
    ),
    (
        "scraper_rejected",
        Permanent,
        "ScraperAPI does not take the URL or the options",
    ),
    (
        "scraper_unauthorized",
        Permanent,
        "ScraperAPI refuses the key or has no credits left",
    ),
    (
        "dns_failed",
        Transient,
        "the host name could not be resolved this time",
    ),
    (
        "connection_failed",
        Transient,
        "the connection was refused or broken off",
    ),
    ("timeout", Transient, "the site took too long to answer"),
    (
        "crawl_timeout",
        Transient,
        "the crawl did not finish before its deadline",
    ),
    (
        "robots_unavailable",
        Transient,
        "the site's robots.txt, which must be read first, could not be",
    ),
    (
        "scraper_busy",
        Transient,
        "ScraperAPI runs as many requests as the plan allows",
    ),
    (
        "scraper_failed",
        Transient,
        "ScraperAPI could not fetch the page this time",
    ),
];

/// Codes of the other stages.
pub const STAGE_CODES: &[Code] = &[
    (
        "missing_configuration",
        Permanent,
        "an environment variable that the stage needs is not set",
    ),
    (
        "invalid_input",
        Permanent,
        "the job's data cannot be worked with",
    ),
    ("page_not_found", Permanent, "the page of the job is gone"),
    (
        "soft_404",
        Permanent,
        "the page says that it does not exist, with the status of one that does",
    ),
    (
        "bot_wall",
        Permanent,
        "the site answered with a check for robots",
    ),
    (
        "consent_wall",
        Permanent,
        "only a request for consent was there to read",
    ),
    (
        "app_shell",
        Permanent,
        "the page has next to no text without its scripts",
    ),
    (
        "meta_refresh",
        Permanent,
        "the page only sends its readers elsewhere",
    ),
    (
        "dimension_mismatch",
        Permanent,
        "vectors of different models or lengths met",
    ),
    (
        "draft_refused",
        Permanent,
        "the model declined to write the draft",
    ),
    (
        "draft_invalid",
        Transient,
        "the model's draft broke the rules; another one may keep them",
    ),
    (
        "answer_unexpected",
        Transient,
        "the database answered in another shape than the function knows, as while one of them is upgraded",
    ),
    (
        "embedding_invalid",
        Transient,
        "the embedding service answered with something else",
    ),
];

/// Codes of OpenAI, Anthropic, network layers and their clients.
const SERVICE_CODES: &[(&str, ErrorKind)] = &[
    // OpenAI. Running out of quota comes as 429, but no waiting refills an account.
    ("insufficient_quota", Permanent),
    ("billing_hard_limit_reached", Permanent),
    ("billing_not_active", Permanent),
    ("account_deactivated", Permanent),
    ("invalid_api_key", Permanent),
    ("model_not_found", Permanent),
    ("context_length_exceeded", Permanent),
    ("content_filter", Permanent),
    ("content_policy_violation", Permanent),
    ("string_above_max_length", Permanent),
    ("invalid_request_error", Permanent),
    ("rate_limit_exceeded", Transient),
    ("requests", Transient),
    ("tokens", Transient),
    ("server_error", Transient),
    // Anthropic
    ("authentication_error", Permanent),
    ("permission_error", Permanent),
    ("not_found_error", Permanent),
    ("billing_error", Permanent),
    ("request_too_large", Permanent),
    ("rate_limit_error", Transient),
    ("overloaded_error", Transient),
    ("timeout_error", Transient),
    ("api_error", Transient),
    // Google. An exceeded quota may come as 403; it fills up again within minutes, or by tomorrow.
    ("quotaExceeded", Transient),
    ("rateLimitExceeded", Transient),
    ("userRateLimitExceeded", Transient),
    ("dailyLimitExceeded", Transient),
    // Node's and undici's names of network errors, and Deno's classes
    ("ECONNREFUSED", Transient),
    ("ECONNRESET", Transient),
    ("ECONNABORTED", Transient),
    ("ETIMEDOUT", Transient),
    ("ESOCKETTIMEDOUT", Transient),
    ("ENOTFOUND", Transient),
    ("EAI_AGAIN", Transient),
    ("EHOSTUNREACH", Transient),
    ("ENETUNREACH", Transient),
    ("ENETDOWN", Transient),
    ("EPIPE", Transient),
    ("ConnectionRefused", Transient),
    ("ConnectionReset", Transient),
    ("ConnectionAborted", Transient),
    ("NotConnected", Transient),
    ("BrokenPipe", Transient),
    ("TimedOut", Transient),
    ("UnexpectedEof", Transient),
    ("Interrupted", Transient),
    ("AbortError", Transient),
    ("TimeoutError", Transient),
    ("RateLimitError", Transient),
    ("APIConnectionError", Transient),
    ("APIConnectionTimeoutError", Transient),
    // Supabase's edge runtime
    ("WORKER_LIMIT", Transient),
    ("BOOT_ERROR", Transient),
];

/// The code's entry in [`CRAWL_CODES`] or [`STAGE_CODES`].
fn own_code(code: &str) -> Option<&'static Code> {
    CRAWL_CODES
        .iter()
        .chain(STAGE_CODES)
        .find(|(name, _, _)| name.eq_ignore_ascii_case(code))
}

/// The kind of an error by its code and the HTTP status it came with.
///
/// The code decides where it is known, because it says more: `insufficient_quota` is permanent
/// though its status is 429. Then the status: 408, 425, 429 and 5xx are transient, other 4xx
/// permanent. What says nothing is transient: attempts are limited, and a job that is given up
/// for want of a second try is the worse mistake.
pub fn classify_error(http_status: Option<u16>, code: Option<&str>) -> ErrorKind {
    code.and_then(classify_code)
        .or_else(|| http_status.and_then(classify_status))
        .unwrap_or(Transient)
}

fn classify_code(code: &str) -> Option<ErrorKind> {
    let code = code.trim();
    if let Some((_, kind, _)) = own_code(code) {
        return Some(*kind);
    }
    if let Some((_, kind)) = SERVICE_CODES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(code))
    {
        return Some(*kind);
    }
    if let Some(status) = code.strip_prefix("http_") {
        return status.parse().ok().and_then(classify_status);
    }
    if code.starts_with("UND_ERR_") {
        return Some(Transient);
    }
    match database::entry(code) {
        Some((_, kind, _)) => Some(*kind),
        // A class that is not known yet; unknown data errors would be of a known one.
        None => database::is_sqlstate(code).then_some(Transient),
    }
}

fn classify_status(status: u16) -> Option<ErrorKind> {
    match status {
        408 | 425 | 429 | 500..=599 => Some(Transient),
        400..=499 => Some(Permanent),
        _ => None,
    }
}
