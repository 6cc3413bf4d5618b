// What models cost, by day, page and model.

import { rpc } from "../api.ts";
import { compact, count, csv, percent, plural, shortUrl, usd, words } from "../format.ts";
import { refresh, useLive } from "../live.ts";
import { param } from "../router.ts";
import { Button, download, Empty, ErrorNote, Figure, Loading, Page, Table } from "../ui.tsx";
import { Choice } from "../report/edits.tsx";
import { OperationsNav } from "./overview.tsx";

interface Cost {
  day: string;
  url: string | null;
  stage: string;
  provider: string;
  model: string;
  job_count: number;
  call_count: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
  unpriced_count: number;
}

export function Costs() {
  const days = Number(param("days")) || 30;
  const by = param("by") ?? "day";
  const { data, error } = useLive<Cost[]>(
    `costs ${days}`,
    (signal) => rpc("get_costs", { p_days: days }, signal),
    30,
  );
  const rows = data.value;
  const key = (
    row: Cost,
  ) => (by === "page"
    ? row.url ?? "deleted jobs"
    : by === "model"
    ? `${row.provider} ${row.model}`
    : by === "stage"
    ? row.stage
    : row.day);
  const groups = new Map<
    string,
    { cost: number; calls: number; input: number; output: number; unpriced: number }
  >();
  for (const row of rows ?? []) {
    const group = groups.get(key(row)) ?? { cost: 0, calls: 0, input: 0, output: 0, unpriced: 0 };
    group.cost += Number(row.cost_usd ?? 0);
    group.calls += Number(row.call_count);
    group.input += Number(row.input_tokens);
    group.output += Number(row.output_tokens);
    group.unpriced += Number(row.unpriced_count);
    groups.set(key(row), group);
  }
  const sorted = [...groups].sort((
    a,
    b,
  ) => (by === "day"
    ? b[0].localeCompare(a[0])
    : b[1].cost - a[1].cost || b[1].calls - a[1].calls)
  );
  const total = [...groups.values()].reduce((sum, group) => sum + group.cost, 0);
  const most = Math.max(...[...groups.values()].map((group) => group.cost), 0);
  const unpriced = [...groups.values()].reduce((sum, group) => sum + group.unpriced, 0);
  return (
    <Page
      title="Costs"
      actions={rows && rows.length > 0 && (
        <Button
          onClick={() =>
            download(
              "costs.csv",
              csv(Object.keys(rows[0]), rows.map((row) => Object.values(row))),
              "text/csv",
            )}
        >
          CSV
        </Button>
      )}
    >
      <OperationsNav current="costs" />
      <div class="filters">
        <Choice
          label="By"
          name="by"
          value={param("by")}
          options={[["", "Day"], ["page", "Page"], ["model", "Model"], ["stage", "Stage"]]}
        />
        <Choice
          label="Over"
          name="days"
          value={param("days")}
          options={[["7", "7 days"], ["", "30 days"], ["90", "90 days"], ["366", "A year"]]}
        />
      </div>
      <ErrorNote error={error.value} retry={refresh} />
      {!rows && !error.value && <Loading />}
      {rows && rows.length === 0 && (
        <Empty title="Nothing was spent">No model was called in these days.</Empty>
      )}
      {rows && rows.length > 0 && (
        <>
          <dl class="figures">
            <Figure label="Spent" value={usd(total)} note={`in ${days} days`} />
            <Figure
              label="Calls"
              value={compact([...groups.values()].reduce((sum, group) => sum + group.calls, 0))}
            />
            <Figure
              label="Tokens"
              value={compact(
                [...groups.values()].reduce((sum, group) => sum + group.input + group.output, 0),
              )}
            />
          </dl>
          {unpriced > 0 && (
            <p class="quiet">
              {plural(unpriced, "record")} of models without a price in <code>model_prices</code>
              {" "}
              are missing from the sum.
            </p>
          )}
          <Table label="Costs">
            <thead>
              <tr>
                <th scope="col">{by[0].toUpperCase() + by.slice(1)}</th>
                <th scope="col" class="number">Cost</th>
                <th scope="col">Share</th>
                <th scope="col" class="number">Calls</th>
                <th scope="col" class="number">Tokens in</th>
                <th scope="col" class="number">Tokens out</th>
              </tr>
            </thead>
            <tbody>
              {sorted.slice(0, 200).map(([name, group]) => (
                <tr key={name}>
                  <th scope="row" class="clip">
                    {by === "page" ? shortUrl(name) : by === "stage" ? words(name) : name}
                  </th>
                  <td class="number">{usd(group.cost)}</td>
                  <td>
                    {total > 0 && (
                      <span
                        class="meter tone-improve"
                        role="img"
                        aria-label={percent(group.cost / total)}
                      >
                        <i style={{ width: `${(group.cost / most) * 100}%` }} />
                      </span>
                    )}
                  </td>
                  <td class="number">{count(group.calls)}</td>
                  <td class="number">{count(group.input)}</td>
                  <td class="number">{count(group.output)}</td>
                </tr>
              ))}
            </tbody>
          </Table>
        </>
      )}
    </Page>
  );
}
