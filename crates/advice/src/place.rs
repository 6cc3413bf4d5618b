//! Where in the page something belongs.

use crate::{Place, PlaceKind, Query, Segment};
use pageperfect_coverage::outline::root_depth;
use std::collections::HashMap;

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

/// A part of the page that a reader finds by its heading.
struct Area {
    /// From the outermost heading down.
    path: Vec<String>,
    /// The headings right below its own, in the page's order.
    parts: Vec<String>,
    is_chrome: bool,
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

    /// The area where a reader would look for what the queries ask, each counting once: by the parts that were measured, or else by
    /// the nearest passages.
    pub fn area<'a>(&self, queries: impl Iterator<Item = &'a Query>) -> Option<usize> {
        let mut scores = vec![0.0; self.areas.len()];
        for query in queries {
            let near = if query.parts.is_empty() {
                &query.hits
            } else {
                &query.parts
            };
            let mut best: HashMap<usize, f64> = HashMap::new();
            for &(segment, score) in near {
                if let Some(area) = self.of_segment[segment].0
                    && !self.is_chrome(segment)
                {
                    let highest = best.entry(area).or_default();
                    *highest = highest.max(score);
                }
            }
            for (area, score) in best {
                scores[area] += score;
            }
        }
        // Of equals the last: behind what is there.
        (0..self.areas.len())
            .filter(|&area| !self.areas[area].is_chrome)
            .max_by(|a, b| scores[*a].total_cmp(&scores[*b]))
    }

    /// Whether a segment stands in an area; all do where there is none.
    pub fn is_within(&self, segment: usize, area: Option<usize>) -> bool {
        area.is_none() || self.of_segment[segment].0 == area
    }

    /// The place of a new section: in the area where a reader would look, behind the part whose passages are nearest.
    pub fn new_section<'a>(&self, queries: impl Iterator<Item = &'a Query> + Clone) -> Place {
        let Some(area) = self.area(queries.clone()) else {
            return self.at_the_end();
        };
        let mut parts: HashMap<&String, f64> = HashMap::new();
        for query in queries {
            let mut best: HashMap<&String, f64> = HashMap::new();
            for &(segment, score) in &query.hits {
                let (of, path) = &self.of_segment[segment];
                if let (true, Some(part)) = (*of == Some(area), path.get(self.root + 1)) {
                    let highest = best.entry(part).or_default();
                    *highest = highest.max(score);
                }
            }
            for (part, score) in best {
                *parts.entry(part).or_default() += score;
            }
        }
        let part = (self.areas[area].parts.iter())
            .filter(|part| !is_chrome(part))
            .max_by(|a, b| {
                let score = |part: &&String| parts.get(*part).copied().unwrap_or(0.0);
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
                section: self.section(path),
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
            section: self.section(path),
            heading_path: path.clone(),
            segment_id: None,
            level: level(path.len()),
        }
    }

    /// The outermost heading of a path below the page's title.
    fn section(&self, path: &[String]) -> Option<String> {
        path.get(self.root.min(1)).or(path.last()).cloned()
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
            section: None,
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
            section: self.section(path),
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

    fn query(hits: &[(usize, f64)], parts: &[(usize, f64)]) -> Query {
        Query {
            query: "tea".into(),
            variants: vec![],
            impressions: 1.0,
            clicks: 0.0,
            position: None,
            coverage: 0.1,
            hits: hits.to_vec(),
            parts: parts.to_vec(),
            missing_terms: vec![],
        }
    }

    #[test]
    fn the_part_that_was_measured_goes_before_the_nearest_passage() {
        let query = query(&[(4, 0.9), (3, 0.2)], &[(1, 3.0), (4, 0.5)]);
        let place = Outline::new(&page()).new_section([query].iter());
        assert_eq!(place.section.as_deref(), Some("Brewing"));
        assert_eq!(place.after_heading.as_deref(), Some("Black tea"));
    }

    fn place(hits: &[(usize, f64)]) -> Place {
        Outline::new(&page()).new_section([query(hits, &[])].iter())
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
        let place = Outline::new(&segments).new_section([query(&[(0, 1.0)], &[])].iter());
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
