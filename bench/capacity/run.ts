// How many pages a day a deployment carries, what saturates first, and what 1,000 pages cost.
//
// What the database does for a page is measured on the embedded Postgres: time and storage. How long the outside
// takes and what it costs are assumptions, all in `assumed` (model.ts); `--stage.crawl=12 --price.embedding=0.13` changes them.
// The stages' limits are read from the migrated database, so the table follows what is configured.

import { startStack } from "../../local/stack.ts";
import type { Sql } from "npm:postgres@3.4.9";
import {
  assume,
  assumed,
  busiest,
  day,
  flow,
  generator,
  number,
  percent,
  type Resource,
  type Step,
} from "./model.ts";

/** The bar: what the settings as migrated must carry, and the database alone, pages a day. */
const bar = { asMigrated: 5_000, database: 100_000 };

for (const flag of Deno.args) assume(flag);
await using stack = await startStack({ ticker: false });
const database = await measureDatabase(stack.sql, 30);
const limits = await stack.sql<{ stage: string; max_concurrency: number }[]>`
  select stage, max_concurrency from pipeline.stage_config
  where pipeline = 'pageperfect' and stage <> 'wait_crawl' order by position`;

const tokens = assumed.page.segments * assumed.page.segment_tokens +
  assumed.page.keywords * assumed.page.keyword_tokens;
const draftTokens = assumed.draft.prompt_tokens + assumed.draft.completion_tokens;

/** What every page needs a share of, besides the stages. */
const shared: Resource[] = [
  {
    name: "crawl concurrency",
    capacity: assumed.crawl.concurrency * day / assumed.crawl.seconds,
  },
  { name: "embedding tokens", capacity: assumed.limit.embedding_tokens * 1_440 / tokens },
  { name: "draft tokens", capacity: assumed.limit.draft_tokens * 1_440 / draftTokens },
  { name: "database", capacity: assumed.database.cores * day / database.seconds },
];
const stages = (concurrency: Map<string, number>): Resource[] =>
  [...concurrency].map(([stage, count]) => ({
    name: `${stage} (${count})`,
    capacity: count * day / assumed.stage[stage],
  }));
console.log(
  `database, measured: ${(database.seconds * 1000).toFixed(0)} ms and ${
    (database.bytes / 1000).toFixed(0)
  } kB a page ` +
    `(${assumed.page.segments} segments, ${assumed.page.keywords} keywords, 1,536 dimensions)\n`,
);

const migrated = new Map(limits.map(({ stage, max_concurrency }) => [stage, max_concurrency]));
const volumes = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

console.log("As migrated");
row("pages/day", "saturates first", "its use", "job p50", "job p95");
for (const pages of volumes) {
  const first = busiest([...stages(migrated), ...shared]);
  const use = pages / first.capacity;
  const [p50, p95] = use < 1 ? simulate(pages, migrated) : ["-", "-"];
  row(number(pages), first.name, percent(use), p50, p95);
}

console.log("\nWith max_concurrency raised until every stage is used to 70 % at most");
row("pages/day", "saturates next", "its use", "max_concurrency (in the order of the stages)", "");
for (const pages of volumes) {
  const raised = new Map([...migrated].map(([stage, count]) => [
    stage,
    Math.max(count, Math.ceil(pages * assumed.stage[stage] / day / 0.7)),
  ]));
  const next = busiest(shared);
  const use = pages / next.capacity;
  row(
    number(pages),
    next.name,
    percent(use) + (use >= 1 ? " !" : ""),
    [...raised.values()].join(" "),
    "",
  );
}

console.log("\nCost of 1,000 pages, dollars, at the assumed prices");
const costs: Record<string, number> = {
  "embeddings": tokens * 1_000 / 1e6 * assumed.price.embedding,
  "drafts": (assumed.draft.prompt_tokens * assumed.price.draft_prompt +
    assumed.draft.completion_tokens * assumed.price.draft_completion) * 1_000 / 1e6,
  "crawls (paid crawler)": assumed.price.crawl * 1_000,
  "function invocations": assumed.calls.invocations * 1_000 / 1e6 * assumed.price.invocations,
  "storage, a month": database.bytes * 1_000 / 1e9 * assumed.price.storage,
};
for (const [name, dollars] of Object.entries(costs)) {
  console.log(`  ${name.padEnd(24)}${dollars.toFixed(3).padStart(8)}`);
}
const total = Object.values(costs).reduce((sum, dollars) => sum + dollars, 0);
console.log(`  ${"together".padEnd(24)}${total.toFixed(3).padStart(8)}`);

const carried = busiest([...stages(migrated), ...shared]).capacity;
const carriedByDatabase = shared.find(({ name }) => name === "database")!.capacity;
console.log(
  `\nas migrated ${number(Math.floor(carried))} pages a day (bar ${number(bar.asMigrated)}), ` +
    `database ${number(Math.floor(carriedByDatabase))} (bar ${number(bar.database)})`,
);
if (carried < bar.asMigrated || carriedByDatabase < bar.database) Deno.exit(1);

