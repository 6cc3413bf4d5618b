// The report of a page with as many topics as pages have: what the database takes to make it, and to read it once the job
// is done.

import type { Sql } from "npm:postgres@3.4.9";

const topics = 5_000;
const queriesEach = 2;

/** A job with topics, by measured coverage or by the similarity of their clusters, and a page of 300 segments. */
async function jobWithTopics(sql: Sql, isMeasured: boolean): Promise<string> {
  const keywords = Array.from(
    { length: topics * queriesEach },
    (_, i) => ({ query: `what is asked ${i}`, impressions: i, clicks: 0, position: 9.5 }),
  );
  const url = `https://example.com/${crypto.randomUUID()}`;
  const [{ id }] = await sql`
    select create_pageperfect_job(${sql.json({ url, keywords })}) ->> 'job_id' as id`;
  const page = sql`(select page_id from pageperfect_jobs where id = ${id})`;
  await sql`
    insert into page_embeddings (page_id, job_id, position, kind, heading_path, text, model, dimensions, embedding)
    select ${page}, ${id}, i, 'paragraph', '{Guide, Part}', repeat('A sentence of the guide. ', 12), 'm', 3, '[1,2,3]'
    from generate_series(1, 300) as i`;
  await sql`
    insert into keyword_clusters (page_id, job_id, cluster_index, is_noise, label, medoid_query, queries, size, impressions,
      clicks, avg_position, model, dimensions, centroid, kind, coverage, best_similarity, is_gap, query_coverage)
    select ${page}, ${id}, i, false, 'topic ' || i, q.queries[1], q.queries, ${queriesEach}, i, 0, 9.5, 'm', 3, '[1,2,3]',
      case when ${isMeasured} then 'gap' end, case when ${isMeasured} then 0.4 end, 0.4, true,
      case when ${isMeasured} then (
        select jsonb_agg(jsonb_build_object('query', t, 'variants', '[]'::jsonb, 'impressions', i, 'clicks', 0, 'position', 9.5,
          'coverage', 0.4, 'segment_id', null, 'is_answered', false, 'missing_terms', '["asked"]'::jsonb))
        from unnest(q.queries) as t) end
    from generate_series(0, ${topics}::int - 1) as i
    cross join lateral (
      select array_agg('what is asked ' || k) as queries
      from generate_series(i * ${queriesEach}::int, (i + 1) * ${queriesEach}::int - 1) as k) as q`;
  return id;
}

/** Median milliseconds, of what is asked for by name. */
export async function reportTimes(sql: Sql, rounds: number): Promise<Record<string, number>> {
  const running = await jobWithTopics(sql, true);
  const cosine = await jobWithTopics(sql, false);
  await sql.unsafe("vacuum analyze");
  const time = async (id: string) => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const started = performance.now();
      await sql`select length(get_pageperfect_report(${id})::text)`;
      times.push(performance.now() - started);
    }
    return times.toSorted((a, b) => a - b)[Math.floor(rounds / 2)];
  };
  const times = {
    "while the job runs": await time(running),
    "with method cosine": await time(cosine),
  };
  await sql`
    update pageperfect_jobs set result = get_pageperfect_report(${running})::jsonb - 'job' - 'stages' - 'dead_letters'
    where id = ${running}`;
  return { ...times, "once it is done": await time(running) };
}
