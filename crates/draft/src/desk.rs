//! An editor's desk: the candidates that gap analysis ranked, what a reader says of each, and the
//! drafts for the first that are left. It decides everything of the stage that asks language models;
//! whoever holds it carries prompts out and answers in.

mod effect;
mod model;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

pub use effect::*;
pub use model::*;

use crate::brief::{Brief, brief};
use crate::input::{DraftInput, Kind, Passage, Place, Previous, Recommendation};
use crate::limits::{MAX_READ_CHARS, MAX_READ_QUERIES};
use crate::prompt::{Prompt, build_prompt};
use crate::reading::{
    Reading, ReadingInput, ReadingQuery, Verdict, build_reading_prompt, check_reading,
};
use crate::validate::{AnswerError, Draft, validate_answer};

/// How often a reader is taken to be wrong: what it says moves a probability so far and no further.
pub const READER_ERROR: f64 = 0.1;

/// Of a candidate's open impressions, what a reader must leave open for it to stay a recommendation.
const LEAST_OPEN_SHARE: f64 = 0.2;

/// Passages that a draft's prompt carries.
const MAX_EXCERPTS: usize = 12;

/// See the module.
pub struct Desk {
    input: DeskInput,
    passages: Vec<Passage>,
    readings: BTreeMap<i64, (Reading, String)>,
    /// The stems of each passage; a short page is shown whole and needs none.
    stems: OnceCell<Vec<BTreeSet<String>>>,
}

impl Desk {
    pub fn new(mut input: DeskInput) -> Self {
        let passages: Vec<Passage> = input.segments.iter().map(Segment::passage).collect();
        input.page.headings = input
            .segments
            .iter()
            .filter(|segment| segment.kind == "heading")
            .map(|segment| segment.text.clone())
            .collect();
        Self {
            input,
            passages,
            readings: BTreeMap::new(),
            stems: OnceCell::new(),
        }
    }

    pub fn input(&self) -> &DeskInput {
        &self.input
    }

    /// The edits whose queries a reader should be asked about: every one that says something is
    /// missing, those held in reserve included.
    pub fn candidates(&self) -> Vec<i64> {
        self.input
            .edits
            .iter()
            .filter(|edit| edit.kind != Kind::Improve && !edit.open_queries.is_empty())
            .map(|edit| edit.id)
            .collect()
    }

    /// What to ask the reader about an edit; `None` when there is no such edit.
    pub fn reading_prompt(&self, edit_id: i64) -> Option<Prompt> {
        Some(build_reading_prompt(
            &self.reading_input(self.edit(edit_id)?),
        ))
    }

    /// Takes the reader's answer about an edit.
    ///
    /// # Errors
    /// When the answer is not of the prompt's shape. The edit then stays as it was.
    pub fn take_reading(
        &mut self,
        edit_id: i64,
        answer: &str,
        model: &str,
    ) -> Result<(), AnswerError> {
        let Some(edit) = self.edit(edit_id) else {
            return Ok(());
        };
        let reading = check_reading(answer, &self.reading_input(edit), &self.passages)?;
        self.readings.insert(edit_id, (reading, model.to_owned()));
        Ok(())
    }

    /// What a reader said of an edit, also of one that `settle` strikes out; `None` when it was not read.
    pub fn verification(&self, edit_id: i64) -> Option<Verification> {
        let (reading, model) = self.readings.get(&edit_id)?;
        Some(Verification {
            verdict: reading.verdict,
            quote: reading.quote.clone(),
            model: model.clone(),
            queries: reading
                .queries
                .iter()
                .map(|query| VerifiedQuery {
                    query: query.query.clone(),
                    verdict: query.verdict,
                    quote: query.quote.clone(),
                })
                .collect(),
        })
    }

    /// The recommendations in the light of what was read: what the page answers after all is struck out,
    /// what it answers in part becomes a passage to extend, and the ranks close up. Improvements come last, and
    /// `top` does not count them.
    pub fn settle(&self) -> Settled {
        let mut settled = Settled::default();
        let of = |is_improvement: bool| {
            let edits = self.input.edits.iter();
            edits.filter(move |edit| (edit.kind == Kind::Improve) == is_improvement)
        };
        let gaps = of(false).filter_map(|edit| self.settle_edit(edit));
        let improvements = of(true).filter_map(|edit| self.settle_edit(edit));
        settled.edits = gaps.take(self.input.top).chain(improvements).collect();
        for (index, edit) in settled.edits.iter_mut().enumerate() {
            edit.rank = index + 1;
        }
        let read: BTreeSet<i64> = self
            .input
            .edits
            .iter()
            .filter(|edit| self.readings.contains_key(&edit.id))
            .map(|edit| edit.topic_id)
            .collect();
        let topics = self
            .input
            .topics
            .iter()
            .filter(|topic| read.contains(&topic.id));
        settled.topics = topics.map(|topic| self.settle_topic(topic)).collect();
        settled
    }

