// How the app reaches a project: through the loopback server of ./pageperfect dashboard, which keeps the secret key, or
// straight to Supabase as the user who is signed in. Both speak the same functions.

import { computed, signal } from "@preact/signals";
import type { Standin } from "../../cli/report/report.ts";
import type { Answer, Args, FunctionName } from "../../functions/_shared/platform/database.ts";

export interface Config {
  /** local: behind ./pageperfect dashboard · hosted: a static page beside a Supabase project. */
  mode: "local" | "hosted";
  /** Base of `/rest/v1` and `/functions/v1`. */
  api: string;
  publishableKey?: string;
  /** What the person looks at, such as the project's host. */
  name: string;
  /** Whether it is a local stack, which needs no schedules in the database. */
  hasOwnClock?: boolean;
  /** Path of the sample page that a local stack serves. */
  samplePath?: string;
  /** What a local stack has no model for. */
  standins?: Standin[];
}

export interface Identity {
  user_id: string | null;
  email: string | null;
  /** null: a user who sees only their own jobs. */
  role: "operator" | "reader" | null;
}

export const config = signal<Config | undefined>(undefined);
export const identity = signal<Identity | undefined>(undefined);
export const isOperator = computed(() => identity.value?.role === "operator");

/** Whether a page is the sample that comes along, which the local stack serves under a port of its own. */
export function isSample(url: string | null | undefined): boolean {
  const { samplePath } = config.value ?? {};
  return samplePath !== undefined && (url ?? "").endsWith(samplePath);
}

/** Whether the last request came through; the banner says when not. */
export const connection = signal<"ok" | "lost">("ok");

/** Gives the signed-in user's token, refreshed when needed; set by auth.ts in hosted mode. */
let accessToken: () => Promise<string | undefined> = () => Promise.resolve(undefined);
export function useTokens(source: typeof accessToken) {
  accessToken = source;
}

/** An answer that is no success, in words for the reader. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint?: string,
    readonly fields: { field: string; message: string }[] = [],
  ) {
    super(message);
  }
}

async function call(path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
  const { api, publishableKey } = config.value!;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (publishableKey) {
    headers.apikey = publishableKey;
    const token = await accessToken();
    if (token) headers.authorization = `Bearer ${token}`;
  }
  let response: Response;
  try {
    response = await fetch(`${api}${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    connection.value = "lost";
    throw new ApiError(
      0,
      "offline",
      "The server cannot be reached.",
      "It is tried again by itself.",
    );
  }
  const text = await response.text();
  // A gateway without its upstream is a lost connection as well.
  const isGone = response.status === 502 || response.status === 504;
  connection.value = isGone ? "lost" : "ok";
  let answer: Record<string, unknown> | undefined;
  try {
    answer = text === "" ? undefined : JSON.parse(text);
  } catch {
    answer = undefined;
  }
  if (response.ok) return answer;
  const errors = (answer?.errors ?? []) as { field: string; message: string }[];
  throw new ApiError(
    response.status,
    String(answer?.code ?? answer?.error ?? response.status),
    String(
      errors[0]?.message ?? answer?.message ??
        (isGone ? "The database cannot be reached." : `HTTP ${response.status}`),
    ),
    answer?.hint ? String(answer.hint) : undefined,
    errors,
  );
}

/** Calls a function of the database, by its generated types. */
export function rpc<Name extends FunctionName, T>(
  name: Name,
  ...[args, signal]: Record<string, never> extends Args<Name>
    ? [args?: Args<Name>, signal?: AbortSignal]
    : [args: Args<Name>, signal?: AbortSignal]
): Promise<Answer<Name, T>> {
  return call(`/rest/v1/rpc/${name}`, args ?? {}, signal) as Promise<Answer<Name, T>>;
}

/** Starts an analysis; intake answers with the job's id, or with every field that is wrong. */
export function startJob(
  request: object,
): Promise<{ job_id: string; page_id: string; created: boolean }> {
  return call("/functions/v1/pageperfect-workflow", request) as ReturnType<typeof startJob>;
}

/** Calls one of the project's Edge Functions. */
export function callFunction<T>(name: string, request: object, signal?: AbortSignal): Promise<T> {
  return call(`/functions/v1/${name}`, request, signal) as Promise<T>;
}
