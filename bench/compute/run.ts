/**
 * The compute against what one would pick instead, each in a fresh process on one thread, in CPU
 * seconds. Fails below the bars.
 *
 *   ./pageperfect bench compute [--quick] [FILE.html ..]
 *
 * Peers are fetched into a temporary folder.
 */
import { Command } from "npm:commander@15.1.0";
import { join, resolve } from "node:path";
import process from "node:process";
import { embeddings, type Kind } from "./data.ts";

const here = import.meta.dirname!;
const command = new Command("bench compute")
  .argument("[pages...]", "HTML files to segment", [join(here, "../../cli/sample/index.html")])
  .option("--quick", "without 25,000 keywords and without peers at more than 1,000")
  .parse(Deno.args, { from: "user" });
const { quick } = command.opts<{ quick?: boolean }>();
const pages: string[] = command.processedArgs[0];
const folder = Deno.makeTempDirSync({ prefix: "bench-compute-" });
const failures: string[] = [];

interface Result {
  cpu_s: number;
  warm_cpu_s?: number;
  ingest_cpu_s?: number;
  wasm_mb?: number;
  check?: number;
  what?: string;
}

async function run(command: string, args: string[]): Promise<string> {
  const env = { DENO_DIR: join(folder, "deno"), PYTHONPATH: join(folder, "python") };
  const output = await new Deno.Command(command, { args, env, stderr: "piped" }).output();
  if (!output.success) throw new Error(new TextDecoder().decode(output.stderr).trim());
  return new TextDecoder().decode(output.stdout);
}

/** The median of `times` fresh processes. */
async function measure(name: string, files: string[], times = 1): Promise<Result | undefined> {
  try {
    const results: Result[] = [];
    for (let i = 0; i < times; i++) {
      const output = name === "cluster scikit-learn"
        ? await run("python3", [join(here, "scikit_learn.py"), ...files])
        : await run(Deno.execPath(), [
          ...["run", "-A", "--no-lock", "--no-config", join(here, "case.ts")],
          ...[name, ...files],
        ]);
      results.push(JSON.parse(output));
    }
    return results.sort((a, b) => a.cpu_s - b.cpu_s)[times >> 1];
  } catch (error) {
    const reason = String(error).split("\n").findLast((line) => line.includes("rror"));
    console.log(`  ${name}: not measured (${reason})`);
  }
}

function data(kind: Kind, count: number): string {
  const file = join(folder, `${kind}-${count}.f32`);
  try {
    Deno.statSync(file);
  } catch {
    Deno.writeFileSync(file, new Uint8Array(embeddings(kind, count).buffer as ArrayBuffer));
  }
  return file;
}

function seconds(value: number): string {
  return value < 1 ? `${(value * 1000).toFixed(1)} ms` : `${value.toFixed(2)} s`;
}

function title(text: string) {
  console.log(`\n${text}`);
}

function bar(what: string, value: number, most: number, unit: string) {
  const met = value <= most;
  console.log(
    `  ${met ? "ok  " : "MISS"} ${what}: ${+value.toPrecision(3)} ${unit}, bar ${+most.toPrecision(
      3,
    )} ${unit}`,
  );
  if (!met) failures.push(what);
}

/** Prints contenders with their ratio to the first; all must have found the same. */
async function compare(names: string[], files: string[], times = 1): Promise<Result | undefined> {
  let ours: Result | undefined;
  for (const name of names) {
    const result = await measure(name, files, name === names[0] ? times : 1);
    if (result === undefined) continue;
    ours ??= result;
    const warm = result.warm_cpu_s === undefined ? "" : `  warm ${seconds(result.warm_cpu_s)}`;
    const same = result.check === ours.check ? "" : "  (another result)";
    const ratio = `${(result.cpu_s / ours.cpu_s).toFixed(1)}x`;
    console.log(
      `  ${name.padEnd(28)} ${seconds(result.cpu_s).padStart(9)} ${
        ratio.padStart(8)
      }${warm}${same}`,
    );
  }
  return ours;
}

