use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::facts::{as_fact, unsupported_figures};
use crate::fence::Inside;
use crate::input::DraftInput;
use crate::limits::*;
use crate::link::hosts_in;
use crate::markdown;
use crate::prompt::{body_words, inside};
use crate::text::{clean_line, count_words, readable};

/// A section that is fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// One line, not among the page's headings.
    pub heading: String,
    pub summary: String,
    /// Markdown without HTML, images and links to strange sites; the heading is not in it.
    pub body_markdown: String,
    pub placement: Placement,
    /// As the input spells them, each once, at least one.
    pub questions_answered: Vec<String>,
    pub facts_to_check: Vec<String>,
}

/// Where the section goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// As the page spells it; empty for the end of the page.
    pub after_heading: String,
}

/// Everything that is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerError {
    pub problems: Vec<String>,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the draft cannot be used: {}", self.problems.join("; "))
    }
}

impl std::error::Error for AnswerError {}

/// Reads and judges a model's answer to the prompt that was built from `input`.
///
/// A code fence around the JSON is tolerated, and so are slips that do not matter: case and spaces
/// in a quoted heading or query, and the section's own heading at the top of its body.
///
/// # Errors
/// Every rule of the prompt that the answer breaks.
pub fn validate_answer(answer: &str, input: &DraftInput) -> Result<Draft, AnswerError> {
    let fields = json_object(answer)?;
    let mut judge = Judge {
        hosts: known_hosts(input),
        inside: inside(input),
        problems: Vec::new(),
    };
    let names = [
        "heading",
        "summary",
        "body_markdown",
        "placement",
        "questions_answered",
        "facts_to_check",
    ];
    judge.refuse_unknown(&fields, &names, "");

    let heading = judge.heading(&fields, input);
    let summary = judge.text(&fields, "summary");
    judge.length("summary", &summary, MAX_SUMMARY_CHARS);
    judge.markdown("summary", &summary);
    let body_markdown = judge.body(&fields, &heading, input);
    let placement = Placement {
        after_heading: judge.placement(&fields, input),
    };
    let questions_answered = judge.questions(&fields, input);
    let mut facts_to_check = judge.facts(&fields);

    if judge.problems.is_empty() {
        mark_unsupported(&body_markdown, input, &mut facts_to_check);
        Ok(Draft {
            heading,
            summary,
            body_markdown,
            placement,
            questions_answered,
            facts_to_check,
        })
    } else {
        Err(AnswerError {
            problems: judge.problems,
        })
    }
}

/// The object that an answer is, a code fence around it or not.
pub(crate) fn json_object(answer: &str) -> Result<Map<String, Value>, AnswerError> {
    let problem = match serde_json::from_str(unfence(answer)) {
        Ok(Value::Object(fields)) => return Ok(fields),
        Ok(_) => "the answer is not a JSON object".into(),
        Err(_) if answer.trim().is_empty() => "the answer is empty".into(),
        Err(error) => format!("the answer is not JSON: {error}"),
    };
    Err(AnswerError {
        problems: vec![problem],
    })
}

/// Figures that the page does not give join what somebody has to look up.
fn mark_unsupported(body: &str, input: &DraftInput, facts: &mut Vec<String>) {
    let page = &input.page;
    let gap = &input.recommendation;
    let known: Vec<&str> = [&page.title, &gap.best_text]
        .into_iter()
        .chain(&page.headings)
        .chain(&page.excerpts)
        .chain(&gap.queries)
        .map(String::as_str)
        .collect();
    let prose = markdown::prose(body);
    for figure in unsupported_figures(&prose, &known, facts) {
        if facts.len() >= MAX_FACTS {
            break;
        }
        facts.push(
            as_fact(&figure, &prose)
                .chars()
                .take(MAX_FACT_CHARS)
                .collect(),
        );
    }
}

/// The text inside a code fence around the whole answer.
fn unfence(answer: &str) -> &str {
    let answer = answer.trim().trim_start_matches('\u{feff}');
    let Some(inside) = answer
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
    else {
        return answer;
    };
    let language = inside.len()
        - inside
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric())
            .len();
    inside[language..].trim()
}

/// The hosts that the page itself names. Queries do not count: anyone can search for a URL until it
/// shows up in the logs.
fn known_hosts(input: &DraftInput) -> BTreeSet<String> {
    let page = &input.page;
    let gap = &input.recommendation;
    let texts = [&page.url, &page.title, &gap.best_text].into_iter();
    texts
        .chain(&page.headings)
        .chain(&page.excerpts)
        .chain(&gap.best_heading_path)
        .flat_map(|text| hosts_in(text))
        .collect()
}

/// A heading without the marks that Markdown puts before one.
fn unmarked(heading: &str) -> &str {
    heading
        .trim_start_matches(|c: char| c == '#' || c.is_whitespace())
        .trim_end()
}

/// How headings and queries are compared: a model may change case and spacing.
fn key(text: &str) -> String {
    clean_line(unmarked(text)).to_lowercase()
}

