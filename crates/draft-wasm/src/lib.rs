//! JavaScript binding of `pageperfect-draft`: what to ask language models about a page's gaps, and the
//! judgement of what they answer.

use pageperfect_boundary::{read, write};
use pageperfect_draft::{Previous, SettledEdit};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What gap analysis handed on; null counts as empty. */
export interface DeskInput {
  page: { title?: string | null; url?: string | null; language?: string | null };
  /** All of the page, in its order. */
  segments: { id: number; kind: string; heading_path: string[]; text: string }[];
  /** By rank, with more than `top`: a reader may strike some out. The fields are those of the result's edits. */
  edits: {
    id: number;
    kind: "write" | "extend" | "improve" | "new_page";
    topic_id: number;
    label: string;
    open_queries: string[];
    expected_clicks: number;
    opportunity: number;
    impressions: number;
    coverage: number;
    confidence: number | null;
    place: EditPlace;
    /** Ids of segments, nearest to the topic first. */
    nearest: number[];
  }[];
  /** Those of the edits, as in the result. */
  topics: { id: number; kind: string; confidence: number | null; queries: TopicQuery[] }[];
  /** Recommendations that the job asks for. */
  top: number;
  /** Coverage below which a query is open. */
  threshold: number;
  draft_count: number;
  form: "text" | "outline";
}

export interface EditPlace {
  kind: "new_section" | "extend";
  after_heading: string | null;
  before_heading: string | null;
  parent_heading: string | null;
  /** The section that it belongs to, outermost below the page's title. */
  section: string | null;
  heading_path: string[];
  segment_id: number | null;
  level: number | null;
}

export interface TopicQuery {
  query: string;
  variants: string[];
  impressions: number;
  clicks: number;
  position: number | null;
  coverage: number;
  segment_id: number | null;
  is_answered: boolean;
  missing_terms: string[];
}

export interface Verification {
  verdict: "answered" | "partly" | "not_answered";
  quote: string | null;
  model: string;
  queries: { query: string; verdict: "answered" | "not_answered"; quote: string | null }[];
}

export interface SettledEdit {
  id: number;
  rank: number;
  kind: "write" | "extend" | "improve" | "new_page";
  open_queries: string[];
  expected_clicks: number;
  opportunity: number;
  coverage: number;
  confidence: number | null;
  place: EditPlace;
  verification: Verification | null;
}

/** The recommendations that are left, and the topics that a reader changed. */
export interface Settled {
  edits: SettledEdit[];
  topics: { id: number; kind: string; coverage: number; confidence: number | null; queries: TopicQuery[] }[];
}

export interface Prompt {
  system: string;
  user: string;
  schema_name: string;
  /** JSON schema for strict structured output. */
  schema: Record<string, unknown>;
}

export interface Draft {
  heading: string;
  summary: string;
  body_markdown: string;
  /** `after_heading` is a heading of the page, or empty for the end of the page. */
  placement: { after_heading: string };
  questions_answered: string[];
  facts_to_check: string[];
}

/** A version that is to be improved on: why it could not be used, or what it left open. */
export interface Previous {
  body_markdown: string;
  problems: string[];
  open: { query: string; missing_terms: string[] }[];
}

/** What a draft changes for the queries that its edit left open; coverages are 0 to 1. */
export interface Effect {
  coverage_before: number;
  coverage_after: number;
  per_query: { query: string; before: number; after: number }[];
  /** Whether the queries taken together are answered now. */
  closes_gap: boolean;
}

/** What a writer needs who starts from nothing. */
export interface Brief {
  heading: string;
  /** Of the heading; 1 for a page of its own. */
  level: number;
  queries: string[];
  word_count: { least: number; most: number };
  links: { heading: string; anchor: string | null }[];
}
"#;

/// The candidates of a page, what a reader says of each, and the drafts for those that are left.
#[wasm_bindgen]
pub struct Desk {
    desk: pageperfect_draft::Desk,
}

