// The gateway as supabase-js and curl see it: PostgREST's behaviour, auth, functions.

import assert from "node:assert/strict";
import { createClient } from "npm:@supabase/supabase-js@2.119.1";
import { root } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";

const projectDir = `${root}/tests/stack/project`;

/** One stack for the whole file; a test takes its own rows. */
const stack = await startStack({ projectDir, ticker: false });
const service = createClient(stack.apiUrl, stack.serviceRoleKey);
const anon = createClient(stack.apiUrl, stack.anonKey);
const things = () => service.from("things");

function test(name: string, body: () => Promise<void>) {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn: body });
}

Deno.test.afterAll(() => stack.stop());

test("rpc_returns_scalars_json_rows_sets_and_void_as_postgrest_does", async () => {
  assert.equal((await service.rpc("add", { p_a: 1 })).data, 3);
  assert.equal((await service.rpc("add", { p_a: 1, p_b: 40 })).data, 41);
  assert.equal((await service.rpc("add", { p_a: null })).data, null);
  const nested = { a: [1, "x", null, { deep: true }], n: null };
  assert.deepEqual((await service.rpc("echo", { p: nested })).data, nested);
  assert.equal((await service.rpc("echo", { p: "text" })).data, "text");
  assert.deepEqual((await service.rpc("scalars", { p_count: 3 })).data, [1, 2, 3]);
  assert.deepEqual((await service.rpc("numbers", { p_count: 1 })).data, [{ i: 1, name: "n1" }]);
  const nothing = await service.rpc("nothing");
  assert.equal(nothing.status, 204);
  assert.equal(nothing.data, null);
});

test("rpc_takes_arrays_and_vectors", async () => {
  const texts = ["a", 'b"c', "d,e", "{f}", ""];
  const { data } = await service.rpc("texts", { p_texts: texts, p_vector: "[1,2,3]" });
  assert.deepEqual(data, { texts, dimensions: 3 });
});

test("rows_of_a_function_can_be_filtered_and_ordered", async () => {
  const { data } = await service.rpc("numbers", { p_count: 5 }).select("i").gt("i", 2)
    .order("i", { ascending: false }).limit(2);
  assert.deepEqual(data, [{ i: 5 }, { i: 4 }]);
});

test("a_function_can_be_called_by_get", async () => {
  assert.equal((await service.rpc("add", { p_a: 5 }, { get: true })).data, 7);
});

test("raise_exception_is_400_with_code_message_details_and_hint", async () => {
  const { status, error } = await service.rpc("fail", { p: "what went wrong" });
  assert.equal(status, 400);
  assert.deepEqual(
    { ...error },
    { code: "P0001", message: "what went wrong", details: "a detail", hint: "a hint" },
  );
});

test("sqlstates_map_to_postgrests_statuses", async () => {
  const statuses = {
    "22023": 400,
    "23505": 409,
    "40001": 500,
    "42501": 403,
    "53300": 503,
    PT418: 418,
  };
  for (const [p_code, expected] of Object.entries(statuses)) {
    const { status, error } = await service.rpc("fail_with", { p_code });
    assert.equal(status, expected, p_code);
    assert.equal(error?.code, p_code);
  }
});

test("an_unknown_function_or_argument_is_404_with_a_hint", async () => {
  const unknown = await service.rpc("no_such_function");
  assert.equal(unknown.status, 404);
  assert.equal(unknown.error?.code, "PGRST202");
  const wrong = await service.rpc("add", { x: 1 });
  assert.equal(wrong.error?.code, "PGRST202");
  assert.match(wrong.error?.hint ?? "", /public\.add\(p_a, p_b\)/);
});

test("execute_needs_a_grant", async () => {
  const { status, error } = await anon.rpc("echo", { p: 1 });
  assert.equal(status, 401);
  assert.equal(error?.code, "42501");
  const user = createClient(stack.apiUrl, stack.anonKey, {
    global: { headers: { Authorization: `Bearer ${stack.userToken(crypto.randomUUID())}` } },
  });
  assert.equal((await user.rpc("echo", { p: 1 })).status, 403);
});

