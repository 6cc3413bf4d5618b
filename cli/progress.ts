// Follows a job through its stages, for `analyze`, `demo` and `status`. Everything goes to stderr,
// so that stdout holds the result and nothing else.

import type { SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import { painter } from "./report/terminal.ts";
import { dollars, formatBytes, formatDuration, noDraft, plain, plural } from "./report/text.ts";

export const stages = [
  ["submit_crawl", "Ask for the page"],
  ["wait_crawl", "Crawl the page"],
  ["segment_embed", "Split it into segments, embed them"],
  ["keyword_clustering", "Group the search queries by topic"],
  ["gap_analysis", "Find what the page does not answer"],
  ["rewrite_draft", "Read the page again, draft what is missing"],
] as const;

export interface StageProgress {
  stage: string;
  /** pending (not reached yet), queued, processing, completed, failed or cancelled. */
  status: string;
  attempt_count: number;
  started_at: string | null;
  finished_at: string | null;
  next_retry_at: string | null;
  last_error: { message?: string } | null;
  /** What the stage handed on, once it has completed. */
  facts: Record<string, unknown>;
  /** The calls to a model that it said it would make, and their price. */
  announced?: { call_count: number; model: string; cost_usd: number | null };
  /** wait_crawl: the crawl it waits for, which has attempts of its own. */
  crawl?: {
    status: string;
    attempt_count: number;
    max_attempts: number;
    available_at: string;
    error: { message?: string } | null;
  };
}

export interface JobProgress {
  job_id: string;
  /** queued, processing, completed, failed or cancelled. */
  status: string;
  stages: StageProgress[];
}

/** Reads where a job stands; undefined when there is no such job. */
export async function readProgress(
  supabase: SupabaseClient,
  jobId: string,
): Promise<JobProgress | undefined> {
  const [job, rows, events, crawls] = await Promise.all([
    supabase.from("pageperfect_jobs").select("status").eq("id", jobId).maybeSingle(),
    supabase.from("pageperfect_job_stages").select(
      "stage,status,attempt_count,started_at,finished_at,next_retry_at,last_error",
    ).eq("job_id", jobId),
    supabase.from("pageperfect_job_events").select("stage,status,metadata").eq("job_id", jobId)
      .in("status", ["completed", "model_calls_announced"]).order("id"),
    supabase.from("crawl_jobs").select("status,attempt_count,max_attempts,available_at,error")
      .eq("job_id", jobId).order("created_at", { ascending: false }).limit(1),
  ]);
  const error = job.error ?? rows.error ?? events.error ?? crawls.error;
  if (error) throw new Error(`the job cannot be read: ${error.message}`);
  if (!job.data) return undefined;
  return {
    job_id: jobId,
    status: job.data.status,
    stages: stages.map(([stage]) => ({
      ...rows.data!.find((row) => row.stage === stage) ?? {
        stage,
        status: "pending",
        attempt_count: 0,
        started_at: null,
        finished_at: null,
        next_retry_at: null,
        last_error: null,
      },
      facts: events.data!.findLast((event) => event.stage === stage && event.status === "completed")
        ?.metadata ?? {},
      announced: events.data!.findLast((event) =>
        event.stage === stage && event.status === "model_calls_announced"
      )?.metadata,
      crawl: stage === "wait_crawl" ? crawls.data![0] : undefined,
    })),
  };
}

const final = new Set(["completed", "failed", "cancelled"]);

/**
 * Shows a job's stages until it has completed, failed or been cancelled, and answers with the last
 * state; also after `timeoutSeconds`, or when `signal` says stop, with a state that is not final.
 * Throws when there is no such job.
 */
export async function watchJob(
  supabase: SupabaseClient,
  jobId: string,
  options: { timeoutSeconds: number; signal?: AbortSignal },
): Promise<JobProgress> {
  const display = new ProgressDisplay();
  const deadline = Date.now() + options.timeoutSeconds * 1000;
  try {
    while (true) {
      const progress = await readProgress(supabase, jobId);
      if (!progress) throw new Error(`there is no job ${jobId}`);
      display.show(progress);
      if (final.has(progress.status) || options.signal?.aborted || Date.now() >= deadline) {
        return progress;
      }
      // A stage takes some hundred milliseconds, a crawl may take minutes: ask less often as it ages.
      const age = Date.now() - (deadline - options.timeoutSeconds * 1000);
      await sleep(age < 15_000 ? 150 : 1000, options.signal);
    }
  } finally {
    display.end();
  }
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

/** Prints a line on stderr. */
export function note(line: string) {
  console.error(line);
}

/** Whether a stream may be coloured: a terminal, and nobody said NO_COLOR. */
export function mayColor(stream: { isTerminal(): boolean }): boolean {
  return stream.isTerminal() && !Deno.env.get("NO_COLOR") && Deno.env.get("TERM") !== "dumb";
}

const frames = [..."⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"];

/** One line a stage, redrawn in place on a terminal; elsewhere one line a change. */
class ProgressDisplay {
  #live = Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb";
  #paint = painter(mayColor(Deno.stderr));
  #drawn = 0;
  #said = new Map<string, string>();
  #last?: JobProgress;
  #timer?: ReturnType<typeof setInterval>;

  show(progress: JobProgress) {
    this.#last = progress;
    if (!this.#live) return this.#sayChanges(progress);
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), 80);
  }

  end() {
    clearInterval(this.#timer);
    if (this.#live && this.#last) this.#draw();
  }

  #draw() {
    const columns = columnsOf(80) - 1;
    const lines = this.#last!.stages.map((stage) => {
      const [mark, style] = ({
        completed: ["✓", "green"],
        failed: ["✗", "red"],
        cancelled: ["✗", "red"],
        processing: [frames[Math.floor(Date.now() / 80) % frames.length], "cyan"],
        queued: ["·", "cyan"],
      } as const)[stage.status] ?? ["·", "dim"];
      const title = stages.find(([name]) => name === stage.stage)?.[1] ?? stage.stage;
      const text = `${title.padEnd(36)}${elapsed(stage).padStart(8)}  ${detail(stage)}`;
      const line = text.slice(0, columns - 2).trimEnd();
      return `${this.#paint(style, mark)} ${
        stage.status === "pending" ? this.#paint("dim", line) : line
      }`;
    });
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    this.#drawn = lines.length;
    write(up + lines.map((line) => `\r\x1b[2K${line}\n`).join(""));
  }

  #sayChanges(progress: JobProgress) {
    for (const stage of progress.stages) {
      const waits = stage.status === "queued" &&
        (stage.next_retry_at !== null || crawlFailed(stage));
      if (stage.status === "pending" || (stage.status === "queued" && !waits)) continue;
      const crawl = crawlFailed(stage) ? stage.crawl!.attempt_count : 0;
      const state = `${stage.status} ${stage.attempt_count} ${stage.next_retry_at} ${crawl}`;
      if (this.#said.get(stage.stage) === state) continue;
      this.#said.set(stage.stage, state);
      const status = waits ? "waits" : stage.status;
      const time = stage.status === "completed" ? elapsed(stage).padStart(8) : "";
      note(`${stage.stage.padEnd(19)}${status.padEnd(11)}${time}  ${detail(stage)}`.trimEnd());
    }
  }
}

