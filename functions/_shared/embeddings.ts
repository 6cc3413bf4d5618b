// Embeddings through any OpenAI-compatible API, each text paid for once: the cache is asked first and fed batch by
// batch, so that a retry pays only for what is still missing. Vectors stay base64 from the API to Rust and Postgres.
import OpenAI from "npm:openai@7.57.0";
import type { Rpc } from "./client.ts";
import type { Env } from "./env.ts";
import { Failure } from "./failure.ts";

/** The API takes 2,048 texts and 300,000 tokens a request; a token is at least one character. */
const maxBatchTexts = 256;
const maxBatchCharacters = 250_000;
const parallelBatches = 4;
const cacheBatchTexts = 1_000;

export interface EmbeddingUsage {
  embedding_tokens: number;
  cached_count: number;
  embedded_count: number;
}

export interface Embedded {
  /** base64 of little-endian f32s, one string a text, in the order of the texts. */
  vectors: string[];
  usage: EmbeddingUsage;
}

/**
 * Embeds texts with the configured model.
 *
 * @throws Failure `dimension_mismatch` or `embedding_invalid`; errors of the openai client with status and headers
 */
export async function embed(
  texts: string[],
  { env, rpc, signal }: { env: Env; rpc: Rpc; signal: AbortSignal },
  fetcher?: typeof fetch,
): Promise<Embedded> {
  const { model, dimensions } = env.embedding;
  const known = new Map<string, string>();
  const unique = [...new Set(texts)];
  for (const batch of batches(unique, cacheBatchTexts, maxBatchCharacters)) {
    signal.throwIfAborted();
    const cached = await rpc<(string | null)[]>("embedding_cache_get", {
      p_model: model,
      p_dimensions: dimensions,
      p_texts: batch,
    });
    cached.forEach((vector, i) => vector !== null && known.set(batch[i], vector));
  }
  const cachedCount = known.size;

  // Retries are the queue's: a client that sleeps on Retry-After would burn the worker's time.
  const client = new OpenAI({
    apiKey: env.embedding.apiKey,
    baseURL: env.embedding.baseUrl,
    maxRetries: 0,
    timeout: 60_000,
    fetch: fetcher,
  });
  let tokens = 0;
  const missing = unique.filter((text) => !known.has(text));
  await inParallel(batches(missing, maxBatchTexts, maxBatchCharacters), async (batch) => {
    signal.throwIfAborted();
    const answer = await client.embeddings.create({
      model,
      input: batch,
      encoding_format: "base64",
      // Only these models can be shortened; others refuse the parameter.
      ...(model.includes("text-embedding-3") ? { dimensions } : {}),
    }, { signal });
    const vectors = readVectors(answer, batch.length, env);
    tokens += answer.usage?.total_tokens ?? 0;
    vectors.forEach((vector, i) => known.set(batch[i], vector));
    await rpc("embedding_cache_put", {
      p_model: model,
      p_dimensions: dimensions,
      p_texts: batch,
      p_embeddings: vectors,
    });
  });

  return {
    vectors: texts.map((text) => known.get(text)!),
    usage: {
      embedding_tokens: tokens,
      cached_count: cachedCount,
      embedded_count: missing.length,
    },
  };
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

/** Runs a few batches at a time; after an error no new one starts, but what was paid for still reaches the cache. */
async function inParallel(
  all: string[][],
  work: (batch: string[]) => Promise<void>,
): Promise<void> {
  const waiting = [...all];
  let firstError: unknown;
  const runner = async () => {
    while (waiting.length > 0 && firstError === undefined) {
      await work(waiting.shift()!).catch((error) => firstError ??= error);
    }
  };
  await Promise.all(Array.from({ length: parallelBatches }, runner));
  if (firstError !== undefined) throw firstError;
}
