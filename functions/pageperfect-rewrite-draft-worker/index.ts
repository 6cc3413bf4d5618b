// Stage 6: a language model reads the page for each recommendation and drafts the first of those that are left, as far as the
// job wants it and a model is there.
import * as v from "npm:valibot@1.5.0";
import {
  DraftInput,
  isRead,
  pauseWhenLate,
  read,
  resumed,
  save,
  scoresOf,
  shareDone,
  type Task,
  unread,
  write,
} from "../_shared/drafts/drafting.ts";
import type { StageJob } from "../_shared/engine/lease.ts";
import { serveStage, type StageContext } from "../_shared/engine/serve_stage.ts";
import { digestOf } from "../_shared/engine/staging.ts";
import * as rust from "../_shared/wasm/draft.ts";

const Input = v.object({
  ...DraftInput.entries,
  generate_draft: v.boolean(),
  /** Whether a reader checks the recommendations; null: if there is one. */
  verify: v.nullable(v.boolean()),
});

/** Tokens of a reader's answer on average. */
const readingTokens = 250;

serveStage({
  stage: "rewrite_draft",
  async run(job, context) {
    const input = await context.input(Input);
    const { isDraftConfigured, draft: model } = context.env;
    const desk = new rust.Desk(input.desk);
    try {
      const digest = await digestOf([model.model, input.desk]);
      const work = await resumed(digest, job, context);
      // Of the drafts only their number counts until the reader is done.
      let wantedCount = desk.candidates.length;
      const task: Task = {
        ...{ desk, form: input.desk.form, work, digest, job, context },
        scores: scoresOf(input, job, context),
        left: (unread) => unread + wantedCount - work.drafts.length - shareDone(work),
      };
      if (isRead(input.verify, context.env)) {
        const waiting = unread(task);
        if (Object.keys(work.readings).length === 0 && waiting.length > 0) {
          await announce(waiting.map((id) => desk.reading_prompt(id)), job, context);
        }
        await read(task);
      }
      const settled = desk.settle();
      const wanted = settled.edits.filter(({ kind }) => kind !== "improve").slice(
        0,
        input.desk.draft_count,
      );
      wantedCount = wanted.length;
      const reason = !input.generate_draft
        ? "not_requested"
        : wanted.length === 0
        ? "no_gaps"
        : isDraftConfigured
        ? undefined
        : "no_model";
      if (reason === undefined) {
        for (const edit of wanted.filter(({ id }) => work.drafts.every((d) => d.edit_id !== id))) {
          pauseWhenLate(task.left(0), context);
          work.drafts.push(await write(edit, task));
          work.current = null;
          await save(task);
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
    p_output_tokens: prompts.length * readingTokens,
  });
}
