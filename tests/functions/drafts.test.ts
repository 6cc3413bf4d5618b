import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { askModel } from "../../functions/_shared/models/drafts.ts";
import { Budget } from "../../functions/_shared/engine/budget.ts";
import { fakeLog, fakeRpc, testEnv, testJob } from "./fakes.ts";

const prompt = {
  system: "You edit pages.",
  user: "Write the section.",
  schema_name: "section",
  schema: { type: "object", properties: {}, additionalProperties: false },
};

/** Asks for a draft; `answer` gives each request's answer. */
function askAll(
  settings: Record<string, string>,
  // deno-lint-ignore no-explicit-any
  answer: (body: any) => Response,
) {
  // deno-lint-ignore no-explicit-any
  const requests: { url: string; headers: Headers; body: any }[] = [];
  const fetcher = async (input: string | URL | Request, init?: RequestInit) => {
    const body = JSON.parse(await new Response(init!.body).text());
    requests.push({ url: String(input), headers: new Headers(init!.headers), body });
    return answer(body);
  };
  const { rpc, of } = fakeRpc({ begin_model_call: () => 0, end_model_call: () => null });
  const context = {
    job: { ...testJob, stage: "rewrite_draft" },
    rpc,
    log: fakeLog(),
    signal: new AbortController().signal,
    budget: new Budget(testJob, () => 0),
  };
  const given = askModel(prompt, testEnv(settings).draft, context, fetcher as typeof fetch);
  return { given, requests, of };
}

async function ask(settings: Record<string, string>, body: unknown) {
  const { given, requests, of } = askAll(settings, () => Response.json(body));
  return { answer: await given, request: requests[0], of };
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
  const { answer, request, of } = await ask({}, openAiAnswer({ content: '{"heading":"H"}' }));
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
  deepEqual(of("begin_model_call"), [
    {
      p_provider: "openai",
      p_model: "gpt-5.4-mini",
      p_tokens: 8.25,
      p_job_id: of("end_model_call")[0].p_job_id,
    },
  ]);
  deepEqual(of("end_model_call")[0].p_usage, { input_tokens: 11, output_tokens: 22 });
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

Deno.test("an_answer_that_cannot_be_used_is_counted_all_the_same", async () => {
  const { given, of } = askAll(
    {},
    () => Response.json(openAiAnswer({ content: '{"head' }, "length")),
  );
  await rejects(given, /did not finish within/);
  deepEqual(of("end_model_call").map(({ p_usage }) => p_usage), [
    { input_tokens: 11, output_tokens: 22 },
  ]);
});

Deno.test("a_server_that_knows_no_schema_is_told_it_and_remembered", async () => {
  const settings = { DRAFT_BASE_URL: "http://plain.example/v1", OPENAI_DRAFT_MODEL: "llama" };
  // deno-lint-ignore no-explicit-any
  const server = (body: any) => {
    const message = body.max_completion_tokens
      ? "Unrecognized request argument: max_completion_tokens"
      : body.response_format?.type === "json_schema"
      ? "This response_format type is unavailable now"
      : undefined;
    return message
      ? Response.json({ error: { message } }, { status: 400 })
      : Response.json(openAiAnswer({ content: '{"heading":"H"}' }));
  };
  const first = askAll(settings, server);
  equal((await first.given).provider, "plain.example");
  equal(first.requests.length, 3);
  const second = askAll(settings, server);
  await second.given;
  equal(second.requests.length, 1, "it is asked in vain only once");
  const { headers, body } = second.requests[0];
  equal(headers.get("authorization"), null, "no key is made up");
  deepEqual([body.max_tokens, body.response_format], [8_000, { type: "json_object" }]);
  ok(body.messages[0].content.startsWith("You edit pages.\n\nAnswer with one JSON object"));
  ok(body.messages[0].content.endsWith(JSON.stringify(prompt.schema)));
});

Deno.test("another_error_of_the_server_is_no_reason_to_ask_differently", async () => {
  const message = "model not found, try pulling it first";
  const { given, requests } = askAll(
    { DRAFT_BASE_URL: "http://empty.example/v1" },
    () => Response.json({ error: { message, type: "not_found_error" } }, { status: 404 }),
  );
  await rejects(given, { status: 404, message: `404 ${message}` });
  equal(requests.length, 1);
});
