//! What a writer needs to know who writes the section without the draft.

use serde::Serialize;

use crate::input::{DraftInput, Kind};
use crate::text::{clean_line, one_line};

/// A brief: enough to write from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Brief {
    pub heading: String,
    /// Of the heading, 2 to 6; 1 for a page of its own.
    pub level: u8,
    /// What the section has to answer, most asked for first.
    pub queries: Vec<String>,
    pub word_count: WordCount,
    /// Sections of the page to refer to.
    pub links: Vec<Link>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WordCount {
    pub least: usize,
    pub most: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// As the page spells it.
    pub heading: String,
    /// The fragment of its address; unknown when the page gives the heading none.
    pub anchor: Option<String>,
}

const MAX_LINKS: usize = 4;
/// Words that the answer to one query takes, with its own paragraph.
const WORDS_A_QUERY: usize = 50;

/// The brief for a section with this heading. `near` are headings of sections that say something about
/// the queries, the nearest first; those that are not the page's are left out.
pub fn brief(input: &DraftInput, heading: &str, near: &[String]) -> Brief {
    let queries = &input.recommendation.queries;
    let extra = WORDS_A_QUERY * queries.len().min(8);
    let word_count = match input.recommendation.kind {
        Kind::Write => WordCount {
            least: 100 + extra / 2,
            most: 200 + extra,
        },
        Kind::NewPage => WordCount {
            least: 200 + extra,
            most: 500 + 2 * extra,
        },
        _ => WordCount {
            least: 40 + extra / 2,
            most: 80 + extra,
        },
    };
    let title = input.page.headings.first().map(|first| one_line(first));
    let mut links: Vec<Link> = Vec::new();
    for candidate in near {
        let found = input
            .page
            .headings
            .iter()
            .find(|known| one_line(known) == one_line(candidate));
        let Some(found) = found.map(|found| clean_line(found)) else {
            continue;
        };
        // The page's own title is no section to go to.
        if Some(&found) != title.as_ref() && links.iter().all(|link| link.heading != found) {
            links.push(Link {
                heading: found,
                anchor: None,
            });
        }
        if links.len() == MAX_LINKS {
            break;
        }
    }
    Brief {
        heading: heading.to_owned(),
        level: input.recommendation.level(),
        queries: queries.iter().map(|query| clean_line(query)).collect(),
        word_count,
        links,
    }
}
