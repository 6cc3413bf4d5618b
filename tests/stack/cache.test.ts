// Suites, benches and other checkouts share one cache: what one of them removes, another may be using.

import assert from "node:assert/strict";

Deno.test("processes that make, use and remove folders of one cache do not disturb each other", async () => {
  const cache = await Deno.makeTempDir();
  try {
    const user = async () => {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-lock", new URL("cache_user.ts", import.meta.url).pathname, ...[
          "kept",
          "5",
          "40",
          "2",
        ]],
        env: { PAGEPERFECT_CACHE: cache },
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return text(stdout) + text(stderr);
    };
    assert.deepEqual(await Promise.all(Array.from({ length: 5 }, user)), Array(5).fill("done\n"));
    const left = (await Array.fromAsync(Deno.readDir(cache), ({ name }) => name)).sort();
    assert.deepEqual(
      left.filter((name) => name.startsWith(".new-")),
      [],
      "nothing half removed is left",
    );
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});
