// Stage 4: the page's search queries → embeddings → clusters and noise points.
import { limits } from "../_shared/budget.ts";
import { eachCachedVector, embed } from "../_shared/embeddings.ts";
import type { StageJob } from "../_shared/lease.ts";
import { serveStage, type StageContext } from "../_shared/serve_stage.ts";
import {
  digestOf,
  loadCheckpoint,
  resume,
  saveCheckpoint,
  stageVectors,
} from "../_shared/staging.ts";
import {
  Centroid,
  type ClusterSummary,
  type Keyword,
  KeywordClustering,
} from "../_shared/wasm/cluster.ts";

interface Input {
  page_id: string;
  eps: number;
  min_points: number;
  /** Null when no cluster is to be split. */
  max_cluster_size: number | null;
  keywords: Keyword[];
  /** Keywords with fewer impressions that a page has beyond what is analysed. */
  left_out_count: number;
}

/** What is clustered between two looks at the CPU time: 10 ms or less. */
const stepBlocks = 8;

serveStage({
  stage: "keyword_clustering",
  needs: ["embeddings"],
  async run(job, context) {
    const input = await context.input<Input>();
    const { eps, min_points, max_cluster_size, keywords, left_out_count } = input;
    const { model, dimensions } = context.env.embedding;
    const usage = await embed(keywords.map(({ query }) => query), { ...context, job });
    const digest = await digestOf([model, dimensions, input]);
    const clusters = await describedClusters(input, digest, job, context);
    const centroids = (start: number, end: number) =>
      centroidsOf(clusters.slice(start, end), context);
    await stageVectors(clusters.length, centroids, digest, job, context);
    const settings = { model, dimensions, eps, min_points, max_cluster_size, left_out_count };
    return { output: { ...settings, clusters, digest, usage } };
  },
});

/** The clusters and noise points, without their centroids; takes as many invocations as it must. */
async function describedClusters(
  { eps, min_points, max_cluster_size, keywords }: Input,
  digest: string,
  job: StageJob,
  context: StageContext,
): Promise<ClusterSummary[]> {
  const described = await loadCheckpoint(`clusters of ${digest}`, job, context);
  if (described) return JSON.parse(new TextDecoder().decode(described));
  const { budget, signal } = context;
  // From here on, each keyword is clustered and staged.
  budget.pauseUnlessFresh(keywords.length, 2 * keywords.length);

  const clustering = new KeywordClustering(context.env.embedding.dimensions);
  try {
    const queries = keywords.map(({ query }) => query);
    await eachCachedVector(queries, context, (vector) => clustering.push_base64(vector));
    clustering.start(eps, min_points);
    await resume((checkpoint) => clustering.restore(checkpoint), digest, job, context);
    // Vectors that pairs at the very boundary need once more.
    const supplyUndecided = async () => {
      const indexes = clustering.undecided();
      let next = 0;
      await eachCachedVector(
        Array.from(indexes, (index) => queries[index]),
        context,
        (vector) => clustering.supply(indexes[next++], vector),
      );
      return indexes.length > 0;
    };
    await supplyUndecided();
    const startMs = budget.usedMs();
    for (let done = 0; done < 1 || await supplyUndecided();) {
      signal.throwIfAborted();
      done = clustering.step(stepBlocks);
      if (done < 1 && budget.isSpentSince(startMs)) {
        await saveCheckpoint(clustering.checkpoint(), digest, job, context);
        budget.pause(Math.ceil(keywords.length * (2 - done)));
      }
    }
    if (max_cluster_size !== null) clustering.split(max_cluster_size);
    const clusters = clustering.summarize(keywords);
    if (keywords.length > limits.uncutCount) {
      // Staging may take more invocations, which shall not cluster again.
      const bytes = new TextEncoder().encode(JSON.stringify(clusters));
      await saveCheckpoint(bytes, `clusters of ${digest}`, job, context);
    }
    return clusters;
  } finally {
    clustering.free();
  }
}

/** pgvector text of the centroids. */
async function centroidsOf(clusters: ClusterSummary[], context: StageContext): Promise<string[]> {
  const centroid = new Centroid(context.env.embedding.dimensions);
  const texts: string[] = [];
  let count = 0;
  try {
    await eachCachedVector(clusters.flatMap(({ queries }) => queries), context, (vector) => {
      centroid.push_base64(vector);
      if (++count < clusters[texts.length].size) return;
      texts.push(centroid.take());
      count = 0;
    });
  } finally {
    centroid.free();
  }
  return texts;
}
