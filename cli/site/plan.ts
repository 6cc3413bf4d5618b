// The plan of a site, as `get_site_report` answers it (made by crates/site). Everything that came from pages and queries is foreign
// text, to be made harmless where it is shown.

import type { Standin } from "../report/report.ts";
import type { DraftText, Verification } from "../report/result.ts";

export type EditKind = "write" | "extend" | "improve" | "merge" | "link" | "move" | "new_page";

export interface Place {
  kind?: string;
  after_heading?: string | null;
  before_heading?: string | null;
  heading_path?: string[] | null;
}

export interface SiteEdit {
  /** The same edit of the same page keeps its id from plan to plan. */
  id: string;
  rank: number;
  kind: EditKind;
  page_id: string;
  url: string;
  target_page_id: string | null;
  target_url: string | null;
  place: Place | null;
  topic_id: number;
  label: string;
  queries: string[];
  impressions: number;
  clicks: number;
  avg_position: number;
  /** How well the page to be edited answers it, 0 to 1. */
  coverage: number;
  /** More clicks a month. */
  expected_clicks: number;
  effort: "low" | "medium" | "high";
  confidence: number;
  reason: string;
  is_decayed: boolean;
}

export interface SiteLink {
  page_id: string;
  url: string;
  target_page_id: string;
  target_url: string;
  heading_path: string[];
  sentence: string;
  /** The words of the sentence that would be the link. */
  anchor: string;
  impressions: number;
}

/**
 * What became of an edit that was to be drafted: written · answered: a model that read the page found that it answers this ·
 * skipped: not begun, as there is no model or the dollars are spent · failed: no text that holds the rules came.
 */
export type SiteDraft =
  & {
    edit_id: string;
    /** Taken from an earlier job: nothing was paid. */
    is_reused: boolean;
  }
  & (
    | ({ status: "written"; verification?: Verification | null } & DraftText)
    | { status: "answered"; verification: Verification }
    | { status: "skipped" | "failed"; reason: { code: string; message: string } }
  );

export interface SitePlan {
  schema_version: 1;
  job: {
    id: string;
    status: string;
    source: Record<string, unknown>;
    select: string;
    created_at: string;
    completed_at: string | null;
  };
  site: {
    page_count: number;
    /** The plan describes those with the most impressions. */
    topic_count: number;
    query_count: number;
    impressions: number;
    clicks: number;
    expected_clicks: number;
  };
  counts: Counts;
  method: {
    answered: number;
    shared: number;
    /** How topics were compared by meaning: cosine without what all queries share, give or take `doubt`. */
    similar: { cosine: number; doubt: number; share: number; is_exact: boolean };
    period_days: number;
    ctr_by_position: number[];
  };
  topics: {
    id: number;
    label: string;
    kind: string;
    intent: string | null;
    owner: { page_id: string; url: string; reason: string } | null;
    queries: string[];
    query_count: number;
    impressions: number;
    clicks: number;
    avg_position: number;
    expected_clicks: number;
    pages: {
      page_id: string;
      url: string;
      impressions: number;
      clicks: number;
      position: number | null;
      coverage: number;
    }[];
  }[];
  edits: SiteEdit[];
  /** Of the edits that were to be drafted, by rank; plans of earlier versions have none. */
  drafts?: SiteDraft[];
  /** What had no model to make it; only the command line knows. */
  made_by_standins?: Standin[];
  links: SiteLink[];
  decays: {
    page_id: string;
    url: string;
    label: string;
    clicks_before: number;
    clicks_after: number;
    position_before: number;
    position_after: number;
    change: number;
  }[];
  pages: {
    page_id: string;
    url: string;
    title: string;
    page_type: string;
    impressions: number;
    edit_count: number;
  }[];
  failed_pages: {
    page_id: string;
    url: string;
    status: string;
    error: { message?: string } | null;
  }[];
  costs: { input_tokens: number; output_tokens: number; usd: number; call_count: number };
}

/** Pages of a site's job by where they stand. */
export interface Counts {
  total: number;
  waiting: number;
  open: number;
  done: number;
  reused: number;
  failed: number;
  skipped: number;
}

