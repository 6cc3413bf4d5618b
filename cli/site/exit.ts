// How the command ends.

import { CommanderError } from "npm:commander@15.1.0";
import { say } from "../say.ts";

/** Exit codes: the job did not succeed; the command or its input is wrong; Ctrl-C. */
export const exitCodes = { job: 1, input: 2, interrupted: 130 };

/** Ends the command with a message, a line each. */
export function stop(exitCode: number, ...lines: string[]): never {
  for (const line of lines) say(line);
  throw new CommanderError(exitCode, "pageperfect.site", lines[0]);
}
