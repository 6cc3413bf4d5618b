// Stage 6: a language model reads the page for each recommendation and drafts the first of those that are left, as far as the
// job wants it and a model is there. A draft is scored like the page itself, and tried again with what it leaves open. Which
// questions are put, and what of the answers counts, is Rust's business.
import * as v from "npm:valibot@1.5.0";
import { limits } from "../_shared/engine/budget.ts";
import { forRust } from "../_shared/engine/expect.ts";
import { Failure } from "../_shared/engine/failure.ts";
import type { StageJob } from "../_shared/engine/lease.ts";
import { serveStage, type StageContext } from "../_shared/engine/serve_stage.ts";
import { digestOf, loadCheckpoint, saveCheckpoint } from "../_shared/engine/staging.ts";
import { type Answer, askModel } from "../_shared/models/drafts.ts";
import { errorText } from "../_shared/platform/log.ts";
import * as rust from "../_shared/wasm/draft.ts";
import { CoverageBeside, type Measured, ScoredQuery } from "./coverage_beside.ts";

const Input = v.object({
  generate_draft: v.boolean(),
  /** Whether a reader checks the recommendations; null: if there is one. */
  verify: v.nullable(v.boolean()),
  desk: forRust<rust.DeskInput>(),
  /** The queries that drafts are scored beside, and what the page was embedded with; null: they are not scored (method cosine). */
  scoring: v.nullable(v.object({ model: v.nullable(v.string()), queries: v.array(ScoredQuery) })),
});

/** A draft as it is committed. */
interface WrittenDraft {
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
}

/** What was paid for so far; a checkpoint, so that neither a pause nor a death pays twice. */
interface Work {
  /** By edit; null: the reader's answers could not be used. */
  readings: Record<number, { answer: string; model: string } | null>;
  drafts: WrittenDraft[];
  current: Current | null;
  usage: { prompt_tokens: number; completion_tokens: number };
}

/** What drafts are written with. */
interface Task {
  desk: rust.Desk;
  form: "text" | "outline";
  /** Null: drafts are not scored. */
  scores: CoverageBeside | null;
  work: Work;
  digest: string;
  job: StageJob;
  context: StageContext;
  /** Drafts left to write; each step of one makes it less. */
  left(): number;
}

/** Calls to the reader at a time, and tokens of an answer on average. */
const readers = { parallel: 4, answerTokens: 250 };
/** Versions of a draft at most, and those of them that break the rules. */
const most = { versions: 3, refused: 2 };

/** How far a draft is: an attempt and its score are two steps, the page's own score one. */
const stepsOf = (current: Current | null) =>
  current === null
    ? 0
    : 2 * current.attempts - (current.unscored ? 1 : 0) + (current.before ? 1 : 0);
const mostSteps = 2 * most.versions + 2;

serveStage({
  stage: "rewrite_draft",
  async run(job, context) {
    const { generate_draft, verify, desk: input, scoring } = await context.input(Input);
    const { draft: model, isDraftConfigured, isVerifyDefault } = context.env;
    const desk = new rust.Desk(input);
    // An outline says what to write, and answers nothing itself.
    const scores = input.form === "text" && scoring?.model === context.env.embedding.model
      ? new CoverageBeside(input.segments, scoring.queries, job, context)
      : null;
    try {
      const digest = await digestOf([model.model, input]);
      const work = await resumed(digest, job, context);
      const reads = verify ?? (isDraftConfigured && isVerifyDefault);
      if (reads) await read(desk, work, digest, job, context);
      const settled = desk.settle();
      const wanted = settled.edits.filter(({ kind }) => kind !== "improve").slice(
        0,
        input.draft_count,
      );
      const reason = !generate_draft
        ? "not_requested"
        : wanted.length === 0
        ? "no_gaps"
        : isDraftConfigured
        ? undefined
        : "no_model";
      if (reason === undefined) {
        const task: Task = {
          ...{ desk, form: input.form, scores, work, digest, job, context },
          left: () => wanted.length - work.drafts.length - stepsOf(work.current) / mostSteps,
        };
        for (const edit of wanted.filter(({ id }) => work.drafts.every((d) => d.edit_id !== id))) {
          pauseWhenLate(task.left(), context);
          work.drafts.push(await write(edit, task));
          work.current = null;
          await save(work, digest, job, context);
        }
      }
      const verified_by = Object.values(work.readings).find((reading) => reading)?.model ?? null;
      return {
        output: { ...settled, drafts: work.drafts, reason, verified_by, usage: work.usage },
      };
    } finally {
      desk.free();
    }
  },
});

