// What an analysis of a labelled page is worth, by the labels.

import { folded, type LabelledPage } from "./labels.ts";

/** A recommended gap as a reader sees it. */
export interface FoundGap {
  queries: string[];
  /** Heading of the section; null: at the end of the page. */
  section: string | null;
}

/** What an analysis says. */
export interface Found {
  /** Best first. */
  gaps: FoundGap[];
  /** Of each topic: its queries, and whether the page answers them. */
  topics: { queries: { query: string; isAnswered: boolean }[]; isNoise: boolean }[];
}

type Share = [part: number, whole: number];

export interface Scores {
  /** Share of the first ten recommended gaps whose impressions are mostly of unanswered queries. */
  p10: Share;
  /** Share of the unanswered topics that a right gap among the first ten has queries of. */
  found: Share;
  /** Share of the unanswered impressions that right gaps among the first ten have. */
  gapImpressions: Share;
  /** Share of the answered queries said not to be. */
  answeredCalledGap: Share;
  /** Share of the unanswered queries said to be answered. */
  hidden: Share;
  /** Share of the unanswered queries that no topic has. */
  inNoise: Share;
  /** Recommended gaps that are mostly of queries that are no question to the page. */
  junk: number;
  /** Share of the right gaps placed in the section labelled for their leading topic, or in the one above it. */
  placed: Share;
  /** Adjusted Rand index of the topics against the labelled ones. */
  ari: number;
}

const headingKey = (text: string | null) =>
  folded(text ?? "").replaceAll("’", "'").replace(/[\u2010\u2011]/g, "-").replace(/[\s¶#]+/g, "");

/** Of each heading's key: those one level up, and all keys in the page's order. */
function outline(html: string): { above: Map<string, Set<string>>; order: string[] } {
  const above = new Map<string, Set<string>>();
  const order: string[] = [];
  const stack: { level: number; key: string }[] = [];
  for (const [, level, inner] of html.matchAll(/<h([1-6])\b[^>]*>([\s\S]*?)<\/h\1>/gi)) {
    const text = inner.replace(/<(script|style|svg)\b[\s\S]*?<\/\1>/gi, "").replace(/<[^>]*>/g, "");
    const key = headingKey(decoded(text));
    while (stack.length > 0 && stack.at(-1)!.level >= Number(level)) stack.pop();
    const parent = stack.at(-1)?.key;
    if (parent !== undefined) above.set(key, (above.get(key) ?? new Set()).add(parent));
    stack.push({ level: Number(level), key });
    order.push(key);
  }
  return { above, order };
}

const entities: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  rsquo: "’",
};
const decoded = (text: string) =>
  text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex, decimal, name) =>
      hex
        ? String.fromCodePoint(parseInt(hex, 16))
        : decimal
        ? String.fromCodePoint(Number(decimal))
        : entities[name] ?? whole,
  );

/** Labelled places that are no heading. */
const atTheEnd = "new section at the end";

