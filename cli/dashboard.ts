// `dashboard`: the web app on this machine's loopback. The secret key stays in this process: the browser holds a session
// cookie that is good for this server alone, and reaches only the functions that the app is made of.

import { randomBytes, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { type Command, InvalidArgumentError } from "npm:commander@15.1.0";
import type { FunctionName } from "../functions/_shared/platform/database.ts";
import { root } from "../local/paths.ts";
import { checkPortFree } from "../local/postgres/postgres.ts";
import { attachStack, type RunningStack, startStack } from "../local/stack.ts";
import { madeByStandins } from "./analyze.ts";
import { ensureBuilt } from "./build.ts";
import type { Standin } from "./report/report.ts";
import { say } from "./say.ts";
import { bundleWeb, contentSecurityPolicy, ensureWebBuilt } from "./web_bundle.ts";

/** What the app may ask of the project; the key would open much more. */
const served: FunctionName[] = [
  "whoami",
  "list_pages",
  "list_jobs",
  "get_report",
  "get_job_timeline",
  "get_operations",
  "get_throughput",
  "get_costs",
  "list_dead_letters",
  "list_members",
  "count_open_jobs",
  "replay_matching",
  "replay_letter",
  "cancel_matching",
  "cancel_own_job",
  "decide_edit",
  "set_stages_enabled",
  "set_member",
  "get_embeddings",
  "get_segments",
  "get_passages",
  "get_analysis_input",
  "get_estimate",
  "get_site_plan",
  "get_site_progress",
  "get_site_outcomes",
  "retry_own_site_job",
];
const allowedFunctions = new Set([
  ...served.map((name) => `/rest/v1/rpc/${name}`),
  ...["workflow", "embed-passages"].map((name) => `/functions/v1/pageperfect-${name}`),
]);

/** Bytes of a request's body: the CSV of a page with its 25,000 queries has some megabytes. */
const maxBodyBytes = 16_000_000;

export interface Upstream {
  apiUrl: string;
  secretKey: string;
  name: string;
  /** Whether it is a local stack, whose clock is not in the database. */
  hasOwnClock?: boolean;
  /** Path of the sample page on the local stack. */
  samplePath?: string;
  /** What has no model to make it there. */
  standins?: Standin[];
}

export interface DashboardServer extends AsyncDisposable {
  port: number;
  /** A link that signs one browser in, once. */
  link(path?: string): string;
}

const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  json: "application/json",
};

