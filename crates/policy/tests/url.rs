//! The URL policy over the same URL standard that `fetch` follows.

use pageperfect_policy::error::{CRAWL_CODES, ErrorKind};
use pageperfect_policy::url::{
    AllowedUrl, HostRules, MAX_URL_BYTES, RefusedUrl, UrlParts, check_url,
};
use proptest::prelude::*;
use url::{Url, quirks};

fn check_with(url: &str, hosts: HostRules<'_>) -> Result<AllowedUrl, RefusedUrl> {
    let url = Url::parse(url).map_err(|_| RefusedUrl::unparsable())?;
    let parts = UrlParts {
        href: quirks::href(&url).to_owned(),
        scheme: quirks::protocol(&url).to_owned(),
        username: quirks::username(&url).to_owned(),
        password: quirks::password(&url).to_owned(),
        hostname: quirks::hostname(&url).to_owned(),
        port: quirks::port(&url).to_owned(),
    };
    check_url(&parts, hosts)
}

fn check(url: &str) -> Result<AllowedUrl, RefusedUrl> {
    check_with(url, HostRules::default())
}

/// The code of the refusal, or `ok`.
fn outcome(result: Result<AllowedUrl, RefusedUrl>) -> &'static str {
    result.map_or_else(|refused| refused.code, |_| "ok")
}

