import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { Budget } from "../../functions/_shared/engine/budget.ts";
import { cachedVectors, embed } from "../../functions/_shared/models/embeddings.ts";
import { fakeLog, fakeRpc, packed, testEnv, testJob } from "./fakes.ts";

interface EmbeddingRequest {
  model: string;
  input: string[];
  encoding_format: string;
  dimensions?: number;
}

/** A cache in memory and an API that embeds a text as its length. */
function setUp(
  options: {
    cached?: Record<string, string>;
    answer?: (request: EmbeddingRequest, call: number) => Response | undefined;
    settings?: Record<string, string>;
    /** CPU time of the invocation at each look. */
    usedMs?: () => number;
    progress?: Record<string, unknown>;
  } = {},
) {
  const cache = new Map(Object.entries(options.cached ?? {}));
  const requests: EmbeddingRequest[] = [];
  const { rpc, of } = fakeRpc({
    begin_model_call: () => 0,
    end_model_call: () => null,
    embedding_cache_missing: ({ p_texts }) =>
      (p_texts as string[]).flatMap((text, i) => cache.has(text) ? [] : [i]),
    embedding_cache_get: ({ p_texts }) =>
      (p_texts as string[]).map((text) => cache.get(text) ?? null),
    embedding_cache_put: ({ p_texts, p_embeddings }) => {
      (p_texts as string[]).forEach((text, i) => cache.set(text, (p_embeddings as string[])[i]));
    },
  });
  const sent: { url: string; headers: Headers }[] = [];
  const fetcher = async (input: string | URL | Request, init?: RequestInit) => {
    const request: EmbeddingRequest = JSON.parse(await new Response(init!.body).text());
    requests.push(request);
    sent.push({ url: String(input), headers: new Headers(init!.headers) });
    const answer = options.answer?.(request, requests.length);
    if (answer) return answer;
    const data = request.input.map((text, index) => ({ index, embedding: vectorOf(text) }));
    return Response.json({ data: data.reverse(), usage: { total_tokens: request.input.length } });
  };
  const signal = new AbortController().signal;
  const context = () => ({
    env: testEnv(options.settings),
    rpc,
    signal,
    log: fakeLog(),
    job: testJob,
    budget: new Budget(
      { ...testJob, payload: { progress: options.progress } },
      options.usedMs ?? (() => 0),
    ),
  });
  return {
    cache,
    requests,
    sent,
    of,
    async embed(texts: string[]) {
      const usage = await embed(texts, context(), fetcher as typeof fetch);
      return { vectors: await cachedVectors(texts, context()), usage };
    },
  };
}

const vectorOf = (text: string) => packed(text.length, 0, 0, 1);

Deno.test("vectors_come_in_the_order_of_the_texts_and_stay_base64", async () => {
  const { embed, requests } = setUp();
  const { vectors, usage } = await embed(["a", "bbb", "cc"]);
  deepEqual(vectors, [vectorOf("a"), vectorOf("bbb"), vectorOf("cc")]);
  deepEqual(usage, { embedding_tokens: 3, cached_count: 0, embedded_count: 3 });
  deepEqual(requests, [{
    model: "text-embedding-3-small",
    input: ["a", "bbb", "cc"],
    encoding_format: "base64",
    dimensions: 4,
  }]);
});

Deno.test("a_text_is_paid_for_once_even_when_it_comes_twice", async () => {
  const { embed, requests, cache } = setUp({ cached: { known: packed(9, 9, 9, 9) } });
  const { vectors, usage } = await embed(["x", "known", "x"]);
  deepEqual(vectors, [vectorOf("x"), packed(9, 9, 9, 9), vectorOf("x")]);
  deepEqual(requests.map(({ input }) => input), [["x"]]);
  deepEqual(usage, { embedding_tokens: 1, cached_count: 1, embedded_count: 1 });
  equal(cache.get("x"), vectorOf("x"));
});

Deno.test("everything_cached_asks_nobody", async () => {
  const { embed, requests } = setUp({ cached: { known: packed(1, 2, 3, 4) } });
  await embed(["known"]);
  await embed([]);
  equal(requests.length, 0);
});

Deno.test("batches_respect_the_limits_on_count_and_length", async () => {
  const { embed, requests } = setUp();
  const many = Array.from({ length: 600 }, (_, i) => `query ${i}`);
  const long = ["A", "B", "C"].map((letter) => letter.repeat(100_000));
  const { vectors } = await embed([...many, ...long]);
  equal(vectors.length, 603);
  ok(requests.every(({ input }) => input.length <= 64));
  ok(requests.every(({ input }) => input.join("").length <= 250_000));
  equal(requests.flatMap(({ input }) => input).length, 603);
});

