// The state machine of a pipeline in as few words as possible. It knows nothing of SQL, messages or
// locks: what it says about the outcome of each operation is what the engine must do.

import {
  maxAttempts,
  maxConcurrency,
  maxOfOwner,
  maxSilences,
  type Stage,
  stages,
} from "./trial.ts";

export interface OpenStage {
  stage: Stage;
  attemptCount: number;
  /** Seconds on the model's clock from which the stage may be claimed; Infinity until it is woken or let into its lane. */
  visibleAt: number;
  /** Workers that went silent in a row. */
  silentCount: number;
  /** Held by a worker since its claim; the lease may have expired without anybody noticing. */
  leaseUntil: number | null;
  /** Number of the claim that holds it. */
  claim: number | null;
  wakeRequested: boolean;
  /** As many jobs of its owner go on as may. */
  waitsForLane: boolean;
}

export interface Job {
  id: string;
  priority: number;
  /** Null: the service. */
  owner: string | null;
  /** Whether it is one of its owner's jobs that go on. */
  holdsLane: boolean;
  /** The job that is woken when its last open child ends. */
  parent: Job | null;
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
  /** Null: of a message that named no job of ours. */
  job: Job | null;
  stage: Stage | null;
  replayed: boolean;
}

export class Model {
  now = 0;
  jobs: Job[] = [];
  claims: Claim[] = [];
  letters: Letter[] = [];

  create(
    id: string,
    priority: number,
    { owner = null, parent = null }: { owner?: string | null; parent?: Job | null } = {},
  ) {
    const job: Job = {
      id,
      priority,
      owner,
      parent,
      holdsLane: false,
      share: 0,
      status: "open",
      open: null,
      failedStage: null,
    };
    job.share = this.#nextShare(job);
    this.jobs.push(job);
    this.#queue(job, stages[0]);
  }

  /** The job that a claim of `stage` must get, or null. */
  claim(stage: Stage, seconds: number): Claim | null {
    if (!this.hasRoom(stage)) return null;
    const waiting = this.#open()
      .filter(({ open }) => open.stage === stage && open.visibleAt <= this.now)
      .sort(({ job: a }, { job: b }) => this.#byRank(a, b));
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

  /** Whether another worker may work at `stage` now. */
  hasRoom(stage: Stage): boolean {
    const running = this.#open().filter(({ open }) =>
      open.stage === stage && (open.leaseUntil ?? -Infinity) > this.now
    );
    return running.length < maxConcurrency;
  }

  hasOpenChild(job: Job): boolean {
    return this.jobs.some((other) => other.parent === job && other.open);
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
    if (job.open?.stage !== stage || job.open.waitsForLane) return false;
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
    if (letter.job?.status !== "failed") return "not_replayable";
    letter.replayed = true;
    letter.job.share = this.#nextShare(letter.job);
    letter.job.status = "open";
    this.#queue(letter.job, letter.stage!);
    return "replayed";
  }

  /** Takes the message of a waiting job away, which the reaper then sends again. */
  lose(job: Job) {
    if (!job.open!.waitsForLane) job.open!.visibleAt = this.now;
  }

  /** A message that is nobody's work becomes a dead letter that cannot be replayed. */
  buryForeign() {
    this.letters.push({ job: null, stage: null, replayed: false });
  }

  /** Who is served first. */
  #byRank(a: Job, b: Job): number {
    return a.share - b.share || b.priority - a.priority ||
      this.jobs.indexOf(a) - this.jobs.indexOf(b);
  }

  #nextShare({ priority, owner }: Job): number {
    const open = this.#open().map(({ job }) => job);
    const before = open.filter((job) => job.owner === owner && job.priority >= priority)
      .map(({ share }) => share + 1);
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

  #hasRoomFor(owner: string): boolean {
    return this.jobs.filter((job) => job.owner === owner && job.holdsLane).length < maxOfOwner;
  }

  #queue(job: Job, stage: Stage) {
    if (stage === stages[0] && job.owner) job.holdsLane ||= this.#hasRoomFor(job.owner);
    const waitsForLane = stage === stages[0] && job.owner !== null && !job.holdsLane;
    job.open = {
      stage,
      attemptCount: 0,
      visibleAt: waitsForLane ? Infinity : this.now,
      waitsForLane,
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
    if (job.holdsLane) {
      job.holdsLane = false;
      const [next] = this.jobs.filter((other) =>
        other.owner === job.owner && other.open?.waitsForLane
      )
        .sort((a, b) => this.#byRank(a, b));
      if (next) {
        next.holdsLane = true;
        Object.assign(next.open!, { waitsForLane: false, visibleAt: this.now });
      }
    }
    const { parent } = job;
    if (parent?.open && !this.hasOpenChild(parent)) this.wake(parent, parent.open.stage);
  }
}
