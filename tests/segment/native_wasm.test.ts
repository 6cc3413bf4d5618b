// The segmenter answers the same wherever it runs: natively, where it is judged, and as the wasm
// module that ships. Its model works with floats, so this is not a matter of course.

import { deepEqual, equal } from "node:assert/strict";
import { hostilePages } from "../../bench/compute/data.ts";
import { segment } from "../../functions/_shared/wasm/segment.ts";

const root = new URL("../../", import.meta.url);
const url = "https://example.com/guides/winter";

/** Pages that a real one falls into when its pieces are mixed, some of them broken in the middle. */
function* mixed(page: string, count: number): Generator<[string, string]> {
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let number = 0; number < count; number++) {
    let html = "";
    for (let left = 1 + random(12); left > 0; left--) {
      const start = random(page.length);
      html += page.slice(start, start + random(page.length / 4));
    }
    // Half of a surrogate pair would not be the same text for both.
    yield [`mixed ${number}`, html.toWellFormed()];
  }
}

/** All pages through `pageperfect-score segment --whole`, in order. */
async function native(pages: [string, string][]): Promise<unknown[]> {
  const child = new Deno.Command("cargo", {
    args: ["run", "-q", "-p", "pageperfect-score", "--", "segment", "--whole"],
    cwd: root,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  for (const [id, html] of pages) {
    await writer.write(new TextEncoder().encode(JSON.stringify({ id, url, html }) + "\n"));
  }
  await writer.close();
  const { success, stdout } = await output;
  equal(success, true);
  return new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("native_and_wasm_segment_alike", async () => {
  const sample = Deno.readTextFileSync(new URL("cli/sample/index.html", root));
  const pages = [["sample", sample], ...mixed(sample, 300), ...hostilePages()] as [
    string,
    string,
  ][];
  const answers = await native(pages);
  equal(answers.length, pages.length);
  for (const [index, [id, html]] of pages.entries()) {
    deepEqual({ id, ...segment(html, url) }, answers[index], id);
  }
});
