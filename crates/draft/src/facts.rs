//! Figures that a draft states and the page does not: somebody has to look them up.

use std::collections::BTreeSet;

use crate::text::clean_line;

/// The figures of `text` that stand neither in `page` nor in `noted`, in the text's order. A figure
/// is a run of digits with its decimal and thousands marks; how they are grouped does not count.
pub(crate) fn unsupported_figures(text: &str, page: &[&str], noted: &[String]) -> Vec<String> {
    let known: BTreeSet<String> = page
        .iter()
        .copied()
        .chain(noted.iter().map(String::as_str))
        .flat_map(|part| figures(part).into_iter().map(|figure| digits(&figure)))
        .collect();
    let mut seen = BTreeSet::new();
    figures(text)
        .into_iter()
        .filter(|figure| !known.contains(&digits(figure)) && seen.insert(digits(figure)))
        .collect()
}

/// The sentence or line around a figure, as a fact to check.
pub(crate) fn as_fact(figure: &str, text: &str) -> String {
    let line = text
        .split(['\n', '。', '！', '？'])
        .flat_map(|line| line.split_inclusive(". "))
        .find(|line| figures(line).iter().any(|found| found == figure))
        .unwrap_or_default();
    let line = clean_line(line);
    let start = line.trim_start_matches(['#', '-', '*', '|', ' ']);
    format!(
        "{figure}: the page does not give this figure (“{}”)",
        start.trim()
    )
}

fn figures(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().map(plain_digit).collect();
    let mut figures = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let is_digit = |i: usize| characters.get(i).is_some_and(char::is_ascii_digit);
        // `h2` and `COVID-19x` are names, not figures.
        let in_word = at > 0 && characters[at - 1].is_alphabetic() && characters[at - 1].is_ascii();
        if !is_digit(at) {
            at += 1;
            continue;
        }
        let start = at;
        while is_digit(at)
            || matches!(characters.get(at), Some('.' | ',' | '\'' | '’')) && is_digit(at + 1)
        {
            at += 1;
        }
        if !in_word {
            figures.push(characters[start..at].iter().collect());
        }
    }
    figures
}

/// ASCII digits for those of full-width forms and of Arabic and Indic scripts.
fn plain_digit(c: char) -> char {
    let from = |zero: u32| char::from_digit(u32::from(c) - zero, 10).unwrap_or(c);
    match u32::from(c) {
        0xff10..=0xff19 => from(0xff10),
        0x0660..=0x0669 => from(0x0660),
        0x06f0..=0x06f9 => from(0x06f0),
        0x0966..=0x096f => from(0x0966),
        0x0e50..=0x0e59 => from(0x0e50),
        _ => c,
    }
}

fn digits(figure: &str) -> String {
    figure.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_of_the_page_or_of_the_notes_is_supported() {
        let page = ["Use 70 to 80 °C and 1,200 ml; ５分.", "Model h2."];
        let noted = ["Whether it is 12 %.".to_owned()];
        let text = "At 80 °C, 1200 ml, 1.200 ml, 5 minutes, 12 %. But 90 °C for 3.5 minutes, h7, again 90.";
        assert_eq!(unsupported_figures(text, &page, &noted), ["90", "3.5"]);
    }

    #[test]
    fn a_fact_to_check_shows_the_figure_in_its_sentence() {
        let text = "First.\n- A cup has 30 mg of it. More follows.";
        assert_eq!(
            as_fact("30", text),
            "30: the page does not give this figure (“A cup has 30 mg of it.”)"
        );
    }
}
