//! Packed pages make the same plan as the pages themselves, and topics the same groups as when every pair is looked at.

use pageperfect_site::model::{Curve, Elsewhere, Page, PageTopic, TopicQuery, key};
use pageperfect_site::pack::{Indexer, Pack, Packer};
use pageperfect_site::plan::{Input, Planner};
use pageperfect_site::search::Reader;
use pageperfect_site::site::{Found, PageInput, Settings, Site, Summary};
use pageperfect_site::topics::{Grouper, Grouping, TopicRef, similar_to_bytes};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;

const THINGS: [&str; 12] = [
    "kettle", "grinder", "moka pot", "press", "scale", "filter", "mug", "tamper", "roaster",
    "siphon", "carafe", "brush",
];
const ASPECTS: [&str; 4] = ["cleaning", "price", "repair", "induction"];

/// A page about a thing: it answers two aspects of it, and its people ask for all, and for the same of the next thing.
fn page(index: usize) -> PageInput {
    let thing = THINGS[index % THINGS.len()];
    let next = THINGS[(index + 1) % THINGS.len()];
    let query = |text: String, coverage: f64, at: usize| {
        json!({
            "query": text, "impressions": 1000 + 37 * at, "clicks": 600 / (3 + at + index), "position": 3 + at + index, "coverage": coverage,
            "before": if at == 0 { json!({"impressions": 900, "clicks": 90, "position": 2}) } else { json!(null) },
        })
    };
    // The last aspect has words that stand nowhere.
    let own = |at: usize, aspect: &str| match at {
        3 => format!("seal{index} thread{index}"),
        _ => format!("{aspect} {thing}"),
    };
    let topics: Vec<_> = (ASPECTS.iter().enumerate())
        .map(|(at, aspect)| {
            let coverage = if at < 2 { 0.9 } else { 0.2 };
            json!({
                "topic_index": at, "label": format!("{thing} {aspect}"), "kind": if at < 2 { "answered" } else { "gap" },
                "intent": "informational",
                "queries": [query(own(at, aspect), coverage, at), query(format!("{next} {aspect}"), 0.1, at + 1)],
            })
        })
        .collect();
    let segments: Vec<_> = (ASPECTS[..2].iter().enumerate())
        .flat_map(|(at, aspect)| {
            let path = [format!("The {thing}"), format!("{aspect} of the {thing}")];
            [
                json!({"id": 10 * index + 2 * at, "kind": "heading", "heading_path": path, "text": path[1]}),
                json!({"id": 10 * index + 2 * at + 1, "kind": "paragraph", "heading_path": path,
                    "text": format!("All about {aspect} of a {thing}, which nobody asks with such words.")}),
            ]
        })
        .collect();
    serde_json::from_value(json!({
        "id": format!("page {index}"), "url": format!("https://a.example/{index}"), "title": format!("The {thing}"),
        "page_type": "article", "topics": topics, "segments": segments, "links": [],
        "edits": [{"kind": "write", "topic_index": 3, "confidence": 0.6, "reason": "r", "open_queries": ["q"], "expected_clicks": 9,
            "place": {"kind": "new_section", "after_heading": format!("price of the {thing}")}}],
    }))
    .unwrap()
}

fn found() -> Vec<Found> {
    (0..12)
        .map(|index| Found {
            page_id: format!("page {index}"),
            query: format!("{} cleaning", THINGS[(index + 1) % THINGS.len()]),
            other_page_id: format!("page {}", (index + 1) % 12),
            coverage: 0.95,
            segment_id: Some(index as i64),
        })
        .chain([Found {
            page_id: "page 1".to_owned(),
            query: "price grinder".to_owned(),
            other_page_id: "a page that is gone".to_owned(),
            coverage: 0.99,
            segment_id: None,
        }])
        .collect()
}

#[test]
fn packed_pages_make_the_same_plan() {
    let summaries: Vec<Summary> = (0..12).map(|index| Summary::new(page(index))).collect();
    let (mut indexer, mut grouper) = (Indexer::default(), Grouper::default());
    for summary in &summaries {
        indexer.push(summary);
        grouper.push(summary.page());
    }
    let index = indexer.finish();
    let grouping = grouper.group([].into_iter());

    let planned = |size: usize| {
        let mut packer = Packer::new(index.clone());
        let mut site = Site::default();
        for pages in summaries.chunks(size) {
            for summary in pages {
                packer.push(Summary::from_bytes(&summary.to_bytes()).unwrap());
                let own = found()
                    .into_iter()
                    .filter(|found| found.page_id == summary.page_id());
                own.for_each(|found| packer.push_answer(&found));
            }
            site.push_pack(Pack::from_bytes(&packer.take()).unwrap());
        }
        let settings: Settings = serde_json::from_value(json!({"period_days": 28})).unwrap();
        let mut planning = site
            .planning(settings, &index, &grouping.to_bytes())
            .unwrap();
        assert_eq!(planning.step(usize::MAX), 0.0);
        serde_json::to_value(planning.report().0).unwrap()
    };
    let report = planned(12);
    assert_eq!(planned(5), report);

    let curve = serde_json::from_value(report["method"]["ctr_by_position"].clone()).unwrap();
    let mut whole = Planner::new(Input {
        pages: summaries
            .iter()
            .map(|summary| summary.page().clone())
            .collect(),
        profiles: summaries
            .iter()
            .map(|summary| summary.profile().clone())
            .collect(),
        grouping: grouping.clone(),
        curve: Curve(curve),
        period_days: 28.0,
        top: None,
    });
    let number = |id: &str| summaries.iter().position(|summary| summary.page_id() == id);
    for answer in found() {
        if let (Some(page), Some(other)) = (number(&answer.page_id), number(&answer.other_page_id))
        {
            whole.push(&Elsewhere {
                page,
                query: answer.query,
                other,
                coverage: answer.coverage,
                segment_id: answer.segment_id,
            });
        }
    }
    assert_eq!(whole.step(usize::MAX), 0.0);
    let (plan, _) = whole.plan();
    assert!(plan.edits.iter().any(|edit| edit.place.is_some()));

    let edits = report["edits"].as_array().unwrap();
    assert_eq!(edits.len(), plan.edits.len());
    for (edit, packed) in plan.edits.iter().zip(edits) {
        assert_eq!(json!(edit.kind), packed["kind"]);
        assert_eq!(json!(edit.label), packed["label"]);
        assert_eq!(json!(edit.place), packed["place"]);
        assert_eq!(json!(edit.reason), packed["reason"]);
        assert_eq!(json!(edit.queries), packed["queries"]);
    }
    assert_eq!(
        report["topics"].as_array().unwrap().len(),
        plan.topics.len()
    );
}

