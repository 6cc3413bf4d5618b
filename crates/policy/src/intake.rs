//! The request that starts a job: checked in full, so that one answer names everything wrong.

use pageperfect_gsc::{Keyword, KeywordMerger, MAX_COUNT, MAX_QUERY_CHARS};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::url::{AllowedUrl, RefusedUrl};

/// Most rows in `keywords`: what one call of the Search Console API returns at most.
pub const MAX_KEYWORDS: usize = 25_000;

/// Most characters of all queries together; what they take in time and memory grows with them.
pub const MAX_QUERY_CHARS_IN_ALL: usize = 1_500_000;

/// Most errors that are reported about `keywords`; a file with the wrong columns has thousands.
pub const MAX_KEYWORD_ERRORS: usize = 20;

/// Longest idempotency key, in characters.
pub const MAX_IDEMPOTENCY_KEY_CHARS: usize = 200;

/// A well-formed request with every default filled in. What was not sent and has no default is
/// left out of the JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IntakeRequest {
    /// Normalised. Exactly one of `url` and `page_id` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A UUID in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_id: Option<String>,
    /// 0 to 100; higher goes first.
    pub priority: u32,
    pub premium: bool,
    pub ultra_premium: bool,
    pub render: bool,
    pub generate_draft: bool,
    /// One a query: rows of the same query are merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<Keyword>>,
    pub parameters: Parameters,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// What the analysis is run with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameters {
    /// DBSCAN's radius, cosine distance in (0, 2].
    pub eps: f64,
    /// Points that make a neighbourhood dense, itself included.
    pub min_points: u32,
    /// Clusters with more members are split; without it none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cluster_size: Option<u32>,
    /// Compare every pair of keywords, however many there are.
    pub exact: bool,
    /// Cosine similarity in [0, 1] below which a cluster is a gap.
    pub similarity_threshold: f64,
    /// Most recommendations, 1 to 100.
    pub top: u32,
    /// How coverage is measured.
    pub method: Method,
    /// Names of the site, whose queries are no questions to the page.
    pub brand: Vec<String>,
    /// Days that the keywords' figures are of; without it dated rows tell, or three months are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_days: Option<u32>,
    /// Recommendations that are drafted, 0 to 10.
    pub drafts: u32,
    /// `text` or `outline`.
    pub draft_form: String,
    /// Whether a language model reads the page for each recommendation; without it where one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
}

/// calibrated: the probability that a passage answers, per query; cosine: the plain similarity of topics and segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    Calibrated,
    Cosine,
}

/// Most names in `parameters.brand`.
pub const MAX_BRANDS: usize = 20;

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Such as `priority`, `parameters.eps` or `keywords[3].query`; `body` for the whole.
    pub field: String,
    pub message: String,
}

const FIELDS: &[&str] = &[
    "url",
    "page_id",
    "priority",
    "premium",
    "ultra_premium",
    "render",
    "generate_draft",
    "keywords",
    "parameters",
    "idempotency_key",
];
const PARAMETERS: &[&str] = &[
    "eps",
    "min_points",
    "max_cluster_size",
    "exact",
    "similarity_threshold",
    "top",
    "method",
    "brand",
    "period_days",
    "drafts",
    "draft_form",
    "verify",
];
const KEYWORD_FIELDS: &[&str] = &["query", "impressions", "clicks", "position"];

/// Checks the body of a request. `check_url` parses a URL and applies the URL policy to it.
///
/// `null` counts as not sent. Texts are trimmed.
///
/// # Errors
/// Every wrong field, but at most [`MAX_KEYWORD_ERRORS`] about keywords.
pub fn check_intake(
    body: &Value,
    check_url: impl Fn(&str) -> Result<AllowedUrl, RefusedUrl>,
) -> Result<IntakeRequest, Vec<FieldError>> {
    let Value::Object(fields) = body else {
        let message = format!(
            "must be a JSON object with url or page_id, not {}",
            kind_of(body)
        );
        return Err(vec![FieldError {
            field: "body".into(),
            message,
        }]);
    };
    let mut errors = Errors::default();
    let mut reader = Reader {
        fields,
        place: Place::Body,
        errors: &mut errors,
    };
    reader.refuse_unknown(FIELDS);

    let url = reader.text("url").and_then(|url| match check_url(&url) {
        Ok(allowed) => Some(allowed.href),
        Err(refused) => {
            reader.errors.add("url", refused.message);
            None
        }
    });
    let page_id = reader.text("page_id").and_then(|id| {
        let id = id.to_ascii_lowercase();
        let valid = is_uuid(&id);
        if !valid {
            reader
                .errors
                .add("page_id", "must be the UUID of a row of pages");
        }
        valid.then_some(id)
    });
    match (reader.get("url"), reader.get("page_id")) {
        (None, None) => reader
            .errors
            .add("url", "is required, or page_id in its place"),
        (Some(_), Some(_)) => reader
            .errors
            .add("page_id", "must not be sent together with url"),
        _ => {}
    }
    let request = IntakeRequest {
        url,
        page_id,
        priority: reader.whole("priority", 0, 100).unwrap_or(0),
        premium: reader.flag("premium").unwrap_or(false),
        ultra_premium: reader.flag("ultra_premium").unwrap_or(false),
        render: reader.flag("render").unwrap_or(false),
        generate_draft: reader.flag("generate_draft").unwrap_or(true),
        idempotency_key: reader.text("idempotency_key").inspect(|key| {
            if key.chars().count() > MAX_IDEMPOTENCY_KEY_CHARS {
                let message = format!("must have at most {MAX_IDEMPOTENCY_KEY_CHARS} characters");
                reader.errors.add("idempotency_key", message);
            }
        }),
        parameters: parameters(fields, &mut errors),
        keywords: keywords(fields, &mut errors),
    };
    if errors.list.is_empty() {
        Ok(request)
    } else {
        Err(errors.list)
    }
}

