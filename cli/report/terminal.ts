// The report for reading in a terminal.

import stringWidth from "npm:string-width@8.3.0";
import wrapAnsi from "npm:wrap-ansi@10.0.2";
import type { Report } from "./report.ts";
import { headingOf } from "./report.ts";
import type { Topic } from "./result.ts";
import {
  about,
  action,
  addressOf,
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
  plural,
  provenance,
  queriesOf,
  sureOf,
  titleOf,
  verdict,
  warningsOf,
  whereOf,
} from "./text.ts";

export type Style = "bold" | "dim" | "red" | "yellow" | "green" | "cyan";

/** Wraps text in SGR codes, or leaves it alone. */
export function painter(color: boolean): (style: Style, text: string) => string {
  const codes = { bold: 1, dim: 2, red: 31, yellow: 33, green: 32, cyan: 36 };
  return (style, text) =>
    color && text !== ""
      ? `\x1b[${codes[style]}m${text}\x1b[${style === "bold" || style === "dim" ? 22 : 39}m`
      : text;
}

/** `text` in at most `width` columns. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += stringWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return kept.trimEnd() + "…";
}

const left = (text: string, width: number) => {
  const fitted = cut(text, width);
  return fitted + " ".repeat(Math.max(0, width - stringWidth(fitted)));
};
const right = (text: string, width: number) =>
  " ".repeat(Math.max(0, width - stringWidth(text))) + text;

const mostTopics = 40;

/**
 * The report for reading in a terminal, `width` columns wide (80 at least). Long lists are cut with a note of how much
 * more there is in the other forms.
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
  const detail = (name: string, text: string) =>
    wrapped(text, " ".repeat(18), "        " + paint("dim", left(name, 10)));

  lines.push(
    paint("dim", cut(titleOf(report), width)),
    paint("dim", cut(addressOf(report), width)),
  );
  lines.push("");
  wrapped(paint("bold", verdict(report)));
  wrapped(paint("dim", figures(report)));
  for (const warning of warningsOf(report)) wrapped(`${paint("yellow", "note:")} ${warning}`);

  const listed = (kinds: string[]) => report.edits.filter(({ kind }) => kinds.includes(kind));
  const gaps = listed(["write", "extend"]);
  const improvements = listed(["improve"]);
  const edits = (list: typeof gaps) => {
    for (const edit of list) {
      const clicks = edit.expected_clicks >= 1 ? `+${about(edit.expected_clicks)} clicks` : "";
      const label = `${action[edit.kind]}: ${plain(edit.label)}`;
      lines.push(
        `${right(String(edit.rank), 3)}  ${edit.priority} ` +
          paint("bold", left(label, width - 7 - 15)) + paint("green", right(clicks, 14)),
      );
      detail("where", whereOf(edit.place));
      detail(
        edit.kind === "improve" ? "answers" : "asked",
        queriesOf(report, edit).slice(0, 4).map(({ query, impressions }) =>
          `${plain(query)} (${number(impressions)})`
        ).join(" · ") + more(edit.open_queries.length - 4),
      );
      const missing = missingOf(report, edit).slice(0, 8).map(plain);
      if (missing.length > 0 && edit.kind !== "improve") detail("missing", missing.join(", "));
      if (edit.reason) detail("why", plain(edit.reason));
      const sure = sureOf(edit);
      if (sure) detail("sure", sure);
      const draft = report.drafts.find(({ edit_id }) => edit_id === edit.id);
      if (draft) detail("draft", effectOf(report, draft));
    }
  };
  if (gaps.length > 0) {
    heading("WHAT IS MISSING", "by what it would bring a month");
    edits(gaps);
  }
  if (improvements.length > 0) {
    heading("WHAT TO IMPROVE", "answered, and near the first page of the results");
    edits(improvements);
  }

  const asked = report.topics.filter((topic) => !isAside(topic));
  const aside = report.topics.filter(isAside);
  if (asked.length > 0) {
    heading("WHAT PEOPLE ASK", "and how surely the page answers it");
    const colors: Partial<Record<Topic["kind"], Style>> = {
      gap: "red",
      partly: "yellow",
      answered: "green",
      improve: "green",
    };
    const segments = new Map(report.segments.map((segment) => [segment.id, segment]));
    const topicWidth = Math.floor((width - 35) * 0.55);
    for (const topic of asked.slice(0, mostTopics)) {
      const filled = Math.round(topic.coverage * 6);
      const bar = "█".repeat(filled) + "░".repeat(6 - filled);
      const nearest = headingOf(segments.get(topic.best_segment_id ?? -1));
      lines.push((
        paint(colors[topic.kind] ?? "dim", `${left(kindNames[topic.kind], 9)}${bar}`) +
        ` ${right(percent(topic.coverage), 5)}  ${left(plain(topic.label), topicWidth)}` +
        right(number(topic.impressions), 9) + "  " +
        paint("dim", cut(plain(nearest ?? "–"), width - 35 - topicWidth))
      ).trimEnd());
    }
    if (asked.length > mostTopics) {
      lines.push(paint(
        "dim",
        `… and ${
          plural(asked.length - mostTopics, "topic")
        } with fewer impressions, in the other forms of the report`,
      ));
    }
  }
  if (aside.length > 0) {
    heading("SET APART", "looks for the site itself or for something else");
    wrapped(
      aside.slice(0, 12).map((topic) => `${plain(topic.label)} (${kindNames[topic.kind]})`)
        .join(" · ") + more(aside.length - 12),
      "  ",
    );
  }

  for (const draft of report.drafts) {
    const edit = report.edits.find(({ id }) => id === draft.edit_id);
    heading(
      draft.form === "outline" ? "OUTLINE" : "DRAFT",
      edit ? `for ${edit.rank}, ${whereOf(edit.place)}` : "",
    );
    wrapped(paint("yellow", draftOrigin(report, draft)), "  ");
    wrapped(paint("dim", effectOf(report, draft)), "  ");
    lines.push("");
    wrapped(paint("bold", plain(draft.heading)), "  ");
    for (const paragraph of draft.body_markdown.split("\n")) {
      if (paragraph.trim() === "") lines.push("");
      else wrapped(plain(paragraph), "  ");
    }
    for (const [i, fact] of draft.facts_to_check.entries()) {
      if (i === 0) lines.push("");
      wrapped(plain(fact), " ".repeat(12), "  " + paint("dim", left(i === 0 ? "check" : "", 10)));
    }
  }
  if (report.drafts.length === 0 && report.draft_skipped) {
    heading("DRAFT", `none: ${noDraft(report.draft_skipped)}`);
  }

  heading("HOW IT WAS MADE, AND HOW SURE IT IS");
  for (const line of provenance(report)) wrapped(paint("dim", line), "    ", "  ");
  return lines.map((line) => line.trimEnd()).join("\n") + "\n";
}

const more = (count: number) => count > 0 ? ` · and ${number(count)} more` : "";
