//! What to do about a topic, in which order, and why.

use crate::place::Outline;
use crate::verdict::avg_position;
use crate::{Edit, EditKind, Input, Kind, Priority, Query, Topic, TopicVerdict};

/// Shares of all expected clicks that the first and the second band bring.
const BANDS: (f64, f64) = (0.5, 0.85);
/// Nothing less sure is of the first band.
const SURE: f64 = 0.5;

pub(crate) fn gap_edit(
    verdict: &TopicVerdict,
    topic: &Topic,
    input: &Input,
    outline: &Outline,
) -> Edit {
    let open: Vec<&Query> = topic
        .queries
        .iter()
        .filter(|query| query.coverage < input.threshold)
        .collect();
    // The passage that answers the rest of the topic, where that is where one would look for what is open.
    let area = outline.area(open.iter().copied());
    let passage = (verdict.kind == Kind::Partly)
        .then(|| {
            (topic.queries.iter())
                .filter(|query| query.coverage >= input.threshold)
                .filter_map(|query| Some((query.hits.first()?.0, query.impressions)))
                .filter(|(segment, _)| !outline.is_chrome(*segment))
                .filter(|(segment, _)| outline.is_within(*segment, area))
                .max_by(|a, b| a.1.total_cmp(&b.1))
        })
        .flatten();
    let (kind, place) = match passage {
        Some((segment, _)) => (
            EditKind::Extend,
            outline.passage(segment, input.segments[segment].id),
        ),
        None => (EditKind::Write, outline.new_section(open.iter().copied())),
    };
    Edit {
        topic_id: topic.id,
        rank: 0,
        kind,
        priority: Priority::P3,
        reason: String::new(),
        open_queries: (verdict.queries.iter())
            .filter(|query| !query.is_answered)
            .map(|query| query.query.clone())
            .collect(),
        expected_clicks: verdict.expected_clicks,
        opportunity: open
            .iter()
            .map(|query| query.impressions * (1.0 - query.coverage))
            .sum(),
        impressions: open.iter().map(|query| query.impressions).sum(),
        clicks: open.iter().map(|query| query.clicks).sum(),
        avg_position: avg_position(open.iter().copied()),
        coverage: verdict.coverage,
        confidence: verdict.confidence,
        place,
    }
}

pub(crate) fn improvement(
    verdict: &TopicVerdict,
    topic: &Topic,
    input: &Input,
    outline: &Outline,
) -> Edit {
    let best = (topic.queries.iter())
        .filter(|query| query.coverage >= input.threshold)
        .filter_map(|query| Some((query.hits.first()?.0, query.impressions)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    Edit {
        topic_id: topic.id,
        rank: 0,
        kind: EditKind::Improve,
        priority: Priority::P3,
        reason: String::new(),
        open_queries: verdict
            .queries
            .iter()
            .map(|query| query.query.clone())
            .collect(),
        expected_clicks: verdict.expected_clicks,
        opportunity: verdict.opportunity,
        impressions: topic.queries.iter().map(|query| query.impressions).sum(),
        clicks: topic.queries.iter().map(|query| query.clicks).sum(),
        avg_position: avg_position(topic.queries.iter()),
        coverage: verdict.coverage,
        confidence: verdict.confidence,
        place: match best {
            Some((segment, _)) => outline.passage(segment, input.segments[segment].id),
            None => outline.new_section(topic.queries.iter()),
        },
    }
}

/// Ranks, bands and their reasons.
pub(crate) fn set_priorities(edits: &mut [(Edit, &Topic)], input: &Input) {
    let total: f64 = edits
        .iter()
        .take(input.top)
        .map(|(edit, _)| edit.expected_clicks)
        .sum();
    let mut before = 0.0;
    for (index, (edit, topic)) in edits.iter_mut().enumerate() {
        edit.rank = index + 1;
        let share = if total > 0.0 { before / total } else { 0.0 };
        let is_first = share < BANDS.0 && edit.confidence >= SURE && edit.kind != EditKind::Improve;
        edit.priority = match share {
            _ if is_first => Priority::P1,
            share if share < BANDS.1 => Priority::P2,
            _ => Priority::P3,
        };
        before += edit.expected_clicks;
        edit.reason = reason(edit, topic);
    }
}

fn reason(edit: &Edit, topic: &Topic) -> String {
    let open: Vec<&Query> = topic
        .queries
        .iter()
        .filter(|query| edit.open_queries.contains(&query.query))
        .collect();
    let impressions: f64 = open.iter().map(|query| query.impressions).sum();
    let at = avg_position(open.iter().copied()).map_or(String::new(), |position| {
        format!(" at position {position:.0}")
    });
    let clicks = match edit.expected_clicks.round() {
        0.0 => "less than one more click a month".to_owned(),
        1.0 => "about one more click a month".to_owned(),
        clicks => format!("about {} more clicks a month", grouped(clicks)),
    };
    let seen = format!("{} impressions{at}", grouped(impressions));
    let why = match (edit.kind, open.len(), topic.queries.len()) {
        (EditKind::Improve, ..) => {
            "the page answers this, but ranks where few people look".to_owned()
        }
        (_, 1, 1) => "nothing on the page answers this query".to_owned(),
        (_, open, all) if open == all => {
            format!("nothing on the page answers any of its {all} queries")
        }
        (_, open, all) => format!("{open} of its {all} queries are left open"),
    };
    let doubt = if edit.kind != EditKind::Improve && edit.confidence < SURE {
        "; look first, it is not sure"
    } else {
        ""
    };
    format!("{clicks}: {seen}, and {why}{doubt}")
}

/// A whole number, 0 or more, with commas between thousands.
#[must_use]
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// By `worth`, the highest first. Gaps: the clicks that they bring, weighed by how much of the topic is open, since what is
/// partly there is oftener answered after all.
pub(crate) fn sort(edits: &mut [(Edit, &Topic)], worth: fn(&Edit) -> f64) {
    edits.sort_by(|(a, _), (b, _)| {
        (worth(b).total_cmp(&worth(a)))
            .then(b.opportunity.total_cmp(&a.opportunity))
            .then(a.topic_id.cmp(&b.topic_id))
    });
}
