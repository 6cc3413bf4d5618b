// What every form of a site's plan says in the same words. Nothing here knows how it will be shown.

import { draftOrigin, effectOf, inWords, number, plain, readingOf } from "../report/text.ts";
import { kindNames, type SiteDraft, type SiteEdit, type SitePlan, task } from "./plan.ts";

/** What a job is at. */
export const stageNames: Record<string, string> = {
  select_pages: "choosing the pages",
  analyse_pages: "analysing the pages",
  site_topics: "looking for answers on other pages",
  site_plan: "making the plan",
  site_drafts: "drafting",
};

const origins = new WeakMap<SitePlan, string>();

/** What all pages begin with; empty when they are of several hosts. */
function originOf(plan: SitePlan): string {
  let origin = origins.get(plan);
  if (origin === undefined) {
    const hosts = new Set(plan.pages.map((page) => new URL(page.url).origin));
    origin = hosts.size === 1 ? [...hosts][0] : "";
    origins.set(plan, origin);
  }
  return origin;
}

/** An address without what all pages begin with. */
export function shortUrl(url: string, plan: SitePlan): string {
  const origin = originOf(plan);
  return origin !== "" && url.startsWith(`${origin}/`) ? url.slice(origin.length) : url;
}

/** What the plan is of: the site's host, where there is one. */
export const titleOf = (plan: SitePlan): string =>
  `The plan of ${originOf(plan).replace(/^https?:\/\//, "") || "the site"}`;

/** Where an edit is made; a new page has no address yet, only one that is shown in its place. */
export const pageOf = (edit: SiteEdit, plan: SitePlan): string =>
  edit.kind === "new_page" ? `so far ${shortUrl(edit.url, plan)}` : shortUrl(edit.url, plan);

/** Clicks a month that an edit is expected to bring; what rounds to none is not nothing. */
export const gainOf = ({ expected_clicks }: SiteEdit): string =>
  expected_clicks < 1 ? "under 1" : `+${number(expected_clicks)}`;

/** What is to be done, with addresses as they are shown. */
export const taskOf = (edit: SiteEdit, plan: SitePlan): string =>
  task(edit, (url) => shortUrl(url, plan));

/** Why, with addresses as they are shown. */
export function reasonOf({ reason }: SiteEdit, plan: SitePlan): string {
  const origin = originOf(plan);
  return origin === "" ? reason : reason.replaceAll(`${origin}/`, "/");
}

/** The files of the pages' briefs by their pages; no two differ by their case alone. */
export function briefNames(plan: SitePlan): Map<string, string> {
  const taken = new Set<string>();
  return new Map(plan.pages.map(({ page_id, url }) => {
    const path = shortUrl(url, plan).replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
    const name = path.slice(0, 80) || "home";
    let free = name;
    for (let count = 2; taken.has(free.toLowerCase()); count++) free = `${name}-${count}`;
    taken.add(free.toLowerCase());
    return [page_id, `${free}.md`];
  }));
}

/** The edits that are to be made, and those that need not be: a model that read their pages found the answers. By rank. */
export function editsOf(plan: SitePlan): { open: SiteEdit[]; answered: SiteEdit[] } {
  const drafts = draftsOf(plan);
  const isAnswered = ({ id }: SiteEdit) => drafts.get(id)?.status === "answered";
  return {
    open: plan.edits.filter((edit) => !isAnswered(edit)),
    answered: plan.edits.filter(isAnswered),
  };
}

/** More clicks a month by the edits that are to be made. */
export const expectedClicks = (plan: SitePlan): number =>
  editsOf(plan).answered.reduce(
    (clicks, edit) => clicks - edit.expected_clicks,
    plan.site.expected_clicks,
  );

