// The report as one HTML file that needs nothing else: no script, no font, no image from elsewhere. It prints.

import { micromark } from "npm:micromark@4.0.3";
import { gfmTable, gfmTableHtml } from "npm:micromark-extension-gfm-table@2.1.2";
import { headingOf, type Report } from "./report.ts";
import type { Draft, DraftText, Edit, Topic, TopicQuery } from "./result.ts";
import {
  about,
  action,
  addressOf,
  demandOf,
  draftOrigin,
  effectOf,
  figures,
  isAside,
  kindNames,
  missingOf,
  noDraft,
  number,
  percent,
  plain,
  plainLines,
  position,
  provenance,
  queriesOf,
  sureOf,
  titleOf,
  verdict,
  warningsOf,
  whereOf,
} from "./text.ts";

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Foreign text as HTML that shows exactly that text, in an element or an attribute. */
export const escapeHtml = (text: string) =>
  plain(text).replace(/[&<>"']/g, (character) => entities[character]);

const html = escapeHtml;

/** The report as a complete HTML document. */
export function renderHtml(report: Report): string {
  const gaps = report.edits.filter(({ kind }) => kind !== "improve");
  const improvements = report.edits.filter(({ kind }) => kind === "improve");
  const asked = report.topics.filter((topic) => !isAside(topic));
  const aside = report.topics.filter(isAside);
  const warnings = warningsOf(report);
  const address = addressOf(report);
  const language = /^[a-z]{2,3}(-[a-z0-9]+)*$/i.test(report.page?.language ?? "")
    ? report.page!.language!
    : "";
  const foreign = language ? ` lang="${language}"` : "";

  const edit = (edit: Edit) => {
    const draft = report.drafts.find(({ edit_id }) => edit_id === edit.id);
    const missing = edit.kind === "improve" ? [] : missingOf(report, edit).slice(0, 12);
    const sure = sureOf(edit);
    const queries = queriesOf(report, edit);
    const rows: [string, string][] = [
      ["Where", html(whereOf(edit.place))],
      ["Asked for", html(demandOf(edit))],
      ...edit.reason ? [["Why", html(edit.reason)] as [string, string]] : [],
      ...missing.length > 0
        ? [[
          "Missing",
          missing.map((term) => `<span class="term"${foreign}>${html(term)}</span>`).join(" "),
        ] as [string, string]]
        : [],
      ...sure ? [["How sure", html(sure)] as [string, string]] : [],
      ...draft
        ? [["Draft", `<a href="#draft-${edit.rank}">${html(effectOf(report, draft))}</a>`] as [
          string,
          string,
        ]]
        : [],
    ];
    return `<article class="edit" id="edit-${edit.rank}">
<h3><span class="rank">${edit.rank}</span> <span${foreign}>${html(edit.label)}</span></h3>
<p class="do"><span class="${edit.priority}">${edit.priority}</span> ${action[edit.kind]}${
      edit.expected_clicks >= 1
        ? ` <span class="clicks">+${about(edit.expected_clicks)} clicks a month</span>`
        : ""
    }</p>
<ul class="queries"${foreign}>${
      queries.slice(0, 12).map(({ query, impressions }) =>
        `<li>${html(query)} <small>${number(impressions)}</small></li>`
      ).join("")
    }${queries.length > 12 ? `<li>and ${number(queries.length - 12)} more</li>` : ""}</ul>
<dl>${rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>
</article>`;
  };

  const segments = new Map(report.segments.map((segment) => [segment.id, segment]));
  const section = (id: number | null) => html(headingOf(segments.get(id ?? -1)) ?? "–");
  const queryRow = (query: TopicQuery) =>
    `<tr><td${foreign}>${html(query.query)}${
      query.variants.length > 0
        ? ` <small>also ${html(query.variants.slice(0, 3).join(", "))}</small>`
        : ""
    }</td><td>${bar(query.coverage, query.is_answered)}</td><td>${
      number(query.impressions)
    }</td><td>${position(query.position)}</td><td${foreign}>${section(query.segment_id)}</td></tr>`;
  const topic = (topic: Topic) =>
    `<tbody><tr class="topic"><th scope="rowgroup"${foreign}>${html(topic.label)} <small class="${
      kindNames[topic.kind]
    }">${kindNames[topic.kind]}</small></th><td>${
      bar(topic.coverage, topic.kind === "answered" || topic.kind === "improve")
    }</td><td>${number(topic.impressions)}</td><td>${
      position(topic.avg_position)
    }</td><td${foreign}>${section(topic.best_segment_id)}</td></tr>${
      topic.queries.length > 1 ? topic.queries.map(queryRow).join("") : ""
    }</tbody>`;

  const draft = (draft: Draft) => {
    const edit = report.edits.find(({ id }) => id === draft.edit_id);
    return `<article class="draft" id="draft-${edit?.rank ?? draft.edit_id}">
<p class="origin">${edit ? `For ${edit.rank}, ${html(whereOf(edit.place))}. ` : ""}${
      html(effectOf(report, draft))
    }. ${html(draftOrigin(report, draft))}</p>
${renderDraft(draft, foreign)}</article>`;
  };

  const part = (title: string, lead: string, body: string) =>
    `<section><h2>${title}</h2>${lead ? `<p class="lead">${lead}</p>` : ""}\n${body}</section>`;
  const header = `<tr><th scope="col">Topic and queries</th><th scope="col">Answered</th>` +
    `<th scope="col">Impressions</th><th scope="col">Position</th><th scope="col">Nearest section</th></tr>`;
  const table = (body: string) =>
    `<div class="wide"><table><thead>${header}</thead>${body}</table></div>`;

  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${html(titleOf(report))}</title>
<style>${style}</style>
</head>
<body>
<header>
<p class="page"><strong${foreign}>${html(titleOf(report))}</strong><br>${
    report.source === null && /^https?:\/\//i.test(address)
      ? `<a href="${html(address)}" rel="noopener noreferrer">${html(address)}</a>`
      : html(address)
  }</p>
<h1>${html(verdict(report))}</h1>
<p class="figures">${html(figures(report))}</p>
${warnings.map((warning) => `<p class="note">${html(warning)}</p>`).join("\n")}
</header>
<main>
${
    [
      gaps.length > 0
        ? part("What is missing", "By what it would bring a month.", gaps.map(edit).join("\n"))
        : "",
      improvements.length > 0
        ? part(
          "What to improve",
          "The page answers these, and ranks where a better passage, title or description brings clicks.",
          improvements.map(edit).join("\n"),
        )
        : "",
      report.drafts.length > 0
        ? part("Drafts", "", report.drafts.map(draft).join("\n"))
        : report.draft_skipped
        ? part("Drafts", `None: ${html(noDraft(report.draft_skipped))}.`, "")
        : "",
      asked.length > 0
        ? part(
          "What people ask",
          "And how surely the page answers it.",
          table(asked.map(topic).join("")),
        )
        : "",
      aside.length > 0
        ? part(
          "Set apart",
          "They look for the site itself or for something else.",
          `<ul class="queries"${foreign}>${
            aside.flatMap(({ kind, queries }) =>
              queries.map(({ query, impressions }) =>
                `<li>${html(query)} <small>${kindNames[kind]}, ${number(impressions)}</small></li>`
              )
            ).join("")
          }</ul>`,
        )
        : "",
      part(
        "How it was made, and how sure it is",
        "",
        `<ul class="how">${
          provenance(report).map((line) => `<li>${html(line)}</li>`).join("")
        }</ul>`,
      ),
    ].filter(Boolean).join("\n")
  }
</main>
</body>
</html>
`;
}

/** A draft's text, what to check in it and its brief; `foreign`: the attribute of its language. */
export function renderDraft(draft: DraftText, foreign = ""): string {
  const { brief } = draft;
  return `<div class="text"${foreign}><h3>${html(draft.heading)}</h3>
${markdown(draft.body_markdown)}</div>
${
    draft.facts_to_check.length > 0
      ? `<h4>To check before publishing</h4><ul${foreign}>${
        draft.facts_to_check.map((fact) => `<li>${html(fact)}</li>`).join("")
      }</ul>`
      : ""
  }
${
    brief
      ? `<p class="brief">Brief: ${brief.word_count.least} to ${brief.word_count.most} words, heading of level ${brief.level}${
        brief.links.length > 0
          ? `; refer to ${brief.links.map(({ heading }) => `“${html(heading)}”`).join(", ")}`
          : ""
      }.</p>`
      : ""
  }`;
}

/** A share as a bar with its figure. */
const bar = (share: number, isAnswered: boolean) =>
  `<span class="bar ${isAnswered ? "yes" : "no"}"><i style="width:${
    Math.round(share * 100)
  }%"></i></span> ${percent(share)}`;

/** A draft's Markdown; HTML and images in it are shown as text, and a link of a dangerous kind leads nowhere. */
const markdown = (text: string) =>
  micromark(plainLines(text), {
    extensions: [gfmTable(), { disable: { null: ["labelStartImage"] } }],
    htmlExtensions: [gfmTableHtml()],
  });

const style = `
:root{--ink:#1b1f24;--soft:#5b6470;--line:#dfe3e8;--paper:#fff;--tint:#f5f7f9;--accent:#0b6e4f;--bad:#b3372a;--mid:#8a6100;--link:#0a58a8}
@media (prefers-color-scheme:dark){:root{--ink:#e7eaee;--soft:#9aa4b0;--line:#333b45;--paper:#14181d;--tint:#1c2229;--accent:#5ec9a0;--bad:#f08a7c;--mid:#e0b357;--link:#7db9f5}}
*{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
body{max-width:52rem;margin:0 auto;padding:2rem 1.25rem 4rem;overflow-wrap:anywhere}
h1{font-size:1.75rem;line-height:1.25;margin:.5rem 0 .75rem;text-wrap:balance}
h2{font-size:1.2rem;margin:2.75rem 0 .25rem}
h3{font-size:1.05rem;margin:0}
h4{font-size:.95rem;margin:1rem 0 .25rem}
a{color:var(--link)}
small{color:var(--soft);font-size:.85em;font-weight:400}
.page,.figures,.lead,.origin,.brief,.how{color:var(--soft);margin:.25rem 0}
.page{font-size:.9rem}.page strong{color:var(--ink)}
.note{background:var(--tint);border-left:3px solid var(--mid);margin:.75rem 0;padding:.5rem .75rem}
.edit,.draft{border:1px solid var(--line);border-radius:8px;margin:1rem 0;padding:1rem 1.1rem;break-inside:avoid}
.rank{color:var(--soft);font-variant-numeric:tabular-nums;margin-right:.35rem}
.do{margin:.35rem 0 .75rem}
.P1,.P2,.P3{border:1px solid currentColor;border-radius:4px;font-size:.75rem;font-weight:600;margin-right:.4rem;padding:.05rem .35rem}
.P1{color:var(--bad)}.P2{color:var(--mid)}.P3{color:var(--soft)}
.clicks{color:var(--accent);font-weight:600;margin-left:.6rem;white-space:nowrap}
dl{margin:0}
dl div{display:grid;grid-template-columns:5.5rem 1fr;gap:.5rem;padding:.15rem 0}
dt{color:var(--soft)}dd{margin:0}
.term{background:var(--tint);border:1px solid var(--line);border-radius:4px;display:inline-block;font-size:.9em;padding:0 .35rem}
.queries{display:flex;flex-wrap:wrap;gap:.35rem;list-style:none;margin:.6rem 0 .75rem;padding:0}
.queries li{background:var(--tint);border-radius:1rem;font-size:.9rem;padding:.1rem .7rem}
.draft .text{border-left:3px solid var(--accent);margin:.75rem 0;padding:.1rem 0 .1rem 1rem}
.draft .text h3{font-size:1.15rem}
.draft pre{background:var(--tint);overflow:auto;padding:.75rem}
.wide{overflow-x:auto;margin:.75rem -1.25rem 0;padding:0 1.25rem}
table{border-collapse:collapse;font-size:.9rem;min-width:38rem;width:100%}
th,td{border-bottom:1px solid var(--line);padding:.35rem .5rem;text-align:left;vertical-align:top}
.wide th:nth-child(n+2):nth-child(-n+4),.wide td:nth-child(n+2):nth-child(-n+4){text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
thead th{color:var(--soft);font-weight:500}
.topic th,.topic td{background:var(--tint);font-weight:600}
tr:not(.topic)>td:first-child{padding-left:1.25rem}
.bar{background:var(--line);border-radius:3px;display:inline-block;height:.5rem;overflow:hidden;vertical-align:middle;width:3.5rem}
.bar i{background:var(--bad);display:block;height:100%}.bar.yes i{background:var(--accent)}
small.gap{color:var(--bad)}small.partly{color:var(--mid)}small.answered{color:var(--accent)}
.how{font-size:.9rem;padding-left:1.1rem}
@media (max-width:34rem){body{padding-top:1.25rem}h1{font-size:1.4rem}dl div{grid-template-columns:1fr;gap:0}.clicks{display:block;margin:.25rem 0 0}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--tint:#f2f2f2;--accent:#075e43;--bad:#8f2a20;--mid:#6b4b00;--link:#000}body{max-width:none;padding:0;font-size:10.5pt}.wide{overflow:visible;margin:0;padding:0}table{min-width:0}tr{break-inside:avoid}thead{display:table-header-group}h2,h3{break-after:avoid}.bar,.bar i,.topic th,.topic td{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`.trim();
