// Loaded into a worker's process before the worker (--preload): the clock that it cuts its work by, and what that work takes.
//
// The clock counts looks, not seconds: each look adds the same, so that work is cut at the same places on every machine,
// however fast or busy it is. What lies between two looks cannot be cut, and is measured: as a multiple of a workload that
// is timed beside it in the same process, which a slow or busy machine slows down as well.

import process from "node:process";
import { tickMs } from "./tick.ts";

/** From here on, in units, the reference is timed anew beside what was measured. */
const worthTiming = 2;

const path = Deno.env.get("BUDGET_METER")!;

/**
 * CPU time of this thread, which is what an isolate is billed for: the Edge Runtime's timer is of CLOCK_THREAD_CPUTIME_ID
 * (its crates/cpu_timer). V8 optimises wasm on other threads.
 */
function cpuMs(): number {
  const [nanoseconds] = Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/schedstat`).split(" ");
  return Number(nanoseconds) / 1e6;
}

const numbers = Float64Array.from({ length: 4096 }, (_, i) => Math.sin(i));

/** About 10 ms on a processor of 2024: arithmetic, and text that is made and read again. */
function workload(): number {
  let sum = 0;
  for (let round = 0; round < 400; round++) {
    for (let i = 0; i < numbers.length; i++) sum += numbers[i] * numbers[(i + round) & 4095];
  }
  for (let round = 0; round < 40; round++) {
    sum += atob(btoa(String.fromCharCode(...new Uint8Array(numbers.buffer, 0, 8192)))).length;
    sum += JSON.parse(JSON.stringify(Array.from(numbers.subarray(0, 256)))).length;
  }
  return sum;
}

/** CPU time of the workload: the least of three, since whatever disturbs only adds. */
function timeReference(): number {
  let least = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = cpuMs();
    workload();
    least = Math.min(least, cpuMs() - start);
  }
  return least;
}

// The engine optimises what runs often.
for (let i = 0; i < 5; i++) workload();
let reference = timeReference();
let looks = 0;
let last = cpuMs();

/** @param what where the clock was looked at */
function note(what: string): void {
  const ms = cpuMs() - last;
  if (ms > worthTiming * reference) reference = (reference + timeReference()) / 2;
  const line = JSON.stringify({ what, ms, unitMs: reference });
  Deno.writeTextFileSync(path, line + "\n", { append: true });
  last = cpuMs();
}

process.cpuUsage = () => {
  note(new Error().stack!.split("\n").filter((line) => /functions/.test(line)).slice(1).join());
  looks++;
  return { user: looks * tickMs * 1000, system: 0 };
};
// The harness asks for what came after the last look.
Deno.addSignalListener("SIGUSR1", () => note("end"));
