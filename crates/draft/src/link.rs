//! The hosts of links, read as generously as a browser reads them, so that no spelling of a link
//! passes for something else.

use std::collections::BTreeSet;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// Another place on the same site.
    SameSite,
    /// A host in lower case, without `www.`, user and port.
    Host(String),
    /// The host of a mail address.
    Mail(String),
    /// A scheme that is not for pages, such as `javascript`.
    Scheme(String),
}

/// Reads the destination of a link.
pub(crate) fn target(destination: &str) -> Target {
    // Browsers drop leading spaces and controls, and line breaks and tabs anywhere.
    let url: String = destination
        .trim_start_matches(|c: char| c <= ' ')
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .collect();
    let slashes = ['/', '\\'];
    if let Some((scheme, rest)) = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
        return match scheme.to_ascii_lowercase().as_str() {
            // `https:/host` and `https:\\host` are `https://host` to a browser.
            "http" | "https" => Target::Host(host(rest.trim_start_matches(slashes))),
            scheme => Target::Scheme(scheme.to_owned()),
        };
    }
    let rest = url.trim_start_matches(slashes);
    if url.len() - rest.len() >= 2 {
        Target::Host(host(rest))
    } else {
        Target::SameSite
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// The host at the start of `after_slashes`. Only what can end an address ends it, and punctuation
/// after it is the sentence's: to cut at the first odd character would read `good.com!.evil.com`
/// as `good.com`.
fn host(after_slashes: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "/\\?#\"<>`|{}".contains(c);
    let authority = after_slashes.split(ends).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = host
        .trim_end_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => &host,
    };
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

/// The hosts of every web address that stands in a plain text.
pub(crate) fn hosts_in(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let after = |marker: &'static str| {
        lower
            .match_indices(marker)
            .map(move |(at, _)| (at, at + marker.len()))
    };
    let addresses = after("://").map(|(_, end)| end);
    let bare = after("www.").filter(|&(at, _)| {
        !lower[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '@' | '-'))
    });
    let starts = addresses.chain(bare.map(|(_, end)| end));
    starts
        .map(|start| host(&lower[start..]))
        .filter(|host| !host.is_empty())
        .collect()
}

/// The hosts of every mail address that stands in a plain text: publishers make links of them.
pub(crate) fn mail_hosts_in(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let is_local = |c: char| c.is_alphanumeric() || "._+-".contains(c);
    lower
        .match_indices('@')
        .filter(|&(at, _)| lower[..at].ends_with(is_local))
        .map(|(at, _)| host(&lower[at + 1..]))
        // `user@host` of a shell prompt is no address.
        .filter(|host| host.contains('.') && !host.starts_with('.'))
        .collect()
}
