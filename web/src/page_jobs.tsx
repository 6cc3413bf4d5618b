// The newest report of a page, whichever job made it.

import { useEffect } from "preact/hooks";
import { rpc } from "./api.ts";
import { refresh, useLive } from "./live.ts";
import { go, href } from "./router.ts";
import { Empty, ErrorNote, Loading, Page } from "./ui.tsx";

export function NewestReport({ pageId }: { pageId: string }) {
  const { data, error } = useLive<{ jobs: { job_id: string }[] }>(
    `page ${pageId}`,
    (signal) =>
      rpc("list_jobs", { p_filters: { page_id: pageId, status: "completed" }, p_limit: 1 }, signal),
    0,
  );
  const job = data.value?.jobs[0];
  useEffect(() => {
    if (job) go(`report/${job.job_id}`, {}, true);
  }, [job?.job_id]);
  return (
    <Page title="Page">
      <ErrorNote error={error.value} retry={refresh} />
      {!data.value && !error.value && <Loading />}
      {data.value && !job && (
        <Empty
          title="No report of this page"
          action={<a class="button" href={href("")}>All pages</a>}
        >
          Its analysis is under way, or has failed.
        </Empty>
      )}
    </Page>
  );
}
