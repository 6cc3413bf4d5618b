import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { embed } from "../../functions/_shared/embeddings.ts";
import { fakeRpc, packed, testEnv } from "./fakes.ts";

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
  } = {},
) {
  const cache = new Map(Object.entries(options.cached ?? {}));
  const requests: EmbeddingRequest[] = [];
  const { rpc, of } = fakeRpc({
    embedding_cache_get: ({ p_texts }) =>
      (p_texts as string[]).map((text) => cache.get(text) ?? null),
    embedding_cache_put: ({ p_texts, p_embeddings }) => {
      (p_texts as string[]).forEach((text, i) => cache.set(text, (p_embeddings as string[])[i]));
    },
  });
  const fetcher = async (_input: unknown, init?: RequestInit) => {
    const request: EmbeddingRequest = JSON.parse(await new Response(init!.body).text());
    requests.push(request);
    const answer = options.answer?.(request, requests.length);
    if (answer) return answer;
    const data = request.input.map((text, index) => ({ index, embedding: vectorOf(text) }));
    return Response.json({ data: data.reverse(), usage: { total_tokens: request.input.length } });
  };
  const context = { env: testEnv(options.settings), rpc, signal: new AbortController().signal };
  return {
    cache,
    requests,
    of,
    embed: (texts: string[]) => embed(texts, context, fetcher as typeof fetch),
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
  ok(requests.every(({ input }) => input.length <= 256));
  ok(requests.every(({ input }) => input.join("").length <= 250_000));
  equal(requests.flatMap(({ input }) => input).length, 603);
});

Deno.test("after_a_failing_batch_what_was_paid_for_is_in_the_cache", async () => {
  const answer = (_request: EmbeddingRequest, call: number) =>
    call === 2
      ? Response.json({ error: { message: "slow down" } }, {
        status: 429,
        headers: { "retry-after": "7" },
      })
      : undefined;
  const { embed, cache, requests } = setUp({ answer });
  const texts = Array.from({ length: 1000 }, (_, i) => `query ${i}`);
  await rejects(embed(texts), (error: { status?: number; headers?: Headers }) => {
    equal(error.status, 429);
    equal(error.headers?.get("retry-after"), "7");
    return true;
  });
  equal(cache.size, 1000 - 256);
  await embed(texts);
  equal(requests.at(-1)!.input.length, 256);
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
