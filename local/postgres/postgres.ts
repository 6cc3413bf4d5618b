// The embedded Postgres: a cluster made once per set of migrations, kept as a snapshot in the cache
// and copied for every new stack, so that a stack starts in about a second.

import { basename, relative } from "node:path";
import postgres from "npm:postgres@3.4.9";
import { applyStatement, readSchema, tidyStatement } from "../../supabase/schema.ts";
import { fillOnce, keepNewest, whileKept } from "../cache.ts";
import { cacheDir, filesUnder, isRoot, postgresHome, root, sha256, toolsDir } from "../paths.ts";
import { type ProcessId, ProcessTable, stopProcesses } from "../processes.ts";

/** Name of the cluster's superuser; `postgres` is an ordinary role, as on hosted Supabase. */
export const superuser = "supabase_admin";

export interface RunningPostgres {
  port: number;
  /** As the role that owns the migrations' objects; what a user's psql wants. */
  url: string;
  adminUrl: string;
  /** As PostgREST would connect: may only become anon, authenticated or service_role. */
  authenticatorUrl: string;
  process: ProcessId;
  /** Fast shutdown with a checkpoint, or an immediate one when the data are thrown away. */
  stop(keepData: boolean): Promise<void>;
}

/** The user that initdb and postgres run as: ourselves, or an unprivileged one when we are root. */
const serverUser = await (async (): Promise<{ uid: number; gid: number } | undefined> => {
  if (!isRoot) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const id = async (flag: string) => {
      const { code, stdout } = await new Deno.Command("id", { args: [flag, name], stderr: "null" })
        .output();
      return code === 0 ? Number(new TextDecoder().decode(stdout)) : undefined;
    };
    const uid = await id("-u"), gid = await id("-g");
    if (uid && gid) return { uid, gid };
  }
  throw new Error("as root, Postgres must run as user postgres or nobody, and neither exists");
})();

async function run(
  command: string,
  args: string[],
  options: Omit<Deno.CommandOptions, "args" | "stdin"> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    stdout: "piped",
    stderr: "piped",
    ...options,
    args,
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code !== 0) {
    throw new Error(
      `${command.split("/").pop()} ${args[0]} failed (exit ${code}):\n${text.trim()}`,
    );
  }
  return text;
}

/** Throws an error that says what to do when Postgres's user cannot get into `dir`. */
async function checkReachable(dir: string, variable: string) {
  if (!serverUser) return;
  const { code } = await new Deno.Command("test", { args: ["-x", dir], cwd: "/", ...serverUser })
    .output();
  if (code === 0) return;
  throw new Error(
    `as root, Postgres runs as user ${serverUser.uid}, who cannot get into ${dir}: open every folder ` +
      `above it to others (chmod o+x), or set ${variable} to another place`,
  );
}

async function givePostgres(path: string) {
  if (serverUser) await Deno.chown(path, serverUser.uid, serverUser.gid);
}

/** A free TCP port on loopback. Another process may take it first: callers retry. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/** Throws an error that names the port and what to do, when something listens on it. */
export function checkPortFree(port: number, what: string, how: string) {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new Error(`port ${port} (${what}) is taken by another program: stop it, or ${how}`);
  }
}

/**
 * Starts the cluster in `home` (`home/data`, `home/password`) and waits until it answers.
 * `durable` is fsync: off for tests, whose data are thrown away.
 */
export async function startPostgres(options: {
  home: string;
  port: number;
  durable: boolean;
  logFile: string;
  processes: ProcessTable;
}): Promise<RunningPostgres> {
  const { home, port, processes } = options;
  await checkReachable(home, "PAGEPERFECT_STATE");
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: 80,
    // Our stand-ins for pg_cron, pg_net and Vault, beside the ones that Postgres ships.
    extension_control_path: `$system:${await extensionsDir()}`,
    ...(options.durable
      ? {}
      : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  const log = await Deno.open(options.logFile, { create: true, append: true });
  const child = new Deno.Command(`${postgresHome()}/bin/postgres`, {
    args: [
      "-D",
      `${home}/data`,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    cwd: `${home}/data`,
    detached: true, // Ctrl-C in the terminal is for the supervisor, which stops its children in order
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...serverUser,
  }).spawn();
  child.stderr.pipeTo(log.writable).catch(() => {});
  const process = processes.add(child.pid, "postgres");
  let exit: Deno.CommandStatus | undefined;
  child.status.then((status) => exit = status);

  const password = (await Deno.readTextFile(`${home}/password`)).trim();
  const url = (role: string) => `postgresql://${role}:${password}@127.0.0.1:${port}/postgres`;
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (exit) {
      throw new Error(
        `Postgres ended while starting (exit ${exit.code}), see ${options.logFile}:\n` +
          (await Deno.readTextFile(options.logFile)).trim().split("\n").slice(-5).join("\n"),
      );
    }
    const probe = postgres(url(superuser), { max: 1, connect_timeout: 5, onnotice: () => {} });
    try {
      await probe`select 1`;
      break;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 30));
    } finally {
      await probe.end({ timeout: 1 });
    }
  }
  return {
    port,
    url: url("postgres"),
    adminUrl: url(superuser),
    authenticatorUrl: url("authenticator"),
    process,
    async stop(keepData) {
      await stopProcesses([process], keepData ? "SIGINT" : "SIGQUIT", 30_000);
      await child.status;
      processes.remove(process);
    },
  };
}

