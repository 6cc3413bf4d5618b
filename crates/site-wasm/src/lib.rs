//! JavaScript boundary of `pageperfect-site`. What is large crosses as one JSON text.

use js_sys::{Array, JsString, Reflect, Uint8Array};
use pageperfect_boundary::ascii;
use pageperfect_site::links::{LinkFinder, PageText};
use pageperfect_site::meaning::{Meaning, Sketcher};
use pageperfect_site::outcome::{BeforeAfter, effect};
use pageperfect_site::pack::{Index, Indexer, Pack, Packer};
use pageperfect_site::search::{Reader, Search};
use pageperfect_site::site::{Found, PageInput, Planning, Settings, Site, Summary};
use pageperfect_site::sitemap;
use pageperfect_site::topics::{Grouper, TopicRef, similar_to_bytes};
use pageperfect_vector::codec::{base64, base64_f32, to_base64};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface SitemapEntry { url: string; last_modified: string | null }
/** What a sitemap names: pages, or further sitemaps. */
export interface Sitemap { pages: SitemapEntry[]; sitemaps: SitemapEntry[] }

/** Queries of other pages that a page may answer. */
export interface SiteCandidate { page_id: string; queries: { page_id: string; query: string }[] }

/** What a plan needs of a page, in bytes that `SitePlanner` reads. */
export interface PageSummary { page_id: string; bytes: Uint8Array }

/** What a page has for a query that another page is shown for. */
export interface FoundElsewhere {
  page_id: string;
  query: string;
  other_page_id: string;
  coverage: number;
  segment_id: number | null;
}

/** Two sums over periods of the same length. */
export interface BeforeAfter { before: number; after: number }

/** A factor on clicks, against the untouched pages, with its 95 % interval; `extra` is in clicks. */
export interface Effect {
  factor: number; low: number; high: number;
  extra: number; extra_low: number; extra_high: number;
  control_count: number;
}
"#;

/// Reads a sitemap or a sitemap index, compressed by gzip or not. Throws what is wrong with it.
#[wasm_bindgen(unchecked_return_type = "Sitemap")]
pub fn parse_sitemap(bytes: &[u8]) -> Result<JsValue, JsError> {
    parse_json(&serde_json::to_string(&sitemap::parse(bytes)?)?)
}

/// Difference in differences; null when too little was counted to measure anything.
#[wasm_bindgen(unchecked_return_type = "Effect | null")]
pub fn measure_effect(
    #[wasm_bindgen(unchecked_param_type = "BeforeAfter")] edited: JsValue,
    #[wasm_bindgen(unchecked_param_type = "BeforeAfter[]")] controls: JsValue,
) -> Result<JsValue, JsError> {
    let edited: BeforeAfter = pageperfect_boundary::read("edited", edited)?;
    let controls: Vec<BeforeAfter> = pageperfect_boundary::read("controls", controls)?;
    pageperfect_boundary::write(&effect(edited, &controls))
}

/// What a plan needs of pages: JSON of an array of `{id, url, title, page_type, topics, edits, segments, links}`.
#[wasm_bindgen(unchecked_return_type = "PageSummary[]")]
pub fn summarize_pages(json: &str) -> Result<Array, JsError> {
    let pages: Vec<PageInput> = serde_json::from_str(json)?;
    let summaries = Array::new();
    for page in pages {
        let summary = Summary::new(page);
        let row = js_sys::Object::new();
        let bytes = Uint8Array::from(&summary.to_bytes()[..]);
        let is_set = Reflect::set(&row, &"page_id".into(), &summary.page_id().into()).is_ok()
            && Reflect::set(&row, &"bytes".into(), &bytes).is_ok();
        if !is_set {
            return Err(JsError::new("a summary could not be made"));
        }
        summaries.push(&row);
    }
    Ok(summaries)
}

fn bytes_of(text: &JsString) -> Result<Vec<u8>, JsError> {
    let text = ascii(text).ok_or_else(|| JsError::new("base64 is ASCII"))?;
    Ok(base64(text)?)
}