pub(crate) fn parameters(body: &Map<String, Value>, errors: &mut Errors) -> Parameters {
    let none = Map::new();
    let fields = match body.get("parameters") {
        Some(Value::Object(fields)) => fields,
        None | Some(Value::Null) => &none,
        Some(other) => {
            errors.add(
                "parameters",
                format!("must be an object, not {}", kind_of(other)),
            );
            &none
        }
    };
    let mut reader = Reader {
        fields,
        place: Place::Parameters,
        errors,
    };
    reader.refuse_unknown(PARAMETERS);
    Parameters {
        eps: reader
            .number(
                "eps",
                |eps| eps > 0.0 && eps <= 2.0,
                "must be a number above 0 and at most 2",
            )
            .unwrap_or(0.3),
        min_points: reader.whole("min_points", 1, 1_000_000).unwrap_or(2),
        max_cluster_size: reader.whole("max_cluster_size", 2, 1_000_000),
        exact: reader.flag("exact").unwrap_or(false),
        similarity_threshold: reader
            .number(
                "similarity_threshold",
                |t| (0.0..=1.0).contains(&t),
                "must be a number from 0 to 1",
            )
            .unwrap_or(0.7),
        top: reader.whole("top", 1, 100).unwrap_or(10),
        method: match reader.text("method").as_deref() {
            None | Some("calibrated") => Method::Calibrated,
            Some("cosine") => Method::Cosine,
            Some(_) => {
                reader.error("method", "must be calibrated or cosine");
                Method::Calibrated
            }
        },
        brand: reader.texts("brand", MAX_BRANDS),
        period_days: reader.whole("period_days", 1, 1_000),
        drafts: reader.whole("drafts", 0, 10).unwrap_or(1),
        draft_form: reader
            .choice("draft_form", &["text", "outline"])
            .unwrap_or_else(|| "text".into()),
        verify: reader.flag("verify"),
    }
}

fn keywords(body: &Map<String, Value>, errors: &mut Errors) -> Option<Vec<Keyword>> {
    let rows = match body.get("keywords")? {
        Value::Null => return None,
        Value::Array(rows) => rows,
        other => {
            errors.add(
                "keywords",
                format!("must be an array of objects, not {}", kind_of(other)),
            );
            return None;
        }
    };
    if rows.len() > MAX_KEYWORDS {
        errors.add(
            "keywords",
            format!("must have at most {MAX_KEYWORDS} rows, not {}", rows.len()),
        );
        return None;
    }
    let char_count: usize = rows
        .iter()
        .filter_map(|row| row.get("query")?.as_str())
        .map(|query| query.chars().count())
        .sum();
    if char_count > MAX_QUERY_CHARS_IN_ALL {
        errors.add(
            "keywords",
            format!(
                "must have at most {MAX_QUERY_CHARS_IN_ALL} characters of queries, not {char_count}"
            ),
        );
        return None;
    }
    let mut row_errors = Errors::default();
    let mut merger = KeywordMerger::default();
    for (index, row) in rows.iter().enumerate() {
        if let Some(keyword) = keyword(row, index, &mut row_errors) {
            merger.push(keyword);
        }
    }
    let error_count = row_errors.list.len();
    if error_count > MAX_KEYWORD_ERRORS {
        row_errors.list.truncate(MAX_KEYWORD_ERRORS - 1);
        let rest = error_count - row_errors.list.len();
        row_errors.add(
            "keywords",
            format!("{rest} more errors in the rows; these are the first"),
        );
    }
    errors.list.append(&mut row_errors.list);
    Some(merger.finish())
}

