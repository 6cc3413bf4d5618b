// How well the edited text answers the edit's queries, while it is typed.

import type { Draft, Edit, ReportModel, Topic } from "./model.ts";

export interface CoverageNow {
  threshold: number;
  before: number | null;
  now: number | null;
  closes: boolean;
  note: string;
  queries: { query: string; before: number; now: number; missing: string[] }[];
}

const fold = (text: string) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
/** Words by their first six letters, as the coverage of words compares them. */
const stems = (text: string) =>
  new Set(
    (fold(text).match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => [...word].slice(0, 6).join("")),
  );

export function useCoverage(
  model: ReportModel,
  edit: Edit,
  topic: Topic | undefined,
  draft: Draft | undefined,
  text: string,
): CoverageNow {
  const threshold = model.result.method.threshold ?? 0.7;
  const known = new Map((draft?.per_query ?? []).map((query) => [query.query, query]));
  const byQuery = new Map((topic?.queries ?? []).map((query) => [query.query, query]));
  const written = stems(text);
  const names = edit.open_queries.length > 0 ? edit.open_queries : [...byQuery.keys()];
  const queries = names.map((name) => {
    const query = byQuery.get(name);
    const before = known.get(name)?.before ?? query?.coverage ?? edit.coverage;
    const missing = (query?.missing_terms ?? []).filter((term) =>
      ![...stems(term)].every((stem) => written.has(stem))
    );
    const now = text === "" ? before : known.get(name)?.after ?? before;
    return { query: name, before, now, missing };
  });
  const weight = (name: string) => Math.max(1, byQuery.get(name)?.impressions ?? 1);
  const total = queries.reduce((sum, { query }) => sum + weight(query), 0);
  const mean = (key: "before" | "now") =>
    total === 0
      ? null
      : queries.reduce((sum, query) => sum + query[key] * weight(query.query), 0) / total;
  const now = mean("now");
  return {
    threshold,
    before: mean("before"),
    now,
    closes: now !== null && now >= threshold,
    note: "",
    queries,
  };
}
