//! Words as people type them into a search box.

/// Lower-case words: runs of letters and digits, Chinese and Japanese ones uncut.
pub fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The letters and digits alone, lower case: "Bau-Emotion" and "bauemotion" are the same.
pub fn compact(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether the language of `c` is written without spaces between words.
pub fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Whether `phrase` (lower case, words parted by one space) stands in `words` in a row; one of a language without spaces may
/// stand anywhere within a word.
pub fn has_phrase(words: &[String], phrase: &str) -> bool {
    if phrase.chars().any(is_unspaced) {
        return words.iter().any(|word| word.contains(phrase));
    }
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).any(|window| window == phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_stand_at_word_bounds_where_there_are_words() {
        let query = words("Opening hours near me");
        assert!(has_phrase(&query, "near me"));
        assert!(!has_phrase(&query, "hour"));
        assert!(has_phrase(&words("温泉卵の値段"), "値段"));
    }
}
