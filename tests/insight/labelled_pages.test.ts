// Our own labelled pages with the table of words: the short form of `./pageperfect bench insight`.

import { deepEqual, ok } from "node:assert/strict";
import { calibrated, cosine, embedded, offlineModels } from "../../bench/insight/analysis.ts";
import { labelledPages, ownPages, withoutHints } from "../../bench/insight/labels.ts";
import { adjustedRandIndex, portion, scored, together } from "../../bench/insight/score.ts";

Deno.test("on labelled pages the analysis finds what the plain rule does not, and places it", async () => {
  const pages = await labelledPages(ownPages);
  const model = (await offlineModels()).at(-1)!;
  const all = [];
  for (const page of pages) all.push(await embedded(page, model));
  const ours = together(all.map((page, at) => scored(pages[at], calibrated(page).found)));
  const plain = together(all.map((page, at) => scored(pages[at], cosine(page))));
  deepEqual(ours.inNoise[0], 0);
  ok(portion(ours.found) > 2 * portion(plain.found), `${ours.found} beside ${plain.found}`);
  ok(portion(ours.p10) > portion(plain.p10), `${ours.p10} beside ${plain.p10}`);
  ok(portion(ours.hidden) < portion(plain.hidden), `${ours.hidden} beside ${plain.hidden}`);
  ok(ours.ari > plain.ari, `${ours.ari} beside ${plain.ari}`);
  ok(ours.junk <= 3 && ours.placed[0] > plain.placed[0], `${ours.junk}, ${ours.placed}`);
});

Deno.test("a report that follows the labels has full marks", async () => {
  for (const page of await labelledPages(ownPages)) {
    const groups = Map.groupBy(page.labels, ([, { kind, topic }]) => `${kind} ${topic}`);
    const found = {
      gaps: [...groups.values()].filter(([[, { kind }]]) => kind === "G")
        .map((group) => ({ queries: group.map(([query]) => query), section: group[0][1].where })),
      topics: [...groups.values()].map((group) => ({
        isNoise: false,
        queries: group.map(([query, { kind }]) => ({ query, isAnswered: kind === "A" })),
      })),
    };
    const scores = scored(page, found);
    for (const key of ["p10", "found", "gapImpressions", "placed"] as const) {
      deepEqual(portion(scores[key]), 1, `${page.name}: ${key}`);
    }
    for (const key of ["answeredCalledGap", "hidden", "inNoise"] as const) {
      deepEqual(portion(scores[key]), 0, `${page.name}: ${key}`);
    }
    deepEqual([scores.ari, scores.junk], [1, 0], page.name);
    // Positions are dealt out anew, never changed.
    const positions = (rows: { position: number | null }[]) =>
      rows.map(({ position }) => position).sort();
    deepEqual(positions(withoutHints(page).rows), positions(page.rows));
  }
});

Deno.test("the adjusted Rand index is 1 for the same groups and 0 for one group of all", () => {
  deepEqual(adjustedRandIndex(["a", "a", "b"], ["x", "x", "y"]), 1);
  deepEqual(adjustedRandIndex(["a", "a", "a", "a"], ["x", "x", "y", "y"]), 0);
});
