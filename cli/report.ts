// The report of an analysis: one stable JSON value, rendered for a terminal and as Markdown.
// Everything in it that came from the page, the queries or a model is foreign text, and is made
// harmless where it is rendered: control characters for a terminal, Markdown syntax in report.md.

import type { RealApi } from "../local/stack.ts";

/** What the function `get_pageperfect_report(job_id)` answers, as far as the report reads it. */
export interface JobResult {
  job: {
    id: string;
    url: string;
    status: string;
    stage: string | null;
    priority: number;
    error: unknown;
    created_at: string;
    completed_at: string | null;
  };
  page: {
    url: string;
    title: string | null;
    description: string | null;
    language: string | null;
  } | null;
  stages: {
    stage: string;
    status: string;
    attempt_count: number;
    duration_ms: number | null;
  }[];
  crawl: {
    html_length: number | null;
    http_status: number | null;
    processing_time_ms: number | null;
    provider: string | null;
  } | null;
  segments: ResultSegment[];
  clusters: {
    id: number;
    is_noise: boolean;
    label: string;
    medoid_query: string;
    queries: string[];
    size: number;
    cohesion: number | null;
    impressions: number;
    clicks: number;
    avg_position: number | null;
    best_segment_id: number | null;
    best_similarity: number | null;
    is_gap: boolean | null;
  }[];
  recommendations: {
    id: number;
    rank: number;
    cluster_id: number;
    label: string;
    queries: string[];
    opportunity: number;
    impressions: number;
    clicks: number;
    avg_position: number | null;
    best_similarity: number;
    second_similarity: number | null;
  }[];
  draft: {
    recommendation_id: number | null;
    provider: string;
    model: string;
    heading: string;
    summary: string;
    body_markdown: string;
    placement: { after_heading: string };
    questions_answered: string[];
    facts_to_check: string[];
  } | null;
  draft_skipped?: string | null;
  parameters: {
    eps: number | null;
    min_points: number | null;
    /** Clusters with more queries were split; null when none was to be. */
    max_cluster_size: number | null;
    /** Whether all pairs of queries were compared, rather than those that random sketches pick. */
    is_exact: boolean | null;
    /** Queries with the fewest impressions, beyond what is analysed. */
    left_out_keyword_count: number | null;
    similarity_threshold: number | null;
    top: number | null;
    model: string | null;
    dimensions: number | null;
  };
  /** By stage. */
  usage: Record<string, Partial<Omit<Report["usage"], "costs" | "cost_usd">>>;
  /** Missing in results of before costs were recorded. */
  costs?: ModelCost[];
  dead_letters: {
    stage: string;
    reason: string;
    error_details: unknown;
    routed_at: string;
  }[];
}

/** What a stage used of a model, useless answers and lost attempts included. */
export interface ModelCost {
  stage: string;
  provider: string;
  model: string;
  call_count: number;
  input_tokens: number;
  output_tokens: number;
  /** Dollars at the prices of the day; null: the model has no price. */
  cost_usd: number | null;
}

interface ResultSegment {
  id: number;
  kind: string;
  heading_path: string[];
  text: string;
  css_path: string;
  char_start: number;
  char_end: number;
}

/** Facts about a run that the database does not know. */
export interface RunContext {
  /** The file that was analysed, when the page is a local one. */
  source?: string;
  /** APIs that were real and not stand-ins. */
  realApis: RealApi[];
  /** What the CSV parser remarked. */
  warnings: string[];
}

/** A place in the page: where a query is answered best, or where a fix goes. */
export interface Section {
  /** From the page's title down; the last one is the heading the text stands under. */
  heading_path: string[];
  /** heading, paragraph, list_item, quote, code, table_row or definition. */
  kind: string;
  text: string;
  css_path: string;
  /** The range in the HTML, in Unicode characters: `[...html].slice(char_start, char_end)`. */
  char_start: number;
  char_end: number;
}

/** covered: answered · partly: above the threshold, but loosely · gap: below the threshold. */
export type Coverage = "covered" | "partly" | "gap";

export interface ReportCluster {
  /** The medoid's query and the terms that set the cluster apart. */
  label: string;
  /** The query nearest to the cluster's middle: its name in the renderings. */
  medoid_query: string;
  /** By impressions, highest first. */
  queries: string[];
  query_count: number;
  impressions: number;
  clicks: number;
  /** Weighted by impressions. */
  avg_position: number | null;
  /** Cosine of the centroid and the nearest segment. */
  similarity: number;
  best_section: Section | null;
}

export interface Gap extends ReportCluster {
  rank: number;
  second_similarity: number | null;
  /** impressions × (1 − similarity) */
  opportunity: number;
  /** Where a new section belongs: after the one under this heading; null: no section comes near. */
  fix: { action: "add_section"; after_heading: string | null };
}

