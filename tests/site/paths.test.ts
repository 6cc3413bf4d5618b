// What `./pageperfect site` says of files and options before it begins or pays for anything.
import { deepEqual, doesNotMatch, match } from "node:assert/strict";
import { zipSync } from "npm:fflate@0.8.2";
import { root } from "../../local/paths.ts";

async function site(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "cli/main.ts", "site", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const [out, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, said };
}

Deno.test("files that cannot serve are told at once", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/export.csv`;
  await Deno.writeTextFile(file, "page,query\n");
  try {
    const cases: [RegExp, string[]][] = [
      [/nowhere\.csv cannot be read/, [`${folder}/nowhere.csv`]],
      [/nowhere\.txt cannot be read/, ["--list", `${folder}/nowhere.txt`]],
      [/is a folder/, [folder]],
      [/is no folder/, [file, "--folder", file]],
      [/--out .*export\.csv is no folder/, ["--sample", "--out", file]],
      [/--out .*plan is no folder/, ["--sample", "--out", `${file}/plan`]],
    ];
    for (const [reason, args] of cases) {
      const { code, out, said } = await site(...args);
      match(said, reason);
      // One line: nothing was built or started.
      deepEqual([code, out, said.trim().split("\n").length], [2, "", 1]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const encode = (text: string) => new TextEncoder().encode(text);
const utf16 = (text: string) =>
  new Uint8Array([
    0xff,
    0xfe,
    ...[...text].flatMap((c) => [c.charCodeAt(0) & 255, c.charCodeAt(0) >> 8]),
  ]);

Deno.test("tables and options that cannot serve are told before the stack starts, and nothing goes to stdout", async () => {
  const folder = await Deno.makeTempDir();
  const file = async (name: string, content: string | Uint8Array) => {
    await Deno.writeFile(
      `${folder}/${name}`,
      typeof content === "string" ? encode(content) : content,
    );
    return `${folder}/${name}`;
  };
  const header = "page,query,clicks,impressions,position\n";
  const queries = "Top queries,Clicks,Impressions,CTR,Position\nshoes,1,20,5%,3.1\n";
  const good = `${header}https://a.example/,shoes,1,20,3.1\n`;
  try {
    const cases: [RegExp, string[]][] = [
      [/has no rows below its header/, [await file("header.csv", header)]],
      [/has no rows below its header/, [await file("header16.csv", utf16(header))]],
      [/has no rows below its header/, ["--folder", folder, `${folder}/header.csv`]],
      [/names no column of pages[^]*pages and queries in one table/, [
        await file("queries.csv", queries),
      ]],
      [/holds no CSV file with a column of pages[^]*in one table/, [
        await file(
          "search-console.zip",
          zipSync({ "Queries.csv": encode(queries), "Pages.csv": encode("Top pages,Clicks\n") }),
        ),
      ]],
      [/holds no CSV file; a workbook/, [
        await file("table.xlsx", zipSync({ "xl/sheet1.xml": encode("<x/>") })),
      ]],
      [/line 2: clicks is not a whole number/, [
        await file("words.csv", `${header}https://a.example/,shoes,many,20,3\n`),
      ]],
      [/lacks query, impressions/, [
        "--sitemap",
        "https://a.example/sitemap.xml",
        await file("other.csv", "a,b\n1,2\n"),
      ]],
      [/no page: an index\.html each/, ["--folder", folder, await file("good.csv", good)]],
      [/no line is the address/, ["--list", await file("words.txt", "one\ntwo\n")]],
      [/names 10,001 pages/, [
        "--list",
        await file(
          "many.txt",
          Array.from({ length: 10_001 }, (_, i) => `https://a.example/${i}`).join("\n"),
        ),
      ]],
      [/from 1 to 10000/, ["--sample", "--max-pages", "0"]],
      [/above 0/, ["--sample", "--timeout", "-1"]],
      [/above 0/, ["--sample", "--max-usd", "free"]],
      [/from 0 to 366/, [`${folder}/good.csv`, "--every", "400"]],
      [/the id of a job/, ["--retry", "yesterday's"]],
    ];
    for (const [reason, args] of cases) {
      const { code, out, said } = await site(...args, "--json");
      match(said, reason);
      doesNotMatch(said, /starting the stack|site\.urls/);
      deepEqual([code, out], [2, ""], said);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
