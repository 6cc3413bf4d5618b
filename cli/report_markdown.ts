// The report as report.md.

import type { Report, Section } from "./report.ts";
import {
  coverageLegend,
  cut,
  draftOrigin,
  noDraft,
  noGaps,
  number,
  plain,
  position,
  provenance,
  shortPath,
  summary,
} from "./report_text.ts";

/** Foreign text as Markdown that shows exactly that text, on one line and fit for a table cell. */
export function escapeMarkdown(text: string): string {
  return plain(text)
    // An underscore inside a word means nothing in Markdown, and names are full of them.
    .replace(/[\\`*{}[\]<>|~#$&]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\$&")
    .replace(/^[-+=]/, "\\$&")
    .replace(/^(\d+)([.)])/, "$1\\$2");
}

/** The report as a Markdown document (GitHub's tables). */
export function renderMarkdown(report: Report): string {
  const md = escapeMarkdown;
  const lines: string[] = [];
  const table = (header: string[], alignments: string, rows: string[][]) => {
    lines.push(`| ${header.join(" | ")} |`);
    lines.push(`|${[...alignments].map((a) => a === "r" ? " ---: |" : " --- |").join("")}`);
    lines.push(...rows.map((row) => `| ${row.join(" | ")} |`), "");
  };
  const path = (section: Section | null) =>
    section ? shortPath(report, section.heading_path).map(md).join(" › ") || "(no heading)" : "–";

  lines.push(`# ${md(report.page.title)}`, "");
  lines.push(
    report.page.source
      ? md(report.page.source)
      : `<${report.page.url.replace(/[<>\s]/g, encodeURIComponent)}>`,
    "",
  );
  if (report.page.description) lines.push(`> ${md(report.page.description)}`, "");
  lines.push(...summary(report).map((line) => `- ${md(line)}`));
  lines.push(...report.warnings.map((warning) => `- warning: ${md(warning)}`), "");

  lines.push("## Gaps", "");
  if (report.gaps.length === 0) {
    lines.push(md(noGaps(report)), "");
  } else {
    lines.push("What people search for and the page does not answer, by opportunity.", "");
    table(
      [
        "#",
        "Topic",
        "Queries",
        "Impressions",
        "Clicks",
        "Avg position",
        "Similarity",
        "Opportunity",
      ],
      "rlrrrrrr",
      report.gaps.map((gap) => [
        String(gap.rank),
        md(gap.medoid_query),
        number(gap.query_count),
        number(gap.impressions),
        number(gap.clicks),
        position(gap.avg_position),
        gap.similarity.toFixed(3),
        number(gap.opportunity),
      ]),
    );
  }
  for (const gap of report.gaps) {
    lines.push(`### ${gap.rank}. ${md(gap.medoid_query)}`, "");
    lines.push(
      `- Asked: ${gap.queries.slice(0, 12).map(md).join(" · ")}` + ellipsis(gap.queries, 12),
    );
    if (gap.best_section) {
      const { kind, text, css_path } = gap.best_section;
      lines.push(`- Nearest section: ${path(gap.best_section)}`);
      const shown = kind === "heading" ? "the heading" : `“${md(cut(plain(text), 240))}”`;
      lines.push(`- Nearest text: ${shown} (${codeSpan(css_path)})`);
    }
    const after = gap.fix.after_heading;
    lines.push(
      `- Fix: add a section ${after === null ? "of its own" : `after “${md(after)}”`}`,
      "",
    );
  }

  const { draft } = report;
  if (draft) {
    lines.push("## Draft", "");
    if (draft.gap_rank !== null) lines.push(`For gap ${draft.gap_rank}. ${md(draft.summary)}`, "");
    lines.push(`**${md(draftOrigin(draft))}**`, "");
    lines.push(`Place it after “${md(draft.after_heading)}”:`, "");
    lines.push(...fenced(`## ${plain(draft.heading)}\n\n${draft.body_markdown}`, "markdown"), "");
    const list = (title: string, items: string[]) => {
      if (items.length > 0) {
        lines.push(
          `${title}:`,
          "",
          ...items.map((item) => `- ${md(item)}`),
          "",
        );
      }
    };
    list("Questions it answers", draft.questions_answered);
    list("Facts to check before publishing", draft.facts_to_check);
  } else if (report.draft_skipped) {
    lines.push("## Draft", "", `None: ${md(noDraft(report.draft_skipped))}`, "");
  }

  if (report.coverage.length > 0) {
    lines.push("## Coverage", "", md(coverageLegend(report)), "");
    table(
      [
        "Status",
        "Topic",
        "Queries",
        "Impressions",
        "Clicks",
        "Avg position",
        "Similarity",
        "Best section",
      ],
      "llrrrrrl",
      report.coverage.map((cluster) => [
        cluster.coverage,
        md(cluster.medoid_query),
        number(cluster.query_count),
        number(cluster.impressions),
        number(cluster.clicks),
        position(cluster.avg_position),
        cluster.similarity.toFixed(3),
        path(cluster.best_section),
      ]),
    );
  }
  if (report.noise.length > 0) {
    lines.push("## Noise", "", "Queries like no other: kept and marked, in no cluster.", "");
    table(
      ["Query", "Impressions", "Clicks", "Position", "Similarity", "Best section"],
      "lrrrrl",
      report.noise.map((point) => [
        md(point.query),
        number(point.impressions),
        number(point.clicks),
        position(point.avg_position),
        point.similarity.toFixed(3),
        path(point.best_section),
      ]),
    );
  }
  lines.push("## How it was made", "", ...provenance(report).map((line) => `- ${md(line)}`), "");
  return lines.join("\n");
}

const ellipsis = (items: unknown[], limit: number) =>
  items.length > limit ? ` · and ${items.length - limit} more` : "";

/** Inline code that holds any text: its ticks are longer than any run of ticks inside. */
function codeSpan(text: string): string {
  const ticks = "`".repeat(longestRun(text) + 1);
  const space = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${ticks}${space}${plain(text)}${space}${ticks}`;
}

/** A code block that `text` cannot close. */
function fenced(text: string, language: string): string[] {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return [
    fence + language,
    ...text.split("\n").map((line) => line.replace(/\p{Cc}/gu, " ")),
    fence,
  ];
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
