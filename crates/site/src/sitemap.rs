//! Sitemaps: which pages a site says it has.
//!
//! Format: <https://www.sitemaps.org/protocol.html>: an index names sitemaps, a sitemap names pages; either may be compressed by gzip.

use flate2::read::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Serialize;
use std::io::Read;

/// The protocol's own limits of one file: 50 MB without compression, 50,000 addresses.
pub const MAX_BYTES: u64 = 52_428_800;
pub const MAX_ENTRIES: usize = 50_000;

/// One `<loc>` with its `<lastmod>`, as the file has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub url: String,
    /// W3C date or time; nothing is made of it but a comparison with what it was.
    pub last_modified: Option<String>,
}

/// What a file holds: pages, or further sitemaps to be fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sitemap {
    pub pages: Vec<Entry>,
    pub sitemaps: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SitemapError {
    /// Not gzip although it begins so, or cut off.
    Compression(String),
    /// More than [`MAX_BYTES`] or [`MAX_ENTRIES`].
    TooLarge,
    /// Not XML, or XML without `<urlset>` and `<sitemapindex>`.
    NotASitemap(String),
}

impl std::fmt::Display for SitemapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Compression(why) => write!(f, "the sitemap cannot be unpacked: {why}"),
            Self::TooLarge => write!(
                f,
                "the sitemap is larger than the protocol allows, 50 MB and {MAX_ENTRIES} addresses: split it, with an index of its parts"
            ),
            Self::NotASitemap(why) => write!(f, "this is not a sitemap: {why}"),
        }
    }
}

impl std::error::Error for SitemapError {}

/// Reads a sitemap or an index, compressed or not. Plain text with an address a line is a sitemap as well.
///
/// # Errors
/// [`SitemapError`]; nothing of a broken file is used.
pub fn parse(bytes: &[u8]) -> Result<Sitemap, SitemapError> {
    let unpacked;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        unpacked = unpack(bytes)?;
        &unpacked
    } else {
        bytes
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SitemapError::TooLarge);
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("http://") || text.starts_with("https://") {
        return plain(text);
    }
    // Most pages are no XML: what is wrong with theirs would tell nobody that it is a page.
    let head: String = text.chars().take(1000).collect::<String>().to_lowercase();
    if head.contains("<!doctype html") || head.contains("<html") {
        return Err(SitemapError::NotASitemap(
            "it is a web page; the site's robots.txt may name the sitemap".into(),
        ));
    }
    xml(text)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, SitemapError> {
    let mut unpacked = Vec::new();
    // One byte more than is allowed tells a bomb from a large file.
    MultiGzDecoder::new(bytes)
        .take(MAX_BYTES + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| SitemapError::Compression(error.to_string()))?;
    Ok(unpacked)
}

fn plain(text: &str) -> Result<Sitemap, SitemapError> {
    let mut sitemap = Sitemap::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        push(&mut sitemap.pages, line.to_owned(), None)?;
    }
    Ok(sitemap)
}

fn push(
    entries: &mut Vec<Entry>,
    url: String,
    last_modified: Option<String>,
) -> Result<(), SitemapError> {
    if entries.len() == MAX_ENTRIES {
        return Err(SitemapError::TooLarge);
    }
    entries.push(Entry { url, last_modified });
    Ok(())
}

fn xml(text: &str) -> Result<Sitemap, SitemapError> {
    let not = |error: &dyn std::fmt::Display| SitemapError::NotASitemap(error.to_string());
    let mut reader = Reader::from_str(text);
    let mut sitemap = Sitemap::default();
    let mut is_known = false;
    let mut path: Vec<Vec<u8>> = Vec::new();
    let (mut url, mut modified) = (String::new(), String::new());
    loop {
        match reader.read_event().map_err(|error| not(&error))? {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_vec();
                is_known |= name == b"urlset" || name == b"sitemapindex";
                if name == b"url" || name == b"sitemap" {
                    url.clear();
                    modified.clear();
                }
                path.push(name);
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| not(&error))?;
                append(&path, &text, &mut url, &mut modified);
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|error| not(&error))?;
                append(&path, &text, &mut url, &mut modified);
            }
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character.to_string(),
                    _ => match &reference[..] {
                        b"amp" => "&",
                        b"lt" => "<",
                        b"gt" => ">",
                        b"quot" => "\"",
                        b"apos" => "'",
                        _ => "",
                    }
                    .to_owned(),
                };
                append(&path, &character, &mut url, &mut modified);
            }
            Event::End(_) => {
                let name = path.pop().unwrap_or_default();
                let entries = match &name[..] {
                    b"url" => &mut sitemap.pages,
                    b"sitemap" => &mut sitemap.sitemaps,
                    _ => continue,
                };
                if !url.trim().is_empty() {
                    let modified = modified.trim();
                    let modified = (!modified.is_empty()).then(|| modified.to_owned());
                    push(entries, url.trim().to_owned(), modified)?;
                }
            }
            Event::Eof if is_known && !path.is_empty() => {
                return Err(not(&"it is cut off"));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !is_known {
        return Err(not(&"it has neither <urlset> nor <sitemapindex>"));
    }
    Ok(sitemap)
}

/// Text counts inside `<loc>` and `<lastmod>` of an entry, not of an image or a video in it.
fn append(path: &[Vec<u8>], text: &str, url: &mut String, modified: &mut String) {
    let [.., entry, field] = path else { return };
    if entry != b"url" && entry != b"sitemap" {
        return;
    }
    match &field[..] {
        b"loc" => url.push_str(text),
        b"lastmod" => modified.push_str(text),
        _ => {}
    }
}
