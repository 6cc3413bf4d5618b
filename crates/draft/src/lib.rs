//! The draft of a missing section: the prompt that asks a language model for it, and the judgement
//! of what comes back.
//!
//! Everything in the prompt that comes from the page or from the search logs is data. It is JSON
//! between two lines that the data cannot contain, and the instructions, which hold no word of it,
//! say what it is. What a hostile page can still talk a model into is caught on the way back:
//! [`validate_answer`] accepts no markup, no image and no link to a site that the page does not
//! name itself, in whatever dialect of Markdown it may come to be read.
//!
//! Before anything is drafted a model may read the page for each gap ([`build_reading_prompt`]): a
//! quote that stands in the page word for word ([`check_reading`]) shows that it answers after all.
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

mod brief;
mod desk;
mod facts;
mod fence;
mod input;
mod limits;
mod link;
mod markdown;
mod prompt;
mod quote;
mod reading;
mod text;
mod validate;

pub use brief::{Brief, Link, WordCount, brief};
pub use desk::{
    Desk, DeskInput, Edit, EditPlace, Effect, PlaceKind, QueryEffect, READER_ERROR, Segment,
    Settled, SettledEdit, SettledTopic, Topic, TopicQuery, Verification, VerifiedQuery, effect,
};
pub use input::{
    DraftInput, Form, Kind, OpenQuery, Page, Passage, Place, Previous, Recommendation,
};
pub use limits::{MAX_BODY_WORDS, MIN_BODY_WORDS};
pub use markdown::passages;
pub use prompt::{Prompt, build_prompt};
pub use reading::{
    QueryReading, Reading, ReadingInput, ReadingQuery, Verdict, build_reading_prompt, check_reading,
};
pub use validate::{AnswerError, Draft, Placement, validate_answer};
