// Stage 4: the page's search queries → embeddings → clusters and noise points.
import { embed } from "../_shared/embeddings.ts";
import { serveStage } from "../_shared/serve_stage.ts";
import { type Keyword, KeywordClustering } from "../_shared/wasm/cluster.ts";

interface Input {
  page_id: string;
  eps: number;
  min_points: number;
  keywords: Keyword[];
}

serveStage({
  stage: "keyword_clustering",
  needs: ["embeddings"],
  async run(_job, context) {
    const { eps, min_points, keywords } = await context.input<Input>();
    const { model, dimensions } = context.env.embedding;
    const { vectors, usage } = await embed(keywords.map(({ query }) => query), context);

    const clustering = new KeywordClustering(dimensions);
    try {
      for (const vector of vectors) clustering.push_base64(vector);
      clustering.cluster(eps, min_points);
      const clusters = clustering.summarize(keywords);
      return { output: { model, dimensions, eps, min_points, clusters, usage } };
    } finally {
      clustering.free();
    }
  },
});
