// A Supabase project, reached through the Supabase CLI.

import { resolve } from "node:path";
import { root, tool } from "../../local/paths.ts";

/** Which project, and how it is reached. */
export interface ProjectOptions {
  projectRef?: string;
  /** Reaches the database where the project's own host cannot be. */
  dbUrl?: string;
  /** The Supabase CLI's profile, for another Management API. */
  profile?: string;
}

/** The 20 letters in https://<ref>.supabase.co. */
export const isProjectRef = (text: string | null | undefined): text is string =>
  /^[a-z]{20}$/.test(text ?? "");

export async function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: root,
    env: { DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1", NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A connection string without its password, which arguments would show to every user of the machine. */
export function splitPassword(dbUrl: string | undefined): { url?: string; password?: string } {
  if (!dbUrl || !URL.canParse(dbUrl)) return { url: dbUrl };
  const url = new URL(dbUrl);
  const password = decodeURIComponent(url.password);
  url.password = "";
  return password ? { url: url.href, password } : { url: dbUrl };
}

/** Runs the Supabase CLI on the project; what it prints when it fails never holds a secret. */
export function cli(options: ProjectOptions, hidden: string[]) {
  const { password } = splitPassword(options.dbUrl);
  return async (what: string, args: string[], advice: string): Promise<string> => {
    const profile = options.profile ? ["--profile", resolve(options.profile)] : [];
    const result = await run(
      tool("supabase"),
      [...args, "--yes", ...profile],
      password === undefined ? {} : { PGPASSWORD: password },
    );
    // A module that is missing is only a warning to the CLI, and the function is broken.
    if (result.code !== 0 || /failed to read file/.test(result.stderr)) {
      const text = blot(`${result.stdout}\n${result.stderr}`.trim(), [...hidden, password ?? ""]);
      throw new Error(`${what} failed; ${advice}, then run the same command again:\n${text}`);
    }
    return result.stdout;
  };
}

export interface Database {
  /** Rows of a query that only reads. */
  read<Row>(what: string, sql: string): Promise<Row[]>;
  /** Runs a statement from a file that only its owner may read: it may hold secrets, and be long. */
  run(what: string, sql: string, advice?: string): Promise<void>;
}

export function databaseOf(options: ProjectOptions, hidden: string[] = []): Database {
  const remote = `--remote=${splitPassword(options.dbUrl).url ?? options.projectRef}`;
  const supabase = cli(options, [...hidden, options.dbUrl ?? ""]);
  const advice =
    "see the message. Without IPv6 pass --db-url with the session pooler's connection string (Dashboard, Connect)";
  const asJson = ["--agent", "no", "--output-format", "json"];
  return {
    read: async (what, sql) =>
      JSON.parse(
        await supabase(what, ["db", "query", "--read-only", ...asJson, remote, sql], advice),
      ),
    run: async (what, sql, how = "see the message; the database is as it was") => {
      const file = await Deno.makeTempFile({ prefix: "pageperfect-", suffix: ".sql" });
      try {
        await Deno.chmod(file, 0o600);
        await Deno.writeTextFile(file, sql);
        await supabase(what, ["db", "query", "--file", file, remote], how);
      } finally {
        await Deno.remove(file);
      }
    },
  };
}

/** Text of a failed CLI call without the secrets that it might quote. */
function blot(text: string, secrets: string[]): string {
  for (const secret of secrets) if (secret.length >= 6) text = text.replaceAll(secret, "***");
  return text;
}
