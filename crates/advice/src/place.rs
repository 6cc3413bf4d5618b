//! Where in the page something belongs.

use crate::{Place, PlaceKind, Segment};
use std::collections::{HashMap, HashSet};

/// The share of an area's score that a list of questions and answers has for anything that is asked.
const QUESTIONS_BONUS: f64 = 0.1;
/// Segments that share a root heading before it is taken for the page's title.
const ROOT_SHARE: f64 = 0.8;

/// Beginnings of headings over what is not the page's own text, lower case.
const CHROME: &[&str] = &[
    "related",
    "additional resources",
    "more ",
    "other ",
    "see also",
    "references",
    "you may also",
    "you might also",
    "recommended",
    "share",
    "comment",
    "leave a",
    "newsletter",
    "subscribe",
    "contact",
    "about us",
    "about the author",
    "hear from",
    "reviews",
    "customer reviews",
    "testimonials",
    "helpful links",
    "navigation",
    "table of contents",
    "contents",
    "tags",
    "categories",
    "sources",
    "further reading",
    "external links",
    "get started",
    "get a",
    "request",
    "sign up",
    "popular",
    "latest",
    "recent",
    "follow us",
    "download our",
    "ähnliche",
    "weitere",
    "mehr zum",
    "mehr zu",
    "kommentare",
    "verwandte",
    "das könnte",
    "quellen",
    "inhalt",
    "inhaltsverzeichnis",
    "teilen",
    "kontakt",
    "bewertungen",
    "nog meer",
    "meer ",
    "gerelateerd",
    "reacties",
    "deel",
    "lees ook",
    "bronnen",
    "articles liés",
    "articles similaires",
    "article similaire",
    "voir aussi",
    "commentaires",
    "avis",
    "vous aimerez",
    "partager",
    "sommaire",
    "produits",
    "à lire",
    "artículos relacionados",
    "ver también",
    "véase",
    "comentarios",
    "compartir",
    "índice",
    "opiniones",
    "te puede",
    "articoli correlati",
    "commenti",
    "leggi anche",
    "potrebbe",
    "condividi",
    "recensioni",
    "indice",
    "artigos relacionados",
    "veja também",
    "comentários",
    "compartilhar",
    "zobacz też",
    "komentarze",
    "podobne",
    "その他の",
    "関連",
    "レビュー",
    "おすすめ",
    "コメント",
    "目次",
    "この記事",
    "人気",
    "新着",
    "シェア",
];

/// What stands in headings over questions and answers.
const QUESTIONS: &[&str] = &[
    "faq",
    "frequently asked",
    "häufige fragen",
    "häufig gestellte",
    "fragen und antworten",
    "questions fréquentes",
    "foire aux questions",
    "preguntas frecuentes",
    "veelgestelde",
    "domande frequenti",
    "perguntas frequentes",
    "często zadawane",
    "q&a",
    "よくある質問",
];

/// A part of the page that a reader finds by its heading.
struct Area {
    /// From the outermost heading down.
    path: Vec<String>,
    /// The headings right below its own, in the page's order.
    parts: Vec<String>,
    is_chrome: bool,
    is_questions: bool,
}

/// The page as its headings divide it.
pub struct Outline {
    /// Headings above all areas: the page's own.
    root: usize,
    areas: Vec<Area>,
    /// Of each segment: its area and its heading path, its own heading included.
    of_segment: Vec<(Option<usize>, Vec<String>)>,
}

impl Outline {
    pub fn new(segments: &[Segment]) -> Self {
        let paths: Vec<Vec<String>> = segments.iter().map(Segment::path).collect();
        let root = root_depth(&paths);
        let mut areas: Vec<Area> = Vec::new();
        let mut index = HashMap::new();
        let of_segment = (paths.into_iter())
            .map(|path| {
                let area = path.get(..=root).map(|top| {
                    *index.entry(top.to_vec()).or_insert_with(|| {
                        areas.push(Area::new(top));
                        areas.len() - 1
                    })
                });
                if let (Some(area), Some(part)) = (area, path.get(root + 1)) {
                    let parts = &mut areas[area].parts;
                    if !parts.contains(part) {
                        parts.push(part.clone());
                    }
                }
                (area, path)
            })
            .collect();
        Self {
            root,
            areas,
            of_segment,
        }
    }