Deno.test("after_a_failing_batch_what_was_paid_for_is_in_the_cache", async () => {
  const answer = (_request: EmbeddingRequest, call: number) =>
    call === 2
      ? Response.json({ error: { message: "no credit", code: "insufficient_quota" } }, {
        status: 429,
      })
      : undefined;
  const { embed, cache, requests } = setUp({ answer });
  const texts = Array.from({ length: 192 }, (_, i) => `query ${i}`);
  await rejects(embed(texts), { status: 429, code: "insufficient_quota" });
  equal(cache.size, 192 - 64);
  await embed(texts);
  equal(requests.at(-1)!.input.length, 64);
});

Deno.test("a_wrong_length_says_which_setting_to_change", async () => {
  const answer = () => Response.json({ data: [{ index: 0, embedding: packed(1, 2) }] });
  const { embed, of } = setUp({ answer });
  await rejects(embed(["x"]), /answers 2 dimensions; set OPENAI_EMBEDDING_DIMENSIONS to 2, not 4/);
  equal(of("embedding_cache_put").length, 0);
});

Deno.test("a_missing_vector_is_an_error", async () => {
  const { embed } = setUp({ answer: () => Response.json({ data: [] }) });
  await rejects(embed(["x"]), /answered 0 embeddings for 1 texts/);
});

Deno.test("a_server_that_answers_numbers_instead_of_base64_is_understood", async () => {
  const answer = () => Response.json({ data: [{ index: 0, embedding: [1, 2, 3, 4] }] });
  const { vectors } = await setUp({ answer }).embed(["x"]);
  deepEqual(vectors, [packed(1, 2, 3, 4)]);
});

Deno.test("a_model_that_cannot_be_shortened_is_not_asked_to", async () => {
  const { embed, requests } = setUp({ settings: { OPENAI_EMBEDDING_MODEL: "nomic-embed-text" } });
  await embed(["x"]);
  equal("dimensions" in requests[0], false);
});

Deno.test("without_cpu_time_left_one_round_is_embedded_and_the_rest_is_for_the_next_invocation", async () => {
  const { embed, cache } = setUp({ usedMs: () => 10_000 });
  const texts = Array.from({ length: 300 }, (_, i) => `query ${i}`);
  await rejects(embed(texts), { name: "Pause", left: 900 + (300 - 3 * 64) });
  equal(cache.size, 3 * 64);
  const { usage } = await embed(texts);
  deepEqual([cache.size, usage.embedded_count], [300, 300 - 3 * 64]);
});

Deno.test("usage_is_that_of_all_invocations", async () => {
  const { embed } = setUp({
    cached: { a: vectorOf("a"), known: vectorOf("known") },
    progress: { usage: { embedding_tokens: 5, embedded_count: 1 } },
  });
  const { usage } = await embed(["a", "known", "b"]);
  deepEqual(usage, { embedding_tokens: 6, embedded_count: 2, cached_count: 1 });
});

Deno.test("an_invocation_that_got_nothing_done_fails_instead_of_coming_back_for_ever", () => {
  const progress = { before: { attempt: 1, left: 10 } };
  const budget = (attempt_count: number) =>
    new Budget({ ...testJob, attempt_count, payload: { progress } }, () => 10_000);
  throws(() => budget(1).pause(9), { name: "Pause" });
  throws(() => budget(1).pause(10), {
    name: "Failure",
    facts: { code: "no_progress", kind: "transient" },
  });
  throws(
    () => budget(2).pause(10),
    { name: "Pause" },
    "another attempt may begin where the last one did",
  );
});

Deno.test("an_embedding_that_leaves_the_cache_is_embedded_by_the_retry", async () => {
  const { embed, cache } = setUp();
  const context = { env: testEnv(), rpc: fakeRpc({ embedding_cache_get: () => [null] }).rpc };
  await embed(["x"]);
  equal(cache.size, 1);
  await rejects(cachedVectors(["x"], { ...context, signal: new AbortController().signal }), {
    facts: { code: "embedding_missing", kind: "transient" },
  });
});

