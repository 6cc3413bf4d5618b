// One gap, from the queries to the text: the draft in its place, edited, measured while it is written, decided, taken along.

import { diffWords } from "diff";
import { useSignal } from "@preact/signals";
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ApiError, isOperator, rpc } from "../api.ts";
import { compact, count, percent, position } from "../format.ts";
import { refresh } from "../live.ts";
import { href } from "../router.ts";
import {
  Badge,
  Button,
  copy,
  download,
  Empty,
  ErrorNote,
  Field,
  fileName,
  Meter,
  Page,
  toast,
} from "../ui.tsx";
import { type CoverageNow, useCoverage } from "./coverage.ts";
import { HeadingsAbove, Markdown, sectionText } from "./markdown.tsx";
import {
  type Decision,
  type Draft,
  type Edit,
  editLabels,
  placeText,
  type ReportModel,
  type Section,
  type Topic,
} from "./model.ts";
import { placeEdits } from "./page_text.tsx";

/** The section to write, as one text: its heading first. */
function startText(edit: Edit, draft: Draft | undefined): string {
  if (!draft) return "";
  return sectionText(draft, edit.place.level ?? draft.brief?.level ?? 2);
}

export function Workspace({ model, editId }: { model: ReportModel; editId: number }) {
  const edit = model.result.edits.find((candidate) => candidate.id === editId);
  const { job, page } = model.result;
  const crumbs = (
    <>
      <a href={href("")}>Pages</a> ›{" "}
      <a href={href(`report/${job.id}`)} dir="auto">{page?.title ?? job.url}</a>
    </>
  );
  if (!edit) {
    return (
      <Page title="Edit" crumbs={crumbs}>
        <Empty title="There is no such edit in this report">
          A newer analysis may have replaced it.{" "}
          <a href={href(`report/${job.id}`)}>See the edits of this report</a>
        </Empty>
      </Page>
    );
  }
  return <EditWorkspace key={edit.id} model={model} edit={edit} crumbs={crumbs} />;
}

