// The plan of a site: edits over all pages, who owns which topic, links, what falls, and the run's progress.

import { useEffect, useRef } from "preact/hooks";
import { excelMark } from "../../../cli/csv.ts";
import { renderCsv } from "../../../cli/site/csv.ts";
import { type Estimate, kindNames, type Progress, type SitePlan } from "../../../cli/site/plan.ts";
import { editsOf, expectedClicks, stageNames } from "../../../cli/site/text.ts";
import { ApiError, config, isOperator, rpc } from "../api.ts";
import {
  compact,
  count,
  percent,
  plural,
  position,
  relative,
  shortUrl,
  usd,
  words,
} from "../format.ts";
import { refresh, useLive } from "../live.ts";
import { href, param } from "../router.ts";
import {
  ask,
  Badge,
  Button,
  download,
  Empty,
  ErrorNote,
  Figure,
  Loading,
  Meter,
  Page,
  Table,
  Tabs,
  toast,
} from "../ui.tsx";
import { Choice } from "../report/edits.tsx";
import { SearchField } from "../ops/jobs.tsx";
import { Cannibalisation, rivalries } from "./cannibalisation.tsx";
import { Outcomes } from "./outcomes.tsx";
import { Edits } from "./edits.tsx";
import { PageLink } from "./parts.tsx";

type SiteTopic = SitePlan["topics"][number];

const views = [
  ["edits", "Edits"],
  ["topics", "Topics and owners"],
  ["cannibalisation", "Cannibalisation"],
  ["links", "Links"],
  ["decays", "Falling"],
  ["outcomes", "Outcomes"],
  ["pages", "Pages"],
] as const;
const isOpen = (status: string | undefined) => status === "queued" || status === "processing";

export function SiteRun({ jobId, view }: { jobId: string; view: string }) {
  const progress = useLive<Progress>(
    `site ${jobId}`,
    (signal) => rpc("get_site_progress", { p_job_id: jobId }, signal),
    (now) => (isOpen(now?.status) ? 2 : 0),
  );
  const state = progress.data.value;
  // The plan is made before its drafts, which come into it one by one.
  const isPlanned = state !== undefined &&
    (!isOpen(state.status) || state.stage === "site_drafts");
  const now = state && `${state.status} ${JSON.stringify(state.drafts)}`;
  const before = useRef(now);
  useEffect(() => {
    if (before.current !== undefined && before.current !== now) refresh();
    before.current = now;
  }, [now]);
  const plan = useLive<SitePlan | null>(
    `plan ${jobId} ${isPlanned}`,
    async (signal) => {
      const found: SitePlan | null = await rpc("get_site_plan", { p_job_id: jobId }, signal);
      return found && { ...found, made_by_standins: config.value?.standins };
    },
    0,
  );
  const found = plan.data.value;
  const failedCount = state?.counts.failed ?? 0;
  const missingCount = state?.drafts ? state.drafts.wanted - state.drafts.written : 0;
  const act = async (done: Promise<unknown>, said: string) => {
    try {
      await done;
      toast(said);
    } catch (thrown) {
      toast((thrown as ApiError).message, { tone: "bad" });
    }
    refresh();
  };
  return (
    <Page
      title="Plan of the site"
      crumbs={
        <>
          <a href={href("site")}>Site</a> ›{" "}
          <a href={href(`jobs/${jobId}`, { pipeline: "site" })}>
            <code>{jobId.slice(0, 8)}</code>
          </a>
        </>
      }
      lead={found
        ? <>Made {relative(found.job.completed_at ?? found.job.created_at)}</>
        : undefined}
      actions={
        <>
          {found && (
            <Button onClick={() => download("edits.csv", excelMark + renderCsv(found), "text/csv")}>
              CSV
            </Button>
          )}
          {found && (
            <Button
              onClick={() =>
                download("plan.json", JSON.stringify(found, null, 2), "application/json")}
            >
              JSON
            </Button>
          )}
          {state && !isOpen(state.status) && failedCount > 0 && isOperator.value && (
            <Button
              onClick={() =>
                act(
                  rpc("retry_own_site_job", { p_job_id: jobId }),
                  `${plural(failedCount, "page")} tried once more; the plan is made anew`,
                )}
            >
              Retry the {plural(failedCount, "page")} that failed
            </Button>
          )}
          {state && !isOpen(state.status) && failedCount === 0 && missingCount > 0 &&
            isOperator.value && (
            <Button
              onClick={() =>
                act(
                  rpc("retry_own_site_job", { p_job_id: jobId }),
                  `${plural(missingCount, "draft")} tried once more`,
                )}
            >
              Retry the {plural(missingCount, "missing draft")}
            </Button>
          )}
          {isOpen(state?.status) && isOperator.value && (
            <Button
              kind="danger"
              onClick={async () => {
                if (
                  await ask({
                    title: "Cancel this run?",
                    text: <p>What was analysed stays, and the next run uses it.</p>,
                    yes: "Cancel the run",
                    danger: true,
                  })
                ) {
                  act(
                    rpc("cancel_own_job", { p_pipeline: "site", p_job_id: jobId }),
                    "The run is cancelled",
                  );
                }
              }}
            >
              Cancel
            </Button>
          )}
        </>
      }
    >
      <ErrorNote error={progress.error.value ?? plan.error.value} retry={refresh} />
      {state && isOpen(state.status) && <RunProgress state={state} />}
      {state?.status === "failed" && (
        <div class="note tone-gap" role="alert">
          <p>
            <strong>The run stopped while {stageNames[state.stage] ?? words(state.stage)}.</strong>
            {" "}
            {state.error?.message}{" "}
            <a href={href(`jobs/${jobId}`, { pipeline: "site" })}>What happened</a>
          </p>
        </div>
      )}
      {!state && !progress.error.value && <Loading lines={6} />}
      {found && <Plan plan={found} view={view} />}
      {state && !isOpen(state.status) && found === null && <Empty title="This run made no plan" />}
    </Page>
  );
}

