// What the browser computes for a what-if is what the workers computed, bit for bit, with the job's own settings.

import assert from "node:assert/strict";
import { startStack } from "../../local/stack.ts";
import { type AnalysisInput, compute, settingsOf } from "../../web/src/report/what_if.ts";
import { sample } from "./browser.ts";

Deno.test("with the job's own settings the what-if finds the workers' topics and edits", async () => {
  await using stack = await startStack();
  const gsc = await import("../../functions/_shared/wasm/gsc.ts");
  const { model_profile } = await import("../../functions/_shared/wasm/policy.ts");
  const { keywords } = gsc.parse_csv(await Deno.readFile(`${sample}/queries.csv`));
  const call = async (path: string, body: object) => {
    const response = await fetch(stack.apiUrl + path, {
      method: "POST",
      headers: { apikey: stack.secretKey, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return await response.json();
  };
  const { job_id } = await call("/functions/v1/pageperfect-workflow", {
    url: await stack.serveFile(`${sample}/index.html`),
    keywords,
    generate_draft: false,
  });
  for (;;) {
    const [job] = await stack
      .sql`select status, error from public.pageperfect_jobs where id = ${job_id}`;
    assert.notEqual(job.status, "failed", JSON.stringify(job.error));
    if (job.status === "completed") break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const rpc = (name: string, args = {}) =>
    call(`/rest/v1/rpc/${name}`, { p_job_id: job_id, ...args });
  const input: AnalysisInput = await rpc("get_analysis_input");
  const prefix = model_profile(input.gaps.model).query_prefix ?? "";
  const texts = input.clustering.keywords.map(({ query }) => prefix + query);
  const { vectors: queryVectors } = await rpc("get_embeddings", { p_texts: texts });
  assert.ok(queryVectors.every((vector: unknown) => vector !== null));
  const { vectors: segmentVectors } = await rpc("get_segments");
  const found = await compute(
    { ...input, queryVectors, segmentVectors },
    settingsOf(input),
    () => {},
  );

  const topics = await stack.sql`
    select label, kind, coverage, expected_clicks, query_coverage
    from public.keyword_clusters where job_id = ${job_id} order by id`;
  assert.ok(topics.length > 10);
  assert.deepEqual(
    found.topics.map((
      topic,
      index,
    ) => [found.labels[index], topic.kind, topic.coverage, topic.expected_clicks]),
    topics.map((
      { label, kind, coverage, expected_clicks },
    ) => [label, kind, coverage, expected_clicks]),
  );
  const coverages = (queries: { query: string; coverage: number }[]) =>
    queries.map(({ query, coverage }) => [query, coverage]);
  assert.deepEqual(
    found.topics.map(({ queries }) => coverages(queries)),
    topics.map(({ query_coverage }) => coverages(query_coverage)),
  );
  const edits = await stack.sql`
    select label, kind, open_queries, opportunity, place
    from public.rewrite_recommendations where job_id = ${job_id} order by rank limit ${found.edits.length}`;
  assert.ok(edits.length > 0);
  const own = found.edits.filter(({ kind }) => kind !== "improve");
  assert.deepEqual(
    own.map(({ label, kind, open_queries, opportunity, place }) => ({
      label,
      kind,
      open_queries,
      opportunity,
      place,
    })),
    edits.slice(0, own.length).map((edit) => ({ ...edit })),
  );

  const narrower = await compute({ ...input, queryVectors, segmentVectors }, {
    ...settingsOf(input),
    eps: 0.15,
  }, () => {});
  assert.ok(narrower.topics.length > found.topics.length, "another eps makes other topics");
});
