// The commands as a user calls them, on a state folder of their own.

import assert from "node:assert/strict";
import { root } from "../../local/paths.ts";

const state = await Deno.makeTempDir({ prefix: "pageperfect-cli-" });
await Deno.chmod(state, 0o755); // Postgres may run as another user

async function pageperfect(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(`${root}/pageperfect`, {
    args,
    env: {
      PAGEPERFECT_STATE: state,
      PAGEPERFECT_API_PORT: "0",
      PAGEPERFECT_DB_PORT: "0",
      PAGEPERFECT_STANDINS_PORT: "0",
      NO_COLOR: "1",
    },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

Deno.test.afterAll(async () => {
  await pageperfect("down");
  await Deno.remove(state, { recursive: true });
});

Deno.test("every_command_has_help", async () => {
  const { code, out } = await pageperfect("--help");
  assert.equal(code, 0);
  const names = [...out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
  for (
    const name of [
      "demo",
      "analyze",
      "up",
      "down",
      "reset",
      "status",
      "build",
      "test",
      "bench",
      "doctor",
    ]
  ) {
    assert.ok(names.includes(name), name);
  }
  const helps = await Promise.all(names.map((name) => pageperfect(name, "--help")));
  helps.forEach(({ code, out }, i) => {
    assert.equal(code, 0, names[i]);
    assert.match(out, /Usage: pageperfect/, names[i]);
  });
});

Deno.test("unknown_commands_and_options_are_errors_that_point_to_help", async () => {
  for (
    const line of [
      "upp",
      "up --prot 1",
      "up --api-port x",
      "test --only x",
      "site --property --out x",
      "analyze page.html --keywords --json",
    ]
  ) {
    const { code, err } = await pageperfect(...line.split(" "));
    assert.equal(code, 2, line);
    assert.match(err, /^error: /, line);
  }
});

Deno.test("doctor_tells_in_json_what_is_there", async () => {
  const { out } = await pageperfect("doctor", "--json");
  const { checks } = JSON.parse(out);
  for (const { name, ok, fix } of checks) assert.ok(ok || fix, `${name} says how to get it`);
});

Deno.test("without_a_stack_status_fails_and_down_and_reset_do_not", async () => {
  const status = await pageperfect("status");
  assert.equal(status.code, 1);
  assert.match(status.err, /pageperfect up/);
  assert.equal((await pageperfect("down")).code, 0);
  assert.equal((await pageperfect("reset")).code, 0);
});

Deno.test("up_in_the_background_status_down_reset", async () => {
  const up = await pageperfect("up", "--detach");
  assert.equal(up.code, 0, up.err);
  const apiUrl = /API +(\S+)/.exec(up.out)![1];
  assert.equal((await (await fetch(`${apiUrl}/health`)).json()).status, "ok");
  assert.match((await pageperfect("up")).err, /running already/);
  const status = JSON.parse((await pageperfect("status", "--json")).out);
  assert.equal(status.apiUrl, apiUrl);
  assert.deepEqual(status["latest jobs"], []);
  const unknown = await pageperfect("status", crypto.randomUUID());
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /there is no job/);
  const reset = await pageperfect("reset");
  assert.equal(reset.code, 1, "without a terminal reset wants --yes");
  assert.equal((await pageperfect("down")).code, 0);
  await assert.rejects(fetch(`${apiUrl}/health`));
  assert.equal((await pageperfect("reset", "--yes")).code, 0);
});

Deno.test("up_in_the_foreground_ends_cleanly_on_ctrl_c", async () => {
  const child = new Deno.Command(`${root}/pageperfect`, {
    args: ["up", "--api-port", "0", "--db-port", "0", "--standins-port", "0"],
    env: { PAGEPERFECT_STATE: state },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let out = "";
  while (!out.includes("logs  ")) {
    const { value, done } = await reader.read();
    if (done) break;
    out += value;
  }
  const apiUrl = /API +(\S+)/.exec(out)![1];
  assert.ok((await fetch(`${apiUrl}/health`)).ok);
  child.kill("SIGINT");
  assert.equal((await child.status).code, 0);
  await reader.cancel();
  await assert.rejects(fetch(`${apiUrl}/health`));
});
