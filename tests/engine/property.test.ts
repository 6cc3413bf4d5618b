// The engine against a model of its state machine: random interleavings of everything that workers,
// the reaper, operators and the clock can do, over several connections, compared after each step.
// A failure prints the shortest sequence that still fails, and the seed that finds it again:
//   PAGEPERFECT_SEED=… ./pageperfect test --only deno

import { deepEqual, equal } from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { startStack } from "../../local/stack.ts";
import { type Claim, Model } from "./model.ts";
import {
  addTrialPipeline,
  connect,
  createJob,
  maxOfOwner,
  pipeline,
  type Sql,
  stages,
} from "./trial.ts";
import { root } from "../../local/paths.ts";
import { applyStatement, readSchema } from "../../supabase/schema.ts";

const runCount = Number(Deno.env.get("PAGEPERFECT_RUNS") ?? 250);
const epoch = Date.UTC(2026, 0, 1) / 1000;
const lateLease = "no lease is older than its expiry by a minute";

/** The tables of the pipeline, as a dump takes them. */
const tables = ["jobs", "job_stages", "job_events", "payloads", "dead_letters"]
  .map((kind) => `public.trial_${kind}`)
  .concat("pipeline.job_shares", "pipeline.lane_holders", "pgmq.q_trial", "pgmq.a_trial");
const copyOf = (table: string) => `backup.${table.replace(".", "_")}`;

/** The engine through its connections, with what the model's claims and letters are called there. */
class Engine {
  leases: { msg_id: number; read_ct: number }[] = [];
  letterIds: number[] = [];
  backup: { state: string; model: Model } | null = null;
  #clocks: number[] = [];
  constructor(readonly connections: Sql[]) {}

  /** Puts a connection's clock right and hands it over: commands choose who acts. */
  async as(worker: number, now: number): Promise<Sql> {
    const index = worker % this.connections.length;
    const sql = this.connections[index];
    if (this.#clocks[index] !== now) {
      const at = new Date((epoch + now) * 1000).toISOString();
      await sql`select set_config('pageperfect.fake_now', ${at}, false)`;
      this.#clocks[index] = now;
    }
    return sql;
  }
}

type Step = fc.AsyncCommand<Model, Engine>;

/** What both sides must agree on after every step. */
async function compare(model: Model, engine: Engine, leasesMayBeLate = true) {
  const sql = await engine.as(0, model.now);
  const [row] = await sql`
    select
      (select coalesce(jsonb_agg(rule || ': ' || detail), '[]') from check_invariants()
       where rule <> ${leasesMayBeLate ? lateLease : ""}) as violations,
      (select coalesce(jsonb_object_agg(j.id, jsonb_build_object(
          'status', j.status, 'stage', s.stage, 'attempts', s.attempt_count,
          'visible', (extract(epoch from q.vt) - ${epoch})::float,
          'lease', (extract(epoch from s.lease_expires_at) - ${epoch})::float,
          'completed', (select count(*) from pipeline.job_stages as c where c.job_id = j.id and c.status = 'completed'))), '{}')
       from public.trial_jobs as j
       left join public.trial_job_stages as s on s.job_id = j.id and s.status in ('queued', 'processing')
       left join pgmq.q_trial as q on q.msg_id = s.msg_id) as jobs,
      (select count(*)::int from pgmq.q_trial) as message_count,
      (select coalesce(jsonb_agg(d.id order by d.id), '[]') from public.trial_dead_letters as d) as letter_ids`;
  deepEqual(row.violations, []);
  const open = model.jobs.filter((job) => job.open);
  deepEqual(
    row.jobs,
    Object.fromEntries(model.jobs.map((job) => [job.id, {
      status: job.open ? job.open.leaseUntil === null ? "queued" : "processing" : job.status,
      stage: job.open?.stage ?? null,
      attempts: job.open?.attemptCount ?? null,
      visible: job.open?.visibleAt === Infinity ? "Infinity" : job.open?.visibleAt ?? null,
      lease: job.open?.leaseUntil ?? null,
      completed: job.status === "completed"
        ? stages.length
        : stages.indexOf(job.open?.stage ?? job.failedStage ?? stages[0]),
    }])),
  );
  equal(row.message_count, open.length, "messages on the queue");
  equal(row.letter_ids.length, model.letters.length, "dead letters");
  engine.letterIds = row.letter_ids;
}

