// Child processes that must not outlive their stack, even when the supervisor is killed with -9.
// Each child is written to <instance>/pids.json with its start time, so that the next start can
// tell an orphan from an unrelated process that got the same number.

import { exists } from "./paths.ts";

export interface ProcessId {
  pid: number;
  /** When the process started, in the operating system's own words; with pid, an identity. */
  started: string;
  name: string;
}

/** The start time of a live process, or undefined when there is none (zombies count as none). */
export function processStart(pid: number): string | undefined {
  if (Deno.build.os === "linux") {
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  const { code, stdout } = new Deno.Command("ps", { args: ["-o", "lstart=", "-p", String(pid)] })
    .outputSync();
  return code === 0 ? new TextDecoder().decode(stdout).trim() || undefined : undefined;
}

export function identify(pid: number, name: string): ProcessId {
  return { pid, started: processStart(pid) ?? "", name };
}

export function isAlive(process: ProcessId): boolean {
  return process.started !== "" && processStart(process.pid) === process.started;
}

/** Sends `signal`, then SIGKILL to what is left after `graceMs`; resolves when all are gone. */
export async function stopProcesses(
  processes: ProcessId[],
  signal: Deno.Signal = "SIGTERM",
  graceMs = 5_000,
): Promise<void> {
  let alive = processes.filter(isAlive);
  const killAll = (signal: Deno.Signal) => {
    for (const { pid } of alive) {
      try {
        Deno.kill(pid, signal);
      } catch { /* it ended by itself meanwhile */ }
    }
  };
  killAll(signal);
  const deadline = Date.now() + graceMs;
  while (alive.length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    alive = alive.filter(isAlive);
  }
  killAll("SIGKILL");
  while ((alive = alive.filter(isAlive)).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The children of one stack, kept in a file from the moment each is started. */
export class ProcessTable {
  #entries: ProcessId[] = [];

  constructor(readonly path: string) {}

  add(pid: number, name: string): ProcessId {
    const entry = identify(pid, name);
    this.#entries = [...this.#entries.filter(isAlive), entry];
    this.#save();
    return entry;
  }

  remove(entry: ProcessId) {
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#save();
  }

  #save() {
    try {
      Deno.writeTextFileSync(this.path, JSON.stringify(this.#entries, null, 2));
    } catch (error) {
      // The folder of a temporary stack goes while its last children are being reaped.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Children recorded by an earlier run that are still running. */
  static async orphans(path: string): Promise<ProcessId[]> {
    if (!await exists(path)) return [];
    const entries: ProcessId[] = JSON.parse(await Deno.readTextFile(path) || "[]");
    return entries.filter(isAlive);
  }
}
