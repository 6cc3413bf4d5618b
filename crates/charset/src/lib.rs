//! Bytes of a response to text, as browsers decide it.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into the page its own declaration is looked for. The standard says 1,024; pages put
/// scripts before it.
const PRESCAN_BYTES: usize = 4096;

/// Decodes HTML by its byte order mark, else the charset of `content_type` (a Content-Type header,
/// may be empty), else its `<meta charset>`, else UTF-8 where it is valid, else windows-1252.
/// Malformed sequences become U+FFFD; it never fails.
pub fn decode_html(bytes: &[u8], content_type: &str) -> String {
    let encoding = Encoding::for_bom(bytes)
        .map(|(encoding, _)| encoding)
        .or_else(|| charset_label(content_type.as_bytes()).and_then(Encoding::for_label))
        .or_else(|| declared(bytes))
        .unwrap_or_else(|| match std::str::from_utf8(bytes) {
            Ok(_) => UTF_8,
            // A page cut off inside a character is still UTF-8.
            Err(error) if error.error_len().is_none() => UTF_8,
            Err(_) => WINDOWS_1252,
        });
    encoding.decode(bytes).0.into_owned()
}

/// The encoding that a `<meta>` near the start names.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(PRESCAN_BYTES)];
    let mut from = 0;
    while let Some(found) = find_ignore_case(&head[from..], b"<meta") {
        let start = from + found + 5;
        let end = memchr::memchr(b'>', &head[start..]).map_or(head.len(), |end| start + end);
        if let Some(encoding) = charset_label(&head[start..end]).and_then(Encoding::for_label) {
            // ASCII was read so far, so it cannot be UTF-16 whatever it says.
            return Some(if encoding == UTF_16BE || encoding == UTF_16LE {
                UTF_8
            } else {
                encoding
            });
        }
        from = end;
    }
    None
}

/// What follows `charset=`.
fn charset_label(text: &[u8]) -> Option<&[u8]> {
    let after = &text[find_ignore_case(text, b"charset")? + 7..];
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
