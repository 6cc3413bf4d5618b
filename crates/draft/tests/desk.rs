use pageperfect_draft::{Desk, DeskInput, Kind, PlaceKind, Verdict};
use serde_json::{Value, json};

/// Three topics: one open in all of its queries, one in half, one that ranks where nobody looks.
fn desk(top: usize) -> Desk {
    let query = |query: &str, impressions: u32, coverage: f64| json!({ "query": query, "impressions": impressions, "coverage": coverage, "is_answered": coverage >= 0.7, "segment_id": 2 });
    let edit = |id: i64, kind: &str, topic: i64, open: &[&str]| {
        json!({ "id": id, "kind": kind, "topic_id": topic, "label": open[0], "open_queries": open, "expected_clicks": 40,
            "opportunity": 400, "impressions": 900, "coverage": 0.2, "confidence": 0.8,
            "place": { "kind": "new_section", "after_heading": "Brewing", "heading_path": ["Tea", "Brewing"], "section": "Brewing", "level": 2 },
            "nearest": [2] })
    };
    let input: DeskInput = serde_json::from_value(json!({
        "page": { "title": "Tea", "url": "https://tea.example/", "language": "en" },
        "segments": [
            { "id": 1, "kind": "heading", "heading_path": ["Tea"], "text": "Brewing" },
            { "id": 2, "kind": "paragraph", "heading_path": ["Tea", "Brewing"], "text": "Steep green tea for two minutes in water of 75 degrees." },
            { "id": 3, "kind": "heading", "heading_path": ["Tea"], "text": "Storing" },
            { "id": 4, "kind": "paragraph", "heading_path": ["Tea", "Storing"], "text": "A dark tin keeps tea fresh for a year." },
        ],
        "edits": [
            edit(10, "write", 1, &["cold brew tea", "iced tea recipe"]),
            edit(11, "write", 2, &["does tea go off"]),
            edit(12, "improve", 3, &["best tea"]),
        ],
        "topics": [
            { "id": 1, "kind": "gap", "confidence": 0.8, "queries": [query("cold brew tea", 900, 0.1), query("iced tea recipe", 100, 0.2)] },
            { "id": 2, "kind": "partly", "confidence": 0.6, "queries": [query("does tea go off", 300, 0.4), query("tea tin", 200, 0.9)] },
            { "id": 3, "kind": "improve", "queries": [query("best tea", 50, 0.9)] },
        ],
        "top": top, "threshold": 0.7, "draft_count": 1, "form": "text",
    }))
    .unwrap();
    Desk::new(input)
}

fn read(desk: &mut Desk, edit: i64, answers: &[(&str, &str)]) {
    let answers: Vec<Value> = (answers.iter().enumerate())
        .map(|(index, (verdict, quote))| json!({ "number": index + 1, "verdict": verdict, "quote": quote }))
        .collect();
    let answer = json!({ "answers": answers }).to_string();
    desk.take_reading(edit, &answer, "reader").unwrap();
}

const IN_THE_TIN: &str = "A dark tin keeps tea fresh for a year.";

#[test]
fn what_says_that_something_is_missing_is_read() {
    assert_eq!(desk(10).candidates(), [10, 11]);
    assert!(
        desk(10)
            .reading_prompt(11)
            .unwrap()
            .user
            .contains("does tea go off")
    );
    assert!(desk(10).reading_prompt(99).is_none());
}

#[test]
fn unread_edits_stand_as_they_were_ranked_with_improvements_last() {
    let settled = desk(1).settle();
    let ranks: Vec<(i64, usize)> = settled
        .edits
        .iter()
        .map(|edit| (edit.id, edit.rank))
        .collect();
    // `top` holds back the second gap, and does not count what improves.
    assert_eq!(ranks, [(10, 1), (12, 2)]);
    assert!(settled.topics.is_empty());
    assert_eq!(settled.edits[0].place.section.as_deref(), Some("Brewing"));
}

#[test]
fn what_the_page_answers_after_all_is_struck_out_and_the_next_moves_up() {
    let mut desk = desk(1);
    read(
        &mut desk,
        10,
        &[("answered", IN_THE_TIN), ("answered", IN_THE_TIN)],
    );
    let settled = desk.settle();
    let ids: Vec<i64> = settled.edits.iter().map(|edit| edit.id).collect();
    assert_eq!(ids, [11, 12]);
    let struck = desk.verification(10).unwrap();
    assert_eq!(struck.verdict, Verdict::Answered);
    assert_eq!(struck.quote.as_deref(), Some(IN_THE_TIN));
    assert!(desk.verification(11).is_none(), "nobody has read for it");
    let topic = &settled.topics[0];
    assert_eq!((topic.id, topic.kind.as_str()), (1, "answered"));
    assert!(topic.coverage >= 0.7);
    assert!(
        topic
            .queries
            .iter()
            .all(|query| query.is_answered && query.segment_id == Some(4))
    );
}

#[test]
fn what_is_answered_in_part_becomes_a_passage_to_extend_and_is_worth_what_is_left() {
    let mut desk = desk(10);
    read(
        &mut desk,
        10,
        &[("not_answered", ""), ("answered", IN_THE_TIN)],
    );
    let edit = &desk.settle().edits[0];
    assert_eq!((edit.id, edit.kind), (10, Kind::Extend));
    assert_eq!(edit.open_queries, ["cold brew tea"]);
    // 900 of the 1,000 impressions are left.
    assert!((edit.expected_clicks - 36.0).abs() < 1e-9);
    assert_eq!(edit.place.kind, PlaceKind::Extend);
    assert_eq!(edit.place.segment_id, Some(4));
    assert_eq!(edit.place.section.as_deref(), Some("Storing"));
    let verification = edit.verification.as_ref().unwrap();
    assert_eq!(verification.queries[0].verdict, Verdict::NotAnswered);
    // A reader who agrees makes it surer, not certain.
    assert!(edit.confidence.unwrap() > 0.8 && edit.confidence.unwrap() < 1.0);
}

#[test]
fn an_answer_of_another_shape_changes_nothing() {
    let mut desk = desk(10);
    assert!(desk.take_reading(10, "yes, it does", "reader").is_err());
    assert!(desk.settle().topics.is_empty());
}

#[test]
fn a_draft_closes_the_gap_when_its_queries_are_answered_by_their_weight() {
    let desk = desk(10);
    let edit = &desk.settle().edits[0];
    let effect = desk.effect(edit, &[0.1, 0.2], &[0.8, 0.1]).unwrap();
    assert!((effect.coverage_before - 0.11).abs() < 1e-9);
    assert!((effect.coverage_after - 0.73).abs() < 1e-9);
    assert!(effect.closes_gap);
    assert!(
        !desk
            .effect(edit, &[0.1, 0.2], &[0.7, 0.6])
            .unwrap()
            .closes_gap
    );
    assert!(desk.effect(edit, &[0.1], &[0.9]).is_none());
}

#[test]
fn the_brief_links_to_sections_of_the_page_alone() {
    let desk = desk(10);
    let brief = desk.brief(&desk.settle().edits[0], "Cold brew").unwrap();
    let headings = ["Brewing", "Storing"];
    assert!(
        brief
            .links
            .iter()
            .all(|link| headings.contains(&link.heading.as_str())),
        "{:?}",
        brief.links
    );
}
