// What `./pageperfect site` says of files before it builds, begins or pays for anything.
import { deepEqual, match } from "node:assert/strict";
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
