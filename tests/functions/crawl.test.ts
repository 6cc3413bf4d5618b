import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { brotliCompressSync, gzipSync } from "node:zlib";
import {
  crawl,
  type CrawlDependencies,
  type CrawledPage,
  maxPageBytes,
  type PreviousCrawl,
  type UnchangedPage,
} from "../../functions/_shared/crawl/crawl.ts";
import { type Fault, Standins } from "../../local/standins/server.ts";
import { testEnv } from "./fakes.ts";

const html = "<html><body><p>Hello</p></body></html>";
const page = (body: BodyInit | null = html, headers: Record<string, string> = {}) =>
  new Response(body, { headers: { "content-type": "text/html; charset=utf-8", ...headers } });

type Answer = (url: URL, headers: Headers) => Response | Promise<Response>;

interface Options {
  settings?: Record<string, string>;
  /** Addresses by name; any other name is public. */
  addresses?: Record<string, string[]>;
  premium?: boolean;
  previous?: PreviousCrawl;
  /** Answers for robots.txt; without it no site has one. */
  robots?: Answer;
  dependencies?: Partial<CrawlDependencies>;
}

const timeouts = { page: 30_000, robots: 10_000, scraper: 75_000 };

/** Crawls against `answer`; keeps the URLs that were fetched, those of robots.txt apart. */
async function run(url: string, answer: Answer, options: Options = {}) {
  const fetched: string[] = [];
  const fetchedRobots: string[] = [];
  const fetcher = async (input: string | URL | Request, init?: RequestInit) => {
    const asked = new URL(String(input));
    const headers = new Headers(init?.headers);
    if (asked.pathname === "/robots.txt") {
      fetchedRobots.push(String(input));
      return await options.robots?.(asked, headers) ?? new Response("", { status: 404 });
    }
    fetched.push(String(input));
    return await answer(asked, headers);
  };
  const { addresses = {}, premium = false, previous } = options;
  const request = { url, premium, ultra_premium: false, render: false, previous };
  const result = crawl(request, testEnv(options.settings), {
    fetcher: fetcher as typeof fetch,
    resolveDns: (name, type) =>
      Promise.resolve(type === "A" ? addresses[name] ?? ["93.184.215.14"] : []),
    robots: new Map(),
    timeouts,
    ...options.dependencies,
  });
  return await result.then(
    (page) => ({
      crawled: page as CrawledPage | undefined,
      unchanged: page as UnchangedPage | CrawledPage,
      fetched,
      fetchedRobots,
      code: undefined,
      message: "",
      retryAfter: undefined,
    }),
    (error) => ({
      crawled: undefined,
      unchanged: undefined,
      fetched,
      fetchedRobots,
      code: error.facts?.code,
      message: error.message,
      retryAfter: error.facts?.retryAfter,
    }),
  );
}

/** Runs `visit` with a real server's host:port; a crawl may reach it although it is private. */
async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  visit: (host: string) => Promise<void>,
) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  try {
    await visit(`127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

/** Crawls a page of a real server with the real fetch. */
async function visit(host: string, path: string, page = timeouts.page) {
  return await run(`http://${host}${path}`, () => new Response(), {
    settings: { PAGEPERFECT_ALLOWED_HOSTS: host },
    dependencies: { fetcher: fetch, timeouts: { ...timeouts, page } },
  });
}

Deno.test("a_page_comes_with_what_the_crawl_job_keeps", async () => {
  const answer = () =>
    page(html, { etag: '"v1"', "last-modified": "Mon, 23 Nov 2026 20:00:00 GMT" });
  const { crawled } = await run("https://site.org/page#part", answer);
  const { processing_time_ms, ...rest } = crawled!;
  ok(Number.isInteger(processing_time_ms));
  deepEqual(rest, {
    html,
    http_status: 200,
    final_url: "https://site.org/page#part",
    content_type: "text/html; charset=utf-8",
    etag: '"v1"',
    last_modified: "Mon, 23 Nov 2026 20:00:00 GMT",
    provider: "direct",
  });
});

Deno.test("bytes_are_decoded_by_their_charset", async () => {
  const latin = Uint8Array.from([0x3c, 0x70, 0x3e, 0xe9, 0x3c, 0x2f, 0x70, 0x3e]);
  const answer = () => page(latin, { "content-type": "text/html; charset=iso-8859-1" });
  equal((await run("https://site.org/", answer)).crawled!.html, "<p>é</p>");
});

