use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::keyword::{Figures, Keyword, MAX_COUNT, MAX_PAGE_BYTES, MAX_QUERY_CHARS, Merger};
use crate::table::{CsvError, Queries, Reason, Skipped, error, field, read_table};

/// What a file without the columns is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults<'a> {
    /// Address of the page that every row belongs to.
    pub page: Option<&'a str>,
    /// The day (`2025-01-31`) that every row counts. Without it, and without a column, the rows
    /// are totals over a period.
    pub date: Option<&'a str>,
}

/// Search Console's figures of one query on one page, on one day or in total.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row<'a> {
    /// Normalised address.
    pub page: &'a str,
    pub query: &'a str,
    /// `2025-01-31`, or nothing for a total.
    pub date: Option<&'a str>,
    pub impressions: f64,
    pub clicks: f64,
    /// `None` where the source does not say.
    pub position: Option<f64>,
}

type Day = [u8; 10];

#[derive(PartialEq, Eq, Hash)]
struct Key {
    page: u32,
    date: Option<Day>,
    query: String,
}

/// The rows of many pages, one for each (page, query, date), handed out in chunks.
///
/// All is read and checked first, so that a file with a broken line is refused before any of its
/// rows has gone anywhere.
///
/// ```
/// use pageperfect_gsc::{Defaults, SearchConsoleRows};
///
/// let csv = b"page,query,date,clicks,impressions,position\nhttps://a.example/,shoes,2025-01-31,1,20,3.5\n";
/// let address = |text: &str| text.starts_with("https://").then(|| text.to_owned());
/// let mut rows = SearchConsoleRows::from_csv(csv, Defaults::default(), address)?;
/// assert_eq!(rows.next_chunk(1000).unwrap()[0].query, "shoes");
/// assert!(rows.next_chunk(1000).is_none());
/// # Ok::<(), pageperfect_gsc::CsvError>(())
/// ```
pub struct SearchConsoleRows {
    pages: Vec<String>,
    rows: Vec<(Key, Figures)>,
    next: usize,
    /// Rows as the source counts them: before any was merged or skipped.
    pub source_count: usize,
    /// What was left out or merged, one sentence each.
    pub warnings: Vec<String>,
}

