// One address in front of everything, as a Supabase project has: /rest/v1, /auth/v1, /functions/v1.

import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { FunctionHost } from "./functions.ts";
import { type Caller, type RestApi, RestError } from "./rest.ts";

export interface Keys {
  jwtSecret: string;
  anonKey: string;
  serviceRoleKey: string;
  publishableKey: string;
  secretKey: string;
}

/** Signs an HS256 JWT with `claims`, as Supabase Auth does for a user. */
export function signJwt(claims: Record<string, unknown>, secret: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** The claims of a valid token; throws an error that says why it is not. */
export function verifyJwt(token: string, secret: string): Record<string, unknown> {
  const parts = token.split(".");
  if (parts.length !== 3) throw new Error(`expected 3 parts in JWT; got ${parts.length}`);
  const [header, claims] = parts.slice(0, 2).map((part) => {
    try {
      return JSON.parse(Buffer.from(part, "base64url").toString());
    } catch {
      throw new Error("JWT is not well formed");
    }
  });
  const expected = createHmac("sha256", secret).update(`${parts[0]}.${parts[1]}`).digest();
  const signature = Buffer.from(parts[2], "base64url");
  if (
    header?.alg !== "HS256" || signature.length !== expected.length ||
    !timingSafeEqual(signature, expected)
  ) throw new Error("JWT signature is invalid");
  if (typeof claims.exp === "number" && claims.exp < Date.now() / 1000) {
    throw new Error("JWT expired");
  }
  return claims;
}

/** Fresh keys of a new stack. The two JWTs are what `supabase start` calls legacy keys. */
export function createKeys(): Keys {
  const random = (length: number) => randomBytes(length).toString("hex");
  const jwtSecret = random(32);
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: "supabase", iat, exp: iat + 10 * 365 * 24 * 3600 };
  return {
    jwtSecret,
    anonKey: signJwt({ ...claims, role: "anon" }, jwtSecret),
    serviceRoleKey: signJwt({ ...claims, role: "service_role" }, jwtSecret),
    publishableKey: `sb_publishable_${random(24)}`,
    secretKey: `sb_secret_${random(24)}`,
  };
}

const bearer = (request: Request) =>
  /^Bearer\s+(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];

/** Who calls, by API key and token; throws a RestError when neither is good. */
function authenticate(request: Request, keys: Keys): Caller {
  const apiKey = request.headers.get("apikey");
  const token = bearer(request) ?? apiKey;
  if (!token) {
    throw new RestError(
      401,
      "PGRST301",
      "No API key found in request",
      null,
      "Send it as `apikey`",
    );
  }
  for (const candidate of [token, apiKey]) {
    if (candidate === keys.secretKey) {
      return { role: "service_role", claims: { role: "service_role" } };
    }
    if (candidate === keys.publishableKey && token === apiKey) {
      return { role: "anon", claims: { role: "anon" } };
    }
  }
  let claims: Record<string, unknown>;
  try {
    claims = verifyJwt(token, keys.jwtSecret);
  } catch (error) {
    const message = (error as Error).message;
    throw new RestError(401, message === "JWT expired" ? "PGRST303" : "PGRST301", message);
  }
  const role = String(claims.role ?? "anon");
  if (!["anon", "authenticated", "service_role"].includes(role)) {
    throw new RestError(403, "42501", `permission denied to set role "${role}"`);
  }
  return { role, claims };
}

/** Browsers may call the REST and auth endpoints from anywhere; functions answer for themselves. */
const cors = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS",
  "access-control-allow-headers":
    "authorization, apikey, content-type, x-client-info, prefer, range, accept-profile, content-profile",
  "access-control-expose-headers": "content-range",
};

function withCors(response: Response): Response {
  for (const [name, value] of Object.entries(cors)) response.headers.set(name, value);
  return response;
}

/** The gateway's request handler. */
export function createGateway(options: {
  keys: Keys;
  rest: RestApi;
  functions: FunctionHost;
}): (request: Request) => Promise<Response> {
  const { keys, rest, functions } = options;

  async function callFunction(path: string, request: Request): Promise<Response> {
    const name = path.split("/")[0];
    const settings = await functions.settings(name);
    if (!settings) {
      return Response.json({ code: "NOT_FOUND", message: `Function ${name} was not found` }, {
        status: 404,
      });
    }
    if (settings.verifyJwt && request.method !== "OPTIONS") {
      const refuse = (message: string) => Response.json({ code: 401, message }, { status: 401 });
      if (!request.headers.has("authorization") && !request.headers.has("apikey")) {
        return refuse("Missing authorization header");
      }
      try {
        authenticate(request, keys);
      } catch {
        return refuse("Invalid JWT");
      }
    }
    return await functions.fetch(name, settings.entrypoint, path, request);
  }

  function user(request: Request): Response {
    const refuse = (status: number, code: string, msg: string) =>
      Response.json({ code: status, error_code: code, msg }, { status });
    const token = bearer(request);
    if (!token) {
      return refuse(401, "no_authorization", "This endpoint requires a valid Bearer token");
    }
    try {
      const claims = verifyJwt(token, keys.jwtSecret);
      if (!claims.sub) return refuse(403, "bad_jwt", "invalid claim: missing sub claim");
      const { sub: id, role, email, aud = "authenticated" } = claims;
      return Response.json({
        id,
        aud,
        role,
        email,
        app_metadata: claims.app_metadata ?? {},
        user_metadata: claims.user_metadata ?? {},
        created_at: new Date(Number(claims.iat ?? 0) * 1000).toISOString(),
      });
    } catch (error) {
      return refuse(403, "bad_jwt", `invalid JWT: ${(error as Error).message}`);
    }
  }

  return async (request) => {
    const { pathname } = new URL(request.url);
    const [, service, path] = /^\/(rest|auth|functions)\/v1\/?(.*)$/.exec(pathname) ?? [];
    try {
      if (service === "functions" && path) return await callFunction(path, request);
      if (service && request.method === "OPTIONS") {
        return withCors(new Response(null, { status: 204 }));
      }
      if (service === "rest" && path) {
        return withCors(
          await rest.handle(decodeURIComponent(path), request, authenticate(request, keys)),
        );
      }
      if (service === "auth" && path === "user") return withCors(user(request));
      if (pathname === "/health") return Response.json({ status: "ok" });
    } catch (error) {
      if (error instanceof RestError) return withCors(error.toResponse());
      console.error(`gateway: ${request.method} ${pathname}:`, error);
      return withCors(
        new RestError(500, "PGRSTX00", error instanceof Error ? error.message : String(error))
          .toResponse(),
      );
    }
    return withCors(Response.json({ message: `no route for ${pathname}` }, { status: 404 }));
  };
}
