// Starting, stopping, being killed, and starting again.

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { exists, filesUnder, isRoot, root, stateDir } from "../../local/paths.ts";
import { processStart } from "../../local/processes.ts";
import {
  attachStack,
  removeInstance,
  startOrAttach,
  startStack,
  stopRunning,
} from "../../local/stack.ts";

const projectDir = `${root}/tests/stack/project`;

function test(name: string, body: (instance: string) => Promise<void>) {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const instance = `lifecycle-${crypto.randomUUID().slice(0, 8)}`;
      try {
        await body(instance);
      } finally {
        await stopRunning(instance);
        await removeInstance(instance);
      }
    },
  });
}

/** Starts supervisor.ts and waits until it is up. */
async function supervise(instance: string, ports = {}) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "-A",
      `${root}/tests/stack/supervisor.ts`,
      instance,
      projectDir,
      JSON.stringify(ports),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  if (!value) throw new Error(`the supervisor ended: ${await said}`);
  return { child, said };
}

async function pids(instance: string): Promise<{ pid: number; name: string }[]> {
  return JSON.parse(await Deno.readTextFile(`${stateDir}/${instance}/pids.json`));
}

test("commands that start a stack at the same moment share one", async (instance) => {
  const stacks = await Promise.all(
    [1, 2, 3].map(() => startOrAttach({ instance, projectDir, ticker: false })),
  );
  try {
    assert.equal(new Set(stacks.map(({ apiUrl }) => apiUrl)).size, 1);
    for (const { sql } of stacks) assert.deepEqual([...await sql`select 1 as one`], [{ one: 1 }]);
  } finally {
    for (const stack of stacks) await stack.stop();
  }
});

test("a_temporary_stack_is_a_copy_and_leaves_nothing_behind", async () => {
  const first = await startStack({ projectDir, ticker: false }); // makes the snapshot
  await first.stop();
  const stack = await startStack({ projectDir, ticker: false });
  const password = ({ dbUrl }: typeof stack) => new URL(dbUrl).password;
  assert.equal(password(stack), password(first), "a copy, not a new cluster with migrations");
  await (await fetch(`${stack.apiUrl}/functions/v1/hello`)).body?.cancel();
  const pid = stack.functions.pid("hello")!;
  const folder = dirname(stack.logsDir);
  assert.equal(dirname(folder), stateDir);
  assert.ok(await exists(folder));
  await stack.stop();
  await stack.stop(); // stopping twice is no error
  assert.equal(processStart(pid), undefined);
  await assert.rejects(fetch(stack.apiUrl));
  assert.ok(!await exists(folder));
});

test("two_stacks_run_side_by_side", async () => {
  const both = await Promise.all([1, 2].map(() => startStack({ projectDir, ticker: false })));
  const [a, b] = both;
  assert.notEqual(a.secretKey, b.secretKey);
  await a.sql`insert into public.things (stage) values ('only in a')`;
  assert.equal((await b.sql`select * from public.things`).length, 0);
  await Promise.all(both.map((stack) => stack.stop()));
});

test("data_and_keys_are_kept_between_runs_and_dropped_by_reset", async (instance) => {
  const first = await startStack({ instance, projectDir, ticker: false });
  await first.sql`insert into public.things (stage) values ('kept')`;
  await first.stop();
  assert.ok(!await exists(`${stateDir}/${instance}/stack.json`));
  const second = await startStack({ instance, projectDir, ticker: false });
  assert.equal((await second.sql`select stage from public.things`)[0]?.stage, "kept");
  assert.equal(second.serviceRoleKey, first.serviceRoleKey);
  await second.stop();
  assert.ok(await removeInstance(instance));
  const third = await startStack({ instance, projectDir, ticker: false });
  assert.equal((await third.sql`select stage from public.things`).length, 0);
  assert.notEqual(third.secretKey, first.secretKey);
  await third.stop();
});

test("a_new_migration_is_applied_to_kept_data", async (instance) => {
  const project = await Deno.makeTempDir();
  try {
    await new Deno.Command("cp", { args: ["-R", `${projectDir}/supabase`, project] }).output();
    const first = await startStack({ instance, projectDir: project, ticker: false });
    await first.sql`insert into public.things (stage) values ('kept')`;
    await first.stop();
    const migration = `${project}/supabase/migrations/20250102000000_more.sql`;
    await Deno.writeTextFile(
      migration,
      "alter table public.things add column added integer default 7;",
    );
    const second = await startStack({ instance, projectDir: project, ticker: false });
    assert.equal((await second.sql`select added from public.things`)[0]?.added, 7);
    await second.stop();
    await Deno.writeTextFile(`${project}/supabase/migrations/20250103000000_bad.sql`, "selekt 1;");
    await assert.rejects(
      startStack({ instance, projectDir: project, ticker: false }),
      /selekt[\s\S]*pageperfect reset/,
    );
  } finally {
    await Deno.remove(project, { recursive: true });
  }
});

