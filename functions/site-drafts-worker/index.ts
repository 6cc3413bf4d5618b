// Site stage 5: drafts of the plan's first edits, one after the other. Each is committed as soon as it is done, and one that cannot be made
// keeps none of the others from being made.
import * as v from "npm:valibot@1.5.0";
import {
  DraftInput,
  isRead,
  isUselessAnswer,
  pauseWhenLate,
  read,
  resumed,
  scoresOf,
  shareDone,
  type Task,
  write,
  type WrittenDraft,
} from "../_shared/drafts/drafting.ts";
import { Status } from "../_shared/engine/expect.ts";
import { factsOf, Failure, judge } from "../_shared/engine/failure.ts";
import { held, type StageJob } from "../_shared/engine/lease.ts";
import { serveStage, type StageContext } from "../_shared/engine/serve_stage.ts";
import { digestOf } from "../_shared/engine/staging.ts";
import * as rust from "../_shared/wasm/draft.ts";

const Input = v.object({
  /** Those that were not come to yet, by rank. */
  edit_ids: v.array(v.string()),
  verify: v.nullable(v.boolean()),
});

const EditInput = v.object({
  ...DraftInput.entries,
  /** Whether a reader has looked for its queries when the page was analysed. */
  is_read: v.boolean(),
});

const Begun = v.looseObject({
  status: v.string(),
  outcome: v.nullable(v.picklist(["begun", "reused", "skipped"])),
});

/** What became of an edit. */
type Outcome =
  | { status: "written"; draft: Record<string, unknown>; verification: rust.Verification | null }
  | { status: "answered"; verification: rust.Verification | null }
  | { status: "failed"; error: unknown };

serveStage({
  pipeline: "site",
  stage: "site_drafts",
  async run(job, context) {
    let { edit_ids, verify } = await context.input(Input);
    const reads = isRead(verify, context.env);
    for (let isFirst = true; edit_ids.length > 0; isFirst = false) {
      // Every invocation takes one up at least.
      if (!isFirst) pauseWhenLate(edit_ids.length, context);
      await settle(edit_ids[0], edit_ids.length, reads, job, context);
      // One that was found answered makes room for another.
      ({ edit_ids } = await context.input(Input));
    }
    return { output: {} };
  },
});

/** Makes an edit's draft, unless an earlier one will do or none is to be made. */
async function settle(
  editId: string,
  left: number,
  reads: boolean,
  job: StageJob,
  context: StageContext,
): Promise<void> {
  const { rpc, env, signal } = context;
  signal.throwIfAborted();
  const input = await rpc(
    "site_draft_input",
    { p_job_id: job.job_id, p_edit_id: editId },
    EditInput,
  );
  const desk = new rust.Desk(input.desk);
  const scores = scoresOf(input, job, context);
  try {
    const [edit] = desk.settle().edits;
    const prompts = [desk.reading_prompt(edit.id), desk.draft_prompt(edit, null)];
    const { provider, model } = env.draft;
    const digest = await digestOf([
      ...[provider, model, input.desk.form, reads, scores !== null],
      prompts,
    ]);
    const lease = { p_msg_id: job.msg_id, p_read_ct: job.read_ct };
    const begun = await rpc("begin_site_draft", {
      ...lease,
      p_edit_id: editId,
      p_digest: digest,
      p_has_model: env.isDraftConfigured,
    }, Begun);
    held(begun);
    if (begun.outcome !== "begun") return;
    const work = await resumed(digest, job, context);
    const task: Task = {
      ...{ desk, form: input.desk.form, scores, work, digest, job, context },
      left: (unread) => left - (unread > 0 ? 0 : 0.1) - 0.9 * shareDone(work),
    };
    const outcome = await made(task, reads && !input.is_read);
    const staged = { edit_id: editId, digest, ...outcome };
    held(await rpc("stage_site_draft", { ...lease, p_draft: staged }, Status));
  } finally {
    desk.free();
  }
}

async function made(task: Task, reads: boolean): Promise<Outcome> {
  const { desk, job } = task;
  try {
    const [id] = desk.candidates;
    if (reads) {
      await read(task);
      pauseWhenLate(task.left(0), task.context);
    }
    const [edit] = desk.settle().edits;
    const verification = desk.verification(id);
    if (edit === undefined) return { status: "answered", verification };
    return { status: "written", draft: asReported(await write(edit, task)), verification };
  } catch (error) {
    if (!isOfOne(error)) throw error;
    return { status: "failed", error: judge(error, job).error };
  }
}

/** As a page's draft stands in its result. */
function asReported({ draft, ...written }: WrittenDraft): Record<string, unknown> {
  const { form, provider, model, attempts, brief } = written;
  const { coverage_before = null, coverage_after = null, per_query = [], closes_gap = null } =
    written;
  return {
    ...draft,
    ...{ form, provider, model, attempts, brief },
    ...{ coverage_before, coverage_after, per_query, closes_gap },
  };
}

/** Statuses of a provider that finds something wrong with what it was asked. */
const refusals = [400, 413, 422];

/** Whether an error is one draft's, and the next may well be made. */
const isOfOne = (error: unknown) =>
  isUselessAnswer(error) ||
  (!(error instanceof Failure) && refusals.includes(factsOf(error).httpStatus ?? 0));
