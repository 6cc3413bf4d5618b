//! The plan of the sample site when its pages are analysed as its editor would: what is left are the decisions of this crate. The
//! whole way, with what the stages find, is tested in tests/site.

use pageperfect_site::links::{LinkFinder, PageText, Segment};
use pageperfect_site::model::{
    Before, Curve, Elsewhere, Page, PageEdit, PageTopic, TopicQuery, key,
};
use pageperfect_site::plan::{Edit, Input, Kind, Plan, Planner};
use pageperfect_site::topics::{Grouping, TopicRef};
use pageperfect_site::words::{Profile, stems};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

struct Sample {
    labels: Value,
    pages: Vec<Page>,
    texts: Vec<PageText>,
    profiles: Vec<Profile>,
    elsewhere: Vec<Elsewhere>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../cli/sample-site")
}

/// Between two marks, wherever they stand.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    (text.split(start).skip(1))
        .filter_map(|rest| rest.split_once(end).map(|(inside, _)| inside))
        .collect()
}

fn plain(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text += part.rsplit_once('>').map_or(part, |(_, text)| text);
    }
    text
}

fn sample() -> Sample {
    let labels: Value =
        serde_json::from_slice(&std::fs::read(folder().join("labels.json")).unwrap()).unwrap();
    let base = labels["base"].as_str().unwrap();
    let paths: Vec<&String> = labels["pages"].as_object().unwrap().keys().collect();
    let index = |path: &str| paths.iter().position(|known| *known == path).unwrap();

    // Rows of the last two fortnights, and of the two before.
    let mut rows: BTreeMap<(String, String), [[f64; 3]; 2]> = BTreeMap::new();
    let csv = std::fs::read_to_string(folder().join("export.csv")).unwrap();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [page, query, date, clicks, impressions, position] = fields[..] else {
            panic!("{line}");
        };
        let numbers = [clicks, impressions, position].map(|x| x.parse::<f64>().unwrap());
        let period = usize::from(date < "2026-09-20");
        let row = &mut rows
            .entry((page[base.len()..].to_owned(), query.to_owned()))
            .or_default()[period];
        row[0] += numbers[0];
        row[1] += numbers[1];
        row[2] += numbers[1] * numbers[2];
    }

    let edits = labels["edits"].as_array().unwrap();
    let planted = |path: &str, query: &str| {
        edits.iter().find(|edit| {
            edit["pages"]
                .as_array()
                .unwrap()
                .iter()
                .any(|page| page == path)
                && edit["queries"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|text| text == query)
        })
    };
    let mut pages: Vec<Page> = Vec::new();
    let mut elsewhere = Vec::new();
    let (mut texts, mut profiles) = (Vec::new(), Vec::new());
    for path in &paths {
        let html = std::fs::read_to_string(folder().join(&path[1..]).join("index.html")).unwrap();
        let (_, main) = html.split_once("<main>").unwrap();
        let title = plain(between(main, "<h1>", "</h1>")[0]);
        let mut page = Page {
            id: (*path).clone(),
            url: format!("{base}{path}"),
            title: title.clone(),
            page_type: match labels["pages"][*path].as_str().unwrap() {
                "guide" | "post" => "article",
                other => other,
            }
            .to_owned(),
            ..Page::default()
        };
        let mut topics: BTreeMap<String, PageTopic> = BTreeMap::new();
        for ((_, query), [now, past]) in rows
            .range(((*path).clone(), String::new())..=((*path).clone(), "\u{10ffff}".to_owned()))
        {
            let class = labels["queries"][*path][&query[..]].as_str().unwrap();
            let edit = planted(path, query);
            let name = edit.map_or(query.clone(), |edit| edit["id"].to_string());
            let coverage = match class {
                "answered" => 0.85,
                "partly" => 0.5,
                _ => 0.2,
            };
            let count = topics.len() as i64;
            let topic = topics.entry(name).or_insert_with(|| PageTopic {
                topic_index: count,
                label: query.clone(),
                kind: match class {
                    "answered" | "brand" | "navigation" | "unrelated" | "partly" => class,
                    _ => "gap",
                }
                .to_owned(),
                intent: Some("informational".to_owned()),
                queries: Vec::new(),
            });
            if class == "elsewhere" {
                elsewhere.push(Elsewhere {
                    page: index(path),
                    query: query.clone(),
                    other: index(edit.unwrap()["target"].as_str().unwrap()),
                    coverage: 0.85,
                    segment_id: None,
                });
            }
            topic.queries.push(TopicQuery {
                query: query.clone(),
                clicks: now[0],
                impressions: now[1],
                position: now[2] / now[1],
                coverage,
                segment_id: None,
                before: (past[1] > 0.0).then(|| Before {
                    clicks: past[0],
                    impressions: past[1],
                    position: past[2] / past[1],
                }),
                key: key(query),
                stems: stems(query).collect(),
            });
        }
        for topic in topics.values() {
            let kind = match &topic.kind[..] {
                "gap" => "write",
                "partly" => "extend",
                _ => continue,
            };
            page.edits.push(PageEdit {
                kind: kind.to_owned(),
                topic_index: topic.topic_index,
                confidence: 0.7,
                ..PageEdit::default()
            });
        }
        page.topics = topics.into_values().collect();
        // Each paragraph under its heading.
        let segments: Vec<Segment> = (main.split("<h2>"))
            .flat_map(|section| {
                let heading = section
                    .split_once("</h2>")
                    .map(|(heading, _)| plain(heading));
                let path: Vec<String> = std::iter::once(title.clone()).chain(heading).collect();
                (between(section, "<p>", "</p>").into_iter()).map(move |html| (path.clone(), html))
            })
            .enumerate()
            .map(|(id, (heading_path, html))| Segment {
                id: id as i64,
                kind: "paragraph".to_owned(),
                heading_path,
                text: plain(html),
            })
            .collect();
        let article = main.split_once("</main>").unwrap().0;
        let headings: Vec<String> = between(article, "<h2>", "</h2>")
            .iter()
            .map(|html| plain(html))
            .collect();
        let passages = (segments.iter())
            .map(|segment| (segment.id, &segment.text[..], &segment.heading_path[..]));
        let profile = Profile::new(
            &title,
            headings.iter().map(|heading| &heading[..]),
            passages,
        );
        profiles.push(profile);
        texts.push(PageText {
            segments,
            links: between(article, "href=\"", "\"")
                .into_iter()
                .map(str::to_owned)
                .collect(),
        });
        pages.push(page);
    }
    Sample {
        labels,
        pages,
        texts,
        profiles,
        elsewhere,
    }
}

