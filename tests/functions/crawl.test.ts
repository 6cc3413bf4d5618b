import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { crawl, maxPageBytes } from "../../functions/_shared/crawl.ts";
import { testEnv } from "./fakes.ts";

const html = "<html><body><p>Hello</p></body></html>";
const page = (body: BodyInit | null = html, headers: Record<string, string> = {}) =>
  new Response(body, { headers: { "content-type": "text/html; charset=utf-8", ...headers } });

interface Options {
  settings?: Record<string, string>;
  addresses?: Record<string, string[]>;
  premium?: boolean;
}

/** Crawls against `answer`; keeps the URLs that were fetched. */
async function run(url: string, answer: (url: URL) => Response, options: Options = {}) {
  const fetched: string[] = [];
  const fetcher = (input: string | URL | Request) => {
    fetched.push(String(input));
    return Promise.resolve(answer(new URL(String(input))));
  };
  const addresses = options.addresses ?? {};
  const request = { url, premium: options.premium ?? false, ultra_premium: false, render: false };
  const result = crawl(request, testEnv(options.settings), {
    fetcher: fetcher as typeof fetch,
    resolveDns: (name, type) =>
      Promise.resolve(type === "A" ? addresses[name] ?? ["93.184.215.14"] : []),
  });
  return await result.then(
    (crawled) => ({ crawled, fetched, code: undefined, message: "" }),
    (error) => ({ crawled: undefined, fetched, code: error.facts?.code, message: error.message }),
  );
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

Deno.test("a_name_without_an_address_is_a_dns_failure", async () => {
  const { code } = await run("https://site.org/", () => page(), { addresses: { "site.org": [] } });
  equal(code, "dns_failed");
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

  const of = async (status: number) =>
    (await run("https://site.org/", () => new Response("", { status }), { settings })).code;
  deepEqual(
    [await of(401), await of(403), await of(404), await of(429), await of(500)],
    ["scraper_unauthorized", "scraper_unauthorized", "http_404", "http_429", "scraper_failed"],
  );
});

Deno.test("scraperapi_is_not_asked_for_a_private_page_either", async () => {
  const settings = { SCRAPER_API_KEY: "scraper-key" };
  const { code, fetched } = await run("http://10.0.0.1/", () => page(), { settings });
  equal(code, "blocked_address");
  deepEqual(fetched, []);
});

Deno.test("a_broken_connection_never_shows_the_scraper_key", async () => {
  Deno.env.set("SCRAPER_API_KEY", "scraper-key");
  const { errorText } = await import("../../functions/_shared/log.ts");
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
