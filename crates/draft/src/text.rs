//! Foreign text made fit for a prompt, and counted.

const MAX_LINE_CHARS: usize = 300;

pub(crate) fn clean_lines(lines: &[String], most: usize) -> Vec<String> {
    lines
        .iter()
        .map(|line| clean_line(line))
        .filter(|line| !line.is_empty())
        .take(most)
        .collect()
}

/// One line of a length that a heading or a query has.
pub(crate) fn clean_line(text: &str) -> String {
    one_line(text).chars().take(MAX_LINE_CHARS).collect()
}

/// A longer text, whose paragraphs stay apart.
pub(crate) fn clean_text(text: &str, max_chars: usize) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(one_line)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n").chars().take(max_chars).collect()
}

/// Texts that have room for `max_chars` characters together, the last one cut.
pub(crate) fn clean_texts(texts: &[String], max_chars: usize) -> Vec<String> {
    let mut kept = Vec::new();
    let mut chars_left = max_chars;
    for text in texts {
        if chars_left == 0 {
            break;
        }
        let text = clean_text(text, chars_left);
        chars_left -= text.chars().count();
        if !text.is_empty() {
            kept.push(text);
        }
    }
    kept
}

/// The visible text, with runs of white space and control characters as one space.
pub(crate) fn one_line(text: &str) -> String {
    let visible: String = text.chars().filter(|c| is_visible(*c)).collect();
    let words = visible.split(|c: char| c.is_whitespace() || c.is_control());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A text without what only machines read: invisible characters, which can hide an address or
/// instructions for the next model, and control characters other than line breaks and tabs.
pub(crate) fn readable(text: &str) -> String {
    let is_kept = |c: &char| is_visible(*c) && (!c.is_control() || matches!(c, '\n' | '\t'));
    let text: String = text.chars().filter(is_kept).collect();
    text.trim().to_owned()
}

/// False for characters that a reader does not see but a model reads: zero-width and direction
/// marks, and the tag characters that can spell whole sentences. The joiners stay, which Persian,
/// Indic scripts and emoji need.
pub(crate) fn is_visible(c: char) -> bool {
    !matches!(c,
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

/// The tag if it is one, else nothing: the attribute it comes from may hold anything.
pub(crate) fn language_tag(tag: &str) -> &str {
    let tag = tag.trim();
    let mut subtags = tag.split('-');
    let primary = subtags
        .next()
        .is_some_and(|s| (2..=3).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphabetic()));
    let rest =
        subtags.all(|s| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric()));
    if primary && rest && tag.len() <= 35 {
        tag
    } else {
        ""
    }
}

/// Whether a character is of a script that is written without spaces.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Words of a text. Scripts that are written without spaces count two characters as a word.
pub(crate) fn count_words(text: &str) -> usize {
    let characters = text.chars().filter(|c| is_unspaced(*c)).count();
    let words = text.split(|c: char| c.is_whitespace() || is_unspaced(c));
    words
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .count()
        + characters / 2
}
