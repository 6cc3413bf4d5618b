//! Questions and their answers: whatever shows a text when its label is pressed, and what reads the
//! same without a control (terms, bold lines, questions that repeat).
//!
//! Controls are told by the standard's own markup first (`summary`, `aria-expanded`, `aria-controls`,
//! `role=tab`, `dt`, schema.org's Question), then by how they repeat: two or more labels of one look,
//! each with text below it. The label of a pair becomes a heading, its answer is what it reveals.

use crate::Kind;
use crate::blocks::{Block, Blocks, Element, Fold, Name};
use crate::features::is_sentence_end;
use crate::json_ld;
use crate::labels::{self, is_question, letters_of, without_sign};
use crate::tree::Node;
use crate::vocabulary;
use html5ever::tendril::StrTendril;
use memchr::memmem;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// A question and the blocks that answer it.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Index of the block.
    pub question: u32,
    pub answer: Range<u32>,
    /// Whether both are content for sure: the markup says that this is what a reader looks up here.
    pub is_certain: bool,
}

/// The level of a question whose markup gives it none: below all headings.
pub const QUESTION_LEVEL: u8 = 7;

/// An element that a reader may press.
pub struct Control {
    pub kind: ControlKind,
    /// Index of the element.
    pub element: u32,
    /// The block that its text begins in.
    pub block: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    Summary,
    /// It says itself that it opens something.
    Disclosure,
    /// The name of a Question in microdata.
    Markup,
    Term,
    /// Of a checkbox or radio button that style sheets look at.
    Label,
    /// A button, or a link that leads nowhere.
    Press,
    /// A link to a place in the page, which may be hidden until then.
    Anchor,
}

/// Whether the value of `data-toggle` shows text in place.
pub fn is_toggle(value: &str) -> bool {
    matches!(
        value,
        "collapse" | "tab" | "pill" | "list" | "toggle" | "accordion"
    )
}

/// Longer texts are no labels.
const MAX_QUESTION_CHARS: u32 = 280;
const MAX_STEPS: usize = 6;
/// Longer labels name something.
const MAX_SAME_WORDS: u32 = 4;
/// A label further from the start of its parent is not looked for there.
const MAX_SIBLINGS: usize = 64;
/// How often the source is looked through for the name of a hidden element.
const MAX_ID_SEARCHES: usize = 24;
/// Labels that say what pressing does and not what is below.
const GENERIC: [&str; 36] = [
    "more",
    "read more",
    "show more",
    "see more",
    "view more",
    "learn more",
    "load more",
    "less",
    "show less",
    "show all",
    "view all",
    "see all",
    "expand",
    "expand all",
    "collapse",
    "collapse all",
    "toggle",
    "open",
    "close",
    "menu",
    "navigation",
    "search",
    "filter",
    "filters",
    "sort",
    "sort by",
    "share",
    "next",
    "previous",
    "back",
    "mehr",
    "mehr anzeigen",
    "weiterlesen",
    "lire la suite",
    "leer más",
    "ver más",
];

/// A label that may be a question.
struct Candidate {
    block: usize,
    /// Where what it labels may begin.
    after: usize,
    /// What it is looked up from.
    element: u32,
    target: Option<u32>,
    evidence: Evidence,
    look: u32,
    /// The block of a control beside it that says nothing itself.
    control: Option<usize>,
    is_nameless: bool,
}

/// From the surest to what only counts when it repeats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Evidence {
    Markup,
    Control,
    Term,
    Repeated,
    Bold,
}

/// A pair among others.
struct Found {
    evidence: Evidence,
    look: u32,
    /// The label says itself what it shows.
    is_exact: bool,
    /// It opens something, but does not say what.
    is_nameless: bool,
    pair: Pair,
}

