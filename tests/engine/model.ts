// The state machine of a pipeline in as few words as possible. It knows nothing of SQL, messages or
// locks: what it says about the outcome of each operation is what the engine must do.

import { maxAttempts, maxConcurrency, maxSilences, type Stage, stages } from "./trial.ts";

export interface OpenStage {
  stage: Stage;
  attemptCount: number;
  /** Seconds on the model's clock from which the stage may be claimed. */
  visibleAt: number;
  /** Workers that went silent in a row. */
  silentCount: number;
  /** Held by a worker since its claim; the lease may have expired without anybody noticing. */
  leaseUntil: number | null;
  /** Number of the claim that holds it. */
  claim: number | null;
  wakeRequested: boolean;
}

export interface Job {
  id: string;
  priority: number;
  /** The owner's jobs of at least its priority that were before it, see pipeline.place_job. */
  share: number;
  status: "open" | "completed" | "failed" | "cancelled";
  open: OpenStage | null;
  /** What the last open stage was when the job ended early. */
  failedStage: Stage | null;
}

export interface Claim {
  job: Job;
  number: number;
}

export interface Letter {
  job: Job;
  stage: Stage;
  replayed: boolean;
}

export class Model {
  now = 0;
  jobs: Job[] = [];
  claims: Claim[] = [];
  letters: Letter[] = [];
  create(id: string, priority: number) {
    const job: Job = { id, priority, share: 0, status: "open", open: null, failedStage: null };
    job.share = this.#nextShare(priority);
    this.jobs.push(job);
    this.#queue(job, stages[0]);
  }

  /** The job that a claim of `stage` must get, or null. */
  claim(stage: Stage, seconds: number): Claim | null {
    const open = this.#open().filter(({ open }) => open.stage === stage);
    const running = open.filter(({ open }) => (open.leaseUntil ?? -Infinity) > this.now);
    if (running.length >= maxConcurrency) return null;
    const waiting = open
      .filter(({ open }) => open.visibleAt <= this.now)
      .sort(({ job: a }, { job: b }) =>
        a.share - b.share || b.priority - a.priority || this.jobs.indexOf(a) - this.jobs.indexOf(b)
      );
    for (const { job, open } of waiting) {
      if (open.leaseUntil !== null && this.#silence(job, open)) continue;
      const claim = { job, number: this.claims.length };
      this.claims.push(claim);
      open.attemptCount++;
      open.leaseUntil = open.visibleAt = this.now + seconds;
      open.claim = claim.number;
      open.wakeRequested = false;
      return claim;
    }
    return null;
  }

  /** The stage that a claim still holds, or null when its lease is lost. */
  held(claim: Claim): OpenStage | null {
    const open = claim.job.open;
    return open?.leaseUntil != null && open.claim === claim.number ? open : null;
  }

  extend(claim: Claim, seconds: number): boolean {
    const open = this.held(claim);
    if (open) open.leaseUntil = open.visibleAt = this.now + seconds;
    return open !== null;
  }

  commit(claim: Claim): string {
    const open = this.held(claim);
    if (!open) return "lease_lost";
    const next = stages[stages.indexOf(open.stage) + 1];
    if (next) this.#queue(claim.job, next);
    else this.#end(claim.job, "completed");
    return "committed";
  }

  fail(claim: Claim, action: "retry" | "dead_letter", seconds: number): string {
    const open = this.held(claim);
    if (!open) return "lease_lost";
    if (action === "dead_letter" || open.attemptCount >= maxAttempts) {
      this.#bury(claim.job);
      return "dead_lettered";
    }
    open.leaseUntil = null;
    open.silentCount = 0;
    open.visibleAt = this.now + seconds;
    return "retry_scheduled";
  }

  defer(claim: Claim, seconds: number): string {
    const open = this.held(claim);
    if (!open) return "lease_lost";
    open.attemptCount--;
    open.leaseUntil = null;
    open.silentCount = 0;
    open.visibleAt = this.now + (open.wakeRequested ? 0 : seconds);
    return "deferred";
  }

  wake(job: Job, stage: Stage): boolean {
    if (job.open?.stage !== stage) return false;
    if (job.open.leaseUntil === null) job.open.visibleAt = this.now;
    else job.open.wakeRequested = true;
    return true;
  }

  cancel(job: Job): boolean {
    if (job.status !== "open") return false;
    this.#end(job, "cancelled");
    return true;
  }

  reap(): { reaped: number; deadLettered: number } {
    const counts = { reaped: 0, deadLettered: 0 };
    for (const { job, open } of this.#open()) {
      if (open.leaseUntil === null || open.leaseUntil > this.now) continue;
      counts.reaped++;
      if (this.#silence(job, open)) counts.deadLettered++;
    }
    return counts;
  }

  replay(letter: Letter): string {
    if (letter.replayed) return "already_replayed";
    if (letter.job.status !== "failed") return "not_replayable";
    letter.replayed = true;
    letter.job.share = this.#nextShare(letter.job.priority);
    letter.job.status = "open";
    this.#queue(letter.job, letter.stage);
    return "replayed";
  }

  /** Takes the message of a waiting job away, which the reaper then sends again. */
  lose(job: Job) {
    job.open!.visibleAt = this.now;
  }

  #nextShare(priority: number): number {
    const open = this.#open().map(({ job }) => job);
    const before = open.filter((job) => job.priority >= priority).map(({ share }) => share + 1);
    const least = Math.min(...open.map(({ share }) => share));
    return Math.max(0, ...before, open.length > 0 ? least : 0);
  }

  /** Whether the stage whose worker went silent ends with it. */
  #silence(job: Job, open: OpenStage): boolean {
    open.silentCount++;
    open.leaseUntil = null;
    const isOver = open.silentCount >= maxSilences || open.attemptCount >= maxAttempts;
    if (isOver) this.#bury(job);
    return isOver;
  }

  #open(): { job: Job; open: OpenStage }[] {
    return this.jobs.flatMap((job) => job.open ? [{ job, open: job.open }] : []);
  }

  #queue(job: Job, stage: Stage) {
    job.open = {
      stage,
      attemptCount: 0,
      visibleAt: this.now,
      silentCount: 0,
      leaseUntil: null,
      claim: null,
      wakeRequested: false,
    };
  }

  #bury(job: Job) {
    this.letters.push({ job, stage: job.open!.stage, replayed: false });
    job.failedStage = job.open!.stage;
    this.#end(job, "failed");
  }

  #end(job: Job, status: "completed" | "failed" | "cancelled") {
    job.status = status;
    job.open = null;
  }
}
