// What every form of the report says in the same words. Nothing here knows how it will be shown.

import type {
  DraftText,
  Edit,
  JobResult,
  Place,
  Topic,
  TopicQuery,
  Verification,
} from "./result.ts";
import type { Report } from "./report.ts";

const controls = /[\p{Cc}\p{Zl}\p{Zp}]/gu;
/** Marks that change the direction of the text around them. */
const invisible = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Foreign text on one line, without what a terminal would obey or what reverses the text order. */
export function plain(text: string): string {
  return text.replace(controls, " ").replace(invisible, "").replace(/ {2,}/g, " ").trim();
}

/** As `plain`, with the lines kept apart. */
export function plainLines(text: string): string {
  const visible = text.replace(invisible, "");
  return visible.split(/\r?\n/).map((line) => line.replace(controls, " ").trimEnd()).join("\n");
}

export const number = (value: number) => Math.round(value).toLocaleString("en-US");
export const position = (value: number | null) => value === null ? "–" : value.toFixed(1);
export const percent = (share: number) => `${Math.round(share * 100)} %`;
export const plural = (count: number, one: string, many = `${one}s`) =>
  `${number(count)} ${count === 1 ? one : many}`;

const words = "no one two three four five six seven eight nine ten eleven twelve".split(" ");
export const inWords = (count: number) => words[count] ?? number(count);

/** A figure that was estimated, with no more digits than it deserves. */
export function about(value: number): string {
  if (value < 10) return number(value);
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return number(Math.round(value / unit) * unit);
}

