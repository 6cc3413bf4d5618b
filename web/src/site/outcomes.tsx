// Whether the edits that were made have paid: their pages' clicks before and after, against the pages that nobody edited.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Outcome } from "../../../cli/site/plan.ts";
import type { Effect } from "../../../functions/_shared/wasm/site.ts";
import { rpc } from "../api.ts";
import { count, csv, date, percent, position, shortUrl } from "../format.ts";
import { refresh, useLive } from "../live.ts";
import { param } from "../router.ts";
import { Badge, Button, download, Empty, ErrorNote, Loading, Table } from "../ui.tsx";
import { Choice } from "../report/edits.tsx";

type Told = Outcome & { effect: Effect | null };

export function Outcomes({ jobId, names }: { jobId: string; names: Record<string, string> }) {
  const { data, error } = useLive<Outcome[]>(
    `outcomes ${jobId}`,
    (signal) => rpc("get_site_outcomes", { p_job_id: jobId }, signal),
    0,
  );
  const told = useSignal<Told[] | undefined>(undefined);
  useEffect(() => {
    if (!data.value) return;
    const outcomes = data.value;
    if (outcomes.length === 0) {
      told.value = [];
      return;
    }
    // The same wasm that the command line measures with.
    import("../../../functions/_shared/wasm/site.ts").then(({ measure_effect }) => {
      told.value = outcomes.map((outcome) => ({
        ...outcome,
        effect: outcome.is_over ? measure_effect(outcome.clicks!, outcome.controls!) : null,
      }));
    });
  }, [data.value]);
  if (error.value) return <ErrorNote error={error.value} retry={refresh} />;
  if (!told.value) return <Loading lines={6} label="Measuring" />;
  if (told.value.length === 0) {
    return (
      <Empty title="No edit of this plan was made yet">
        An edit counts as made when a later run finds its page changed. Run the site again when
        pages have changed.
      </Empty>
    );
  }
  const days = param("days") ?? "30";
  const shown = told.value.filter(({ window_days }) => String(window_days) === days);
  return (
    <>
      <div class="filters">
        <Choice
          label="After"
          name="days"
          value={days}
          options={[["7", "7 days"], ["30", "30 days"], ["90", "90 days"]]}
        />
        <span class="quiet">
          Clicks of as many days before and after, against the pages of the site that nobody edited.
        </span>
        <Button onClick={() => download("outcomes.csv", outcomesCsv(told.value!), "text/csv")}>
          CSV
        </Button>
      </div>
      <Table label="Outcomes of the edits that were made">
        <thead>
          <tr>
            <th scope="col">Edit</th>
            <th scope="col">Page</th>
            <th scope="col">Made</th>
            <th scope="col" class="number">Clicks</th>
            <th scope="col" class="number">Position</th>
            <th scope="col">Effect</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((outcome) => (
            <tr key={outcome.id}>
              <th scope="row">
                <span dir="auto">{outcome.label}</span>
                <span class="quiet sub">{names[outcome.kind] ?? outcome.kind}</span>
              </th>
              <td class="clip">
                <bdi>{shortUrl(outcome.url)}</bdi>
              </td>
              <td>{date(outcome.made_at)}</td>
              <td class="number">
                {outcome.is_over
                  ? `${count(outcome.clicks!.before)} → ${count(outcome.clicks!.after)}`
                  : "–"}
              </td>
              <td class="number">
                {outcome.is_over
                  ? `${position(outcome.position_before)} → ${position(outcome.position_after)}`
                  : "–"}
              </td>
              <td>
                <EffectOf outcome={outcome} />
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}

/** The extra clicks with their interval on a scale around nothing. */
function EffectOf({ outcome: { is_over, effect } }: { outcome: Told }) {
  if (!is_over) return <span class="quiet">not over yet</span>;
  if (!effect) return <span class="quiet">too few clicks or untouched pages to tell</span>;
  const extra = Math.round(effect.extra);
  const [low, high] = [Math.round(effect.extra_low), Math.round(effect.extra_high)];
  const tone = effect.extra_low > 0 ? "answered" : effect.extra_high < 0 ? "gap" : "aside";
  return (
    <>
      <Badge tone={tone}>{extra >= 0 ? `+${count(extra)}` : count(extra)} clicks</Badge>
      <span class="quiet sub">
        95&nbsp;% between {count(low)} and {count(high)}; {effect.factor >= 1 ? "+" : ""}
        {percent(effect.factor - 1)} against {count(effect.control_count)} untouched pages
      </span>
    </>
  );
}

function outcomesCsv(outcomes: Told[]): string {
  return csv(
    [
      ...["kind", "page", "topic", "made_at", "days", "clicks_before", "clicks_after"],
      ...["impressions_before", "impressions_after", "position_before", "position_after"],
      ...["factor", "factor_low", "factor_high", "extra_clicks", "untouched_pages"],
    ],
    outcomes.map((outcome) => [
      ...[outcome.kind, outcome.url, outcome.label, outcome.made_at, outcome.window_days],
      ...[outcome.clicks?.before, outcome.clicks?.after],
      ...[outcome.impressions?.before, outcome.impressions?.after],
      ...[outcome.position_before, outcome.position_after],
      ...[outcome.effect?.factor, outcome.effect?.low, outcome.effect?.high],
      ...[outcome.effect?.extra, outcome.effect?.control_count],
    ]),
  );
}
