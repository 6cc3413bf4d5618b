// Crawled URLs are hostile input: nothing on this list may be asked for a single byte, neither as the URL of a job nor
// as the target of a redirect.

import { deepEqual, equal, ok } from "node:assert/strict";
import { crawl } from "../../functions/_shared/crawl.ts";
import { testEnv } from "./fakes.ts";

/** What the name server of this test says; any other name is public. */
const names: Record<string, string[]> = {
  "loopback.site.org": ["127.0.0.1"],
  "loopback6.site.org": ["::1"],
  "private.site.org": ["10.20.30.40"],
  "home.site.org": ["192.168.0.1"],
  "metadata.site.org": ["169.254.169.254"],
  "mapped.site.org": ["::ffff:127.0.0.1"],
  "unique-local.site.org": ["fd00::1"],
  "link-local.site.org": ["fe80::1"],
  "shared.site.org": ["100.64.0.1"],
  "this-network.site.org": ["0.0.0.0"],
  "multicast.site.org": ["224.0.0.1"],
  "broadcast.site.org": ["255.255.255.255"],
  "mixed.site.org": ["93.184.215.14", "172.16.0.1"],
};

const refused = [
  // Loopback in every spelling
  "http://127.0.0.1/",
  "http://127.0.0.1:80/",
  "http://127.1/",
  "http://127.0.1/",
  "http://127.255.255.254/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0x7f.0.0.1/",
  "http://0177.0.0.1/",
  "http://017700000001/",
  "http://0x7f.1/",
  "http://1２7.0.0.1/",
  "http://127。0。0。1/",
  "http://%31%32%37.0.0.1/",
  "http://127.0.0.1./",
  "http://localhost/",
  "http://LOCALHOST/",
  "http://localhost./",
  "http://sub.localhost/",
  "http://localhost.localdomain/",
  "http://[::1]/",
  "http://[0:0:0:0:0:0:0:1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::127.0.0.1]/",
  // Unspecified, private, shared, link-local, reserved
  "http://0.0.0.0/",
  "http://0/",
  "http://[::]/",
  "http://10.0.0.1/",
  "http://10.255.255.255/",
  "http://172.16.0.1/",
  "http://172.31.255.255/",
  "http://192.168.1.1/",
  "http://3232235777/",
  "http://100.64.0.1/",
  "http://169.254.1.1/",
  "http://198.18.0.1/",
  "http://192.0.2.1/",
  "http://224.0.0.1/",
  "http://240.0.0.1/",
  "http://255.255.255.255/",
  "http://[fc00::1]/",
  "http://[fd12:3456:789a::1]/",
  "http://[fe80::1]/",
  "http://[ff02::1]/",
  "http://[64:ff9b::7f00:1]/",
  "http://[2002:7f00:1::]/",
  // Cloud metadata
  "http://169.254.169.254/latest/meta-data/",
  "http://[fd00:ec2::254]/latest/meta-data/",
  "http://0xa9fea9fe/",
  "http://2852039166/",
  "http://[::ffff:169.254.169.254]/",
  "http://metadata.google.internal/computeMetadata/v1/",
  "http://168.63.129.16/",
  // Names that are local by themselves
  "http://router.local/",
  "http://db.internal/",
  "http://kong.intranet/",
  // Names that resolve to refused addresses
  ...Object.keys(names).map((name) => `http://${name}/`),
  // Other schemes, ports and disguises
  "file:///etc/passwd",
  "ftp://site.org/",
  "gopher://site.org/",
  "data:text/html,<p>hi</p>",
  "javascript:alert(1)",
  "blob:https://site.org/1",
  "http://site.org:22/",
  "http://site.org:5432/",
  "http://site.org:6379/",
  "http://user:password@site.org/",
  "http://site.org@127.0.0.1/",
  "http://127.0.0.1#@site.org/",
  "https://project.supabase.co/rest/v1/pages",
  "https://PROJECT.supabase.co./functions/v1/crawl-cron",
  "not a url",
  "//site.org/",
  "",
];

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
  for (const location of refused.filter((url) => URL.canParse(url))) {
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
  for (const url of refused.filter((url) => URL.canParse(url))) {
    const location = new URL(url).href;
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
