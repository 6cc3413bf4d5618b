// What an editor's labels say of a plan, edit by edit:
//   deno run -A tests/site/verdicts.ts FOLDER plan.json
import { placeText, type SitePlan } from "../../cli/site/plan.ts";
import { LabelledSite } from "./score.ts";

const [folder, file] = Deno.args;
const site = await LabelledSite.read(folder);
const plan: SitePlan = JSON.parse(await Deno.readTextFile(file));
for (const edit of plan.edits.slice(0, Number(Deno.args[2] ?? 40))) {
  const label = site.planted(edit);
  const page = site.pathOf(edit.url);
  const place = !label ? "" : site.isPlaced(edit, label) ? "" : " misplaced";
  console.log(
    `${String(edit.rank).padStart(3)} ${label ? label.id : "--"}${place}  ${edit.kind} ${page}` +
      `${edit.target_url ? " → " + site.pathOf(edit.target_url) : ""} +${edit.expected_clicks} ` +
      `cov ${edit.coverage} pos ${edit.avg_position} place “${placeText(edit)}”`,
  );
  for (const query of edit.queries.slice(0, 6)) {
    const planted = site.labels.edits.filter((e) => e.queries.includes(query)).map((e) => e.id);
    console.log(`        ${query}: ${site.labels.queries[page]?.[query] ?? "?"} ${planted}`);
  }
  console.log(`        (${edit.reason})`);
}
const { right, placed, found, missing, needless } = site.score(plan);
console.log({ right, placed, found: found.length, missing, needless: needless.length });
for (const edit of needless) {
  console.log(`needless ${edit.rank} ${edit.kind} ${site.pathOf(edit.url)} ${edit.queries}`);
}