/// Every topic of a page beside one of the next page, as if they meant the same.
fn rivals(sample: &Sample) -> Vec<(TopicRef, TopicRef, f64)> {
    let topic = |page: usize, topic: usize| {
        (topic < sample.pages[page].topics.len()).then_some(TopicRef { page, topic })
    };
    (0..sample.pages.len() - 1)
        .flat_map(|page| {
            (0..3).filter_map(move |at| Some((topic(page, at)?, topic(page + 1, at)?)))
        })
        .map(|(a, b)| (a, b, 0.95))
        .collect()
}

fn planner(sample: &Sample, similar: Vec<(TopicRef, TopicRef, f64)>) -> Planner {
    let curve = Curve(vec![
        0.3, 0.15, 0.1, 0.07, 0.05, 0.04, 0.03, 0.025, 0.02, 0.018, 0.012,
    ]);
    let mut planner = Planner::new(Input {
        pages: sample.pages.clone(),
        profiles: sample.profiles.clone(),
        grouping: Grouping::of_pages(&sample.pages, &similar),
        curve,
        period_days: 28.0,
        top: None,
    });
    sample
        .elsewhere
        .iter()
        .for_each(|found| planner.push(found));
    planner
}

fn made(mut planner: Planner) -> Planner {
    assert_eq!(planner.step(usize::MAX), 0.0);
    planner
}

fn planned(sample: &Sample) -> Planner {
    made(planner(sample, Vec::new()))
}

