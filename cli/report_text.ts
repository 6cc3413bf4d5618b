// What the terminal report and report.md say in the same words.

import stringWidth from "npm:string-width@8.3.0";
import type { Report } from "./report.ts";

/** Foreign text on one line, without what a terminal would obey or what reverses the text order. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, "")
    .replace(/ {2,}/g, " ").trim();
}

/** `text` in at most `width` columns. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += stringWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return kept.trimEnd() + "…";
}

export const number = (value: number) => Math.round(value).toLocaleString("en-US");
export const position = (value: number | null) => value === null ? "–" : value.toFixed(1);
const percent = (share: number) => `${Math.round(share * 100)}%`;
export const plural = (count: number, one: string, many = `${one}s`) =>
  `${number(count)} ${count === 1 ? one : many}`;

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

/** The path below the page's own title, which every path of a page shares. */
export function shortPath(report: Report, path: string[]): string[] {
  const titles = report.coverage.flatMap((c) => c.best_section?.heading_path.slice(0, 1) ?? []);
  const shared = path.length > 1 && titles.every((title) => title === path[0]);
  return shared ? path.slice(1) : path;
}

export function summary(report: Report): string[] {
  const { page, totals, job } = report;
  const facts = [
    page.language,
    page.html_length === null ? null : `${formatBytes(page.html_length)} HTML`,
    plural(page.segment_count, "segment"),
  ];
  const queries = [
    plural(totals.query_count, "query", "queries"),
    plural(totals.impressions, "impression"),
    plural(totals.clicks, "click"),
    plural(totals.cluster_count, "cluster"),
    plural(totals.noise_count, "noise point") +
    (totals.noise_share === null ? "" : ` (${percent(totals.noise_share)} of queries)`),
  ];
  const share = totals.covered_impression_share;
  const topics = [
    `${totals.covered_count} covered`,
    `${totals.partly_count} partly`,
    plural(totals.gap_count, "gap"),
    ...share === null ? [] : [`${percent(share)} of the clusters' impressions find an answer`],
  ];
  return [
    `page: ${facts.filter((fact) => fact).join(" · ")}`,
    `queries: ${queries.join(" · ")}`,
    `topics: ${topics.join(" · ")}`,
    `job: ${job.id} · ${job.status}` +
    (job.duration_ms === null ? "" : ` in ${formatDuration(job.duration_ms)}`),
    ...report.provenance.embedding_by_standin
      ? [
        "note: the offline embedding model compares words more than meanings: a section that says the same " +
        "in other words may count as a gap. OPENAI_API_KEY or --threshold change that.",
      ]
      : [],
  ];
}

export function coverageLegend(report: Report): string {
  const threshold = report.provenance.similarity_threshold;
  if (threshold === null) return "";
  const partly = (threshold + (1 - threshold) / 3).toFixed(2);
  return `gap: similarity below ${
    threshold.toFixed(2)
  } · partly: below ${partly} · covered: from ${partly}`;
}

export function noGaps(report: Report): string {
  return report.coverage.length === 0
    ? "none: there are no clusters, since no two queries are near enough to each other"
    : "none: every cluster has a section that is near enough";
}

/** Why there is no draft. */
export function noDraft(reason: string): string {
  return {
    no_gaps: "there is no gap to draft a section for",
    not_requested: "not asked for",
  }[reason] ?? plain(reason);
}

export function draftOrigin(draft: NonNullable<Report["draft"]>): string {
  return draft.by_standin
    ? `Written by the offline stand-in (${draft.model}), which shows the form of a draft and knows nothing of the topic: ` +
      "set OPENAI_API_KEY or ANTHROPIC_API_KEY for a real one."
    : `Written by ${draft.model} (${draft.provider}). A person must review it before it is published.`;
}

export const dollars = (usd: number) =>
  usd === 0 || usd >= 0.01 ? `$${usd.toFixed(2)}` : `$${usd.toPrecision(2)}`;

/** What the models cost, and which of them have no price. */
function costs({ costs, cost_usd }: Report["usage"]): string[] {
  if (costs.length === 0) return [];
  const parts = costs.map((cost) =>
    `${cost.stage} ${cost.cost_usd === null ? "?" : dollars(cost.cost_usd)}`
  );
  const unpriced = new Set(
    costs.filter((cost) => cost.cost_usd === null).map((cost) => `${cost.provider}/${cost.model}`),
  );
  return [
    `cost: ${cost_usd === null ? "unknown" : dollars(cost_usd)} (${parts.join(", ")})` +
    (unpriced.size > 0 ? `; no price in model_prices for ${[...unpriced].join(", ")}` : ""),
  ];
}

export function provenance(report: Report): string[] {
  const { provenance: p, usage, stages } = report;
  return [
    `embedding model: ${p.embedding_model ?? "–"}, ${p.embedding_dimensions ?? "–"} dimensions`,
    `clustering: DBSCAN, cosine, eps ${p.eps ?? "–"}, min_points ${p.min_points ?? "–"}` +
    (p.max_cluster_size === null ? "" : `, clusters of more than ${p.max_cluster_size} split`) +
    (p.is_exact === false
      ? "; candidate pairs from random sketches: a pair of neighbours is missed with a probability below 1e-8 (--exact compares all pairs)"
      : "") +
    (p.left_out_keyword_count === 0
      ? ""
      : `; ${number(p.left_out_keyword_count)} queries with the fewest impressions left out`),
    `gaps: similarity below ${
      p.similarity_threshold ?? "–"
    }; opportunity = impressions × (1 − similarity); ` +
    `top ${p.top ?? "–"}`,
    `embeddings: ${number(usage.embedded_count)} computed, ${
      number(usage.cached_count)
    } from the cache` +
    (usage.embedding_tokens ? `, ${number(usage.embedding_tokens)} tokens` : ""),
    ...usage.prompt_tokens || usage.completion_tokens
      ? [
        `draft: ${number(usage.prompt_tokens)} tokens in, ` +
        `${number(usage.completion_tokens)} out`,
      ]
      : [],
    ...costs(usage),
    `stages: ${
      stages.map((s) =>
        `${s.stage} ${formatDuration(s.duration_ms)}` +
        (s.attempt_count > 1 ? ` (${s.attempt_count} attempts)` : "")
      ).join(" · ")
    }`,
  ];
}
