//! What makes a report doubtful.

use crate::{Input, Topic, Warning};

/// Fewer queries say little of what people want.
const FEW_QUERIES: usize = 15;

pub(crate) fn warnings(input: &Input, query_count: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, message: String| warnings.push(Warning { code, message });
    let language = input.language.as_deref().unwrap_or("");
    if input.is_english_model && !language.is_empty() && !language.to_lowercase().starts_with("en")
    {
        let message = format!(
            "the embedding model knows English alone, and the page is in {language}: coverage rests on shared words"
        );
        warn("english_model", message);
    }
    if input.is_lexical_model {
        warn(
            "lexical_model",
            "the embedding model compares words more than meanings: a passage that answers in other words may count as a gap"
                .into(),
        );
    }
    let is_ranked = |topic: &Topic| topic.queries.iter().any(|query| query.position.is_some());
    if query_count > 0 && !input.topics.iter().any(is_ranked) {
        warn(
            "positions_unknown",
            "it is not known where the page ranks: clicks are estimated from impressions alone"
                .into(),
        );
    }
    if query_count < FEW_QUERIES {
        warn(
            "few_queries",
            format!(
                "there are {query_count} queries, which say little of what people want to know"
            ),
        );
    }
    warnings
}