/// Finds the pairs, and makes their questions headings.
pub fn find(page: &mut Blocks, controls: &[Control]) {
    reveal(page, controls);
    let mut candidates = from_controls(page, controls);
    let labels: Vec<(usize, Option<u32>)> = candidates
        .iter()
        .map(|found| {
            let opens = found.evidence <= Evidence::Control;
            (found.block, opens.then_some(found.look))
        })
        .collect();
    labels::strip(page, &labels);
    name_by_headings(page, &mut candidates);
    let said: FxHashSet<usize> = candidates.iter().map(|found| found.block).collect();
    candidates.extend(declared(page, &said));
    candidates.extend(repeated(page, &said));
    candidates.extend(bold_lines(page, &said));
    // One label a block, the surest.
    candidates.sort_by_key(|found| (found.block, found.evidence, found.target.is_none()));
    candidates.dedup_by_key(|found| found.block);
    let starts: Vec<usize> = candidates.iter().map(|found| found.block).collect();
    let mut pairs: Vec<Found> = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let found = answer(page, candidate, &candidates[at + 1..], &starts);
        let found = found.filter(|(answer, _)| is_pair(page, candidate, answer.clone()));
        let Some((answer, is_exact)) = found else {
            continue;
        };
        if let Some(control) = candidate.control {
            page.blocks[control].is_hidden = true;
        }
        let pair = Pair {
            question: candidate.block as u32,
            answer: answer.start as u32..answer.end as u32,
            is_certain: candidate.evidence != Evidence::Bold
                || is_question(&page.blocks[candidate.block].text),
        };
        pairs.push(Found {
            evidence: candidate.evidence,
            look: candidate.look,
            is_exact,
            is_nameless: candidate.is_nameless,
            pair,
        });
    }
    limit_last_answers(page, &mut pairs);
    let mut counts: FxHashMap<u32, usize> = FxHashMap::default();
    for found in &pairs {
        *counts.entry(found.look).or_default() += 1;
    }
    pairs.retain(|found| {
        let question = &page.blocks[found.pair.question as usize];
        found.evidence < Evidence::Term
            || counts[&found.look] > 1
            || is_question(&question.text) && found.evidence != Evidence::Repeated
    });
    let (nameless, pairs): (Vec<Found>, Vec<Found>) =
        pairs.into_iter().partition(|found| found.is_nameless);
    for found in nameless {
        for at in found.pair.answer {
            page.blocks[at as usize].is_hidden = false;
        }
    }
    let pairs: Vec<Pair> = pairs.into_iter().map(|found| found.pair).collect();
    mark(page, &pairs);
    page.pairs = pairs;
}

fn from_controls(page: &Blocks, controls: &[Control]) -> Vec<Candidate> {
    let mut ids: Option<FxHashMap<String, u32>> = None;
    let mut found = Vec::new();
    for control in controls
        .iter()
        .filter(|control| control.kind != ControlKind::Anchor)
    {
        let element = &page.elements[control.element as usize];
        let node = element.node;
        let reference = ["aria-controls", "data-bs-target", "data-target", "href"]
            .into_iter()
            .find_map(|name| {
                let value = node.attribute(name)?;
                let value = value.trim();
                let id = match name {
                    "aria-controls" => value.split_ascii_whitespace().next()?,
                    _ => value.strip_prefix('#')?,
                };
                (!id.is_empty() && id.len() < 200).then(|| StrTendril::from(id))
            });
        let referred = reference.and_then(|id| {
            let ids = ids.get_or_insert_with(|| ids_of(page));
            ids.get(&*id).copied()
        });
        let mut evidence = match control.kind {
            ControlKind::Summary | ControlKind::Markup => Evidence::Markup,
            ControlKind::Disclosure => Evidence::Control,
            ControlKind::Term => Evidence::Term,
            ControlKind::Label | ControlKind::Press | ControlKind::Anchor => Evidence::Repeated,
        };
        if control.kind == ControlKind::Label && !follows_checkbox(node) {
            continue;
        }
        let target = referred;
        if node
            .attribute("aria-haspopup")
            .is_some_and(|kind| &*kind != "false")
        {
            continue;
        }
        if let Some(shown) = target {
            let shown = &page.elements[shown as usize];
            if shown.hints & (vocabulary::MODAL | vocabulary::NAV) != 0
                && shown.hints & vocabulary::FOLD == 0
            {
                continue;
            }
            evidence = evidence.min(Evidence::Control);
        }
        let Some((block, after)) = label_of(page, control, element) else {
            continue;
        };
        found.push(Candidate {
            block,
            after,
            element: control.element,
            target,
            evidence,
            look: element.look ^ page.elements[element.parent as usize].look.rotate_left(9),
            control: None,
            is_nameless: false,
        });
    }
    found
}

