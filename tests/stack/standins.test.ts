// The stand-ins through the official clients, which is how the functions meet them.

import assert from "node:assert/strict";
import Anthropic from "npm:@anthropic-ai/sdk@1.12.0";
import OpenAI from "npm:openai@7.57.0";
import { offlineModel } from "../../local/standins/embedding.ts";
import { Standins } from "../../local/standins/server.ts";

const standins = new Standins("control-key");
const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  (request) => standins.handle(request),
);
const url = `http://127.0.0.1:${server.addr.port}`;
const openai = new OpenAI({ apiKey: "any", baseURL: `${url}/v1`, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: "any", baseURL: url, maxRetries: 0 });

Deno.test.afterAll(() => server.shutdown());
Deno.test.beforeEach(() => standins.reset());

function test(name: string, body: () => Promise<void>) {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn: body });
}

/** A prompt as crates/draft builds it. */
function prompt(changes: { queries?: string[]; headings?: string[]; label?: string } = {}) {
  const data = {
    page: {
      title: "Commuting by bike",
      url: "https://example.com/commuting",
      language: "en",
      headings: changes.headings ?? ["Commuting by bike", "Lights", "Locks"],
      excerpts: ["A good lock costs a tenth of the bike. Insurance asks for an approved lock."],
    },
    recommendation: {
      label: changes.label ?? "bike insurance",
      queries: changes.queries ??
        ["bike insurance", "is my bike insured at work", "bike insurance cost"],
      impressions: 4200,
      nearest_section: {
        heading_path: ["Commuting by bike", "Locks"],
        text: "Lock frame and front wheel. Insurance asks for an approved lock at work.",
        similarity: 0.41,
      },
    },
  };
  return `Write.\n\nDATA-0123456789abcdef\n${
    JSON.stringify(data, null, 2)
  }\nDATA-0123456789abcdef\n\nEnd.`;
}

async function draft(changes = {}) {
  const answer = await openai.chat.completions.create({
    model: "offline-outline",
    messages: [{ role: "system", content: "Rules." }, { role: "user", content: prompt(changes) }],
  });
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.ok(answer.usage!.prompt_tokens > 50 && answer.usage!.completion_tokens > 50);
  return JSON.parse(answer.choices[0].message.content!);
}

test("embeddings_as_floats_and_as_base64_are_the_same_vectors_in_order", async () => {
  const input = ["bike lights", "bike lights", "train tickets"];
  const base = { model: offlineModel, input };
  const floats = await openai.embeddings.create({ ...base, encoding_format: "float" });
  const packed = await openai.embeddings.create({ ...base, encoding_format: "base64" });
  assert.equal(floats.data[0].embedding.length, 256);
  floats.data.forEach(({ embedding, index }, i) => {
    assert.equal(index, i);
    const bytes = Uint8Array.fromBase64(packed.data[i].embedding as unknown as string);
    assert.deepEqual([...new Float32Array(bytes.buffer)], embedding);
  });
  assert.deepEqual(floats.data[0].embedding, floats.data[1].embedding);
  assert.notDeepEqual(floats.data[0].embedding, floats.data[2].embedding);
  assert.ok(floats.usage.total_tokens >= 6);
});

test("dimensions_are_honoured_or_refused", async () => {
  const base = { model: offlineModel, input: "x", encoding_format: "float" as const };
  const short = await openai.embeddings.create({ ...base, dimensions: 64 });
  assert.equal(short.data[0].embedding.length, 64);
  await assert.rejects(openai.embeddings.create({ ...base, dimensions: 1536 }), /dimensions/);
});

test("wrong_embedding_requests_get_openais_errors", async () => {
  const create = (body: Record<string, unknown>) =>
    openai.embeddings.create({ model: offlineModel, input: "x", ...body } as never);
  await assert.rejects(create({ model: "text-embedding-3-small" }), {
    status: 404,
    code: "model_not_found",
  });
  await assert.rejects(create({ input: "" }), { status: 400, param: "input" });
  await assert.rejects(create({ input: [] }), { status: 400 });
  await assert.rejects(create({ input: Array(2049).fill("x") }), { status: 400 });
  await assert.rejects(create({ input: "word ".repeat(9000) }), {
    status: 400,
    code: "context_length_exceeded",
  });
  assert.equal((await create({ input: Array(2048).fill("x") })).data.length, 2048);
  const response = await fetch(`${url}/v1/embeddings`, { method: "POST", body: "{}" });
  assert.equal(response.status, 401);
  await response.body?.cancel();
});

