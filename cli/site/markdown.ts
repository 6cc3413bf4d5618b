// plan.md, and a brief a page for who edits it. The same plan gives the same bytes.

import { draftLines, escapeMarkdown } from "../report/markdown.ts";
import { number, percent, position } from "../report/text.ts";
import { kindNames, type SiteDraft, type SiteEdit, type SitePlan, where } from "./plan.ts";
import {
  briefNames,
  draftName,
  draftNote,
  draftsOf,
  editsOf,
  failures,
  gainOf,
  originOfDraft,
  overview,
  pageOf,
  reasonOf,
  shortUrl,
  taskOf,
  titleOf,
} from "./text.ts";

const md = escapeMarkdown;

export function renderMarkdown(plan: SitePlan): string {
  const drafts = draftsOf(plan);
  const { open, answered } = editsOf(plan);
  const hasDrafts = drafts.size > 0;
  const lines = [
    `# ${md(titleOf(plan))}`,
    "",
    ...overview(plan).map((line) => `${md(line)}\n`),
    "## Edits",
    "",
    `| # | Kind | Page | What to do | Clicks a month | Effort | Confidence |${
      hasDrafts ? " Draft |" : ""
    }`,
    `|--:|---|---|---|--:|---|--:|${hasDrafts ? "---|" : ""}`,
    ...open.map((edit) => {
      const draft = drafts.get(edit.id);
      return `| ${edit.rank} | ${kindNames[edit.kind]} | ${md(pageOf(edit, plan))} | ${
        md(taskOf(edit, plan))
      } | ${gainOf(edit)} | ${edit.effort} | ${percent(edit.confidence)} |${
        hasDrafts ? ` ${draft?.status ?? ""} |` : ""
      }`;
    }),
    "",
  ];
  for (const [heading, edits] of [["Drafts", open], ["Answered already", answered]] as const) {
    const drafted = edits.filter(({ id }) => drafts.has(id));
    if (drafted.length > 0) lines.push(`## ${heading}`, "");
    for (const edit of drafted) {
      lines.push(
        `### ${edit.rank}. ${md(taskOf(edit, plan))}`,
        "",
        `${edit.kind === "new_page" ? "Shown until then" : "Page"}: <${edit.url}>`,
        "",
        ...draftPart(plan, edit, drafts.get(edit.id)!),
      );
    }
  }
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
          number(decay.clicks_before)
        } → ${number(decay.clicks_after)} | ${decay.position_before} → ${decay.position_after} |`,
      );
    }
    lines.push("");
  }
  lines.push(...failures(plan).map((line) => `${md(line)}\n`));
  return lines.join("\n");
}

/** What became of an edit's draft, and the draft itself as it is pasted. */
function draftPart(plan: SitePlan, edit: SiteEdit, draft: SiteDraft): string[] {
  const note = draftNote(plan, draft);
  // A quote may end its sentence by itself.
  const said = `**${draftName(draft)}:** ${md(note)}${/[.!?…]”?$/.test(note) ? "" : "."}`;
  if (draft.status !== "written") return [said, ""];
  return [
    `${said} ${md(originOfDraft(plan, draft))}`,
    "",
    edit.place === null ? "As a page of its own:" : `Place it ${md(where(edit))}:`,
    "",
    ...draftLines(draft),
  ];
}

/** What each page needs, by the name of its file. */
export function briefsOf(plan: SitePlan): Map<string, string> {
  const briefs = new Map<string, string>();
  for (const [pageId, name] of briefNames(plan)) {
    const brief = renderBrief(plan, pageId);
    if (brief !== undefined) briefs.set(name, brief);
  }
  return briefs;
}

/** What one page needs, for who edits it; undefined when it needs nothing. */
export function renderBrief(plan: SitePlan, pageId: string): string | undefined {
  const edits = plan.edits.filter((edit) => edit.page_id === pageId);
  const links = plan.links.filter((link) => link.page_id === pageId);
  const page = plan.pages.find((page) => page.page_id === pageId);
  if (!page || edits.length + links.length === 0) return undefined;
  const drafts = draftsOf(plan);
  const lines = [`# ${md(page.title || page.url)}`, "", `<${page.url}>`, ""];
  for (const edit of edits) {
    const draft = drafts.get(edit.id);
    lines.push(
      `## ${edit.rank}. ${md(taskOf(edit, plan))}`,
      "",
      `- Worth: ${gainOf(edit)} clicks a month; ${
        number(edit.impressions)
      } impressions at position ${position(edit.avg_position)}`,
      `- Effort: ${edit.effort}; confidence ${percent(edit.confidence)}`,
      `- Why: ${md(reasonOf(edit, plan))}`,
      ...edit.target_url === null ? [] : [`- The other page: <${edit.target_url}>`],
      "- To be answered:",
      ...edit.queries.map((query) => `  - ${md(query)}`),
      "",
      ...draft ? draftPart(plan, edit, draft) : [],
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
