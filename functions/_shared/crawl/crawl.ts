// Fetches one page as decoded HTML: through ScraperAPI when there is a key, else directly. URLs come from outside, so
// each hop of a direct fetch passes the URL policy and the addresses behind its name pass the address policy first.
// A direct fetch also keeps to the site's robots.txt and asks only for what changed since the page's last crawl.
//
// fetch looks the name up again after the check, so a name server that changes its answer in between is not caught;
// crawling through ScraperAPI has no such gap.
import * as v from "npm:valibot@1.5.0";
import type { Env } from "../platform/env.ts";
import { Failure } from "../engine/failure.ts";
import * as policy from "../wasm/policy.ts";
import { decode_html } from "../wasm/charset.ts";

const PreviousCrawl = v.object({
  id: v.string(),
  final_url: v.string(),
  etag: v.nullable(v.string()),
  last_modified: v.nullable(v.string()),
});
export type PreviousCrawl = v.InferOutput<typeof PreviousCrawl>;

export const CrawlRequest = v.object({
  url: v.string(),
  premium: v.boolean(),
  ultra_premium: v.boolean(),
  render: v.boolean(),
  /** An earlier crawl of the page whose HTML is still there; it is asked whether that is still the page. */
  previous: v.nullish(PreviousCrawl),
});
export type CrawlRequest = v.InferOutput<typeof CrawlRequest>;

export interface CrawledPage {
  html: string;
  http_status: number;
  final_url: string;
  content_type: string | null;
  etag: string | null;
  last_modified: string | null;
  provider: "direct" | "scraperapi";
  processing_time_ms: number;
}

/** The page is still as the previous crawl found it (HTTP 304). */
export interface UnchangedPage {
  not_modified: true;
  previous_crawl_job_id: string;
  http_status: 304;
  etag: string | null;
  last_modified: string | null;
  provider: "direct";
  processing_time_ms: number;
}

export type ResolveDns = (
  name: string,
  type: "A" | "AAAA",
  options: { signal: AbortSignal },
) => Promise<string[]>;

export interface CrawlDependencies {
  fetcher: typeof fetch;
  resolveDns: ResolveDns;
  /** What the sites that were crawled lately have as robots.txt, by origin. */
  robots: Map<string, { text: string; expiresAt: number }>;
  /** Milliseconds; a page's cover those of the robots.txt on its way. */
  timeouts: { page: number; robots: number; scraper: number };
}

/** A direct crawl with all its redirects and what it asks about robots.txt. */
const directTimeoutMs = 30_000;
/** ScraperAPI tries for 70 s before it gives up. */
const scraperTimeoutMs = 75_000;
const robotsTimeoutMs = 10_000;

const defaults: CrawlDependencies = {
  fetcher: (...args) => fetch(...args),
  resolveDns: (name, type, options) => Deno.resolveDns(name, type, options),
  robots: new Map(),
  timeouts: { page: directTimeoutMs, robots: robotsTimeoutMs, scraper: scraperTimeoutMs },
};

/** Decoded, a page takes several times its bytes in an isolate of 256 MB that crawls a few pages at once. */
export const maxPageBytes = 4_000_000;
const maxRedirects = 5;
/** RFC 9309 asks for 500 KiB at least; what a longer file says beyond is not read. */
const maxRobotsBytes = 512_000;
const robotsCacheMs = 300_000;
const maxCachedRobots = 20;

/** The name that a site's robots.txt addresses the crawler by. */
export const productToken = "PagePerfect";

const directHeaders = {
  "user-agent": `${productToken}/0.1 (content analysis)`,
  "accept": "text/html,application/xhtml+xml;q=0.9",
  "accept-language": "*",
};

/**
 * Crawls a page.
 *
 * @throws Failure with a code of the policy's crawl codes, or `http_<status>` with the site's status
 */