test("role_and_claims_come_from_key_or_token", async () => {
  const whoami = async (key: string, token?: string) => {
    const headers = token ? { Authorization: `Bearer ${token}` } : undefined;
    const client = createClient(stack.apiUrl, key, { global: { headers } });
    const { data, status } = await client.rpc("whoami");
    return data ?? status;
  };
  const id = crypto.randomUUID();
  const nobody = { user: "anon", role: "anon", id: null };
  const server = { user: "service_role", role: "service_role", id: null };
  assert.deepEqual(await whoami(stack.anonKey), nobody);
  assert.deepEqual(await whoami(stack.publishableKey), nobody);
  assert.deepEqual(await whoami(stack.serviceRoleKey), server);
  assert.deepEqual(await whoami(stack.secretKey), server);
  assert.deepEqual(
    await whoami(stack.anonKey, stack.userToken(id)),
    { user: "authenticated", role: "authenticated", id },
  );
  assert.equal(await whoami(stack.anonKey, stack.userToken(id, { exp: 1 })), 401);
  assert.equal(await whoami(stack.anonKey, `${stack.userToken(id)}x`), 401);
  assert.equal(await whoami(stack.anonKey, stack.userToken(id, { role: "postgres" })), 403);
  assert.equal(await whoami("sb_secret_wrong"), 401);
});

test("a_request_without_any_key_is_401", async () => {
  const response = await fetch(`${stack.apiUrl}/rest/v1/things`);
  assert.equal(response.status, 401);
  await response.body?.cancel();
});

test("row_level_security_holds_for_users_and_not_for_the_service", async () => {
  const stage = crypto.randomUUID();
  await things().insert([{ stage, ready: true }, { stage, ready: false }]);
  const user = createClient(stack.apiUrl, stack.anonKey, {
    global: { headers: { Authorization: `Bearer ${stack.userToken(crypto.randomUUID())}` } },
  });
  assert.equal((await user.from("things").select().eq("stage", stage)).data?.length, 1);
  assert.equal((await things().select().eq("stage", stage)).data?.length, 2);
  assert.equal((await anon.from("things").select()).status, 401);
});

test("insert_returns_rows_only_when_asked", async () => {
  const stage = crypto.randomUUID();
  const silent = await things().insert({ stage });
  assert.equal(silent.status, 201);
  assert.equal(silent.data, null);
  const { data } = await things().insert({
    stage,
    data: { x: 1 },
    tags: ["a", "b c"],
    ready: false,
  })
    .select("stage, data, tags, ready, pipeline").single();
  assert.deepEqual(data, {
    stage,
    data: { x: 1 },
    tags: ["a", "b c"],
    ready: false,
    pipeline: "first",
  });
});

test("upsert_merges_on_the_primary_key_with_its_defaulted_column", async () => {
  const id = crypto.randomUUID();
  await things().upsert({ id, stage: "a", data: 1 });
  await things().upsert({ id, stage: "a", data: 2 });
  const { data } = await things().select("data").eq("id", id);
  assert.deepEqual(data, [{ data: 2 }]);
});

test("upsert_takes_a_unique_index_by_on_conflict", async () => {
  const id = crypto.randomUUID();
  const onConflict = "id,stage";
  await things().upsert({ id, stage: "a", data: 1 }, { onConflict });
  const { data } = await things().upsert([{ id, stage: "a", data: 2 }], { onConflict }).select(
    "data",
  );
  assert.deepEqual(data, [{ data: 2 }]);
  await things().upsert({ id, stage: "a", data: 3 }, { onConflict, ignoreDuplicates: true });
  assert.equal((await things().select("data").eq("id", id).single()).data?.data, 2);
});

test("a_duplicate_insert_is_409", async () => {
  const id = crypto.randomUUID();
  await things().insert({ id });
  const { status, error } = await things().insert({ id });
  assert.equal(status, 409);
  assert.equal(error?.code, "23505");
});

test("update_and_delete_touch_only_what_the_filters_match", async () => {
  const stage = crypto.randomUUID();
  await things().insert([{ stage, data: 1 }, { stage, data: 2 }]);
  const updated = await things().update({ data: null, ready: true }).eq("stage", stage).eq(
    "data",
    1,
  )
    .select("data, ready");
  assert.deepEqual(updated.data, [{ data: null, ready: true }]);
  assert.equal((await things().delete().eq("stage", stage).eq("data", 2)).status, 204);
  assert.equal((await things().select("id").eq("stage", stage)).data?.length, 1);
});

