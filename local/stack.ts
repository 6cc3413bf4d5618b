// The embedded stack: Postgres, gateway, functions, ticker and stand-ins, started as one thing.
// `./pageperfect up` keeps one with lasting data; tests start their own on free ports.

import postgres, { type Sql } from "npm:postgres@3.4.9";
import { readEnv } from "../functions/_shared/platform/env.ts";
import { offlineDimensions, offlineModel } from "./standins/embedding.ts";
import { encoderDimensions, encoderModel } from "./standins/encoder.ts";
import { FunctionHost } from "./functions.ts";
import { createGateway, createKeys, type Keys, signJwt } from "./gateway.ts";
import { exists, root, stateDir } from "./paths.ts";
import {
  checkPortFree,
  createCluster,
  freePort,
  migrate,
  schemaKey,
  startPostgres,
} from "./postgres/postgres.ts";
import { identify, isAlive, type ProcessId, ProcessTable, stopProcesses } from "./processes.ts";
import { RestApi } from "./rest.ts";
import type { Hold } from "./standins/hold.ts";
import { type Api, type Call, type Fault, Standins } from "./standins/server.ts";
import { startTicker, type TickerOptions } from "./ticker.ts";

export interface StackOptions {
  /** Name of a stack whose data are kept between runs; without it the data go with the stack. */
  instance?: string;
  /** 0 (the default) takes any free port. */
  ports?: { api?: number; db?: number; standins?: number };
  /** fsync; by default on for a named instance and off for a temporary one. */
  durable?: boolean;
  /** false: nothing runs by itself, no schedule and no doorbell. */
  ticker?: false | TickerOptions;
  /** Added to the environment of the functions, over everything else. */
  env?: Record<string, string>;
  /**
   * Deno of the functions; "2.1" is what hosted Supabase is compatible with. Default:
   * PAGEPERFECT_FUNCTIONS_DENO, else the newest.
   */
  deno?: "newest" | "2.1";
  /** Module loaded into each function's process before its code, for tests. */
  preload?: string;
  /** Folder that holds functions/ and supabase/; default: this checkout. */
  projectDir?: string;
  /** Use the real APIs whose keys are in our environment; default: only for a named instance. */
  realApis?: boolean;
  /** See Schema.autoExpose; default false, as on projects made today. */
  autoExpose?: boolean;
  /**
   * The embedding model where no real one is set. static: a table of words' vectors, fast, English; encoder: it judges
   * meanings, in a hundred languages. Default: encoder for a named instance, static for a temporary one.
   */
  offlineModel?: "static" | "encoder";
  /** Told what is being done, a line at a time. */
  report?: (line: string) => void;
}

/** What another process needs to use a running stack; <instance>/stack.json. */
export interface StackInfo extends Keys {
  apiUrl: string;
  /** As role postgres, which owns the migrations' objects; what psql wants. */
  dbUrl: string;
  /** As the superuser. */
  adminDbUrl: string;
  standinUrl: string;
  logsDir: string;
  /** APIs that are real and not stand-ins. */
  realApis: RealApi[];
  embedding: { model: string; dimensions: number };
  supervisor: ProcessId;
}

export interface RunningStack extends StackInfo, AsyncDisposable {
  /** As the superuser. */
  sql: Sql;
  /** Offers a local file or folder to the crawler and returns its URL. */
  serveFile(path: string): Promise<string>;
  stop(): Promise<void>;
}

export interface Stack extends RunningStack {
  /** Makes outside APIs fail, and tells what they were asked. */
  standins: {
    fail(fault: Fault): void;
    /** Keeps an API's next answer back. */
    hold(api: Api): Hold;
    limit(api: Api, calls: number, seconds: number): void;
    reset(): void;
    /** Who answers when a page is to be read. */
    reader: Standins["reader"];
    readonly calls: Call[];
  };
  functions: FunctionHost;
  /** Kills a function's process; the next request starts a new one. False: none was running. */
  killFunction(name: string, signal?: Deno.Signal): Promise<boolean>;
  /** A token of a signed-in user. */
  userToken(userId: string, claims?: Record<string, unknown>): string;
}