export function scored({ html, rows, labels }: LabelledPage, { gaps, topics }: Found): Scores {
  const impressions = new Map(rows.map((row) => [folded(row.query), row.impressions]));
  const labelOf = (query: string) => labels.get(folded(query));
  const sum = (queries: string[], kind?: string) =>
    queries.reduce(
      (total, query) =>
        total + (labelOf(query) && (!kind || labelOf(query)!.kind === kind)
          ? impressions.get(folded(query)) ?? 0
          : 0),
      0,
    );
  const { above, order } = outline(html);
  const all = [...labels].map(([query, label]) => ({ query, ...label }));
  const lastAnswering = all.filter(({ kind }) => kind === "A").map(({ where }) => headingKey(where))
    .filter((key) => order.includes(key)).sort((a, b) => order.indexOf(a) - order.indexOf(b)).at(
      -1,
    );

  let right = 0, junk = 0, gapImpressions = 0, placed = 0;
  const foundTopics = new Set<string>();
  const first = gaps.slice(0, 10);
  for (const gap of first) {
    const queries = [...new Set(gap.queries.map(folded))];
    const total = sum(queries), open = sum(queries, "G");
    if (2 * sum(queries, "N") > total) junk++;
    if (2 * open <= total) continue;
    right++;
    gapImpressions += open;
    const lead = new Map<string, number>();
    for (const query of queries) {
      const label = labelOf(query);
      if (label?.kind !== "G") continue;
      foundTopics.add(label.topic);
      lead.set(label.topic, (lead.get(label.topic) ?? 0) + (impressions.get(query) ?? 0));
    }
    const [topic] = [...lead].sort((a, b) => b[1] - a[1])[0];
    const where = all.find((label) => label.kind === "G" && label.topic === topic)!.where;
    const key = headingKey(gap.section);
    placed += Number(
      where === atTheEnd
        ? key === "" || key === order.at(-1) || key === lastAnswering
        : key !== "" &&
          (key === headingKey(where) || (above.get(headingKey(where))?.has(key) ?? false)),
    );
  }

  const answered = new Map<string, boolean>();
  const group = new Map<string, string>();
  for (const [index, topic] of topics.entries()) {
    for (const { query, isAnswered } of topic.queries) {
      if (topic.isNoise) continue;
      answered.set(folded(query), isAnswered);
      group.set(folded(query), String(index));
    }
  }
  for (
    const { query } of gaps.flatMap((gap) => gap.queries.map((query) => ({ query: folded(query) })))
  ) {
    if (!answered.has(query)) answered.set(query, false);
  }
  const of = (kind: string) => all.filter((label) => label.kind === kind).map(({ query }) => query);
  const share = (
    queries: string[],
    holds: (query: string) => boolean,
  ): Share => [queries.filter(holds).length, queries.length];
  const asked = all.filter(({ topic }) => topic !== "noise");
  return {
    p10: [right, first.length],
    found: [
      foundTopics.size,
      new Set(all.filter(({ kind }) => kind === "G").map(({ topic }) => topic)).size,
    ],
    gapImpressions: [gapImpressions, sum(of("G"))],
    answeredCalledGap: share(of("A"), (query) => answered.get(query) === false),
    hidden: share(of("G"), (query) => answered.get(query) === true),
    inNoise: share(of("G"), (query) => !answered.has(query)),
    junk,
    placed: [placed, right],
    ari: adjustedRandIndex(
      asked.map(({ query }) => group.get(query) ?? query),
      asked.map(({ topic }) => topic),
    ),
  };
}

/** 1 for the same partition, 0 for what chance gives. */
export function adjustedRandIndex(left: string[], right: string[]): number {
  const pairs = (labels: string[]) => {
    const counts = new Map<string, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    return [...counts.values()].reduce((sum, count) => sum + count * (count - 1) / 2, 0);
  };
  const both = pairs(left.map((label, index) => `${label}\n${right[index]}`));
  const [a, b, all] = [pairs(left), pairs(right), left.length * (left.length - 1) / 2];
  const expected = all > 0 ? a * b / all : 0;
  const most = (a + b) / 2 - expected;
  return most !== 0 ? (both - expected) / most : 1;
}

/** Shares are added up, counts too; the ARI is the pages' mean. */
export function together(scores: Scores[]): Scores {
  const add = (
    key: "p10" | "found" | "gapImpressions" | "answeredCalledGap" | "hidden" | "inNoise" | "placed",
  ): Share =>
    scores.reduce(
      ([part, whole], score) => [part + score[key][0], whole + score[key][1]],
      [0, 0] as Share,
    );
  return {
    p10: add("p10"),
    found: add("found"),
    gapImpressions: add("gapImpressions"),
    answeredCalledGap: add("answeredCalledGap"),
    hidden: add("hidden"),
    inNoise: add("inNoise"),
    junk: scores.reduce((sum, { junk }) => sum + junk, 0),
    placed: add("placed"),
    ari: scores.reduce((sum, { ari }) => sum + ari, 0) / Math.max(1, scores.length),
  };
}

export const portion = ([part, whole]: Share) => whole > 0 ? part / whole : 0;