test("filters_in_or_not_is_contains_and_json_paths", async () => {
  const stage = crypto.randomUUID();
  const rows = ["plain", "with,comma", 'with"quote', "per%cent"].map((name, n) => ({
    stage,
    data: { name, n },
    tags: [name],
    ready: n % 2 === 0,
  }));
  await things().insert(rows);
  // deno-lint-ignore no-explicit-any
  const names = async (query: any) => {
    const { data, error } = await query;
    assert.equal(error, null);
    return data.map((row: { name: string }) => row.name);
  };
  const all = () => things().select("name:data->>name").eq("stage", stage).order("number");
  assert.deepEqual(await names(all().in("data->>name", ["with,comma", 'with"quote'])), [
    "with,comma",
    'with"quote',
  ]);
  assert.deepEqual(await names(all().is("ready", true)), ["plain", 'with"quote']);
  assert.deepEqual(await names(all().not("ready", "is", true)), ["with,comma", "per%cent"]);
  assert.deepEqual(await names(all().contains("data", { n: 2 })), ['with"quote']);
  assert.deepEqual(await names(all().contains("tags", ["plain"])), ["plain"]);
  assert.deepEqual(await names(all().or("data->>n.eq.0,and(ready.is.false,data->>n.gt.2)")), [
    "plain",
    "per%cent",
  ]);
  assert.deepEqual(await names(all().ilike("data->>name", "WITH*")), ["with,comma", 'with"quote']);
  assert.deepEqual(await names(all().neq("data->>n", "0").range(1, 2)), ['with"quote', "per%cent"]);
});

test("single_and_maybeSingle_tell_no_row_from_many", async () => {
  const stage = crypto.randomUUID();
  const none = await things().select().eq("stage", stage).single();
  assert.equal(none.status, 406);
  assert.equal(none.error?.code, "PGRST116");
  assert.deepEqual((await things().select().eq("stage", stage).maybeSingle()).data, null);
  await things().insert([{ stage }, { stage }]);
  assert.equal((await things().select().eq("stage", stage).single()).error?.code, "PGRST116");
  assert.ok((await things().select().eq("stage", stage).maybeSingle()).error);
});

test("count_exact_counts_past_the_limit", async () => {
  const stage = crypto.randomUUID();
  await things().insert([{ stage }, { stage }, { stage }]);
  const page = await things().select("id", { count: "exact" }).eq("stage", stage).limit(1);
  assert.equal(page.data?.length, 1);
  assert.equal(page.count, 3);
  const head = await things().select("*", { count: "exact", head: true }).eq("stage", stage);
  assert.equal(head.count, 3);
});

test("text_from_outside_cannot_become_sql", async () => {
  const evil = `x'; drop table public.things; --"`;
  assert.deepEqual((await things().select().eq("stage", evil)).data, []);
  const { error } = await things().select(evil);
  assert.ok(error);
  assert.equal((await things().select().filter(`stage"; drop table x; --`, "eq", "1")).status, 400);
  assert.equal((await things().select("id").limit(1)).error, null);
});

test("ddl_is_seen_by_the_next_request", async () => {
  await stack.sql`create table public.late (n integer)`;
  await stack.sql`grant select on public.late to service_role`;
  let answer = await service.from("late").select();
  for (let i = 0; answer.error && i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    answer = await service.from("late").select();
  }
  assert.deepEqual(answer.data, []);
  assert.equal((await service.from("later").select()).error?.code, "PGRST205");
});

test("sessions_that_end_within_a_transaction_cost_their_requests_and_nothing_else", async () => {
  for (let round = 0; round < 3; round++) {
    const naps = Array.from({ length: 12 }, () => service.rpc("nap", { p_seconds: 600 }));
    const asleep = () =>
      stack.sql<{ pid: number }[]>`
      select pid from pg_stat_activity where wait_event = 'PgSleep' and usename = 'authenticator'`;
    const pending = Promise.all(naps);
    while ((await asleep()).length < naps.length) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await stack.sql`
      select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'`;
    for (const { status, error } of await pending) {
      assert.equal(status, 503);
      assert.match(error!.code, /^(57P01|PGRST000)$/);
    }
    const sums = await Promise.all(
      Array.from({ length: 40 }, (_, i) => service.rpc("add", { p_a: i, p_b: 1 })),
    );
    assert.deepEqual(sums.map(({ data }) => data), sums.map((_, i) => i + 1));
  }
});

