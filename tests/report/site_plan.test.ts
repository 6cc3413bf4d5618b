// A site's plan in every form, with drafts that came to every end.

import { strict as assert } from "node:assert";
import { Command, CommanderError } from "npm:commander@15.1.0";
import { renderCsv } from "../../cli/site/csv.ts";
import { renderHtml } from "../../cli/site/html.ts";
import { renderBrief, renderMarkdown } from "../../cli/site/markdown.ts";
import type { Estimate, Progress, SitePlan } from "../../cli/site/plan.ts";
import { describe, estimate } from "../../cli/site/progress.ts";
import { registerSite } from "../../cli/site/site.ts";
import { renderTerminal } from "../../cli/site/terminal.ts";
import { site, sitePlan } from "./site_plan.ts";

const forms = (plan: SitePlan) => ({
  terminal: renderTerminal(plan),
  markdown: renderMarkdown(plan),
  brief: renderBrief(plan, "p1")!,
  html: renderHtml(plan),
  csv: renderCsv(plan),
});

/** The cells of a CSV; the fixture's are on one line each. */
const cells = (csv: string) =>
  csv.trimEnd().split("\r\n").map((row) =>
    [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)]
      .map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare)
  );

Deno.test("every form says what became of each draft, in the same words", () => {
  const { terminal, markdown, brief, html, csv } = forms(sitePlan());
  const summary =
    "Drafts: 1 written (one closes the gap), 1 as an outline, 1 answered already, 1 skipped, 1 failed; 1 taken from an earlier run.";
  for (const text of [terminal, html, markdown]) assert.ok(text.includes(summary), text);
  const words = [
    "Coverage 10 % → 92 %, after two attempts; it closes the gap",
    "gpt-5.4-mini read the page and found the answer: “Keep the leaves in a tin, away from light.”",
    "beyond the dollars that the job may spend",
  ];
  const elsewhere = "the model's draft links to a foreign site";
  for (const word of words) {
    for (const text of [terminal, markdown, brief, csv]) assert.ok(text.includes(word), word);
    assert.ok(html.includes(word), word);
  }
  assert.ok(!brief.includes(elsewhere), "a brief is of its own page");
  assert.ok(renderBrief(sitePlan(), "p2")!.includes(elsewhere));
});

Deno.test("what a model found answered is not among the edits that are to be made", () => {
  const plan = sitePlan();
  const answered = plan.edits.find(({ id }) => id === "e2")!;
  const { terminal, markdown, html, csv } = forms(plan);
  const worth = Math.round(plan.site.expected_clicks - answered.expected_clicks);
  for (const text of [terminal, markdown, html]) {
    assert.ok(text.includes(`${plan.edits.length - 1} edits, worth ${worth} more clicks`), text);
  }
  const [edits] = terminal.split("\nDrafts (");
  assert.doesNotMatch(edits, new RegExp(`^ *${answered.rank}  `, "m"));
  assert.ok(!markdown.includes(`\n| ${answered.rank} |`));
  for (const text of [markdown, html]) {
    const [open, rest] = text.split(/Answered already(?:<\/h2>)?\n/);
    assert.ok(!open.includes(answered.label) && rest.includes(answered.label), text);
  }
  assert.ok(csv.includes(`\r\n${answered.rank},`), "the table keeps every row");
});

