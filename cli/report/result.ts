// What a job found: the value of `pageperfect_jobs.result`, and of `get_pageperfect_report(job_id)` at any moment of the job's life.
// docs/report-schema/ describes the same as a JSON Schema. Everything that came from the page, the queries or a model is foreign text,
// to be made harmless where it is shown.

/** Raised by a change that breaks a reader. Fields are added without raising it: ignore those that you do not know. */
export const schemaVersion = 2;

export interface JobResult {
  schema_version: typeof schemaVersion;
  job: {
    id: string;
    url: string;
    status: string;
    /** The one it is at, or ended at. */
    stage: string | null;
    priority: number;
    error: unknown;
    created_at: string;
    completed_at: string | null;
    /** As the job was asked for. */
    parameters?: Record<string, unknown> | null;
  };
  /** Null until the page was crawled. */
  page: Page | null;
  method: Method;
  summary: Summary;
  /** In the page's order. */
  segments: Segment[];
  /** By impressions, highest first. A query stands in exactly one. */
  topics: Topic[];
  /** The recommendations, by rank. */
  edits: Edit[];
  /** By the rank of their edits. */
  drafts: Draft[];
  /** Why there is none. */
  draft_skipped?: "not_requested" | "no_gaps" | "no_model" | null;
  /** By stage. */
  usage: Record<string, Partial<Usage>>;
  costs: ModelCost[];
  stages: {
    stage: string;
    status: string;
    attempt_count: number;
    duration_ms: number | null;
    last_error?: unknown;
  }[];
  crawl: {
    html_length: number | null;
    http_status: number | null;
    processing_time_ms: number | null;
    provider: string | null;
    final_url?: string | null;
  } | null;
  dead_letters: {
    stage: string;
    reason: string;
    error_details: unknown;
    routed_at: string;
  }[];
}

export interface Page {
  id: string;
  url: string;
  title: string | null;
  description: string | null;
  /** Language tag such as `en` or `pt-BR`. */
  language: string | null;
  /** Where the language was found: declared by the page, or told from its text. */
  language_source?: string | null;
  site_name?: string | null;
  author?: string | null;
  published_at?: string | null;
  modified_at?: string | null;
  canonical_url?: string | null;
  page_type?: { type: string; probability: number } | null;
  /** From the site's root down. */
  breadcrumbs?: string[] | null;
  /** What makes the page's text doubtful, such as `soft_404` or `consent_wall`. */
  warnings?: { code: string; message: string }[] | null;
}

/** How the findings were made. */
export interface Method {
  /** calibrated: a query's coverage is the probability that a passage answers it · cosine: the plain cosine similarity. */
  name: "calibrated" | "cosine";
  /** The embedding model. */
  model: string | null;
  dimensions: number | null;
  /** DBSCAN's radius and the queries that make a neighbourhood dense. */
  eps: number | null;
  min_points: number | null;
  max_cluster_size: number | null;
  /** Coverage below it is a gap. */
  threshold: number | null;
  /** Mean cosine similarity of unrelated texts on this model's scale. */
  unrelated_similarity: number | null;
  /** Whether all pairs of queries were compared, rather than those that random sketches pick. */
  is_exact: boolean | null;
  /** Queries with the fewest impressions, beyond what is analysed. */
  left_out_query_count: number;
  /** Recommendations that were asked for. */
  top: number | null;
  /** The language model that read the page for each recommendation; null: none did. */
  verified_by: string | null;
  /** Days that impressions and clicks were counted over; null: unknown. */
  period_days?: number | null;
  /** Where the click-through rate by position comes from that expected clicks are computed with. */
  ctr_curve?: { source: string; by_position?: number[] } | null;
  /** Why the advice is to be read with care, such as `few_queries` or `positions_unknown`. */
  warnings?: { code: string; message: string }[] | null;
}

/** Null where nothing is known yet. */
export interface Summary {
  query_count: number;
  impressions: number;
  clicks: number;
  /** Share of the impressions of what people ask (without brand, navigation and unrelated queries) that is answered, 0 to 1. */
  answered_share: number | null;
  gap_count: number;
  partly_count: number;
  improve_count: number;
  /** More clicks a month, if all edits are made. */
  expected_clicks: number;
}

/** A piece of the page's text. */
export interface Segment {
  id: number;
  position: number;
  /** heading, paragraph, list_item, quote, code, table_row, definition … */
  kind: string;
  /** From the page's title down; a heading's own text is not in it. */
  heading_path: string[];
  /** At most 400 characters of it. */
  text: string;
  /** The range in the HTML, in Unicode characters. */
  char_start: number;
  char_end: number;
  css_path: string;
}

