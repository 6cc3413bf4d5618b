import { deepEqual, equal, match } from "node:assert/strict";
import { EnvError } from "../../functions/_shared/platform/env.ts";
import { guard, hasSecretKey, json, noContent } from "../../functions/_shared/platform/http.ts";

const keys = ["sb_secret_default", "sb_secret_automations"];

function request(method = "POST", headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/worker", { method, headers });
}

Deno.test("any_secret_key_opens_as_apikey_or_bearer", async () => {
  for (const key of keys) {
    equal(await hasSecretKey(request("POST", { apikey: key }), keys), true);
    equal(await hasSecretKey(request("POST", { authorization: `Bearer ${key}` }), keys), true);
    // A gateway may put a publishable key beside it.
    const both = { apikey: "sb_publishable_x", authorization: `bearer ${key}` };
    equal(await hasSecretKey(request("POST", both), keys), true);
  }
});

Deno.test("wrong_missing_and_empty_keys_do_not_open", async () => {
  for (
    const key of ["", "sb_secret_defaul", "sb_secret_default2", "sb_publishable_x", "undefined"]
  ) {
    equal(await hasSecretKey(request("POST", { apikey: key }), keys), false, key);
    equal(
      await hasSecretKey(request("POST", { authorization: `Bearer ${key}` }), keys),
      false,
      key,
    );
  }
  equal(await hasSecretKey(request(), keys), false);
  equal(await hasSecretKey(request("POST", { authorization: `Basic ${keys[0]}` }), keys), false);
});

Deno.test("without_any_key_set_everything_stays_closed", async () => {
  equal(await hasSecretKey(request("POST", { apikey: "" }), []), false);
  equal(await hasSecretKey(request("POST", { apikey: "anything" }), []), false);
});

Deno.test("guard_answers_options_wrong_methods_and_strangers_itself", async () => {
  const handler = guard(() => json(200, {}));
  const preflight = await handler(request("OPTIONS"));
  equal(preflight.status, 204);
  equal(preflight.headers.get("access-control-allow-origin"), "*");
  match(preflight.headers.get("access-control-allow-headers")!, /apikey/);
  const get = await handler(request("GET"));
  equal(get.status, 405);
  equal(get.headers.get("allow"), "POST, OPTIONS");
  const stranger = await handler(request());
  equal(stranger.status, 401);
  deepEqual(await stranger.json(), { error: "unauthorized" });
});

Deno.test("guard_turns_a_throw_into_a_word_and_keeps_the_details_to_the_log", async () => {
  const { error } = console;
  console.error = () => {};
  try {
    const open = { checksCallersItself: true };
    const broken = await guard(() => Promise.reject(new Error("password is hunter2")), open)(
      request(),
    );
    equal(broken.status, 500);
    deepEqual(await broken.json(), { error: "internal_error" });
    const unset = await guard(() => Promise.reject(new EnvError(["A is missing"])), open)(
      request(),
    );
    equal(unset.status, 500);
    deepEqual(await unset.json(), { error: "misconfigured" }, "a stranger is not told what");
  } finally {
    console.error = error;
  }
});

Deno.test("no_content_has_no_body", () => {
  equal(noContent().status, 204);
  equal(noContent().body, null);
});
