// Taking the report along: CSV for a sheet, Markdown for a document, JSON for a program.

import { compact, csv, percent } from "../format.ts";
import { go } from "../router.ts";
import { Button, copy, download, fileName } from "../ui.tsx";
import { editLabels, placeText, type ReportModel } from "./model.ts";

/** What Markdown would take for syntax, escaped. */
const literal = (text: string) =>
  text.replace(/[\\`*_[\]<>#|]/g, (character) => `\\${character}`).replace(/\s+/g, " ");

export function editsMarkdown(model: ReportModel): string {
  const { page, job, summary, edits } = model.result;
  const lines = [
    `# ${literal(page?.title ?? job.url)}`,
    "",
    `<${page?.url ?? job.url}>`,
    "",
    `Answers ${percent(summary.answered_share)} of what people ask.`,
    "",
  ];
  for (const edit of edits) {
    const decision = model.decisions.get(edit.id)?.decision;
    lines.push(
      `## ${edit.rank}. ${literal(edit.label)}`,
      "",
      `${editLabels[edit.kind]}: ${literal(placeText(edit))}. ${edit.priority}, ${
        compact(edit.impressions)
      } impressions` +
        `${
          edit.expected_clicks >= 1
            ? `, about ${compact(Math.round(edit.expected_clicks))} clicks a month`
            : ""
        }.${decision === "accepted" || decision === "rejected" ? ` ${decision}.` : ""}`,
      "",
      ...edit.open_queries.map((query) => `- ${literal(query)}`),
      "",
    );
  }
  return lines.join("\n");
}

export function editsCsv(model: ReportModel): string {
  const url = model.result.page?.url ?? model.result.job.url;
  return csv(
    [
      "rank",
      "page",
      "kind",
      "place",
      "topic",
      "open_queries",
      "expected_clicks",
      "impressions",
      "clicks",
      "position",
      "coverage",
      "priority",
      "reason",
      "decision",
    ],
    model.result.edits.map((edit) => [
      edit.rank,
      url,
      edit.kind,
      placeText(edit),
      edit.label,
      edit.open_queries.join(" · "),
      Math.round(edit.expected_clicks),
      edit.impressions,
      edit.clicks,
      edit.avg_position,
      edit.coverage,
      edit.priority,
      edit.reason,
      model.decisions.get(edit.id)?.decision ?? "",
    ]),
  );
}

export function Exports({ model }: { model: ReportModel }) {
  const { page, job } = model.result;
  const name = fileName(page?.title ?? job.url);
  return (
    <>
      <Button onClick={() => copy(editsMarkdown(model), "The edits as Markdown")}>
        Copy as Markdown
      </Button>
      <Button onClick={() => download(`${name}-edits.csv`, editsCsv(model), "text/csv")}>
        CSV
      </Button>
      <Button
        onClick={() =>
          download(`${name}.json`, JSON.stringify(model.result, null, 2), "application/json")}
      >
        JSON
      </Button>
      <Button onClick={() => go("new", { url: page?.url ?? job.url, page: page?.id ?? "" })}>
        Analyse again
      </Button>
    </>
  );
}
