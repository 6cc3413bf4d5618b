// The plan of a site as files: edits.csv, plan.md, plan.html, plan.json, and a brief a page. The same plan gives the same bytes.

import { escapeMarkdown } from "../report/markdown.ts";
import { plain } from "../report/text.ts";
import { kindNames, placeText, type SiteEdit, type SitePlan, task } from "./plan.ts";

const count = (value: number) => Math.round(value).toLocaleString("en-US");
const md = (text: string) => escapeMarkdown(plain(text));

/** Columns that Sheets and Excel open as they are. */
export function renderCsv(plan: SitePlan): string {
  const header = [
    ...["Rank", "Kind", "Page", "Target", "Place", "Topic", "Queries", "Impressions", "Clicks"],
    ...["Position", "Coverage", "Expected clicks a month", "Effort", "Confidence", "Why", "Task"],
  ];
  const rows = plan.edits.map((edit) => [
    ...[edit.rank, kindNames[edit.kind], edit.url, edit.target_url ?? "", placeText(edit)],
    ...[edit.label, edit.queries.join("; "), edit.impressions, edit.clicks, edit.avg_position],
    ...[edit.coverage, edit.expected_clicks, edit.effort, edit.confidence, edit.reason],
    task(edit),
  ]);
  return renderRows([header, ...rows]);
}

/** CSV as RFC 4180 has it. */
export function renderRows(rows: (string | number)[][]): string {
  return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}