/** A step that reads like a sentence, runs only when `ready`, and ends in a comparison. */
function step(
  name: string,
  run: (model: Model, engine: Engine) => Promise<void>,
  ready: (model: Model) => boolean = () => true,
): Step {
  return {
    check: ready,
    run: async (model, engine) => {
      await run(model, engine);
      await compare(model, engine, name !== "reap");
    },
    toString: () => name,
  };
}

const hasJobs = (model: Model) => model.jobs.length > 0;
const hasClaims = (model: Model) => model.claims.length > 0;
const pick = <T>(from: T[], index: number) => from[index % from.length];

const worker = fc.nat(2);
const which = fc.nat(20); // of the jobs, claims or letters there are by then, also long-lost ones
const seconds = fc.constantFrom(0, 1, 10, 60);
const leaseSeconds = fc.constantFrom(1, 10, 60);
const stage = fc.constantFrom(...stages);

function onClaim(
  name: string,
  worker: number,
  which: number,
  run: (sql: Sql, lease: Engine["leases"][0], model: Model, claim: Claim) => Promise<void>,
): Step {
  return step(name, async (model, engine) => {
    const claim = pick(model.claims, which);
    const sql = await engine.as(worker, model.now);
    await run(sql, engine.leases[claim.number], model, claim);
  }, hasClaims);
}

const owners = [1, 2].map((i) => `00000000-0000-4000-8000-00000000000${i}`);

const create = fc.tuple(fc.constantFrom(0, 0, 5), fc.constantFrom(null, ...owners)).map(
  ([priority, owner]) =>
    step(`create(priority ${priority}, owner ${owner?.at(-1)})`, async (model, engine) => {
      const id = crypto.randomUUID();
      const sql = await engine.as(0, model.now);
      await createJob(sql, id, priority, { owner });
      model.create(id, priority, { owner });
    }),
);

const createChild = which.map((which) =>
  step(`create(child of job ${which})`, async (model, engine) => {
    const parent = pick(model.jobs, which);
    if (!parent.open) return;
    const id = crypto.randomUUID();
    const sql = await engine.as(0, model.now);
    await createJob(sql, id, 0, { parent: parent.id });
    model.create(id, 0, { parent });
  }, hasJobs)
);

const claim = fc.tuple(worker, stage, leaseSeconds).map(([worker, stage, lease]) =>
  step(`worker ${worker}: claim(${stage}, ${lease} s)`, async (model, engine) => {
    const sql = await engine.as(worker, model.now);
    const [{ got }] = await sql`select claim_stage(${pipeline}, ${stage}, ${lease}) as got`;
    const expected = model.claim(stage, lease);
    equal(got?.job_id ?? null, expected?.job.id ?? null, "the claimed job");
    if (expected) {
      equal(got.attempt_count, expected.job.open!.attemptCount);
      engine.leases[expected.number] = { msg_id: got.msg_id, read_ct: got.read_ct };
    }
  })
);

const commit = fc.tuple(worker, which).map(([worker, which]) =>
  onClaim(
    `worker ${worker}: commit(claim ${which})`,
    worker,
    which,
    async (sql, { msg_id, read_ct }, model, claim) => {
      const [{ got }] = await sql`select commit_stage(${pipeline}, ${msg_id}, ${read_ct}) as got`;
      equal(got.status, model.commit(claim));
    },
  )
);

const extend = fc.tuple(worker, which, leaseSeconds).map(([worker, which, lease]) =>
  onClaim(
    `worker ${worker}: extend(claim ${which}, ${lease} s)`,
    worker,
    which,
    async (sql, { msg_id, read_ct }, model, claim) => {
      const [{ got }] =
        await sql`select extend_lease(${pipeline}, ${msg_id}, ${read_ct}, ${lease}) as got`;
      equal(got, model.extend(claim, lease));
    },
  )
);

const fail = fc.tuple(worker, which, fc.constantFrom("retry", "retry", "dead_letter"), seconds)
  .map(([worker, which, action, delay]) =>
    onClaim(
      `worker ${worker}: fail(claim ${which}, ${action}, ${delay} s)`,
      worker,
      which,
      async (sql, { msg_id, read_ct }, model, claim) => {
        const [{ got }] = await sql`
          select fail_stage(${pipeline}, ${msg_id}, ${read_ct}, '{"message": "boom"}', ${action}, ${delay}) as got`;
        equal(got.status, model.fail(claim, action as "retry" | "dead_letter", delay));
      },
    )
  );

