use std::borrow::Cow;
use std::fmt;

use csv::{ByteRecord, ReaderBuilder};
use serde::Serialize;

use crate::keyword::{Keyword, KeywordMerger, MAX_COUNT, MAX_PAGE_BYTES, MAX_QUERY_CHARS};
use crate::number::{parse_count, parse_decimal, parse_position};

/// What a CSV file holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParsedCsv {
    /// One a query, in the file's order; rows of the same query are merged.
    pub keywords: Vec<Keyword>,
    /// What was left out or merged, one sentence each. Empty for a clean export.
    pub warnings: Vec<String>,
}

/// Why a CSV file was refused: the line (1 is the first) and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvError {
    pub line: u64,
    pub message: String,
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for CsvError {}

pub(crate) fn error<T>(line: u64, message: impl Into<String>) -> Result<T, CsvError> {
    Err(CsvError {
        line,
        message: message.into(),
    })
}

/// Reads a CSV file of search queries.
///
/// The header names the columns, in any order and case: `Top queries`, `query`, `keys` …;
/// `impressions`, or `search volume` where there are none; `clicks` and `position` or `average
/// position`, where they are known. Other columns are ignored. An export
/// with a header in another language is known by its shape and read with a warning. The delimiter
/// (comma, semicolon or tab) is found from the header. Takes UTF-8 with or without a byte order
/// mark, and UTF-16 with one.
///
/// Rows of several pages need `page`, the address whose rows are wanted, as `address` writes it. A
/// row that holds the sums of all others is left out.
///
/// # Errors
/// The first broken line: a missing column, a number that is none, a negative number, a quotation
/// mark that is not closed, text that is not UTF-8. A file of something else than queries, by what
/// stands in it: pages, countries, devices, days, a comparison. A file without rows of `page`. Rows
/// without a query are no error: they are skipped with a warning.
pub fn parse_csv(
    bytes: &[u8],
    page: Option<&str>,
    address: impl Fn(&str) -> Option<String>,
) -> Result<ParsedCsv, CsvError> {
    let wanted = page.map(|page| address(page).unwrap_or_else(|| page.to_owned()));
    let mut rows: Vec<Keyword> = Vec::new();
    let mut skipped = Skipped::default();
    let mut queries = Queries::default();
    let mut pages: Vec<String> = Vec::new(); // different ones, as far as they are of interest
    let mut other_pages = 0_u64;
    let header = read_table(bytes, |header, record, line| {
        let Some(keyword) = header.keyword(record, line, &mut skipped)? else {
            return Ok(());
        };
        if let Some((column, _)) = &header.page {
            let text = field(record, *column, line)?;
            let name = address(text).unwrap_or_else(|| text.to_owned());
            let is_wanted = wanted.as_ref().is_none_or(|wanted| *wanted == name);
            if pages.len() < 3 && !pages.contains(&name) {
                pages.push(name);
            }
            if !is_wanted {
                other_pages += 1;
                return Ok(());
            }
        }
        queries.look_at(&keyword.query);
        rows.push(keyword);
        Ok(())
    })?;
    queries.check(header.line)?;
    if let Some((_, name)) = &header.page {
        let list = pages.join(", ");
        if wanted.is_none() && pages.len() > 1 {
            return error(
                header.line,
                format!(
                    "the column {name:?} names several pages ({list}, …): say which one is meant"
                ),
            );
        }
        if rows.is_empty() && other_pages > 0 {
            return error(
                header.line,
                format!(
                    "no row is of the page {}; the file has {list}",
                    wanted.unwrap_or_default()
                ),
            );
        }
    }

    let mut warnings = skipped.warnings();
    warnings.extend(header.warnings());
    if other_pages > 0 {
        warnings.push(format!("{other_pages} rows of other pages were left out"));
    }
    if let Some(total) = total_row(&rows) {
        let row = rows.remove(total);
        warnings.push(format!(
            "the row {:?} was left out: it holds the sums of all others",
            row.query
        ));
    }
    let mut merger = KeywordMerger::default();
    for row in rows {
        merger.push(row);
    }
    match merger.merged_count() {
        0 => {}
        1 => warnings.push("1 row repeated an earlier query and was merged into it".into()),
        n => warnings.push(format!(
            "{n} rows repeated an earlier query and were merged into it"
        )),
    }
    let keywords = merger.finish();
    if keywords.is_empty() {
        warnings.push("the file has no rows with a query".into());
    }
    Ok(ParsedCsv { keywords, warnings })
}

