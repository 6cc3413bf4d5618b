//! `pageperfect-score cluster | gap | gaps | page | segment`: the crates behind stdin and stdout, for scorers.

mod gaps;
mod page;

use pageperfect_cluster::{ClusterSummary, Dbscan, Keyword, Keywords, split, summarize};
use pageperfect_gap::{Cluster, GapScorer, Gaps};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::error::Error;
use std::io::{self, BufRead, Read, Write};

const USAGE: &str = "\
usage: pageperfect-score COMMAND < INPUT > OUTPUT

  cluster            JSON lines {\"vectors\": [[..]], \"eps\": 0.3, \"min_pts\": 2}
                     to lines {\"labels\": [0, 0, -1]}, -1 for noise; with \"exact\" all pairs
                     are compared, with \"max_cluster_size\" larger clusters are split, with \"keywords\": [{\"query\", \"impressions\",
                     \"clicks\", \"position\"}] there are summaries in \"clusters\"
  gap                JSON lines {\"segments\": [[..]], \"vectors\": [[..]], \"clusters\":
                     [{\"is_noise\", \"impressions\", \"avg_position\"}], \"threshold\", \"top\"}
                     to lines {\"coverage\": [..], \"recommendations\": [..]}
  gaps --batch       JSON lines {\"id\", \"segments\": [{\"text\", \"heading_path\", \"embedding\"}], \"queries\":
                     [{\"query\", \"impressions\", \"clicks\", \"position\", \"embedding\"}]} to lines {\"id\",
                     \"queries\": [{\"gap\", \"is_gap\", \"topic\"}], \"gaps\": [{\"topic\", \"queries\", \"opportunity\"}]}
  gaps --whole       the same lines to all that is known of their queries and topics, and the features
                     that crates/coverage/fit fits on
  page               JSON lines {\"facts\", \"language\", \"segments\", \"rows\", \"segment_vectors\", \"query_vectors\"}
                     to what crates/advice decides: {\"topics\", \"edits\", ..}
  segment            one HTML page to {\"paragraphs\": [\"..\"]}, its title told apart
  segment --batch    JSON lines {\"id\", \"url\", \"html\"} to lines {\"id\", \"paragraphs\"}
  segment --whole    the same lines to {\"id\", \"title\", .., \"segments\"}: all that the wasm module
                     answers, short blocks joined and long ones split
";

#[derive(Deserialize)]
struct Points {
    vectors: Vec<Vec<f32>>,
    eps: f64,
    min_pts: u32,
    #[serde(default)]
    exact: bool,
    max_cluster_size: Option<usize>,
    keywords: Option<Vec<Keyword>>,
}

#[derive(Serialize)]
struct Labels {
    labels: Vec<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clusters: Option<Vec<ClusterSummary>>,
}

#[derive(Deserialize)]
struct Coverage {
    segments: Vec<Vec<f32>>,
    vectors: Vec<Vec<f32>>,
    clusters: Vec<Cluster>,
    threshold: f64,
    top: usize,
}

#[derive(Deserialize)]
struct Page {
    id: Value,
    url: String,
    html: String,
}

#[derive(Serialize)]
struct Segments {
    #[serde(skip_serializing_if = "Value::is_null")]
    id: Value,
    paragraphs: Vec<String>,
}

#[derive(Serialize)]
struct Whole {
    id: Value,
    #[serde(flatten)]
    page: pageperfect_segment::Page,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["cluster"] => each_line(cluster),
        ["gap"] => each_line(gap),
        ["gaps", "--batch"] => each_line(gaps::gaps),
        ["gaps", "--whole"] => each_line(gaps::whole),
        ["page"] => each_line(page::page),
        ["segment", "--batch"] => each_line(|page: Page| Ok(segment(page))),
        ["segment", "--whole"] => each_line(|page: Page| {
            Ok(Whole {
                page: pageperfect_segment::segment(&page.html, &page.url),
                id: page.id,
            })
        }),
        ["segment"] => {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes)?;
            let html = String::from_utf8_lossy(&bytes).into_owned();
            print_line(&segment(Page {
                id: Value::Null,
                url: String::new(),
                html,
            }))
        }
        ["--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            std::process::exit(2)
        }
    }
}

fn cluster(points: Points) -> Result<Labels, Box<dyn Error>> {
    let mut keywords = Keywords::new(points.vectors.first().map_or(1, Vec::len))?;
    points
        .vectors
        .iter()
        .try_for_each(|vector| keywords.push(vector))?;
    let new = if points.exact {
        Dbscan::exact
    } else {
        Dbscan::new
    };
    let mut dbscan = new(&keywords, points.eps, points.min_pts)?;
    dbscan.run(&keywords);
    loop {
        let undecided = dbscan.undecided(&keywords);
        if undecided.is_empty() {
            break;
        }
        for row in undecided.into_iter().map(|row| row as usize) {
            keywords.supply(row, &points.vectors[row])?;
        }
        dbscan.run(&keywords);
    }
    let mut labels = dbscan.labels(&keywords);
    if let Some(most) = points.max_cluster_size {
        labels = split(&keywords, &labels, points.eps, points.min_pts, most)?;
    }
    let clusters = (points.keywords)
        .map(|described| summarize(&keywords, &labels, &described))
        .transpose()?;
    Ok(Labels { labels, clusters })
}

fn gap(coverage: Coverage) -> Result<Gaps, Box<dyn Error>> {
    let all = coverage.segments.iter().chain(&coverage.vectors);
    let mut scorer = GapScorer::new(all.map(Vec::len).next().unwrap_or(1))?;
    scorer.push_segments(&coverage.segments.concat())?;
    scorer.push_clusters(&coverage.vectors.concat())?;
    Ok(scorer.score(&coverage.clusters, coverage.threshold, coverage.top)?)
}

fn segment(page: Page) -> Segments {
    // Scorers compare the page's own blocks, so none are joined or split.
    let blocks = pageperfect_segment::Options {
        join: false,
        ..Default::default()
    };
    let found = pageperfect_segment::segment_with(&page.html, &page.url, &blocks);
    // The heading that repeats the page's title is no part of its text for those who mark it, nor
    // for other extractors, which tell the title apart as we do.
    let title = letters_of(&found.title);
    let is_title = |segment: &pageperfect_segment::Segment| {
        segment.kind == pageperfect_segment::Kind::Heading
            && segment.heading_path.is_empty()
            && title.contains(&letters_of(&segment.text))
    };
    let text = found.segments.into_iter().filter(|part| !is_title(part));
    Segments {
        id: page.id,
        paragraphs: text.map(|segment| segment.text).collect(),
    }
}

fn letters_of(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn each_line<Input: for<'a> Deserialize<'a>, Output: Serialize>(
    answer: impl Fn(Input) -> Result<Output, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    for (index, line) in io::stdin().lock().lines().enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            let input =
                serde_json::from_str(&line).map_err(|e| format!("line {}: {e}", index + 1))?;
            print_line(&answer(input)?)?;
        }
    }
    Ok(())
}

fn print_line(value: &impl Serialize) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    Ok(out.write_all(b"\n")?)
}
