// A worker as people write them on functions/_shared, on any pipeline.

import { deepEqual, equal, ok } from "node:assert/strict";
import { enqueueJob } from "../../functions/_shared/queue.ts";
import { type Stack, startStack } from "../../local/stack.ts";
import { invoke, two, type Worker } from "./step_worker.ts";

async function createJob({ sql }: Stack, { pipeline, queue, stage }: Worker, topic: string) {
  const table = sql(`${pipeline}_jobs`);
  const [{ id }] =
    await sql`insert into ${table} (stage, priority) values (${stage}, 3) returning id`;
  await enqueueJob(queue, id, stage, { topic }, { priority: 3 });
  return id as string;
}

/** Makes sleeping messages visible. */
async function wake({ sql }: Stack, queue: string) {
  await sql`update ${sql(`pgmq.q_${queue}`)}
    set vt = clock_timestamp(), message = message - 'asleep'`;
}

Deno.test({
  name: "step_by_step_workers",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(test) {
    await using stack = await startStack({ ticker: false });
    const { sql } = stack;
    Deno.env.set("SUPABASE_URL", stack.apiUrl);
    Deno.env.set("SUPABASE_SECRET_KEYS", JSON.stringify({ default: stack.secretKey }));

    for (const pipeline of ["content", "pageperfect"]) {
      const [collect, publish] = two(pipeline);
      const stagesOf = (id: string) =>
        sql`select stage, status, attempt_count from ${sql(`${pipeline}_job_stages`)}
            where job_id = ${id} order by stage`;

      await test.step(`a_two_stage_job_completes_on_${pipeline}`, async () => {
        const id = await createJob(stack, collect, "tea");
        equal(await invoke(collect), "completed");
        equal(await invoke(publish), "completed");
        equal(await invoke(publish), "nothing");

        const [job] = await sql`select status, result, completed_at is not null as has_end
          from ${sql(`${pipeline}_jobs`)} where id = ${id}`;
        deepEqual({ ...job }, {
          status: "completed",
          result: { article: "written on tea" },
          has_end: true,
        });
        deepEqual([...await stagesOf(id)].map((row) => ({ ...row })), [
          { stage: "collect", status: "completed", attempt_count: 1 },
          { stage: "publish", status: "completed", attempt_count: 1 },
        ]);
        const payloads = await sql`select stage, data from ${sql(`${pipeline}_payloads`)}
          where job_id = ${id} order by stage`;
        deepEqual(payloads.map(({ data }) => data), [
          { notes: "on tea" },
          { article: "written on tea" },
        ]);
        const [{ left }] = await sql`select count(*)::int as left from ${
          sql(`pgmq.q_${pipeline}`)
        }`;
        equal(left, 0);
        const [{ noted }] = await sql`select count(*)::int as noted
          from ${sql(`${pipeline}_job_events`)} where job_id = ${id} and status = 'noted'`;
        equal(noted, 2);
      });

      await test.step(`another_stages_message_is_forwarded_with_attempts_and_place_on_${pipeline}`, async () => {
        const first = await createJob(stack, collect, "first");
        const second = await createJob(stack, collect, "second");
        const failing = {
          ...collect,
          work: () => {
            throw new Error("not yet");
          },
        };
        equal(await invoke(failing), "requeued");
        await wake(stack, pipeline);

        equal(await invoke(publish), "forwarded");
        const [{ attempt_count }] = await stagesOf(first);
        equal(attempt_count, 1);
        const order: string[] = [];
        const noting = (job: string) => ({
          ...collect,
          work: (p: Record<string, unknown>) => (order.push(`${job}${p.topic}`), {}),
        });
        equal(await invoke(noting("")), "completed");
        const [job] = await sql`select stage from ${sql(`${pipeline}_jobs`)} where id = ${first}`;
        deepEqual([order, job.stage], [["first"], "publish"]);
        for (const id of [first, second]) await sql`select cancel_job(${pipeline}, ${id})`;
      });

      await test.step(`a_failure_is_tried_again_later_and_then_succeeds_on_${pipeline}`, async () => {
        const id = await createJob(stack, collect, "tea");
        const failing = {
          ...collect,
          work: () => {
            throw new Error("the kettle is cold");
          },
        };
        equal(await invoke(failing), "requeued");
        const [waiting] = await sql`select status, last_error ->> 'message' as message,
            next_retry_at > now() as later, next_retry_at < now() + interval '11 s' as soon
          from ${sql(`${pipeline}_job_stages`)} where job_id = ${id}`;
        deepEqual({ ...waiting }, {
          status: "queued",
          message: "the kettle is cold",
          later: true,
          soon: true,
        });
        await wake(stack, pipeline);
        equal(await invoke(collect), "completed");
        equal(await invoke(publish), "completed");
        equal((await stagesOf(id))[0].attempt_count, 2);
      });

      await test.step(`used_up_attempts_end_in_the_dead_letters_of_${pipeline}`, async () => {
        const id = await createJob(stack, collect, "tea");
        const failing = {
          ...collect,
          work: () => {
            throw new Error("the kettle is broken");
          },
        };
        const outcomes: string[] = [];
        for (let i = 0; i < 5; i++) {
          outcomes.push(await invoke(failing));
          await wake(stack, pipeline);
        }
        deepEqual(outcomes, [...Array(4).fill("requeued"), "dead-lettered"]);
        const [letter] =
          await sql`select failure_reason, attempt_count, payload ->> 'stage' as stage
          from ${sql(`${pipeline}_dead_letters`)} where job_id = ${id}`;
        deepEqual({ ...letter }, {
          failure_reason: "attempts_used_up",
          attempt_count: 5,
          stage: "collect",
        });
        const [job] = await sql`select status from ${sql(`${pipeline}_jobs`)} where id = ${id}`;
        equal(job.status, "failed");
        equal(await invoke(collect), "nothing");
        ok(!(await sql`select from ${sql(`pgmq.q_${pipeline}`)}`).length);
      });
    }
    deepEqual([...await sql`select * from check_invariants()`], []);
  },
});
