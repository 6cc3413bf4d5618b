// The page's own text: which passage answers which topic, and where each edit goes.

import { useEffect, useRef } from "preact/hooks";
import { rpc } from "../api.ts";
import { compact, percent } from "../format.ts";
import { useLive } from "../live.ts";
import { href, param, setQuery } from "../router.ts";
import { Badge, Meter } from "../ui.tsx";
import {
  type Edit,
  editLabels,
  kindLabels,
  type ReportModel,
  type Section,
  type Segment,
  type Topic,
} from "./model.ts";

/** A report has the first 400 characters of a passage. */
const isCut = ({ text }: Segment) => text.length >= 400;

export function PageText({ model }: { model: ReportModel }) {
  const topicId = Number(param("topic")) || undefined;
  const segmentId = Number(param("segment")) || undefined;
  const topic = topicId === undefined ? undefined : model.topicById.get(topicId);
  const lit = new Map<number, string[]>();
  if (topic) {
    for (const query of topic.queries) {
      if (query.segment_id !== null) {
        lit.set(query.segment_id, [...lit.get(query.segment_id) ?? [], query.query]);
      }
    }
    if (topic.best_segment_id !== null && !lit.has(topic.best_segment_id)) {
      lit.set(topic.best_segment_id, []);
    }
  }
  const { segments } = model.result;
  const whole = useLive<Record<string, string>>(
    `passages ${model.result.job.id}`,
    (signal) =>
      segments.some(isCut)
        ? rpc("get_passages", { p_job_id: model.result.job.id }, signal)
        : Promise.resolve({}),
    0,
  ).data.value;
  const text = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // After the page has been shown from its top.
    const frame = requestAnimationFrame(() => {
      if (topic) text.current?.querySelector(".lit")?.scrollIntoView({ block: "center" });
    });
    return () => cancelAnimationFrame(frame);
  }, [topicId]);
  const { before, after } = placeEdits(model);
  const list = segmentId === undefined ? model.asked : model.topicsOf.get(segmentId) ?? [];
  return (
    <div class="split">
      <div class="page-text" ref={text} lang={model.result.page?.language ?? undefined}>
        {(before.get(-1) ?? []).map((edit) => <Marker key={edit.id} edit={edit} model={model} />)}
        {model.sections.map((section) => (
          <SectionText
            key={section.index}
            section={section}
            lit={lit}
            topic={topic}
            selected={segmentId}
            model={model}
            whole={whole}
            edits={after.get(section.index) ?? []}
          />
        ))}
        {model.sections.length === 0 && (
          <p class="quiet">The page's text is not stored with this job.</p>
        )}
      </div>
      <aside aria-label="Topics" class="side">
        <h2>
          {segmentId !== undefined ? "Topics this passage answers" : "Topics by impressions"}
        </h2>
        {(topic || segmentId !== undefined) && (
          <p>
            <a href={href(`report/${model.result.job.id}/text`)}>Clear the selection</a>
          </p>
        )}
        {list.length === 0 && <p class="quiet">No query is answered best by this passage.</p>}
        <ul class="topic-list">
          {list.slice(0, 200).map((item) => (
            <li key={item.id}>
              <button
                type="button"
                aria-pressed={item.id === topicId}
                onClick={() =>
                  setQuery({ topic: item.id === topicId ? null : item.id, segment: null }, true)}
              >
                <span dir="auto">{item.label}</span>
                <span class="quiet">{compact(item.impressions)}</span>
                <Meter
                  value={item.coverage}
                  label={`${kindLabels[item.kind]}, ${percent(item.coverage)}`}
                  tone={item.kind}
                />
              </button>
            </li>
          ))}
        </ul>
      </aside>
    </div>
  );
}

/** Edits by the section they follow or extend. */
export function placeEdits(model: ReportModel) {
  const before = new Map<number, Edit[]>();
  const after = new Map<number, Edit[]>();
  for (const edit of model.result.edits) {
    const { segment_id, after_heading, heading_path } = edit.place;
    const heading = heading_path.at(-1) ?? after_heading;
    const section = (segment_id === null ? undefined : model.sectionOf.get(segment_id)) ??
      model.sections.findLast((candidate) =>
        candidate.heading === heading || candidate.heading === after_heading
      );
    if (section) after.set(section.index, [...after.get(section.index) ?? [], edit]);
    else before.set(-1, [...before.get(-1) ?? [], edit]);
  }
  return { before, after };
}

function SectionText(
  { section, lit, topic, selected, model, whole, edits }: {
    section: Section;
    lit: Map<number, string[]>;
    topic?: Topic;
    selected?: number;
    model: ReportModel;
    /** The texts that the report cuts, by the id of their segment. */
    whole?: Record<string, string>;
    edits: Edit[];
  },
) {
  return (
    <section>
      {section.segments.map((segment) => (
        <Passage
          key={segment.id}
          segment={segment}
          section={section}
          whole={whole?.[segment.id]}
          queries={lit.get(segment.id)}
          topic={topic}
          isSelected={segment.id === selected}
          count={(model.topicsOf.get(segment.id) ?? []).length}
        />
      ))}
      {edits.map((edit) => <Marker key={edit.id} edit={edit} model={model} />)}
    </section>
  );
}

function Passage(
  { segment, section, whole, queries, topic, isSelected, count }: {
    segment: Segment;
    whole?: string;
    section: Section;
    queries?: string[];
    topic?: Topic;
    isSelected: boolean;
    count: number;
  },
) {
  const isHeading = segment.kind === "heading";
  const select = () => setQuery({ segment: isSelected ? null : segment.id, topic: null }, true);
  const Heading = `h${section.rank}` as "h2";
  return (
    <div
      class={`passage kind-${segment.kind} level-${Math.min(section.level, 4)} ${
        queries ? `lit tone-${topic?.kind}` : ""
      } ${isSelected ? "selected" : ""}`}
    >
      {isHeading
        ? <Heading dir="auto">{whole ?? segment.text}</Heading>
        : <p dir="auto">{whole ?? `${segment.text}${isCut(segment) ? " …" : ""}`}</p>}
      {(count > 0 || isSelected) && (
        <button
          type="button"
          class="passage-count"
          aria-pressed={isSelected}
          onClick={select}
          aria-label={`${count} topics are answered best here: show them`}
        >
          {count}
        </button>
      )}
      {queries && queries.length > 0 && (
        <p class="passage-queries">
          Nearest to: {queries.slice(0, 5).map((query) => <q key={query} dir="auto">{query}</q>)}
        </p>
      )}
    </div>
  );
}

function Marker({ edit, model }: { edit: Edit; model: ReportModel }) {
  return (
    <a class="marker" href={href(`report/${model.result.job.id}/edit/${edit.id}`)}>
      <Badge tone={edit.kind === "write" ? "gap" : edit.kind === "extend" ? "partly" : "improve"}>
        {editLabels[edit.kind]}
      </Badge>
      <strong dir="auto">{edit.label}</strong>
      <span class="quiet">
        {edit.expected_clicks >= 1
          ? `+${compact(Math.round(edit.expected_clicks))} clicks a month`
          : `${compact(edit.impressions)} impressions`}
      </span>
    </a>
  );
}
