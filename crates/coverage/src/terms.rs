//! What of a text can be found again in another: terms of words, and pieces of words.
//!
//! Words are folded (compatibility forms, case, accents). A word stands for its first six letters,
//! which joins most inflected forms in most languages; scripts written without spaces between words,
//! and Hangul, whose words carry their particles, are cut into overlapping pieces. Pieces of all
//! words find compounds, misspellings and other endings.

use pageperfect_cluster::words::stop_words;
use std::collections::{BTreeSet, HashSet};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Letters of a word that count.
const PREFIX: usize = 6;
/// Letters in a piece of a word.
const PIECE: usize = 4;

/// How a run of letters is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// With spaces between words.
    Spaced,
    /// Two characters say about as much as a word: Han, Kana, Hangul.
    Dense,
    /// Letters without spaces between words: Thai, Lao, Khmer, Burmese.
    Unspaced,
}

fn script(c: char) -> Script {
    match c as u32 {
        0x3040..=0x30ff
        | 0x31f0..=0x31ff
        | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0x20000..=0x3134f => Script::Dense,
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff => Script::Unspaced,
        _ => Script::Spaced,
    }
}

/// In compatibility form, lower case and without the accents of Latin, Greek and Cyrillic letters
/// and the vowel points of Hebrew and Arabic, which people leave out when they type.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let is_point =
        |c: &char| matches!(*c as u32, 0x300..=0x36f | 0x591..=0x5c7 | 0x64b..=0x655 | 0x670);
    (text.nfkd().flat_map(char::to_lowercase))
        .filter(|c| !is_point(c))
        .nfc()
        .collect()
}

/// Runs of letters, digits and marks of one script.
fn runs(folded: &str) -> Vec<(String, Script)> {
    let mut runs: Vec<(String, Script)> = Vec::new();
    let mut is_open = false;
    for c in folded.chars() {
        if !c.is_alphanumeric() && !is_combining_mark(c) {
            is_open = false;
            continue;
        }
        let script = script(c);
        match runs.last_mut() {
            Some((run, last)) if is_open && *last == script => run.push(c),
            _ => runs.push((c.to_string(), script)),
        }
        is_open = true;
    }
    runs
}

/// Function words, folded: they are left out of queries.
pub struct FunctionWords(HashSet<String>);

impl Default for FunctionWords {
    fn default() -> Self {
        Self(stop_words().into_iter().map(fold).collect())
    }
}

impl FunctionWords {
    fn holds(&self, word: &str) -> bool {
        self.0.contains(word)
    }
}

/// Overlapping pieces of `length` characters; a shorter run is one piece.
fn pieces(run: &str, length: usize) -> impl Iterator<Item = String> {
    let chars: Vec<char> = run.chars().collect();
    let length = length.min(chars.len());
    (0..=chars.len() - length)
        .map(move |at| chars[at..at + length].iter().collect())
        .collect::<Vec<String>>()
        .into_iter()
}

fn is_single_letter(run: &str) -> bool {
    let mut chars = run.chars();
    matches!((chars.next(), chars.next()), (Some(c), None) if !c.is_numeric())
}

/// One kind of what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The first letters of each word.
    Word,
    /// Overlapping pieces of each word, its edges marked.
    Piece,
}

/// Distinct units of a segment, in order.
pub fn of_segment(text: &str, unit: Unit) -> BTreeSet<String> {
    units(&runs(&fold(text)), unit, &|_| false)
}

/// Distinct units of a query, without function words unless there is nothing else.
pub fn of_query(text: &str, unit: Unit, function_words: &FunctionWords) -> BTreeSet<String> {
    let runs = runs(&fold(text));
    let telling = units(&runs, unit, &|word| function_words.holds(word));
    if telling.is_empty() {
        units(&runs, unit, &|_| false)
    } else {
        telling
    }
}

