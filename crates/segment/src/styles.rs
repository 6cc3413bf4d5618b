//! Which elements the page's own style sheets hide.
//!
//! Only what decides that a reader sees nothing is read: rules with one compound selector (`.a`,
//! `#a`, `div.a.b`) that set `display` or `visibility`, outside of media that are not a usual
//! screen. A rule with more (`.menu .item`, `.item:hover`) depends on what scripts and readers do.

use crate::source::Source;
use html5ever::LocalName;
use memchr::{memchr, memchr3, memmem};
use rustc_hash::FxHashMap;

/// More than this in one page is a framework: what hides something in it waits for a script.
const MAX_BYTES: usize = 400_000;
const MAX_RULES: usize = 400;
/// An element of more classes than these is made to hurt.
const MAX_CLASSES: usize = 32;

#[derive(Default)]
pub struct Styles {
    /// By the id or else the first class that each asks for, the one that wins last.
    rules: FxHashMap<String, Vec<Rule>>,
}

struct Rule {
    element: String,
    id: String,
    classes: Vec<String>,
    hides: bool,
    /// It holds on screens of some width: what it shows there is there to be seen.
    is_of_width: bool,
}

impl Rule {
    fn matches(&self, name: &LocalName, class: &str, id: &str) -> bool {
        (self.id.is_empty() || self.id == id)
            && (self.element.is_empty() || *self.element == **name)
            && self.classes.iter().all(|wanted| {
                let mut classes = class.split_ascii_whitespace().take(MAX_CLASSES);
                classes.any(|class| class == wanted)
            })
    }

    /// A rule of more names wins, as does the later of the same.
    fn weight(&self) -> usize {
        1000 * usize::from(self.is_of_width)
            + 100 * usize::from(!self.id.is_empty())
            + 10 * self.classes.len()
            + usize::from(!self.element.is_empty())
    }
}

impl Styles {
    pub fn read(source: &Source) -> Styles {
        let mut rules = Vec::new();
        for &(start, end) in &source.styles {
            let css = &source.html[start..end];
            let is_said = |word: &str| memmem::find(css.as_bytes(), word.as_bytes()).is_some();
            if css.len() <= MAX_BYTES && (is_said("none") || is_said("hidden")) {
                read_rules(css, &mut rules);
            }
        }
        // Without a rule that hides, none that shows is of interest.
        if !rules.iter().any(|rule| rule.hides) {
            rules.clear();
        }
        rules.sort_by_key(Rule::weight);
        let mut by_name: FxHashMap<String, Vec<Rule>> = FxHashMap::default();
        for rule in rules {
            let name = if rule.id.is_empty() {
                &rule.classes[0]
            } else {
                &rule.id
            };
            by_name.entry(name.clone()).or_default().push(rule);
        }
        Styles { rules: by_name }
    }

    /// Whether an element of this name, `class` and `id` is hidden.
    pub fn hide(&self, name: &LocalName, class: &str, id: &str) -> bool {
        if self.rules.is_empty() || (class.is_empty() && id.is_empty()) {
            return false;
        }
        let names = class.split_ascii_whitespace().take(MAX_CLASSES).chain([id]);
        names
            .filter_map(|name| self.rules.get(name))
            .flatten()
            .filter(|rule| rule.matches(name, class, id))
            .max_by_key(|rule| rule.weight())
            .is_some_and(|rule| rule.hides)
    }
}

fn read_rules(css: &str, rules: &mut Vec<Rule>) {
    let bytes = css.as_bytes();
    // Where the selector starts, and for each open at-rule whether its rules hold on a screen.
    let (mut start, mut at) = (0, 0);
    let mut open: Vec<Holds> = Vec::new();
    while let Some(found) = memchr3(b'{', b'}', b'/', &bytes[at..]) {
        at += found;
        match bytes[at] {
            b'/' => {
                let is_comment = bytes.get(at + 1) == Some(&b'*');
                at += 1;
                if is_comment {
                    let Some(end) = memmem::find(&bytes[at..], b"*/") else {
                        return;
                    };
                    let before = css[start..at - 1].trim().is_empty();
                    at += end + 2;
                    if before {
                        start = at;
                    }
                }
            }
            b'}' => {
                open.pop();
                at += 1;
                start = at;
            }
            _ => {
                let selector = css[start..at].rsplit(';').next().unwrap_or("").trim();
                at += 1;
                start = at;
                if selector.starts_with('@') {
                    open.push(Holds::of(selector));
                    continue;
                }
                let Some(end) = memchr(b'}', &bytes[at..]) else {
                    return;
                };
                let hides = hides(&css[at..at + end]);
                at += end + 1;
                start = at;
                let is_of_width = open.contains(&Holds::OnSomeScreens);
                let is_read =
                    !(open.contains(&Holds::Elsewhere) || is_of_width && hides == Some(true));
                let Some(hides) = hides.filter(|_| is_read) else {
                    continue;
                };
                for selector in selector.split(',').take(50) {
                    if rules.len() < MAX_RULES {
                        let rule = compound(selector.trim(), hides);
                        rules.extend(rule.map(|rule| Rule {
                            is_of_width,
                            ..rule
                        }));
                    }
                }
            }
        }
    }
}

/// Where the rules in an at-rule hold.
#[derive(PartialEq)]
enum Holds {
    OnScreens,
    OnSomeScreens,
    Elsewhere,
}

impl Holds {
    fn of(rule: &str) -> Holds {
        let rule = rule.to_ascii_lowercase();
        let is_media = rule.starts_with("@media") || rule.starts_with("@container");
        if is_media && !rule.contains("print") {
            let asks =
                rule.contains("width") || rule.contains("height") || rule.contains("prefers");
            if asks {
                Holds::OnSomeScreens
            } else {
                Holds::OnScreens
            }
        } else if rule.starts_with("@layer") || rule.starts_with("@supports") {
            Holds::OnScreens
        } else {
            Holds::Elsewhere
        }
    }
}

/// Whether declarations hide or show; None when they do neither.
pub fn hides(declarations: &str) -> Option<bool> {
    let mut found = None;
    for (property, value) in declarations.split(';').filter_map(|d| d.split_once(':')) {
        let (property, value) = (property.trim(), value.trim());
        if property.eq_ignore_ascii_case("display") {
            found = Some(value.starts_with("none"));
        } else if property.eq_ignore_ascii_case("visibility") {
            found = Some(value.starts_with("hidden") || found == Some(true));
        }
    }
    found
}

fn compound(selector: &str, hides: bool) -> Option<Rule> {
    let mut rule = Rule {
        element: String::new(),
        id: String::new(),
        classes: Vec::new(),
        hides,
        is_of_width: false,
    };
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let mut rest = selector;
    while let Some(first) = rest.chars().next() {
        let is_element = is_name(first);
        let name = if is_element {
            rest
        } else {
            &rest[first.len_utf8()..]
        };
        let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        match first {
            _ if name.is_empty() => return None,
            '.' => rule.classes.push(name.to_owned()),
            '#' => name.clone_into(&mut rule.id),
            _ if is_element => rule.element = name.to_ascii_lowercase(),
            _ => return None,
        }
        rest = after;
    }
    // A bare element's rule says nothing about this page.
    (!rule.id.is_empty() || !rule.classes.is_empty()).then_some(rule)
}