/// Shows what is hidden only until a reader asks for it: what a control names, and what is called a
/// fold.
fn reveal(page: &mut Blocks, controls: &[Control]) {
    if !page.blocks.iter().any(|block| block.is_hidden) {
        return;
    }
    let mut named: FxHashSet<String> = FxHashSet::default();
    for control in controls {
        let node = page.elements[control.element as usize].node;
        for name in [
            "aria-controls",
            "data-bs-target",
            "data-target",
            "href",
            "onclick",
        ] {
            let Some(value) = node.attribute(name).filter(|value| value.len() < 1000) else {
                continue;
            };
            let is_part = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'));
            named.extend(
                value
                    .split(is_part)
                    .filter(|id| id.len() > 1)
                    .map(str::to_owned),
            );
        }
    }
    let html = page.source.html.as_bytes();
    let mut searches = MAX_ID_SEARCHES;
    // A script that puts the element in its place, as frameworks do that send a page in parts.
    let mut is_in_script = |id: &str| {
        searches = usize::saturating_sub(searches, 1);
        searches > 0
            && ['"', '\''].iter().any(|quote| {
                let quoted = format!("{quote}{id}{quote}");
                let mut found = memmem::find_iter(html, quoted.as_bytes());
                found.any(|at| !html[..at].trim_ascii_end().ends_with(b"="))
            })
    };
    let mut is_shown = |element: &Element| {
        if element.hints & vocabulary::FOLD != 0 {
            return true;
        }
        let id = element
            .node
            .attribute("id")
            .filter(|id| !id.is_empty() && id.len() < 100);
        id.is_some_and(|id| named.contains(&*id) || element.words >= 8 && is_in_script(&id))
    };
    // Of each element, whether what hides it or is around it is shown by something.
    let mut shown = vec![false; page.elements.len()];
    for index in 0..page.elements.len() {
        let element = &page.elements[index];
        let parent = element.parent as usize;
        let is_hidden = element.name == Name::Hidden;
        shown[index] = if is_hidden {
            is_shown(element) || page.elements[parent].hints & vocabulary::FOLD != 0
        } else {
            index > 0 && shown[parent]
        };
    }
    for block in &mut page.blocks {
        block.is_hidden &= !shown[block.element as usize];
    }
}

fn ids_of(page: &Blocks) -> FxHashMap<String, u32> {
    let mut ids = FxHashMap::default();
    for (index, element) in page.elements.iter().enumerate() {
        if let Some(id) = element.node.attribute("id") {
            ids.entry(id.to_string()).or_insert(index as u32);
        }
    }
    ids
}

/// Whether a label stands behind the checkbox or radio button that it is for: style sheets then show
/// what follows by its state.
fn follows_checkbox(label: &Node) -> bool {
    let (Some(id), Some(parent)) = (label.attribute("for"), label.parent()) else {
        return false;
    };
    let siblings = std::iter::successors(parent.first_child(), |node| node.next());
    let mut before = siblings
        .take(MAX_SIBLINGS)
        .take_while(|node| !std::ptr::eq(*node, label));
    before.any(|node| {
        let kind = node.attribute("type");
        let is_box =
            kind.is_some_and(|kind| matches!(&*kind.to_ascii_lowercase(), "checkbox" | "radio"));
        is_box && node.attribute("id") == Some(id.clone())
    })
}

/// The block that a control's own text is, and the first block behind the control.
fn label_of(page: &Blocks, control: &Control, element: &Element) -> Option<(usize, usize)> {
    let own = element.blocks();
    if !own.is_empty() {
        // Beside the label there may be a sign that it opens.
        let block = own
            .clone()
            .max_by_key(|at| (page.blocks[*at].chars, usize::MAX - at))?;
        return (own.len() <= 4).then_some((block, own.end));
    }
    let block = page.blocks.get(control.block as usize)?;
    let text = crate::meta::text_of(element.node);
    // A control inside a text is no label of what follows.
    let chars = text.chars().filter(|c| !c.is_whitespace()).count() as u32;
    let is_inside = page
        .ancestors_with_index(control.element)
        .take(12)
        .any(|(index, _)| index == block.element);
    (is_inside && chars * 5 >= block.chars * 3)
        .then_some((control.block as usize, control.block as usize + 1))
}