Deno.test("a_nul_that_the_database_cannot_hold_is_replaced", async () => {
  equal(
    (await run("https://site.org/", () => page("<p>a\0b</p>"))).crawled!.html,
    "<p>a\uFFFDb</p>",
  );
});

Deno.test("redirects_are_followed_to_the_final_url", async () => {
  const { crawled } = await run(
    "https://site.org/old",
    (url) =>
      url.pathname === "/old"
        ? new Response(null, { status: 301, headers: { location: "/new" } })
        : page(),
  );
  equal(crawled!.final_url, "https://site.org/new");
});

Deno.test("each_redirect_is_checked_before_it_is_followed", async () => {
  for (
    const location of [
      "http://127.0.0.1/admin",
      "http://169.254.169.254/latest/meta-data/",
      "http://[::ffff:10.0.0.1]/",
      "http://2130706433/",
      "file:///etc/passwd",
      "http://internal.site.org/",
      "https://project.supabase.co/rest/v1/",
    ]
  ) {
    const { code, fetched } = await run(
      "https://site.org/",
      () => new Response(null, { status: 302, headers: { location } }),
      { addresses: { "internal.site.org": ["10.1.2.3"] } },
    );
    ok(
      ["blocked_address", "blocked_host", "unsupported_scheme"].includes(code),
      `${location}: ${code}`,
    );
    deepEqual(fetched, ["https://site.org/"], location);
  }
});

Deno.test("a_name_with_one_private_address_among_public_ones_is_refused", async () => {
  const addresses = { "site.org": ["93.184.215.14", "192.168.1.1"] };
  const { code, fetched } = await run("https://site.org/", () => page(), { addresses });
  equal(code, "blocked_address");
  deepEqual(fetched, []);
});

/** A name server that knows these names and says of all others what Deno says then. */
const nameServer = (known: Record<string, string[]>) => (name: string, type: string) =>
  type === "A" && known[name]
    ? Promise.resolve(known[name])
    : Promise.reject(new Deno.errors.NotFound("no records found"));

Deno.test("a_name_that_does_not_exist_is_told_from_a_name_server_that_fails", async () => {
  const of = async (resolveDns: CrawlDependencies["resolveDns"], settings = {}) => {
    const options = { dependencies: { resolveDns }, settings };
    const { code, fetched, fetchedRobots } = await run("https://site.org/", () => page(), options);
    deepEqual([fetched, fetchedRobots], [[], []]);
    return code;
  };
  equal(await of(nameServer({ "project.supabase.co": ["93.184.215.14"] })), "dns_not_found");
  equal(await of(nameServer({})), "dns_failed", "it does not know the project itself");
  equal(await of(nameServer({}), { SUPABASE_URL: "http://127.0.0.1:54321" }), "dns_not_found");
  equal(await of(() => Promise.reject(new Deno.errors.TimedOut("no answer"))), "dns_failed");
  equal(await of(() => Promise.reject(new Error("server failure"))), "dns_failed");
});

Deno.test("an_allowed_host_is_reached_though_private_and_never_through_scraperapi", async () => {
  const settings = { PAGEPERFECT_ALLOWED_HOSTS: "127.0.0.1:8080", SCRAPER_API_KEY: "scraper-key" };
  const { crawled, fetched } = await run("http://127.0.0.1:8080/page.html", () => page(), {
    settings,
  });
  equal(crawled!.provider, "direct");
  deepEqual(fetched, ["http://127.0.0.1:8080/page.html"]);
});

Deno.test("circles_and_redirects_to_nowhere_end", async () => {
  const redirect = (headers: HeadersInit) => () => new Response(null, { status: 302, headers });
  const circle = await run("https://site.org/", redirect({ location: "https://site.org/" }));
  equal(circle.code, "too_many_redirects");
  equal(circle.fetched.length, 6);
  equal((await run("https://site.org/", redirect({}))).code, "invalid_redirect");
});

Deno.test("what_is_no_page_is_refused_by_name", async () => {
  const of = async (answer: () => Response) => (await run("https://site.org/", answer)).code;
  equal(
    await of(() => new Response("%PDF", { headers: { "content-type": "application/pdf" } })),
    "not_html",
  );
  equal(await of(() => new Response("gone", { status: 404 })), "http_404");
  equal(await of(() => page(" \n")), "empty_page");
  equal(await of(() => page(null)), "empty_page");
});

