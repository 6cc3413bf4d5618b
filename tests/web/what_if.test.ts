// What the browser computes is what the workers computed, bit for bit: a what-if with the job's own settings, and the coverage of a
// draft that nobody has changed.

import assert from "node:assert/strict";
import type { JobResult } from "../../cli/report/result.ts";
import { startStack } from "../../local/stack.ts";
import { DraftCoverage, queriesBeside } from "../../web/src/report/draft_coverage.ts";
import { type AnalysisInput, compute, settingsOf } from "../../web/src/report/what_if.ts";
import { sample } from "./browser.ts";

Deno.test("what is computed in the browser is what the workers computed", async (test) => {
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
    parameters: { verify: false, drafts: 2 },
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

  await test.step("a what-if with the job's own settings: topics and edits", async () => {
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

  await test.step("the coverage of a draft, as it stands and as it is edited", async () => {
    const { segments, topics, edits, drafts }: JobResult = await rpc("get_report");
    const { ids, dimensions, texts: passages } = await rpc("get_segments");
    assert.deepEqual(segments!.map(({ id }) => id), ids);
    assert.equal(drafts.length, 2);
    const vectorOf = new Map(texts.map((text, index) => [text, queryVectors[index]]));
    const asked = topics.filter(({ kind }) => !["brand", "navigation", "unrelated"].includes(kind));
    for (const draft of drafts) {
      const edit = edits.find(({ id }) => id === draft.edit_id)!;
      const queries = queriesBeside(edit.open_queries, asked);
      const coverage = await DraftCoverage.open({
        ...{ dimensions, segmentVectors, queries },
        segments: segments!.map((segment, index) => ({ ...segment, text: passages[index] })),
        openCount: edit.open_queries.length,
        openImpressions: edit.open_queries.map((wanted) =>
          topics.find(({ id }) => id === edit.topic_id)!
            .queries.find(({ query }) => query === wanted)?.impressions ?? 0
        ),
        threshold: 0.7,
        queryVectors: queries.map(({ query }) => vectorOf.get(prefix + query)),
      });
      const words = coverage.measure(draft.body_markdown);
      assert.ok(words.unknown.length > 0, "the words alone, until the passages are embedded");
      const embed = async (passages: string[]) => {
        const { vectors } = await call("/functions/v1/pageperfect-embed-passages", {
          job_id,
          passages,
        });
        coverage.learn(passages, vectors);
      };
      await embed(words.unknown);
      const measured = coverage.measure(draft.body_markdown);
      assert.deepEqual(measured.unknown, []);
      assert.deepEqual(
        measured.queries.map(({ query, before, now }) => ({ query, before, after: now })),
        draft.per_query,
      );
      assert.deepEqual(
        [measured.before, measured.now, measured.closes],
        [draft.coverage_before, draft.coverage_after, draft.closes_gap],
      );

      // Nothing that answers: as the page stands. A passage that says what is asked for: better than that.
      assert.ok(coverage.measure("").queries.every(({ before, now }) => before === now));
      const [{ query }] = measured.queries;
      const edited = `## Any heading\n\nThis is about ${query}: all there is to know of ${query}.`;
      const typed = coverage.measure(edited);
      assert.equal(typed.unknown.length, 1);
      assert.deepEqual(typed.queries[0].missing, [], "its words count at once");
      await embed(typed.unknown);
      const { queries: [first] } = coverage.measure(edited);
      assert.ok(first.now > first.before, `${first.before} → ${first.now}`);
    }
  });
});
