// What every function's HTTP side has in common: CORS, methods, the secret check, JSON answers.
import { EnvError, readSecretKeys } from "./env.ts";
import { createLog, errorText } from "./log.ts";

export const corsHeaders: Record<string, string> = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, apikey, content-type, x-client-info, traceparent",
  "access-control-allow-methods": "GET, POST, OPTIONS",
};

export type Handler = (request: Request) => Response | Promise<Response>;

export function json(status: number, body: unknown): Response {
  return Response.json(body, { status, headers: corsHeaders });
}

/** 204: nothing to do. It has no body. */
export function noContent(): Response {
  return new Response(null, { status: 204, headers: corsHeaders });
}

/** The bearer token of a request, or undefined. */
export function bearerToken(request: Request): string | undefined {
  return /^Bearer\s+(\S+)\s*$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i] ^ right[i];
  return difference === 0;
}

/**
 * Whether the request carries a secret key, as `apikey` or as bearer token. Compares digests of equal length and
 * every key, so that the time taken tells nothing. Closed when there is no key to compare with.
 */
export async function hasSecretKey(
  request: Request,
  secretKeys: string[] = readSecretKeys(),
): Promise<boolean> {
  const offered = [request.headers.get("apikey"), bearerToken(request)]
    .filter((key): key is string => Boolean(key));
  const expected = await Promise.all(secretKeys.map(digest));
  let found = false;
  for (const key of await Promise.all(offered.map(digest))) {
    for (const secret of expected) found = isSame(key, secret) || found;
  }
  return found;
}

/** The request's body as JSON, or `fallback` when there is none that can be read. */
export async function readJson<T>(request: Request, fallback: T): Promise<T> {
  try {
    return await request.json() as T;
  } catch {
    return fallback;
  }
}

/**
 * Wraps a handler with what comes before it: OPTIONS → CORS, another method → 405, no secret key → 401 (unless the
 * function checks its callers itself), and what comes after it when it throws: 500 with a word for the cause.
 */
export function guard(
  handler: Handler,
  options: { methods?: string[]; checksCallersItself?: boolean } = {},
): Handler {
  const methods = options.methods ?? ["POST"];
  return async (request) => {
    if (request.method === "OPTIONS") return noContent();
    if (!methods.includes(request.method)) {
      const answer = json(405, { error: "method_not_allowed" });
      answer.headers.set("allow", [...methods, "OPTIONS"].join(", "));
      return answer;
    }
    if (!options.checksCallersItself && !(await hasSecretKey(request))) {
      return json(401, { error: "unauthorized" });
    }
    try {
      return await handler(request);
    } catch (error) {
      const message = errorText(error);
      const isEnvError = error instanceof EnvError;
      createLog().error(isEnvError ? "misconfigured" : "request_failed", { message });
      if (!isEnvError) return json(500, { error: "internal_error" });
      // What is missing concerns the operator, not a stranger.
      const isOperator = await hasSecretKey(request);
      return json(500, { error: "misconfigured", ...(isOperator ? { message } : {}) });
    }
  };
}
