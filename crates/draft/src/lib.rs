//! The draft of a missing section: the prompt that asks a language model for it, and the judgement
//! of what comes back.
//!
//! Everything in the prompt that comes from the page or from the search logs is data. It is JSON
//! between two lines that the data cannot contain, and the instructions, which hold no word of it,
//! say what it is. What a hostile page can still talk a model into is caught on the way back:
//! [`validate_answer`] accepts no markup, no image and no link to a site that the page does not
//! name itself.
//!
//! ```
//! use pageperfect_draft::{DraftInput, build_prompt, validate_answer};
//!
//! let mut input = DraftInput::default();
//! input.page.headings = vec!["Grip".into()];
//! input.recommendation.queries = vec!["wide trail shoes".into()];
//! let prompt = build_prompt(&input);
//! assert!(prompt.user.contains("wide trail shoes") && !prompt.system.contains("wide trail shoes"));
//!
//! let problems = validate_answer(r#"{"heading": "grip"}"#, &input).unwrap_err().problems;
//! assert_eq!(problems[0], "heading \"grip\" is on the page already");
//! ```

mod input;
mod link;
mod prompt;
mod validate;

pub use input::{DraftInput, Page, Recommendation};
pub use prompt::{Prompt, build_prompt};
pub use validate::{
    AnswerError, Draft, MAX_BODY_WORDS, MIN_BODY_WORDS, Placement, validate_answer,
};