/** Variables of our own environment that every function gets: what a process needs to run at all. */
const systemVariables = ["PATH", "HOME", "TMPDIR", "LANG", "DENO_DIR", "DENO_TLS_CA_STORE"].concat(
  ["SSL_CERT_FILE", "SSL_CERT_DIR", "NPM_CONFIG_REGISTRY"],
  ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]),
);

/** The user's own settings; tests run without them. */
const settings = [
  "PAGEPERFECT_QUEUE_VISIBILITY",
  ...["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_EMBEDDING_MODEL", "OPENAI_EMBEDDING_DIMENSIONS"],
  ...["EMBEDDING_PROVIDER", "EMBEDDING_API_KEY", "EMBEDDING_BASE_URL", "EMBEDDING_BATCH_SIZE"],
  ...["DRAFT_PROVIDER", "DRAFT_API_KEY", "DRAFT_BASE_URL", "OPENAI_DRAFT_MODEL"],
  "PAGEPERFECT_VERIFY",
  ...["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_DRAFT_MODEL"],
  ...["SCRAPER_API_KEY", "SCRAPER_API_BASE_URL"],
];

export type RealApi = "embeddings" | "drafts" | "scraperapi";

/** Starts a stack; what was started is stopped again when something fails on the way. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const report = options.report ?? (() => {});
  const projectDir = options.projectDir ?? root;
  const lasting = options.instance !== undefined;
  await sweepTemporary();
  const home = `${stateDir}/${options.instance ?? `tmp-${crypto.randomUUID().slice(0, 8)}`}`;
  const logsDir = `${home}/logs`;
  await Deno.mkdir(logsDir, { recursive: true });

  // One process at a time begins an instance; the next one finds it running.
  using starting = lasting
    ? await Deno.open(`${home}/starting.lock`, { create: true, write: true })
    : undefined;
  await starting?.lock(true);
  const running = lasting ? await readInfo(home) : undefined;
  if (running && isAlive(running.supervisor)) {
    throw new AlreadyRunning(
      `the stack is already running (process ${running.supervisor.pid}, ${running.apiUrl}): ` +
        "stop it with ./pageperfect down",
    );
  }
  const orphans = await ProcessTable.orphans(`${home}/pids.json`);
  if (orphans.length > 0) {
    report(`stopping ${orphans.length} processes that a killed stack left behind`);
    await stopOrphans(orphans);
  }
  await Deno.remove(`${home}/stack.json`).catch(() => {});
  await Deno.writeTextFile(`${home}/owner.json`, JSON.stringify(identify(Deno.pid, "supervisor")));

  const cleanups: (() => Promise<unknown> | unknown)[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () =>
    stopped ??= (async () => {
      for (const cleanup of cleanups.reverse()) {
        try {
          await cleanup();
        } catch (error) {
          // What is left must still be stopped; a part that broke has nothing more to close.
          report(`while stopping: ${(error as Error).message}`);
        }
      }
    })();

  try {
    if (!lasting) cleanups.push(() => Deno.remove(home, { recursive: true }));
    cleanups.push(() => Deno.remove(`${home}/stack.json`).catch(() => {}));
    const processes = new ProcessTable(`${home}/pids.json`);
    const choose = (what: "api" | "db" | "standins") => {
      const port = options.ports?.[what] ?? 0;
      if (port !== 0) {
        const name = { api: "API", db: "database", standins: "stand-ins" }[what];
        checkPortFree(port, name, `choose another with --${what}-port`);
      }
      return port;
    };
    const ports = { api: choose("api"), db: choose("db"), standins: choose("standins") };

    const keys = await lastingJson<Keys>(`${home}/keys.json`, createKeys);
    const db = await startDatabase(home, ports.db, options, projectDir, processes, report);
    cleanups.push(() => db.stop(lasting));
    const sql = postgres(db.adminUrl, { max: 10, onnotice: () => {} });
    cleanups.push(() => sql.end({ timeout: 2 }));

    const standins = new Standins(keys.secretKey);
    // A lasting stack offers files under the same address every time, unless somebody took its port.
    if (lasting && ports.standins === 0) {
      const { standins } = await lastingJson(
        `${home}/ports.json`,
        () => ({ standins: freePort() }),
      );
      try {
        checkPortFree(standins, "stand-ins", "");
        ports.standins = standins;
      } catch { /* any other will do */ }
    }
    const standinServer = serve(ports.standins, (request) => standins.handle(request));
    cleanups.push(() => standinServer.shutdown().finally(() => standins.close()));
    const standinUrl = `http://127.0.0.1:${standinServer.addr.port}`;

    const rest = new RestApi(db.authenticatorUrl);
    const outside = outsideApis(
      options.realApis ?? lasting,
      standinUrl,
      options.offlineModel ?? (lasting ? "encoder" : "static"),
    );
    const functionEnv = (): Record<string, string> => ({
      ...fromEnvironment(systemVariables),
      ...outside.env,
      SUPABASE_URL: apiUrl,
      SUPABASE_DB_URL: db.url,
      SUPABASE_ANON_KEY: keys.anonKey,
      SUPABASE_SERVICE_ROLE_KEY: keys.serviceRoleKey,
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishableKey }),
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secretKey }),
      PAGEPERFECT_ALLOWED_HOSTS: [
        new URL(standinUrl).host,
        Deno.env.get("PAGEPERFECT_ALLOWED_HOSTS") ?? "",
      ].filter((part) => part !== "").join(","),
      ...options.env,
    });
    const functions = new FunctionHost({
      projectDir,
      logsDir,
      processes,
      deno: options.deno ??
        (Deno.env.get("PAGEPERFECT_FUNCTIONS_DENO") === "2.1" ? "2.1" : "newest"),
      preload: options.preload,
      env: functionEnv,
    });
    const gateway = serve(ports.api, createGateway({ keys, rest, functions }));
    // Functions first, so that requests in flight end and the server can shut down; those that wait for the database end
    // with their sessions.
    cleanups.push(() => Promise.all([gateway.shutdown(), rest.end()]));
    cleanups.push(() => functions.stop());
    const apiUrl = `http://127.0.0.1:${gateway.addr.port}`;
    const ddl = await sql.listen("pgrst", () => rest.clearCache());
    cleanups.push(() => ddl.unlisten());
    await saveVaultSecrets(sql, apiUrl, keys.secretKey);
    if (options.ticker !== false) {
      const ticker = await startTicker(sql, apiUrl, keys.secretKey, options.ticker ?? {});
      cleanups.push(() => ticker.stop());
    }

    const { model, dimensions } = readEnv([], (name) => functionEnv()[name]).embedding;
    const info: StackInfo = {
      ...keys,
      apiUrl,
      dbUrl: db.url,
      adminDbUrl: db.adminUrl,
      standinUrl,
      logsDir,
      realApis: outside.real,
      embedding: { model, dimensions },
      supervisor: identify(Deno.pid, "supervisor"),
    };
    await Deno.writeTextFile(`${home}/stack.json`, JSON.stringify(info, null, 2), { mode: 0o600 });
    return {
      ...info,
      sql,
      standins,
      functions,
      serveFile: (path) => Promise.resolve(standinUrl + standins.offer(path)),
      killFunction: (name, signal) => functions.kill(name, signal),
      userToken: (sub, claims = {}) => {
        const now = Math.floor(Date.now() / 1000);
        const standard = {
          sub,
          role: "authenticated",
          aud: "authenticated",
          iat: now,
          exp: now + 3600,
        };
        return signJwt({ ...standard, ...claims }, keys.jwtSecret);
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

class AlreadyRunning extends Error {}

/** Starts an instance; when another process was first, its stack. */
export async function startOrAttach(
  options: StackOptions & { instance: string },
): Promise<RunningStack> {
  try {
    return await startStack(options);
  } catch (error) {
    const attached = error instanceof AlreadyRunning && await attachStack(options.instance);
    if (!attached) throw error;
    return attached;
  }
}

/** The stack that `./pageperfect up` runs in another process, or undefined when none does. */
export async function attachStack(instance = "default"): Promise<RunningStack | undefined> {
  const info = await readInfo(`${stateDir}/${instance}`);
  if (!info || !isAlive(info.supervisor)) return undefined;
  const sql = postgres(info.adminDbUrl, { max: 4, onnotice: () => {} });
  const stop = () => sql.end({ timeout: 2 });
  return {
    ...info,
    sql,
    async serveFile(path) {
      const response = await fetch(`${info.standinUrl}/control/files`, {
        method: "POST",
        headers: { apikey: info.secretKey, "content-type": "application/json" },
        body: JSON.stringify({ path }),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(`${path} cannot be served: ${answer.error}`);
      return info.standinUrl + answer.path;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Stops the stack of another process; false when none was running. */
export async function stopRunning(instance = "default"): Promise<boolean> {
  const home = `${stateDir}/${instance}`;
  const info = await readInfo(home);
  const supervisor = info && isAlive(info.supervisor) ? [info.supervisor] : [];
  await stopProcesses(supervisor, "SIGTERM", 20_000);
  const orphans = await ProcessTable.orphans(`${home}/pids.json`);
  await stopOrphans(orphans);
  await Deno.remove(`${home}/stack.json`).catch(() => {});
  return supervisor.length + orphans.length > 0;
}

/** Deletes an instance's data, logs and keys; it must not be running. */
export async function removeInstance(instance = "default"): Promise<boolean> {
  const home = `${stateDir}/${instance}`;
  if (!await exists(home)) return false;
  await Deno.remove(home, { recursive: true });
  return true;
}

async function readInfo(home: string): Promise<StackInfo | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(`${home}/stack.json`));
  } catch {
    return undefined; // none, or one that was cut off while being written
  }
}

async function stopOrphans(orphans: ProcessId[]) {
  const isPostgres = ({ name }: ProcessId) => name === "postgres";
  await stopProcesses(orphans.filter((orphan) => !isPostgres(orphan)), "SIGTERM", 2_000);
  await stopProcesses(orphans.filter(isPostgres), "SIGINT", 30_000);
}

/** Stops and deletes temporary stacks whose owner was killed. */
async function sweepTemporary() {
  if (!await exists(stateDir)) return;
  for await (const { name } of Deno.readDir(stateDir)) {
    if (!name.startsWith("tmp-")) continue;
    const home = `${stateDir}/${name}`;
    try {
      const owner: ProcessId = JSON.parse(await Deno.readTextFile(`${home}/owner.json`));
      if (isAlive(owner)) continue;
      await stopOrphans(await ProcessTable.orphans(`${home}/pids.json`));
      await Deno.remove(home, { recursive: true });
    } catch { /* being made or removed by its owner this very moment */ }
  }
}

async function lastingJson<T>(path: string, create: () => T): Promise<T> {
  if (await exists(path)) return JSON.parse(await Deno.readTextFile(path));
  const value = create();
  await Deno.writeTextFile(path, JSON.stringify(value, null, 2), { mode: 0o600 });
  return value;
}

/** Starts the instance's database, making or migrating it as needed. */
async function startDatabase(
  home: string,
  port: number,
  options: StackOptions,
  projectDir: string,
  processes: ProcessTable,
  report: (line: string) => void,
) {
  const schema = { projectDir, autoExpose: options.autoExpose ?? false };
  const key = await schemaKey(schema);
  const keyFile = `${home}/schema`;
  const known = await exists(keyFile) ? (await Deno.readTextFile(keyFile)).trim() : undefined;
  if (known === undefined) {
    // Data without the key are the rest of a copy that was interrupted.
    await Deno.remove(`${home}/data`, { recursive: true }).catch(() => {});
    await createCluster(home, schema, report);
    await Deno.writeTextFile(keyFile, key);
  }
  const start = async (attempts: number): ReturnType<typeof startPostgres> => {
    try {
      return await startPostgres({
        home,
        port: port || freePort(),
        durable: options.durable ?? options.instance !== undefined,
        logFile: `${home}/logs/postgres.log`,
        processes,
      });
    } catch (error) {
      // Another process may have taken the free port meanwhile.
      if (port !== 0 || attempts === 0) throw error;
      return await start(attempts - 1);
    }
  };
  const db = await start(3);
  if (known !== undefined && known !== key) {
    try {
      report("applying changed migrations");
      await migrate(db.url, projectDir);
      await Deno.writeTextFile(keyFile, key);
    } catch (error) {
      await db.stop(true);
      throw new Error(
        `${(error as Error).message}\nto start over with an empty database: ./pageperfect reset`,
      );
    }
  }
  return db;
}

function serve(port: number, handler: (request: Request) => Promise<Response>) {
  return Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, handler);
}

function fromEnvironment(names: string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = Deno.env.get(name);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/**
 * Keys in this process's environment for APIs that a running stack has stand-ins for: it knows the settings that it was
 * started with.
 */
export function keysUnknownTo({ realApis }: StackInfo): string[] {
  const { OPENAI_API_KEY, ANTHROPIC_API_KEY, SCRAPER_API_KEY } = fromEnvironment(settings);
  const lacks = (api: RealApi) => !realApis.includes(api);
  return [
    ...(OPENAI_API_KEY && lacks("embeddings") && lacks("drafts") ? ["OPENAI_API_KEY"] : []),
    ...(ANTHROPIC_API_KEY && lacks("drafts") ? ["ANTHROPIC_API_KEY"] : []),
    ...(SCRAPER_API_KEY && lacks("scraperapi") ? ["SCRAPER_API_KEY"] : []),
  ];
}

/** Which outside APIs are real, and how the functions reach each: a stand-in takes the part of what is not set. */
function outsideApis(
  allowReal: boolean,
  standinUrl: string,
  offline: "static" | "encoder",
) {
  const env = allowReal ? fromEnvironment(settings) : {};
  const real: RealApi[] = [];
  const use = (name: RealApi, signs: string[], standin: Record<string, string>) => {
    if (signs.some((sign) => env[sign])) real.push(name);
    else Object.assign(env, standin);
  };
  const openai = ["OPENAI_API_KEY", "OPENAI_BASE_URL"];
  if (env.EMBEDDING_PROVIDER !== "supabase") { // which has a stand-in of its own, see standin_session.ts
    use("embeddings", [...openai, "EMBEDDING_BASE_URL"], {
      EMBEDDING_BASE_URL: `${standinUrl}/v1`,
      EMBEDDING_API_KEY: "stand-in",
      OPENAI_EMBEDDING_MODEL: offline === "static" ? offlineModel : encoderModel,
      OPENAI_EMBEDDING_DIMENSIONS: String(
        offline === "static" ? offlineDimensions : encoderDimensions,
      ),
    });
  }
  use("drafts", [...openai, "DRAFT_BASE_URL", "ANTHROPIC_API_KEY"], {
    DRAFT_BASE_URL: `${standinUrl}/v1`,
    DRAFT_API_KEY: "stand-in",
    OPENAI_DRAFT_MODEL: "offline-outline",
    // Its verdicts show the form and mean nothing: a job gets them when it asks for them.
    PAGEPERFECT_VERIFY: "off",
    ANTHROPIC_BASE_URL: standinUrl,
  });
  // Without a key the crawler fetches pages itself.
  use("scraperapi", ["SCRAPER_API_KEY"], { SCRAPER_API_BASE_URL: `${standinUrl}/scraper` });
  return { real, env: { ...env, PAGEPERFECT_STANDIN_URL: standinUrl } };
}

/** Tells the database where the functions are and with which key to ring them, where it asks. */
async function saveVaultSecrets(sql: Sql, apiUrl: string, secretKey: string) {
  const [{ present }] = await sql`select to_regclass('vault.secrets') is not null as present`;
  if (!present) return;
  for (const [name, secret] of [["project_url", apiUrl], ["pageperfect_secret_key", secretKey]]) {
    await sql`
      insert into vault.secrets (name, secret) values (${name}, ${secret})
      on conflict (name) do update set secret = excluded.secret, updated_at = now()`;
  }
}
