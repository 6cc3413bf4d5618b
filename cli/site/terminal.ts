// A plan as the terminal shows it.

import { plain } from "../report/text.ts";
import { kindNames, type SitePlan } from "./plan.ts";
import {
  draftName,
  draftNote,
  draftsOf,
  editsOf,
  failures,
  gainOf,
  originOfDraft,
  overview,
  pageOf,
  taskOf,
} from "./text.ts";

/** Edits that are named; the rest are in the files. */
const mostEdits = 20;

export function renderTerminal(plan: SitePlan): string {
  const lines = [...overview(plan), ""];
  const { open } = editsOf(plan);
  for (const edit of open.slice(0, mostEdits)) {
    lines.push(
      `${String(edit.rank).padStart(3)}  ${kindNames[edit.kind].padEnd(9)} ${
        gainOf(edit).padEnd(7)
      } ${plain(pageOf(edit, plan))}`,
      `     ${plain(taskOf(edit, plan))}`,
    );
  }
  if (open.length > mostEdits) {
    lines.push(`     … and ${open.length - mostEdits} more (--out DIR)`);
  }
  const drafts = draftsOf(plan);
  if (drafts.size > 0) {
    lines.push("", "Drafts (their texts: --out DIR or --json)");
    for (const edit of plan.edits) {
      const draft = drafts.get(edit.id);
      if (!draft) continue;
      lines.push(
        `${String(edit.rank).padStart(3)}  ${draftName(draft)}, “${plain(edit.label)}”: ${
          draftNote(plan, draft)
        }`,
      );
    }
    const written = plan.drafts!.find((draft) => draft.status === "written");
    if (written && plan.made_by_standins?.includes("drafts")) {
      lines.push(`     ${originOfDraft(plan, { ...written, is_reused: false })}`);
    }
  }
  if (plan.links.length > 0) lines.push("", `${plan.links.length} internal links could be set.`);
  return [...lines, ...failures(plan)].join("\n");
}
