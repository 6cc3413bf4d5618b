// Home: every page that was analysed, how it stands, and the way to the next one.

import { isSample, rpc } from "./api.ts";
import { compact, count, percent, plural, relative, shortUrl } from "./format.ts";
import { refresh, useLive } from "./live.ts";
import { href, param } from "./router.ts";
import { Badge, Empty, ErrorNote, Loading, Meter, Page, Table } from "./ui.tsx";
import { Choice } from "./report/edits.tsx";
import { SearchField } from "./ops/jobs.tsx";

interface PageRow {
  page_id: string;
  url: string;
  title: string | null;
  job_id: string;
  completed_at: string;
  summary: {
    answered_share: number | null;
    gap_count: number;
    partly_count: number;
    expected_clicks: number;
    impressions: number;
    query_count: number;
  } | null;
  edit_count: number;
  decided_count: number;
  open_job_id: string | null;
}

interface OpenJobs {
  jobs: {
    job_id: string;
    url: string | null;
    title: string | null;
    status: string;
    stage: string;
    completed_stage_count: number;
  }[];
}

export function Pages() {
  const search = param("q");
  const sort = param("sort");
  const { data, error } = useLive<PageRow[]>(
    `pages ${search}`,
    (signal) => rpc("list_pages", { p_search: search ?? null, p_limit: 500 }, signal),
    5,
  );
  const running = useLive<OpenJobs>(
    "running",
    (signal) => rpc("list_jobs", { p_filters: { status: "processing" }, p_limit: 5 }, signal),
    2,
  );
  const waiting = useLive<OpenJobs>(
    "waiting",
    (signal) => rpc("list_jobs", { p_filters: { status: "queued" }, p_limit: 5 }, signal),
    2,
  );
  const open = [...running.data.value?.jobs ?? [], ...waiting.data.value?.jobs ?? []].slice(0, 5);
  const value = (
    row: PageRow,
  ) => (sort === "clicks"
    ? row.summary?.expected_clicks ?? 0
    : sort === "answered"
    ? -(row.summary?.answered_share ?? 2)
    : sort === "impressions"
    ? row.summary?.impressions ?? 0
    : 0);
  const rows = sort ? [...data.value ?? []].sort((a, b) => value(b) - value(a)) : data.value;
  return (
    <Page
      title="Pages"
      lead="What people search for, and what your pages answer of it."
      actions={<a class="button primary" href={href("new")}>Analyse a page</a>}
    >
      <ErrorNote error={error.value} retry={refresh} />
      {open.length > 0 && (
        <section aria-label="Under way" class="running">
          {open.map((job) => (
            <a key={job.job_id} class="running-job" href={href(`report/${job.job_id}`)}>
              <Badge tone={job.status}>{job.status === "processing" ? "running" : "queued"}</Badge>
              <span dir="auto">{job.title ?? shortUrl(job.url)}</span>
              <Meter
                value={job.completed_stage_count / 6}
                label={`${job.completed_stage_count} of 6 stages done`}
                tone="improve"
              />
            </a>
          ))}
        </section>
      )}
      {!rows && !error.value && <Loading lines={8} />}
      {rows && (rows.length > 0 || search) && (
        <div class="filters" role="search" aria-label="Filter the pages">
          <SearchField label="Search" name="q" placeholder="title or address" />
          <Choice
            label="Sort"
            name="sort"
            value={sort}
            options={[["", "Newest"], ["clicks", "Clicks to win"], ["answered", "Least answered"], [
              "impressions",
              "Impressions",
            ]]}
          />
          <span class="quiet" role="status">{plural(rows.length, "page")}</span>
        </div>
      )}
      {rows && rows.length === 0 && (
        search
          ? (
            <Empty
              title="No page fits"
              action={<a class="button" href={href("")}>Show all pages</a>}
            >
              Neither a title nor an address has “{search}” in it.
            </Empty>
          )
          : open.length === 0 && (
            <Empty
              title="Analyse your first page"
              action={<a class="button primary" href={href("new")}>Analyse a page</a>}
            >
              Give its address and the CSV of its queries from Search Console. You can also drop the
              file anywhere in this window.
            </Empty>
          )
      )}
      {rows && rows.length > 0 && (
        <Table label="Pages">
          <thead>
            <tr>
              <th scope="col">Page</th>
              <th scope="col">Answered</th>
              <th scope="col" class="number">Gaps</th>
              <th scope="col" class="number">Clicks to win</th>
              <th scope="col" class="number">Impressions</th>
              <th scope="col">Decided</th>
              <th scope="col">Analysed</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.page_id}>
                <th scope="row" class="clip wide">
                  <a href={href(`report/${row.job_id}`)} dir="auto">
                    {row.title || shortUrl(row.url)}
                  </a>
                  <span class="quiet sub">
                    {isSample(row.url)
                      ? "the sample that comes with PagePerfect"
                      : <bdi>{shortUrl(row.url)}</bdi>}
                  </span>
                </th>
                <td class="nowrap">
                  {row.summary
                    ? (
                      <>
                        <Meter
                          value={row.summary.answered_share}
                          label={`${percent(row.summary.answered_share)} answered`}
                        />{" "}
                        {percent(row.summary.answered_share)}
                      </>
                    )
                    : <span class="quiet">–</span>}
                </td>
                <td class="number">
                  {row.summary ? count(row.summary.gap_count) : count(row.edit_count)}
                </td>
                <td class="number">
                  {row.summary && row.summary.expected_clicks >= 1
                    ? `+${compact(Math.round(row.summary.expected_clicks))}`
                    : "–"}
                </td>
                <td class="number">{compact(row.summary?.impressions)}</td>
                <td class="nowrap">
                  {row.edit_count > 0 ? `${row.decided_count} of ${row.edit_count}` : "–"}
                </td>
                <td class="nowrap">
                  {relative(row.completed_at)}
                  {row.open_job_id && (
                    <>
                      <a href={href(`report/${row.open_job_id}`)}>
                        <Badge tone="processing">running</Badge>
                      </a>
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Page>
  );
}
