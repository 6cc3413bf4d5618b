use csv::{ByteRecord, ReaderBuilder};
use serde::Serialize;

use crate::table::{CsvError, error, field, line_of, prepare};

/// What a file of addresses holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageList {
    /// As `address` writes them, each once, in the file's order.
    pub pages: Vec<String>,
    /// What was left out, one sentence each.
    pub warnings: Vec<String>,
}

/// Reads a list of pages: an address a line, or a table with a header and a column of addresses, such as Search Console's
/// Pages.csv. Encodings and delimiters are those of [`crate::parse_csv`]. Lines that begin with `#` are remarks.
///
/// `address` normalises the address of a page; nothing: it is none.
///
/// # Errors
/// A file without an address, or with text that is not UTF-8.
pub fn parse_pages(
    bytes: &[u8],
    address: impl Fn(&str) -> Option<String>,
) -> Result<PageList, CsvError> {
    let (text, first_line, delimiter) = prepare(bytes)?;
    let is_remark = |line: &[u8]| line.is_empty() || line.starts_with(b"#");
    let first = text
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .find(|line| !is_remark(line))
        .unwrap_or_default();
    let is_list = std::str::from_utf8(first).is_ok_and(|line| address(line).is_some());
    let mut reader = ReaderBuilder::new()
        // An address may hold every delimiter, so a list has none: a text holds no NUL.
        .delimiter(if is_list { 0 } else { delimiter })
        .quoting(!is_list)
        .has_headers(false)
        .flexible(true)
        .from_reader(&text[..]);
    let mut record = ByteRecord::new();
    let mut column = None;
    let mut seen_header = is_list;
    let mut pages: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let (mut other_count, mut first_other) = (0_u64, (0, String::new()));
    while reader.read_byte_record(&mut record).map_err(|e| CsvError {
        line: first_line,
        message: e.to_string(),
    })? {
        let line = first_line + line_of(&record, &text) - 1;
        if is_remark(record.get(0).unwrap_or_default().trim_ascii()) && record.len() < 2 {
            continue;
        }
        if !std::mem::replace(&mut seen_header, true) {
            continue;
        }
        let found = match column {
            Some(column) if column < record.len() => address(field(&record, column, line)?),
            Some(_) => None,
            None => {
                let mut found = None;
                for index in 0..record.len() {
                    found = address(field(&record, index, line)?);
                    if found.is_some() {
                        column = Some(index);
                        break;
                    }
                }
                found
            }
        };
        match found {
            Some(page) => {
                if seen.insert(page.clone()) {
                    pages.push(page);
                }
            }
            None => {
                if other_count == 0 {
                    let text = String::from_utf8_lossy(
                        record.get(column.unwrap_or(0)).unwrap_or_default(),
                    );
                    first_other = (line, text.trim().chars().take(80).collect());
                }
                other_count += 1;
            }
        }
    }
    if pages.is_empty() {
        return error(
            1,
            "no line is the address of a web page, such as https://example.com/guide",
        );
    }
    let (line, text) = first_other;
    let warnings = match other_count {
        0 => vec![],
        1 => vec![format!(
            "1 line is not the address of a web page (line {line}: {text:?})"
        )],
        n => vec![format!(
            "{n} lines are not addresses of web pages (the first is line {line}: {text:?})"
        )],
    };
    Ok(PageList { pages, warnings })
}
