// `up`, `down`, `reset`.

import { type Command, InvalidArgumentError } from "npm:commander@15.1.0";
import { exists, root, stateDir, tool } from "../local/paths.ts";
import {
  attachStack,
  type RealApi,
  removeInstance,
  type StackInfo,
  startStack,
  stopRunning,
} from "../local/stack.ts";
import { ensureBuilt } from "./build.ts";
import { say } from "./say.ts";

/** Where `up` listens unless it is told otherwise; the ports of `supabase start`. */
const defaultPorts = { api: 54321, db: 54322, standins: 54323 };

function port(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65535) {
    throw new InvalidArgumentError("a port is a number from 0 (any free one) to 65535");
  }
  return number;
}

/** Says where everything is; `psql` and curl users copy from here. Keys and passwords only when they are asked for. */
export function describe(info: StackInfo, withKeys: boolean): string {
  const { model, dimensions } = info.embedding;
  const real = (name: RealApi, standin: string) =>
    info.realApis.includes(name) ? "the real API" : standin;
  return [
    `API          ${info.apiUrl}`,
    `functions    ${info.apiUrl}/functions/v1/<name>`,
    `REST         ${info.apiUrl}/rest/v1/<table>`,
    ...(withKeys
      ? [
        `database     ${info.dbUrl}`,
        `             ${tool("psql")} '${info.dbUrl}'`,
        `service key  ${info.serviceRoleKey}`,
        `secret key   ${info.secretKey}`,
        `anon key     ${info.anonKey}`,
        `publishable  ${info.publishableKey}`,
        `JWT secret   ${info.jwtSecret}`,
      ]
      : [
        `database     ${info.dbUrl.replace(/:[^:@/]+@/, ":***@")}`,
        "keys         ./pageperfect status --keys; a user's token: ./pageperfect token",
      ]),
    `embeddings   ${real("embeddings", "stand-in")}: ${model}, ${dimensions} dimensions`,
    `drafts       ${real("drafts", "stand-in: an outline, since it is no language model")}`,
    `crawler      ${real("scraperapi", "direct")}`,
    `logs         ${info.logsDir}`,
  ].join("\n");
}

interface UpOptions {
  detach?: boolean;
  fast?: boolean;
  apiPort: number;
  dbPort: number;
  standinsPort: number;
}

async function up(options: UpOptions) {
  const running = await attachStack();
  if (running) {
    await running.stop();
    say("the stack is running already");
    const ports = [[running.apiUrl, options.apiPort], [running.dbUrl, options.dbPort]] as const;
    if (ports.some(([url, port]) => port !== 0 && Number(new URL(url).port) !== port)) {
      say("on other ports than asked for: ./pageperfect down, then up again, changes them");
    }
    console.log(describe(running, false));
    return;
  }
  const ports = [options.apiPort, options.dbPort, options.standinsPort].filter((port) => port > 0);
  if (new Set(ports).size < ports.length) {
    throw new Error(
      `the API, Postgres and the stand-ins need a port each, not ${ports.join(", ")}`,
    );
  }
  await ensureBuilt(say);
  if (options.detach) return await upDetached(options);

  const stopping = Promise.withResolvers<string>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => stopping.resolve(signal));
  }
  const started = performance.now();
  const stack = await startStack({
    instance: "default",
    offlineModel: options.fast ? "static" : "encoder",
    ports: { api: options.apiPort, db: options.dbPort, standins: options.standinsPort },
    report: say,
  });
  say(`up after ${((performance.now() - started) / 1000).toFixed(1)} s, Ctrl-C stops it`);
  console.log(describe(stack, false));
  await stopping.promise;
  say("stopping");
  await stack.stop();
}

/** Starts `up` in a session of its own and waits until it serves. */
async function upDetached(options: UpOptions) {
  await Deno.mkdir(stateDir, { recursive: true });
  const log = `${stateDir}/up.log`;
  await Deno.writeTextFile(log, "");
  await Deno.chmod(log, 0o600); // the keys are printed into it
  const command = [
    Deno.execPath(),
    ...["run", "--quiet", "-A", "--config", `${root}/deno.json`, `${root}/cli/main.ts`, "up"],
    ...[
      "--api-port",
      options.apiPort,
      "--db-port",
      options.dbPort,
      "--standins-port",
      options.standinsPort,
    ],
    ...(options.fast ? ["--fast"] : []),
  ].map(String);
  // The shell leaves at once, so that the supervisor belongs to no terminal and nobody waits for it.
  const quoted = command.map((part) => `'${part.replaceAll("'", "'\\''")}'`).join(" ");
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `trap '' HUP; ${quoted} </dev/null >'${log}' 2>&1 & echo $!`],
    stdin: "null",
    stderr: "inherit",
  }).output();
  const pid = Number(new TextDecoder().decode(stdout));
  const isRunning = () => {
    try {
      Deno.kill(pid, "SIGCONT"); // harmless; throws when there is no such process
      return true;
    } catch {
      return false;
    }
  };
  for (;;) {
    const stack = await attachStack();
    if (stack) {
      await stack.stop();
      say(`up in the background (process ${pid}), ./pageperfect down stops it`);
      console.log(describe(stack, false));
      return;
    }
    if (!isRunning()) {
      const text = (await Deno.readTextFile(log)).trim().split("\n").slice(-15).join("\n");
      throw new Error(`the stack did not start, see ${log}:\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function registerStack(program: Command) {
  const environmentPort = (name: string, fallback: number) =>
    port(Deno.env.get(name) ?? String(fallback));
  program.command("up")
    .description("start the stack: Postgres, API gateway, functions, ticker, stand-ins")
    .option("-d, --detach", "start it in the background")
    .option("--fast", "embed offline with a table of words instead of a model; English only")
    .option(
      "--api-port <port>",
      "port of the API (PAGEPERFECT_API_PORT)",
      port,
      environmentPort("PAGEPERFECT_API_PORT", defaultPorts.api),
    )
    .option(
      "--db-port <port>",
      "port of Postgres (PAGEPERFECT_DB_PORT)",
      port,
      environmentPort("PAGEPERFECT_DB_PORT", defaultPorts.db),
    )
    .option(
      "--standins-port <port>",
      "port of the stand-ins (PAGEPERFECT_STANDINS_PORT)",
      port,
      environmentPort("PAGEPERFECT_STANDINS_PORT", defaultPorts.standins),
    )
    .action(up);

  program.command("down")
    .description("stop the stack; its data are kept")
    .action(async () => {
      say(await stopRunning() ? "stopped" : "nothing was running");
    });

  program.command("reset")
    .description("stop the stack and drop its data, keys and logs")
    .option("-y, --yes", "do not ask")
    .action(async (options: { yes?: boolean }) => {
      if (!await exists(`${stateDir}/default`)) return say("there is nothing to drop");
      if (!options.yes) {
        if (!Deno.stdin.isTerminal()) throw new Error("reset drops all data: confirm with --yes");
        if (!confirm(`Drop the database and the logs in ${stateDir}/default?`)) Deno.exit(1);
      }
      await stopRunning();
      await removeInstance();
      say("dropped; the next up starts empty");
    });
}