function isSame(given: string | undefined, wanted: string): boolean {
  const a = Buffer.from(given ?? ""), b = Buffer.from(wanted);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Serves the bundle in `dir` on the loopback, in front of `upstream`. Port 0 takes any free one. */
export function serveDashboard(dir: string, upstream: Upstream, port = 0): DashboardServer {
  const session = randomBytes(32).toString("base64url");
  const tokens = new Set<string>();
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, handle);
  const own = server.addr.port;
  const hosts = [`127.0.0.1:${own}`, `localhost:${own}`];
  const cookieName = `pageperfect_${own}`;

  const security = {
    "content-security-policy": `${contentSecurityPolicy()}; frame-ancestors 'none'`,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
  const answer = (
    status: number,
    body: BodyInit | null,
    headers: Record<string, string> = {},
  ) =>
    new Response(body, {
      status,
      headers: { ...security, "cache-control": "no-store", ...headers },
    });
  const refuse = (status: number, message: string) =>
    answer(status, JSON.stringify({ code: String(status), message }), {
      "content-type": types.json,
    });

  async function handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    // A page of another site can make a browser call the loopback under that site's name (DNS rebinding), and from its
    // own origin (a plain form): neither gets an answer.
    if (!hosts.includes(request.headers.get("host") ?? "")) return refuse(421, "wrong host");
    const origin = request.headers.get("origin");
    if (origin !== null && !hosts.some((host) => origin === `http://${host}`)) {
      return refuse(403, "wrong origin");
    }
    const site = request.headers.get("sec-fetch-site");
    if (request.method !== "GET" && site !== null && site !== "same-origin") {
      return refuse(403, "wrong site");
    }

    const token = url.searchParams.get("token");
    if (token !== null && request.method === "GET") {
      const found = [...tokens].find((candidate) => isSame(token, candidate));
      if (!found) {
        return answer(
          403,
          "This link was used before. Press Enter in the terminal of ./pageperfect dashboard for a new one.\n",
          { "content-type": "text/plain; charset=utf-8" },
        );
      }
      tokens.delete(found);
      return answer(303, null, {
        location: url.pathname,
        "set-cookie": `${cookieName}=${session}; HttpOnly; SameSite=Strict; Path=/`,
      });
    }

    const cookies = request.headers.get("cookie")?.split(/;\s*/) ?? [];
    const isSignedIn = cookies.some((cookie) => isSame(cookie, `${cookieName}=${session}`));
    if (url.pathname.startsWith("/api/")) {
      if (!isSignedIn) return refuse(401, "open the link that the terminal shows");
      return await forward(request, url.pathname.slice("/api".length));
    }
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "GET it");
    if (url.pathname === "/config.json") {
      if (!isSignedIn) return refuse(401, "open the link that the terminal shows");
      const { name, hasOwnClock, samplePath, standins } = upstream;
      const config = { mode: "local", api: "/api", name, hasOwnClock, samplePath, standins };
      return answer(200, JSON.stringify(config), { "content-type": types.json });
    }
    const name = url.pathname === "/" ? "index.html" : url.pathname.slice(1);
    // The bundle is one flat folder.
    if (!/^[\w-]+(\.[\w-]+)*\.\w+$/.test(name)) return refuse(404, "not found");
    try {
      const body = await Deno.readFile(`${dir}/${name}`);
      return answer(200, request.method === "HEAD" ? null : body, {
        "content-type": types[name.split(".").pop()!] ?? "application/octet-stream",
        ...name === "index.html" ? {} : { "cache-control": "private, max-age=31536000, immutable" },
      });
    } catch {
      return refuse(404, "not found");
    }
  }

  async function forward(request: Request, path: string): Promise<Response> {
    if (request.method !== "POST" || !allowedFunctions.has(path)) return refuse(404, "not found");
    if (request.headers.get("content-type") !== "application/json") {
      return refuse(415, "send application/json");
    }
    if (Number(request.headers.get("content-length") ?? Infinity) > maxBodyBytes) {
      return refuse(413, "too large");
    }
    let response: Response;
    try {
      response = await fetch(upstream.apiUrl + path, {
        method: "POST",
        headers: {
          apikey: upstream.secretKey,
          "content-type": "application/json",
        },
        body: request.body,
      });
    } catch {
      return refuse(502, "The database cannot be reached.");
    }
    return answer(response.status, response.body, {
      "content-type": response.headers.get("content-type") ?? types.json,
    });
  }

  return {
    port: own,
    link(path = "") {
      const token = randomBytes(24).toString("base64url");
      tokens.add(token);
      return `http://127.0.0.1:${own}/?token=${token}${path && `#/${path}`}`;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

interface DashboardOptions {
  port: number;
  sample: boolean;
  projectUrl?: string;
  publishableKey?: string;
  static?: string;
}

const sample = `${root}/cli/sample`;

/** Starts the analysis of the sample at `url`, so that a first look shows a report; returns its job. */
async function analyzeSample(stack: RunningStack, url: string): Promise<string> {
  const module = new URL("../functions/_shared/wasm/gsc.ts", import.meta.url).href;
  const gsc = await import(module);
  const { keywords } = gsc.parse_csv(await Deno.readFile(`${sample}/queries.csv`));
  const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
    method: "POST",
    headers: { apikey: stack.secretKey, "content-type": "application/json" },
    body: JSON.stringify({ url, keywords }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`the sample was not accepted: ${JSON.stringify(answer)}`);
  return answer.job_id;
}

async function dashboard(options: DashboardOptions) {
  if (options.static !== undefined) return await writeStatic(options.static, options);
  // Before the stack is started for nothing.
  checkPortFree(
    options.port,
    "the dashboard's",
    "take a free one with --port 0; where it is another ./pageperfect dashboard, Enter in its terminal prints a link",
  );
  await ensureBuilt(say);
  const dir = await ensureWebBuilt(say);
  if (options.projectUrl) {
    const secretKey = Deno.env.get("SUPABASE_SECRET_KEY");
    if (!secretKey) {
      throw new Error("set SUPABASE_SECRET_KEY to a secret key (sb_secret_…) of the project");
    }
    const apiUrl = options.projectUrl.replace(/\/+$/, "");
    return await keepServing(
      dir,
      { apiUrl, secretKey, name: new URL(apiUrl).host },
      options.port,
      "",
    );
  }
  const attached = await attachStack();
  if (!attached) say("starting the stack (./pageperfect up keeps one running)");
  const stack = attached ?? await startStack({ instance: "default", report: say });
  try {
    let path = "";
    const sampleUrl = await stack.serveFile(`${sample}/index.html`);
    const [{ count }] = await stack.sql`
      select count(*)::int from (select from public.pageperfect_jobs limit 1) as jobs`;
    if (count === 0 && options.sample) {
      say("nothing was analysed yet: the sample page is, while you look");
      path = `report/${await analyzeSample(stack, sampleUrl)}`;
    }
    const { apiUrl, secretKey } = stack;
    const upstream = {
      apiUrl,
      secretKey,
      name: "this machine",
      hasOwnClock: true,
      samplePath: new URL(sampleUrl).pathname,
      standins: madeByStandins(stack.realApis),
    };
    await keepServing(dir, upstream, options.port, path);
  } finally {
    await stack.stop();
  }
}

async function keepServing(dir: string, upstream: Upstream, port: number, path: string) {
  await using server = serveDashboard(dir, upstream, port);
  const stopping = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => stopping.resolve());
  }
  say("the dashboard is at");
  console.log(server.link(path));
  say("the link works once; Enter makes another, Ctrl-C stops");
  if (Deno.stdin.isTerminal()) {
    (async () => {
      for await (const _ of Deno.stdin.readable) console.log(server.link());
    })();
  }
  await stopping.promise;
  say("stopping");
}