async function resumed(digest: string, job: StageJob, context: StageContext): Promise<Work> {
  const bytes = await loadCheckpoint(digest, job, context, { isFromAnyAttempt: true });
  return bytes ? JSON.parse(new TextDecoder().decode(bytes)) : {
    readings: {},
    drafts: [],
    current: null,
    usage: { prompt_tokens: 0, completion_tokens: 0 },
  };
}

const save = (work: Work, digest: string, job: StageJob, context: StageContext) =>
  saveCheckpoint(new TextEncoder().encode(JSON.stringify(work)), digest, job, context);

const isLate = ({ budget }: StageContext) => budget.isSpent || budget.ageMs > limits.stageMs / 2;

/** Leaves what is left to the next invocation before a call that this one may not have the time for. */
function pauseWhenLate(left: number, context: StageContext): void {
  if (isLate(context)) context.budget.pause(left);
}

/** Has every candidate read, and the answers taken by the desk. */
async function read(
  desk: rust.Desk,
  work: Work,
  digest: string,
  job: StageJob,
  context: StageContext,
): Promise<void> {
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
  const waiting = desk.candidates.filter((id) => !(id in work.readings));
  if (Object.keys(work.readings).length === 0 && waiting.length > 0) {
    await announce(waiting.map((id) => desk.reading_prompt(id)), job, context);
  }
  while (waiting.length > 0) {
    pauseWhenLate(waiting.length + desk.candidates.length, context);
    const batch = waiting.splice(0, readers.parallel);
    const answers = await Promise.allSettled(
      batch.map((id) => ask(desk.reading_prompt(id), work, job, context)),
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
    await save(work, digest, job, context);
    const failed = answers.find((answer) =>
      answer.status === "rejected" && !isUselessAnswer(answer.reason)
    );
    if (failed?.status === "rejected") throw failed.reason;
  }
}

/** The job says what reading will cost before it is paid. */
async function announce(
  prompts: rust.Prompt[],
  job: StageJob,
  { env, rpc }: StageContext,
): Promise<void> {
  const characters = prompts.reduce(
    (sum, { system, user }) => sum + system.length + user.length,
    0,
  );
  await rpc("announce_model_calls", {
    p_job_id: job.job_id,
    p_stage: job.stage,
    p_provider: env.draft.provider,
    p_model: env.draft.model,
    p_purpose: "reading the page for its candidates",
    p_call_count: prompts.length,
    p_input_tokens: Math.ceil(characters / 4),
    p_output_tokens: prompts.length * readers.answerTokens,
  });
}

/** The best of a few versions of a draft: one that closes its gap, or the one that answers most. */
async function write(edit: rust.SettledEdit, task: Task): Promise<WrittenDraft> {
  const { desk, form, scores, work, digest, job, context } = task;
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
  while (current.unscored || current.attempts < most.versions) {
    if (!current.unscored) {
      const prompt = desk.draft_prompt(edit, current.previous);
      const { text, ...answer } = await ask(prompt, work, job, context);
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
        continue;
      }
      if (!scores) return current.unscored;
      await save(work, digest, job, context);
      pauseWhenLate(task.left(), context);
    }
    const written = current.unscored;
    if (!current.before) {
      current.before = await scores!.of(edit.open_queries, []);
      if (isLate(context)) await save(work, digest, job, context);
      pauseWhenLate(task.left(), context);
    }
    const { effect, open } = await effectOf(desk, edit, written.draft, current.before, scores!);
    // A writer that says the same again has nothing to add.
    const isNew = current.best?.draft.body_markdown !== written.draft.body_markdown;
    if ((current.best?.coverage_after ?? -1) < effect.coverage_after) {
      current.best = { ...written, ...effect };
    }
    current.best!.attempts = current.attempts;
    current.unscored = null;
    current.previous = { body_markdown: written.draft.body_markdown, problems: [], open };
    await save(work, digest, job, context);
    if (effect.closes_gap || !isNew) break;
    pauseWhenLate(task.left(), context);
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
async function ask(
  prompt: rust.Prompt,
  work: Work,
  job: StageJob,
  context: StageContext,
): Promise<Answer> {
  context.need("draft");
  const answer = await askModel(prompt, context.env.draft, { ...context, job });
  work.usage.prompt_tokens += answer.prompt_tokens ?? 0;
  work.usage.completion_tokens += answer.completion_tokens ?? 0;
  return answer;
}

/** Whether a model answered, and nothing that can be used. */
const isUselessAnswer = (error: unknown) =>
  error instanceof Failure && /^draft_/.test(error.facts.code ?? "");
