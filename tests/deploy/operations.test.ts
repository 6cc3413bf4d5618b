// The guide's SQL is true: every block of docs/operations.md runs as it stands, as the role of the SQL Editor.

import assert from "node:assert/strict";
import postgres from "npm:postgres@3.4.9";
import { root } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";

Deno.test("every SQL block of the operations guide runs", async (t) => {
  const guide = await Deno.readTextFile(`${root}/docs/operations.md`);
  const blocks = [...guide.matchAll(/^```sql\n(.*?)^```/gms)].map(([, block]) => block);
  assert.ok(blocks.length > 20, "the guide's blocks are found");

  await using stack = await startStack({ ticker: false });
  const [{ job, failed }] = await stack.sql`
    select create_pageperfect_job('{"url": "https://example.com/"}') ->> 'job_id' as job,
      create_pageperfect_job('{"url": "https://example.com/failed", "priority": 1}') ->> 'job_id' as failed`;
  const [{ site }] = await stack.sql`
    select create_site_job('{"site": {"urls": ["https://example.com/"]}}') ->> 'job_id' as site`;
  const [{ claim }] = await stack.sql`select claim_stage('pageperfect', 'submit_crawl') as claim`;
  assert.equal(claim.job_id, failed);
  const [{ failure }] = await stack.sql`
    select fail_stage('pageperfect', ${claim.msg_id}, ${claim.read_ct}, '{"message": "boom"}', 'dead_letter') as failure`;

  const sql = postgres(stack.dbUrl, { max: 1, onnotice: () => {} });
  try {
    for (const block of blocks) {
      await t.step(block.split("\n")[0], async () => {
        const filled = block
          .replaceAll("<job id>", job)
          .replaceAll("<site job id>", site)
          .replaceAll("<dead letter id>", String(failure.dead_letter_id))
          .replace(/<(ref|new)>/g, "project");
        await sql.begin(async (transaction) => {
          await transaction.unsafe(filled).simple();
          throw new Rollback();
        }).catch((error) => {
          if (!(error instanceof Rollback)) throw error;
        });
      });
    }
  } finally {
    await sql.end();
  }
});

class Rollback extends Error {}