/**
 * gap: not answered · partly: some of its queries are · answered · improve: answered, and ranked where a better passage or title brings
 * clicks · brand, navigation: somebody looks for the site or a page of it · unrelated: nothing that a reader of this page wants.
 */
export type TopicKind =
  | "gap"
  | "partly"
  | "answered"
  | "improve"
  | "brand"
  | "navigation"
  | "unrelated";

export type Intent = "informational" | "commercial" | "transactional" | "navigational";

export interface Topic {
  id: number;
  topic_index: number;
  label: string;
  kind: TopicKind;
  /** That of its queries, weighted by impressions, 0 to 1. */
  coverage: number;
  /** How sure its kind is, 0 to 1. */
  confidence: number | null;
  intent: Intent | null;
  impressions: number;
  clicks: number;
  /** Weighted by impressions. */
  avg_position: number | null;
  /** More clicks a month, were it answered in full. */
  expected_clicks: number | null;
  /** impressions × (1 − coverage) */
  opportunity: number;
  best_segment_id: number | null;
  second_segment_id: number | null;
  /** By impressions, highest first. */
  queries: TopicQuery[];
}

export interface TopicQuery {
  query: string;
  /** Other spellings of it: word order, plural, typing errors. Their figures are in this query's. */
  variants: string[];
  impressions: number;
  clicks: number;
  position: number | null;
  /** 0 to 1 */
  coverage: number;
  /** The passage that answers it best. */
  segment_id: number | null;
  is_answered: boolean;
  /** Its words that this passage lacks. */
  missing_terms: string[];
}

/** What to do to the page, and where. */
export interface Edit {
  id: number;
  rank: number;
  /** write: a section that is missing · extend: a passage that answers in part · improve: one that answers and could do better. */
  kind: "write" | "extend" | "improve";
  topic_id: number;
  topic_index: number;
  label: string;
  priority: "P1" | "P2" | "P3";
  /** Why it has this priority, for a reader. */
  reason: string;
  /** What the page does not answer, by impressions; with improve, what it answers. */
  open_queries: string[];
  /** More clicks a month. */
  expected_clicks: number;
  opportunity: number;
  impressions: number;
  clicks: number;
  avg_position: number | null;
  coverage: number;
  /** How sure it is that this is not answered, 0 to 1. */
  confidence: number | null;
  place: Place;
  /** Null: no language model looked. */
  verification: Verification | null;
}

export interface Place {
  kind: "new_section" | "extend";
  /** The heading whose section the new one follows; null: it stands at the top. */
  after_heading: string | null;
  /** The heading that then follows; null: at the page's end. */
  before_heading: string | null;
  /** The heading the new section belongs under. */
  parent_heading: string | null;
  /** The section that it belongs to, outermost below the page's title. */
  section?: string | null;
  /** Of the section to extend or to follow, itself included. */
  heading_path: string[];
  /** The passage to extend. */
  segment_id: number | null;
  /** Of the new section's heading, 2 to 6. */
  level: number | null;
}

/** What a language model found when it read the passages nearest to an edit's queries. */
export interface Verification {
  verdict: "answered" | "partly" | "not_answered";
  /** Word for word from the page; null: nothing there answers. */
  quote: string | null;
  model: string;
  queries?: { query: string; verdict: "answered" | "not_answered"; quote: string | null }[];
}

/** A section that a language model wrote for an edit. */
export interface Draft extends DraftText {
  edit_id: number;
}

/** What was written, and how far it answers what it was written for. */
export interface DraftText {
  /** outline: what the section has to say, for a person to write · text: the section itself. */
  form: "text" | "outline";
  heading: string;
  summary: string;
  /** Without its own heading, HTML, images, and links to sites that the page does not name. */
  body_markdown: string;
  placement: { after_heading: string };
  questions_answered: string[];
  /** Statements that the page does not bear out. */
  facts_to_check: string[];
  provider: string;
  model: string;
  /** Of the edit's open queries, weighted by impressions, by the page alone and by the page with the draft; null: not measured. */
  coverage_before: number | null;
  coverage_after: number | null;
  per_query: { query: string; before: number; after: number }[];
  /** How often it was written. */
  attempts: number;
  /** Whether the page with the draft answers them; null: not measured. */
  closes_gap: boolean | null;
  brief: Brief | null;
}

/** What a writer needs who starts from nothing. */
export interface Brief {
  heading: string;
  /** Of the heading, 2 to 6. */
  level: number;
  queries: string[];
  word_count: { least: number; most: number };
  /** Sections of the page to refer to. */
  links: { heading: string; anchor: string | null }[];
}

export interface Usage {
  embedding_tokens: number;
  embedded_count: number;
  /** Embeddings that earlier jobs had paid for. */
  cached_count: number;
  prompt_tokens: number;
  completion_tokens: number;
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
