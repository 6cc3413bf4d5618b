// Crawled URLs are hostile input: what the crawler asks its fetch and its resolver for. That its connections are none
// either is shown on real ones in tests/security/ssrf.test.ts.

import { deepEqual, equal, ok } from "node:assert/strict";
import { crawl } from "../../functions/_shared/crawl/crawl.ts";
import { testEnv } from "./fakes.ts";
import { names, redirectTargets, refused } from "./refused_urls.ts";

/** URLs that were fetched while `url` was crawled, and the error's code. */
async function attempt(url: string, answer: (url: string) => Response) {
  const fetched: string[] = [];
  const request = { url, premium: false, ultra_premium: false, render: false };
  const code = await crawl(request, testEnv(), {
    fetcher: ((input: string) => {
      // The robots.txt of the public site that the refused URL comes from.
      if (input === "https://site.org/robots.txt") return Promise.resolve(answer(input));
      fetched.push(input);
      return Promise.resolve(answer(input));
    }) as typeof fetch,
    resolveDns: (name, type) =>
      Promise.resolve(
        (names[name] ?? ["93.184.215.14"]).filter((ip) => ip.includes(":") === (type === "AAAA")),
      ),
    robots: new Map(),
    timeouts: { page: 30_000, robots: 10_000, scraper: 75_000 },
  }).then(() => "crawled", (error) => String(error.facts?.code));
  return { fetched, code };
}

const html = () => new Response("<p>secret</p>", { headers: { "content-type": "text/html" } });

Deno.test("no_refused_url_is_fetched", async () => {
  ok(refused.length >= 60);
  for (const url of refused) {
    const { fetched, code } = await attempt(url, html);
    deepEqual(fetched, [], url);
    ok(code !== "crawled" && code !== "undefined", `${url}: ${code}`);
  }
});

Deno.test("no_redirect_to_a_refused_url_is_followed", async () => {
  const start = "https://site.org/start";
  for (const location of redirectTargets) {
    const { fetched, code } = await attempt(
      start,
      (url) => url === start ? new Response(null, { status: 302, headers: { location } }) : html(),
    );
    deepEqual(fetched, [start], location);
    ok(code !== "crawled", location);
  }
});

Deno.test("no_redirect_of_robots_txt_to_a_refused_url_is_followed", async () => {
  const start = "https://site.org/start";
  for (const location of redirectTargets) {
    const { fetched, code } = await attempt(
      start,
      (url) =>
        url.endsWith("/robots.txt")
          ? new Response(null, { status: 302, headers: { location } })
          : html(),
    );
    deepEqual([fetched, code], [[start], "crawled"], location);
  }
});

Deno.test("a_public_page_is_fetched", async () => {
  for (const url of ["https://site.org/", "http://93.184.215.14/", "https://site.org:443/a?b=c"]) {
    equal((await attempt(url, html)).code, "crawled", url);
  }
});
