// Folders of the cache, which every checkout and every process shares: each is made whole or not
// at all, and none is taken away from under a process that uses it.

import { cacheDir, exists } from "./paths.ts";
import { ProcessTable, stopProcesses } from "./processes.ts";

/** What is being made, or half removed; `sweepUnfinished` takes it when its process was killed. */
const unfinished = ".new-";

/** Makes folder `dir` by `fill`, whole or not at all, also when two processes do so at once. */
export async function fillOnce(
  dir: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  if (await exists(dir)) return;
  await Deno.mkdir(cacheDir, { recursive: true });
  await sweepUnfinished();
  const temporary = await Deno.makeTempDir({ dir: cacheDir, prefix: unfinished });
  try {
    await Deno.chmod(temporary, 0o755);
    await fill(temporary);
    await Deno.rename(temporary, dir);
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    if (!await exists(dir)) throw error;
  }
}

/** Runs `use` on folders of one `kind` while no process removes any of them. */
export async function whileKept(kind: string, use: () => Promise<void>): Promise<void> {
  using lock = await openLock(kind);
  await lock.lock(false);
  await use();
}

/**
 * Removes all but the `keep` folders `kind-*` that were used last (by the time of the folder
 * itself); nothing while another process uses or removes some: a later call does it.
 */
export async function keepNewest(kind: string, keep: number): Promise<void> {
  using lock = await openLock(kind);
  if (!await lock.tryLock(true)) return;
  const found: { path: string; used: number }[] = [];
  for await (const { name } of Deno.readDir(cacheDir)) {
    if (!name.startsWith(`${kind}-`)) continue;
    const path = `${cacheDir}/${name}`;
    found.push({ path, used: (await Deno.stat(path)).mtime?.getTime() ?? 0 });
  }
  for (const { path } of found.sort((a, b) => b.used - a.used).slice(keep)) {
    // Renamed first: what is half removed must not have the name of what is whole.
    const removed = `${cacheDir}/${unfinished}${crypto.randomUUID()}`;
    await Deno.rename(path, removed);
    await Deno.remove(removed, { recursive: true });
  }
}

async function openLock(kind: string): Promise<Deno.FsFile> {
  await Deno.mkdir(cacheDir, { recursive: true });
  return await Deno.open(`${cacheDir}/${kind}.lock`, { create: true, write: true });
}

/** Stops and deletes what a process that was killed while it changed the cache left there. */
async function sweepUnfinished() {
  const longAgo = Date.now() - 15 * 60_000;
  for await (const { name } of Deno.readDir(cacheDir)) {
    if (!name.startsWith(unfinished)) continue;
    const path = `${cacheDir}/${name}`;
    try {
      if (((await Deno.stat(path)).mtime?.getTime() ?? 0) > longAgo) continue;
      await stopProcesses(await ProcessTable.orphans(`${path}/pids.json`), "SIGQUIT");
      await Deno.remove(path, { recursive: true });
    } catch { /* another process sweeps it, too */ }
  }
}
