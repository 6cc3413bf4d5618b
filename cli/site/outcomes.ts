// Whether the edits of a plan that were made have paid.

import type { SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import { plain } from "../report/text.ts";
import { say } from "../say.ts";
import { renderRows } from "./csv.ts";
import { replaceFile } from "./files.ts";
import { call, type SiteOptions } from "./job.ts";
import type { Outcome } from "./plan.ts";

/** Clicks of the edits that were made, against the pages that nobody edited. */
export async function showOutcomes(supabase: SupabaseClient, jobId: string, options: SiteOptions) {
  const outcomes: Outcome[] = await call(supabase, "site_outcomes", { p_job_id: jobId });
  if (outcomes.length === 0) {
    if (options.json) console.log("[]");
    return say("no edit of this plan was made yet: run the site again when pages have changed");
  }
  // A generated module: it need not exist when this one is loaded.
  const module = new URL("../../functions/_shared/wasm/site.ts", import.meta.url).href;
  const { measure_effect } = await import(module);
  const lines: string[] = [];
  const rows = outcomes.map((outcome) => {
    const effect = outcome.is_over ? measure_effect(outcome.clicks, outcome.controls) : null;
    const change = !outcome.is_over
      ? "not measured yet"
      : effect === null
      ? "too few clicks or untouched pages to tell"
      : `${effect.extra >= 0 ? "+" : ""}${Math.round(effect.extra)} clicks (95 % between ${
        Math.round(effect.extra_low)
      } and ${Math.round(effect.extra_high)})`;
    lines.push(
      `${outcome.kind.padEnd(9)} ${String(outcome.window_days).padStart(2)} days  ${
        plain(outcome.url)
      }  ${plain(outcome.label)}: ${change}`,
    );
    return [
      ...[outcome.kind, outcome.url, outcome.label, outcome.made_at, outcome.window_days],
      ...[outcome.clicks?.before ?? "", outcome.clicks?.after ?? ""],
      ...[outcome.impressions?.before ?? "", outcome.impressions?.after ?? ""],
      ...[outcome.position_before ?? "", outcome.position_after ?? ""],
      ...[effect?.factor ?? "", effect?.low ?? "", effect?.high ?? "", effect?.extra ?? ""],
      effect?.control_count ?? "",
    ];
  });
  if (options.json) console.log(JSON.stringify(outcomes, null, 2));
  else console.log(lines.join("\n"));
  if (options.out === undefined) return;
  const header = [
    ...["Kind", "Page", "Topic", "Made", "Days", "Clicks before", "Clicks after"],
    ...["Impressions before", "Impressions after", "Position before", "Position after"],
    ...["Factor", "Factor low", "Factor high", "Extra clicks", "Untouched pages"],
  ];
  await Deno.mkdir(options.out, { recursive: true });
  await replaceFile(`${options.out}/outcomes.csv`, renderRows([header, ...rows]));
  say(`wrote ${options.out}/outcomes.csv`);
}
