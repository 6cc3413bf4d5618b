// The report's three forms against golden files; UPDATE_GOLDEN=1 writes them anew.

import { strict as assert } from "node:assert";
import stringWidth from "npm:string-width@8.3.0";
import { buildReport, type JobResult, type Report } from "../../cli/report.ts";
import { escapeMarkdown, renderMarkdown } from "../../cli/report_markdown.ts";
import { renderTerminal } from "../../cli/report_terminal.ts";

const here = new URL(".", import.meta.url).pathname;
const result: JobResult = JSON.parse(await Deno.readTextFile(`${here}/result.json`));
const run = {
  realApis: [],
  warnings: ["queries.csv: 1 row without impressions was left out"],
};
const report = buildReport(result, run);

async function matchesGolden(name: string, actual: string) {
  const path = `${here}/golden/${name}`;
  if (Deno.env.get("UPDATE_GOLDEN")) await Deno.writeTextFile(path, actual);
  assert.equal(actual, await Deno.readTextFile(path));
}

Deno.test("report.json keeps its shape", () =>
  matchesGolden("report.json", JSON.stringify(report, null, 2) + "\n"));

Deno.test("report.md keeps its shape", () => matchesGolden("report.md", renderMarkdown(report)));

for (const width of [80, 100]) {
  Deno.test(`the terminal report fits ${width} columns`, async () => {
    const text = renderTerminal(report, { width, color: false });
    for (const line of text.split("\n")) assert.ok(stringWidth(line) <= width, line);
    await matchesGolden(`report-${width}.txt`, text);
  });
}

Deno.test("colours change nothing but the colours", () => {
  const colored = renderTerminal(report, { width: 100, color: true });
  assert.notEqual(colored, renderTerminal(report, { width: 100, color: false }));
  // deno-lint-ignore no-control-regex
  const stripped = colored.replace(/\x1b\[\d+m/g, "");
  assert.equal(
    stripped.split("\n").map((line) => line.trimEnd()).join("\n"),
    renderTerminal(report, { width: 100, color: false }),
  );
});

Deno.test("the page's and the model's control characters reach no terminal and no file", () => {
  // deno-lint-ignore no-control-regex
  const hostile = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/;
  assert.doesNotMatch(renderTerminal(report, { width: 100, color: false }), hostile);
  assert.doesNotMatch(renderMarkdown(report), hostile);
});

Deno.test("a draft cannot leave its code block in report.md", () => {
  const lines = renderMarkdown(report).split("\n");
  const start = lines.findIndex((line) => /^`{4,}markdown$/.test(line));
  const fence = lines[start].replace("markdown", "");
  const end = lines.indexOf(fence, start + 1);
  assert.ok(lines.slice(start, end).some((line) => line.includes("<script>")));
  assert.ok(lines.slice(end).every((line) => !line.includes("<script>")));
});

Deno.test("a cluster that holds most queries is pointed out, unless such were to be split", () => {
  const warnings = (size: number, max_cluster_size: number | null) => {
    const [first, ...others] = result.clusters;
    const parameters = { ...result.parameters, max_cluster_size };
    return buildReport({ ...result, clusters: [{ ...first, size }, ...others], parameters }, {
      realApis: [],
      warnings: [],
    }).warnings;
  };
  assert.match(
    warnings(900, null)[0],
    /^one cluster holds 900 of the 9\d\d queries: --max-cluster/,
  );
  assert.deepEqual(warnings(900, 40), []);
  assert.deepEqual(warnings(40, null), []);
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
  const shuffled = buildReport({
    ...result,
    clusters: [...result.clusters].reverse(),
    recommendations: [...result.recommendations].reverse(),
    segments: [...result.segments].reverse(),
  }, run);
  assert.deepEqual(shuffled, report);
});

Deno.test("a gap is what the database calls one, partly is the lowest third above", () => {
  const coverage = Object.fromEntries(report.coverage.map((c) => [c.medoid_query, c.coverage]));
  assert.equal(coverage["caffeine_in_tea | how *much*"], "gap");
  assert.equal(coverage["抹茶の点て方を初心者向けに詳しく解説してほしい"], "partly");
  assert.equal(coverage["green tea temperature"], "covered");
  assert.equal(report.totals.gap_count, 2);
  assert.equal(report.totals.covered_impression_share, 0.1103);
});

Deno.test("the fix goes after the nearest section, never after the page's title", () => {
  assert.deepEqual(report.gaps.map((gap) => gap.fix.after_heading), ["Brewing [green] tea", null]);
});

Deno.test("a draft of a real model names it and is for review", () => {
  const real = buildReport(result, { ...run, realApis: ["drafts"] });
  assert.equal(real.draft!.by_standin, false);
  assert.match(renderMarkdown(real), /Written by outline-1 \(openai\)\. A person must review it/);
  assert.match(renderMarkdown(report), /Written by the offline stand-in/);
});

Deno.test("a cost is the sum of all calls, and unknown when one of them has no price", () => {
  const costs = result.costs!.map((cost) => ({ ...cost, cost_usd: 0.0123 }));
  const cost = (costs: JobResult["costs"]) => {
    const report = buildReport({ ...result, costs }, run);
    const line = /^.*cost: .*$/m.exec(renderTerminal(report, { width: 200, color: false }))?.[0];
    return [report.usage.cost_usd, line?.trim()];
  };
  assert.deepEqual(cost(costs), [
    0.0246,
    "cost: $0.02 (segment_embed $0.01, rewrite_draft $0.01)",
  ]);
  assert.deepEqual(cost(result.costs), [
    null,
    "cost: unknown (segment_embed $0.000040, rewrite_draft ?); " +
    "no price in model_prices for llm.example.com/outline-1",
  ]);
  assert.deepEqual(cost([]), [0, undefined], "everything came from the cache");
  assert.deepEqual(cost(undefined), [null, undefined], "a result of before costs were recorded");
});

Deno.test("a page without queries, segments or draft has a report", () => {
  const empty: Report = buildReport({
    ...result,
    page: null,
    crawl: null,
    segments: [],
    clusters: [],
    recommendations: [],
    draft: null,
    draft_skipped: "no_gaps",
    parameters: {
      eps: null,
      min_points: null,
      max_cluster_size: null,
      is_exact: null,
      left_out_keyword_count: null,
      similarity_threshold: null,
      top: null,
      model: null,
      dimensions: null,
    },
    usage: {},
  }, { realApis: [], warnings: [] });
  assert.equal(empty.totals.covered_impression_share, null);
  for (const text of [renderMarkdown(empty), renderTerminal(empty, { width: 80, color: false })]) {
    assert.doesNotMatch(text, /NaN|undefined|null/);
  }
});
