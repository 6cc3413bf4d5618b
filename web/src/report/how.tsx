// How the report was made: method, models, stages, cost. What somebody asks who doubts it.

import { count, day, duration, percent, usd, words } from "../format.ts";
import { href } from "../router.ts";
import { Badge, Table } from "../ui.tsx";
import type { ReportModel } from "./model.ts";

export function How({ model }: { model: ReportModel }) {
  const { method, page, crawl, stages, costs, job, summary, segments } = model.result;
  const facts: [string, string | null | undefined][] = [
    ["Address", page?.url ?? job.url],
    [
      "Language",
      page?.language
        ? `${page.language}${page.language_source ? ` (${words(page.language_source)})` : ""}`
        : null,
    ],
    [
      "Kind of page",
      page?.page_type
        ? `${page.page_type.type}, ${percent(page.page_type.probability)} sure`
        : null,
    ],
    ["Published", page?.published_at ? day(page.published_at) : null],
    ["Modified", page?.modified_at ? day(page.modified_at) : null],
    [
      "HTML",
      crawl?.html_length
        ? `${count(crawl.html_length)} characters, HTTP ${crawl.http_status ?? "–"}, fetched by ${
          crawl.provider ?? "–"
        } in ${duration((crawl.processing_time_ms ?? 0) / 1000)}`
        : null,
    ],
    ["Segments", count(segments.length)],
    [
      "Queries",
      `${count(summary.query_count)}${
        method.left_out_query_count > 0
          ? `; the ${count(method.left_out_query_count)} with the fewest impressions were left out`
          : ""
      }`,
    ],
    [
      "Coverage",
      method.name === "calibrated"
        ? "the probability that a passage answers the query, from meaning and words"
        : "cosine similarity of the topic and the nearest passage",
    ],
    [
      "Threshold",
      method.threshold === null ? null : `below ${percent(method.threshold)} is not answered`,
    ],
    [
      "Topics",
      method.eps === null
        ? null
        : `DBSCAN, eps ${method.eps}, at least ${method.min_points} queries${
          method.max_cluster_size ? `, at most ${method.max_cluster_size}` : ""
        }; ${method.is_exact === false ? "likely pairs compared" : "all pairs compared"}`,
    ],
    ["Embedding model", method.model ? `${method.model}, ${method.dimensions} dimensions` : null],
    [
      "Unrelated texts",
      method.unrelated_similarity === null
        ? null
        : `mean cosine ${method.unrelated_similarity.toFixed(3)} on this model's scale`,
    ],
    ["Read by a language model", method.verified_by ?? "no"],
    ["Click-through by position", method.ctr_curve?.source ?? null],
    ["Job", job.id],
  ];
  return (
    <>
      <dl class="facts">
        {facts.filter(([, value]) => value).map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd dir="auto">
              {label === "Job" ? <a href={href(`jobs/${job.id}`)}>{value}</a> : value}
            </dd>
          </div>
        ))}
      </dl>
      <h2>Stages</h2>
      <Table label="Stages" compact>
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">Attempts</th>
            <th scope="col" class="number">Time</th>
          </tr>
        </thead>
        <tbody>
          {stages.map((stage) => (
            <tr key={stage.stage}>
              <th scope="row">{words(stage.stage)}</th>
              <td>
                <Badge tone={stage.status}>{stage.status}</Badge>
              </td>
              <td class="number">{count(stage.attempt_count)}</td>
              <td class="number">
                {duration(stage.duration_ms === null ? null : stage.duration_ms / 1000)}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      {costs.length > 0 && (
        <>
          <h2>Models</h2>
          <Table label="Use of models" compact>
            <thead>
              <tr>
                <th scope="col">Stage</th>
                <th scope="col">Model</th>
                <th scope="col" class="number">Calls</th>
                <th scope="col" class="number">Tokens in</th>
                <th scope="col" class="number">Tokens out</th>
                <th scope="col" class="number">Cost</th>
              </tr>
            </thead>
            <tbody>
              {costs.map((cost) => (
                <tr key={`${cost.stage} ${cost.model}`}>
                  <th scope="row">{words(cost.stage)}</th>
                  <td>{cost.provider} {cost.model}</td>
                  <td class="number">{count(cost.call_count)}</td>
                  <td class="number">{count(cost.input_tokens)}</td>
                  <td class="number">{count(cost.output_tokens)}</td>
                  <td class="number">{cost.cost_usd === null ? "no price" : usd(cost.cost_usd)}</td>
                </tr>
              ))}
            </tbody>
          </Table>
        </>
      )}
    </>
  );
}
