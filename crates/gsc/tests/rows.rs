//! The rows of many pages: files, answers of the API, and how both are handed out.

use pageperfect_gsc::{Defaults, Row, SearchConsoleRows};

/// Stands in for the host's URL parser.
fn address(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://")?;
    let bare = !rest.is_empty() && !rest.contains('/');
    Some(format!("https://{rest}{}", if bare { "/" } else { "" }))
}

fn read(csv: &str) -> SearchConsoleRows {
    from(csv, Defaults::default()).unwrap_or_else(|error| panic!("{csv:?}: {error}"))
}

fn from(csv: &str, defaults: Defaults) -> Result<SearchConsoleRows, String> {
    SearchConsoleRows::from_csv(csv.as_bytes(), defaults, address).map_err(|e| e.to_string())
}

fn row<'a>(page: &'a str, query: &'a str, date: Option<&'a str>, figures: [f64; 3]) -> Row<'a> {
    let [impressions, clicks, position] = figures;
    Row {
        page,
        query,
        date,
        impressions,
        clicks,
        position: Some(position),
    }
}

#[test]
fn columns_come_in_any_order_under_either_name() {
    for csv in [
        "page,query,date,clicks,impressions,position\nhttps://a.example/x,shoes,2025-01-31,1,20,3.5\n",
        "Date;Position;Impressions;Clicks;Top queries;Top pages\n2025-01-31;3,5;20;1;shoes;https://a.example/x\n",
        "data_date\turl\tctr\tquery\timpressions\tclicks\tposition\n2025-01-31\thttps://a.example/x\t5%\tshoes\t20\t1\t3.5\n",
    ] {
        let mut rows = read(csv);
        assert_eq!(
            rows.next_chunk(10).unwrap(),
            [row(
                "https://a.example/x",
                "shoes",
                Some("2025-01-31"),
                [20.0, 1.0, 3.5]
            )],
        );
        assert!(rows.warnings.is_empty(), "{:?}", rows.warnings);
    }
}

#[test]
fn a_file_without_pages_or_dates_takes_what_comes_with_it() {
    let csv = "Top queries,Clicks,Impressions,CTR,Position\nshoes,1,20,5%,3\n";
    let page = Some("https://a.example");
    let mut dated = from(
        csv,
        Defaults {
            page,
            date: Some("2024-02-29"),
        },
    )
    .unwrap();
    assert_eq!(
        dated.next_chunk(10).unwrap(),
        [row(
            "https://a.example/",
            "shoes",
            Some("2024-02-29"),
            [20.0, 1.0, 3.0]
        )]
    );
    let mut total = from(csv, Defaults { page, date: None }).unwrap();
    assert_eq!(total.next_chunk(10).unwrap()[0].date, None);

    let refused = |csv, page, date| from(csv, Defaults { page, date }).err().unwrap();
    assert_eq!(
        refused(csv, None, None),
        "line 1: the header lacks page; say with the file which page its rows belong to"
    );
    assert_eq!(
        refused(csv, Some("a.example"), None),
        "line 1: the address that came with the file is not of a web page"
    );
    assert_eq!(
        refused(csv, page, Some("2025-02-29")),
        "line 1: the date that came with the file is not like 2025-01-31"
    );
    let full =
        "page,date,query,clicks,impressions,position\nhttps://a.example/,2025-01-31,a,1,2,3\n";
    assert!(refused(full, page, None).contains("leave one out"));
    assert!(refused(full, None, Some("2025-01-31")).contains("leave one out"));
}

#[test]
fn broken_lines_are_named() {
    for (line, message) in [
        (
            "https://a.example/,shoes,31.01.2025,1,2,3",
            "line 3: date is not a date like 2025-01-31: \"31.01.2025\"",
        ),
        (
            "https://a.example/,shoes,2025-02-30,1,2,3",
            "line 3: date is not a date like 2025-01-31: \"2025-02-30\"",
        ),
        (
            "https://a.example/,shoes,,1,2,3",
            "line 3: date is not a date like 2025-01-31: \"\"",
        ),
        (
            "/x,shoes,2025-01-31,1,2,3",
            "line 3: page is not the address of a web page: \"/x\"",
        ),
        (",shoes,2025-01-31,1,2,3", "line 3: page is empty"),
        (
            "https://a.example/,shoes,2025-01-31,one,2,3",
            "line 3: clicks is not a whole number: \"one\"",
        ),
        (
            "https://a.example/,shoes,2025-01-31,1,2",
            "line 3: 6 columns expected, 5 found",
        ),
    ] {
        let csv = format!(
            "page,query,date,clicks,impressions,position\nhttps://a.example/,a,2025-01-31,1,2,3\n{line}\n"
        );
        assert_eq!(from(&csv, Defaults::default()).err().unwrap(), message);
    }
}

#[test]
fn rows_of_one_page_query_and_date_become_one() {
    let mut rows = read(
        "page,query,date,device,clicks,impressions,position\n\
         https://a.example/,shoes,2025-01-31,mobile,1,30,2\n\
         https://a.example,shoes,2025-01-31,desktop,2,10,6\n\
         https://a.example/,shoes,2025-02-01,mobile,1,5,1\n\
         https://b.example/,shoes,2025-01-31,mobile,1,5,1\n",
    );
    assert_eq!(
        (rows.source_count, rows.row_count(), rows.page_count()),
        (4, 3, 2)
    );
    assert_eq!(
        rows.next_chunk(1).unwrap(),
        [row(
            "https://a.example/",
            "shoes",
            Some("2025-01-31"),
            [40.0, 3.0, 3.0]
        )]
    );
    assert_eq!(
        rows.warnings,
        ["1 row repeated an earlier page, query and date and was merged into it"]
    );
}

