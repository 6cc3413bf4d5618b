// Labelled pages: a page, the queries that bring people to it, and for each whether the page answers it, what it asks for and
// where the answer stands or belongs.
//
// NAME.txt has lines LABEL|topic|heading|query;query;…|intent. LABEL is A (answered), G (not answered, but wanted by a reader of
// the page) or N (the site's name, or something else altogether). The heading is that of the section that answers, or after which
// or under which an editor would add the answer. Two layouts: NAME.html beside NAME.txt, or topics/NAME.txt with
// NAME/page.html.xz and NAME/Queries.csv.

import { parse_csv } from "../../functions/_shared/wasm/gsc.ts";
import { exists, root, sha256 } from "../../local/paths.ts";

export interface Row {
  query: string;
  impressions: number;
  clicks: number;
  position: number | null;
}

export interface Label {
  kind: "A" | "G" | "N";
  topic: string;
  /** The heading; "-" where there is none. */
  where: string;
}

export interface LabelledPage {
  name: string;
  html: string;
  rows: Row[];
  /** By the query, folded. */
  labels: Map<string, Label>;
}

export const ownPages = `${root}/bench/insight/pages`;

export const folded = (text: string) =>
  text.normalize("NFKC").replace(/\s+/g, " ").trim().toLowerCase();

/** Pages of a folder in either layout, by name. */
export async function labelledPages(folder: string): Promise<LabelledPage[]> {
  const topics = await exists(`${folder}/topics`) ? `${folder}/topics` : folder;
  const names: string[] = [];
  for await (const { name } of Deno.readDir(topics)) {
    if (name.endsWith(".txt")) names.push(name.slice(0, -4));
  }
  if (names.length === 0) throw new Error(`${folder} holds no labelled pages (NAME.txt)`);
  return await Promise.all(
    names.sort().map(async (name) => {
      const lines = (await Deno.readTextFile(`${topics}/${name}.txt`)).split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"));
      const groups = lines.map((line, index) => {
        const [kind, topic, where, queries, ...rest] = line.split("|");
        if (!/^[AGN]$/.test(kind) || rest.length !== 1) {
          throw new Error(
            `${name}.txt, line ${index + 1}: expected A, G or N, then four more fields`,
          );
        }
        const label: Label = { kind: kind as Label["kind"], topic, where };
        return { label, queries: queries.split(";").map((query) => query.trim()).filter(Boolean) };
      });
      const labels = new Map(
        groups.flatMap(({ label, queries }) => queries.map((query) => [folded(query), label])),
      );
      if (topics === folder) {
        const html = await Deno.readTextFile(`${folder}/${name}.html`);
        return { name, html, labels, rows: madeUpRows(name, groups) };
      }
      const html = await unpacked(`${folder}/${name}/page.html.xz`);
      const { keywords } = parse_csv(await Deno.readFile(`${folder}/${name}/Queries.csv`));
      return { name, html, labels, rows: keywords };
    }),
  );
}

async function unpacked(path: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("xz", { args: ["-dc", path] }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Numbers in [0, 1), the same for the same seed. */
function randomOf(seed: string): () => number {
  let count = 0;
  return () => parseInt(sha256(`${seed} ${count++}`).slice(0, 8), 16) / 2 ** 32;
}

/**
 * Impressions that fall with the rank of the topic, and positions that say nothing of whether the page answers: the answered and
 * the unanswered have the same.
 */
function madeUpRows(name: string, groups: { label: Label; queries: string[] }[]): Row[] {
  const random = randomOf(name);
  const order = groups.map((_, index) => ({ index, key: random() })).sort((a, b) => a.key - b.key);
  const rank = new Map(order.map(({ index }, at) => [index, at + 1]));
  return groups.flatMap(({ label, queries }, index) => {
    const isBrand = label.topic === "brand";
    const centre = isBrand ? 1.2 : label.kind === "N" ? 35 + 40 * random() : 4 + 18 * random();
    const most = label.topic === "noise" ? 90 : 6000 / rank.get(index)! ** 0.8;
    return queries.map((query, at) => {
      const impressions = Math.round(10 + most / (at + 1) * (0.75 + random() / 2));
      const position = Math.max(1, centre * (0.85 + 0.3 * random()));
      const rate = isBrand ? 0.4 : 0.28 / position ** 1.2;
      return { query, impressions, clicks: Math.round(impressions * rate), position };
    });
  });
}

/** The same rows with the positions of answered and unanswered queries dealt out anew: what is found must not hang on them. */
export function withoutHints(page: LabelledPage): LabelledPage {
  const random = randomOf(`positions of ${page.name}`);
  const isAsked = ({ query }: Row) => page.labels.get(folded(query))?.kind !== "N";
  const dealt = page.rows.filter(isAsked).map(({ clicks, impressions, position }) => ({
    position,
    rate: impressions > 0 ? clicks / impressions : 0,
    key: random(),
  })).sort((a, b) => a.key - b.key);
  let next = 0;
  const rows = page.rows.map((row) => {
    if (!isAsked(row)) return row;
    const { position, rate } = dealt[next++];
    return { ...row, position, clicks: Math.round(row.impressions * rate) };
  });
  return { ...page, rows };
}
