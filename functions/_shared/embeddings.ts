// Embeddings through any OpenAI-compatible API, each text paid for once: the cache is asked first and fed batch by
// batch, so that a retry or the next invocation pays only for what is still missing. Vectors stay base64 from the API to
// Postgres and from there to Rust.
import OpenAI from "npm:openai@7.57.0";
import { type Budget, limits } from "./budget.ts";
import type { Rpc } from "./client.ts";
import type { Env } from "./env.ts";
import { Failure } from "./failure.ts";

/** The API takes 2,048 texts and 300,000 tokens a request; a token is at least one character. */
const maxBatchTexts = 128;
const maxBatchCharacters = 250_000;
const parallelBatches = 4;
const cacheBatchTexts = 1_000;

export interface EmbeddingUsage {
  embedding_tokens: number;
  cached_count: number;
  embedded_count: number;
}

export interface EmbeddingContext {
  env: Env;
  rpc: Rpc;
  signal: AbortSignal;
  budget: Budget;
}

/**
 * Brings the embeddings of all texts into the cache. Every batch counts at once, so an invocation that is cut short loses
 * none; `usage` is that of all invocations together.
 *
 * @throws Pause when the invocation's CPU time is spent first; Failure `dimension_mismatch` or `embedding_invalid`;
 *   errors of the openai client with status and headers
 */
export async function embed(
  texts: string[],
  { env, rpc, signal, budget }: EmbeddingContext,
  fetcher?: typeof fetch,
): Promise<EmbeddingUsage> {
  const { model, dimensions } = env.embedding;
  const cache = { p_model: model, p_dimensions: dimensions };
  const unique = [...new Set(texts)];
  const missing: string[] = [];
  for (const batch of batches(unique, cacheBatchTexts, maxBatchCharacters)) {
    signal.throwIfAborted();
    const indexes = await rpc<number[]>("embedding_cache_missing", { ...cache, p_texts: batch });
    missing.push(...indexes.map((index) => batch[index]));
  }

  // Retries are the queue's: a client that sleeps on Retry-After would burn the worker's time.
  const client = new OpenAI({
    apiKey: env.embedding.apiKey,
    baseURL: env.embedding.baseUrl,
    maxRetries: 0,
    timeout: 60_000,
    fetch: fetcher,
  });
  const usage = budget.progress.usage ??= { embedding_tokens: 0, embedded_count: 0 };
  let left = missing.length;
  await inParallel(batches(missing, maxBatchTexts, maxBatchCharacters), budget, async (batch) => {
    signal.throwIfAborted();
    const answer = await client.embeddings.create({
      model,
      input: batch,
      encoding_format: "base64",
      // Only these models can be shortened; others refuse the parameter.
      ...(model.includes("text-embedding-3") ? { dimensions } : {}),
    }, { signal });
    const vectors = readVectors(answer, batch.length, env);
    usage.embedding_tokens += answer.usage?.total_tokens ?? 0;
    await rpc("embedding_cache_put", { ...cache, p_texts: batch, p_embeddings: vectors });
    usage.embedded_count += batch.length;
    left -= batch.length;
  });
  // What is made of the embeddings is left as well.
  if (left > 0) budget.pause(left + texts.length);
  return { ...usage, cached_count: unique.length - usage.embedded_count };
}

/**
 * The embeddings of texts from the cache, in their order: base64 of little-endian f32s, one string a text.
 *
 * @throws Failure `embedding_missing` when the cache was pruned meanwhile; a retry embeds them again
 */
export async function cachedVectors(
  texts: string[],
  { env, rpc, signal }: Omit<EmbeddingContext, "budget">,
): Promise<string[]> {
  const { model, dimensions } = env.embedding;
  const vectors: string[] = [];
  for (const batch of batches(texts, limits.vectorCount, maxBatchCharacters)) {
    signal.throwIfAborted();
    const cached = await rpc<(string | null)[]>("embedding_cache_get", {
      p_model: model,
      p_dimensions: dimensions,
      p_texts: batch,
    });
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
  context: Omit<EmbeddingContext, "budget">,
  take: (vector: string) => void,
): Promise<void> {
  for (let start = 0; start < texts.length; start += limits.vectorCount) {
    (await cachedVectors(texts.slice(start, start + limits.vectorCount), context)).forEach(take);
  }
}

/** The vectors of an answer in the order of their texts, checked for number and length. */
function readVectors(
  { data }: { data?: { index: number; embedding: unknown }[] },
  count: number,
  env: Env,
): string[] {
  const { model, dimensions } = env.embedding;
  if (!Array.isArray(data) || data.length !== count) {
    throw new Failure(`${model} answered ${data?.length ?? "no"} embeddings for ${count} texts`, {
      code: "embedding_invalid",
    });
  }
  const vectors = new Array<string>(count);
  for (const { index, embedding } of data) vectors[index] = toBase64(embedding);
  for (const vector of vectors) {
    const length = vector === undefined ? 0 : Math.floor(vector.replace(/=+$/, "").length * 3 / 16);
    if (length !== dimensions) {
      throw new Failure(
        `${model} answers ${length} dimensions; set OPENAI_EMBEDDING_DIMENSIONS to ${length}, not ${dimensions}`,
        { code: "dimension_mismatch" },
      );
    }
  }
  return vectors;
}

// Servers that do not know the base64 format answer numbers.
function toBase64(embedding: unknown): string {
  if (typeof embedding === "string") return embedding;
  const bytes = new Uint8Array(Float32Array.from(embedding as number[]).buffer);
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
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
  budget: Budget,
  work: (batch: string[]) => Promise<void>,
): Promise<void> {
  const waiting = [...all];
  let firstError: unknown;
  const runner = async () => {
    do {
      const batch = waiting.shift();
      if (batch === undefined) return;
      await work(batch).catch((error) => firstError ??= error);
    } while (firstError === undefined && !budget.isSpent);
  };
  await Promise.all(Array.from({ length: parallelBatches }, runner));
  if (firstError !== undefined) throw firstError;
}
