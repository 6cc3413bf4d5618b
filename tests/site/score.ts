// How good a site's plan is, by its editor's labels (cli/sample-site/README.md).
import type { SiteEdit, SitePlan } from "../../cli/site/plan.ts";

interface Label {
  id: string;
  kind: string;
  pages: string[];
  queries: string[];
  target?: string | string[];
  places?: string[];
  is_decayed?: boolean;
}

export interface Labels {
  base: string;
  edits: Label[];
  links: { page: string; target: string | string[]; anchor: string }[];
  existing_links: { page: string; target: string }[];
  queries: Record<string, Record<string, string>>;
}

export interface Score {
  /** Of the first 20 edits: right in kind, page and target; right in place as well. */
  right: number;
  placed: number;
  /** Planted edits that the plan has, anywhere. */
  found: string[];
  missing: string[];
  /** Edits to write or to make a page for what some page of the site answers. */
  needless: SiteEdit[];
  wrong: SiteEdit[];
}

const among = (value: string, labels?: string | string[]) =>
  labels !== undefined && [labels].flat().includes(value);

/** A site with what its editor would do: pages, `export.csv` and `labels.json` in one folder. */
export class LabelledSite {
  constructor(
    readonly labels: Labels,
    /** Last heading of each page: a new section is right at its end as well. */
    readonly lastHeadings: Map<string, string>,
  ) {}

  static async read(folder: string): Promise<LabelledSite> {
    const labels: Labels = JSON.parse(await Deno.readTextFile(`${folder}/labels.json`));
    const lastHeadings = new Map<string, string>();
    for (const page of Object.keys(labels.queries)) {
      const html = await Deno.readTextFile(`${folder}${page}index.html`);
      lastHeadings.set(page, [...html.matchAll(/<h2>(.*?)<\/h2>/g)].at(-1)![1]);
    }
    return new LabelledSite(labels, lastHeadings);
  }

  pathOf = (url: string) => url.slice(this.labels.base.length);

  /** The planted edit that one of the plan stands for: the same kind, page, target, and mostly its queries. */
  planted(edit: SiteEdit): Label | undefined {
    return this.labels.edits.find((label) =>
      label.kind === edit.kind &&
      label.pages.includes(this.pathOf(edit.url)) &&
      (edit.target_url === null || among(this.pathOf(edit.target_url), label.target)) &&
      2 * edit.queries.filter((query) => label.queries.includes(query)).length >=
        edit.queries.length
    );
  }

  /** Whether the place of an edit is one that its editor accepts. */
  isPlaced(edit: SiteEdit, label: Label): boolean {
    if (label.places === undefined) return true;
    const places = edit.kind === "write"
      ? [...label.places, this.lastHeadings.get(this.pathOf(edit.url))!]
      : label.places;
    const { after_heading, heading_path } = edit.place ?? {};
    const named = edit.kind === "write" && after_heading ? [after_heading] : [
      after_heading,
      heading_path?.at(-1),
    ];
    return named.some((heading) => places.includes(heading ?? ""));
  }

  /** How good a plan is. */
  score(plan: SitePlan): Score {
    const first = plan.edits.slice(0, 20);
    const right = first.filter((edit) => this.planted(edit));
    const found = [
      ...new Set(plan.edits.flatMap((edit) => this.planted(edit)?.id ?? [])),
    ].sort();
    const isAnswered = (page: string, query: string) =>
      ["answered", "elsewhere"].includes(this.labels.queries[page]?.[query] ?? "");
    return {
      right: right.length,
      placed: right.filter((edit) => this.isPlaced(edit, this.planted(edit)!)).length,
      found,
      missing: this.labels.edits.map(({ id }) => id).filter((id) => !found.includes(id)),
      needless: plan.edits.filter((edit) =>
        ["write", "new_page"].includes(edit.kind) &&
        2 * edit.queries.filter((query) => isAnswered(this.pathOf(edit.url), query)).length >
          edit.queries.length
      ),
      wrong: first.filter((edit) => !this.planted(edit)),
    };
  }
}
