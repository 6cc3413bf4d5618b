// Large pages within what the platform gives one invocation: 2 s of CPU time and 256 MB.
//
// An invocation begins nothing more once its share of the CPU time is spent (budget.ts), so what it takes is that share,
// the start of its modules and the longest piece of work that nothing looks at the clock within. The harness counts looks
// instead of seconds, which cuts the work at the same places on every machine, and compares each piece with a workload
// timed beside it. A piece found too long is worked on again, since what else a machine does only adds; the least counts.

import { deepEqual, equal, ok } from "node:assert/strict";
import { KeywordClustering } from "../../functions/_shared/wasm/cluster.ts";
import {
  dimensions,
  type Harness,
  type Keyword,
  startHarness,
  vectorOf,
} from "./budget/harness.ts";
import { limits } from "../../functions/_shared/engine/budget.ts";
import { tickMs } from "./budget/tick.ts";
import { showTable } from "../tables.ts";

const peakMb = 256;
/** What no piece of work may exceed: so many times the reference workload of meter.ts, which is a hundredth of a second here. */
const mostUnits = 100;
const tries = 3;

/** Looks at the clock in one invocation: its share of the time, what it does in any case, and some that find it spent. */
const mostLooks = (cpuFactor: number) =>
  (limits.cpuMs + limits.leastMs) / (tickMs * cpuFactor) + 12;

/**
 * Makes a job and works its stage to the end.
 *
 * @param aboveMb memory it may take above a worker that waits
 */
async function work(
  harness: Harness,
  what: string,
  jobAt: () => Promise<string>,
  stage: string,
  aboveMb: number,
  cpuFactor = 1,
): Promise<string> {
  const waiting = await harness.waiting(stage);
  let least = Infinity;
  for (let attempt = 1;; attempt++) {
    const id = await jobAt();
    const invocations = await harness.work(id, stage, cpuFactor);
    const pieces = invocations.map(({ spans }) =>
      spans.reduce((most, span) => span.units > most.units ? span : most)
    );
    showTable(`${what}: ${invocations.length} invocations of ${stage}, in units of 10 ms`, [
      ...invocations.map(({ spans, peakMb }, i) =>
        `${spans.length} pieces, ${pieces[i].units.toFixed(0)} units at most, ${
          peakMb.toFixed(0)
        } MB at most`
      ),
      `(${waiting.peakMb.toFixed(0)} MB before the first request)`,
    ]);
    for (const invocation of invocations) {
      const { peakMb: mb } = invocation;
      ok(mb <= peakMb, `${mb} MB in one invocation`);
      ok(mb - waiting.peakMb <= aboveMb, `${mb} MB from ${waiting.peakMb} MB`);
      ok(invocation.spans.length <= mostLooks(cpuFactor), "it ends when its share is spent");
    }
    const longest = pieces.reduce((most, piece) => piece.units > most.units ? piece : most);
    least = Math.min(least, longest.units);
    if (least <= mostUnits) return id;
    ok(attempt < tries, `${least} units of work before ${longest.what}`);
  }
}

/**
 * `topics` clusters of ten queries each and as many queries that belong nowhere. Of those, 40 are pairs at the boundary:
 * 10 just near enough for a cluster, 10 just too far apart.
 */
function keywordsOf(topics: number): Keyword[] {
  const edge = (i: number) => {
    const pair = Math.floor(i / 4);
    return `${pair % 2 ? "in" : "out"}side${pair} ${i % 4 === 1 ? "one" : "two"}`;
  };
  const query = (i: number) =>
    i % 2 === 0 ? `topic${i % (2 * topics)} query${i}` : i < 80 ? edge(i) : `alone${i} query`;
  return Array.from(
    { length: topics * 20 },
    (_, i) => ({ query: query(i), impressions: i, clicks: 0, position: 9 }),
  );
}

/** pgvector text. */
const floatsOf = (packed: string) =>
  JSON.stringify([...new Float32Array(Uint8Array.fromBase64(packed).buffer)]);

