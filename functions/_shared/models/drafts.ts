// A language model's answer as JSON by a schema: a draft, or what it read in a page. What to ask and whether the answer will
// do is Rust's business.
import type { ModelSettings } from "../platform/env.ts";
import { Failure } from "../engine/failure.ts";
import { callModel, type ModelAnswer, type ModelContext } from "./model_calls.ts";
import { isRefused, openAiClient } from "./openai.ts";

export interface Prompt {
  system: string;
  user: string;
  schema_name: string;
  schema: Record<string, unknown>;
}

export interface Answer {
  text: string;
  provider: string;
  model: string;
  prompt_tokens: number | null;
  completion_tokens: number | null;
}

/** Room for a model that thinks before it writes. */
const maxTokens = 8_000;
const timeoutMs = 90_000;

/** What a model said, before anyone looked at it: paid for in any case. */
interface Reply {
  text: string | null | undefined;
  model: string | undefined;
  isCut: boolean;
  isRefusal: boolean;
  prompt_tokens: number | null;
  completion_tokens: number | null;
}

type Writer = (prompt: Prompt) => Promise<ModelAnswer<Reply>>;

/**
 * Asks the configured provider for an answer that follows the prompt's schema.
 *
 * @throws Pause when the model's rate limit is reached; Failure `draft_refused` or `draft_invalid`; errors of the
 *   provider's client with status and headers
 */
export async function askModel(
  prompt: Prompt,
  settings: ModelSettings,
  context: ModelContext,
  fetcher?: typeof fetch,
): Promise<Answer> {
  const { signal } = context;
  const ask = settings.api === "anthropic"
    ? await anthropicWriter(settings, signal, fetcher)
    : await openAiWriter(settings, signal, fetcher);
  const tokens = (prompt.system.length + prompt.user.length) / 4;
  const reply = await callModel(settings, tokens, timeoutMs, context, () => ask(prompt));
  const { text, isCut, prompt_tokens, completion_tokens } = reply;
  const model = reply.model || settings.model;
  if (reply.isRefusal) {
    throw new Failure(`${model} declined to answer`, { code: "draft_refused" });
  }
  if (!text || isCut) {
    const problem = isCut ? `did not finish within ${maxTokens} tokens` : "answered nothing";
    throw new Failure(`${model} ${problem}`, { code: "draft_invalid" });
  }
  return { text, provider: settings.provider, model, prompt_tokens, completion_tokens };
}

/** What a server was found not to know, by provider, so that it is asked in vain once an isolate. */
const lacking = new Map<string, Set<"json_schema" | "json_object" | "max_completion_tokens">>();

async function openAiWriter(
  settings: ModelSettings,
  signal: AbortSignal,
  fetcher?: typeof fetch,
): Promise<Writer> {
  const { provider, model } = settings;
  const client = await openAiClient(settings, timeoutMs, fetcher);
  const lacks = lacking.get(provider) ?? new Set();
  lacking.set(provider, lacks);

  const create = async (prompt: Prompt): Promise<ModelAnswer<Reply>> => {
    const { schema, schema_name: name } = prompt;
    // Where the server does not enforce the schema the model is told; the answer is checked in any case.
    const system = lacks.has("json_schema")
      ? `${prompt.system}\n\nAnswer with one JSON object that follows this JSON Schema, and nothing else:\n${
        JSON.stringify(schema)
      }`
      : prompt.system;
    const { data, response } = await client.chat.completions.create({
      model,
      messages: [{ role: "system", content: system }, { role: "user", content: prompt.user }],
      ...(lacks.has("max_completion_tokens")
        ? { max_tokens: maxTokens }
        : { max_completion_tokens: maxTokens }),
      response_format: !lacks.has("json_schema")
        ? { type: "json_schema", json_schema: { name, schema, strict: true } }
        : lacks.has("json_object")
        ? undefined
        : { type: "json_object" },
    }, { signal }).withResponse();
    const choice = data.choices?.[0];
    const { prompt_tokens = null, completion_tokens = null } = data.usage ?? {};
    return {
      value: {
        text: choice?.message.content,
        model: data.model,
        isCut: choice?.finish_reason === "length",
        isRefusal: Boolean(choice?.message.refusal) || choice?.finish_reason === "content_filter",
        prompt_tokens,
        completion_tokens,
      },
      usage: { input_tokens: prompt_tokens ?? 0, output_tokens: completion_tokens ?? 0 },
      headers: response.headers,
    };
  };
  return async (prompt) => {
    for (;;) {
      try {
        return await create(prompt);
      } catch (error) {
        const lack = isRefused(error, /max_completion_tokens/)
          ? "max_completion_tokens"
          : !isRefused(error, /response_format|json_schema|json_object/)
          ? undefined
          : lacks.has("json_schema")
          ? "json_object"
          : "json_schema";
        if (lack === undefined || lacks.has(lack)) throw error;
        lacks.add(lack);
      }
    }
  };
}

async function anthropicWriter(
  { apiKey, baseUrl, model }: ModelSettings,
  signal: AbortSignal,
  fetcher?: typeof fetch,
): Promise<Writer> {
  // Loaded at first use: it costs a cold start some hundred milliseconds.
  const { default: Anthropic } = await import("npm:@anthropic-ai/sdk@1.12.0");
  const client = new Anthropic({
    apiKey: apiKey ?? "none", // a server of one's own may want none
    baseURL: baseUrl,
    maxRetries: 0, // Retries are the queue's.
    timeout: timeoutMs,
    fetch: fetcher,
  });
  return async (prompt) => {
    const { data, response } = await client.messages.create({
      model,
      max_tokens: maxTokens,
      system: prompt.system,
      messages: [{ role: "user", content: prompt.user }],
      output_config: { format: { type: "json_schema", schema: prompt.schema } },
    }, { signal }).withResponse();
    const { input_tokens, output_tokens } = data.usage ??
      { input_tokens: null, output_tokens: null };
    return {
      value: {
        text: data.content.map((block) => block.type === "text" ? block.text : "").join(""),
        model: data.model,
        isCut: data.stop_reason === "max_tokens",
        isRefusal: data.stop_reason === "refusal",
        prompt_tokens: input_tokens,
        completion_tokens: output_tokens,
      },
      usage: { input_tokens: input_tokens ?? 0, output_tokens: output_tokens ?? 0 },
      headers: response.headers,
    };
  };
}
