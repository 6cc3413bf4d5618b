//! What a draft's Markdown may hold. Nobody knows which dialect a publisher's site reads, so every
//! text is read in each that there is: what any of them makes of it must be harmless, and what looks
//! like markup that none of them knows is refused too.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::link::{Target, hosts_in, mail_hosts_in, target};
use crate::text::{clean_line, one_line};

/// The dialect that drafts are asked for in.
fn parse(markdown: &str) -> Parser<'_> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES)
}

/// One set of extensions a dialect: some take characters away from others (`~` is a subscript to one
/// and strikes through for another), so all at once would not show what each makes of a text.
fn dialects() -> impl Iterator<Item = Options> {
    let single = Options::all()
        .iter()
        .map(|option| option | Options::ENABLE_TABLES);
    [Options::empty(), Options::ENABLE_TABLES, Options::all()]
        .into_iter()
        .chain(single)
}

/// Everything that is wrong with `text`, each problem once, as `{name} …`. `hosts` are the sites that
/// may be linked to.
pub(crate) fn problems(name: &str, text: &str, hosts: &BTreeSet<String>) -> Vec<String> {
    let mut found = Findings::default();
    for options in dialects() {
        found.read(Parser::new_ext(text, options), false);
    }
    // A dialect without fences reads what stands between them.
    for code in code_blocks(text) {
        for options in dialects() {
            found.read(Parser::new_ext(&code, options), true);
        }
    }
    let prose = prose(text);
    found
        .targets
        .extend(hosts_in(&prose).into_iter().map(Target::Host));
    found
        .targets
        .extend(mail_hosts_in(&prose).into_iter().map(Target::Mail));
    found.leftover = leftover(text);

    let mut problems = Vec::new();
    if found.html {
        problems.push(format!("{name} holds HTML"));
    }
    if found.image {
        problems.push(format!("{name} holds an image"));
    }
    for what in &found.other {
        problems.push(format!("{name} holds {what}"));
    }
    for target in &found.targets {
        match target {
            Target::SameSite => {}
            Target::Host(host) if hosts.contains(host) => {}
            Target::Mail(host) if hosts.contains(host) => {}
            Target::Host(host) => problems.push(format!(
                "{name} links to {}, which the page does not name",
                clean_line(host)
            )),
            Target::Mail(host) => problems.push(format!(
                "{name} has an address at {}, which the page does not name",
                clean_line(host)
            )),
            Target::Scheme(scheme) => problems.push(format!(
                "{name} has a link of the kind {}:",
                clean_line(scheme)
            )),
        }
    }
    if problems.is_empty()
        && let Some(what) = found.leftover
    {
        problems.push(format!(
            "{name} holds markup that is not understood: {what}"
        ));
    }
    problems
}

#[derive(Default)]
struct Findings {
    html: bool,
    image: bool,
    /// Further constructs that a section has no use for.
    other: BTreeSet<&'static str>,
    targets: BTreeSet<Target>,
    leftover: Option<String>,
}

impl Findings {
    /// Notes what one dialect makes of a text. `in_code`: the text is shown as it stands by most, so
    /// that examples of markup are fine in it as long as they are harmless where they come to life.
    fn read(&mut self, parser: Parser<'_>, in_code: bool) {
        // A definition that no link uses is not shown, but another reader may find a use.
        let definitions = parser.reference_definitions().iter();
        self.targets
            .extend(definitions.map(|(_, definition)| target(&definition.dest)));
        for event in parser {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => {
                    self.html |= !in_code || is_live(&html);
                }
                Event::Start(Tag::Image { .. }) => self.image = true,
                Event::Start(Tag::Link {
                    link_type: LinkType::WikiLink { .. },
                    ..
                }) if in_code => {}
                Event::Start(Tag::Link {
                    link_type: LinkType::Email,
                    dest_url,
                    ..
                }) => {
                    self.targets.insert(target(&format!("mailto:{dest_url}")));
                }
                Event::Start(Tag::Link { dest_url, .. }) => {
                    self.targets.insert(target(&dest_url));
                }
                Event::Start(Tag::FootnoteDefinition(_)) | Event::FootnoteReference(_)
                    if !in_code =>
                {
                    self.other.insert("a footnote");
                }
                Event::Start(Tag::Heading {
                    id, classes, attrs, ..
                }) if !in_code && (id.is_some() || !classes.is_empty() || !attrs.is_empty()) => {
                    self.other.insert("attributes");
                }
                Event::Start(Tag::MetadataBlock(_)) if !in_code => {
                    self.other.insert("a block of metadata");
                }
                _ => {}
            }
        }
    }
}

