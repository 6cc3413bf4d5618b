//! Looks for pages that take long: `slow SECONDS [SEED] < tests/hostile.json`.
//!
//! Pages are lists of [text, times], as in `tests/hostile.json`, which they start from. They are
//! changed at random (parts added, taken out, repeated more or less often, put together from two),
//! and those that take longest for 100 kB are changed further. Prints the slowest that it found, in
//! the form of `tests/hostile.json`, with milliseconds of CPU for 100 kB in front.

use cpu_time::ThreadTime;
use pageperfect_segment::segment;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

type Parts = Vec<(String, usize)>;

const BYTES: usize = 100_000;
const KEPT: usize = 40;
const PIECES: &[&str] = &[
    "<b>",
    "</b>",
    "<i a=1>",
    "</i>",
    "<font color={i}>",
    "</font>",
    "<a href=x>",
    "</a>",
    "<p>",
    "</p>",
    "<div>",
    "</div>",
    "<table>",
    "<tr>",
    "<td>",
    "</td>",
    "</tr>",
    "</table>",
    "<li>",
    "<ul>",
    "</ul>",
    "<span class='a b c d'>",
    "</span>",
    "<details><summary>",
    "</summary>",
    "</details>",
    "<button aria-expanded=false aria-controls=x{i}>",
    "</button>",
    "<div id=x{i}>",
    "<div hidden>",
    "<dl><dt>",
    "<dd>",
    "<h2>",
    "</h2>",
    "<h1>",
    "<br>",
    "<b><br>",
    "x",
    "x ",
    "? ",
    "why? ",
    "Cookies on this website. ",
    "<button>Accept</button>",
    "{i} ",
    "水",
    "&amp;",
    "&",
    "<!--",
    "-->",
    "<style>.a{i}{display:none}</style>",
    "<style>",
    "</style>",
    ".a{i},.b{i}{display:none}",
    "<p class=a{i}>",
    "<script type=application/ld+json>",
    "</script>",
    "{\"@type\":\"Question\",\"name\":\"x{i}\"},",
    "<input type=checkbox id=c{i}><label for=c{i}>",
    "</label>",
    "<template>",
    "<svg>",
    "</svg>",
    "<math>",
    "<select><option>",
    "<form>",
    "<nobr>",
    "<pre>",
    "</pre>",
    "<main>",
    "<article>",
    "<nav>",
    "<footer>",
    "<div class=accordion>",
    "<div class=faq-item>",
    "<div role=dialog>",
    "<x-y>",
    "\u{0}",
    "<noscript>",
    "<body a{i}=1>",
    "<em id={i}>",
    "<u class={i} style={i}>",
    "<div itemscope itemtype='https://schema.org/Question'><p itemprop=name>",
    "<a href=\"#x{i}\">",
    "<div role=heading>",
    "<span role=heading aria-level=3>",
    "<td class={i}>",
    "<caption>",
    "<ruby><rt>",
    "</p><p>",
    "<time datetime=2020-01-01>",
];

/// A small generator of our own: the same seed, the same search.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn page(parts: &Parts) -> String {
    let mut html = String::new();
    for (text, times) in parts {
        for i in 0..*times {
            html += &text.replace("{i}", &i.to_string());
            if html.len() > BYTES {
                return html;
            }
        }
    }
    html
}

fn milliseconds(parts: &Parts) -> f64 {
    let html = page(parts);
    let once = || {
        let start = ThreadTime::now();
        segment(&html, "https://example.com/");
        start.elapsed()
    };
    let first = once();
    let best = if first > Duration::from_millis(30) {
        first.min(once())
    } else {
        first
    };
    best.as_secs_f64() * 1e3 * BYTES as f64 / html.len().max(BYTES / 4) as f64
}

fn change(parts: &Parts, other: &Parts, random: &mut Random) -> Parts {
    let mut parts = parts.clone();
    for _ in 0..=random.below(2) {
        let at = random.below(parts.len());
        match random.below(6) {
            0 => {
                let piece = PIECES[random.below(PIECES.len())].to_owned();
                let times = [1, 3, 20, 250, 3000][random.below(5)];
                parts.insert(at, (piece, times));
            }
            1 if parts.len() > 1 => {
                parts.remove(at);
            }
            2 => {
                let (_, times) = &mut parts[at];
                *times = if random.below(2) == 0 {
                    *times * 4
                } else {
                    times.div_ceil(4)
                }
                .min(30_000);
            }
            3 => parts[at].0.push_str(PIECES[random.below(PIECES.len())]),
            4 => {
                let piece = PIECES[random.below(PIECES.len())];
                parts[at].0.insert_str(0, piece);
            }
            _ => {
                let part = other[random.below(other.len())].clone();
                parts.insert(at, part);
            }
        }
    }
    parts.truncate(8);
    parts
        .iter_mut()
        .filter(|(text, _)| text.len() > 2000)
        .for_each(|(text, _)| text.truncate(text.floor_char_boundary(2000)));
    parts
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments
        .next()
        .ok_or("usage: slow SECONDS [SEED] < tests/hostile.json")?
        .parse()?;
    let mut random = Random(arguments.next().map_or(Ok(1), |seed| seed.parse())?);
    let known: BTreeMap<String, Parts> = serde_json::from_reader(std::io::stdin())?;
    let mut pages: Vec<(f64, Parts)> = known
        .into_values()
        .filter(|p| !p.is_empty())
        .map(|parts| (milliseconds(&parts), parts))
        .collect();
    let start = Instant::now();
    let mut tried = pages.len();
    while start.elapsed() < Duration::from_secs(seconds) {
        pages.sort_by(|a, b| b.0.total_cmp(&a.0));
        pages.truncate(KEPT);
        // The slowest are changed most often.
        let of = random
            .below(KEPT)
            .min(random.below(KEPT))
            .min(pages.len() - 1);
        let other = random.below(pages.len());
        let new = change(&pages[of].1, &pages[other].1, &mut random);
        tried += 1;
        if pages.iter().all(|(_, known)| *known != new) {
            pages.push((milliseconds(&new), new));
        }
    }
    pages.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (time, parts) in pages.iter().take(10) {
        println!("{time:7.1} {}", serde_json::to_string(parts)?);
    }
    eprintln!("{tried} pages tried");
    Ok(())
}
