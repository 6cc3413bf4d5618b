// Every form of the report against golden files; UPDATE_GOLDEN=1 writes them anew.

import { strict as assert } from "node:assert";
import { Ajv2020 } from "npm:ajv@8.20.0/dist/2020.js";
import stringWidth from "npm:string-width@8.3.0";
import { compareReports, renderComparison, sentence } from "../../cli/report/compare.ts";
import { renderCsv } from "../../cli/report/csv.ts";
import { renderHtml } from "../../cli/report/html.ts";
import { escapeMarkdown, renderMarkdown } from "../../cli/report/markdown.ts";
import { buildReport, type RunContext } from "../../cli/report/report.ts";
import type { JobResult } from "../../cli/report/result.ts";
import { renderTerminal } from "../../cli/report/terminal.ts";
import { about, provenance, verdict, whereOf } from "../../cli/report/text.ts";

const here = new URL(".", import.meta.url).pathname;
const result: JobResult = JSON.parse(await Deno.readTextFile(`${here}/result.json`));
const run: RunContext = {
  madeByStandins: [],
  warnings: ["queries.csv: 1 row without impressions was left out"],
};
const report = buildReport(result, run);
const terminal = (report_ = report) => renderTerminal(report_, { width: 100, color: false });

/** The result with something else in it. */
function changed(change: (result: JobResult) => void): JobResult {
  const copy = structuredClone(result);
  change(copy);
  return copy;
}

async function matchesGolden(name: string, actual: string) {
  const path = `${here}/golden/${name}`;
  if (Deno.env.get("UPDATE_GOLDEN")) await Deno.writeTextFile(path, actual);
  assert.equal(actual, await Deno.readTextFile(path));
}

Deno.test("every form keeps its shape", async () => {
  await matchesGolden("report.json", JSON.stringify(report, null, 2) + "\n");
  await matchesGolden("report.md", renderMarkdown(report));
  await matchesGolden("report.html", renderHtml(report));
  await matchesGolden("edits.csv", renderCsv(report, "edits"));
  await matchesGolden("queries.csv", renderCsv(report, "queries"));
});

for (const width of [80, 100]) {
  Deno.test(`the terminal report fits ${width} columns`, async () => {
    const text = renderTerminal(report, { width, color: false });
    for (const line of text.split("\n")) assert.ok(stringWidth(line) <= width, line);
    await matchesGolden(`report-${width}.txt`, text);
  });
}

Deno.test("a result and the report made of it follow the schema", async () => {
  const schema = JSON.parse(await Deno.readTextFile(`${here}/../../docs/report-schema/v2.json`));
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema);
  for (const value of [result, report, buildReport(empty, run)]) {
    assert.ok(validate(JSON.parse(JSON.stringify(value))), JSON.stringify(validate.errors));
  }
  assert.ok(!validate({ ...result, schema_version: 1 }));
  assert.ok(!validate(changed((r) => r.edits[0].kind = "remove" as "write")));
});

