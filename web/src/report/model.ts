// A job's result as the views read it: schema 2 as it is (see cli/report/result.ts), schema 1 of earlier jobs brought into
// its shape, and the look-ups that the views share.

import type {
  Draft,
  Edit,
  JobResult,
  Segment,
  Topic,
  TopicKind,
} from "../../../cli/report/result.ts";

export type { Draft, Edit, JobResult, Segment, Topic, TopicKind };

export interface Decision {
  edit_id: number;
  label: string;
  decision: "accepted" | "rejected" | "draft";
  reason: string | null;
  body_markdown: string | null;
  decided_at: string;
}

/** A heading with the passages under it. */
export interface Section {
  index: number;
  heading: string;
  path: string[];
  /** 0 for what stands before the first heading, else the depth of the heading. */
  level: number;
  /** The same without gaps, from 2: the rank of its heading on the screen, where the report's title is the first. */
  rank: number;
  segments: Segment[];
}

export interface ReportModel {
  result: JobResult;
  decisions: Map<number, Decision>;
  sections: Section[];
  segmentById: Map<number, Segment>;
  sectionOf: Map<number, Section>;
  topicById: Map<number, Topic>;
  draftOf: Map<number, Draft>;
  /** Topics whose queries, or which itself, a segment answers best. */
  topicsOf: Map<number, Topic[]>;
  /** What people ask: without brand, navigation and unrelated, by impressions. */
  asked: Topic[];
}

export const kindLabels: Record<TopicKind, string> = {
  gap: "Not answered",
  partly: "Partly answered",
  answered: "Answered",
  improve: "Could rank better",
  brand: "Brand",
  navigation: "Navigation",
  unrelated: "Unrelated",
};

export const editLabels = {
  write: "Write a section",
  extend: "Extend a passage",
  improve: "Improve",
} as const;

/** Segments by the heading they stand under, in the page's order. */
export function toSections(segments: Segment[]): Section[] {
  const sections: Section[] = [];
  let current: Section | undefined;
  for (const segment of segments) {
    if (segment.kind === "heading") {
      current = {
        index: sections.length,
        heading: segment.text,
        path: [...segment.heading_path, segment.text],
        level: segment.heading_path.length + 1,
        rank: 2,
        segments: [segment],
      };
      sections.push(current);
      continue;
    }
    // A passage of another path than the last heading's stands under a heading that was not kept.
    const path = segment.heading_path;
    if (!current || (path.at(-1) ?? "") !== (current.path.at(-1) ?? "")) {
      current = {
        index: sections.length,
        heading: path.at(-1) ?? "Before the first heading",
        path,
        level: path.length,
        rank: 2,
        segments: [],
      };
      sections.push(current);
    }
    current.segments.push(segment);
  }
  let last = 1;
  for (const section of sections) {
    if (section.segments[0].kind !== "heading") continue;
    last = section.rank = Math.min(section.level + 1, last + 1, 6);
  }
  return sections;
}

// deno-lint-ignore no-explicit-any -- schema 1, as old jobs stored it
function fromSchema1(old: any): JobResult {
  const threshold = old.parameters?.similarity_threshold ?? 0.7;
  const topics: Topic[] = (old.clusters ?? []).map((cluster: Record<string, never>) => {
    const coverage = Math.max(0, Number(cluster.best_similarity ?? 0));
    const queries = (cluster.queries ?? []) as string[];
    return {
      id: cluster.id,
      topic_index: cluster.cluster_index,
      label: cluster.medoid_query ?? cluster.label,
      kind: cluster.is_gap === null
        ? "unrelated"
        : cluster.is_gap
        ? "gap"
        : coverage < threshold + 0.1
        ? "partly"
        : "answered",
      coverage,
      confidence: null,
      intent: null,
      impressions: cluster.impressions,
      clicks: cluster.clicks,
      avg_position: cluster.avg_position,
      expected_clicks: null,
      opportunity: cluster.opportunity ?? cluster.impressions * (1 - coverage),
      best_segment_id: cluster.best_segment_id,
      second_segment_id: cluster.second_segment_id,
      queries: queries.map((query) => ({
        query,
        variants: [],
        impressions: 0,
        clicks: 0,
        position: null,
        coverage,
        segment_id: cluster.best_segment_id,
        is_answered: !cluster.is_gap,
        missing_terms: [],
      })),
    };
  });
  const byId = new Map(topics.map((topic) => [topic.id, topic]));
  // deno-lint-ignore no-explicit-any
  const edits: Edit[] = (old.recommendations ?? []).map((item: any) => ({
    id: item.id,
    rank: item.rank,
    kind: "write",
    topic_id: item.cluster_id,
    topic_index: byId.get(item.cluster_id)?.topic_index ?? 0,
    label: byId.get(item.cluster_id)?.label ?? item.label,
    priority: item.rank <= 3 ? "P1" : item.rank <= 6 ? "P2" : "P3",
    reason: "",
    open_queries: item.queries,
    expected_clicks: 0,
    opportunity: item.opportunity,
    impressions: item.impressions,
    clicks: item.clicks,
    avg_position: item.avg_position,
    coverage: item.best_similarity,
    confidence: null,
    place: {
      kind: "new_section",
      after_heading: item.best_heading_path?.at(-1) ?? null,
      before_heading: null,
      parent_heading: item.best_heading_path?.at(-2) ?? null,
      heading_path: item.best_heading_path ?? [],
      segment_id: null,
      level: 2,
    },
    verification: null,
  }));
  const asked = topics.filter((topic) => topic.impressions > 0);
  const impressions = asked.reduce((sum, topic) => sum + topic.impressions, 0);
  const answered = asked.filter((topic) => topic.kind !== "gap").reduce(
    (sum, topic) => sum + topic.impressions,
    0,
  );
  return {
    schema_version: 2,
    job: old.job,
    page: old.page,
    method: {
      name: "cosine",
      model: old.parameters?.model ?? null,
      dimensions: old.parameters?.dimensions ?? null,
      eps: old.parameters?.eps ?? null,
      min_points: old.parameters?.min_points ?? null,
      max_cluster_size: old.parameters?.max_cluster_size ?? null,
      threshold,
      unrelated_similarity: null,
      is_exact: old.parameters?.is_exact ?? null,
      left_out_query_count: old.parameters?.left_out_keyword_count ?? 0,
      top: old.parameters?.top ?? null,
      verified_by: null,
    },
    summary: {
      query_count: topics.reduce((sum, topic) => sum + topic.queries.length, 0),
      impressions,
      clicks: topics.reduce((sum, topic) => sum + topic.clicks, 0),
      answered_share: impressions > 0 ? answered / impressions : null,
      gap_count: topics.filter((topic) => topic.kind === "gap").length,
      partly_count: topics.filter((topic) => topic.kind === "partly").length,
      improve_count: 0,
      expected_clicks: 0,
    },
    segments: old.segments ?? [],
    topics,
    edits,
    drafts: old.draft
      ? [{
        ...old.draft,
        edit_id: old.draft.recommendation_id,
        form: "text",
        coverage_before: null,
        coverage_after: null,
        per_query: [],
        attempts: 1,
        closes_gap: null,
        brief: null,
      }]
      : [],
    draft_skipped: old.draft_skipped ?? null,
    usage: old.usage ?? {},
    costs: old.costs ?? [],
    stages: old.stages ?? [],
    crawl: old.crawl ?? null,
    dead_letters: old.dead_letters ?? [],
  };
}