#[test]
fn packs_of_other_pages_are_refused() {
    let summary = || Summary::new(page(0));
    let mut indexer = Indexer::default();
    indexer.push(&summary());
    let index = indexer.finish();
    let settings = || serde_json::from_value::<Settings>(json!({"period_days": 28})).unwrap();
    let grouping = Grouping::of_pages(&[summary().page().clone()], &[]).to_bytes();
    assert!(
        Site::default()
            .planning(settings(), &index, &grouping)
            .is_none()
    );
    let site = || {
        let mut packer = Packer::new(index.clone());
        packer.push(summary());
        let mut site = Site::default();
        site.push_pack(Pack::from_bytes(&packer.take()).unwrap());
        site
    };
    assert!(site().planning(settings(), &index, &[0xff]).is_none());
    assert!(site().planning(settings(), &index, &grouping).is_some());
    assert!(Pack::from_bytes(&[0xff]).is_none());
}

#[test]
fn answers_are_looked_for_where_most_of_the_words_stand() {
    let mut reader = Reader::default();
    (0..6).for_each(|index| reader.push(Summary::new(page(index))));
    let search = reader.finish();
    let all = search.candidates(0, 6);
    // What the first page leaves open about the next thing may stand on the page that is about that.
    let of_next = all
        .iter()
        .find(|candidate| candidate.page_id == "page 1")
        .unwrap();
    assert!(
        (of_next.queries.iter())
            .any(|found| found.page_id == "page 0" && found.query == "grinder cleaning")
    );
    assert!(all.iter().all(|candidate| {
        candidate
            .queries
            .iter()
            .all(|found| found.page_id != candidate.page_id)
    }));
    // What is answered is not looked for.
    assert!(
        !all.iter()
            .flat_map(|candidate| &candidate.queries)
            .any(|found| found.query == "cleaning kettle")
    );
    let first = search.candidates(0, 1);
    assert!(
        first
            .iter()
            .flat_map(|candidate| &candidate.queries)
            .all(|found| found.page_id == "page 0")
    );
}

/// Groups as the rule says it, by looking at every pair of topics each time: pairs by how much they have in common, the most first.
fn by_the_rule(count: usize, similar: &[(usize, usize, u16)]) -> BTreeSet<BTreeSet<usize>> {
    let mut pairs = similar.to_vec();
    pairs.sort_by_key(|&(a, b, share)| (std::cmp::Reverse(share), a, b));
    let mut groups: Vec<BTreeSet<usize>> =
        (0..count).map(|topic| BTreeSet::from([topic])).collect();
    for &(a, b, _) in &pairs {
        let place = |topic: usize| {
            groups
                .iter()
                .position(|group| group.contains(&topic))
                .unwrap()
        };
        let (left, right) = (place(a), place(b));
        if left == right {
            continue;
        }
        let between = |a: usize, b: usize| {
            groups[left].contains(&a) && groups[right].contains(&b)
                || groups[left].contains(&b) && groups[right].contains(&a)
        };
        let common: usize = (similar.iter())
            .filter(|&&(a, b, _)| between(a, b))
            .map(|&(_, _, share)| usize::from(share))
            .sum();
        if common >= 500 * groups[left].len() * groups[right].len() {
            let gone = groups[right].clone();
            groups[left].extend(gone);
            groups.remove(right);
        }
    }
    groups.into_iter().collect()
}

proptest! {
    #[test]
    fn topics_are_grouped_by_the_rule(
        count in 2usize..24,
        found in prop::collection::btree_map((0usize..24, 0usize..24), 500u16..=1000, 0..120),
    ) {
        let similar: Vec<(usize, usize, u16)> = (found.into_iter())
            .filter(|&((a, b), _)| a < b && b < count)
            .map(|((a, b), share)| (a, b, share))
            .collect();
        let mut grouper = Grouper::default();
        for index in 0..count {
            let text = format!("query {index}");
            let query = TopicQuery { key: key(&text), query: text, impressions: 1.0, ..TopicQuery::default() };
            let topic = PageTopic { kind: "answered".to_owned(), queries: vec![query], ..PageTopic::default() };
            grouper.push(&Page { topics: vec![topic], ..Page::default() });
        }
        let node = |page: usize| TopicRef { page, topic: 0 };
        let bytes = similar_to_bytes(
            similar.len(),
            similar.iter().map(|&(a, b, share)| (node(a), node(b), (f64::from(share) + 0.5) / 1000.0)),
        );
        let grouping = grouper.group_by_bytes(&bytes).unwrap();
        let groups: BTreeSet<BTreeSet<usize>> = (grouping.groups.iter())
            .map(|group| group.iter().map(|node| node.page).collect())
            .collect();
        prop_assert_eq!(groups, by_the_rule(count, &similar));
    }
}