Deno.test("a_page_over_the_cap_is_not_read_to_its_end", async () => {
  let sent = 0;
  const endless = new ReadableStream({
    pull(controller) {
      sent += 100_000;
      controller.enqueue(new Uint8Array(100_000).fill(32));
    },
  });
  const { code, message } = await run("https://site.org/", () => page(endless));
  equal(code, "too_large");
  ok(message.includes("larger than 4 MB"), message);
  ok(sent <= maxPageBytes + 500_000, `${sent}`);
});

Deno.test("scraperapi_gets_the_options_and_its_errors_keep_their_meaning", async () => {
  const settings = { SCRAPER_API_KEY: "scraper-key" };
  const headers = { "sa-final-url": "https://site.org/final" };
  const { crawled, fetched } = await run("https://site.org/", () => page(html, headers), {
    settings,
    premium: true,
  });
  const asked = new URL(fetched[0]);
  equal(asked.origin, "https://api.scraperapi.com");
  deepEqual(Object.fromEntries(asked.searchParams), {
    api_key: "scraper-key",
    url: "https://site.org/",
    premium: "true",
  });
  deepEqual([crawled!.provider, crawled!.final_url], ["scraperapi", "https://site.org/final"]);

  const of = async (status: number) => {
    const answer = () => new Response("", { status, headers: { "retry-after": "7" } });
    const { code, retryAfter, message } = await run("https://site.org/", answer, { settings });
    equal(retryAfter, "7");
    ok(!message.includes("scraper-key"), message);
    return code;
  };
  const codes: Record<number, string> = {
    400: "scraper_rejected",
    401: "scraper_unauthorized",
    403: "scraper_unauthorized",
    404: "http_404",
    410: "http_410",
    429: "scraper_busy",
    500: "scraper_failed",
    502: "scraper_failed",
    503: "scraper_failed",
  };
  for (const [status, code] of Object.entries(codes)) equal(await of(Number(status)), code, status);
});

Deno.test("scraperapis_faults_are_told_apart", async () => {
  const standins = new Standins("control-key");
  const settings = {
    SCRAPER_API_KEY: "control-key",
    SCRAPER_API_BASE_URL: "http://127.0.0.1/scraper",
  };
  const fetcher = ((input: string, init: RequestInit) => {
    const answer = standins.handle(new Request(input, init));
    const late = new Promise<never>((_, reject) =>
      init.signal!.addEventListener("abort", () => reject(init.signal!.reason))
    );
    return Promise.race([answer, late]);
  }) as typeof fetch;
  const of = async (fault: Omit<Fault, "api">, scraper = timeouts.scraper) => {
    standins.reset();
    standins.fail({ api: "scraper", ...fault });
    const dependencies = { fetcher, timeouts: { ...timeouts, scraper } };
    return await run("https://site.org/", () => page(), { settings, dependencies });
  };
  equal((await of({ body: html })).crawled!.html, html);
  const busy = await of({ status: 429, retryAfter: 12 });
  deepEqual([busy.code, busy.retryAfter], ["scraper_busy", "12"]);
  equal((await of({ status: 403 })).code, "scraper_unauthorized");
  equal((await of({ status: 500 })).code, "scraper_failed");
  equal((await of({ body: html, drop: true })).code, "connection_failed");
  equal((await of({ body: html, delayMs: 500 }, 50)).code, "timeout");
  await new Promise((resolve) => setTimeout(resolve, 600));
});

Deno.test("scraperapi_is_not_asked_for_a_private_page_either", async () => {
  const settings = { SCRAPER_API_KEY: "scraper-key" };
  const { code, fetched } = await run("http://10.0.0.1/", () => page(), { settings });
  equal(code, "blocked_address");
  deepEqual(fetched, []);
});

