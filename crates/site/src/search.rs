//! Where on a site answers may stand.

use crate::model::ANSWERED;
use crate::site::Summary;
use crate::words::{Lexicon, LexiconBuilder, Stem, Stems};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Pages beside its own in which an answer to a query is looked for.
const CANDIDATES: usize = 4;
/// Most pages that a word may stand on and be looked up.
const MOST_PAGES: usize = 200;
/// Share of a query's telling words that a page must have to be looked at.
const LIKELY: f64 = 0.5;

/// Queries of other pages that a page may answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Id of the page whose segments are to be compared.
    pub page_id: String,
    pub queries: Vec<CandidateQuery>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CandidateQuery {
    /// Id of the page that is shown for it.
    pub page_id: String,
    pub query: String,
}

/// Reads pages, of each only its words and what it leaves open.
#[derive(Default)]
pub struct Reader {
    page_ids: Vec<String>,
    open: Vec<Vec<(String, Stems)>>,
    lexicon: LexiconBuilder,
    words: Vec<(Stem, OnPage)>,
}

/// A page that a word stands on, and whether in its title or headings.
type OnPage = (u32, bool);

impl Reader {
    /// Adds a page; in the order of the site.
    pub fn push(&mut self, summary: Summary) {
        let number = self.page_ids.len() as u32;
        let (page, profile) = summary.into_parts();
        self.lexicon.push(&profile, page.asked());
        let words = (profile.body()).map(|stem| (stem, (number, profile.subject.contains(stem))));
        self.words.extend(words);
        let open = (page.topics.into_iter().filter(|topic| topic.is_question()))
            .flat_map(|topic| topic.queries)
            .filter(|query| query.coverage < ANSWERED)
            .map(|query| (query.query, query.stems));
        self.open.push(open.collect());
        self.page_ids.push(page.id);
    }

    pub fn finish(self) -> Search {
        let mut words = self.words;
        words.sort_unstable();
        let mut ranges: FxHashMap<Stem, (u32, u32)> = FxHashMap::default();
        let mut start = 0;
        for on in words.chunk_by(|a, b| a.0 == b.0) {
            let end = start + on.len() as u32;
            ranges.insert(on[0].0, (start, end));
            start = end;
        }
        Search {
            page_ids: self.page_ids,
            open: self.open,
            lexicon: self.lexicon.finish(),
            words,
            ranges,
        }
    }
}

/// Says where else than on its own page an answer to a query may stand.
pub struct Search {
    page_ids: Vec<String>,
    /// Queries that each page does not answer.
    open: Vec<Vec<(String, Stems)>>,
    lexicon: Lexicon,
    /// In order, and where each word's begin and end.
    words: Vec<(Stem, OnPage)>,
    ranges: FxHashMap<Stem, (u32, u32)>,
}

impl Search {
    pub fn page_count(&self) -> usize {
        self.page_ids.len()
    }

    fn with(&self, stem: Stem) -> &[(Stem, OnPage)] {
        let (start, end) = self.ranges.get(&stem).copied().unwrap_or_default();
        &self.words[start as usize..end as usize]
    }

    /// Where else an answer may stand to what the pages from `start` to before `end` do not answer: on the pages that have most of a
    /// query's telling words. By page, in the order of the pages.
    pub fn candidates(&self, start: usize, end: usize) -> Vec<Candidate> {
        // What stands on a quarter of the pages tells too little to be looked up.
        let most = (self.page_count() / 4).clamp(8, MOST_PAGES);
        let mut found: BTreeMap<u32, BTreeSet<CandidateQuery>> = BTreeMap::new();
        for (index, open) in (self.open.iter().enumerate().take(end)).skip(start) {
            for (query, stems) in open {
                let mut shares: FxHashMap<u32, f64> = FxHashMap::default();
                let mut all = 0.0;
                for stem in stems.iter() {
                    let with = self.with(stem);
                    if with.len() > most {
                        continue;
                    }
                    let weight = self.lexicon.weight(stem);
                    all += weight;
                    for &(_, (other, in_subject)) in with {
                        let weight = if in_subject { weight } else { 0.75 * weight };
                        *shares.entry(other).or_default() += weight;
                    }
                }
                let mut likely: Vec<(u32, f64)> = (shares.into_iter())
                    .filter(|&(other, share)| other as usize != index && share >= LIKELY * all)
                    .collect();
                likely.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                for (other, _) in likely.into_iter().take(CANDIDATES) {
                    found.entry(other).or_default().insert(CandidateQuery {
                        page_id: self.page_ids[index].clone(),
                        query: query.clone(),
                    });
                }
            }
        }
        (found.into_iter())
            .map(|(page, queries)| Candidate {
                page_id: self.page_ids[page as usize].clone(),
                queries: queries.into_iter().collect(),
            })
            .collect()
    }
}