fn summary_of(packed: &JsString) -> Result<Summary, JsError> {
    Summary::from_bytes(&bytes_of(packed)?)
        .ok_or_else(|| JsError::new("these are no bytes of a summary"))
}

fn index_of(bytes: &SiteBytes) -> Result<Index, JsError> {
    Index::from_bytes(&bytes.bytes).ok_or_else(|| JsError::new("these are no bytes of an index"))
}

/// Bytes of megabytes on their way between wasm and the database: as base64, piece by piece, so that JavaScript never holds them as a whole.
/// Its memory comes back late, and that of texts of one size is used again.
#[wasm_bindgen]
pub struct SiteBytes {
    bytes: Vec<u8>,
    read: usize,
}

impl From<Vec<u8>> for SiteBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, read: 0 }
    }
}

#[wasm_bindgen]
impl SiteBytes {
    /// Room for `length` bytes; then `push`.
    #[wasm_bindgen(constructor)]
    pub fn new(length: usize) -> Self {
        Vec::with_capacity(length).into()
    }

    /// Adds a piece: base64.
    pub fn push(&mut self, piece: JsString) -> Result<(), JsError> {
        let piece = bytes_of(&piece)?;
        if self.bytes.capacity() == 0 {
            self.bytes = piece;
        } else {
            self.bytes.extend(piece);
        }
        Ok(())
    }

    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The next `size` bytes as base64; none after their end.
    pub fn next(&mut self, size: usize) -> Option<String> {
        let rest = &self.bytes[self.read..];
        let piece = &rest[..size.max(1).min(rest.len())];
        self.read += piece.len();
        (!piece.is_empty()).then(|| to_base64(piece))
    }
}

/// The pages of a site, read one after another; then the rest, then `free`.
#[wasm_bindgen]
pub struct SitePlanner(Site);

#[wasm_bindgen]
impl SitePlanner {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Site::default())
    }

    /// Adds a page: its summary's bytes as base64.
    pub fn push_summary(&mut self, packed: JsString) -> Result<(), JsError> {
        self.0.push(summary_of(&packed)?);
        Ok(())
    }

    #[wasm_bindgen(getter)]
    pub fn page_count(&self) -> usize {
        self.0.page_count()
    }

    /// A page's queries, in the order in which they are sketched.
    pub fn queries(&self, page: usize) -> Vec<String> {
        self.0
            .queries(page)
            .map(|(query, _)| query.to_owned())
            .collect()
    }

    /// Their topics' numbers, for `SiteSketcher.push`.
    pub fn topics(&self, page: usize) -> Vec<u32> {
        self.0.queries(page).map(|(_, topic)| topic).collect()
    }

    /// Adds pages with the answers to their queries: what `SitePacker.take` made.
    pub fn push_pack(&mut self, pack: SiteBytes) -> Result<(), JsError> {
        let pack = Pack::from_bytes(&pack.bytes);
        self.0
            .push_pack(pack.ok_or_else(|| JsError::new("these are no bytes of a pack"))?);
        Ok(())
    }

    /// Begins the plan with packed pages. `settings`: JSON of `{period_days, top?}`; `index` and `grouping`: what `SiteGrouper` made of the
    /// same pages. This object is used up.
    pub fn begin_plan(
        self,
        settings: &str,
        index: SiteBytes,
        grouping: SiteBytes,
    ) -> Result<SitePlan, JsError> {
        let settings: Settings = serde_json::from_str(settings)?;
        let planning = (self.0).planning(settings, &index_of(&index)?, &grouping.bytes);
        let planning = planning
            .ok_or_else(|| JsError::new("these are no bytes of a grouping of the same pages"))?;
        Ok(SitePlan(planning))
    }
}

/// Finds where on a site answers may stand: pages first, then the rest, then `free`.
#[wasm_bindgen]
#[derive(Default)]
pub struct SiteSearch {
    reader: Reader,
    search: Option<Search>,
}

