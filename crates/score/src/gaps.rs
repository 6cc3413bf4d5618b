//! `pageperfect-score gaps`: a page's gaps from segments and queries with their vectors.

use pageperfect_coverage::{FEATURES, PageCoverage, Query, SegmentText, Topic};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::error::Error;

#[derive(Deserialize)]
pub struct Page {
    id: Value,
    segments: Vec<Embedded<SegmentText>>,
    queries: Vec<Embedded<Query>>,
}

#[derive(Deserialize)]
struct Embedded<Text> {
    #[serde(flatten)]
    text: Text,
    embedding: Vec<f32>,
}

#[derive(Serialize)]
pub struct Answer {
    id: Value,
    queries: Vec<QueryAnswer>,
    gaps: Vec<Gap>,
}

#[derive(Serialize)]
struct QueryAnswer {
    gap: f64,
    is_gap: bool,
    topic: usize,
}

#[derive(Serialize)]
struct Gap {
    topic: usize,
    queries: Vec<usize>,
    opportunity: f64,
}

fn analysed(page: Page) -> Result<(Value, PageCoverage), Box<dyn Error>> {
    let dimensions = (page.segments.first().map(|x| &x.embedding))
        .or(page.queries.first().map(|x| &x.embedding))
        .map_or(1, Vec::len);
    let (segments, rows): (Vec<_>, Vec<_>) = page
        .segments
        .into_iter()
        .map(|x| (x.text, x.embedding))
        .unzip();
    let (queries, vectors): (Vec<_>, Vec<_>) = page
        .queries
        .into_iter()
        .map(|x| (x.text, x.embedding))
        .unzip();
    let mut coverage = PageCoverage::new(dimensions, segments, queries, Default::default())?;
    rows.iter()
        .try_for_each(|row| coverage.push_segments(row))?;
    vectors
        .iter()
        .try_for_each(|row| coverage.push_queries(row))?;
    while !coverage.advance()? {}
    Ok((page.id, coverage))
}

/// In the protocol of `eval_gaps.py`.
pub fn gaps(page: Page) -> Result<Answer, Box<dyn Error>> {
    let impressions: Vec<f64> = page
        .queries
        .iter()
        .map(|query| query.text.impressions)
        .collect();
    let (id, coverage) = analysed(page)?;
    let queries = coverage.queries()?;
    let worth = |members: &[usize]| {
        members
            .iter()
            .map(|&m| impressions[m] * queries[m].gap_probability)
            .sum()
    };
    let mut gaps: Vec<Gap> = (coverage.topics()?.into_iter().enumerate())
        .filter(|(_, topic)| !topic.open.is_empty())
        .map(|(topic, Topic { open, .. })| Gap {
            topic,
            opportunity: worth(&open),
            queries: open,
        })
        .collect();
    gaps.sort_by(|a, b| b.opportunity.total_cmp(&a.opportunity));
    let queries = (queries.iter())
        .map(|query| QueryAnswer {
            gap: query.gap_probability,
            is_gap: query.is_gap,
            topic: query.topic,
        })
        .collect();
    Ok(Answer { id, queries, gaps })
}

/// Everything that the crate says of a page, with what the probabilities are made of.
pub fn whole(page: Page) -> Result<Value, Box<dyn Error>> {
    let (id, coverage) = analysed(page)?;
    Ok(json!({
        "id": id,
        "queries": coverage.queries()?,
        "topics": coverage.topics()?,
        "feature_names": FEATURES,
        "features": coverage.features()?,
    }))
}
