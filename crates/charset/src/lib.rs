//! Bytes of a response to text, as browsers decide it.

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// How far into the page its own declaration is looked for. The standard says 1,024; pages put
/// scripts before it.
const PRESCAN_BYTES: usize = 4096;
/// The detector has seen enough after this.
const DETECT_BYTES: usize = 200_000;

/// Decodes HTML by its byte order mark, else the charset of `content_type` (a Content-Type header,
/// may be empty), else what the page declares itself (`<meta charset>`, `<meta http-equiv>`,
/// `<?xml encoding?>`), else UTF-8 where it is valid, else what its bytes look like (chardetng, as
/// in Firefox). Malformed sequences become U+FFFD; it never fails.
pub fn decode_html(bytes: &[u8], content_type: &str) -> String {
    let encoding = Encoding::for_bom(bytes)
        .map(|(encoding, _)| encoding)
        .or_else(|| charset_label(content_type.as_bytes()).and_then(Encoding::for_label))
        .or_else(|| declared(bytes))
        .unwrap_or_else(|| match std::str::from_utf8(bytes) {
            Ok(_) => UTF_8,
            // A page cut off inside a character is still UTF-8.
            Err(error) if error.error_len().is_none() => UTF_8,
            Err(_) => detected(bytes),
        });
    encoding.decode(bytes).0.into_owned()
}

/// What bytes that are not UTF-8 look like.
fn detected(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new();
    detector.feed(&bytes[..bytes.len().min(DETECT_BYTES)], true);
    detector.guess(None, false)
}

/// The encoding that the start of the page declares: the standard's prescan, with the XML
/// declaration that browsers read as well. What stands in comments is not read.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(PRESCAN_BYTES)];
    if let Some(encoding) = xml_declaration(head) {
        return Some(encoding);
    }
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', &head[at..]) {
        at += found;
        let rest = &head[at..];
        if rest.starts_with(b"<!--") {
            // `<!-->` is a comment of its own.
            at += 2 + memchr::memmem::find(&rest[2..], b"-->")? + 3;
            continue;
        }
        let is_meta = rest
            .get(1..5)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"meta"))
            && rest
                .get(5)
                .is_some_and(|next| next.is_ascii_whitespace() || *next == b'/');
        let (attributes, len) = attributes(&rest[1..]);
        if is_meta && let Some(encoding) = meta_encoding(&attributes) {
            return Some(encoding);
        }
        at += 1 + len;
    }
    None
}

fn xml_declaration(head: &[u8]) -> Option<&'static Encoding> {
    let declaration = head.strip_prefix(b"<?xml")?;
    let end = memchr::memchr(b'>', declaration)?;
    let label = label_after(&declaration[..end], b"encoding")?;
    Encoding::for_label(label).map(ascii_compatible)
}

/// ASCII was read so far, so it cannot be UTF-16 whatever it says.
fn ascii_compatible(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16BE || encoding == UTF_16LE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    }
}

/// What a `<meta>` declares: by `charset`, or by `content` where `http-equiv` is a content type.
fn meta_encoding(attributes: &[Attribute]) -> Option<&'static Encoding> {
    let get = |wanted: &[u8]| {
        let mut found = attributes
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| *value)
    };
    let of_content = || {
        let is_type = get(b"http-equiv")?
            .trim_ascii()
            .eq_ignore_ascii_case(b"content-type");
        charset_label(get(b"content")?).filter(|_| is_type)
    };
    let label = get(b"charset").or_else(of_content)?;
    Encoding::for_label(label).map(ascii_compatible)
}

/// The name and the value of an attribute.
type Attribute<'t> = (&'t [u8], &'t [u8]);

/// The attributes of a tag from its name on, and how long it is up to behind its `>`.
fn attributes(tag: &[u8]) -> (Vec<Attribute<'_>>, usize) {
    let mut found = Vec::new();
    let is_end = |byte: &u8| *byte == b'>';
    let skip = |from: usize, stop: &dyn Fn(&u8) -> bool| {
        tag[from..]
            .iter()
            .position(stop)
            .map_or(tag.len(), |end| from + end)
    };
    let mut at = skip(0, &|b| b.is_ascii_whitespace() || is_end(b) || *b == b'<');
    loop {
        at = skip(at, &|b| !b.is_ascii_whitespace() && *b != b'/');
        match tag.get(at) {
            None => return (found, at),
            Some(b'>') => return (found, at + 1),
            _ => {}
        }
        let start = at;
        at = skip(at + 1, &|b| {
            b.is_ascii_whitespace() || is_end(b) || matches!(b, b'=' | b'/')
        });
        let name = &tag[start..at];
        let value = skip(at, &|b| !b.is_ascii_whitespace());
        if tag.get(value) != Some(&b'=') {
            found.push((name, &tag[0..0]));
            continue;
        }
        let start = skip(value + 1, &|b| !b.is_ascii_whitespace());
        match tag.get(start) {
            Some(quote @ (b'"' | b'\'')) => {
                let end = skip(start + 1, &|b| b == quote);
                found.push((name, &tag[start + 1..end]));
                at = (end + 1).min(tag.len());
            }
            _ => {
                at = skip(start, &|b| b.is_ascii_whitespace() || is_end(b));
                found.push((name, &tag[start..at]));
            }
        }
    }
}

/// What follows `charset=`.
fn charset_label(text: &[u8]) -> Option<&[u8]> {
    label_after(text, b"charset")
}

/// What follows `name=`, quoted or not.
fn label_after<'t>(text: &'t [u8], name: &[u8]) -> Option<&'t [u8]> {
    let after = &text[find_ignore_case(text, name)? + name.len()..];
    let after = after
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let after = after
        .strip_prefix(b"\"")
        .or_else(|| after.strip_prefix(b"'"))
        .unwrap_or(after);
    let is_label =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.' | b'+');
    let len = after.iter().take_while(|b| is_label(b)).count();
    (len > 0).then(|| &after[..len])
}

fn find_ignore_case(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted))
}