/// Blocks that a FAQPage in JSON-LD names as questions.
fn declared(page: &Blocks, said: &FxHashSet<usize>) -> Vec<Candidate> {
    let objects = json_ld::objects(page.source);
    let questions: FxHashSet<String> = objects
        .iter()
        .filter(|object| object.is(&["Question"]))
        .filter_map(|object| object.get("name").map(letters_of))
        .collect();
    if questions.is_empty() {
        return Vec::new();
    }
    let is_declared = |(at, block): &(usize, &Block)| {
        block.chars <= MAX_QUESTION_CHARS
            && !said.contains(at)
            && questions.contains(&letters_of(&block.text))
    };
    let blocks = page.blocks.iter().enumerate().filter(is_declared);
    blocks
        .map(|(at, block)| Candidate {
            block: at,
            after: at + 1,
            element: block.element,
            target: None,
            evidence: Evidence::Control,
            look: 3,
            control: None,
            is_nameless: false,
        })
        .collect()
}

/// Labels without a control: blocks of one look in what is called a fold, or that mostly ask, each
/// with other text behind it.
fn repeated(page: &Blocks, said: &FxHashSet<usize>) -> Vec<Candidate> {
    let mut looks: FxHashMap<(u32, bool), Vec<usize>> = FxHashMap::default();
    for (index, block) in page.blocks.iter().enumerate() {
        if is_label(block) && !said.contains(&index) {
            let element = &page.elements[block.element as usize];
            let look = element.look.rotate_left(7) ^ page.elements[element.parent as usize].look;
            looks
                .entry((look, block.bold_chars == block.chars))
                .or_default()
                .push(index);
        }
    }
    let mut found = Vec::new();
    let mut groups: Vec<((u32, bool), Vec<usize>)> = looks
        .into_iter()
        .filter(|(_, group)| group.len() > 1 || is_question(&page.blocks[group[0]].text))
        .collect();
    groups.sort_by_key(|(_, group)| group[0]);
    // What follows a label is its answer, and no label of the next.
    let mut answers: FxHashSet<usize> = said.iter().map(|at| at + 1).collect();
    for ((look, _), group) in groups {
        let members: FxHashSet<usize> = group.iter().copied().collect();
        let stands = |at: &usize| {
            let next = page.blocks.get(at + 1);
            next.is_some_and(|next| !members.contains(&(at + 1)) && next.kind != Kind::Heading)
        };
        let labels: Vec<usize> = group.iter().copied().filter(stands).collect();
        let asking = group
            .iter()
            .filter(|at| is_question(&page.blocks[**at].text))
            .count();
        let is_fold = group.iter().all(|at| {
            let block = &page.blocks[*at];
            let mut around = page.ancestors(block.element).take(4);
            around.any(|element| element.hints & vocabulary::FOLD != 0)
        });
        let is_first = group.iter().all(|at| starts_its_item(page, *at));
        let asks = asking * 10 >= group.len() * 6;
        let answered = group.iter().any(|at| answers.contains(at));
        // One alone must ask in what is called a fold.
        let is_lone = group.len() == 1 && !(asks && is_fold && is_first);
        if labels.len() * 10 < group.len() * 8
            || answered
            || is_lone
            || !(asks || is_fold && is_first)
        {
            continue;
        }
        for at in labels {
            answers.insert(at + 1);
            found.push(Candidate {
                block: at,
                after: at + 1,
                element: page.blocks[at].element,
                target: None,
                evidence: match group.len() {
                    1 => Evidence::Control,
                    _ => Evidence::Repeated,
                },
                look,
                control: None,
                is_nameless: false,
            });
        }
    }
    found
}

/// Whether a block begins the innermost element that also holds what is behind it.
fn starts_its_item(page: &Blocks, at: usize) -> bool {
    let scope = page
        .ancestors(page.blocks[at].element)
        .take(MAX_STEPS)
        .find(|element| element.blocks().end > at + 1);
    scope.is_some_and(|scope| scope.blocks().start == at || scope.alike == 1)
}

