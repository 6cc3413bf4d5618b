/**
 * The web app in Chromium on this machine: the bundle's size, the time until the first report stands, the map's frames
 * at 10,000 queries. Fails above the bars that do not depend on the machine: the bundle's size, and a layout that shifts.
 *
 *   ./pageperfect bench web [--quick]
 */
import { Command } from "npm:commander@15.1.0";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { startWorld, Visitor } from "../../tests/web/browser.ts";

const { quick } = new Command("bench web").option("--quick", "2,000 queries instead of 10,000")
  .parse(Deno.args, { from: "user" }).opts<{ quick?: boolean }>();
const queryCount = quick ? 2_000 : 10_000;
const dimensions = 256;
const failures: string[] = [];
const row = (what: string, figure: string, bar = "") =>
  console.log(`${what.padEnd(58)} ${figure.padStart(14)}  ${bar}`);

await using world = await startWorld();

// --- size: what a first visit loads, and everything there is ---------------------------------------
let first = 0, all = 0;
for await (const { name } of Deno.readDir(world.bundle)) {
  if (!/\.(js|css|html|svg)$/.test(name)) continue;
  const bytes = await Deno.readFile(`${world.bundle}/${name}`);
  // The wasm modules are text in the scripts that load them.
  const text = new TextDecoder().decode(bytes).replace(/"[A-Za-z0-9+/=]{10000,}"/g, '""');
  const size = gzipSync(Buffer.from(text), { level: 9 }).length;
  all += size;
  if (/^(main|styles|index|icon|chunk)/.test(name)) first += size;
}
row("first visit, gzip", `${(first / 1000).toFixed(1)} kB`);
row("whole app without wasm, gzip", `${(all / 1000).toFixed(1)} kB`, "bar 200 kB");
if (all > 200_000) failures.push("the bundle has more than 200 kB");

// --- a report of many queries ------------------------------------------------------------------------
let state = 7;
const random = () => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32 - 0.5;
const topicCount = Math.round(queryCount / 8);
const centres = Array.from(
  { length: topicCount },
  () => Float32Array.from({ length: dimensions }, random),
);
const topics = centres.map((_, index) => ({
  id: index + 1,
  topic_index: index,
  label: `topic ${index}`,
  kind: ["gap", "partly", "answered", "improve"][index % 4],
  coverage: (index % 10) / 10,
  confidence: 0.9,
  intent: "informational",
  impressions: 1 + Math.round(1e5 / (index + 1)),
  clicks: 10,
  avg_position: 9,
  expected_clicks: 3,
  opportunity: 10,
  best_segment_id: 1,
  second_segment_id: null,
  queries: Array.from({ length: 8 }, (_, n) => ({
    query: `query ${index} ${n}`,
    variants: [],
    impressions: 10,
    clicks: 1,
    position: 9,
    coverage: (index % 10) / 10,
    segment_id: 1,
    is_answered: index % 10 > 6,
    missing_terms: [],
  })),
}));
const { sql } = world.stack;
const example = JSON.parse(
  await Deno.readTextFile(new URL("../../tests/report/result.json", import.meta.url)),
);
const result = { ...example, topics, method: { ...example.method, model: "bench", dimensions } };
const [{ id: pageId }] = await sql`
  insert into public.pages (url, title) values ('https://bench.example/', 'A page of many queries') returning id`;
const job = async (value: object) =>
  (await sql`
    insert into public.pageperfect_jobs (url, page_id, status, stage, completed_at, result)
    values ('https://bench.example/', ${pageId}, 'completed', 'rewrite_draft', now(), ${
    sql.json(value as never)
  }) returning id`)[0].id;
const small = await job(example);
const large = await job(result);
for (const [index, topic] of topics.entries()) {
  const vectors = topic.queries.map(() => {
    const vector = Float32Array.from(centres[index], (x) => x + 0.8 * random());
    return Buffer.from(vector.buffer).toString("base64");
  });
  await sql`select public.embedding_cache_put('bench', ${dimensions}, ${
    topic.queries.map(({ query }) => query)
  }, ${vectors})`;
}

async function timeTo(path: string, text: string): Promise<{ ms: number; shift: number }> {
  await using visitor = await Visitor.open(world);
  await visitor.page.goto("about:blank");
  await visitor.page.addInitScript(`
    window.shift = 0;
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value; }).observe({ type: "layout-shift", buffered: true });
  `);
  const started = performance.now();
  await visitor.page.goto(`${visitor.base}/#/${path}`);
  await visitor.page.getByText(text).first().waitFor();
  const ms = performance.now() - started;
  await visitor.page.waitForTimeout(500);
  return { ms, shift: await visitor.page.evaluate("window.shift") as number };
}

const times: number[] = [];
let shift = 0;
for (let n = 0; n < 5; n++) {
  const measured = await timeTo(`report/${small}`, "This page answers");
  times.push(measured.ms);
  shift = Math.max(shift, measured.shift);
}
times.sort((a, b) => a - b);
row(
  "load to first report, median of 5",
  `${Math.round(times[2])} ms`,
  "aim 1000 ms, quiet machine",
);
row("layout shift while it loads (CLS)", shift.toFixed(3), "bar 0.1");
if (shift > 0.1) failures.push("the layout shifts");
row(
  `load to the report of ${queryCount} queries`,
  `${Math.round((await timeTo(`report/${large}`, "This page answers")).ms)} ms`,
);

// --- the map ---------------------------------------------------------------------------------------------
await using visitor = await Visitor.open(world);
const { page } = visitor;
const opened = performance.now();
await page.goto(`${visitor.base}/#/report/${large}/map`);
await page.getByText(new RegExp(`^${queryCount.toLocaleString("en-GB")} queries$`)).waitFor({
  timeout: 600_000,
});
row(
  `map of ${queryCount} queries, loaded and laid out`,
  `${((performance.now() - opened) / 1000).toFixed(1)} s`,
);
const box = (await page.locator(".map canvas").boundingBox())!;
await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
await page.mouse.down();
const frames = page.evaluate(`new Promise((resolve) => {
  const times = [];
  const started = performance.now();
  const next = (now) => { times.push(now); now - started < 3000 ? requestAnimationFrame(next) : resolve(times); };
  requestAnimationFrame(next);
})`) as Promise<number[]>;
for (let n = 0; n < 150; n++) {
  await page.mouse.move(
    box.x + box.width / 2 + 120 * Math.sin(n / 8),
    box.y + box.height / 2 + 80 * Math.cos(n / 8),
  );
}
const moments = await frames;
await page.mouse.up();
const gaps = moments.slice(1).map((moment, index) => moment - moments[index]).sort((a, b) => a - b);
row(
  "frames a second while it is dragged",
  (1000 * gaps.length / (moments.at(-1)! - moments[0])).toFixed(0),
  "aim 60, quiet machine",
);
row("95th percentile of a frame", `${gaps[Math.floor(gaps.length * 0.95)].toFixed(1)} ms`);

console.log(failures.length === 0 ? "\nall bars held" : `\nFAILED: ${failures.join("; ")}`);
Deno.exitCode = failures.length === 0 ? 0 : 1;
