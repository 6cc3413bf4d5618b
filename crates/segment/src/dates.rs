//! Dates as machines and people write them.

/// Names of months, each with those of all languages that are read; the first letters are enough.
const MONTHS: [&[&str]; 12] = [
    &[
        "jan", "ene", "gen", "janv", "sty", "янв", "led", "tammi", "jän",
    ],
    &["feb", "fév", "fev", "lut", "фев", "úno", "helmi", "febr"],
    &["mar", "mär", "maa", "mrt", "мар", "bře"],
    &["apr", "avr", "abr", "kwi", "апр", "dub", "huhti"],
    &[
        "may", "mai", "mei", "mag", "maj", "мая", "май", "kvě", "touko",
    ],
    &["jun", "juin", "giu", "cze", "июн", "červn", "kesä"],
    &["jul", "juil", "lug", "lip", "июл", "červenc", "heinä"],
    &["aug", "aoû", "aou", "ago", "sie", "авг", "srp", "elo"],
    &["sep", "set", "wrz", "сен", "zář", "syys"],
    &["oct", "okt", "ott", "out", "paź", "окт", "říj", "loka"],
    &["nov", "lis", "ноя", "marras"],
    &["dec", "dez", "dic", "déc", "gru", "дек", "pro", "joulu"],
];

/// What a machine or a reader may have written, as ISO 8601: as it is where it already is, else the
/// day alone. Years from 1990 to 2099.
pub fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > 60 {
        return None;
    }
    let bytes = text.as_bytes();
    let is_iso = bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_iso {
        let number = |from: usize, to: usize| text[from..to].parse::<u32>().unwrap_or(0);
        day(number(0, 4), number(5, 7), number(8, 10))?;
        let is_time = |byte: &u8| {
            byte.is_ascii_digit()
                || matches!(
                    byte,
                    b':' | b'.' | b'+' | b'-' | b'Z' | b'T' | b't' | b'z' | b' '
                )
        };
        return Some(if bytes[10..].iter().all(is_time) {
            text.to_owned()
        } else {
            text[..10].to_owned()
        });
    }
    if bytes.len() >= 8
        && bytes[..8].iter().all(u8::is_ascii_digit)
        && (bytes.len() == 8 || bytes[8] == b'T')
    {
        let number = |from: usize, to: usize| text[from..to].parse::<u32>().unwrap_or(0);
        return day(number(0, 4), number(4, 6), number(6, 8));
    }
    words(text)
}

/// Numbers and names of months, in any of the usual orders.
fn words(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect();
    let numbers: Vec<(usize, u32)> = parts
        .iter()
        .enumerate()
        .filter_map(|(at, part)| Some((at, leading_number(part)?)))
        .collect();
    let (year_at, year) = *numbers
        .iter()
        .find(|(_, number)| (1990..2100).contains(number))?;
    if let Some((month_at, month)) = parts
        .iter()
        .enumerate()
        .find_map(|(at, part)| Some((at, month_of(part)?)))
    {
        let near = numbers.iter().filter(|(at, number)| {
            *at != year_at && at.abs_diff(month_at) <= 2 && (1..=31).contains(number)
        });
        let (_, date) = *near.min_by_key(|(at, _)| at.abs_diff(month_at))?;
        return day(year, month, date);
    }
    // 2024/3/1, and 31/3/2024 or 31.3.2024 where only one reading is a date, or dots say which.
    let [a, b] = match numbers[..] {
        [(0, _), (1, a), (2, b), ..] if year_at == 0 => return day(year, a, b),
        [(_, a), (_, b), (at, _), ..] if at == year_at => [a, b],
        _ => return None,
    };
    let has_dots = text.contains('.') && !text.contains('/');
    match (has_dots || a > 12, b > 12) {
        (true, false) => day(year, b, a),
        (false, true) => day(year, a, b),
        _ => None,
    }
}

/// `1st` and `31` alike.
fn leading_number(part: &str) -> Option<u32> {
    let end = part
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(part.len());
    let is_ordinal = matches!(
        &part[end..],
        "" | "st" | "nd" | "rd" | "th" | "er" | "º" | "年" | "月" | "日"
    );
    if is_ordinal {
        part[..end].parse().ok()
    } else {
        None
    }
}

fn month_of(part: &str) -> Option<u32> {
    let is_word = part.chars().count() >= 3 && part.chars().all(char::is_alphabetic);
    // The longer beginning decides: červen and červenec, mar and marras.
    let month = MONTHS.iter().enumerate().flat_map(|(month, names)| {
        names
            .iter()
            .filter(|name| part.starts_with(**name))
            .map(move |name| (name.len(), month))
    });
    let (_, month) = month
        .filter(|_| is_word && part.chars().count() <= 12)
        .max()?;
    Some(month as u32 + 1)
}

fn day(year: u32, month: u32, day: u32) -> Option<String> {
    let is_day =
        (1990..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    is_day.then(|| format!("{year}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn dates_of_machines_and_people() {
        for (text, date) in [
            ("2024-03-01T08:00:00Z", Some("2024-03-01T08:00:00Z")),
            ("2024-03-01", Some("2024-03-01")),
            ("20240301", Some("2024-03-01")),
            ("2024/3/1", Some("2024-03-01")),
            ("March 1, 2024", Some("2024-03-01")),
            ("Fri, 01 Mar 2024 08:00:00 GMT", Some("2024-03-01")),
            ("1. März 2024", Some("2024-03-01")),
            ("1er août 2023", Some("2023-08-01")),
            ("3 de octubre de 2022", Some("2022-10-03")),
            ("31.12.2023", Some("2023-12-31")),
            ("12/31/2023", Some("2023-12-31")),
            ("01/02/2023", None),
            ("yesterday", None),
            ("2024-13-01", None),
            ("5 comments", None),
        ] {
            assert_eq!(parse(text).as_deref(), date, "{text}");
        }
    }
}