function EditWorkspace(
  { model, edit, crumbs }: { model: ReportModel; edit: Edit; crumbs: ComponentChildren },
) {
  const { job, page, edits } = model.result;
  const draft = model.draftOf.get(edit.id);
  const topic = model.topicById.get(edit.topic_id);
  const decision = model.decisions.get(edit.id);
  const original = useMemo(() => startText(edit, draft), [edit, draft]);
  const text = useSignal(decision?.body_markdown ?? original);
  const reason = useSignal(decision?.reason ?? "");
  const mode = useSignal<"place" | "changes">("place");
  const saved = useSignal(text.value);
  const busy = useSignal(false);
  const error = useSignal<ApiError | undefined>(undefined);
  const coverage = useCoverage(model, edit, topic, draft, text.value);
  const rendered = useRef<HTMLDivElement>(null);
  const next = edits[edits.indexOf(edit) + 1];
  const previous = edits[edits.indexOf(edit) - 1];

  const decide = async (kind: Decision["decision"] | null, quiet = false) => {
    busy.value = true;
    error.value = undefined;
    const before = decision;
    const send = (value: Decision["decision"] | null, body: string | null, why: string | null) =>
      rpc("decide_edit", {
        p_job_id: job.id,
        p_edit_id: edit.id,
        p_decision: value,
        p_label: edit.label,
        p_reason: why,
        p_body_markdown: body,
      });
    try {
      await send(kind, text.value === "" ? null : text.value, reason.value || null);
      saved.value = text.value;
      if (!quiet) {
        const said =
          { accepted: "Accepted", rejected: "Rejected", draft: "Saved" }[kind ?? "draft"];
        toast(kind === null ? "Open again" : `${said}: ${edit.label}`, {
          undo: async () => {
            await send(
              before?.decision ?? null,
              before?.body_markdown ?? null,
              before?.reason ?? null,
            );
            refresh();
          },
        });
      }
      refresh();
    } catch (thrown) {
      error.value = thrown as ApiError;
    }
    busy.value = false;
  };

  // What was typed is not lost when the tab is closed; it is kept as "edited" when the field is left.
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (saved.value !== text.value) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, []);

  const html = () => rendered.current?.innerHTML ?? "";
  const mayDecide = isOperator.value;
  const name = fileName(edit.label);
  return (
    <Page
      title={edit.label}
      crumbs={crumbs}
      lead={
        <>
          <Badge
            tone={edit.kind === "write" ? "gap" : edit.kind === "extend" ? "partly" : "improve"}
          >
            {editLabels[edit.kind]}
          </Badge>{" "}
          {placeText(edit)}
        </>
      }
      actions={
        <>
          {decision?.decision === "accepted" && <Badge tone="answered">Accepted</Badge>}
          {decision?.decision === "rejected" && <Badge tone="aside">Rejected</Badge>}
          {previous && (
            <a class="button" href={href(`report/${job.id}/edit/${previous.id}`)}>← Previous</a>
          )}
          {next && <a class="button" href={href(`report/${job.id}/edit/${next.id}`)}>Next →</a>}
        </>
      }
    >
      <ErrorNote error={error.value} />
      <div class="workspace">
        <section aria-label="The text" class="workspace-text">
          <div class="filters">
            <div class="switch" role="group" aria-label="Show">
              <button
                type="button"
                aria-pressed={mode.value === "place"}
                onClick={() => (mode.value = "place")}
              >
                In its place
              </button>
              <button
                type="button"
                aria-pressed={mode.value === "changes"}
                disabled={!draft}
                onClick={() => (mode.value = "changes")}
              >
                My changes to the draft
              </button>
            </div>
            {text.value !== saved.value && <span class="quiet" role="status">Not saved yet</span>}
          </div>
          {mode.value === "place"
            ? <InPlace model={model} edit={edit} text={text.value} refTo={rendered} />
            : <Changes from={original} to={text.value} />}
          {/* Copying needs the rendered text also while changes are shown. */}
          {mode.value === "changes" && (
            <div hidden ref={rendered}>
              <Markdown text={text.value} />
            </div>
          )}
          <Field
            label={draft ? "Edit the section (Markdown)" : "Write the section (Markdown)"}
            hint={draft
              ? `Drafted by ${draft.model}${
                draft.attempts > 1 ? ` in ${draft.attempts} attempts` : ""
              }`
              : "No draft was made for this edit. Write it here; the brief beside says what it has to answer."}
          >
            {(id, describedBy) => (
              <textarea
                id={id}
                aria-describedby={describedBy}
                rows={14}
                dir="auto"
                lang={page?.language ?? undefined}
                spellcheck
                maxLength={50000}
                value={text.value}
                placeholder="## Heading"
                onInput={(event) => (text.value = event.currentTarget.value)}
                onBlur={() =>
                  mayDecide && text.value !== saved.value &&
                  decide(decision?.decision ?? "draft", true)}
              />
            )}
          </Field>
          <div class="actions">
            <Button
              onClick={() => copy(text.value, "The section as Markdown")}
              disabled={!text.value}
            >
              Copy Markdown
            </Button>
            <Button
              onClick={() => copy(text.value, "The section as rich text", html())}
              disabled={!text.value}
            >
              Copy for Docs
            </Button>
            <Button onClick={() => copy(html(), "The section as HTML")} disabled={!text.value}>
              Copy HTML
            </Button>
            <Button
              onClick={() => download(`${name}.md`, text.value, "text/markdown")}
              disabled={!text.value}
            >
              Download
            </Button>
            {draft && text.value !== original && (
              <Button kind="quiet" onClick={() => (text.value = original)}>
                Back to the draft
              </Button>
            )}
          </div>
        </section>
        <aside class="side" aria-label="Coverage and decision">
          <CoveragePanel coverage={coverage} draft={draft} />
          <section class="card">
            <h2>Decision</h2>
            {mayDecide
              ? (
                <>
                  <Field label="Reason" hint="Optional; kept with the decision.">
                    {(id, describedBy) => (
                      <input
                        id={id}
                        aria-describedby={describedBy}
                        maxLength={2000}
                        value={reason.value}
                        onInput={(event) => (reason.value = event.currentTarget.value)}
                      />
                    )}
                  </Field>
                  <div class="actions">
                    <Button kind="primary" busy={busy.value} onClick={() => decide("accepted")}>
                      Accept
                    </Button>
                    <Button busy={busy.value} onClick={() => decide("rejected")}>Reject</Button>
                    {decision && (
                      <Button
                        kind="quiet"
                        busy={busy.value}
                        onClick={() => decide(null)}
                      >
                        Reopen
                      </Button>
                    )}
                  </div>
                </>
              )
              : (
                <p class="quiet">
                  {decision
                    ? `${decision.decision}${decision.reason ? `: ${decision.reason}` : ""}`
                    : "Open. Operators of this project decide."}
                </p>
              )}
          </section>
          <BriefCard edit={edit} draft={draft} topic={topic} />
        </aside>
      </div>
    </Page>
  );
}

/** The page around the place, and the new text in it: what is added is marked, as in a diff. */
function InPlace(
  { model, edit, text, refTo }: {
    model: ReportModel;
    edit: Edit;
    text: string;
    refTo: RefObject<HTMLDivElement | null>;
  },
) {
  const { after } = placeEdits(model);
  const index = [...after.entries()].find(([, edits]) => edits.includes(edit))?.[0];
  const here = index === undefined ? undefined : model.sections[index];
  const next = index === undefined ? model.sections[0] : model.sections[index + 1];
  return (
    <div
      class="page-text in-place"
      role="region"
      aria-label="The section in its place"
      tabIndex={0}
      lang={model.result.page?.language ?? undefined}
    >
      {here && <Context section={here} end highlight={edit.place.segment_id ?? undefined} />}
      {/* The page around it is shown in part. */}
      <HeadingsAbove level={edit.place.level ?? 2} path={edit.place.heading_path} />
      <div class={`added ${text ? "" : "nothing"}`}>
        <p class="added-label">{edit.kind === "write" ? "New section" : "Added here"}</p>
        <div ref={refTo} dir="auto">
          {text
            ? <Markdown text={text} />
            : <p class="quiet">The section appears here as you write it.</p>}
        </div>
      </div>
      {next && <Context section={next} />}
    </div>
  );
}