#[wasm_bindgen]
impl SiteSearch {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a page: its summary's bytes as base64.
    pub fn push_summary(&mut self, packed: JsString) -> Result<(), JsError> {
        self.reader.push(summary_of(&packed)?);
        Ok(())
    }

    /// Where else answers may stand to what the pages from `start` to before `end` leave open, page by page. From the first time on no page
    /// can be added.
    #[wasm_bindgen(unchecked_return_type = "SiteCandidate[]")]
    pub fn candidates(&mut self, start: usize, end: usize) -> Result<JsValue, JsError> {
        let Self { reader, search } = self;
        let search = search.get_or_insert_with(|| std::mem::take(reader).finish());
        parse_json(&serde_json::to_string(&search.candidates(start, end))?)
    }
}

/// Numbers of page and topic.
type TopicPair = (usize, usize);

/// Puts the topics of pages together that are one topic of the site, and says what must be known of all pages to pack one: pages first, then
/// `index`, then `group`.
#[wasm_bindgen]
#[derive(Default)]
pub struct SiteGrouper {
    grouper: Grouper,
    indexer: Indexer,
}

#[wasm_bindgen]
impl SiteGrouper {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a page: its summary's bytes as base64.
    pub fn push_summary(&mut self, packed: JsString) -> Result<(), JsError> {
        let summary = summary_of(&packed)?;
        self.indexer.push(&summary);
        self.grouper.push(summary.page());
        Ok(())
    }

    /// The bytes of the index of the pages since the last one.
    pub fn index(&mut self) -> SiteBytes {
        std::mem::take(&mut self.indexer).finish().to_bytes().into()
    }

    /// The grouping's bytes; `similar`: what `SiteMeaning.similar` made. This object is used up.
    pub fn group(self, similar: SiteBytes) -> Result<SiteBytes, JsError> {
        let grouping = (self.grouper.group_by_bytes(&similar.bytes))
            .ok_or_else(|| JsError::new("these are no bytes of similar topics"))?;
        Ok(grouping.to_bytes().into())
    }

    /// `group` with JSON of an array of `[[page, topic], [page, topic], share]`, as an earlier version kept it.
    pub fn group_json(self, similar: &str) -> Result<SiteBytes, JsError> {
        let similar: Vec<(TopicPair, TopicPair, f64)> = serde_json::from_str(similar)?;
        let node = |(page, topic)| TopicRef { page, topic };
        let similar = (similar.iter()).map(|&(a, b, share)| (node(a), node(b), share));
        Ok(self.grouper.group(similar).to_bytes().into())
    }
}

/// Packs pages, some at a time, as a plan reads them: summaries and answers, then `take`; in the end `free`.
#[wasm_bindgen]
pub struct SitePacker(Packer);

#[wasm_bindgen]
impl SitePacker {
    /// `index`: what `SiteGrouper.index` made of all pages.
    #[wasm_bindgen(constructor)]
    pub fn new(index: SiteBytes) -> Result<Self, JsError> {
        Ok(Self(Packer::new(index_of(&index)?)))
    }

    /// Adds a page: its summary's bytes as base64.
    pub fn push_summary(&mut self, packed: JsString) -> Result<(), JsError> {
        self.0.push(summary_of(&packed)?);
        Ok(())
    }

    /// Adds answers: JSON of an array of `FoundElsewhere`.
    pub fn push_answers(&mut self, found: &str) -> Result<(), JsError> {
        let found: Vec<Found> = serde_json::from_str(found)?;
        found.iter().for_each(|found| self.0.push_answer(found));
        Ok(())
    }

    /// The bytes of the pages since the last time.
    pub fn take(&mut self) -> SiteBytes {
        self.0.take().into()
    }
}

/// A plan as it is made: where an earlier invocation stood, then steps, then the report; then `free`.
#[wasm_bindgen]
pub struct SitePlan(Planning);