/// Whether a piece of HTML runs, loads or leads anywhere, should it ever be read as HTML.
fn is_live(html: &str) -> bool {
    let html = html.to_lowercase();
    let tags = [
        "<script",
        "<iframe",
        "<object",
        "<embed",
        "<img",
        "<svg",
        "<math",
        "<a ",
        "<form",
        "<link",
        "<meta",
        "<base",
        "<style",
        "<video",
        "<audio",
        "<template",
        "<input",
        "<button",
    ];
    tags.iter().any(|tag| html.contains(tag)) || html.contains(" on") && html.contains('=')
}

/// The text of each block of code.
fn code_blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for event in parse(markdown) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => open = Some(String::new()),
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            Event::Text(text) => {
                if let Some(block) = &mut open {
                    block.push_str(&text);
                }
            }
            _ => {}
        }
    }
    blocks
}

/// Markup in what is left as plain text once every dialect has had its turn: the start of an image, a
/// footnote, a link without its end, a template or a shortcode.
fn leftover(markdown: &str) -> Option<String> {
    let mut text = String::new();
    let mut in_code = false;
    for event in Parser::new_ext(markdown, Options::all() - Options::ENABLE_MATH) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(part) if !in_code => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::Item
                | TagEnd::TableCell
                | TagEnd::DefinitionListTitle
                | TagEnd::DefinitionListDefinition,
            ) => text.push('\n'),
            _ => {}
        }
    }
    let marks = [
        "](",
        "][",
        "![",
        "[^",
        "[[",
        "{{",
        "{%",
        "{:",
        "{#",
        "{.",
        "javascript:",
        "vbscript:",
        "data:text",
    ];
    let lower = text.to_lowercase();
    let found = marks.iter().find(|mark| lower.contains(*mark));
    // `[name]: address`, which an emphasis or a list kept from being a definition; `:::` of a directive.
    let is_definition = |line: &str| line.trim_start().starts_with('[') && line.contains("]:");
    let line = lower.lines().find(|line| {
        is_definition(line)
            || line.trim_start().starts_with(":::")
            || has_attribute(line, '{', '}')
            || has_attribute(line, '[', ']')
    });
    found
        .map(ToString::to_string)
        .or_else(|| line.map(clean_line))
}

/// Whether `name="value"` stands in brackets, as in a shortcode or a list of attributes.
fn has_attribute(line: &str, open: char, close: char) -> bool {
    line.split(open).skip(1).any(|rest| {
        let inside = rest.split(close).next().unwrap_or_default();
        rest.contains(close)
            && ["=\"", "='", "=“", "=‘", "=”", "=’"]
                .iter()
                .any(|mark| inside.contains(mark))
    })
}

/// What a reader sees of Markdown. Emphasis within a word does not break it, so that it cannot
/// hide an address; the end of a block does.
pub(crate) fn prose(markdown: &str) -> String {
    let mut text = String::new();
    for event in parse(markdown) {
        match event {
            Event::Text(part) | Event::Code(part) => text.push_str(&part),
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link) => {}
            Event::SoftBreak | Event::HardBreak | Event::End(_) => text.push(' '),
            _ => {}
        }
    }
    text
}

