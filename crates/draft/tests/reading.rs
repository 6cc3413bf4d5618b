use pageperfect_draft::{
    Passage, Reading, ReadingInput, Verdict, build_reading_prompt, check_reading,
};
use serde_json::{Value, json};

fn input() -> ReadingInput {
    serde_json::from_value(json!({
        "title": "Brewing green tea",
        "language": "en",
        "queries": [
            { "query": "green tea temperature", "impressions": 900 },
            { "query": "does green tea have caffeine", "impressions": 700 },
        ],
        "passages": page(),
    }))
    .unwrap()
}

fn page() -> Value {
    json!([
        { "heading_path": ["Brewing green tea", "Temperature"], "text": "Use water of 70 to 80 °C. Boiling water makes it bitter." },
        { "heading_path": ["Brewing green tea", "Effects"], "text": "Many people ask whether green tea has caffeine." },
    ])
}

fn check(answers: Value) -> Reading {
    let page: Vec<Passage> = serde_json::from_value(page()).unwrap();
    check_reading(&json!({ "answers": answers }).to_string(), &input(), &page).unwrap()
}

fn said(number: usize, verdict: &str, quote: &str) -> Value {
    json!({ "number": number, "verdict": verdict, "quote": quote })
}

#[test]
fn the_prompt_carries_queries_and_passages_as_data() {
    let prompt = build_reading_prompt(&input());
    let fence = prompt
        .user
        .lines()
        .find(|line| line.starts_with("DATA-"))
        .unwrap();
    let data: Value =
        serde_json::from_str(prompt.user.split(&format!("\n{fence}\n")).nth(1).unwrap()).unwrap();
    assert_eq!(
        data,
        json!({
            "page": { "title": "Brewing green tea", "language": "en" },
            "queries": [
                { "number": 1, "query": "green tea temperature" },
                { "number": 2, "query": "does green tea have caffeine" },
            ],
            "passages": [
                { "under": "Brewing green tea > Temperature", "text": "Use water of 70 to 80 °C. Boiling water makes it bitter." },
                { "under": "Brewing green tea > Effects", "text": "Many people ask whether green tea has caffeine." },
            ],
        })
    );
    assert_eq!(
        prompt.system,
        build_reading_prompt(&ReadingInput::default()).system
    );
}

#[test]
fn a_long_page_and_many_queries_are_cut() {
    let mut long = input();
    long.queries = vec![long.queries[0].clone(); 100];
    long.passages = vec![
        Passage {
            heading_path: vec!["x".repeat(10_000)],
            text: "word ".repeat(10_000),
        };
        1_000
    ];
    assert!(build_reading_prompt(&long).user.len() < 25_000);
}

#[test]
fn an_answer_counts_with_its_quote() {
    let reading = check(json!([
        said(1, "answered", "“Use water of 70 to 80 °C”"),
        said(2, "not_answered", ""),
    ]));
    assert_eq!(reading.verdict, Verdict::Partly);
    assert_eq!(reading.quote.as_deref(), Some("“Use water of 70 to 80 °C”"));
    assert_eq!(reading.queries[0].passage, Some(0));
    assert_eq!(reading.queries[1].verdict, Verdict::NotAnswered);
    let all = check(json!([
        said(1, "answered", "water of 70 to 80 °C"),
        said(2, "answered", "whether green tea has caffeine"),
    ]));
    assert_eq!(all.verdict, Verdict::Answered);
    assert_eq!(all.queries[1].passage, Some(1));
}

#[test]
fn a_verdict_without_a_quote_from_the_page_counts_as_not_answered() {
    for answers in [
        json!([]),
        json!([said(1, "answered", "")]),
        json!([said(1, "answered", "Use water of 90 °C and wait")]),
        json!([said(1, "answered", "tea")]),
        json!([said(3, "answered", "Use water of 70 to 80 °C")]),
        json!([said(0, "answered", "Use water of 70 to 80 °C")]),
        json!([said(1, "yes", "Use water of 70 to 80 °C")]),
        json!([said(1, "not_answered", "Use water of 70 to 80 °C")]),
        json!([said(1, "answered", &"Use water of 70 to 80 °C ".repeat(50))]),
    ] {
        let reading = check(answers.clone());
        assert_eq!(reading.verdict, Verdict::NotAnswered, "{answers}");
        assert_eq!(reading.quote, None);
    }
}

#[test]
fn an_answer_of_another_shape_is_an_error() {
    for answer in [
        "",
        "yes",
        "[]",
        "{}",
        r#"{"answers": "yes"}"#,
        r#"{"answers": [{"number": "one"}]}"#,
    ] {
        assert!(check_reading(answer, &input(), &[]).is_err(), "{answer}");
    }
}