Deno.test("a_broken_connection_never_shows_the_scraper_key", async () => {
  Deno.env.set("SCRAPER_API_KEY", "scraper-key");
  const { errorText } = await import("../../functions/_shared/platform/log.ts");
  try {
    const request = {
      url: "https://site.org/",
      premium: false,
      ultra_premium: false,
      render: false,
    };
    const fetcher = (input: unknown) =>
      Promise.reject(new TypeError(`error sending request for url (${input})`));
    await rejects(
      crawl(request, testEnv({ SCRAPER_API_KEY: "scraper-key" }), {
        fetcher: fetcher as typeof fetch,
        resolveDns: () => Promise.resolve([]),
        robots: new Map(),
        timeouts,
      }),
      (error) => {
        ok(!errorText(error).includes("scraper-key"));
        return true;
      },
    );
  } finally {
    Deno.env.delete("SCRAPER_API_KEY");
  }
});

Deno.test("a_page_that_robots_txt_disallows_is_not_fetched", async () => {
  const robots = () => new Response("User-agent: PagePerfect\nDisallow: /private?x=1");
  const options = { robots };
  const refused = await run("https://site.org/private?x=1&y", () => page(), options);
  deepEqual([refused.code, refused.fetched], ["robots_disallowed", []]);
  deepEqual(refused.fetchedRobots, ["https://site.org/robots.txt"]);
  equal((await run("https://site.org/private?x=2", () => page(), options)).code, undefined);

  const answer = (url: URL) =>
    url.host === "old.org"
      ? new Response(null, { status: 301, headers: { location: "https://site.org/private?x=1" } })
      : page();
  const moved = await run("https://old.org/", answer, {
    robots: (url) => url.host === "old.org" ? new Response("") : robots(),
  });
  deepEqual([moved.code, moved.fetched], ["robots_disallowed", ["https://old.org/"]]);
});

Deno.test("a_site_without_robots_txt_is_crawled_and_one_that_cannot_show_it_later", async () => {
  const of = async (robots: () => Response | Promise<Response>) => {
    const { code, retryAfter } = await run("https://site.org/", () => page(), { robots });
    return [code, retryAfter];
  };
  for (const status of [400, 401, 403, 404, 410]) {
    deepEqual(await of(() => new Response("", { status })), [undefined, undefined], `${status}`);
  }
  for (const status of [429, 500, 503]) {
    const answer = () => new Response("", { status, headers: { "retry-after": "9" } });
    deepEqual(await of(answer), ["robots_unavailable", "9"], `${status}`);
  }
  deepEqual(await of(() => Promise.reject(new TypeError("connection closed"))), [
    "connection_failed",
    undefined,
  ]);
  const inner = () =>
    new Response(null, { status: 302, headers: { location: "http://10.0.0.1/" } });
  deepEqual(await of(inner), [undefined, undefined], "a redirect to nowhere counts as no file");
});

Deno.test("robots_txt_is_read_up_to_its_cap_and_waited_for_up_to_its_time", async () => {
  const long = `User-agent: *\nDisallow: /a\n${"# filler\n".repeat(100_000)}Disallow: /b\n`;
  const of = async (path: string) =>
    (await run(`https://site.org${path}`, () => page(), { robots: () => new Response(long) })).code;
  deepEqual([await of("/a"), await of("/b")], ["robots_disallowed", undefined]);

  const stalled = await run("https://site.org/", () => page(), {
    dependencies: {
      timeouts: { ...timeouts, robots: 50 },
      fetcher: ((_url: string, { signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () =>
            reject(signal.reason))
        )) as unknown as typeof fetch,
    },
  });
  equal(stalled.code, "timeout");
});

Deno.test("robots_txt_is_asked_for_once_in_a_while_and_never_of_an_allowed_host", async () => {
  const robots = new Map();
  const options = { dependencies: { robots } };
  deepEqual((await run("https://site.org/a", () => page(), options)).fetchedRobots.length, 1);
  deepEqual((await run("https://site.org/b", () => page(), options)).fetchedRobots.length, 0);
  deepEqual((await run("http://site.org/b", () => page(), options)).fetchedRobots.length, 1);
  robots.get("https://site.org").expiresAt = Date.now() - 1;
  deepEqual((await run("https://site.org/b", () => page(), options)).fetchedRobots.length, 1);
  for (let i = 0; i < 50; i++) await run(`https://site${i}.org/`, () => page(), options);
  ok(robots.size <= 20);

  const settings = { PAGEPERFECT_ALLOWED_HOSTS: "intranet.site.org:80" };
  const inner = await run("http://intranet.site.org/", () => page(), { settings });
  deepEqual([inner.code, inner.fetchedRobots], [undefined, []]);
});

