// Stage 4: the page's search queries → embeddings → clusters and noise points.
import { limits } from "../_shared/engine/budget.ts";
import { eachCachedVector, embed } from "../_shared/models/embeddings.ts";
import type { StageJob } from "../_shared/engine/lease.ts";
import { serveStage, type StageContext } from "../_shared/engine/serve_stage.ts";
import {
  digestOf,
  loadCheckpoint,
  resume,
  saveCheckpoint,
  stageVectors,
} from "../_shared/engine/staging.ts";
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
  /** Compare all pairs, also of many keywords. */
  exact: boolean;
  keywords: Keyword[];
  /** Keywords with fewer impressions that a page has beyond what is analysed. */
  left_out_count: number;
}

/** What is compared between two looks at the CPU time: 5 ms, or 20 where sketches do not help. */
const stepBlocks = 4;

serveStage({
  stage: "keyword_clustering",
  needs: ["embeddings"],
  async run(job, context) {
    const input = await context.input<Input>();
    const { eps, min_points, max_cluster_size, keywords, left_out_count } = input;
    const { model, dimensions } = context.env.embedding;
    const usage = await embed(keywords.map(({ query }) => query), { ...context, job });
    const digest = await digestOf([model, dimensions, input]);
    const { clusters, is_exact } = await clustered(input, digest, job, context);
    const centroids = (start: number, end: number) =>
      centroidsOf(clusters.slice(start, end), context);
    await stageVectors(clusters.length, centroids, digest, job, context);
    const settings = { model, dimensions, eps, min_points, max_cluster_size, is_exact };
    return { output: { ...settings, left_out_count, clusters, digest, usage } };
  },
});

interface Clustered {
  /** Clusters and noise points, without their centroids. */
  clusters: ClusterSummary[];
  /** Whether all pairs were compared. */
  is_exact: boolean;
}

/** Takes as many invocations as it must. */
async function clustered(
  { eps, min_points, max_cluster_size, exact, keywords }: Input,
  digest: string,
  job: StageJob,
  context: StageContext,
): Promise<Clustered> {
  const before = await loadCheckpoint(`clusters of ${digest}`, job, context);
  if (before) return JSON.parse(new TextDecoder().decode(before));
  const { budget, signal } = context;
  // From here on, each keyword is clustered, perhaps split, and staged.
  budget.pauseUnlessFresh(keywords.length, 3 * keywords.length);

  const clustering = new KeywordClustering(context.env.embedding.dimensions);
  try {
    const queries = keywords.map(({ query }) => query);
    await eachCachedVector(queries, context, (vector) => clustering.push_base64(vector));
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
    clustering.start(eps, min_points, exact);
    await resume((checkpoint) => clustering.restore(checkpoint), digest, job, context);
    await supplyUndecided();
    const startMs = budget.usedMs();
    const stepToEnd = async () => {
      for (let done = 0; done < 1;) {
        signal.throwIfAborted();
        done = clustering.step(stepBlocks);
        if (done < 1 && budget.isSpentSince(startMs)) {
          await saveCheckpoint(clustering.checkpoint(), digest, job, context);
          const steps = (clustering.is_splitting ? 2 : 3) - done;
          budget.pause(Math.ceil(keywords.length * steps));
        }
      }
    };
    do await stepToEnd(); while (await supplyUndecided());
    if (max_cluster_size !== null && !clustering.is_splitting) {
      clustering.split(max_cluster_size);
      await stepToEnd();
    }
    const result = { clusters: clustering.summarize(keywords), is_exact: clustering.is_exact };
    if (keywords.length > limits.uncutCount) {
      // Staging may take more invocations, which shall not cluster again.
      const bytes = new TextEncoder().encode(JSON.stringify(result));
      await saveCheckpoint(bytes, `clusters of ${digest}`, job, context);
    }
    return result;
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
