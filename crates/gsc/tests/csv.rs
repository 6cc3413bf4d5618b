use std::time::Instant;

use pageperfect_gsc::{Keyword, MAX_QUERY_CHARS, ParsedCsv, parse_csv};
use proptest::prelude::*;

fn row(query: &str, impressions: f64, clicks: f64, position: f64) -> Keyword {
    Keyword {
        query: query.into(),
        impressions,
        clicks,
        position: Some(position),
    }
}

fn keywords(csv: &str) -> Vec<Keyword> {
    let ParsedCsv { keywords, warnings } = parse_csv(csv.as_bytes(), None, |_| None)
        .unwrap_or_else(|error| panic!("{csv:?}: {error}"));
    assert!(warnings.is_empty(), "{csv:?}: {warnings:?}");
    keywords
}

fn error(csv: impl AsRef<[u8]>) -> String {
    parse_csv(csv.as_ref(), None, |_| None)
        .expect_err("the file is broken")
        .to_string()
}

#[test]
fn the_export_of_search_console() {
    let csv = "Top queries,Clicks,Impressions,CTR,Position\ntrail shoes,12,1340,0.9%,7.2\n\"shoes, wide\",3,\"1,234\",0.24%,11\n";
    assert_eq!(
        keywords(csv),
        [
            row("trail shoes", 1340.0, 12.0, 7.2),
            row("shoes, wide", 1234.0, 3.0, 11.0)
        ]
    );
}

#[test]
fn the_same_table_in_many_shapes() {
    let expected = [row("a b", 1234.0, 5.0, 3.4), row("ü", 7.0, 0.0, 12.0)];
    for csv in [
        "query,clicks,impressions,ctr,position\na b,5,1234,3.4%,3.4\nü,0,7,0,12\n",
        "Query,Clicks,Impressions,CTR,Position\r\na b,5,1234,3.4%,3.4\r\nü,0,7,0%,12\r\n",
        "keys,clicks,impressions,ctr,position\na b,5.0,1234.0,0.034,3.4\nü,0.0,7.0,0,12.0\n",
        "position,impressions,query,clicks\n3.4,1234,a b,5\n12,7,ü,0\n",
        "\u{feff}Top queries,Clicks,Impressions,CTR,Position\na b,5,1234,3.4%,3.4\nü,0,7,0%,12\n",
        "\u{feff}\"Top queries\",\"Clicks\",\"Impressions\",\"CTR\",\"Position\"\n\"a b\",\"5\",\"1,234\",\"3.4%\",\"3.4\"\n\"ü\",\"0\",\"7\",\"0%\",\"12\"\n",
        "Top queries;Clicks;Impressions;CTR;Position\na b;5;1.234;3,4%;3,4\nü;0;7;0%;12\n",
        "Top queries\tClicks\tImpressions\tCTR\tPosition\na b\t5\t1,234\t3.4%\t3.4\nü\t0\t7\t0%\t12\n",
        "sep=;\nquery;clicks;impressions;position\na b;5;1 234;3,4\nü;0;7;12\n",
        "SEP=;\r\nquery;clicks;impressions;position\r\na b;5;1'234;3,4\r\nü;0;7;12\r\n",
        "\n\nquery,clicks,impressions,position\n\na b,5,1234,3.4\n\nü,0,7,12\n\n",
        " query , CLICKS , Impressions , Average Position \n a b , 5 , 1234 , 3.4 \n ü , 0 , 7 , 12 ",
        "date,country,query,clicks,impressions,avg_position,note\n2026-01-01,de,a b,5,1234,3.4,\"x\ny\"\n,,ü,0,7,12,\n",
        "query,clicks,impressions,position\na b,5,1234,3.4,,\nü,0,7,12,\n",
        "Search Query,Clicks,Impressions,Avg. Position\na b,5,1234,3.4\nü,0,7,12",
    ] {
        assert_eq!(keywords(csv), expected, "{csv:?}");
    }
}

