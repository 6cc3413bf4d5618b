// Two analyses of one page beside each other: what closed, what opened.

import type { TopicQuery } from "./result.ts";
import { compareText, headingOf, type Report } from "./report.ts";
import {
  about,
  addressOf,
  isAside,
  number,
  percent,
  plain,
  plural,
  position,
  titleOf,
} from "./text.ts";

/** A query that both analyses hold, or one of them. */
export interface ComparedQuery {
  query: string;
  topic: string;
  before: QueryState | null;
  after: QueryState | null;
}

export interface QueryState {
  coverage: number;
  is_answered: boolean;
  impressions: number;
  clicks: number;
  position: number | null;
  /** The heading over the passage that answers it best. */
  section: string | null;
}

export interface Comparison {
  before: { job_id: string; url: string; at: string };
  after: { job_id: string; url: string; at: string };
  /** After without before; null where one of them is unknown. */
  answered_share: { before: number | null; after: number | null };
  expected_clicks: { before: number; after: number };
  impressions: { before: number; after: number };
  clicks: { before: number; after: number };
  /** Open before, answered now. */
  closed: ComparedQuery[];
  /** Answered before, open now. */
  opened: ComparedQuery[];
  /** Open both times. */
  still_open: ComparedQuery[];
  /** Open, and not searched for before. */
  new_open: ComparedQuery[];
  /** No longer searched for, or no longer among those that are analysed. */
  gone: ComparedQuery[];
  warnings: string[];
}

/** Compares two reports. The lists go by impressions, those of the later report where there are any. */
export function compareReports(before: Report, after: Report): Comparison {
  const [old, now] = [asked(before), asked(after)];
  const queries = [...new Set([...now.keys(), ...old.keys()])].map((key): ComparedQuery => {
    const [a, b] = [old.get(key), now.get(key)];
    return {
      query: (b ?? a)!.query,
      topic: (b ?? a)!.topic,
      before: a?.state ?? null,
      after: b?.state ?? null,
    };
  }).sort((a, b) => weight(b) - weight(a) || compareText(a.query, b.query));
  const where = (was: boolean | null, is: boolean | null) =>
    queries.filter(({ before, after }) =>
      (before?.is_answered ?? null) === was && (after?.is_answered ?? null) === is
    );
  const address = (report: Report) => report.source ?? report.page?.url ?? report.job.url;
  const side = (report: Report) => ({
    job_id: report.job.id,
    url: address(report),
    at: report.job.completed_at ?? report.job.created_at,
  });
  const methods = [before, after].map(({ method }) => `${method.name} with ${method.model}`);
  return {
    before: side(before),
    after: side(after),
    answered_share: {
      before: before.summary.answered_share,
      after: after.summary.answered_share,
    },
    expected_clicks: {
      before: before.summary.expected_clicks,
      after: after.summary.expected_clicks,
    },
    impressions: { before: before.summary.impressions, after: after.summary.impressions },
    clicks: { before: before.summary.clicks, after: after.summary.clicks },
    closed: where(false, true),
    opened: where(true, false),
    still_open: where(false, false),
    new_open: where(null, false),
    gone: queries.filter(({ after }) => after === null),
    warnings: [
      ...address(before) === address(after)
        ? []
        : [`these are two pages: ${address(before)} and ${address(after)}`],
      ...methods[0] === methods[1] ? [] : [
        `they were made in two ways (${
          methods.join("; ")
        }), so part of the difference may come from that`,
      ],
    ],
  };
}

const weight = ({ before, after }: ComparedQuery) => (after ?? before)!.impressions;

/** The queries about the page's subject, by their first spelling in lower case. */
function asked(report: Report) {
  const segments = new Map(report.segments.map((segment) => [segment.id, segment]));
  const state = (query: TopicQuery): QueryState => ({
    coverage: query.coverage,
    is_answered: query.is_answered,
    impressions: query.impressions,
    clicks: query.clicks,
    position: query.position,
    section: headingOf(segments.get(query.segment_id ?? -1)),
  });
  const all = new Map<string, { query: string; topic: string; state: QueryState }>();
  for (const topic of report.topics.filter((topic) => !isAside(topic))) {
    for (const query of topic.queries) {
      // The first spelling in the alphabet names the query, whichever has the most impressions this time.
      const key = [query.query, ...query.variants].map((text) => text.toLowerCase()).sort()[0];
      all.set(key, { query: query.query, topic: topic.label, state: state(query) });
    }
  }
  return all;
}

/** The comparison for a terminal, `most` queries a list; everything foreign in it is plain text. */
export function renderComparison(
  comparison: Comparison,
  after: Report,
  most = 20,
): string {
  const lines = [titleOf(after), addressOf(after), "", sentence(comparison), ""];
  const date = (at: string) => at.slice(0, 16).replace("T", " ");
  lines.push(
    `before: job ${comparison.before.job_id}, ${date(comparison.before.at)}`,
    `after:  job ${comparison.after.job_id}, ${date(comparison.after.at)}`,
    ...comparison.warnings.map((warning) => `note: ${plain(warning)}`),
  );
  const list = (title: string, queries: ComparedQuery[]) => {
    if (queries.length === 0) return;
    lines.push("", `${title}  ${plural(queries.length, "query", "queries")}`);
    for (const { query, before, after } of queries.slice(0, most)) {
      const change = [before, after].map((state) => state ? percent(state.coverage) : "–")
        .join(" → ");
      const ranks = [before, after].map((state) => position(state?.position ?? null));
      const section = after?.is_answered && after.section
        ? `  under “${plain(after.section)}”`
        : "";
      lines.push(
        `  ${change.padEnd(14)} ${number((after ?? before)!.impressions).padStart(9)}  ${
          plain(query)
        }${section}${ranks[0] === ranks[1] ? "" : `  (position ${ranks.join(" → ")})`}`,
      );
    }
    if (queries.length > most) lines.push(`  … and ${number(queries.length - most)} more`);
  };
  list("CLOSED", comparison.closed);
  list("OPENED", comparison.opened);
  list("NEW AND OPEN", comparison.new_open);
  list("STILL OPEN", comparison.still_open);
  list("NO LONGER SEARCHED FOR", comparison.gone);
  return lines.join("\n") + "\n";
}

/** What changed, in one sentence. */
export function sentence({ answered_share, closed, opened, expected_clicks }: Comparison): string {
  const { before, after } = answered_share;
  const share = before === null || after === null
    ? ""
    : Math.round(before * 100) === Math.round(after * 100)
    ? `The page answers ${percent(after)} of what people ask, as before`
    : `The page answers ${percent(after)} of what people ask, ${
      after > before ? "up" : "down"
    } from ${percent(before)}`;
  const changes = `${plural(closed.length, "query", "queries")} closed, ${
    number(opened.length)
  } opened`;
  const left = expected_clicks.after >= 1
    ? `; about ${about(expected_clicks.after)} clicks a month are still to be had`
    : "";
  return `${share ? `${share}: ` : ""}${changes}${left}.`;
}
