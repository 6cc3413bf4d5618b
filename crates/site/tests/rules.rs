//! Decisions of a plan, one by one, on sites of a few pages.

use pageperfect_site::model::{Curve, Page, PageTopic, TopicQuery, key};
use pageperfect_site::plan::{Edit, Input, Kind, Planner};
use pageperfect_site::topics::{Grouping, TopicRef};
use pageperfect_site::words::{Profile, stems};

/// A query at position 9, and how well its page covers it.
fn query(text: &str, coverage: f64) -> TopicQuery {
    TopicQuery {
        query: text.to_owned(),
        impressions: 1_000.0,
        position: 9.0,
        coverage,
        key: key(text),
        stems: stems(text).collect(),
        ..TopicQuery::default()
    }
}

struct Site {
    pages: Vec<Page>,
    profiles: Vec<Profile>,
}

impl Site {
    /// Thirty pages that share no word with others.
    fn new() -> Self {
        let mut site = Self {
            pages: Vec::new(),
            profiles: Vec::new(),
        };
        for number in 0..30 {
            site.add(&format!("page{number}x"), &[], "gap", Vec::new());
        }
        site
    }

    /// A page; `passages`: the section's heading, empty before the first one, and text. Returns its number.
    fn add(
        &mut self,
        title: &str,
        passages: &[(&str, &str)],
        kind: &str,
        queries: Vec<TopicQuery>,
    ) -> usize {
        let paths: Vec<Vec<String>> = (passages.iter())
            .map(|(heading, _)| {
                [title, heading]
                    .iter()
                    .filter(|text| !text.is_empty())
                    .map(|&text| text.to_owned())
                    .collect()
            })
            .collect();
        self.profiles.push(Profile::new(
            title,
            passages.iter().map(|(heading, _)| *heading),
            (passages.iter().zip(&paths).enumerate())
                .map(|(id, ((_, text), path))| (id as i64, *text, &path[..])),
        ));
        let topics = (queries.into_iter().enumerate())
            .map(|(index, query)| PageTopic {
                topic_index: index as i64,
                label: query.query.clone(),
                kind: kind.to_owned(),
                intent: None,
                queries: vec![query],
            })
            .collect();
        self.pages.push(Page {
            id: self.pages.len().to_string(),
            url: format!("https://example.com/{}", self.pages.len()),
            title: title.to_owned(),
            page_type: "article".to_owned(),
            topics,
            edits: Vec::new(),
        });
        self.pages.len() - 1
    }

    fn edits(self, similar: &[(TopicRef, TopicRef, f64)]) -> Vec<Edit> {
        let mut planner = Planner::new(Input {
            grouping: Grouping::of_pages(&self.pages, similar),
            pages: self.pages,
            profiles: self.profiles,
            curve: Curve(vec![0.3, 0.15, 0.1, 0.07, 0.05, 0.04, 0.03, 0.02]),
            period_days: 28.0,
            top: None,
        });
        assert_eq!(planner.step(usize::MAX), 0.0);
        planner.plan().0.edits.to_vec()
    }
}

#[test]
fn what_is_asked_in_the_same_way_of_two_things_does_not_compete() {
    let of_two = |second: (&str, &str), asked: &str| {
        let mut site = Site::new();
        let first = site.add(
            "Lavender",
            &[("Water", "Water lavender once a week.")],
            "answered",
            vec![query("watering lavender", 0.9)],
        );
        let second = site.add(
            second.0,
            &[("Water", second.1)],
            "answered",
            vec![query(asked, 0.9)],
        );
        let topic = |page| TopicRef { page, topic: 0 };
        let edits = site.edits(&[(topic(first), topic(second), 0.95)]);
        (edits.iter()).any(|edit| matches!(edit.kind, Kind::Merge | Kind::Link))
    };
    assert!(!of_two(
        ("Succulents", "Water succulents once a month."),
        "watering succulents"
    ));
    assert!(of_two(
        ("Lavender in pots", "Water lavender in a pot twice a week."),
        "lavender watering"
    ));
}