const defer = fc.tuple(worker, which, seconds).map(([worker, which, delay]) =>
  onClaim(
    `worker ${worker}: defer(claim ${which}, ${delay} s)`,
    worker,
    which,
    async (sql, { msg_id, read_ct }, model, claim) => {
      const [{ got }] =
        await sql`select defer_stage(${pipeline}, ${msg_id}, ${read_ct}, ${delay}) as got`;
      equal(got.status, model.defer(claim, delay));
    },
  )
);

/** A job whose children are all ended would sleep for ever. */
const deferUntilWoken = fc.tuple(worker, which).map(([worker, which]) =>
  onClaim(
    `worker ${worker}: defer(claim ${which}, until its children end)`,
    worker,
    which,
    async (sql, { msg_id, read_ct }, model, claim) => {
      if (!model.hasOpenChild(claim.job)) return;
      const [{ got }] =
        await sql`select defer_stage(${pipeline}, ${msg_id}, ${read_ct}, null) as got`;
      equal(got.status, model.defer(claim, Infinity));
    },
  )
);

const wake = fc.tuple(which, stage).map(([which, stage]) =>
  step(`wake(job ${which}, ${stage})`, async (model, engine) => {
    const job = pick(model.jobs, which);
    const sql = await engine.as(0, model.now);
    const [{ got }] =
      await sql`select pipeline.wake_stage(${pipeline}, ${job.id}, ${stage}) as got`;
    equal(got, model.wake(job, stage));
  }, hasJobs)
);

const cancel = which.map((which) =>
  step(`cancel(job ${which})`, async (model, engine) => {
    const job = pick(model.jobs, which);
    const sql = await engine.as(0, model.now);
    const [{ got }] = await sql`select cancel_job(${pipeline}, ${job.id}) as got`;
    const stageThen = job.open?.stage ?? job.failedStage;
    equal(got.cancelled, model.cancel(job));
    job.failedStage = stageThen;
  }, hasJobs)
);

const reap = fc.constant(step("reap", async (model, engine) => {
  const sql = await engine.as(1, model.now);
  const [{ got }] = await sql`select reap_expired_leases() as got`;
  const { reaped, deadLettered } = model.reap();
  const { reaped_count, dead_lettered_count, resent_count, mended_count } = got;
  deepEqual({ reaped_count, dead_lettered_count, resent_count, mended_count: mended_count ?? 0 }, {
    reaped_count: reaped,
    dead_lettered_count: deadLettered,
    resent_count: 0,
    mended_count: 0,
  });
}));

const losses: Record<string, string> = {
  "deleted": "delete from pgmq.q_trial where msg_id = $1",
  "archived": "select pgmq.archive('trial', $1::bigint)",
  "made another's":
    `update pgmq.q_trial set message = message || '{"job_id": "x"}' where msg_id = $1`,
};

const lose = fc.tuple(which, fc.constantFrom(...Object.keys(losses))).map(([which, how]) =>
  step(`the message of job ${which} is ${how}, and the reaper comes`, async (model, engine) => {
    const job = pick(model.jobs, which);
    if (!job.open || job.open.leaseUntil !== null) return;
    const sql = await engine.as(0, model.now);
    const [{ msg_id }] = await sql`
      select msg_id from public.trial_job_stages where job_id = ${job.id} and status = 'queued'`;
    await sql.unsafe(losses[how], [msg_id]);
    await sql`select mend_pipelines()`;
    // A message that names no job is one that nobody would take.
    await sql`delete from pgmq.q_trial where message ->> 'job_id' = 'x'`;
    model.lose(job);
  }, hasJobs)
);

const strangers: Record<string, (stage: string) => unknown> = {
  "without a job": (stage) => ({ stage }),
  "of an unknown job": (stage) => ({ stage, job_id: crypto.randomUUID() }),
  "of a finished job": (stage) => ({ stage }),
};

