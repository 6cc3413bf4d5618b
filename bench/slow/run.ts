// A search for inputs whose cost grows faster than their length, at every function that reads text from outside:
//   ./pageperfect bench slow [--seconds N] [--seed N] [--json]
// Texts are made of a format's own pieces, repeated: a start, a unit many times, an end. Each is measured at a length and at
// four times that; fails where four times as much text takes far more than four times the processor time. Pages' HTML has a
// search of its own (crates/segment, examples/slow.rs).

import { Command } from "npm:commander@15.1.0";
import { own_segments } from "../../functions/_shared/wasm/advice.ts";
import { decode_html } from "../../functions/_shared/wasm/charset.ts";
import { PageCoverage } from "../../functions/_shared/wasm/coverage.ts";
import { draft_passages } from "../../functions/_shared/wasm/draft.ts";
import { parse_csv } from "../../functions/_shared/wasm/gsc.ts";
import {
  check_intake,
  check_url,
  connection_code,
  rate_limits,
  refused_seconds,
  robots_allows,
} from "../../functions/_shared/wasm/policy.ts";
import { segment } from "../../functions/_shared/wasm/segment.ts";
import { parse_sitemap } from "../../functions/_shared/wasm/site.ts";

const options = new Command("bench slow")
  .option("--seconds <count>", "how long to search", Number, 60)
  .option("--seed <number>", "of the texts", Number, 1)
  .option("--json", "print JSON instead of a table")
  .parse(Deno.args, { from: "user" })
  .opts<{ seconds: number; seed: number; json?: boolean }>();