#[test]
fn utf_16_as_spreadsheets_write_it() {
    let csv = "\u{feff}query\tclicks\timpressions\tposition\r\nsüß 🍰\t1\t2\t3,5\r\n";
    let little: Vec<u8> = csv.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = csv.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [little, big] {
        assert_eq!(
            parse_csv(&bytes, None, |_| None).unwrap().keywords,
            [row("süß 🍰", 2.0, 1.0, 3.5)]
        );
    }
}

#[test]
fn rows_of_the_same_query_are_merged_with_a_warning() {
    let csv = "query,clicks,impressions,position\na,1,30,2\nb,0,0,0\n a ,2,10,6\nb,0,0,4\n";
    let parsed = parse_csv(csv.as_bytes(), None, |_| None).unwrap();
    assert_eq!(
        parsed.keywords,
        [row("a", 40.0, 3.0, 3.0), row("b", 0.0, 0.0, 2.0)]
    );
    assert_eq!(
        parsed.warnings,
        ["2 rows repeated an earlier query and were merged into it"]
    );
}

#[test]
fn queries_without_clicks_and_positions_are_read_with_a_warning() {
    let unknown = "there is no column of clicks nor of position: what an edit is worth is estimated from impressions alone";
    let parsed = parse_csv(b"Keyword,Volume\na,10\nb,5\na,2\n", None, |_| None).unwrap();
    let read: Vec<_> = (parsed.keywords.iter())
        .map(|k| (k.query.as_str(), k.impressions, k.clicks, k.position))
        .collect();
    assert_eq!(read, [("a", 12.0, 0.0, None), ("b", 5.0, 0.0, None)]);
    assert_eq!(
        parsed.warnings,
        [
            "there is no column of impressions: the search volume is taken for them",
            unknown,
            "1 row repeated an earlier query and was merged into it",
        ]
    );
    let csv = "query,impressions,volume,position\na,10,99,3\na,30,99,\nb,5,9,–\n";
    let parsed = parse_csv(csv.as_bytes(), None, |_| None).unwrap();
    let read: Vec<_> = (parsed.keywords.iter())
        .map(|k| (k.query.as_str(), k.impressions, k.position))
        .collect();
    assert_eq!(read, [("a", 40.0, Some(3.0)), ("b", 5.0, None)]);
}

#[test]
fn rows_without_a_query_are_skipped_with_a_warning() {
    let long = "q".repeat(MAX_QUERY_CHARS + 1);
    let csv =
        format!("query,clicks,impressions,position\n,1,2,3\na,1,2,3\n  ,,,\n,,,\n{long},1,2,3\n");
    let parsed = parse_csv(csv.as_bytes(), None, |_| None).unwrap();
    assert_eq!(parsed.keywords, [row("a", 2.0, 1.0, 3.0)]);
    assert_eq!(
        parsed.warnings,
        [
            "1 row skipped: the query is empty (line 2)",
            "1 row skipped: the query is longer than 500 characters (line 6)",
        ]
    );
}

#[test]
fn a_file_without_rows_is_no_error_but_warns() {
    let parsed = parse_csv(
        b"Top queries,Clicks,Impressions,CTR,Position\n",
        None,
        |_| None,
    )
    .unwrap();
    assert_eq!(
        parsed,
        ParsedCsv {
            keywords: vec![],
            warnings: vec!["the file has no rows with a query".into()]
        }
    );
}

#[test]
fn a_column_with_one_page_needs_no_word() {
    let parsed = parse_csv(
        b"Page,Query,Clicks,Impressions,Position\nhttps://a.com/,a,1,2,3\n",
        None,
        |_| None,
    )
    .unwrap();
    assert_eq!(parsed.keywords, [row("a", 2.0, 1.0, 3.0)]);
    assert_eq!(parsed.warnings, [""; 0]);
}