/// Paragraphs that are bold from end to end, and what begins with `Q:`.
fn bold_lines(page: &Blocks, said: &FxHashSet<usize>) -> Vec<Candidate> {
    let starts = |at: usize, signs: &[&str]| {
        let text = page.blocks.get(at).map_or("", |block| &block.text);
        signs.iter().any(|sign| text.starts_with(sign))
    };
    let mut found = Vec::new();
    for (index, block) in page.blocks.iter().enumerate() {
        if said.contains(&index) || block.chars > 160 || !matches!(block.kind, Kind::Paragraph) {
            continue;
        }
        let is_bold = block.bold_chars == block.chars && block.chars > 1;
        let is_lettered = starts(
            index,
            &["Q:", "Q.", "Q ", "Q1", "Question:", "F:", "Frage:"],
        ) && starts(index + 1, &["A:", "A.", "A ", "A1", "Answer:", "Antwort:"]);
        let asks = is_question(&block.text);
        let Some(next) = page.blocks.get(index + 1) else {
            break;
        };
        let follows = next.bold_chars < next.chars
            && next.kind != Kind::Heading
            && next.link_chars * 2 <= next.chars;
        let ends_open =
            !block.text.ends_with(is_sentence_end) && !block.text.ends_with([',', ';', ':']);
        let is_told = next.words >= 8 || next.words >= 4 && next.text.ends_with(is_sentence_end);
        let is_line = block.words <= 12 && ends_open && is_told && block.link_chars == 0;
        if !(follows && (is_lettered || is_bold && (asks || is_line))) {
            continue;
        }
        found.push(Candidate {
            block: index,
            after: index + 1,
            element: block.element,
            target: None,
            evidence: Evidence::Bold,
            look: 1 + u32::from(is_lettered || asks),
            control: None,
            is_nameless: false,
        });
    }
    found
}

fn is_label(block: &Block) -> bool {
    block.chars <= MAX_QUESTION_CHARS
        && block.chars > 1
        && block.link_chars * 2 < block.chars.max(1)
        && match block.kind {
            Kind::Paragraph | Kind::ListItem | Kind::Quote => true,
            // A row of one cell.
            Kind::TableRow => !block.text.contains(" | "),
            _ => false,
        }
}

/// The blocks that a label reveals, and whether it says itself that it is these.
fn answer(
    page: &Blocks,
    candidate: &Candidate,
    later: &[Candidate],
    starts: &[usize],
) -> Option<(Range<usize>, bool)> {
    if let Some(target) = candidate.target {
        let shown = page.elements[target as usize].blocks();
        if !shown.is_empty() {
            return if shown.contains(&candidate.block) {
                let rest = candidate.after..shown.end;
                (!rest.is_empty()).then_some((rest, true))
            } else {
                Some((shown, true))
            };
        }
    }
    let mut scope = None;
    for (steps, (_, element)) in page.ancestors_with_index(candidate.element).enumerate() {
        let end = element.blocks().end;
        if end > candidate.after {
            scope = Some(end);
            break;
        }
        let is_edge = matches!(
            element.name,
            Name::Main | Name::Article | Name::Body | Name::Nav
        );
        if is_edge || steps == MAX_STEPS {
            break;
        }
    }
    let end = scope?;
    // Up to the next label of its kind; of another kind only when it stands higher.
    let next = later
        .iter()
        .find(|next| {
            next.look == candidate.look || next.evidence == candidate.evidence && next.block < end
        })
        .map_or(end, |next| next.block.min(end));
    let own = &page.blocks[candidate.block];
    let stops = |at: &usize| {
        let block = &page.blocks[*at];
        block.kind == Kind::Heading
            && !starts.contains(at)
            && (own.kind != Kind::Heading || block.level <= own.level)
            && block.level <= QUESTION_LEVEL
            && page.elements[block.element as usize].depth
                <= page.elements[candidate.element as usize].depth
    };
    let stop = (candidate.after..next).find(stops).unwrap_or(next);
    (stop > candidate.after).then_some((candidate.after..stop, false))
}

