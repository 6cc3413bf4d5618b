// What the processes below this one use.

/** CPU seconds and peak memory of a process, with what its ended children used. */
function processOf(pid: number): { cpuSeconds: number; peakMb: number; name: string } | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const name = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0")
      .find((part) => part.endsWith("/index.ts"))?.split("/").at(-2) ?? "postgres";
    return {
      name,
      cpuSeconds: (fields[11] + fields[12] + fields[13] + fields[14]) / 100,
      peakMb: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024,
    };
  } catch {
    return undefined; // it has ended
  }
}

/** Our children and theirs. */
function descendants(): number[] {
  const parents = new Map<number, number>();
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch { /* it has ended */ }
  }
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent === Deno.pid || (parent !== undefined && parent > 1 && isOurs(parent));
  };
  return [...parents.keys()].filter(isOurs);
}

export class Meter {
  #seen = new Map<number, { name: string; cpuSeconds: number; peakMb: number }>();
  #timer = setInterval(() => this.look(), 1_000);

  look() {
    for (const pid of descendants()) {
      const now = processOf(pid);
      if (now) this.#seen.set(pid, now);
    }
  }

  /** CPU seconds together and by name, and the largest memory of a process of each name, in MB. */
  stop() {
    clearInterval(this.#timer);
    this.look();
    const peakMb: Record<string, number> = {};
    const cpuBy: Record<string, number> = {};
    for (const { name, cpuSeconds, peakMb: peak } of this.#seen.values()) {
      cpuBy[name] = (cpuBy[name] ?? 0) + cpuSeconds;
      peakMb[name] = Math.max(peakMb[name] ?? 0, peak);
    }
    const cpuSeconds = Object.values(cpuBy).reduce((sum, seconds) => sum + seconds, 0);
    return { cpuSeconds, cpuBy, peakMb };
  }
}
