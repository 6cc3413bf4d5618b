// A database as a2c8525 made it, with jobs in every state and its workers at work, is brought to this version: every job
// finishes, and every function is the new one.

import assert from "node:assert/strict";
import postgres from "npm:postgres@3.4.9";
import { exists, root } from "../../local/paths.ts";
import { type Stack, startStack } from "../../local/stack.ts";
import { applyStatement, readSchema, tidyStatement } from "../../supabase/schema.ts";

type Sql = postgres.Sql;

const stages = [
  "submit_crawl",
  "wait_crawl",
  "segment_embed",
  "keyword_clustering",
  "gap_analysis",
  "rewrite_draft",
];

/** The functions of this checkout on the database of a2c8525. */
async function startOldProject(): Promise<{ stack: Stack; projectDir: string }> {
  const projectDir = await Deno.makeTempDir({ prefix: "pageperfect-upgrade-" });
  await Deno.mkdir(`${projectDir}/supabase/migrations`, { recursive: true });
  await Deno.copyFile(
    `${root}/tests/upgrade/a2c8525.sql`,
    `${projectDir}/supabase/migrations/20251016110000_a2c8525.sql`,
  );
  await Deno.copyFile(`${root}/supabase/config.toml`, `${projectDir}/supabase/config.toml`);
  await Deno.symlink(`${root}/functions`, `${projectDir}/functions`);
  const stack = await startStack({ projectDir, ticker: false });
  // a2c8525 knew no ledger.
  await stack.sql`drop table pipeline.migrations, pipeline.objects, pipeline.adopted_tables`;
  return { stack, projectDir };
}

/** What a worker of a2c8525 commits, stage by stage. */
function outputsOf({ embedding: { model, dimensions } }: Stack): Record<string, unknown> {
  const vector = `[${Array.from({ length: dimensions }, (_, i) => (i === 0 ? 1 : 0)).join(",")}]`;
  return {
    wait_crawl: {},
    segment_embed: {
      page: { title: "A page" },
      model,
      dimensions,
      segments: [{
        position: 0,
        kind: "paragraph",
        heading_path: ["A heading"],
        text: "What a page says.",
        embedding: vector,
      }],
    },
    keyword_clustering: {
      model,
      dimensions,
      eps: 0.3,
      min_points: 2,
      clusters: [{
        cluster_index: 0,
        is_noise: false,
        label: "a question",
        medoid_query: "a question",
        queries: ["a question"],
        size: 1,
        impressions: 10,
        clicks: 1,
        avg_position: 3,
        cohesion: 1,
        terms: [],
        centroid: vector,
      }],
    },
    gap_analysis: { threshold: 0.7, top: 10, recommendations: [], coverage: [] },
    rewrite_draft: { skipped: true, reason: "no recommendation" },
  };
}

/** Works one message of a stage as a worker of a2c8525 does; false: there was none. */
async function work(sql: Sql, stage: string, outputs: Record<string, unknown>): Promise<boolean> {
  if (stage === "wait_crawl") {
    const [{ crawls }] = await sql`select claim_crawl_jobs(5, 5) as crawls`;
    for (const { id, attempt_count } of crawls) {
      await sql`select complete_crawl(${id}, ${attempt_count}, ${
        sql.json({ html: "<p>What a page says.</p>", http_status: 200, provider: "direct" })
      })`;
    }
  }
  const [{ claim }] = await sql`select claim_stage('pageperfect', ${stage}, 5) as claim`;
  if (!claim?.job_id) return false;
  const [{ input }] = await sql`select get_stage_input(${claim.job_id}, ${stage}) as input`;
  const output = sql.json(
    stage === "submit_crawl" ? input : outputs[stage] as Parameters<Sql["json"]>[0],
  );
  await sql.unsafe(`select commit_${stage}($1, $2, $3)`, [claim.msg_id, claim.read_ct, output]);
  return true;
}