function Context(
  { section, end, highlight }: { section: Section; end?: boolean; highlight?: number },
) {
  const body = section.segments.filter((segment) => segment.kind !== "heading");
  const shown = end ? body.slice(-4) : body.slice(0, 2);
  return (
    <div class="context">
      <p class="context-heading" dir="auto">{section.heading}</p>
      {body.length > shown.length && end && <p class="quiet">…</p>}
      {shown.map((segment) => (
        <p key={segment.id} dir="auto" class={segment.id === highlight ? "lit tone-partly" : ""}>
          {segment.text}
        </p>
      ))}
      {body.length > shown.length && !end && <p class="quiet">…</p>}
    </div>
  );
}

function Changes({ from, to }: { from: string; to: string }) {
  const parts = useMemo(() => diffWords(from, to), [from, to]);
  return (
    <div class="page-text changes" dir="auto">
      {parts.map((part, index) =>
        part.added
          ? <ins key={index}>{part.value}</ins>
          : part.removed
          ? <del key={index}>{part.value}</del>
          : <span key={index}>{part.value}</span>
      )}
    </div>
  );
}

function CoveragePanel({ coverage, draft }: { coverage: CoverageNow; draft?: Draft }) {
  return (
    <section class="card" aria-label="Coverage">
      <h2>Answered</h2>
      <p
        class={`coverage-total ${coverage.state}`}
        role="status"
        aria-live="polite"
        aria-busy={coverage.state === "words"}
      >
        <span>{percent(coverage.before)}</span> →{" "}
        <strong class={coverage.closes ? "good" : ""}>{percent(coverage.now)}</strong>
      </p>
      <p class="quiet coverage-note">{coverage.note}</p>
      <ul class="coverage">
        {coverage.queries.map((query) => (
          <li key={query.query}>
            <span dir="auto">{query.query}</span>
            <Meter
              value={query.now}
              label={`${percent(query.now)} answered, ${percent(query.before)} before`}
              tone={query.now >= coverage.threshold
                ? "answered"
                : query.now > query.before + 0.05
                ? "partly"
                : "gap"}
            />
            <span class="number">
              <span class="quiet">{percent(query.before)} →</span> {percent(query.now)}
            </span>
            {query.missing.length > 0 && (
              <span class="quiet missing">lacks {query.missing.join(", ")}</span>
            )}
          </li>
        ))}
      </ul>
      {draft && draft.facts_to_check.length > 0 && (
        <>
          <h3>To check before it is published</h3>
          <ul class="checks">
            {draft.facts_to_check.map((fact) => <li key={fact} dir="auto">{fact}</li>)}
          </ul>
        </>
      )}
    </section>
  );
}

function BriefCard({ edit, draft, topic }: { edit: Edit; draft?: Draft; topic?: Topic }) {
  const brief = draft?.brief;
  const text = [
    `Heading: ${brief?.heading ?? draft?.heading ?? edit.label}`,
    `Place: ${placeText(edit)}`,
    ...brief ? [`Length: ${brief.word_count.least} to ${brief.word_count.most} words`] : [],
    "Answers:",
    ...(brief?.queries ?? edit.open_queries).map((query) => `- ${query}`),
    ...brief && brief.links.length > 0
      ? ["Refer to:", ...brief.links.map((link) => `- ${link.heading}`)]
      : [],
  ].join("\n");
  return (
    <section class="card">
      <h2>Brief</h2>
      <dl class="facts tight">
        <div>
          <dt>Impressions</dt>
          <dd>{compact(edit.impressions)}</dd>
        </div>
        <div>
          <dt>Position</dt>
          <dd>{position(edit.avg_position)}</dd>
        </div>
        {edit.expected_clicks >= 1 && (
          <div>
            <dt>Clicks a month</dt>
            <dd>+{compact(Math.round(edit.expected_clicks))}</dd>
          </div>
        )}
        {topic?.intent && (
          <div>
            <dt>Intent</dt>
            <dd>{topic.intent}</dd>
          </div>
        )}
        {brief && (
          <div>
            <dt>Length</dt>
            <dd>{count(brief.word_count.least)} to {count(brief.word_count.most)} words</dd>
          </div>
        )}
        {edit.confidence !== null && (
          <div>
            <dt>Sure</dt>
            <dd>{percent(edit.confidence)}</dd>
          </div>
        )}
      </dl>
      {edit.reason && <p dir="auto">{edit.reason}</p>}
      {edit.verification && (
        <p class="quiet">
          {edit.verification.model} read the page: {edit.verification.verdict.replaceAll("_", " ")}
          {edit.verification.quote && (
            <>
              : <q dir="auto">{edit.verification.quote}</q>
            </>
          )}
        </p>
      )}
      {brief && brief.links.length > 0 && (
        <p>Refer to: {brief.links.map((link) => link.heading).join(", ")}</p>
      )}
      <Button onClick={() => copy(text, "The brief")}>Copy the brief</Button>
    </section>
  );
}