/// Whether a label is this text, or has it among its texts.
fn has(label: &Value, text: &str) -> bool {
    match label {
        Value::String(one) => one == text,
        Value::Array(several) => several.iter().any(|one| one == text),
        _ => false,
    }
}

/// The planted edit that one of the plan stands for: the same kind, page, target, and mostly its queries.
fn planted<'a>(sample: &'a Sample, edit: &Edit) -> Option<&'a str> {
    let path = |page: usize| &sample.pages[page].id;
    sample.labels["edits"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|label| {
            let has = |value: &Value, text: &str| match value {
                Value::String(one) => one == text,
                Value::Array(several) => several.iter().any(|one| one == text),
                _ => false,
            };
            let kind = serde_json::to_value(edit.kind).unwrap();
            let common = edit
                .queries
                .iter()
                .filter(|query| has(&label["queries"], query))
                .count();
            let is_right = label["kind"] == kind
                && has(&label["pages"], path(edit.page))
                && edit
                    .target
                    .is_none_or(|target| has(&label["target"], path(target)))
                && 2 * common >= edit.queries.len();
            is_right.then(|| label["id"].as_str().unwrap())
        })
}

#[test]
fn every_planted_edit_is_found_and_no_other() {
    let sample = sample();
    let planner = planned(&sample);
    let (plan, _) = planner.plan();
    let mut found: Vec<&str> = Vec::new();
    for edit in plan.edits {
        let Some(id) = planted(&sample, edit) else {
            panic!("not planted: {edit:#?}");
        };
        found.push(id);
    }
    let labels = sample.labels["edits"].as_array().unwrap();
    for label in labels {
        let id = label["id"].as_str().unwrap();
        assert!(found.contains(&id), "{id} is not found");
    }
    assert_eq!(found.len(), labels.len());
    let ranked: Vec<f64> = plan.edits.iter().map(|edit| edit.expected_clicks).collect();
    assert!(ranked.is_sorted_by(|a, b| a >= b));
}

#[test]
fn what_the_site_answers_is_never_to_be_written() {
    let sample = sample();
    let answered: Vec<u64> = (sample.pages.iter().flat_map(|page| &page.topics))
        .flat_map(|topic| &topic.queries)
        .filter(|query| query.coverage >= 0.7)
        .map(|query| key(&query.query))
        .chain(sample.elsewhere.iter().map(|found| key(&found.query)))
        .collect();
    for edit in planned(&sample).plan().0.edits {
        if matches!(edit.kind, Kind::Write | Kind::Extend | Kind::NewPage) {
            for query in &edit.queries {
                assert!(!answered.contains(&key(query)), "{query}");
            }
        }
    }
}

#[test]
fn decayed_topics_are_found() {
    let sample = sample();
    let planner = planned(&sample);
    let (plan, _) = planner.plan();
    let fallen: Vec<&str> = plan
        .decays
        .iter()
        .map(|decay| &sample.pages[decay.page].id[..])
        .collect();
    assert_eq!(fallen, ["/blog/iced-coffee/", "/guides/milk-steaming/"]);
    for edit in plan.edits {
        let is_planted = planted(&sample, edit).is_some_and(|id| id.starts_with('D'));
        assert_eq!(edit.is_decayed, is_planted, "{edit:#?}");
    }
}

#[test]
fn links_name_pages_by_what_they_are_searched_for() {
    let sample = sample();
    let (_, finder) = planned(&sample).plan();
    let mut suggested = Vec::new();
    for (page, text) in sample.pages.iter().zip(&sample.texts) {
        for link in finder.find(&page.id, text) {
            assert!(link.sentence.contains(&link.anchor));
            suggested.push((link.page_id, link.target_page_id));
        }
    }
    let pairs = |field: &str| sample.labels[field].as_array().unwrap().clone();
    let is_suggested = |label: &Value| {
        (suggested.iter())
            .any(|(page, target)| has(&label["page"], page) && has(&label["target"], target))
    };
    for pair in pairs("links") {
        assert!(is_suggested(&pair), "{pair} is not suggested");
    }
    for pair in pairs("existing_links") {
        assert!(!is_suggested(&pair), "{pair} is there already");
    }
}

