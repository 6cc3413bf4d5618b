// Every doorbell may be lost: a job that nobody rang for is found by the schedules.

import assert from "node:assert/strict";
import { startStack } from "../../local/stack.ts";

Deno.test({
  name: "a job that nobody rang for completes by the schedules alone",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "pageperfect-page-" });
    await Deno.writeTextFile(
      `${folder}/page.html`,
      "<title>Chains</title><main><h1>Bicycle chains</h1><p>A chain wears out and is then replaced " +
        "together with the cassette, which is why riders measure it.</p></main>",
    );
    await using stack = await startStack();
    const request = {
      url: `${await stack.serveFile(folder)}page.html`,
      keywords: [{ query: "when to replace a chain", impressions: 10, clicks: 1, position: 5 }],
    };
    const [{ id }] = await stack.sql`
      select create_pageperfect_job(${stack.sql.json(request)}) ->> 'job_id' as id`;
    const deadline = Date.now() + 600_000;
    let status = "queued";
    while (status !== "completed" && status !== "failed" && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      [{ status }] = await stack.sql`select status from pageperfect_jobs where id = ${id}`;
    }
    assert.equal(status, "completed");
    const runs = await stack.sql`
      select distinct j.jobname from cron.job_run_details as d join cron.job as j using (jobid)
      where d.status = 'succeeded' and j.jobname = 'pageperfect-dispatcher'`;
    assert.equal(runs.length, 1);
    const [{ refused }] = await stack.sql`
      select count(*)::integer as refused from net._http_response where status_code >= 300`;
    assert.equal(refused, 0, "the dispatcher took the key from Vault");
    await Deno.remove(folder, { recursive: true });
  },
});
