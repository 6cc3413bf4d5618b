// The labelled pages through the whole pipeline, with a reader that is SIMULATED from the labels: it answers as they say and errs
// one time in ten, by a hash of the query. What it shows is what a language model of that accuracy would be worth; no language model
// is called.
//
//   deno run -A bench/insight/pages.ts DATA OUT [--reader]     DATA: a folder with topics/, NAME/page.html.xz, NAME/Queries.csv, NAME/truth.json
//   DATA/eval_pages.py OUT

import { root } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";

/** How often the simulated reader errs. */
const errorShare = 0.1;

const [data, out, option] = Deno.args;
const folded = (text: string) => text.normalize("NFKC").replace(/\s+/g, " ").trim().toLowerCase();
const labels = new Map<string, string>();
const names = Array.from(
  Deno.readDirSync(`${data}/topics`),
  ({ name }) => name.replace(/\.txt$/, ""),
)
  .sort();

/** In [0, 1), the same for the same text. */
async function chance(text: string): Promise<number> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new DataView(bytes).getUint32(0) / 2 ** 32;
}

const errs = new Map<string, boolean>();
await using stack = await startStack({
  instance: "default",
  ports: { api: 0, db: 0, standins: 0 },
  report: (line) => console.error(line),
});
stack.standins.reader = ({ queries, passages }) => ({
  answers: queries.map(({ number, query }) => {
    const key = folded(query);
    const isAnswered = (labels.get(key) === "A") !== (errs.get(key) ?? false);
    const quote = passages.find(({ text }) => text.length > 30)?.text.slice(0, 500) ?? "";
    const word = quote.length < 500 ? quote : quote.slice(0, quote.lastIndexOf(" "));
    return isAnswered
      ? { number, verdict: "answered" as const, quote: word }
      : { number, verdict: "not_answered" as const, quote: "" };
  }),
});

for (const name of names) {
  labels.clear();
  errs.clear();
  const truth: Record<string, string[]> = JSON.parse(
    await Deno.readTextFile(`${data}/${name}/truth.json`),
  );
  for (const [query, [label]] of Object.entries(truth)) {
    labels.set(folded(query), label);
    errs.set(folded(query), await chance(`${name} ${query}`) < errorShare);
  }
  const page = await Deno.makeTempFile({ suffix: ".html" });
  const { stdout } = await new Deno.Command("xz", { args: ["-dc", `${data}/${name}/page.html.xz`] })
    .output();
  await Deno.writeFile(page, stdout);
  await Deno.chmod(page, 0o644);
  const { code, stderr } = await new Deno.Command(`${root}/pageperfect`, {
    args: [
      ...["analyze", page, "-k", `${data}/${name}/Queries.csv`, "-o", `${out}/${name}`],
      ...["--no-draft", option === "--reader" ? "--verify" : "--no-verify"],
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  await Deno.remove(page);
  console.error(`${name}: ${code === 0 ? "done" : new TextDecoder().decode(stderr).slice(-400)}`);
}
Deno.exit(0);