/// Whether a heading stands at `level` or above.
pub(crate) fn has_heading_from(markdown: &str, level: u8) -> bool {
    dialects().any(|options| {
        Parser::new_ext(markdown, options).any(|event| {
            matches!(event, Event::Start(Tag::Heading { level: found, .. }) if number(found) <= level)
        })
    })
}

/// The text with its headings moved down, so that none stands at `level` or above.
pub(crate) fn below(markdown: &str, level: u8) -> String {
    let headings: Vec<(usize, u8)> = parse(markdown)
        .into_offset_iter()
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Heading { level, .. }) => Some((range.start, number(level))),
            _ => None,
        })
        .filter(|&(start, _)| markdown[start..].starts_with('#'))
        .collect();
    let highest = headings.iter().map(|&(_, level)| level).min().unwrap_or(6);
    let shift = (level + 1).saturating_sub(highest);
    let mut text = markdown.to_owned();
    for &(start, found) in headings.iter().rev() {
        text.insert_str(start, &"#".repeat(usize::from(shift.min(6 - found))));
    }
    text
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

/// What a section says, in passages as the page itself is cut: one a paragraph, list, table or block of code. What only repeats
/// a question answers none, so headings, questions and words that are a query are left out.
pub fn passages(markdown: &str, queries: &[String]) -> Vec<String> {
    let queries: Vec<Vec<String>> = queries.iter().map(|query| words(query)).collect();
    let mut passages = Vec::new();
    // A list or table is one passage of many units.
    let (mut passage, mut unit) = (String::new(), String::new());
    let mut depth = 0usize;
    let end_unit = |unit: &mut String, passage: &mut String| {
        let text = one_line(unit);
        unit.clear();
        let is_echo = text.ends_with(['?', '？', '؟']) || queries.contains(&words(&text));
        if !text.is_empty() && !is_echo {
            if !passage.is_empty() {
                passage.push(' ');
            }
            passage.push_str(&text);
        }
    };
    for event in parse(markdown) {
        match event {
            Event::Text(part) | Event::Code(part) => unit.push_str(&part),
            Event::SoftBreak | Event::HardBreak => unit.push(' '),
            Event::End(TagEnd::Heading(_)) => unit.clear(),
            Event::Start(Tag::List(_) | Tag::Table(_) | Tag::BlockQuote(_)) => {
                end_unit(&mut unit, &mut passage);
                depth += 1;
            }
            Event::End(end) => {
                match end {
                    TagEnd::Paragraph
                    | TagEnd::CodeBlock
                    | TagEnd::Item
                    | TagEnd::TableCell
                    | TagEnd::DefinitionListDefinition
                    | TagEnd::DefinitionListTitle => end_unit(&mut unit, &mut passage),
                    TagEnd::List(_) | TagEnd::Table | TagEnd::BlockQuote(_) => {
                        depth = depth.saturating_sub(1);
                    }
                    _ => {}
                }
                if depth == 0 && unit.is_empty() && !passage.is_empty() {
                    passages.push(std::mem::take(&mut passage));
                }
            }
            _ => {}
        }
    }
    end_unit(&mut unit, &mut passage);
    if !passage.is_empty() {
        passages.push(passage);
    }
    passages
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !c.is_alphanumeric());
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::passages;

    #[test]
    fn what_repeats_a_question_is_no_answer() {
        let queries = ["bike insurance uk".to_owned()];
        let said = |markdown: &str| passages(markdown, &queries);
        assert_eq!(
            said(
                "A policy costs *60 to 120 pounds* a year.\n\nIt covers theft.\n\n- from home\n- at work\n"
            ),
            [
                "A policy costs 60 to 120 pounds a year.",
                "It covers theft.",
                "from home at work"
            ]
        );
        assert_eq!(
            said(
                "### Bike insurance\n\nIs it worth it?\n\n- Bike insurance, UK\n- Theft is covered.\n"
            ),
            ["Theft is covered."]
        );
        assert!(said("## Questions\n\n1. Bike insurance UK\n2. What does it cost?\n").is_empty());
    }
}