const previous = {
  id: "00000000-0000-4000-8000-000000000001",
  final_url: "https://site.org/page",
  etag: '"v1"',
  last_modified: "Mon, 23 Nov 2026 20:00:00 GMT",
};

Deno.test("a_page_that_has_not_changed_is_not_sent_again", async () => {
  const asked: (string | null)[][] = [];
  const answer = (url: URL, headers: Headers) => {
    if (url.pathname === "/old") {
      return new Response(null, { status: 302, headers: { location: "/page" } });
    }
    asked.push([headers.get("if-none-match"), headers.get("if-modified-since")]);
    return new Response(null, { status: 304, headers: { etag: 'W/"v1"' } });
  };
  const { unchanged } = await run("https://site.org/old", answer, { previous });
  const { processing_time_ms, ...rest } = unchanged!;
  ok(Number.isInteger(processing_time_ms));
  deepEqual(rest, {
    not_modified: true,
    previous_crawl_job_id: previous.id,
    http_status: 304,
    etag: 'W/"v1"',
    last_modified: previous.last_modified,
    provider: "direct",
  });
  deepEqual(asked, [[previous.etag, previous.last_modified]]);
});

Deno.test("a_site_is_asked_about_changes_only_where_its_marks_come_from", async () => {
  let headers = new Headers();
  const answer = (_: URL, asked: Headers) => (headers = asked, page());
  const has = () => headers.has("if-none-match") || headers.has("if-modified-since");
  await run("https://site.org/other", answer, { previous });
  equal(has(), false, "another URL");
  await run("https://site.org/page", answer, {
    previous,
    settings: { SCRAPER_API_KEY: "scraper-key" },
  });
  equal(has(), false, "ScraperAPI");
  const { crawled } = await run("https://site.org/page", answer, { previous });
  deepEqual([has(), crawled!.http_status], [true, 200], "a page that has changed comes whole");
  const unasked = () => new Response(null, { status: 304 });
  equal((await run("https://site.org/page", unasked)).code, "http_304");
});

Deno.test("compressed_pages_are_read_and_bombs_stop_at_the_cap", async () => {
  const bomb = new Uint8Array(gzipSync(new Uint8Array(50_000_000)));
  ok(bomb.length < 100_000, `${bomb.length}`);
  const bodies: Record<string, [string, BodyInit]> = {
    "/gzip": ["gzip", new Uint8Array(gzipSync(html))],
    "/br": ["br", new Uint8Array(brotliCompressSync(html))],
    "/bomb": ["gzip", bomb],
  };
  await withServer(({ url }) => {
    const [encoding, body] = bodies[new URL(url).pathname];
    return page(body, { "content-encoding": encoding });
  }, async (host) => {
    equal((await visit(host, "/gzip")).crawled!.html, html);
    equal((await visit(host, "/br")).crawled!.html, html);
    equal((await visit(host, "/bomb")).code, "too_large");
  });
});

Deno.test("a_body_that_drips_ends_at_the_time_cap", async () => {
  let timer: ReturnType<typeof setInterval>;
  const drip = () =>
    new ReadableStream({
      start: (controller) => {
        timer = setInterval(() => controller.enqueue(new TextEncoder().encode("<p>")), 20);
      },
      cancel: () => clearInterval(timer),
    });
  await withServer(() => page(drip()), async (host) => {
    // It drips for ever: that there is an answer is what counts.
    equal((await visit(host, "/", 300)).code, "timeout");
  });
});

Deno.test("a_page_whose_header_names_the_wrong_charset_is_still_read", async () => {
  const of = async (type: string, bytes: number[]) => {
    const answer = () => page(Uint8Array.from(bytes), { "content-type": type });
    return (await run("https://site.org/", answer)).crawled!.html;
  };
  const utf8 = [0x3c, 0x70, 0x3e, 0xc3, 0xa9];
  equal(await of("text/html; charset=nonsense", utf8), "<p>é");
  equal(await of("text/html; charset=iso-8859-1", [0xef, 0xbb, 0xbf, ...utf8]), "<p>é", "the BOM");
  equal(await of('text/html; charset="utf-8"', utf8), "<p>é");
  equal(await of("text/html; charset=utf-8", [0x3c, 0x70, 0x3e, 0xe9]), "<p>\uFFFD");
});
