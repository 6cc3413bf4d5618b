//! What a topic's queries say of it: answered or not, how surely, and what an answer is worth.

use crate::words::words;
use crate::{
    Curve, Input, Intent, Kind, Query, QueryVerdict, TARGETS, Topic, TopicVerdict, intent,
};

/// A topic with less of its impressions open is answered, with more it is a gap; between them it is answered in part.
const PARTLY_OPEN: f64 = 0.15;
const MOSTLY_OPEN: f64 = 0.7;
/// Mean positions within reach of the first places.
const STRIKING_DISTANCE: std::ops::RangeInclusive<f64> = 8.0..=20.0;
/// Clicks above the curve by this factor are not few.
const GOOD_RATE: f64 = 1.5;
/// An edit that brings fewer clicks a month is not worth a line.
const LEAST_IMPROVEMENT: f64 = 1.0;

/// What clicks are worked out by.
pub(crate) struct Worth {
    pub curve: Curve,
    pub target: f64,
    pub months: f64,
}

impl Worth {
    /// More clicks a month, were the query answered and ranked where the page's answers rank, or a place higher when it is
    /// there.
    fn of_answer(&self, query: &Query) -> f64 {
        let position = query.position.unwrap_or(3.0 * self.target);
        self.of_move(query, position, self.target.min(position - 1.0)) * (1.0 - query.coverage)
    }

    /// The same for ranking twice as high.
    fn of_improvement(&self, query: &Query) -> f64 {
        let position = query.position.unwrap_or(2.0 * self.target);
        self.of_move(
            query,
            position,
            (position / 2.0).max(TARGETS.0.min(position)),
        )
    }

    fn of_move(&self, query: &Query, from: f64, to: f64) -> f64 {
        let more = self.curve.rate(to.max(1.0)) - self.curve.rate(from);
        query.impressions * more.max(0.0) / self.months
    }
}

pub(crate) fn verdict(topic: &Topic, input: &Input, worth: &Worth) -> TopicVerdict {
    let mut order: Vec<&Query> = topic.queries.iter().collect();
    order.sort_by(|a, b| {
        b.impressions
            .total_cmp(&a.impressions)
            .then_with(|| a.query.cmp(&b.query))
    });
    let is_open = |query: &&Query| query.coverage < input.threshold;
    let impressions: f64 = order.iter().map(|query| query.impressions).sum();
    // Queries that nobody saw weigh the same.
    let weight = |query: &Query| {
        if impressions > 0.0 {
            query.impressions / impressions
        } else {
            1.0 / order.len() as f64
        }
    };
    let coverage: f64 = order
        .iter()
        .map(|query| weight(query) * query.coverage)
        .sum();
    let open: f64 = order.iter().copied().filter(is_open).map(weight).sum();
    let kind = match topic.kind {
        Some(kind) => kind,
        None if open >= MOSTLY_OPEN => Kind::Gap,
        None if open >= PARTLY_OPEN => Kind::Partly,
        None if is_in_striking_distance(&order, worth) => Kind::Improve,
        None => Kind::Answered,
    };
    let confidence = match kind {
        Kind::Gap | Kind::Partly if open > 0.0 => {
            let sure: f64 = order
                .iter()
                .copied()
                .filter(is_open)
                .map(|query| weight(query) * (1.0 - query.coverage))
                .sum();
            sure / open
        }
        Kind::Answered | Kind::Improve => coverage,
        _ => 1.0,
    };
    let expected_clicks = match kind {
        Kind::Gap | Kind::Partly => order
            .iter()
            .copied()
            .filter(is_open)
            .map(|query| worth.of_answer(query))
            .sum(),
        Kind::Improve => order.iter().map(|query| worth.of_improvement(query)).sum(),
        _ => 0.0,
    };
    let mut segments: Vec<(usize, f64)> = Vec::new();
    for query in &order {
        for &(segment, score) in &query.hits {
            match segments.iter_mut().find(|(other, _)| *other == segment) {
                Some((_, sum)) => *sum += weight(query) * score,
                None => segments.push((segment, weight(query) * score)),
            }
        }
    }
    segments.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let id = |at: usize| {
        segments
            .get(at)
            .map(|(segment, _)| input.segments[*segment].id)
    };
    let intents: Vec<(Intent, f64)> = (order.iter())
        .map(|query| {
            (
                intent::intent(
                    &words(&query.query),
                    input.language.as_deref().unwrap_or(""),
                ),
                weight(query),
            )
        })
        .collect();
    let share = |intent: Intent| {
        intents
            .iter()
            .filter(|(other, _)| *other == intent)
            .map(|(_, weight)| weight)
            .sum::<f64>()
    };
    let most = [
        Intent::Informational,
        Intent::Commercial,
        Intent::Transactional,
        Intent::Navigational,
    ]
    .into_iter()
    .max_by(|a, b| share(*a).total_cmp(&share(*b)).then(b.cmp_by_order(*a)))
    .unwrap_or(Intent::Informational);
    TopicVerdict {
        id: topic.id,
        kind,
        coverage,
        confidence,
        intent: if matches!(kind, Kind::Brand | Kind::Navigation) {
            Intent::Navigational
        } else {
            most
        },
        expected_clicks,
        opportunity: impressions * (1.0 - coverage),
        is_gap: matches!(kind, Kind::Gap | Kind::Partly),
        best_segment_id: id(0),
        second_segment_id: id(1),
        queries: (order.iter())
            .map(|query| QueryVerdict {
                query: query.query.clone(),
                variants: query.variants.clone(),
                impressions: query.impressions,
                clicks: query.clicks,
                position: query.position,
                coverage: query.coverage,
                segment_id: query
                    .hits
                    .first()
                    .map(|(segment, _)| input.segments[*segment].id),
                is_answered: query.coverage >= input.threshold,
                missing_terms: query.missing_terms.clone(),
            })
            .collect(),
    }
}

impl Intent {
    fn cmp_by_order(self, other: Self) -> std::cmp::Ordering {
        (self as u8).cmp(&(other as u8))
    }
}

pub(crate) fn avg_position<'a>(queries: impl Iterator<Item = &'a Query>) -> Option<f64> {
    let (sum, weight) = queries
        .filter_map(|query| Some((query.position?, query.impressions)))
        .fold((0.0, 0.0), |(sum, weight), (position, impressions)| {
            (sum + position * impressions, weight + impressions)
        });
    (weight > 0.0).then(|| sum / weight)
}

fn is_in_striking_distance(queries: &[&Query], worth: &Worth) -> bool {
    let Some(position) = avg_position(queries.iter().copied()) else {
        return false;
    };
    let sum = |of: fn(&Query) -> f64| queries.iter().map(|query| of(query)).sum::<f64>();
    let expected: f64 = queries
        .iter()
        .map(|query| query.impressions * worth.curve.rate(query.position.unwrap_or(position)))
        .sum();
    STRIKING_DISTANCE.contains(&position)
        && sum(|query| query.clicks) <= GOOD_RATE * expected
        && queries
            .iter()
            .map(|query| worth.of_improvement(query))
            .sum::<f64>()
            >= LEAST_IMPROVEMENT
}
