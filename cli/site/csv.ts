// edits.csv: a plan for a spreadsheet. The same plan gives the same bytes.

import { csvRows } from "../csv.ts";
import { plain } from "../report/text.ts";
import { kindNames, placeText, type SitePlan, task } from "./plan.ts";
import { draftCoverage, draftNote, draftsOf } from "./text.ts";

/** Columns that Sheets and Excel open as they are. */
export function renderCsv(plan: SitePlan): string {
  const header = [
    ...["Rank", "Kind", "Page", "Target", "Place", "Topic", "Queries", "Impressions", "Clicks"],
    ...["Position", "Coverage", "Expected clicks a month", "Effort", "Confidence", "Why", "Task"],
    ...["Draft", "Coverage with the draft", "About the draft"],
  ];
  const drafts = draftsOf(plan);
  const rows = plan.edits.map((edit) => {
    const draft = drafts.get(edit.id);
    return [
      ...[edit.rank, kindNames[edit.kind], edit.url, edit.target_url ?? "", placeText(edit)],
      ...[edit.label, edit.queries.join("; "), edit.impressions, edit.clicks, edit.avg_position],
      ...[edit.coverage, edit.expected_clicks, edit.effort, edit.confidence, edit.reason],
      ...[task(edit), draft?.status ?? ""],
      draftCoverage(draft) ?? "",
      draft ? draftNote(plan, draft) : "",
    ];
  });
  return renderRows([header, ...rows]);
}

/** Rows of foreign text, made plain. */
export const renderRows = (rows: (string | number)[][]): string =>
  csvRows(rows.map((row) => row.map((value) => typeof value === "string" ? plain(value) : value)));
