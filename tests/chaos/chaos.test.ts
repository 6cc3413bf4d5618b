import { deepEqual, equal, ok } from "node:assert/strict";
import { importMatrix } from "./import_matrix.ts";
import { finished, killMatrix, openLane, type Outcome, submit } from "./kill_matrix.ts";
import { stepMatrix } from "./step_matrix.ts";
import { storm } from "./storm.ts";

const wrong = (outcomes: Outcome[]) =>
  outcomes.filter(({ problems }) => problems.length > 0)
    .map((o) => `${o.function} ${o.when} ${o.effect}: ${o.problems.join("; ")}`);

Deno.test("a worker killed at any boundary loses nothing and doubles nothing", async () => {
  const outcomes = await killMatrix();
  const stages = new Set(
    outcomes.map((outcome) => outcome.function).filter((name) => name.endsWith("-worker")),
  );
  equal(stages.size, 6, "boundaries were found in all six workers");
  deepEqual(wrong(outcomes), []);
});

Deno.test("a worker that goes step by step, killed at any call, loses nothing", async () => {
  const outcomes = await stepMatrix();
  equal(new Set(outcomes.map((outcome) => outcome.function)).size, 3);
  deepEqual(wrong(outcomes), []);
});

Deno.test("an import from Search Console, killed at any call, has every row once", async () => {
  const outcomes = await importMatrix();
  ok(outcomes.some(({ effect }) => effect.endsWith("/upsert_gsc_rows")));
  deepEqual(wrong(outcomes), []);
});

Deno.test("jobs end truly while a process is killed every second", async () => {
  const result = await storm({ jobs: 40 });
  deepEqual(result.problems, []);
  const untrue = Object.keys(result.ended).filter((end) =>
    end !== "completed" && end !== "dead letter: worker_died"
  );
  deepEqual(untrue, []);
});

Deno.test("doorbells rung many times over change nothing", async () => {
  const lane = await openLane();
  try {
    const ids = await Promise.all([1, 2, 3].map((i) => submit(lane, `${lane.pageUrl}?page=${i}`)));
    const ring = (name: string) =>
      fetch(`${lane.stack.apiUrl}/functions/v1/${name}`, {
        method: "POST",
        headers: { apikey: lane.stack.secretKey },
      }).then((response) => response.body?.cancel());
    const bells = setInterval(() => {
      for (
        const name of ["content-queue-dispatcher", "crawl-cron", "pageperfect-segment-embed-worker"]
      ) {
        for (let i = 0; i < 3; i++) ring(name).catch(() => {});
      }
    }, 200);
    const ends = await Promise.all(ids.map((id) => finished(lane.stack, id)));
    clearInterval(bells);
    deepEqual(ends, ["completed", "completed", "completed"]);
    const [{ doubled }] = await lane.stack.sql`
      select count(*)::int as doubled from (
        select from public.pageperfect_job_events where status = 'completed'
        group by job_id, stage, status having count(*) > 1) as t`;
    equal(doubled, 0, "no stage was committed twice");
    equal(
      lane.stack.standins.calls.filter(({ api }) => api === "chat").length,
      3,
      "three draft calls",
    );
  } finally {
    await lane.stack.stop();
    await Deno.remove(lane.dir, { recursive: true });
  }
});