const foreign = fc.tuple(worker, stage, fc.constantFrom(...Object.keys(strangers))).map(
  ([worker, stage, kind]) =>
    step(`a message ${kind} is sent, worker ${worker}: claim(${stage})`, async (model, engine) => {
      const finished = model.jobs.find(({ open }) => !open);
      if (!model.hasRoom(stage) || (kind === "of a finished job" && !finished)) return;
      const message = { ...strangers[kind](stage) as object };
      if (kind === "of a finished job") Object.assign(message, { job_id: finished!.id });
      const sql = await engine.as(worker, model.now);
      // The engine's clock is not pgmq's.
      await sql`insert into pgmq.q_trial (vt, message) values (pipeline.now(), ${
        sql.json(message as never)
      })`;
      const [{ got }] = await sql`select claim_stage(${pipeline}, ${stage}, 10) as got`;
      if (kind === "without a job") {
        deepEqual([got.job_id, typeof got.msg_id], [null, "number"]);
        return;
      }
      if (kind === "of an unknown job") model.buryForeign();
      const expected = model.claim(stage, 10);
      equal(got?.job_id ?? null, expected?.job.id ?? null, "the claimed job");
      if (expected) {
        engine.leases[expected.number] = { msg_id: got.msg_id, read_ct: got.read_ct };
      }
    }),
);

const odd = fc.constantFrom("null", '"text"', "[]", "{}", '{"asleep": "long"}').map((message) =>
  step(`the message ${message} is sent, and the reaper comes`, async (model, engine) => {
    const sql = await engine.as(0, model.now);
    await sql`insert into pgmq.q_trial (vt, message) values (pipeline.now(), ${message}::text::jsonb)`;
    await sql`select mend_pipelines()`;
    model.buryForeign();
  })
);

const dropQueue = fc.constant(
  step("the queue is dropped, and the reaper comes", async (model, engine) => {
    const sql = await engine.as(0, model.now);
    await sql`select pgmq.drop_queue('trial')`;
    await sql`select mend_pipelines()`; // the queue is back
    await sql`select mend_pipelines()`; // and what was on it
    for (const job of model.jobs) if (job.open) model.lose(job);
  }, (model) => model.jobs.every(({ open }) => open?.leaseUntil == null)),
);

const putBack = (table: string, columns: string) =>
  `delete from ${table};
  insert into ${table} (${columns}) overriding system value select ${columns} from ${
    copyOf(table)
  }`;
const sequence = "pg_get_serial_sequence('pgmq.q_trial', 'msg_id')";

const backUp = fc.constant(step("a backup is made", async (model, engine) => {
  const sql = await engine.as(0, model.now);
  await sql.unsafe(
    ["drop schema if exists backup cascade", "create schema backup"]
      .concat(tables.map((table) => `create table ${copyOf(table)} as table ${table}`)).join(";"),
  );
  const [{ last }] = await sql.unsafe(
    `select pg_sequence_last_value(${sequence}::regclass) as last`,
  );
  engine.backup = { state: last, model: structuredClone({ ...model }) as Model };
}));

/** Whoever held a lease then holds it again; what was claimed since is nobody's. */
const restore = fc.boolean().map((withMessages) =>
  step(
    `the backup is restored ${withMessages ? "with" : "without"} messages, by the guide`,
    async (model, engine) => {
      if (!engine.backup) return;
      const { state, model: then } = engine.backup;
      if (!withMessages && then.jobs.some(({ open }) => open?.leaseUntil != null)) return;
      const sql = await engine.as(0, model.now);
      const columns = Object.fromEntries(
        (await sql`
        select format('%s.%s', relnamespace::regnamespace, relname) as name, string_agg(quote_ident(attname), ', ') as columns
        from pg_attribute join pg_class as c on c.oid = attrelid
        where attrelid = any (${`{${tables}}`}::text::regclass[]) and attnum > 0 and not attisdropped and attgenerated = ''
        group by c.oid`).map(({ name, columns }) => [name, columns]),
      );
      await sql.unsafe(`set session_replication_role = replica;
        ${tables.map((table) => putBack(table, columns[table])).join(";")};
        ${withMessages ? "" : "delete from pgmq.q_trial;"}
        reset session_replication_role;
        select setval(${sequence}, ${state})`).simple();
      await sql`select pipeline.add_pipeline(p.pipeline, p.queue) from pipeline.pipelines as p`;
      await sql`select mend_pipelines()`;

      const { jobs, letters, claims } = structuredClone(then);
      const lost = model.claims.slice(claims.length).map(({ job, number }) => ({
        job: { ...job, open: null },
        number,
      }));
      Object.assign(model, { jobs, letters, claims: [...claims, ...lost] });
      // The next claim of the same message of the same job makes the same lease again.
      const kept = new Set(
        (await sql`select msg_id from backup.pgmq_q_trial`).map((q) => q.msg_id),
      );
      for (const { number } of lost) {
        if (kept.has(String(engine.leases[number].msg_id))) {
          engine.leases[number] = { msg_id: 0, read_ct: 0 };
        }
      }
      if (!withMessages) { for (const job of jobs) if (job.open) model.lose(job); }
    },
  )
);