/// Drops first lines that only repeat the heading.
fn without_own_heading(body: &str, heading: &str) -> String {
    let mut rest = body;
    loop {
        let (first, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if !first.starts_with('#') || key(first) != key(heading) {
            return rest.to_owned();
        }
        rest = after.trim();
    }
}

struct Judge {
    /// Sites that may be linked to.
    hosts: BTreeSet<String>,
    /// What must not come out of the prompt.
    inside: Inside,
    problems: Vec<String>,
}

impl Judge {
    fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn refuse_unknown(&mut self, fields: &Map<String, Value>, known: &[&str], path: &str) {
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let name = clean_line(name);
            self.problem(format!("{path}{name} is not a field of the answer"));
        }
    }

    /// A string that is not empty, as a reader sees it.
    fn text(&mut self, fields: &Map<String, Value>, name: &str) -> String {
        match fields.get(name) {
            Some(Value::String(text)) => {
                let text = readable(text);
                if !text.is_empty() {
                    return text;
                }
                self.problem(format!("{name} is empty"));
            }
            Some(_) => self.problem(format!("{name} is not a string")),
            None => self.problem(format!("{name} is missing")),
        }
        String::new()
    }

    /// Strings as a reader sees them, without empty ones.
    fn texts(&mut self, fields: &Map<String, Value>, name: &str) -> Vec<String> {
        let items = match fields.get(name) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(_) => {
                self.problem(format!("{name} is not an array"));
                &[]
            }
            None => {
                self.problem(format!("{name} is missing"));
                &[]
            }
        };
        if items.iter().any(|item| !item.is_string()) {
            self.problem(format!("{name} holds something other than strings"));
        }
        let texts = items.iter().filter_map(Value::as_str).map(readable);
        texts.filter(|text| !text.is_empty()).collect()
    }

    fn length(&mut self, name: &str, text: &str, max_chars: usize) {
        let count = text.chars().count();
        if count > max_chars {
            self.problem(format!(
                "{name} has {count} characters, {max_chars} are the most"
            ));
        }
    }

    fn heading(&mut self, fields: &Map<String, Value>, input: &DraftInput) -> String {
        let text = self.text(fields, "heading");
        let heading = unmarked(&text).to_owned();
        if heading.is_empty() {
            if !text.is_empty() {
                self.problem("heading is empty");
            }
            return heading;
        }
        self.length("heading", &heading, MAX_HEADING_CHARS);
        self.markdown("heading", &heading);
        if heading.contains('\n') {
            self.problem("heading has more than one line");
        }
        if input
            .page
            .headings
            .iter()
            .any(|other| key(other) == key(&heading))
        {
            self.problem(format!("heading {heading:?} is on the page already"));
        }
        heading
    }

    fn body(&mut self, fields: &Map<String, Value>, heading: &str, input: &DraftInput) -> String {
        let text = self.text(fields, "body_markdown");
        if text.is_empty() {
            return text;
        }
        let body = without_own_heading(&text, heading);
        self.markdown("body_markdown", &body);
        let (least, most) = body_words(input);
        let count = count_words(&markdown::prose(&body));
        if !(least..=most).contains(&count) {
            self.problem(format!(
                "body_markdown has {count} words, not {least} to {most}"
            ));
        }
        let level = input.recommendation.level();
        // A section that stands deeper has its headings deeper: a slip that is put right.
        let usual = level.min(2);
        if markdown::has_heading_from(&body, usual) {
            self.problem(format!(
                "body_markdown has a heading above level {}",
                usual + 1
            ));
        }
        markdown::below(&body, level)
    }

    /// Refuses HTML, images, footnotes, and links that lead elsewhere than the page itself does.
    fn markdown(&mut self, name: &str, text: &str) {
        if self.inside.is_quoted_in(text) {
            self.problem(format!("{name} quotes the prompt"));
        }
        self.problems
            .extend(markdown::problems(name, text, &self.hosts));
    }

    fn placement(&mut self, fields: &Map<String, Value>, input: &DraftInput) -> String {
        let placement = match fields.get("placement") {
            Some(Value::Object(placement)) => placement,
            Some(_) => {
                self.problem("placement is not an object");
                return String::new();
            }
            None => {
                self.problem("placement is missing");
                return String::new();
            }
        };
        self.refuse_unknown(placement, &["after_heading"], "placement.");
        if let Some(place) = &input.recommendation.place {
            return place.after_heading.trim().to_owned();
        }
        let after = match placement.get("after_heading") {
            Some(Value::String(after)) => readable(after),
            Some(Value::Null) => String::new(),
            Some(_) => {
                self.problem("placement.after_heading is not a string");
                return String::new();
            }
            None => {
                self.problem("placement.after_heading is missing");
                return String::new();
            }
        };
        let found = input
            .page
            .headings
            .iter()
            .find(|heading| key(heading) == key(&after));
        match found {
            Some(heading) => heading.trim().to_owned(),
            None => {
                if !after.is_empty() {
                    self.problem(format!(
                        "placement.after_heading {:?} is no heading of the page",
                        clean_line(&after)
                    ));
                }
                String::new()
            }
        }
    }

    fn questions(&mut self, fields: &Map<String, Value>, input: &DraftInput) -> Vec<String> {
        let problems_before = self.problems.len();
        let mut questions: Vec<String> = Vec::new();
        for text in self.texts(fields, "questions_answered") {
            match input
                .recommendation
                .queries
                .iter()
                .find(|query| key(query) == key(&text))
            {
                Some(query) if questions.contains(query) => {}
                Some(query) => questions.push(query.clone()),
                None => self.problem(format!(
                    "questions_answered has {:?}, which is none of the queries",
                    clean_line(&text)
                )),
            }
        }
        if questions.is_empty() && self.problems.len() == problems_before {
            self.problem("questions_answered is empty");
        }
        questions
    }

    fn facts(&mut self, fields: &Map<String, Value>) -> Vec<String> {
        let facts = self.texts(fields, "facts_to_check");
        if facts.len() > MAX_FACTS {
            self.problem(format!(
                "facts_to_check has {} entries, {MAX_FACTS} are the most",
                facts.len()
            ));
        }
        for (index, fact) in facts.iter().enumerate() {
            let name = format!("facts_to_check[{index}]");
            self.length(&name, fact, MAX_FACT_CHARS);
            self.markdown(&name, fact);
        }
        facts
    }
}