#[test]
fn pages_compete_by_meaning_alone_when_one_of_them_is_about_little_else() {
    let is_contest = |others: [&str; 2], shared: &str| {
        let mut site = Site::new();
        let passages = [("Water", "Water lavender in pots once a week, or twice.")];
        let asked = |first: &str, other: &str| {
            let many = TopicQuery {
                impressions: 2_000.0,
                ..query(other, 0.9)
            };
            vec![query(first, 0.9), many]
        };
        let first = site.add(
            "Lavender",
            &passages,
            "answered",
            asked("water lavender", others[0]),
        );
        let second = site.add(
            "Lavender in pots",
            &passages,
            "answered",
            asked(shared, others[1]),
        );
        let topic = |page| TopicRef { page, topic: 0 };
        let edits = site.edits(&[(topic(first), topic(second), 0.95)]);
        (edits.iter()).any(|edit| matches!(edit.kind, Kind::Merge | Kind::Link))
    };
    assert!(!is_contest(
        ["twice lavender", "pots week"],
        "lavender water pots"
    ));
    assert!(is_contest(
        ["twice lavender", "pots week"],
        "water lavender"
    ));
}

#[test]
fn most_of_the_words_in_one_passage_and_a_near_answer_are_an_answer() {
    let kinds = |kind: &str, coverage: f64, position: f64| -> Vec<Kind> {
        let mut site = Site::new();
        let asked = TopicQuery {
            position,
            ..query("freeze sourdough starter", coverage)
        };
        site.add(
            "Bread",
            &[
                ("", "Bread is flour."),
                ("Keeping", "You can freeze a starter for months."),
            ],
            kind,
            vec![asked],
        );
        site.edits(&[]).iter().map(|edit| edit.kind).collect()
    };
    assert_eq!(kinds("gap", 0.4, 9.0), [Kind::Improve]);
    assert_eq!(kinds("gap", 0.1, 9.0), [Kind::Extend]);
    assert_eq!(kinds("partly", 0.4, 9.0), [Kind::Extend]);
    // Found at the top.
    assert_eq!(kinds("gap", 0.4, 4.0), []);
}

#[test]
fn a_page_with_sections_does_not_grow_before_the_first_of_them() {
    let place = |passages: &[(&str, &str)]| {
        let mut site = Site::new();
        let asked = ["ash as fertiliser", "how much ash for roses"];
        site.add(
            "Compost",
            passages,
            "gap",
            asked.map(|text| query(text, 0.2)).to_vec(),
        );
        let edits = site.edits(&[]);
        let edit = (edits.iter()).find(|edit| edit.queries.iter().any(|text| text == asked[0]));
        let edit = edit.expect("an edit");
        let after = edit
            .place
            .as_ref()
            .and_then(|place| place.get("after_heading"));
        (
            edit.kind,
            after.and_then(|after| after.as_str()).map(str::to_owned),
        )
    };
    let intro = ("", "We use leaves, ash and manure.");
    let section = ("Wood", "A handful of ash a year.");
    let other = ("Leaves", "Leaves rot for a year.");
    let of = |heading: &str| Some(heading.to_owned());
    assert_eq!(place(&[intro, section, other]), (Kind::Extend, of("Wood")));
    assert_eq!(place(&[intro, other]), (Kind::Write, of("Leaves")));
    assert_eq!(place(&[intro]), (Kind::Extend, of("Compost")));
}

#[test]
fn what_is_shown_far_down_and_no_page_is_about_by_half_takes_a_new_page() {
    let kind = |title: &str| {
        let mut site = Site::new();
        site.add("Tanks for all", &[], "gap", Vec::new());
        let asked = TopicQuery {
            position: 24.0,
            ..query("saltwater reef tank for beginners", 0.0)
        };
        site.add(title, &[("Filters", "Rinse them.")], "gap", vec![asked]);
        site.edits(&[])[0].kind
    };
    assert_eq!(kind("Filters"), Kind::NewPage);
    assert_eq!(kind("Reef tanks with saltwater"), Kind::Write);
}