const MinutesLeft = ({ minutes }: { minutes: number }) =>
  minutes > 0 ? <>; about {plural(Math.max(1, Math.round(minutes)), "minute")} left</> : null;

function Drafting({ state }: { state: Progress }) {
  const { minutes_left } = state, { wanted, written, answered, skipped, failed } = state.drafts!;
  const done = written + skipped + failed;
  return (
    <section class="progress" aria-label="Progress">
      <p role="status">
        <strong class="sentence">{stageNames.site_drafts}</strong>, {count(done)} of{" "}
        {plural(wanted, "draft")}
        {failed > 0 && <>, {count(failed)} failed</>}
        {answered > 0 && <>, {count(answered)} answered already</>}
        <MinutesLeft minutes={minutes_left} />; the plan below is made
      </p>
      <Meter
        value={wanted > 0 ? done / wanted : 0}
        label={`${count(done)} of ${plural(wanted, "draft")}`}
        tone="improve"
      />
    </section>
  );
}

/** What models cost, before it is known for sure. */
const foreseen = ({ tokens, usd: cost }: Pick<Estimate, "tokens" | "usd">) =>
  tokens === null
    ? null
    : `about ${compact(tokens)} tokens${cost === null ? "" : ` for ${usd(cost)}`}`;

function RunProgress({ state }: { state: Progress }) {
  if (state.stage === "site_drafts" && state.drafts) return <Drafting state={state} />;
  const { counts, stage, minutes_left, facts } = state;
  const chosen = facts?.select_pages;
  const ready = counts.done + counts.reused + counts.failed + counts.skipped;
  return (
    <section class="progress" aria-label="Progress">
      <p role="status">
        <strong class="sentence">{stageNames[stage] ?? words(stage)}</strong>
        {counts.total > 0 && <>, {count(ready)} of {plural(counts.total, "page")}</>}
        {counts.reused > 0 && <>, {count(counts.reused)} unchanged</>}
        {counts.failed > 0 && <>, {count(counts.failed)} failed</>}
        <MinutesLeft minutes={minutes_left} />
      </p>
      <Meter
        value={counts.total > 0 ? ready / counts.total : 0}
        label={`${count(ready)} of ${count(counts.total)} pages`}
        tone="improve"
      />
      {chosen?.estimate && (
        <p class="quiet">
          Foreseen: {plural(chosen.estimate.crawls, "page")} to crawl,{" "}
          {foreseen(chosen.estimate) ?? "what they cost is known after the first pages"}
          {chosen.estimate.drafts?.count
            ? (
              <>
                , then {plural(chosen.estimate.drafts.count, "draft")},{" "}
                {foreseen(chosen.estimate.drafts) ??
                  "what they cost is known after the first draft"}
              </>
            )
            : null}
          , about {plural(Math.max(1, Math.round(chosen.estimate.minutes)), "minute")}
          {(chosen.reused_count ?? 0) > 0 && <>; {count(chosen.reused_count)} unchanged</>}
          {(chosen.ceiling_count ?? 0) > 0 && (
            <>; {count(chosen.ceiling_count)} beyond the ceiling of dollars</>
          )}
          {(chosen.refused_count ?? 0) > 0 && (
            <>; {count(chosen.refused_count)} that may not be crawled</>
          )}. Cancel it when that is too much.
        </p>
      )}
    </section>
  );
}

