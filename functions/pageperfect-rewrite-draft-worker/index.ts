// Stage 6: an LLM drafts the section that answers the top recommendation, if the job wants a draft.
import { askForDraft } from "../_shared/models/drafts.ts";
import { Failure } from "../_shared/engine/failure.ts";
import { errorText } from "../_shared/platform/log.ts";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import * as rust from "../_shared/wasm/draft.ts";

interface Input {
  generate_draft: boolean;
  /** Null when the page has no gap. */
  recommendation_id: number | null;
  prompt_input: rust.DraftInput;
}

serveStage({
  stage: "rewrite_draft",
  async run(job, context) {
    const { generate_draft, recommendation_id, prompt_input } = await context.input<Input>();
    if (!generate_draft) return { output: { skipped: true, reason: "not_requested" } };
    if (recommendation_id === null) return { output: { skipped: true, reason: "no_gaps" } };
    context.need("draft");

    const prompt = rust.build_prompt(prompt_input);
    const { text, ...answer } = await askForDraft(prompt, context.env.draft, { ...context, job });
    let draft: rust.Draft;
    try {
      draft = rust.validate_answer(text, prompt_input);
    } catch (error) {
      throw new Failure("the draft breaks the rules", {
        code: "draft_invalid",
        details: { problems: errorText(error) },
      });
    }
    return { output: { recommendation_id, draft, ...answer } };
  },
});
