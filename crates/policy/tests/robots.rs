use std::time::{Duration, Instant};

use pageperfect_policy::robots::robots_allows;
use proptest::prelude::*;

fn allows(robots_txt: &str, path: &str) -> bool {
    robots_allows(robots_txt, "PagePerfect", path)
}

#[test]
fn rules_by_path() {
    let table: &[(&str, &str, bool)] = &[
        ("", "/", true),
        ("Disallow:", "/a", true),
        ("Disallow: /", "/a", false),
        ("Disallow: /a", "/a", false),
        ("Disallow: /a", "/abc?x", false),
        ("Disallow: /a", "/b/a", true),
        ("Disallow: /a/", "/a", true),
        ("Disallow: /A", "/a", true),
        ("disallow : /a # not here", "/a", false),
        ("Disallow: # all is open", "/a", true),
        // the longest rule, and allow between equals
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", true),
        ("Disallow: /a/b\nAllow: /a", "/a/b/c", false),
        ("Disallow: /a\nAllow: /a", "/a", true),
        ("Allow: /a\nDisallow: /a", "/a", true),
        // stars and the end
        ("Disallow: *", "/a", false),
        ("Disallow: /*.pdf", "/x/y.pdf?z", false),
        ("Disallow: /*.pdf$", "/x/y.pdf?z", true),
        ("Disallow: /*.pdf$", "/x.pdf/y.pdf", false),
        ("Disallow: /a*b*c$", "/a-b-b-c", false),
        ("Disallow: /a*b*c$", "/a-c-b", true),
        ("Disallow: /a*", "/a", false),
        ("Disallow: /$", "/", false),
        ("Disallow: /$", "/a", true),
        ("Disallow: /*?", "/a?b", false),
        ("Disallow: /a$b", "/a$b", false),
        // one piece cannot serve as the beginning and the end
        ("Disallow: /aa*a$", "/aa", true),
        // spellings of one path
        ("Disallow: /caf\u{e9}", "/caf%C3%A9", false),
        ("Disallow: /caf%c3%a9", "/caf%C3%A9", false),
        ("Disallow: /%7Ejoe", "/~joe", false),
        ("Disallow: /a%2Fb", "/a/b", true),
        ("Disallow: /100%", "/100%", false),
        // what is no rule
        ("Disallow /a", "/a", true),
        (
            "Crawl-delay: 10\nSitemap: https://site.org/s.xml",
            "/a",
            true,
        ),
    ];
    for (rules, path, expected) in table {
        let robots_txt = format!("User-agent: *\n{rules}");
        assert_eq!(allows(&robots_txt, path), *expected, "{rules:?} {path}");
    }
}

#[test]
fn groups_by_product() {
    let table: &[(&str, bool)] = &[
        // a group of our own sets aside that of everybody, wherever it stands
        (
            "User-agent: *\nDisallow: /\n\nUser-agent: pageperfect\nDisallow: /b",
            true,
        ),
        (
            "User-agent: PagePerfect\nDisallow: /a\n\nUser-agent: *\nAllow: /",
            false,
        ),
        (
            "User-agent: PagePerfect\n\nUser-agent: Other\nDisallow: /",
            false,
        ),
        ("User-agent: PagePerfect/2.0 (x)\nDisallow: /a", false),
        ("User-agent: PagePerfectBot\nDisallow: /a", true),
        ("User-agent: Other\nDisallow: /a", true),
        // several names for one group, several groups of one name
        (
            "User-agent: Other\nUser-agent: PagePerfect\nDisallow: /a",
            false,
        ),
        (
            "User-agent: PagePerfect\nDisallow: /b\nUser-agent: PagePerfect\nDisallow: /a",
            false,
        ),
        (
            "User-agent: PagePerfect\nCrawl-delay: 1\nDisallow: /a",
            false,
        ),
        (
            "User-agent: Other\nSitemap: /s\nUser-agent: *\nDisallow: /a",
            false,
        ),
        // rules before any group belong to nobody
        ("Disallow: /a", true),
        ("\u{feff}User-agent: *\r\nDisallow: /a\r\n", false),
        ("User-agent: *\rDisallow: /a", false),
        ("USER-AGENT:*\nDISALLOW:/a", false),
        ("<html><body>User-agent: none of this</body></html>", true),
    ];
    for (robots_txt, expected) in table {
        assert_eq!(allows(robots_txt, "/a"), *expected, "{robots_txt:?}");
    }
}

#[test]
fn a_hostile_file_costs_no_time() {
    let path = format!("/{}", "a".repeat(2_000));
    for rule in [
        format!("Disallow: {}b\n", "*a".repeat(1_900)),
        format!("Disallow: *{}b\n", "a".repeat(1_900)),
        "Disallow: *ab\n".into(),
        "Disallow: *a$\n".into(),
    ] {
        let robots_txt = format!("User-agent: *\n{}", rule.repeat(500_000 / rule.len()));
        let started_at = Instant::now();
        allows(&robots_txt, &path);
        // Less than a second without optimisation; work that multiplies with each star takes hours.
        assert!(
            started_at.elapsed() < Duration::from_secs(120),
            "{}",
            &rule[..20.min(rule.len())]
        );
    }
}

/// The same by trying everything.
fn glob(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => true,
        [b'$'] => path.is_empty(),
        [b'*', rest @ ..] => (0..=path.len()).any(|at| glob(rest, &path[at..])),
        [first, rest @ ..] => path.first() == Some(first) && glob(rest, &path[1..]),
    }
}

proptest! {
    #[test]
    fn a_rule_matches_as_trying_everything_does(pattern in "/[ab*]{0,8}\\$?", path in "/[ab]{0,8}") {
        let robots_txt = format!("User-agent: *\nDisallow: {pattern}");
        prop_assert_eq!(!allows(&robots_txt, &path), glob(pattern.as_bytes(), path.as_bytes()));
    }

    #[test]
    fn any_text_is_read(robots_txt in "(?s)(User-agent: ?\\*?\n|Disallow:|Allow:|.){0,60}", path in ".{0,20}") {
        allows(&robots_txt, &path);
    }
}