fn units(
    runs: &[(String, Script)],
    unit: Unit,
    is_left_out: &dyn Fn(&str) -> bool,
) -> BTreeSet<String> {
    let is_kept =
        |(run, script): &&(String, Script)| *script != Script::Spaced || !is_left_out(run);
    (runs.iter().filter(is_kept))
        .flat_map(|(run, script)| units_of_run(run, *script, unit))
        .collect()
}

/// The runs of a text, folded.
pub(crate) fn runs_of(text: &str) -> Vec<(String, Script)> {
    runs(&fold(text))
}

/// The units of one run, perhaps some of them twice.
pub(crate) fn units_of_run(run: &str, script: Script, unit: Unit) -> Vec<String> {
    match (script, unit) {
        (Script::Dense, _) => pieces(run, 2).collect(),
        (Script::Unspaced, _) => pieces(run, 3).collect(),
        (Script::Spaced, _) if is_single_letter(run) => Vec::new(),
        (Script::Spaced, Unit::Word) => vec![run.chars().take(PREFIX).collect()],
        (Script::Spaced, Unit::Piece) => pieces(&format!(" {run} "), PIECE).collect(),
    }
}

/// The words of a query, as typed, each with the units that stand for it; without function words
/// unless there is nothing else.
pub fn words_of_query(
    text: &str,
    function_words: &FunctionWords,
) -> Vec<(String, BTreeSet<String>)> {
    let is_part = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    let words = || {
        text.split(|c| !is_part(c))
            .filter(|word| !word.is_empty())
            .map(|word| (word.to_owned(), of_segment(word, Unit::Word)))
            .filter(|(_, units)| !units.is_empty())
    };
    let telling: Vec<_> = words()
        .filter(|(word, _)| !function_words.holds(&fold(word)))
        .collect();
    if telling.is_empty() {
        words().collect()
    } else {
        telling
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units_of(text: &str, unit: Unit) -> Vec<String> {
        of_query(text, unit, &FunctionWords::default())
            .into_iter()
            .collect()
    }

    #[test]
    fn case_accents_and_forms_are_no_difference() {
        assert_eq!(fold("Été ﬁn ΆΛΦΑ Ёлка"), "ete fin αλφα елка");
        assert_eq!(fold("が 서울 ก็"), fold("が 서울 ก็"));
    }

    #[test]
    fn words_are_their_beginnings_without_function_words() {
        assert_eq!(
            units_of("How to configure the Sudoers", Unit::Word),
            ["config", "sudoer"]
        );
        assert_eq!(units_of("what is it", Unit::Word), ["is", "it", "what"]);
        assert_eq!(units_of("a 5 kg", Unit::Word), ["5", "kg"]);
    }

    #[test]
    fn scripts_without_spaces_are_cut_into_pieces() {
        assert_eq!(
            units_of("温泉卵 作り方", Unit::Word),
            ["り方", "作り", "泉卵", "温泉"]
        );
        assert_eq!(units_of("卵", Unit::Word), ["卵"]);
        assert!(units_of("ไข่ออนเซ็น", Unit::Word).len() > 3);
        assert_eq!(units_of("서울에서", Unit::Word), ["서울", "에서", "울에"]);
    }

    #[test]
    fn pieces_find_compounds_and_misspellings() {
        let shared = |a: &str, b: &str| {
            let (a, b) = (of_segment(a, Unit::Piece), of_segment(b, Unit::Piece));
            a.intersection(&b).count() as f64 / a.len() as f64
        };
        assert!(shared("Räumpflicht", "Schneeräumpflicht") > 0.8);
        assert!(shared("configration", "configuration") > 0.6);
        assert_eq!(shared("cat", "dog"), 0.0);
    }

    #[test]
    fn words_keep_how_they_were_typed() {
        let words = words_of_query("the Röstung of Kaffee", &FunctionWords::default());
        let typed: Vec<_> = words.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(typed, ["Röstung", "Kaffee"]);
    }
}
