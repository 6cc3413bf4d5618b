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
        decode_html(b"na\xefve \x93quoted\x94, a caf\xe9 and d\xe9j\xe0 vu", ""),
        "naïve “quoted”, a café and déjà vu"
    );
    assert_eq!(decode_html(&"水".as_bytes()[..2], ""), "\u{fffd}");
}

#[test]
fn what_a_comment_declares_is_not_read_and_what_xml_declares_is() {
    let page = b"<!-- <meta charset=shift_jis> --><meta charset=windows-1252><p>caf\xe9";
    assert!(decode_html(page, "").ends_with("caf\u{e9}"));
    assert!(
        decode_html("<!-- <meta charset=shift_jis> --><p>café".as_bytes(), "").ends_with("café")
    );
    let page = b"<?xml version=\"1.0\" encoding=\"iso-8859-2\"?><html><p>\xb1";
    assert!(decode_html(page, "").ends_with('ą'));
}

#[test]
fn only_what_declares_a_charset_does() {
    let page = b"<meta name=description content=\"how charset=shift_jis works\"><p>caf\xe9 na\xefve d\xe9j\xe0 vu";
    assert!(decode_html(page, "").ends_with("déjà vu"));
    let page = b"<metadata charset=shift_jis><meta name=x><meta charset=windows-1251>\xcf";
    assert!(decode_html(page, "").ends_with('П'));
}

/// Encodes `text` and asks for it back, undeclared.
fn survives(text: &str, label: &str) {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
    let page = format!(
        "<html><head><title>{text}</title></head><body><p>{}</p></body></html>",
        text.repeat(4)
    );
    let (bytes, _, _) = encoding.encode(&page);
    assert_eq!(decode_html(&bytes, "text/html"), page, "{label}");
}

#[test]
fn undeclared_encodings_are_detected() {
    survives(
        "日本語のページです。お茶の入れ方を説明します。",
        "shift_jis",
    );
    survives("日本語のページです。お茶の入れ方を説明します。", "euc-jp");
    survives("这是一个中文网页，介绍如何泡茶以及水的温度。", "gbk");
    survives("這是一個中文網頁，介紹如何泡茶以及水的溫度。", "big5");
    survives("이 페이지는 차를 우리는 방법을 설명합니다.", "euc-kr");
    survives(
        "Эта страница рассказывает, как заваривать чай.",
        "windows-1251",
    );
    survives("Эта страница рассказывает, как заваривать чай.", "koi8-r");
    survives(
        "Ta strona opowiada o tym, jak parzyć herbatę, i że woda źle wpływa na smak.",
        "windows-1250",
    );
    survives(
        "Bu sayfa çayın nasıl demleneceğini ve suyun sıcaklığını anlatır.",
        "windows-1254",
    );
    survives(
        "Cette page explique comment préparer le thé, où l\u{2019}eau dépasse à peine l\u{2019}été.",
        "windows-1252",
    );
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
