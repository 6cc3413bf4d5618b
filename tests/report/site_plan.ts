// A small site's plan with drafts that came to every end, for what shows them.

import type { SiteDraft, SiteEdit, SitePlan } from "../../cli/site/plan.ts";

export const site = "https://tea.example";

const edit = (rank: number, more: Partial<SiteEdit>): SiteEdit => ({
  ...{ id: `e${rank}`, rank, kind: "write", page_id: "p1", url: `${site}/green-tea/` },
  ...{ target_page_id: null, target_url: null, topic_id: rank, is_decayed: false },
  place: {
    kind: "new_section",
    after_heading: "The second infusion",
    before_heading: null,
    heading_path: ["The second infusion"],
  },
  ...{ label: `topic ${rank}`, queries: [`query ${rank}`], impressions: 900, clicks: 3 },
  ...{ avg_position: 12, coverage: 0.101, expected_clicks: 50 - rank, effort: "medium" },
  ...{ confidence: 0.9, reason: "nothing on the page answers a query (covered 10 %)" },
  ...more,
});

export function sitePlan(): SitePlan {
  const drafts: SiteDraft[] = [
    {
      ...{ edit_id: "e1", is_reused: false, status: "written", form: "text" },
      heading: "Does green tea have caffeine?",
      summary: "Says that green tea has caffeine.",
      body_markdown:
        "Yes, green tea has **caffeine**.\n\n### How much\n\n- Less than coffee\n- [More](#more)",
      placement: { after_heading: "The second infusion" },
      questions_answered: ["query 1"],
      facts_to_check: ["The amount of caffeine in a cup."],
      ...{ provider: "openai", model: "gpt-5.4-mini", attempts: 2 },
      ...{ coverage_before: 0.101, coverage_after: 0.918, closes_gap: true },
      per_query: [{ query: "query 1", before: 0.101, after: 0.918 }],
      brief: {
        ...{ heading: "Does green tea have caffeine?", level: 2, queries: ["query 1"] },
        word_count: { least: 150, most: 250 },
        links: [{ heading: "Water temperature", anchor: "water-temperature" }],
      },
    },
    {
      ...{ edit_id: "e2", is_reused: false, status: "answered" },
      verification: {
        ...{ verdict: "answered", model: "gpt-5.4-mini" },
        quote: "Keep the leaves in a tin, away from light.",
      },
    },
    {
      ...{ edit_id: "e4", is_reused: false, status: "failed" },
      reason: { code: "draft_invalid", message: "the model's draft links to a foreign site" },
    },
    {
      ...{ edit_id: "e5", is_reused: true, status: "written", form: "outline" },
      heading: "Matcha",
      ...{ summary: "What a page about matcha has to say.", body_markdown: "- What matcha is" },
      ...{ placement: { after_heading: "" }, questions_answered: [], facts_to_check: [] },
      ...{ provider: "openai", model: "gpt-5.4-mini", attempts: 1, per_query: [] },
      brief: {
        ...{ heading: "Matcha", level: 1, queries: ["query 5"], links: [] },
        word_count: { least: 400, most: 900 },
      },
      ...{ coverage_before: null, coverage_after: null, closes_gap: null },
    },
    {
      ...{ edit_id: "e6", is_reused: false, status: "skipped" },
      reason: { code: "ceiling", message: "beyond the dollars that the job may spend" },
    },
  ];
  return {
    schema_version: 1,
    job: {
      ...{ id: "00000000-0000-4000-8000-000000000001", status: "completed", select: "impressions" },
      ...{ source: {}, created_at: "2026-11-01T00:00:00Z", completed_at: "2026-11-01T00:05:00Z" },
    },
    site: {
      ...{ page_count: 2, topic_count: 6, query_count: 40, impressions: 5400, clicks: 18 },
      expected_clicks: 279,
    },
    counts: { total: 2, waiting: 0, open: 0, done: 2, reused: 0, failed: 0, skipped: 0 },
    method: {
      ...{ answered: 0.7, shared: 0.1, period_days: 28, ctr_by_position: [] },
      similar: { cosine: 0.5, doubt: 0.08, share: 0.5, is_exact: false },
    },
    topics: [],
    edits: [
      edit(1, {}),
      edit(2, { kind: "extend", label: "how to store tea" }),
      edit(3, {
        ...{ kind: "move", target_page_id: "p2", target_url: `${site}/kettles/`, place: null },
        reason:
          `shown at position 12.0 for what ${site}/kettles/ answers (covered 90 % there, 10 % here)`,
      }),
      edit(4, { page_id: "p2", url: `${site}/kettles/` }),
      edit(5, { kind: "new_page", label: "matcha", place: null }),
      edit(6, {}),
    ],
    drafts,
    links: [],
    decays: [],
    pages: [
      {
        ...{ page_id: "p1", url: `${site}/green-tea/`, title: "Green tea", page_type: "article" },
        ...{ impressions: 4000, edit_count: 5 },
      },
      {
        ...{ page_id: "p2", url: `${site}/kettles/`, title: "Kettles", page_type: "product" },
        ...{ impressions: 1400, edit_count: 1 },
      },
    ],
    failed_pages: [],
    costs: { input_tokens: 9000, output_tokens: 2400, usd: 0.0176, call_count: 5 },
  };
}
