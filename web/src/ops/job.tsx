// One job: its stages with their attempts on one line of time, every event, and what an operator can do about it.

import { useSignal } from "@preact/signals";
import { ApiError, isOperator, rpc } from "../api.ts";
import { count, dateExact, duration, plural, relative, shortUrl, usd, words } from "../format.ts";
import { refresh, useLive } from "../live.ts";
import { href, param } from "../router.ts";
import { ask, Badge, Button, copy, Empty, ErrorNote, Loading, Page, Table, toast } from "../ui.tsx";

interface StageRow {
  stage: string;
  status: string;
  worker: string;
  attempt_count: number;
  max_attempts: number;
  queued_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  next_retry_at: string | null;
  lease_expires_at: string | null;
  last_error: { message?: string; code?: string } | null;
}

interface EventRow {
  id: number;
  stage: string | null;
  status: string;
  message: string | null;
  metadata: Record<string, unknown>;
  created_at: string;
}

interface Letter {
  id: number;
  stage: string | null;
  failure_reason: string;
  error_details: { message?: string } | null;
  attempt_count: number;
  routed_at: string;
  replayed_at: string | null;
}

interface Timeline {
  job: {
    id: string;
    url: string | null;
    title: string | null;
    status: string;
    stage: string;
    priority: number;
    error: { message?: string; code?: string } | null;
    created_at: string;
    completed_at: string | null;
    user_id: string | null;
    page_id: string | null;
    parameters: Record<string, unknown> | null;
    traceparent: string | null;
  };
  stages: StageRow[];
  events: EventRow[];
  dead_letters: Letter[];
  costs: {
    stage: string;
    provider: string;
    model: string;
    call_count: number;
    cost_usd: number | null;
  }[];
}

const isOpen = (status: string | undefined) => status === "queued" || status === "processing";

export function Job({ jobId }: { jobId: string }) {
  const pipeline = param("pipeline") ?? "pageperfect";
  const { data, error } = useLive<Timeline>(
    `job ${pipeline} ${jobId}`,
    (signal) => rpc("get_job_timeline", { p_pipeline: pipeline, p_job_id: jobId }, signal),
    (timeline) => (isOpen(timeline?.job.status) ? 2 : 10),
  );
  const timeline = data.value;
  const crumbs = (
    <>
      <a href={href("jobs")}>Jobs</a> › <code>{jobId.slice(0, 8)}</code>
    </>
  );
  if (!timeline) {
    return (
      <Page title="Job" crumbs={crumbs}>
        <ErrorNote error={error.value} retry={refresh} />
        {!error.value && <Loading lines={10} />}
      </Page>
    );
  }
  const { job, events, dead_letters, costs } = timeline;
  const open = dead_letters.filter((letter) => !letter.replayed_at);
  const act = async (done: Promise<unknown>, said: string) => {
    try {
      await done;
      toast(said);
    } catch (thrown) {
      toast((thrown as ApiError).message, { tone: "bad" });
    }
    refresh();
  };
  return (
    <Page
      title={job.title || shortUrl(job.url) || "Job"}
      crumbs={crumbs}
      lead={
        <>
          <Badge tone={job.status}>{job.status}</Badge>{" "}
          {isOpen(job.status) ? `at ${words(job.stage)}` : ""} started {relative(job.created_at)}
        </>
      }
      actions={
        <>
          {pipeline === "pageperfect" && (
            <a class="button" href={href(`report/${job.id}`)}>Report</a>
          )}
          <Button onClick={() => copy(job.id, "The job's id")}>Copy id</Button>
          {isOpen(job.status) && isOperator.value && (
            <Button
              kind="danger"
              onClick={async () => {
                if (
                  await ask({
                    title: "Cancel this job?",
                    text: <p>It does not come back. What it has stored so far stays.</p>,
                    yes: "Cancel the job",
                    danger: true,
                  })
                ) {
                  act(
                    rpc("cancel_own_job", { p_pipeline: pipeline, p_job_id: job.id }),
                    "The job is cancelled",
                  );
                }
              }}
            >
              Cancel
            </Button>
          )}
        </>
      }
    >
      <ErrorNote error={error.value} />
      {open.map((letter) => (
        <div class="note tone-gap" role="alert" key={letter.id}>
          <p>
            <strong>Dead letter at {words(letter.stage)}:</strong> {words(letter.failure_reason)}
            {" "}
            after {plural(letter.attempt_count, "attempt")}.{" "}
            <span dir="auto">{letter.error_details?.message}</span>
          </p>
          {isOperator.value && (
            <Button
              kind="primary"
              onClick={() =>
                act(
                  rpc("replay_letter", { p_pipeline: pipeline, p_dead_letter_id: letter.id }),
                  "Replayed with fresh attempts",
                )}
            >
              Replay
            </Button>
          )}
        </div>
      ))}
      <Gantt timeline={timeline} />
      <Events events={events} />
      <h2>Facts</h2>
      <dl class="facts">
        {([
          ["Address", job.url],
          ["Job", job.id],
          ["Owner", job.user_id ?? "the project"],
          ["Priority", String(job.priority)],
          ["Created", dateExact(job.created_at)],
          ["Completed", dateExact(job.completed_at)],
          ["Parameters", job.parameters ? JSON.stringify(job.parameters) : null],
          ["Trace", job.traceparent?.split("-")[1] ?? null],
          [
            "Cost",
            costs.length > 0
              ? usd(costs.reduce((sum, cost) => sum + (cost.cost_usd ?? 0), 0))
              : null,
          ],
        ] as [string, string | null][]).filter(([, value]) => value).map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd dir="auto">{value}</dd>
          </div>
        ))}
      </dl>
    </Page>
  );
}