Deno.test("plan.html folds each draft, and shows the rest in a line", () => {
  const html = renderHtml(sitePlan());
  assert.equal(html.match(/<details/g)?.length, 2);
  assert.match(
    html,
    /<summary><b>Draft:<\/b> Coverage 10 % → 92 %[^<]*<\/summary>\s*<p class="origin">To stand after “The second infusion”\. Written by gpt-5\.4-mini/,
  );
  assert.match(html, /<strong>caffeine<\/strong>/);
  assert.match(html, /<b>Outline:<\/b> what it has to say/);
  assert.match(html, /nothing was paid for it/);
  assert.match(html, /<p class="draft"><b>No draft:<\/b> beyond the dollars/);
  assert.match(html, /<p class="draft"><b>Draft failed:<\/b> the model&#39;s draft/);
  assert.match(html, /default-src 'none'/);
});

Deno.test("a draft in plan.md and in its page's brief is ready to paste", () => {
  const { markdown, brief } = forms(sitePlan());
  for (const text of [markdown, brief]) {
    assert.ok(
      text.includes(
        "Place it after “The second infusion”:\n\n```markdown\n## Does green tea have caffeine?\n\nYes, green tea has **caffeine**.\n\n### How much",
      ),
      text,
    );
    assert.match(text, /To check before publishing:\n\n- The amount of caffeine in a cup\./);
    assert.match(text, /As a page of its own:\n\n```markdown\n# Matcha\n\n- What matcha is\n```/);
  }
});

Deno.test("edits.csv keeps its columns and has the drafts' state after them", () => {
  const [header, ...rows] = cells(renderCsv(sitePlan()));
  assert.deepEqual(header, [
    ...["Rank", "Kind", "Page", "Target", "Place", "Topic", "Queries", "Impressions", "Clicks"],
    ...["Position", "Coverage", "Expected clicks a month", "Effort", "Confidence", "Why", "Task"],
    ...["Draft", "Coverage with the draft", "About the draft"],
  ]);
  const states = ["written", "answered", "", "failed", "written", "skipped"];
  assert.deepEqual(rows.map((row) => row[16]), states);
  assert.deepEqual(rows.map((row) => row[17]), ["0.918", "", "", "", "", ""]);
});

Deno.test("addresses are short where people read, whole where they are followed", () => {
  const { terminal, markdown, brief, html, csv } = forms(sitePlan());
  const task = "link to /kettles/, which answers it";
  for (const text of [terminal, markdown, brief, html]) assert.ok(text.includes(task), text);
  for (const text of [brief, html]) assert.ok(text.includes("for what /kettles/ answers"), text);
  assert.ok(csv.includes(`link to ${site}/kettles/, which answers it`));
  assert.ok(brief.includes(`- The other page: <${site}/kettles/>`));
  assert.ok(html.includes(`href="${site}/kettles/"`));

  const plan = sitePlan();
  plan.edits[2].target_url = "https://teas.example/kettles/";
  assert.ok(
    renderTerminal(plan).includes("link to https://teas.example/kettles/,"),
    "another site's address is not cut",
  );
});

Deno.test("a plan without drafts says nothing of drafts", () => {
  const before = sitePlan();
  delete before.drafts;
  const none = forms({ ...sitePlan(), drafts: [] });
  assert.deepEqual(forms(before), none, "a plan of an earlier version");
  for (const [form, text] of Object.entries(none)) {
    if (form === "csv") assert.ok(cells(text).slice(1).every((row) => row[16] === ""));
    else assert.doesNotMatch(text.replace(/<style>.*<\/style>/s, ""), /draft/i, form);
  }
});

Deno.test("what the stand-in wrote says so", () => {
  const plan: SitePlan = { ...sitePlan(), made_by_standins: ["drafts"] };
  for (const [form, text] of Object.entries(forms(plan))) {
    assert.match(text, /stand-in's outline|stand-in&#39;s outline/, form);
    if (form !== "csv") assert.match(text, /OPENAI_API_KEY/, form);
  }
});

Deno.test("a hostile draft reaches no terminal, file or browser as anything but text", () => {
  const evil =
    '<script>alert(1)</script>\u001b[2J\u202e\u0007|`[x](javascript:alert(1))\n# "quoted" \' & $& \u2028';
  const plan = sitePlan();
  for (const edit of plan.edits) {
    edit.label = edit.reason = `@SUM(1)${evil}`;
    edit.queries = [evil];
    if (edit.place) edit.place.after_heading = evil;
  }
  for (const draft of plan.drafts!) {
    switch (draft.status) {
      case "written":
        draft.heading = draft.model = evil;
        draft.body_markdown =
          `${evil}\n\n\`\`\`\nnot the end\n\`\`\`\n\n[a](javascript:alert(1)) ![i](https://evil.example/i.png)`;
        draft.facts_to_check = [evil];
        break;
      case "answered":
        draft.verification.quote = draft.verification.model = evil;
        break;
      default:
        draft.reason.message = `=HYPERLINK("https://evil.example")${evil}`;
    }
  }
  plan.links = [{
    ...{ page_id: "p1", url: `${site}/green-tea/`, target_page_id: "p2" },
    ...{ target_url: `${site}/kettles/`, heading_path: [], sentence: evil, anchor: "$&" },
    impressions: 1,
  }];
  const { csv, html, markdown, brief, terminal } = forms(plan);
  // deno-lint-ignore no-control-regex
  const controls = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]/;
  for (const text of [html, markdown, brief, terminal, csv.replaceAll("\r\n", "\n")]) {
    assert.doesNotMatch(text, controls);
  }
  assert.equal(html.match(/<script|<img|<iframe| on\w+=|href="javascript/gi), null);
  assert.match(html, /<mark>\$&amp;<\/mark>/, "an anchor is no pattern");
  for (const text of [markdown, brief]) {
    const outside = text.split(/^`{4,}(?:markdown)?$/m).filter((_, i) => i % 2 === 0);
    assert.equal(outside.length, 3, "a draft cannot leave its block of code");
    for (const part of outside) assert.doesNotMatch(part, /(?<!\\)<script/);
  }
  assert.doesNotMatch(csv, /(^|,|")[=+@]/m, "no cell is a formula");
});

Deno.test("what drafts cost is told before the run begins, and how far they are while it runs", () => {
  const facts = (estimate: Estimate) => ({ page_count: 32, estimate });
  const known = { crawls: 32, tokens: 64000, usd: 0.0013, minutes: 2 };
  assert.equal(
    estimate(facts(known)),
    "32 pages: 32 to crawl, about 64,000 tokens ($0.0013); about 2 minutes",
  );
  assert.equal(
    estimate(facts({ ...known, drafts: { count: 5, tokens: 21000, usd: 0.04 } })),
    "32 pages: 32 to crawl, about 64,000 tokens ($0.0013); then 5 drafts, about 21,000 tokens ($0.04); about 2 minutes",
  );
  assert.match(
    estimate(facts({ ...known, drafts: { count: 5, tokens: null, usd: null } })),
    /; then 5 drafts, what they cost is known after the first draft; about 2 minutes$/,
  );
  assert.match(estimate(facts({ ...known, usd: null })), /\(no price is known\)/);

  const progress = (more: Partial<Progress>): Progress => ({
    stages: [],
    ...{ status: "processing", stage: "site_drafts", error: null, facts: {}, minutes_left: 4 },
    counts: { total: 32, waiting: 0, open: 0, done: 30, reused: 1, failed: 1, skipped: 0 },
    drafts: { wanted: 10, written: 1, answered: 1, skipped: 0, failed: 1, reused: 1 },
    ...more,
  });
  assert.equal(
    describe(progress({})),
    "drafting 2/10, 1 failed, 1 answered already, about 4 minutes left",
  );
  assert.equal(
    describe(progress({ status: "completed" })),
    "31/32 pages, plan made, 1 of 10 drafts written, 1 answered already",
  );
  assert.equal(
    describe(progress({ status: "completed", drafts: undefined })),
    "31/32 pages, plan made",
  );
});

Deno.test("--drafts takes a whole number from 0 to 100, and no job that is there already", async () => {
  const run = async (...args: string[]) => {
    let said = "";
    const program = new Command().configureOutput({ writeErr: (text) => said += text });
    registerSite(program);
    program.commands[0].configureOutput({ writeErr: (text) => said += text });
    const error: CommanderError = await program.parseAsync(["site", ...args], { from: "user" })
      .then(() => assert.fail("it was taken"), (error) => error);
    assert.ok(error instanceof CommanderError, String(error));
    assert.equal(error.exitCode, 2);
    return said + error.message;
  };
  for (const count of ["101", "-1", "1.5", "many", "", "1e3"]) {
    assert.match(
      await run("--sample", `--drafts=${count}`),
      /'--drafts <count>'.*a whole number from 0 to 100 is needed/,
      count,
    );
  }
  assert.match(
    await run("--retry", crypto.randomUUID(), "--drafts", "5"),
    /--drafts is for a new job/,
  );
});

Deno.test("a plan names its site; a new page has no address yet, and a small gain is not none", () => {
  const plan = sitePlan();
  plan.edits[0].expected_clicks = 0.3;
  const { terminal, markdown, brief, html } = forms(plan);
  const host = new URL(site).host;
  assert.ok(html.includes(`<title>The plan of ${host}</title>`));
  assert.ok(markdown.startsWith("# The plan of "));
  for (const text of [terminal, markdown, brief, html]) assert.ok(text.includes("under 1"), text);
  const newPage = plan.edits.find(({ kind }) => kind === "new_page")!;
  const path = newPage.url.slice(site.length);
  for (const text of [terminal, markdown]) assert.ok(text.includes(`so far ${path}`), text);
  assert.match(html, /class="page">so far <a/);
});
