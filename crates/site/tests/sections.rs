//! What one section of a page is to say is one edit.

use pageperfect_site::model::{Curve, Page, PageEdit, PageTopic, TopicQuery};
use pageperfect_site::plan::{Edit, Input, Kind, Planner};
use pageperfect_site::topics::Grouping;
use pageperfect_site::words::Profile;

/// A query, how well the page covers it, and the passage that does best.
type Asked = (&'static str, f64, i64);

/// Topics of a page about moka pots, each of its kind, as their site plans them, beside one that is answered at the top. Passage 1 is about
/// the page, 2 about how to clean.
fn plan(topics: &[(&'static str, &[Asked])]) -> Vec<Edit> {
    let first: (&str, &[Asked]) = ("answered", &[("fill a moka pot", 0.95, 1)]);
    let topics = [&[first], topics].concat();
    let partly = topics.iter().position(|(kind, _)| *kind == "partly");
    let partly = partly.map_or(-1, |index| index as i64);
    let topics = (topics.iter().enumerate()).map(|(index, (kind, asked))| PageTopic {
        topic_index: index as i64,
        label: asked[0].0.to_owned(),
        kind: (*kind).to_owned(),
        queries: (asked.iter())
            .map(|&(query, coverage, segment)| TopicQuery {
                query: query.to_owned(),
                impressions: if index == 0 { 9_000.0 } else { 1_000.0 },
                clicks: 9.0,
                position: if index == 0 { 2.0 } else { 9.0 },
                coverage,
                segment_id: Some(segment),
                ..TopicQuery::default()
            })
            .collect(),
        ..PageTopic::default()
    });
    let headings = ["Moka pot", "Cleaning"].map(str::to_owned);
    let mut pages = vec![
        Page {
            id: "moka".to_owned(),
            url: "https://example.com/moka".to_owned(),
            title: "Moka pot".to_owned(),
            page_type: "article".to_owned(),
            topics: topics.collect(),
            edits: vec![PageEdit {
                kind: "extend".to_owned(),
                topic_index: partly,
                place: Some(serde_json::json!({
                    "kind": "extend", "after_heading": "Cleaning", "heading_path": headings,
                }))
                .into(),
                ..PageEdit::default()
            }],
        },
        Page {
            id: "press".to_owned(),
            url: "https://example.com/press".to_owned(),
            ..Page::default()
        },
    ];
    pages.iter_mut().for_each(Page::prepare);
    let profile = Profile::new(
        "Moka pot",
        ["Cleaning"].into_iter(),
        [
            (1, "Fill the moka pot and brew on low heat.", &headings[..1]),
            (2, "Descale it with vinegar, then rinse.", &headings[..]),
        ]
        .into_iter(),
    );
    let other = Profile::new("French press", [].into_iter(), [].into_iter());
    let mut planner = Planner::new(Input {
        profiles: vec![profile, other],
        grouping: Grouping::of_pages(&pages, &[]),
        pages,
        curve: Curve(vec![
            0.3, 0.15, 0.1, 0.07, 0.05, 0.04, 0.03, 0.025, 0.02, 0.018,
        ]),
        period_days: 28.0,
        top: None,
    });
    assert_eq!(planner.step(usize::MAX), 0.0);
    planner.plan().0.edits.to_vec()
}

fn kinds(edits: &[Edit]) -> Vec<(Kind, usize)> {
    let mut kinds: Vec<_> = (edits.iter())
        .map(|edit| (edit.kind, edit.queries.len()))
        .collect();
    kinds.sort();
    kinds
}

#[test]
fn topics_that_share_what_they_are_about_are_written_as_one() {
    let edits = plan(&[
        (
            "gap",
            &[
                ("moka induction hob", 0.01, 1),
                ("induction adapter", 0.01, 1),
            ],
        ),
        ("gap", &[("bialetti with induction", 0.01, 1)]),
        (
            "gap",
            &[
                ("rubber ring size", 0.01, 1),
                ("rubber ring leaks", 0.01, 1),
            ],
        ),
    ]);
    let written = edits.iter().filter(|edit| edit.kind == Kind::Write);
    let mut written: Vec<usize> = written.map(|edit| edit.queries.len()).collect();
    written.sort();
    assert_eq!(written, [2, 3]);
}

#[test]
fn what_a_single_query_asks_for_is_written_with_the_largest_subject_of_its_place() {
    let edits = plan(&[
        (
            "gap",
            &[
                ("rubber ring size", 0.01, 1),
                ("rubber ring leaks", 0.01, 1),
            ],
        ),
        (
            "gap",
            &[
                ("induction adapter", 0.01, 1),
                ("hob for induction", 0.01, 1),
                ("induction heat", 0.01, 1),
            ],
        ),
        ("gap", &[("bialetti story", 0.01, 1)]),
    ]);
    assert_eq!(kinds(&edits), [(Kind::Write, 2), (Kind::Write, 4)]);
    assert_eq!(
        (edits[0].rank, edits[0].impressions, edits[0].clicks),
        (1, 4_000.0, 36.0)
    );
    assert!(
        edits[0]
            .reason
            .ends_with("; with “bialetti story” at the same place, 4,000 impressions in all"),
        "{}",
        edits[0].reason
    );
}

#[test]
fn what_makes_one_section_longer_is_one_edit() {
    let edits = plan(&[
        ("gap", &[("vinegar smell stays", 0.6, 2)]),
        ("gap", &[("descale lime stains", 0.6, 2)]),
    ]);
    assert_eq!(kinds(&edits), [(Kind::Extend, 2)]);
}

#[test]
fn what_a_section_answers_is_extended_with_what_it_leaves_open() {
    let open: (&str, &[Asked]) = ("partly", &[("citric acid dose", 0.3, 2)]);
    let edits = plan(&[open, ("answered", &[("descale with vinegar", 0.9, 2)])]);
    assert_eq!(kinds(&edits), [(Kind::Extend, 2)]);
    let clicks = edits[0].clicks;
    assert_eq!(clicks, 18.0);
    // Each share says what it is of.
    assert_eq!(
        edits[0].reason,
        "the page answers a part of a query with 1,000 impressions at position 9.0 (covered 30 %); \
         with a query that the section answers already, covered 60 %"
    );
    assert!((edits[0].coverage - 0.6).abs() < 1e-9);
    // What the page as a whole is about is improved there, whichever section answers it best.
    let edits = plan(&[open, ("answered", &[("cleaning a moka pot", 0.9, 2)])]);
    assert_eq!(kinds(&edits), [(Kind::Extend, 1), (Kind::Improve, 1)]);
}