    fn settle_edit(&self, edit: &Edit) -> Option<SettledEdit> {
        let mut settled = SettledEdit {
            id: edit.id,
            rank: 0,
            kind: edit.kind,
            open_queries: edit.open_queries.clone(),
            expected_clicks: edit.expected_clicks,
            opportunity: edit.opportunity,
            coverage: edit.coverage,
            confidence: edit.confidence,
            place: edit.place.clone(),
            verification: None,
        };
        let Some((reading, _)) = self.readings.get(&edit.id) else {
            return Some(settled);
        };
        let weights = self.weights(edit);
        let weight = |query: &String| {
            weights
                .get(query.as_str())
                .copied()
                .unwrap_or(1.0)
                .max(1e-9)
        };
        let answered: BTreeSet<&String> = reading
            .queries
            .iter()
            .filter(|query| query.verdict == Verdict::Answered)
            .map(|query| &query.query)
            .collect();
        let before: f64 = edit.open_queries.iter().map(weight).sum();
        settled
            .open_queries
            .retain(|query| !answered.contains(query));
        let left = settled.open_queries.iter().map(weight).sum::<f64>() / before;
        if left < LEAST_OPEN_SHARE {
            return None;
        }
        settled.expected_clicks *= left;
        settled.opportunity *= left;
        settled.confidence = edit.confidence.map(|sure| 1.0 - believe(1.0 - sure, false));
        if let Some(at) = reading.queries.iter().find_map(|query| query.passage)
            && edit.kind == Kind::Write
        {
            settled.kind = Kind::Extend;
            settled.place = self.place_at(at);
        }
        settled.verification = self.verification(edit.id);
        Some(settled)
    }

    fn settle_topic(&self, topic: &Topic) -> SettledTopic {
        let mut queries = topic.queries.clone();
        for edit in self
            .input
            .edits
            .iter()
            .filter(|edit| edit.topic_id == topic.id)
        {
            let Some((reading, _)) = self.readings.get(&edit.id) else {
                continue;
            };
            for read in &reading.queries {
                let Some(query) = queries.iter_mut().find(|query| query.query == read.query) else {
                    continue;
                };
                query.is_answered = read.verdict == Verdict::Answered;
                let believed = believe(query.coverage, query.is_answered);
                query.coverage = if query.is_answered {
                    believed.max(self.input.threshold)
                } else {
                    believed
                };
                if let Some(passage) = read.passage {
                    query.segment_id = Some(self.input.segments[passage].id);
                    query.missing_terms.clear();
                }
            }
        }
        let answered = queries.iter().filter(|query| query.is_answered).count();
        let weight: f64 = queries.iter().map(|query| query.impressions.max(1.0)).sum();
        let covered: f64 = queries
            .iter()
            .map(|query| query.coverage * query.impressions.max(1.0))
            .sum();
        SettledTopic {
            id: topic.id,
            kind: match answered {
                0 => "gap",
                all if all == queries.len() => "answered",
                _ => "partly",
            }
            .to_owned(),
            coverage: covered / weight,
            confidence: topic.confidence.map(|sure| sure.max(1.0 - READER_ERROR)),
            queries,
        }
    }

    /// What to ask a writer for an edit as it was settled; `None` when there is no such edit.
    pub fn draft_prompt(
        &self,
        settled: &SettledEdit,
        previous: Option<Previous>,
    ) -> Option<Prompt> {
        Some(build_prompt(&self.draft_input(settled, previous)?))
    }

    /// Judges a writer's answer.
    ///
    /// # Errors
    /// Every rule that it breaks.
    pub fn take_draft(&self, settled: &SettledEdit, answer: &str) -> Result<Draft, AnswerError> {
        let input = self.draft_input(settled, None).ok_or_else(|| AnswerError {
            problems: vec![format!("there is no edit {}", settled.id)],
        })?;
        validate_answer(answer, &input)
    }