/// All that a plan says, to the last bit.
fn bytes(planner: &Planner) -> String {
    let (plan, finder): (Plan, LinkFinder) = planner.plan();
    serde_json::to_string(&(plan, finder)).unwrap()
}

#[test]
fn the_same_input_gives_the_same_plan_however_it_is_cut() {
    let sample = sample();
    let begun = || planner(&sample, rivals(&sample));
    let whole = bytes(&made(begun()));
    assert_eq!(whole, bytes(&made(begun())));
    assert_ne!(whole, bytes(&planned(&sample)), "rivals change the plan");
    // At every unit of work, and in pieces that do not end with the phases.
    for count in [1, 7, 250] {
        let (mut state, mut last) = (begun().checkpoint(), f64::INFINITY);
        let cut = loop {
            let mut planner = begun();
            assert!(planner.restore(&state));
            let left = planner.step(count);
            assert!(left < last, "{left} after {last}");
            (state, last) = (planner.checkpoint(), left);
            if left == 0.0 {
                break planner;
            }
        };
        assert_eq!(bytes(&cut), whole, "in steps of {count}");
    }
}

#[test]
fn foreign_bytes_are_refused() {
    let sample = sample();
    let state = planned(&sample).checkpoint();
    let mut other = Planner::new(Input {
        pages: sample.pages[..3].to_vec(),
        profiles: sample.profiles[..3].to_vec(),
        grouping: Grouping::of_pages(&sample.pages[..3], &[]),
        curve: Curve(vec![0.3, 0.1]),
        period_days: 28.0,
        top: None,
    });
    assert!(!other.restore(&state));
    assert!(!other.restore(&[0xff]));
    assert_eq!(other.step(usize::MAX), 0.0);
}

/// `count` pages that all answer one query; `share`: its part of a page's impressions.
fn alike(count: usize, share: f64) -> Vec<Edit> {
    let query = |text: String, impressions: f64| TopicQuery {
        key: key(&text),
        stems: stems(&text).collect(),
        query: text,
        impressions,
        position: 8.0,
        coverage: 0.9,
        ..TopicQuery::default()
    };
    let topic = |topic_index: i64, query: TopicQuery| PageTopic {
        topic_index,
        label: query.query.clone(),
        kind: "answered".to_owned(),
        queries: vec![query],
        ..PageTopic::default()
    };
    let pages: Vec<Page> = (0..count)
        .map(|index| Page {
            id: index.to_string(),
            url: format!("https://example.com/{index}"),
            page_type: "article".to_owned(),
            topics: vec![
                topic(0, query("moka pot".to_owned(), 1_000.0 * share)),
                topic(1, query(format!("own{index}"), 1_000.0 * (1.0 - share))),
            ],
            ..Page::default()
        })
        .collect();
    let mut planner = Planner::new(Input {
        profiles: (pages.iter())
            .map(|page| Profile::new(&page.title, [].into_iter(), [].into_iter()))
            .collect(),
        grouping: Grouping::of_pages(&pages, &[]),
        pages,
        curve: Curve(vec![0.3, 0.15, 0.1]),
        period_days: 28.0,
        top: None,
    });
    assert_eq!(planner.step(usize::MAX), 0.0);
    planner.plan().0.edits.to_vec()
}

#[test]
fn pages_that_are_all_alike_make_no_edit_for_every_pair() {
    let of_kind = |edits: &[Edit], kind: Kind, page: usize| {
        (edits.iter())
            .filter(|edit| edit.kind == kind && edit.page == page)
            .count()
    };
    let merged = alike(9, 0.8);
    let linked = alike(9, 0.2);
    assert!(merged.iter().any(|edit| edit.kind == Kind::Merge));
    assert!(linked.iter().any(|edit| edit.kind == Kind::Link));
    for page in 0..9 {
        assert!(of_kind(&merged, Kind::Merge, page) <= 1);
        assert_eq!(of_kind(&merged, Kind::Link, page), 0);
        assert!(of_kind(&linked, Kind::Link, page) <= 5);
        assert_eq!(of_kind(&linked, Kind::Merge, page), 0);
    }
}
