//! Whether a quote stands in the page word for word. Typography does not count: a model turns curly
//! quotes into straight ones, and a page breaks its lines where it likes.

use crate::text::{is_unspaced, is_visible};

/// Letters and digits that a quote needs at least: a shorter one stands in every text.
const MIN_CHARS: usize = 12;
/// As above, of a script in which a character says as much as a word elsewhere.
const MIN_UNSPACED_CHARS: usize = 4;

/// The page's text, in which quotes are looked for.
pub(crate) struct PageText {
    folded: String,
    /// Where each passage begins in `folded`.
    starts: Vec<usize>,
}

impl PageText {
    pub(crate) fn new<'a>(passages: impl IntoIterator<Item = &'a str>) -> Self {
        let mut folded = String::new();
        let mut starts = Vec::new();
        for passage in passages {
            starts.push(folded.len());
            folded.push_str(&fold(passage));
            folded.push(' ');
        }
        Self { folded, starts }
    }

    /// The passage in which `quote` begins, by index; `None` when it does not stand in the page, or is
    /// too short to say anything.
    pub(crate) fn find(&self, quote: &str) -> Option<usize> {
        let quote = fold(unquoted(quote));
        let letters = quote.chars().filter(|c| c.is_alphanumeric()).count();
        let unspaced = quote.chars().filter(|c| is_unspaced(*c)).count();
        if letters < MIN_CHARS && unspaced < MIN_UNSPACED_CHARS {
            return None;
        }
        let at = self.folded.match_indices(&quote).find(|&(at, _)| {
            let before = self.folded[..at].chars().next_back();
            let after = self.folded[at + quote.len()..].chars().next();
            !joins(before, quote.chars().next()) && !joins(quote.chars().next_back(), after)
        })?;
        Some(self.starts.partition_point(|&start| start <= at.0) - 1)
    }
}

/// Whether two characters beside each other are of one word.
fn joins(left: Option<char>, right: Option<char>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return false;
    };
    left.is_alphanumeric() && right.is_alphanumeric() && !is_unspaced(left) && !is_unspaced(right)
}

/// A quote without the marks around it, and without the sentence's end that a model may add.
fn unquoted(quote: &str) -> &str {
    let marks = |c: char| c.is_whitespace() || "\"'“”„‟‘’‚‛«»‹›「」『』`…".contains(c);
    let ends = |c: char| marks(c) || ".。,;:!?".contains(c);
    quote.trim_start_matches(marks).trim_end_matches(ends)
}

/// Lower case, one space between words, and one way to write quotes, dashes, dots and spaces.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars().filter(|c| is_visible(*c)) {
        // The joiners are seen by nobody, and a page may hold them where a model leaves them out.
        if matches!(c, '\u{200c}' | '\u{200d}') {
            continue;
        }
        if c.is_whitespace() || c.is_control() {
            gap = true;
            continue;
        }
        if gap && !folded.is_empty() {
            folded.push(' ');
        }
        gap = false;
        match c {
            '‘' | '’' | '‚' | '‛' | '′' | 'ʼ' | '`' | '´' => folded.push('\''),
            '“' | '”' | '„' | '‟' | '«' | '»' | '″' => folded.push('"'),
            '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => folded.push('-'),
            '…' => folded.push_str("..."),
            // Full-width forms, as Japanese pages write digits and Latin letters.
            '\u{ff01}'..='\u{ff5e}' => {
                let plain = char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c);
                folded.extend(plain.to_lowercase());
            }
            _ => folded.extend(c.to_lowercase()),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> PageText {
        PageText::new([
            "Brewing green tea",
            "Use water of 70\u{a0}to 80 °C — boiling water “draws out” the bitter\ncatechins.",
            "It's steeped for one to two minutes.",
            "蓋をして５分間蒸らします。",
        ])
    }

    #[test]
    fn typography_and_line_breaks_do_not_count() {
        for (quote, passage) in [
            ("Use water of 70 to 80 °C", 1),
            ("\"use water of 70 to 80 °C.\"", 1),
            ("boiling water \"draws out\" the bitter catechins", 1),
            ("80 °C - boiling water", 1),
            ("It’s steeped for one to two minutes!", 2),
            ("5分間蒸らします", 3),
            ("Brewing green tea", 0),
            ("…steeped for one to two minutes", 2),
        ] {
            assert_eq!(page().find(quote), Some(passage), "{quote}");
        }
    }

    #[test]
    fn what_does_not_stand_there_word_for_word_is_no_quote() {
        for quote in [
            "",
            "tea",
            "one to two",
            "Use water of 70 to 90 °C",
            "Use water of 80 to 70 °C",
            "se water of 70 to 80 °C",
            "steeped for one to two minute",
            "Use water of 70 … bitter catechins",
            "10分間蒸らします",
            "Green tea has caffeine in it",
        ] {
            assert_eq!(page().find(quote), None, "{quote}");
        }
    }

    #[test]
    fn a_quote_may_run_from_one_passage_into_the_next() {
        assert_eq!(page().find("bitter catechins. It's steeped"), Some(1));
    }
}
