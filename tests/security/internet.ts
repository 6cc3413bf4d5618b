// Crawls every refused URL on a machine that is the whole internet: ssrf.test.ts runs this in a network of its own, in
// which each address, public or not, leads to the listeners below. The crawler, its fetch and its DNS are the real ones.
// Prints what was reached as JSON.

import { crawl } from "../../functions/_shared/crawl/crawl.ts";
import { testEnv } from "../functions/fakes.ts";
import { names, redirectTargets, refused } from "../functions/refused_urls.ts";

/** One line of the table: how the URLs came to the crawler, and where its connections went. */
export interface Row {
  way: string;
  urls: number;
  /** URLs for which some address other than the innocent start's was connected to. */
  reached: string[];
}

/** Where redirects start from; every other name leads to `publicAddress` or to what `names` says. */
const startAddress = "93.184.215.1";
const publicAddress = "93.184.215.14";
const addressesOf = (name: string) =>
  name.endsWith(".start.org") ? [startAddress] : names[name] ?? [publicAddress];

/** Addresses that were connected to since it was last emptied. */
const connections: string[] = [];

async function listen(port: number) {
  for await (const connection of Deno.listen({ hostname: "::", port })) {
    const { hostname } = connection.localAddr as Deno.NetAddr;
    connections.push(`${hostname.replace(/^::ffff:/, "")}:${port}`);
    answer(connection).catch(() => {});
  }
}

async function answer(connection: Deno.TcpConn) {
  const buffer = new Uint8Array(8_192);
  const length = await connection.read(buffer) ?? 0;
  const request = new TextDecoder().decode(buffer.subarray(0, length));
  const [, path = "/"] = request.split(" ");
  const host = /^host: (\S+)/im.exec(request)?.[1] ?? "";
  const location = redirects.get(`${host}${path}`);
  const head = location === undefined
    ? "200 OK\r\ncontent-type: text/html"
    : `302 Found\r\nlocation: ${location}`;
  const body = path === "/robots.txt" ? "" : "<p>secret</p>";
  await connection.write(new TextEncoder().encode(
    `HTTP/1.1 ${head}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  ));
  connection.close();
}

/** Where the page or the robots.txt of a start redirects to, by host and path. */
const redirects = new Map<string, string>();

/** Answers A and AAAA questions as RFC 1035 has it. */
async function serveNames() {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 53 });
  for await (const [question, from] of socket) {
    const labels: string[] = [];
    let at = 12;
    while (question[at] !== 0) {
      labels.push(new TextDecoder().decode(question.subarray(at + 1, at + 1 + question[at])));
      at += 1 + question[at];
    }
    const type = question[at + 2];
    const addresses = addressesOf(labels.join(".").toLowerCase())
      .filter((address) => address.includes(":") === (type === 28));
    const records = addresses.map((address) => {
      const bytes = address.includes(":") ? ipv6(address) : address.split(".").map(Number);
      return [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length, ...bytes];
    });
    const header = [...question.subarray(0, 2), 0x81, 0x80, 0, 1, 0, records.length, 0, 0, 0, 0];
    await socket.send(
      Uint8Array.from([...header, ...question.subarray(12, at + 5), ...records.flat()]),
      from,
    );
  }
}

function ipv6(address: string): number[] {
  const { hostname } = new URL(`http://[${address}]/`);
  const [left, right = ""] = hostname.slice(1, -1).split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":").map((g) => parseInt(g, 16));
  const [head, tail] = [groups(left), groups(right)];
  const zeros = new Array(8 - head.length - tail.length).fill(0);
  return [...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 255]);
}

/** Crawls `url`, and says what was connected to besides the start. */
async function connectionsOf(url: string, allowedHosts = ""): Promise<string[]> {
  connections.length = 0;
  const request = { url, premium: false, ultra_premium: false, render: false };
  await crawl(request, testEnv({ PAGEPERFECT_ALLOWED_HOSTS: allowedHosts })).catch(() => {});
  return connections.filter((address) => address !== `${startAddress}:80`);
}

async function tryAll(
  way: string,
  urls: string[],
  attempt: (url: string, index: number) => Promise<string[]>,
): Promise<Row> {
  const reached: string[] = [];
  for (const [index, url] of urls.entries()) {
    const connected = await attempt(url, index);
    if (connected.length > 0) reached.push(`${url} at ${connected[0]}`);
  }
  return { way, urls: urls.length, reached };
}

function hostAndPort(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname.replace(/\.$/, "")}:${port || (protocol === "https:" ? 443 : 80)}`;
}

if (import.meta.main) {
  for (const port of [22, 80, 443, 5432, 6379]) listen(port);
  serveNames();
  const rows = [
    await tryAll("submitted", refused, (url) => connectionsOf(url)),
    await tryAll("a page redirects there", redirectTargets, (url, i) => {
      redirects.set(`page${i}.start.org/`, url);
      return connectionsOf(`http://page${i}.start.org/`);
    }),
    await tryAll("a robots.txt redirects there", redirectTargets, (url, i) => {
      redirects.set(`robots${i}.start.org/robots.txt`, url);
      return connectionsOf(`http://robots${i}.start.org/`);
    }),
    await tryAll(
      "submitted, its host on the allow list",
      redirectTargets,
      (url) => connectionsOf(url, hostAndPort(url)),
    ),
    await tryAll(
      "public URLs submitted",
      ["http://site.org/", "http://93.184.215.14/"],
      (url) => connectionsOf(url),
    ),
  ];
  console.log(JSON.stringify(rows));
  Deno.exit(0);
}
