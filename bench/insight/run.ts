/**
 * Does it find what pages do not answer? The product's analysis of labelled pages beside the plain rule (parameters.method =
 * "cosine"), several embedding models, as shares and ratios. Fails below its bars.
 *
 *   ./pageperfect bench insight [--data DIR] [--short] [--json]
 */
import { Command } from "npm:commander@15.1.0";
import { ablated, type AblationScores, calibratedGaps } from "./ablation.ts";
import {
  analysisOf,
  calibrated,
  cosine,
  type Embedded,
  embedded,
  offlineModels,
  squeezed,
} from "./analysis.ts";
import { labelledPages, ownPages, withoutHints } from "./labels.ts";
import { portion, scored, type Scores, together } from "./score.ts";

interface Options {
  data?: string;
  short?: boolean;
  json?: boolean;
  pages?: boolean;
  dump?: string;
  engine?: string;
}

const options = new Command("bench insight")
  .description("labelled pages, scored: gaps, topics and places, beside the plain rule")
  .option(
    "--data <dir>",
    "more labelled pages: a folder with topics/NAME.txt, NAME/page.html.xz and NAME/Queries.csv",
  )
  .option("--short", "the default model on our own pages alone")
  .option("--pages", "a line a page as well")
  .option("--json", "all figures as JSON")
  .option(
    "--dump <file>",
    "write what the engine is given as JSON lines, vectors and all, and stop",
  )
  .option("--engine <command>", "judge a native `pageperfect-score page` instead of the built wasm")
  .parse(Deno.args, { from: "user" }).opts<Options>();

/** What the default model must show on our own pages: somewhat below what it does, so that a change for the worse is seen. */
const bars: { figure: keyof Figures; least?: number; most?: number }[] = [
  { figure: "p10", least: 0.7 },
  { figure: "found", least: 0.8 },
  { figure: "gapImpressions", least: 0.75 },
  { figure: "answeredCalledGap", most: 0.33 },
  { figure: "hidden", most: 0.12 },
  { figure: "inNoise", most: 0 },
  { figure: "junk", most: 0 },
  { figure: "placed", least: 0.48 },
  { figure: "ari", least: 0.48 },
];

type Figures = Record<Exclude<keyof Scores, "junk">, number> & { junk: number };

const figures = (scores: Scores): Figures => ({
  p10: portion(scores.p10),
  found: portion(scores.found),
  gapImpressions: portion(scores.gapImpressions),
  answeredCalledGap: portion(scores.answeredCalledGap),
  hidden: portion(scores.hidden),
  inNoise: portion(scores.inNoise),
  junk: scores.junk,
  placed: portion(scores.placed),
  ari: scores.ari,
});

interface Line {
  set: string;
  model: string;
  rule: string;
  page?: string;
  figures: Figures;
}

async function analysed(pages: Embedded[]) {
  if (!options.engine) return pages.map((page) => calibrated(page));
  const child = new Deno.Command(options.engine, {
    args: ["page"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const written = new Response(pages.map(lineOf).join("")).body!.pipeTo(child.stdin);
  const [{ stdout }] = await Promise.all([child.output(), written]);
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) =>
    analysisOf(JSON.parse(line))
  );
}

const lineOf = ({ page, queryVectors, segmentVectors, isEnglishModel, ...rest }: Embedded) =>
  JSON.stringify({
    id: page.name,
    ...rest,
    is_english_model: isEnglishModel,
    segment_vectors: segmentVectors.map((vector) => Array.from(vector)),
    query_vectors: queryVectors.map((vector) => Array.from(vector)),
  }) + "\n";

const sets = [{ name: "own", pages: await labelledPages(ownPages) }];
if (options.data) {
  const pages = await labelledPages(options.data);
  sets.push({ name: "data", pages });
  if (!options.short) {
    sets.push({ name: "data, positions dealt anew", pages: pages.map(withoutHints) });
  }
}
const [standard, ...others] = await offlineModels();
const models = options.short ? [standard] : [standard, ...others, squeezed(standard, 0.7)];
const names = models.map(({ name }, index) => index > 1 ? `${name}, squeezed` : name);

const lines: Line[] = [];
const ablations: { model: string; rule: string; scores: AblationScores }[] = [];
for (const [index, model] of models.entries()) {
  for (const { name: set, pages } of sets) {
    const all: Embedded[] = [];
    for (const page of pages) all.push(await embedded(page, model));
    if (options.dump) {
      await Deno.writeTextFile(
        `${options.dump}-${names[index]}-${set}.jsonl`.replaceAll(/[ ,]+/g, "_"),
        all.map(lineOf).join(""),
      );
      continue;
    }
    const rules: [string, (Scores)[]][] = [
      ["calibrated", (await analysed(all)).map(({ found }, at) => scored(pages[at], found))],
      ["cosine", all.map((page, at) => scored(pages[at], cosine(page)))],
    ];
    for (const [rule, scores] of rules) {
      lines.push({ set, model: names[index], rule, figures: figures(together(scores)) });
      if (!options.pages) continue;
      scores.forEach((score, at) =>
        lines.push({
          set,
          model: names[index],
          rule,
          page: pages[at].name,
          figures: figures(score),
        })
      );
    }
    if (set !== "own") continue;
    ablations.push({
      model: names[index],
      rule: "calibrated",
      scores: ablated(all, calibratedGaps),
    });
    const plain = (page: Embedded) =>
      new Map(
        cosine(page).topics.flatMap(({ queries }) =>
          queries.map(({ query, isAnswered }) => [query, !isAnswered] as const)
        ),
      );
    ablations.push({ model: names[index], rule: "cosine", scores: ablated(all, plain) });
  }
}
if (options.dump) Deno.exit(0);

const failures: string[] = [];
const judged = lines.find(({ set, rule, page }) =>
  set === "own" && rule === "calibrated" && page === undefined
)!;
for (const { figure, least, most } of bars) {
  const value = judged.figures[figure];
  if (least !== undefined && value < least) {
    failures.push(`${figure} is ${value.toFixed(3)}, below ${least}`);
  }
  if (most !== undefined && value > most) {
    failures.push(`${figure} is ${value.toFixed(3)}, above ${most}`);
  }
}

if (options.json) {
  console.log(JSON.stringify({ lines, ablations, bars, failures }, null, 1));
} else {
  const columns = [
    "p10",
    "found",
    "gapImpressions",
    "answeredCalledGap",
    "hidden",
    "inNoise",
    "junk",
    "placed",
    "ari",
  ] as const;
  const wide = (text: string) => text.padEnd(34);
  const heads = ["p10", "found", "imprs", "ans gap", "hidden", "noise", "junk", "placed", "ARI"];
  console.log(
    ["set", "model", "rule"].map(wide).join("") +
      heads.map((head) => head.padStart(8)).join(""),
  );
  for (const line of lines) {
    const head = [line.page ? `  ${line.page}` : line.set, line.model, line.rule].map(wide).join(
      "",
    );
    console.log(
      head +
        columns.map((key) =>
          (key === "junk" ? String(line.figures[key]) : line.figures[key].toFixed(2)).padStart(8)
        ).join(""),
    );
  }
  console.log(`\n${wide("sections taken off our own pages")}${wide("")}      F1  intact`);
  for (const { model, rule, scores } of ablations) {
    console.log(
      wide(model) + wide(rule) + scores.f1.toFixed(3).padStart(8) +
        scores.intact.toFixed(3).padStart(8),
    );
  }
  for (const failure of failures) console.log(`FAILED: ${failure}`);
}
Deno.exit(failures.length > 0 ? 1 : 0);
