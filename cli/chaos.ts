// `chaos`: kills workers at every boundary, and by the second under load, and prints what became of the jobs.

import type { Command } from "npm:commander@15.1.0";
import { importMatrix } from "../tests/chaos/import_matrix.ts";
import { killMatrix, type Outcome } from "../tests/chaos/kill_matrix.ts";
import { stepMatrix } from "../tests/chaos/step_matrix.ts";
import { storm, type StormResult } from "../tests/chaos/storm.ts";
import { ensureBuilt } from "./build.ts";
import { say } from "./say.ts";

function printMatrix(outcomes: Outcome[]) {
  const cell = (outcome?: Outcome) =>
    outcome === undefined
      ? "-"
      : outcome.problems.length > 0
      ? "FAILED"
      : `ok ${(outcome.recoveryMs / 1000).toFixed(1)} s`;
  for (const [name, own] of Map.groupBy(outcomes, (outcome) => outcome.function)) {
    console.log(`\n${name}`);
    const effects = Map.groupBy(
      own,
      ({ effect, faulty }) => effect + (faulty ? " (after an API error)" : ""),
    );
    for (const [effect, around] of effects) {
      const [before, after] = ["before", "after"].map((when) =>
        cell(around.find((outcome) => outcome.when === when))
      );
      console.log(`  ${effect.padEnd(62)} before ${before.padEnd(9)} after ${after}`);
    }
  }
  const failed = outcomes.filter(({ problems }) => problems.length > 0);
  for (const { function: name, when, effect, problems } of failed) {
    console.log(`\nFAILED ${name}, killed ${when} ${effect}:\n  ${problems.join("\n  ")}`);
  }
  const workers = new Set(
    outcomes.map((o) => o.function).filter((name) => name.endsWith("-worker")),
  );
  const slowest = Math.max(...outcomes.map(({ recoveryMs }) => recoveryMs));
  console.log(
    `\n${outcomes.length} boundaries of ${workers.size} stages, crawls, imports and workers that go step by step: ` +
      `${failed.length} lost, doubled or stuck; slowest recovery ${
        (slowest / 1000).toFixed(1)
      } s after the dead one's lease, with a tick of 1 s`,
  );
}

function printStorm(
  { jobs, kills, seconds, troubles, completedPerMinute, ended, problems }: StormResult,
) {
  const befell = Object.entries(troubles).map(([what, count]) => `, ${count} × ${what}`).join("");
  console.log(`\n${jobs} jobs in ${seconds} s, ${kills} processes killed${befell}:`);
  for (const [end, count] of Object.entries(ended)) {
    console.log(`  ${String(count).padStart(6)} ${end}`);
  }
  if (completedPerMinute.length > 2) {
    console.log(`  completed a minute: ${completedPerMinute.join(", ")}`);
  }
  for (const problem of problems) console.log(`  FAILED ${problem}`);
}

export function registerChaos(commands: Command) {
  commands.command("chaos")
    .description(
      "kill workers at every boundary (stages, crawls, imports, step by step) and check that nothing is lost or doubled",
    )
    .option(
      "--jobs <count>",
      "then run so many jobs while a process is killed every second",
      Number,
      0,
    )
    .option(
      "--minutes <count>",
      "then let jobs come for so long while processes are killed, messages deleted, sessions ended, crawls cancelled and snapshots held",
      Number,
      0,
    )
    .option("--no-matrix", "leave out the kills at every boundary")
    .option("--lanes <count>", "stacks that work at the same time", Number, 3)
    .option("--json", "print JSON")
    .action(
      async (
        options: { jobs: number; minutes: number; matrix: boolean; lanes: number; json?: boolean },
      ) => {
        await ensureBuilt(say);
        const report = (outcome: Outcome, done: number, all: number) =>
          say(
            `${done}/${all} ${outcome.problems.length ? "FAILED" : "ok"} ` +
              `${outcome.function} ${outcome.when} ${outcome.effect}`,
          );
        const outcomes = options.matrix
          ? [
            ...await killMatrix({ lanes: options.lanes, report }),
            ...await importMatrix(report),
            ...await stepMatrix(report),
          ]
          : [];
        const length = options.minutes > 0
          ? { minutes: options.minutes }
          : options.jobs > 0
          ? { jobs: options.jobs }
          : undefined;
        const result = length
          ? await storm({
            ...length,
            report: (open, kills) => say(`${open} jobs open, ${kills} processes killed`),
          })
          : undefined;
        if (options.json) console.log(JSON.stringify({ matrix: outcomes, storm: result }, null, 2));
        else {
          if (outcomes.length > 0) printMatrix(outcomes);
          if (result) printStorm(result);
        }
        const untrue = Object.keys(result?.ended ?? {}).some((end) =>
          !/^(completed|dead letter: )/.test(end)
        );
        if (
          untrue || result?.problems.length || outcomes.some(({ problems }) => problems.length > 0)
        ) {
          Deno.exit(1);
        }
      },
    );
}
