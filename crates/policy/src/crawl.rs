//! How long a crawl is waited for. The message sleeps between polls, so waiting costs nothing, and
//! a crawl that finishes wakes it at once: the schedule is the safety net.

/// Seconds between polls until the interval stays at the last one.
const POLL_DELAYS: [u32; 5] = [5, 10, 20, 40, 60];

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
