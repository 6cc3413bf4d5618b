// Sections taken off the labelled pages: a query is a gap when the section that answers it is gone, and only then.

import { calibrated, type Embedded } from "./analysis.ts";
import { folded } from "./labels.ts";
import { sha256 } from "../../local/paths.ts";

export interface AblationScores {
  /** Of "is a gap" against "its section is gone". */
  f1: number;
  /** Share of the queries of whole pages that are called a gap. */
  intact: number;
}

const shares = [0.25, 0.5];
const draws = 2;

/** Over all pages and draws together. `isGap` says of each query of a page whether the rule calls it a gap. */
export function ablated(
  pages: Embedded[],
  isGap: (page: Embedded) => Map<string, boolean>,
): AblationScores {
  let hits = 0, called = 0, lost = 0, flagged = 0, whole = 0;
  for (const page of pages) {
    const answered = page.rows.map((row, index) => ({
      index,
      label: page.page.labels.get(folded(row.query)),
    }))
      .filter(({ label }) => label?.kind === "A");
    const kept: Embedded = {
      ...page,
      rows: answered.map(({ index }) => page.rows[index]),
      queryVectors: answered.map(({ index }) => page.queryVectors[index]),
    };
    const sections = [...new Set(answered.map(({ label }) => folded(label!.where)))].sort();
    for (const { query } of kept.rows) {
      whole++;
      flagged += Number(isGapOf(isGap(kept), query));
    }
    for (const share of shares) {
      for (let draw = 0; draw < draws; draw++) {
        const gone = new Set(
          shuffled(sections, `${page.page.name} ${share} ${draw}`).slice(
            0,
            Math.round(share * sections.length),
          ),
        );
        const isGone = (at: number) => {
          const { kind, heading_path, text } = page.segments[at];
          return [...heading_path, ...kind === "heading" ? [text] : []].some((heading) =>
            gone.has(folded(heading))
          );
        };
        const left = page.segments.map((_, at) => at).filter((at) => !isGone(at));
        const found = isGap({
          ...kept,
          segments: left.map((at) => page.segments[at]).map((segment, id) => ({ ...segment, id })),
          segmentVectors: left.map((at) => page.segmentVectors[at]),
        });
        for (const { index, label } of answered) {
          const isLost = isLostWith(gone, folded(label!.where), page);
          const isCalled = isGapOf(found, page.rows[index].query);
          hits += Number(isLost && isCalled);
          lost += Number(isLost);
          called += Number(isCalled);
        }
      }
    }
  }
  return { f1: 2 * hits / Math.max(1, called + lost), intact: flagged / Math.max(1, whole) };
}

const isGapOf = (found: Map<string, boolean>, query: string) => found.get(query) ?? true;

/** A section goes with those that it is part of. */
function isLostWith(gone: Set<string>, where: string, { segments }: Embedded): boolean {
  if (gone.has(where)) return true;
  const inside = segments.filter(({ kind, heading_path, text }) =>
    [...heading_path, ...kind === "heading" ? [text] : []].map(folded).includes(where)
  );
  return inside.length > 0 &&
    inside.every(({ heading_path }) => heading_path.some((heading) => gone.has(folded(heading))));
}

function shuffled(items: string[], seed: string): string[] {
  return items.map((item) => ({ item, key: sha256(`${seed} ${item}`) }))
    .sort((a, b) => a.key < b.key ? -1 : 1).map(({ item }) => item);
}

export const calibratedGaps = (page: Embedded) =>
  new Map(
    calibrated(page).found.topics.flatMap(({ queries }) =>
      queries.map(({ query, isAnswered }) => [query, !isAnswered] as const)
    ),
  );
