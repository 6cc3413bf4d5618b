//! JavaScript binding of [`pageperfect_draft`].

use pageperfect_boundary::{read, write};
use pageperfect_draft::DraftInput;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The page and the gap that the draft is for. */
export interface DraftInput {
  page: {
    title?: string | null;
    url?: string | null;
    /** Language tag such as `en`. */
    language?: string | null;
    headings?: string[] | null;
    /** More text of the page that the draft may draw facts from. */
    excerpts?: string[] | null;
  };
  recommendation: {
    label?: string | null;
    /** Most impressions first. */
    queries: string[];
    impressions?: number | null;
    best_similarity?: number | null;
    best_heading_path?: string[] | null;
    best_text?: string | null;
  };
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
"#;

/// Builds the prompt for the section that answers the recommendation's queries.
#[wasm_bindgen(unchecked_return_type = "Prompt")]
pub fn build_prompt(
    #[wasm_bindgen(unchecked_param_type = "DraftInput")] input: JsValue,
) -> Result<JsValue, JsError> {
    write(&pageperfect_draft::build_prompt(&read_input(input)?))
}

/// Reads and judges a model's answer to the prompt of the same input. Throws with every problem.
#[wasm_bindgen(unchecked_return_type = "Draft")]
pub fn validate_answer(
    answer: &str,
    #[wasm_bindgen(unchecked_param_type = "DraftInput")] input: JsValue,
) -> Result<JsValue, JsError> {
    write(&pageperfect_draft::validate_answer(
        answer,
        &read_input(input)?,
    )?)
}

fn read_input(input: JsValue) -> Result<DraftInput, JsError> {
    read("the draft's input is not of its shape", input)
}