/** report.json. A change that breaks a reader of it raises `schema_version`. */
export interface Report {
  schema_version: 1;
  job: {
    id: string;
    status: string;
    priority: number;
    created_at: string;
    completed_at: string | null;
    duration_ms: number | null;
  };
  page: {
    url: string;
    source: string | null;
    title: string;
    description: string | null;
    language: string | null;
    html_length: number | null;
    http_status: number | null;
    segment_count: number;
  };
  stages: { stage: string; status: string; attempt_count: number; duration_ms: number | null }[];
  totals: {
    query_count: number;
    impressions: number;
    clicks: number;
    cluster_count: number;
    noise_count: number;
    /** Share of the queries that are noise points, 0 to 1. */
    noise_share: number | null;
    covered_count: number;
    partly_count: number;
    gap_count: number;
    /** Share of the clusters' impressions that is covered or partly covered, 0 to 1. */
    covered_impression_share: number | null;
  };
  /** The recommendations, by opportunity. */
  gaps: Gap[];
  /** Every cluster, by impressions. */
  coverage: (ReportCluster & { coverage: Coverage; cohesion: number | null })[];
  /** Queries that are like no other: kept apart, never merged into a cluster; by impressions. */
  noise: (Omit<ReportCluster, "label" | "medoid_query" | "queries" | "query_count"> & {
    query: string;
    coverage: Coverage;
  })[];
  draft: {
    gap_rank: number | null;
    heading: string;
    summary: string;
    body_markdown: string;
    after_heading: string;
    questions_answered: string[];
    facts_to_check: string[];
    provider: string;
    model: string;
    /** True when the offline stand-in wrote it: it shows the form, not what a model would say. */
    by_standin: boolean;
    needs_review: true;
  } | null;
  draft_skipped: string | null;
  provenance: {
    eps: number | null;
    min_points: number | null;
    /** Clusters with more queries were split; null when none was to be. */
    max_cluster_size: number | null;
    /** Whether all pairs of queries were compared, rather than those that random sketches pick. */
    is_exact: boolean | null;
    /** Queries with the fewest impressions, beyond what is analysed. */
    left_out_keyword_count: number;
    similarity_threshold: number | null;
    top: number | null;
    embedding_model: string | null;
    embedding_dimensions: number | null;
    /** True when the offline model made the embeddings: it knows words, hardly meanings. */
    embedding_by_standin: boolean;
    crawl_provider: string | null;
  };
  usage: {
    embedding_tokens: number;
    embedded_count: number;
    /** Embeddings that earlier jobs had paid for. */
    cached_count: number;
    prompt_tokens: number;
    completion_tokens: number;
    costs: ModelCost[];
    /** All of them together; null when one is not known. */
    cost_usd: number | null;
  };
  warnings: string[];
}

