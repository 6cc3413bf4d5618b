// Fetches one page as decoded HTML: through ScraperAPI when there is a key, else directly. URLs come from outside, so
// each hop of a direct fetch passes the URL policy and the addresses behind its name pass the address policy first.
//
// fetch looks the name up again after the check, so a name server that changes its answer in between is not caught;
// crawling through ScraperAPI has no such gap.
import type { Env } from "./env.ts";
import { Failure } from "./failure.ts";
import * as policy from "./wasm/policy.ts";
import { decode_html } from "./wasm/segment.ts";

export interface CrawlRequest {
  url: string;
  premium: boolean;
  ultra_premium: boolean;
  render: boolean;
}

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

export type ResolveDns = (
  name: string,
  type: "A" | "AAAA",
  options: { signal: AbortSignal },
) => Promise<string[]>;

export interface CrawlDependencies {
  fetcher: typeof fetch;
  resolveDns: ResolveDns;
}

const defaults: CrawlDependencies = {
  fetcher: (...args) => fetch(...args),
  resolveDns: (name, type, options) => Deno.resolveDns(name, type, options),
};

/** Decoded, a page takes several times its bytes in an isolate of 256 MB that crawls a few pages at once. */
export const maxPageBytes = 4_000_000;
const directTimeoutMs = 30_000;
/** ScraperAPI tries for 70 s before it gives up. */
const scraperTimeoutMs = 75_000;
const maxRedirects = 5;

const directHeaders = {
  "user-agent": "PagePerfect/0.1 (content analysis)",
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
): Promise<CrawledPage> {
  const startedAt = performance.now();
  const target = checkUrl(request.url, env);
  // A host that is only allowed because it is ours cannot be reached by anybody else.
  const isPrivate = env.allowedHosts.includes(`${target.hostname}:${target.port}`);
  const page = env.scraper.apiKey && !isPrivate
    ? await crawlThroughScraper(request, target.href, env, dependencies)
    : await crawlDirectly(target, env, dependencies);
  if (page.html.trim() === "") throw new Failure("the page is empty", { code: "empty_page" });
  return { ...page, processing_time_ms: Math.round(performance.now() - startedAt) };
}

type FetchedPage = Omit<CrawledPage, "processing_time_ms">;

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

async function checkAddresses(
  hostname: string,
  signal: AbortSignal,
  { resolveDns }: CrawlDependencies,
): Promise<void> {
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
  const addresses = answers.flat();
  if (addresses.length === 0) {
    throw new Failure(`${hostname} has no address`, { code: "dns_failed" });
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

async function crawlDirectly(
  target: CheckedUrl,
  env: Env,
  dependencies: CrawlDependencies,
): Promise<FetchedPage> {
  const signal = AbortSignal.timeout(directTimeoutMs);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    if (target.resolve) await checkAddresses(target.hostname, signal, dependencies);
    const response = await request(target.href, directHeaders, signal, dependencies);
    if (![301, 302, 303, 307, 308].includes(response.status)) {
      return await readPage(response, target.href, "direct");
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
  throw new Failure(`the page redirects more than ${maxRedirects} times`, {
    code: "too_many_redirects",
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
    AbortSignal.timeout(scraperTimeoutMs),
    dependencies,
  );
  // 401 and 403 are about the key and its credits; 500 says that all tries for the page failed.
  const code = { 401: "scraper_unauthorized", 403: "scraper_unauthorized", 500: "scraper_failed" }[
    response.status
  ];
  if (code) {
    await response.body?.cancel();
    throw new Failure(`ScraperAPI answered HTTP ${response.status}`, {
      code,
      httpStatus: response.status,
    });
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

// What fetch throws is a TypeError with the cause only in its text.
function connectionFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new Failure("the site took too long to answer", { code: "timeout" });
  }
  const code = /certificate/i.test(message)
    ? "certificate_invalid"
    : /dns|lookup|resolve/i.test(message)
    ? "dns_failed"
    : "connection_failed";
  return new Failure(message, { code });
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
  const bytes = await readBytes(response, url);
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

/** Reads a body up to the cap, which counts what comes out of decompression. */
async function readBytes(response: Response, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > maxPageBytes) {
        throw new Failure(`${url} is larger than ${maxPageBytes / 1e6} MB`, { code: "too_large" });
      }
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Failure ? error : connectionFailure(error);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
