// Stage 5: what the page does not answer, what that is worth and where it belongs; with method cosine every cluster against
// every segment, ranked by opportunity.
import * as v from "npm:valibot@1.5.0";
import { limits } from "../_shared/engine/budget.ts";
import { forRust } from "../_shared/engine/expect.ts";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import { digestOf, resume, saveCheckpoint } from "../_shared/engine/staging.ts";
import { advise } from "../_shared/wasm/advice.ts";
import { type GapCluster, GapScorer } from "../_shared/wasm/gap.ts";
import { model_profile } from "../_shared/wasm/policy.ts";

/** What keyword_clustering measured (crates/advice, Input). */
const MeasuredInput = v.looseObject({
  method: v.literal("calibrated"),
  threshold: v.number(),
  top: v.number(),
  model: v.string(),
});

const CosineInput = v.object({
  method: v.literal("cosine"),
  threshold: v.number(),
  top: v.number(),
  /** Null when the page has no keywords. */
  model: v.nullable(v.string()),
  dimensions: v.nullable(v.number()),
  segments: v.array(v.object({ id: v.number(), kind: v.string() })),
  clusters: forRust<GapCluster<number>[]>(),
});

serveStage({
  stage: "gap_analysis",
  async run(job, context) {
    const { rpc, signal, budget } = context;
    const input = await context.input(v.variant("method", [MeasuredInput, CosineInput]));
    if (input.method === "calibrated") {
      const { method, threshold, top, model } = input;
      const { is_english: is_english_model, is_lexical: is_lexical_model } = model_profile(model);
      const advice = JSON.parse(
        advise(JSON.stringify({ ...input, is_english_model, is_lexical_model })),
      );
      return { output: { method, threshold, top, model, ...advice } };
    }
    const { threshold, top, model, dimensions, segments, clusters } = input;
    const settings = { threshold, top, model };
    if (dimensions === null) return { output: { ...settings, recommendations: [], coverage: [] } };

    /** The vectors of the next rows from `start` on. */
    const vectors = async (table: string, rows: { id: number }[], start: number) => {
      signal.throwIfAborted();
      const ids = rows.slice(start, start + limits.vectorCount).map(({ id }) => id);
      return await rpc("get_vectors", { p_table: table, p_ids: ids }) ?? "";
    };
    const scorer = new GapScorer(dimensions);
    try {
      for (let start = 0; start < segments.length; start += limits.vectorCount) {
        scorer.push_segments(await vectors("page_embeddings", segments, start));
      }
      const digest = await digestOf([model, dimensions, segments, clusters]);
      await resume((checkpoint) => scorer.restore(checkpoint), digest, job, context);
      const startMs = budget.usedMs();
      while (scorer.cluster_count < clusters.length) {
        scorer.push_clusters(await vectors("keyword_clusters", clusters, scorer.cluster_count));
        const left = clusters.length - scorer.cluster_count;
        if (left > 0 && budget.isSpentSince(startMs)) {
          await saveCheckpoint(scorer.checkpoint(), digest, job, context);
          budget.pause(left);
        }
      }
      const { recommendations, coverage } = scorer.score(clusters, segments, threshold, top);
      return { output: { ...settings, recommendations, coverage } };
    } finally {
      scorer.free();
    }
  },
});
