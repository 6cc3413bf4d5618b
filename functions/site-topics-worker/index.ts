// Site stage 3: pages summed up, topics compared by meaning over the whole site, and answers looked for on other pages. Each step is kept
// page by page, so a site of any size takes as many invocations as it needs.
import * as v from "npm:valibot@1.5.0";
import { limits } from "../_shared/engine/budget.ts";
import { Status } from "../_shared/engine/expect.ts";
import { held } from "../_shared/engine/lease.ts";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import { eachCachedVector, embed } from "../_shared/models/embeddings.ts";
import { Segment } from "../_shared/models/segment.ts";
import {
  base64,
  eachPageInput,
  eachPagePart,
  keep,
  keepBytes,
  kept,
  keptBytes,
  SiteInput,
  stagePages,
  summaryOf,
  type Work,
} from "../_shared/site/pages.ts";
import { PageCoverage } from "../_shared/wasm/coverage.ts";
import {
  type FoundElsewhere,
  MeanVector,
  type SiteCandidate,
  SiteMeaning,
  SitePlanner,
  SiteSearch,
  SiteSketcher,
  summarize_pages,
} from "../_shared/wasm/site.ts";

const CandidatePage = v.looseObject({
  queries: v.array(v.looseObject({
    query: v.string(),
    impressions: v.number(),
    clicks: v.number(),
    position: v.number(),
  })),
  segments: v.array(Segment),
});

const Input = v.object({
  ...SiteInput.entries,
  /** Position before that of the first page without sketches; null when all have them. */
  unsketched_after: v.nullable(v.number()),
});

const Candidate = v.nullable(v.object({
  page_id: v.string(),
  queries: v.array(v.object({ page_id: v.string(), query: v.string() })),
}));

/** Pages whose queries tell what all of a site's have in common. */
const samplePages = 40;
/** Pages that are read at once to be sketched. */
const sketchedPages = 20;
/** Pairs of blocks of 512 queries between two looks at the clock: some 10 ms. */
const stepBlocks = 16;
/** Pages whose candidates are noted at once. */
const candidatePages = 20;
/** What is left is told as one falling number: steps, and within each less than this. */
const step = 1e9;

serveStage({
  pipeline: "site",
  stage: "site_topics",
  needs: ["embeddings"],
  async run(job, context) {
    const work: Work = { stage: "site_topics", job, context };
    const { page_count, unsketched_after } = await context.input(Input);
    await eachPageInput(work, "summary", 4 * step, async (pages) => {
      const summaries = summarize_pages(pages).map(({ page_id, bytes }) => ({
        page_id,
        summary: base64(bytes),
      }));
      await stagePages(summaries, work);
    });
    if (unsketched_after !== null) await sketch(page_count, unsketched_after, work);
    await findCandidates(page_count, work);
    const facts = await compare(work);
    await lookAtAll(work);
    return { output: facts };
  },
});

/** Sketches the queries of the pages that lack it, page by page. */
async function sketch(pageCount: number, after: number, work: Work) {
  const { job, context } = work;
  const { budget, signal, env } = context;
  const vectorsOf = async (
    pages: SitePlanner,
    page: number,
    take: (vector: string) => void,
  ) => {
    signal.throwIfAborted();
    const queries = pages.queries(page);
    await embed(queries, { ...context, job });
    await eachCachedVector(queries, context, take);
  };
  let mean = await kept("mean", work);
  if (mean === null) {
    const count = Math.min(samplePages, pageCount);
    const sampled = Array.from(
      { length: count },
      (_, index) => Math.floor(index * pageCount / count),
    );
    const pages = new SitePlanner();
    const vectors = new MeanVector(env.embedding.dimensions);
    try {
      await eachPagePart(work, "summary", (page, index) => {
        if (sampled.includes(index)) pages.push_summary(summaryOf(page));
      });
      for (let page = 0; page < pages.page_count; page++) {
        await vectorsOf(pages, page, (vector) => vectors.push(vector));
      }
      mean = JSON.stringify([...vectors.mean()]);
    } finally {
      vectors.free();
      pages.free();
    }
    await keep("mean", mean, work);
  }
  const sketcher = new SiteSketcher(Float32Array.from(JSON.parse(mean)));
  try {
    await eachPagePart(work, "summary", async (part) => {
      const { page_id, position, has_sketches } = part;
      if (has_sketches) return;
      const page = new SitePlanner();
      try {
        page.push_summary(summaryOf(part));
        sketcher.start(page.topics(0));
        await vectorsOf(page, 0, (vector) => sketcher.push(vector));
      } finally {
        page.free();
      }
      const sketches = base64(sketcher.finish());
      await stagePages([{ page_id, sketches }], work);
      if (budget.isSpent) budget.pause(3 * step - position);
    }, { after, limit: sketchedPages });
  } finally {
    sketcher.free();
  }
}

