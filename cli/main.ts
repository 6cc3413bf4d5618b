// The commands of ./pageperfect.

import { Command, CommanderError, InvalidArgumentError } from "npm:commander@15.1.0";

/**
 * The modules by the commands they hold, in the order of the help. Only the one that is asked for is loaded: all of them
 * together take tens of megabytes and half a second.
 */
const modules: [commands: string[], register: () => Promise<(program: Command) => void>][] = [
  [["demo"], async () => (await import("./demo.ts")).registerDemo],
  [["analyze"], async () => (await import("./analyze.ts")).registerAnalyze],
  [["report", "compare"], async () => (await import("./report.ts")).registerReport],
  [["site"], async () => (await import("./site/site.ts")).registerSite],
  [["gsc-import"], async () => (await import("./gsc_import.ts")).registerGscImport],
  [["up", "down", "reset"], async () => (await import("./stack.ts")).registerStack],
  [["status"], async () => (await import("./status.ts")).registerStatus],
  [["dashboard"], async () => (await import("./dashboard.ts")).registerDashboard],
  [["token"], async () => (await import("./token.ts")).registerToken],
  [["build"], async () => (await import("./build.ts")).registerBuild],
  [["test"], async () => (await import("./test.ts")).registerTest],
  [["bench"], async () => (await import("./build.ts")).registerBench],
  [["chaos"], async () => (await import("./chaos.ts")).registerChaos],
  [["doctor"], async () => (await import("./doctor.ts")).registerDoctor],
  [["schema"], async () => (await import("./schema.ts")).registerSchema],
  [["deploy"], async () => (await import("./deploy/deploy.ts")).registerDeploy],
  [["remove"], async () => (await import("./deploy/remove.ts")).registerRemove],
];

const program = new Command("pageperfect")
  .description(
    "Finds what people search for and a page does not answer.\n" +
      "Runs the whole pipeline on this machine: real Postgres, real queues, the same functions that deploy.",
  )
  .addHelpText(
    "after",
    `
Start with:
  ./pageperfect demo                                        the pipeline on a sample page
  ./pageperfect analyze https://… --keywords queries.csv    the same on a page of yours
  ./pageperfect dashboard                                   both, in your browser

Exit codes:
  0    done
  1    it did not work out: a job failed, a test failed, something is missing
  2    the command or its input is wrong
  130  interrupted`,
  )
  .showHelpAfterError("(--help shows what there is)")
  .exitOverride();

const asked = modules.filter(([commands]) => commands.includes(Deno.args[0]));
for (const [, register] of asked.length > 0 ? asked : modules) (await register())(program);
// Commander takes whatever follows for an option's value: `--property --out DIR` would name the property "--out".
for (const option of program.commands.flatMap((command) => command.options)) {
  if (!option.required || option.parseArg !== undefined) continue;
  option.argParser((value: string) => {
    if (value.startsWith("--")) throw new InvalidArgumentError("its value is missing");
    return value;
  });
}

try {
  await program.parseAsync(Deno.args, { from: "user" });
} catch (error) {
  // Commander has already printed what is wrong, or the help that was asked for.
  if (error instanceof CommanderError) {
    // Its own are of the command line; those of our commands carry their code.
    Deno.exit(error.exitCode !== 0 && error.code.startsWith("commander.") ? 2 : error.exitCode);
  }
  if (Deno.env.get("PAGEPERFECT_DEBUG")) throw error;
  console.error(`pageperfect: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
// Pooled connections of libraries would keep the process for seconds after its work is done.
Deno.exit();
