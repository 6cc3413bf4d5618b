// Structured log lines: one JSON object a line. Callers pass ids, counts and error texts; HTML, drafts and
// secrets are never fields, and secrets that an error text quotes are blotted out.
import { secretValues } from "./env.ts";

export type Fields = Record<string, unknown>;

export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** A log whose lines carry these fields too. */
  with(fields: Fields): Log;
}

const longestText = 2_000;

function blotOutSecrets(text: string): string {
  for (const secret of secretValues()) {
    text = text.replaceAll(secret, "***").replaceAll(encodeURIComponent(secret), "***");
  }
  return text;
}

/** An error's text without any secret of the environment, cut to what a row or a log line should hold. */
export function errorText(error: unknown): string {
  const text = blotOutSecrets(error instanceof Error ? error.message : String(error));
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

/** A log to the console, each line with `fields`. */
export function createLog(fields: Fields = {}): Log {
  const write = (level: "info" | "warn" | "error") => (event: string, more: Fields = {}) =>
    console[level](
      blotOutSecrets(
        JSON.stringify({ at: new Date().toISOString(), level, event, ...fields, ...more }),
      ),
    );
  return {
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    with: (more) => createLog({ ...fields, ...more }),
  };
}