const REFUSED: &[(&str, &str)] = &[
    // no URL, or none that a crawler could fetch
    ("", "invalid_url"),
    ("   ", "invalid_url"),
    ("example.com", "invalid_url"),
    ("/pricing", "invalid_url"),
    ("//example.com/", "invalid_url"),
    ("https://", "invalid_url"),
    ("https://exa mple.com/", "invalid_url"),
    ("https://example.com:99999/", "invalid_url"),
    ("https://example.com:port/", "invalid_url"),
    ("http://[::1", "invalid_url"),
    ("http://[fe80::1%25eth0]/", "invalid_url"),
    ("http://1.2.3.4.5/", "invalid_url"),
    ("http://256.256.256.256/", "invalid_url"),
    ("http://0x100000000/", "invalid_url"),
    ("http://127.0.0.08/", "invalid_url"),
    // schemes
    ("file:///etc/passwd", "unsupported_scheme"),
    ("FILE:///etc/passwd", "unsupported_scheme"),
    ("file://localhost/etc/passwd", "unsupported_scheme"),
    ("ftp://example.com/", "unsupported_scheme"),
    ("gopher://127.0.0.1:6379/_FLUSHALL", "unsupported_scheme"),
    ("data:text/html,<h1>x</h1>", "unsupported_scheme"),
    ("javascript:alert(1)", "unsupported_scheme"),
    ("blob:https://example.com/5f0c", "unsupported_scheme"),
    ("ws://example.com/", "unsupported_scheme"),
    ("jar:http://example.com!/", "unsupported_scheme"),
    ("view-source:http://example.com/", "unsupported_scheme"),
    ("localhost:8080/admin", "unsupported_scheme"),
    // credentials
    ("https://user@example.com/", "url_credentials"),
    ("https://user:pass@example.com/", "url_credentials"),
    ("https://:pass@example.com/", "url_credentials"),
    ("https://example.com@127.0.0.1/", "url_credentials"),
    ("https://example.com%40x:@10.0.0.1/", "url_credentials"),
    // ports
    ("http://example.com:8080/", "blocked_port"),
    ("http://example.com:22/", "blocked_port"),
    ("https://example.com:5432/", "blocked_port"),
    ("https://example.com:6379/", "blocked_port"),
    ("https://example.com:0/", "blocked_port"),
    // local names
    ("http://localhost/", "blocked_host"),
    ("http://LOCALHOST/", "blocked_host"),
    ("http://localhost./", "blocked_host"),
    ("http://localhost:54321/functions/v1/", "blocked_host"),
    ("http://loc%61lhost/", "blocked_host"),
    ("http://ｌｏｃａｌｈｏｓｔ/", "blocked_host"),
    ("http://app.localhost/", "blocked_host"),
    ("http://printer.local/", "blocked_host"),
    ("http://printer.local./", "blocked_host"),
    ("http://db.internal/", "blocked_host"),
    ("http://router.home.arpa/", "blocked_host"),
    ("http://ipv4only.arpa/", "blocked_host"),
    ("http://nas.lan/", "blocked_host"),
    ("http://wiki.corp/", "blocked_host"),
    ("http://wiki.intranet/", "blocked_host"),
    ("http://host.localdomain/", "blocked_host"),
    ("http://hidden.onion/", "blocked_host"),
    ("http://site.test/", "blocked_host"),
    ("http://kong/", "blocked_host"),
    ("http://kong:8000/", "blocked_host"),
    ("http://host.docker.internal/", "blocked_host"),
    ("http://com/", "blocked_host"),
    ("http://com./", "blocked_host"),
    ("https://example.com./", "blocked_host"),
    ("https://example.com../", "blocked_host"),
    ("http://localhost../", "blocked_host"),
    ("http://127.0.0.1../", "blocked_address"),
    ("http://./", "invalid_url"),
    // metadata
    ("http://metadata/computeMetadata/v1/", "blocked_host"),
    (
        "http://metadata.google.internal/computeMetadata/v1/",
        "blocked_host",
    ),
    ("http://metadata.google.internal./", "blocked_host"),
    ("http://metadata.goog/", "blocked_host"),
    ("http://instance-data.ec2.internal/", "blocked_host"),
    ("http://metadata.tencentyun.com/", "blocked_host"),
    ("http://metadata.packet.net/", "blocked_host"),
    (
        "http://169.254.169.254/latest/meta-data/",
        "blocked_address",
    ),
    ("http://169.254.170.2/v2/credentials", "blocked_address"),
    (
        "http://100.100.100.200/latest/meta-data/",
        "blocked_address",
    ),
    ("http://168.63.129.16/machine", "blocked_address"),
    ("http://192.0.0.192/latest/", "blocked_address"),
    ("http://[fd00:ec2::254]/latest/", "blocked_address"),
    // IPv4 addresses as they stand
    ("http://127.0.0.1/", "blocked_address"),
    ("http://127.0.0.1:54321/", "blocked_address"),
    ("http://127.255.255.254/", "blocked_address"),
    ("http://127.0.0.1./", "blocked_address"),
    ("http://0.0.0.0/", "blocked_address"),
    ("http://0.1.2.3/", "blocked_address"),
    ("http://10.1.2.3/", "blocked_address"),
    ("http://172.16.0.1/", "blocked_address"),
    ("http://172.31.255.255/", "blocked_address"),
    ("http://192.168.1.1/", "blocked_address"),
    ("http://100.64.0.1/", "blocked_address"),
    ("http://198.18.0.1/", "blocked_address"),
    ("http://192.0.2.1/", "blocked_address"),
    ("http://198.51.100.7/", "blocked_address"),
    ("http://203.0.113.9/", "blocked_address"),
    ("http://192.88.99.1/", "blocked_address"),
    ("http://224.0.0.1/", "blocked_address"),
    ("http://240.0.0.1/", "blocked_address"),
    ("http://255.255.255.255/", "blocked_address"),
    // and in disguise
    ("http://2130706433/", "blocked_address"),
    ("http://0x7f000001/", "blocked_address"),
    ("http://0x7f.1/", "blocked_address"),
    ("http://0X7F.0.0.0x1/", "blocked_address"),
    ("http://017700000001/", "blocked_address"),
    ("http://0177.0.0.1/", "blocked_address"),
    ("http://127.1/", "blocked_address"),
    ("http://127.0.1/", "blocked_address"),
    ("http://0/", "blocked_address"),
    ("http://0x0/", "blocked_address"),
    ("http://10.1/", "blocked_address"),
    ("http://3232235777/", "blocked_address"),
    ("http://0xa9fea9fe/latest/", "blocked_address"),
    ("http://0251.0376.0251.0376/", "blocked_address"),
    ("http://2852039166/", "blocked_address"),
    ("http://%31%32%37.0.0.1/", "blocked_address"),
    ("http://１２７.０.０.１/", "blocked_address"),
    ("http://①②⑦.⓪.⓪.①/", "blocked_address"),
    ("http://127。0。0。1/", "blocked_address"),
    ("http://127.0.0.1\\@example.com/", "blocked_address"),
    ("http:\\\\127.0.0.1\\", "blocked_address"),
    ("http:127.0.0.1/", "blocked_address"),
    ("http:/127.0.0.1/", "blocked_address"),
    ("\thttp://127.0.\n0.1/", "blocked_address"),
    ("http://127.0.0.1#@example.com/", "blocked_address"),
    ("http://127.0.0.1?.example.com/", "blocked_address"),
    // IPv6
    ("http://[::1]/", "blocked_address"),
    ("http://[0:0:0:0:0:0:0:1]/", "blocked_address"),
    ("http://[::1]:443/", "blocked_address"),
    ("http://[::]/", "blocked_address"),
    ("http://[::ffff:127.0.0.1]/", "blocked_address"),
    ("http://[::ffff:7f00:1]/", "blocked_address"),
    ("http://[0:0:0:0:0:ffff:a9fe:a9fe]/", "blocked_address"),
    ("http://[::ffff:93.184.215.14]/", "blocked_address"),
    ("http://[::127.0.0.1]/", "blocked_address"),
    ("http://[64:ff9b::7f00:1]/", "blocked_address"),
    ("http://[64:ff9b:1::a00:1]/", "blocked_address"),
    ("http://[2002:7f00:1::]/", "blocked_address"),
    ("http://[2001:0:53aa:64c::1]/", "blocked_address"),
    ("http://[fc00::1]/", "blocked_address"),
    ("http://[fd12:3456:789a::1]/", "blocked_address"),
    ("http://[fe80::1]/", "blocked_address"),
    ("http://[fec0::1]/", "blocked_address"),
    ("http://[ff02::1]/", "blocked_address"),
    ("http://[100::1]/", "blocked_address"),
    ("http://[2001:db8::1]/", "blocked_address"),
    ("http://[3fff::1]/", "blocked_address"),
    ("http://[4000::1]/", "blocked_address"),
];

