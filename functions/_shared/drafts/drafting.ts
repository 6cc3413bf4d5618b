// How a desk's edits are read and drafted: a language model reads the page for an edit, and a writer's draft is scored like the page
// itself and tried again with what it leaves open. Which questions are put, and what of the answers counts, is Rust's business.
import * as v from "npm:valibot@1.5.0";
import { limits } from "../engine/budget.ts";
import { forRust } from "../engine/expect.ts";
import { Failure } from "../engine/failure.ts";
import type { StageJob } from "../engine/lease.ts";
import type { StageContext } from "../engine/serve_stage.ts";
import { loadCheckpoint, saveCheckpoint } from "../engine/staging.ts";
import { type Answer, askModel } from "../models/drafts.ts";
import { errorText } from "../platform/log.ts";
import * as rust from "../wasm/draft.ts";
import { CoverageBeside, type Measured, ScoredQuery } from "./coverage_beside.ts";

/** What drafts of a page are made from. */
export const DraftInput = v.object({
  desk: forRust<rust.DeskInput>(),
  /** The queries that drafts are scored beside, and what the page was embedded with; null: they are not scored (method cosine). */
  scoring: v.nullable(v.object({ model: v.nullable(v.string()), queries: v.array(ScoredQuery) })),
});

/** A draft as it is committed. */
export interface WrittenDraft {
  edit_id: number;
  form: "text" | "outline";
  draft: rust.Draft;
  provider: string;
  model: string;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  attempts: number;
  brief: rust.Brief;
  coverage_before?: number;
  coverage_after?: number;
  per_query?: rust.Effect["per_query"];
  closes_gap?: boolean;
}

/** The draft that is being written. */
interface Current {
  edit_id: number;
  attempts: number;
  /** Why answers could not be used. */
  problems: string[];
  /** Paid for, and not scored yet. */
  unscored: WrittenDraft | null;
  best: WrittenDraft | null;
  previous: rust.Previous | null;
  /** How well the page answers the open queries without it, once that was measured. */
  before: Measured[] | null;
  /** The best one is to stand: nothing more is asked, also by who takes this up after a death. */
  is_done?: boolean;
}

/** What was paid for so far; a checkpoint, so that neither a pause nor a death pays twice. */
export interface Work {
  /** By edit; null: the reader's answers could not be used. */
  readings: Record<number, { answer: string; model: string } | null>;
  drafts: WrittenDraft[];
  current: Current | null;
  usage: { prompt_tokens: number; completion_tokens: number };
}

/** A desk, and what its edits are drafted with. */
export interface Task {
  desk: rust.Desk;
  form: "text" | "outline";
  /** Null: drafts are not scored. */
  scores: CoverageBeside | null;
  work: Work;
  /** Of what the work is made from. */
  digest: string;
  job: StageJob;
  context: StageContext;
  /** What is left to do when so many edits are unread; each reading and each step of a draft makes it less. */
  left(unread: number): number;
}

/** Calls to the reader at a time. */
const parallelReaders = 4;
/** Versions of a draft at most, and those of them that break the rules. */
const most = { versions: 3, refused: 2 };

/** How much of a draft is done, 0 to less than 1: an attempt and its score are two steps, the page's own score one. */
export const shareDone = ({ current }: Work) =>
  current === null
    ? 0
    : (2 * current.attempts - (current.unscored ? 1 : 0) + (current.before ? 1 : 0)) /
      (2 * most.versions + 2);

/** What text drafts of a page are scored by; null: these are not. An outline says what to write, and answers nothing itself. */
export function scoresOf(
  { desk, scoring }: v.InferOutput<typeof DraftInput>,
  job: StageJob,
  context: StageContext,
): CoverageBeside | null {
  return desk.form === "text" && scoring?.model === context.env.embedding.model
    ? new CoverageBeside(desk.segments, scoring.queries, job, context)
    : null;
}

/** Whether a reader checks recommendations; `verify` null: if there is one. */
export const isRead = (
  verify: boolean | null,
  { isDraftConfigured, isVerifyDefault }: StageContext["env"],
) => verify ?? (isDraftConfigured && isVerifyDefault);

/** What an earlier invocation paid for, of this attempt or another. */
export async function resumed(
  digest: string,
  job: StageJob,
  context: StageContext,
): Promise<Work> {
  const bytes = await loadCheckpoint(digest, job, context, { isFromAnyAttempt: true });
  return bytes ? JSON.parse(new TextDecoder().decode(bytes)) : {
    readings: {},
    drafts: [],
    current: null,
    usage: { prompt_tokens: 0, completion_tokens: 0 },
  };
}

export const save = ({ work, digest, job, context }: Task) =>
  saveCheckpoint(new TextEncoder().encode(JSON.stringify(work)), digest, job, context);

const isLate = ({ budget }: StageContext) => budget.isSpent || budget.ageMs > limits.stageMs / 2;

/** Leaves what is left to the next invocation before a call that this one may not have the time for. */
export function pauseWhenLate(left: number, context: StageContext): void {
  if (isLate(context)) context.budget.pause(left);
}

/** The desk's candidates that were not read yet. */
export const unread = ({ desk, work }: Task) =>
  desk.candidates.filter((id) => !(id in work.readings));

