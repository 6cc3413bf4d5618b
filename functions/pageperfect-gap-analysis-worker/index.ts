// Stage 5: every cluster against every segment; what no segment answers is a gap, ranked by opportunity.
import { serveStage } from "../_shared/serve_stage.ts";
import { type GapCluster, GapScorer } from "../_shared/wasm/gap.ts";

interface Input {
  threshold: number;
  top: number;
  /** Null when the page has no keywords. */
  model: string | null;
  dimensions: number | null;
  segments: { id: number; kind: string }[];
  /** base64 of Postgres' binary vectors, one after the other, in the order of `segments`. */
  segment_vectors: string;
  clusters: GapCluster<number>[];
  cluster_vectors: string;
}

serveStage({
  stage: "gap_analysis",
  async run(_job, { input }) {
    const { threshold, top, model, dimensions, ...page } = await input<Input>();
    const settings = { threshold, top, model };
    if (dimensions === null) return { output: { ...settings, recommendations: [], coverage: [] } };

    const scorer = new GapScorer(dimensions);
    try {
      scorer.push_segments(page.segment_vectors);
      scorer.push_clusters(page.cluster_vectors);
      const { recommendations, coverage } = scorer.score(
        page.clusters,
        page.segments,
        threshold,
        top,
      );
      return { output: { ...settings, recommendations, coverage } };
    } finally {
      scorer.free();
    }
  },
});
