// Runs over a whole site: the list of them, and the start of the next.

import { useSignal } from "@preact/signals";
import { stageNames } from "../../../cli/site/text.ts";
import { ApiError, rpc, startJob } from "../api.ts";
import { Estimate } from "../estimate.tsx";
import { relative, shortUrl, words } from "../format.ts";
import { refresh, useLive } from "../live.ts";
import { go, href } from "../router.ts";
import { Badge, Empty, ErrorNote, Field, Loading, Page, Table, toast } from "../ui.tsx";
import type { JobRow } from "../ops/jobs.tsx";

export function SiteRuns() {
  const { data, error } = useLive<{ jobs: JobRow[] }>(
    "site runs",
    (signal) => rpc("list_jobs", { p_filters: { pipeline: "site" }, p_limit: 50 }, signal),
    3,
  );
  const runs = data.value?.jobs;
  return (
    <Page
      title="Site"
      lead="All pages together: the best edits across the site, which page owns which topic, and whether it paid."
      actions={<a class="button primary" href={href("site/new")}>Plan a site</a>}
    >
      <ErrorNote error={error.value} retry={refresh} />
      {!runs && !error.value && <Loading />}
      {runs && runs.length === 0 && (
        <Empty
          title="No site was planned yet"
          action={<a class="button primary" href={href("site/new")}>Plan a site</a>}
        >
          Name its sitemap, or its Search Console property once rows are imported.
        </Empty>
      )}
      {runs && runs.length > 0 && (
        <Table label="Runs">
          <thead>
            <tr>
              <th scope="col">Site</th>
              <th scope="col">Status</th>
              <th scope="col">Stage</th>
              <th scope="col">Started</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.job_id}>
                <th scope="row">
                  <a href={href(`site/${run.job_id}`)} dir="auto">
                    {shortUrl(run.url) || `Pages of ${run.job_id.slice(0, 8)}`}
                  </a>
                </th>
                <td>
                  <Badge tone={run.status}>{run.status}</Badge>
                </td>
                <td>{run.status !== "completed" && (stageNames[run.stage] ?? words(run.stage))}</td>
                <td>{relative(run.created_at)}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Page>
  );
}

export function NewSiteRun() {
  const source = useSignal<"sitemap" | "property" | "urls">("sitemap");
  const value = useSignal("");
  const most = useSignal("50");
  const drafts = useSignal("0");
  const dollars = useSignal("");
  const busy = useSignal(false);
  const error = useSignal<ApiError | undefined>(undefined);
  const hints = {
    sitemap: "Such as https://example.com/sitemap.xml; an index of sitemaps does as well.",
    property:
      "As Search Console names it: sc-domain:example.com, or https://www.example.com/. Its rows must have been imported.",
    urls: "One address a line.",
  };
  const text = value.value.trim();
  const request = {
    site: { [source.value]: source.value === "urls" ? text.split(/\s+/).filter(Boolean) : text },
    max_pages: Number(most.value) || undefined,
    drafts: Number(drafts.value) || undefined,
    max_usd: Number(dollars.value) || undefined,
  };
  const fieldError = (...names: string[]) =>
    error.value?.fields.find(({ field }) => names.some((name) => field.split(".")[0] === name))
      ?.message;
  const start = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    error.value = undefined;
    try {
      const { job_id } = await startJob(request);
      toast("The run has begun");
      go(`site/${job_id}`);
    } catch (thrown) {
      error.value = thrown as ApiError;
    }
    busy.value = false;
  };
  return (
    <Page
      title="Plan a site"
      crumbs={<a href={href("site")}>Site</a>}
      lead="The pages with the most impressions are analysed first. Unchanged pages are not paid for again."
    >
      <form class="form" onSubmit={start}>
        <Field label="Pages from">
          {(id) => (
            <select
              id={id}
              value={source.value}
              onChange={(event) => (source.value = event.currentTarget.value as "sitemap")}
            >
              <option value="sitemap">A sitemap</option>
              <option value="property">A Search Console property</option>
              <option value="urls">A list</option>
            </select>
          )}
        </Field>
        <Field
          label={{ sitemap: "Sitemap", property: "Property", urls: "Addresses" }[source.value]}
          hint={hints[source.value]}
          error={fieldError("site")}
        >
          {(id, describedBy) =>
            source.value === "urls"
              ? (
                <textarea
                  id={id}
                  rows={8}
                  required
                  aria-describedby={describedBy}
                  value={value.value}
                  onInput={(event) => (value.value = event.currentTarget.value)}
                />
              )
              : (
                <input
                  id={id}
                  required
                  aria-describedby={describedBy}
                  value={value.value}
                  onInput={(event) => (value.value = event.currentTarget.value)}
                />
              )}
        </Field>
        <Field label="Pages at most">
          {(id) => (
            <input
              id={id}
              type="number"
              min="1"
              max="100000"
              value={most.value}
              onInput={(event) => (most.value = event.currentTarget.value)}
            />
          )}
        </Field>
        <Field
          label="Drafts"
          hint="The text for the first so many edits of the plan that want one, written and measured by the language model. Each takes its tokens, which the estimate below counts in. 0: the plan alone."
          error={fieldError("drafts")}
        >
          {(id, describedBy) => (
            <input
              id={id}
              type="number"
              min="0"
              max="100"
              step="1"
              aria-describedby={describedBy}
              value={drafts.value}
              onInput={(event) => (drafts.value = event.currentTarget.value)}
            />
          )}
        </Field>
        <Field
          label="Dollars at most"
          hint="The run stops before it would spend more. Empty: no ceiling of its own."
        >
          {(id, describedBy) => (
            <input
              id={id}
              type="number"
              min="0"
              step="0.01"
              aria-describedby={describedBy}
              value={dollars.value}
              onInput={(event) => (dollars.value = event.currentTarget.value)}
            />
          )}
        </Field>
        <Estimate request={text === "" ? undefined : request} />
        <ErrorNote error={error.value} />
        <div class="actions">
          <button type="submit" class="button primary" disabled={busy.value}>Begin</button>
        </div>
      </form>
    </Page>
  );
}