test("the_draft_is_made_of_the_prompts_data_and_valid", async () => {
  const { queries } = JSON.parse(prompt().split("DATA-0123456789abcdef")[1]).recommendation;
  const answer = await draft();
  assert.equal(answer.heading, "Bike insurance");
  assert.ok(answer.body_markdown.split(/\s+/).length >= 80);
  assert.equal(answer.placement.after_heading, "Locks");
  assert.ok(answer.questions_answered.length > 0);
  assert.ok(answer.questions_answered.every((query: string) => queries.includes(query)));
  assert.match(answer.body_markdown, /approved lock/);
  assert.equal(answer.facts_to_check.length, answer.questions_answered.length);
  assert.deepEqual(await draft(), answer, "the same prompt gives the same draft");
});

test("the_draft_avoids_headings_of_the_page_markup_and_links_from_queries", async () => {
  const answer = await draft({
    label: "locks",
    headings: ["Locks"],
    queries: [
      "<img src=x> *locks* [a](https://spam.example)",
      "https://spam.example",
      "<b>best</b> locks",
    ],
  });
  assert.notEqual(answer.heading.toLowerCase(), "locks");
  const text = [answer.heading, answer.summary, answer.body_markdown, ...answer.facts_to_check]
    .join("\n");
  assert.doesNotMatch(text, /spam\.example|(?<!\\)<b>/);
  assert.deepEqual(answer.questions_answered, ["<b>best</b> locks"]);
});

test("anthropic_messages_answer_in_text_or_as_a_tool", async () => {
  const request = {
    model: "claude",
    max_tokens: 1000,
    system: "Rules.",
    messages: [{ role: "user" as const, content: prompt() }],
  };
  const text = await anthropic.messages.create(request);
  assert.equal(text.stop_reason, "end_turn");
  assert.equal(JSON.parse((text.content[0] as { text: string }).text).heading, "Bike insurance");
  const tool = await anthropic.messages.create({
    ...request,
    tools: [{ name: "section", input_schema: { type: "object" } }],
    tool_choice: { type: "tool", name: "section" },
  });
  assert.equal((tool.content[0] as { input: { heading: string } }).input.heading, "Bike insurance");
  await assert.rejects(anthropic.messages.create({ ...request, max_tokens: undefined as never }));
});

test("faults_are_used_up_in_order_and_per_api", async () => {
  standins.fail({ api: "embeddings", status: 429, retryAfter: 7 });
  standins.fail({ api: "embeddings", status: 500, count: 2 });
  const create = () => openai.embeddings.create({ model: offlineModel, input: "x" });
  await assert.rejects(create(), (error: InstanceType<typeof OpenAI.APIError>) => {
    assert.equal(error.status, 429);
    assert.equal(error.headers?.get("retry-after"), "7");
    return true;
  });
  await draft();
  await assert.rejects(create(), { status: 500 });
  await assert.rejects(create(), { status: 500 });
  await create();
  const statuses = standins.calls.map(({ api, status }) => `${api} ${status}`);
  assert.deepEqual(statuses, [
    "embeddings 429",
    "chat 200",
    "embeddings 500",
    "embeddings 500",
    "embeddings 200",
  ]);
});

test("a_dropped_connection_and_a_delay_reach_the_client", async () => {
  standins.fail({ api: "embeddings", drop: true });
  await assert.rejects(openai.embeddings.create({ model: offlineModel, input: "x" }));
  standins.fail({ api: "embeddings", delayMs: 300 });
  const started = performance.now();
  await openai.embeddings.create({ model: offlineModel, input: "x" });
  assert.ok(performance.now() - started >= 290);
  standins.fail({ api: "embeddings", delayMs: 5_000 });
  await assert.rejects(
    openai.embeddings.create({ model: offlineModel, input: "x" }, { timeout: 100 }),
  );
});

test("a_model_can_be_made_to_talk_nonsense", async () => {
  standins.fail({ api: "chat", body: "I would rather not." });
  const answer = await openai.chat.completions.create({
    model: "offline-outline",
    messages: [{ role: "user", content: prompt() }],
  });
  assert.equal(answer.choices[0].message.content, "I would rather not.");
});

