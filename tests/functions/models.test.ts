// Models by configuration on the real stack: their limits hold for all workers, they are never mixed, and what they cost
// is known.

import { deepEqual, equal, ok } from "node:assert/strict";
import { type Stack, startStack } from "../../local/stack.ts";
import { deno } from "./fakes.ts";
import { Lane } from "./lane.ts";
import { keywords, writeSite } from "./site.ts";

const embedders = ["pageperfect-segment-embed-worker", "pageperfect-keyword-clustering-worker"];

/** Other settings for the functions from their next start on. */
async function configure(
  stack: Stack,
  env: Record<string, string>,
  settings: Record<string, string>,
) {
  Object.assign(env, settings);
  for (const name of [...embedders, "pageperfect-rewrite-draft-worker"]) {
    await stack.killFunction(name, "SIGTERM");
  }
}

/** Keywords that no other job has, so that none of them is cached. */
const keywordsOf = (job: number) =>
  keywords.map((keyword) => ({ ...keyword, query: `${keyword.query} ${job}` }));

Deno.test({
  name: "models_on_the_real_stack",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(test) {
    const env: Record<string, string> = {};
    await using stack = await startStack({ deno, ticker: false, env });
    const { sql, standins } = stack;
    const lane = new Lane(stack, await stack.serveFile(await writeSite()));

    /** Sends jobs through at once and waits for all of them. */
    const run = async (first: number, count: number) => {
      const ids = await Promise.all(
        Array.from({ length: count }, (_, i) =>
          lane.submit(`article.html?${first + i}`, {
            keywords: keywordsOf(first + i),
            generate_draft: false,
          })),
      );
      const ends = [];
      for (const id of ids) ends.push(await lane.end(id));
      deepEqual(ends, ids.map(() => "completed"));
      const [{ attempts, letters }] = await sql`
        select max(attempt_count) as attempts, (select count(*)::int from pageperfect_dead_letters) as letters
        from pageperfect_job_stages where job_id = any (${ids})`;
      deepEqual([attempts, letters], [1, 0], "no attempt is spent, no job is lost");
      return standins.calls.filter(({ api }) => api === "embeddings").sort((a, b) => a.at - b.at);
    };

    await test.step("one_workers_refusal_stops_all_workers_until_its_end", async () => {
      await configure(stack, env, { EMBEDDING_BATCH_SIZE: "1" });
      await sql`update pipeline.stage_config set max_concurrency = 8, trigger_batch_size = 8`;
      standins.reset();
      // Its half is many times what a slow machine takes for a call.
      const refusedSeconds = 20;
      for (let i = 0; i < 8; i++) standins.fail({ api: "embeddings", delayMs: 50 });
      standins.fail({ api: "embeddings", status: 429, retryAfter: refusedSeconds });
      const calls = await run(0, 8);
      const refused = calls.filter(({ status }) => status === 429);
      equal(refused.length, 1);
      const [{ until }] = await sql`select blocked_until as until from model_limits`;
      const half = refusedSeconds / 2 * 1000;
      const noted = until.getTime() - 2 * half;
      ok(noted < refused[0].at + half, `noted ${noted - refused[0].at} ms after the refusal`);
      // Calls that had got leave before cannot be held back; they come within moments.
      const blocked = calls.filter(({ at }) => at > noted + half && at < until.getTime());
      equal(blocked.length, 0, `${blocked.length} calls while the model was blocked`);
      ok(calls.filter(({ at }) => at >= until.getTime()).length >= 20, "they go on after it");
      await sql`delete from model_limits`;
    });

    await test.step("a_limit_that_answers_tell_is_kept_by_all_workers_together", async () => {
      standins.reset();
      standins.limit("embeddings", 20, 4);
      const calls = await run(100, 6);
      const refused = calls.filter(({ status }) => status === 429);
      console.log(
        `${calls.length - refused.length} calls at 5 a second, ${refused.length} refused`,
      );
      ok(calls.length - refused.length >= 48);
      // Nobody knows the limit before the first answers, and 24 calls may be on their way then.
      ok(
        calls.slice(20 + 24).every(({ status }) => status !== 429),
        "none once the limit is known",
      );
      const [{ capacity }] = await sql`select capacity from model_limits where unit = 'requests'`;
      equal(capacity, 20);
      await sql`delete from model_limits`;
    });

    await test.step("a_limit_that_an_operator_sets_is_kept_exactly", async () => {
      standins.reset();
      const start = Date.now();
      await sql`insert into model_limits (provider, model, unit, per_minute, available)
        values ('127.0.0.1', ${stack.embedding.model}, 'requests', 300, 0)`;
      const calls = await run(200, 4);
      ok(calls.length >= 32);
      calls.forEach(({ at }, i) =>
        ok(i < (at - start) / 1000 * 5, `call ${i} after ${at - start} ms at 5 a second`)
      );
      await sql`delete from model_limits`;
    });

    await test.step("parallel_claims_on_one_bucket_never_overdraw_it", async () => {
      await sql`insert into model_limits (provider, model, unit, per_minute) values ('p', 'm', 'requests', 10)`;
      const waits = await Promise.all(
        Array.from({ length: 40 }, () => sql`select begin_model_call('p', 'm', 1) as seconds`),
      );
      equal(waits.filter(([{ seconds }]) => seconds === 0).length, 10);
    });

    const page = "article.html?models";
    const modelsOf = async (id: string) => {
      const found = await sql`
        select 'segments' as what, model, dimensions, count(*)::int from page_embeddings where job_id = ${id} group by 2, 3
        union all
        select 'clusters', model, dimensions, count(*)::int from keyword_clusters where job_id = ${id} group by 2, 3`;
      ok(found.every(({ count }) => count > 2));
      return found.map(({ what, model, dimensions }) => [what, model, dimensions]);
    };
    const all = (model: string, dimensions: number) =>
      ["segments", "clusters"].map((what) => [what, model, dimensions]);
    const [small, builtIn] = [stack.embedding, { model: "gte-small", dimensions: 384 }];

    await test.step("another_model_embeds_everything_anew_and_both_stay_in_the_cache", async () => {
      await configure(stack, env, { EMBEDDING_BATCH_SIZE: "64" });
      const first = await lane.submit(page, { generate_draft: false });
      equal(await lane.end(first), "completed");
      deepEqual(await modelsOf(first), all(small.model, small.dimensions));

      standins.reset();
      await configure(stack, env, { EMBEDDING_PROVIDER: "supabase" });
      const second = await lane.submit(page, {
        generate_draft: false,
        parameters: { method: "cosine" },
      });
      equal(await lane.end(second), "completed");
      deepEqual(await modelsOf(second), all(builtIn.model, builtIn.dimensions));
      const [{ report }] = await sql`select get_pageperfect_report(${second}) as report`;
      deepEqual([report.method.model, report.method.dimensions], ["gte-small", 384]);
      ok(report.topics.every(({ coverage }: { coverage: number }) => coverage > 0.1));
      const asked = standins.calls.filter(({ api }) => api === "session");
      const [{ texts }] =
        await sql`select count(*)::int as texts from embedding_cache where model = 'gte-small'`;
      deepEqual([asked.length, standins.calls.some(({ api }) => api === "embeddings")], [
        texts,
        false,
      ]);
      const cached =
        await sql`select model, dimensions from embedding_cache group by 1, 2 order by 2`;
      deepEqual(cached.map((row) => ({ ...row })), [{ ...small }, builtIn]);
    });

    await test.step("a_model_that_changes_between_two_stages_is_mixed_with_none", async () => {
      await sql`update pipeline.stage_config set enabled = false where stage = 'keyword_clustering'`;
      standins.reset();
      const id = await lane.submit(page, { generate_draft: false });
      while ((await lane.stage(id, "segment_embed"))?.status !== "completed") {
        await lane.ring();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await configure(stack, env, { EMBEDDING_PROVIDER: "" });
      await sql`update pipeline.stage_config set enabled = true`;
      equal(await lane.end(id), "completed");
      deepEqual(await modelsOf(id), all(small.model, small.dimensions));
      equal((await lane.eventsOf(id, "sent_back")).length, 1);
      equal(standins.calls.filter(({ api }) => api === "embeddings").length, 0, "all cached");
      deepEqual(await sql`select * from check_invariants()`.values(), []);
    });

    await test.step("a_server_without_key_base64_and_limits_serves_as_well", async () => {
      await sql`truncate embedding_cache`;
      standins.reset();
      await configure(stack, env, {
        EMBEDDING_BASE_URL: `${stack.standinUrl}/ollama/v1`,
        EMBEDDING_API_KEY: "",
        DRAFT_BASE_URL: `${stack.standinUrl}/ollama/v1`,
        DRAFT_API_KEY: "",
      });
      const id = await lane.submit(page);
      equal(await lane.end(id), "completed");
      deepEqual(await modelsOf(id), all(small.model, small.dimensions));
    });

    await test.step("every_call_is_paid_for_a_draft_that_was_useless_too", async () => {
      await sql`truncate embedding_cache`;
      await sql`update pipeline.stage_config set retry_delay_seconds = 1`;
      await sql`insert into model_prices (provider, model, input_usd, output_usd)
        values ('127.0.0.1', 'offline-outline', 1, 10)`;
      standins.reset();
      standins.fail({ api: "chat", body: "Sure! Here is your section." });
      const id = await lane.submit(page);
      equal(await lane.end(id), "completed");
      const [{ report }] = await sql`select get_pageperfect_report(${id}) as report`;
      const [segments, queries, draft] = report.costs;
      deepEqual([segments.stage, queries.stage, draft.stage], [
        "segment_embed",
        "keyword_clustering",
        "rewrite_draft",
      ]);
      deepEqual([segments.cost_usd, segments.input_tokens], [
        0,
        report.usage.segment_embed.embedding_tokens,
      ]);
      equal(draft.call_count, 2);
      equal(draft.input_tokens, report.usage.rewrite_draft.prompt_tokens);
      equal(draft.cost_usd, (draft.input_tokens + 10 * draft.output_tokens) / 1e6);
      const [cost] =
        await sql`select sum(cost_usd)::float as dollars, sum(unpriced_count)::int as unpriced
        from v_pageperfect_costs where url = (select url from pageperfect_jobs where id = ${id}) and stage = 'rewrite_draft'`;
      deepEqual([cost.dollars >= draft.cost_usd, cost.unpriced], [true, 0]);

      const response = await fetch(
        `${stack.apiUrl}/functions/v1/content-queue-dispatcher?format=prometheus`,
        { headers: { apikey: stack.secretKey } },
      );
      ok(
        /^pageperfect_model_cost_usd_last_day\{provider="127\.0\.0\.1",model="offline-outline"\} 0\.\d+$/m
          .test(await response.text()),
      );
    });
  },
});

Deno.test({
  name: "the_built_in_model_works_a_page_off_over_many_invocations",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    // Deno 2.1 knows no --preload, and tells no CPU time.
    await using stack = await startStack({
      deno: "newest",
      ticker: false,
      preload: new URL("busy_session.ts", import.meta.url).pathname,
      env: { EMBEDDING_PROVIDER: "supabase" },
    });
    const { sql, standins } = stack;
    const lane = new Lane(stack, await stack.serveFile(await writeSite()));
    const queries = Array.from({ length: 60 }, (_, i) => ({
      query: `${["red", "green", "blue"][i % 3]} question number ${i}`,
      impressions: i,
      clicks: 0,
      position: 9,
    }));
    const id = await lane.submit("article.html", { keywords: queries, generate_draft: false });
    equal(await lane.end(id), "completed");
    const pauses = (await lane.eventsOf(id, "deferred"))
      .filter(({ stage }) => stage === "keyword_clustering").length;
    console.log(`60 texts of 0.1 s CPU in ${pauses + 1} invocations`);
    ok(pauses >= 5 && pauses <= 14, `${pauses} pauses`);
    equal(
      (await lane.stage(id, "keyword_clustering")).attempt_count,
      1,
      "no pause spends an attempt",
    );
    const [{ texts }] =
      await sql`select count(*)::int as texts from embedding_cache where dimensions = 384`;
    ok(texts > 60);
    equal(standins.calls.filter(({ api }) => api === "session").length, texts, "no text twice");
    const [{ costs }] = await sql`select get_pageperfect_report(${id}) -> 'costs' as costs`;
    deepEqual(
      costs.map((c: { provider: string; cost_usd: number }) => [c.provider, c.cost_usd]),
      [["supabase", 0], ["supabase", 0]],
    );
  },
});