interface Reader {
  /** Reads the text; what it throws is its answer. */
  read(text: string): unknown;
  /** Bytes that the product lets in, or a part of them where that takes long. */
  bytes: number;
  pieces: string[];
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const common = [
  " ",
  "\n",
  "a",
  "é",
  "\u0301",
  "\u{1F468}\u200d",
  "0",
  '"',
  "'",
  "\\",
  "/",
  "%25",
  "\t",
];
const queryOf = (query: string) => ({ query, impressions: 1, clicks: 0, position: 1 });

const readers: Record<string, Reader> = {
  check_url: {
    read: (text) => check_url(`https://example.com/${text}`, []),
    bytes: 400_000,
    pieces: ["../", "./", "//", "?", "#", "@", ":", "%", "%2e", "xn--", ".", "[", "&a=", ";"],
  },
  "check_url, its host": {
    read: (text) => check_url(`https://${text}/`, ["example.com"]),
    bytes: 400_000,
    pieces: ["xn--", ".", "-", "ß", "ａ", "。", "0x", "1.", "[::", ":", "@", "%00"],
  },
  check_intake: {
    read: (text) => check_intake({ url: text, keywords: [queryOf(text)], parameters: {} }, []),
    bytes: 800_000,
    pieces: ["https://", "../", "\u0000", "\ud800"],
  },
  "check_intake, many keywords": {
    read: (text) =>
      check_intake({
        url: "https://example.com",
        keywords: text.split("\n").slice(0, 25_000).map(queryOf),
      }, []),
    bytes: 800_000,
    pieces: ["\n", "how to ", "ﬁ", "İ"],
  },
  robots_allows: {
    read: (text) => robots_allows(text, "PagePerfect", "/a".repeat(2_000)),
    bytes: 500_000,
    pieces: [
      "User-agent: *\n",
      "Disallow: ",
      "Allow: ",
      "/a",
      "*",
      "$",
      "*a",
      "#",
      "\r\n",
      "User-agent: PagePerfect\n",
    ],
  },
  rate_limits: {
    read: (text) => rate_limits(["x-ratelimit-remaining-requests", text, "retry-after", text], 0),
    bytes: 400_000,
    pieces: ["1ms", "1s", "1h", ".", "-", ",", ";"],
  },
  refused_seconds: {
    read: (text) => refused_seconds(text, 0),
    bytes: 400_000,
    pieces: ["Mon, ", "01 Jan ", "GMT", "99", ":", "-"],
  },
  connection_code: {
    read: connection_code,
    bytes: 400_000,
    pieces: ["error: ", "(os error ", "tcp ", "dns ", ":", "connection"],
  },
  parse_csv: {
    read: (text) => parse_csv(bytesOf(text)),
    bytes: 2_000_000,
    pieces: [
      "Top queries,Clicks,Impressions,CTR,Position\n",
      ",",
      ";",
      "\r",
      '""',
      "1.234,5",
      "%",
      "1%",
      "-",
      "query\t",
      "\n\n",
    ],
  },
  "parse_csv, a table": {
    read: (text) => parse_csv(bytesOf(`Top queries,Clicks,Impressions,CTR,Position\n${text}`)),
    bytes: 2_000_000,
    pieces: [",", ",1,2,3%,4\n", '"a', '"\n', "1,", "https://example.com/", "=", "Total"],
  },
  decode_html: {
    read: (text) => decode_html(bytesOf(text), "text/html"),
    bytes: 2_000_000,
    pieces: [
      "<meta charset=",
      "<!--",
      "-->",
      "<?xml encoding=",
      ">",
      "\u00ff",
      "\u3042",
      "utf-16",
      "<",
      "&#x",
    ],
  },
  draft_passages: {
    read: (text) => draft_passages(text, ["how to do it", "what is it"]),
    bytes: 400_000,
    pieces: [
      "[",
      "](",
      "![",
      "*",
      "_",
      "**",
      "`",
      "``",
      "> ",
      "- ",
      "1. ",
      "# ",
      "|",
      "|-|",
      "<",
      "<!--",
      "~~",
      "[^1]",
      "[^1]: ",
      "$",
      "http://",
      "\n\n",
      "    ",
      "&amp;",
    ],
  },
  parse_sitemap: {
    read: (text) => parse_sitemap(bytesOf(text)),
    bytes: 2_000_000,
    pieces: [
      "<urlset>",
      "<url>",
      "<loc>",
      "</loc>",
      "</url>",
      "<sitemap>",
      "&amp;",
      "&",
      "<![CDATA[",
      "]]>",
      "<!--",
      "<!DOCTYPE a [",
      "<!ENTITY a 'b'>",
      "<?",
      "https://example.com/",
    ],
  },
  "segment, its text": {
    read: (text) =>
      segment(`<article><p>${text.replaceAll("<", "")}</p></article>`, "https://example.com/"),
    bytes: 800_000,
    pieces: [". ", "? ", "! ", "…", "。", ", ", "\u00a0", "www.", "“", "(", "2020-01-01"],
  },
  own_segments: {
    read: (text) =>
      own_segments(JSON.stringify(
        text.split("\n").slice(0, 3_000).map((text, id) => ({
          id,
          kind: "paragraph",
          heading_path: [text],
          text,
        })),
      )),
    bytes: 800_000,
    pieces: ["\n", "the same ", "a b c d ", "cookies ", "?"],
  },
  "words of a page and its queries": {
    read(text) {
      const lines = text.split("\n").slice(0, 200);
      const page = new PageCoverage(
        8,
        lines.map((text) => ({ text, heading_path: [text.slice(0, 100)] })),
        lines.map((line) => queryOf(line.slice(0, 500))),
      );
      page.free();
    },
    bytes: 400_000,
    pieces: ["\n", "-", "ing ", "s ", "を", "العربية", "1", "the "],
  },
};

/** A generator of fractions; the same seed, the same search. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Milliseconds of this thread's processor time. */
const cpuMs = () =>
  Number(Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/schedstat`).split(" ")[0]) / 1e6;

function cost(reader: Reader, text: string): number {
  let least = Infinity;
  // What else the machine does only adds.
  for (let i = 0; i < 3; i++) {
    const start = cpuMs();
    try {
      reader.read(text);
    } catch { /* refused */ }
    const ms = cpuMs() - start;
    least = Math.min(least, ms);
    if (i === 0 && ms < measurableMs / 4) break;
  }
  return least;
}

/** What takes less says nothing about how it grows. */
const measurableMs = 20;
const mostGrowth = 8;

interface Finding {
  what: string;
  tries: number;
  /** The dearest at full length, ms of processor time. */
  worstMs: number;
  worst: string;
  /** The fastest growth from a quarter of that to all of it, where that is measurable: 4 is linear. */
  growth: number;
  grown: string;
}

const random = randomOf(options.seed);
const findings: Finding[] = [];
for (const [what, reader] of Object.entries(readers)) {
  const pieces = [...reader.pieces, ...common];
  const some = (most: number) =>
    Array.from(
      { length: Math.floor(random() * (most + 1)) },
      () => pieces[Math.floor(random() * pieces.length)],
    ).join("");
  const finding: Finding = { what, tries: 0, worstMs: 0, worst: "", growth: 0, grown: "" };
  const until = performance.now() + options.seconds * 1000 / Object.keys(readers).length;
  while (performance.now() < until) {
    const [start, unit, between, end] = [some(2), some(4) || "a", some(2), some(2)];
    // One run, or two after each other: opened so many times, and then closed.
    const text = (bytes: number) =>
      start + unit.repeat(Math.ceil(bytes / 2 / unit.length)) +
      (between || unit).repeat(Math.ceil(bytes / 2 / (between || unit).length)) + end;
    const name = JSON.stringify([start, unit, between, end]);
    const ms = cost(reader, text(reader.bytes));
    finding.tries++;
    if (ms > finding.worstMs) Object.assign(finding, { worstMs: ms, worst: name });
    if (ms < measurableMs) continue;
    const quarterMs = cost(reader, text(reader.bytes / 4));
    if (quarterMs < measurableMs / 4) continue;
    const growth = ms / quarterMs;
    if (growth > finding.growth) Object.assign(finding, { growth, grown: name });
  }
  findings.push(finding);
}

if (options.json) {
  console.log(JSON.stringify(findings, null, 2));
} else {
  for (const { what, tries, worstMs, worst, growth, grown } of findings) {
    console.log(
      `${what.padEnd(34)} ${String(tries).padStart(6)} texts, ${
        worstMs.toFixed(0).padStart(5)
      } ms at most, ` +
        (growth > 0 ? `${growth.toFixed(1)} × for 4 × the text` : "never measurable"),
    );
    if (worstMs >= measurableMs) console.log(`    ${worst}`);
    if (growth > mostGrowth) console.log(`    grows: ${grown}`);
  }
}
if (findings.some(({ growth }) => growth > mostGrowth)) Deno.exitCode = 1;
