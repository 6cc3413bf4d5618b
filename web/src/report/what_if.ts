// The analysis again with other settings: stages 4 and 5 as their workers run them (functions/pageperfect-keyword-clustering-worker
// and -gap-analysis-worker), on the same wasm and the same stored vectors. With the job's own settings it finds the same, bit for bit.

import type { Edit, Topic } from "../../../cli/report/result.ts";

interface Keyword {
  query: string;
  impressions: number;
  clicks: number;
  position: number | null;
}

/** What `get_analysis_input` answers. */
export interface AnalysisInput {
  clustering: {
    method: "calibrated" | "cosine";
    facts: Record<string, unknown>;
    segments: { id: number; kind: string; heading_path: string[]; text: string }[];
    eps: number;
    keywords: Keyword[];
  };
  gaps: {
    model: string;
    dimensions: number;
    threshold: number;
    top: number;
    [more: string]: unknown;
  };
}

export interface Input extends AnalysisInput {
  /** Base64 of each query's little-endian f32s, in the keywords' order. */
  queryVectors: string[];
  /** Base64 of the segments' vector_send bytes, one string a segment. */
  segmentVectors: string[];
}

export interface Settings {
  eps: number;
  threshold: number;
  top: number;
  /** Words that mark a query as one of the brand. */
  brand: string[];
}

export type Verdict = Omit<Topic, "topic_index" | "label"> & { is_gap: boolean };
type Advised = Omit<Edit, "id" | "topic_index" | "verification">;

export interface WhatIf {
  labels: string[];
  /** In the order of the labels. */
  topics: Verdict[];
  /** As many as `top`, then those that improve. */
  edits: Advised[];
}

/** The settings that the job ran with. */
export function settingsOf({ clustering, gaps }: AnalysisInput): Settings {
  const brand = clustering.facts.brand;
  return {
    eps: clustering.eps,
    threshold: gaps.threshold,
    top: gaps.top,
    brand: Array.isArray(brand) ? brand.map(String) : brand ? [String(brand)] : [],
  };
}

export async function compute(
  input: Input,
  settings: Settings,
  told: (done: number) => void,
): Promise<WhatIf> {
  const [{ own_segments, topics: toTopics, advise }, { PageCoverage }, { model_profile }] =
    await Promise.all([
      import("../../../functions/_shared/wasm/advice.ts"),
      import("../../../functions/_shared/wasm/coverage.ts"),
      import("../../../functions/_shared/wasm/policy.ts"),
    ]);
  const { clustering, gaps } = input;
  const own = Array.from(own_segments(JSON.stringify(clustering.segments)));
  const compared = own.map((index) => clustering.segments[index]);
  const page = new PageCoverage(gaps.dimensions, compared, clustering.keywords, settings.eps);
  try {
    for (const index of own) page.push_segments(input.segmentVectors[index]);
    for (const vector of input.queryVectors) page.push_queries(vector);
    for (let done = 0; done < 1;) told(done = page.step(16));
    const found = {
      facts: { ...clustering.facts, brand: settings.brand },
      rows: clustering.keywords,
      segments: own,
      measured: page.queries(),
      groups: page.topics(),
    };
    const rows: { label: string; kind: string | null; query_coverage: unknown }[] = JSON.parse(
      toTopics(JSON.stringify(found)),
    );
    const advice = JSON.parse(advise(JSON.stringify({
      ...gaps,
      threshold: settings.threshold,
      top: settings.top,
      is_english_model: model_profile(gaps.model).is_english,
      is_lexical_model: model_profile(gaps.model).is_lexical,
      topics: rows.map(({ label, kind, query_coverage }, id) => ({
        id,
        label,
        kind,
        queries: query_coverage,
      })),
    })));
    const edits: Advised[] = advice.edits.map((edit: Advised) => ({
      ...edit,
      label: rows[edit.topic_id].label,
    }));
    // More are found than are asked for, since a reader may strike some out.
    const gapEdits = edits.filter(({ kind }) => kind !== "improve").slice(0, settings.top);
    return {
      labels: rows.map(({ label }) => label),
      topics: advice.topics,
      edits: [...gapEdits, ...edits.filter(({ kind }) => kind === "improve")],
    };
  } finally {
    page.free();
  }
}

/** What makes a topic and an edit, as one text: two analyses that give the same have found the same, to the last bit. */
export function essence(
  topics: { index: number; kind: string; queries: { query: string; coverage: number }[] }[],
  edits: Pick<Edit, "kind" | "label" | "open_queries" | "coverage" | "opportunity">[],
): string {
  return JSON.stringify([
    [...topics].sort((a, b) => a.index - b.index).map(({ kind, queries }) => [
      kind,
      queries.map(({ query, coverage }) => [query, coverage]),
    ]),
    edits.map((
      edit,
    ) => [edit.kind, edit.label, edit.open_queries, edit.coverage, edit.opportunity]),
  ]);
}