    /// Whether a segment is no text of the page itself: links to others, reviews.
    pub fn is_chrome(&self, segment: usize) -> bool {
        let (area, path) = &self.of_segment[segment];
        area.is_some_and(|area| self.areas[area].is_chrome)
            || path
                .iter()
                .skip(self.root)
                .any(|heading| is_chrome(heading))
    }

    /// The place of a new section for queries whose nearest segments are given with how near each is.
    ///
    /// The area whose passages are nearest to the queries, each counting once; within it, behind the part that is.
    pub fn new_section<'a>(&self, queries: impl Iterator<Item = &'a [(usize, f64)]>) -> Place {
        let mut scores = vec![0.0; self.areas.len()];
        let mut parts: HashMap<(usize, &String), f64> = HashMap::new();
        let mut count = 0.0;
        for hits in queries {
            count += 1.0;
            let mut best: HashMap<usize, f64> = HashMap::new();
            let mut best_parts: HashMap<(usize, &String), f64> = HashMap::new();
            for &(segment, score) in hits {
                let (area, path) = &self.of_segment[segment];
                let Some(area) = *area else { continue };
                if self.is_chrome(segment) {
                    continue;
                }
                let higher = |best: &mut f64| *best = best.max(score);
                higher(best.entry(area).or_default());
                if let Some(part) = path.get(self.root + 1) {
                    higher(best_parts.entry((area, part)).or_default());
                }
            }
            best.into_iter()
                .for_each(|(area, score)| scores[area] += score);
            for (part, score) in best_parts {
                *parts.entry(part).or_default() += score;
            }
        }
        for (area, score) in self.areas.iter().zip(&mut scores) {
            *score = *score / f64::max(count, 1.0)
                + if area.is_questions {
                    QUESTIONS_BONUS
                } else {
                    0.0
                };
        }
        let usable = || (0..self.areas.len()).filter(|&area| !self.areas[area].is_chrome);
        // Of equals the last: behind what is there.
        let Some(area) = usable().max_by(|a, b| scores[*a].total_cmp(&scores[*b])) else {
            return self.at_the_end();
        };
        let part = (self.areas[area].parts.iter())
            .filter(|part| !is_chrome(part))
            .max_by(|a, b| {
                let score = |part: &&String| parts.get(&(area, *part)).copied().unwrap_or(0.0);
                score(a).total_cmp(&score(b))
            });
        self.behind(area, part)
    }

    fn behind(&self, area: usize, part: Option<&String>) -> Place {
        let Area { path, parts, .. } = &self.areas[area];
        let level = |depth: usize| Some((depth as u8).clamp(2, 6));
        let following = |list: &[String], heading: &String| {
            let at = list.iter().position(|other| other == heading)?;
            list.get(at + 1).cloned()
        };
        if let Some(part) = part {
            return Place {
                kind: PlaceKind::NewSection,
                after_heading: Some(part.clone()),
                before_heading: following(parts, part),
                parent_heading: path.last().cloned(),
                heading_path: [&path[..], std::slice::from_ref(part)].concat(),
                segment_id: None,
                level: level(path.len() + 1),
            };
        }
        Place {
            kind: PlaceKind::NewSection,
            after_heading: path.last().cloned(),
            before_heading: self.areas[area + 1..]
                .first()
                .and_then(|next| next.path.last().cloned()),
            parent_heading: path
                .len()
                .checked_sub(2)
                .and_then(|above| path.get(above).cloned()),
            heading_path: path.clone(),
            segment_id: None,
            level: level(path.len()),
        }
    }

    /// A page without headings, or with none of its own.
    fn at_the_end(&self) -> Place {
        let root = self
            .of_segment
            .iter()
            .map(|(_, path)| path)
            .find(|path| path.len() >= self.root);
        let path = root
            .map(|path| path[..self.root].to_vec())
            .unwrap_or_default();
        Place {
            kind: PlaceKind::NewSection,
            after_heading: None,
            before_heading: None,
            parent_heading: path.last().cloned(),
            heading_path: path,
            segment_id: None,
            level: Some(2),
        }
    }

    /// The passage to extend.
    pub fn passage(&self, segment: usize, id: i64) -> Place {
        let path = &self.of_segment[segment].1;
        Place {
            kind: PlaceKind::Extend,
            after_heading: path.last().cloned(),
            before_heading: None,
            parent_heading: path
                .len()
                .checked_sub(2)
                .and_then(|above| path.get(above).cloned()),
            heading_path: path.clone(),
            segment_id: Some(id),
            level: None,
        }
    }
}

