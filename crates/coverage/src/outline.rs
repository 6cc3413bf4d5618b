//! How a page's headings divide it.

use std::collections::{HashMap, HashSet};

/// The share of a page's segments that stand under one heading when that heading is the page's title.
const ROOT_SHARE: f64 = 0.8;

/// How many headings stand above all that divides the page: that of the page, as a rule, and any that stands alone below it.
pub fn root_depth<Path: AsRef<[String]>>(paths: &[Path]) -> usize {
    let mut under: Vec<&[String]> = (paths.iter())
        .map(AsRef::as_ref)
        .filter(|path| !path.is_empty())
        .collect();
    let mut root = 0;
    for depth in 0.. {
        let mut counts: HashMap<&String, usize> = HashMap::new();
        for heading in under.iter().filter_map(|path| path.get(depth)) {
            *counts.entry(heading).or_default() += 1;
        }
        let first = (counts.into_iter())
            .max_by_key(|(heading, count)| (*count, std::cmp::Reverse(*heading)))
            .filter(|(_, count)| *count as f64 >= ROOT_SHARE * under.len() as f64);
        let Some((heading, _)) = first else { break };
        let heading = heading.clone();
        under.retain(|path| path.get(depth) == Some(&heading));
        let below: HashSet<&String> = (under.iter())
            .filter_map(|path| path.get(depth + 1))
            .collect();
        if below.len() > 1 {
            root = depth + 1;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(paths: &[&[&str]]) -> usize {
        let owned = |path: &&[&str]| path.iter().map(|&heading| heading.to_owned()).collect();
        root_depth::<Vec<String>>(&paths.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_title_over_everything_divides_nothing() {
        assert_eq!(depth(&[&["Tea"], &["Tea", "Green"], &["Tea", "Black"]]), 1);
        assert_eq!(depth(&[&["Green"], &["Black"], &["White"]]), 0);
        assert_eq!(
            depth(&[&["Shop", "Tea", "Green"], &["Shop", "Tea", "Black"]]),
            2
        );
        assert_eq!(depth(&[&["Tea", "Green"], &["Tea", "Green"]]), 0);
        assert_eq!(depth(&[&[], &[]]), 0);
    }
}