/** Seconds of one connection, and bytes at rest, that the database spends on a page. */
async function measureDatabase(
  sql: Sql,
  pages: number,
): Promise<{ seconds: number; bytes: number }> {
  const dimensions = 1_536;
  const unit = () => {
    const vector = Array.from({ length: dimensions }, () => Math.random() - 0.5);
    const length = Math.hypot(...vector);
    return `[${vector.map((value) => (value / length).toFixed(7)).join(",")}]`;
  };
  const { segments, keywords, clusters } = assumed.page;
  const html = "<p>What a page says.</p>".repeat(3_000);
  const output: Record<string, () => Promise<unknown> | unknown> = {
    submit_crawl: () => ({ url: "https://example.com/" }),
    wait_crawl: () => ({}),
    segment_embed: () => ({
      page: { title: "A page" },
      model: "m",
      dimensions,
      segments: Array.from({ length: segments }, (_, position) => ({
        position,
        kind: "paragraph",
        heading_path: ["A heading"],
        text: `${position} ${"what a paragraph says ".repeat(8)}`,
        embedding: unit(),
      })),
    }),
    keyword_clustering: () => ({
      model: "m",
      dimensions,
      eps: 0.3,
      min_points: 2,
      clusters: Array.from({ length: clusters }, (_, i) => ({
        cluster_index: i,
        is_noise: false,
        label: `cluster ${i}`,
        medoid_query: `query ${i}`,
        queries: [`query ${i}`],
        size: 1,
        impressions: 10,
        clicks: 1,
        centroid: unit(),
      })),
    }),
    gap_analysis: () => ({ threshold: 0.7, top: 10, recommendations: [], coverage: [] }),
    rewrite_draft: () => ({ skipped: true, reason: "no recommendation" }),
  };
  const outputs = new Map<string, unknown>();
  for (const [stage, make] of Object.entries(output)) outputs.set(stage, await make());

  // Made beforehand: what the client does is not the database's time.
  const cached = Array.from({ length: Math.max(segments, keywords) }, () => bytesOf(dimensions));

  const runPage = async (number: number) => {
    const request = {
      url: `https://example.com/${number}`,
      keywords: Array.from({ length: keywords }, (_, i) => ({
        query: `query ${i} of page ${number}`,
        impressions: 10,
        clicks: 1,
        position: 5,
      })),
    };
    const [{ job }] = await sql`select create_pageperfect_job(${sql.json(request)}) as job`;
    for (const stage of outputs.keys()) {
      if (stage === "wait_crawl") {
        const [{ crawl }] = await sql`select claim_stage('fetch', 'crawl', 120) as crawl`;
        await sql`select commit_crawl(${crawl.msg_id}, ${crawl.read_ct},
          ${sql.json({ html, http_status: 200, provider: "direct" })})`;
      }
      const [{ claim }] = await sql`select claim_stage('pageperfect', ${stage}, 600) as claim`;
      await sql.unsafe(`select input_${stage}($1)`, [job.job_id]);
      const count = { segment_embed: segments, keyword_clustering: keywords }[stage] ?? 0;
      if (count > 0) {
        const texts = Array.from({ length: count }, (_, i) => `${stage} ${i} of page ${number}`);
        const embeddings = cached.slice(0, count);
        await sql`select embedding_cache_get('m', ${dimensions}, ${texts})`;
        await sql`select embedding_cache_put('m', ${dimensions}, ${texts}, ${embeddings})`;
      }
      const answer = outputs.get(stage) as Parameters<Sql["json"]>[0];
      const [{ result }] = await sql`
        select ${sql(`commit_${stage}`)}(${claim.msg_id}, ${claim.read_ct}, ${
        sql.json(answer)
      }) as result`;
      if (result.status !== "committed") throw new Error(`${stage}: ${JSON.stringify(result)}`);
    }
  };
  const size = async () => {
    const [{ bytes }] = await sql`
      select sum(pg_total_relation_size(c.oid))::float8 as bytes
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('public', 'pipeline', 'pgmq') and c.relkind = 'r'`;
    return bytes as number;
  };
  await runPage(0);
  const before = await size();
  const started = performance.now();
  for (let page = 1; page <= pages; page++) await runPage(page);
  const seconds = (performance.now() - started) / 1000 / pages;
  return { seconds, bytes: (await size() - before) / pages };
}

/** An embedding as the API sends it. Random bytes: real ones compress no better. */
function bytesOf(dimensions: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(dimensions * 4));
  return btoa(String.fromCharCode(...bytes));
}

/** Median and 95th percentile of a job's time: Poisson arrivals, each stage a queue with its limit of servers. */
function simulate(pagesPerDay: number, concurrency: Map<string, number>): [string, string] {
  const random = generator(1);
  const jobs = Math.min(20_000, Math.max(2_000, pagesPerDay));
  let clock = 0;
  const arrivals = Array.from(
    { length: jobs },
    () => clock += -day / pagesPerDay * Math.log(1 - random()),
  );
  const steps: Step[] = [];
  for (const [stage, servers] of concurrency) {
    steps.push({ servers, seconds: assumed.stage[stage] });
    if (stage === "submit_crawl") {
      steps.push({ servers: assumed.crawl.concurrency, seconds: assumed.crawl.seconds });
    }
  }
  const ends = flow(arrivals, steps, random);
  const times = ends.map((end, job) => end - arrivals[job]).sort();
  const at = (part: number) => `${times[Math.floor(times.length * part)].toFixed(0)} s`;
  return [at(0.5), at(0.95)];
}

function row(...[pages, name, use, third, fourth]: string[]) {
  console.log(
    `  ${pages.padStart(9)}  ${name.padEnd(24)}${use.padStart(9)}  ${third.padStart(8)}  ${
      fourth.padStart(8)
    }`.trimEnd(),
  );
}