export function formatDuration(ms: number | null): string {
  if (ms === null) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round(ms % 60_000 / 1000)} s`;
}

export function formatBytes(length: number): string {
  if (length < 1000) return `${length} B`;
  return length < 1e6 ? `${Math.round(length / 1e3)} kB` : `${(length / 1e6).toFixed(1)} MB`;
}

export const dollars = (usd: number) =>
  usd === 0 || usd >= 0.01 ? `$${usd.toFixed(2)}` : `$${usd.toPrecision(2)}`;

/** The page's title, or what else names it. */
export const titleOf = (report: Report) => plain(report.page?.title || report.job.url);
/** Where the page is: a file, or a URL. */
export const addressOf = (report: Report) =>
  plain(report.source ?? report.page?.url ?? report.job.url);

/** What is not about the page's subject: the visitor looks for the site, or for something else. */
export const isAside = ({ kind }: Topic) =>
  kind === "brand" || kind === "navigation" || kind === "unrelated";

/** The answer, in one or two sentences. */
export function verdict({ summary, edits, topics }: Report): string {
  const { answered_share } = summary;
  const gaps = edits.filter(({ kind }) => kind !== "improve");
  const improvements = edits.filter(({ kind }) => kind === "improve");
  if (topics.length === 0) {
    return "There are no search queries for this page, so nothing is known of what people ask.";
  }
  if (answered_share === null) {
    return "All queries look for the site itself or for something else: nobody asks about the page's subject.";
  }
  const sum = (list: Edit[]) => list.reduce((total, edit) => total + edit.expected_clicks, 0);
  const worth = (list: Edit[]) =>
    sum(list) >= 1
      ? `would bring about ${about(sum(list))} ${sum(list) < 1.5 ? "click" : "clicks"} a month`
      : `are asked about ${
        number(list.reduce((total, edit) => total + edit.impressions, 0))
      } times`;
  const share = `This page answers ${percent(answered_share)} of what people ask`;
  const first = gaps.length === 0
    ? `${share}; no section is missing.`
    : `${share}; ${
      gaps.length === 1 ? "this one section" : `these ${inWords(gaps.length)} sections`
    } ${worth(gaps)}.`;
  if (improvements.length === 0) return first;
  const more = `${inWords(improvements.length)} ${
    improvements.length === 1 ? "passage that answers already" : "passages that answer already"
  } could bring ${about(sum(improvements))} more.`;
  return `${first} ${more.charAt(0).toUpperCase()}${more.slice(1)}`;
}

/** The figures behind the verdict, one line. */
export function figures({ summary, topics, method }: Report): string {
  const aside = topics.filter(isAside);
  const asideCount = aside.reduce((sum, topic) => sum + countQueries(topic.queries), 0);
  return [
    `${plural(summary.query_count, "query", "queries")}, ${
      plural(summary.impressions, "impression")
    }, ${plural(summary.clicks, "click")}${
      method.period_days ? ` in ${plural(method.period_days, "day")}` : ""
    }`,
    ...asideCount > 0
      ? [
        `set apart: ${
          plural(asideCount, "query", "queries")
        } for the site itself or for something else`,
      ]
      : [],
  ].join(" · ");
}

export const countQueries = (queries: TopicQuery[]) =>
  queries.reduce((sum, { variants }) => sum + 1 + variants.length, 0);

/** What is to be done, as an imperative. */
export const action = {
  write: "Write a section",
  extend: "Extend a passage",
  improve: "Improve a passage",
} as const;

const quoted = (text: string) => `“${plain(text)}”`;

/** Where it is to be done, in the page's own headings. */
export function whereOf(place: Place): string {
  const { after_heading: after, before_heading: before, parent_heading: parent } = place;
  if (place.kind === "extend") {
    const heading = place.heading_path.at(-1) ?? after;
    return heading ? `under ${quoted(heading)}` : "at the top of the page";
  }
  if (after === null && before === null) return "at the end of the page";
  if (after === null) return `at the top, before ${quoted(before!)}`;
  if (after === parent) {
    return before === null
      ? `under ${quoted(after)}`
      : `under ${quoted(after)}, before ${quoted(before)}`;
  }
  return `after ${quoted(after)}` +
    (before === null ? ", at the end of the page" : `, before ${quoted(before)}`);
}

/** What an edit would bring. */
export const gainOf = ({ expected_clicks }: Edit): string | null =>
  expected_clicks >= 1
    ? `about ${about(expected_clicks)} more ${expected_clicks < 1.5 ? "click" : "clicks"} a month`
    : null;

/** How much an edit's topic is asked for, and where the page stands. */
export const demandOf = ({ impressions, avg_position }: Edit): string =>
  plural(impressions, "impression") +
  (avg_position === null ? "" : ` at position ${position(avg_position)}`);

/** The queries an edit is for, with their topic's figures. */
export function queriesOf(report: Report, edit: Edit): TopicQuery[] {
  const topic = report.topics.find(({ id }) => id === edit.topic_id);
  const open = new Set(edit.open_queries);
  return topic?.queries.filter(({ query }) => open.has(query)) ?? [];
}

/** Words of the queries that the page's best passages lack, the most asked for first. */
export function missingOf(report: Report, edit: Edit): string[] {
  const weight = new Map<string, number>();
  for (const { missing_terms, impressions } of queriesOf(report, edit)) {
    for (const term of missing_terms) weight.set(term, (weight.get(term) ?? 0) + impressions);
  }
  return [...weight].sort((a, b) => b[1] - a[1]).map(([term]) => term);
}

/** How sure a finding is, and who says so; null: nothing is known. */
export function sureOf({ kind, confidence, verification }: Edit): string | null {
  const parts = [
    confidence === null
      ? ""
      : `${percent(confidence)} sure that ${
        kind === "write"
          ? "nothing answers it"
          : kind === "extend"
          ? "part of it is open"
          : "it is answered"
      }`,
    verification ? readingOf(verification) : "",
  ].filter(Boolean);
  return parts.length === 0 ? null : parts.join("; ");
}

/** What a language model found that read the page for an edit. */
export function readingOf({ verdict, quote, model }: Verification): string {
  const reader = `${plain(model)} read the page`;
  const words = quote === null ? "" : quoted(quote);
  switch (verdict) {
    case "not_answered":
      return `${reader} and found no answer`;
    case "partly":
      return words ? `${reader}: in part, ${words}` : `${reader}: answered in part`;
    case "answered":
      return `${reader} and found the answer${words && `: ${words}`}`;
  }
}

/** What a draft is to be read with: who stood in for a model, and the coverage from which a query counts as answered. */
export interface DraftMaking extends Pick<Report, "made_by_standins"> {
  method: { threshold: number | null };
}

/** What the draft of an edit is worth. */
export function effectOf(report: DraftMaking, draft: DraftText): string {
  const { coverage_before: before, coverage_after: after, closes_gap } = draft;
  if (before === null || after === null) return "not measured";
  if (report.made_by_standins.includes("drafts")) {
    return `Coverage ${percent(before)} → ${
      percent(after)
    }; the stand-in's outline repeats questions and answers none`;
  }
  const tries = draft.attempts > 1 ? `, after ${inWords(draft.attempts)} attempts` : "";
  const threshold = report.method.threshold ?? 0.7;
  const open = draft.per_query.filter(({ after }) => after < threshold).length;
  const left = draft.per_query.length === 1 || open === 0
    ? ""
    : `: ${inWords(open)} of ${inWords(draft.per_query.length)} queries ${
      open === 1 ? "stays" : "stay"
    } open`;
  return `Coverage ${percent(before)} → ${percent(after)}${tries}; ${
    closes_gap ? "it closes the gap" : `it does not close the gap${left}`
  }`;
}

export function draftOrigin(
  report: Pick<DraftMaking, "made_by_standins">,
  draft: Pick<DraftText, "model" | "provider">,
): string {
  return report.made_by_standins.includes("drafts")
    ? `Written by the offline stand-in (${
      plain(draft.model)
    }), which shows the form of a draft and knows nothing of the topic: ` +
      "set OPENAI_API_KEY or ANTHROPIC_API_KEY for a real one."
    : `Written by ${plain(draft.model)} (${
      plain(draft.provider)
    }). A person must review it before it is published.`;
}

/** Why there is no draft. */
export function noDraft(reason: string): string {
  return {
    no_gaps: "there is no gap to draft a section for",
    not_requested: "not asked for",
    no_model: "no language model is configured",
  }[reason] ?? plain(reason);
}