/// The first or the last row, when its impressions and clicks are the sums of all others. Few rows
/// add up by chance, so among those it must be named a total as well.
fn total_row(rows: &[Keyword]) -> Option<usize> {
    let sum = |of: fn(&Keyword) -> f64| rows.iter().map(of).sum::<f64>();
    let (impressions, clicks) = (sum(|row| row.impressions), sum(|row| row.clicks));
    [rows.len().checked_sub(1)?, 0].into_iter().find(|&index| {
        let row = &rows[index];
        (rows.len() > 10 || rows.len() > 2 && is_total(&row.query))
            && row.impressions > 0.0
            && row.impressions * 2.0 == impressions
            && row.clicks * 2.0 == clicks
    })
}

fn is_total(query: &str) -> bool {
    let words = [
        "total",
        "totals",
        "grand total",
        "sum",
        "gesamt",
        "gesamtsumme",
        "summe",
        "somme",
        "totale",
        "suma",
        "soma",
        "totaal",
        "itogo",
        "итого",
        "合計",
        "总计",
        "합계",
    ];
    words.contains(&query.to_lowercase().as_str())
}

/// What a column of queries holds besides queries.
#[derive(Default)]
pub(crate) struct Queries {
    count: u64,
    addresses: u64,
    days: u64,
}

impl Queries {
    pub fn look_at(&mut self, query: &str) {
        self.count += 1;
        let is_day = query.len() >= 8
            && query
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'/' | b'.'))
            && query.bytes().filter(|b| b.is_ascii_digit()).count() >= 6;
        self.addresses += u64::from(query.starts_with("http://") || query.starts_with("https://"));
        self.days += u64::from(is_day);
    }

    /// People do search for addresses and days, but not for nothing else.
    pub fn check(&self, line: u64) -> Result<(), CsvError> {
        let most = |count: u64| self.count >= 1 && count * 5 >= self.count * 4;
        let (what, file) = if most(self.addresses) {
            ("addresses of pages", "Pages.csv")
        } else if most(self.days) {
            ("days", "Dates.csv")
        } else {
            return Ok(());
        };
        error(
            line,
            format!("the queries are {what}: this is {file}; give Queries.csv of the same export"),
        )
    }
}

/// Hands every row below the header to `each`, with its line; returns the header.
pub(crate) fn read_table(
    bytes: &[u8],
    mut each: impl FnMut(&Header, &ByteRecord, u64) -> Result<(), CsvError>,
) -> Result<Header, CsvError> {
    let (text, first_line, delimiter) = prepare(bytes)?;
    let text = &text[..];
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text);

    let mut record = ByteRecord::new();
    let mut names: Option<(Names, u64)> = None;
    let mut header: Option<Header> = None;
    while reader.read_byte_record(&mut record).map_err(|e| CsvError {
        line: first_line,
        message: e.to_string(),
    })? {
        let line = first_line + line_of(&record, text) - 1;
        // Rows that a spreadsheet left over.
        if record.iter().all(|field| field.trim_ascii().is_empty()) {
            continue;
        }
        let Some((names, header_line)) = &names else {
            names = Some((Names::of(&record), line));
            continue;
        };
        let header = match header {
            Some(ref header) => header,
            None => header.insert(Header::find(names, Some(&record), delimiter, *header_line)?),
        };
        each(header, &record, line)?;
    }
    let Some((names, header_line)) = &names else {
        return error(
            1,
            "the file is empty; export the queries from Search Console as CSV",
        );
    };
    match header {
        Some(header) => Ok(header),
        None => Header::find(names, None, delimiter, *header_line),
    }
}

/// A table's text, its first line's number and its delimiter.
pub(crate) fn prepare(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, u64, u8), CsvError> {
    let text = decode(bytes)?;
    let (rest, first_line, declared) = strip_separator_line(&text);
    let delimiter = declared.unwrap_or_else(|| find_delimiter(rest));
    let start = text.len() - rest.len();
    let rest = match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..]),
        Cow::Owned(mut text) => Cow::Owned(text.split_off(start)),
    };
    Ok((rest, first_line, delimiter))
}