export async function crawl(
  request: CrawlRequest,
  env: Env,
  dependencies: CrawlDependencies = defaults,
): Promise<CrawledPage | UnchangedPage> {
  const startedAt = performance.now();
  const target = checkUrl(request.url, env);
  // A host that is only allowed because it is ours cannot be reached by anybody else.
  const page = env.scraper.apiKey && !isException(target, env)
    ? await crawlThroughScraper(request, target.href, env, dependencies)
    : await crawlDirectly(target, request.previous ?? undefined, env, dependencies);
  if ("html" in page && page.html.trim() === "") {
    throw new Failure("the page is empty", { code: "empty_page" });
  }
  return { ...page, processing_time_ms: Math.round(performance.now() - startedAt) };
}

/** A sitemap has 50,000 addresses at most, which seldom take a tenth of the 50 MB that the protocol allows. */
const maxSitemapBytes = 10_000_000;

/**
 * Fetches a sitemap as it is, packed or not, under the rules of a crawl.
 *
 * @throws Failure as `crawl` does
 */
export async function fetchSitemap(
  url: string,
  env: Env,
  dependencies: CrawlDependencies = defaults,
): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(dependencies.timeouts.page);
  const { response } = await follow(
    checkUrl(url, env),
    signal,
    env,
    dependencies,
    async (hop) => {
      if (!isException(hop, env)) await checkRobots(hop, signal, env, dependencies);
      return {
        "user-agent": directHeaders["user-agent"],
        "accept": "application/xml,text/xml,*/*;q=0.1",
      };
    },
  );
  if (!response.ok) {
    await response.body?.cancel();
    throw new Failure(`${url} answered HTTP ${response.status}`, {
      code: `http_${response.status}`,
      httpStatus: response.status,
      retryAfter: response.headers.get("retry-after") ?? undefined,
    });
  }
  const { bytes, isWhole } = await readBytes(response, maxSitemapBytes);
  if (!isWhole) {
    throw new Failure(`${url} is larger than ${maxSitemapBytes / 1e6} MB`, { code: "too_large" });
  }
  return bytes;
}

type FetchedPage = Omit<CrawledPage, "processing_time_ms">;
type Unchanged = Omit<UnchangedPage, "processing_time_ms">;

interface CheckedUrl {
  href: string;
  hostname: string;
  port: number;
  resolve: boolean;
}

function checkUrl(url: string, env: Env): CheckedUrl {
  const check = policy.check_url(url, env.allowedHosts, [new URL(env.supabaseUrl).host]);
  if (!check.ok) throw new Failure(check.message, { code: check.code });
  return check;
}

/** Whether the project's owner opened the host, see PAGEPERFECT_ALLOWED_HOSTS. */
const isException = ({ hostname, port }: CheckedUrl, env: Env) =>
  env.allowedHosts.includes(`${hostname}:${port}`);

async function checkAddresses(
  hostname: string,
  signal: AbortSignal,
  env: Env,
  dependencies: CrawlDependencies,
): Promise<void> {
  const addresses = await lookUp(hostname, signal, dependencies);
  if (addresses.length === 0) {
    // Deno calls an answer without addresses and a name server that refuses to answer the same. One that knows the
    // project's own name can be believed; a project without a public name is on its developer's machine.
    const own = policy.check_url(env.supabaseUrl, []);
    if (own.ok && own.resolve && !(await lookUp(own.hostname, signal, dependencies)).length) {
      throw new Failure(`${hostname} could not be resolved: the name server knows no name`, {
        code: "dns_failed",
      });
    }
    throw new Failure(`${hostname} does not exist: it has no address`, { code: "dns_not_found" });
  }
  for (const address of addresses) {
    const reason = policy.check_address(address);
    if (reason) {
      throw new Failure(`${hostname} resolves to ${reason}, not to a public address`, {
        code: "blocked_address",
      });
    }
  }
}

async function lookUp(
  hostname: string,
  signal: AbortSignal,
  { resolveDns }: CrawlDependencies,
): Promise<string[]> {
  const answers = await Promise.all(
    (["A", "AAAA"] as const).map((type) =>
      resolveDns(hostname, type, { signal }).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return [];
        throw new Failure(`${hostname} could not be resolved: ${error.message}`, {
          code: "dns_failed",
        });
      })
    ),
  );
  return answers.flat();
}

