// The service-role client, and calls through it.
import { createClient, type SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import type * as v from "npm:valibot@1.5.0";
import { expect } from "./engine/expect.ts";
import { Failure } from "./engine/failure.ts";
import type { Args, FunctionName, Returns } from "./platform/database.ts";
import { readEnv } from "./platform/env.ts";

let client: SupabaseClient | undefined;

/**
 * The project's client with the secret key: passes by row level security, so never hand it a user's input as a
 * table or function name. Made at first use, so that importing this module needs no environment.
 */
export const supabaseAdmin: SupabaseClient = new Proxy({} as SupabaseClient, {
  get(_target, name) {
    if (client === undefined) {
      const env = readEnv();
      client = createClient(env.supabaseUrl, env.serviceKey, {
        auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
      });
    }
    const value = Reflect.get(client, name);
    return typeof value === "function" ? value.bind(client) : value;
  },
});

/**
 * Calls a database function by its generated types. What a jsonb holds SQL does not declare: `answer` says what is expected,
 * and what comes is checked against it.
 *
 * @throws Failure with the SQLSTATE as code, code `database_unreachable`, or `answer_unexpected`
 */
export interface Rpc {
  <Name extends FunctionName>(name: Name, args?: Args<Name>): Promise<Returns<Name>>;
  <Name extends FunctionName, Answer extends v.GenericSchema>(
    name: Name,
    args: Args<Name>,
    answer: Answer,
  ): Promise<v.InferOutput<Answer>>;
}

/** Lost races (serialization, deadlock): the transaction did nothing, and the next one comes through. */
const lostRaces = ["40001", "40P01"];
const raceTries = 6;

/** Calls a database function, again when it lost a race. */
export const rpc: Rpc = async (
  name: FunctionName,
  args: object = {},
  answer?: v.GenericSchema,
) => {
  for (let tries = 1;; tries++) {
    const { data, error, status } = await supabaseAdmin.rpc(name, args);
    if (!error) return answer === undefined ? data : expect(answer, data, name);
    if (lostRaces.includes(error.code) && tries < raceTries) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * 2 ** tries));
      continue;
    }
    // What a function refuses by 22023 is written for people.
    throw new Failure(error.code === "22023" ? error.message : `${name}: ${error.message}`, {
      code: error.code || "database_unreachable",
      httpStatus: status || undefined,
    });
  }
};

/** Writes an event of a job; `stage` may be left out for one about the whole job. */
export async function insertEventForPipeline(
  pipeline: string,
  jobId: string,
  status: string,
  message: string,
  metadata: Record<string, unknown> = {},
  stage?: string,
): Promise<void> {
  await rpc("insert_event", {
    p_pipeline: pipeline,
    p_job_id: jobId,
    p_stage: stage ?? null,
    p_status: status,
    p_message: message,
    p_metadata: metadata,
  });
}