Deno.test("jobs in every state, upgraded under load: all finish, all functions are new", async (t) => {
  const { stack, projectDir } = await startOldProject();
  const { sql } = stack;
  const connect = () => postgres(stack.dbUrl, { max: 1, onnotice: () => {}, fetch_types: false });
  try {
    const outputs = outputsOf(stack);
    const url = await stack.serveFile(`${root}/cli/sample/index.html`);
    let made = 0;
    const createJob = async (on: Sql, priority = 0): Promise<string> => {
      const request = {
        url: `${url}?${made++}`,
        priority,
        keywords: [{ query: "a question", impressions: 10, clicks: 1, position: 3 }],
      };
      const [{ job }] = await on`select create_pageperfect_job(${on.json(request)}) as job`;
      return job.job_id;
    };
    /** A job whose next message is that of `stage`. */
    const jobAt = async (stage: string): Promise<string> => {
      const id = await createJob(sql, 100);
      for (const earlier of stages.slice(0, stages.indexOf(stage))) {
        assert.ok(await work(sql, earlier, outputs), `${earlier} has a message`);
      }
      return id;
    };
    /** Behind all others, or the next job's work would be done on this one. */
    const putAside = () =>
      sql`update pgmq.q_pageperfect set message = jsonb_set(message, '{priority}', '-1')`;
    const expected = new Map<string, string>();

    await t.step("a2c8525: jobs in every state", async () => {
      for (const stage of stages) {
        expected.set(await jobAt(stage), `completed (was queued at ${stage})`);
        await putAside();
      }
      for (const stage of stages) {
        expected.set(await jobAt(stage), `completed (was processing ${stage})`);
        const [{ claim }] = await sql`select claim_stage('pageperfect', ${stage}, 1) as claim`;
        assert.ok(claim?.job_id);
        await putAside();
      }
      const sleeping = await jobAt("submit_crawl");
      const [{ claim }] = await sql`select claim_stage('pageperfect', 'submit_crawl', 5) as claim`;
      assert.equal(claim.job_id, sleeping);
      await sql`select defer_stage('pageperfect', ${claim.msg_id}, ${claim.read_ct}, 2, 'later')`;
      expected.set(sleeping, "completed (was asleep)");

      const retried = await jobAt("submit_crawl");
      const [{ failing }] =
        await sql`select claim_stage('pageperfect', 'submit_crawl', 5) as failing`;
      await sql`select fail_stage('pageperfect', ${failing.msg_id}, ${failing.read_ct}, '{"message": "x"}', 'retry', 2, 'x')`;
      expected.set(retried, "completed (waited for its retry)");

      const dead = await jobAt("gap_analysis");
      const [{ last }] = await sql`select claim_stage('pageperfect', 'gap_analysis', 5) as last`;
      await sql`select fail_stage('pageperfect', ${last.msg_id}, ${last.read_ct}, '{"message": "x"}', 'dead_letter', 0, 'x')`;
      assert.equal(last.job_id, dead);
      expected.set(dead, "failed");

      const cancelled = await jobAt("submit_crawl");
      await sql`select cancel_job('pageperfect', ${cancelled})`;
      expected.set(cancelled, "cancelled");

      const done = await jobAt("rewrite_draft");
      assert.ok(await work(sql, "rewrite_draft", outputs));
      expected.set(done, "completed (was before)");
    });

    await t.step("the upgrade, while workers of a2c8525 are at work", async () => {
      let isUpgraded = false, worked = 0, workedAfter = 0;
      const errors = new Set<string>();
      const worker = async () => {
        const own = connect();
        try {
          // On a while after the upgrade: until the new functions are deployed the old ones go on.
          for (let rest = 5; rest > 0; rest -= Number(isUpgraded)) {
            try {
              await createJob(own);
              for (const stage of stages) {
                if (await work(own, stage, outputs)) isUpgraded ? workedAfter++ : worked++;
              }
            } catch (error) {
              // An attempt that failed: its lease ends, and the message comes back.
              errors.add((error as Error).message);
            }
          }
        } finally {
          await own.end();
        }
      };
      const upgrade = async () => {
        const own = connect();
        while (worked < 30) await new Promise((resolve) => setTimeout(resolve, 20));
        const statement = await applyStatement(await readSchema(root));
        // Killed on its way, it leaves everything as it was.
        for (const afterMs of [20, 300, 1_000]) {
          const doomed = connect();
          const [{ pid }] = await doomed`select pg_backend_pid() as pid`;
          const end = doomed.unsafe(statement).simple().then(() => "done", () => "killed");
          await new Promise((resolve) => setTimeout(resolve, afterMs));
          await sql`select pg_terminate_backend(${pid})`;
          if (await end === "done") break;
          const [{ ledger }] = await sql`select to_regclass('pipeline.migrations') as ledger`;
          assert.equal(ledger, null, "nothing of the killed upgrade is left");
        }
        for (let attempt = 1;; attempt++) {
          try {
            await own.unsafe(statement).simple();
            break;
          } catch (error) {
            if (attempt === 5 || !/deadlock|lock timeout/.test((error as Error).message)) {
              throw error;
            }
          }
        }
        isUpgraded = true;
        await own.end();
      };
      await Promise.all([worker(), worker(), worker(), upgrade()]);
      assert.ok(workedAfter > 0, `workers of before went on: ${[...errors].join("; ")}`);
      await sql.unsafe(await tidyStatement(await readSchema(root))).simple();
    });

    await t.step("every function, view and policy is as in a fresh install", async () => {
      await using fresh = await startStack({ ticker: false });
      const objects = (on: Sql) =>
        on`select p.oid::regprocedure::text as name, md5(pg_get_functiondef(p.oid)) || coalesce(p.proacl::text, '') as hash
          from pg_proc as p where p.pronamespace in ('public'::regnamespace, 'pipeline'::regnamespace)
            and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
          union all
          select c.oid::regclass::text, md5(pg_get_viewdef(c.oid)) || coalesce(c.relacl::text, '')
          from pg_class as c where c.relkind = 'v' and c.relnamespace in ('public'::regnamespace, 'pipeline'::regnamespace)
          union all
          select p.polrelid::regclass || ': ' || p.polname, md5(coalesce(pg_get_expr(p.polqual, p.polrelid), ''))
          from pg_policy as p
          union all
          select a.attrelid::regclass || '.' || a.attname, format_type(a.atttypid, a.atttypmod) || a.attnotnull
            || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
          from pg_attribute as a join pg_class as c on c.oid = a.attrelid
          left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
          where c.relkind in ('r', 'p') and c.relnamespace in ('public'::regnamespace, 'pipeline'::regnamespace)
            and a.attnum > 0 and not a.attisdropped and c.relname not in ('migrations')
          order by 1, 2`;
      const [upgraded, made] = await Promise.all([objects(sql), objects(fresh.sql)]);
      const text = (rows: postgres.RowList<postgres.Row[]>) =>
        rows.map(({ name, hash }) => `${name} ${hash}`);
      assert.deepEqual(text(upgraded), text(made));
    });

    await t.step("every job finishes with the functions of this version", async () => {
      const call = (name: string) =>
        fetch(`${stack.apiUrl}/functions/v1/${name}`, {
          method: "POST",
          headers: { apikey: stack.secretKey, "content-type": "application/json" },
          body: "{}",
        }).then((response) => response.body?.cancel());
      const open = async () => {
        const [{ count }] = await sql`
          select count(*)::int as count from pageperfect_jobs where status in ('queued', 'processing')`;
        return count as number;
      };
      // It may take as long as the machine needs, as long as it goes on.
      let left = await open(), still = 0;
      while (left > 0) {
        await Promise.all([call("content-queue-dispatcher"), call("crawl-cron")]);
        await new Promise((resolve) => setTimeout(resolve, 500));
        const now = await open();
        still = now < left ? 0 : still + 1;
        left = now;
        assert.ok(still < 240, `${left} jobs do not go on`);
      }
      const [{ dead_letter }] =
        await sql`select max(id) as dead_letter from pageperfect_dead_letters`;
      const letters =
        await sql`select stage, failure_reason, error_details from pageperfect_dead_letters order by id`;
      assert.equal(letters.length, 1, JSON.stringify(letters));
      for (const [id, state] of expected) {
        const [{ status }] = await sql`select status from pageperfect_jobs where id = ${id}`;
        assert.equal(status, state.split(" ")[0], state);
      }
      await sql`select replay_dead_letter('pageperfect', ${dead_letter})`;
      for (let i = 0; await open() > 0; i++) {
        assert.ok(i < 240, "the replayed job does not go on");
        await Promise.all([call("content-queue-dispatcher"), call("crawl-cron")]);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      const rows =
        await sql`select status, count(*)::int as count from pageperfect_jobs group by 1 order by 1`;
      const letter =
        await sql`select stage, failure_reason, error_details from pageperfect_dead_letters where replayed_at is null`;
      assert.deepEqual(
        rows.map(({ status }) => status),
        ["cancelled", "completed"],
        JSON.stringify(letter),
      );
      assert.deepEqual([...await sql`select * from check_invariants()`], []);
    });
  } finally {
    await stack.stop();
    if (await exists(projectDir)) await Deno.remove(projectDir, { recursive: true });
  }
});