Deno.test("a_server_that_refuses_base64_is_asked_for_numbers_and_remembered", async () => {
  const answer = ({ encoding_format }: EmbeddingRequest) =>
    encoding_format === "base64"
      ? Response.json({ error: { message: "unknown encoding_format" } }, { status: 422 })
      : Response.json({ data: [{ index: 0, embedding: [1, 2, 3, 4] }] });
  const settings = { EMBEDDING_BASE_URL: "http://numbers.example:8080/v1" };
  const { embed, requests } = setUp({ answer, settings });
  deepEqual((await embed(["x"])).vectors, [packed(1, 2, 3, 4)]);
  await embed(["y"]);
  deepEqual(requests.map((r) => r.encoding_format), ["base64", "float", "float"]);
});

Deno.test("each_server_gets_its_own_key_the_way_it_wants_it_or_none", async () => {
  const ask = async (settings: Record<string, string>) => {
    const { embed, sent } = setUp({ settings });
    await embed(["x"]);
    const { url, headers } = sent[0];
    return [url, headers.get("authorization"), headers.get("api-key")];
  };
  deepEqual(await ask({}), ["https://api.openai.com/v1/embeddings", "Bearer sk-test-key", null]);
  deepEqual(
    await ask({ EMBEDDING_BASE_URL: "http://localhost:11434/v1" }),
    ["http://localhost:11434/v1/embeddings", null, null],
    "OpenAI's key is not for others",
  );
  deepEqual(
    await ask({ EMBEDDING_BASE_URL: "https://vllm.example/v1", EMBEDDING_API_KEY: "mine" }),
    ["https://vllm.example/v1/embeddings", "Bearer mine", null],
  );
  deepEqual(
    await ask({ OPENAI_BASE_URL: "https://res.openai.azure.com/openai/v1/" }),
    ["https://res.openai.azure.com/openai/v1/embeddings", null, "sk-test-key"],
  );
  const deployment = "https://res.openai.azure.com/openai/deployments/emb";
  deepEqual(
    await ask({ OPENAI_BASE_URL: `${deployment}?api-version=2024-10-21` }),
    [`${deployment}/embeddings?api-version=2024-10-21`, null, "sk-test-key"],
  );
});

Deno.test("a_server_that_is_away_is_named", async () => {
  const settings = { EMBEDDING_BASE_URL: "http://127.0.0.1:1/v1" };
  const { embed } = setUp({
    settings,
    answer: () => {
      throw new TypeError("connection refused");
    },
  });
  await rejects(embed(["x"]), {
    message: /^the server of 127\.0\.0\.1\/text-embedding-3-small cannot be reached/,
    facts: { code: "connection_failed" },
  });
});

/** The runtime's own model as texts of their length; `spent` says when the CPU time is used up. */
function builtInModel(run = (text: string) => [text.length, ...Array(383).fill(0)]) {
  const asked: string[] = [];
  class Session {
    constructor(readonly model: string) {}
    run(text: string, options: unknown) {
      deepEqual([this.model, options], ["gte-small", { mean_pool: true, normalize: true }]);
      asked.push(text);
      return Promise.resolve(run(text));
    }
  }
  Object.assign(globalThis, { Supabase: { ai: { Session } } });
  return {
    asked,
    [Symbol.dispose]: () => {
      delete (globalThis as { Supabase?: unknown }).Supabase;
    },
  };
}
const builtIn = { EMBEDDING_PROVIDER: "supabase" };

Deno.test("the_built_in_model_embeds_text_by_text_and_stops_when_the_cpu_time_is_spent", async () => {
  const before = setUp({ settings: builtIn });
  await rejects(before.embed(["x"]), { facts: { code: "model_unavailable", kind: "permanent" } });

  using model = builtInModel();
  let looks = 0;
  const texts = Array.from({ length: 12 }, (_, i) => "x".repeat(i + 1));
  const { embed, cache, of } = setUp({
    settings: builtIn,
    usedMs: () => ++looks >= 8 ? 10_000 : 0,
  });
  await rejects(embed(texts), { name: "Pause", left: 3 * 12 + (12 - 7) });
  equal(
    cache.size,
    7,
    "what was embedded before the pause is kept, a batch that was cut short too",
  );
  deepEqual(of("embedding_cache_put").map(({ p_texts }) => (p_texts as string[]).length), [5, 2]);
  await rejects(embed(texts), { name: "Pause", left: 3 * 12 + 4 }, "at least one each time");
  equal(cache.size, 8);
  deepEqual(model.asked, texts.slice(0, 8), "no text twice");
  equal(of("begin_model_call")[0].p_provider, "supabase");
});