async function crawlDirectly(
  target: CheckedUrl,
  previous: PreviousCrawl | undefined,
  env: Env,
  dependencies: CrawlDependencies,
): Promise<FetchedPage | Unchanged> {
  const signal = AbortSignal.timeout(dependencies.timeouts.page);
  const { response, url } = await follow(target, signal, env, dependencies, async (hop) => {
    // An exception was made by its owner, who asked for the crawl, too.
    if (!isException(hop, env)) await checkRobots(hop, signal, env, dependencies);
    return { ...directHeaders, ...validators(previous, hop.href) };
  });
  if (response.status === 304 && previous?.final_url === url) {
    return {
      not_modified: true,
      previous_crawl_job_id: previous.id,
      http_status: 304,
      etag: response.headers.get("etag") ?? previous.etag,
      last_modified: response.headers.get("last-modified") ?? previous.last_modified,
      provider: "direct",
    };
  }
  return await readPage(response, url, "direct");
}

/** What asks a site for a page only if it has changed; a site's marks mean nothing at another URL. */
function validators(previous: PreviousCrawl | undefined, url: string): Record<string, string> {
  if (previous?.final_url !== url) return {};
  return {
    ...previous.etag ? { "if-none-match": previous.etag } : {},
    ...previous.last_modified ? { "if-modified-since": previous.last_modified } : {},
  };
}

/** Checks that the site lets us fetch the page, as RFC 9309 says; asks the site at most every few minutes. */
async function checkRobots(
  target: CheckedUrl,
  signal: AbortSignal,
  env: Env,
  dependencies: CrawlDependencies,
): Promise<void> {
  const { origin, pathname, search } = new URL(target.href);
  const cache = dependencies.robots;
  let known = cache.get(origin);
  if (!known || known.expiresAt < Date.now()) {
    const text = await fetchRobots(`${origin}/robots.txt`, signal, env, dependencies);
    known = { text, expiresAt: Date.now() + robotsCacheMs };
    cache.delete(origin);
    if (cache.size >= maxCachedRobots) cache.delete(cache.keys().next().value!);
    cache.set(origin, known);
  }
  if (!policy.robots_allows(known.text, productToken, pathname + search)) {
    throw new Failure(`${origin}/robots.txt asks ${productToken} not to fetch ${pathname}`, {
      code: "robots_disallowed",
    });
  }
}

/** The text of a robots.txt; empty when the site has none. */
async function fetchRobots(
  url: string,
  pageSignal: AbortSignal,
  env: Env,
  dependencies: CrawlDependencies,
): Promise<string> {
  const signal = AbortSignal.any([pageSignal, AbortSignal.timeout(dependencies.timeouts.robots)]);
  try {
    const headers = { "user-agent": directHeaders["user-agent"], "accept": "text/plain,*/*;q=0.1" };
    const { response } = await follow(
      checkUrl(url, env),
      signal,
      env,
      dependencies,
      () => Promise.resolve(headers),
    );
    const file = policy.robots_file(response.status);
    if (file !== "there") {
      await response.body?.cancel();
      if (file === "none") return "";
      throw new Failure(`${url} answered HTTP ${response.status}`, {
        code: "robots_unavailable",
        retryAfter: response.headers.get("retry-after") ?? undefined,
      });
    }
    const { bytes, isWhole } = await readBytes(response, maxRobotsBytes);
    const text = new TextDecoder().decode(bytes);
    return isWhole ? text : text.slice(0, text.lastIndexOf("\n") + 1);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // What stays wrong (a bad certificate, a refused address) the page's own fetch will meet and name. A redirect to
    // where nobody may go leaves the site without a robots.txt.
    const isPermanent = policy.classify_error(undefined, error.facts.code) === "permanent";
    if (isPermanent) return "";
    throw error;
  }
}

/**
 * Fetches a URL and what it redirects to, each hop checked before a byte is sent.
 *
 * @param prepare the headers for a hop, or a Failure when it may not be fetched
 */