#[test]
fn an_export_in_another_language_is_known_by_its_shape() {
    let expected = [row("a b", 1340.0, 12.0, 7.2), row("c", 5.0, 0.0, 1.0)];
    for csv in [
        "Häufigste Suchanfragen,Klicks,Impressionen,CTR,Position\na b,12,1340,\"0,9 %\",\"7,2\"\nc,0,5,\"0 %\",1\n",
        "Häufigste Suchanfragen;Klicks;Impressionen;Klickrate;Position\na b;12;1.340;0,9 %;7,2\nc;0;5;0 %;1\n",
        "Häufigste Suchanfragen,Klicks,Impressionen,Klickrate,Position\na b,12,1.340,\"0,9 %\",\"7,2\"\nc,0,5,0 %,1\n",
        "Requêtes les plus fréquentes,Clics,Impressions,CTR,Position\na b,12,1\u{202f}340,\"0,9 %\",\"7,2\"\nc,0,5,0 %,1\n",
        "上位のクエリ,クリック数,表示回数,CTR,掲載順位\na b,12,\"1,340\",0.9%,7.2\nc,0,5,0%,1\n",
    ] {
        let parsed = parse_csv(csv.as_bytes(), None, |_| None)
            .unwrap_or_else(|error| panic!("{csv:?}: {error}"));
        assert_eq!(parsed.keywords, expected, "{csv:?}");
        assert_eq!(
            parsed.warnings,
            ["the header is not in English: the columns are taken in Search Console's order"]
        );
    }
    for csv in [
        "Suchanfragen,Klicks,Impressionen,Position\na,1,2,3\n", // a column is missing
        "Suchanfragen,Klicks,Impressionen,CTR,Position\na,1,2,3,4\n", // no percentage
        "Suchanfragen,Position,Klicks,CTR,Impressionen\na,1,2,3%,4\n", // another order
        "trail shoes,12,1340,0.9%,7.2\nother shoes,1,2,3%,4\n", // no header
        "Suchanfragen,Klicks,Impressionen,CTR,Position\n",      // no row to judge by
    ] {
        assert!(
            error(csv).starts_with("line 1: the header lacks "),
            "{csv:?}"
        );
    }
}

#[test]
fn broken_lines_are_named() {
    let header = "Top queries,Clicks,Impressions,CTR,Position\ngood,1,2,50%,3\n";
    for (line, message) in [
        ("a,1,2", "line 3: 5 columns expected, 3 found"),
        ("a,1,2,50%,3,4", "line 3: 5 columns expected, 6 found"),
        (
            "a,one,2,50%,3",
            "line 3: clicks is not a whole number: \"one\"",
        ),
        (
            "a,1.5,2,50%,3",
            "line 3: clicks is not a whole number: \"1.5\"",
        ),
        ("a,,2,50%,3", "line 3: clicks is empty"),
        ("a,-1,2,50%,3", "line 3: clicks is negative: \"-1\""),
        (
            "a,1,\"1,23\",50%,3",
            "line 3: impressions is not a whole number: \"1,23\"",
        ),
        (
            "a,1,99999999999,50%,3",
            "line 3: impressions is too large: \"99999999999\"",
        ),
        (
            "a,1,2,50%,third",
            "line 3: position is not a number: \"third\"",
        ),
        ("a,1,2,50%,-3", "line 3: position is negative: \"-3\""),
        ("a,1,2,50%,NaN", "line 3: position is not a number: \"NaN\""),
        (
            "\"a,1,2,50%,3\nb,1,2,50%,3",
            "line 3: 5 columns expected, 1 found; is a quotation mark not closed?",
        ),
        ("\n\n\r\na,1", "line 6: 5 columns expected, 2 found"),
    ] {
        assert_eq!(error(format!("{header}{line}\n")), message);
    }
    let quoted_breaks = "query,clicks,impressions,position\n\"a\nb\",1,2,3\nc,x,2,3\n";
    assert_eq!(
        error(quoted_breaks),
        "line 4: clicks is not a whole number: \"x\""
    );
    let declared = "sep=,\nquery,clicks,impressions,position\na,x,2,3\n";
    assert_eq!(
        error(declared),
        "line 3: clicks is not a whole number: \"x\""
    );
    let open = format!(
        "query,clicks,impressions,position\n\"{}\n",
        "word\n".repeat(200)
    );
    assert_eq!(
        error(open),
        "line 2: 4 columns expected, 1 found; is a quotation mark not closed?"
    );
    let latin1 = b"query,clicks,impressions,position\na,1,2,3\nsch\xf6n,1,2,3\n";
    assert_eq!(
        error(latin1),
        "line 3: the text is not UTF-8; save the file as \"CSV UTF-8\""
    );
}