#[test]
fn chunks_hold_every_row_once() {
    let lines: String = (0..2500)
        .map(|i| format!("https://a.example/{},query {i},2025-01-01,1,2,3\n", i % 7))
        .collect();
    let mut rows = read(&format!(
        "page,query,date,clicks,impressions,position\n{lines}"
    ));
    let mut sizes = Vec::new();
    let mut queries = Vec::new();
    while let Some(chunk) = rows.next_chunk(1000) {
        sizes.push(chunk.len());
        queries.extend(chunk.iter().map(|row| row.query.to_owned()));
    }
    assert_eq!(sizes, [1000, 1000, 500]);
    assert!(
        queries
            .iter()
            .enumerate()
            .all(|(i, query)| *query == format!("query {i}"))
    );
    assert!(rows.next_chunk(1000).is_none());
    assert_eq!(rows.page_count(), 7);
}

#[test]
fn what_cannot_be_stored_is_skipped_with_a_warning() {
    let long_page = format!("https://a.example/{}", "x".repeat(2000));
    let long_query = "q".repeat(501);
    let rows = read(&format!(
        "page,query,clicks,impressions,position\n{long_page},a,1,2,3\nhttps://a.example/,{long_query},1,2,3\nhttps://a.example/,,1,2,3\n"
    ));
    assert_eq!((rows.row_count(), rows.page_count()), (0, 0));
    assert_eq!(
        rows.warnings,
        [
            "1 row skipped: the query is empty (line 4)",
            "1 row skipped: the query is longer than 500 characters (line 3)",
            "1 row skipped: the page's address is longer than 2000 bytes (line 2)",
        ]
    );
    let empty = read("page,query,clicks,impressions,position\n");
    assert_eq!(empty.warnings, ["the file has no rows"]);
}

#[test]
fn an_answer_of_the_api_is_read_as_it_comes() {
    let answer = r#"{
      "rows": [
        {"keys": ["https://a.example/", "shoes", "2025-01-31"], "clicks": 1.0, "impressions": 20.0, "ctr": 0.05, "position": 3.5},
        {"keys": ["https://a.example/", "", "2025-01-31"], "clicks": 0, "impressions": 1, "ctr": 0, "position": 9}
      ],
      "responseAggregationType": "byPage"
    }"#;
    let mut rows = SearchConsoleRows::from_answer(answer.as_bytes(), address).unwrap();
    assert_eq!((rows.source_count, rows.row_count()), (2, 1));
    assert_eq!(
        rows.next_chunk(10).unwrap(),
        [row(
            "https://a.example/",
            "shoes",
            Some("2025-01-31"),
            [20.0, 1.0, 3.5]
        )]
    );
    assert_eq!(
        rows.warnings,
        ["1 row left out: the page or the query cannot be stored"]
    );

    let empty = SearchConsoleRows::from_answer(br#"{"responseAggregationType": "auto"}"#, address);
    assert_eq!(empty.unwrap().source_count, 0);
    for broken in [
        "<html>",
        r#"{"rows": [{"keys": ["https://a.example/"], "clicks": 1, "impressions": 1, "position": 1}]}"#,
        r#"{"rows": [{"keys": ["https://a.example/", "a", "today"], "clicks": 1, "impressions": 1, "position": 1}]}"#,
        r#"{"rows": [{"keys": ["https://a.example/", "a", "2025-01-31"], "clicks": -1, "impressions": 1, "position": 1}]}"#,
    ] {
        let error = SearchConsoleRows::from_answer(broken.as_bytes(), address)
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .starts_with("the answer of the Search Console API"),
            "{error}"
        );
    }
}

#[test]
fn parts_are_files_that_hold_every_row_once() {
    let lines: String = (0..1000)
        .map(|i| {
            format!(
                "https://a.example/{}?a=1&b=\"\"x,\"say \"\"{i}\"\", twice\",2025-01-01,1,2,{}.25\n",
                i % 7,
                i % 9 + 1
            )
        })
        .collect();
    for (csv, expected_parts) in [
        (
            format!("page,query,date,clicks,impressions,position\n{lines}"),
            4,
        ),
        (
            format!("page,query,clicks,impressions,position\n{lines}").replace(",2025-01-01", ""),
            4,
        ),
    ] {
        let (mut source, mut whole) = (read(&csv), read(&csv));
        let expected = whole.next_chunk(usize::MAX).unwrap();
        let mut parts = Vec::new();
        while let Some(part) = source.next_part(300, 1 << 20) {
            parts.push(read(std::str::from_utf8(&part).unwrap()));
        }
        assert_eq!((parts.len(), source.taken_count()), (expected_parts, 1000));
        let rows: Vec<Row> = parts
            .iter_mut()
            .flat_map(|part| part.next_chunk(usize::MAX).unwrap())
            .collect();
        assert_eq!(rows, expected);
    }
    let mut source = read(&format!(
        "page,query,date,clicks,impressions,position\n{lines}"
    ));
    let mut taken = 0;
    while let Some(part) = source.next_part(300, 2_000) {
        assert!(part.len() <= 2_000, "{}", part.len());
        assert!(source.taken_count() > taken);
        taken = source.taken_count();
    }
    assert_eq!(taken, 1000);
    assert!(source.next_part(1, 1).is_none());
}