/** A page of about `bytes` in paragraphs of a few sentences. */
function pageOf(bytes: number): string {
  const parts: string[] = [];
  for (let i = 0, length = 0; length < bytes; i++) {
    const sentence =
      `Paragraph ${i} tells in plain words how a reader keeps step number ${i} in order, and why it matters. `;
    parts.push(i % 12 === 0 ? `<h2>Part ${i} of the guide</h2>` : `<p>${sentence.repeat(5)}</p>`);
    length += parts.at(-1)!.length;
  }
  return `<!doctype html><html lang="en"><head><title>A long guide</title></head><body><main><article>
    <h1>A long guide</h1>${parts.join("\n")}</article></main></body></html>`;
}

Deno.test({
  name: "large_pages_stay_within_an_invocations_budget",
  ignore: Deno.build.os !== "linux",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(test) {
    await using harness = await startHarness();
    const { sql } = harness.stack;

    await test.step("5000_keywords_of_1536_dimensions_are_clustered", async () => {
      const jobAt = () => harness.jobAt("keyword_clustering", "<p>a page</p>", keywordsOf(250));
      const id = await work(harness, "5,000 keywords", jobAt, "keyword_clustering", 100);
      const [stage] = await sql`select status, attempt_count from pageperfect_job_stages
        where job_id = ${id} and stage = 'keyword_clustering'`;
      deepEqual([stage.status, stage.attempt_count], ["completed", 1]);
      equal(harness.embeddedCount(), 5_000, "no text is paid for twice");
      const [found] = await sql`select
          count(*) filter (where not is_noise)::int as clusters, count(*) filter (where is_noise)::int as noise,
          count(*) filter (where size = 10)::int as topics,
          count(*) filter (where size = 2 and queries[1] like 'inside%')::int as pairs
        from keyword_clusters where job_id = ${id}`;
      deepEqual({ ...found }, { clusters: 260, noise: 2_480, topics: 250, pairs: 10 });
      const [{ usage }] = await sql`select data -> 'usage' -> 'keyword_clustering' as usage
        from pageperfect_payloads where job_id = ${id} and stage = 'keyword_clustering'`;
      deepEqual(usage, { embedding_tokens: 5_000, embedded_count: 5_000, cached_count: 0 });
      const [{ left }] = await sql`select count(*)::int as left from pipeline.staged_vectors`;
      equal(left, 0);
    });

    await test.step("10000_keywords_the_most_that_are_analysed", async () => {
      const jobAt = () => harness.jobAt("keyword_clustering", "<p>a page</p>", keywordsOf(501));
      const id = await work(harness, "10,020 keywords", jobAt, "keyword_clustering", 125);
      const [found] = await sql`select
          count(*) filter (where not is_noise)::int as clusters, count(*) filter (where is_noise)::int as noise,
          sum(size)::int as keywords, count(distinct centroid)::int as centroids
        from keyword_clusters where job_id = ${id}`;
      deepEqual({ ...found }, { clusters: 509, noise: 4_984, keywords: 10_000, centroids: 5_493 });
      const [{ data }] = await sql`
        select data from pageperfect_payloads where job_id = ${id} and stage = 'keyword_clustering'`;
      deepEqual([data.left_out_keyword_count, data.is_exact], [20, false]);
      const [{ left }] = await sql`select count(*)::int as left from pipeline.stage_checkpoints`;
      equal(left, 0);
    });

    /** Every topic's queries, as many segments about each topic, and one about each query of the first few. */
    const calibrated = async (count: number, segmentCount: number) => {
      const id = await harness.jobAt(
        "keyword_clustering",
        "<p>a page</p>",
        keywordsOf(count / 20),
        {
          method: "calibrated",
        },
      );
      const segments = Array.from({ length: segmentCount }, (_, i) => ({
        position: i,
        text: `What topic${2 * (i % (count / 40))} is about, told in text ${i}. `.repeat(5),
        path: [`Part ${Math.floor(i / 12)}`],
        vector: floatsOf(vectorOf(`topic${2 * (i % (count / 40))} segment${i}`)),
      }));
      for (let start = 0; start < segments.length; start += 250) {
        await sql`insert into page_embeddings (page_id, position, kind, text, heading_path, model, dimensions, embedding)
          select (select page_id from pageperfect_jobs where id = ${id}), (s ->> 'position')::integer, 'paragraph', s ->> 'text',
            array(select jsonb_array_elements_text(s -> 'path')), 'text-embedding-3-small', ${dimensions},
            (s ->> 'vector')::extensions.vector
          from jsonb_array_elements(${sql.json(segments.slice(start, start + 250) as never)}) as s`;
      }
      return id;
    };
    /** Every query stands in one topic, and those about a topic that segments tell of have such a segment as their nearest. */
    const checkTopics = async (id: string, count: number) => {
      const [found] = await sql`
        select sum(size)::int as queries, count(*)::int as topics,
          count(*) filter (where medoid_query like 'topic%' and size between 5 and 20)::int as whole
        from keyword_clusters where job_id = ${id}`;
      equal(found.queries, count);
      ok(found.whole > count / 50, `${found.whole} whole topics of ${found.topics}`);
      const wrong = await sql`
        select k.medoid_query, e.text from keyword_clusters as k join page_embeddings as e on e.id = k.best_segment_id
        where k.job_id = ${id} and split_part(k.medoid_query, ' ', 1) in (
          select split_part(t.text, ' ', 2) from page_embeddings as t where t.page_id = k.page_id)
          and split_part(k.medoid_query, ' ', 1) <> split_part(e.text, ' ', 2)`;
      deepEqual(wrong.map((row) => ({ ...row })), []);
    };
    await test.step("5000_keywords_meet_3000_segments_on_the_calibrated_scale", async () => {
      const what = "5,000 keywords × 3,000 segments, calibrated";
      const jobAt = () => calibrated(5_000, 3_000);
      const id = await work(harness, what, jobAt, "keyword_clustering", 125);
      const ready = [id];
      const jobAfter = async (...stages: string[]) => {
        const known = ready.pop();
        if (known !== undefined) return known;
        const id = await jobAt();
        for (const stage of stages) await harness.work(id, stage);
        return id;
      };
      ready.push(
        await work(
          harness,
          `${what}: gaps`,
          () => jobAfter("keyword_clustering"),
          "gap_analysis",
          125,
        ),
      );
      await checkTopics(ready[0], 5_000);
      const drafted = await work(
        harness,
        `${what}: a draft and its score`,
        () => jobAfter("keyword_clustering", "gap_analysis"),
        "rewrite_draft",
        125,
      );
      const drafts = await sql`select coverage_after from rewrite_drafts where job_id = ${drafted}`;
      ok(drafts.length > 0);
      ok(drafts.every(({ coverage_after }) => coverage_after !== null), "each draft is scored");
    });

    await test.step("on_a_processor_four_times_slower_there_are_more_invocations", async () => {
      const counts = [];
      for (const cpuFactor of [1, 4]) {
        const id = await calibrated(1_200, 120);
        counts.push((await harness.work(id, "keyword_clustering", cpuFactor)).length);
        await harness.work(id, "gap_analysis", cpuFactor);
        await checkTopics(id, 1_200);
      }
      ok(counts[1] > 2 * counts[0], `${counts[1]} invocations instead of ${counts[0]}`);
    });

    await test.step("a_cluster_of_4000_keywords_is_split", async () => {
      // Held together by a radius that hardly anything is beyond.
      const [keywords, eps] = [keywordsOf(200).toReversed(), 1.05];
      const parameters = { eps, max_cluster_size: 10, exact: true };
      const jobAt = () =>
        harness.jobAt("keyword_clustering", "<p>a page</p>", keywords, parameters);
      const id = await work(harness, "4,000 keywords split", jobAt, "keyword_clustering", 100);

      const clustering = new KeywordClustering(dimensions);
      keywords.forEach(({ query }) => clustering.push_base64(vectorOf(query)));
      equal(Math.max(...clustering.cluster(eps, 2)), 0, "one cluster");
      clustering.cluster(eps, 2, 10);
      const expected = clustering.summarize(keywords)
        .map(({ cluster_index, queries }) => ({ cluster_index, queries }));
      const found = await sql`select cluster_index, queries from keyword_clusters
        where job_id = ${id} order by id`;
      deepEqual(found.map((row) => ({ ...row })), expected);
      ok(expected.filter(({ queries }) => queries.length === 10).length > 150);
      const [{ data }] = await sql`
        select data from pageperfect_payloads where job_id = ${id} and stage = 'keyword_clustering'`;
      deepEqual([data.max_cluster_size, data.is_exact], [10, true]);
    });

    await test.step("10000_clusters_and_noise_points_meet_3000_segments", async () => {
      const vector =
        sql`(select array_agg(random() - 0.5) from generate_series(1, ${dimensions}::int) where i > 0)::extensions.vector`;
      const jobAt = async () => {
        const id = await harness.jobAt("gap_analysis", "<p>a page</p>", []);
        const page_id = sql`(select page_id from pageperfect_jobs where id = ${id})`;
        await sql`insert into page_embeddings (page_id, position, kind, text, model, dimensions, embedding)
          select ${page_id}, i, 'paragraph', 'text', 'm', ${dimensions}, ${vector} from generate_series(1, 3000) as i`;
        await sql`insert into keyword_clusters (page_id, cluster_index, is_noise, label, medoid_query, queries, size,
            impressions, clicks, avg_position, model, dimensions, centroid)
          select ${page_id}, case when i % 4 = 0 then i else -1 end, i % 4 <> 0, 'label ' || i, 'query', '{query}', 1, i, 0, 9, 'm',
            ${dimensions}, ${vector} from generate_series(1, 10000) as i`;
        return id;
      };
      const id = await work(
        harness,
        "10,000 clusters × 3,000 segments",
        jobAt,
        "gap_analysis",
        110,
      );
      const [{ page_id }] = await sql`select page_id from pageperfect_jobs where id = ${id}`;
      // Decided by Postgres, for a few.
      const wrong = await sql`
        select k.id from keyword_clusters as k
        cross join lateral (
          select e.id, 1 - (e.embedding operator(extensions.<=>) k.centroid) as similarity
          from page_embeddings as e where e.page_id = k.page_id order by e.embedding operator(extensions.<=>) k.centroid limit 1) as best
        where k.page_id = ${page_id} and k.id % 100 = 0
          and (best.id is distinct from k.best_segment_id or abs(best.similarity - k.best_similarity) > 1e-5
            or abs(k.opportunity - k.impressions * (1 - best.similarity)) > 1)`;
      equal(wrong.length, 0);
      const [found] =
        await sql`select count(*)::int as scored, count(distinct best_segment_id)::int as segments, (
          select array_agg(r.impressions::int order by r.rank) from rewrite_recommendations as r where r.page_id = ${page_id}
        ) as ranked from keyword_clusters where page_id = ${page_id} and best_similarity is not null`;
      equal(found.scored, 10_000);
      ok(found.segments > 1_000, "each vector is another");
      equal(found.ranked.length, 10);
      ok(found.ranked.every((impressions: number) => impressions % 4 === 0), "no noise point");
    });

    for (const [name, bytes] of [["2_mb", 2e6], ["4_mb", 4e6]] as const) {
      await test.step(`${name}_of_html_are_segmented_and_embedded`, async () => {
        const id = await work(
          harness,
          `${bytes / 1e6} MB of HTML`,
          () => harness.jobAt("segment_embed", pageOf(bytes), []),
          "segment_embed",
          bytes === 2e6 ? 130 : 145,
        );
        const [found] =
          await sql`select count(*)::int as rows, count(distinct embedding)::int as vectors,
          max(position) + 1 as last from page_embeddings where job_id = ${id}`;
        // A page has at most 3,000 segments (crates/segment).
        ok(found.rows > Math.min(bytes / 700, 2999), `${found.rows} segments`);
        deepEqual([found.vectors, found.last], [found.rows, found.rows]);
      });
    }
  },
});
