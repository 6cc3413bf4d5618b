// Site stage 3: where else on the site an answer stands to what a page is shown for and does not answer.
import * as v from "npm:valibot@1.5.0";
import { limits } from "../_shared/engine/budget.ts";
import { Status } from "../_shared/engine/expect.ts";
import { LeaseLost } from "../_shared/engine/lease.ts";
import { serveStage, type StageContext } from "../_shared/engine/serve_stage.ts";
import { eachCachedVector, embed } from "../_shared/models/embeddings.ts";
import { readPages, SiteInput } from "../_shared/site/pages.ts";
import { Segment } from "../_shared/models/segment.ts";
import { PageCoverage } from "../_shared/wasm/coverage.ts";
import { type FoundElsewhere, type SiteCandidate, SitePlanner } from "../_shared/wasm/site.ts";

const CandidatePage = v.looseObject({
  queries: v.array(v.looseObject({
    query: v.string(),
    impressions: v.number(),
    clicks: v.number(),
    position: v.number(),
  })),
  segments: v.array(Segment),
});

serveStage({
  pipeline: "site",
  stage: "site_topics",
  needs: ["embeddings"],
  async run(job, context) {
    const { budget, rpc } = context;
    const { page_count } = await context.input(SiteInput);
    const candidates = await findCandidates(page_count, job.job_id, context);
    // What an earlier invocation has looked at.
    let done = budget.progress.done ?? 0;
    const startMs = budget.usedMs();
    for (; done < candidates.length; done++) {
      if (done > (budget.progress.done ?? 0) && budget.isSpentSince(startMs)) {
        budget.progress.done = done;
        budget.pause(candidates.length - done);
      }
      context.signal.throwIfAborted();
      const answers = await look(candidates[done], job, context);
      const { status } = await rpc("stage_site_answers", {
        p_msg_id: job.msg_id,
        p_read_ct: job.read_ct,
        p_answers: answers,
      }, Status);
      if (status !== "held") throw new LeaseLost();
    }
    return { output: { looked_at_count: candidates.length } };
  },
});

async function findCandidates(pageCount: number, jobId: string, context: StageContext) {
  const planner = new SitePlanner();
  try {
    await readPages(planner, pageCount, jobId, context);
    return planner.candidates();
  } finally {
    planner.free();
  }
}

/** How well a page answers the candidates' queries, measured beside its own. */
async function look(
  { page_id, queries }: SiteCandidate,
  job: Parameters<typeof embed>[1]["job"],
  context: StageContext,
): Promise<FoundElsewhere[]> {
  const { rpc, env, signal } = context;
  const page = await rpc("site_candidate_page", { p_page_id: page_id }, CandidatePage);
  if (page.segments.length === 0) return [];
  const asked = queries.map(({ query }) => ({ query, impressions: 1, clicks: 0, position: 10 }));
  const all = [...asked, ...page.queries];
  const texts = all.map(({ query }) => query);
  await embed(texts, { ...context, job });
  const coverage = new PageCoverage(env.embedding.dimensions, page.segments, all);
  try {
    for (let start = 0; start < page.segments.length; start += limits.vectorCount) {
      signal.throwIfAborted();
      const ids = page.segments.slice(start, start + limits.vectorCount).map(({ id }) => id);
      coverage.push_segments(
        await rpc("get_vectors", { p_table: "page_embeddings", p_ids: ids }) ?? "",
      );
    }
    await eachCachedVector(texts, context, (vector) => coverage.push_queries(vector));
    while (coverage.step(8) < 1) signal.throwIfAborted();
    return coverage.queries().slice(0, asked.length).map((found, index) => ({
      page_id: queries[index].page_id,
      query: queries[index].query,
      other_page_id: page_id,
      coverage: found.coverage,
      segment_id: found.hits.length > 0 ? page.segments[found.hits[0].segment].id : null,
    }));
  } finally {
    coverage.free();
  }
}