#[wasm_bindgen]
impl SitePlan {
    /// Does up to `count` units of work; how much is left, falling, 0 when the plan is made.
    pub fn step(&mut self, count: usize) -> f64 {
        self.0.step(count)
    }

    /// Where the plan stands, for `restore` of the same pages.
    pub fn checkpoint(&mut self) -> SiteBytes {
        self.0.checkpoint().into()
    }

    /// False: these are no bytes of this version's plan of the same pages, and it begins anew.
    pub fn restore(&mut self, checkpoint: SiteBytes) -> bool {
        self.0.restore(&checkpoint.bytes)
    }

    /// What the made plan says. The plan is used up: the texts, megabytes of a large site, are written into its room.
    pub fn report(self) -> Result<SiteReport, JsError> {
        let (report, finder) = self.0.report();
        let finder = serde_json::to_string(&finder)?;
        Ok(SiteReport {
            finder,
            report: json_text(&report)?,
            read: 0,
        })
    }
}

/// A plan's texts, to be handed over one after the other; then `free`.
#[wasm_bindgen]
pub struct SiteReport {
    finder: String,
    report: String,
    read: usize,
}

#[wasm_bindgen]
impl SiteReport {
    /// JSON of what finds the links: see `SiteLinks`.
    pub fn take_finder(&mut self) -> String {
        std::mem::take(&mut self.finder)
    }

    /// The next piece of the report's JSON, about `size` bytes of whole characters; none after its end.
    pub fn next(&mut self, size: usize) -> Option<String> {
        let rest = &self.report[self.read..];
        let is_end = |&end: &usize| rest.is_char_boundary(end);
        let end = (size.max(1)..rest.len()).find(is_end).unwrap_or(rest.len());
        self.read += end;
        (end > 0).then(|| rest[..end].to_owned())
    }
}

/// Finds links page by page, with the `finder` of a plan.
#[wasm_bindgen]
pub struct SiteLinks(LinkFinder);

#[derive(Deserialize)]
struct LinkPage {
    id: String,
    #[serde(flatten)]
    text: PageText,
}

#[wasm_bindgen]
impl SiteLinks {
    #[wasm_bindgen(constructor)]
    pub fn new(finder: &str) -> Result<Self, JsError> {
        Ok(Self(serde_json::from_str::<LinkFinder>(finder)?.ready()))
    }

    /// `pages` as of `summarize_pages`; one array of links a page.
    #[wasm_bindgen(unchecked_return_type = "{ page_id: string; links: unknown[] }[]")]
    pub fn find(&self, pages: &str) -> Result<JsValue, JsError> {
        let pages: Vec<LinkPage> = serde_json::from_str(pages)?;
        let found: Vec<_> = (pages.iter())
            .map(|page| {
                let links = self.0.find(&page.id, &page.text);
                serde_json::json!({"page_id": page.id, "links": links})
            })
            .collect();
        parse_json(&serde_json::to_string(&found)?)
    }
}

/// Mean of the unit vectors of a sample of the site's queries.
#[wasm_bindgen]
pub struct MeanVector {
    sum: Vec<f64>,
    count: usize,
}

#[wasm_bindgen]
impl MeanVector {
    #[wasm_bindgen(constructor)]
    pub fn new(dimensions: usize) -> Self {
        let sum = vec![0.0; dimensions];
        Self { sum, count: 0 }
    }

    /// base64 of little-endian f32, one vector or many on end.
    pub fn push(&mut self, packed: JsString) -> Result<(), JsError> {
        let text = ascii(&packed).ok_or_else(|| JsError::new("base64 is ASCII"))?;
        let Self { sum, count } = self;
        base64_f32(text, sum.len(), |vector| {
            let length = vector.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
            if length > 0.0 {
                *count += 1;
                (sum.iter_mut().zip(vector)).for_each(|(sum, x)| *sum += f64::from(*x) / length);
            }
        })?;
        Ok(())
    }

    pub fn mean(&self) -> Vec<f32> {
        let count = self.count.max(1) as f64;
        self.sum.iter().map(|sum| (sum / count) as f32).collect()
    }
}