/** The terminal's columns, or what to take for them where there is none. */
export function columnsOf(fallback: number): number {
  try {
    return Deno.consoleSize().columns || fallback;
  } catch {
    return fallback;
  }
}

/** Columns to lay a report out in: the terminal's, between 80 and 100. */
export function reportWidth(): number {
  return Math.min(100, Math.max(80, columnsOf(100)));
}

function write(text: string) {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += Deno.stderr.writeSync(bytes.subarray(done));
}

function elapsed(stage: StageProgress): string {
  if (!stage.started_at) return "";
  const end = stage.finished_at ? new Date(stage.finished_at).getTime() : Date.now();
  return formatDuration(Math.max(0, end - new Date(stage.started_at).getTime()));
}

function detail(stage: StageProgress): string {
  const { facts } = stage;
  const count = (name: string) => Number(facts[name] ?? 0).toLocaleString("en-US");
  if (stage.status === "completed") {
    if (stage.stage === "wait_crawl" && facts.html_length !== undefined) {
      return `${formatBytes(Number(facts.html_length))} HTML`;
    }
    if (facts.paragraph_count !== undefined) return `${count("paragraph_count")} segments`;
    if (facts.cluster_count !== undefined) {
      return `${count("cluster_count")} topics, ${count("noise_count")} queries like no other`;
    }
    if (facts.gap_count !== undefined) return `${count("gap_count")} gaps`;
    if (stage.stage === "rewrite_draft") {
      const read = facts.verified_by ? `read by ${plain(String(facts.verified_by))}; ` : "";
      return facts.draft_skipped
        ? `${read}no draft: ${noDraft(String(facts.draft_skipped))}`
        : `${read}${plural(Number(facts.draft_count ?? 1), "draft")} by ${
          plain(String(facts.draft_model))
        }`;
    }
    return "";
  }
  const error = stage.last_error?.message ? plain(stage.last_error.message) : "";
  if (stage.status === "failed") return error;
  if (stage.next_retry_at) {
    return `attempt ${stage.attempt_count + 1} ${soon(stage.next_retry_at)}${
      error ? `: ${error}` : ""
    }`;
  }
  if (crawlFailed(stage)) {
    const { attempt_count, max_attempts, available_at, error } = stage.crawl!;
    const reason = plain(error!.message ?? "the crawl failed");
    return `attempt ${attempt_count + 1} of ${max_attempts} ${soon(available_at)}: ${reason}`;
  }
  const { announced } = stage;
  return [
    stage.attempt_count > 1 ? `attempt ${stage.attempt_count}` : "",
    announced
      ? `${plural(announced.call_count, "call")} to ${plain(announced.model)}, ${
        announced.cost_usd === null ? "price unknown" : `about ${dollars(announced.cost_usd)}`
      }`
      : "",
  ].filter(Boolean).join(": ");
}

/** Whether an attempt to crawl went wrong and another one is to come. */
function crawlFailed({ crawl }: StageProgress): boolean {
  return crawl?.status === "pending" && crawl.error !== null;
}

function soon(time: string): string {
  const seconds = Math.ceil((Date.parse(time) - Date.now()) / 1000);
  return seconds > 0 ? `in ${seconds} s` : "at the next round";
}