/// Only UTF-16, which spreadsheets write as "Unicode text", is converted. Whether the rest is UTF-8
/// is checked field by field, so that an error can name the line.
fn decode(bytes: &[u8]) -> Result<Cow<'_, [u8]>, CsvError> {
    if bytes.starts_with(b"PK\x03\x04") {
        return error(
            1,
            "this is a ZIP archive or a workbook, not CSV; unpack it and use its Queries.csv",
        );
    }
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let units = bytes[2..]
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xff, 0xfe, ..] => Ok(utf16(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => Ok(utf16(u16::from_be_bytes)),
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(Cow::Borrowed(rest)),
        _ if bytes.contains(&0) => error(1, "this is not a text file; export the queries as CSV"),
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// Excel's `sep=;` line, which only it understands. Returns the rest, its first line's number and
/// the delimiter.
fn strip_separator_line(text: &[u8]) -> (&[u8], u64, Option<u8>) {
    match text {
        [s, e, p, b'=', delimiter @ (b',' | b';' | b'\t'), rest @ ..]
            if [*s, *e, *p].eq_ignore_ascii_case(b"sep") && rest.starts_with(b"\n") =>
        {
            (&rest[1..], 2, Some(*delimiter))
        }
        [
            s,
            e,
            p,
            b'=',
            delimiter @ (b',' | b';' | b'\t'),
            b'\r',
            b'\n',
            rest @ ..,
        ] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => (rest, 2, Some(*delimiter)),
        _ => (text, 1, None),
    }
}

/// The most frequent candidate outside quotation marks in the first line that is not blank.
fn find_delimiter(text: &[u8]) -> u8 {
    let line = text
        .split(|&b| b == b'\n')
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for &byte in line {
        quoted ^= byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!quoted && byte == *delimiter);
        }
    }
    counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(delimiter, _)| delimiter)
}

/// The line of a record that was read from `text`.
pub(crate) fn line_of(record: &ByteRecord, text: &[u8]) -> u64 {
    // The reader's position is where it began to look for the record: before any blank lines.
    let start = record
        .position()
        .expect("a record that was read has a position");
    let blank = text[start.byte() as usize..]
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'));
    start.line() + blank.filter(|&&b| b == b'\n').count() as u64
}

/// The names in the header, trimmed.
struct Names(Vec<String>);

impl Names {
    fn of(record: &ByteRecord) -> Self {
        Self(
            record
                .iter()
                .map(|name| String::from_utf8_lossy(name).trim().to_owned())
                .collect(),
        )
    }
}

/// Where the columns are.
pub(crate) struct Header {
    /// The header's own line.
    pub line: u64,
    query: usize,
    impressions: usize,
    clicks: Option<usize>,
    position: Option<usize>,
    /// Whether the search volume stands in for impressions.
    is_volume: bool,
    column_count: usize,
    /// Index and name of a column of page addresses, if there is one.
    pub page: Option<(usize, String)>,
    /// Index and name of a column of days, if there is one.
    pub date: Option<(usize, String)>,
    /// Whether the position is the sum of places counted from 0, as BigQuery's bulk export has it.
    sums_places: bool,
    /// Index of BigQuery's column of rows whose query is withheld.
    anonymized: Option<usize>,
    /// Whether the names were not understood and Search Console's order was taken.
    by_order: bool,
    decimal_comma: bool,
}

impl Header {
    /// `first_row` is the first one below the header, if there is any.
    fn find(
        Names(names): &Names,
        first_row: Option<&ByteRecord>,
        delimiter: u8,
        line: u64,
    ) -> Result<Self, CsvError> {
        let mut found = [None; 4];
        let mut page = None;
        let mut date = None;
        let mut volume = None;
        let mut sums_places = false;
        let mut anonymized = None;
        let ends_in = |word: &str| {
            names
                .iter()
                .filter(|name| simple(name).ends_with(word))
                .count()
        };
        if ends_in(" clicks") + ends_in(" impressions") > 2 {
            return error(
                line,
                "this is an export of a comparison; export a single period (Date, without Compare)",
            );
        }
        for (index, name) in names.iter().enumerate() {
            match simple(name).as_str() {
                "sum position" | "sum top position" => sums_places = true,
                "is anonymized query" => anonymized = Some(index),
                _ => {}
            }
            let Some(column) = column_of(name) else {
                match simple(name).as_str() {
                    "page" | "pages" | "top pages" | "url" | "landing page" => {
                        page = Some((index, name.clone()));
                    }
                    "date" | "day" | "data date" => date = Some((index, name.clone())),
                    "volume" | "search volume" | "avg monthly searches" => volume = Some(index),
                    _ => {}
                }
                continue;
            };
            if found[column].replace(index).is_some() {
                return error(
                    line,
                    format!(
                        "the header has more than one column for {}",
                        COLUMNS[column]
                    ),
                );
            }
        }
        if let (None, Some((file, what))) =
            (found[0], names.first().and_then(|name| other_report(name)))
        {
            return error(
                line,
                format!("this is {file}, a list of {what}; give Queries.csv of the same export"),
            );
        }
        let by_order = found.contains(&None)
            && first_row.is_some_and(|row| is_localized_export(names, found, row));
        if by_order {
            found = EXPORT_ORDER.map(Some);
        }
        let [query, impressions, clicks, position] = found;
        let (Some(query), Some(counted)) = (query, impressions.or(volume)) else {
            let missing: Vec<&str> = (0..2)
                .filter(|&c| found[c].is_none())
                .map(|c| COLUMNS[c])
                .collect();
            let names: String = names.join(", ").chars().take(120).collect();
            return error(
                line,
                format!(
                    "the header lacks {}; it must name the columns query and impressions, and may name clicks and position (found: {names})",
                    missing.join(", "),
                ),
            );
        };
        Ok(Self {
            line,
            query,
            impressions: counted,
            clicks,
            position,
            is_volume: impressions.is_none(),
            column_count: names.len(),
            page,
            date,
            sums_places,
            anonymized,
            by_order,
            // Where the comma is free, it may be the decimal one.
            decimal_comma: by_order || delimiter != b',',
        })
    }

