// Google's Search Console API, as far as imports need it: a service account's access token and one query.
import { importPKCS8, SignJWT } from "npm:jose@6.2.18";
import type { Env, ServiceAccount } from "../platform/env.ts";
import { Failure } from "../engine/failure.ts";

/** Rows of one answer; Google gives no more. A shorter answer is a day's last. */
export const answerRows = 25_000;

const scope = "https://www.googleapis.com/auth/webmasters.readonly";
const timeoutMs = 60_000;

export interface SearchConsole {
  /**
   * The rows of one settled day from `startRow` on, by page, query and date: the API's JSON as it came.
   *
   * @throws Failure with Google's reason as code, such as `quotaExceeded`
   */
  query(property: string, date: string, startRow: number): Promise<Uint8Array>;
}

/** The API through a service account; the account must be a user of the property. */
export function createSearchConsole(
  { account, baseUrl }: Env["searchConsole"],
  fetcher: typeof fetch = fetch,
): SearchConsole {
  let token: { value: string; expiresAt: number } | undefined;

  const authorize = async () => {
    if (token === undefined || token.expiresAt < Date.now() + timeoutMs) {
      const assertion = await signAssertion(account!, Math.floor(Date.now() / 1000));
      const response = await send(account!.token_uri, {
        body: new URLSearchParams({
          grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
          assertion,
        }),
      });
      const { access_token, expires_in } = await response.json();
      token = { value: access_token, expiresAt: Date.now() + expires_in * 1000 };
    }
    return token.value;
  };

  const send = async (url: string, init: RequestInit): Promise<Response> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetcher(url, { method: "POST", signal, ...init });
    if (!response.ok) throw await failureOf(response);
    return response;
  };

  return {
    async query(property, date, startRow) {
      const site = encodeURIComponent(property);
      const response = await send(`${baseUrl}/webmasters/v3/sites/${site}/searchAnalytics/query`, {
        headers: {
          "authorization": `Bearer ${await authorize()}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({
          startDate: date,
          endDate: date,
          dimensions: ["page", "query", "date"],
          type: "web",
          dataState: "final",
          rowLimit: answerRows,
          startRow,
        }),
      });
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

/** The claims that buy an access token, signed with the account's key (RFC 7523). */
async function signAssertion(account: ServiceAccount, now: number): Promise<string> {
  const key = await importPKCS8(account.private_key, "RS256").catch(() => {
    throw new Failure("GOOGLE_SERVICE_ACCOUNT holds a private key that cannot be read", {
      code: "invalid_api_key",
    });
  });
  return await new SignJWT({ scope })
    .setProtectedHeader({ alg: "RS256", typ: "JWT" })
    .setIssuer(account.client_email)
    .setAudience(account.token_uri)
    .setIssuedAt(now)
    .setExpirationTime(now + 3600)
    .sign(key);
}

// The API answers {error: {message, errors: [{reason}]}}, the token endpoint {error, error_description}.
async function failureOf(response: Response): Promise<Failure> {
  const text = await response.text().catch(() => "");
  let error, error_description;
  try {
    ({ error, error_description } = JSON.parse(text));
  } catch {
    // A proxy's page, or nothing.
  }
  const message = error?.message ?? error_description ?? `HTTP ${response.status}`;
  return new Failure(`Google: ${message}`, {
    httpStatus: response.status,
    code: typeof error === "string" ? error : error?.errors?.[0]?.reason,
    retryAfter: response.headers.get("retry-after") ?? undefined,
  });
}
