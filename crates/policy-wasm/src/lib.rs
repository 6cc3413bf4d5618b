//! JavaScript binding of [`pageperfect_policy`]: the host parses URLs and gives random numbers.

use pageperfect_boundary::write;
use pageperfect_policy::crawl::RobotsFile;
use pageperfect_policy::error::{CRAWL_CODES, ErrorKind, STAGE_CODES};
use pageperfect_policy::intake::FieldError;
use pageperfect_policy::retry::RetryPolicy;
use pageperfect_policy::site_intake::check_site;
use pageperfect_policy::url::{AllowedUrl, HostRules, RefusedUrl, UrlParts};
use pageperfect_policy::{address, crawl, error, intake, limits, retry, robots, url};
use serde::Serialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export type ErrorKind = "transient" | "permanent";

export interface RetryDecision {
  action: "retry" | "dead_letter";
  /** Seconds until the next attempt; 0 for a dead letter. */
  delay_seconds: number;
  reason: "backoff" | "retry_after" | "permanent_error" | "attempts_exhausted";
}

export type UrlCheck =
  | {
    ok: true;
    href: string;
    hostname: string;
    port: number;
    /** Whether every DNS answer for `hostname` must pass `check_address` before the fetch. */
    resolve: boolean;
  }
  | { ok: false; code: string; message: string };

export interface IntakeRequest {
  url?: string;
  page_id?: string;
  priority: number;
  premium: boolean;
  ultra_premium: boolean;
  render: boolean;
  generate_draft: boolean;
  keywords?: { query: string; impressions: number; clicks: number; position: number | null }[];
  parameters: {
    eps: number;
    min_points: number;
    max_cluster_size?: number;
    exact: boolean;
    similarity_threshold: number;
    top: number;
    method: "calibrated" | "cosine";
    brand: string[];
    period_days?: number;
    drafts: number;
    draft_form: "text" | "outline";
    verify?: boolean;
  };
  idempotency_key?: string;
}

/** How an embedding model wants to be asked. */
export interface ModelProfile {
  query_prefix: string;
  passage_prefix: string;
  /** The request's `input_type` for queries and passages; null: it takes none. */
  input_types: [string, string] | null;
  max_tokens: number;
  dimensions: number | null;
  is_english: boolean;
  is_lexical: boolean;
}

export type IntakeCheck =
  | { ok: true; request: IntakeRequest }
  | { ok: false; errors: { field: string; message: string }[] };

/** What a stage that waits for a crawl does next. */
export type CrawlWait =
  | { action: "done" }
  | { action: "failed" }
  | { action: "give_up"; code: string; message: string }
  | { action: "sleep"; delay_seconds: number; message: string; poll_count: number };

/** A bucket of calls or tokens, as an answer's headers tell it. */
export interface RateLimit {
  unit: "requests" | "tokens" | "input_tokens" | "output_tokens";
  limit: number;
  remaining: number;
  /** Until it is full again. */
  reset_seconds: number | null;
}

export interface ErrorCode {
  code: string;
  kind: ErrorKind;
  meaning: string;
}
"#;

/// Decides what becomes of attempt number `attempt` (1 is the first), which has just failed:
/// exponential backoff with a cap and full jitter, on top of a Retry-After of at most an hour.
#[wasm_bindgen(unchecked_return_type = "RetryDecision")]
pub fn retry_decision(
    attempt: u32,
    max_attempts: u32,
    base_seconds: f64,
    max_seconds: f64,
    #[wasm_bindgen(unchecked_param_type = "ErrorKind")] error_kind: &str,
    retry_after_seconds: Option<f64>,
) -> Result<JsValue, JsError> {
    let kind = ErrorKind::from_name(error_kind).ok_or_else(|| {
        JsError::new(&format!(
            "error_kind must be transient or permanent, not {error_kind:?}"
        ))
    })?;
    let policy = RetryPolicy {
        max_attempts,
        base_seconds,
        max_seconds,
    };
    write(&retry::retry_decision(
        attempt,
        policy,
        kind,
        retry_after_seconds,
        random()?,
    ))
}