export function toModel(answer: JobResult & { decisions?: Decision[] }): ReportModel {
  const result = answer.schema_version === 2 ? answer : fromSchema1(answer);
  const segments = [...result.segments ?? []].sort((a, b) => a.position - b.position);
  const topics = result.topics ?? [];
  const sections = toSections(segments);
  const sectionOf = new Map<number, Section>();
  for (const section of sections) {
    for (const segment of section.segments) sectionOf.set(segment.id, section);
  }
  const topicsOf = new Map<number, Topic[]>();
  for (const topic of topics) {
    const ids = new Set(topic.queries.map((query) => query.segment_id));
    ids.add(topic.best_segment_id);
    for (const id of ids) if (id !== null) topicsOf.set(id, [...topicsOf.get(id) ?? [], topic]);
  }
  return {
    result: {
      ...result,
      segments,
      topics,
      edits: [...result.edits ?? []].sort((a, b) => a.rank - b.rank),
      drafts: result.drafts ?? [],
    },
    decisions: new Map((answer.decisions ?? []).map((decision) => [decision.edit_id, decision])),
    sections,
    segmentById: new Map(segments.map((segment) => [segment.id, segment])),
    sectionOf,
    topicById: new Map(topics.map((topic) => [topic.id, topic])),
    draftOf: new Map((result.drafts ?? []).map((draft) => [draft.edit_id, draft])),
    topicsOf,
    asked: topics.filter(({ kind }) =>
      kind !== "brand" && kind !== "navigation" && kind !== "unrelated"
    )
      .sort((a, b) => b.impressions - a.impressions),
  };
}

/** Where an edit goes, in words. */
export function placeText(edit: Pick<Edit, "place">): string {
  const { kind, after_heading, before_heading, parent_heading, heading_path } = edit.place;
  if (kind === "extend") {
    return `in “${heading_path.at(-1) ?? after_heading ?? "the first section"}”`;
  }
  const under = parent_heading && parent_heading !== after_heading
    ? ` under “${parent_heading}”`
    : "";
  if (after_heading && before_heading) {
    return `new section${under}, between “${after_heading}” and “${before_heading}”`;
  }
  if (after_heading) return `new section${under}, after “${after_heading}”`;
  if (before_heading) return `new section before “${before_heading}”`;
  return "a section of its own";
}

/** How a section covers a topic: the impressions of its queries that this section answers best, and their coverage. */
export interface Cell {
  topic: Topic;
  section: Section;
  /** Impression-weighted mean coverage of those queries, 0 to 1. */
  coverage: number;
  /** Their share of the topic's impressions. */
  share: number;
  queries: string[];
}

export function toCells(model: ReportModel, topic: Topic): Map<number, Cell> {
  const cells = new Map<number, Cell & { weight: number }>();
  const total = topic.queries.reduce((sum, query) => sum + Math.max(query.impressions, 1), 0);
  for (const query of topic.queries) {
    const section = query.segment_id === null ? undefined : model.sectionOf.get(query.segment_id);
    if (!section) continue;
    const weight = Math.max(query.impressions, 1);
    const cell = cells.get(section.index) ??
      { topic, section, coverage: 0, share: 0, queries: [], weight: 0 };
    cell.coverage = (cell.coverage * cell.weight + query.coverage * weight) /
      (cell.weight + weight);
    cell.weight += weight;
    cell.share = cell.weight / total;
    cell.queries.push(query.query);
    cells.set(section.index, cell);
  }
  return cells;
}