/** The stand-in extensions, copied where Postgres's user can read them. */
async function extensionsDir(): Promise<string> {
  const files = await filesUnder(`${root}/local/postgres/extension`);
  const contents = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  const names = files.map((file) => basename(file));
  const dir = `${cacheDir}/extensions-${sha256(...names, ...contents).slice(0, 12)}`;
  await fillOnce(dir, async (temporary) => {
    await Deno.mkdir(`${temporary}/extension`);
    for (const [index, name] of names.entries()) {
      await Deno.writeTextFile(`${temporary}/extension/${name}`, contents[index]);
    }
  });
  return dir;
}

/** What decides how a new cluster looks; a change makes another snapshot. */
export interface Schema {
  /** Folder that holds supabase/migrations and supabase/schemas. */
  projectDir: string;
  /**
   * Whether new tables and functions in `public` are granted to anon, authenticated and
   * service_role by default: projects from before June 2026. Migrations must be right under both.
   */
  autoExpose: boolean;
}

/** Identifies the migrations and everything under them. */
export async function schemaKey(schema: Schema): Promise<string> {
  const project = `${schema.projectDir}/supabase`;
  const files = [
    [root, `${root}/local/postgres/bootstrap.sql`],
    ...(await filesUnder(`${root}/local/postgres/extension`)).map((file) => [root, file]),
    [root, `${root}/supabase/apply.sql`],
    ...(await filesUnder(`${project}/migrations`, ".sql")).map((file) => [project, file]),
    ...(await filesUnder(`${project}/schemas`, ".sql")).map((file) => [project, file]),
  ];
  const parts = [toolsDir(), String(schema.autoExpose)];
  // By their names in the checkout: two checkouts of the same files share a snapshot.
  for (const [base, file] of files) {
    parts.push("\0", relative(base, file), "\0", await Deno.readTextFile(file));
  }
  return sha256(...parts).slice(0, 16);
}

/** Copies the migrated snapshot to `home/data` and `home/password`, making it first if need be. */
export async function createCluster(
  home: string,
  schema: Schema,
  report: (line: string) => void,
): Promise<void> {
  const snapshot = `${cacheDir}/snapshot-${await schemaKey(schema)}`;
  const fill = async (temporary: string) => {
    report("making a database cluster and applying the migrations (once per change of them)");
    await initCluster(temporary);
    const processes = new ProcessTable(`${temporary}/pids.json`);
    const server = await startPostgres({
      home: temporary,
      port: freePort(),
      durable: false,
      logFile: `${temporary}/postgres.log`,
      processes,
    });
    try {
      await bootstrap(server.adminUrl, schema.autoExpose);
      await migrate(server.url, schema.projectDir);
    } finally {
      await server.stop(true);
    }
    await Deno.remove(processes.path);
  };
  await whileKept("snapshot", async () => {
    await fillOnce(snapshot, fill);
    const now = new Date();
    await Deno.utime(snapshot, now, now); // the least recently used ones go
    await run("cp", ["-Rp", `${snapshot}/data`, `${snapshot}/password`, home]);
  });
  await keepNewest("snapshot", 6); // every edit of a migration makes one of about 60 MB
}

async function initCluster(home: string) {
  await checkReachable(`${postgresHome()}/bin`, "PAGEPERFECT_CACHE");
  const password = crypto.randomUUID().replaceAll("-", "");
  await Deno.writeTextFile(`${home}/password`, password, { mode: 0o600 });
  await Deno.mkdir(`${home}/data`, { mode: 0o700 });
  await givePostgres(`${home}/data`);
  const passwordFile = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(passwordFile, password);
    await givePostgres(passwordFile);
    const args = ["-D", `${home}/data`, "-U", superuser, "--pwfile", passwordFile];
    args.push("-A", "scram-sha-256", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync");
    await run(`${postgresHome()}/bin/initdb`, args, { cwd: "/", ...serverUser });
  } finally {
    await Deno.remove(passwordFile);
  }
}

/** Shapes a plain cluster like a Supabase project: roles, schemas, auth functions, grants. */
async function bootstrap(adminUrl: string, autoExpose: boolean) {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    const password = new URL(adminUrl).password;
    await sql`select set_config('bootstrap.password', ${password}, false),
      set_config('bootstrap.auto_expose', ${String(autoExpose)}, false)`;
    await sql.unsafe(await Deno.readTextFile(`${root}/local/postgres/bootstrap.sql`)).simple();
  } finally {
    await sql.end();
  }
}

/** Applies the migrations that the database lacks and all of `projectDir/supabase/schemas`, as `deploy` does. */
export async function migrate(url: string, projectDir: string): Promise<void> {
  const files = await readSchema(projectDir);
  if (files.length === 0) return;
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(await applyStatement(files)).simple();
    await sql.unsafe(await tidyStatement(files)).simple();
  } finally {
    await sql.end();
  }
}
