import { deepEqual, equal, rejects } from "node:assert/strict";
import { askForDraft } from "../../functions/_shared/drafts.ts";
import { testEnv } from "./fakes.ts";

const prompt = {
  system: "You edit pages.",
  user: "Write the section.",
  schema_name: "section",
  schema: { type: "object", properties: {}, additionalProperties: false },
};

async function ask(settings: Record<string, string>, body: unknown) {
  // deno-lint-ignore no-explicit-any
  const requests: { url: string; body: any }[] = [];
  const fetcher = async (input: string | URL | Request, init?: RequestInit) => {
    const text = await new Response(init!.body).text();
    requests.push({
      url: String(input instanceof Request ? input.url : input),
      body: JSON.parse(text),
    });
    return Response.json(body);
  };
  const answer = await askForDraft(
    prompt,
    testEnv(settings).draft,
    new AbortController().signal,
    fetcher as typeof fetch,
  );
  return { answer, request: requests[0] };
}

const openAiAnswer = (message: unknown, finish_reason = "stop") => ({
  model: "gpt-5.4-mini-2026-03-17",
  choices: [{ index: 0, message, finish_reason }],
  usage: { prompt_tokens: 11, completion_tokens: 22 },
});
const anthropic = { DRAFT_PROVIDER: "anthropic", ANTHROPIC_API_KEY: "sk-ant-key" };
const anthropicAnswer = (content: unknown[], stop_reason = "end_turn") => ({
  model: "claude-sonnet-5-5",
  content,
  stop_reason,
  usage: { input_tokens: 11, output_tokens: 22 },
});

Deno.test("openai_is_asked_for_json_by_a_strict_schema", async () => {
  const { answer, request } = await ask({}, openAiAnswer({ content: '{"heading":"H"}' }));
  equal(request.url, "https://api.openai.com/v1/chat/completions");
  deepEqual(request.body.response_format, {
    type: "json_schema",
    json_schema: { name: "section", schema: prompt.schema, strict: true },
  });
  deepEqual(answer, {
    text: '{"heading":"H"}',
    provider: "openai",
    model: "gpt-5.4-mini-2026-03-17",
    prompt_tokens: 11,
    completion_tokens: 22,
  });
});

Deno.test("anthropic_is_asked_for_json_by_the_schema", async () => {
  const content = [{ type: "text", text: '{"heading":"H"}' }];
  const { answer, request } = await ask(anthropic, anthropicAnswer(content));
  equal(request.url, "https://api.anthropic.com/v1/messages");
  deepEqual(request.body.output_config.format, { type: "json_schema", schema: prompt.schema });
  equal(request.body.system, prompt.system);
  deepEqual([answer.text, answer.provider, answer.completion_tokens], [
    '{"heading":"H"}',
    "anthropic",
    22,
  ]);
});

Deno.test("a_refusal_is_told_from_an_answer_that_was_cut_off_or_empty", async () => {
  const code = (expected: string) => (error: { facts?: { code?: string } }) => {
    equal(error.facts?.code, expected);
    return true;
  };
  const refused = openAiAnswer({ content: null, refusal: "I cannot" });
  await rejects(ask({}, refused), code("draft_refused"));
  await rejects(ask({}, openAiAnswer({ content: '{"head' }, "length")), code("draft_invalid"));
  await rejects(ask({}, openAiAnswer({ content: "" })), code("draft_invalid"));
  await rejects(ask(anthropic, anthropicAnswer([], "refusal")), code("draft_refused"));
  await rejects(ask(anthropic, anthropicAnswer([], "max_tokens")), code("draft_invalid"));
});