impl SearchConsoleRows {
    /// Reads a CSV file as [`crate::parse_csv`] does, with two more columns: `page` (or `url`,
    /// `Top pages`) and `date` (`2025-01-31`). Where one is missing, `defaults` stands in.
    ///
    /// `address` normalises the address of a page; nothing: it is none.
    ///
    /// # Errors
    /// The first broken line, and a file that has no page or has one twice.
    pub fn from_csv(
        bytes: &[u8],
        defaults: Defaults<'_>,
        address: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CsvError> {
        let mut pages = Pages::new(address);
        let mut merger = Merger::default();
        let mut skipped = Skipped::default();
        let mut source_count = 0;
        let mut queries = Queries::default();
        let default_page = match defaults.page.map(|page| pages.find(page)) {
            Some(Address::Known(page)) => Some(page),
            Some(_) => {
                return error(
                    1,
                    "the address that came with the file is not of a web page",
                );
            }
            None => None,
        };
        let default_date = match defaults.date.map(parse_day) {
            Some(None) => {
                return error(1, "the date that came with the file is not like 2025-01-31");
            }
            date => date.flatten(),
        };
        let header = read_table(bytes, |header, record, line| {
            source_count += 1;
            let Some(keyword) = header.keyword(record, line, &mut skipped)? else {
                return Ok(());
            };
            queries.look_at(&keyword.query);
            let page = match &header.page {
                None => match default_page {
                    Some(page) => page,
                    None => return error(header.line, NO_PAGE),
                },
                Some(_) if default_page.is_some() => {
                    return error(header.line, TWO_PAGES);
                }
                Some((column, name)) => match field(record, *column, line)? {
                    "" => return error(line, format!("{name} is empty")),
                    text => match pages.find(text) {
                        Address::Known(page) => page,
                        Address::Long => {
                            skipped.add(Reason::LongPage, line);
                            return Ok(());
                        }
                        Address::None => {
                            return error(
                                line,
                                format!("{name} is not the address of a web page: {}", shown(text)),
                            );
                        }
                    },
                },
            };
            let date = match &header.date {
                None => default_date,
                Some(_) if default_date.is_some() => {
                    return error(header.line, TWO_DATES);
                }
                Some((column, name)) => {
                    let text = field(record, *column, line)?;
                    match parse_day(text) {
                        None => {
                            return error(
                                line,
                                format!("{name} is not a date like 2025-01-31: {}", shown(text)),
                            );
                        }
                        day => day,
                    }
                }
            };
            let (query, figures) = keyword.split();
            merger.push(Key { page, date, query }, figures);
            Ok(())
        })?;
        queries.check(header.line)?;
        let mut warnings = skipped.warnings();
        warnings.extend(header.warnings());
        if source_count == 0 {
            warnings.push("the file has no rows".into());
        }
        Ok(Self::new(pages.names, merger, source_count, warnings))
    }

    /// Reads the answer of the API's `searchAnalytics.query` with the dimensions page, query and
    /// date, in this order.
    ///
    /// # Errors
    /// What is not such an answer.
    pub fn from_answer(
        json: &[u8],
        address: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, AnswerError> {
        let answer: Answer =
            serde_json::from_slice(json).map_err(|e| AnswerError(e.to_string()))?;
        let mut pages = Pages::new(address);
        let mut merger = Merger::default();
        let mut left_out = 0;
        let source_count = answer.rows.len();
        for (index, row) in answer.rows.into_iter().enumerate() {
            let broken = |what: &str| AnswerError(format!("row {}: {what}", index + 1));
            let [page, query, date] = row.keys;
            let Some(date) = parse_day(&date) else {
                return Err(broken("the third dimension is no date"));
            };
            let good = |number: f64| (0.0..=MAX_COUNT).contains(&number);
            if ![row.impressions, row.clicks, row.position]
                .into_iter()
                .all(good)
            {
                return Err(broken("a figure is out of range"));
            }
            let query = query.trim();
            let fits = !query.is_empty() && query.chars().count() <= MAX_QUERY_CHARS;
            let (Address::Known(page), true) = (pages.find(&page), fits) else {
                left_out += 1;
                continue;
            };
            let keyword = Keyword {
                query: query.to_owned(),
                impressions: row.impressions.round(),
                clicks: row.clicks.round(),
                position: Some(row.position),
            };
            let (query, figures) = keyword.split();
            merger.push(
                Key {
                    page,
                    date: Some(date),
                    query,
                },
                figures,
            );
        }
        let warnings = match left_out {
            0 => Vec::new(),
            1 => vec!["1 row left out: the page or the query cannot be stored".into()],
            n => vec![format!(
                "{n} rows left out: the page or the query cannot be stored"
            )],
        };
        Ok(Self::new(pages.names, merger, source_count, warnings))
    }

    fn new(
        pages: Vec<String>,
        merger: Merger<Key>,
        source_count: usize,
        mut warnings: Vec<String>,
    ) -> Self {
        match merger.merged_count {
            0 => {}
            1 => warnings.push(
                "1 row repeated an earlier page, query and date and was merged into it".into(),
            ),
            n => warnings.push(format!(
                "{n} rows repeated an earlier page, query and date and were merged into it"
            )),
        }
        Self {
            pages,
            rows: merger.finish().collect(),
            next: 0,
            source_count,
            warnings,
        }
    }

    /// The next rows, at most `max`; nothing when all have been handed out.
    pub fn next_chunk(&mut self, max: usize) -> Option<Vec<Row<'_>>> {
        let start = self.next;
        self.next = self.rows.len().min(start + max.max(1));
        (start < self.next).then(|| {
            self.rows[start..self.next]
                .iter()
                .map(|(key, figures)| Row {
                    page: &self.pages[key.page as usize],
                    query: &key.query,
                    date: key
                        .date
                        .as_ref()
                        .map(|day| std::str::from_utf8(day).expect("digits and hyphens")),
                    impressions: figures.impressions,
                    clicks: figures.clicks,
                    position: figures.position,
                })
                .collect()
        })
    }

    /// The next rows as a CSV file with a header, which [`SearchConsoleRows::from_csv`] reads again:
    /// at most `max_rows`, and at most `max_bytes` unless one row alone is larger. Nothing when all
    /// have been handed out.
    pub fn next_part(&mut self, max_rows: usize, max_bytes: usize) -> Option<Vec<u8>> {
        let (first, _) = self.rows.get(self.next)?;
        let is_dated = first.date.is_some();
        let mut part = Vec::with_capacity(max_bytes.min(1 << 20));
        let date_column = if is_dated { "date," } else { "" };
        part.extend(format!("page,query,{date_column}clicks,impressions,position\n").bytes());
        let start = self.next;
        while self.next < self.rows.len() && self.next < start + max_rows.max(1) {
            let (key, figures) = &self.rows[self.next];
            // Either every row of a source has a date or none.
            let date = key.date.map_or(String::new(), |day| {
                format!("{},", String::from_utf8_lossy(&day))
            });
            let line = format!(
                "{},{},{date}{},{},{}\n",
                quoted(&self.pages[key.page as usize]),
                quoted(&key.query),
                figures.clicks,
                figures.impressions,
                figures
                    .position
                    .map_or(String::new(), |position| position.to_string()),
            );
            if self.next > start && part.len() + line.len() > max_bytes {
                break;
            }
            part.extend(line.bytes());
            self.next += 1;
        }
        Some(part)
    }

    /// Rows that have been handed out.
    pub fn taken_count(&self) -> usize {
        self.next
    }

    /// Rows in all chunks.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Different pages of these rows.
    pub fn page_count(&self) -> usize {
        let mut seen = vec![false; self.pages.len()];
        for (key, _) in &self.rows {
            seen[key.page as usize] = true;
        }
        seen.into_iter().filter(|&seen| seen).count()
    }
}

const NO_PAGE: &str = "the header lacks page; say with the file which page its rows belong to";
const TWO_PAGES: &str =
    "the file has a column of pages, and one page was given with it; leave one out";
const TWO_DATES: &str =
    "the file has a column of dates, and one date was given with it; leave one out";

/// Why an answer of the API cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerError(String);

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the answer of the Search Console API cannot be read: {}",
            self.0
        )
    }
}

