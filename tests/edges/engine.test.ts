// E: faults of the engine.

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { plain } from "../../functions/_shared/engine/failure.ts";
import * as policy from "../../functions/_shared/wasm/policy.ts";
import { type Edge, edges, type Sql } from "./edge.ts";
import {
  type Claim,
  claim,
  claimAt,
  commit,
  crawl,
  createContentJob,
  createJob,
  finishCrawl,
  stages,
  violations,
} from "./work.ts";

const one = async (sql: Sql, query: string, values: unknown[] = []) => {
  const [row] = await sql.unsafe(query, values as never[]);
  return row;
};
const dequeue = async (sql: Sql, queue = "content", stage: string | null = null) =>
  (await sql`select dequeue_stage(${queue}, 60, ${stage}) as got`)[0].got;
const start = async (sql: Sql, jobId: string, stage: string, readCt: number | null = null) =>
  (await sql`select start_stage('content', ${jobId}, ${stage}, ${readCt}) as got`)[0].got;
const statusOf = async (sql: Sql, id: string) =>
  (await sql`select status from pipeline.jobs where id = ${id}`)[0].status as string;

const list: Edge[] = [
  {
    id: "E1",
    fault: "1,000 pages of one host, 8 s a crawl, two at a time",
    before:
      "crawls that wait are given up after 300 s: of 120 healthy ones 32 jobs were dead-lettered",
    async now({ sql, travel }) {
      const count = 1_000;
      await sql`
        select create_pageperfect_job(jsonb_build_object('url', 'https://one.example/' || i))
        from generate_series(1, ${count}::int) as i`;
      await sql`update pipeline.stage_config set max_concurrency = 5000 where pipeline = 'pageperfect'`;
      /** Claims all there is of a stage and commits it. */
      const pass = (stage: string) =>
        sql.unsafe(`
          select count(commit_stage('pageperfect', (c ->> 'msg_id')::bigint, (c ->> 'read_ct')::integer))
          from jsonb_array_elements(claim_stages('pageperfect', '${stage}', 60, 5000)) as c`);
      await sql`
        select commit_submit_crawl((c ->> 'msg_id')::bigint, (c ->> 'read_ct')::integer, jsonb_build_object('url', j.url))
        from jsonb_array_elements(claim_stages('pageperfect', 'submit_crawl', 60, 5000)) as c
        join pageperfect_jobs as j on j.id = (c ->> 'job_id')::uuid`;
      let mostAtOnce = 0, rounds = 0;
      for (;; rounds++) {
        // Whoever waits for a crawl looks once and sleeps, as the worker does.
        await sql`
          select case when (input_wait_crawl((c ->> 'job_id')::uuid) -> 'crawl' ->> 'status') = 'completed'
            then commit_stage('pageperfect', (c ->> 'msg_id')::bigint, (c ->> 'read_ct')::integer)
            else defer_stage('pageperfect', (c ->> 'msg_id')::bigint, (c ->> 'read_ct')::integer, 900) end
          from jsonb_array_elements(claim_stages('pageperfect', 'wait_crawl', 60, 5000)) as c`;
        const running = await crawl(sql);
        if (running.length === 0) break;
        mostAtOnce = Math.max(mostAtOnce, running.length);
        await travel(8);
        await sql`
          select commit_crawl((c ->> 'msg_id')::bigint, (c ->> 'read_ct')::integer,
            '{"html": "<p>x</p>", "http_status": 200, "provider": "direct"}')
          from jsonb_array_elements(${sql.json(running as never)}) as c`;
      }
      await pass("wait_crawl");
      for (const stage of stages.slice(2)) await pass(stage);
      const row = await one(
        sql,
        `select count(*) filter (where status = 'completed')::int as completed,
        (select count(*)::int from pipeline.dead_letters) as letters from pageperfect_jobs`,
      );
      deepEqual([row.completed, row.letters, mostAtOnce], [count, 0, 2]);
      deepEqual(await violations(sql), []);
      return `${row.completed} completed, ${row.letters} dead letters, ${mostAtOnce} crawls at once, ${
        Math.round(rounds * 8 / 60)
      } minutes of the simulated clock`;
    },
  },
  {
    id: "E2",
    fault: "a step-by-step worker dies between complete and enqueue",
    before: "its message is archived as superseded, the job is processing for ever",
    async now({ sql, travel }) {
      const id = await createContentJob(sql);
      await dequeue(sql);
      await start(sql, id, "research");
      await sql`select complete_stage('content', ${id}, 'research')`;
      await travel(61);
      const again = await dequeue(sql);
      equal(again.message.job_id, id);
      await start(sql, id, "research", again.read_ct);
      await sql`select complete_stage('content', ${id}, 'research', ${again.read_ct})`;
      // This one loses its message as well.
      await sql`select ack_message('content', ${again.msg_id})`;
      await travel(120);
      await sql`select mend_pipelines()`;
      const next = await dequeue(sql);
      deepEqual([next.message.job_id, next.message.stage], [id, "outline"]);
      deepEqual(await violations(sql), []);
      return "the message comes back; without a message the reaper queues the next stage";
    },
  },
  {
    id: "E3",
    fault: "enqueue_stage and start_stage after cancel_job",
    before: "the job is queued, then processing again",
    async now({ sql }) {
      const id = await createContentJob(sql);
      await dequeue(sql);
      await sql`select cancel_job('content', ${id})`;
      equal((await sql`select enqueue_stage('content', ${id}, 'outline') as id`)[0].id, null);
      await rejects(start(sql, id, "research"), { code: "55000" });
      await rejects(sql`update content_jobs set status = 'queued' where id = ${id}`, {
        code: "55000",
      });
      equal(await statusOf(sql, id), "cancelled");
      return "nothing is queued, start_stage and an update raise 55000; the job is cancelled";
    },
  },
  {
    id: "E4",
    fault: "a worker whose lease ran out goes on step by step",
    before: "it extends, completes and enqueues over its successor",
    async now({ sql, travel }) {
      const id = await createContentJob(sql);
      const stale = await dequeue(sql);
      await start(sql, id, "research", stale.read_ct);
      await travel(61);
      const fresh = await dequeue(sql);
      await start(sql, id, "research", fresh.read_ct);
      const [row] = await sql`
        select extend_message_visibility('content', ${stale.msg_id}, 60, ${stale.read_ct}) as extended,
          complete_stage('content', ${id}, 'research', ${stale.read_ct}) as completed,
          enqueue_stage('content', ${id}, 'outline', '{}', 0, 0, ${stale.msg_id}, ${stale.read_ct}) as enqueued,
          requeue_stage('content', ${stale.msg_id}, ${id}, 'research', null, 0, null, ${stale.read_ct}) as requeued,
          dead_letter_message('content', ${stale.msg_id}, ${id}, 'research', '{}', 'x', null, 1, ${stale.read_ct}) as buried,
          ack_message('content', ${stale.msg_id}, ${stale.read_ct}) as acknowledged`;
      deepEqual({ ...row }, {
        extended: false,
        completed: false,
        enqueued: null,
        requeued: null,
        buried: null,
        acknowledged: false,
      });
      await rejects(start(sql, id, "research", stale.read_ct), { code: "55000" });
      const [done] =
        await sql`select complete_stage('content', ${id}, 'research', ${fresh.read_ct}) as done`;
      equal(done.done, true);
      return "its seven steps change nothing, its successor completes";
    },
  },
  {
    id: "E5",
    fault: "a second job on a page that one is at work on",
    before: "the first fails with 23503, or its result names the second's clusters",
    async now({ sql }) {
      const first = await createJob(sql);
      const held = await claimAt(sql, "segment_embed");
      const second = await createJob(sql, { idempotency_key: "2" });
      for (const stage of stages.slice(0, 2)) {
        if (stage === "wait_crawl") { for (const c of await crawl(sql)) await finishCrawl(sql, c); }
        await commit(sql, (await claim(sql, stage))!);
      }
      equal(await claim(sql, "segment_embed"), null, "it waits");
      const waiting = await one(
        sql,
        "select attempt_count, available_at::text from pageperfect_job_stages where job_id = $1 and stage = 'segment_embed'",
        [second],
      );
      deepEqual({ ...waiting }, { attempt_count: 0, available_at: "infinity" });
      let got: Claim | null = held;
      for (const stage of stages.slice(3)) {
        await commit(sql, got!);
        got = await claim(sql, stage);
        equal(got?.job_id, first);
      }
      await commit(sql, got!);
      equal(
        (await claim(sql, "segment_embed"))?.job_id,
        second,
        "its turn when the first has ended",
      );
      deepEqual(await violations(sql), []);
      return "it waits without an attempt until the first one has ended, then goes on";
    },
  },
  {
    id: "E7",
    fault: "sent back to a stage that had needed its last attempt",
    before: "buried as worker_died",
    async now({ sql }) {
      const id = await createJob(sql);
      await claimAt(sql, "segment_embed");
      await sql`update pageperfect_job_stages set attempt_count = max_attempts where stage = 'segment_embed'`;
      const held = await one(
        sql,
        "select msg_id, read_ct from pageperfect_job_stages where stage = 'segment_embed'",
      );
      await commit(sql, { ...held, stage: "segment_embed" } as unknown as Claim);
      const next = (await claim(sql, "keyword_clustering"))!;
      await sql`select pipeline.go_back(pipeline.lock_lease('pageperfect', ${next.msg_id}, ${next.read_ct}), 'segment_embed', 'another model')`;
      const again = await claim(sql, "segment_embed");
      deepEqual([again?.job_id, again?.attempt_count], [id, 1]);
      return "a new turn begins with attempt 1";
    },
  },
  {
    id: "E8",
    fault: "stage_config names another pipeline's queue",
    before: "every commit answers lease_lost",
    async now({ sql }) {
      await rejects(
        sql`update pipeline.stage_config set queue = 'pageperfect' where pipeline = 'content'`,
        { code: "23503" },
      );
      return "refused (23503)";
    },
  },
  {
    id: "E9",
    fault: "a queue is dropped and made again; the old jobs are cancelled",
    before: "the messages of the new jobs are deleted, foreign ones taken for one's own",
    async now({ sql }) {
      const old = [];
      for (let i = 0; i < 3; i++) old.push(await createContentJob(sql));
      await sql`select pgmq.drop_queue('content'), pgmq.create('content')`;
      const fresh = [];
      for (let i = 0; i < 3; i++) fresh.push(await createContentJob(sql));
      for (const id of old) await sql`select cancel_job('content', ${id})`;
      await sql`select mend_pipelines()`;
      for (const id of fresh) equal((await claim(sql, "research", "content"))?.job_id, id);
      equal(await claim(sql, "research", "content"), null);
      deepEqual(await violations(sql), []);
      return "three cancelled, three claimed in their order";
    },
  },
  {
    id: "E10",
    fault: "messages are purged, popped or archived, or the queue is gone after a restore",
    before: "never sent again",
    async now({ sql }) {
      const ids = [];
      for (let i = 0; i < 3; i++) ids.push(await createContentJob(sql));
      await sql`select pgmq.pop('content'), pgmq.archive('content', max(msg_id)) from pgmq.q_content`;
      await sql`select pgmq.purge_queue('content')`;
      equal((await violations(sql)).length, 3);
      await sql`select mend_pipelines()`;
      deepEqual(await violations(sql), []);
      // A dump without pgmq's tables.
      await sql`select pgmq.drop_queue('content')`;
      await sql`select reap_expired_leases()`;
      await sql`select mend_pipelines()`;
      await sql`select mend_pipelines()`;
      deepEqual(await violations(sql), []);
      for (const id of ids) equal((await claim(sql, "research", "content"))?.job_id, id);
      const events = await one(
        sql,
        "select count(*)::int as count from content_job_events where status = 'mended'",
      );
      return `all three are sent again in their order, the queue is made again; ${events.count} events say so`;
    },
  },
  {
    id: "E11",
    fault: "another stage's message is ahead of the worker's own",
    before: "200 dequeues never reach it",
    async now({ sql }) {
      const foreign = await createContentJob(sql, "qa");
      const own = await createContentJob(sql, "research");
      let dequeues = 0;
      for (;;) {
        const got = await dequeue(sql);
        dequeues++;
        if (got.message.job_id === own) break;
        ok(dequeues < 10);
        await sql`select enqueue_stage('content', ${foreign}, 'qa', '{}', 0, 0, ${got.msg_id}, ${got.read_ct})`;
        await sql`select ack_message('content', ${got.msg_id}, ${got.read_ct})`;
      }
      equal((await dequeue(sql, "content", "qa"))?.message.job_id, foreign, "or by its stage");
      return `reached by dequeue ${dequeues}; a worker may also ask for its stage alone`;
    },
  },
  {
    id: "E12",
    fault: "PGRST300/301/303, 202/204/205, 25006, 25P03/04, 26000, 42P05, 0A000",
    before: "permanent: dead letter at the first attempt",
    now() {
      const codes = ["PGRST300", "PGRST301", "PGRST303", "PGRST202", "PGRST204", "PGRST205"]
        .concat(["25006", "25P03", "25P04", "26000", "42P05", "0A000"]);
      deepEqual(codes.filter((code) => policy.classify_error(400, code) !== "transient"), []);
      deepEqual(["23505", "42883", "PGRST203"].map((code) => policy.classify_error(400, code)), [
        "permanent",
        "permanent",
        "permanent",
      ]);
      return Promise.resolve(
        `all ${codes.length} are transient; every class has an entry with a reason`,
      );
    },
  },
  {
    id: "E13",
    fault: "a dead letter with {error: workerError}",
    before: 'becomes {"error":{}} and overwrites the good last_error',
    async now({ sql }) {
      const kettle = Object.assign(new Error("the kettle is cold"), { status: 503, code: "cold" });
      const details = plain({ error: kettle });
      deepEqual(details, {
        name: "Error",
        message: "the kettle is cold",
        code: "cold",
        http_status: 503,
      });
      const id = await createContentJob(sql);
      const got = await dequeue(sql);
      await start(sql, id, "research");
      await sql`select record_stage_failure('content', ${id}, 'research', '{"message": "the kettle is cold"}')`;
      await sql`select dead_letter_message('content', ${got.msg_id}, ${id}, 'research', '{}', 'x', '{"error": {}}', 1)`;
      const row = await one(
        sql,
        "select last_error ->> 'message' as message from content_job_stages where job_id = $1",
        [id],
      );
      equal(row.message, "the kettle is cold");
      return "message, code and status are kept; a letter that says nothing leaves the last error";
    },
  },
  {
    id: "E14",
    fault: "a step-by-step worker ends a job by updating its row",
    before: "no completed_at: prune never deletes it",
    async now({ sql, stack }) {
      const id = await createContentJob(sql);
      const response = await fetch(`${stack.apiUrl}/rest/v1/content_jobs?id=eq.${id}`, {
        method: "PATCH",
        headers: { apikey: stack.secretKey, "content-type": "application/json" },
        body: '{"status": "completed"}',
      });
      equal(response.status, 204, await response.text());
      const row = await one(sql, "select completed_at from content_jobs where id = $1", [id]);
      ok(row.completed_at);
      await sql`select set_config('pageperfect.fake_now', ${
        new Date(Date.now() + 31 * 86_400_000).toISOString()
      }, false)`;
      await sql`select mend_pipelines()`;
      const [{ pruned }] = await sql`select prune() as pruned`;
      equal(pruned.job_count, 1);
      return "completed_at is set, prune deletes it";
    },
  },
  {
    id: "E15",
    fault: "a user's 36 jobs at priority 100 beside two of the service",
    before: "the service's waited for ever",
    async now({ sql }) {
      const user = crypto.randomUUID();
      await sql`update pipeline.owner_policies set max_open_jobs = 50, max_running_jobs = 50 where role = 'user'`;
      for (let i = 0; i < 36; i++) {
        await createJob(sql, { url: `https://u.example/${i}`, priority: 100 }, user);
      }
      const ours = [
        await createJob(sql, { url: "https://s.example/1" }),
        await createJob(sql, { url: "https://s.example/2" }),
      ];
      const order: string[] = [];
      for (
        let got = await claim(sql, "submit_crawl");
        got;
        got = await claim(sql, "submit_crawl")
      ) {
        order.push(got.job_id);
        await commit(sql, got);
      }
      const places = ours.map((id) => order.indexOf(id) + 1);
      ok(places[0] <= 2 && places[1] <= 4, String(places));
      const row = await one(sql, "select max(priority) as priority from pageperfect_jobs");
      equal(row.priority, 10, "a user's priority has a ceiling");
      await sql`update pipeline.owner_policies set max_open_jobs = 10, max_running_jobs = 2 where role = 'user'`;
      return `the service's come ${
        places.join(" and ")
      } of 38; users' priorities count as ${row.priority} at most`;
    },
  },
  {
    id: "E16",
    fault: "the report of 5,000 topics",
    before: "to_jsonb(k) - 'centroid' reads every vector: 1.05 s",
    async now({ sql }) {
      const row = await one(
        sql,
        `select string_agg(pg_get_functiondef(p.oid), ' ') as text from pg_proc as p
        where p.pronamespace = 'pipeline'::regnamespace and p.proname like '%analysis%'`,
      );
      ok(row.text.length > 100);
      ok(!/to_jsonb\(k\)/.test(row.text), "a whole row of keyword_clusters is made JSON");
      return "its columns are named";
    },
  },
  {
    id: "E17",
    fault: "prune and replay of thousands; a page deleted under a commit",
    before: "dead letters and archive without a limit, 10,000 replays beyond 8 s, 40P01",
    async now({ sql, connect }) {
      await sql`
        insert into pipeline.dead_letters (pipeline, queue_name, payload, failure_reason, routed_at)
        select 'content', 'content', '{}', 'x', '2020-01-01' from generate_series(1, 20)`;
      const [{ pruned }] = await sql`select prune(p_limit => 7) as pruned`;
      equal(pruned.dead_letter_count, 7);
      await createJob(sql);
      const got = await claimAt(sql, "segment_embed");
      const worker = connect(), person = connect();
      await worker`select set_config('pageperfect.fake_now', '2026-01-01', false)`;
      await worker`begin`;
      await worker`select pipeline.lock_commit('pageperfect', 'segment_embed', ${got.msg_id}, ${got.read_ct})`;
      const deleted = person`delete from pages`.execute();
      await new Promise((resolve) => setTimeout(resolve, 100));
      await worker`select commit_stage('pageperfect', ${got.msg_id}, ${got.read_ct})`;
      await worker`commit`;
      equal((await deleted).count, 1);
      for (let i = 0; i < 3; i++) {
        await sql`
          insert into pipeline.jobs (pipeline, stage, status) values ('content', 'research', 'failed')`;
      }
      await sql`select mend_pipelines()`; // each gets its letter
      const [{ count }] = await sql`select replay_dead_letters('content', p_seconds => 0) as count`;
      equal(count, 1, "as many as its time has room for");
      return "7 of 20 with a limit of 7; the delete waits for the commit; replays end with their time";
    },
  },
  {
    id: "E18",
    fault: "a stage's input with many crawls",
    before: "180–390 ms with 200,000 crawls: no index on crawl_jobs.job_id",
    async now({ sql }) {
      const id = await createJob(sql);
      await sql`alter table crawl_jobs disable trigger crawl_is_pending`;
      await sql`
        insert into crawl_jobs (page_id, job_id, url, status, html, finished_at)
        select p.id, gen_random_uuid(), p.url, 'completed', '', now() from pages as p, generate_series(1, 20000)`;
      await sql`alter table crawl_jobs enable trigger crawl_is_pending`;
      await sql`analyze crawl_jobs`;
      const plan = await sql.unsafe(`explain (analyze, format json)
        select * from crawl_jobs where job_id = '${id}' order by created_at desc limit 1`);
      const text = JSON.stringify(plan);
      match(text, /crawl_jobs_job_id_idx/);
      ok(!/Seq Scan/.test(text));
      return "one look-up in crawl_jobs_job_id_idx";
    },
  },
  {
    id: "E20",
    fault: "messages that are null, only asleep, of an unknown stage, or of priority high",
    before: "stay for ever, no invariant names them; the last one blocks the queue",
    async now({ sql, travel }) {
      await sql`insert into pgmq.q_content (vt, message) values
        (now(), null), (now(), '{"asleep": true}'), (now(), '[1]'), (now(), '{"stage": 5, "asleep": "x"}'),
        ('2025-01-01', '{"stage": "nobody", "job_id": "00000000-0000-4000-8000-000000000001"}')`;
      await sql`update pgmq.q_content set enqueued_at = '2025-01-01'`;
      const id = await createContentJob(sql);
      await sql`update pgmq.q_content set message = message || '{"priority": "high", "rank": "first"}'
        where message ->> 'job_id' = ${id}`;
      equal((await violations(sql)).length, 5);
      await sql`select mend_pipelines()`;
      await travel(1);
      equal((await claim(sql, "research", "content"))?.job_id, id);
      deepEqual(await violations(sql), []);
      const row = await one(
        sql,
        "select count(*)::int as count from content_dead_letters where failure_reason = 'unreadable_message'",
      );
      equal(row.count, 5);
      return "five become dead letters with an event, each named by check_invariants(); the odd priority is claimed";
    },
  },
  {
    id: "E22",
    fault: "three queue engines",
    before:
      "crawl_jobs and gsc_properties had claims, leases and drains of their own (561 lines of SQL)",
    async now({ sql }) {
      // Anybody may put a pending crawl.
      const page = await one(
        sql,
        "insert into pages (url) values ('https://a.example/') returning id",
      );
      await sql`insert into crawl_jobs (page_id, url, available_at) values (${page.id}, 'https://a.example/', '2026-01-01')`;
      const [got] = await crawl(sql);
      await finishCrawl(sql, got);
      equal((await one(sql, "select status from crawl_jobs")).status, "completed");
      await sql`insert into gsc_properties (property) values ('sc-domain:a.example')`;
      await sql`select reap_expired_leases()`;
      await sql`select mend_pipelines()`;
      ok(await claim(sql, "gsc_import", "fetch"));
      const leftovers = await sql`
        select proname from pg_proc where proname in ('claim_crawl_jobs', 'complete_crawl', 'claim_gsc_import', 'release_gsc_import')`;
      equal(leftovers.length, 0);
      return "both are stages of the pipeline fetch: the same claim, lease, retry, dead letters and views";
    },
  },
  {
    id: "E23",
    fault: "an idempotency key with another body",
    before: "answers the old job silently",
    async now({ sql }) {
      const id = await createJob(sql, { idempotency_key: "k", priority: 1 });
      equal(await createJob(sql, { idempotency_key: "k", priority: 1 }), id);
      const refused = createJob(sql, { idempotency_key: "k", priority: 2, generate_draft: false });
      await rejects(refused, { code: "23505", message: /generate_draft, priority/ });
      return "refused (409) with what differs: generate_draft, priority";
    },
  },
  {
    id: "E24",
    fault: "days and hours of a session in another time zone",
    before: "costs and throughput are counted by the session's zone",
    async now({ sql }) {
      await createJob(sql);
      await sql`insert into model_usage (job_id, stage, provider, model, call_count, input_tokens, output_tokens, created_at)
        select id, 's', 'p', 'm', 1, 1, 1, '2026-01-01 23:30:00+00' from pageperfect_jobs`;
      await sql`set timezone to 'Pacific/Kiritimati'`;
      const row = await one(sql, "select day::text from v_pageperfect_costs");
      equal(row.day, "2026-01-01");
      await sql`delete from pageperfect_jobs`;
      const kept = await one(sql, "select day::text from model_usage_history where provider = 'p'");
      equal(kept.day, "2026-01-01");
      await sql`delete from model_usage_history`;
      return "the UTC day, also of what is kept when a job goes";
    },
  },
];

edges("faults of the engine", list);