#[test]
fn headers_that_do_not_name_the_columns() {
    for (csv, message) in [
        (
            "",
            "line 1: the file is empty; export the queries from Search Console as CSV",
        ),
        (
            "\n\n",
            "line 1: the file is empty; export the queries from Search Console as CSV",
        ),
        (
            "trail shoes,12,1340,0.9%,7.2\n",
            "line 1: the header lacks query, impressions; it must name the columns query and impressions, and may name clicks and position (found: trail shoes, 12, 1340, 0.9%, 7.2)",
        ),
        (
            "\nquery,clicks\n",
            "line 2: the header lacks impressions; it must name the columns query and impressions, and may name clicks and position (found: query, clicks)",
        ),
        (
            "query,keyword,clicks,impressions,position\n",
            "line 1: the header has more than one column for query",
        ),
        (
            "query,Clicks,clicks,impressions,position\n",
            "line 1: the header has more than one column for clicks",
        ),
    ] {
        assert_eq!(error(csv), message, "{csv:?}");
    }
    let html = format!("<!doctype html><html>{}", "x".repeat(10_000));
    assert!(error(html).len() < 300, "a page is not quoted in full");
}

#[test]
fn files_that_are_no_text() {
    assert_eq!(
        error(b"PK\x03\x04\x14\x00"),
        "line 1: this is a ZIP archive or a workbook, not CSV; unpack it and use its Queries.csv"
    );
    assert_eq!(
        error(b"query\0clicks"),
        "line 1: this is not a text file; export the queries as CSV"
    );
}

#[test]
fn a_hundred_thousand_rows_take_well_under_a_second() {
    let rows = (0..100_000).map(|i| {
        format!(
            "\"query number {i}\",{},\"{},{:03}\",1.5%,{}.{}\n",
            i % 50,
            i % 9 + 1,
            i % 1000,
            i % 90 + 1,
            i % 10
        )
    });
    let csv =
        "Top queries,Clicks,Impressions,CTR,Position\n".to_owned() + &rows.collect::<String>();
    let started = Instant::now();
    assert_eq!(
        parse_csv(csv.as_bytes(), None, |_| None)
            .unwrap()
            .keywords
            .len(),
        100_000
    );
    // Work that grows with the square of the rows takes hours; a slow, busy machine not even this.
    assert!(
        started.elapsed().as_secs_f64() < 120.0,
        "{:?}",
        started.elapsed()
    );
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_csv(&bytes, None, |_| None);
    }

    #[test]
    fn any_rows_under_a_header_get_an_answer(rows in "[\"a1,;\t\r\n. -]{0,200}", delimiter in "[,;\t]") {
        let header = ["query", "clicks", "impressions", "position"].join(&delimiter);
        let _ = parse_csv(format!("{header}\n{rows}").as_bytes(), None, |_| None);
    }

    #[test]
    fn what_is_written_is_read(
        rows in proptest::collection::btree_map("[a-zäöü\"][a-zäöü\", ;\n]{0,20}[a-zäöü\"]", (0u32..1_000_000, 0u32..1000, 0u32..1000), 1..20),
    ) {
        let mut csv = String::from("query,impressions,clicks,position\n");
        let mut expected = Vec::new();
        for (query, (impressions, clicks, tenths)) in rows {
            csv += &format!("\"{}\",{impressions},{clicks},{}.{}\n", query.replace('"', "\"\""), tenths / 10, tenths % 10);
            expected.push(row(&query, f64::from(impressions), f64::from(clicks), f64::from(tenths) / 10.0));
        }
        prop_assert_eq!(parse_csv(csv.as_bytes(), None, |_| None).unwrap().keywords, expected);
    }

    #[test]
    fn broken_lines_are_counted_past_blank_ones(blank in 0usize..5, good in 0usize..5) {
        let csv = format!("query,clicks,impressions,position\n{}{}bad\n", "a,1,2,3\n".repeat(good), "\r\n".repeat(blank));
        let line = 2 + good + blank;
        let message = error(&csv);
        prop_assert!(message.starts_with(&format!("line {line}: ")), "{}", message);
    }
}

