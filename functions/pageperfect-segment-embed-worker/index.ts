// Stage 3: HTML → segments → embeddings.
import * as v from "npm:valibot@1.5.0";
import { cachedVectors, embed } from "../_shared/models/embeddings.ts";
import { Pause } from "../_shared/engine/budget.ts";
import { Failure } from "../_shared/engine/failure.ts";
import type { StageJob } from "../_shared/engine/lease.ts";
import { serveStage, type StageContext } from "../_shared/engine/serve_stage.ts";
import {
  digestOf,
  loadCheckpoint,
  saveCheckpoint,
  stageVectors,
} from "../_shared/engine/staging.ts";
import * as rust from "../_shared/wasm/segment.ts";

const Input = v.object({ url: v.string(), html: v.nullable(v.string()) });

/**
 * The page, read by this invocation (`isNew`) or one before. `keep` stores it for the next: reading a large one takes half of
 * what an invocation may use. On its own, so that the HTML is no longer held when the embeddings come.
 */
async function segmentedPage(
  job: StageJob,
  context: StageContext,
): Promise<{ page: rust.SegmentedPage; isNew: boolean; keep: () => Promise<void> }> {
  const { url, html } = await context.input(Input);
  if (html === null) throw new Failure("the crawl left no HTML", { code: "invalid_input" });
  const digest = await digestOf([url, html]);
  const kept = await loadCheckpoint(digest, job, context);
  if (kept) {
    const page = JSON.parse(new TextDecoder().decode(kept));
    return { page, isNew: false, keep: async () => {} };
  }
  // A page of 4 MB takes as long to read as 4,000 keywords.
  context.budget.pauseUnlessFresh(html.length / 1000, html.length);
  const page = rust.segment(html, url);
  // An error page, a wall or a shell: said for what it is, before anything is paid for.
  const fatal = page.warnings.find((warning) => warning.is_fatal);
  if (fatal) throw new Failure(`${url}: ${fatal.message}`, { code: fatal.code });
  if (page.segments.length === 0) {
    throw new Failure(`${url} has no readable text`, { code: "empty_page" });
  }
  const keep = () =>
    saveCheckpoint(new TextEncoder().encode(JSON.stringify(page)), digest, job, context);
  return { page, isNew: true, keep };
}

serveStage({
  stage: "segment_embed",
  needs: ["embeddings"],
  async run(job, context) {
    const { page: { segments, ...page }, isNew, keep } = await segmentedPage(job, context);
    const texts = rust.embedding_texts(page.title, segments);
    const { model, dimensions } = context.env.embedding;
    const embeddings = async (start: number, end: number) =>
      (await cachedVectors(texts.slice(start, end), context)).map(rust.pgvector_text);
    const digest = await digestOf([model, dimensions, texts]);
    try {
      if (isNew && context.budget.isSpent) context.budget.pause(5 * texts.length);
      const usage = await embed(texts, { ...context, job, purpose: "passage" });
      await stageVectors(texts.length, embeddings, digest, job, context);
      return { output: { page, model, dimensions, segments, digest, usage } };
    } catch (error) {
      if (error instanceof Pause) await keep();
      throw error;
    }
  },
});
