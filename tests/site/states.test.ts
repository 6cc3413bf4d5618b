// What the site's stages keep between two invocations, without a database.
import { deepEqual, equal, rejects } from "node:assert/strict";
import { keepBytes, keptBytes, type Work } from "../../functions/_shared/site/pages.ts";
import { SiteBytes } from "../../functions/_shared/wasm/site.ts";

/** Work whose states are in `states`; from the `ending`th write on the lease is lost. */
function workOn(states: Map<string, string>, ending = Infinity): Work {
  let writes = 0;
  const rpc = (name: string, { p_name, p_state }: { p_name: string; p_state?: string }) => {
    if (name === "site_state") return Promise.resolve(states.get(p_name) ?? null);
    if (++writes >= ending) return Promise.resolve({ status: "lost" });
    states.set(p_name, p_state!);
    return Promise.resolve({ status: "held" });
  };
  return {
    stage: "site_plan",
    job: { job_id: "1", msg_id: 1, read_ct: 1 },
    context: { rpc },
  } as unknown as Work;
}

const made = (bytes: Uint8Array) => {
  const made = new SiteBytes(0);
  made.push(bytes.toBase64());
  return made;
};

async function read(work: Work): Promise<Uint8Array> {
  const bytes = (await keptBytes("plan", work))!;
  return Uint8Array.fromBase64(bytes.next(bytes.length + 1) ?? "");
}

const bytesOf = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, at) => (at * seed + (at >> 8)) & 255);

Deno.test("bytes of any length come back", async () => {
  for (const length of [0, 1, 749_999, 750_000, 750_001, 2_300_001]) {
    const states = new Map<string, string>();
    const work = workOn(states);
    const bytes = bytesOf(length, 7);
    await keepBytes("plan", made(bytes), work);
    deepEqual(await read(work), bytes);
    for (const state of states.values()) equal(state.length <= 250_000, true);
  }
  equal(await keptBytes("plan", workOn(new Map())), null);
});

Deno.test("a write that is cut off anywhere leaves what was kept before", async () => {
  const [first, second] = [bytesOf(1_600_000, 3), bytesOf(1_700_000, 5)];
  for (let ending = 1; ending <= 10; ending++) {
    const states = new Map<string, string>();
    await keepBytes("plan", made(first), workOn(states));
    await rejects(keepBytes("plan", made(second), workOn(states, ending)));
    deepEqual(await read(workOn(states)), first);
    await keepBytes("plan", made(second), workOn(states));
    deepEqual(await read(workOn(states)), second);
  }
});