/** Brings a job's result into the shape of report.json. */
export function buildReport(result: JobResult, run: RunContext): Report {
  const threshold = result.parameters.similarity_threshold;
  const segments = new Map(result.segments.map((segment) => [segment.id, segment]));
  const section = (id: number | null) => sectionOf(id === null ? undefined : segments.get(id));
  const common = (cluster: JobResult["clusters"][number]) => ({
    impressions: cluster.impressions,
    clicks: cluster.clicks,
    avg_position: round(cluster.avg_position, 2),
    similarity: round(cluster.best_similarity ?? 0, 4)!,
    coverage: coverageOf(cluster.best_similarity ?? 0, cluster.is_gap ?? true, threshold),
    best_section: section(cluster.best_segment_id),
  });
  const byImpressions = [...result.clusters].sort((a, b) =>
    b.impressions - a.impressions || a.id - b.id
  );
  const clusters = byImpressions.filter((cluster) => !cluster.is_noise);
  const coverage = clusters.map((cluster) => ({
    label: cluster.label,
    medoid_query: cluster.medoid_query,
    queries: cluster.queries,
    query_count: cluster.size,
    cohesion: round(cluster.cohesion, 4),
    ...common(cluster),
  }));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const queryCount = sum(byImpressions.map((cluster) => cluster.size));
  const impressions = sum(coverage.map((cluster) => cluster.impressions));
  const count = (wanted: Coverage) => coverage.filter((c) => c.coverage === wanted).length;
  const gaps = [...result.recommendations].sort((a, b) => a.rank - b.rank).map((gap): Gap => {
    const cluster = result.clusters.find((candidate) => candidate.id === gap.cluster_id);
    const best = section(cluster?.best_segment_id ?? null);
    return {
      rank: gap.rank,
      label: gap.label,
      medoid_query: cluster?.medoid_query ?? gap.label,
      queries: gap.queries,
      query_count: gap.queries.length,
      impressions: gap.impressions,
      clicks: gap.clicks,
      avg_position: round(gap.avg_position, 2),
      similarity: round(gap.best_similarity, 4)!,
      second_similarity: round(gap.second_similarity, 4),
      opportunity: round(gap.opportunity, 1)!,
      best_section: best,
      fix: { action: "add_section", after_heading: placeOf(best) },
    };
  });
  const costs = result.costs ?? [];
  const used = (what: keyof JobResult["usage"][string]) =>
    sum(Object.values(result.usage).map((stage) => stage[what] ?? 0));
  const { job, draft } = result;
  return {
    schema_version: 1,
    job: {
      id: job.id,
      status: job.status,
      priority: job.priority,
      created_at: job.created_at,
      completed_at: job.completed_at,
      duration_ms: job.completed_at
        ? new Date(job.completed_at).getTime() - new Date(job.created_at).getTime()
        : null,
    },
    page: {
      url: result.page?.url ?? job.url,
      source: run.source ?? null,
      title: result.page?.title || job.url,
      description: result.page?.description ?? null,
      language: result.page?.language ?? null,
      html_length: result.crawl?.html_length ?? null,
      http_status: result.crawl?.http_status ?? null,
      segment_count: result.segments.length,
    },
    stages: result.stages.map(({ stage, status, attempt_count, duration_ms }) => ({
      stage,
      status,
      attempt_count,
      duration_ms,
    })),
    totals: {
      query_count: queryCount,
      impressions: sum(byImpressions.map((cluster) => cluster.impressions)),
      clicks: sum(byImpressions.map((cluster) => cluster.clicks)),
      cluster_count: clusters.length,
      noise_count: byImpressions.length - clusters.length,
      noise_share: queryCount === 0
        ? null
        : round((byImpressions.length - clusters.length) / queryCount, 4),
      covered_count: count("covered"),
      partly_count: count("partly"),
      gap_count: count("gap"),
      covered_impression_share: impressions === 0 ? null : round(
        sum(coverage.filter((c) => c.coverage !== "gap").map((c) => c.impressions)) / impressions,
        4,
      ),
    },
    gaps,
    coverage,
    noise: byImpressions.filter((cluster) => cluster.is_noise).map((cluster) => ({
      query: cluster.queries[0],
      ...common(cluster),
    })),
    draft: draft && {
      gap_rank: result.recommendations.find((gap) => gap.id === draft.recommendation_id)?.rank ??
        null,
      heading: draft.heading,
      summary: draft.summary,
      body_markdown: draft.body_markdown,
      after_heading: draft.placement.after_heading,
      questions_answered: draft.questions_answered,
      facts_to_check: draft.facts_to_check,
      provider: draft.provider,
      model: draft.model,
      by_standin: !run.realApis.includes("drafts"),
      needs_review: true,
    },
    draft_skipped: result.draft_skipped ?? null,
    provenance: {
      eps: result.parameters.eps,
      min_points: result.parameters.min_points,
      max_cluster_size: result.parameters.max_cluster_size,
      is_exact: result.parameters.is_exact ?? null,
      left_out_keyword_count: result.parameters.left_out_keyword_count ?? 0,
      similarity_threshold: threshold,
      top: result.parameters.top,
      embedding_model: result.parameters.model,
      embedding_dimensions: result.parameters.dimensions,
      embedding_by_standin: !run.realApis.includes("embeddings"),
      crawl_provider: result.crawl?.provider ?? null,
    },
    usage: {
      embedding_tokens: used("embedding_tokens"),
      embedded_count: used("embedded_count"),
      cached_count: used("cached_count"),
      prompt_tokens: used("prompt_tokens"),
      completion_tokens: used("completion_tokens"),
      costs,
      cost_usd: result.costs === undefined || costs.some(({ cost_usd }) => cost_usd === null)
        ? null
        : round(sum(costs.map(({ cost_usd }) => cost_usd!)), 8),
    },
    warnings: [...run.warnings, ...warningOfLargeCluster(result, queryCount)],
  };
}

function sectionOf(segment: ResultSegment | undefined): Section | null {
  if (!segment) return null;
  const { kind, text, css_path, char_start, char_end } = segment;
  // A heading's path leads to it; the section it opens is one step further.
  const heading_path = kind === "heading" && segment.heading_path.at(-1) !== text
    ? [...segment.heading_path, text]
    : segment.heading_path;
  return { heading_path, kind, text, css_path, char_start, char_end };
}

/** The heading whose section a fix follows; the page's own title is no such place. */
function placeOf(best: Section | null): string | null {
  return best && best.heading_path.length > 1 ? best.heading_path.at(-1)! : null;
}

/** The lowest third between threshold and 1 counts as partly: related, rarely a straight answer. */
function coverageOf(similarity: number, isGap: boolean, threshold: number | null): Coverage {
  if (isGap) return "gap";
  const limit = threshold ?? 0;
  return similarity < limit + (1 - limit) / 3 ? "partly" : "covered";
}

function round<T extends number | null>(value: T, digits: number): T {
  return (value === null ? null : Number(value.toFixed(digits))) as T;
}

/** Topics hide in a cluster that a shared word or a chain of neighbours holds together. */
function warningOfLargeCluster(result: JobResult, queryCount: number): string[] {
  const sizes = result.clusters.filter((cluster) => !cluster.is_noise).map(({ size }) => size);
  const largest = Math.max(0, ...sizes);
  const isLarge = largest >= 50 && largest > queryCount / 4;
  if (!isLarge || result.parameters.max_cluster_size !== null) return [];
  const [of, all] = [largest, queryCount].map((count) => count.toLocaleString("en-US"));
  return [`one cluster holds ${of} of the ${all} queries: --max-cluster-size 40 splits it`];
}