    /// What the file's reader should know about how the header was understood.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = Vec::new();
        if self.by_order {
            warnings.push(
                "the header is not in English: the columns are taken in Search Console's order"
                    .into(),
            );
        }
        if self.is_volume {
            warnings.push(
                "there is no column of impressions: the search volume is taken for them".into(),
            );
        }
        let unknown: Vec<&str> = [("clicks", self.clicks), ("position", self.position)]
            .into_iter()
            .filter_map(|(name, column)| column.is_none().then_some(name))
            .collect();
        if !unknown.is_empty() {
            warnings.push(format!(
                "there is no column of {}: what an edit is worth is estimated from impressions alone",
                unknown.join(" nor of ")
            ));
        }
        warnings
    }

    /// The row's keyword, or nothing when it has no query to speak of.
    pub fn keyword(
        &self,
        record: &ByteRecord,
        line: u64,
        skipped: &mut Skipped,
    ) -> Result<Option<Keyword>, CsvError> {
        let surplus = record
            .iter()
            .skip(self.column_count)
            .any(|field| !field.trim_ascii().is_empty());
        if record.len() < self.column_count || surplus {
            let open_quote = record.iter().any(|field| field.contains(&b'\n'));
            let hint = if open_quote {
                "; is a quotation mark not closed?"
            } else {
                ""
            };
            let expected = self.column_count;
            return error(
                line,
                format!("{expected} columns expected, {} found{hint}", record.len()),
            );
        }
        let text = |column| field(record, column, line);
        if let Some(column) = self.anonymized
            && text(column)?.eq_ignore_ascii_case("true")
        {
            skipped.add(Reason::Anonymized, line);
            return Ok(None);
        }
        let query = text(self.query)?;
        if query.is_empty() {
            skipped.add(Reason::Empty, line);
            return Ok(None);
        }
        if query.chars().count() > MAX_QUERY_CHARS {
            if query.contains('\n') {
                return error(
                    line,
                    "the query runs over several lines; is a quotation mark not closed?",
                );
            }
            skipped.add(Reason::Long, line);
            return Ok(None);
        }
        let number = |column: usize,
                      name: &str,
                      parse: fn(&str, bool) -> Option<f64>,
                      kind: &str| {
            let field = text(column)?;
            match parse(field, self.decimal_comma) {
                Some(value) if value < 0.0 => error(line, format!("{name} is negative: {field:?}")),
                Some(value) if value > MAX_COUNT => {
                    error(line, format!("{name} is too large: {field:?}"))
                }
                Some(value) => Ok(value),
                None if field.is_empty() => error(line, format!("{name} is empty")),
                None => {
                    let shown: String = field.chars().take(40).collect();
                    error(line, format!("{name} is not {kind}: {shown:?}"))
                }
            }
        };
        let impressions = number(
            self.impressions,
            "impressions",
            parse_count,
            "a whole number",
        )?;
        let clicks = self.clicks.map_or(Ok(0.0), |column| {
            number(column, "clicks", parse_count, "a whole number")
        })?;
        let position = match self.position {
            Some(column) if !matches!(text(column)?, "" | "-" | "–" | "—") => {
                Some(number(column, "position", parse_position, "a number")?)
            }
            _ => None,
        };
        let position = position.and_then(|position| match (self.sums_places, impressions > 0.0) {
            (true, true) => Some(position / impressions + 1.0),
            (true, false) => None,
            (false, _) => Some(position),
        });
        if self.by_order && impressions > 0.0 {
            // Five columns under unknown words: only the rate tells that they are what they seem.
            let shown = text(EXPORT_RATE)?.trim_end_matches('%').trim_end();
            let is_rate = parse_decimal(shown, self.decimal_comma)
                .is_some_and(|rate| (rate - 100.0 * clicks / impressions).abs() <= 0.51);
            if !is_rate {
                return error(
                    self.line,
                    "the header is not known, and the columns are not those of a Search Console export: name them query, clicks, impressions and position",
                );
            }
        }
        Ok(Some(Keyword {
            query: query.to_owned(),
            impressions,
            clicks,
            position,
        }))
    }
}

