use pageperfect_draft::{Draft, DraftInput, Form, Kind, Place, build_prompt, validate_answer};
use proptest::prelude::*;
use serde_json::{Value, json};

fn input() -> DraftInput {
    serde_json::from_value(json!({
        "page": {
            "title": "Choosing trail running shoes",
            "url": "https://www.shop.example.com/guides/trail-shoes",
            "headings": ["Choosing trail running shoes", "Grip", "Cushioning: how much?"],
            "excerpts": ["The test by Runner Lab (see https://lab.example.org/tests?id=7) measured five pairs."],
        },
        "recommendation": {
            "queries": ["wide trail shoes", "trail shoes for wide feet", "what is https://evil.example.net"],
            "best_text": "Details: www.fitguide.example.info.",
        },
    }))
    .unwrap()
}

fn words(count: usize) -> String {
    vec!["word"; count].join(" ")
}

fn answer() -> Value {
    json!({
        "heading": "Shoes for wide feet",
        "summary": "Says which fit readers with wide feet should look for.",
        "body_markdown": format!("A wide fit gives the toes room.\n\n### How to measure\n\n- {}", words(80)),
        "placement": { "after_heading": "Grip" },
        "questions_answered": ["wide trail shoes"],
        "facts_to_check": ["Which models come in a wide fit."],
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut answer = answer();
    answer[field] = value;
    answer
}

fn body(text: &str) -> Value {
    with("body_markdown", json!(format!("{text}\n\n{}", words(80))))
}

fn validate(answer: &Value) -> Result<Draft, Vec<String>> {
    validate_answer(&answer.to_string(), &input()).map_err(|error| error.problems)
}

fn problem(answer: &Value) -> String {
    let problems = validate(answer).expect_err("the answer breaks a rule");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.into_iter().next().unwrap()
}

#[test]
fn a_good_answer_is_taken_as_it_is() {
    let draft = validate(&answer()).unwrap();
    assert_eq!(serde_json::to_value(draft).unwrap(), answer());
}

#[test]
fn code_fences_and_white_space_around_the_json_are_tolerated() {
    let json = answer().to_string();
    for text in [
        format!("```json\n{json}\n```"),
        format!("```\n{json}\n```"),
        format!("  \n```JSON\r\n{json}\r\n```\n "),
        format!("\u{feff}{json}"),
        format!("```json{json}```"),
    ] {
        assert!(validate_answer(&text, &input()).is_ok(), "{text}");
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    for (text, message) in [
        ("", "the draft cannot be used: the answer is empty"),
        ("  ", "the draft cannot be used: the answer is empty"),
        (
            "[]",
            "the draft cannot be used: the answer is not a JSON object",
        ),
        (
            "\"text\"",
            "the draft cannot be used: the answer is not a JSON object",
        ),
    ] {
        assert_eq!(
            validate_answer(text, &input()).unwrap_err().to_string(),
            message
        );
    }
    for text in [
        "I cannot help with that.",
        "{\"heading\": \"cut off",
        "```json\n{",
        "{} trailing",
    ] {
        let message = validate_answer(text, &input()).unwrap_err().to_string();
        assert!(
            message.starts_with("the draft cannot be used: the answer is not JSON: "),
            "{message}"
        );
    }
}

#[test]
fn every_problem_is_named_at_once() {
    let bad = json!({
        "heading": "GRIP", "summary": "", "body_markdown": "Short <b>text</b>.", "placement": { "after_heading": "Nowhere" },
        "questions_answered": ["how to cook"], "extra": 1,
    });
    assert_eq!(
        validate_answer(&bad.to_string(), &input())
            .unwrap_err()
            .to_string(),
        "the draft cannot be used: extra is not a field of the answer; heading \"GRIP\" is on the page already; \
         summary is empty; body_markdown holds HTML; body_markdown has 2 words, not 60 to 1200; \
         placement.after_heading \"Nowhere\" is no heading of the page; \
         questions_answered has \"how to cook\", which is none of the queries; facts_to_check is missing"
    );
    let empty = validate(&json!({})).unwrap_err();
    assert_eq!(
        empty,
        [
            "heading",
            "summary",
            "body_markdown",
            "placement",
            "questions_answered",
            "facts_to_check"
        ]
        .map(|field| format!("{field} is missing"))
    );
}

#[test]
fn fields_of_the_wrong_type() {
    for (field, value, message) in [
        ("heading", json!(5), "heading is not a string"),
        ("heading", json!("  "), "heading is empty"),
        ("heading", json!("##"), "heading is empty"),
        (
            "heading",
            json!("h".repeat(121)),
            "heading has 121 characters, 120 are the most",
        ),
        (
            "heading",
            json!("Two\nlines"),
            "heading has more than one line",
        ),
        ("heading", json!("Wide <i>fit</i>"), "heading holds HTML"),
        ("summary", json!(null), "summary is not a string"),
        (
            "summary",
            json!("s".repeat(601)),
            "summary has 601 characters, 600 are the most",
        ),
        ("body_markdown", json!([]), "body_markdown is not a string"),
        ("body_markdown", json!(" \n "), "body_markdown is empty"),
        ("placement", json!("Grip"), "placement is not an object"),
        ("placement", json!({}), "placement.after_heading is missing"),
        (
            "placement",
            json!({ "after_heading": 3 }),
            "placement.after_heading is not a string",
        ),
        (
            "placement",
            json!({ "after_heading": "Grip", "before": "x" }),
            "placement.before is not a field of the answer",
        ),
        (
            "questions_answered",
            json!("wide trail shoes"),
            "questions_answered is not an array",
        ),
        (
            "questions_answered",
            json!([1]),
            "questions_answered holds something other than strings",
        ),
        (
            "questions_answered",
            json!([]),
            "questions_answered is empty",
        ),
        (
            "questions_answered",
            json!([" "]),
            "questions_answered is empty",
        ),
        (
            "facts_to_check",
            json!({}),
            "facts_to_check is not an array",
        ),
        (
            "facts_to_check",
            json!([null]),
            "facts_to_check holds something other than strings",
        ),
        (
            "facts_to_check",
            json!(vec!["fact"; 21]),
            "facts_to_check has 21 entries, 20 are the most",
        ),
        (
            "facts_to_check",
            json!(["f".repeat(401)]),
            "facts_to_check[0] has 401 characters, 400 are the most",
        ),
        (
            "facts_to_check",
            json!(["ok", "<script>x</script>"]),
            "facts_to_check[1] holds HTML",
        ),
    ] {
        assert_eq!(problem(&with(field, value)), message);
    }
}

#[test]
fn slips_that_do_not_matter_are_put_right() {
    let draft = validate(&with("heading", json!("## Shoes for wide feet "))).unwrap();
    assert_eq!(draft.heading, "Shoes for wide feet");
    let draft = validate(&with(
        "placement",
        json!({ "after_heading": " ## cushioning:  how much? " }),
    ))
    .unwrap();
    assert_eq!(draft.placement.after_heading, "Cushioning: how much?");
    for nowhere in [json!(""), json!(" "), json!(null)] {
        let draft = validate(&with("placement", json!({ "after_heading": nowhere }))).unwrap();
        assert_eq!(draft.placement.after_heading, "");
    }
    let draft = validate(&with(
        "questions_answered",
        json!(["Wide  trail shoes", "wide trail shoes", ""]),
    ))
    .unwrap();
    assert_eq!(draft.questions_answered, ["wide trail shoes"]);
    let draft = validate(&with("facts_to_check", json!([" ", " one "]))).unwrap();
    assert_eq!(draft.facts_to_check, ["one"]);
    let draft = validate(&body("## Shoes for wide feet\n\nText.")).unwrap();
    assert!(draft.body_markdown.starts_with("Text."));
    let only_heading = validate(&with("body_markdown", json!("## Shoes for wide feet")));
    assert_eq!(
        only_heading.unwrap_err(),
        ["body_markdown has 0 words, not 60 to 1200"]
    );
    assert_eq!(
        validate(&body("## Another heading")).unwrap_err(),
        ["body_markdown has a heading above level 3"]
    );
    assert_eq!(
        validate(&body("Another heading\n===")).unwrap_err(),
        ["body_markdown has a heading above level 3"]
    );
}

#[test]
fn the_length_of_the_body() {
    for (text, words) in [
        (words(59), Some(59)),
        (words(60), None),
        (words(1200), None),
        (words(1201), Some(1201)),
        (format!("{} - - -- ** **", words(59)), Some(59)),
        (
            format!("### {}\n\n- {}\n- {}", words(20), words(20), words(20)),
            None,
        ),
        (format!("[{}](/a/b/c/d/e/f)", words(59)), Some(59)),
        ("走".repeat(118), Some(59)),
        ("走".repeat(120), None),
    ] {
        let expected: Vec<String> = words
            .iter()
            .map(|n| format!("body_markdown has {n} words, not 60 to 1200"))
            .collect();
        assert_eq!(
            validate(&with("body_markdown", json!(text)))
                .err()
                .unwrap_or_default(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn html_is_refused_and_code_is_not() {
    for html in [
        "<script>alert(1)</script>",
        "text <b>bold</b>",
        "<div>\n\ntext\n\n</div>",
        "<!-- hidden -->",
        "an <img src=x onerror=alert(1)>",
        "<SCRIPT SRC=//evil.example.net>",
        "a <br/> b",
        "<?php echo 1 ?>",
        "<iframe src=\"https://shop.example.com\"></iframe>",
        "- item\n  <svg onload=x>",
        "<a href=\"/x\">x</a>",
    ] {
        // An element that is never closed swallows the words after it, too.
        let problems = validate(&body(html)).unwrap_err();
        assert_eq!(problems[0], "body_markdown holds HTML", "{html}");
    }
    for harmless in [
        "a < b and b > c",
        "`<b>` is a tag",
        "```html\n<b>x</b>\n```",
        "1 <2",
        "&lt;b&gt;",
        "\\<b>",
    ] {
        assert!(
            validate(&body(harmless)).is_ok(),
            "{harmless}: {:?}",
            validate(&body(harmless))
        );
    }
}

#[test]
fn images_are_refused() {
    for image in [
        "![x](https://shop.example.com/x.png)",
        "![x][y]\n\n[y]: /x.png",
        "[![x](/x.png)](/y)",
    ] {
        assert_eq!(
            problem(&body(image)),
            "body_markdown holds an image",
            "{image}"
        );
    }
}

#[test]
fn links_lead_only_where_the_page_leads() {
    for link in [
        "[a](https://shop.example.com/wide)",
        "[a](https://www.shop.example.com)",
        "[a](http://SHOP.example.com:443/?x=1#y)",
        "<https://lab.example.org/tests>",
        "see https://lab.example.org/tests, or",
        "**https://lab.example.org**.",
        "[a](https://fitguide.example.info)",
        "[a](/guides/wide) [b](#grip) [c](wide.html) [d](?size=9) [e](../x:y)",
        "[a][1]\n\n[1]: /wide",
        "the example.net domain",
        "at 10:30 http is fine",
        "“https://lab.example.org”, (http://lab.example.org:443).",
    ] {
        assert!(
            validate(&body(link)).is_ok(),
            "{link}: {:?}",
            validate(&body(link))
        );
    }
    for (link, host) in [
        ("[a](https://evil.example.net/)", "evil.example.net"),
        ("[a](http://EVIL.example.net:8080)", "evil.example.net"),
        ("[a](//evil.example.net/x)", "evil.example.net"),
        ("[a](\\\\\\\\evil.example.net/x)", "evil.example.net"),
        ("[a](/\\\\evil.example.net/x)", "evil.example.net"),
        ("[a](https:evil.example.net)", "evil.example.net"),
        ("[a](https:/evil.example.net)", "evil.example.net"),
        ("[a](https:\\\\\\\\evil.example.net)", "evil.example.net"),
        ("[a](<https://evil.example.net/ x>)", "evil.example.net"),
        ("[a](<\thttps://evil.example.net>)", "evil.example.net"),
        ("[a](<ht\ttps://evil.example.net>)", "evil.example.net"),
        ("[a](https&#58;//evil.example.net)", "evil.example.net"),
        (
            "[a](https://shop.example.com@evil.example.net/)",
            "evil.example.net",
        ),
        (
            "[a](https://evil.example.net\\\\@shop.example.com/)",
            "evil.example.net",
        ),
        (
            "[a](https://shop.example.com.evil.example.net/)",
            "shop.example.com.evil.example.net",
        ),
        (
            "[a](https://blog.shop.example.com/)",
            "blog.shop.example.com",
        ),
        ("[a](https://evilshop.example.com/)", "evilshop.example.com"),
        (
            "[a](https://shop.example.com%2eevil.example.net/)",
            "shop.example.com%2eevil.example.net",
        ),
        (
            "[a][1]\n\n[1]: https://evil.example.net",
            "evil.example.net",
        ),
        ("<https://evil.example.net>", "evil.example.net"),
        ("“https://evil.example.net”", "evil.example.net"),
        ("(https://evil.example.net:80).", "evil.example.net"),
        (
            "https://lab.example.org!.evil.example.net",
            "lab.example.org!.evil.example.net",
        ),
        (
            "https://lab.example.org!@evil.example.net",
            "evil.example.net",
        ),
        ("read https://evil.example.net now", "evil.example.net"),
        ("read (https://evil.example.net)", "evil.example.net"),
        ("read www.evil.example.net now", "evil.example.net"),
        ("read https://ev*il.exam*ple.net", "evil.example.net"),
        ("read HTTPS://Evil.Example.Net", "evil.example.net"),
        ("`curl https://evil.example.net`", "evil.example.net"),
        (
            "[https://shop.example.com](https://evil.example.net)",
            "evil.example.net",
        ),
    ] {
        assert_eq!(
            problem(&body(link)),
            format!("body_markdown links to {host}, which the page does not name"),
            "{link}"
        );
    }
    for (link, scheme) in [
        ("[a](javascript:alert(1))", "javascript"),
        ("[a](JavaScript&colon;alert(1))", "javascript"),
        ("[a](<java\tscript:alert(1)>)", "javascript"),
        ("[a](data:text/html;base64,eA==)", "data"),
        ("[a](mailto:x@shop.example.com)", "mailto"),
        ("<mailto:x@shop.example.com>", "mailto"),
        ("[a](file:///etc/passwd)", "file"),
    ] {
        assert_eq!(
            problem(&body(link)),
            format!("body_markdown has a link of the kind {scheme}:"),
            "{link}"
        );
    }
    assert_eq!(
        problem(&with("summary", json!("Buy at https://evil.example.net"))),
        "summary links to evil.example.net, which the page does not name"
    );
}

#[test]
fn a_definition_that_no_link_uses_counts_as_a_link() {
    assert_eq!(
        problem(&body("Text.\n\n[track]: https://evil.example.net/x")),
        "body_markdown links to evil.example.net, which the page does not name"
    );
    assert!(validate(&body("Text.\n\n[more]: /wide")).is_ok());
}

#[test]
fn what_only_machines_read_is_dropped_before_anything_is_judged() {
    let hidden: String = "obey"
        .chars()
        .map(|c| char::from_u32(0xe0000 + c as u32).unwrap())
        .collect();
    let text = format!("Wide\u{200b} fit\u{202e}\u{0}.{hidden}\r\n\u{e0101}End.");
    let draft = validate(&body(&text)).unwrap();
    assert!(
        draft.body_markdown.starts_with("Wide fit.\nEnd."),
        "{draft:?}"
    );
    let draft = validate(&with("heading", json!("Wide\u{2066} fit"))).unwrap();
    assert_eq!(draft.heading, "Wide fit");
    assert_eq!(
        problem(&with("heading", json!("\u{200b}"))),
        "heading is empty"
    );
    assert_eq!(
        problem(&body("https://ev\u{200b}il.example.net")),
        "body_markdown links to evil.example.net, which the page does not name"
    );
}

#[test]
fn the_prompt_does_not_come_back_out() {
    let prompt = build_prompt(&input());
    let start = prompt.system.find("State only facts").unwrap();
    let rules = &prompt.system[start..start + 120];
    let fence = prompt
        .user
        .lines()
        .find(|line| line.starts_with("DATA-"))
        .unwrap();
    for leak in [
        rules,
        &rules.to_uppercase(),
        &rules.replace(' ', " **"),
        fence,
    ] {
        let problems = validate(&with("facts_to_check", json!([leak]))).unwrap_err();
        assert_eq!(problems[0], "facts_to_check[0] quotes the prompt", "{leak}");
        let problems = validate(&body(leak)).unwrap_err();
        assert!(
            problems.contains(&"body_markdown quotes the prompt".into()),
            "{leak}"
        );
    }
    assert!(
        validate(&body("State only facts that the data states.")).is_ok(),
        "seven words"
    );
}

#[test]
fn a_host_is_named_once_however_often_it_is_linked_to() {
    let text = "[a](https://evil.example.net/1) [b](https://evil.example.net/2) https://evil.example.net/3";
    problem(&body(text));
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "(?s).{0,300}") {
        let _ = validate_answer(&text, &input());
    }

    #[test]
    fn any_markdown_gets_an_answer(text in "(?s)([\\[\\]()<>!`*_#:/\\\\ \n]|https?|www\\.|[a-zü]){0,120}") {
        let _ = validate(&body(&text));
    }

    #[test]
    fn a_draft_that_passes_passes_again(text in "([\\[\\]()#*\n ]|[a-z]{1,6}){0,60}", heading in "[A-Za-z# ]{1,40}") {
        let mut first = body(&text);
        first["heading"] = json!(heading);
        if let Ok(draft) = validate(&first) {
            let again = validate(&serde_json::to_value(&draft).unwrap());
            prop_assert_eq!(again, Ok(draft));
        }
    }
}

#[test]
fn no_dialect_of_markdown_makes_more_of_a_draft() {
    let evil = "https://evil.example.net/x";
    let foreign = "body_markdown links to evil.example.net, which the page does not name";
    for (smuggled, problem) in [
        (
            format!("Wide.[^1]\n\n[^1]: [source]({evil})"),
            "body_markdown holds a footnote",
        ),
        (
            format!("Wide.[^note]\n\n[^note]: {evil}"),
            "body_markdown holds a footnote",
        ),
        (
            "Wide.[^1]\n\n[^1]: Runner Lab".into(),
            "body_markdown holds a footnote",
        ),
        (format!("Wide.^[see [source]({evil})]"), foreign),
        (format!("Wide\n: [source]({evil})"), foreign),
        (format!("| a |\n|---|\n| [x]({evil}) |"), foreign),
        (format!("- [ ] [x]({evil})"), foreign),
        (format!("~~[x]({evil})~~ ^[x]({evil})^"), foreign),
        (format!("> [!NOTE]\n> [x]({evil})"), foreign),
        (format!("[[{evil}|here]]"), foreign),
        (format!("```\n\n[x]({evil})\n```"), foreign),
        (format!("~~~\n[x]: {evil}\n\n[x]\n~~~"), foreign),
        (
            "~~~\n<script>alert(1)</script>\n~~~".into(),
            "body_markdown holds HTML",
        ),
        (
            "~~~\n![x](/pixel.png)\n~~~".into(),
            "body_markdown holds an image",
        ),
        ("![[pixel.png]]".into(), "body_markdown holds an image"),
        (
            "Write to sales@evil.example.net today".into(),
            "body_markdown has an address at evil.example.net, which the page does not name",
        ),
        (
            "### Fit {onclick=alert(1)}\n\nText".into(),
            "body_markdown holds attributes",
        ),
        (
            "---\nlayout: evil\n---\n\nText".into(),
            "body_markdown holds a block of metadata",
        ),
    ] {
        let problems = validate(&body(&smuggled)).expect_err(&smuggled);
        assert!(
            problems.iter().any(|found| found == problem),
            "{smuggled}: {problems:?}"
        );
    }
    for leftover in [
        "[x](\nno end",
        "![x](no end",
        "[x][y] and so on",
        "{{ site.secret }}",
        "{% include x %}",
        "{: onclick=\"alert(1)\" }",
        "Wide { onclick=\"alert(1)\" }",
        "[embed src=\"x\"]",
        "::: warning",
        "**[x]**: javascript:alert(1)",
        "*[x]: not a definition*",
    ] {
        let problems = validate(&body(leftover)).expect_err(leftover);
        assert!(
            problems
                .iter()
                .any(|found| found.contains("markup that is not understood")),
            "{leftover}: {problems:?}"
        );
    }
    for harmless in [
        "H~2~O costs $5 to $6, 2^10^ times",
        "- [x] done\n- [ ] open",
        "Use `arr[0](x)` or `[[ -f file ]]`.",
        "```sh\n[[ -f file ]] && echo \"${x}\" > y\nuser@host:~$ ls\n```",
        "```html\n<b>x</b>\n```",
        "~~no~~ [sic] and (see below) [1]",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "Ask at desk@lab.example.org.",
        "\"Quoted\" -- and 'so' on...",
    ] {
        assert!(
            validate(&body(harmless)).is_ok(),
            "{harmless}: {:?}",
            validate(&body(harmless))
        );
    }
}

#[test]
fn figures_that_the_page_does_not_give_are_to_be_checked() {
    let draft = validate(&body("Five pairs, and 7 of them at 30 euros; see ?id=7.")).unwrap();
    assert_eq!(
        draft.facts_to_check,
        [
            "Which models come in a wide fit.",
            "30: the page does not give this figure (“Five pairs, and 7 of them at 30 euros; see ?id=7.”)"
        ]
    );
}

#[test]
fn a_place_that_is_settled_is_kept_whatever_the_model_says() {
    let mut settled = input();
    settled.recommendation.place = Some(Place {
        after_heading: "Grip".into(),
        level: Some(3),
    });
    let answer = with("placement", json!({ "after_heading": "Nowhere" }));
    let draft = validate_answer(&answer.to_string(), &settled).unwrap();
    assert_eq!(draft.placement.after_heading, "Grip");
    // A section of level 3 has no headings of level 3 in it.
    assert!(
        draft.body_markdown.contains("\n\n#### How to measure\n"),
        "{}",
        draft.body_markdown
    );
    let mut deepest = answer.clone();
    deepest["body_markdown"] = json!(format!("### A\n\n##### B\n\n###### C\n\n{}", words(80)));
    let draft = validate_answer(&deepest.to_string(), &settled).unwrap();
    assert!(
        draft
            .body_markdown
            .starts_with("#### A\n\n###### B\n\n###### C\n")
    );
}

#[test]
fn an_outline_and_an_addition_may_be_short() {
    let short = with("body_markdown", json!(words(30)));
    for (kind, form, is_fine) in [
        (Kind::Write, Form::Text, false),
        (Kind::Write, Form::Outline, true),
        (Kind::Extend, Form::Text, true),
        (Kind::Improve, Form::Text, true),
    ] {
        let mut input = input();
        input.recommendation.kind = kind;
        input.form = form;
        let draft = validate_answer(&short.to_string(), &input);
        assert_eq!(draft.is_ok(), is_fine, "{kind:?} {form:?}: {draft:?}");
    }
}

#[test]
fn the_outline_of_a_page_has_parts_of_level_2_and_no_place() {
    let mut input = input();
    input.form = Form::Outline;
    input.recommendation.kind = Kind::NewPage;
    input.recommendation.place = Some(Place::default());
    let parts = format!("## Measuring\n\n- {}\n\n## Fits\n\n- More.", words(40));
    let draft = validate_answer(&body(&parts).to_string(), &input).unwrap();
    assert!(draft.body_markdown.starts_with("## Measuring"));
    assert_eq!(draft.placement.after_heading, "");
    let titled = body(&format!("# A title\n\n- {}", words(40)));
    let refused = validate_answer(&titled.to_string(), &input).unwrap_err();
    assert_eq!(
        refused.problems,
        ["body_markdown has a heading above level 2"]
    );
    // A section's headings stand deeper.
    input.recommendation.kind = Kind::Write;
    assert!(validate_answer(&body(&parts).to_string(), &input).is_err());
}
