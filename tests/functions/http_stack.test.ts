// The HTTP side of every function as it is deployed: on the real stack, one process a function.

import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { startStack } from "../../local/stack.ts";
import { deno, until } from "./fakes.ts";
import { keywords, writeSite } from "./site.ts";
import { showTable } from "../tables.ts";

const workers = {
  submit_crawl: "pageperfect-submit-crawl-worker",
  wait_crawl: "pageperfect-wait-crawl-worker",
  segment_embed: "pageperfect-segment-embed-worker",
  keyword_clustering: "pageperfect-keyword-clustering-worker",
  gap_analysis: "pageperfect-gap-analysis-worker",
  rewrite_draft: "pageperfect-rewrite-draft-worker",
};
/** Every function there is, so that none is forgotten. */
const functions = (await Array.fromAsync(Deno.readDir(new URL("../../functions", import.meta.url))))
  .map(({ name }) => name).filter((name) => !name.startsWith("_")).sort();
/** Those that signed-in users may call, too. */
const forUsers = ["pageperfect-workflow", "pageperfect-embed-passages"];

Deno.test({
  name: "http_behaviour_of_the_functions",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(test) {
    await using stack = await startStack({ deno, ticker: false });
    const { sql } = stack;
    const site = await writeSite();
    const url = `${await stack.serveFile(site)}article.html`;
    const call = (name: string, init: RequestInit = {}) =>
      fetch(`${stack.apiUrl}/functions/v1/${name}`, { method: "POST", ...init });
    const withKey = { apikey: stack.secretKey };
    const post = (name: string, body?: unknown, headers: HeadersInit = withKey) =>
      call(name, { headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const userId = crypto.randomUUID();

    await test.step("every_function_answers_preflights_and_refuses_other_methods", async () => {
      for (const name of functions) {
        const preflight = await call(name, { method: "OPTIONS" });
        equal(preflight.status, 204, name);
        equal(preflight.headers.get("access-control-allow-origin"), "*", name);
        const put = await call(name, { method: "PUT", headers: withKey });
        equal(put.status, 405, name);
        await put.body?.cancel();
        if (name === "content-queue-dispatcher") continue;
        const get = await call(name, { method: "GET", headers: withKey });
        equal(get.status, 405, name);
        match(get.headers.get("allow")!, /^POST/);
        await get.body?.cancel();
      }
    });

    await test.step("only_a_secret_key_opens_every_function_and_a_users_token_intake", async () => {
      const token = stack.userToken(userId);
      const callers: Record<string, HeadersInit[]> = {
        "no key": [{}],
        "a wrong key": [
          { apikey: "wrong" },
          { authorization: "Bearer nonsense" },
          { authorization: `Bearer ${stack.secretKey}x` },
          { authorization: `Bearer ${stack.userToken(userId, { exp: 1 })}` },
        ],
        "a publishable key": [
          { apikey: stack.publishableKey },
          { authorization: `Bearer ${stack.publishableKey}` },
          { apikey: stack.anonKey },
          { authorization: `Bearer ${stack.anonKey}`, apikey: stack.anonKey },
        ],
        "a user's token": [
          { authorization: `Bearer ${token}` },
          { authorization: `Bearer ${token}`, apikey: stack.publishableKey },
        ],
        "a secret key": [
          { apikey: stack.secretKey },
          { authorization: `Bearer ${stack.secretKey}` },
          { authorization: `Bearer ${stack.serviceRoleKey}` },
        ],
      };
      const table: string[] = [];
      for (const name of functions) {
        const answers: string[] = [];
        for (const [caller, ways] of Object.entries(callers)) {
          const mayPass = caller === "a secret key" ||
            caller === "a user's token" && forUsers.includes(name);
          const statuses = new Set<number>();
          for (const headers of ways) {
            const response = await post(name, {}, headers);
            const answer = await response.text();
            statuses.add(response.status);
            if (mayPass) notEqual(response.status, 401, `${name} with ${caller}`);
            else {
              equal(response.status, 401, `${name} with ${caller}`);
              deepEqual(JSON.parse(answer), { error: "unauthorized" });
            }
          }
          answers.push([...statuses].join("/").padEnd(19));
        }
        table.push(`${name.padEnd(38)}${answers.join("")}`.trimEnd());
      }
      const heading = Object.keys(callers).map((caller) => caller.padEnd(19)).join("").trimEnd();
      showTable("What the functions answer an empty POST", ["".padEnd(38) + heading, ...table]);
    });

    await test.step("nothing_to_do_is_204_without_a_body", async () => {
      for (const name of [...Object.values(workers), "crawl-cron"]) {
        const response = await post(name);
        equal(response.status, 204);
        equal((await response.arrayBuffer()).byteLength, 0);
      }
    });

    await test.step("a_message_without_a_job_is_acknowledged", async () => {
      for (const [stage, name] of Object.entries(workers)) {
        await sql`select pgmq.send('pageperfect', ${sql.json({ stage, payload: {} })})`;
        const response = await post(name);
        equal(response.status, 202, name);
        equal((await response.json()).message, "message without job_id acknowledged");
      }
      const [{ left }] = await sql`select count(*)::int as left from pgmq.q_pageperfect`;
      equal(left, 0);
    });

    // Intake rings the dispatcher; until a test wants it, that shall start nothing.
    await sql`update pipeline.stage_config set enabled = false`;

    await test.step("intake_names_every_wrong_field", async () => {
      const body = {
        url: "http://10.0.0.1/",
        priority: 1000,
        keywords: [{ query: "" }],
        surprise: 1,
      };
      const response = await post("pageperfect-workflow", body);
      equal(response.status, 400);
      const { error, errors } = await response.json();
      equal(error, "invalid_request");
      const fields = errors.map(({ field }: { field: string }) => field).join(" ");
      for (const field of ["url", "priority", "keywords"]) match(fields, new RegExp(field));

      const broken = await call("pageperfect-workflow", { headers: withKey, body: "{" });
      equal(broken.status, 400);
      equal((await broken.json()).errors[0].message, "must be a JSON object with url or page_id");
      const unknown = await post("pageperfect-workflow", { page_id: crypto.randomUUID() });
      equal(unknown.status, 404);
      equal((await unknown.json()).errors[0].field, "page_id");
      const nul = [{ query: "a\u0000b", impressions: 1, clicks: 0, position: 1 }];
      const unstorable = await post("pageperfect-workflow", { url, keywords: nul });
      equal(unstorable.status, 400);
      deepEqual(await unstorable.json(), {
        error: "invalid_request",
        errors: [{
          field: "keywords[0].query",
          message: "must not contain the character U+0000",
        }],
      });
      const [{ jobs }] = await sql`select count(*)::int as jobs from pageperfect_jobs`;
      equal(jobs, 0);
    });

    await test.step("a_users_job_is_theirs", async () => {
      const response = await post("pageperfect-workflow", { url, keywords }, {
        authorization: `Bearer ${stack.userToken(userId)}`,
        apikey: stack.publishableKey,
      });
      equal(response.status, 202);
      const body = await response.json();
      const [job] =
        await sql`select user_id, traceparent from pageperfect_jobs where id = ${body.job_id}`;
      equal(job.user_id, userId);
      match(job.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
      await sql`select cancel_job('pageperfect', ${body.job_id})`;
    });

    await test.step("two_users_with_one_url_share_nothing", async () => {
      const users = [crypto.randomUUID(), crypto.randomUUID()].map((id) => ({
        authorization: `Bearer ${stack.userToken(id)}`,
        apikey: stack.publishableKey,
      }));
      const ask = async (user: HeadersInit, body: unknown) => {
        const response = await post("pageperfect-workflow", body, user);
        return { status: response.status, body: await response.json() };
      };
      const body = { url, keywords, idempotency_key: "mine" };
      const jobs = await Promise.all(users.map((user) => ask(user, body)));
      const [first, second] = jobs.map(({ body }) => body);
      notEqual(first.page_id, second.page_id);
      notEqual(first.job_id, second.job_id);
      equal((await ask(users[1], { page_id: second.page_id })).status, 202);
      // As if there were no such page.
      const foreign = await ask(users[1], { page_id: first.page_id });
      const unknown = await ask(users[1], { page_id: crypto.randomUUID() });
      deepEqual([foreign.status, unknown.status], [404, 404]);
      equal(foreign.body.error, "not_found");

      const rest = async (user: HeadersInit, path: string) =>
        await (await fetch(`${stack.apiUrl}/rest/v1/${path}`, { headers: user })).json();
      for (const [i, { page_id }] of [first, second].entries()) {
        deepEqual(await rest(users[i], "pages?select=id"), [{ id: page_id }]);
        equal((await rest(users[i], "gsc_page_query?select=query")).length, keywords.length);
      }
      equal((await rest(users[0], "crawl_jobs?select=html")).code, "42501");
      deepEqual(await rest(users[0], "crawl_jobs?select=id,html_length"), []);
      await sql`select cancel_job('pageperfect', id) from pageperfect_jobs where status = 'queued'`;
    });

    await test.step("a_users_open_jobs_are_limited", async () => {
      await sql`update pipeline.owner_policies set max_open_jobs = 2 where role = 'user'`;
      const user = {
        authorization: `Bearer ${stack.userToken(crypto.randomUUID())}`,
        apikey: stack.publishableKey,
      };
      const ask = (key: string) =>
        post("pageperfect-workflow", { url, idempotency_key: key }, user);
      const answers: Response[] = [];
      for (const key of ["a", "b", "c", "d", "e"]) answers.push(await ask(key));
      deepEqual(answers.map(({ status }) => status), [202, 202, 429, 429, 429]);
      for (const [i, answer] of answers.entries()) {
        const body = await answer.json();
        if (answer.status === 202) {
          const again = await (await ask("abcde"[i])).json();
          deepEqual([again.job_id, again.created], [body.job_id, false]);
          continue;
        }
        match(answer.headers.get("retry-after")!, /^\d+$/);
        equal(body.error, "too_many_jobs");
        match(body.message, /^you have 2 open jobs/);
      }
      equal((await post("pageperfect-workflow", { url })).status, 202, "not those of the service");
      await sql`select cancel_job('pageperfect', id) from pageperfect_jobs where status = 'queued'`;
      // At the same moment: none waits for another, and no two count the same jobs.
      const parallel = await Promise.all(["f", "g", "h", "i", "j"].map(ask));
      const accepted = parallel.filter(({ status }) => status === 202).length;
      ok(accepted === 1 || accepted === 2, `ended jobs do not count; ${accepted} were accepted`);
      ok(parallel.every(({ status }) => [202, 429].includes(status)));
      for (const answer of parallel) await answer.body?.cancel();
      await sql`select cancel_job('pageperfect', id) from pageperfect_jobs where status = 'queued'`;
    });

    await test.step("the_same_idempotency_key_gives_the_same_job", async () => {
      const body = { url, keywords, idempotency_key: "today" };
      const first = await (await post("pageperfect-workflow", body)).json();
      const again = await post("pageperfect-workflow", body);
      equal(again.status, 202);
      const second = await again.json();
      deepEqual([second.job_id, first.created, second.created], [first.job_id, true, false]);
      await sql`select cancel_job('pageperfect', ${first.job_id})`;
    });

    await test.step("work_is_accepted_with_202_and_goes_on_by_itself", async () => {
      const job = await (await post("pageperfect-workflow", { url, priority: 1, keywords })).json();
      equal((await post("pageperfect-submit-crawl-worker")).status, 204, "a paused stage");
      await sql`update pipeline.stage_config set enabled = true where stage = 'submit_crawl'`;
      const response = await post("pageperfect-submit-crawl-worker");
      equal(response.status, 202);
      const { message, job_id, msg_id } = await response.json();
      deepEqual([message, job_id, typeof msg_id], ["submit_crawl started", job.job_id, "number"]);
      await sql`update pipeline.stage_config set enabled = true`;
      await (await post("content-queue-dispatcher")).body?.cancel();
      await until(
        async () => {
          const [{ status }] = await sql`select status from pageperfect_jobs where id = ${job_id}`;
          return status === "completed";
        },
        "the job completes",
        60_000,
      );
    });

    await test.step("the_dispatchers_get_tells_the_figures", async () => {
      const get = (headers: HeadersInit, query = "") =>
        call(`content-queue-dispatcher${query}`, { method: "GET", headers });
      const stranger = await get({ apikey: stack.publishableKey });
      equal(stranger.status, 401);
      await stranger.body?.cancel();
      const figures = await (await get(withKey)).json();
      equal(
        figures.stages.filter((s: { pipeline: string }) => s.pipeline === "pageperfect").length,
        6,
      );
      for (
        const response of [
          await get({ ...withKey, accept: "text/plain" }),
          await get(withKey, "?format=prometheus"),
        ]
      ) {
        match(response.headers.get("content-type")!, /^text\/plain/);
        const text = await response.text();
        match(text, /^pageperfect_stage_ready\{pipeline="pageperfect",stage="gap_analysis"\} 0$/m);
        match(text, /^pageperfect_jobs\{pipeline="pageperfect",status="completed"\} 1$/m);
        for (const line of text.trim().split("\n")) {
          match(line, /^(# (HELP|TYPE) \w+ .+|\w+\{(\w+="[^"]*",?)*\} \d+(\.\d+)?)$/);
        }
      }
    });

    await test.step("an_unreachable_queue_is_500_queue_pop_failed", async () => {
      await sql`alter function claim_stages(text, text, integer, integer) rename to claims_away`;
      for (const name of [...Object.values(workers), "crawl-cron"]) {
        const response = await post(name);
        equal(response.status, 500, name);
        deepEqual(await response.json(), { error: "queue_pop_failed" });
      }
    });

    await Deno.remove(site, { recursive: true });
  },
});

Deno.test({
  name: "a_deployment_without_its_secrets_says_what_is_missing_and_claims_nothing",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using stack = await startStack({
      deno,
      ticker: false,
      env: { EMBEDDING_BASE_URL: "", EMBEDDING_API_KEY: "" },
    });
    const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-segment-embed-worker`, {
      method: "POST",
      headers: { apikey: stack.secretKey },
    });
    equal(response.status, 500);
    const { error, message } = await response.json();
    equal(error, "misconfigured");
    match(message, /OPENAI_API_KEY is missing/);
  },
});
