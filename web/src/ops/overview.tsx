// What an operator looks at first: does it flow, what waits, what is broken, and the brakes.

import { ApiError, config, isOperator, rpc } from "../api.ts";
import { compact, count, dateExact, duration, plural, relative, words } from "../format.ts";
import { isLive, refresh, useLive } from "../live.ts";
import { href } from "../router.ts";
import { ask, Badge, Button, ErrorNote, Figure, Loading, Page, Table, toast } from "../ui.tsx";

interface StageMetrics {
  pipeline: string;
  stage: string;
  max_concurrency: number;
  ready_count: number;
  sleeping_count: number;
  in_flight_count: number;
  oldest_ready_seconds: number | null;
  failed_count: number;
}

export interface Operations {
  at: string;
  stages: StageMetrics[];
  jobs: { pipeline: string; status: string; count: number }[];
  last_hour: {
    pipeline: string;
    stage: string;
    status: string;
    count: number;
    avg_duration_ms: number | null;
  }[];
  dead_letters: { pipeline: string; stage: string | null; failure_reason: string; count: number }[];
  settings: { pipeline: string; stage: string; enabled: boolean; max_concurrency: number }[];
  invariants: { rule: string; pipeline: string; job_id: string | null; detail: string }[];
  /** What the clock of the project needs; advice is null where it is there. */
  schedules?: { item: string; is_ready: boolean; advice: string | null }[];
  properties: {
    property: string;
    enabled: boolean;
    imported_until: string | null;
    row_count: number;
    last_error: { message?: string } | null;
    last_imported_at: string | null;
  }[];
}

interface Hour {
  hour: string;
  completed_count: number;
  retry_count: number;
  dead_letter_count: number;
}

export function Overview() {
  const { data, error } = useLive<Operations>(
    "operations",
    (signal) => rpc("get_operations", {}, signal),
    3,
  );
  const throughput = useLive<Hour[]>(
    "throughput",
    (signal) => rpc("get_throughput", { p_hours: 48 }, signal),
    30,
  );
  const operations = data.value;
  return (
    <Page
      title="Operations"
      lead="What waits, what runs, what failed."
      actions={operations && <Brakes operations={operations} />}
    >
      <OperationsNav current="operations" />
      <ErrorNote error={error.value} retry={refresh} />
      {!operations && !error.value && <Loading lines={8} />}
      {operations && <Dashboard operations={operations} hours={throughput.data.value ?? []} />}
    </Page>
  );
}

export function OperationsNav({ current }: { current: string }) {
  const items = [["operations", "Overview"], ["jobs", "Jobs"], ["dead-letters", "Dead letters"], [
    "costs",
    "Costs",
  ], ["members", "Members"]];
  return (
    <nav class="tabs" aria-label="Operations">
      {items.map(([path, label]) => (
        <a key={path} href={href(path)} aria-current={path === current ? "page" : undefined}>
          {label}
        </a>
      ))}
    </nav>
  );
}