    /// What a draft changes: the coverages of the edit's open queries, in their order, without and with it. `None` when
    /// there is no such edit, or not as many coverages.
    pub fn effect(&self, settled: &SettledEdit, before: &[f64], after: &[f64]) -> Option<Effect> {
        let edit = self.edit(settled.id)?;
        let of_topic = self.weights(edit);
        let weights: Vec<f64> = (settled.open_queries.iter())
            .map(|query| of_topic.get(query.as_str()).copied().unwrap_or_default())
            .collect();
        let queries = &settled.open_queries;
        effect(queries, &weights, before, after, self.input.threshold)
    }

    /// What a writer needs who starts from nothing.
    pub fn brief(&self, settled: &SettledEdit, heading: &str) -> Option<Brief> {
        let edit = self.edit(settled.id)?;
        let input = self.draft_input(settled, None)?;
        let near: Vec<String> = edit
            .nearest
            .iter()
            .filter_map(|id| self.segment(*id))
            .filter_map(|segment| segment.section_path().pop())
            .collect();
        Some(brief(&input, heading, &near))
    }

    fn draft_input(&self, settled: &SettledEdit, previous: Option<Previous>) -> Option<DraftInput> {
        let edit = self.edit(settled.id)?;
        let best = settled
            .place
            .segment_id
            .or_else(|| edit.nearest.first().copied())
            .and_then(|id| self.segment(id));
        let mut near: Vec<&Segment> = edit
            .nearest
            .iter()
            .filter_map(|id| self.segment(*id))
            .filter(|segment| segment.kind != "heading")
            .take(MAX_EXCERPTS)
            .collect();
        near.sort_by_key(|segment| self.index_of(segment.id));
        let mut page = self.input.page.clone();
        page.excerpts = near.iter().map(|segment| segment.text.clone()).collect();
        Some(DraftInput {
            page,
            recommendation: Recommendation {
                label: edit.label.clone(),
                kind: settled.kind,
                queries: settled.open_queries.clone(),
                impressions: edit.impressions,
                best_similarity: settled.coverage,
                best_heading_path: best.map(Segment::section_path).unwrap_or_default(),
                best_text: best.map(|segment| segment.text.clone()).unwrap_or_default(),
                place: Some(Place {
                    after_heading: match settled.place.kind {
                        PlaceKind::Extend => settled.place.heading_path.last().cloned(),
                        PlaceKind::NewSection => settled.place.after_heading.clone(),
                    }
                    .unwrap_or_default(),
                    level: settled.place.level,
                }),
            },
            form: self.input.form,
            previous,
        })
    }

    fn reading_input(&self, edit: &Edit) -> ReadingInput {
        let weights = self.weights(edit);
        let mut queries: Vec<ReadingQuery> = edit
            .open_queries
            .iter()
            .map(|query| ReadingQuery {
                query: query.clone(),
                impressions: weights.get(query.as_str()).copied().unwrap_or_default(),
            })
            .collect();
        queries.sort_by(|a, b| b.impressions.total_cmp(&a.impressions));
        queries.truncate(MAX_READ_QUERIES);
        ReadingInput {
            title: self.input.page.title.clone(),
            language: self.input.page.language.clone(),
            passages: self.passages_for(edit, &queries),
            queries,
        }
    }

    /// The whole page where it is short enough to be read in one go; else what comes nearest in meaning
    /// or shares words with the queries, each with the passage after it, which often ends the thought.
    fn passages_for(&self, edit: &Edit, queries: &[ReadingQuery]) -> Vec<Passage> {
        let length = |passage: &Passage| passage.text.chars().count();
        if self.passages.iter().map(length).sum::<usize>() <= MAX_READ_CHARS {
            return self.passages.clone();
        }
        let segments: BTreeSet<i64> = self.segments_of(edit).collect();
        let nearest = edit
            .nearest
            .iter()
            .copied()
            .filter_map(|id| self.index_of(id));
        let best = segments.iter().copied().filter_map(|id| self.index_of(id));
        // In turns, so that neither way of finding fills the room alone.
        let (mut by_meaning, mut by_words) =
            (best.chain(nearest), self.by_words(queries).into_iter());
        let mut chosen = BTreeSet::new();
        let mut room = MAX_READ_CHARS;
        loop {
            let turn: Vec<usize> = by_meaning
                .next()
                .into_iter()
                .chain(by_words.next())
                .collect();
            if turn.is_empty() {
                break;
            }
            for index in turn.into_iter().flat_map(|index| [index, index + 1]) {
                let Some(passage) = self.passages.get(index) else {
                    continue;
                };
                if chosen.contains(&index) {
                    continue;
                }
                let Some(left) = room.checked_sub(length(passage)) else {
                    return self.chosen(chosen);
                };
                room = left;
                chosen.insert(index);
            }
        }
        self.chosen(chosen)
    }