const ALLOWED: &[(&str, &str, u16, bool)] = &[
    ("https://example.com/", "https://example.com/", 443, true),
    ("http://example.com", "http://example.com/", 80, true),
    (
        "  https://example.com/a b ",
        "https://example.com/a%20b",
        443,
        true,
    ),
    (
        "HTTPS://EXAMPLE.COM/Path?q=1#part",
        "https://example.com/Path?q=1#part",
        443,
        true,
    ),
    (
        "https://example.com:443/",
        "https://example.com/",
        443,
        true,
    ),
    (
        "http://example.com:443/",
        "http://example.com:443/",
        443,
        true,
    ),
    (
        "https://example.com:80/",
        "https://example.com:80/",
        80,
        true,
    ),
    (
        "https://blog.example.co.uk/x",
        "https://blog.example.co.uk/x",
        443,
        true,
    ),
    (
        "https://bücher.example.com/",
        "https://xn--bcher-kva.example.com/",
        443,
        true,
    ),
    (
        "https://my_site.example.com/",
        "https://my_site.example.com/",
        443,
        true,
    ),
    (
        "https://localhost.example.com/",
        "https://localhost.example.com/",
        443,
        true,
    ),
    ("https://notlocal.com/", "https://notlocal.com/", 443, true),
    ("https://mylocal.net/", "https://mylocal.net/", 443, true),
    (
        "https://internal.example.com/",
        "https://internal.example.com/",
        443,
        true,
    ),
    (
        "https://10.0.0.1.example.com/",
        "https://10.0.0.1.example.com/",
        443,
        true,
    ),
    (
        "https://1.example.com/",
        "https://1.example.com/",
        443,
        true,
    ),
    ("https://xn--p1ai.com/", "https://xn--p1ai.com/", 443, true),
    (
        "https://example.com/?next=http://127.0.0.1/",
        "https://example.com/?next=http://127.0.0.1/",
        443,
        true,
    ),
    (
        "https://example.com/@user:x",
        "https://example.com/@user:x",
        443,
        true,
    ),
    ("http://93.184.215.14/", "http://93.184.215.14/", 80, false),
    ("http://1.1/", "http://1.0.0.1/", 80, false),
    ("http://172.32.0.1/", "http://172.32.0.1/", 80, false),
    ("http://100.128.0.1/", "http://100.128.0.1/", 80, false),
    ("http://169.253.0.1/", "http://169.253.0.1/", 80, false),
    (
        "https://[2606:4700::1111]/",
        "https://[2606:4700::1111]/",
        443,
        false,
    ),
];