impl std::error::Error for AnswerError {}

/// A day without rows has no `rows` at all.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    rows: Vec<AnswerRow>,
}

#[derive(Deserialize)]
struct AnswerRow {
    keys: [String; 3],
    clicks: f64,
    impressions: f64,
    position: f64,
}

/// Addresses by their number; each spelling is normalised once.
struct Pages<F> {
    address: F,
    names: Vec<String>,
    page_of_spelling: HashMap<String, Address>,
    page_of_name: HashMap<String, u32>,
}

#[derive(Clone, Copy)]
enum Address {
    Known(u32),
    Long,
    None,
}

impl<F: Fn(&str) -> Option<String>> Pages<F> {
    fn new(address: F) -> Self {
        Self {
            address,
            names: Vec::new(),
            page_of_spelling: HashMap::new(),
            page_of_name: HashMap::new(),
        }
    }

    fn find(&mut self, spelling: &str) -> Address {
        if let Some(page) = self.page_of_spelling.get(spelling) {
            return *page;
        }
        let page = match (self.address)(spelling) {
            None => Address::None,
            Some(name) if name.len() > MAX_PAGE_BYTES => Address::Long,
            Some(name) => {
                let next = self.names.len() as u32;
                let page = *self.page_of_name.entry(name).or_insert_with_key(|name| {
                    self.names.push(name.clone());
                    next
                });
                Address::Known(page)
            }
        };
        self.page_of_spelling.insert(spelling.to_owned(), page);
        page
    }
}

/// The bytes of an ISO date that is in the calendar.
fn parse_day(text: &str) -> Option<Day> {
    let day: Day = text.as_bytes().try_into().ok()?;
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        day[range].iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + u32::from(byte - b'0'))
        })
    };
    let (year, month, date) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    let hyphens = day[4] == b'-' && day[7] == b'-';
    (hyphens && year >= 1 && (1..=length).contains(&date)).then_some(day)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}
