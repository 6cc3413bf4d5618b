// What the stages segment_embed, keyword_clustering and gap_analysis make of a page, without queue or database: the same wasm
// modules in the same order.

import { advise, own_segments, topics as topicRows } from "../../functions/_shared/wasm/advice.ts";
import { KeywordClustering } from "../../functions/_shared/wasm/cluster.ts";
import { PageCoverage } from "../../functions/_shared/wasm/coverage.ts";
import { GapScorer } from "../../functions/_shared/wasm/gap.ts";
import { model_profile } from "../../functions/_shared/wasm/policy.ts";
import { embedding_texts, type Segment, segment } from "../../functions/_shared/wasm/segment.ts";
import { sectionOf } from "../../cli/report/report.ts";
import type { Edit, Topic } from "../../cli/report/result.ts";
import { OfflineModel, offlineModel } from "../../local/standins/embedding.ts";
import { encoderModel, OfflineEncoder } from "../../local/standins/encoder.ts";
import type { LabelledPage, Row } from "./labels.ts";
import type { Found } from "./score.ts";

/** An embedding model by the name that profiles know. */
export interface Model {
  name: string;
  embed(texts: string[]): Promise<Float32Array[]>;
}

/** The models that run on this machine, the default first. */
export async function offlineModels(): Promise<Model[]> {
  const encoder = new OfflineEncoder();
  const table = await OfflineModel.load();
  return [
    {
      name: encoderModel,
      embed: async (texts) => (await encoder.embed(texts)).map(({ vector }) => vector),
    },
    {
      name: offlineModel,
      embed: (texts) => Promise.resolve(texts.map((text) => table.embed(text).vector)),
    },
  ];
}

/** With a direction that all texts share: a cosine c becomes share + (1 − share) c, the scale of ada-002 and its like. */
export function squeezed(model: Model, share: number): Model {
  return {
    name: model.name,
    embed: async (texts) =>
      (await model.embed(texts)).map((vector) =>
        Float32Array.of(...vector.map((x) => x * Math.sqrt(1 - share)), Math.sqrt(share))
      ),
  };
}

export interface Embedded {
  page: LabelledPage;
  facts: Record<string, unknown>;
  language: string | null;
  segments: (Pick<Segment, "kind" | "heading_path" | "text"> & { id: number })[];
  segmentVectors: Float32Array[];
  rows: Row[];
  queryVectors: Float32Array[];
  isEnglishModel: boolean;
}

export async function embedded(page: LabelledPage, model: Model): Promise<Embedded> {
  const { segments, title, canonical_url, language, site_name } = segment(page.html, "");
  const profile = model_profile(model.name);
  const rows = [...page.rows].sort((a, b) =>
    b.impressions - a.impressions || (a.query < b.query ? -1 : 1)
  );
  const texts = embedding_texts(title, segments).map((text) => profile.passage_prefix + text);
  const queries = rows.map(({ query }) => profile.query_prefix + query);
  return {
    page,
    facts: { url: "", canonical_url, title, language, site_name },
    language,
    segments: segments.map(({ kind, heading_path, text }, id) => ({
      id,
      kind,
      heading_path,
      text,
    })),
    segmentVectors: await model.embed(texts),
    rows,
    queryVectors: await model.embed(queries),
    isEnglishModel: profile.is_english,
  };
}

const packed = (vector: Float32Array) =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength).toBase64();

export interface Analysis {
  found: Found;
  topics: Topic[];
  edits: Edit[];
}

/** As `parameters.method = "calibrated"`. */
export function calibrated(
  { facts, segments, segmentVectors, rows, queryVectors, language, isEnglishModel }: Embedded,
): Analysis {
  const own = Array.from(own_segments(JSON.stringify(segments)));
  const page = new PageCoverage(queryVectors[0].length, own.map((index) => segments[index]), rows);
  for (const index of own) page.push_embedded_segments(packed(segmentVectors[index]));
  for (const vector of queryVectors) page.push_queries(packed(vector));
  while (page.step(100) < 1);
  const input = { facts, rows, segments: own, measured: page.queries(), groups: page.topics() };
  page.free();
  // deno-lint-ignore no-explicit-any
  const clusters: any[] = JSON.parse(topicRows(JSON.stringify(input)));
  const topics = clusters.map(({ label, kind, query_coverage }, id) => ({
    id,
    label,
    kind,
    queries: query_coverage,
  }));
  const advice = {
    language,
    segments,
    topics,
    threshold: 0.7,
    top: 10,
    is_english_model: isEnglishModel,
  };
  return analysisOf(JSON.parse(advise(JSON.stringify(advice))));
}

/** From what `advise` decides. */
export function analysisOf(decided: { topics: Topic[]; edits: Edit[] }): Analysis {
  const { topics, edits } = decided;
  const spellings = (
    { query, variants }: { query: string; variants: string[] },
  ) => [query, ...variants];
  const byId = new Map(topics.map((topic) => [topic.id, topic]));
  return {
    topics,
    edits,
    found: {
      gaps: edits.filter(({ kind }) => kind !== "improve").map((
        { topic_id, open_queries, place },
      ) => ({
        queries: byId.get(topic_id)!.queries.filter(({ query }) => open_queries.includes(query))
          .flatMap(spellings),
        section: sectionOf(place),
      })),
      topics: topics.map(({ queries }) => ({
        isNoise: false,
        queries: queries.flatMap((query) =>
          spellings(query).map((text) => ({ query: text, isAnswered: query.is_answered }))
        ),
      })),
    },
  };
}

/** As `parameters.method = "cosine"`: the plain rule, which names no place but the heading of the nearest segment. */
export function cosine({ segments, segmentVectors, rows, queryVectors }: Embedded): Found {
  const dimensions = queryVectors[0].length;
  const clustering = new KeywordClustering(dimensions);
  const scorer = new GapScorer(dimensions);
  try {
    for (const vector of queryVectors) clustering.push_base64(packed(vector));
    clustering.cluster(0.3, 2);
    const clusters = clustering.summarize(rows);
    const vectorOf = new Map(rows.map(({ query }, index) => [query, queryVectors[index]]));
    for (const vector of segmentVectors) scorer.push_segments(sent(vector));
    for (const { queries } of clusters) {
      scorer.push_clusters(sent(mean(queries.map((query) => vectorOf.get(query)!))));
    }
    const described = clusters.map(({ is_noise, impressions, avg_position }, id) => ({
      id,
      is_noise,
      impressions,
      avg_position,
    }));
    const { recommendations, coverage } = scorer.score(
      described,
      segments.map(({ id }) => ({ id })),
      0.7,
      10,
    );
    return {
      gaps: recommendations.map(({ cluster_id, best_segment_id }) => ({
        queries: clusters[cluster_id].queries,
        section: segments[best_segment_id ?? 0]?.heading_path.at(-1) ?? null,
      })),
      topics: clusters.map(({ queries, is_noise }, index) => ({
        isNoise: is_noise,
        queries: queries.map((query) => ({ query, isAnswered: !coverage[index].is_gap })),
      })),
    };
  } finally {
    clustering.free();
    scorer.free();
  }
}

function mean(vectors: Float32Array[]): Float32Array {
  const sum = vectors[0].map((_, at) => vectors.reduce((total, vector) => total + vector[at], 0));
  const length = Math.hypot(...sum);
  return sum.map((x) => x / length);
}

/** In Postgres' binary form of a vector. */
function sent(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(4 + 4 * vector.length));
  view.setUint16(0, vector.length);
  vector.forEach((x, at) => view.setFloat32(4 + 4 * at, x));
  return new Uint8Array(view.buffer).toBase64();
}
