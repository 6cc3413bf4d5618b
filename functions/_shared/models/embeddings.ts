// Embeddings by an OpenAI-compatible API or by the model that Edge Functions have built in, each text paid for once: the
// cache is asked first and fed batch by batch, so that a retry or the next invocation pays only for what is still missing.
// Vectors stay base64 from the API to Postgres and from there to Rust.
import { Buffer } from "node:buffer";
import * as v from "npm:valibot@1.5.0";
import { limits } from "../engine/budget.ts";
import type { EmbeddingSettings, Env } from "../platform/env.ts";
import { Failure } from "../engine/failure.ts";
import { callModel, type ModelAnswer, type ModelContext } from "./model_calls.ts";
import { isRefused, openAiClient } from "./openai.ts";
import { model_profile } from "../wasm/policy.ts";

/** The API takes 300,000 tokens a request; a token is at least one character. */
const maxBatchCharacters = 250_000;
const parallelBatches = 3;
const cacheBatchTexts = 1_000;
const timeoutMs = 60_000;

export interface EmbeddingUsage {
  embedding_tokens: number;
  cached_count: number;
  embedded_count: number;
}

/** What a text is: models that find passages for queries tell the two apart. */
export type Purpose = "query" | "passage";

export interface EmbeddingContext extends ModelContext {
  env: Env;
  /** Default: passage. */
  purpose?: Purpose;
}

type Embedder = (texts: string[]) => Promise<ModelAnswer<unknown[]>>;

/** How a model wants to be asked for texts of one purpose (crates/models), which is also how the cache knows them. */
function asked({ model, dimensions }: EmbeddingSettings, purpose: Purpose = "passage") {
  const profile = model_profile(model);
  const prefix = purpose === "query" ? profile.query_prefix : profile.passage_prefix;
  const inputType = profile.input_types?.[purpose === "query" ? 0 : 1];
  const parameters: Record<string, string> = inputType ? { input_type: inputType } : {};
  return {
    cache: { p_model: inputType ? `${model} ${inputType}` : model, p_dimensions: dimensions },
    parameters,
    texts: (texts: string[]) => prefix === "" ? texts : texts.map((text) => prefix + text),
  };
}

/**
 * Brings the embeddings of all texts into the cache. Every batch counts at once, so an invocation that is cut short loses
 * none; `usage` is that of all invocations together.
 *
 * @throws Pause when the invocation's CPU time is spent first or the model's rate limit is reached; Failure
 *   `dimension_mismatch`, `embedding_invalid` or `model_unavailable`; errors of the openai client with status and headers
 */
export async function embed(
  texts: string[],
  context: EmbeddingContext,
  fetcher?: typeof fetch,
): Promise<EmbeddingUsage> {
  const { rpc, signal, budget } = context;
  const settings = context.env.embedding;
  const { cache, parameters, texts: worded } = asked(settings, context.purpose);
  const unique = [...new Set(worded(texts))];
  const missing: string[] = [];
  for (const batch of batches(unique, cacheBatchTexts, maxBatchCharacters)) {
    signal.throwIfAborted();
    const indexes = await rpc(
      "embedding_cache_missing",
      { ...cache, p_texts: batch },
      v.array(v.number()),
    );
    missing.push(...indexes.map((index) => batch[index]));
  }

  const usage = budget.progress.usage ??= { embedding_tokens: 0, embedded_count: 0 };
  const total = () => ({ ...usage, cached_count: unique.length - usage.embedded_count });
  if (missing.length === 0) return total();

  let left = missing.length;
  const isBuiltIn = settings.api === "supabase";
  const ask = isBuiltIn
    ? builtIn(settings, () => budget.isSpent)
    : await overHttp(settings, parameters, signal, fetcher);
  const work = async (batch: string[]) => {
    const characters = batch.reduce((sum, text) => sum + text.length, 0);
    const embeddings = await callModel(settings, characters / 4, timeoutMs, context, async () => {
      const answer = await ask(batch);
      usage.embedding_tokens += answer.usage.input_tokens;
      return answer;
    });
    // The built-in model may have stopped before the end of the batch.
    const done = isBuiltIn ? batch.slice(0, embeddings.length) : batch;
    const vectors = readVectors(embeddings, done.length, settings);
    await rpc("embedding_cache_put", { ...cache, p_texts: done, p_embeddings: vectors });
    usage.embedded_count += done.length;
    left -= done.length;
  };
  await inParallel(
    batches(missing, settings.batchSize, maxBatchCharacters),
    isBuiltIn ? 1 : parallelBatches,
    () => budget.isSpent,
    work,
  );
  // What is made of the embeddings is left as well, in three steps at most.
  if (left > 0) budget.pause(left + 3 * texts.length);
  return total();
}

/** Servers that do not know the base64 format, by provider; they answer numbers. */
const withoutBase64 = new Set<string>();

async function overHttp(
  settings: EmbeddingSettings,
  parameters: Record<string, string>,
  signal: AbortSignal,
  fetcher?: typeof fetch,
): Promise<Embedder> {
  const { provider, model, dimensions } = settings;
  const client = await openAiClient(settings, timeoutMs, fetcher);
  const create = async (input: string[], encoding_format: "base64" | "float") => {
    const { data, response } = await client.embeddings.create({
      model,
      input,
      encoding_format,
      // Only these models can be shortened; others refuse the parameter.
      ...(model.includes("text-embedding-3") ? { dimensions } : {}),
      ...parameters,
    }, { signal }).withResponse();
    const embeddings: unknown[] = [];
    for (const { index, embedding } of data.data ?? []) embeddings[index] = embedding;
    return {
      value: embeddings,
      usage: {
        input_tokens: data.usage?.total_tokens ?? data.usage?.prompt_tokens ?? 0,
        output_tokens: 0,
      },
      headers: response.headers,
    };
  };
  return async (texts) => {
    if (withoutBase64.has(provider)) return await create(texts, "float");
    try {
      return await create(texts, "base64");
    } catch (error) {
      if (!isRefused(error, /encoding_format|base64/i)) throw error;
      withoutBase64.add(provider);
      return await create(texts, "float");
    }
  };
}

