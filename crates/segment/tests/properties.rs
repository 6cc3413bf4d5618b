//! What holds for every page there is.

use pageperfect_segment::source::Source;
use pageperfect_segment::tree::{Data, Node};
use pageperfect_segment::{Options, Page, segment, segment_with};
use proptest::prelude::*;

/// Pieces that pages are made of, and pieces that break them.
fn html() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zA-Zéß水जx.,!? ]{1,12}",
        Just("&amp;".to_owned()),
        Just("&nosuch;&lt".to_owned()),
        prop::sample::select(vec![
            "&notit;",
            "&#x80;&#0;&#13",
            "&#xD800;&#99999999999;&#x;&#",
            "&NotEqualTilde;",
            "&ampamp;&am",
            "&CounterClockwiseContourIntegral;",
            "&nbsp"
        ])
        .prop_map(str::to_owned),
        Just("\u{200b}\u{ad}\r\n\t".to_owned()),
        Just("𝄞 \u{0}".to_owned()),
        "[ -~]{0,8}",
    ];
    let tag = prop::sample::select(vec![
        "div",
        "p",
        "h1",
        "h2",
        "h6",
        "ul",
        "li",
        "table",
        "tr",
        "td",
        "th",
        "pre",
        "code",
        "a",
        "b",
        "span",
        "br",
        "blockquote",
        "dl",
        "dt",
        "dd",
        "main",
        "article",
        "nav",
        "footer",
        "form",
        "button",
        "script",
        "style",
        "svg",
        "noscript",
        "template",
        "textarea",
        "title",
        "select",
        "option",
        "head",
        "body",
        "html",
        "x-y",
        "MATH",
        "mi",
        "font",
        "i",
        "input",
        "frameset",
        "plaintext",
        "xmp",
        "th\u{e9}",
        "caption",
        "colgroup",
        "hr",
    ]);
    let attribute = prop::sample::select(vec![
        "",
        " class=content",
        " id=a",
        " class='nav \"menu'",
        " hidden",
        " style=\"display:none\"",
        " href=\"/x>y\"",
        " a=<b",
        " /",
        " class=a&lt;b&ltc&lt=&amp; ID='&copy;'",
        " =x class id=1 id=2/",
    ]);
    let piece = prop_oneof![
        4 => word,
        3 => (tag.clone(), attribute).prop_map(|(tag, attribute)| format!("<{tag}{attribute}>")),
        2 => tag.prop_map(|tag| format!("</{tag}>")),
        1 => prop::sample::select(vec!["<!--", "-->", "<!doctype html>", "<", "</", "<?x", "<![CDATA[", "\"", "'", ">"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Words alone: white space and the ` | ` between cells are the segmenter's.
fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn is_subsequence(part: &[char], whole: &[char]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|c| c == wanted))
}

fn text_of(page: &Page) -> String {
    page.segments
        .iter()
        .map(|segment| &*segment.text)
        .collect::<Vec<_>>()
        .join("\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The tree as a browser would make it, in words: what is kept out of ours must not be in `html`.
fn standard_tree(html: &str) -> String {
    let mut out = String::new();
    let page = scraper::Html::parse_document(html);
    for edge in page.tree.root().traverse() {
        match edge {
            ego_tree::iter::Edge::Open(node) => match node.value() {
                scraper::Node::Text(text) => out += text,
                scraper::Node::Element(element) => {
                    out += &format!(
                        "<{} {:?} {:?}>",
                        element.name(),
                        element.attr("id"),
                        element.attr("class")
                    );
                }
                _ => {}
            },
            ego_tree::iter::Edge::Close(node) if node.value().is_element() => out += "</>",
            _ => {}
        }
    }
    out
}

fn our_tree<'s>(node: &'s Node<'s>, out: &mut String) {
    let mut next = node.first_child();
    while let Some(child) = next {
        match &child.data {
            Data::Document => {}
            Data::Text(text) => *out += &text.text,
            Data::Element { name, .. } => {
                let attribute = |name: &str| child.attribute(name).map(String::from);
                *out += &format!(
                    "<{} {:?} {:?}>",
                    &*name.local,
                    attribute("id"),
                    attribute("class")
                );
                our_tree(child, out);
                *out += "</>";
            }
        }
        next = child.next();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_page_panics_and_every_segment_is_well_formed(html in html()) {
        for join in [true, false] {
            let page = segment_with(&html, "https://example.com/a", &Options { join, ..Options::default() });
            let chars = html.chars().count() as u32;
            for (position, segment) in page.segments.iter().enumerate() {
                prop_assert_eq!(segment.position as usize, position);
                prop_assert!(!segment.text.trim().is_empty());
                prop_assert!(segment.char_start < segment.char_end && segment.char_end <= chars, "{:?}", segment);
                prop_assert!(segment.token_count > 0);
                prop_assert!(scraper::Selector::parse(&segment.css_path).is_ok(), "{}", segment.css_path);
            }
        }
    }

    #[test]
    fn text_without_markup_is_found_where_the_range_says(paragraphs in prop::collection::vec("[a-zA-Zéß水𝄞., ]{0,30}[a-z]", 1..12)) {
        let html: String = paragraphs.iter().map(|text| format!("<div><p>{text}</p>\n</div>")).collect();
        let page = segment_with(&html, "", &Options { join: false, ..Options::default() });
        let chars: Vec<char> = html.chars().collect();
        prop_assert_eq!(page.segments.len(), paragraphs.len());
        for segment in &page.segments {
            let slice: String = chars[segment.char_start as usize..segment.char_end as usize].iter().collect();
            let slice: Vec<&str> = slice.split_whitespace().collect();
            prop_assert_eq!(slice.join(" "), &*segment.text);
        }
    }

    #[test]
    fn the_tree_is_the_standards(html in html(), doctype in prop::sample::select(vec![
        "", "<!doctype html>", "<!DOCTYPE html SYSTEM 'about:legacy-compat'>", "<!doctype>", "<!doctype html public>",
        "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">",
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\" \"http://www.w3.org/TR/html4/loose.dtd\">",
    ])) {
        let mut html = doctype.to_owned() + &html;
        for kept_out in ["<script", "<style", "<svg", "<noscript", "<template"] {
            html = html.replace(kept_out, "<span");
        }
        let arena = typed_arena::Arena::new();
        let mut ours = String::new();
        our_tree(Source::parse(&html, &arena).document, &mut ours);
        // Line ends are read as they stand, and a comment, which is not fed, divides the white space
        // that a table may hold from the text that it may not.
        let without_space = |tree: &str| tree.split_whitespace().collect::<String>();
        prop_assert_eq!(without_space(&ours), without_space(&standard_tree(&html)));
    }

    #[test]
    fn text_is_a_subsequence_of_the_page(html in html()) {
        // Misplaced content of tables moves; everything else keeps its order.
        prop_assume!(!html.contains("<t"));
        let page = segment(&html, "");
        let whole: String = scraper::Html::parse_document(&html).root_element().text().collect();
        let raw = letters(&(whole + &html));
        for segment in &page.segments {
            prop_assert!(is_subsequence(&letters(&segment.text), &raw), "{:?} in {:?}", segment.text, html);
        }
    }

    #[test]
    fn its_own_output_segments_to_itself(html in html()) {
        let first = segment(&html, "");
        let page: String = first.segments.iter().map(|segment| format!("<div>{}</div>", escape(&segment.text).replace('\n', "<br>"))).collect();
        let second = segment_with(&page, "", &Options { join: false, ..Options::default() });
        prop_assert_eq!(letters(&text_of(&second)), letters(&text_of(&first)));
    }

    #[test]
    fn the_same_page_gives_the_same_segments(html in html()) {
        prop_assert_eq!(segment(&html, "https://example.com"), segment(&html, "https://example.com"));
    }

    #[test]
    fn whatever_bytes_were_it_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        segment(&String::from_utf8_lossy(&bytes), "");
    }
}