/** Has every candidate read, and the answers taken by the desk. */
export async function read(task: Task): Promise<void> {
  const { desk, work, context } = task;
  const take = (id: number) => {
    const reading = work.readings[id];
    if (!reading) return;
    try {
      desk.take_reading(id, reading.answer, reading.model);
    } catch (error) {
      // The edit stays as it was, unread.
      context.log.warn("reading_refused", { edit_id: id, message: errorText(error) });
      work.readings[id] = null;
    }
  };
  desk.candidates.filter((id) => id in work.readings).forEach(take);
  const waiting = unread(task);
  while (waiting.length > 0) {
    pauseWhenLate(task.left(waiting.length), context);
    const batch = waiting.splice(0, parallelReaders);
    const answers = await Promise.allSettled(
      batch.map((id) => ask(desk.reading_prompt(id), task)),
    );
    for (const [index, answer] of answers.entries()) {
      if (answer.status === "fulfilled") {
        work.readings[batch[index]] = { answer: answer.value.text, model: answer.value.model };
        take(batch[index]);
      } else if (isUselessAnswer(answer.reason)) {
        context.log.warn("reading_refused", { message: errorText(answer.reason) });
        work.readings[batch[index]] = null;
      }
    }
    await save(task);
    const failed = answers.find((answer) =>
      answer.status === "rejected" && !isUselessAnswer(answer.reason)
    );
    if (failed?.status === "rejected") throw failed.reason;
  }
}

/** The best of a few versions of a draft: one that closes its gap, or the one that answers most. */
export async function write(edit: rust.SettledEdit, task: Task): Promise<WrittenDraft> {
  const { desk, form, scores, work, context } = task;
  const current: Current = work.current?.edit_id === edit.id ? work.current : {
    edit_id: edit.id,
    attempts: 0,
    problems: [],
    unscored: null,
    best: null,
    previous: null,
    before: null,
  };
  work.current = current;
  while (!current.is_done && (current.unscored || current.attempts < most.versions)) {
    if (!current.unscored) {
      const prompt = desk.draft_prompt(edit, current.previous);
      const { text, ...answer } = await ask(prompt, task);
      current.attempts++;
      try {
        const draft = desk.take_draft(edit, text);
        const brief = desk.brief(edit, draft.heading);
        const attempts = current.attempts;
        current.unscored = { edit_id: edit.id, form, draft, ...answer, attempts, brief };
      } catch (error) {
        current.problems.push(errorText(error));
        current.previous = { body_markdown: "", problems: current.problems.slice(-1), open: [] };
        if (current.problems.length >= most.refused) break;
        await save(task);
        continue;
      }
      await save(task);
      if (scores) pauseWhenLate(task.left(0), context);
    }
    const written = current.unscored;
    if (!scores) return written;
    if (!current.before) {
      current.before = await scores.of(edit.open_queries, []);
      if (isLate(context)) await save(task);
      pauseWhenLate(task.left(0), context);
    }
    const { effect, open } = await effectOf(desk, edit, written.draft, current.before, scores);
    // A writer that says the same again has nothing to add.
    const isNew = current.best?.draft.body_markdown !== written.draft.body_markdown;
    if ((current.best?.coverage_after ?? -1) < effect.coverage_after) {
      current.best = { ...written, ...effect };
    }
    current.best!.attempts = current.attempts;
    current.unscored = null;
    current.previous = { body_markdown: written.draft.body_markdown, problems: [], open };
    current.is_done = effect.closes_gap || !isNew;
    await save(task);
    if (!current.is_done) pauseWhenLate(task.left(0), context);
  }
  if (current.best) return current.best;
  throw new Failure("the draft breaks the rules", {
    code: "draft_invalid",
    details: { problems: current.problems.at(-1) },
  });
}

/** What a draft changes for its edit's open queries, and which of them it leaves open. */
async function effectOf(
  desk: rust.Desk,
  edit: rust.SettledEdit,
  draft: rust.Draft,
  before: Measured[],
  scores: CoverageBeside,
): Promise<{ effect: rust.Effect; open: rust.Previous["open"] }> {
  const after = await scores.of(
    edit.open_queries,
    rust.draft_passages(draft.body_markdown, edit.open_queries),
  );
  const coverages = (measured: Measured[]) =>
    Float64Array.from(measured, ({ coverage }) => coverage);
  const open = after.flatMap(({ is_gap, missing_in_best }, index) =>
    is_gap ? [{ query: edit.open_queries[index], missing_terms: missing_in_best }] : []
  );
  return { effect: desk.effect(edit, coverages(before), coverages(after)), open };
}

/** One call, counted; what it needs of the settings is asked for here, since not every job makes one. */
async function ask(prompt: rust.Prompt, { work, job, context }: Task): Promise<Answer> {
  context.need("draft");
  const answer = await askModel(prompt, context.env.draft, { ...context, job });
  work.usage.prompt_tokens += answer.prompt_tokens ?? 0;
  work.usage.completion_tokens += answer.completion_tokens ?? 0;
  return answer;
}

/** Whether a model answered, and nothing that can be used. */
export const isUselessAnswer = (error: unknown) =>
  error instanceof Failure && /^draft_/.test(error.facts.code ?? "");