/// Whether a label and a text are a question and its answer and no menu or filter.
fn is_pair(page: &Blocks, candidate: &Candidate, answer: Range<usize>) -> bool {
    let question = &page.blocks[candidate.block];
    let answer = &page.blocks[answer];
    let (mut words, mut chars, mut links) = (0, 0, 0);
    let mut ends_a_sentence = false;
    for block in answer {
        words += block.words;
        chars += block.chars;
        links += block.link_chars;
        ends_a_sentence |= block.text.ends_with(is_sentence_end);
    }
    let text = question.text.trim().to_lowercase();
    let text = text.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '?');
    let says_something = question
        .text
        .chars()
        .filter(|c| vocabulary::is_letter(*c))
        .count()
        > 1;
    let is_generic = GENERIC.contains(&text);
    let is_answer =
        links * 2 <= chars && words > 0 && (words >= 5 || ends_a_sentence || is_question(text));
    question.chars <= MAX_QUESTION_CHARS
        && says_something
        && !is_generic
        && is_answer
        && !is_furniture(page, question)
        && (candidate.evidence != Evidence::Term || is_explained(words, question))
}

/// A term whose description is a sentence; the weight of a product is not.
fn is_explained(words: u32, term: &Block) -> bool {
    words >= 6 && term.words <= 30 || is_question(&term.text)
}

/// What stands in navigation, a footer, or a side column is no content whatever it opens. Builders
/// call each of their parts a widget: around what is called a fold that name says nothing.
fn is_furniture(page: &Blocks, block: &Block) -> bool {
    let element = &page.elements[block.element as usize];
    let side = Name::Nav.bit() | Name::Footer.bit() | Name::Aside.bit();
    let is_header = element.is_in(Name::Header.bit())
        && !element.is_in(Name::Main.bit() | Name::Article.bit() | Name::Section.bit());
    let mut names = vocabulary::NAV | vocabulary::SEARCH | vocabulary::FOOTER | vocabulary::SIDE;
    let mut around = page.ancestors(block.element).take(6);
    element.is_in(side)
        || is_header
        || around.any(|element| {
            let is_fold = element.hints & vocabulary::FOLD != 0;
            if is_fold {
                names &= !vocabulary::SIDE;
            }
            element.hints & names != 0
                && !is_fold
                && element.hints & (vocabulary::CONTENT | vocabulary::BODY) == 0
        })
}

/// Without a next label the last answer of a run would take the rest of the page: it is as long as
/// the longest of the others, or as what stands right behind the label.
fn limit_last_answers(page: &Blocks, pairs: &mut [Found]) {
    let mut longest: FxHashMap<u32, u32> = FxHashMap::default();
    let mut last: FxHashMap<u32, usize> = FxHashMap::default();
    for (index, found) in pairs.iter().enumerate() {
        if let Some(before) = last.insert(found.look, index) {
            let before = pairs[before].pair.answer.len() as u32;
            let most = longest.entry(found.look).or_default();
            *most = (*most).max(before);
        }
    }
    for (look, index) in last {
        let Found {
            evidence,
            is_exact,
            pair,
            ..
        } = &mut pairs[index];
        let scope = page
            .ancestors_with_index(page.blocks[pair.question as usize].element)
            .find(|(_, element)| element.blocks().end > pair.question as usize + 1);
        // An element that holds this pair alone says where it ends.
        let is_own = scope.is_some_and(|(_, scope)| scope.blocks().start == pair.question as usize);
        let is_apart = pair.answer.start != pair.question + 1;
        if *is_exact || *evidence == Evidence::Markup || is_own || is_apart {
            continue;
        }
        let most = longest.get(&look).copied().unwrap_or(1).max(1);
        // The panel: the neighbour of the label, or of what holds it.
        let first = page.blocks[pair.answer.start as usize].element;
        let panel = page
            .ancestors_with_index(first)
            .take_while(|(index, _)| scope.is_none_or(|(scope, _)| scope != *index))
            .last();
        let panel_end = panel.map_or(0, |(_, panel)| panel.blocks().end as u32);
        let end = panel_end.max(pair.answer.start + most);
        pair.answer.end = pair.answer.end.min(end);
    }
}

