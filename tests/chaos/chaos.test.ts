import { deepEqual, equal } from "node:assert/strict";
import { killMatrix } from "./kill_matrix.ts";
import { storm } from "./storm.ts";

Deno.test("a worker killed at any boundary loses nothing and doubles nothing", async () => {
  const outcomes = await killMatrix();
  const stages = new Set(
    outcomes.map((outcome) => outcome.function).filter((name) => name.endsWith("-worker")),
  );
  equal(stages.size, 6, "boundaries were found in all six workers");
  deepEqual(
    outcomes.filter(({ problems }) => problems.length > 0)
      .map((o) => `${o.function} ${o.when} ${o.effect}: ${o.problems.join("; ")}`),
    [],
  );
});

Deno.test("jobs end truly while a process is killed every second", async () => {
  const result = await storm({ jobs: 40 });
  deepEqual(result.problems, []);
  const untrue = Object.keys(result.ended).filter((end) =>
    end !== "completed" && end !== "dead letter: worker_died"
  );
  deepEqual(untrue, []);
});