const replay = which.map((which) =>
  step(`replay(letter ${which})`, async (model, engine) => {
    const letter = pick(model.letters, which);
    const id = pick(engine.letterIds, which);
    const sql = await engine.as(2, model.now);
    const [{ got }] = await sql`select replay_dead_letter(${pipeline}, ${id}) as got`;
    equal(got.status, model.replay(letter));
  }, (model) => model.letters.length > 0)
);

const advance = fc.constantFrom(1, 5, 10, 30, 90, -3600).map((by) =>
  step(by > 0 ? `${by} s later` : "the clock goes back by an hour", (model) => {
    model.now += by;
    return Promise.resolve();
  })
);

/** Whatever happened, what is left can be worked off: no job is stuck. */
async function drain(model: Model, engine: Engine) {
  const times = model.jobs.map(({ open }) => open?.visibleAt ?? 0);
  model.now = Math.max(model.now, ...times.filter((at) => at < Infinity));
  for (let round = 0; model.jobs.some((job) => job.open); round++) {
    if (round > 60) throw new Error("jobs are left that nothing moves");
    model.now += 100;
    const sql = await engine.as(round, model.now);
    await sql`select reap_expired_leases()`;
    model.reap();
    for (const stage of stages) {
      for (;;) {
        const [{ got }] = await sql`select claim_stage(${pipeline}, ${stage}, 60) as got`;
        const expected = model.claim(stage, 60);
        equal(got?.job_id ?? null, expected?.job.id ?? null, "the claimed job");
        if (!expected) break;
        const [{ answer }] =
          await sql`select commit_stage(${pipeline}, ${got.msg_id}, ${got.read_ct}) as answer`;
        equal(answer.status, model.commit(expected));
      }
    }
  }
  await compare(model, engine, false);
}

Deno.test("every interleaving of workers, reaper, operators and clock follows the model", async () => {
  await using stack = await startStack({ ticker: false });
  await addTrialPipeline(stack.dbUrl);
  // check_invariants() looks at every pipeline, and here it runs after every step.
  await stack.sql`
    with others as (delete from pipeline.pipelines where pipeline <> ${pipeline} returning queue)
    select pgmq.drop_queue(queue) from others`;
  await stack.sql`
    update pipeline.stage_config set lane = 'owner' where pipeline = ${pipeline} and stage = ${
    stages[0]
  }`;
  await stack
    .sql`update pipeline.owner_policies set max_running_jobs = ${maxOfOwner} where role = 'user'`;
  // Costs a second or two each time, and must change nothing.
  const upgrade = await applyStatement(await readSchema(root));
  let deploys = 0;
  const deploy = fc.constant(step("every function is deployed again", async () => {
    if (deploys++ % 100 === 0) await stack.sql.unsafe(upgrade);
  }));
  const connections = [1, 2, 3].map(() => connect(stack.adminDbUrl));
  const seed = Number(Deno.env.get("PAGEPERFECT_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`PAGEPERFECT_SEED=${seed}`);
  try {
    const work = [create, create, createChild, claim, claim, claim, claim, commit, commit, commit];
    const steps = [...work, extend, fail, defer, deferUntilWoken, wake, cancel];
    const trouble = [lose, dropQueue, foreign, odd, deploy, backUp, restore];
    const started = Date.now();
    let runs = 0, stepCount = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.commands(
          [...steps, ...trouble, reap, replay, advance, advance] as fc.Arbitrary<Step>[],
          {
            maxCommands: 40,
            size: "max",
          },
        ),
        async (commands) => {
          await stack.sql`
            with jobs as (delete from public.trial_jobs),
              letters as (delete from public.trial_dead_letters)
            delete from pgmq.q_trial`;
          const model = new Model();
          const engine = new Engine(connections);
          await fc.asyncModelRun(() => ({ model, real: engine }), commands);
          runs++;
          stepCount += [...commands].length;
          await drain(model, engine);
        },
      ),
      { seed, numRuns: runCount, interruptAfterTimeLimit: 55_000 },
    );
    console.log(
      `${runs} runs, ${stepCount} steps in ${Math.round((Date.now() - started) / 1000)} s`,
    );
  } finally {
    await Promise.all(connections.map((connection) => connection.end()));
  }
});
