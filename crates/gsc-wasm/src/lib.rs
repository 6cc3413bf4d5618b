//! JavaScript binding of [`pageperfect_gsc`].

use pageperfect_boundary as _;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** One search query of a page with its Search Console figures. */
export interface Keyword {
  query: string;
  impressions: number;
  clicks: number;
  /** Average rank; 1 is the first, null: not known. */
  position: number | null;
}

export interface ParsedCsv {
  /** One a query, in the file's order. */
  keywords: Keyword[];
  /** What was left out or merged, one sentence each. */
  warnings: string[];
}

export interface PageList {
  /** Normalised addresses, each once, in the file's order. */
  pages: string[];
  /** What was left out, one sentence each. */
  warnings: string[];
}

/** Search Console's figures of one query on one page. */
export interface SearchConsoleRow {
  /** Normalised address. */
  page: string;
  query: string;
  /** `2025-01-31`, or null for a total over a period. */
  date: string | null;
  impressions: number;
  clicks: number;
  position: number | null;
}
"#;

/// Reads a CSV file of search queries. Of a file with a column of pages only the rows of `page`
/// count. Throws `line N: …` for a broken line and for a file of something else.
#[wasm_bindgen(unchecked_return_type = "ParsedCsv")]
pub fn parse_csv(bytes: &[u8], page: Option<String>) -> Result<JsValue, JsError> {
    let parsed = pageperfect_gsc::parse_csv(bytes, page.as_deref(), address)?;
    parse_json(&serde_json::to_string(&parsed)?)
}

/// Reads a list of pages: an address a line, or a table with a header and a column of addresses. Throws `line N: …` when there is none.
#[wasm_bindgen(unchecked_return_type = "PageList")]
pub fn parse_pages(bytes: &[u8]) -> Result<JsValue, JsError> {
    let list = pageperfect_gsc::parse_pages(bytes, address)?;
    parse_json(&serde_json::to_string(&list)?)
}

/// The rows of many pages, one for each page, query and date. All is read and checked at once;
/// what it holds is handed out in chunks.
#[wasm_bindgen]
pub struct SearchConsoleRows {
    rows: pageperfect_gsc::SearchConsoleRows,
}

#[wasm_bindgen]
impl SearchConsoleRows {
    /// Reads a CSV file with the columns of `parse_csv` and `page` and `date`, in any order. The
    /// arguments `page` and `date` stand in for a column that the file lacks; without a date the
    /// rows are totals. Throws `line N: …` for a broken line.
    #[wasm_bindgen(constructor)]
    pub fn from_csv(
        bytes: &[u8],
        page: Option<String>,
        date: Option<String>,
    ) -> Result<Self, JsError> {
        let defaults = pageperfect_gsc::Defaults {
            page: page.as_deref(),
            date: date.as_deref(),
        };
        let rows = pageperfect_gsc::SearchConsoleRows::from_csv(bytes, defaults, address)?;
        Ok(Self { rows })
    }

    /// Reads an answer of the API's `searchAnalytics.query` with the dimensions page, query and
    /// date. Throws when it is none.
    pub fn from_answer(json: &[u8]) -> Result<Self, JsError> {
        let rows = pageperfect_gsc::SearchConsoleRows::from_answer(json, address)?;
        Ok(Self { rows })
    }

    /// The next rows, at most `max`; undefined when all have been handed out.
    #[wasm_bindgen(unchecked_return_type = "SearchConsoleRow[] | undefined")]
    pub fn next(&mut self, max: usize) -> Result<JsValue, JsError> {
        let Some(chunk) = self.rows.next_chunk(max) else {
            return Ok(JsValue::UNDEFINED);
        };
        parse_json(&serde_json::to_string(&chunk)?)
    }

    /// The next rows as a CSV file with a header, at most `max_rows` and `max_bytes`; undefined when
    /// all have been handed out. A large file so becomes files that one request takes.
    pub fn next_part(&mut self, max_rows: usize, max_bytes: usize) -> Option<Vec<u8>> {
        self.rows.next_part(max_rows, max_bytes)
    }

    /// Rows that have been handed out.
    #[wasm_bindgen(getter)]
    pub fn taken_count(&self) -> usize {
        self.rows.taken_count()
    }

    /// Rows in all chunks.
    #[wasm_bindgen(getter)]
    pub fn row_count(&self) -> usize {
        self.rows.row_count()
    }

    /// Different pages of these rows.
    #[wasm_bindgen(getter)]
    pub fn page_count(&self) -> usize {
        self.rows.page_count()
    }

    /// Rows of the file or the answer, before any was merged or skipped.
    #[wasm_bindgen(getter)]
    pub fn source_count(&self) -> usize {
        self.rows.source_count
    }

    /// What was left out or merged, one sentence each.
    #[wasm_bindgen(getter)]
    pub fn warnings(&self) -> Vec<String> {
        self.rows.warnings.clone()
    }
}

/// The address of a page as pages are known by: without the #fragment, which names a place in the
/// page and is never sent, and with escapes in capitals, so that `%c3` and `%C3` are one page.
fn address(text: &str) -> Option<String> {
    let url = web_sys::Url::new(text).ok()?;
    url.set_hash("");
    matches!(url.protocol().as_str(), "http:" | "https:").then(|| capital_escapes(&url.href()))
}

fn capital_escapes(href: &str) -> String {
    let mut digits = 0;
    href.chars()
        .map(|c| {
            let is_digit = digits > 0 && c.is_ascii_hexdigit();
            digits = if c == '%' {
                2
            } else if is_digit {
                digits - 1
            } else {
                0
            };
            if is_digit { c.to_ascii_uppercase() } else { c }
        })
        .collect()
}

/// One string across the boundary instead of a call for each field of each row.
fn parse_json(json: &str) -> Result<JsValue, JsError> {
    js_sys::JSON::parse(json).map_err(|_| JsError::new("the result is not JSON"))
}
