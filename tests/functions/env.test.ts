import { deepEqual, equal, throws } from "node:assert/strict";
import {
  EnvError,
  type Need,
  readCpuFactor,
  readEnv,
} from "../../functions/_shared/platform/env.ts";
import { createLog, errorText } from "../../functions/_shared/platform/log.ts";
import { testEnv, testSettings } from "./fakes.ts";

function problemsOf(settings: Record<string, string>, needs: Need[] = []): string[] {
  try {
    readEnv(needs, (name) => settings[name]);
    return [];
  } catch (error) {
    return (error as EnvError).problems;
  }
}

Deno.test("one_error_names_every_missing_and_wrong_setting", () => {
  const problems = problemsOf({
    SUPABASE_SECRET_KEYS: "not json",
    PAGEPERFECT_QUEUE_VISIBILITY: "ten",
    DRAFT_PROVIDER: "parrot",
  }, ["embeddings"]);
  const named = problems.map((problem) => problem.split(" ")[0]);
  deepEqual(named, [
    "SUPABASE_SECRET_KEYS",
    "SUPABASE_SECRET_KEYS",
    "OPENAI_API_KEY",
    "DRAFT_PROVIDER",
    "SUPABASE_URL",
    "PAGEPERFECT_QUEUE_VISIBILITY",
  ]);
  throws(
    () => readEnv([], () => undefined),
    /Fix the function's secrets: .*SUPABASE_URL is missing/,
  );
});

Deno.test("a_function_is_asked_only_for_what_it_needs", () => {
  const { SUPABASE_URL, SUPABASE_SECRET_KEYS } = testSettings;
  deepEqual(problemsOf({ SUPABASE_URL, SUPABASE_SECRET_KEYS }), []);
  equal(problemsOf({ SUPABASE_URL, SUPABASE_SECRET_KEYS }, ["draft"]).length, 1);
});

Deno.test("the_cpu_factor_slows_down_and_never_speeds_up", () => {
  const of = (value?: string) => readCpuFactor(() => value);
  deepEqual([of(), of("5"), of("0.1"), of("x")], [1, 5, 1, 1]);
});

Deno.test("defaults_are_the_documented_ones", () => {
  const env = testEnv({ OPENAI_EMBEDDING_DIMENSIONS: "" });
  equal(env.visibilitySeconds, 60);
  deepEqual([env.embedding.model, env.embedding.dimensions], ["text-embedding-3-small", 1536]);
  equal(env.scraper.baseUrl, "https://api.scraperapi.com");
  deepEqual(env.allowedHosts, []);
});

Deno.test("drafts_come_from_anthropic_when_only_its_key_is_set_or_when_told_so", () => {
  const of = (settings: Record<string, string>, needs: Need[] = ["draft"]) =>
    readEnv(needs, (name) => ({ ...testSettings, ...settings })[name]).draft;
  equal(of({}).provider, "openai");
  equal(of({ ANTHROPIC_API_KEY: "sk-ant-key" }).provider, "openai");
  equal(of({ ANTHROPIC_API_KEY: "sk-ant-key", OPENAI_API_KEY: "" }).provider, "anthropic");
  const told = of({ ANTHROPIC_API_KEY: "sk-ant-key", DRAFT_PROVIDER: "anthropic" });
  deepEqual([told.provider, told.apiKey], ["anthropic", "sk-ant-key"]);
});

Deno.test("embeddings_and_drafts_may_come_from_different_servers", () => {
  const of = (settings: Record<string, string>) => {
    const { embedding, draft } = testEnv({ OPENAI_API_KEY: "", ...settings });
    return [embedding, draft].map(({ provider, apiKey }) => [provider, apiKey]);
  };
  const ollama = { EMBEDDING_BASE_URL: "http://localhost:11434/v1" };
  deepEqual(of({ ...ollama, ANTHROPIC_API_KEY: "sk-ant-key" }), [
    ["localhost", undefined],
    ["anthropic", "sk-ant-key"],
  ]);
  deepEqual(of({ ...ollama, OPENAI_API_KEY: "sk-key" }), [
    ["localhost", undefined],
    ["openai", "sk-key"],
  ]);
  deepEqual(of({ OPENAI_BASE_URL: "http://vllm.example:8000/v1" }), [
    ["vllm.example", undefined],
    ["vllm.example", undefined],
  ]);
  deepEqual(
    of({ OPENAI_API_KEY: "sk-key", DRAFT_BASE_URL: "https://x.example/v1", DRAFT_API_KEY: "d" }),
    [["openai", "sk-key"], ["x.example", "d"]],
  );
  deepEqual(
    of({
      EMBEDDING_PROVIDER: "supabase",
      OPENAI_BASE_URL: "https://api.openai.com/v1",
      OPENAI_API_KEY: "k",
    }),
    [
      ["supabase", undefined],
      ["openai", "k"],
    ],
  );
  const { embedding } = testEnv({ EMBEDDING_PROVIDER: "supabase" });
  deepEqual([embedding.model, embedding.dimensions], ["gte-small", 384]);
});

Deno.test("a_key_is_demanded_where_nobody_answers_without_one", () => {
  const { SUPABASE_URL, SUPABASE_SECRET_KEYS } = testSettings;
  const of = (settings: Record<string, string>) =>
    problemsOf({ SUPABASE_URL, SUPABASE_SECRET_KEYS, ...settings }, ["embeddings", "draft"]);
  deepEqual(of({}), [
    "OPENAI_API_KEY is missing (the key of api.openai.com; a server that wants none is named by OPENAI_BASE_URL)",
  ]);
  deepEqual(
    of({ EMBEDDING_BASE_URL: "https://r.openai.azure.com/openai/v1/", OPENAI_API_KEY: "k" }),
    [
      "EMBEDDING_API_KEY is missing (the key of r.openai.azure.com; " +
      "a server that wants none is named by EMBEDDING_BASE_URL)",
    ],
  );
  deepEqual(of({ OPENAI_BASE_URL: "localhost:11434" }), [
    "OPENAI_BASE_URL must be a URL such as https://host/v1",
  ]);
  deepEqual(of({ EMBEDDING_PROVIDER: "word2vec", OPENAI_API_KEY: "k" }), [
    'EMBEDDING_PROVIDER must be openai or supabase, not "word2vec"',
  ]);
});

Deno.test("the_service_key_is_a_named_secret_key_before_the_legacy_one", () => {
  const env = testEnv({ SUPABASE_SERVICE_ROLE_KEY: "legacy-key" });
  equal(env.serviceKey, "sb_secret_default");
  deepEqual(env.secretKeys, ["sb_secret_default", "sb_secret_automations", "legacy-key"]);
});

Deno.test("log_lines_are_json_with_the_bound_fields_and_without_secrets", () => {
  const lines: string[] = [];
  const { info } = console;
  Deno.env.set("SCRAPER_API_KEY", "very secret&key");
  console.info = (line: string) => lines.push(line);
  try {
    createLog({ stage: "wait_crawl" }).with({ job_id: "j1" }).info("asked", {
      url: "https://api/?api_key=very%20secret%26key",
    });
    equal(errorText(new Error("refused: very secret&key")), "refused: ***");
  } finally {
    console.info = info;
    Deno.env.delete("SCRAPER_API_KEY");
  }
  const { at, ...line } = JSON.parse(lines[0]);
  equal(new Date(at).toISOString(), at);
  deepEqual(line, {
    level: "info",
    event: "asked",
    stage: "wait_crawl",
    job_id: "j1",
    url: "https://api/?api_key=***",
  });
});
