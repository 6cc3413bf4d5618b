// Jobs: filtered, with every filter in the address, so that Back and a colleague's link show the same.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, isOperator, rpc } from "../api.ts";
import { plural, relative, shortUrl, words } from "../format.ts";
import { refresh, useLive } from "../live.ts";
import { href, param, setQuery } from "../router.ts";
import { ask, Badge, Button, Empty, ErrorNote, Loading, Page, Table, toast } from "../ui.tsx";
import { Choice } from "../report/edits.tsx";
import { OperationsNav } from "./overview.tsx";

export interface JobRow {
  job_id: string;
  url: string | null;
  title: string | null;
  status: string;
  stage: string;
  priority: number;
  attempt_count: number | null;
  max_attempts: number | null;
  next_retry_at: string | null;
  error: { message?: string; code?: string } | null;
  created_at: string;
  completed_at: string | null;
  completed_stage_count: number;
}

interface JobList {
  jobs: JobRow[];
  next: string | null;
  total_count: number;
}

const statuses = ["queued", "processing", "completed", "failed", "cancelled"];
export const stages = [
  "submit_crawl",
  "wait_crawl",
  "segment_embed",
  "keyword_clustering",
  "gap_analysis",
  "rewrite_draft",
];
const sinceHours: Record<string, number> = { hour: 1, day: 24, week: 24 * 7, month: 24 * 30 };

/** The filters as the address has them. */
function readFilters() {
  const names = ["pipeline", "status", "stage", "url", "error", "page_id", "user_id"];
  const filters: Record<string, string> = {};
  for (const name of names) {
    const value = param(name);
    if (value) filters[name] = value;
  }
  const since = param("since");
  if (since && sinceHours[since]) {
    filters.since = new Date(
      Math.floor(Date.now() / 60_000) * 60_000 - sinceHours[since] * 3_600_000,
    ).toISOString();
  }
  return filters;
}

