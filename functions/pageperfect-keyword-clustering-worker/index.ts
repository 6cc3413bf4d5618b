// Stage 4: the page's search queries → embeddings → clusters and noise points.
import { eachCachedVector, embed } from "../_shared/embeddings.ts";
import { serveStage } from "../_shared/serve_stage.ts";
import { stageVectors } from "../_shared/staging.ts";
import { type Keyword, KeywordClustering } from "../_shared/wasm/cluster.ts";

interface Input {
  page_id: string;
  eps: number;
  min_points: number;
  /** Null when no cluster is to be split. */
  max_cluster_size: number | null;
  keywords: Keyword[];
}

serveStage({
  stage: "keyword_clustering",
  needs: ["embeddings"],
  async run(job, context) {
    const input = await context.input<Input>();
    const { eps, min_points, max_cluster_size, keywords } = input;
    const { model, dimensions } = context.env.embedding;
    const queries = keywords.map(({ query }) => query);
    const usage = await embed(queries, { ...context, job });
    context.budget.pauseUnlessFresh(queries.length);

    const clustering = new KeywordClustering(dimensions);
    try {
      await eachCachedVector(queries, context, (vector) => clustering.push_base64(vector));
      clustering.cluster(eps, min_points, max_cluster_size);
      const clusters = clustering.summarize(keywords);
      const centroids = (start: number, end: number) => clustering.centroids(start, end);
      const source = [model, dimensions, input];
      const digest = await stageVectors(clusters.length, centroids, source, job, context);
      const settings = { model, dimensions, eps, min_points, max_cluster_size };
      return { output: { ...settings, clusters, digest, usage } };
    } finally {
      clustering.free();
    }
  },
});