const EXPORT: &str = "Top queries,Clicks,Impressions,CTR,Position\n";

fn refusal(csv: &str) -> String {
    parse_csv(csv.as_bytes(), None, |_| None)
        .expect_err(csv)
        .message
}

#[test]
fn another_report_of_the_export_is_named() {
    for (first, file) in [
        ("Top pages", "Pages.csv"),
        ("Country", "Countries.csv"),
        ("Device", "Devices.csv"),
        ("Date", "Dates.csv"),
        ("Search Appearance", "Search appearance.csv"),
    ] {
        let csv = format!("{first},Clicks,Impressions,CTR,Position\nx,1,10,10%,3\n");
        assert!(refusal(&csv).contains(file), "{first}");
        assert!(refusal(&csv).contains("Queries.csv"), "{first}");
    }
    // By what stands in them, in any language and under any name.
    let pages = "Les pages,Clics,Impressions,CTR,Position\nhttps://a.example/x,1,10,10%,3\n";
    assert!(refusal(pages).contains("Pages.csv"));
    let days = "Datum,Klicks,Impressionen,CTR,Position\n2026-01-31,1,10,10%,3\n";
    assert!(refusal(days).contains("Dates.csv"));
}

#[test]
fn five_columns_of_something_else_are_no_export() {
    let csv = "Product,Orders,Views,Rate,Stars\nBike,12,340,80%,4.5\n";
    assert!(refusal(csv).contains("header is not known"));
}

#[test]
fn a_comparison_is_named() {
    let csv = "Top queries,Jan 2026 Clicks,Dec 2025 Clicks,Jan 2026 Impressions,Dec 2025 Impressions\nx,1,2,3,4\n";
    assert!(refusal(csv).contains("comparison"));
}

#[test]
fn of_several_pages_the_one_that_is_analysed_counts() {
    let csv = "Landing Page,Query,Url Clicks,Impressions,Site CTR,Average Position\n\
        https://a.example/x,shoes,1,10,10%,3\nhttps://a.example/y,boots,1,20,5%,4\n";
    let address = |text: &str| Some(text.to_lowercase());
    let parsed = parse_csv(csv.as_bytes(), Some("https://A.example/y"), address).unwrap();
    assert_eq!(parsed.keywords.len(), 1);
    assert_eq!(parsed.keywords[0].query, "boots");
    assert!(parsed.warnings[0].contains("1 rows of other pages"));
    let error = parse_csv(csv.as_bytes(), Some("https://a.example/z"), address).unwrap_err();
    assert!(
        error
            .message
            .contains("no row is of the page https://a.example/z")
    );
    assert!(refusal(csv).contains("several pages"));
}

#[test]
fn the_bulk_export_of_bigquery_is_read() {
    let csv = "data_date,query,is_anonymized_query,impressions,clicks,sum_position\n\
        2026-01-31,shoes,false,10,1,25\n2026-01-31,,true,7,0,3\n";
    let parsed = parse_csv(csv.as_bytes(), None, |_| None).unwrap();
    assert_eq!(parsed.keywords.len(), 1);
    assert_eq!(parsed.keywords[0].position, Some(3.5));
    assert!(parsed.warnings[0].contains("withholds"));
}

#[test]
fn blank_rows_missing_positions_and_totals_do_no_harm() {
    let csv = format!(
        "{EXPORT}shoes,1,10,10%,3\n,,,,\nboots,0,0,0%,-\nhats,0,0,0%,\ncaps,2,20,10%,\"8,125\"\nTotal,3,30,10%,5\n"
    );
    let parsed = parse_csv(csv.as_bytes(), None, |_| None).unwrap();
    let read: Vec<_> = parsed
        .keywords
        .iter()
        .map(|k| (k.query.as_str(), k.position))
        .collect();
    assert_eq!(
        read,
        [
            ("shoes", Some(3.0)),
            ("boots", None),
            ("hats", None),
            ("caps", Some(8.125))
        ]
    );
    assert!(
        parsed
            .warnings
            .iter()
            .any(|warning| warning.contains("\"Total\""))
    );
}
