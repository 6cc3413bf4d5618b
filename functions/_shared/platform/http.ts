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

/** Why a body was not read. */
export class TooLarge extends Error {
  override name = "TooLarge";
}

/** Most bytes of a body, and brackets that may stand in one another: no request of ours has more than five. */
const jsonLimits = { bytes: 8_000_000, depth: 32 };

/**
 * The request's body as JSON, or `fallback` when there is none that can be read.
 *
 * @throws TooLarge as soon as more bytes have come than `maxBytes`, or brackets stand too deep
 */
export async function readJson<T>(
  request: Request,
  fallback: T,
  maxBytes = jsonLimits.bytes,
): Promise<T> {
  const bytes = await readBytes(request, maxBytes);
  if (nesting(bytes) > jsonLimits.depth) {
    throw new TooLarge(`the body has more than ${jsonLimits.depth} brackets in one another`);
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch {
    return fallback;
  }
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    // Leaving the loop cancels what is still to come.
    if (length > maxBytes) throw new TooLarge(`the body is larger than ${maxBytes / 1e6} MB`);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** How deep brackets stand in one another, strings left out. */
function nesting(bytes: Uint8Array): number {
  let depth = 0, deepest = 0, isText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (isText) {
      if (byte === 0x5c) i++; // a backslash and what it takes
      else if (byte === 0x22) isText = false;
    } else if (byte === 0x22) isText = true;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
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
      if (error instanceof TooLarge) return json(413, { error: "too_large", message });
      const isEnvError = error instanceof EnvError;
      createLog().error(isEnvError ? "misconfigured" : "request_failed", { message });
      if (!isEnvError) return json(500, { error: "internal_error" });
      // What is missing concerns the operator, not a stranger.
      const isOperator = await hasSecretKey(request);
      return json(500, { error: "misconfigured", ...(isOperator ? { message } : {}) });
    }
  };
}