impl Area {
    fn new(path: &[String]) -> Self {
        let heading = path
            .last()
            .map(|heading| heading.to_lowercase())
            .unwrap_or_default();
        Self {
            path: path.to_vec(),
            parts: Vec::new(),
            is_chrome: is_chrome(&heading),
            is_questions: QUESTIONS.iter().any(|sign| heading.contains(sign)),
        }
    }
}

/// Whether a heading stands over what is no text of the page itself: links to others, reviews, comments.
pub fn is_chrome(heading: &str) -> bool {
    let heading = heading.trim().to_lowercase();
    CHROME.iter().any(|start| {
        heading.strip_prefix(start).is_some_and(|rest| {
            let is_word = start.ends_with(' ') || !start.is_ascii();
            is_word || !rest.starts_with(|c: char| c.is_alphabetic())
        })
    })
}

/// How many headings stand above all that divides the page: that of the page, as a rule.
fn root_depth(paths: &[Vec<String>]) -> usize {
    let mut under: Vec<&Vec<String>> = paths.iter().filter(|path| !path.is_empty()).collect();
    let mut depth = 0;
    loop {
        let mut counts: HashMap<&String, usize> = HashMap::new();
        for path in &under {
            if let Some(heading) = path.get(depth) {
                *counts.entry(heading).or_default() += 1;
            }
        }
        let Some((heading, count)) = counts
            .into_iter()
            .max_by_key(|(heading, count)| (*count, std::cmp::Reverse(*heading)))
        else {
            return depth;
        };
        let heading = heading.clone();
        let below: HashSet<&String> = (under.iter())
            .filter(|path| path[depth..].first() == Some(&heading))
            .filter_map(|path| path.get(depth + 1))
            .collect();
        if (count as f64) < ROOT_SHARE * under.len() as f64 || below.len() < 2 {
            return depth;
        }
        under.retain(|path| path.get(depth) == Some(&heading));
        depth += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: i64, path: &[&str]) -> Segment {
        Segment {
            id,
            kind: "paragraph".into(),
            heading_path: path.iter().map(|heading| (*heading).to_owned()).collect(),
            text: String::new(),
        }
    }

    fn page() -> Vec<Segment> {
        [
            vec!["Tea"],
            vec!["Tea", "Brewing"],
            vec!["Tea", "Brewing", "Green tea"],
            vec!["Tea", "Brewing", "Black tea"],
            vec!["Tea", "Storing"],
            vec!["Tea", "FAQ"],
            vec!["Tea", "Related posts"],
        ]
        .iter()
        .enumerate()
        .map(|(id, path)| segment(id as i64, path))
        .collect()
    }

    fn place(hits: &[(usize, f64)]) -> Place {
        Outline::new(&page()).new_section([hits].into_iter())
    }

    #[test]
    fn a_new_section_follows_the_nearest_one() {
        let place = place(&[(4, 0.9), (0, 0.8)]);
        assert_eq!(place.after_heading.as_deref(), Some("Storing"));
        assert_eq!(place.before_heading.as_deref(), Some("FAQ"));
        assert_eq!(place.parent_heading.as_deref(), Some("Tea"));
        assert_eq!(place.level, Some(2));
    }

    #[test]
    fn within_an_area_it_follows_the_nearest_part() {
        let place = place(&[(2, 0.9), (3, 0.4)]);
        assert_eq!(place.after_heading.as_deref(), Some("Green tea"));
        assert_eq!(place.before_heading.as_deref(), Some("Black tea"));
        assert_eq!(place.parent_heading.as_deref(), Some("Brewing"));
        assert_eq!(place.level, Some(3));
    }

    #[test]
    fn never_the_title_alone_and_never_what_is_not_the_page_s_own() {
        let place = place(&[(0, 0.9), (6, 0.9)]);
        assert_eq!(place.after_heading.as_deref(), Some("FAQ"));
    }

    #[test]
    fn a_page_without_headings_has_an_end() {
        let segments = [segment(1, &[]), segment(2, &[])];
        let place = Outline::new(&segments).new_section([&[(0, 1.0)][..]].into_iter());
        assert_eq!((place.after_heading, place.parent_heading), (None, None));
    }

    #[test]
    fn chrome_is_told_at_word_bounds() {
        assert!(is_chrome("Share this"));
        assert!(is_chrome("More articles"));
        assert!(!is_chrome("Shared flats"));
        assert!(!is_chrome("Moreover"));
    }
}
