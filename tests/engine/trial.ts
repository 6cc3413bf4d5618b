// A small pipeline of its own for the tests of the engine: two stages, three attempts, two at once.

import postgres from "npm:postgres@3.4.9";

export type Sql = postgres.Sql;

export const pipeline = "trial";
export const stages = ["draft", "check"] as const;
export type Stage = typeof stages[number];
export const maxAttempts = 3;
/** Workers that may go silent in a row; pipeline.note_silence. */
export const maxSilences = 2;
export const maxConcurrency = 2;
/** Jobs of one user that go on at once, where the test sets it. */
export const maxOfOwner = 2;

/** One connection. Without its look-up of array types: nobody hears when that one is cut off. */
export function connect(url: string): Sql {
  return postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10, fetch_types: false });
}

/** `url` is of the role that owns the engine: what it makes must be that role's too. */
export async function addTrialPipeline(url: string, concurrency = maxConcurrency): Promise<void> {
  const sql = connect(url);
  await sql`select pipeline.add_pipeline(${pipeline}, ${pipeline})`;
  await sql`
    insert into pipeline.stage_config
      (pipeline, stage, position, next_stage, queue, worker, max_concurrency, max_attempts)
    values
      (${pipeline}, 'draft', 1, 'check', ${pipeline}, 'trial-draft', ${concurrency}, ${maxAttempts}),
      (${pipeline}, 'check', 2, null, ${pipeline}, 'trial-check', ${concurrency}, ${maxAttempts})`;
  await sql.end();
}

/** Creates a job as every creator does: the row, then its first stage. */
export async function createJob(
  sql: Sql,
  id: string,
  priority: number,
  { owner = null, parent = null }: { owner?: string | null; parent?: string | null } = {},
): Promise<void> {
  await sql`
    with job as (
      insert into pipeline.jobs (pipeline, id, stage, priority, user_id, parent_pipeline, parent_id)
      values (${pipeline}, ${id}, ${
    stages[0]
  }, ${priority}, ${owner}, ${pipeline}, ${parent}) returning id
    )
    select pipeline.queue_stage(${pipeline}, id, ${stages[0]}, '{}', ${priority}) from job`;
}

/** What must never be and is, as readable lines. */
export async function violations(sql: Sql): Promise<string[]> {
  const rows = await sql`select rule, job_id, detail from check_invariants()`;
  return rows.map(({ rule, job_id, detail }) => `${rule}: job ${job_id}, ${detail}`);
}
