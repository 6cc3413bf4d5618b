// Where pages of the site compete: topics that several of them are shown for, who should own each, and what to do.

import { kindNames, type SitePlan, task } from "../../../cli/site/plan.ts";
import { compact, count, csv, percent, plural, position, shortUrl } from "../format.ts";
import { param, setQuery } from "../router.ts";
import { Badge, Button, download, Empty, Meter, Table } from "../ui.tsx";
import { Choice } from "../report/edits.tsx";
import { SearchField } from "../ops/jobs.tsx";
import { editTones, PageLink } from "./parts.tsx";

type Topic = SitePlan["topics"][number];

export interface Rivalry {
  topic: Topic;
  /** Those that are shown for it, the most shown first. */
  pages: (Topic["pages"][number] & { isOwner: boolean; share: number })[];
  /** Impressions that do not go to the topic's owner, or where none fits to the page that is shown most. */
  contested: number;
  edits: SitePlan["edits"];
}

/** Topics that at least two pages are shown for, the most contested first. */
export function rivalries({ topics, edits }: SitePlan): Rivalry[] {
  const asides = ["brand", "navigation", "unrelated"];
  return (topics ?? []).filter(({ kind }) => !asides.includes(kind)).map((topic) => {
    const pages = topic.pages.filter(({ impressions }) => impressions > 0);
    const all = pages.reduce((sum, { impressions }) => sum + impressions, 0);
    const own = pages.find(({ page_id }) => page_id === topic.owner?.page_id) ?? pages[0];
    const ids = new Set(topic.pages.map(({ page_id }) => page_id));
    const queries = new Set(topic.queries);
    return {
      topic,
      pages: pages.map((page) => ({
        ...page,
        isOwner: page.page_id === topic.owner?.page_id,
        share: page.impressions / all,
      })),
      contested: all - (own?.impressions ?? 0),
      edits: (edits ?? []).filter((edit) =>
        edit.target_page_id !== null && ids.has(edit.page_id) && ids.has(edit.target_page_id) &&
        edit.queries.some((query) => queries.has(query))
      ),
    };
  }).filter(({ pages }) => pages.length > 1).sort((a, b) => b.contested - a.contested);
}

export function Cannibalisation({ plan }: { plan: SitePlan }) {
  const all = rivalries(plan);
  const search = (param("q") ?? "").toLowerCase(), pageId = param("page"), only = param("edits");
  if (all.length === 0) {
    return (
      <Empty title="No pages compete">
        Each topic of this plan is shown with one page of the site alone.
      </Empty>
    );
  }
  const shown = all.filter(({ topic, pages, edits }) =>
    (!pageId || pages.some(({ page_id }) => page_id === pageId)) &&
    (only !== "some" || edits.length > 0) &&
    (!search || `${topic.label} ${topic.queries.join(" ")} ${pages.map(({ url }) => url).join(" ")}`
      .toLowerCase().includes(search))
  );
  const url = pageId &&
    all.flatMap(({ pages }) => pages).find(({ page_id }) => page_id === pageId)?.url;
  return (
    <>
      <p class="lead">
        {plural(all.length, "topic")} of which Google shows several of your pages:{" "}
        {compact(all.reduce((sum, { contested }) => sum + contested, 0))}{" "}
        impressions go to another page than the one that should own them.
      </p>
      <div class="filters">
        <SearchField label="Search" name="q" placeholder="page, topic or query" />
        <Choice
          label="Show"
          name="edits"
          value={only}
          options={[["", "All"], ["some", "With an edit"]]}
        />
        {url && (
          <Button kind="quiet" onClick={() => setQuery({ page: null })}>
            <bdi>{shortUrl(url)}</bdi> ×
          </Button>
        )}
        <Button
          onClick={() => download("cannibalisation.csv", rivalriesCsv(shown), "text/csv")}
        >
          CSV
        </Button>
        <span class="quiet" role="status">{count(shown.length)} of {count(all.length)}</span>
      </div>
      {shown.length === 0 && <p class="quiet">No topic fits.</p>}
      {shown.slice(0, 100).map((rivalry) => <Card key={rivalry.topic.id} rivalry={rivalry} />)}
    </>
  );
}

function Card({ rivalry: { topic, pages, edits } }: { rivalry: Rivalry }) {
  const more = topic.query_count - Math.min(topic.queries.length, 4);
  return (
    <section class="card rivalry" aria-label={topic.label}>
      <h2 dir="auto">{topic.label}</h2>
      <ul class="queries" aria-label="Queries">
        {topic.queries.slice(0, 4).map((query) => <li key={query} dir="auto">{query}</li>)}
        {more > 0 && <li class="quiet">and {count(more)} more</li>}
      </ul>
      <div class="shares" aria-hidden="true">
        {pages.map((page) => (
          <i
            key={page.page_id}
            class={page.isOwner ? "own" : ""}
            style={{ width: `${100 * page.share}%` }}
          />
        ))}
      </div>
      <Table label={`Pages shown for ${topic.label}`} compact>
        <thead>
          <tr>
            <th scope="col">Page</th>
            <th scope="col" class="number">Impressions</th>
            <th scope="col" class="number">Clicks</th>
            <th scope="col" class="number">Position</th>
            <th scope="col">Answers it</th>
          </tr>
        </thead>
        <tbody>
          {pages.slice(0, 8).map((page) => (
            <tr key={page.page_id}>
              <th scope="row">
                <PageLink id={page.page_id}>
                  <bdi>{shortUrl(page.url)}</bdi>
                </PageLink>{" "}
                {page.isOwner && <Badge tone="answered">should own it</Badge>}
              </th>
              <td class="number">{compact(page.impressions)} ({percent(page.share)})</td>
              <td class="number">{compact(page.clicks)}</td>
              <td class="number">{position(page.position)}</td>
              <td class="nowrap">
                <Meter value={page.coverage} label={`${percent(page.coverage)} answered`} />{" "}
                {percent(page.coverage)}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      {topic.owner && <p class="quiet" dir="auto">Why this owner: {topic.owner.reason}</p>}
      {edits.length === 0
        ? <p class="quiet">The plan has no edit for it.</p>
        : (
          <ul class="unmarked">
            {edits.map((edit) => (
              <li key={edit.id} dir="auto">
                <Badge tone={editTones[edit.kind]}>{kindNames[edit.kind]}</Badge>{" "}
                <bdi>{shortUrl(edit.url)}</bdi>: {task(edit, shortUrl)}
                {edit.expected_clicks >= 1 &&
                  ` (+${compact(Math.round(edit.expected_clicks))} clicks a month)`}
              </li>
            ))}
          </ul>
        )}
    </section>
  );
}

function rivalriesCsv(list: Rivalry[]): string {
  return csv(
    [
      ...["topic", "queries", "page", "should_own_it", "impressions", "share", "clicks"],
      ...["position", "coverage", "edits"],
    ],
    list.flatMap(({ topic, pages, edits }) =>
      pages.map((page) => [
        topic.label,
        topic.queries.join(" · "),
        page.url,
        page.isOwner,
        page.impressions,
        page.share.toFixed(3),
        page.clicks,
        page.position,
        page.coverage,
        edits.filter(({ page_id }) => page_id === page.page_id).map((edit) => task(edit)).join(
          " · ",
        ),
      ])
    ),
  );
}