#[test]
fn urls_that_are_not_public_pages_are_refused_with_their_code() {
    let wrong: Vec<_> = REFUSED
        .iter()
        .map(|(url, code)| (url, code, outcome(check(url))))
        .filter(|(_, code, got)| *code != got)
        .collect();
    assert!(wrong.is_empty(), "(url, expected, got): {wrong:#?}");
}

#[test]
fn public_pages_are_allowed_in_their_normal_form() {
    for &(url, href, port, resolve) in ALLOWED {
        let allowed = check(url).unwrap_or_else(|refused| panic!("{url}: {refused:?}"));
        assert_eq!(
            (allowed.href.as_str(), allowed.port, allowed.resolve),
            (href, port, resolve),
            "{url}"
        );
    }
}

#[test]
fn every_code_of_a_refusal_is_a_permanent_crawl_code() {
    for (_, code) in REFUSED {
        let known = CRAWL_CODES.iter().find(|(name, ..)| name == code);
        assert!(
            known.is_some_and(|(_, kind, _)| *kind == ErrorKind::Permanent),
            "{code}"
        );
    }
}

#[test]
fn a_url_that_is_too_long_is_refused() {
    let base = "https://example.com/";
    let path = "a".repeat(MAX_URL_BYTES - base.len());
    assert_eq!(outcome(check(&format!("{base}{path}"))), "ok");
    assert_eq!(outcome(check(&format!("{base}{path}a"))), "invalid_url");
    let growing = "é".repeat(MAX_URL_BYTES / 3);
    assert_eq!(
        outcome(check(&format!("{base}{growing}"))),
        "invalid_url",
        "what counts is the normal form"
    );
}

#[test]
fn a_refusal_says_what_is_wrong() {
    for (url, message) in [
        (
            "nonsense",
            "this is not an absolute URL such as https://example.com/page",
        ),
        (
            "ftp://example.com/",
            "only http and https can be crawled, not ftp",
        ),
        (
            "https://a:b@example.com/",
            "the URL must not hold a user name or a password",
        ),
        (
            "https://example.com:8080/",
            "only the ports 80 and 443 can be crawled, not 8080",
        ),
        (
            "http://kong:8000/",
            "kong is a local name, not a public site",
        ),
        (
            "http://0x7f.1/",
            "127.0.0.1 is a loopback address (127.0.0.0/8), not a public address",
        ),
        (
            "https://example.com./",
            "write the host without the dot at its end: example.com",
        ),
    ] {
        assert_eq!(check(url).unwrap_err().message, message);
    }
}