/** A model of the Edge Functions' runtime, as far as it is used. */
interface Session {
  run(text: string, options: { mean_pool: boolean; normalize: boolean }): Promise<number[]>;
}

const sessions = new Map<string, Session>();

/** One text a call on this isolate's own CPU time, so it stops when that is spent. Longer texts are cut by the model. */
function builtIn({ model }: EmbeddingSettings, isSpent: () => boolean): Embedder {
  const { Supabase } = globalThis as unknown as {
    Supabase?: { ai?: { Session: new (model: string) => Session } };
  };
  if (!Supabase?.ai) {
    throw new Failure(
      `this runtime has no ${model}: EMBEDDING_PROVIDER=supabase works in Supabase's Edge Functions only`,
      { code: "model_unavailable", kind: "permanent" },
    );
  }
  const session = sessions.get(model) ?? new Supabase.ai.Session(model);
  sessions.set(model, session);
  return async (texts) => {
    const embeddings: number[][] = [];
    for (const text of texts) {
      embeddings.push(await session.run(text, { mean_pool: true, normalize: true }));
      if (isSpent()) break;
    }
    return { value: embeddings, usage: { input_tokens: 0, output_tokens: 0 } };
  };
}

/**
 * The embeddings of texts from the cache, in their order: base64 of little-endian f32s, one string a text.
 *
 * @throws Failure `embedding_missing` when the cache was pruned meanwhile; a retry embeds them again
 */
export async function cachedVectors(
  texts: string[],
  { env, rpc, signal, purpose }: Pick<EmbeddingContext, "env" | "rpc" | "signal" | "purpose">,
): Promise<string[]> {
  const { cache, texts: worded } = asked(env.embedding, purpose);
  const vectors: string[] = [];
  for (const batch of batches(worded(texts), limits.vectorCount, maxBatchCharacters)) {
    signal.throwIfAborted();
    const cached = await rpc(
      "embedding_cache_get",
      { ...cache, p_texts: batch },
      v.array(v.nullable(v.string())),
    );
    for (const vector of cached) {
      if (vector === null) {
        throw new Failure("an embedding left the cache while it was needed", {
          code: "embedding_missing",
          kind: "transient",
        });
      }
      vectors.push(vector);
    }
  }
  return vectors;
}

/** Hands the texts' embeddings to `take` chunk by chunk, so that a page's vectors are never in memory all at once. */
export async function eachCachedVector(
  texts: string[],
  context: Pick<EmbeddingContext, "env" | "rpc" | "signal" | "purpose">,
  take: (vector: string) => void,
): Promise<void> {
  for (let start = 0; start < texts.length; start += limits.vectorCount) {
    (await cachedVectors(texts.slice(start, start + limits.vectorCount), context)).forEach(take);
  }
}

/** The vectors of an answer, checked for number and length. */
function readVectors(
  embeddings: unknown[],
  count: number,
  { model, dimensions, api }: EmbeddingSettings,
): string[] {
  if (embeddings.length !== count || embeddings.includes(undefined)) {
    throw new Failure(`${model} answered ${embeddings.length} embeddings for ${count} texts`, {
      code: "embedding_invalid",
    });
  }
  const vectors = embeddings.map(toBase64);
  for (const vector of vectors) {
    const length = Math.floor(vector.replace(/=+$/, "").length * 3 / 16);
    if (length !== dimensions) {
      const advice = api === "openai" ? `; set OPENAI_EMBEDDING_DIMENSIONS to ${length}` : "";
      throw new Failure(`${model} answers ${length} dimensions${advice}, not ${dimensions}`, {
        code: "dimension_mismatch",
      });
    }
  }
  return vectors;
}

function toBase64(embedding: unknown): string {
  if (typeof embedding === "string") return embedding;
  return Buffer.from(Float32Array.from(embedding as number[]).buffer).toString("base64");
}

function batches(texts: string[], maxTexts: number, maxCharacters: number): string[][] {
  const all: string[][] = [];
  let batch: string[] = [];
  let characters = 0;
  for (const text of texts) {
    if (
      batch.length === maxTexts || (batch.length > 0 && characters + text.length > maxCharacters)
    ) {
      all.push(batch);
      batch = [];
      characters = 0;
    }
    batch.push(text);
    characters += text.length;
  }
  if (batch.length > 0) all.push(batch);
  return all;
}

/**
 * Runs a few batches at a time, at least one each time, until the budget is spent; after an error no new one starts, but
 * what was paid for still reaches the cache.
 */
async function inParallel(
  all: string[][],
  count: number,
  isSpent: () => boolean,
  work: (batch: string[]) => Promise<void>,
): Promise<void> {
  const waiting = [...all];
  let firstError: unknown;
  const runner = async () => {
    do {
      const batch = waiting.shift();
      if (batch === undefined) return;
      await work(batch).catch((error) => firstError ??= error);
    } while (firstError === undefined && !isSpent());
  };
  await Promise.all(Array.from({ length: count }, runner));
  if (firstError !== undefined) throw firstError;
}
