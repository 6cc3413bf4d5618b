// The commands of ./pageperfect.

import { Command, CommanderError } from "npm:commander@15.1.0";
import { registerAnalyze } from "./analyze.ts";
import { registerBench, registerBuild } from "./build.ts";
import { registerChaos } from "./chaos.ts";
import { registerDemo } from "./demo.ts";
import { registerDeploy } from "./deploy.ts";
import { registerDoctor } from "./doctor.ts";
import { registerGscImport } from "./gsc_import.ts";
import { registerStack } from "./stack.ts";
import { registerStatus } from "./status.ts";
import { registerTest } from "./test.ts";

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
  ./pageperfect analyze https://… --keywords queries.csv    the same on a page of yours`,
  )
  .showHelpAfterError("(--help shows what there is)")
  .exitOverride();

registerDemo(program);
registerAnalyze(program);
registerGscImport(program);
registerStack(program);
registerStatus(program);
registerBuild(program);
registerTest(program);
registerBench(program);
registerChaos(program);
registerDoctor(program);
registerDeploy(program);

try {
  await program.parseAsync(Deno.args, { from: "user" });
} catch (error) {
  // Commander has already printed what is wrong, or the help that was asked for.
  if (error instanceof CommanderError) Deno.exit(error.exitCode);
  if (Deno.env.get("PAGEPERFECT_DEBUG")) throw error;
  console.error(`pageperfect: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
// Pooled connections of libraries would keep the process for seconds after its work is done.
Deno.exit();