function Plan({ plan, view }: { plan: SitePlan; view: string }) {
  const { site } = plan;
  const rivals = rivalries(plan).length;
  return (
    <>
      <dl class="figures">
        <Figure
          label="Pages"
          value={count(site.page_count)}
          note={(plan.failed_pages?.length ?? 0) > 0 ? `${plan.failed_pages!.length} failed` : ""}
        />
        <Figure
          label="Asked for"
          value={compact(site.impressions)}
          note={`impressions, ${plural(site.query_count, "query", "queries")}`}
        />
        <Figure
          label="Edits"
          value={count(editsOf(plan).open.length)}
          note={site.expected_clicks
            ? `+${compact(Math.round(expectedClicks(plan)))} clicks a month`
            : ""}
          tone="answered"
        />
        <Figure
          label="Pages compete"
          value={rivals > 0
            ? <a href={href(`site/${plan.job.id}/cannibalisation`)}>{count(rivals)}</a>
            : "0"}
          note={rivals === 1 ? "topic" : "topics"}
          tone={rivals > 0 ? "partly" : undefined}
        />
        {plan.costs?.usd !== undefined && <Figure label="Cost" value={usd(plan.costs.usd)} />}
      </dl>
      <Tabs
        current={view}
        tabs={views.map(([id, label]) => ({
          id,
          label,
          href: href(`site/${plan.job.id}${id === "edits" ? "" : `/${id}`}`),
        }))}
      />
      {view === "edits" && <Edits plan={plan} />}
      {view === "topics" && <Topics topics={plan.topics ?? []} />}
      {view === "cannibalisation" && <Cannibalisation plan={plan} />}
      {view === "links" && <Links links={plan.links ?? []} />}
      {view === "decays" && <Decays decays={plan.decays ?? []} />}
      {view === "outcomes" && <Outcomes jobId={plan.job.id} names={kindNames} />}
      {view === "pages" && <SitePages plan={plan} />}
    </>
  );
}