fn keyword(row: &Value, index: usize, errors: &mut Errors) -> Option<Keyword> {
    let Value::Object(fields) = row else {
        let expected = KEYWORD_FIELDS.join(", ");
        let message = format!("must be an object with {expected}, not {}", kind_of(row));
        errors.add(&format!("keywords[{index}]"), message);
        return None;
    };
    let mut reader = Reader {
        fields,
        place: Place::Keyword(index),
        errors,
    };
    reader.refuse_unknown(KEYWORD_FIELDS);
    let query = reader.text("query");
    if query
        .as_ref()
        .is_some_and(|query| query.chars().count() > MAX_QUERY_CHARS)
    {
        reader.error(
            "query",
            format!("must have at most {MAX_QUERY_CHARS} characters"),
        );
    }
    let count = |n: f64| (0.0..=MAX_COUNT).contains(&n) && n.fract() == 0.0;
    let whole = "must be a whole number from 0 to 1000000000";
    let impressions = reader.number("impressions", count, whole);
    let clicks = reader.number("clicks", count, whole);
    let rank = |n: f64| (0.0..=MAX_COUNT).contains(&n);
    let position = reader.number("position", rank, "must be a number that is not negative");
    for field in ["query", "impressions"] {
        if reader.get(field).is_none() {
            reader.error(field, "is required");
        }
    }
    Some(Keyword {
        query: query?,
        impressions: impressions?,
        clicks: clicks.unwrap_or(0.0),
        position,
    })
}

#[derive(Default)]
pub(crate) struct Errors {
    pub(crate) list: Vec<FieldError>,
}

impl Errors {
    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.list.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
    }
}

/// Reads the fields of an object. Each method gives `None` for a field that was not sent, and for
/// a wrong one, which it reports.
pub(crate) struct Reader<'a> {
    pub(crate) fields: &'a Map<String, Value>,
    pub(crate) place: Place,
    pub(crate) errors: &'a mut Errors,
}

/// The object that is read, for the names in errors.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Body,
    Site,
    Parameters,
    Keyword(usize),
}

impl Reader<'_> {
    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn error(&mut self, field: &str, message: impl Into<String>) {
        let path = match self.place {
            Place::Body => field.to_owned(),
            Place::Site => format!("site.{field}"),
            Place::Parameters => format!("parameters.{field}"),
            Place::Keyword(index) => format!("keywords[{index}].{field}"),
        };
        self.errors.add(&path, message);
    }

    pub(crate) fn refuse_unknown(&mut self, known: &[&str]) {
        for field in self
            .fields
            .keys()
            .filter(|field| !known.contains(&field.as_str()))
        {
            let shown: String = field.chars().take(60).collect();
            let distance = |name: &&&str| strsim::damerau_levenshtein(name, &shown.to_lowercase());
            let message = match known.iter().min_by_key(distance) {
                Some(nearest) if distance(&nearest) <= 1 + nearest.len() / 3 => {
                    format!("is not a known field; did you mean {nearest}?")
                }
                _ => format!("is not a known field; there are {}", known.join(", ")),
            };
            self.error(&shown, message);
        }
    }

    pub(crate) fn text(&mut self, field: &str) -> Option<String> {
        match self.get(field)? {
            // Postgres takes none.
            Value::String(text) if text.trim().contains('\0') => {
                self.error(field, "must not contain the character U+0000");
                None
            }
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::String(_) => {
                self.error(field, "must not be empty");
                None
            }
            other => {
                let message = format!("must be a string, not {}", kind_of(other));
                self.error(field, message);
                None
            }
        }
    }

    /// One text or a list of texts; empty when it was not sent.
    pub(crate) fn texts(&mut self, field: &str, most: usize) -> Vec<String> {
        let list = match self.get(field) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let texts: Option<Vec<String>> = (list.iter())
            .map(|text| Some(text.as_str()?.trim().to_owned()))
            .map(|text| text.filter(|text| !text.is_empty() && !text.contains('\0')))
            .collect();
        match texts {
            Some(texts)
                if texts.len() <= most
                    && texts
                        .iter()
                        .all(|text| text.chars().count() <= MAX_QUERY_CHARS) =>
            {
                texts
            }
            _ => {
                self.error(
                    field,
                    format!("must be a text or a list of at most {most} texts, none empty"),
                );
                Vec::new()
            }
        }
    }

    pub(crate) fn flag(&mut self, field: &str) -> Option<bool> {
        let value = self.get(field)?;
        let flag = value.as_bool();
        if flag.is_none() {
            let message = format!("must be true or false, not {}", kind_of(value));
            self.error(field, message);
        }
        flag
    }

    fn choice(&mut self, field: &str, choices: &[&str]) -> Option<String> {
        let value = self.get(field)?;
        let chosen = value.as_str().filter(|text| choices.contains(text));
        let chosen = chosen.map(str::to_owned);
        if chosen.is_none() {
            let message = format!("must be {}", choices.join(" or "));
            self.error(field, message);
        }
        chosen
    }

    pub(crate) fn number(
        &mut self,
        field: &str,
        valid: impl Fn(f64) -> bool,
        rule: &str,
    ) -> Option<f64> {
        let number = self
            .get(field)?
            .as_f64()
            .filter(|n| n.is_finite() && valid(*n));
        if number.is_none() {
            self.error(field, rule);
        }
        number
    }

    pub(crate) fn whole(&mut self, field: &str, least: u32, most: u32) -> Option<u32> {
        let range = f64::from(least)..=f64::from(most);
        let rule = format!("must be a whole number from {least} to {most}");
        self.number(field, |n| range.contains(&n) && n.fract() == 0.0, &rule)
            .map(|n| n as u32)
    }
}

pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