/** Stages as bars over the job's time: waiting pale, running full. */
function Gantt({ timeline: { job, stages } }: { timeline: Timeline }) {
  const time = (text: string | null) => (text ? new Date(text).getTime() : null);
  const from = time(job.created_at)!;
  const ends = stages.map((stage) =>
    time(stage.finished_at) ?? (isOpen(stage.status) ? Date.now() : null)
  ).filter((end) => end !== null);
  const until = Math.max(from + 1, ...ends);
  const at = (moment: number) => ((moment - from) / (until - from)) * 100;
  return (
    <Table label="Stages of the job" compact>
      <thead>
        <tr>
          <th scope="col">Stage</th>
          <th scope="col">Status</th>
          <th scope="col" class="number">Attempts</th>
          <th scope="col" class="number">Waited</th>
          <th scope="col" class="number">Ran</th>
          <th scope="col" class="gantt-head">{duration((until - from) / 1000)}</th>
        </tr>
      </thead>
      <tbody>
        {stages.map((stage) => {
          const queued = time(stage.queued_at), started = time(stage.started_at);
          const finished = time(stage.finished_at) ??
            (stage.status === "processing" ? Date.now() : null);
          return (
            <tr key={stage.stage}>
              <th scope="row">{words(stage.stage)}</th>
              <td>
                <Badge tone={stage.status}>{stage.status}</Badge>
                {stage.next_retry_at && stage.status === "queued" && (
                  <span class="quiet">again {relative(stage.next_retry_at)}</span>
                )}
              </td>
              <td class="number">{stage.attempt_count} of {stage.max_attempts}</td>
              <td class="number">
                {duration(
                  queued && started && started >= queued ? (started - queued) / 1000 : null,
                )}
              </td>
              <td class="number">
                {duration(started && finished ? (finished - started) / 1000 : null)}
              </td>
              <td class="gantt">
                {queued !== null && (
                  <i
                    class="waits"
                    style={{
                      left: `${at(queued)}%`,
                      width: `${Math.max(0, at(started ?? finished ?? until) - at(queued))}%`,
                    }}
                  />
                )}
                {started !== null && (
                  <i
                    class={`runs status-${stage.status}`}
                    style={{
                      left: `${at(started)}%`,
                      width: `max(2px, ${Math.max(0, at(finished ?? until) - at(started))}%)`,
                    }}
                  />
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}

function Events({ events }: { events: EventRow[] }) {
  const search = useSignal("");
  const wanted = search.value.toLowerCase();
  const shown = events.filter((event) =>
    !wanted || `${event.stage} ${event.status} ${event.message}`.toLowerCase().includes(wanted)
  );
  const first = events[0] ? new Date(events[0].created_at).getTime() : 0;
  return (
    <>
      <div class="filters">
        <h2>Events</h2>
        <label class="choice">
          <span>Search</span>
          <input
            type="search"
            value={search.value}
            placeholder="stage, status or text"
            onInput={(event) => (search.value = event.currentTarget.value)}
          />
        </label>
        <span class="quiet" role="status">{count(shown.length)} of {count(events.length)}</span>
      </div>
      {events.length === 0 && <Empty title="No events">Retention has deleted them.</Empty>}
      <ol class="events">
        {shown.map((event) => (
          <li key={event.id} class={`event status-${event.status}`}>
            <time dateTime={event.created_at} title={dateExact(event.created_at)}>
              +{duration((new Date(event.created_at).getTime() - first) / 1000)}
            </time>
            <Badge tone={event.status}>{words(event.status)}</Badge>
            <span dir="auto">{event.message}</span>
            {Object.keys(event.metadata).length > 0 && (
              <details>
                <summary>Details</summary>
                <pre>{JSON.stringify(event.metadata, null, 2)}</pre>
              </details>
            )}
          </li>
        ))}
      </ol>
    </>
  );
}
