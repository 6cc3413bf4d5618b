// Where things are: the checkout, the cache that ./pageperfect fills, and the state of the stacks.

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout's root folder, without a trailing slash. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** True when we are root: Postgres then runs as another user, since it refuses root. */
export const isRoot = Deno.build.os !== "windows" && Deno.uid() === 0;

const home = Deno.env.get("HOME") ?? "/";

/** Downloads and snapshots, shared by every checkout and safe to delete. */
export const cacheDir = Deno.env.get("PAGEPERFECT_CACHE") ||
  (isRoot
    ? "/var/cache/pageperfect"
    : `${Deno.env.get("XDG_CACHE_HOME") || `${home}/.cache`}/pageperfect`);

/** Data, logs, keys and process ids of this checkout's stacks, one folder an instance. */
export const stateDir = resolve(
  Deno.env.get("PAGEPERFECT_STATE") ||
    (isRoot
      ? "/var/lib/pageperfect"
      : `${Deno.env.get("XDG_STATE_HOME") || `${home}/.local/state`}/pageperfect`),
) +
  `/${root.split("/").pop()}-${sha256(root).slice(0, 8)}`;

/** A tool that ./pageperfect installed. */
export function tool(name: "deno" | "deno-2.1" | "supabase" | "psql"): string {
  return `${toolsDir()}/bin/${name}`;
}

/** Root of the pinned tools: Postgres, the offline model, Deno, the Supabase CLI. */
export function toolsDir(): string {
  const dir = Deno.env.get("PAGEPERFECT_TOOLS");
  if (!dir) {
    throw new Error(
      "PAGEPERFECT_TOOLS is not set: start this through ./pageperfect, which installs the tools",
    );
  }
  return dir;
}

export const postgresHome = () => `${toolsDir()}/python/embedded_postgres/pginstall`;

export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Files under `dir` whose path ends in `suffix`, sorted, as full paths; none when it is absent. */
export async function filesUnder(dir: string, suffix = ""): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const entry of Deno.readDir(dir)) {
      const path = `${dir}/${entry.name}`;
      if (entry.isDirectory) found.push(...await filesUnder(path, suffix));
      else if (path.endsWith(suffix)) found.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}