/// The kind of an error by its HTTP status and its code, which decides where it is known.
#[wasm_bindgen(unchecked_return_type = "ErrorKind")]
pub fn classify_error(http_status: Option<u16>, code: Option<String>) -> String {
    error::classify_error(http_status, code.as_deref())
        .as_str()
        .to_owned()
}

/// The vocabulary of error codes: what the crawl and the stages report.
#[wasm_bindgen(unchecked_return_type = "ErrorCode[]")]
pub fn error_codes() -> Result<JsValue, JsError> {
    let codes = CRAWL_CODES.iter().chain(STAGE_CODES);
    let codes: Vec<Value> = codes
        .map(|(code, kind, meaning)| json!({ "code": code, "kind": kind, "meaning": meaning }))
        .collect();
    write(&codes)
}

/// Seconds to wait by a Retry-After header (seconds or an HTTP date); `now_ms` is `Date.now()`.
#[wasm_bindgen]
pub fn retry_after_seconds(header: Option<String>, now_ms: f64) -> Option<f64> {
    retry::retry_after_seconds(&header?, now_ms)
}

/// How a crawl is waited for, by its status (`undefined`: there is none), the seconds it has been
/// running (`undefined` while it waits for its turn) and the polls made so far.
#[wasm_bindgen(unchecked_return_type = "CrawlWait")]
pub fn crawl_wait(
    status: Option<String>,
    running_seconds: Option<f64>,
    poll_count: u32,
) -> Result<JsValue, JsError> {
    write(&crawl::wait(status.as_deref(), running_seconds, poll_count))
}

/// What the status of an answer says of a site's robots.txt.
#[wasm_bindgen(unchecked_return_type = "\"there\" | \"none\" | \"unavailable\"")]
pub fn robots_file(status: u16) -> String {
    match crawl::robots_file(status) {
        RobotsFile::There => "there",
        RobotsFile::None => "none",
        RobotsFile::Unavailable => "unavailable",
    }
    .to_owned()
}

/// Why ScraperAPI has no page, by its status; `undefined` when the status is the site's.
#[wasm_bindgen(unchecked_return_type = "{ code: string; message: string } | undefined")]
pub fn scraper_refusal(status: u16, is_ultra_premium: bool) -> Result<JsValue, JsError> {
    match crawl::scraper_refusal(status, is_ultra_premium) {
        Some(refusal) => write(&refusal),
        None => Ok(JsValue::UNDEFINED),
    }
}

/// The code of a connection that failed, by the host's message about it.
#[wasm_bindgen]
pub fn connection_code(message: &str) -> String {
    crawl::connection_code(message).to_owned()
}

/// The rate limits in an answer's headers, which come as name, value, name, value; `now_ms` is
/// `Date.now()`.
#[wasm_bindgen(unchecked_return_type = "RateLimit[]")]
pub fn rate_limits(headers: Vec<String>, now_ms: f64) -> Result<JsValue, JsError> {
    let find = |name: &str| {
        let mut pairs = headers.chunks_exact(2);
        pairs
            .find(|pair| pair[0] == name)
            .map(|pair| pair[1].as_str())
    };
    write(&limits::rate_limits(find, now_ms))
}

/// Seconds for which a model that refused a call is not asked again; `now_ms` is `Date.now()`.
#[wasm_bindgen]
pub fn refused_seconds(retry_after: Option<String>, now_ms: f64) -> f64 {
    limits::refused_seconds(retry_after.as_deref(), now_ms)
}

/// Whether the crawler may fetch a URL. `allowed_hosts` (`host:port`) may be reached though private;
/// `blocked_hosts` (`host` or `host:port`, with their subdomains) never.
#[wasm_bindgen(unchecked_return_type = "UrlCheck")]
pub fn check_url(
    url: &str,
    allowed_hosts: Vec<String>,
    blocked_hosts: Option<Vec<String>>,
) -> Result<JsValue, JsError> {
    let hosts = HostRules {
        allowed: &allowed_hosts,
        blocked: &blocked_hosts.unwrap_or_default(),
    };
    write(&match parse_and_check(url, hosts) {
        Ok(AllowedUrl {
            href,
            hostname,
            port,
            resolve,
        }) => {
            json!({ "ok": true, "href": href, "hostname": hostname, "port": port, "resolve": resolve })
        }
        Err(RefusedUrl { code, message }) => {
            json!({ "ok": false, "code": code, "message": message })
        }
    })
}

