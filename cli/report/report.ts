// report.json: a job's result, with what only the run knows and with two lists for readers who want the gaps alone.

import type { JobResult, Place, Segment, Topic, TopicQuery } from "./result.ts";

/** What the offline stand-ins can make in place of a model. */
export type Standin = "embeddings" | "drafts";

/** Facts about a run that the database does not know. */
export interface RunContext {
  /** The file that was analysed, when the page is a local one. */
  source?: string;
  madeByStandins: Standin[];
  /** What the CSV parser remarked. */
  warnings: string[];
}

/** A query as the two lists carry it, each spelling on its own. */
export interface ListedQuery {
  query: string;
  /** 0 to 1 */
  coverage: number;
  /** Those of a query with several spellings stand at the first. */
  impressions: number;
}

export interface Gap {
  rank: number;
  label: string;
  kind: "write" | "extend";
  /** Those that are open. */
  queries: ListedQuery[];
  /** `section`: the heading of the part of the page that it belongs to; null: the page's end. */
  fix: { action: "add_section" | "extend"; section: string | null };
}

export interface CoveredTopic {
  label: string;
  kind: Topic["kind"];
  coverage: "covered" | "partly" | "gap";
  queries: ListedQuery[];
}

/** report.json. docs/report-schema/ describes it. */
export interface Report extends JobResult {
  source: string | null;
  made_by_standins: Standin[];
  warnings: string[];
  /** The edits that close a gap, by rank. */
  gaps: Gap[];
  /** The topics, by impressions. */
  coverage: CoveredTopic[];
}

/** Brings a job's result into the shape of report.json: everything in the order that the schema promises. */
export function buildReport(result: JobResult, run: RunContext): Report {
  const topics = [...result.topics]
    .map((topic) => ({ ...topic, queries: [...topic.queries].sort(byImpressions) }))
    .sort((a, b) => byImpressions(a, b) || a.topic_index - b.topic_index);
  const edits = [...result.edits].sort((a, b) => a.rank - b.rank);
  const rankOf = new Map(edits.map(({ id, rank }) => [id, rank]));
  return {
    ...result,
    segments: [...result.segments].sort((a, b) => a.position - b.position),
    topics,
    edits,
    drafts: [...result.drafts].sort((a, b) =>
      (rankOf.get(a.edit_id) ?? 0) - (rankOf.get(b.edit_id) ?? 0)
    ),
    source: run.source ?? null,
    made_by_standins: run.madeByStandins,
    warnings: run.warnings,
    gaps: edits.flatMap(({ rank, label, kind, topic_id, open_queries, place }) => {
      if (kind === "improve") return [];
      const isOpen = new Set(open_queries);
      const queries = topics.find(({ id }) => id === topic_id)?.queries ?? [];
      return [{
        rank,
        label,
        kind,
        queries: queries.filter(({ query }) => isOpen.has(query)).flatMap(spellings),
        fix: {
          action: place.kind === "extend" ? "extend" : "add_section",
          section: sectionOf(place),
        },
      }];
    }),
    coverage: topics.map(({ label, kind, queries }) => ({
      label,
      kind,
      coverage: kind === "answered" || kind === "improve"
        ? "covered"
        : kind === "gap"
        ? "gap"
        : "partly",
      queries: queries.flatMap(spellings),
    })),
  };
}

/** The part of the page that a new section belongs to, or that the passage to extend is in. */
export function sectionOf({ section, after_heading }: Place): string | null {
  return section ?? after_heading;
}

function byImpressions(
  a: { impressions: number; query?: string },
  b: { impressions: number; query?: string },
): number {
  return b.impressions - a.impressions || compareText(a.query ?? "", b.query ?? "");
}

/** The order of code units: the same on every machine. */
export const compareText = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;

function spellings({ query, variants, coverage, impressions }: TopicQuery): ListedQuery[] {
  return [
    { query, coverage, impressions },
    ...variants.map((variant) => ({ query: variant, coverage, impressions: 0 })),
  ];
}

/** The heading a segment stands under, or is; null: it stands above the first. */
export function headingOf(segment: Segment | undefined): string | null {
  if (!segment) return null;
  return segment.kind === "heading" ? segment.text : segment.heading_path.at(-1) ?? null;
}