/// A field's text, trimmed.
pub(crate) fn field(record: &ByteRecord, column: usize, line: u64) -> Result<&str, CsvError> {
    match std::str::from_utf8(&record[column]) {
        Ok(text) => Ok(text.trim()),
        Err(_) => error(
            line,
            "the text is not UTF-8; save the file as \"CSV UTF-8\"",
        ),
    }
}

const COLUMNS: [&str; 4] = ["query", "impressions", "clicks", "position"];

/// Where Search Console's export has them, in every language: query, clicks, impressions, CTR,
/// position.
const EXPORT_ORDER: [usize; 4] = [0, 2, 1, 4];
/// Where it has the CTR.
const EXPORT_RATE: usize = 3;

/// Another report of the same export by the name of its first column: its file, and what it lists.
fn other_report(header: &str) -> Option<(&'static str, &'static str)> {
    Some(match simple(header).as_str() {
        "top pages" | "pages" | "page" => ("Pages.csv", "pages"),
        "country" | "countries" => ("Countries.csv", "countries"),
        "device" | "devices" => ("Devices.csv", "devices"),
        "date" | "dates" => ("Dates.csv", "days"),
        "search appearance" => ("Search appearance.csv", "kinds of results"),
        "filter" | "filters" => ("Filters.csv", "the export's filters"),
        _ => return None,
    })
}

/// Search Console writes the header in its user's language. An export shows by its shape: five
/// columns under five words, those that are understood in their place, and a percentage in the
/// fourth.
fn is_localized_export(names: &[String], found: [Option<usize>; 4], row: &ByteRecord) -> bool {
    let in_place = found
        .iter()
        .zip(EXPORT_ORDER)
        .all(|(at, expected)| at.is_none_or(|at| at == expected));
    let words = names
        .iter()
        .all(|name| !name.is_empty() && !name.contains(|c: char| c.is_ascii_digit()));
    names.len() == 5
        && row.len() == 5
        && in_place
        && words
        && row[3].trim_ascii_end().ends_with(b"%")
}

/// The index in [`COLUMNS`] that a header means.
fn column_of(header: &str) -> Option<usize> {
    match simple(header).as_str() {
        "query" | "queries" | "top queries" | "top query" | "keys" | "key" | "keyword"
        | "keywords" | "search query" | "search queries" | "search term" => Some(0),
        "impressions" | "impression" => Some(1),
        "clicks" | "click" | "url clicks" => Some(2),
        "position" | "average position" | "avg position" | "avgposition" | "sum position"
        | "sum top position" => Some(3),
        _ => None,
    }
}

/// Lower case, with `_`, `.` and runs of spaces as one space.
fn simple(header: &str) -> String {
    let words = header.split(|c: char| c.is_whitespace() || matches!(c, '_' | '.'));
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

#[derive(Clone, Copy)]
pub(crate) enum Reason {
    Empty,
    Long,
    LongPage,
    Anonymized,
}

/// Rows that were left out: how many and the first line of each kind.
#[derive(Default)]
pub(crate) struct Skipped {
    rows: [(u64, u64); 4],
}

impl Skipped {
    pub fn add(&mut self, reason: Reason, line: u64) {
        let (count, first_line) = &mut self.rows[reason as usize];
        if *count == 0 {
            *first_line = line;
        }
        *count += 1;
    }

    pub fn warnings(&self) -> Vec<String> {
        let why = [
            "the query is empty".to_owned(),
            format!("the query is longer than {MAX_QUERY_CHARS} characters"),
            format!("the page's address is longer than {MAX_PAGE_BYTES} bytes"),
            "Google withholds the query".to_owned(),
        ];
        let kinds = self
            .rows
            .iter()
            .zip(why)
            .filter(|((count, _), _)| *count > 0);
        kinds
            .map(|((count, line), why)| match count {
                1 => format!("1 row skipped: {why} (line {line})"),
                n => format!("{n} rows skipped: {why} (the first is line {line})"),
            })
            .collect()
    }
}