/** Quoted where needed; a leading =, +, - or @ of foreign text is no formula (OWASP, CSV injection). */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const text = plain(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function renderMarkdown(plan: SitePlan): string {
  const lines = [
    "# The plan of the site",
    "",
    ...overview(plan).map((line) => `${line}\n`),
    "## Edits",
    "",
    "| # | Kind | Page | What to do | Clicks a month | Effort | Confidence |",
    "|--:|---|---|---|--:|---|--:|",
    ...plan.edits.map((edit) =>
      `| ${edit.rank} | ${kindNames[edit.kind]} | ${md(shortUrl(edit.url, plan))} | ${
        md(task(edit))
      } | +${count(edit.expected_clicks)} | ${edit.effort} | ${percent(edit.confidence)} |`
    ),
    "",
  ];
  if (plan.links.length > 0) {
    lines.push("## Links that could be set", "");
    for (const link of plan.links) {
      lines.push(
        `- ${md(shortUrl(link.url, plan))} → ${md(shortUrl(link.target_url, plan))}: **${
          md(link.anchor)
        }** in “${md(link.sentence)}”`,
      );
    }
    lines.push("");
  }
  if (plan.decays.length > 0) {
    lines.push(
      "## What has lost clicks",
      "",
      "| Page | Topic | Clicks | Position |",
      "|---|---|---|---|",
    );
    for (const decay of plan.decays) {
      lines.push(
        `| ${md(shortUrl(decay.url, plan))} | ${md(decay.label)} | ${
          count(decay.clicks_before)
        } → ${count(decay.clicks_after)} | ${decay.position_before} → ${decay.position_after} |`,
      );
    }
    lines.push("");
  }
  lines.push(...failures(plan).map((line) => `${md(line)}\n`));
  return lines.join("\n");
}

/** What one page needs, for who edits it; undefined when it needs nothing. */
export function renderBrief(plan: SitePlan, pageId: string): string | undefined {
  const edits = plan.edits.filter((edit) => edit.page_id === pageId);
  const links = plan.links.filter((link) => link.page_id === pageId);
  const page = plan.pages.find((page) => page.page_id === pageId);
  if (!page || edits.length + links.length === 0) return undefined;
  const lines = [`# ${md(page.title || page.url)}`, "", `<${page.url}>`, ""];
  for (const edit of edits) {
    lines.push(
      `## ${edit.rank}. ${md(task(edit))}`,
      "",
      `- Worth: ${count(edit.expected_clicks)} more clicks a month; ${
        count(edit.impressions)
      } impressions at position ${edit.avg_position}`,
      `- Effort: ${edit.effort}; confidence ${percent(edit.confidence)}`,
      `- Why: ${md(edit.reason)}`,
      "- To be answered:",
      ...edit.queries.map((query) => `  - ${md(query)}`),
      "",
    );
  }
  if (links.length > 0) {
    lines.push("## Links that could be set", "");
    for (const link of links) {
      lines.push(`- “${md(link.sentence)}”: **${md(link.anchor)}** → <${link.target_url}>`);
    }
    lines.push("");
  }
  return lines.join("\n");
}

/** The name of a page's brief: its path with hyphens. */
export function briefName(plan: SitePlan, url: string): string {
  const name = shortUrl(url, plan).replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  return `${name.slice(0, 80) || "home"}.md`;
}

export function overview(plan: SitePlan): string[] {
  const { site, counts, costs } = plan;
  const kinds = Object.entries(kindNames)
    .map(([kind, name]) => [plan.edits.filter((e) => e.kind === kind).length, name] as const)
    .filter(([number]) => number > 0)
    .map(([number, name]) => `${number} × ${name.toLowerCase()}`);
  const reused = counts.reused > 0
    ? `, ${counts.reused} of them unchanged since the last time`
    : "";
  return [
    `${count(site.page_count)} pages${reused}; ${count(site.query_count)} queries with ${
      count(site.impressions)
    } impressions and ${count(site.clicks)} clicks in ${plan.method.period_days} days.`,
    plan.edits.length === 0
      ? "Nothing to edit was found."
      : `${plan.edits.length} edits, worth ${
        count(site.expected_clicks)
      } more clicks a month by the site's own click-through rates: ${kinds.join(", ")}.`,
    `Models: ${count(costs.input_tokens + costs.output_tokens)} tokens${
      costs.usd > 0 ? `, $${costs.usd.toFixed(4)}` : ""
    }.`,
  ];
}

export function failures(plan: SitePlan): string[] {
  return plan.failed_pages.map(({ url, status, error }) =>
    `Not analysed: ${shortUrl(url, plan)} (${status}${
      error?.message ? `: ${plain(error.message)}` : ""
    })`
  );
}

const percent = (share: number) => `${Math.round(100 * share)} %`;

/** Without what all pages begin with, when they are of one host. */
export function shortUrl(url: string, plan: SitePlan): string {
  const hosts = new Set(plan.pages.map((page) => new URL(page.url).origin));
  return hosts.size === 1 ? url.slice([...hosts][0].length) || "/" : url;
}

const html = (text: string) =>
  plain(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

/** One file that needs nothing else, in light and dark, on a phone as well. */
export function renderHtml(plan: SitePlan): string {
  const link = (url: string) =>
    /^https?:\/\//.test(url)
      ? `<a href="${html(url)}" rel="noreferrer">${html(shortUrl(url, plan))}</a>`
      : html(url);
  const max = Math.max(...plan.edits.map((edit) => edit.expected_clicks), 1);
  const edit = (edit: SiteEdit) =>
    `<li class="edit" data-kind="${edit.kind}">
<div class="head"><span class="rank">${edit.rank}</span><span class="kind ${edit.kind}">${
      kindNames[edit.kind]
    }</span><span class="page">${link(edit.url)}${
      edit.target_url ? ` → ${link(edit.target_url)}` : ""
    }</span><span class="gain">+${
      count(edit.expected_clicks)
    }<small> clicks a month</small></span></div>
<div class="bar"><i style="width:${
      Math.max(1, Math.round(100 * edit.expected_clicks / max))
    }%"></i></div>
<p class="task">${html(task(edit))}</p>
<p class="why">${html(edit.reason)}</p>
<p class="queries">${edit.queries.map((query) => `<span>${html(query)}</span>`).join(" ")}</p>
<p class="facts">${count(edit.impressions)} impressions · position ${edit.avg_position} · covered ${
      percent(edit.coverage)
    } · effort ${edit.effort} · confidence ${percent(edit.confidence)}</p>
</li>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The plan of the site</title>
<style>
:root{color-scheme:light dark;--back:light-dark(#fff,#14161a);--text:light-dark(#1b1e24,#e8eaee);--dim:light-dark(#5b6270,#9aa1ae);--line:light-dark(#e3e6eb,#2b2f37);--soft:light-dark(#f4f6f8,#1d2026);--accent:light-dark(#0a6c50,#4cc79f)}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{font-size:1.6rem;margin:.5rem 0 1rem}h2{margin:2.5rem 0 .75rem;font-size:1.2rem}
a{color:var(--accent);overflow-wrap:anywhere}ol,ul{list-style:none;margin:0;padding:0}
.edit{border:1px solid var(--line);border-radius:.6rem;padding:.8rem 1rem;margin:.7rem 0}
.head{display:flex;flex-wrap:wrap;gap:.3rem .7rem;align-items:baseline}.rank{color:var(--dim);font-variant-numeric:tabular-nums;min-width:1.6rem}
.kind{background:var(--soft);border:1px solid var(--line);border-radius:1rem;padding:0 .6rem;font-size:.85rem}.page{flex:1 1 14rem;min-width:0}
.gain{font-weight:600;font-variant-numeric:tabular-nums}.gain small{font-weight:400;color:var(--dim)}
.bar{height:4px;background:var(--soft);border-radius:2px;margin:.5rem 0}.bar i{display:block;height:100%;background:var(--accent);border-radius:2px}
.task{margin:.2rem 0;font-weight:600;overflow-wrap:anywhere}.why,.facts{margin:.2rem 0;color:var(--dim);font-size:.9rem;overflow-wrap:anywhere}
.queries{margin:.4rem 0;display:flex;flex-wrap:wrap;gap:.3rem}.queries span{background:var(--soft);border-radius:.3rem;padding:0 .4rem;font-size:.85rem}
.links li{border-top:1px solid var(--line);padding:.6rem 0}mark{background:color-mix(in srgb,var(--accent) 25%,transparent);color:inherit}
table{border-collapse:collapse;width:100%}td,th{border-top:1px solid var(--line);padding:.4rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
</style>
</head>
<body>
<main>
<h1>The plan of the site</h1>
${overview(plan).map((line) => `<p>${html(line)}</p>`).join("\n")}
<h2>Edits, the most worth first</h2>
<ol>
${plan.edits.map(edit).join("\n")}
</ol>
${
    plan.links.length === 0 ? "" : `<h2>Links that could be set</h2>
<ul class="links">
${
      plan.links.map((row) =>
        `<li>${link(row.url)} → ${link(row.target_url)}<br>${
          html(row.sentence).replace(html(row.anchor), `<mark>${html(row.anchor)}</mark>`)
        }</li>`
      ).join("\n")
    }
</ul>`
  }
${
    plan.decays.length === 0 ? "" : `<h2>What has lost clicks</h2>
<table><thead><tr><th>Page</th><th>Topic</th><th>Clicks</th><th>Position</th></tr></thead><tbody>
${
      plan.decays.map((decay) =>
        `<tr><td>${link(decay.url)}</td><td>${html(decay.label)}</td><td>${
          count(decay.clicks_before)
        } → ${
          count(decay.clicks_after)
        }</td><td>${decay.position_before} → ${decay.position_after}</td></tr>`
      ).join("\n")
    }
</tbody></table>`
  }
${failures(plan).map((line) => `<p class="why">${html(line)}</p>`).join("\n")}
</main>
</body>
</html>
`;
}
