// S: faults of security, as far as the engine and intake bear them, and E6, E19, E21, which need the functions.

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { until } from "../functions/fakes.ts";
import { type Edge, edges, type Scene, shownBy } from "./edge.ts";
import { claim, createJob } from "./work.ts";

const intake = (
  { stack }: Scene,
  body: BodyInit,
  user?: string,
) =>
  fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...user
        ? { authorization: `Bearer ${stack.userToken(user)}`, apikey: stack.publishableKey }
        : { apikey: stack.secretKey },
    },
    body,
  });

const list: Edge[] = [
  {
    id: "S1",
    fault: "slow HTML of one user holds all slots",
    before: "ten such jobs held segment_embed for 600 s",
    async now({ sql, travel }) {
      const user = crypto.randomUUID();
      const theirs = new Set<string>();
      for (let i = 0; i < 10; i++) {
        theirs.add(await createJob(sql, { url: `https://slow.example/${i}` }, user));
      }
      const first = (await claim(sql, "submit_crawl"))!;
      ok(theirs.has(first.job_id));
      const running = [first, (await claim(sql, "submit_crawl"))!];
      equal(await claim(sql, "submit_crawl"), null, "two of one owner go on, of three slots");
      const other = await createJob(sql, { url: "https://other.example/" }, crypto.randomUUID());
      equal((await claim(sql, "submit_crawl"))?.job_id, other);
      // Their workers die without a word, twice.
      for (const { job_id } of running) ok(theirs.has(job_id));
      for (let i = 0; i < 2; i++) {
        await travel(61);
        await sql`select reap_expired_leases()`;
        for (
          let got = await claim(sql, "submit_crawl");
          got;
          got = await claim(sql, "submit_crawl")
        );
      }
      const [row] = await sql`
        select count(*)::int as count from pageperfect_dead_letters where failure_reason = 'worker_died'`;
      ok(row.count >= 2, String(row.count));
      return "an owner has two running jobs, a lease is 60 s, two silent deaths end a message; slow markup: see tests/security";
    },
  },
  shownBy(
    "S1",
    "216 kB of markup stop a stage",
    "200 nested <b> of 100 attributes, then <b>x</b> repeated: 3.7 s of CPU in one call",
    "crates/segment/tests/hostile.rs#every_hostile_page_is_linear_and_in_bounds",
  ),
  {
    id: "S4",
    fault: "one user fills the disk",
    before: "11 jobs with 25,000 keywords each: +688 MB",
    async now({ sql }) {
      const user = crypto.randomUUID();
      const keywords = (count: number) =>
        Array.from(
          { length: count },
          (_, i) => ({ query: `q${i}`, impressions: 1, clicks: 0, position: 1 }),
        );
      await rejects(createJob(sql, { keywords: keywords(10_001) }, user), { code: "54000" });
      await sql`update pipeline.owner_policies set daily_bytes = 100000 where role = 'user'`;
      await createJob(sql, { keywords: keywords(1_000) }, user);
      await rejects(
        createJob(sql, { url: "https://example.com/2", keywords: keywords(1_000) }, user),
        {
          code: "53400",
          message: /as much as a day may have/,
        },
      );
      await sql`update pipeline.owner_policies set daily_bytes = 100000000 where role = 'user'`;
      return "keywords a job, jobs a day and bytes a day have ceilings";
    },
  },
  shownBy(
    "S4",
    "segments without end",
    "4 MB of HTML: 120,067 segments",
    "crates/segment/tests/hostile.rs#segments_above_the_bound_are_counted",
  ),
  {
    id: "S7",
    fault: "the embedding cache tells what others searched",
    before: "usage.cached_count stands in a user's result",
    async now({ sql }) {
      const usage = async (user: string | null) => {
        const [row] = await sql`
          select pipeline.usage_fact((row('held', 'pageperfect', 'q', null, null, 's', 1, 1, '{}', 1, 1, now(), ${user}::uuid))::pipeline.lease,
            '{"usage": {"cached_count": 3}}') as fact`;
        return row.fact;
      };
      deepEqual(await usage(crypto.randomUUID()), {});
      deepEqual(await usage(null), { usage: { s: { cached_count: 3 } } });
      return "users' jobs carry no usage; the service's do";
    },
  },
  {
    id: "S8",
    fault: "providers' and sites' error texts in users' rows",
    before: "a masked key, an organisation, a private address",
    async now({ sql }) {
      const user = crypto.randomUUID();
      const id = await createJob(sql, {}, user);
      const got = (await claim(sql, "submit_crawl"))!;
      const error = sql.json({
        message: "example.com resolves to 10.0.0.7",
        code: "blocked_address",
        meaning: "the host is, or resolves to, an address that is not public",
        retryable: false,
      });
      await sql`select fail_stage('pageperfect', ${got.msg_id}, ${got.read_ct}, ${error}, 'dead_letter', 0, 'blocked_address')`;
      const [row] = await sql`
        select concat(j.error, s.last_error, (select string_agg(concat(e.message, e.metadata), ' ') from pageperfect_job_events as e)) as seen,
          (select error_details ->> 'message' from pageperfect_dead_letters) as kept
        from pageperfect_jobs as j join pageperfect_job_stages as s on s.job_id = j.id where j.id = ${id}`;
      ok(!row.seen.includes("10.0.0.7"), row.seen);
      ok(row.seen.includes("an address that is not public"));
      ok(row.kept.includes("10.0.0.7"));
      return "users see the code and what it means; the text is in the dead letter, for the service";
    },
  },
  {
    id: "S9",
    fault: "users order premium crawls, and spend without a ceiling",
    before: "premium, ultra_premium and render are obeyed; nothing asks for dollars",
    async now({ sql }) {
      const user = crypto.randomUUID();
      const id = await createJob(sql, { premium: true, ultra_premium: true, render: true }, user);
      const [job] = await sql`select payload from pageperfect_jobs where id = ${id}`;
      deepEqual([job.payload.premium, job.payload.ultra_premium, job.payload.render], [
        false,
        false,
        false,
      ]);
      const ask = async (jobId: string) =>
        (await sql`select begin_model_call('openai', 'gpt-5.4-mini', 1000, ${jobId}) as seconds`)[0]
          .seconds;
      equal(await ask(id), 0);
      await sql`
        select end_model_call(${id}, 's', 'openai', 'gpt-5.4-mini', 1, '{"input_tokens": 1000, "output_tokens": 300000}')`;
      equal(await ask(id), 86_400, "the user's dollar of the day is spent");
      const ours = await createJob(sql);
      equal(await ask(ours), 0, "not the service's");
      await sql`
        select end_model_call(${ours}, 's', 'openai', 'gpt-5.4-mini', 1, '{"input_tokens": 1000, "output_tokens": 5000000}')`;
      equal(await ask(ours), 86_400, "the project's is too, then");
      return "ignored for users; a user's and the project's dollars a day are asked before a call, the job waits for the next day";
    },
  },
  {
    id: "E6",
    fault: "generate_draft: false without a draft key",
    before: "the worker answers 500 before it claims: the job waits for ever",
    async now() {
      const textOf = (path: string) =>
        Deno.readTextFile(new URL(`../../functions/${path}`, import.meta.url));
      for (const worker of ["pageperfect-rewrite-draft-worker", "site-drafts-worker"]) {
        const text = await textOf(`${worker}/index.ts`);
        ok(!/needs: \[[^\]]*"draft"/.test(text), `${worker} demands the key of every job`);
      }
      ok(
        /\.need\("draft"\)/.test(await textOf("_shared/drafts/drafting.ts")),
        "it is asked for where a draft is made",
      );
      return "the key is asked for where a draft is made";
    },
  },
  {
    id: "E19",
    fault: "a database whose default isolation is repeatable read",
    before: "60 % of claims get 40001",
    async now({ stack, sql, connect }) {
      for (let i = 0; i < 12; i++) await createJob(sql, { url: `https://example.com/${i}` });
      await sql`update pipeline.stage_config set max_concurrency = 50 where stage = 'submit_crawl'`;
      const strict = Array.from(
        { length: 6 },
        () => connect({ default_transaction_isolation: "repeatable read" }),
      );
      const held = Deno.env.toObject();
      Deno.env.set("SUPABASE_URL", stack.apiUrl);
      Deno.env.set("SUPABASE_SERVICE_ROLE_KEY", stack.serviceRoleKey);
      let races = 0;
      /** As functions/_shared/client.ts does: a lost race did nothing, and is run again. */
      const claimed = async (one: typeof sql): Promise<string> => {
        for (;;) {
          try {
            const [{ got }] =
              await one`select claim_stage('pageperfect', 'submit_crawl', 60) as got`;
            return got.job_id;
          } catch (error) {
            if ((error as { code?: string }).code !== "40001") throw error;
            races++;
          }
        }
      };
      const ids =
        (await Promise.all(strict.map(async (one) => [await claimed(one), await claimed(one)])))
          .flat();
      equal(new Set(ids).size, 12);
      const text = await Deno.readTextFile(
        new URL("../../functions/_shared/client.ts", import.meta.url),
      );
      ok(text.includes('"40001"'), "the functions' client runs a lost race again");
      await sql`update pipeline.stage_config set max_concurrency = 3 where stage = 'submit_crawl'`;
      for (const name of ["SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"]) {
        if (held[name] === undefined) Deno.env.delete(name);
      }
      return `12 claims, 12 jobs; ${races} lost races were run again`;
    },
  },
  {
    id: "E21",
    fault: "one client ends all sessions of the database",
    before: "the embedded supervisor exits",
    async now({ stack, connect }) {
      const other = connect();
      await other`
        select pg_terminate_backend(pid) from pg_stat_activity
        where pid <> pg_backend_pid() and usename not in ('supabase_admin') and backend_type = 'client backend'`;
      await until(async () => {
        const response = await fetch(`${stack.apiUrl}/rest/v1/pages?limit=1`, {
          headers: { apikey: stack.secretKey },
        });
        await response.body?.cancel();
        return response.status === 200;
      }, "the gateway answers again");
      return "the gateway connects again, and answers";
    },
  },
  {
    id: "S2",
    fault: "10,000 keywords of 490 characters",
    before: "taken in; 5.3 s of CPU in one step",
    async now(scene) {
      const keywords = Array.from({ length: 10_000 }, (_, i) => ({
        query: `${i} `.padEnd(490, "x"),
        impressions: 1,
        clicks: 0,
        position: 1,
      }));
      const response = await intake(
        scene,
        JSON.stringify({ url: "https://example.com/", keywords }),
      );
      equal(response.status, 400);
      const text = await response.text();
      ok(text.includes("characters of queries"), text.slice(0, 300));
      return "refused: characters are bounded together";
    },
  },
  {
    id: "S6",
    fault: "a body of any size, and one of brackets",
    before: "500 MB end the process, 4 MB of [ take 3.2 s",
    async now(scene) {
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(1_000_000).fill(0x20)),
      });
      const large = await intake(scene, endless).then((answer) => answer.status, () => 413);
      const deep = await intake(scene, "[".repeat(4_000_000));
      deepEqual([large, deep.status], [413, 413]);
      await deep.body?.cancel();
      return "413 as soon as 8 MB have come, or brackets stand 32 deep";
    },
  },
  {
    id: "S10",
    fault: "30 large intakes of one user at once",
    before: "others' GET takes 8 s",
    async now(scene) {
      const user = crypto.randomUUID(), body = JSON.stringify({ url: "https://example.com/" });
      await (await intake(scene, body, user)).body?.cancel();
      const answers = await Promise.all(
        Array.from({ length: 30 }, () => intake(scene, body, user)),
      );
      const counts = Map.groupBy(answers, ({ status }) => status);
      for (const answer of answers) await answer.body?.cancel();
      ok(
        [...counts.keys()].every((status) => [202, 429].includes(status)),
        [...counts.keys()].join(),
      );
      ok((counts.get(202)?.length ?? 0) <= 9);
      return `${counts.get(202)?.length ?? 0} taken in, ${
        counts.get(429)?.length ?? 0
      } answered 429 at once; none waits for another`;
    },
  },
];

edges("faults of security", list);
