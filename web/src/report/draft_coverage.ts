// How well the page answers an edit's queries with the text beside it that somebody writes: as stage 6 scores its drafts
// (functions/_shared/drafts/coverage_beside.ts), on the same wasm and the same vectors.

import type { Topic } from "../../../cli/report/result.ts";
import type { PageCoverage as PageCoverageType } from "../../../functions/_shared/wasm/coverage.ts";
import type * as DraftModule from "../../../functions/_shared/wasm/draft.ts";

export interface PageInput {
  dimensions: number;
  segments: { id: number; kind: string; heading_path: string[]; text: string }[];
  /** Base64 of the segments' vector_send bytes, one string a segment. */
  segmentVectors: string[];
  /** The edit's open queries, then what else the page is asked, which gives the scale. */
  queries: { query: string; impressions: number; clicks: number; position: number | null }[];
  openCount: number;
  /** Impressions of the open queries in their topic. */
  openImpressions: number[];
  /** Coverage from which a query is answered. */
  threshold: number;
  /** Base64 of each query's little-endian f32s. */
  queryVectors: string[];
}

/** Queries that give the page's scale, as many as input_rewrite_draft gives stage 6. */
const scaleCount = 200;

/** The open queries, then what else people ask the page: `asked` is without brand, navigation and unrelated topics. */
export function queriesBeside(
  open: string[],
  asked: Pick<Topic, "queries">[],
): PageInput["queries"] {
  const most = asked.flatMap(({ queries }) => queries)
    .sort((a, b) => b.impressions - a.impressions || (a.query < b.query ? -1 : 1))
    .slice(0, scaleCount)
    .map(({ query, impressions, clicks, position }) => ({ query, impressions, clicks, position }));
  const known = new Map(most.map((query) => [query.query, query]));
  return [
    ...open.map((query) =>
      known.get(query) ?? { query, impressions: 0, clicks: 0, position: null }
    ),
    ...most.filter(({ query }) => !open.includes(query)),
  ];
}

export interface QueryNow {
  query: string;
  /** By the page alone, and with the text beside it, 0 to 1. */
  before: number;
  now: number;
  /** Words of the query that its best passage does not have. */
  missing: string[];
}

export interface Measured {
  queries: QueryNow[];
  /** Of the queries together. */
  before: number;
  now: number;
  closes: boolean;
  /** Passages of the text whose vectors are not known: their words count, their meaning is that of the passage most like them. */
  unknown: string[];
}

const fold = (text: string) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const wordsOf = (text: string) => new Set(fold(text).match(/[\p{L}\p{N}]+/gu) ?? []);

interface Known {
  words: Set<string>;
  push(page: PageCoverageType): void;
}

export class DraftCoverage {
  readonly #vectors = new Map<string, Known>();
  readonly #ofPage: Known[];
  #before: number[] | undefined;

  private constructor(
    private readonly input: PageInput,
    private readonly own: Uint32Array,
    private readonly PageCoverage: typeof PageCoverageType,
    private readonly draft: typeof DraftModule,
  ) {
    this.#ofPage = Array.from(own, (index) => ({
      words: wordsOf(input.segments[index].text),
      push: (page) => page.push_segments(input.segmentVectors[index]),
    }));
  }

  static async open(input: PageInput): Promise<DraftCoverage> {
    const [{ own_segments }, { PageCoverage }, draft] = await Promise.all([
      import("../../../functions/_shared/wasm/advice.ts"),
      import("../../../functions/_shared/wasm/coverage.ts"),
      import("../../../functions/_shared/wasm/draft.ts"),
    ]);
    const own = own_segments(JSON.stringify(input.segments));
    return new DraftCoverage(input, own, PageCoverage, draft);
  }

  /** Takes embeddings of passages: base64 of little-endian f32s. */
  learn(passages: string[], vectors: string[]) {
    for (const [index, passage] of passages.entries()) {
      this.#vectors.set(passage, {
        words: wordsOf(passage),
        push: (page) => page.push_embedded_segments(vectors[index]),
      });
    }
  }

  measure(text: string): Measured {
    const { openCount, openImpressions, queries, threshold } = this.input;
    const open = queries.slice(0, openCount).map(({ query }) => query);
    const passages = this.draft.draft_passages(text, open);
    this.#before ??= this.#coverage([]).map(({ coverage }) => coverage);
    const found = this.#coverage(passages);
    const { per_query, coverage_before, coverage_after, closes_gap } = this.draft.text_effect(
      open,
      Float64Array.from(openImpressions),
      Float64Array.from(this.#before),
      Float64Array.from(found, ({ coverage }) => coverage),
      threshold,
    );
    return {
      unknown: [...new Set(passages.filter((passage) => !this.#vectors.has(passage)))],
      before: coverage_before,
      now: coverage_after,
      closes: closes_gap,
      queries: per_query.map(({ query, before, after }, index) => ({
        ...{ query, before, now: after },
        missing: found[index].missing_in_best,
      })),
    };
  }

  #coverage(passages: string[]) {
    const { dimensions, segments, queries, queryVectors, openCount } = this.input;
    const page = new this.PageCoverage(dimensions, [
      ...Array.from(this.own, (index) => segments[index]),
      ...passages.map((text) => ({ text, heading_path: [] })),
    ], queries);
    try {
      for (const segment of this.#ofPage) segment.push(page);
      for (const passage of passages) {
        (this.#vectors.get(passage) ?? this.#nearest(passage)).push(page);
      }
      for (const vector of queryVectors) page.push_queries(vector);
      while (page.step(16) < 1);
      return page.queries().slice(0, openCount);
    } finally {
      page.free();
    }
  }

  /** What shares the most words with a passage: what it was before the last keystrokes, or a passage of the page. */
  #nearest(passage: string): Known {
    const words = wordsOf(passage);
    const likeness = (known: Known) => {
      const shared = [...words].filter((word) => known.words.has(word)).length;
      return shared / (words.size + known.words.size - shared || 1);
    };
    return [...this.#vectors.values(), ...this.#ofPage].reduce((best, known) =>
      likeness(known) > likeness(best) ? known : best
    );
  }
}
