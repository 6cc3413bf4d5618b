//! Pages as a plan reads them, invocation after invocation: what their summaries say without the words that nobody asks for, and the answers
//! found on other pages, by numbers.

use crate::model::{Before, Key, Page, PageEdit, PageTopic, Place, TopicQuery, key};
use crate::plan::Answer;
use crate::site::{Found, Summary};
use crate::words::{Lexicon, LexiconBuilder, Profile, Stem, Stems};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

/// What must be known of all pages before one of them is packed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// In the order of the site.
    page_ids: Vec<String>,
    /// In order: the stems that queries have, and on or for how many pages each stands.
    stems: Vec<(Stem, u32)>,
}

impl Index {
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// None: these are no such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    pub fn page_count(&self) -> usize {
        self.page_ids.len()
    }

    pub fn lexicon(&self) -> Lexicon {
        Lexicon::of_counts(self.page_ids.len(), self.stems.iter().copied())
    }
}

/// Makes an [`Index`], page by page.
#[derive(Default)]
pub struct Indexer {
    page_ids: Vec<String>,
    asked: FxHashSet<Stem>,
    lexicon: LexiconBuilder,
}

impl Indexer {
    /// Adds a page; in the order of the site.
    pub fn push(&mut self, summary: &Summary) {
        self.page_ids.push(summary.page_id().to_owned());
        self.asked.extend(summary.page().asked());
        self.lexicon.push(summary.profile(), summary.page().asked());
    }

    pub fn finish(self) -> Index {
        let Self {
            page_ids,
            asked,
            lexicon,
        } = self;
        let mut stems: Vec<_> = (lexicon.counts())
            .filter(|(stem, _)| asked.contains(stem))
            .collect();
        stems.sort_unstable();
        Index { page_ids, stems }
    }
}

/// Some pages that follow each other, with answers that were found to their queries.
#[derive(Default, Serialize, Deserialize)]
pub struct Pack {
    pub(crate) pages: Vec<PackedPage>,
    pub(crate) answers: Vec<(Key, Answer)>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct PackedPage {
    id: String,
    url: String,
    title: String,
    page_type: String,
    topics: Vec<PackedTopic>,
    edits: Vec<PackedEdit>,
    profile: Profile,
}

/// Index, label, kind, intent, queries.
type PackedTopic = (i64, String, String, Option<String>, Vec<PackedQuery>);

/// Text; impressions, clicks, position, coverage; segment, period before, key, stems.
type PackedQuery = (String, [f64; 4], Option<i64>, Option<Before>, Key, Stems);

/// Kind, topic's index, confidence, place.
type PackedEdit = (String, i64, f64, Place);

impl From<Summary> for PackedPage {
    fn from(summary: Summary) -> Self {
        let (page, profile) = summary.into_parts();
        let query = |query: TopicQuery| {
            let figures = [
                query.impressions,
                query.clicks,
                query.position,
                query.coverage,
            ];
            (
                query.query,
                figures,
                query.segment_id,
                query.before,
                query.key,
                query.stems,
            )
        };
        let topics = page.topics.into_iter().map(|topic| {
            let queries = topic.queries.into_iter().map(query).collect();
            (
                topic.topic_index,
                topic.label,
                topic.kind,
                topic.intent,
                queries,
            )
        });
        let edits = (page.edits.into_iter())
            .map(|edit| (edit.kind, edit.topic_index, edit.confidence, edit.place));
        Self {
            id: page.id,
            url: page.url,
            title: page.title,
            page_type: page.page_type,
            topics: topics.collect(),
            edits: edits.collect(),
            profile,
        }
    }
}

impl From<PackedPage> for Summary {
    fn from(page: PackedPage) -> Self {
        let query = |(query, figures, segment_id, before, key, stems): PackedQuery| {
            let [impressions, clicks, position, coverage] = figures;
            TopicQuery {
                query,
                impressions,
                clicks,
                position,
                coverage,
                segment_id,
                before,
                key,
                stems,
            }
        };
        let topics = (page.topics.into_iter()).map(
            |(topic_index, label, kind, intent, queries): PackedTopic| PageTopic {
                topic_index,
                label,
                kind,
                intent,
                queries: queries.into_iter().map(query).collect(),
            },
        );
        let edits =
            (page.edits.into_iter()).map(|(kind, topic_index, confidence, place): PackedEdit| {
                PageEdit {
                    kind,
                    topic_index,
                    confidence,
                    place,
                }
            });
        let found = Page {
            id: page.id,
            url: page.url,
            title: page.title,
            page_type: page.page_type,
            topics: topics.collect(),
            edits: edits.collect(),
        };
        Summary::of_parts(found, page.profile)
    }
}

impl Pack {
    /// None: these are no such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// Makes [`Pack`]s.
pub struct Packer {
    numbers: FxHashMap<String, u32>,
    /// In order.
    stems: Vec<Stem>,
    pack: Pack,
}

impl Packer {
    pub fn new(index: Index) -> Self {
        Self {
            numbers: (index.page_ids.into_iter()).zip(0..).collect(),
            stems: index.stems.into_iter().map(|(stem, _)| stem).collect(),
            pack: Pack::default(),
        }
    }

    /// Adds a page; in the order of the site.
    pub fn push(&mut self, mut summary: Summary) {
        summary.keep_stems(|stem| self.stems.binary_search(&stem).is_ok());
        self.pack.pages.push(summary.into());
    }

    /// Adds an answer, always in the same order. One of a page that the site has not is left out.
    pub fn push_answer(&mut self, found: &Found) {
        let number = |id: &str| self.numbers.get(id).copied();
        if let (Some(page), Some(other)) = (number(&found.page_id), number(&found.other_page_id)) {
            let answer = Answer {
                page,
                other,
                coverage: found.coverage,
                segment_id: found.segment_id,
            };
            self.pack.answers.push((key(&found.query), answer));
        }
    }

    /// The bytes of what was pushed since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        postcard::to_allocvec(&std::mem::take(&mut self.pack)).unwrap_or_default()
    }
}
