// Stand-ins for what functions get from outside, for tests that need no stack.

import type * as v from "npm:valibot@1.5.0";
import { expect } from "../../functions/_shared/engine/expect.ts";
import type { Rpc } from "../../functions/_shared/client.ts";
import { type Env, readEnv } from "../../functions/_shared/platform/env.ts";
import type { StageJob } from "../../functions/_shared/engine/lease.ts";
import type { Log } from "../../functions/_shared/platform/log.ts";

export const testSettings: Record<string, string> = {
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_default","automations":"sb_secret_automations"}',
  OPENAI_API_KEY: "sk-test-key",
  OPENAI_EMBEDDING_DIMENSIONS: "4",
};

/** A complete environment; `settings` go over it, an empty value takes one away. */
export function testEnv(settings: Record<string, string> = {}): Env {
  return readEnv(["embeddings", "draft"], (name) => ({ ...testSettings, ...settings })[name]);
}

/** A job as a stage gets it. */
export const testJob: StageJob = {
  msg_id: 7,
  read_ct: 1,
  job_id: "00000000-0000-4000-8000-000000000001",
  stage: "segment_embed",
  payload: {},
  priority: 0,
  attempt_count: 1,
  max_attempts: 5,
  retry_delay_seconds: 10,
  max_retry_delay_seconds: 900,
  traceparent: null,
};

export interface RpcCall {
  name: string;
  args: Record<string, unknown>;
}

/** An rpc that answers from `answers`, which must be what the caller expects, and keeps its calls. */
export function fakeRpc(
  answers: Record<string, (args: Record<string, unknown>) => unknown>,
): { rpc: Rpc; calls: RpcCall[]; of(name: string): Record<string, unknown>[] } {
  const calls: RpcCall[] = [];
  const rpc: Rpc = async (
    name: string,
    args: Record<string, unknown> = {},
    answer?: v.GenericSchema,
    // deno-lint-ignore no-explicit-any
  ): Promise<any> => {
    calls.push({ name, args });
    if (!(name in answers)) throw new Error(`unexpected rpc ${name}`);
    const data = await answers[name](args);
    return answer === undefined ? data : expect(answer, data, name);
  };
  return {
    rpc,
    calls,
    of: (name) => calls.filter((call) => call.name === name).map((call) => call.args),
  };
}

export interface LogLine {
  level: string;
  event: string;
  [field: string]: unknown;
}

/** A log that keeps its lines. */
export function fakeLog(lines: LogLine[] = [], fields: Record<string, unknown> = {}): Log & {
  lines: LogLine[];
} {
  const write = (level: string) => (event: string, more: Record<string, unknown> = {}) =>
    void lines.push({ level, event, ...fields, ...more });
  return {
    lines,
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    with: (more) => fakeLog(lines, { ...fields, ...more }),
  };
}

/** base64 of f32s, as the embedding API sends them. */
export function packed(...numbers: number[]): string {
  return btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(numbers).buffer)));
}

/** Waits until `condition` holds; throws after `withinMs`, which is only there for what hangs. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 120_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The Deno that runs the functions of a test's stack; FUNCTIONS_DENO=2.1 takes the one hosted Supabase is like. */
export const deno = Deno.env.get("FUNCTIONS_DENO") === "2.1" ? "2.1" : "newest";