Deno.test("colours change nothing but the colours", () => {
  const colored = renderTerminal(report, { width: 100, color: true });
  assert.notEqual(colored, terminal());
  // deno-lint-ignore no-control-regex
  const stripped = colored.replace(/\x1b\[\d+m/g, "");
  assert.equal(stripped.split("\n").map((line) => line.trimEnd()).join("\n"), terminal());
});

/** Text of a page, a searcher and a model that mean harm, in every place that any of them can fill. */
const hostile = changed((result) => {
  const evil =
    '<script>alert(1)</script>\u001b[2J\u202e\u0007|`[x](javascript:alert(1))\n# "quoted" \' & \u2028';
  result.page!.title = evil;
  result.page!.description = evil;
  result.page!.language = '"><script>';
  result.page!.warnings = [{ code: "soft_404", message: evil }];
  for (const segment of result.segments) {
    segment.text += evil;
    segment.heading_path = segment.heading_path.map((part) => part + evil);
  }
  for (const topic of result.topics) {
    topic.label += evil;
    for (const query of topic.queries) {
      query.variants = [`=HYPERLINK("https://evil.example","x")${evil}`];
      query.missing_terms = [evil];
    }
  }
  for (const edit of result.edits) {
    edit.label = `@SUM(1)${evil}`;
    edit.reason = evil;
    edit.place.after_heading = evil;
    edit.place.heading_path = [evil];
    if (edit.verification) {
      Object.assign(edit.verification, { quote: evil, model: evil, verdict: "partly" });
    }
  }
  for (const draft of result.drafts) {
    draft.heading = evil;
    draft.summary = evil;
    draft.body_markdown =
      `${evil}\n\n\`\`\`\nnot the end\n\`\`\`\n\n[a](javascript:alert(1)) ![i](https://evil.example/i.png)`;
    draft.facts_to_check = [evil];
    draft.model = evil;
  }
  result.method.verified_by = evil;
  result.method.model = evil;
});

Deno.test("foreign text reaches no terminal, file or browser as anything but text", () => {
  const report = buildReport(hostile, { ...run, warnings: ["\u001b[31m<b>file</b>"] });
  // deno-lint-ignore no-control-regex
  const controls = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]/;
  const forms = {
    terminal: terminal(report),
    markdown: renderMarkdown(report),
    html: renderHtml(report),
    edits: renderCsv(report, "edits").replaceAll("\r\n", "\n"),
    queries: renderCsv(report, "queries").replaceAll("\r\n", "\n"),
    comparison: renderComparison(compareReports(report, report), report),
  };
  for (const [form, text] of Object.entries(forms)) assert.doesNotMatch(text, controls, form);

  const { html } = forms;
  assert.deepEqual(html.match(/<script|<img|<iframe| on\w+=|href="javascript/gi), null);
  assert.match(html, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
  assert.match(html, /default-src 'none'/);
  assert.doesNotMatch(html, /lang="[^"]*"[^>]*><script/);

  const fences = forms.markdown.split("\n").filter((line) => /^`{4,}(markdown)?$/.test(line));
  assert.equal(fences.length, 2 * report.drafts.length, "a draft cannot leave its block of code");
  const outside = forms.markdown.split(/^`{4,}(?:markdown)?$/m).filter((_, i) => i % 2 === 0);
  for (const part of outside) assert.doesNotMatch(part, /(?<!\\)<script/);

  for (const form of ["edits", "queries"] as const) {
    assert.doesNotMatch(forms[form], /(^|,|")[=+@]/m, "no cell is a formula");
  }
});

Deno.test("the verdict comes first, in words", () => {
  const told = (change: (result: JobResult) => void) => verdict(buildReport(changed(change), run));
  assert.equal(
    verdict(report),
    "This page answers 49 % of what people ask; these four sections would bring about 280 clicks a month. " +
      "One passage that answers already could bring 66 more.",
  );
  for (const text of [terminal(), renderMarkdown(report), renderHtml(report)]) {
    const [before] = text.replace(/\s+/g, " ").split("This page answers 49 %");
    assert.doesNotMatch(before, /caffeine/);
  }
  const only = (kind: string) => (result: JobResult) => {
    result.edits = result.edits.filter((edit) => edit.kind === kind);
  };
  assert.match(told(only("improve")), /no section is missing\. One passage/);
  assert.match(
    told((result) => result.edits = result.edits.slice(3, 4)),
    /^This page answers 49 % of what people ask; this one section would bring about 44 clicks a month\.$/,
  );
  assert.match(
    told((result) => result.edits.forEach((edit) => edit.expected_clicks = 0)),
    /these four sections are asked about 19,380 times/,
  );
  assert.match(
    told((result) => {
      result.summary.answered_share = null;
      result.edits = [];
    }),
    /^All queries look for the site itself/,
  );
  assert.match(
    told((result) => {
      result.topics = [];
      result.edits = [];
    }),
    /^There are no search queries/,
  );
});

Deno.test("an editor's report has no list three times, no CSS path, and nothing is noise", () => {
  for (const text of [terminal(), renderMarkdown(report), renderHtml(report)]) {
    assert.doesNotMatch(text, /noise|nth-of-type|main >|main &gt;/i);
    for (const { queries } of report.topics) {
      for (const { query } of queries) {
        const count = text.split(query).length - 1;
        // A label, a draft's heading or another query may hold it too.
        const alike = report.topics.filter(({ label }) => label.includes(query)).length +
          report.topics.flatMap(({ queries }) => queries).filter((other) =>
            other.query !== query &&
            (other.query.includes(query) || other.variants.some((text) => text.includes(query)))
          ).length;
        assert.ok(count <= 2 + 3 * alike, `${query}: ${count} times`);
      }
    }
  }
});

Deno.test("where an edit goes, in the page's own headings", () => {
  const place = (fields: Partial<Parameters<typeof whereOf>[0]>) =>
    whereOf({
      kind: "new_section",
      after_heading: null,
      before_heading: null,
      parent_heading: null,
      heading_path: [],
      segment_id: null,
      level: 2,
      ...fields,
    });
  assert.equal(place({}), "at the end of the page");
  assert.equal(place({ before_heading: "B" }), "at the top, before “B”");
  assert.equal(place({ after_heading: "A", before_heading: "B" }), "after “A”, before “B”");
  assert.equal(place({ after_heading: "A" }), "after “A”, at the end of the page");
  assert.equal(place({ after_heading: "A", parent_heading: "A" }), "under “A”");
  assert.equal(place({ kind: "extend", heading_path: ["T", "A"] }), "under “A”");
  assert.equal(place({ kind: "extend" }), "at the top of the page");
});

Deno.test("an estimate has no more digits than it deserves", () => {
  assert.deepEqual([0.4, 3.6, 41.5, 148, 341.5, 12_345].map(about), [
    "0",
    "4",
    "42",
    "150",
    "340",
    "12,000",
  ]);
});

Deno.test("gaps and coverage hold every spelling, a gap the open ones only", () => {
  const gap = report.gaps[0];
  assert.deepEqual(gap.queries.slice(0, 3).map(({ query }) => query), [
    "does green tea have caffeine",
    "do green tea have caffeine",
    "green tea has caffeine",
  ]);
  assert.deepEqual(report.gaps[1].queries.map(({ query }) => query), [
    "cold brew green tea",
    "coldbrew green tea",
  ]);
  assert.deepEqual(report.gaps.map(({ fix }) => fix), [
    { action: "add_section", section: "The second infusion" },
    { action: "extend", section: "The second infusion" },
    { action: "add_section", section: "Keeping the leaves fresh" },
    { action: "add_section", section: "Keeping the leaves fresh" },
  ]);
  assert.ok(report.edits.some(({ kind }) => kind === "improve"), "which is no gap");
  const all = report.coverage.flatMap(({ queries }) => queries.map(({ query }) => query));
  assert.equal(all.length, report.summary.query_count);
  assert.equal(new Set(all).size, all.length);
});

Deno.test("how sure it is: gaps that are expected to be true, and who read them", () => {
  const [first] = provenance(report);
  assert.match(first, /of the 4 gaps above, expect about 3\.5 to be true/);
  assert.ok(provenance(report).some((line) => line.startsWith("read by gpt-5.4-mini")));
  const unread = buildReport(
    changed((result) => {
      result.method.verified_by = null;
      for (const edit of result.edits) {
        Object.assign(edit, { verification: null, confidence: null });
      }
    }),
    run,
  );
  assert.ok(provenance(unread).some((line) => line.startsWith("no language model read the page")));
  assert.doesNotMatch(terminal(unread), /sure {5}|expect about/);
});

Deno.test("a draft says by its own figures whether it closes its gap", () => {
  const text = terminal();
  assert.match(text, /Coverage 10 % → 92 %, after two attempts; it closes the gap/);
  assert.match(text, /Coverage 22 % → 64 %, after three attempts; it does not close the gap\n/);
  const unmeasured = buildReport(
    changed(({ drafts }) =>
      drafts.forEach((draft) =>
        Object.assign(draft, { coverage_before: null, coverage_after: null, closes_gap: null })
      )
    ),
    run,
  );
  assert.match(terminal(unmeasured), /not measured/);
  const offline = buildReport(result, { ...run, madeByStandins: ["drafts"] });
  assert.match(renderMarkdown(offline), /Written by the offline stand-in/);
  assert.match(renderMarkdown(report), /Written by gpt-5\.4-mini-2026-03-17 \(openai\)\. A person/);
});

Deno.test("a cost is the sum of all calls, and unknown when one of them has no price", () => {
  const line = (costs: JobResult["costs"]) =>
    provenance(buildReport(changed((result) => result.costs = costs), run))
      .find((line) => line.startsWith("cost:"));
  const [cost] = result.costs;
  assert.equal(
    line([{ ...cost, cost_usd: 0.0123 }, { ...cost, stage: "rewrite_draft", cost_usd: 0.0123 }]),
    "cost: $0.02 (segment_embed $0.01, rewrite_draft $0.01)",
  );
  assert.equal(
    line([cost, { ...cost, stage: "rewrite_draft", model: "outline-1", cost_usd: null }]),
    "cost: unknown (segment_embed $0.000040, rewrite_draft ?); no price in model_prices for openai/outline-1",
  );
  assert.equal(
    line([
      { ...cost, stage: "rewrite_draft", cost_usd: 0.01 },
      { ...cost, stage: "rewrite_draft", model: "outline-1", cost_usd: 0.02 },
    ]),
    "cost: $0.03 (rewrite_draft $0.03)",
  );
  assert.equal(line([]), undefined);
});

Deno.test("two jobs beside each other: what closed, what opened", async () => {
  const later = changed((result) => {
    result.job.id = "0190f0a0-0000-7000-8000-000000000009";
    result.job.completed_at = "2026-02-05T10:00:00+00:00";
    result.summary.answered_share = 0.78;
    const queries = result.topics.flatMap(({ queries }) => queries);
    for (const query of queries) {
      if (query.query.includes("caffeine")) {
        Object.assign(query, { coverage: 0.9, is_answered: true, segment_id: 110 });
      }
      if (query.query === "does green tea go bad") {
        Object.assign(query, { coverage: 0.4, is_answered: false });
      }
    }
    // Another spelling leads now; it is the same query.
    const [first] = queries.filter(({ variants }) => variants.length === 2);
    first.variants = [first.query, first.variants[1]];
    first.query = "do green tea have caffeine";
    result.topics = result.topics.filter(({ label }) => label !== "how much green tea per cup");
    result.topics[0].queries.push({
      ...queries[0],
      query: "decaf green tea",
      variants: [],
      is_answered: false,
      coverage: 0.1,
    });
  });
  const comparison = compareReports(report, buildReport(later, run));
  const names = (list: { query: string }[]) => list.map(({ query }) => query);
  assert.deepEqual(names(comparison.closed), [
    "do green tea have caffeine",
    "how much caffeine in green tea",
    "green tea caffeine vs coffee",
  ]);
  assert.deepEqual(names(comparison.opened), ["does green tea go bad"]);
  assert.deepEqual(names(comparison.new_open), ["decaf green tea"]);
  assert.deepEqual(names(comparison.gone), [
    "how much green tea per cup",
    "grams of green tea for 200 ml",
  ]);
  assert.deepEqual(comparison.warnings, []);
  assert.equal(
    sentence(comparison),
    "The page answers 78 % of what people ask, up from 49 %: 3 queries closed, 1 opened; " +
      "about 340 clicks a month are still to be had.",
  );
  await matchesGolden("compare.txt", renderComparison(comparison, buildReport(later, run)));
  const other = changed((result) => {
    result.page!.url = "https://leafandkettle.example/black-tea";
    result.method.name = "cosine";
  });
  assert.equal(compareReports(report, buildReport(other, run)).warnings.length, 2);
});

Deno.test("escapeMarkdown shows text as it is", () => {
  const cases: [string, string][] = [
    ["a|b", "a\\|b"],
    ["*x* _y_ snake_case", "\\*x\\* \\_y\\_ snake_case"],
    ["<img src=x>", "\\<img src=x\\>"],
    ["[a](b)", "\\[a\\](b)"],
    ["# no heading", "\\# no heading"],
    ["- no list", "\\- no list"],
    ["1. no list", "1\\. no list"],
    ["1) no list", "1\\) no list"],
    ["two\nlines", "two lines"],
    ["`code` \\ &amp; $x$ ~~s~~", "\\`code\\` \\\\ \\&amp; \\$x\\$ \\~\\~s\\~\\~"],
  ];
  for (const [text, escaped] of cases) assert.equal(escapeMarkdown(text), escaped);
});

Deno.test("the order of the database's rows does not change the report", () => {
  const shuffled = changed((result) => {
    result.topics.reverse().forEach(({ queries }) => queries.reverse());
    result.edits.reverse();
    result.drafts.reverse();
    result.segments.reverse();
  });
  assert.deepEqual(buildReport(shuffled, run), report);
});

/** A job of which nothing is known yet. */
const empty: JobResult = {
  ...result,
  page: null,
  crawl: null,
  segments: [],
  topics: [],
  edits: [],
  drafts: [],
  draft_skipped: "no_gaps",
  method: {
    name: "calibrated",
    model: null,
    dimensions: null,
    eps: null,
    min_points: null,
    max_cluster_size: null,
    threshold: null,
    unrelated_similarity: null,
    is_exact: null,
    left_out_query_count: 0,
    top: null,
    verified_by: null,
  },
  summary: {
    query_count: 0,
    impressions: 0,
    clicks: 0,
    answered_share: null,
    gap_count: 0,
    partly_count: 0,
    improve_count: 0,
    expected_clicks: 0,
  },
  usage: {},
  costs: [],
};

Deno.test("a job of which nothing is known yet has a report", () => {
  const report = buildReport(empty, run);
  for (const text of [terminal(report), renderMarkdown(report), renderHtml(report)]) {
    assert.doesNotMatch(text, /NaN|undefined|null|\[object/);
  }
  assert.equal(renderCsv(report, "edits").split("\r\n").length, 2, "the names alone");
});
