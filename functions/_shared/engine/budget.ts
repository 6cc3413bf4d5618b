// What one invocation may use, and how a stage that needs more goes on in the next.
//
// Supabase ends an isolate after 2 s of CPU time or at 256 MB, whatever it was doing. Work that can be large is therefore
// done in chunks; between two of them the invocation looks at the CPU time it has used, and once its share is spent it
// pauses: the message is deferred by 0 s, which spends no attempt, and the next invocation finds what is done in the
// database.
import process from "node:process";
import { Failure } from "./failure.ts";
import type { StageJob } from "./lease.ts";
import { readCpuFactor } from "../platform/env.ts";

/** Every number a stage is cut to size by. */
export const limits = {
  /** CPU time after which an invocation begins no further chunk; starting an isolate and the chunk under way add to it. */
  cpuMs: 900,
  /** CPU time after which an invocation leaves to the next what cannot be cut: reading all vectors and clustering them. */
  freshCpuMs: 250,
  /** Keywords up to which that is little: 0.2 s. There are 10,000 at most (pipeline.max_keywords). */
  uncutCount: 1_000,
  /** What an invocation does at least of work that it had to read all vectors for, by the same clock. */
  leastMs: 300,
  /** What a step of work should take at most; on a slow processor it does less. */
  stepMs: 100,
  /** One stage of one job. Supabase ends a worker after 150 s of wall clock on its smallest plan. */
  stageMs: 100_000,
  /** A model's rate limit is waited for inside the invocation up to this; longer, and the message sleeps instead. */
  waitMs: 5_000,
  /** A job that gets no call through for so long has failed its attempt. */
  blockedMs: 3_600_000,
  /** Age of an invocation up to which it claims another job instead of leaving it to the next. */
  claimMs: 20_000,
  /** Jobs of one invocation: their CPU time adds up. */
  claimCount: 10,
  /** Vectors held as text at once: 2 MB at 1,536 dimensions. */
  vectorCount: 100,
};

const total = ({ user, system }: { user: number; system: number }) => user + system;
/** Whether the runtime tells CPU time; Deno 2.1 says 0. */
export const isMetered = total(process.cpuUsage()) > 0;

const factor = readCpuFactor();

/**
 * CPU time so far, milliseconds, as a processor so many times slower would count it (PAGEPERFECT_CPU_FACTOR); where the runtime does not tell, the clock: one thread cannot use more CPU time than
 * time passes, so that errs on the safe side.
 */
export function cpuMs(): number {
  return factor * (isMetered ? total(process.cpuUsage()) / 1000 : performance.now());
}

/** What one invocation notes for the next of the same stage; it travels in the message. */
export interface Progress {
  /** What the stage has paid for so far. */
  usage?: { embedding_tokens: number; embedded_count: number };
  /** Vectors that wait in the database for the commit. */
  staged?: { digest: string; count: number };
  /** Since when a rate limit lets no call through (milliseconds since 1970), and in which attempt. */
  blocked?: { attempt: number; since: number };
  /** How many units of the work are done and stored. */
  done?: number;
  /** Digest of the input whose unfinished work waits in the database. */
  checkpoint?: string;
}

/** Thrown by a stage to go on in another invocation: at once, or after a wait that nothing this worker does can shorten. */
export class Pause extends Error {
  override name = "Pause";
  constructor(message: string, readonly left?: number, readonly delaySeconds = 0) {
    super(message);
  }
}

/** Sizes steps by the speed seen: those of a slow processor do less, so that each still ends soon. */
export class Pace {
  /** @param most units of work in a step at most */
  constructor(
    readonly most: number,
    readonly budget: Pick<Budget, "usedMs">,
    public count = most,
  ) {}

  /** Does a step of so many units; `endMs`: the CPU time of the invocation at its end. */
  step<T>(work: (count: number) => T): { result: T; endMs: number } {
    const startMs = this.budget.usedMs();
    const result = work(this.count);
    const endMs = this.budget.usedMs();
    const fitting = Math.floor(this.count * limits.stepMs / (endMs - startMs));
    this.count = Math.max(Math.min(fitting, this.most), 1);
    return { result, endMs };
  }
}

