// The report for reading in a terminal.

import stringWidth from "npm:string-width@8.3.0";
import wrapAnsi from "npm:wrap-ansi@10.0.2";
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

export type Style = "bold" | "dim" | "red" | "yellow" | "green" | "cyan";

/** Wraps text in SGR codes, or leaves it alone. */
export function painter(color: boolean): (style: Style, text: string) => string {
  const codes = { bold: 1, dim: 2, red: 31, yellow: 33, green: 32, cyan: 36 };
  return (style, text) =>
    color && text !== ""
      ? `\x1b[${codes[style]}m${text}\x1b[${style === "bold" || style === "dim" ? 22 : 39}m`
      : text;
}

const left = (text: string, width: number) => {
  const fitted = cut(text, width);
  return fitted + " ".repeat(Math.max(0, width - stringWidth(fitted)));
};
const right = (text: string, width: number) =>
  " ".repeat(Math.max(0, width - stringWidth(text))) + text;

/**
 * The report for reading in a terminal, `width` columns wide (80 at least). Long lists are cut with
 * a note of how much more report.md has.
 */
export function renderTerminal(report: Report, options: { width: number; color: boolean }): string {
  const width = Math.max(80, options.width);
  const paint = painter(options.color);
  const lines: string[] = [];
  const wrapped = (text: string, indent = "", first = indent) => {
    const rows = wrapAnsi(text, width - indent.length, { hard: true }).split("\n");
    lines.push(...rows.map((row, i) => (i === 0 ? first : indent) + row));
  };
  const heading = (title: string, note = "") => {
    lines.push("", paint("bold", title) + (note ? "  " + paint("dim", note) : ""));
  };
  const path = (section: Section) =>
    shortPath(report, section.heading_path).map(plain).join(" › ") || "(no heading)";

  lines.push(paint("bold", cut(plain(report.page.title), width)));
  lines.push(paint("dim", plain(report.page.source ?? report.page.url)));
  for (const line of summary(report)) {
    const [, name, rest] = /^(\w+): (.*)$/s.exec(line)!;
    wrapped(rest, " ".repeat(9), paint("dim", left(name, 9)));
  }
  for (const warning of report.warnings) {
    wrapped(plain(warning), " ".repeat(9), paint("yellow", left("warning", 9)));
  }

  heading("GAPS", "what people search for and the page does not answer, by opportunity");
  if (report.gaps.length === 0) {
    lines.push(noGaps(report));
  } else {
    const topic = width - 61;
    lines.push(paint(
      "dim",
      `${right("#", 2)}  ${left("topic", topic)}${right("queries", 8)}${right("impressions", 12)}` +
        `${right("clicks", 7)}${right("position", 9)}${right("similar", 8)}${
          right("opportunity", 13)
        }`,
    ));
  }
  for (const gap of report.gaps) {
    const topic = width - 61;
    lines.push(
      `${right(String(gap.rank), 2)}  ${paint("bold", left(plain(gap.medoid_query), topic))}` +
        right(number(gap.query_count), 8) + right(number(gap.impressions), 12) +
        right(number(gap.clicks), 7) + right(position(gap.avg_position), 9) +
        right(gap.similarity.toFixed(2), 8) +
        paint("red", right(number(gap.opportunity), 13)),
    );
    const name = plain(gap.medoid_query);
    const isCut = cut(name, topic) !== name;
    const others = gap.queries.map(plain).filter((query) => isCut || query !== name);
    const detail = (name: string, text: string) =>
      lines.push(`    ${paint("dim", left(name, 9))}${cut(text, width - 13)}`);
    if (others.length > 0) detail("asked", others.join(" · "));
    if (gap.best_section) detail("nearest", path(gap.best_section));
    const after = gap.fix.after_heading;
    detail(
      "fix",
      after === null ? "add a section of its own" : `add a section after “${plain(after)}”`,
    );
  }

  const shown = report.coverage.slice(0, 40);
  heading("COVERAGE", coverageLegend(report));
  const colors = { covered: "green", partly: "yellow", gap: "red" } as const;
  const barWidth = width < 90 ? 4 : 10;
  const topicWidth = Math.floor((width - 30 - barWidth) * 0.46);
  const sectionWidth = width - 30 - barWidth - topicWidth;
  const lastHeading = (section: Section | null) =>
    cut(plain(section?.heading_path.at(-1) ?? "–"), sectionWidth);
  if (shown.length === 0) lines.push("no clusters: no two queries are near enough to each other");
  else {
    lines.push(paint(
      "dim",
      left("", 9) + left("similar", barWidth + 7) + left("topic", topicWidth) +
        right("impressions", 12) +
        "  " + left("best section", sectionWidth),
    ));
  }
  for (const cluster of shown) {
    const filled = Math.round(Math.max(0, Math.min(1, cluster.similarity)) * barWidth);
    const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
    const color = colors[cluster.coverage];
    lines.push((
      paint(color, left(cluster.coverage, 9) + bar) + ` ${cluster.similarity.toFixed(2)}  ` +
      left(plain(cluster.medoid_query), topicWidth) + right(number(cluster.impressions), 12) +
      "  " +
      paint("dim", lastHeading(cluster.best_section))
    ).trimEnd());
  }
  more(report.coverage.length - shown.length, "clusters");

  if (report.noise.length > 0) {
    heading("NOISE", "queries like no other: kept, marked, in no cluster");
    for (const point of report.noise.slice(0, 8)) {
      lines.push((
        left("", barWidth + 10) + left(point.similarity.toFixed(2), 6) +
        left(plain(point.query), topicWidth) + right(number(point.impressions), 12) + "  " +
        paint("dim", lastHeading(point.best_section))
      ).trimEnd());
    }
    more(report.noise.length - 8, "queries");
  }

  const { draft } = report;
  if (draft) {
    heading("DRAFT", draft.gap_rank === null ? "" : `for gap ${draft.gap_rank}`);
    wrapped(paint("yellow", plain(draftOrigin(draft))));
    lines.push("");
    wrapped(paint("bold", plain(draft.heading)), "  ");
    for (const paragraph of draft.body_markdown.split("\n")) {
      if (paragraph.trim() === "") lines.push("");
      else wrapped(plain(paragraph), "  ");
    }
    lines.push("");
    wrapped(
      `after “${plain(draft.after_heading)}”`,
      " ".repeat(10),
      paint("dim", left("place", 10)),
    );
    for (const [i, fact] of draft.facts_to_check.entries()) {
      wrapped(plain(fact), " ".repeat(10), paint("dim", left(i === 0 ? "check" : "", 10)));
    }
  } else if (report.draft_skipped) {
    heading("DRAFT", `none: ${noDraft(report.draft_skipped)}`);
  }

  heading("HOW");
  for (const line of provenance(report)) wrapped(paint("dim", plain(line)), "  ", "");
  return lines.map((line) => line.trimEnd()).join("\n") + "\n";

  function more(count: number, what: string) {
    if (count > 0) lines.push(paint("dim", `… and ${number(count)} more ${what} in report.md`));
  }
}
