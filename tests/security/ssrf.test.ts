// Refused URLs against listeners on the addresses they mean: not one connection may arrive. Each test also shows that
// its listeners are there to be reached, so that it can fail.

import { deepEqual, equal, ok } from "node:assert/strict";
import { tool } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";
import { until } from "../functions/fakes.ts";
import { names, redirectTargets, refused } from "../functions/refused_urls.ts";
import { showTable } from "../tables.ts";
import type { Row } from "./internet.ts";

const lines = (rows: Row[]) =>
  rows.map(({ way, urls, reached }) =>
    `${way.padEnd(44)}${String(reached.length).padStart(4)} of ${urls} reached`
  );

/** Runs a command in a network in which every address, IPv4 or IPv6, is this machine, with a name server of its own. */
async function inOwnNetwork(command: string): Promise<{ code: number; out: string; err: string }> {
  const resolvConf = await Deno.makeTempFile();
  await Deno.writeTextFile(resolvConf, "nameserver 127.0.0.1\n");
  await Deno.chmod(resolvConf, 0o644);
  const script = `
    ip link set lo up
    ip route add local default dev lo
    ip -6 route add local default dev lo
    mount --bind '${resolvConf}' /etc/resolv.conf
    ${command}`;
  try {
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: ["--map-root-user", "--net", "--mount", "sh", "-ec", script],
      stdout: "piped",
      stderr: "piped",
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, out, err };
  } catch (error) {
    return { code: 127, out: "", err: (error as Error).message };
  } finally {
    await Deno.remove(resolvConf);
  }
}

const { code, err } = await inOwnNetwork("true");
const canIsolate = code === 0;
if (!canIsolate) {
  showTable("No network of its own for refused addresses beyond loopback", [
    `unshare says "${err.trim()}"; it takes Linux with user namespaces, util-linux and iproute2`,
  ]);
}

for (const deno of ["deno", "deno-2.1"] as const) {
  Deno.test({
    name: `no refused URL reaches any address of the internet (${deno})`,
    ignore: !canIsolate,
    async fn() {
      const program = new URL("internet.ts", import.meta.url).pathname;
      const { code, out, err } = await inOwnNetwork(
        `DENO_NO_UPDATE_CHECK=1 '${
          tool(deno)
        }' run -A --quiet --no-check --no-lock --unstable-net '${program}'`,
      );
      equal(code, 0, err);
      const rows: Row[] = JSON.parse(out);
      showTable(`SSRF where every address is a listener's (${deno})`, lines(rows));
      const [submitted, page, robots, allowed, open] = rows;
      ok(submitted.urls >= 60);
      for (const { way, reached } of [submitted, page, robots]) deepEqual(reached, [], way);
      // All but other schemes, the project's own host, a password and what no connection can be made to.
      ok(allowed.reached.length >= 60, `only ${allowed.reached.length} reach a listener at all`);
      equal(open.reached.length, open.urls);
    },
  });
}

/** Loopback addresses that refused URLs mean, and their ports as far as they may be bound here. */
function listenOnLoopback(onConnection: () => void) {
  const listeners: Deno.TcpListener[] = [];
  const bind = (hostname: string, port: number) => {
    try {
      const listener = Deno.listen({ hostname, port });
      listeners.push(listener);
      (async () => {
        for await (const connection of listener) {
          onConnection();
          connection.close();
        }
      })();
      return (listener.addr as Deno.NetAddr).port;
    } catch (error) {
      // Ports below 1024 are root's, and another program may have them.
      if (port !== 0 && !(error instanceof TypeError)) return undefined;
      throw error;
    }
  };
  const hosts = ["127.0.0.1", "127.255.255.254", "::1"];
  const ports = new Set(hosts.flatMap((host) => [80, 443].map((port) => bind(host, port))));
  const high = bind("127.0.0.1", 0)!;
  hosts.slice(1).forEach((host) => bind(host, high));
  return { ports: [...ports, high].filter((port) => port !== undefined), high, listeners };
}