test("a_stack_is_stopped_while_a_statement_runs", async () => {
  const other = await startStack({ projectDir, ticker: false });
  const nap = createClient(other.apiUrl, other.serviceRoleKey).rpc("nap", { p_seconds: 3600 });
  const answer = nap.then(({ status }) => status);
  for (;;) {
    const [{ asleep }] = await other.sql<{ asleep: boolean }[]>`
      select exists (select from pg_stat_activity where wait_event = 'PgSleep') as asleep`;
    if (asleep) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await other.stop();
  assert.equal(await answer, 503);
});

test("auth_user_verifies_the_token", async () => {
  const id = crypto.randomUUID();
  const token = stack.userToken(id, { email: "reader@example.com" });
  const { data } = await anon.auth.getUser(token);
  assert.equal(data.user?.id, id);
  assert.equal(data.user?.email, "reader@example.com");
  assert.ok((await anon.auth.getUser(`${token.slice(0, -2)}xx`)).error);
  assert.ok((await anon.auth.getUser(stack.userToken(id, { exp: 1 }))).error);
  assert.ok((await anon.auth.getUser(stack.anonKey)).error, "a key is no user");
});

const call = (path: string, init: RequestInit = {}) =>
  fetch(`${stack.apiUrl}/functions/v1/${path}`, init);

test("a_function_gets_path_query_body_and_its_environment", async () => {
  const answer = await (await call("hello/sub?a=1", { method: "POST", body: "the body" })).json();
  assert.equal(answer.path, "/hello/sub");
  assert.equal(answer.search, "?a=1");
  assert.equal(answer.body, "the body");
  assert.equal(answer.supabase_url, stack.apiUrl);
  for (const name of ["SUPABASE_SECRET_KEYS", "EMBEDDING_BASE_URL", "PAGEPERFECT_ALLOWED_HOSTS"]) {
    assert.ok(answer.env.includes(name), name);
  }
  assert.ok(!answer.env.includes("PAGEPERFECT_TOOLS"), "the stack's own settings stay outside");
});

test("cors_of_a_function_is_its_own", async () => {
  const response = await call("hello", { method: "OPTIONS" });
  assert.equal(response.status, 204);
  assert.equal(response.headers.get("access-control-allow-origin"), "https://own.example");
});

test("204_has_no_body_and_streams_arrive_in_parts", async () => {
  const empty = await call("hello?empty");
  assert.equal(empty.status, 204);
  assert.equal(empty.body, null);
  const response = await call("hello?stream");
  const parts: string[] = [];
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) parts.push(chunk);
  assert.deepEqual(parts, ["first ", "second"]);
});

test("verify_jwt_lets_in_tokens_and_keys_only", async () => {
  const status = async (headers: HeadersInit) => {
    const response = await call("members", { headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status({}), 401);
  assert.equal(await status({ authorization: "Bearer not.a.token" }), 401);
  assert.equal(await status({ authorization: `Bearer ${stack.userToken("u", { exp: 1 })}` }), 401);
  assert.equal(
    await status({ authorization: `Bearer ${stack.userToken(crypto.randomUUID())}` }),
    200,
  );
  assert.equal(await status({ apikey: stack.secretKey }), 200);
});

test("an_unknown_function_is_404_and_a_broken_one_503_with_its_error", async () => {
  for (const name of ["nothing-here", "..%2fhello", "_shared"]) {
    const response = await call(name);
    assert.equal(response.status, 404, name);
    await response.body?.cancel();
  }
  const broken = await call("broken");
  assert.equal(broken.status, 503);
  assert.match((await broken.json()).message, /it does not even start/);
});

test("a_killed_function_is_started_again_by_the_next_request", async () => {
  const pid = async () => (await (await call("hello")).json()).pid;
  const first = await pid();
  assert.equal(await pid(), first, "one process serves on");
  assert.ok(await stack.killFunction("hello"));
  const second = await pid();
  assert.notEqual(second, first);
  Deno.kill(second, "SIGKILL");
  assert.notEqual(await pid(), second, "also when nobody told the stack");
});

test("a_function_that_dies_while_it_serves_is_502", async () => {
  const response = await call("hello?exit", { method: "POST", body: "x" });
  assert.equal(response.status, 502);
  assert.equal((await response.json()).code, "WORKER_ERROR");
});

test("a_large_body_is_passed_on_as_it_comes", async () => {
  const body = "x".repeat(6_000_000);
  assert.equal(
    (await (await call("hello", { method: "POST", body })).json()).body.length,
    body.length,
  );
  assert.equal((await service.rpc("echo", { p: body })).data.length, body.length);
});

test("functions_run_on_deno_2_1_too", async () => {
  await using older = await startStack({ projectDir, ticker: false, deno: "2.1" });
  const answer = await (await fetch(`${older.apiUrl}/functions/v1/hello`)).json();
  assert.match(answer.deno, /^2\.1\./);
  assert.equal(answer.path, "/hello");
});
