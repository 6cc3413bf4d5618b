// A plan's files.

import { say } from "../say.ts";
import { renderCsv } from "./csv.ts";
import { exitCodes, stop } from "./exit.ts";
import { renderHtml } from "./html.ts";
import { briefsOf, renderMarkdown } from "./markdown.ts";
import type { SitePlan } from "./plan.ts";

/** Writes every form of a plan into folder `out`, and takes away what an earlier plan had there and this one has not. */
export async function write(plan: SitePlan, out: string) {
  const dir = out.replace(/\/+$/, "") || "/";
  const briefs = briefsOf(plan);
  try {
    // Of an earlier plan, what this one has no brief for.
    const before = await Deno.readTextFile(`${dir}/plan.json`).then(
      (text) => [...briefsOf(JSON.parse(text)).keys()],
      () => [],
    );
    await Deno.mkdir(`${dir}/briefs`, { recursive: true });
    for (const name of before.filter((name) => !briefs.has(name))) {
      await Deno.remove(`${dir}/briefs/${name}`).catch(() => {});
    }
    const files: [name: string, text: string][] = [
      ["edits.csv", renderCsv(plan)],
      ["plan.md", renderMarkdown(plan)],
      ["plan.html", renderHtml(plan)],
      ...[...briefs].map(([name, text]): [string, string] => [`briefs/${name}`, text]),
      ["plan.json", JSON.stringify(plan, null, 2) + "\n"],
    ];
    for (const [name, text] of files) await replaceFile(`${dir}/${name}`, text);
  } catch (error) {
    stop(exitCodes.job, `the plan cannot be written into ${dir}: ${(error as Error).message}`);
  }
  say(`wrote edits.csv, plan.md, plan.html, plan.json and ${briefs.size} briefs into ${dir}`);
}

/** Writes a file whole or not at all. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const part = `${path}.${Deno.pid}.part`;
  try {
    await Deno.writeTextFile(part, text);
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
}