#[wasm_bindgen]
impl Desk {
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "DeskInput")] input: JsValue,
    ) -> Result<Desk, JsError> {
        let input = read("the stage's input is not of its shape", input)?;
        Ok(Self {
            desk: pageperfect_draft::Desk::new(input),
        })
    }

    /// Ids of the edits that a reader is to be asked about.
    #[wasm_bindgen(getter, unchecked_return_type = "number[]")]
    pub fn candidates(&self) -> Result<JsValue, JsError> {
        write(&self.desk.candidates())
    }

    /// What to ask the reader about an edit.
    #[wasm_bindgen(unchecked_return_type = "Prompt")]
    pub fn reading_prompt(&self, edit_id: f64) -> Result<JsValue, JsError> {
        write(&self.desk.reading_prompt(edit_id as i64))
    }

    /// Takes the reader's answer about an edit. Throws when it is not of the prompt's shape; the edit then
    /// stays as it was.
    pub fn take_reading(&mut self, edit_id: f64, answer: &str, model: &str) -> Result<(), JsError> {
        Ok(self.desk.take_reading(edit_id as i64, answer, model)?)
    }

    /// What a reader said of an edit, also of one that `settle` strikes out; null when it was not read.
    #[wasm_bindgen(unchecked_return_type = "Verification | null")]
    pub fn verification(&self, edit_id: f64) -> Result<JsValue, JsError> {
        write(&self.desk.verification(edit_id as i64))
    }

    /// The recommendations in the light of what was read so far.
    #[wasm_bindgen(unchecked_return_type = "Settled")]
    pub fn settle(&self) -> Result<JsValue, JsError> {
        write(&self.desk.settle())
    }

    /// What to ask a writer for an edit.
    #[wasm_bindgen(unchecked_return_type = "Prompt")]
    pub fn draft_prompt(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SettledEdit")] edit: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Previous | null")] previous: JsValue,
    ) -> Result<JsValue, JsError> {
        let previous: Option<Previous> = read("the earlier version is not of its shape", previous)?;
        write(&self.desk.draft_prompt(&settled(edit)?, previous))
    }

    /// Reads and judges a writer's answer. Throws with every problem, a line each.
    #[wasm_bindgen(unchecked_return_type = "Draft")]
    pub fn take_draft(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SettledEdit")] edit: JsValue,
        answer: &str,
    ) -> Result<JsValue, JsError> {
        write(&self.desk.take_draft(&settled(edit)?, answer)?)
    }

    /// What a draft changes: the coverages of the edit's open queries, in their order, without and with it.
    #[wasm_bindgen(unchecked_return_type = "Effect")]
    pub fn effect(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SettledEdit")] edit: JsValue,
        before: &[f64],
        after: &[f64],
    ) -> Result<JsValue, JsError> {
        let effect = self.desk.effect(&settled(edit)?, before, after);
        write(&effect.ok_or_else(|| {
            JsError::new("a coverage for each open query, of an edit of the page")
        })?)
    }

    /// What a writer needs who writes the section without the draft.
    #[wasm_bindgen(unchecked_return_type = "Brief")]
    pub fn brief(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SettledEdit")] edit: JsValue,
        heading: &str,
    ) -> Result<JsValue, JsError> {
        write(&self.desk.brief(&settled(edit)?, heading))
    }
}

/// What a draft says, in passages as the page itself is cut, without what only repeats the queries.
#[wasm_bindgen]
pub fn draft_passages(body_markdown: &str, queries: Vec<String>) -> Vec<String> {
    pageperfect_draft::passages(body_markdown, &queries)
}

/// What text beside the page's own changes, as `Desk.effect` says it of a draft: of queries their impressions, and their coverages
/// without the text and with it.
#[wasm_bindgen(unchecked_return_type = "Effect")]
pub fn text_effect(
    queries: Vec<String>,
    impressions: &[f64],
    before: &[f64],
    after: &[f64],
    threshold: f64,
) -> Result<JsValue, JsError> {
    let effect = pageperfect_draft::effect(&queries, impressions, before, after, threshold);
    write(&effect.ok_or_else(|| JsError::new("as many impressions and coverages as queries"))?)
}

fn settled(edit: JsValue) -> Result<SettledEdit, JsError> {
    read("the edit is not of its shape", edit)
}
