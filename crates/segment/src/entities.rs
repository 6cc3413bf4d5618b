//! The character references of HTML that have names.

/// Lines `name code point…`, in the order of their bytes; the names with their semicolons, which a
/// few may lack. The table of the HTML standard, as `html5ever` and Python's `html.entities` have it,
/// at a tenth of the size.
const TABLE: &str = include_str!("entities.txt");

/// What nearly all references are: looked at first.
const USUAL: [(&str, &str); 5] = [
    ("amp;", "26"),
    ("nbsp;", "a0"),
    ("quot;", "22"),
    ("lt;", "3c"),
    ("gt;", "3e"),
];

/// The characters that a name stands for. Names are matched whole, their semicolon included.
pub fn named(name: &str) -> Option<impl Iterator<Item = char>> {
    find(name).map(|characters| characters.split(' ').filter_map(of_hex))
}

fn find(name: &str) -> Option<&'static str> {
    if let Some((_, characters)) = USUAL.iter().find(|(known, _)| *known == name) {
        return Some(characters);
    }
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        // The line around the middle.
        let middle = low + (high - low) / 2;
        let start = TABLE[low..middle]
            .rfind('\n')
            .map_or(low, |at| low + at + 1);
        let end = TABLE[start..]
            .find('\n')
            .map_or(TABLE.len(), |at| start + at);
        let (known, characters) = TABLE[start..end].split_once(' ')?;
        match known.cmp(name) {
            std::cmp::Ordering::Equal => return Some(characters),
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

fn of_hex(digits: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use html5ever::data::NAMED_ENTITIES;

    #[test]
    fn the_table_is_html5evers() {
        let mut count = 0;
        for (name, characters) in NAMED_ENTITIES.entries() {
            let found: String = super::named(name).into_iter().flatten().collect();
            // Theirs also holds the beginnings of names, which stand for nothing.
            let theirs: String = [characters.0, characters.1]
                .into_iter()
                .filter(|c| *c != 0)
                .filter_map(char::from_u32)
                .collect();
            assert_eq!(found, theirs, "{name}");
            count += usize::from(!theirs.is_empty());
        }
        assert_eq!(count, super::TABLE.lines().count());
        assert!(super::named("").is_none() && super::named("zzz").is_none());
    }
}