#[test]
fn an_allowed_host_may_be_private_on_its_port_only() {
    let allowed = [
        "127.0.0.1:8080".to_owned(),
        "Wiki.Corp".to_owned(),
        "[::1]:9000".to_owned(),
        "kong:8000".to_owned(),
    ];
    let hosts = HostRules {
        allowed: &allowed,
        blocked: &[],
    };
    for (url, expected) in [
        ("http://127.0.0.1:8080/page.html", "ok"),
        ("http://0x7f.1:8080/", "ok"),
        ("http://2130706433:8080/", "ok"),
        ("http://127.0.0.1:8081/", "blocked_address"),
        ("http://127.0.0.1/", "blocked_address"),
        ("http://127.0.0.2:8080/", "blocked_address"),
        ("http://wiki.corp/", "ok"),
        ("https://wiki.corp/", "ok"),
        ("https://wiki.corp./", "ok"),
        ("http://wiki.corp:8080/", "blocked_host"),
        ("http://sub.wiki.corp/", "blocked_host"),
        ("http://[::1]:9000/", "ok"),
        ("http://[::1]:9001/", "blocked_address"),
        ("http://kong:8000/", "ok"),
        ("http://kong/", "blocked_host"),
        ("http://user@kong:8000/", "url_credentials"),
        ("ftp://kong:8000/", "unsupported_scheme"),
        ("https://example.com/", "ok"),
    ] {
        assert_eq!(outcome(check_with(url, hosts)), expected, "{url}");
    }
    assert!(
        !check_with("http://kong:8000/", hosts).unwrap().resolve,
        "its private address is wanted"
    );
}

#[test]
fn a_blocked_host_is_refused_with_its_subdomains_and_though_allowed() {
    let blocked = ["abc.supabase.co".to_owned(), "127.0.0.1:54321".to_owned()];
    let allowed = ["127.0.0.1:54321".to_owned(), "127.0.0.1:8080".to_owned()];
    let hosts = HostRules {
        allowed: &allowed,
        blocked: &blocked,
    };
    for (url, expected) in [
        ("https://abc.supabase.co/rest/v1/", "blocked_host"),
        ("https://ABC.supabase.co./", "blocked_host"),
        ("https://abc.supabase.co:8443/", "blocked_host"),
        ("https://functions.abc.supabase.co/", "blocked_host"),
        ("https://xabc.supabase.co/", "ok"),
        ("https://supabase.co/", "ok"),
        ("http://127.0.0.1:54321/", "blocked_host"),
        ("http://127.0.0.1:8080/", "ok"),
    ] {
        assert_eq!(outcome(check_with(url, hosts)), expected, "{url}");
    }
}

#[test]
fn senseless_entries_allow_nothing() {
    let allowed: Vec<String> = [
        "",
        ":",
        ":80",
        "*",
        "*:80",
        "127.0.0.1:",
        "127.0.0.1:x",
        "http://127.0.0.1",
    ]
    .map(String::from)
    .into();
    let hosts = HostRules {
        allowed: &allowed,
        blocked: &[],
    };
    assert_eq!(
        outcome(check_with("http://127.0.0.1/", hosts)),
        "blocked_address"
    );
    assert_eq!(
        outcome(check_with("http://localhost/", hosts)),
        "blocked_host"
    );
}

proptest! {
    #[test]
    fn no_spelling_of_a_private_ipv4_address_is_allowed(tail in 0u32..1 << 24, form in 0usize..6) {
        let bits = 10 << 24 | tail;
        let [a, b, c, d] = bits.to_be_bytes();
        let host = match form {
            0 => format!("{bits}"),
            1 => format!("{bits:#x}"),
            2 => format!("0{bits:o}"),
            3 => format!("{a}.{b}.{}", tail & 0xffff),
            4 => format!("{a}.{tail}"),
            _ => format!("[::ffff:{a}.{b}.{c}.{d}]"),
        };
        prop_assert_eq!(outcome(check(&format!("http://{}/", host))), "blocked_address");
    }

    #[test]
    fn any_text_gets_an_answer(url in ".{0,200}") {
        let _ = check(&url);
    }

    #[test]
    fn what_is_allowed_is_allowed_again_in_its_normal_form(host in "[a-z]{1,10}\\.(com|de|co\\.uk)", path in "[ -~]{0,40}") {
        if let Ok(first) = check(&format!("https://{host}/{path}")) {
            prop_assert_eq!(check(&first.href), Ok(first));
        }
    }
}
