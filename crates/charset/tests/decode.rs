//! Bytes to text.

use pageperfect_charset::decode_html;

#[test]
fn a_byte_order_mark_wins_over_all_else() {
    assert_eq!(
        decode_html(b"\xef\xbb\xbfcaf\xc3\xa9", "text/html; charset=iso-8859-1"),
        "café"
    );
    assert_eq!(decode_html(b"\xff\xfec\0a\0f\0\xe9\0", ""), "café");
    assert_eq!(decode_html(b"\xfe\xff\0c\0a\0f\0\xe9", ""), "café");
}

#[test]
fn the_header_wins_over_the_page() {
    assert_eq!(
        decode_html(
            b"<meta charset=utf-8>\xe9",
            "text/html;Charset=\"windows-1252\""
        ),
        "<meta charset=utf-8>é"
    );
}

#[test]
fn the_page_may_say_it_in_two_ways() {
    assert!(decode_html(b"<META CHARSET='shift_jis'>\x82\xa0", "text/html").ends_with('あ'));
    let old = b"<meta http-equiv=content-type content=\"text/html; charset=windows-1251\">\xcf";
    assert!(decode_html(old, "").ends_with('П'));
}

#[test]
fn a_page_that_says_utf_16_in_ascii_is_utf_8() {
    assert!(decode_html("<meta charset=utf-16>é".as_bytes(), "").ends_with('é'));
}

#[test]
fn undeclared_bytes_are_utf_8_where_they_can_be() {
    assert_eq!(decode_html("naïve 水".as_bytes(), ""), "naïve 水");
    assert_eq!(
        decode_html(b"na\xefve \x93quoted\x94", ""),
        "naïve “quoted”"
    );
    assert_eq!(decode_html(&"水".as_bytes()[..2], ""), "\u{fffd}");
}

#[test]
fn malformed_bytes_and_unknown_names_never_fail() {
    assert_eq!(
        decode_html(b"a\xffb", "text/html; charset=utf-8"),
        "a\u{fffd}b"
    );
    assert_eq!(decode_html(b"abc", "text/html; charset=klingon"), "abc");
    assert_eq!(decode_html(b"abc", "charset="), "abc");
    assert_eq!(decode_html(b"", ""), "");
}

proptest::proptest! {
    #[test]
    fn decoding_never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), header in ".{0,40}") {
        decode_html(&bytes, &header);
    }
}
