// The report as report.md.

import { headingOf, type Report } from "./report.ts";
import type { DraftText, Edit, TopicQuery } from "./result.ts";
import {
  action,
  addressOf,
  demandOf,
  draftOrigin,
  effectOf,
  figures,
  gainOf,
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

/** Foreign text as Markdown that shows exactly that text, on one line and fit for a table cell. */
export function escapeMarkdown(text: string): string {
  return plain(text)
    // An underscore inside a word means nothing in Markdown, and names are full of them.
    .replace(/[\\`*{}[\]<>|~#$&]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\$&")
    .replace(/^[-+=]/, "\\$&")
    .replace(/^(\d+)([.)])/, "$1\\$2");
}

const md = escapeMarkdown;

/** The report as a Markdown document (GitHub's tables). */
export function renderMarkdown(report: Report): string {
  const lines: string[] = [];
  const table = (header: string[], alignments: string, rows: string[][]) => {
    lines.push(`| ${header.join(" | ")} |`);
    lines.push(`|${[...alignments].map((a) => a === "r" ? " ---: |" : " --- |").join("")}`);
    lines.push(...rows.map((row) => `| ${row.join(" | ")} |`), "");
  };

  lines.push(`# ${md(titleOf(report))}`, "");
  const address = addressOf(report);
  lines.push(
    report.source ? md(address) : `<${address.replace(/[<>\s]/g, encodeURIComponent)}>`,
    "",
    `**${md(verdict(report))}**`,
    "",
    md(figures(report)),
    "",
  );
  const warnings = warningsOf(report);
  if (warnings.length > 0) lines.push(...warnings.map((warning) => `> Note: ${md(warning)}`), "");

  const edit = (edit: Edit) => {
    lines.push(`### ${edit.rank}. ${action[edit.kind]}: ${md(edit.label)}`, "");
    lines.push(`- **Where:** ${md(whereOf(edit.place))}`);
    lines.push(
      `- **Worth:** ${
        [edit.priority, gainOf(edit), demandOf(edit)].filter((part) => part !== null).join(", ")
      }`,
    );
    if (edit.reason) lines.push(`- **Why:** ${md(edit.reason)}`);
    const missing = missingOf(report, edit);
    if (missing.length > 0 && edit.kind !== "improve") {
      lines.push(`- **Missing:** ${missing.slice(0, 12).map(md).join(", ")}`);
    }
    const sure = sureOf(edit);
    if (sure) lines.push(`- **How sure:** ${md(sure)}`);
    const draft = report.drafts.find(({ edit_id }) => edit_id === edit.id);
    if (draft) lines.push(`- **Draft:** ${md(effectOf(report, draft))}`);
    lines.push(edit.kind === "improve" ? "- **What it answers:**" : "- **What people ask:**");
    const queries = queriesOf(report, edit);
    lines.push(
      ...queries.slice(0, 12).map((query) => `  - ${asked(query)}`),
      ...queries.length > 12 ? [`  - and ${number(queries.length - 12)} more`] : [],
      "",
    );
  };
  const gaps = report.edits.filter(({ kind }) => kind !== "improve");
  const improvements = report.edits.filter(({ kind }) => kind === "improve");
  if (gaps.length > 0) {
    lines.push("## What is missing", "");
    gaps.forEach(edit);
  }
  if (improvements.length > 0) {
    lines.push("## What to improve", "");
    lines.push(
      "The page answers these, and ranks where a better passage, title or description brings clicks.",
      "",
    );
    improvements.forEach(edit);
  }

  for (const draft of report.drafts) {
    const edit = report.edits.find(({ id }) => id === draft.edit_id);
    lines.push(
      `## ${draft.form === "outline" ? "Outline" : "Draft"}${edit ? ` for ${edit.rank}` : ""}`,
      "",
      `${md(draft.summary)}`,
      "",
      `**${md(draftOrigin(report, draft))}** ${md(effectOf(report, draft))}.`,
      "",
      ...edit ? [`Place it ${md(whereOf(edit.place))}:`, ""] : [],
      ...draftLines(draft),
    );
  }
  if (report.drafts.length === 0 && report.draft_skipped) {
    lines.push("## Draft", "", `None: ${md(noDraft(report.draft_skipped))}`, "");
  }

  const segments = new Map(report.segments.map((segment) => [segment.id, segment]));
  const asks = report.topics.filter((topic) => !isAside(topic));
  if (asks.length > 0) {
    lines.push("## What people ask, and how surely the page answers it", "");
    table(
      ["", "Answered", "Query", "Impressions", "Position", "Nearest section"],
      "lrlrrl",
      asks.flatMap((topic) => [
        [
          kindNames[topic.kind],
          percent(topic.coverage),
          `**${md(topic.label)}**`,
          number(topic.impressions),
          position(topic.avg_position),
          md(headingOf(segments.get(topic.best_segment_id ?? -1)) ?? "–"),
        ],
        // A topic of one query is its query.
        ...(topic.queries.length > 1 ? topic.queries : []).map((query) => [
          "",
          percent(query.coverage),
          md(query.query),
          number(query.impressions),
          position(query.position),
          md(headingOf(segments.get(query.segment_id ?? -1)) ?? "–"),
        ]),
      ]),
    );
  }
  const aside = report.topics.filter(isAside);
  if (aside.length > 0) {
    lines.push("## Set apart", "", "They look for the site itself or for something else.", "");
    table(
      ["", "Query", "Impressions", "Position"],
      "llrr",
      aside.flatMap((topic) =>
        topic.queries.map((query) => [
          kindNames[topic.kind],
          md(query.query),
          number(query.impressions),
          position(query.position),
        ])
      ),
    );
  }
  lines.push(
    "## How it was made, and how sure it is",
    "",
    ...provenance(report).map((line) => `- ${md(line)}`),
    "",
  );
  return lines.join("\n");
}

/** A draft as it is pasted, what to check in it and its brief. */
export function draftLines(draft: DraftText): string[] {
  const { brief } = draft;
  const lines = [
    ...fenced(
      `${"#".repeat(brief?.level ?? 2)} ${plain(draft.heading)}\n\n${draft.body_markdown}`,
      "markdown",
    ),
    "",
  ];
  if (draft.facts_to_check.length > 0) {
    lines.push(
      "To check before publishing:",
      "",
      ...draft.facts_to_check.map((fact) => `- ${md(fact)}`),
      "",
    );
  }
  if (brief) {
    lines.push(
      `Brief: ${brief.word_count.least} to ${brief.word_count.most} words` +
        (brief.links.length === 0
          ? ""
          : `; refer to ${brief.links.map(({ heading }) => `“${md(heading)}”`).join(", ")}`) +
        ".",
      "",
    );
  }
  return lines;
}

function asked({ query, variants, impressions, position: rank }: TopicQuery): string {
  return `${md(query)} (${number(impressions)} impressions, position ${position(rank)}` +
    (variants.length === 0 ? ")" : `; also spelt ${variants.slice(0, 3).map(md).join(", ")})`);
}

/** A code block that `text` cannot close. */
function fenced(text: string, language: string): string[] {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return [fence + language, ...plainLines(text).split("\n"), fence];
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