function Dashboard({ operations, hours }: { operations: Operations; hours: Hour[] }) {
  const jobs = (status: string) =>
    operations.jobs.filter((row) => row.status === status).reduce((sum, row) => sum + row.count, 0);
  const letters = operations.dead_letters.reduce((sum, row) => sum + row.count, 0);
  const oldest = Math.max(0, ...operations.stages.map((stage) => stage.oldest_ready_seconds ?? 0));
  const pipelines = [...new Set(operations.stages.map((stage) => stage.pipeline))]
    // The page pipeline first; one that has nothing to do is folded away.
    .sort((a, b) =>
      Number(b === "pageperfect") - Number(a === "pageperfect") || a.localeCompare(b)
    );
  return (
    <>
      <dl class="figures">
        <Figure
          label="Queued"
          value={<a href={href("jobs", { status: "queued" })}>{count(jobs("queued"))}</a>}
          note="jobs"
        />
        <Figure
          label="Running"
          value={<a href={href("jobs", { status: "processing" })}>{count(jobs("processing"))}</a>}
          note="jobs"
        />
        <Figure
          label="Oldest wait"
          value={oldest > 0 ? duration(oldest) : "–"}
          note="ready, not taken"
          tone={oldest > 300 ? "partly" : undefined}
        />
        <Figure
          label="Dead letters"
          value={<a href={href("dead-letters")}>{count(letters)}</a>}
          note="open"
          tone={letters > 0 ? "gap" : undefined}
        />
        <Figure
          label="Completed"
          value={<a href={href("jobs", { status: "completed" })}>{compact(jobs("completed"))}</a>}
          note="jobs in all"
        />
      </dl>
      {operations.invariants.length > 0
        ? (
          <div class="note tone-gap" role="alert">
            <p>
              <strong>{plural(operations.invariants.length, "invariant")} broken.</strong>{" "}
              The reaper mends what it can within a minute; what stays is a defect.
            </p>
            <ul>
              {operations.invariants.slice(0, 10).map((row, index) => (
                <li key={index}>
                  {row.rule}
                  {row.job_id && (
                    <>
                      : <a href={href(`jobs/${row.job_id}`)}>{row.job_id.slice(0, 8)}</a>
                    </>
                  )} <span class="quiet">{row.detail}</span>
                </li>
              ))}
            </ul>
          </div>
        )
        : <p class="good">✓ Every invariant holds: no job is stuck.</p>}
      <Throughput hours={hours} />
      {pipelines.map((pipeline) => (
        <Backlog key={pipeline} pipeline={pipeline} operations={operations} />
      ))}
      <Schedules schedules={operations.schedules ?? []} />
      {operations.properties.length > 0 && (
        <>
          <h2>Search Console imports</h2>
          <Table label="Search Console imports" compact>
            <thead>
              <tr>
                <th scope="col">Property</th>
                <th scope="col">Imported until</th>
                <th scope="col" class="number">Rows</th>
                <th scope="col">Last import</th>
                <th scope="col">State</th>
              </tr>
            </thead>
            <tbody>
              {operations.properties.map((property) => (
                <tr key={property.property}>
                  <th scope="row">{property.property}</th>
                  <td>{property.imported_until ?? "–"}</td>
                  <td class="number">{count(property.row_count)}</td>
                  <td>{relative(property.last_imported_at)}</td>
                  <td>
                    {property.last_error
                      ? <Badge tone="failed" title={property.last_error.message}>failing</Badge>
                      : property.enabled
                      ? <Badge tone="completed">daily</Badge>
                      : <Badge tone="pending">off</Badge>}
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        </>
      )}
      <p class="quiet">As of {dateExact(operations.at)}{isLive.value ? "" : ", paused"}</p>
    </>
  );
}

/** Whether something rings the workers when nobody asks. */
function Schedules({ schedules }: { schedules: NonNullable<Operations["schedules"]> }) {
  const missing = schedules.filter(({ is_ready }) => !is_ready);
  if (schedules.length === 0) return null;
  return (
    <>
      <h2>Schedules</h2>
      {config.value?.hasOwnClock
        ? (
          <p class="quiet">
            The local stack has a clock of its own; a hosted project uses pg_cron.
          </p>
        )
        : missing.length === 0
        ? <p class="good">✓ All are set: work goes on when nobody asks.</p>
        : (
          <div class="note tone-partly">
            <p>
              <strong>{plural(missing.length, "part is", "parts are")} missing:</strong>{" "}
              work goes on only when somebody asks for it.
            </p>
            <ul>
              {missing.map(({ item, advice }) => (
                <li key={item}>
                  {item}
                  {advice && <pre>{advice}</pre>}
                </li>
              ))}
            </ul>
          </div>
        )}
    </>
  );
}

function Backlog({ pipeline, operations }: { pipeline: string; operations: Operations }) {
  const stages = operations.stages.filter((stage) => stage.pipeline === pipeline);
  const average = (stage: string) =>
    operations.last_hour.find((row) =>
      row.pipeline === pipeline && row.stage === stage && row.status === "completed"
    )?.avg_duration_ms ?? null;
  const done = (stage: string) =>
    operations.last_hour.find((row) =>
      row.pipeline === pipeline && row.stage === stage && row.status === "completed"
    )?.count ?? 0;
  return (
    <>
      <h2>{words(pipeline)}</h2>
      <Table label={`Backlog of ${pipeline}`} compact>
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col" class="number">Ready</th>
            <th scope="col" class="number">Oldest</th>
            <th scope="col" class="number">Sleeping</th>
            <th scope="col" class="number">Running</th>
            <th scope="col" class="number">Failed</th>
            <th scope="col" class="number">Done in an hour</th>
            <th scope="col" class="number">Takes</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {stages.map((stage) => {
            const setting = operations.settings.find((row) =>
              row.pipeline === pipeline && row.stage === stage.stage
            );
            return (
              <tr key={stage.stage}>
                <th scope="row">
                  <a
                    href={href("jobs", {
                      stage: stage.stage,
                      ...pipeline === "pageperfect" ? {} : { pipeline },
                    })}
                  >
                    {words(stage.stage)}
                  </a>
                </th>
                <td class="number">{count(stage.ready_count)}</td>
                <td class="number">
                  {stage.oldest_ready_seconds === null ? "–" : duration(stage.oldest_ready_seconds)}
                </td>
                <td class="number">{count(stage.sleeping_count)}</td>
                <td class="number">
                  {count(stage.in_flight_count)} of {count(stage.max_concurrency)}
                </td>
                <td class="number">
                  {stage.failed_count > 0
                    ? (
                      <a
                        href={href("dead-letters", {
                          stage: stage.stage,
                          ...pipeline === "pageperfect" ? {} : { pipeline },
                        })}
                      >
                        {count(stage.failed_count)}
                      </a>
                    )
                    : "0"}
                </td>
                <td class="number">{count(done(stage.stage))}</td>
                <td class="number">
                  {duration(
                    average(stage.stage) === null ? null : Number(average(stage.stage)) / 1000,
                  )}
                </td>
                <td>
                  <Badge tone={setting?.enabled ? "completed" : "queued"}>
                    {setting?.enabled ? "on" : "paused"}
                  </Badge>
                  {isOperator.value && setting && (
                    <Button
                      kind="quiet"
                      aria-label={`${setting.enabled ? "Pause" : "Resume"} ${words(stage.stage)}`}
                      onClick={() => setStages(pipeline, [stage.stage], !setting.enabled)}
                    >
                      {setting.enabled ? "Pause" : "Resume"}
                    </Button>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </Table>
    </>
  );
}

/** Bars by hour: completions up, retries and dead letters marked. Its table is what a screen reader gets. */
function Throughput({ hours }: { hours: Hour[] }) {
  if (hours.length === 0) return null;
  const now = Math.floor(Date.now() / 3_600_000);
  const byHour = new Map(
    hours.map((hour) => [Math.floor(new Date(hour.hour).getTime() / 3_600_000), hour]),
  );
  const slots = Array.from(
    { length: 48 },
    (_, index) => ({ at: now - 47 + index, hour: byHour.get(now - 47 + index) }),
  );
  const most = Math.max(
    1,
    ...hours.map((hour) => hour.completed_count + hour.retry_count + hour.dead_letter_count),
  );
  const height = (value: number) => (value === 0 ? 0 : Math.max(2, (value / most) * 72));
  return (
    <figure class="throughput">
      <figcaption>
        Stages finished an hour, 48 hours <span class="quiet">at most {count(most)}</span>
      </figcaption>
      <svg
        viewBox="0 0 480 76"
        preserveAspectRatio="none"
        role="img"
        aria-label={`Stages completed in the last 48 hours: ${
          count(hours.reduce((sum, hour) => sum + hour.completed_count, 0))
        }, dead letters: ${count(hours.reduce((sum, hour) => sum + hour.dead_letter_count, 0))}`}
      >
        {slots.map(({ at, hour }, index) => {
          const completed = height(hour?.completed_count ?? 0);
          const retries = height(hour?.retry_count ?? 0);
          const dead = height(hour?.dead_letter_count ?? 0);
          return (
            <g key={at}>
              <title>
                {`${new Date(at * 3_600_000).toLocaleString()}: ${
                  count(hour?.completed_count ?? 0)
                } completed, ${count(hour?.retry_count ?? 0)} retries, ${
                  count(hour?.dead_letter_count ?? 0)
                } dead letters`}
              </title>
              <rect class="bar-base" x={index * 10 + 1} y={74} width={8} height={1} />
              <rect
                class="bar-completed"
                x={index * 10 + 1}
                y={75 - completed}
                width={8}
                height={completed}
              />
              <rect
                class="bar-retry"
                x={index * 10 + 1}
                y={75 - completed - retries}
                width={8}
                height={retries}
              />
              <rect
                class="bar-dead"
                x={index * 10 + 1}
                y={75 - completed - retries - dead}
                width={8}
                height={dead}
              />
            </g>
          );
        })}
      </svg>
    </figure>
  );
}

async function setStages(pipeline: string, stages: string[] | null, enabled: boolean) {
  try {
    await rpc("set_stages_enabled", { p_pipeline: pipeline, p_stages: stages, p_enabled: enabled });
    toast(
      `${stages ? words(stages.join(", ")) : "The pipeline"} ${enabled ? "goes on" : "is paused"}`,
      {
        undo: () => setStages(pipeline, stages, !enabled),
      },
    );
    refresh();
  } catch (thrown) {
    toast((thrown as ApiError).message, { tone: "bad" });
  }
}

function Brakes({ operations }: { operations: Operations }) {
  if (!isOperator.value) return null;
  const stages = operations.settings.filter((row) => row.pipeline === "pageperfect");
  const isPaused = stages.every((row) => !row.enabled);
  const isDraining = !isPaused && stages.length > 0 && !stages[0].enabled;
  if (isPaused || isDraining) {
    return (
      <Button kind="primary" onClick={() => setStages("pageperfect", null, true)}>
        {isPaused ? "Resume all" : "Stop draining"}
      </Button>
    );
  }
  return (
    <>
      <Button
        onClick={async () => {
          if (
            await ask({
              title: "Drain?",
              text: <p>New jobs wait at the first stage. What has begun is finished.</p>,
              yes: "Drain",
            })
          ) setStages("pageperfect", [stages[0].stage], false);
        }}
      >
        Drain
      </Button>
      <Button
        kind="danger"
        onClick={async () => {
          if (
            await ask({
              title: "Pause everything?",
              text: (
                <p>
                  No stage is begun any more. What runs at this moment is finished; nothing is lost,
                  and no attempt is spent.
                </p>
              ),
              yes: "Pause all",
              danger: true,
            })
          ) setStages("pageperfect", null, false);
        }}
      >
        Pause all
      </Button>
    </>
  );
}
