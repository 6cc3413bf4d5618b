// Stage 4: the page's search queries → embeddings → how well the page covers each, and topics; with method cosine clusters and
// noise points.
import * as v from "npm:valibot@1.5.0";
import { limits, Pace } from "../_shared/engine/budget.ts";
import { eachCachedVector, embed } from "../_shared/models/embeddings.ts";
import { forRust } from "../_shared/engine/expect.ts";
import type { StageJob } from "../_shared/engine/lease.ts";
import { serveStage, type StageContext as AnyContext } from "../_shared/engine/serve_stage.ts";
import {
  digestOf,
  loadCheckpoint,
  resume,
  saveCheckpoint,
  stageVectors,
} from "../_shared/engine/staging.ts";
import { Segment } from "../_shared/models/segment.ts";
import { own_segments, topics } from "../_shared/wasm/advice.ts";
import { PageCoverage } from "../_shared/wasm/coverage.ts";
import {
  Centroid,
  type ClusterSummary,
  type Keyword,
  KeywordClustering,
} from "../_shared/wasm/cluster.ts";

const Input = v.object({
  page_id: v.string(),
  method: v.picklist(["calibrated", "cosine"]),
  /** Of the page and whose it is (crates/advice, SiteFacts). */
  facts: v.record(v.string(), v.unknown()),
  /** None with method cosine. */
  segments: v.array(Segment),
  /** That the segments were embedded with. */
  segment_model: v.nullable(v.string()),
  eps: v.number(),
  min_points: v.number(),
  /** Null when no cluster is to be split. */
  max_cluster_size: v.nullable(v.number()),
  /** Compare all pairs, also of many keywords. */
  exact: v.boolean(),
  keywords: forRust<Keyword[]>(),
  /** Keywords with fewer impressions that a page has beyond what is analysed. */
  left_out_count: v.number(),
});
type Input = v.InferOutput<typeof Input>;

type StageContext = AnyContext & { purpose: "query" };

/** A topic, a cluster or a noise point: a row of keyword_clusters without its centroid. */
type Row = Pick<ClusterSummary, "queries" | "size">;

/** What is compared between two looks at the CPU time, at most: 5 to 50 ms. */
const stepBlocks = 4;

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

serveStage({
  stage: "keyword_clustering",
  needs: ["embeddings"],
  async run(job, anyContext) {
    const context = { ...anyContext, purpose: "query" as const };
    const input = await context.input(Input);
    const { method, eps, min_points, max_cluster_size, keywords, left_out_count } = input;
    const { model, dimensions } = context.env.embedding;
    const settings = { method, model, dimensions, eps, min_points, max_cluster_size };
    if (input.segment_model && input.segment_model !== model) {
      // The commit sends the job back to embed the segments anew.
      return { output: { ...settings, left_out_count, clusters: [] } };
    }
    const usage = await embed(keywords.map(({ query }) => query), { ...context, job });
    const digest = await digestOf([model, dimensions, input]);
    const { clusters, is_exact } = await kept(
      method === "cosine" ? clustered : covered,
      input,
      digest,
      job,
      context,
    );
    const centroids = (start: number, end: number) =>
      centroidsOf(clusters.slice(start, end), context);
    await stageVectors(clusters.length, centroids, digest, job, context);
    return { output: { ...settings, is_exact, left_out_count, clusters, digest, usage } };
  },
});

interface Clustered {
  clusters: Row[];
  /** Whether all pairs were compared. */
  is_exact: boolean;
}

type Work = (
  input: Input,
  digest: string,
  job: StageJob,
  context: StageContext,
) => Promise<Clustered>;

/** Takes as many invocations as `work` must, and does not do it again when staging takes more. */
async function kept(
  work: Work,
  input: Input,
  digest: string,
  job: StageJob,
  context: StageContext,
): Promise<Clustered> {
  const name = `clusters of ${digest}`;
  const before = await loadCheckpoint(name, job, context);
  if (before) return JSON.parse(text(before));
  const count = input.keywords.length;
  const result = await work(input, digest, job, context);
  if (count > limits.uncutCount) {
    await saveCheckpoint(bytes(JSON.stringify(result)), name, job, context);
  }
  return result;
}

/** How well the page covers each query, and topics by what they want and where the page answers it. */
const covered: Work = async (input, digest, job, context) => {
  const { facts, segments, keywords } = input;
  const { budget } = context;
  const own = Array.from(own_segments(JSON.stringify(segments)));
  const name = `coverage of ${digest}`;
  const before = await loadCheckpoint(name, job, context);
  const found = before ? text(before) : await measured(input, own, digest, job, context);
  if (!before && keywords.length > limits.uncutCount) {
    await saveCheckpoint(bytes(found), name, job, context);
    if (budget.isSpent) budget.pause(1.5 * keywords.length);
  }
  // Two objects' text as one's.
  const rest = JSON.stringify({ facts, rows: keywords, segments: own });
  const clusters = JSON.parse(topics(`${rest.slice(0, -1)},${found.slice(1)}`));
  return { clusters, is_exact: true };
};

/** What PageCoverage.found says of the page's `own` segments. */
async function measured(
  { segments, keywords, eps }: Input,
  own: number[],
  digest: string,
  job: StageJob,
  context: StageContext,
): Promise<string> {
  const { budget, signal, rpc } = context;
  const compared = own.map((index) => segments[index]);
  const page = new PageCoverage(context.env.embedding.dimensions, compared, keywords, eps);
  const pause = async () => {
    await saveCheckpoint(page.checkpoint(), digest, job, context);
    budget.pause(keywords.length * (3 - page.progress));
  };
  try {
    await resume((checkpoint) => page.restore(checkpoint), digest, job, context);
    const before = page.progress;
    const pace = new Pace(stepBlocks, budget);
    let startMs: number | undefined;
    for (let done = before; done < 1;) {
      signal.throwIfAborted();
      if (page.needs_segments) {
        const start = page.segment_vector_count;
        const ids = compared.slice(start, start + limits.vectorCount).map(({ id }) => id);
        const table = "page_embeddings";
        page.push_segments(await rpc("get_vectors", { p_table: table, p_ids: ids }) ?? "");
        continue;
      }
      const wanted = Array.from(page.wanted(), (index) => keywords[index].query);
      if (wanted.length > 0) {
        await eachCachedVector(wanted, context, (vector) => page.supply(vector));
        continue;
      }
      const { result, endMs } = pace.step((blocks) => page.step(blocks));
      done = result;
      // What was read before the first step is no work that another invocation could build on.
      startMs ??= endMs;
      if (done > before && budget.isSpentSince(startMs, endMs)) await pause();
    }
    return page.found();
  } finally {
    page.free();
  }
}

/** The plain rule: DBSCAN on cosines. */
const clustered: Work = async (
  { eps, min_points, max_cluster_size, exact, keywords },
  digest,
  job,
  context,
) => {
  const { budget, signal } = context;
  // From here on, each keyword is compared, perhaps split, and staged.
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
      const pace = new Pace(stepBlocks, budget);
      for (let done = 0; done < 1;) {
        signal.throwIfAborted();
        const { result, endMs } = pace.step((blocks) => clustering.step(blocks));
        done = result;
        if (done < 1 && budget.isSpentSince(startMs, endMs)) {
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
    return { clusters: clustering.summarize(keywords), is_exact: clustering.is_exact };
  } finally {
    clustering.free();
  }
};

/** pgvector text of the centroids. */
async function centroidsOf(clusters: Row[], context: StageContext): Promise<string[]> {
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
