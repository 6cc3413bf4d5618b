// The steps of the operations guide's section "Restore", on dumps with and without pgmq's data.

import assert from "node:assert/strict";
import { postgresHome, root } from "../../local/paths.ts";
import { startProject } from "./project.ts";

async function tool(name: string, args: string[], stdin?: string): Promise<string> {
  const child = new Deno.Command(`${postgresHome()}/bin/${name}`, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  if (stdin !== undefined) await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** The SQL of the guide's section. */
async function steps(): Promise<string> {
  const guide = await Deno.readTextFile(`${root}/docs/operations.md`);
  const [, sql] = /^## Restore\n[\s\S]*?^```sql\n([\s\S]*?)^```/m.exec(guide)!;
  return sql;
}

for (const withMessages of [true, false]) {
  Deno.test(`a dump ${withMessages ? "with" : "without"} pgmq's data: every job goes on`, async () => {
    await using project = await startProject();
    const { sql } = project;
    await project.install();
    const create = async (path: string) => {
      const [{ job }] = await sql`select public.create_pageperfect_job(${
        sql.json({
          url: `https://example.com/${path}`,
          keywords: [{ query: "q", impressions: 1, clicks: 0, position: 1 }],
        })
      }) as job`;
      return job.job_id as string;
    };
    await create("running");
    const [{ claim }] =
      await sql`select public.claim_stage('pageperfect', 'submit_crawl', 1) as claim`;
    await create("waiting");
    await create("asleep");
    const [{ deferred }] =
      await sql`select public.claim_stage('pageperfect', 'submit_crawl', 60) as deferred`;
    await sql`select public.defer_stage('pageperfect', ${deferred.msg_id}, ${deferred.read_ct}, 1, 'later')`;

    const schemas = ["public", "pipeline", "access", ...withMessages ? ["pgmq"] : []];
    const dump = await tool("pg_dump", [
      ...["-d", project.stack.adminDbUrl, ...schemas.map((name) => `--schema=${name}`)],
    ]);
    const backedUp = await sql`select id from public.pageperfect_jobs`;
    // Workers have jobs that the restored database will know nothing of.
    const later = [await create("later/1"), await create("later/2"), await create("later/3")];
    await sql`update pipeline.stage_config set max_concurrency = 10 where stage = 'submit_crawl'`;
    const [{ claims }] = await sql`
      select public.claim_stages('pageperfect', 'submit_crawl', 60, 10) as claims`;
    const late = claims.filter(({ job_id }: { job_id: string }) => later.includes(job_id));
    assert.equal(late.length, later.length);

    await using restored = await startProject();
    await restored.sql.unsafe(
      "create extension vector with schema extensions; create extension pgmq",
    ).simple();
    await tool("psql", ["-X", "-q", "-d", restored.stack.adminDbUrl], dump);

    await new Promise((resolve) => setTimeout(resolve, 1100)); // the lease of what was running is over
    const statements = await steps();
    await restored.sql.unsafe(statements).simple();
    assert.deepEqual([...await restored.sql`select * from public.check_invariants()`], []);
    const claimed = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const [{ claim }] = await restored
        .sql`select public.claim_stage('pageperfect', 'submit_crawl') as claim`;
      claimed.add(claim?.job_id);
    }
    assert.deepEqual([...claimed].sort(), backedUp.map(({ id }) => id).sort());
    assert.ok(claimed.has(claim.job_id));

    await restored.sql`select public.cancel_job('pageperfect', id) from public.pageperfect_jobs`;
    await restored.sql`select public.create_pageperfect_job('{"url": "https://example.com/new"}')
      from generate_series(1, 3)`;
    await restored.sql`select public.claim_stages('pageperfect', 'submit_crawl', 60, 3)`;
    for (const { msg_id, read_ct } of late) {
      const [{ answer }] = await restored.sql`
        select public.commit_submit_crawl(${msg_id}, ${read_ct}, '{"url": "https://example.com/"}') as answer`;
      assert.equal(answer.status, "lease_lost", "ids are not given out again");
    }
  });
}
