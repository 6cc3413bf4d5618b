import { deepEqual, equal } from "node:assert/strict";
import { Budget } from "../../functions/_shared/engine/budget.ts";
import { resume } from "../../functions/_shared/engine/staging.ts";
import { fakeLog, fakeRpc, testJob } from "./fakes.ts";

/** What becomes of a saved checkpoint, the bytes 1 2 3 made from the input "here". */
async function taken(digest: string, restore: (checkpoint: Uint8Array) => void = () => {}) {
  const { rpc } = fakeRpc({ load_checkpoint: () => btoa("\x01\x02\x03") });
  const budget = new Budget({ ...testJob, payload: { progress: { checkpoint: "here" } } }, () => 0);
  const log = fakeLog();
  const restored: number[][] = [];
  await resume(
    (checkpoint) => {
      restore(checkpoint);
      restored.push([...checkpoint]);
    },
    digest,
    testJob,
    { rpc, budget, log },
  );
  return { restored, events: log.lines.map(({ event }) => event) };
}

Deno.test("work_goes_on_from_the_checkpoint_of_its_own_input", async () => {
  deepEqual((await taken("here")).restored, [[1, 2, 3]]);
  deepEqual((await taken("elsewhere")).restored, []);
});

Deno.test("work_whose_checkpoint_is_refused_starts_over", async () => {
  const { restored, events } = await taken("here", () => {
    throw new Error("made by another version");
  });
  equal(restored.length, 0);
  deepEqual(events, ["checkpoint_refused"]);
});