/// Where a control says nothing of what it opens, in a row with a heading that does, the heading is
/// the label. One that says the same as others of its look, and has no such heading, names nothing.
fn name_by_headings(page: &Blocks, candidates: &mut [Candidate]) {
    let mut looks: FxHashMap<u32, Vec<usize>> = FxHashMap::default();
    for found in candidates.iter() {
        looks.entry(found.look).or_default().push(found.block);
    }
    let same: FxHashSet<u32> = looks
        .iter()
        .filter(|(_, blocks)| {
            let text = |at: &usize| &*page.blocks[*at].text;
            let is_short = |at: &usize| page.blocks[*at].words <= MAX_SAME_WORDS;
            blocks
                .iter()
                .all(|at| is_short(at) && !is_question(text(at)))
                && labels::say_the_same(blocks.iter().map(text))
        })
        .map(|(look, _)| *look)
        .collect();
    for found in candidates {
        let says_the_same = same.contains(&found.look);
        let label = &page.blocks[found.block];
        let may_be_named = label.words <= MAX_SAME_WORDS
            && label.kind != Kind::Heading
            && found.evidence <= Evidence::Control
            && !is_question(&label.text);
        if !(says_the_same || may_be_named) {
            continue;
        }
        let row = page
            .ancestors(found.element)
            .take(3)
            .map(Element::blocks)
            .find(|row| row.len() > 1);
        let heading = row.filter(|row| row.len() == 2 && row.end == found.block + 1);
        match heading.filter(|row| page.blocks[row.start].kind == Kind::Heading) {
            Some(row) => {
                found.control = Some(found.block);
                found.block = row.start;
            }
            None => found.is_nameless = says_the_same,
        }
    }
}

fn mark(page: &mut Blocks, pairs: &[Pair]) {
    for pair in pairs {
        for block in &mut page.blocks[pair.answer.start as usize..pair.answer.end as usize] {
            block.is_hidden = false;
            if block.fold == Fold::None {
                block.fold = Fold::Answer;
            }
        }
    }
    for pair in pairs {
        let block = &mut page.blocks[pair.question as usize];
        block.fold = Fold::Question;
        block.is_hidden = false;
        let len = without_sign(&block.text).len();
        if len < block.text.len() {
            block.end = block.source_end(len);
            block.text.truncate(len);
        }
        if block.kind != Kind::Heading {
            (block.kind, block.level) = (Kind::Heading, QUESTION_LEVEL);
        }
    }
}

/// Puts the label of a tab in front of what it shows, where a reader sees it.
/// Elements no longer hold their blocks side by side after that.
pub fn reorder(page: &mut Blocks) {
    let mut pairs = std::mem::take(&mut page.pairs);
    move_labels(page, &mut pairs);
    page.pairs = pairs;
}

fn move_labels(page: &mut Blocks, pairs: &mut Vec<Pair>) {
    let is_apart =
        |pair: &Pair| pair.answer.start > pair.question + 1 || pair.answer.start <= pair.question;
    let mut moved: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for pair in pairs.iter().filter(|pair| is_apart(pair)) {
        let between = pair.question.min(pair.answer.start)..pair.answer.start;
        // What only stands beside the label in its control is no reason.
        let is_beside = between
            .clone()
            .skip(1)
            .all(|at| page.blocks[at as usize].chars <= 2);
        if !(pair.answer.start > pair.question && is_beside) {
            moved
                .entry(pair.answer.start)
                .or_default()
                .push(pair.question);
        }
    }
    if moved.is_empty() {
        return;
    }
    let gone: FxHashSet<u32> = moved.values().flatten().copied().collect();
    let mut order: Vec<u32> = Vec::with_capacity(page.blocks.len());
    for at in 0..page.blocks.len() as u32 {
        if let Some(labels) = moved.get(&at) {
            order.extend(labels);
        }
        if !gone.contains(&at) {
            order.push(at);
        }
    }
    let mut places = vec![0u32; order.len()];
    for (place, at) in order.iter().enumerate() {
        places[*at as usize] = place as u32;
    }
    let mut blocks: Vec<Option<Block>> = std::mem::take(&mut page.blocks)
        .into_iter()
        .map(Some)
        .collect();
    page.blocks = order
        .iter()
        .filter_map(|at| blocks[*at as usize].take())
        .collect();
    pairs.retain_mut(|pair| {
        // An answer may begin or end with the label of another that has moved away.
        let mine = pair.answer.clone().filter(|at| !gone.contains(at));
        let mine = mine.map(|at| places[at as usize]);
        let Some((first, last)) = mine.clone().min().zip(mine.max()) else {
            return false;
        };
        pair.question = places[pair.question as usize];
        pair.answer = first..last + 1;
        true
    });
}