/// Sketches of a page's queries, by which `SiteMeaning` compares them.
#[wasm_bindgen]
pub struct SiteSketcher {
    sketcher: Sketcher,
    dimensions: usize,
    topics: Vec<u32>,
    next: usize,
    bytes: Vec<u8>,
}

#[wasm_bindgen]
impl SiteSketcher {
    #[wasm_bindgen(constructor)]
    pub fn new(mean: Vec<f32>) -> Self {
        Self {
            dimensions: mean.len(),
            sketcher: Sketcher::new(mean),
            topics: Vec::new(),
            next: 0,
            bytes: Vec::new(),
        }
    }

    /// Begins a page: its queries' topics.
    pub fn start(&mut self, topics: Vec<u32>) {
        self.topics = topics;
        self.next = 0;
        self.bytes.clear();
    }

    /// Vectors of its next queries: base64 of little-endian f32.
    pub fn push(&mut self, packed: JsString) -> Result<(), JsError> {
        let text = ascii(&packed).ok_or_else(|| JsError::new("base64 is ASCII"))?;
        let Self {
            sketcher,
            topics,
            next,
            bytes,
            ..
        } = self;
        base64_f32(text, self.dimensions, |vector| {
            if let Some(&topic) = topics.get(*next) {
                sketcher.push(vector, topic, bytes);
            }
            *next += 1;
        })?;
        Ok(())
    }

    /// The page's sketches; throws when its vectors were too few or too many.
    pub fn finish(&self) -> Result<Vec<u8>, JsError> {
        if self.next != self.topics.len() {
            let message = format!("{} vectors for {} queries", self.next, self.topics.len());
            return Err(JsError::new(&message));
        }
        Ok(self.bytes.clone())
    }
}

/// Compares all queries of a site by their sketches, in steps.
#[wasm_bindgen]
pub struct SiteMeaning(Meaning);

#[wasm_bindgen]
impl SiteMeaning {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Meaning::default())
    }

    /// A page's sketches as base64; page by page.
    pub fn push(&mut self, page: usize, packed: JsString) -> Result<(), JsError> {
        if self.0.push(page, &bytes_of(&packed)?) {
            Ok(())
        } else {
            Err(JsError::new("these are no bytes of sketches"))
        }
    }

    #[wasm_bindgen(getter)]
    pub fn query_count(&self) -> usize {
        self.0.query_count()
    }

    /// Compares up to `count` pairs of blocks of 512 queries; how many are left.
    pub fn step(&mut self, count: usize) -> usize {
        self.0.step(count)
    }

    pub fn checkpoint(&self) -> SiteBytes {
        self.0.checkpoint().into()
    }

    pub fn restore(&mut self, checkpoint: SiteBytes) -> Result<(), JsError> {
        if self.0.restore(&checkpoint.bytes) {
            Ok(())
        } else {
            Err(JsError::new("these are no bytes of a comparison"))
        }
    }

    #[wasm_bindgen(getter)]
    pub fn similar_count(&self) -> usize {
        self.0.similar_count()
    }

    /// Topics that mean the same, which may be hundreds of thousands, in bytes that `SiteGrouper` reads.
    pub fn similar(&mut self) -> SiteBytes {
        similar_to_bytes(self.0.similar_count(), self.0.similar()).into()
    }
}

/// JSON of megabytes, in room that is made for it at once: a text that grows takes three times as much, of memory that is never given back.
fn json_text(value: &impl Serialize) -> Result<String, JsError> {
    struct Length(usize);
    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value)?;
    let mut text = Vec::with_capacity(length.0);
    serde_json::to_writer(&mut text, value)?;
    Ok(String::from_utf8(text)?)
}

/// One string across the boundary instead of a call for each field of each row.
fn parse_json(json: &str) -> Result<JsValue, JsError> {
    js_sys::JSON::parse(json).map_err(|_| JsError::new("the result is not JSON"))
}