export const kindNames: Record<Topic["kind"], string> = {
  gap: "gap",
  partly: "partly",
  answered: "answered",
  improve: "answered",
  brand: "brand",
  navigation: "navigation",
  unrelated: "elsewhere",
};

/** What is doubtful about the page or the input, each one sentence. */
export function warningsOf(report: Report): string[] {
  return [
    ...(report.page?.warnings ?? []).map(({ message }) => message),
    ...report.warnings,
    ...(report.method.warnings ?? []).map(({ message }) => message),
  ].map(plain);
}

/** How it was made and how sure it is, one line each. */
export function provenance(report: Report): string[] {
  const { method, edits, usage, stages, crawl, segments, job } = report;
  const used = (what: "embedding_tokens" | "embedded_count" | "cached_count") =>
    Object.values(usage).reduce((sum, stage) => sum + (stage[what] ?? 0), 0);
  const gaps = edits.filter(({ kind, confidence }) => kind !== "improve" && confidence !== null);
  const sure = gaps.reduce((sum, { confidence }) => sum + confidence!, 0);
  return [
    ...gaps.length > 0
      ? [
        `how sure: of the ${plural(gaps.length, "gap")} above, expect about ${
          sure.toFixed(gaps.length < 10 ? 1 : 0).replace(/\.0$/, "")
        } to be true; the others are answered on the page in words that were not recognised`,
      ]
      : [],
    method.name === "cosine"
      ? `coverage: the plain rule, cosine similarity of a topic's centre and its nearest passage; below ${
        method.threshold ?? "–"
      } is a gap`
      : `coverage: the probability that a passage of the page answers a query, from meaning and words; below ${
        method.threshold ?? "–"
      } is a gap`,
    method.verified_by === null
      ? "no language model read the page: a question that is touched on but not answered can count as answered"
      : `read by ${
        plain(method.verified_by)
      }; what it called answered it quoted word for word from the page`,
    ...report.summary.expected_clicks > 0
      ? [
        `expected clicks: impressions × what a better position brings by ${
          clickRates(method.ctr_curve?.source)
        }` + (method.period_days ? `; the figures cover ${plural(method.period_days, "day")}` : ""),
      ]
      : [],
    `topics: DBSCAN, eps ${method.eps ?? "–"}, min_points ${method.min_points ?? "–"}` +
    (method.max_cluster_size === null ? "" : `, at most ${method.max_cluster_size} queries`) +
    (method.is_exact === false
      ? "; pairs of queries from random sketches: a pair of neighbours is missed with a probability below 1e-8 (--exact compares all)"
      : "") +
    (method.left_out_query_count === 0
      ? ""
      : `; ${number(method.left_out_query_count)} queries with the fewest impressions left out`),
    `embeddings: ${plain(method.model ?? "–")}, ${method.dimensions ?? "–"} dimensions; ${
      number(used("embedded_count"))
    } computed, ${number(used("cached_count"))} from the cache` +
    (used("embedding_tokens") ? `, ${number(used("embedding_tokens"))} tokens` : ""),
    ...costLines(report),
    `page: ${
      [
        report.page?.language ? plain(report.page.language) : "",
        crawl?.html_length ? `${formatBytes(crawl.html_length)} HTML` : "",
        plural(segments.length, "passage"),
      ].filter(Boolean).join(", ")
    }`,
    `job ${plain(job.id)}: ${plain(job.status)}` +
    (job.completed_at
      ? ` in ${formatDuration(Date.parse(job.completed_at) - Date.parse(job.created_at))}`
      : "") +
    ` (${
      stages.map((s) =>
        `${s.stage} ${formatDuration(s.duration_ms)}` +
        (s.attempt_count > 1 ? `, ${s.attempt_count} attempts` : "")
      ).join(" · ")
    })`,
  ];
}

const clickRates = (source: string | undefined) =>
  source === "page" || source === "site"
    ? "this site's own click-through rates"
    : `usual click-through rates${source ? ` (${plain(source)})` : ""}`;

/** All costs together; null when one is not known. */
export const costOf = ({ costs }: Pick<JobResult, "costs">): number | null =>
  costs.some(({ cost_usd }) => cost_usd === null)
    ? null
    : Math.round(costs.reduce((sum, { cost_usd }) => sum + cost_usd!, 0) * 1e8) / 1e8;

/** What the models cost, and which of them have no price. */
function costLines(report: Report): string[] {
  const { costs } = report;
  if (costs.length === 0) return [];
  const cost = costOf(report);
  // A stage may have used several models.
  const parts = [...Map.groupBy(costs, ({ stage }) => stage)].map(([stage, costs]) => {
    const cost = costOf({ costs });
    return `${stage} ${cost === null ? "?" : dollars(cost)}`;
  });
  const unpriced = new Set(
    costs.filter(({ cost_usd }) => cost_usd === null)
      .map(({ provider, model }) => plain(`${provider}/${model}`)),
  );
  return [
    `cost: ${cost === null ? "unknown" : dollars(cost)} (${parts.join(", ")})` +
    (unpriced.size > 0 ? `; no price in model_prices for ${[...unpriced].join(", ")}` : ""),
  ];
}
