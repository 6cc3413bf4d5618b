// The settings that a project's functions get, from the env file.

import { parseEnv } from "node:util";
import { EnvError, type Need, readEnv } from "../../functions/_shared/platform/env.ts";

/** The key that the schedules call the functions with; goes to Vault, never to the functions. */
const scheduleKeyName = "PAGEPERFECT_SECRET_KEY";

/** The names of the settings that functions read. */
export function settingNames(): Set<string> {
  const names = new Set<string>();
  try {
    readEnv(["embeddings", "draft", "search_console"], (name) => {
      names.add(name);
      return undefined;
    });
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
  }
  return names;
}

/** Sorts the env file into what the functions get and what they do not, and checks that it is complete. */
export function checkSecrets(env: Record<string, string>, projectUrl: string) {
  const problems: string[] = [];
  const names = settingNames();
  const secrets: Record<string, string> = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (name === scheduleKeyName || value === "") continue;
    if (name.startsWith("SUPABASE_") || !names.has(name)) ignored.push(name);
    else if (/['\r\n]/.test(value)) {
      problems.push(`${name} must not contain a quote or a line break`);
    } else secrets[name] = value;
    if (
      /_BASE_URL$/.test(name) && /^https?:\/\/(localhost|127\.|\[::1\]|host\.docker\.)/.test(value)
    ) {
      problems.push(`${name} is on this machine, which Supabase's functions cannot reach`);
    }
  }
  try {
    // The project provides the SUPABASE_ settings itself.
    const provided: Record<string, string> = {
      SUPABASE_URL: projectUrl,
      SUPABASE_SECRET_KEYS: '{"default":"provided"}',
    };
    const needs: Need[] = ["embeddings", "draft"];
    if (secrets.GOOGLE_SERVICE_ACCOUNT) needs.push("search_console");
    readEnv(needs, (name) => provided[name] ?? secrets[name]);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    problems.push(...error.problems);
  }
  const key = env[scheduleKeyName] ?? "";
  if (key === "") {
    problems.push(
      `${scheduleKeyName} is missing (a secret key named for this, sb_secret_…: Dashboard, Settings, API Keys)`,
    );
  } else if (key.startsWith("sb_publishable_")) {
    problems.push(`${scheduleKeyName} is a publishable key: the schedules need a secret one`);
  }
  return { secrets, ignored, problems, scheduleKey: key };
}

export async function readEnvFile(path: string): Promise<Record<string, string> | undefined> {
  try {
    return { ...parseEnv(await Deno.readTextFile(path)) } as Record<string, string>;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
