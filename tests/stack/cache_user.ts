// One of several processes that make, use and remove folders of one cache.
// Usage: cache_user.ts KIND NAMES ROUNDS KEEP; prints what it found amiss, and at the end "done".

import { fillOnce, keepNewest, whileKept } from "../../local/cache.ts";
import { cacheDir } from "../../local/paths.ts";

const [kind, names, rounds, keep] = Deno.args;
for (let round = 0; round < Number(rounds); round++) {
  const dir = `${cacheDir}/${kind}-${Math.floor(Math.random() * Number(names))}`;
  await whileKept(kind, async () => {
    await fillOnce(dir, async (temporary) => {
      for (let file = 0; file < 20; file++) await Deno.writeTextFile(`${temporary}/${file}`, "x");
    });
    const now = new Date();
    await Deno.utime(dir, now, now);
    for (let file = 0; file < 20; file++) {
      if (await Deno.readTextFile(`${dir}/${file}`) !== "x") console.log(`${dir}/${file} is empty`);
    }
  });
  await keepNewest(kind, Number(keep));
}
console.log("done");
