// The ticker in place of pg_cron and pg_net.

import assert from "node:assert/strict";
import { root } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";
import { isDue } from "../../local/ticker.ts";

const at = (text: string) => Date.parse(`2026-03-04T${text}Z`); // a Wednesday
const longAgo = at("00:00:00") - 86_400_000;

Deno.test("an_interval_is_due_when_it_has_passed", () => {
  assert.ok(!isDue("10 seconds", at("10:00:00"), at("10:00:09")));
  assert.ok(isDue("10 seconds", at("10:00:00"), at("10:00:10")));
});

Deno.test("a_cron_schedule_is_due_once_in_its_minute", () => {
  assert.ok(isDue("30 3 * * *", longAgo, at("03:30:12")));
  assert.ok(!isDue("30 3 * * *", at("03:30:01"), at("03:30:12")));
  assert.ok(!isDue("30 3 * * *", longAgo, at("03:31:00")));
});

Deno.test("cron_fields_take_lists_ranges_steps_and_either_day", () => {
  const due = (schedule: string, time = "10:15:00") => isDue(schedule, longAgo, at(time));
  assert.ok(due("*/15 * * * *"));
  assert.ok(!due("*/15 * * * *", "10:16:00"));
  assert.ok(due("10-20 * * * *"));
  assert.ok(due("1,15 9-11/2 * * *") === false);
  assert.ok(due("1,15 8-12/2 * * *"));
  assert.ok(due("* * 4 3 *"));
  assert.ok(!due("* * 5 3 *"));
  assert.ok(due("* * * * 3"));
  assert.ok(due("* * 5 * 3"), "restricting both days means either");
  assert.ok(due("* * * * 0,3") && !due("* * * * 7"));
});

async function until<T>(read: () => Promise<T | undefined>, what: string): Promise<T> {
  for (let i = 0; i < 1200; i++) {
    const value = await read();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not happen`);
}

Deno.test({
  name: "due_jobs_run_and_queued_requests_are_sent_after_commit",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const seen: { method: string; url: string; body: string; key: string | null }[] = [];
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const { method, url, headers } = request;
        seen.push({
          method,
          url: new URL(url).search,
          body: await request.text(),
          key: headers.get("apikey"),
        });
        return new Response("thanks", { status: 202 });
      },
    );
    const target = `http://127.0.0.1:${server.addr.port}`;
    await using stack = await startStack({
      projectDir: `${root}/tests/stack/project`,
      ticker: { dispatcherSeconds: 0, crawlSeconds: 0 },
    });
    const { sql } = stack;
    try {
      await sql`create table public.runs (at timestamptz default now(), who text default current_user)`;
      await sql`grant all on public.runs to postgres`;
      await sql`
        insert into cron.job (jobname, schedule, command, username)
        values ('counts', '1 second', 'insert into public.runs default values', 'postgres'),
          ('fails', '1 second', 'select 1 / 0', 'postgres')`;
      const run = await until(async () => (await sql`select who from public.runs`)[0], "the job");
      assert.equal(run.who, "postgres");
      const failure = await until(
        async () =>
          (await sql`select return_message from cron.job_run_details where status = 'failed'`)[0],
        "the failed run",
      );
      assert.match(failure.return_message, /division by zero/);
      await sql`select cron.unschedule('counts'), cron.unschedule('fails')`;

      await sql.begin((sql) => [
        sql`select net.http_post(${target}, '{"a":1}', '{"q":"1"}', '{"apikey":"k"}', 5000)`,
        sql`select pg_sleep(0.3)`,
      ]);
      const answer = await until(
        async () => (await sql`select * from net._http_response`)[0],
        "the request",
      );
      assert.equal(answer.status_code, 202);
      assert.equal(answer.content, "thanks");
      assert.deepEqual(seen, [{ method: "POST", url: "?q=1", body: '{"a": 1}', key: "k" }]);

      await sql`select net.http_get('http://127.0.0.1:1/')`;
      const failed = await until(
        async () => (await sql`select * from net._http_response where status_code is null`)[0],
        "the failed request",
      );
      assert.ok(failed.error_msg);
      await assert.rejects(
        sql.begin(async (sql) => {
          await sql`select net.http_post(${target}, '{}')`;
          throw new Error("rolled back");
        }),
      );
      await assert.rejects(
        sql`select cron.schedule('bad', 'every now and then', 'select 1')`,
        /invalid schedule/,
      );
      assert.equal(seen.length, 1, "a request that was rolled back is not sent");
    } finally {
      await server.shutdown();
    }
  },
});

Deno.test({
  name: "the_dispatcher_and_the_secrets_for_ringing_it_are_there",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using stack = await startStack({
      projectDir: `${root}/tests/stack/project`,
      ticker: { dispatcherSeconds: 0.2, crawlSeconds: 0 },
    });
    const secrets = await stack
      .sql`select name, decrypted_secret from vault.decrypted_secrets order by name`;
    assert.deepEqual(
      secrets.map(({ name, decrypted_secret }) => [name, decrypted_secret]),
      [["pageperfect_secret_key", stack.secretKey], ["project_url", stack.apiUrl]],
    );
    await until(
      () => Promise.resolve(stack.functions.pid("content-queue-dispatcher")),
      "the doorbell",
    );
  },
});
