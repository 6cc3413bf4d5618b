//! How long the plan of a made-up site takes, and its memory: `scale PAGES`. Prints JSON (bench/site).
//!
//! Each page has 100 queries in 40 topics and 20 segments of 60 words; every tenth query stands on two pages.

use pageperfect_site::links::{PageText, Segment};
use pageperfect_site::model::{Page, PageTopic, TopicQuery};
use pageperfect_site::pack::{Indexer, Pack, Packer};
use pageperfect_site::search::Reader;
use pageperfect_site::site::{Found, PageInput, Settings, Site, Summary};
use pageperfect_site::topics::Grouper;
use std::time::{Duration, Instant};

/// Units of work in a step of the plan.
const STEP: usize = 500;

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % below
    }
}

fn word(index: usize) -> String {
    // As in a language: few words are frequent, and they are short.
    const SYLLABLES: [&str; 20] = [
        "ka", "lo", "mi", "ren", "tu", "sa", "vor", "ne", "pil", "dra", "go", "shu", "bel", "fi",
        "cor", "ja", "wen", "xo", "yri", "zam",
    ];
    let mut rest = index + 20;
    let mut text = String::new();
    while rest > 0 {
        text += SYLLABLES[rest % 20];
        rest /= 20;
    }
    text
}

fn page(index: usize) -> PageInput {
    let mut random = Random(index as u64 * 7919 + 12345);
    // Zipf: half of all words are among the first hundred.
    let common = |random: &mut Random| {
        let u = (random.next(1_000_000) as f64 + 1.0) / 1e6;
        word((20_000f64.powf(u) - 1.0) as usize)
    };
    let own: Vec<String> = (0..60).map(|k| word(20_000 + index * 60 + k)).collect();
    let segments = (0..20)
        .map(|id| Segment {
            id: (index * 20 + id) as i64,
            kind: if id % 5 == 0 { "heading" } else { "paragraph" }.to_owned(),
            heading_path: vec![format!("About {}", own[0])],
            text: (0..60)
                .map(|k| {
                    if k % 6 == 0 {
                        own[random.next(60)].clone()
                    } else {
                        common(&mut random)
                    }
                })
                .collect::<Vec<_>>()
                .join(" "),
        })
        .collect();
    let topics = (0..40)
        .map(|topic| PageTopic {
            topic_index: topic,
            label: own[topic as usize].clone(),
            kind: if topic % 3 == 0 { "gap" } else { "answered" }.to_owned(),
            intent: Some("informational".to_owned()),
            queries: (0..if topic < 20 { 3 } else { 2 })
                .map(|k| {
                    let borrowed = k == 1 && topic % 4 == 0;
                    let name = if borrowed {
                        word(20_000 + (index + 1) * 60 + topic as usize)
                    } else {
                        own[topic as usize].clone()
                    };
                    TopicQuery {
                        query: format!(
                            "{} {} {}",
                            common(&mut random),
                            name,
                            if borrowed {
                                String::new()
                            } else {
                                common(&mut random)
                            }
                        ),
                        impressions: (10 + random.next(1000)) as f64,
                        clicks: random.next(10) as f64,
                        position: 1.0 + random.next(200) as f64 / 10.0,
                        coverage: if topic % 3 == 0 { 0.2 } else { 0.9 },
                        ..TopicQuery::default()
                    }
                })
                .collect(),
        })
        .collect();
    PageInput {
        page: Page {
            id: format!("page-{index}"),
            url: format!("https://site.example/{index}"),
            title: format!("{} {}", own[0], own[1]),
            page_type: "article".to_owned(),
            topics,
            edits: Vec::new(),
        },
        text: PageText {
            segments,
            links: Vec::new(),
        },
    }
}

fn main() {
    let count: usize = std::env::args()
        .nth(1)
        .map_or(1000, |text| text.parse().expect("a number of pages"));
    let start = Instant::now();
    let inputs: Vec<PageInput> = (0..count).map(page).collect();
    let made = start.elapsed();
    let start = Instant::now();
    let summaries: Vec<Vec<u8>> = (inputs.into_iter())
        .map(|input| Summary::new(input).to_bytes())
        .collect();
    let summed_up = start.elapsed();
    let start = Instant::now();
    let bytes: usize = summaries.iter().map(Vec::len).sum();
    let summaries =
        || (summaries.iter()).map(|bytes| Summary::from_bytes(bytes).expect("a summary"));
    let mut grouper = Grouper::default();
    let mut indexer = Indexer::default();
    for summary in summaries() {
        grouper.push(summary.page());
        indexer.push(&summary);
    }
    let read = start.elapsed();
    let index = indexer.finish();
    let grouping = grouper.group(std::iter::empty()).to_bytes();
    let start = Instant::now();
    let mut reader = Reader::default();
    summaries().for_each(|summary| reader.push(summary));
    let candidates = reader.finish().candidates(0, count);
    let searched = start.elapsed();
    let found: Vec<Found> = candidates
        .iter()
        .flat_map(|candidate| {
            candidate.queries.iter().map(|query| Found {
                page_id: query.page_id.clone(),
                query: query.query.clone(),
                other_page_id: candidate.page_id.clone(),
                coverage: if query.query.len() % 5 == 0 { 0.9 } else { 0.3 },
                segment_id: None,
            })
        })
        .collect();
    let settings = Settings {
        period_days: 28.0,
        top: None,
    };
    let mut packer = Packer::new(index.clone());
    summaries().for_each(|summary| packer.push(summary));
    found.iter().for_each(|found| packer.push_answer(found));
    let pack = packer.take();
    let packed = pack.len();
    let start = Instant::now();
    let mut site = Site::default();
    site.push_pack(Pack::from_bytes(&pack).expect("a pack"));
    let planning = site.planning(settings, &index, &grouping);
    let mut planning = planning.expect("a grouping of these pages");
    let begun = start.elapsed();
    // The longest of the steps that an invocation looks at the clock between.
    let (mut steps, mut longest) = (0, Duration::ZERO);
    let start = Instant::now();
    loop {
        let start = Instant::now();
        let left = planning.step(STEP);
        longest = longest.max(start.elapsed());
        steps += 1;
        if left == 0.0 {
            break;
        }
    }
    let planned = start.elapsed();
    let checkpoint = planning.checkpoint();
    let start = Instant::now();
    assert!(planning.restore(&checkpoint));
    let restored = start.elapsed();
    let start = Instant::now();
    let (report, finder) = planning.report();
    let finder = serde_json::to_string(&finder).expect("JSON").len();
    let text = serde_json::to_string(&report).expect("JSON").len();
    let written = start.elapsed();
    println!(
        r#"{{"pages": {count}, "queries": {}, "made_ms": {}, "summary_ms": {}, "summary_bytes": {bytes}, "report_bytes": {text}, "finder_bytes": {finder}, "read_ms": {}, "candidates_ms": {}, "candidates": {}, "packed_bytes": {packed}, "begin_ms": {}, "plan_ms": {}, "steps": {steps}, "longest_step_ms": {}, "checkpoint_bytes": {}, "restore_ms": {}, "report_ms": {}, "edits": {}, "topics": {}}}"#,
        report.site.query_count,
        made.as_millis(),
        summed_up.as_millis(),
        read.as_millis(),
        searched.as_millis(),
        found.len(),
        begun.as_millis(),
        planned.as_millis(),
        longest.as_millis(),
        checkpoint.len(),
        restored.as_millis(),
        written.as_millis(),
        report.edits.len(),
        report.topics.len()
    );
}
