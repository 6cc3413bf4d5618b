// The database itself goes down under load: backends terminated, the server restarted cleanly and
// by crash. fsync is on, so what a worker was told is committed must be there afterwards.

import { root, stateDir } from "../../local/paths.ts";
import { createCluster, freePort, startPostgres } from "../../local/postgres/postgres.ts";
import { ProcessTable } from "../../local/processes.ts";
import { until } from "../functions/fakes.ts";
import { Stress, stress } from "./stress.ts";
import { addTrialPipeline, connect } from "./trial.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A durable server of our own that can be stopped and started again on the same data and port. */
async function durableServer() {
  const home = `${stateDir}/faults-${crypto.randomUUID().slice(0, 8)}`;
  await Deno.mkdir(home, { recursive: true });
  await createCluster(home, { projectDir: root, autoExpose: false }, () => {});
  const options = {
    home,
    port: freePort(),
    durable: true,
    logFile: `${home}/postgres.log`,
    processes: new ProcessTable(`${home}/pids.json`),
  };
  let server = await startPostgres(options);
  return {
    get url() {
      return server.adminUrl;
    },
    ownerUrl: server.url,
    /** "fast" ends sessions and writes a checkpoint; "immediate" is a crash with recovery. */
    async restart(mode: "fast" | "immediate") {
      await server.stop(mode === "fast");
      server = await startPostgres(options);
    },
    async [Symbol.asyncDispose]() {
      await server.stop(false);
      await Deno.remove(home, { recursive: true });
    },
  };
}

/** What a client may see of a server that goes away or is not there. */
function connectionLost(error: Error & { code?: string }): boolean {
  return /^(57P0[123]|08...|CONNECTION_.*|CONNECT_TIMEOUT|ECONNRESET|ECONNREFUSED|EPIPE)$/
    .test(error.code ?? "") ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.BrokenPipe;
}

// postgres.js writes to a socket that the server has just ended, and the error reaches nobody.
globalThis.addEventListener("unhandledrejection", (event) => {
  if (String(event.reason).includes("ended by the other party")) event.preventDefault();
});
globalThis.addEventListener("error", (event) => {
  if (String(event.error).includes("ended by the other party")) event.preventDefault();
});

async function underLoad(
  during: (
    server: Awaited<ReturnType<typeof durableServer>>,
    progress: () => Promise<void>,
  ) => Promise<void>,
) {
  await using server = await durableServer();
  await addTrialPipeline(server.ownerUrl, 6);
  const load = new Stress(() => server.url, connectionLost);
  const setup = connect(server.url);
  await load.create(setup, 20);
  await setup.end();
  /** Until the workers have got on, so that every fault meets some at work. */
  const progress = async () => {
    const committed = load.committed.length;
    await until(() => load.committed.length >= committed + 5, "commits", 600_000);
  };
  const jobs = await stress(load, 8, () => during(server, progress));
  console.log(
    `${load.operations} operations, ${load.committed.length} commits,`,
    jobs,
  );
}

Deno.test("terminated backends lose nothing and do nothing twice", async () => {
  await underLoad(async (server, progress) => {
    const killer = connect(server.url);
    for (let i = 0; i < 40; i++) {
      await sleep(150);
      if (i % 10 === 9) await progress();
      await killer`
        select pg_terminate_backend(pid) from (
          select pid from pg_stat_activity
          where backend_type = 'client backend' and pid <> pg_backend_pid()
          order by random() limit 2) as victims`;
    }
    await killer.end();
  });
});

for (const mode of ["fast", "immediate"] as const) {
  Deno.test(`a Postgres restarted three times (${mode}) under load loses nothing and does nothing twice`, async () => {
    await underLoad(async (server, progress) => {
      for (let i = 0; i < 3; i++) {
        await sleep(1_000);
        await progress();
        await server.restart(mode);
      }
      await progress();
    });
  });
}
