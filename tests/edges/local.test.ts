// S3, S5, S11: what serves and runs on the own machine, and what a draft may smuggle.

import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { splitPassword } from "../../cli/deploy/project.ts";
import { edges, shownBy } from "./edge.ts";

edges("the own machine", [
  {
    id: "S3",
    fault: "the ScraperAPI stand-in reads any file to anyone",
    before:
      "file:///etc/shadow and stack.json to whoever asked on loopback, by any name of the host",
    async now({ stack }) {
      const scrape = async (query: Record<string, string>, host?: string) => {
        const { hostname, port } = new URL(stack.standinUrl);
        // fetch would not send another Host.
        const connection = await Deno.connect({ hostname, port: Number(port) });
        const path = `/scraper/?${new URLSearchParams(query)}`;
        await connection.write(new TextEncoder().encode(
          `GET ${path} HTTP/1.1\r\nHost: ${
            host ?? `${hostname}:${port}`
          }\r\nConnection: close\r\n\r\n`,
        ));
        const answer = await new Response(connection.readable).text();
        return Number(answer.split(" ")[1]);
      };
      const url = "file:///etc/passwd";
      equal(await scrape({ api_key: "any", url }), 401);
      equal(await scrape({ api_key: stack.secretKey, url }), 400);
      equal(await scrape({ api_key: stack.secretKey, url }, "evil.example"), 421);
      return "http and https only, with the stack's key, under a loopback name";
    },
  },
  shownBy(
    "S5",
    "footnotes, images and javascript: smuggle links into a draft",
    "the draft was stored with them",
    "crates/draft/tests/answer.rs#no_dialect_of_markdown_makes_more_of_a_draft",
  ),
  {
    id: "S11",
    fault: "more rights and secrets than needed on the own machine",
    before:
      "local functions ran with -A; deploy --db-url showed the password in the arguments of a process",
    async now({ stack }) {
      const response = await fetch(`${stack.apiUrl}/functions/v1/content-queue-dispatcher`, {
        headers: { apikey: stack.secretKey },
      });
      await response.body?.cancel();
      const pid = stack.functions.pid("content-queue-dispatcher");
      const command = await Deno.readTextFile(`/proc/${pid}/cmdline`);
      match(command, /\0--allow-net\0/);
      doesNotMatch(command, /\0(-A|--allow-all|--allow-write|--allow-run|--allow-ffi)\b/);
      deepEqual(splitPassword("postgresql://postgres:p%40ss@db.example:5432/postgres"), {
        url: "postgresql://postgres@db.example:5432/postgres",
        password: "p@ss",
      });
      return "functions reach the network, their settings and their code; the password goes by the environment";
    },
  },
]);