export function overview(plan: SitePlan): string[] {
  const { site, counts, costs } = plan;
  const edits = editsOf(plan).open;
  const kinds = Object.entries(kindNames)
    .map(([kind, name]) => [edits.filter((e) => e.kind === kind).length, name] as const)
    .filter(([count]) => count > 0)
    .map(([count, name]) => `${count} × ${name.toLowerCase()}`);
  const reused = counts.reused > 0
    ? `, ${counts.reused} of them unchanged since the last time`
    : "";
  const drafts = draftSummary(plan);
  return [
    `${number(site.page_count)} pages${reused}; ${number(site.query_count)} queries with ${
      number(site.impressions)
    } impressions and ${number(site.clicks)} clicks in ${plan.method.period_days} days.`,
    edits.length === 0
      ? "Nothing to edit was found."
      : `${edits.length} edits, worth ${
        number(expectedClicks(plan))
      } more clicks a month by the site's own click-through rates: ${kinds.join(", ")}.`,
    ...drafts === null ? [] : [drafts],
    `Models: ${number(costs.input_tokens + costs.output_tokens)} tokens${
      costs.usd > 0 ? `, $${costs.usd.toFixed(4)}` : ""
    }.`,
  ];
}

export function failures(plan: SitePlan): string[] {
  return plan.failed_pages.map(({ url, status, error }) =>
    `Not analysed: ${shortUrl(url, plan)} (${status}${
      error?.message ? `: ${plain(error.message)}` : ""
    })`
  );
}

// --- drafts -------------------------------------------------------------------------------------

export type WrittenDraft = SiteDraft & { status: "written" };

export const draftsOf = (plan: SitePlan): Map<string, SiteDraft> =>
  new Map((plan.drafts ?? []).map((draft) => [draft.edit_id, draft]));

/** What became of a draft, as its heading. */
export function draftName(draft: SiteDraft): string {
  switch (draft.status) {
    case "written":
      return draft.form === "outline" ? "Outline" : "Draft";
    case "answered":
      return "Answered already";
    case "skipped":
      return "No draft";
    case "failed":
      return "Draft failed";
  }
}

/** What a draft is worth, or why there is none. */
export function draftNote(plan: SitePlan, draft: SiteDraft): string {
  switch (draft.status) {
    case "written":
      return draft.form === "outline" && draft.coverage_after === null
        ? "what it has to say, for a person to write"
        : effectOf(making(plan), draft);
    case "answered":
      return readingOf(draft.verification);
    default:
      return plain(draft.reason.message || draft.reason.code);
  }
}

/** How well the page with the draft answers, as precisely as an edit's own coverage; null: there is no such draft, or it was not measured. */
export const draftCoverage = (draft: SiteDraft | undefined): number | null =>
  draft?.status === "written" && draft.coverage_after !== null
    ? Number(draft.coverage_after.toFixed(3))
    : null;

/** Who wrote a draft, and what is to be done before it is published. */
export const originOfDraft = (plan: SitePlan, draft: WrittenDraft): string =>
  draftOrigin(making(plan), draft) +
  (draft.verification ? ` Before, ${readingOf(draft.verification)}.` : "") +
  (draft.is_reused ? " Taken from an earlier run: nothing was paid for it." : "");

/** What became of all drafts, in a sentence; null: none was asked for. */
export function draftSummary({ drafts = [], made_by_standins = [] }: SitePlan): string | null {
  if (drafts.length === 0) return null;
  // An outline is for a person to write: it closes nothing by itself.
  const kinds = Map.groupBy(
    drafts,
    (draft) => draft.status === "written" && draft.form === "outline" ? "outline" : draft.status,
  );
  const closing = drafts.filter((draft) => draft.status === "written" && draft.closes_gap).length;
  const reused = drafts.filter(({ is_reused }) => is_reused).length;
  const words = {
    // What a stand-in writes repeats the questions, and is measured all the same.
    written: made_by_standins.includes("drafts")
      ? "written"
      : `written (${closing === 0 ? "none" : inWords(closing)} ${
        closing > 1 ? "close" : "closes"
      } the gap)`,
    outline: "as an outline",
    answered: "answered already",
    skipped: "skipped",
    failed: "failed",
  };
  const parts = Object.entries(words)
    .map(([kind, word]) => [kinds.get(kind as keyof typeof words)?.length ?? 0, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`);
  return `Drafts: ${parts.join(", ")}${reused > 0 ? `; ${reused} taken from an earlier run` : ""}.`;
}

const making = ({ made_by_standins = [], method }: SitePlan) => ({
  made_by_standins,
  method: { threshold: method.answered },
});
