// A job posted over HTTP, then nobody touches anything.

import { deepEqual, equal, ok } from "node:assert/strict";
import { startStack } from "../../local/stack.ts";

const keywords = [
  ["best beehive for beginners", 900],
  ["beginner beehive", 700],
  ["when to feed bees in autumn", 400],
  ["feeding bees in autumn", 300],
  ["hire a honey extractor", 800],
  ["honey extractor hire near me", 600],
  ["moving house checklist", 50],
].map(([query, impressions]) => ({ query, impressions, clicks: 1, position: 8.5 }));

const page = `<!doctype html><html lang="en"><head><title>Keeping bees</title></head>
<body><nav><a href="/">Home</a> <a href="/shop">Shop</a></nav><main>
<h1>Keeping bees</h1><p>A hive needs a sunny place out of the wind, with water near and flowers within a mile.</p>
<h2>The best beehive for beginners</h2><p>The best beehive for beginners is a Langstroth hive: its boxes and frames are sold everywhere.</p>
<h2>Feeding bees in autumn</h2><p>When to feed bees in autumn: feed sugar syrup in September until the hive is heavy.</p>
</main><footer>Imprint</footer></body></html>`;

Deno.test("a posted job runs through six stages and leaves nothing behind", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/bees.html`, page);
  await using stack = await startStack();
  const post = (body: unknown) =>
    fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${stack.serviceRoleKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });

  const response = await post({
    url: await stack.serveFile(`${dir}/bees.html`),
    priority: 1,
    keywords,
    // The small offline model of tests judges three topics of a few words each best by the plain rule.
    parameters: { method: "cosine" },
  });
  equal(response.status, 202);
  const { job_id } = await response.json();
  ok(job_id);

  const until = Date.now() + 300_000;
  let status = "";
  while (Date.now() < until && !["completed", "failed"].includes(status)) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    [{ status }] = await stack
      .sql`select status from v_pageperfect_job_status where job_id = ${job_id}`;
  }
  equal(status, "completed");

  const stages = await stack.sql`
    select stage, status, attempt_count, started_at is not null and finished_at >= started_at as has_times
    from pageperfect_job_stages where job_id = ${job_id} order by started_at`;
  deepEqual(
    stages.map(({ stage, status, attempt_count, has_times }) => [
      stage,
      status,
      attempt_count,
      has_times,
    ]),
    [
      "submit_crawl",
      "wait_crawl",
      "segment_embed",
      "keyword_clustering",
      "gap_analysis",
      "rewrite_draft",
    ]
      .map((stage) => [stage, "completed", 1, true]),
  );
  const [left] = await stack.sql`
    select (select count(*)::int from pgmq.q_pageperfect) as messages,
      (select count(*)::int from pageperfect_dead_letters) as dead_letters,
      (select count(*)::int from check_invariants()) as broken`;
  deepEqual({ ...left }, { messages: 0, dead_letters: 0, broken: 0 });

  const [{ result }] = await stack.sql`select result from pageperfect_jobs where id = ${job_id}`;
  const gaps = result.edits.map(({ open_queries }: { open_queries: string[] }) =>
    open_queries.join(" ")
  );
  ok(/honey extractor/.test(gaps[0]), `the honey extractor is the greatest gap, not ${gaps[0]}`);
  ok(!gaps.some((gap: string) => /beehive/.test(gap)), "what a heading answers is no gap");
  ok(
    result.topics.some(({ queries }: { queries: { query: string }[] }) =>
      queries.some(({ query }) => query === "moving house checklist")
    ),
    "a query like no other is in a topic of its own",
  );
  ok(!JSON.stringify(result.segments).includes("Imprint"), "boilerplate is left out");
  ok(result.drafts[0].body_markdown.length > 200, "there is a draft");

  const again = await post({
    url: await stack.serveFile(`${dir}/bees.html`),
    keywords,
    generate_draft: false,
  });
  const second = await again.json();
  let usage: Record<string, { embedded_count?: number }> | undefined;
  while (Date.now() < until + 300_000 && !usage) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    [{ usage }] = await stack
      .sql`select result -> 'usage' as usage from pageperfect_jobs where id = ${second.job_id}`;
  }
  deepEqual(
    [usage?.segment_embed?.embedded_count, usage?.keyword_clustering?.embedded_count],
    [0, 0],
    "nothing is embedded twice",
  );
  await Deno.remove(dir, { recursive: true });
});
