//! Whether a robots.txt lets a crawler fetch a page, as RFC 9309 says.
//!
//! Own code, because the file is hostile input: the libraries for it match patterns in time that
//! grows with pattern times path, which is seconds for a file of the size a crawler must read.
//! Here a pattern costs one pass over the path.

/// Whether `robots_txt` allows the crawler `product` (its product token, such as `PagePerfect`) to
/// fetch `path`, which is a URL's path with its query.
///
/// The groups that name the product decide, else those of `*`. The longest rule that matches wins,
/// and allows when an equally long one forbids. `*` in a rule stands for anything, `$` for the end.
///
/// ```
/// use pageperfect_policy::robots::robots_allows;
///
/// let robots_txt = "User-agent: *\nDisallow: /private/\nAllow: /private/*.html$";
/// assert!(!robots_allows(robots_txt, "PagePerfect", "/private/a.pdf"));
/// assert!(robots_allows(robots_txt, "PagePerfect", "/private/a.html"));
/// ```
pub fn robots_allows(robots_txt: &str, product: &str, path: &str) -> bool {
    let path = normalize(path);
    let (mut named, mut general) = (Verdict::default(), Verdict::default());
    let (mut is_named, mut is_general, mut in_rules) = (false, false, true);
    let text = robots_txt.strip_prefix('\u{feff}').unwrap_or(robots_txt);
    for line in text.split(['\r', '\n']) {
        let line = line.split('#').next().unwrap_or_default();
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        if key.eq_ignore_ascii_case("user-agent") {
            if in_rules {
                (is_named, is_general, in_rules) = (false, false, false);
            }
            is_general |= value == "*";
            if product_token(value).eq_ignore_ascii_case(product) {
                is_named = true;
                named.is_addressed = true;
            }
            continue;
        }
        let allow = key.eq_ignore_ascii_case("allow");
        if !allow && !key.eq_ignore_ascii_case("disallow") {
            continue;
        }
        in_rules = true;
        if value.is_empty() || !(is_named || is_general) {
            continue;
        }
        let pattern = normalize(value);
        if matches(&pattern, &path) {
            if is_named {
                named.add(pattern.len(), allow);
            }
            if is_general {
                general.add(pattern.len(), allow);
            }
        }
    }
    let verdict = if named.is_addressed { named } else { general };
    verdict.allow.unwrap_or(true)
}

/// What the rules of some groups say so far.
#[derive(Default)]
struct Verdict {
    is_addressed: bool,
    length: usize,
    allow: Option<bool>,
}

impl Verdict {
    fn add(&mut self, length: usize, allow: bool) {
        if self.allow.is_none() || length > self.length || (length == self.length && allow) {
            self.length = length;
            self.allow = Some(allow);
        }
    }
}

/// The token that a user-agent line begins with: `FooBot/1.2 (x)` names `FooBot`.
fn product_token(value: &str) -> &str {
    let is_token = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '-';
    &value[..value.find(|c| !is_token(c)).unwrap_or(value.len())]
}

/// Taking each piece between stars where it first occurs leaves the most room for the next, so
/// nothing is ever tried twice.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, is_anchored) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return !is_anchored || rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    if is_anchored {
        rest.ends_with(last)
    } else {
        rest.contains(last)
    }
}

/// One spelling for what RFC 3986 calls equivalent: characters that need no escape stand for
/// themselves, all others beyond ASCII are escaped in capitals.
fn normalize(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let hex = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    let mut normal = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let mut byte = bytes[at];
        let mut is_escaped = !byte.is_ascii();
        at += 1;
        if byte == b'%'
            && let [high, low, ..] = bytes[at..]
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            byte = high << 4 | low;
            is_escaped = !(byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
            at += 2;
        }
        if is_escaped {
            normal.push('%');
            normal.push(DIGITS[usize::from(byte >> 4)] as char);
            normal.push(DIGITS[usize::from(byte & 15)] as char);
        } else {
            normal.push(byte as char);
        }
    }
    normal
}
