// The report of one page: the verdict, and its views.

import { useComputed } from "@preact/signals";
import { isSample, rpc } from "../api.ts";
import { compact, count, date, percent, plural, shortUrl, words } from "../format.ts";
import { refresh, useLive } from "../live.ts";
import { go, href } from "../router.ts";
import { Badge, Button, Empty, ErrorNote, Figure, Loading, Page, Tabs } from "../ui.tsx";
import { Progress } from "../ops/progress.tsx";
import { EditList } from "./edits.tsx";
import { Exports } from "./exports.tsx";
import { Heatmap } from "./heatmap.tsx";
import { How } from "./how.tsx";
import { type JobResult, type ReportModel, toModel } from "./model.ts";
import { PageText } from "./page_text.tsx";
import { TopicMap } from "./topic_map.tsx";
import { TopicList } from "./topics.tsx";
import { WhatIfView } from "./what_if_view.tsx";
import { Workspace } from "./workspace.tsx";

const views = [
  ["edits", "Edits"],
  ["text", "Page"],
  ["heatmap", "Heat map"],
  ["topics", "Topics"],
  ["map", "Map"],
  ["what-if", "What if"],
  ["how", "How it was made"],
] as const;

const isOpen = (status: string | undefined) => status === "queued" || status === "processing";

export function ReportView(
  { jobId, view, editId }: { jobId: string; view: string; editId?: number },
) {
  const { data, error } = useLive<JobResult>(
    `report ${jobId}`,
    (signal) => rpc("get_report", { p_job_id: jobId }, signal),
    (result) => (isOpen(result?.job.status) ? 1 : 0),
  );
  const model = useComputed(() => (data.value ? toModel(data.value) : undefined)).value;
  if (!model) {
    if (error.value) {
      return (
        <Page title="Report">
          <ErrorNote error={error.value} retry={refresh} />
          <p>
            <a href={href("")}>All pages</a>
          </p>
        </Page>
      );
    }
    return (
      <Page title="Report">
        <Loading lines={8} label="Loading the report" />
      </Page>
    );
  }
  if (view === "edit" && editId !== undefined) return <Workspace model={model} editId={editId} />;
  const { job, page } = model.result;
  const title = page?.title || shortUrl(job.url);
  return (
    <Page
      title={title}
      crumbs={
        <>
          <a href={href("")}>Pages</a> › {isSample(job.url)
            ? "the sample that comes with PagePerfect"
            : <bdi>{shortUrl(page?.url ?? job.url)}</bdi>},{" "}
          {date(job.completed_at ?? job.created_at)}
        </>
      }
      actions={<Exports model={model} />}
    >
      {isSample(job.url) && !isOpen(job.status) && view === "edits" && (
        <div class="note hello">
          <p>
            <strong>This is a sample.</strong>{" "}
            Open an edit to see its draft in place, or begin with a page of your own: its address
            and the CSV of its queries are all it takes.
          </p>
          <a class="button primary" href={href("new")}>Analyse a page of mine</a>
        </div>
      )}
      {isOpen(job.status) && <Progress result={model.result} />}
      {job.status === "failed" && (
        <div class="note tone-gap" role="alert">
          <p>
            <strong>The analysis stopped at {words(job.stage)}.</strong>{" "}
            {String((job.error as { message?: string })?.message ?? "")}
          </p>
          <p>
            <a href={href(`jobs/${job.id}`)}>What happened, and replay</a>
          </p>
        </div>
      )}
      {[
        ...page?.warnings ?? [],
        ...(view === "edits" ? model.result.method.warnings ?? [] : []),
      ].map((warning) => (
        <div class="note tone-partly" key={warning.code}>
          <p>
            <strong class="sentence">{words(warning.code)}:</strong> {warning.message}
          </p>
        </div>
      ))}
      {model.result.topics.length > 0
        ? (
          <>
            <Tabs
              current={view}
              tabs={views.map(([id, label]) => ({
                id,
                label,
                href: href(`report/${jobId}${id === "edits" ? "" : `/${id}`}`),
              }))}
            />
            {view === "edits" && (
              <>
                <Verdict model={model} />
                <EditList model={model} />
              </>
            )}
            {view === "text" && <PageText model={model} />}
            {view === "heatmap" && <Heatmap model={model} />}
            {view === "topics" && <TopicList model={model} />}
            {view === "map" && <TopicMap model={model} />}
            {view === "what-if" && <WhatIfView model={model} />}
            {view === "how" && <How model={model} />}
          </>
        )
        : !isOpen(job.status) && job.status !== "failed" && (
          <Empty
            title="This analysis found no queries"
            action={
              <Button
                kind="primary"
                onClick={() => go("new", { url: job.url })}
              >
                Analyse again with a CSV
              </Button>
            }
          >
            The job had no Search Console rows for this page. Drop the CSV of the page's queries to
            analyse it.
          </Empty>
        )}
    </Page>
  );
}

const topicNoun = (value: number) => (value === 1 ? "topic" : "topics");

/** One sentence that says how the page stands, and the figures behind it. */
function Verdict({ model }: { model: ReportModel }) {
  const { summary, edits, method, topics } = model.result;
  const sections = edits.filter((edit) => edit.kind === "write").length;
  const passages = edits.filter((edit) => edit.kind === "extend").length;
  const aside = topics.filter(({ kind }) =>
    kind === "brand" || kind === "navigation" || kind === "unrelated"
  );
  const parts = [
    ...sections > 0 ? [plural(sections, "new section")] : [],
    ...passages > 0 ? [plural(passages, "extended passage")] : [],
  ];
  return (
    <section class="verdict" aria-label="Verdict">
      <p class="verdict-text">
        {summary.answered_share === null ? "Nothing is known yet of what this page answers." : (
          <>
            This page answers <strong>{percent(summary.answered_share)}</strong> of what people ask.
          </>
        )} {parts.length > 0 && (
          <>
            {parts.join(" and ")} {summary.expected_clicks >= 1
              ? (
                <>
                  would bring about{" "}
                  <strong>{plural(Math.round(summary.expected_clicks), "click")}</strong>{" "}
                  more a month.
                </>
              )
              : "would answer the rest."}
          </>
        )}
      </p>
      <dl class="figures">
        <Figure
          label="Asked for"
          value={compact(summary.impressions)}
          note={`impressions, ${plural(summary.query_count, "query", "queries")}`}
        />
        <Figure
          label="Not answered"
          value={count(summary.gap_count)}
          note={topicNoun(summary.gap_count)}
          tone="gap"
        />
        <Figure
          label="Partly"
          value={count(summary.partly_count)}
          note={topicNoun(summary.partly_count)}
          tone="partly"
        />
        <Figure
          label="Could rank better"
          value={count(summary.improve_count)}
          note={topicNoun(summary.improve_count)}
          tone="improve"
        />
        <Figure
          label="Clicks"
          value={compact(summary.clicks)}
          note={method.period_days ? `in ${method.period_days} days` : "as exported"}
        />
      </dl>
      {aside.length > 0 && (
        <p class="quiet">
          Set apart:{" "}
          {(["brand", "navigation", "unrelated"] as const).filter((kind) =>
            aside.some((topic) => topic.kind === kind)
          )
            .map((kind) => (
              <Badge key={kind} tone="aside">
                {count(aside.filter((topic) => topic.kind === kind).length)} {kind}
              </Badge>
            ))}
        </p>
      )}
    </section>
  );
}