/** One job's share of an invocation. */
export class Budget {
  readonly progress: Progress;
  readonly #before?: { attempt: number; left: number };
  readonly #attempt: number;
  readonly #startedAt = performance.now();

  /** @param usedMs CPU time of the invocation so far */
  constructor(
    job: Pick<StageJob, "payload" | "attempt_count">,
    readonly usedMs: () => number,
    readonly cpuMs = limits.cpuMs,
  ) {
    const { before, ...progress } = (job.payload?.progress ?? {}) as Progress & {
      before?: { attempt: number; left: number };
    };
    this.progress = progress;
    this.#before = before;
    this.#attempt = job.attempt_count;
  }

  /** How long the invocation has been at this job, milliseconds. */
  get ageMs(): number {
    return performance.now() - this.#startedAt;
  }

  get isSpent(): boolean {
    return this.usedMs() >= this.cpuMs;
  }

  /** As `isSpent` at `nowMs`, for work that began at `startMs` with a costly start: some of it is done in any case. */
  isSpentSince(startMs: number, nowMs = this.usedMs()): boolean {
    return nowMs >= this.cpuMs && nowMs - startMs >= limits.leastMs;
  }

  /**
   * Leaves the rest of the stage to the next invocation.
   *
   * @param left how much is left, in any unit that shrinks from one invocation to the next
   * @throws Pause; Failure `no_progress` when it has not shrunk, since such a job would come back for ever
   */
  pause(left: number): never {
    if (!this.#isLess(left)) {
      throw new Failure(
        `an invocation got nothing done within ${this.cpuMs} ms of CPU time: ${
          Math.ceil(left)
        } units of work are left, as before`,
        { code: "no_progress", kind: "transient" },
      );
    }
    throw new Pause(`${Math.ceil(left)} left for the next invocation`, left);
  }

  /**
   * Waits before a call that may take `callMs`, when that is short and leaves the call its time.
   *
   * @throws Pause for a longer wait; Failure `rate_limited` when the job has been waiting for too long
   */
  async wait(seconds: number, callMs: number, model: string, signal: AbortSignal): Promise<void> {
    const now = Date.now();
    const { attempt, since } = this.progress.blocked ?? {};
    const blockedSince = attempt === this.#attempt && since !== undefined ? since : now;
    this.progress.blocked = { attempt: this.#attempt, since: blockedSince };
    if (now - blockedSince >= limits.blockedMs) {
      throw new Failure(`${model} let no call through for ${limits.blockedMs / 60_000} minutes`, {
        code: "rate_limited",
        kind: "transient",
      });
    }
    const ms = Math.max(seconds * 1000, 20);
    if (ms > limits.waitMs || this.ageMs + ms + callMs > limits.stageMs) {
      throw new Pause(`${model} is at its rate limit`, undefined, Math.ceil(seconds));
    }
    await new Promise<void>((resolve) => {
      // Those who wait for the same moment do not all ask at once.
      const timer = setTimeout(resolve, ms + Math.random() * 50);
      const wake = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener("abort", wake, { once: true });
    });
    signal.throwIfAborted();
  }

  /** A call came through. */
  endWait(): void {
    delete this.progress.blocked;
  }

  /** Pauses before work on `count` keywords that cannot be cut, unless they are few or this invocation did nothing else. */
  pauseUnlessFresh(count: number, left: number): void {
    const isFresh = this.usedMs() < limits.freshCpuMs || count <= limits.uncutCount;
    if (!isFresh && this.#isLess(left)) this.pause(left);
  }

  #isLess(left: number): boolean {
    return this.#before?.attempt !== this.#attempt || left < this.#before.left;
  }

  /** What the message carries to the next invocation. */
  payload({ left }: Pause): Record<string, unknown> {
    const before = left === undefined ? this.#before : { attempt: this.#attempt, left };
    return { progress: { ...this.progress, before } };
  }
}
