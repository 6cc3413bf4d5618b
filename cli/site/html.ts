// plan.html: one file that needs nothing else, in light and dark, on a phone as well. The same plan gives the same bytes.

import { escapeHtml, renderDraft } from "../report/html.ts";
import { number, percent, position } from "../report/text.ts";
import { kindNames, type SiteDraft, type SiteEdit, type SitePlan, where } from "./plan.ts";
import {
  draftName,
  draftNote,
  draftsOf,
  editsOf,
  failures,
  gainOf,
  originOfDraft,
  overview,
  reasonOf,
  shortUrl,
  taskOf,
  titleOf,
} from "./text.ts";

const html = escapeHtml;

/** The plan as a complete HTML document. */
export function renderHtml(plan: SitePlan): string {
  const link = (url: string) =>
    /^https?:\/\//.test(url)
      ? `<a href="${html(url)}" rel="noreferrer">${html(shortUrl(url, plan))}</a>`
      : html(url);
  const { open, answered } = editsOf(plan);
  const max = Math.max(...plan.edits.map((edit) => edit.expected_clicks), 1);
  const drafts = draftsOf(plan);
  const draft = (edit: SiteEdit, draft: SiteDraft) => {
    const name = `<b>${draftName(draft)}:</b> `, note = html(draftNote(plan, draft));
    if (draft.status !== "written") return `<p class="draft">${name}${note}</p>\n`;
    return `<details class="draft"><summary>${name}${note}</summary>
<p class="origin">${edit.place === null ? "" : `To stand ${html(where(edit))}. `}${
      html(originOfDraft(plan, draft))
    }</p>
${renderDraft(draft)}</details>
`;
  };
  const edit = (edit: SiteEdit) => {
    const found = drafts.get(edit.id);
    return `<li class="edit" data-kind="${edit.kind}">
<div class="head"><span class="rank">${edit.rank}</span><span class="kind ${edit.kind}">${
      kindNames[edit.kind]
    }</span><span class="page">${edit.kind === "new_page" ? "so far " : ""}${link(edit.url)}${
      edit.target_url ? ` → ${link(edit.target_url)}` : ""
    }</span><span class="gain">${gainOf(edit)}<small> clicks a month</small></span></div>
<div class="bar"><i style="width:${
      Math.max(1, Math.round(100 * edit.expected_clicks / max))
    }%"></i></div>
<p class="task">${html(taskOf(edit, plan))}</p>
<p class="why">${html(reasonOf(edit, plan))}</p>
<p class="queries">${edit.queries.map((query) => `<span>${html(query)}</span>`).join(" ")}</p>
<p class="facts">${number(edit.impressions)} impressions · position ${
      position(edit.avg_position)
    } · covered ${percent(edit.coverage)} · effort ${edit.effort} · confidence ${
      percent(edit.confidence)
    }</p>
${found ? draft(edit, found) : ""}</li>`;
  };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="robots" content="noindex">
<title>${html(titleOf(plan))}</title>
<style>
${style}
</style>
</head>
<body>
<main>
<h1>${html(titleOf(plan))}</h1>
${overview(plan).map((line) => `<p>${html(line)}</p>`).join("\n")}
<h2>Edits, the most worth first</h2>
<ol>
${open.map(edit).join("\n")}
</ol>
${
    answered.length === 0 ? "" : `<h2>Answered already</h2>
<p class="why">A model read these pages and found the answers: nothing is to be done.</p>
<ol>
${answered.map(edit).join("\n")}
</ol>`
  }
${
    plan.links.length === 0 ? "" : `<h2>Links that could be set</h2>
<ul class="links">
${
      plan.links.map((row) =>
        `<li>${link(row.url)} → ${link(row.target_url)}<br>${
          html(row.sentence).replace(html(row.anchor), (anchor) => `<mark>${anchor}</mark>`)
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
          number(decay.clicks_before)
        } → ${
          number(decay.clicks_after)
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

const style = `
:root{color-scheme:light dark;--back:light-dark(#fff,#14161a);--text:light-dark(#1b1e24,#e8eaee);--dim:light-dark(#5b6270,#9aa1ae);--line:light-dark(#e3e6eb,#2b2f37);--soft:light-dark(#f4f6f8,#1d2026);--accent:light-dark(#0a6c50,#4cc79f)}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{font-size:1.6rem;margin:.5rem 0 1rem;overflow-wrap:anywhere}h2{margin:2.5rem 0 .75rem;font-size:1.2rem}
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
.draft{border-left:3px solid var(--accent);margin:.7rem 0 .2rem;padding:.1rem 0 .1rem .8rem;overflow-wrap:anywhere}p.draft{border-color:var(--line)}
.draft summary{cursor:pointer}.draft .origin,.draft .brief{color:var(--dim);font-size:.9rem}.draft h3{font-size:1.1rem;margin:.8rem 0 .3rem}.draft .text>h3:first-child{font-size:1.25rem}.draft h4{font-size:.95rem;margin:.8rem 0 .2rem}
.draft ul,.draft ol{list-style:disc;padding-left:1.3rem}.draft ol{list-style:decimal}.draft pre{background:var(--soft);overflow:auto;padding:.6rem}.draft table{font-size:.9rem}
@media print{details::details-content{content-visibility:visible;height:auto}.edit{break-inside:avoid}}
`.trim();
