//! `pageperfect-score page`: the stages keyword_clustering and gap_analysis of a page whose texts are embedded.

use pageperfect_advice::{
    Advice, Input, Query as Asked, QueryRow, Segment, SiteFacts, Topic, TopicsInput, advise,
    own_segments, topics,
};
use pageperfect_coverage::{PageCoverage, Query, SegmentText};
use serde::Deserialize;
use std::error::Error;

#[derive(Deserialize)]
pub struct Page {
    facts: SiteFacts,
    language: Option<String>,
    segments: Vec<Segment>,
    rows: Vec<QueryRow>,
    segment_vectors: Vec<Vec<f32>>,
    query_vectors: Vec<Vec<f32>>,
    #[serde(default)]
    is_english_model: bool,
}

pub fn page(page: Page) -> Result<Advice, Box<dyn Error>> {
    let own = own_segments(&page.segments);
    let compared = (own.iter().map(|&index| &page.segments[index]))
        .map(|segment| SegmentText {
            text: segment.text.clone(),
            heading_path: segment.heading_path.clone(),
        })
        .collect();
    let queries = (page.rows.iter())
        .map(|row| Query {
            query: row.query.clone(),
            impressions: row.impressions,
            clicks: row.clicks,
            position: row.position,
        })
        .collect();
    let dimensions = page.query_vectors.first().map_or(1, Vec::len);
    let mut coverage = PageCoverage::new(dimensions, compared, queries, Default::default())?;
    for &index in &own {
        coverage.push_segments(&page.segment_vectors[index])?;
    }
    for vector in &page.query_vectors {
        coverage.push_queries(vector)?;
    }
    while !coverage.advance()? {}
    // As the modules hand it to each other.
    let found = serde_json::json!({
        "facts": {}, "rows": [], "segments": own,
        "measured": coverage.queries()?, "groups": coverage.topics()?,
    });
    let found = TopicsInput {
        facts: page.facts,
        rows: page.rows,
        ..serde_json::from_value(found)?
    };
    let topics = (topics(&found).into_iter().zip(0..))
        .map(|(row, id)| {
            Ok(Topic {
                id,
                label: row.label,
                kind: row.kind,
                queries: (row.query_coverage.into_iter())
                    .map(|query| serde_json::from_value::<Asked>(serde_json::to_value(query)?))
                    .collect::<Result<_, _>>()?,
            })
        })
        .collect::<Result<_, serde_json::Error>>()?;
    Ok(advise(&Input {
        language: page.language,
        segments: page.segments,
        topics,
        threshold: 0.7,
        top: 10,
        period_days: None,
        is_english_model: page.is_english_model,
        is_lexical_model: false,
    }))
}
