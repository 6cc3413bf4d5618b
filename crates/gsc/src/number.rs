//! Numbers as spreadsheets write them.
//!
//! `1,234` is a thousand in an English export and a fraction in a German one. The caller says
//! whether the file may have a decimal comma, and so a full stop between thousands.

/// A count such as `1,234`, `1 234`, `1234` or `12.0`. `None` when it is no whole number.
pub(crate) fn parse_count(text: &str, decimal_comma: bool) -> Option<f64> {
    let text = text.trim();
    let grouped = ungroup(text, |c| {
        is_group_separator(c) || (decimal_comma && c == '.')
    });
    let value = parse_plain(grouped.as_deref().unwrap_or(text))?;
    (value.fract() == 0.0).then_some(value)
}

/// A position such as `7.2`, `7,2` or `1,234.5`.
pub(crate) fn parse_decimal(text: &str, decimal_comma: bool) -> Option<f64> {
    let text = text.trim();
    let (whole, fraction) = match text.rsplit_once('.') {
        Some(parts) => parts,
        None => match text.rsplit_once(',') {
            Some((whole, fraction)) if decimal_comma || fraction.len() != 3 => (whole, fraction),
            _ => (text, ""),
        },
    };
    let whole = ungroup(whole, is_group_separator).unwrap_or_else(|| whole.to_owned());
    if fraction.is_empty() {
        parse_plain(&whole)
    } else {
        parse_plain(&format!("{whole}.{fraction}"))
    }
}

/// A position. Nothing ranks in the thousands, so `8,125` is 8.125 in every language.
pub(crate) fn parse_position(text: &str, decimal_comma: bool) -> Option<f64> {
    let value = parse_decimal(text, decimal_comma)?;
    match text.trim().split_once(',') {
        Some((whole, fraction)) if value >= 1000.0 && !fraction.contains([',', '.']) => {
            parse_plain(&format!("{whole}.{fraction}"))
        }
        _ => Some(value),
    }
}

/// `'` is Switzerland's separator; the spaces are plain, no-break and narrow no-break.
fn is_group_separator(c: char) -> bool {
    matches!(c, ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}')
}

/// The digits without the thousands separators; `None` unless every group but the first has three.
fn ungroup(text: &str, is_separator: impl Fn(char) -> bool + Copy) -> Option<String> {
    let mut groups = text.split(is_separator);
    let first = groups.next()?;
    let well_formed = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    if first.is_empty() || first.len() > 3 || !well_formed(first) {
        return None;
    }
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || !well_formed(group) {
            return None;
        }
        digits.push_str(group);
    }
    Some(digits)
}

/// Digits with an optional fraction. Stricter than `f64::from_str`, which also reads `inf` and `1e9`.
fn parse_plain(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain && digits.starts_with(|c: char| c.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (text, decimal_comma, expected) in [
            ("0", false, Some(0.0)),
            ("1234", false, Some(1234.0)),
            ("1,234", false, Some(1234.0)),
            ("1,234,567", false, Some(1_234_567.0)),
            (" 1 234 ", false, Some(1234.0)),
            ("1\u{202f}234", true, Some(1234.0)),
            ("1'234", true, Some(1234.0)),
            ("1.234", true, Some(1234.0)),
            ("1.234.567", true, Some(1_234_567.0)),
            ("12.0", false, Some(12.0)),
            ("12.0", true, Some(12.0)),
            ("-5", false, Some(-5.0)),
            ("1.234", false, None),
            ("1,23", false, None),
            ("12,34,567", false, None),
            ("1234,567", false, None),
            (",234", false, None),
            ("1e9", false, None),
            ("inf", false, None),
            ("NaN", false, None),
            ("", false, None),
            ("-", false, None),
            ("12%", false, None),
            ("twelve", false, None),
        ] {
            assert_eq!(
                parse_count(text, decimal_comma),
                expected,
                "{text:?} {decimal_comma}",
            );
        }
    }

    #[test]
    fn decimals() {
        for (text, decimal_comma, expected) in [
            ("7.2", false, Some(7.2)),
            ("7", false, Some(7.0)),
            ("7,2", false, Some(7.2)),
            ("7,25", true, Some(7.25)),
            ("1,234", false, Some(1234.0)),
            ("1,234", true, Some(1.234)),
            ("1,234.5", false, Some(1234.5)),
            ("12.345", false, Some(12.345)),
            ("-1.5", false, Some(-1.5)),
            ("7.2.1", false, None),
            ("7,2,1", false, None),
            ("", false, None),
            (".", false, None),
            ("first", false, None),
        ] {
            assert_eq!(
                parse_decimal(text, decimal_comma),
                expected,
                "{text:?} {decimal_comma}",
            );
        }
    }
}
