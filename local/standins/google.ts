// Stands in for Google: the OAuth token endpoint of service accounts, which checks the signed assertion, and
// searchAnalytics.query of the Search Console API, in their wire formats.

import { Buffer } from "node:buffer";
import { generateKeyPairSync, verify } from "node:crypto";
import { Hold } from "./hold.ts";

/** A row as the API answers it with the dimensions page, query and date. */
export interface AnalyticsRow {
  keys: [page: string, query: string, date: string];
  clicks: number;
  impressions: number;
  ctr: number;
  position: number;
}

export interface AnalyticsQuery {
  property: string;
  startDate: string;
  endDate: string;
  rowLimit: number;
  startRow: number;
}

/** How the next answer goes wrong; without a status it is right, only late. */
export interface GoogleFault {
  api: "token" | "query";
  status?: number;
  /** Google's word for it, such as quotaExceeded. */
  reason?: string;
  retryAfter?: string;
  hold?: Hold;
}

const maxRows = 25_000;

export class StandinGoogle implements AsyncDisposable {
  /** The queries that were answered or refused, in order. */
  queries: (AnalyticsQuery & { status: number })[] = [];
  #faults: GoogleFault[] = [];
  #keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  #tokens = new Map<string, number>();
  #server: Deno.HttpServer<Deno.NetAddr>;

  /** `rowsOf` has a property's rows of one day, or undefined when the account may not see the property. */
  constructor(readonly rowsOf: (property: string, date: string) => AnalyticsRow[] | undefined) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#handle(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** What the functions need to come here instead of Google. */
  get env(): Record<string, string> {
    return {
      GOOGLE_API_BASE_URL: this.url,
      GOOGLE_SERVICE_ACCOUNT: JSON.stringify({
        type: "service_account",
        client_email: "importer@standin.iam.gserviceaccount.com",
        private_key: this.#keys.privateKey.export({ type: "pkcs8", format: "pem" }),
        token_uri: `${this.url}/token`,
      }),
    };
  }

  /** Makes an answer go wrong; faults of an API are used up in order. */
  fail(fault: GoogleFault) {
    this.#faults.push(fault);
  }

  /** Keeps an API's next answer back. */
  hold(api: GoogleFault["api"]): Hold {
    const hold = new Hold();
    this.fail({ api, hold });
    return hold;
  }

  async [Symbol.asyncDispose]() {
    await this.#server.shutdown();
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.method === "POST" && pathname === "/token") return await this.#token(request);
    const [, site] = /^\/webmasters\/v3\/sites\/([^/]+)\/searchAnalytics\/query$/.exec(pathname) ??
      [];
    if (request.method === "POST" && site) {
      return await this.#query(decodeURIComponent(site), request);
    }
    return new Response("Not Found", { status: 404 });
  }

  async #takeFault(api: GoogleFault["api"]): Promise<GoogleFault | undefined> {
    const index = this.#faults.findIndex((fault) => fault.api === api);
    if (index < 0) return undefined;
    const [fault] = this.#faults.splice(index, 1);
    await fault.hold?.pass();
    return fault.status ? fault : undefined;
  }

  async #token(request: Request): Promise<Response> {
    const refuse = (error_description: string) =>
      Response.json({ error: "invalid_grant", error_description }, { status: 400 });
    const fault = await this.#takeFault("token");
    if (fault) return Response.json({ error: fault.reason }, { status: fault.status });

    const form = new URLSearchParams(await request.text());
    if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer") {
      return Response.json({ error: "unsupported_grant_type" }, { status: 400 });
    }
    const [header, claims, signature] = (form.get("assertion") ?? "").split(".");
    const isSigned = verify(
      "RSA-SHA256",
      Buffer.from(`${header}.${claims}`),
      this.#keys.publicKey,
      Buffer.from(signature ?? "", "base64url"),
    );
    if (!isSigned) return refuse("Invalid JWT Signature.");
    const { iss, scope, aud, iat, exp } = JSON.parse(Buffer.from(claims, "base64url").toString());
    const now = Date.now() / 1000;
    if (!iss || aud !== `${this.url}/token` || exp - iat > 3600 || exp < now || iat > now + 60) {
      return refuse("Invalid JWT: check iss, aud, iat and exp.");
    }
    if (scope !== "https://www.googleapis.com/auth/webmasters.readonly") {
      return Response.json({ error: "invalid_scope" }, { status: 400 });
    }
    const token = `ya29.${crypto.randomUUID()}`;
    this.#tokens.set(token, exp * 1000);
    return Response.json({ access_token: token, expires_in: 3599, token_type: "Bearer" });
  }

  async #query(property: string, request: Request): Promise<Response> {
    const body = await request.json();
    const record = (status: number) => this.queries.push({ ...body, property, status });
    const refuse = (code: number, message: string, reason: string, headers?: HeadersInit) => {
      record(code);
      return Response.json(
        { error: { code, message, errors: [{ message, domain: "global", reason }] } },
        { status: code, headers },
      );
    };
    const fault = await this.#takeFault("query");
    if (fault) {
      const headers: HeadersInit = fault.retryAfter ? { "retry-after": fault.retryAfter } : {};
      return refuse(fault.status!, "Fault asked for by a test", fault.reason ?? "", headers);
    }
    const token = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    if ((this.#tokens.get(token) ?? 0) < Date.now()) {
      return refuse(401, "Request had invalid authentication credentials.", "authError");
    }
    const { startDate, endDate, dimensions, rowLimit = 1000, startRow = 0 } = body;
    if (String(dimensions) !== "page,query,date" || rowLimit > maxRows || startDate > endDate) {
      return refuse(400, "Invalid value in the request.", "invalidParameter");
    }
    const rows: AnalyticsRow[] = [];
    for (let day = startDate; day <= endDate; day = nextDay(day)) {
      const found = this.rowsOf(property, day);
      if (!found) {
        return refuse(
          403,
          `User does not have sufficient permission for site '${property}'.`,
          "forbidden",
        );
      }
      rows.push(...found);
    }
    const answered = rows.slice(startRow, startRow + rowLimit);
    record(200);
    // An answer without rows has no such field.
    return Response.json({
      ...answered.length > 0 ? { rows: answered } : {},
      responseAggregationType: "byPage",
    });
  }
}

function nextDay(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}
