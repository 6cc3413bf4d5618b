//! Which URLs may be fetched.
//!
//! The URL arrives parsed by the host's WHATWG parser, which has already turned `http://0x7f.1` and
//! `http://2130706433` into `127.0.0.1`, escapes and full-width letters into plain ones, and
//! international names into `xn--…`: the very reading that `fetch` will make of it.

use serde::Serialize;

use crate::address::check_address;

/// Longest URL that is accepted, in bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// A URL in the parts that the attributes of a WHATWG `URL` object give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlParts {
    /// The whole URL, normalised.
    pub href: String,
    /// With or without its colon: `https:`.
    pub scheme: String,
    pub username: String,
    pub password: String,
    /// Lower case, IPv6 in brackets.
    pub hostname: String,
    /// Digits; empty for the scheme's default port.
    pub port: String,
}

/// A URL that may be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AllowedUrl {
    /// The whole URL, normalised.
    pub href: String,
    /// Lower case, IPv6 in brackets.
    pub hostname: String,
    pub port: u16,
    /// Whether the host is a name whose DNS answers must pass [`check_address`] before the fetch.
    pub resolve: bool,
}

/// Why a URL is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedUrl {
    /// One of [`CRAWL_CODES`](crate::error::CRAWL_CODES).
    pub code: &'static str,
    /// What is wrong, for the person who sent the URL.
    pub message: String,
}

impl RefusedUrl {
    /// For text that the host's parser does not accept.
    pub fn unparsable() -> Self {
        Self::new(
            "invalid_url",
            "this is not an absolute URL such as https://example.com/page",
        )
    }

    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// Hosts that are excepted from the rules, each `host:port`, or `host` for ports 80 and 443.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostRules<'a> {
    /// May be reached though private: an intranet's sites. Ports and addresses are not checked.
    pub allowed: &'a [String],
    /// Never reached, nor their subdomains: the project's own API. Stronger than `allowed`.
    pub blocked: &'a [String],
}

/// Suffixes of names that are local, internal or not on the internet at all.
const LOCAL_SUFFIXES: &[&str] = &[
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "onion",
    "test",
    "invalid",
    "example",
];

/// Public names under which clouds serve instance metadata.
const METADATA_NAMES: &[&str] = &[
    "metadata.goog",
    "metadata.packet.net",
    "metadata.platformequinix.com",
    "metadata.tencentyun.com",
];

/// Decides whether the crawler may fetch a URL. Holds for the first URL and each redirect alike.
///
/// # Errors
/// The first rule that the URL breaks.
pub fn check_url(url: &UrlParts, hosts: HostRules<'_>) -> Result<AllowedUrl, RefusedUrl> {
    if url.href.len() > MAX_URL_BYTES {
        let message = format!("the URL is longer than {MAX_URL_BYTES} bytes");
        return Err(RefusedUrl::new("invalid_url", message));
    }
    let default_port = match url.scheme.trim_end_matches(':') {
        "http" => 80,
        "https" => 443,
        scheme => {
            let message = format!("only http and https can be crawled, not {scheme}");
            return Err(RefusedUrl::new("unsupported_scheme", message));
        }
    };
    if !url.username.is_empty() || !url.password.is_empty() {
        let message = "the URL must not hold a user name or a password";
        return Err(RefusedUrl::new("url_credentials", message));
    }
    let hostname = url.hostname.to_ascii_lowercase();
    let name = hostname.trim_end_matches('.');
    if name.is_empty() {
        return Err(RefusedUrl::new("invalid_url", "the URL has no host"));
    }
    let port = if url.port.is_empty() {
        default_port
    } else {
        url.port.parse().unwrap_or(0)
    };

    let is_blocked = |entry: &String| {
        host_matches(entry, port, true, |host| {
            name == host || is_under(name, host)
        })
    };
    if hosts.blocked.iter().any(is_blocked) {
        let message = format!("{name} is this project's own and is not crawled");
        return Err(RefusedUrl::new("blocked_host", message));
    }
    let allowed = |resolve| AllowedUrl {
        href: url.href.clone(),
        hostname: hostname.clone(),
        port,
        resolve,
    };
    if hosts
        .allowed
        .iter()
        .any(|entry| host_matches(entry, port, false, |host| name == host))
    {
        return Ok(allowed(false));
    }

    if let Some(reason) = host_refusal(name) {
        return Err(reason);
    }
    // `example.com.` is the same site as `example.com`, but another origin, Host header and
    // certificate name: a disguise at worst and a slip at best.
    if hostname.ends_with('.') {
        let message = format!("write the host without the dot at its end: {name}");
        return Err(RefusedUrl::new("blocked_host", message));
    }
    if port != 80 && port != 443 {
        let message = format!("only the ports 80 and 443 can be crawled, not {port}");
        return Err(RefusedUrl::new("blocked_port", message));
    }
    Ok(allowed(!is_address(name)))
}

fn host_refusal(name: &str) -> Option<RefusedUrl> {
    if is_address(name) {
        let reason = check_address(name)?;
        return Some(RefusedUrl::new(
            "blocked_address",
            format!("{name} is {reason}, not a public address"),
        ));
    }
    let local = |suffix: &&str| name == *suffix || is_under(name, suffix);
    if !name.contains('.') || LOCAL_SUFFIXES.iter().chain(METADATA_NAMES).any(local) {
        let message = format!("{name} is a local name, not a public site");
        return Some(RefusedUrl::new("blocked_host", message));
    }
    None
}

/// The parser admits digits alone in the last label only in an IPv4 address.
fn is_address(name: &str) -> bool {
    name.starts_with('[')
        || name
            .rsplit('.')
            .next()
            .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()))
}

fn is_under(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|rest| rest.ends_with('.'))
}

/// Whether an entry `host:port` or `host` speaks of this port and of a host that `matches`. An
/// entry without a port means every port or, for exceptions, the two that are open anyway.
fn host_matches(entry: &str, port: u16, any_port: bool, matches: impl Fn(&str) -> bool) -> bool {
    let entry = entry.trim().to_ascii_lowercase();
    let (host, entry_port) = match entry.rsplit_once(':') {
        // The colons of a bare IPv6 address are not before a port.
        Some((host, digits))
            if !digits.contains(']') && (!host.contains(':') || host.ends_with(']')) =>
        {
            (host, Some(digits))
        }
        _ => (entry.as_str(), None),
    };
    let port_matches = match entry_port {
        Some(digits) => digits.parse() == Ok(port),
        None => any_port || port == 80 || port == 443,
    };
    port_matches && !host.is_empty() && matches(host)
}