    fn chosen(&self, indexes: BTreeSet<usize>) -> Vec<Passage> {
        indexes
            .into_iter()
            .map(|index| self.passages[index].clone())
            .collect()
    }

    /// Passages that hold words of the queries, those with the rarest first.
    fn by_words(&self, queries: &[ReadingQuery]) -> Vec<usize> {
        let wanted: BTreeSet<String> = queries
            .iter()
            .flat_map(|query| stems(&query.query))
            .collect();
        let all = self.stems.get_or_init(|| {
            let passages = self.passages.iter();
            passages
                .map(|passage| stems(&passage.text).collect())
                .collect()
        });
        let held: Vec<Vec<&String>> = all
            .iter()
            .map(|stems| stems.intersection(&wanted).collect())
            .collect();
        let count = |stem: &String| all.iter().filter(|stems| stems.contains(stem)).count() as f64;
        let rarity: BTreeMap<&String, f64> = wanted
            .iter()
            .map(|stem| {
                (
                    stem,
                    (1.0 + self.passages.len() as f64 / (1.0 + count(stem))).ln(),
                )
            })
            .collect();
        let mut scored: Vec<(f64, usize)> = held
            .iter()
            .enumerate()
            .map(|(index, stems)| (stems.iter().map(|stem| rarity[*stem]).sum(), index))
            .filter(|(score, _)| *score > 0.0)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.into_iter().map(|(_, index)| index).collect()
    }

    fn segments_of(&self, edit: &Edit) -> impl Iterator<Item = i64> {
        let topic = self
            .input
            .topics
            .iter()
            .find(|topic| topic.id == edit.topic_id);
        topic
            .into_iter()
            .flat_map(|topic| topic.queries.iter().filter_map(|query| query.segment_id))
    }

    fn weights(&self, edit: &Edit) -> BTreeMap<&str, f64> {
        let topic = self
            .input
            .topics
            .iter()
            .find(|topic| topic.id == edit.topic_id);
        topic
            .into_iter()
            .flat_map(|topic| {
                topic
                    .queries
                    .iter()
                    .map(|query| (query.query.as_str(), query.impressions))
            })
            .collect()
    }

    /// The place of what a passage is to be extended by.
    fn place_at(&self, index: usize) -> EditPlace {
        let segment = &self.input.segments[index];
        let heading_path = segment.section_path();
        EditPlace {
            kind: PlaceKind::Extend,
            after_heading: heading_path.last().cloned(),
            before_heading: self.input.segments[index + 1..]
                .iter()
                .find(|next| next.kind == "heading")
                .map(|next| next.text.clone()),
            parent_heading: heading_path.iter().rev().nth(1).cloned(),
            section: heading_path.get(1).or(heading_path.last()).cloned(),
            heading_path,
            segment_id: Some(segment.id),
            level: None,
        }
    }

    fn edit(&self, id: i64) -> Option<&Edit> {
        self.input.edits.iter().find(|edit| edit.id == id)
    }

    fn segment(&self, id: i64) -> Option<&Segment> {
        self.input.segments.iter().find(|segment| segment.id == id)
    }

    fn index_of(&self, id: i64) -> Option<usize> {
        self.input
            .segments
            .iter()
            .position(|segment| segment.id == id)
    }
}

/// The probability that a query is answered once a reader has said so, or the opposite.
fn believe(probability: f64, answered: bool) -> f64 {
    let error = if answered {
        READER_ERROR
    } else {
        1.0 - READER_ERROR
    };
    let yes = probability * (1.0 - error);
    let no = (1.0 - probability) * error;
    if yes + no > 0.0 {
        yes / (yes + no)
    } else {
        probability
    }
}

/// Words by their first six letters, which most inflections share; pairs of characters where a script
/// has no spaces.
fn stems(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let mut stems = Vec::new();
    for word in lower.split(|c: char| !c.is_alphanumeric()) {
        let characters: Vec<char> = word.chars().collect();
        if characters.iter().any(|c| crate::text::is_unspaced(*c)) {
            stems.extend(
                characters
                    .windows(2)
                    .map(|pair| pair.iter().collect::<String>()),
            );
        } else if characters.len() >= 3 || characters.iter().any(char::is_ascii_digit) {
            stems.push(characters.into_iter().take(6).collect());
        }
    }
    stems.into_iter()
}