/** Notes on which pages answers are to be looked for. */
async function findCandidates(pageCount: number, work: Work) {
  const { context: { budget } } = work;
  let done = Number(await kept("candidates", work) ?? 0);
  if (done >= pageCount) return;
  const search = new SiteSearch();
  try {
    await eachPagePart(work, "summary", (page) => search.push_summary(summaryOf(page)));
    const startMs = budget.usedMs();
    while (done < pageCount) {
      const end = Math.min(pageCount, done + candidatePages);
      await stageCandidates(search.candidates(done, end), work);
      done = end;
      await keep("candidates", String(done), work);
      if (done < pageCount && budget.isSpentSince(startMs)) budget.pause(2 * step - done);
    }
  } finally {
    search.free();
  }
}

async function stageCandidates(candidates: SiteCandidate[], { job, context: { rpc } }: Work) {
  if (candidates.length === 0) return;
  held(
    await rpc("stage_site_candidates", {
      p_msg_id: job.msg_id,
      p_read_ct: job.read_ct,
      p_candidates: candidates,
    }, Status),
  );
}

/** Compares the queries of all pages with each other. */
async function compare(work: Work): Promise<{ query_count: number; similar_count: number }> {
  const { budget, signal } = work.context;
  const known = await kept("similar facts", work);
  if (known !== null) return JSON.parse(known);
  const meaning = new SiteMeaning();
  try {
    await eachPagePart(work, "sketches", ({ part }, index) => {
      if (part !== null) meaning.push(index, part);
    });
    const state = await keptBytes("comparison", work);
    if (state !== null) meaning.restore(state);
    const startMs = budget.usedMs();
    for (let left = 1; left > 0;) {
      signal.throwIfAborted();
      left = meaning.step(stepBlocks);
      if (left > 0 && budget.isSpentSince(startMs)) {
        await keepBytes("comparison", meaning.checkpoint(), work);
        budget.pause(step + left);
      }
    }
    const facts = { query_count: meaning.query_count, similar_count: meaning.similar_count };
    await keepBytes("similar", meaning.similar(), work);
    await keep("similar facts", JSON.stringify(facts), work);
    return facts;
  } finally {
    meaning.free();
  }
}

/** Looks for answers on one page after the other. */
async function lookAtAll(work: Work) {
  const { job, context } = work;
  const { rpc, budget, signal } = context;
  // What an earlier invocation has looked at.
  let done = budget.progress.done ?? 0;
  const startMs = budget.usedMs();
  for (;;) {
    signal.throwIfAborted();
    const candidate = await rpc("next_site_candidate", { p_job_id: job.job_id }, Candidate);
    if (candidate === null) return;
    held(
      await rpc("stage_site_answers", {
        p_msg_id: job.msg_id,
        p_read_ct: job.read_ct,
        p_answers: await look(candidate, work),
      }, Status),
    );
    done++;
    if (budget.isSpentSince(startMs)) {
      budget.progress.done = done;
      budget.pause(step - done);
    }
  }
}

/** How well a page answers the candidates' queries, measured beside its own. */
async function look(
  { page_id, queries }: SiteCandidate,
  { job, context }: Work,
): Promise<FoundElsewhere[]> {
  const { rpc, env, signal } = context;
  const page = await rpc("site_candidate_page", { p_page_id: page_id }, CandidatePage);
  const answers = (of: (index: number) => { coverage: number; segment_id: number | null }) =>
    queries.map((query, index) => ({ ...query, other_page_id: page_id, ...of(index) }));
  if (page.segments.length === 0) return answers(() => ({ coverage: 0, segment_id: null }));
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
    const found = coverage.queries();
    return answers((index) => ({
      coverage: found[index].coverage,
      segment_id: found[index].hits.length > 0
        ? page.segments[found[index].hits[0].segment].id
        : null,
    }));
  } finally {
    coverage.free();
  }
}