export function Jobs() {
  const filters = readFilters();
  const cursor = param("cursor");
  const { data, error } = useLive<JobList>(
    `jobs ${JSON.stringify(filters)} ${cursor}`,
    (signal) =>
      rpc("list_jobs", { p_filters: filters, p_limit: 50, p_cursor: cursor ?? null }, signal),
    3,
  );
  const list = data.value;
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <Page title="Jobs" actions={<CancelAll filters={filters} />}>
      <OperationsNav current="jobs" />
      <div class="filters" role="search" aria-label="Filter the jobs">
        <Choice
          label="Status"
          name="status"
          value={param("status")}
          options={[["", "Any"], ...statuses.map((status) => [status, status] as const)]}
        />
        <Choice
          label="Stage"
          name="stage"
          value={param("stage")}
          options={[
            ["", "Any"],
            ...[...new Set([...stages, ...param("stage") ? [param("stage")!] : []])].map((stage) =>
              [stage, words(stage)] as const
            ),
          ]}
        />
        <Choice
          label="Since"
          name="since"
          value={param("since")}
          options={[["", "Ever"], ["hour", "An hour"], ["day", "A day"], ["week", "A week"], [
            "month",
            "A month",
          ]]}
        />
        <SearchField label="Address" name="url" placeholder="part of the URL" />
        <SearchField label="Error" name="error" placeholder="code or message" />
        {isFiltered && <a href={href("jobs")}>Clear</a>}
        <span class="quiet" role="status">
          {list
            ? `${list.total_count >= 10_000 ? "10,000 or more" : plural(list.total_count, "job")}`
            : ""}
        </span>
      </div>
      <ErrorNote error={error.value} retry={refresh} />
      {!list && !error.value && <Loading lines={10} />}
      {list && list.jobs.length === 0 && (
        isFiltered
          ? (
            <Empty
              title="No job fits"
              action={<a class="button" href={href("jobs")}>Show all jobs</a>}
            >
              Loosen a filter.
            </Empty>
          )
          : (
            <Empty
              title="No jobs yet"
              action={<a class="button primary" href={href("new")}>Analyse a page</a>}
            >
              Jobs appear here as soon as one is started.
            </Empty>
          )
      )}
      {list && list.jobs.length > 0 && (
        <>
          <Table label="Jobs">
            <thead>
              <tr>
                <th scope="col">Page</th>
                <th scope="col">Status</th>
                <th scope="col">Stage</th>
                <th scope="col" class="number">Attempt</th>
                <th scope="col">Error</th>
                <th scope="col">Started</th>
              </tr>
            </thead>
            <tbody>
              {list.jobs.map((job) => (
                <tr key={job.job_id}>
                  <th scope="row" class="clip">
                    <a
                      href={href(
                        `jobs/${job.job_id}`,
                        param("pipeline") ? { pipeline: param("pipeline") } : {},
                      )}
                      dir="auto"
                    >
                      {job.title || shortUrl(job.url) || job.job_id}
                    </a>
                  </th>
                  <td>
                    <Badge tone={job.status}>{job.status}</Badge>
                  </td>
                  <td>
                    {words(job.stage)} <span class="quiet">{job.completed_stage_count}/6</span>
                  </td>
                  <td class="number">
                    {job.attempt_count ? `${job.attempt_count} of ${job.max_attempts}` : "–"}
                    {job.next_retry_at && <span class="quiet">{relative(job.next_retry_at)}</span>}
                  </td>
                  <td class="clip" title={job.error?.message}>
                    {job.error?.code ? <code>{job.error.code}</code> : job.error?.message ?? ""}
                  </td>
                  <td>
                    <time dateTime={job.created_at} title={job.created_at}>
                      {relative(job.created_at)}
                    </time>
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
          <p class="actions">
            {cursor && <Button onClick={() => history.back()}>← Newer</Button>}
            {list.next && <Button onClick={() => setQuery({ cursor: list.next })}>Older →</Button>}
          </p>
        </>
      )}
    </Page>
  );
}

/** A search field that writes into the address, without a step in the history for each letter. */
export function SearchField(
  { label, name, placeholder }: { label: string; name: string; placeholder: string },
) {
  const current = param(name) ?? "";
  const typed = useSignal(current);
  useEffect(() => {
    typed.value = current;
  }, [current]);
  useEffect(() => {
    if (typed.value === current) return;
    const timer = setTimeout(() => setQuery({ [name]: typed.value, cursor: null }, true), 250);
    return () => clearTimeout(timer);
  }, [typed.value]);
  return (
    <label class="choice">
      <span>{label}</span>
      <input
        type="search"
        value={typed.value}
        placeholder={placeholder}
        onInput={(event) => (typed.value = event.currentTarget.value)}
      />
    </label>
  );
}

function CancelAll({ filters }: { filters: Record<string, string> }) {
  if (!isOperator.value) return null;
  const run = async () => {
    try {
      let open = await rpc("count_open_jobs", { p_filters: filters });
      if (open === 0) return toast("None of these jobs is open: there is nothing to cancel.");
      const yes = await ask({
        title: `Cancel ${plural(open, "job")}?`,
        text: (
          <p>
            All open jobs that match the filters of this page, not only those in view. A cancelled
            job does not come back; start it again instead.
          </p>
        ),
        yes: `Cancel ${plural(open, "job")}`,
        danger: true,
        typed: open > 20 ? String(open) : undefined,
      });
      if (!yes) return;
      let cancelled = 0;
      while (open > 0) {
        const answer: { cancelled_count: number; remaining_count: number } = await rpc(
          "cancel_matching",
          { p_filters: filters, p_expected: open },
        );
        cancelled += answer.cancelled_count;
        if (answer.cancelled_count === 0) break;
        open = answer.remaining_count;
      }
      toast(`${plural(cancelled, "job")} cancelled`);
    } catch (thrown) {
      toast(`${(thrown as ApiError).message} ${(thrown as ApiError).hint ?? ""}`, { tone: "bad" });
    }
    refresh();
  };
  return <Button kind="danger" onClick={run}>Cancel all that match</Button>;
}