Deno.test({
  name: "no refused URL reaches a loopback listener through the deployed functions",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    let connectionCount = 0;
    const { ports, high, listeners } = listenOnLoopback(() => connectionCount++);
    // A site on the allow list, on an address that is refused otherwise.
    let visitCount = 0;
    const site = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      visitCount++;
      const location = new URL(request.url).searchParams.get("to");
      return location === null
        ? new Response("<p>page</p>", { headers: { "content-type": "text/html" } })
        : new Response(null, { status: 302, headers: { location } });
    });
    const siteUrl = `http://127.0.0.1:${site.addr.port}/`;
    await using stack = await startStack({
      ticker: false,
      env: { PAGEPERFECT_ALLOWED_HOSTS: new URL(siteUrl).host },
    });
    const { sql } = stack;

    // What names lead to is the other test's: here the machine's own name server answers.
    const forHere = (urls: string[]) =>
      urls.filter((url) => !names[url.slice("http://".length, -1)])
        .map((url) => url.replace(/^https:\/\/project\.supabase\.co\.?/i, stack.apiUrl));
    const [urls, targets] = [forHere(refused), forHere(redirectTargets)];
    // The same hosts on a port that anybody may bind.
    const onHighPort = targets.filter((url) => url.startsWith("http:")).map((url) => {
      const other = new URL(url);
      other.port = String(high);
      return other.href;
    });
    const all = [...urls, ...onHighPort];
    const post = (name: string, body: unknown) =>
      fetch(`${stack.apiUrl}/functions/v1/${name}`, {
        method: "POST",
        headers: { apikey: stack.secretKey },
        body: JSON.stringify(body),
      });
    const reachedBy = async (work: () => Promise<void>) => {
      connectionCount = 0;
      await work();
      return new Array(connectionCount).fill("a listener");
    };
    /** Crawls as if the URLs had passed intake and the first stage. */
    const crawlAll = async (targets: string[]) => {
      await sql`
        with page as (insert into pages (url) values (${crypto.randomUUID()}) returning id)
        insert into crawl_jobs (page_id, url) select page.id, t.url from page, unnest(${targets}::text[]) as t (url)`;
      await (await post("crawl-cron", {})).body?.cancel();
      await until(
        async () => {
          const [{ open }] = await sql`
            select count(*)::int as open from crawl_jobs where status in ('pending', 'processing')`;
          return open === 0;
        },
        "every crawl ends",
        60_000,
      );
    };

    const rows: Row[] = [
      {
        way: "pageperfect-workflow",
        urls: all.length,
        reached: await reachedBy(async () => {
          for (const url of all) {
            const response = await post("pageperfect-workflow", { url });
            equal(response.status, 400, url);
            equal((await response.json()).errors[0].field, "url", url);
          }
        }),
      },
      { way: "crawl-cron", urls: all.length, reached: await reachedBy(() => crawlAll(all)) },
      {
        way: "crawl-cron, redirected from an allowed site",
        urls: targets.length + onHighPort.length,
        reached: await reachedBy(() =>
          crawlAll(
            [...targets, ...onHighPort].map((url) => `${siteUrl}?to=${encodeURIComponent(url)}`),
          )
        ),
      },
    ];
    const failed = await sql`
      select count(*)::int as count from crawl_jobs where status = 'failed' and attempt_count = 1`;
    equal(failed[0].count, all.length + rows[2].urls, "refused at the first attempt");
    equal(visitCount, rows[2].urls, "the allowed site on 127.0.0.1 is reached each time");
    await crawlAll([siteUrl]);
    const [page] = await sql`select html from crawl_jobs where status = 'completed'`;
    equal(page.html, "<p>page</p>");
    let reachable = 0;
    for (const url of [...targets, ...onHighPort].filter((url) => /^https?:/.test(url))) {
      if (!/^(127|\[|0\.|localhost)/.test(new URL(url).hostname)) continue;
      connectionCount = 0;
      await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(2_000) }).catch(() => {});
      if (connectionCount > 0) reachable++;
    }
    showTable("SSRF through the functions", [
      `listeners on 127.0.0.1, 127.255.255.254 and [::1], ports ${ports.join(", ")}`,
      ...lines(rows),
      `(a plain fetch reaches them with ${reachable} of the URLs)`,
    ]);
    for (const { way, reached } of rows) equal(reached.length, 0, way);
    ok(reachable >= 20, `a plain fetch reaches the listeners with ${reachable} URLs only`);

    for (const listener of listeners) listener.close();
    await site.shutdown();
  },
});
