// The command line as a user meets it, with input of every kind.

import { equal, match, ok } from "node:assert/strict";
import { root } from "../../local/paths.ts";

const dir = await Deno.makeTempDir({ prefix: "pageperfect-e2e-" });
const state = await Deno.makeTempDir({ prefix: "pageperfect-e2e-state-" });
await Deno.chmod(state, 0o755);
const csv = `${dir}/Queries.csv`;
await Deno.writeTextFile(
  csv,
  '\uFEFFTop queries,Clicks,Impressions,CTR,Position\nbread oven hire,12,"1,234",3.4%,5.6\nhire a bread oven,1,800,0.1%,9\nsourdough starter,4,300,1.3%,7\n',
);
const write = async (name: string, content: string | Uint8Array<ArrayBuffer>) => {
  const path = `${dir}/${name}`;
  if (typeof content === "string") await Deno.writeTextFile(path, content);
  else await Deno.writeFile(path, content);
  return path;
};
const article = (body: string) =>
  `<!doctype html><html lang="en"><head><title>Bread</title></head><body><main>${body}</main></body></html>`;

/** Runs `./pageperfect` with a state of its own, so that a developer's running stack is left alone. */
async function pageperfect(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(`${root}/pageperfect`, {
    args,
    cwd: dir,
    env: { PAGEPERFECT_STATE: state, NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("analyze", async (t) => {
  const up = await pageperfect(
    "up",
    "--detach",
    "--api-port",
    "0",
    "--db-port",
    "0",
    "--standins-port",
    "0",
  );
  equal(up.code, 0, up.err);
  try {
    await t.step("a local page: the report, as JSON and as files", async () => {
      const page = await write(
        "bread.html",
        article(
          "<h1>Sourdough starter</h1><p>A sourdough starter is flour and water that ferment.</p>",
        ),
      );
      const { code, out, err } = await pageperfect(
        "analyze",
        page,
        "--keywords",
        csv,
        "--json",
        "--out",
        `${dir}/report`,
      );
      equal(code, 0, err);
      const report = JSON.parse(out);
      ok(report.schema_version);
      match(JSON.stringify(report), /bread oven/);
      match(await Deno.readTextFile(`${dir}/report/report.md`), /bread oven/);
      equal(await Deno.readTextFile(`${dir}/report/report.json`), out);
    });

    const failures: [string, string[], number, RegExp][] = [
      ["a file that is not there", ["none.html"], 2, /there is no file/],
      [
        "a page that is not there",
        [`http://127.0.0.1:1/none`],
        2,
        /private|loopback|address|host/i,
      ],
      ["an address of a private network", ["http://10.1.2.3/"], 2, /private|address/i],
      ["a URL that is none", ["ftp://example.com/x"], 2, /http/],
      ["a PDF", [await write("paper.pdf", "%PDF-1.7 and so on")], 1, /not_html|HTML/i],
      [
        "an empty page",
        [await write("empty.html", article(""))],
        1,
        /empty|no text|no main content/i,
      ],
      [
        "a page of 5 MB",
        [await write("big.html", article("<p>word word word word</p>".repeat(220_000)))],
        1,
        /too_large|large|MB/i,
      ],
    ];
    for (const [what, args, exitCode, message] of failures) {
      await t.step(what, async () => {
        const { code, err } = await pageperfect(
          "analyze",
          ...args,
          "--keywords",
          csv,
          "--timeout",
          "600",
        );
        equal(code, exitCode, err);
        match(err, message);
      });
    }
    await t.step("a 404", async () => {
      const info = JSON.parse((await pageperfect("status", "--json")).out);
      const { code, err } = await pageperfect(
        "analyze",
        `${info.standinUrl ?? info.stack?.standinUrl}/files/none.html`,
        "--keywords",
        csv,
      );
      equal(code, 1, err);
      match(err, /404/);
      match(err, /dead letter/);
    });
    await t.step("a CSV with a broken line", async () => {
      const broken = await write(
        "broken.csv",
        "Top queries,Clicks,Impressions,CTR,Position\ngood,1,2,3%,4\nbad,one,2,3%,4\n",
      );
      const { code, err } = await pageperfect("analyze", "none.html", "--keywords", broken);
      equal(code, 2);
      match(err, /none.html|line 3/);
      const page = await write("fine.html", article("<p>Fine.</p>"));
      match((await pageperfect("analyze", page, "--keywords", broken)).err, /line 3/);
    });
    await t.step("status shows jobs and dead letters", async () => {
      const { code, out } = await pageperfect("status");
      equal(code, 0);
      match(out, /failed/);
    });
  } finally {
    equal((await pageperfect("down")).code, 0);
    await Deno.remove(dir, { recursive: true });
    await Deno.remove(state, { recursive: true });
  }
});