function Topics({ topics }: { topics: SiteTopic[] }) {
  const only = param("rivals") ?? "several", search = (param("q") ?? "").toLowerCase();
  const shown = topics.filter((topic) =>
    (only === "all" || topic.pages.length > 1) &&
    (!search || `${topic.label} ${topic.queries.join(" ")}`.toLowerCase().includes(search))
  );
  return (
    <>
      <div class="filters">
        <Choice
          label="Show"
          name="rivals"
          value={only}
          options={[["several", "On several pages"], ["all", "All topics"]]}
        />
        <SearchField label="Search" name="q" placeholder="topic or query" />
        <span class="quiet" role="status">{count(shown.length)} of {count(topics.length)}</span>
      </div>
      {shown.length === 0 && <p class="quiet">No topic fits.</p>}
      {shown.length > 0 && (
        <Table label="Topics and their pages">
          <thead>
            <tr>
              <th scope="col">Topic</th>
              <th scope="col">Kind</th>
              <th scope="col" class="number">Impressions</th>
              <th scope="col">Owner</th>
              <th scope="col">Pages that get impressions for it</th>
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, 200).map((topic) => (
              <tr key={topic.id}>
                <th scope="row">
                  <span dir="auto">{topic.label}</span>
                  <span class="quiet sub">{plural(topic.query_count, "query", "queries")}</span>
                </th>
                <td>
                  <Badge tone={topic.kind === "open" ? "gap" : topic.kind}>
                    {topic.kind === "open" ? "not answered" : topic.kind}
                  </Badge>
                </td>
                <td class="number">{compact(topic.impressions)}</td>
                <td class="clip">
                  {topic.owner
                    ? (
                      <>
                        <PageLink id={topic.owner.page_id}>
                          <bdi>{shortUrl(topic.owner.url)}</bdi>
                        </PageLink>
                        <span class="quiet sub" dir="auto">{topic.owner.reason}</span>
                      </>
                    )
                    : <span class="quiet">none fits</span>}
                </td>
                <td>
                  <ul class="unmarked">
                    {topic.pages.slice(0, 5).map((page) => (
                      <li key={page.page_id}>
                        <Meter value={page.coverage} label={`${percent(page.coverage)} answered`} />
                        {" "}
                        <bdi>{shortUrl(page.url)}</bdi>{" "}
                        <span class="quiet">
                          {compact(page.impressions)}, position {position(page.position)}
                        </span>
                      </li>
                    ))}
                  </ul>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </>
  );
}

function Links({ links }: { links: NonNullable<SitePlan["links"]> }) {
  if (links.length === 0) return <Empty title="No links to suggest" />;
  return (
    <Table label="Links to set">
      <thead>
        <tr>
          <th scope="col">On page</th>
          <th scope="col">The sentence, and the words to link</th>
          <th scope="col">To</th>
        </tr>
      </thead>
      <tbody>
        {links.slice(0, 300).map((link, index) => {
          const at = link.sentence.indexOf(link.anchor);
          return (
            <tr key={index}>
              <th scope="row" class="clip">
                <PageLink id={link.page_id}>
                  <bdi>{shortUrl(link.url)}</bdi>
                </PageLink>
                <span class="quiet sub" dir="auto">{link.heading_path.at(-1)}</span>
              </th>
              <td dir="auto">
                {at < 0 ? link.sentence : (
                  <>
                    {link.sentence.slice(0, at)}
                    <mark>{link.anchor}</mark>
                    {link.sentence.slice(at + link.anchor.length)}
                  </>
                )}
              </td>
              <td class="clip">
                <PageLink id={link.target_page_id}>
                  <bdi>{shortUrl(link.target_url)}</bdi>
                </PageLink>
              </td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}

function Decays({ decays }: { decays: NonNullable<SitePlan["decays"]> }) {
  if (decays.length === 0) {
    return (
      <Empty title="Nothing falls">
        No topic lost clicks beyond what the site as a whole did, or there are no dated rows to
        compare.
      </Empty>
    );
  }
  return (
    <Table label="Topics that fall">
      <thead>
        <tr>
          <th scope="col">Topic</th>
          <th scope="col">Page</th>
          <th scope="col" class="number">Clicks before</th>
          <th scope="col" class="number">After</th>
          <th scope="col" class="number">Change</th>
          <th scope="col" class="number">Position</th>
        </tr>
      </thead>
      <tbody>
        {decays.map((decay, index) => (
          <tr key={index}>
            <th scope="row" dir="auto">{decay.label}</th>
            <td class="clip">
              <PageLink id={decay.page_id}>
                <bdi>{shortUrl(decay.url)}</bdi>
              </PageLink>
            </td>
            <td class="number">{count(decay.clicks_before)}</td>
            <td class="number">{count(decay.clicks_after)}</td>
            <td class="number error">{percent(decay.change)}</td>
            <td class="number">
              {position(decay.position_before)} → {position(decay.position_after)}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function SitePages({ plan }: { plan: SitePlan }) {
  return (
    <>
      {(plan.failed_pages ?? []).length > 0 && (
        <div class="note tone-gap">
          <p>
            <strong>{plural(plan.failed_pages!.length, "page")} could not be analysed.</strong>
          </p>
          <ul>
            {plan.failed_pages!.slice(0, 20).map((page) => (
              <li key={page.page_id}>
                <bdi>{shortUrl(page.url)}</bdi>: <span dir="auto">{page.error?.message}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      <Table label="Pages of the site">
        <thead>
          <tr>
            <th scope="col">Page</th>
            <th scope="col">Kind</th>
            <th scope="col" class="number">Impressions</th>
            <th scope="col" class="number">Edits</th>
          </tr>
        </thead>
        <tbody>
          {(plan.pages ?? []).slice(0, 500).map((page) => (
            <tr key={page.page_id}>
              <th scope="row" class="clip wide">
                <PageLink id={page.page_id}>
                  <span dir="auto">{page.title || shortUrl(page.url)}</span>
                </PageLink>
                <span class="quiet sub">
                  <bdi>{shortUrl(page.url)}</bdi>
                </span>
              </th>
              <td>{words(page.page_type)}</td>
              <td class="number">{compact(page.impressions)}</td>
              <td class="number">{count(page.edit_count)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
