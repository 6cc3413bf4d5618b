// `doctor`: what this machine lacks, and how to get it.

import type { Command } from "npm:commander@15.1.0";
import { cacheDir, root, stateDir, tool } from "../local/paths.ts";
import { attachStack } from "../local/stack.ts";

interface Check {
  name: string;
  /** Only some commands need it. */
  optional?: string;
  ok: boolean;
  found?: string;
  /** How to get it. */
  fix?: string;
}

async function output(command: string, args: string[]): Promise<string | undefined> {
  try {
    const { code, stdout } = await new Deno.Command(command, {
      args,
      stdin: "null",
      stderr: "null",
    })
      .output();
    return code === 0 ? new TextDecoder().decode(stdout).trim().split("\n")[0] : undefined;
  } catch {
    return undefined;
  }
}

async function program(
  name: string,
  commands: [string, ...string[]][],
  fix: string,
  optional?: string,
): Promise<Check> {
  for (const [command, ...args] of commands) {
    const found = await output(command, args);
    if (found !== undefined) return { name, ok: true, found, optional };
  }
  return { name, ok: false, fix, optional };
}

async function writable(name: string, dir: string): Promise<Check> {
  try {
    await Deno.mkdir(dir, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir }));
    return { name, ok: true, found: dir };
  } catch (error) {
    return { name, ok: false, fix: `make ${dir} writable: ${(error as Error).message}` };
  }
}

async function wasmTarget(): Promise<Check> {
  const name = "wasm32 target";
  const sysroot = await output("rustc", ["--print", "sysroot"]);
  const { code } = await new Deno.Command("ls", {
    args: [`${sysroot}/lib/rustlib/wasm32-unknown-unknown/lib`],
    stdout: "null",
    stderr: "null",
  }).output();
  if (code === 0) return { name, ok: true, found: "of rustup" };
  const fix = "rustup target add wasm32-unknown-unknown; on Debian without rustup's servers, " +
    "build.sh falls back to the packages rustc-web, cargo-web and rust-web-src";
  if (await output("apt-get", ["--version"])) {
    return { name, ok: true, found: "Debian's, made by build.sh when it is needed" };
  }
  return { name, ok: false, fix };
}

async function checks(): Promise<Check[]> {
  const versioned = (command: string): [string, ...string[]] => [command, "--version"];
  return await Promise.all([
    program("node", [versioned("node")], "https://nodejs.org or 'apt-get install nodejs npm'"),
    program("npm", [versioned("npm")], "comes with node; 'apt-get install npm'"),
    program("python3", [versioned("python3")], "'apt-get install python3 python3-pip'"),
    program("pip", [["python3", "-m", "pip", "--version"]], "'apt-get install python3-pip'"),
    program("cargo", [versioned("cargo")], "https://rustup.rs"),
    program(
      "C compiler",
      [versioned("cc")],
      "'apt-get install gcc libc6-dev', 'xcode-select --install'",
    ),
    wasmTarget(),
    program("Deno", [[tool("deno"), "--version"]], `delete ${cacheDir} and run again`),
    program("Deno 2.1", [[tool("deno-2.1"), "--version"]], `delete ${cacheDir} and run again`),
    program("Supabase CLI", [[tool("supabase"), "--version"]], `delete ${cacheDir} and run again`),
    program("Postgres", [[tool("psql"), "--version"]], `delete ${cacheDir} and run again`),
    program(
      "built wasm",
      [["bash", `${root}/build.sh`, "--quick", "--check"]],
      "every command builds it when it needs it",
      "everything but itself",
    ),
    writable("cache", cacheDir),
    writable("state", stateDir),
    program(
      "Chromium and its driver",
      [["chromedriver", "--version"], ["/usr/bin/chromedriver", "--version"]],
      "'apt-get install chromium chromium-driver'; ./pageperfect test does so as root on Debian",
      "test",
    ),
    program("rustfmt", [["cargo", "fmt", "--version"]], "rustup component add rustfmt", "test"),
    program("clippy", [["cargo", "clippy", "--version"]], "rustup component add clippy", "test"),
  ]);
}

/** What must never be true of the running stack's jobs, and is. */
async function deepCheck(): Promise<Check> {
  const stack = await attachStack();
  if (!stack) {
    return {
      name: "engine invariants",
      ok: false,
      fix: "no stack is running: ./pageperfect up --detach",
    };
  }
  await using _ = stack;
  const broken = await stack.sql<{ rule: string; job_id: string; detail: string }[]>`
    select rule, job_id, detail from public.check_invariants()`;
  const [{ jobs }] = await stack.sql<{ jobs: number }[]>`
    select count(*)::int as jobs from pipeline.jobs`;
  return {
    name: "engine invariants",
    ok: broken.length === 0,
    found: `hold for ${jobs} jobs`,
    fix: `${broken.length} broken:\n` +
      broken.map(({ rule, job_id, detail }) =>
        `         not so: ${rule} (job ${job_id}, ${detail})`
      )
        .join("\n"),
  };
}

export function registerDoctor(commands: Command) {
  commands.command("doctor")
    .description("say what this machine lacks, and how to get it")
    .option("--deep", "also check the engine's invariants on the running stack")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean; deep?: boolean }) => {
      const results = await checks();
      if (options.deep) results.push(await deepCheck());
      const missing = results.filter(({ ok, optional }) => !ok && !optional);
      if (options.json) {
        console.log(JSON.stringify({ ok: missing.length === 0, checks: results }, null, 2));
      } else {
        for (const { name, ok, found, fix, optional } of results) {
          const use = optional ? ` (used by: ${optional})` : "";
          const state = ok ? "ok      " : optional ? "absent  " : "missing ";
          console.log(
            `${state} ${name}${use}: ${ok ? found || "current" : fix}`,
          );
        }
        const absent = results.filter(({ ok, optional }) => !ok && optional).length;
        console.log(
          missing.length > 0
            ? `\n${missing.length} missing`
            : absent > 0
            ? `\neverything that is always needed is there; ${absent} that some commands fetch or need are not`
            : "\nnothing is missing",
        );
      }
      if (missing.length > 0) Deno.exit(1);
    });
}
