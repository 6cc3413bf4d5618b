//! The request that starts a site's job.

use crate::intake::{Errors, FieldError, Parameters, Place, Reader, kind_of, parameters};
use crate::url::{AllowedUrl, RefusedUrl};
use serde::Serialize;
use serde_json::Value;

/// Most pages that a list names.
pub const MAX_URLS: usize = 10_000;

/// Most edits of a plan that one job drafts.
pub const MAX_DRAFTS: u32 = 100;

/// A well-formed request with every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SiteRequest {
    pub site: Source,
    pub select: &'static str,
    pub max_pages: u32,
    /// Dollars for models; pages that it does not pay for are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_usd: Option<f64>,
    /// For how long a page without a modification time keeps its result.
    pub max_age_hours: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_days: Option<u32>,
    /// Most edits of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<u32>,
    /// Of the plan's edits, how many of the first that a draft helps are drafted; none when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drafts: Option<u32>,
    pub priority: u32,
    pub parameters: Parameters,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What a caller knows its own request by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Where the pages are named; exactly one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// With their modification times, where they are known.
    Urls(Vec<Url>),
    Sitemap(String),
    /// As Search Console names it: `sc-domain:example.com`, or the beginning of the pages' addresses.
    Property(String),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Url {
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// Ways to choose pages.
pub const SELECTIONS: [&str; 4] = ["impressions", "potential", "all", "changed"];

const FIELDS: &[&str] = &[
    "site",
    "select",
    "max_pages",
    "max_usd",
    "max_age_hours",
    "period_days",
    "top",
    "drafts",
    "priority",
    "parameters",
    "idempotency_key",
    "fingerprint",
];

/// Checks the body of a request that has `site`. Addresses in a list are checked when their pages are chosen.
///
/// # Errors
/// Every wrong field.
pub fn check_site(
    body: &Value,
    check_url: impl Fn(&str) -> Result<AllowedUrl, RefusedUrl>,
) -> Result<SiteRequest, Vec<FieldError>> {
    let Value::Object(fields) = body else {
        let message = format!("must be a JSON object with site, not {}", kind_of(body));
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
    let site = match reader.get("site").cloned() {
        Some(Value::Object(source)) => {
            let mut reader = Reader {
                fields: &source,
                place: Place::Site,
                errors: reader.errors,
            };
            source_of(&mut reader, check_url)
        }
        _ => {
            reader
                .errors
                .add("site", "must be an object with urls, sitemap or property");
            None
        }
    };
    let select = match reader.text("select") {
        None => Some(SELECTIONS[0]),
        Some(text) => {
            let known = SELECTIONS.into_iter().find(|name| *name == text);
            if known.is_none() {
                reader.errors.add(
                    "select",
                    format!("must be one of {}", SELECTIONS.join(", ")),
                );
            }
            known
        }
    };
    let max_pages = reader.whole("max_pages", 1, 10_000).unwrap_or(300);
    let max_usd = reader.number(
        "max_usd",
        |usd| usd > 0.0 && usd <= 1e6,
        "must be a number of dollars above 0",
    );
    let max_age_hours = reader.whole("max_age_hours", 0, 8_760).unwrap_or(24);
    let period_days = reader.whole("period_days", 1, 500);
    let top = reader.whole("top", 1, 10_000);
    let drafts = (reader.whole("drafts", 0, MAX_DRAFTS)).filter(|drafts| *drafts > 0);
    let priority = reader.whole("priority", 0, 100).unwrap_or(0);
    let mut short = |field: &str| {
        let text = reader.text(field);
        let too_long = crate::intake::MAX_IDEMPOTENCY_KEY_CHARS;
        if text
            .as_ref()
            .is_some_and(|text| text.chars().count() > too_long)
        {
            reader
                .errors
                .add(field, format!("must have at most {too_long} characters"));
        }
        text
    };
    let idempotency_key = short("idempotency_key");
    let fingerprint = short("fingerprint");
    let parameters = parameters(fields, &mut errors);
    match (site, select) {
        (Some(site), Some(select)) if errors.list.is_empty() => Ok(SiteRequest {
            site,
            select,
            max_pages,
            max_usd,
            max_age_hours,
            period_days,
            top,
            drafts,
            priority,
            parameters,
            idempotency_key,
            fingerprint,
        }),
        _ => Err(errors.list),
    }
}

fn source_of(
    reader: &mut Reader,
    check_url: impl Fn(&str) -> Result<AllowedUrl, RefusedUrl>,
) -> Option<Source> {
    reader.refuse_unknown(&["urls", "sitemap", "property"]);
    let given = ["urls", "sitemap", "property"];
    if given
        .into_iter()
        .filter(|field| reader.get(field).is_some())
        .count()
        != 1
    {
        reader
            .errors
            .add("site", "must have exactly one of urls, sitemap, property");
        return None;
    }
    if let Some(urls) = reader.get("urls").cloned() {
        return urls_of(&urls, reader.errors).map(Source::Urls);
    }
    if let Some(url) = reader.text("sitemap") {
        return match check_url(&url) {
            Ok(allowed) => Some(Source::Sitemap(allowed.href)),
            Err(refused) => {
                reader.errors.add("site.sitemap", refused.message);
                None
            }
        };
    }
    let property = reader.text("property")?;
    let is_domain = property.strip_prefix("sc-domain:").is_some_and(|domain| {
        !domain.is_empty()
            && domain
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
    });
    if is_domain || property.starts_with("https://") || property.starts_with("http://") {
        return Some(Source::Property(property));
    }
    reader.errors.add(
        "site.property",
        "must be as Search Console names it: sc-domain:example.com or https://example.com/",
    );
    None
}

fn urls_of(value: &Value, errors: &mut Errors) -> Option<Vec<Url>> {
    let Value::Array(entries) = value else {
        errors.add(
            "site.urls",
            format!("must be an array, not {}", kind_of(value)),
        );
        return None;
    };
    if entries.is_empty() || entries.len() > MAX_URLS {
        let message = format!("must have 1 to {MAX_URLS} addresses, not {}", entries.len());
        errors.add("site.urls", message);
        return None;
    }
    let urls: Option<Vec<Url>> = (entries.iter())
        .map(|entry| match entry {
            Value::String(url) => Some(Url {
                url: url.clone(),
                last_modified: None,
            }),
            Value::Object(fields) => Some(Url {
                url: fields.get("url")?.as_str()?.to_owned(),
                last_modified: match fields.get("last_modified") {
                    None | Some(Value::Null) => None,
                    Some(time) => Some(time.as_str()?.to_owned()),
                },
            }),
            _ => None,
        })
        .collect();
    if urls.is_none() {
        errors.add(
            "site.urls",
            "must hold addresses, or objects with url and last_modified",
        );
    }
    urls
}
