// `build` and `bench`, and what every command does first: make sure that the wasm is built.

import type { Command } from "npm:commander@15.1.0";
import { cacheDir, exists, filesUnder, root, sha256, tool } from "../local/paths.ts";

async function buildScript(args: string[], quiet: boolean): Promise<number> {
  const child = new Deno.Command("bash", {
    args: [`${root}/build.sh`, ...args],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: quiet ? "null" : "inherit",
  }).spawn();
  // Its size report goes to stderr: a command's own stdout may be JSON.
  for await (const chunk of child.stdout) await Deno.stderr.write(chunk);
  return (await child.status).code;
}

/**
 * Builds the wasm modules unless they are current, and fetches the functions' packages once.
 *
 * @param profile what will do: `quick` is enough for whoever looks at one page, `release` is what is deployed and measured
 */
export async function ensureBuilt(
  report: (line: string) => void,
  profile: "quick" | "release" = "quick",
): Promise<void> {
  const quick = profile === "quick" ? ["--quick"] : [];
  if (await buildScript([...quick, "--check"], true) !== 0) {
    report("building the Rust crates to wasm (minutes the first time, seconds afterwards)");
    if (await buildScript(quick, false) !== 0) {
      throw new Error("the build failed, see above; ./pageperfect doctor says what is missing");
    }
  }
  const sources = (await filesUnder(`${root}/functions`, ".ts")).filter((file) =>
    !file.includes("/_shared/wasm/")
  );
  const imports = (await Promise.all(sources.map((file) => Deno.readTextFile(file))))
    .flatMap((text) => text.match(/"npm:[^"]+"/g) ?? []);
  const marker = `${cacheDir}/packages-${sha256(...new Set(imports.sort())).slice(0, 12)}`;
  if (await exists(marker)) return;
  report("fetching the functions' npm packages (once)");
  const entrypoints = sources.filter((file) => file.endsWith("/index.ts"));
  const { code } = await new Deno.Command(tool("deno"), {
    args: ["cache", "--quiet", "--no-lock", ...entrypoints],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error("the functions' npm packages could not be fetched, see above");
  await Deno.writeTextFile(marker, "");
}

export function registerBuild(program: Command) {
  program.command("build")
    .description("compile the Rust crates to the wasm modules of the functions")
    .option("--check", "only fail when the generated files are stale")
    .action(async (options: { check?: boolean }) => {
      const code = await buildScript(options.check ? ["--check"] : [], false);
      if (code !== 0) Deno.exit(code);
    });
}

export function registerBench(program: Command) {
  program.command("bench [name] [args...]")
    .description("run a benchmark, or all: prints a table and fails below its bar")
    .addHelpText(
      "after",
      `
Benchmarks:
  compute [--quick] [FILE.html ..]       the wasm modules beside JavaScript libraries and scikit-learn
  engine [--quick] [--soak SECONDS]      queue and jobs beside graphile-worker and pg-boss, on one Postgres
  insight [--data DIR] [--short] [--json]
                                         labelled pages: gaps, topics and places beside the plain rule
  slow [--seconds N] [--seed N] [--json] a search for texts whose cost grows faster than their length, in every reader
  web [--quick]                          the web app in Chromium: size, time to a report, frames of the map
  capacity [--stage.NAME=SECONDS ..]     pages a day by instances, what saturates first, and the cost`,
    )
    .allowUnknownOption()
    .action(async (name: string | undefined, args: string[]) => {
      const all = (await filesUnder(`${root}/bench`, "/run.ts")).map((file) =>
        file.split("/").at(-2)!
      );
      if (name !== undefined && !all.includes(name)) {
        throw new Error(
          `there is no benchmark ${name}: choose one of ${all.join(", ") || "(none)"}`,
        );
      }
      await ensureBuilt((line) => console.error(line), "release");
      let failed = 0;
      for (const bench of name === undefined ? all : [name]) {
        const { code } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", `${root}/bench/${bench}/run.ts`, ...args],
          cwd: root,
          stdin: "inherit",
          stdout: "inherit",
          stderr: "inherit",
        }).output();
        if (code !== 0) failed = code;
      }
      if (failed !== 0) Deno.exit(failed);
    });
}
