// The analysed pages of a site's job, as the database hands them to Rust: chunk by chunk, as text that is never taken apart here.
import * as v from "npm:valibot@1.5.0";
import type { Rpc } from "../client.ts";
import type { SitePlanner } from "../wasm/site.ts";

/** What the stages after the analysis begin with. */
export const SiteInput = v.object({
  page_count: v.number(),
  period_days: v.number(),
  period_end: v.string(),
});

const Chunk = v.object({ last: v.nullable(v.number()), pages: v.string() });

/** Pages a request: some 30 KB of text each. */
const chunkPages = 50;

export async function readPages(
  planner: SitePlanner,
  pageCount: number,
  jobId: string,
  { rpc, signal }: { rpc: Rpc; signal: AbortSignal },
): Promise<void> {
  for (let after = 0; planner.page_count < pageCount;) {
    signal.throwIfAborted();
    const { last, pages } = await rpc("site_page_inputs", {
      p_job_id: jobId,
      p_after: after,
      p_limit: chunkPages,
    }, Chunk);
    if (last === null) return;
    planner.push_pages(pages);
    after = last;
  }
}