async function follow(
  target: CheckedUrl,
  signal: AbortSignal,
  env: Env,
  dependencies: CrawlDependencies,
  prepare: (hop: CheckedUrl) => Promise<Record<string, string>>,
): Promise<{ response: Response; url: string }> {
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const headers = await prepare(target);
    if (target.resolve) await checkAddresses(target.hostname, signal, env, dependencies);
    const response = await request(target.href, headers, signal, dependencies);
    if (![301, 302, 303, 307, 308].includes(response.status)) {
      return { response, url: target.href };
    }
    await response.body?.cancel();
    const location = response.headers.get("location");
    if (!location || !URL.canParse(location, target.href)) {
      throw new Failure(`${target.href} redirects without saying where`, {
        code: "invalid_redirect",
      });
    }
    target = checkUrl(new URL(location, target.href).href, env);
  }
  throw new Failure(`${target.href} is the end of more than ${maxRedirects} redirects`, {
    code: "too_many_redirects",
  });
}

function scraperFailure(response: Response, options: CrawlRequest): Failure | undefined {
  const { status } = response;
  const refusal = policy.scraper_refusal(status, options.ultra_premium);
  if (!refusal) return undefined;
  return new Failure(`ScraperAPI ${refusal.message} (HTTP ${status})`, {
    code: refusal.code,
    httpStatus: status,
    retryAfter: response.headers.get("retry-after") ?? undefined,
  });
}

async function crawlThroughScraper(
  options: CrawlRequest,
  url: string,
  env: Env,
  dependencies: CrawlDependencies,
): Promise<FetchedPage> {
  const query = new URLSearchParams({ api_key: env.scraper.apiKey!, url });
  if (options.premium) query.set("premium", "true");
  if (options.ultra_premium) query.set("ultra_premium", "true");
  if (options.render) query.set("render", "true");
  const response = await request(
    `${env.scraper.baseUrl}/?${query}`,
    {},
    AbortSignal.timeout(dependencies.timeouts.scraper),
    dependencies,
  );
  const failure = scraperFailure(response, options);
  if (failure) {
    await response.body?.cancel();
    throw failure;
  }
  return await readPage(response, response.headers.get("sa-final-url") ?? url, "scraperapi");
}

async function request(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
  { fetcher }: CrawlDependencies,
): Promise<Response> {
  try {
    return await fetcher(url, { headers, signal, redirect: "manual" });
  } catch (error) {
    throw connectionFailure(error);
  }
}

function connectionFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new Failure("the site took too long to answer", { code: "timeout" });
  }
  return new Failure(message, { code: policy.connection_code(message) });
}

async function readPage(
  response: Response,
  url: string,
  provider: FetchedPage["provider"],
): Promise<FetchedPage> {
  const contentType = response.headers.get("content-type");
  if (!response.ok) {
    await response.body?.cancel();
    throw new Failure(`${url} answered HTTP ${response.status}`, {
      code: `http_${response.status}`,
      httpStatus: response.status,
      retryAfter: response.headers.get("retry-after") ?? undefined,
    });
  }
  if (contentType && !/^\s*(text\/html|application\/xhtml\+xml)\b/i.test(contentType)) {
    await response.body?.cancel();
    throw new Failure(`${url} is ${contentType}, not an HTML page`, { code: "not_html" });
  }
  const { bytes, isWhole } = await readBytes(response, maxPageBytes);
  if (!isWhole) {
    throw new Failure(`${url} is larger than ${maxPageBytes / 1e6} MB`, { code: "too_large" });
  }
  return {
    // Postgres holds no NUL; to an HTML parser the two are the same.
    html: decode_html(bytes, contentType ?? "").replaceAll("\0", "\uFFFD"),
    http_status: response.status,
    final_url: url,
    content_type: contentType,
    etag: response.headers.get("etag"),
    last_modified: response.headers.get("last-modified"),
    provider,
  };
}

/** Reads a body, or as much of it as fits `limit`, which counts what comes out of decompression. */
async function readBytes(
  response: Response,
  limit: number,
): Promise<{ bytes: Uint8Array; isWhole: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk.subarray(0, limit - length));
      length += chunk.length;
      if (length > limit) break;
    }
  } catch (error) {
    throw connectionFailure(error);
  }
  const bytes = new Uint8Array(Math.min(length, limit));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return { bytes, isWhole: length <= limit };
}
