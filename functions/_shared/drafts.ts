// A draft's text from an LLM, as JSON by a schema. What to ask and whether the answer will do is Rust's business.
import type Anthropic from "npm:@anthropic-ai/sdk@1.12.0";
import type OpenAI from "npm:openai@7.57.0";
import type { Env } from "./env.ts";
import { Failure } from "./failure.ts";

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

/**
 * Asks the configured provider for an answer that follows the prompt's schema.
 *
 * @throws Failure `draft_refused` or `draft_invalid`; errors of the provider's client with status and headers
 */
export async function askForDraft(
  prompt: Prompt,
  settings: Env["draft"],
  signal: AbortSignal,
  fetcher?: typeof fetch,
): Promise<Answer> {
  const client = {
    apiKey: settings.apiKey,
    baseURL: settings.baseUrl,
    maxRetries: 0, // Retries are the queue's.
    timeout: timeoutMs,
    fetch: fetcher,
  };
  // Only the provider's own client is loaded: each costs a cold start some hundred milliseconds.
  if (settings.provider === "anthropic") {
    const { default: Anthropic } = await import("npm:@anthropic-ai/sdk@1.12.0");
    return await askAnthropic(prompt, settings.model, new Anthropic(client), signal);
  }
  const { default: OpenAI } = await import("npm:openai@7.57.0");
  return await askOpenAi(prompt, settings.model, new OpenAI(client), signal);
}

async function askOpenAi(
  prompt: Prompt,
  model: string,
  client: OpenAI,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await client.chat.completions.create({
    model,
    messages: [{ role: "system", content: prompt.system }, { role: "user", content: prompt.user }],
    max_completion_tokens: maxTokens,
    response_format: {
      type: "json_schema",
      json_schema: { name: prompt.schema_name, schema: prompt.schema, strict: true },
    },
  }, { signal });
  const choice = answer.choices[0];
  if (choice?.message.refusal || choice?.finish_reason === "content_filter") {
    throw new Failure(`${model} declined to write the draft`, { code: "draft_refused" });
  }
  return {
    text: completeText(choice?.message.content, choice?.finish_reason === "length", model),
    provider: "openai",
    model: answer.model || model,
    prompt_tokens: answer.usage?.prompt_tokens ?? null,
    completion_tokens: answer.usage?.completion_tokens ?? null,
  };
}

async function askAnthropic(
  prompt: Prompt,
  model: string,
  client: Anthropic,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await client.messages.create({
    model,
    max_tokens: maxTokens,
    system: prompt.system,
    messages: [{ role: "user", content: prompt.user }],
    output_config: { format: { type: "json_schema", schema: prompt.schema } },
  }, { signal });
  if (answer.stop_reason === "refusal") {
    throw new Failure(`${model} declined to write the draft`, { code: "draft_refused" });
  }
  const text = answer.content.map((block) => block.type === "text" ? block.text : "").join("");
  return {
    text: completeText(text, answer.stop_reason === "max_tokens", model),
    provider: "anthropic",
    model: answer.model || model,
    prompt_tokens: answer.usage?.input_tokens ?? null,
    completion_tokens: answer.usage?.output_tokens ?? null,
  };
}

function completeText(text: string | null | undefined, isCut: boolean, model: string): string {
  if (!text || isCut) {
    const problem = isCut ? `did not finish within ${maxTokens} tokens` : "answered nothing";
    throw new Failure(`${model} ${problem}`, { code: "draft_invalid" });
  }
  return text;
}