/// Why an IP address may not be fetched from; `undefined` for a public one.
#[wasm_bindgen]
pub fn check_address(ip: &str) -> Option<String> {
    address::check_address(ip).map(str::to_owned)
}

/// Whether a site's robots.txt allows the crawler with this product token to fetch a page;
/// `path` is the URL's path with its query.
#[wasm_bindgen]
pub fn robots_allows(robots_txt: &str, product: &str, path: &str) -> bool {
    robots::robots_allows(robots_txt, product, path)
}

/// Checks the body of a request for a job and fills in the defaults, or names every wrong field.
#[wasm_bindgen(unchecked_return_type = "IntakeCheck")]
pub fn check_intake(
    #[wasm_bindgen(unchecked_param_type = "unknown")] body: JsValue,
    allowed_hosts: Vec<String>,
    blocked_hosts: Option<Vec<String>>,
) -> Result<JsValue, JsError> {
    let blocked = blocked_hosts.unwrap_or_default();
    let hosts = HostRules {
        allowed: &allowed_hosts,
        blocked: &blocked,
    };
    check(body, "url or page_id", |body| {
        intake::check_intake(body, |url| parse_and_check(url, hosts))
    })
}

/// The same for a request that has `site`: the job of a whole site.
#[wasm_bindgen(unchecked_return_type = "IntakeCheck")]
pub fn check_site_intake(
    #[wasm_bindgen(unchecked_param_type = "unknown")] body: JsValue,
    allowed_hosts: Vec<String>,
    blocked_hosts: Option<Vec<String>>,
) -> Result<JsValue, JsError> {
    let blocked = blocked_hosts.unwrap_or_default();
    let hosts = HostRules {
        allowed: &allowed_hosts,
        blocked: &blocked,
    };
    check(body, "site", |body| {
        check_site(body, |url| parse_and_check(url, hosts))
    })
}

fn check<Request: Serialize>(
    body: JsValue,
    needs: &str,
    check: impl Fn(&serde_json::Value) -> Result<Request, Vec<FieldError>>,
) -> Result<JsValue, JsError> {
    // One string across the boundary instead of a call for each field of each keyword.
    let json = js_sys::JSON::stringify(&body)
        .ok()
        .and_then(|json| json.as_string());
    let checked = match json.map(|json| serde_json::from_str(&json)) {
        Some(Ok(body)) => check(&body),
        wrong => {
            // JavaScript's JSON has halves of characters, `\ud800`; text has none.
            let why = wrong
                .and_then(Result::err)
                .map(|error| format!(": {error}"));
            Err(vec![FieldError {
                field: "body".into(),
                message: format!("must be a JSON object with {needs}") + &why.unwrap_or_default(),
            }])
        }
    };
    let answer = match checked {
        Ok(request) => serde_json::to_string(&Accepted { ok: true, request })?,
        Err(errors) => json!({ "ok": false, "errors": errors }).to_string(),
    };
    js_sys::JSON::parse(&answer).map_err(|_| JsError::new("the result is not JSON"))
}

#[derive(Serialize)]
struct Accepted<Request> {
    ok: bool,
    request: Request,
}

/// The host's parser reads the URL exactly as its `fetch` will.
fn parse_and_check(url: &str, hosts: HostRules<'_>) -> Result<AllowedUrl, RefusedUrl> {
    let parsed = web_sys::Url::new(url).map_err(|_| RefusedUrl::unparsable())?;
    let parts = UrlParts {
        href: parsed.href(),
        scheme: parsed.protocol(),
        username: parsed.username(),
        password: parsed.password(),
        hostname: parsed.hostname(),
        port: parsed.port(),
    };
    url::check_url(&parts, hosts)
}

/// Uniform in [0, 1), with all the bits that fit an f64.
fn random() -> Result<f64, JsError> {
    let bits = getrandom::u64()?;
    Ok((bits >> 11) as f64 / (1u64 << 53) as f64)
}

/// How the embedding model of that name wants to be asked; an unknown one takes texts as they are.
#[wasm_bindgen(unchecked_return_type = "ModelProfile")]
pub fn model_profile(model: &str) -> Result<JsValue, JsError> {
    write(&pageperfect_models::profile(model))
}