try {
  const python = await run("python3", [
    ...["-m", "pip", "install", "-q", "--target", join(folder, "python"), "scikit-learn"],
  ]).then(() => ["cluster scikit-learn"], () => []);
  if (python.length === 0) console.log("scikit-learn could not be installed: left out");

  title("DBSCAN, 1,000 x 1,536, first call");
  await compare(
    ["cluster wasm", "cluster typed arrays", "cluster density-clustering", ...python],
    [data("site", 1000)],
    3,
  );
  if (!quick) {
    title("DBSCAN, 5,000 x 1,536, first call");
    await compare(["cluster wasm", "cluster typed arrays", ...python], [data("site", 5000)], 3);
  }

  title("DBSCAN, 10,000 x 1,536, first call");
  const ten = await compare(
    ["cluster wasm", ...(quick ? [] : ["cluster exact", ...python])],
    [data("site", 10_000)],
    3,
  );
  if (ten) bar("10,000 keywords, first call", ten.cpu_s, 0.6, "s");

  if (!quick) {
    const worst: Record<string, number> = {};
    for (const kind of ["site", "multi", "flat", "homog"] as const) {
      title(`DBSCAN, 25,000 x 1,536, ${kind}, first call`);
      const contenders = ["cluster wasm", ...(kind === "site" ? ["cluster exact"] : [])];
      const result = await compare(contenders, [data(kind, 25_000)], kind === "site" ? 3 : 1);
      if (result === undefined) continue;
      worst[kind] = result.cpu_s;
      if (kind === "site") {
        bar("25,000 keywords, first call", result.cpu_s, 2.3, "s");
        bar("25,000 keywords, wasm memory", result.wasm_mb!, 100, "MB");
        bar("25,000 keywords, ingest of base64", result.ingest_cpu_s!, 0.3, "s");
      }
      Deno.removeSync(data(kind, 25_000));
    }
    bar("25,000 keywords, worst data", Math.max(...Object.values(worst)), 8, "s");
    title("Ingest of 25,000 vectors as text");
    await compare(["ingest JSON.parse"], [data("site", 1000)]);
  }

  title("Gap scoring, 200 clusters x 1,000 segments (ingest apart)");
  const gap = await compare(["gap wasm", "gap typed arrays"], [data("site", 5000)], 3);
  if (gap) bar("gap scoring, warm", gap.warm_cpu_s! * 1000, 21, "ms");

  const size = pages.reduce((sum, page) => sum + Deno.statSync(page).size, 0) / 1e6;
  title(`Segmentation of ${pages.length} page(s), ${size.toFixed(2)} MB`);
  const segments = await compare(
    ["segment wasm", "segment cheerio p", "segment readability"],
    pages.map((page) => resolve(page)),
    3,
  );
  if (segments) {
    const rate = size / segments.warm_cpu_s!;
    console.log(`  ${rate.toFixed(1)} MB/s warm`);
    // The sample page alone is all text, and says little about pages as they are.
    if (size >= 1) bar("segmentation, warm", 1000 / rate, 1000 / 30, "ms/MB");
  }

  title("Segmentation of hostile pages");
  const worst = await measure("segment hostile", []);
  if (worst) bar(`worst page, ${worst.what}`, worst.cpu_s * 1000, 200, "ms");

  title("Modules, raw wasm");
  for (const name of ["segment", "cluster", "gap"]) {
    const file = join(here, `../../functions/_shared/wasm/${name}.wasm.ts`);
    const kilobytes = Deno.statSync(file).size * 0.75 / 1000;
    if (name === "segment") bar(name, kilobytes, 800, "kB");
    else console.log(`       ${name}: ${kilobytes.toFixed(0)} kB`);
  }
} finally {
  Deno.removeSync(folder, { recursive: true });
}
console.log(failures.length === 0 ? "\nall bars met" : `\nmissed: ${failures.join(", ")}`);
process.exit(failures.length === 0 ? 0 : 1);