test("control_over_http_needs_the_key", async () => {
  const control = (path: string, method: string, body?: unknown, key = "control-key") =>
    fetch(`${url}/control/${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: { apikey: key },
    });
  assert.equal((await control("files", "POST", { path: "/etc/passwd" }, "wrong")).status, 401);
  assert.equal((await control("faults", "POST", { api: "embeddings", status: 503 })).status, 204);
  await assert.rejects(openai.embeddings.create({ model: offlineModel, input: "x" }), {
    status: 503,
  });
  assert.equal((await (await control("calls", "GET")).json()).length, 1);
  assert.equal((await control("faults", "DELETE")).status, 204);
  assert.equal(standins.calls.length, 0);
});

test("files_and_folders_are_served_with_their_types_and_nothing_beside_them", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/index.html`, "<p>home</p>");
  await Deno.writeTextFile(`${dir}/page two.html`, "<p>two</p>");
  const get = async (path: string) => {
    const response = await fetch(url + path);
    return `${response.status} ${response.headers.get("content-type")} ${await response.text()}`;
  };
  assert.equal(await get(standins.offer(`${dir}/page two.html`)), "200 text/html <p>two</p>");
  const folder = standins.offer(dir);
  assert.equal(await get(folder), "200 text/html <p>home</p>");
  assert.equal(await get(`${folder}page%20two.html`), "200 text/html <p>two</p>");
  assert.match(await get(`${folder}missing.html`), /^404/);
  assert.match(await get(`${folder}..%2f..%2fetc/passwd`), /^404/);
  assert.match(await get("/files/unknown/x"), /^404/);
  await Deno.remove(dir, { recursive: true });
});

test("scraperapi_passes_pages_and_statuses_on_and_wants_a_key", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/index.html`, "<p>scraped</p>");
  const target = url + standins.offer(dir);
  const scrape = async (query: Record<string, string>) => {
    const response = await fetch(`${url}/scraper/?${new URLSearchParams(query)}`);
    return `${response.status} ${await response.text()}`;
  };
  const api_key = "control-key";
  assert.equal(await scrape({ api_key, url: target, render: "true" }), "200 <p>scraped</p>");
  assert.match(await scrape({ api_key, url: `${target}nope` }), /^404/);
  assert.match(await scrape({ url: target }), /^401/);
  assert.match(await scrape({ api_key: "another", url: target }), /^401/);
  assert.match(await scrape({ api_key, url: "file:///etc/passwd" }), /^400/);
  standins.fail({ api: "scraper", status: 500 });
  assert.match(await scrape({ api_key, url: target }), /^500/);
  await Deno.remove(dir, { recursive: true });
});

test("the_built_in_model_takes_a_text_of_any_length", async () => {
  const embed = async (text: string, model = "gte-small") => {
    const response = await fetch(`${url}/session`, {
      method: "POST",
      body: JSON.stringify({ model, text }),
    });
    return response.ok ? await response.json() as number[] : await response.text();
  };
  const vector = await embed("bike lights") as number[];
  assert.equal(vector.length, 384);
  assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5);
  const window = "word ".repeat(600);
  assert.deepEqual(await embed(window + "lights"), await embed(window), "cut at 512 tokens");
  assert.match(await embed("x", "gte-large") as string, /there is no model gte-large/);
});

test("a_rate_limit_is_told_in_the_apis_own_headers_and_kept", async () => {
  standins.limit("embeddings", 2, 10);
  standins.limit("messages", 1, 10);
  const create = () => openai.embeddings.create({ model: offlineModel, input: "x" }).withResponse();
  const { response } = await create();
  assert.equal(response.headers.get("x-ratelimit-limit-requests"), "2");
  assert.equal(response.headers.get("x-ratelimit-remaining-requests"), "1");
  assert.match(response.headers.get("x-ratelimit-reset-requests")!, /^[45]\.\d{3}s$/);
  await create();
  await assert.rejects(create(), (error: InstanceType<typeof OpenAI.APIError>) => {
    assert.deepEqual([error.status, error.headers?.get("retry-after")], [429, "5"]);
    return true;
  });
  const ask = () =>
    anthropic.messages.create({
      model: "claude",
      max_tokens: 100,
      messages: [{ role: "user", content: prompt() }],
    }).withResponse();
  const before = Date.now();
  const { response: answer } = await ask();
  assert.equal(answer.headers.get("anthropic-ratelimit-requests-remaining"), "0");
  const reset = Date.parse(answer.headers.get("anthropic-ratelimit-requests-reset")!);
  assert.ok(reset > before + 8_000 && reset < Date.now() + 11_000);
  await assert.rejects(ask(), { status: 429, name: "RateLimitError" });
});
