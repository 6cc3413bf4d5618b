use flate2::Compression;
use flate2::write::GzEncoder;
use pageperfect_site::sitemap::{Entry, MAX_ENTRIES, SitemapError, parse};
use std::io::Write;

const URLSET: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url>
    <loc>https://example.com/a?x=1&amp;y=2</loc>
    <lastmod>2026-01-31</lastmod>
    <image:image><image:loc>https://example.com/a.jpg</image:loc></image:image>
  </url>
  <url><loc><![CDATA[https://example.com/b]]></loc></url>
  <url><loc> </loc></url>
</urlset>"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn entry(url: &str, last_modified: Option<&str>) -> Entry {
    Entry {
        url: url.to_owned(),
        last_modified: last_modified.map(str::to_owned),
    }
}

#[test]
fn pages_of_a_sitemap_packed_or_not() {
    for bytes in [URLSET.as_bytes().to_vec(), gzip(URLSET.as_bytes())] {
        let sitemap = parse(&bytes).unwrap();
        assert_eq!(
            sitemap.pages,
            [
                entry("https://example.com/a?x=1&y=2", Some("2026-01-31")),
                entry("https://example.com/b", None)
            ]
        );
        assert!(sitemap.sitemaps.is_empty());
    }
}

#[test]
fn sitemaps_of_an_index() {
    let index = r#"<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
      <sitemap><loc>https://example.com/1.xml.gz</loc></sitemap></sitemapindex>"#;
    let sitemap = parse(index.as_bytes()).unwrap();
    assert_eq!(
        sitemap.sitemaps,
        [entry("https://example.com/1.xml.gz", None)]
    );
    assert!(sitemap.pages.is_empty());
}

#[test]
fn plain_lists_of_addresses() {
    let sitemap = parse("\u{feff}https://example.com/a\r\n\nhttps://example.com/b\n".as_bytes());
    assert_eq!(sitemap.unwrap().pages.len(), 2);
}

#[test]
fn what_is_no_sitemap_is_refused() {
    for text in [
        "",
        "<html><body>Not found</body></html>",
        "nonsense",
        "<urlset><url></urlset>",
    ] {
        assert!(
            matches!(parse(text.as_bytes()), Err(SitemapError::NotASitemap(_))),
            "{text}"
        );
    }
    let mut cut = gzip(URLSET.as_bytes());
    cut.truncate(cut.len() / 2);
    assert!(matches!(parse(&cut), Err(SitemapError::Compression(_))));
}

#[test]
fn bombs_and_giants_are_refused() {
    let bomb = gzip(&vec![b' '; 60_000_000]);
    assert!(bomb.len() < 1_000_000);
    assert_eq!(parse(&bomb), Err(SitemapError::TooLarge));
    let lines = "https://example.com/a\n".repeat(MAX_ENTRIES + 1);
    assert_eq!(parse(lines.as_bytes()), Err(SitemapError::TooLarge));
}

#[test]
fn what_is_no_sitemap_says_what_it_is() {
    let message = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
    for page in [
        "<!DOCTYPE html><html><body><p>Not here<br></body></html>",
        "<HTML><head></head></HTML>",
        "<?xml version=\"1.0\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\"><body/></html>",
    ] {
        assert!(message(page).contains("it is a web page"), "{page}");
    }
    // Cut off between any two tags, no page of it is used.
    let whole = "<urlset><url><loc>https://example.com/a</loc></url><url><loc>https://example.com/b</loc></url></urlset>";
    for (end, _) in whole.match_indices('<').skip(1) {
        assert!(
            message(&whole[..end]).contains("it is cut off"),
            "{}",
            &whole[..end]
        );
    }
    assert_eq!(parse(whole.as_bytes()).unwrap().pages.len(), 2);
}
