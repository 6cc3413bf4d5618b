// Follows docs/guides/add-a-stage.md in a copy of the tree: its files and nothing else, built, and a job through the stage.

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { root } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";

/** The guide's blocks by the file that the text before each names. */
async function filesOfGuide(): Promise<{ path: string; text: string }[]> {
  const guide = await Deno.readTextFile(`${root}/docs/guides/add-a-stage.md`);
  const blocks = guide.matchAll(/^ {3}```\w+\n([\s\S]*?)^ {3}```$/gm);
  const files: { path: string; text: string }[] = [];
  for (const block of blocks) {
    const text = block[1].replace(/^ {3}/gm, "");
    const before = guide.slice(0, block.index).split(/^ {3}```$/m).at(-1)!;
    const paths = [...before.matchAll(/`([\w/.-]+\.(?:sql|ts|toml|rs))`/g)].map(([, path]) => path);
    files.push({ path: paths.at(-1)!, text });
  }
  return files;
}

Deno.test("the guide to add a stage is all that a seventh stage takes", async () => {
  const files = await filesOfGuide();
  const places = new Set(
    files.map(({ path }) =>
      path.startsWith("crates/")
        ? "crate"
        : path.startsWith("functions/") || path === "supabase/config.toml"
        ? "worker folder"
        : path.replace(/\d{14}_/, "").split("/").slice(0, 2).join("/") + path.split("/").at(-1)
    ),
  );
  assert.equal(places.size, 5, [...places].join(", "));

  const copy = await Deno.makeTempDir({ prefix: "pageperfect-guide-" });
  try {
    const parts = [
      "functions",
      "supabase",
      "crates",
      "local",
      "build.sh",
      "Cargo.toml",
      "Cargo.lock",
    ];
    const { success } = await new Deno.Command("cp", {
      args: ["-R", ...[...parts, ".cargo", "deno.json"].map((part) => `${root}/${part}`), copy],
    }).output();
    assert.ok(success);
    for (const { path, text } of files) {
      await Deno.mkdir(dirname(`${copy}/${path}`), { recursive: true });
      await Deno.writeTextFile(`${copy}/${path}`, text, {
        append: path === "supabase/config.toml",
      });
    }
    // The other modules are copied as they are: what the guide adds is all that is compiled.
    const build = await new Deno.Command("bash", {
      args: [`${copy}/build.sh`, "--quick", "facts"],
      cwd: copy,
      stderr: "piped",
    }).output();
    assert.ok(build.success, new TextDecoder().decode(build.stderr));

    await using stack = await startStack({ projectDir: copy });
    const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
      method: "POST",
      headers: { apikey: stack.secretKey, "content-type": "application/json" },
      body: JSON.stringify({
        url: await stack.serveFile(`${root}/cli/sample/index.html`),
        keywords: [{ query: "a question", impressions: 10, clicks: 1, position: 3 }],
      }),
    });
    const { job_id } = await response.json();
    let job: Record<string, unknown> = {};
    for (
      let round = 0;
      round < 1200 && !["completed", "failed"].includes(job.status as string);
      round++
    ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      [job] = await stack
        .sql`select status, error from public.pageperfect_jobs where id = ${job_id}`;
    }
    assert.equal(job.status, "completed", JSON.stringify(job));
    const stages = await stack.sql`
      select stage, status from public.pageperfect_job_stages where job_id = ${job_id} order by started_at`;
    assert.equal(stages.length, 7);
    assert.deepEqual({ ...stages[6] }, { stage: "fact_check", status: "completed" });
    const [{ data }] = await stack.sql`
      select data from public.pageperfect_payloads where job_id = ${job_id} and stage = 'fact_check'`;
    assert.ok(data.checked_count > 3, JSON.stringify(data));
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});
