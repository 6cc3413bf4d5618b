// The report as tables for a spreadsheet.

import { csvRows, excelMark } from "../csv.ts";
import { headingOf, type Report } from "./report.ts";
import { action, missingOf, plain, whereOf } from "./text.ts";

/** edits: one row a recommendation · queries: one row a query, its topic and recommendation beside it. */
export type CsvRows = "edits" | "queries";

type Cell = string | number | null;

/** Comma-separated values (RFC 4180) in UTF-8, with the mark that Excel tells it by. */
export function renderCsv(report: Report, rows: CsvRows): string {
  return excelMark + csvRows(rows === "edits" ? editRows(report) : queryRows(report));
}

const places = (value: number | null, digits: number) =>
  value === null ? null : Number(value.toFixed(digits));

function editRows(report: Report): Cell[][] {
  const names = [
    "rank",
    "priority",
    "action",
    "topic",
    "where",
    "queries",
    "missing",
    "expected_clicks_a_month",
    "impressions",
    "clicks",
    "position",
    "coverage",
    "confidence",
    "reason",
  ];
  return [
    names,
    ...report.edits.map((edit) => [
      edit.rank,
      edit.priority,
      action[edit.kind],
      plain(edit.label),
      whereOf(edit.place),
      edit.open_queries.map(plain).join("\n"),
      edit.kind === "improve" ? "" : missingOf(report, edit).map(plain).join(", "),
      places(edit.expected_clicks, 1),
      edit.impressions,
      edit.clicks,
      places(edit.avg_position, 1),
      places(edit.coverage, 4),
      places(edit.confidence, 4),
      plain(edit.reason),
    ]),
  ];
}

function queryRows(report: Report): Cell[][] {
  const names = [
    "query",
    "spellings",
    "impressions",
    "clicks",
    "position",
    "coverage",
    "answered",
    "nearest_section",
    "missing",
    "topic",
    "topic_kind",
    "intent",
    "recommendation",
    "action",
    "where",
  ];
  const segments = new Map(report.segments.map((segment) => [segment.id, segment]));
  return [
    names,
    ...report.topics.flatMap((topic) => {
      const edit = report.edits.find(({ topic_id }) => topic_id === topic.id);
      return topic.queries.map((query) => [
        plain(query.query),
        query.variants.map(plain).join("\n"),
        query.impressions,
        query.clicks,
        places(query.position, 1),
        places(query.coverage, 4),
        query.is_answered ? "yes" : "no",
        plain(headingOf(segments.get(query.segment_id ?? -1)) ?? ""),
        query.missing_terms.map(plain).join(", "),
        plain(topic.label),
        topic.kind,
        topic.intent,
        edit?.rank ?? null,
        edit ? action[edit.kind] : null,
        edit ? whereOf(edit.place) : null,
      ]);
    }),
  ];
}
