//! Edits of one kind at one place of a page are one edit: who opens a section has all of it before them.

use super::edits::{NAMED, NAMED_OTHERS, by_gain};
use super::{Edit, Kind, Planner};
use crate::model::{FNV_START, Key, fnv1a};
use pageperfect_advice::grouped;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

impl Planner {
    /// Joins what makes one section of a page longer, and adds to what is to be written at a place what else a single query asks for there:
    /// that is no subject of its own, and several queries are. `edits` are in order.
    pub(super) fn joined(&self, edits: Vec<Edit>) -> Vec<Edit> {
        let mut of_place: BTreeMap<(usize, Kind, Key), Vec<usize>> = BTreeMap::new();
        for (index, edit) in edits.iter().enumerate() {
            let section = (edit.place.as_ref())
                .filter(|_| matches!(edit.kind, Kind::Write | Kind::Extend))
                .and_then(|place| place.get("heading_path"));
            if let Some(section) = section {
                let section = fnv1a(FNV_START, section.to_string().as_bytes());
                let place = (edit.page, edit.kind, section);
                of_place.entry(place).or_default().push(index);
            }
        }
        let is_single = |index: usize| edits[index].queries.len() == 1;
        let mut added: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for ((_, kind, _), indices) in of_place {
            let subject = (indices.iter().copied()).find(|&index| !is_single(index));
            let first = match kind {
                Kind::Write => subject.unwrap_or(indices[0]),
                _ => indices[0],
            };
            let others = (indices.into_iter())
                .filter(|&index| index != first && (kind != Kind::Write || is_single(index)));
            added.entry(first).or_default().extend(others);
        }
        added.retain(|_, others| !others.is_empty());
        let mut edits: Vec<Option<Edit>> = edits.into_iter().map(Some).collect();
        for (first, others) in added {
            let others = (others.into_iter())
                .filter_map(|index| edits[index].take())
                .collect();
            if let Some(edit) = &mut edits[first] {
                self.join(edit, others);
            }
        }
        let mut joined: Vec<Edit> = edits.into_iter().flatten().collect();
        joined.sort_by(by_gain);
        joined
    }

    /// No query stands in two of them, so what is counted is added up.
    fn join(&self, edit: &mut Edit, others: Vec<Edit>) {
        let mut labels: Vec<String> = (others.iter().take(NAMED_OTHERS))
            .map(|other| format!("“{}”", other.label))
            .collect();
        if others.len() > labels.len() {
            labels.push(format!(
                "{} more topics",
                grouped((others.len() - labels.len()) as f64)
            ));
        }
        for other in others {
            let impressions = edit.impressions + other.impressions;
            let mean = |of_edit: f64, of_other: f64| {
                (of_edit * edit.impressions + of_other * other.impressions) / impressions.max(1.0)
            };
            edit.avg_position = mean(edit.avg_position, other.avg_position);
            edit.coverage = mean(edit.coverage, other.coverage);
            edit.confidence = mean(edit.confidence, other.confidence);
            edit.impressions = impressions;
            edit.clicks += other.clicks;
            edit.expected_clicks += other.expected_clicks;
            edit.queries.extend(other.queries);
        }
        edit.reason = format!(
            "{}; with {} at the same place, {} impressions in all",
            edit.reason,
            labels.join(", "),
            grouped(edit.impressions)
        );
        let topics = &self.input.pages[edit.page].topics;
        let shown: FxHashMap<&str, f64> = (topics.iter().flat_map(|topic| &topic.queries))
            .map(|query| (&query.query[..], query.impressions))
            .collect();
        let shown = |query: &String| shown.get(&query[..]).copied().unwrap_or_default();
        (edit.queries).sort_by(|a, b| shown(b).total_cmp(&shown(a)).then(a.cmp(b)));
        edit.queries.truncate(NAMED);
    }
}
