// How well the page, with passages beside its own, answers queries: the rule of keyword_clustering, on the page's own scale.
import * as v from "npm:valibot@1.5.0";
import { limits } from "../engine/budget.ts";
import type { StageJob } from "../engine/lease.ts";
import type { StageContext } from "../engine/serve_stage.ts";
import { cachedVectors, eachCachedVector, embed } from "../models/embeddings.ts";
import { own_segments } from "../wasm/advice.ts";
import { PageCoverage, type QueryCoverage } from "../wasm/coverage.ts";
import type { DeskInput } from "../wasm/draft.ts";

export const ScoredQuery = v.object({
  query: v.string(),
  impressions: v.number(),
  clicks: v.number(),
  position: v.number(),
});
export type ScoredQuery = v.InferOutput<typeof ScoredQuery>;
export type Measured = Pick<QueryCoverage, "coverage" | "is_gap" | "missing_in_best">;

/** Some milliseconds of work. */
const stepBlocks = 4;

export class CoverageBeside {
  readonly #segments: DeskInput["segments"];
  /** The page's vectors, packed, once they were read. */
  #vectors: Promise<string[]> | undefined;

  constructor(
    segments: DeskInput["segments"],
    private readonly queries: ScoredQuery[],
    private readonly job: StageJob,
    private readonly context: StageContext,
  ) {
    this.#segments = Array.from(own_segments(JSON.stringify(segments)), (index) => segments[index]);
  }

  /**
   * The coverage of each of `wanted` by the page and the passages.
   *
   * @throws as `embed`
   */
  async of(wanted: string[], passages: string[]): Promise<Measured[]> {
    const { context, job } = this;
    context.need("embeddings");
    const { dimensions } = context.env.embedding;
    const others = this.queries.filter(({ query }) => !wanted.includes(query));
    const known = new Map(this.queries.map((query) => [query.query, query]));
    const first = wanted.map((query) =>
      known.get(query) ?? { query, impressions: 0, clicks: 0, position: 0 }
    );
    const queries = [...first, ...others];
    const queryTexts = queries.map(({ query }) => query);
    await embed(queryTexts, { ...context, job, purpose: "query" });
    await embed(passages, { ...context, job, purpose: "passage" });

    const segments = [
      ...this.#segments,
      ...passages.map((text) => ({ text, heading_path: [] })),
    ];
    const page = new PageCoverage(dimensions, segments, queries);
    try {
      for (const packed of await (this.#vectors ??= this.#pageVectors())) {
        page.push_segments(packed);
      }
      for (const vector of await cachedVectors(passages, { ...context, purpose: "passage" })) {
        page.push_embedded_segments(vector);
      }
      await eachCachedVector(queryTexts, { ...context, purpose: "query" }, (vector) => {
        page.push_queries(vector);
      });
      while (page.step(stepBlocks) < 1) context.signal.throwIfAborted();
      return page.queries().slice(0, wanted.length);
    } finally {
      page.free();
    }
  }

  async #pageVectors(): Promise<string[]> {
    const { rpc, signal } = this.context;
    const packed: string[] = [];
    for (let start = 0; start < this.#segments.length; start += limits.vectorCount) {
      signal.throwIfAborted();
      const ids = this.#segments.slice(start, start + limits.vectorCount).map(({ id }) => id);
      packed.push(await rpc("get_vectors", { p_table: "page_embeddings", p_ids: ids }) ?? "");
    }
    return packed;
  }
}
