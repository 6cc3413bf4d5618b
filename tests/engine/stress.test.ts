import { ok } from "node:assert/strict";
import { startStack } from "../../local/stack.ts";
import { Stress, stress } from "./stress.ts";
import { addTrialPipeline, connect } from "./trial.ts";

Deno.test("eight workers with short leases and stale claims lose nothing and do nothing twice", async () => {
  await using stack = await startStack({ ticker: false });
  await addTrialPipeline(stack.dbUrl, 6);
  const load = new Stress(() => stack.adminDbUrl, () => false);
  const setup = connect(stack.adminDbUrl);
  await load.create(setup, 40);
  await setup.end();
  const jobs = await stress(load, 8, () => new Promise((resolve) => setTimeout(resolve, 15_000)));
  console.log(`${load.operations} operations, ${load.committed.length} commits,`, jobs);
  ok(load.operations > 500, `only ${load.operations} operations in 15 s`);
});