/** As `site_progress` answers. */
export interface Progress {
  status: string;
  stage: string;
  error: { message?: string; code?: string; retryable?: boolean } | null;
  /** Those it has come to. */
  stages: {
    stage: string;
    status: string;
    attempt_count: number;
    max_attempts: number;
    next_retry_at: string | null;
    last_error: { message?: string } | null;
  }[];
  counts: Counts;
  /** What the stages found. */
  facts: { select_pages?: Chosen };
  /** Of the pages and the drafts. */
  minutes_left: number;
  /** Null before the plan is made, or when none are asked for; `reused`: of the others, those that cost nothing. */
  drafts?: DraftCounts | null;
}

export interface DraftCounts {
  /** Without the answered ones: each makes room for another. */
  wanted: number;
  written: number;
  answered: number;
  skipped: number;
  failed: number;
  reused: number;
}

/** The pages of a job. */
export interface Chosen {
  page_count: number;
  /** Unchanged since an earlier job. */
  reused_count?: number;
  /** That the dollars do not pay for. */
  ceiling_count?: number;
  /** That may not be crawled. */
  refused_count?: number;
  /** That nobody was seen to search for. */
  unseen_count?: number;
  /** Parts of a sitemap index that were not read. */
  left_out?: { url: string; message: string }[];
  estimate: Estimate;
}

/** What a job is expected to take, told when its pages are chosen. */
export interface Estimate {
  crawls: number;
  tokens: number | null;
  usd: number | null;
  minutes: number;
  drafts?: { count: number; tokens: number | null; usd: number | null } | null;
}

/** Of a window before an edit was made, and of the same days after it. */
interface BeforeAfter {
  before: number;
  after: number;
}

/** As `site_outcomes` answers. */
export interface Outcome {
  id: string;
  kind: string;
  url: string;
  label: string;
  made_at: string;
  window_days: number;
  /** Whether the window is over: it has figures only then. */
  is_over: boolean;
  clicks?: BeforeAfter;
  impressions?: BeforeAfter;
  position_before?: number | null;
  position_after?: number | null;
  controls?: BeforeAfter[];
}

export const kindNames: Record<EditKind, string> = {
  write: "Write",
  extend: "Extend",
  improve: "Improve",
  merge: "Merge",
  link: "Link",
  move: "Point to",
  new_page: "New page",
};

/** What is to be done, in a sentence; `show`: an address as it is to be read. */
export function task(edit: SiteEdit, show = (url: string) => url): string {
  const target = show(edit.target_url ?? "");
  switch (edit.kind) {
    case "write":
      return `Write a section about “${edit.label}” ${where(edit)}`;
    case "extend":
      return `Say more about “${edit.label}” ${where(edit)}`;
    case "improve": {
      const section = sectionOf(edit.place);
      const what = `what ${section ? `“${section}”` : "the page"} says about “${edit.label}”`;
      return edit.is_decayed
        ? `Bring ${what} up to date: it has lost clicks`
        : `Improve ${what}: it is answered, and within reach of the top`;
    }
    case "merge":
      return `Merge this page into ${target} and redirect it there`;
    case "link":
      return `Leave “${edit.label}” to ${target}: keep one sentence about it here, with a link`;
    case "move":
      return `Answer “${edit.label}” in one sentence and link to ${target}, which answers it in full`;
    case "new_page":
      return `Make a page about “${edit.label}”: none of the site's fits`;
  }
}

/** The section whose text is changed. */
const sectionOf = (place: Place | null) =>
  place?.kind === "extend" ? place.heading_path?.at(-1) : undefined;

/** Where in the page, in its own headings. */
export function where({ kind, place }: Pick<SiteEdit, "kind" | "place">): string {
  if (kind === "new_page") return "as a page of its own";
  const section = sectionOf(place);
  if (section) return `under “${section}”`;
  if (place?.after_heading) return `after “${place.after_heading}”`;
  if (place?.before_heading) return `before “${place.before_heading}”`;
  const heading = place?.heading_path?.at(-1);
  return heading ? `under “${heading}”` : "at the end of the page";
}

/** The place as one cell of a table. */
export function placeText(edit: SiteEdit): string {
  if (edit.place === null && edit.kind !== "new_page") return "";
  return where(edit).replace(/[“”]/g, "");
}