test("an_attached_process_uses_the_running_stack", async (instance) => {
  assert.equal(await attachStack(instance), undefined);
  const { child } = await supervise(instance);
  const attached = await attachStack(instance);
  assert.ok(attached);
  assert.equal((await attached.sql`select 1 as one`)[0].one, 1);
  const file = await Deno.makeTempFile({ suffix: ".html" });
  await Deno.writeTextFile(file, "<p>attached</p>");
  assert.equal(await (await fetch(await attached.serveFile(file))).text(), "<p>attached</p>");
  await assert.rejects(attached.serveFile("/does/not/exist"), /cannot be served/);
  await attached.stop();
  await assert.rejects(
    startStack({ instance, projectDir }),
    /already running \(process \d+.*pageperfect down/,
  );
  assert.ok(await stopRunning(instance));
  assert.equal((await child.status).code, 0);
  assert.ok(!await stopRunning(instance), "nothing is left to stop");
  for (const { pid, name } of await pids(instance)) {
    assert.equal(processStart(pid), undefined, name);
  }
  await Deno.remove(file);
});

test("after_kill_9_the_next_start_stops_the_orphans_and_recovers_the_data", async (instance) => {
  const { child } = await supervise(instance);
  const running = (await attachStack(instance))!;
  await running.sql`insert into public.things (stage) values ('committed')`;
  await running.stop();
  const orphans = await pids(instance);
  assert.deepEqual(orphans.map(({ name }) => name).sort(), ["function hello", "postgres"]);
  child.kill("SIGKILL");
  await child.status;
  assert.ok(orphans.every(({ pid }) => processStart(pid)), "they outlive the supervisor");
  assert.equal(await attachStack(instance), undefined, "a stale stack.json is no stack");

  const lines: string[] = [];
  const next = await startStack({
    instance,
    projectDir,
    ticker: false,
    report: (line) => lines.push(line),
  });
  assert.ok(orphans.every(({ pid }) => !processStart(pid)));
  assert.match(lines.join("\n"), /2 processes that a killed stack left behind/);
  assert.equal((await next.sql`select stage from public.things`)[0]?.stage, "committed");
  await next.stop();
});

test("down_stops_what_a_killed_supervisor_left", async (instance) => {
  const { child } = await supervise(instance);
  const orphans = await pids(instance);
  child.kill("SIGKILL");
  await child.status;
  assert.ok(await stopRunning(instance));
  assert.ok(orphans.every(({ pid }) => !processStart(pid)));
});

test("a_pid_that_now_belongs_to_another_process_is_left_alone", async (instance) => {
  await Deno.mkdir(`${stateDir}/${instance}`, { recursive: true });
  const stranger = new Deno.Command("sleep", { args: ["30"] }).spawn();
  const entry = { pid: stranger.pid, started: "1", name: "postgres" };
  await Deno.writeTextFile(`${stateDir}/${instance}/pids.json`, JSON.stringify([entry]));
  assert.ok(!await stopRunning(instance));
  assert.ok(processStart(stranger.pid));
  stranger.kill("SIGKILL");
  await stranger.status;
});

test("a_taken_port_is_named_with_what_to_do", async (instance) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  for (const what of ["api", "db", "standins"]) {
    await assert.rejects(
      startStack({ instance, projectDir, ports: { [what]: port } }),
      (error: Error) =>
        error.message.includes(`port ${port}`) && error.message.includes(`--${what}-port`),
    );
  }
  listener.close();
  assert.equal(await attachStack(instance), undefined);
});

test("a_failing_start_stops_what_it_started", async (instance) => {
  const project = await Deno.makeTempDir();
  await Deno.mkdir(`${project}/supabase/migrations`, { recursive: true });
  await Deno.writeTextFile(
    `${project}/supabase/migrations/20250101000000_bad.sql`,
    "create nonsense;",
  );
  await assert.rejects(startStack({ instance, projectDir: project }), /nonsense/);
  assert.equal((await filesUnder(`${stateDir}/${instance}`, "stack.json")).length, 0);
  await Deno.remove(project, { recursive: true });
});

// Only root runs Postgres as another user.
if (isRoot) {
  Deno.test("a_state_folder_that_postgres_cannot_reach_is_named_with_what_to_do", async () => {
    const closed = await Deno.makeTempDir();
    await Deno.chmod(closed, 0o700);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", `${root}/tests/stack/supervisor.ts`, "closed", projectDir],
      env: { PAGEPERFECT_STATE: closed },
    }).output();
    assert.notEqual(code, 0);
    assert.match(
      new TextDecoder().decode(stderr),
      /cannot get into .*chmod o\+x.*PAGEPERFECT_STATE/,
    );
    await Deno.remove(closed, { recursive: true });
  });
}

test("keys_and_data_are_readable_by_their_owner_only", async (instance) => {
  const stack = await startStack({ instance, projectDir, ticker: false });
  const home = `${stateDir}/${instance}`;
  for (const name of ["keys.json", "stack.json", "password", "data"]) {
    const { mode, uid } = await Deno.stat(`${home}/${name}`);
    assert.equal(mode! & 0o077, 0, name);
    if (isRoot && name === "data") assert.notEqual(uid, 0, "Postgres does not run as root");
  }
  await stack.stop();
});
