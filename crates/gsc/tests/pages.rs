use pageperfect_gsc::parse_pages;

fn address(text: &str) -> Option<String> {
    text.starts_with("https://").then(|| text.to_owned())
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

#[test]
fn lists_and_tables_of_addresses() {
    let list = "https://a.example/1,2;3\r\n\r\n# a remark\r\nhttps://a.example/b\r\nhttps://a.example/b\r\n";
    let expected = ["https://a.example/1,2;3", "https://a.example/b"];
    for bytes in [
        list.into(),
        utf16(list),
        format!("\u{feff}# first\n{list}").into(),
    ] {
        let found = parse_pages(&bytes, address).unwrap();
        assert_eq!(found.pages, expected);
        assert_eq!(found.warnings, [""; 0]);
    }
    let tables = [
        "Top pages,Clicks\nhttps://a.example/1,12\n\"https://a.example/2\",3\n",
        "sep=;\r\nTitle;URL\r\nOne, two;https://a.example/1\r\nTwo;https://a.example/2\r\n",
        "Titel\tAdresse\nEins\thttps://a.example/1\nZwei\thttps://a.example/2",
        "url\nhttps://a.example/1\nhttps://a.example/2\n",
    ];
    for table in tables {
        for bytes in [table.into(), utf16(table)] {
            let found = parse_pages(&bytes, address).unwrap();
            assert_eq!(
                found.pages,
                ["https://a.example/1", "https://a.example/2"],
                "{table}"
            );
        }
    }
}

#[test]
fn what_is_no_address_is_counted_and_a_file_without_one_refused() {
    let found = parse_pages(b"https://a.example/1\nnot one\n\nnor \"this\n", address).unwrap();
    assert_eq!(found.pages.len(), 1);
    assert_eq!(
        found.warnings,
        ["2 lines are not addresses of web pages (the first is line 2: \"not one\")"]
    );
    for bytes in [
        &b""[..],
        b"\n\n",
        b"one\ntwo\n",
        b"# https://a.example/1\n",
        b"a,b\n1,2\n",
    ] {
        let error = parse_pages(bytes, address).unwrap_err();
        assert!(error.message.contains("no line is the address"), "{error}");
    }
    assert!(
        parse_pages(b"https://a.example/1\n\xe9\n", address)
            .unwrap_err()
            .message
            .contains("UTF-8")
    );
}
