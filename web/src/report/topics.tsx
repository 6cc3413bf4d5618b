// All topics with their queries and figures: sorted, searched, taken along as CSV.

import { useSignal } from "@preact/signals";
import { compact, count, csv, percent, position } from "../format.ts";
import { href, param, setQuery } from "../router.ts";
import { Badge, Button, download, fileName, Meter, Table } from "../ui.tsx";
import { Choice } from "./edits.tsx";
import { kindLabels, type ReportModel, type Topic } from "./model.ts";

type Column = "impressions" | "clicks" | "avg_position" | "coverage" | "opportunity";
const columns: [Column, string][] = [
  ["impressions", "Impressions"],
  ["clicks", "Clicks"],
  ["avg_position", "Position"],
  ["coverage", "Answered"],
  ["opportunity", "Opportunity"],
];
const step = 100;

export function TopicList({ model }: { model: ReportModel }) {
  const kind = param("kind");
  const search = (param("q") ?? "").toLowerCase();
  const sort = (param("sort") as Column) || "impressions";
  const isRising = param("order") === "rising";
  const limit = useSignal(step);
  const topics = model.result.topics
    .filter((topic) => !kind || topic.kind === kind)
    .filter((topic) =>
      !search || topic.label.toLowerCase().includes(search) ||
      topic.queries.some(({ query }) => query.toLowerCase().includes(search))
    )
    .sort((a, b) =>
      ((a[sort] ?? Infinity) - (b[sort] ?? Infinity)) * (isRising ? 1 : -1) || a.id - b.id
    );
  return (
    <>
      <div class="filters">
        <Choice
          label="Kind"
          name="kind"
          value={kind}
          options={[["", "All kinds"], ...Object.entries(kindLabels)]}
        />
        <label class="choice">
          <span>Search</span>
          <input
            type="search"
            value={param("q") ?? ""}
            placeholder="Topic or query"
            onInput={(event) => setQuery({ q: event.currentTarget.value }, true)}
          />
        </label>
        <Button onClick={() => exportTopics(model, topics)}>CSV</Button>
        <span class="quiet" role="status">{count(topics.length)} topics</span>
      </div>
      <Table label="Topics">
        <thead>
          <tr>
            <th scope="col">Topic</th>
            <th scope="col">Kind</th>
            {columns.map(([key, label]) => (
              <th
                key={key}
                scope="col"
                class="number"
                aria-sort={sort === key ? (isRising ? "ascending" : "descending") : undefined}
              >
                <button
                  type="button"
                  class="sort"
                  onClick={() =>
                    setQuery(
                      { sort: key, order: sort === key && !isRising ? "rising" : null },
                      true,
                    )}
                >
                  {label}
                  {sort === key && <span aria-hidden="true">{isRising ? " ↑" : " ↓"}</span>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {topics.slice(0, limit.value).map((topic) => (
            <TopicRow key={topic.id} topic={topic} model={model} />
          ))}
        </tbody>
      </Table>
      {topics.length > limit.value && (
        <p>
          <Button onClick={() => (limit.value += step * 5)}>
            Show more of {count(topics.length)}
          </Button>
        </p>
      )}
    </>
  );
}

function TopicRow({ topic, model }: { topic: Topic; model: ReportModel }) {
  const open = useSignal(false);
  const section = topic.best_segment_id === null
    ? undefined
    : model.sectionOf.get(topic.best_segment_id);
  return (
    <>
      <tr class="topic-row">
        <th scope="row">
          <button
            type="button"
            class="unfold"
            aria-expanded={open.value}
            onClick={() => (open.value = !open.value)}
          >
            <span dir="auto">{topic.label}</span>{" "}
            <span class="quiet">
              {topic.queries.length > 1 ? `${count(topic.queries.length)} queries` : ""}
            </span>
          </button>
        </th>
        <td>
          <Badge tone={topic.kind}>{kindLabels[topic.kind]}</Badge>
        </td>
        <td class="number">{count(topic.impressions)}</td>
        <td class="number">{count(topic.clicks)}</td>
        <td class="number">{position(topic.avg_position)}</td>
        <td class="number">
          <Meter
            value={topic.coverage}
            label={`${percent(topic.coverage)} answered`}
            tone={topic.kind}
          />{" "}
          {percent(topic.coverage)}
        </td>
        <td class="number">{compact(topic.opportunity)}</td>
      </tr>
      {open.value && (
        <tr class="unfolded">
          <td colSpan={7}>
            <p class="quiet">
              {section
                ? (
                  <>
                    Nearest section:{" "}
                    <a
                      href={href(`report/${model.result.job.id}/text`, { topic: topic.id })}
                      dir="auto"
                    >
                      {section.heading}
                    </a>
                  </>
                )
                : "No section comes near."}
              {topic.intent && <>· {topic.intent}</>}
              {topic.confidence !== null && <>· {percent(topic.confidence)} sure</>}
            </p>
            <table class="compact">
              <thead>
                <tr>
                  <th scope="col">Query</th>
                  <th scope="col" class="number">Impressions</th>
                  <th scope="col" class="number">Clicks</th>
                  <th scope="col" class="number">Position</th>
                  <th scope="col" class="number">Answered</th>
                  <th scope="col">Missing words</th>
                </tr>
              </thead>
              <tbody>
                {topic.queries.slice(0, 200).map((query) => (
                  <tr key={query.query}>
                    <th scope="row">
                      <span dir="auto">{query.query}</span>
                      {query.variants.length > 0 && (
                        <span class="quiet" title={query.variants.join("\n")}>
                          +{query.variants.length} spellings
                        </span>
                      )}
                    </th>
                    <td class="number">{count(query.impressions)}</td>
                    <td class="number">{count(query.clicks)}</td>
                    <td class="number">{position(query.position)}</td>
                    <td class="number">{percent(query.coverage)}</td>
                    <td dir="auto">{query.missing_terms.join(", ")}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </td>
        </tr>
      )}
    </>
  );
}

export function exportTopics(model: ReportModel, topics: Topic[]) {
  const rows = topics.flatMap((topic) =>
    topic.queries.map((
      query,
    ) => [
      topic.label,
      topic.kind,
      query.query,
      query.impressions,
      query.clicks,
      query.position,
      query.coverage,
      query.is_answered,
      query.missing_terms.join(" "),
    ])
  );
  const header = [
    "topic",
    "kind",
    "query",
    "impressions",
    "clicks",
    "position",
    "coverage",
    "is_answered",
    "missing_terms",
  ];
  download(
    `${fileName(model.result.page?.title ?? "topics")}-queries.csv`,
    csv(header, rows),
    "text/csv",
  );
}