/** The bundle with its configuration, for a static host. */
async function writeStatic(dir: string, options: DashboardOptions) {
  if (!options.projectUrl || !options.publishableKey) {
    throw new Error("--static needs --project-url and --publishable-key");
  }
  if (!/^sb_publishable_/.test(options.publishableKey) && !isAnonKey(options.publishableKey)) {
    throw new Error(
      "--publishable-key is no publishable key (sb_publishable_…): a secret one must never be put on a web page",
    );
  }
  const { origin, host } = new URL(options.projectUrl);
  await ensureBuilt(say);
  await bundleWeb(dir, origin);
  const config = {
    mode: "hosted",
    api: origin,
    publishableKey: options.publishableKey,
    name: host,
  };
  await Deno.writeTextFile(`${dir}/config.json`, JSON.stringify(config, null, 2) + "\n");
  say(`wrote ${dir}: put it on any static host; docs/web.md says how`);
}

/** A legacy anon key is a JWT that says so. */
function isAnonKey(key: string): boolean {
  try {
    return JSON.parse(Buffer.from(key.split(".")[1], "base64url").toString()).role === "anon";
  } catch {
    return false;
  }
}

export function registerDashboard(program: Command) {
  const port = (value: string) => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < 0 || number > 65535) {
      throw new InvalidArgumentError("a port is a number from 0 (any free one) to 65535");
    }
    return number;
  };
  program.command("dashboard")
    .description("the web app: reports, drafts, what-if, jobs and dead letters, in your browser")
    .option(
      "--port <port>",
      "port on the loopback",
      port,
      Number(Deno.env.get("PAGEPERFECT_DASHBOARD_PORT") ?? 54330),
    )
    .option("--no-sample", "do not analyse the sample page when nothing was analysed yet")
    .option(
      "--project-url <url>",
      "a hosted project instead of the local stack; its secret key is in SUPABASE_SECRET_KEY",
    )
    .option("--static <dir>", "write the app for a static host instead of serving it")
    .option("--publishable-key <key>", "with --static: the project's publishable key")
    .addHelpText(
      "after",
      `
Examples:
  ./pageperfect dashboard
  SUPABASE_SECRET_KEY=sb_secret_… ./pageperfect dashboard --project-url https://REF.supabase.co
  ./pageperfect dashboard --static site --project-url https://REF.supabase.co --publishable-key sb_publishable_…`,
    )
    .action(dashboard);
}
