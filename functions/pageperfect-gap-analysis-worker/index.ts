// Stage 5: every cluster against every segment; what no segment answers is a gap, ranked by opportunity.
import { limits } from "../_shared/engine/budget.ts";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import { digestOf, resume, saveCheckpoint } from "../_shared/engine/staging.ts";
import { type GapCluster, GapScorer } from "../_shared/wasm/gap.ts";

interface Input {
  threshold: number;
  top: number;
  /** Null when the page has no keywords. */
  model: string | null;
  dimensions: number | null;
  segments: { id: number; kind: string }[];
  clusters: GapCluster<number>[];
}

serveStage({
  stage: "gap_analysis",
  async run(job, context) {
    const { input, rpc, signal, budget } = context;
    const { threshold, top, model, dimensions, segments, clusters } = await input<Input>();
    const settings = { threshold, top, model };
    if (dimensions === null) return { output: { ...settings, recommendations: [], coverage: [] } };

    /** The vectors of the next rows from `start` on. */
    const vectors = (table: string, rows: { id: number }[], start: number) => {
      signal.throwIfAborted();
      const ids = rows.slice(start, start + limits.vectorCount).map(({ id }) => id);
      return rpc<string>("get_vectors", { p_table: table, p_ids: ids });
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
