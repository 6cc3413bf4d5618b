//! What the answers on the way to a page mean, and how long a crawl is waited for. The message
//! sleeps between polls, so waiting costs nothing, and a crawl that finishes wakes it at once: the
//! schedule is the safety net.

use serde::Serialize;

/// Seconds between polls until the interval stays at the last one.
const POLL_DELAYS: [u32; 5] = [5, 10, 20, 40, 60];

/// Seconds between polls of a crawl that has not begun: its turn may be hours away.
const PENDING_SECONDS: u32 = 900;

/// Seconds after which a crawl that has not finished counts as failed (`crawl_timeout`).
pub const POLL_DEADLINE_SECONDS: u32 = 300;

/// Seconds to wait before the next poll, when `poll_count` polls have been made so far.
///
/// ```
/// let delays: Vec<u32> = (0..7).map(pageperfect_policy::crawl::poll_delay_seconds).collect();
/// assert_eq!(delays, [5, 10, 20, 40, 60, 60, 60]);
/// ```
pub fn poll_delay_seconds(poll_count: u32) -> u32 {
    let last = POLL_DELAYS.len() - 1;
    POLL_DELAYS[usize::try_from(poll_count).map_or(last, |count| count.min(last))]
}

/// What a stage that waits for a crawl does next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Wait {
    /// The page is there.
    Done,
    /// The crawl has failed, with an error of its own.
    Failed,
    /// It ends as failed here.
    GiveUp { code: &'static str, message: String },
    /// `poll_count`: the polls made by then.
    Sleep {
        delay_seconds: u32,
        message: String,
        poll_count: u32,
    },
}

/// Decides how a crawl is waited for, by its `status` (`pending`, `processing`, `completed` or
/// `failed`; `None` when there is no crawl), for how long it has been running (`None` while it waits
/// for its turn, which no time limit counts), and how often it was looked at.
pub fn wait(status: Option<&str>, running_seconds: Option<f64>, poll_count: u32) -> Wait {
    match (status, running_seconds) {
        (None, _) => Wait::GiveUp {
            code: "invalid_input",
            message: "the job has no crawl to wait for".into(),
        },
        (Some("completed"), _) => Wait::Done,
        (Some("failed"), _) => Wait::Failed,
        (Some(_), None) => Wait::Sleep {
            delay_seconds: PENDING_SECONDS,
            message: "the crawl waits for its turn".into(),
            poll_count,
        },
        (Some(_), Some(seconds)) if seconds >= f64::from(POLL_DEADLINE_SECONDS) => Wait::GiveUp {
            code: "crawl_timeout",
            message: format!("the crawl did not finish within {} s", seconds.round()),
        },
        (Some(status), Some(_)) => Wait::Sleep {
            delay_seconds: poll_delay_seconds(poll_count),
            message: format!("the crawl is {status}"),
            poll_count: poll_count + 1,
        },
    }
}

/// What the answer to a request for robots.txt says of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RobotsFile {
    /// The body is the file.
    There,
    /// The site has none: everything may be fetched.
    None,
    /// It cannot be had for now, and nothing may be fetched until it can.
    Unavailable,
}

/// RFC 9309, 2.3.1: a file that is refused counts as none, one that cannot be had as forbidding
/// everything. 429 is such a one, though it is below 500.
pub fn robots_file(status: u16) -> RobotsFile {
    match status {
        200..=299 => RobotsFile::There,
        429 | 500.. => RobotsFile::Unavailable,
        _ => RobotsFile::None,
    }
}

/// Why ScraperAPI has no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ScraperRefusal {
    /// One of the crawl's codes, see [`crate::error`].
    pub code: &'static str,
    /// Goes on after "ScraperAPI ".
    pub message: &'static str,
}

/// What ScraperAPI's own statuses mean, by
/// <https://docs.scraperapi.com/responses-and-formats/api-status-codes>. It passes the site's 404
/// and 410 on and tries all else again for 70 s by itself, so that a 5xx says that it gave up; that
/// costs no credit. `None` for a status that is the site's.
pub fn scraper_refusal(status: u16, is_ultra_premium: bool) -> Option<ScraperRefusal> {
    let (code, message) = match status {
        400 => (
            "scraper_rejected",
            "does not take this URL with these options",
        ),
        401 => ("scraper_unauthorized", "refuses SCRAPER_API_KEY"),
        403 => (
            "scraper_unauthorized",
            "has no credits left for SCRAPER_API_KEY",
        ),
        429 => (
            "scraper_busy",
            "runs as many requests at once as the plan allows",
        ),
        500.. if is_ultra_premium => ("scraper_failed", "could not fetch the page"),
        500.. => (
            "scraper_failed",
            "could not fetch the page; a protected site may need premium or ultra_premium",
        ),
        _ => return None,
    };
    Some(ScraperRefusal { code, message })
}

/// The code of a connection that failed, by what the host says of it: fetch tells the cause in its
/// message alone.
///
/// ```
/// use pageperfect_policy::crawl::connection_code;
///
/// assert_eq!(connection_code("invalid peer certificate: UnknownIssuer"), "certificate_invalid");
/// assert_eq!(connection_code("dns error: failed to lookup address information"), "dns_failed");
/// assert_eq!(connection_code("connection reset by peer"), "connection_failed");
/// ```
pub fn connection_code(message: &str) -> &'static str {
    let message = message.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["certificate"]) {
        "certificate_invalid"
    } else if has(&["dns", "lookup", "resolve"]) {
        "dns_failed"
    } else {
        "connection_failed"
    }
}
