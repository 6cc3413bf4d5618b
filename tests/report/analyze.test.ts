// `analyze` and `demo` as a user runs them: processes with exit codes, stdout and stderr, against a
// stack of their own.

import { strict as assert } from "node:assert";

import { filesUnder, root } from "../../local/paths.ts";

/** The stack's data; also the working folder of every command. */
const state = await Deno.makeTempDir({ prefix: "pageperfect-cli-" });
await Deno.chmod(state, 0o755); // Postgres may run as another user

const sample = `${root}/cli/sample/index.html`;
const queries = `${root}/cli/sample/queries.csv`;
const trueGaps = /cycle to work scheme|insurance|train|child|calories|studded|cycling on ice/;

function start(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--config", `${root}/deno.json`],
      `${root}/cli/main.ts`,
      ...args,
    ],
    cwd: state,
    env: { PAGEPERFECT_STATE: state },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function pageperfect(...args: string[]) {
  const { code, stdout, stderr } = await start(...args).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = `${state}/${name}`;
  await Deno.writeFile(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
  return path;
}

Deno.test("analyze and demo on the embedded stack", async (t) => {
  const ports = ["--api-port", "0", "--db-port", "0", "--standins-port", "0"];
  const started = await pageperfect("up", "--detach", ...ports);
  assert.equal(started.code, 0, started.stderr);
  try {
    await steps(t);
  } finally {
    await pageperfect("down");
    await Deno.remove(state, { recursive: true });
  }
});

/** A report without what differs between two runs on the same input: ids, times, and what was paid for. */
function withoutIds(report: Record<string, unknown>): Record<string, unknown> {
  const { job: _job, stages: _stages, usage: _usage, costs: _costs, crawl: _crawl, ...rest } =
    report;
  return JSON.parse(
    JSON.stringify(rest, (name, value) => /^(id|url|\w+_id)$/.test(name) ? undefined : value),
  );
}

async function steps(t: Deno.TestContext) {
  const [info] = await filesUnder(state, "/stack.json");
  const { standinUrl, secretKey } = JSON.parse(await Deno.readTextFile(info));
  const fault = async (body: Record<string, unknown>) => {
    const response = await fetch(`${standinUrl}/control/faults`, {
      method: "POST",
      headers: { apikey: secretKey },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, await response.text());
    await response.body?.cancel();
  };

  await t.step("demo reports true gaps only and writes both files", async () => {
    const { code, stdout, stderr } = await pageperfect("demo");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /This page answers \d+ % of what people ask/);
    assert.match(stdout, /^WHAT IS MISSING/m);
    assert.match(stdout, /^DRAFT {2}for 1, /m);
    assert.ok(!stdout.includes("\x1b"), "colours outside a terminal");
    const report = JSON.parse(await Deno.readTextFile(`${state}/pageperfect-report/report.json`));
    assert.ok(report.gaps.length >= 5);
    for (const gap of report.gaps.slice(0, 5)) assert.match(gap.label, trueGaps);
    assert.deepEqual(
      report.stages.map((s: { status: string }) => s.status),
      Array(6).fill("completed"),
    );
    const read = (name: string) => Deno.readTextFile(`${state}/pageperfect-report/${name}`);
    assert.match(await read("report.md"), /^## What is missing$/m);
    assert.match(await read("report.html"), /^<!doctype html>/);
    assert.equal((await read("edits.csv")).split("\n")[0].slice(1, 5), "rank");
    const again = await pageperfect("report", report.job.id, "--format", "json");
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(JSON.parse(again.stdout).edits, report.edits);
    for (const form of ["md", "html", "csv"]) {
      const path = `${state}/pageperfect-report/report.json`;
      const { code, stdout } = await pageperfect("report", path, "--format", form);
      assert.equal(code, 0);
      assert.ok(stdout.includes(report.edits[0].label), form);
    }
    const compared = await pageperfect("compare", report.job.id, report.job.id);
    assert.equal(compared.code, 0, compared.stderr);
    assert.match(compared.stdout, /as before: 0 queries closed, 0 opened/);
  });

  await t.step("a job that is not there, and a file that is no report", async () => {
    for (
      const [args, message] of [
        [["report", crypto.randomUUID()], /there is no job/],
        [["report", "none.json"], /no job id, and there is no such file/],
        [["report", queries], /cannot be read as a report/],
        [["compare", queries, queries], /cannot be read as a report/],
      ] as [string[], RegExp][]
    ) {
      const { code, stderr } = await pageperfect(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
  });

  await t.step("the same input makes the same report, apart from ids and times", async () => {
    const runs = [];
    for (let i = 0; i < 2; i++) {
      const { stdout } = await pageperfect(
        "analyze",
        sample,
        "-k",
        queries,
        "--json",
        "--no-draft",
      );
      runs.push(withoutIds(JSON.parse(stdout)));
    }
    assert.deepEqual(runs[0], runs[1]);
    assert.deepEqual(runs[0].drafts, []);
    assert.equal(runs[0].draft_skipped, "not_requested");
  });

  await t.step("without a terminal each change of a stage is one line on stderr", async () => {
    const { code, stderr } = await pageperfect(
      "analyze",
      sample,
      "-k",
      queries,
      "--json",
      "--no-draft",
    );
    assert.equal(code, 0, stderr);
    for (
      const stage of [
        "submit_crawl",
        "wait_crawl",
        "segment_embed",
        "keyword_clustering",
        "gap_analysis",
      ]
    ) assert.match(stderr, new RegExp(`^${stage} +completed `, "m"));
  });

  await t.step("parameters reach the analysis", async () => {
    const { stdout } = await pageperfect(
      ...[
        "analyze",
        sample,
        "-k",
        queries,
        "--json",
        "--no-draft",
        "--method",
        "cosine",
        "--threshold",
        "0.95",
        "--top",
        "1",
      ],
    );
    const report = JSON.parse(stdout);
    assert.equal(report.method.threshold, 0.95);
    assert.equal(report.gaps.length, 1);
    assert.ok(report.edits[0].coverage < 0.95);
  });

  await t.step("oversized clusters are split on request, and only then", async () => {
    const analyze = async (...options: string[]) => {
      const { code, stdout, stderr } = await pageperfect(
        ...[
          "analyze",
          sample,
          "-k",
          queries,
          "--json",
          "--no-draft",
          "--method",
          "cosine",
          ...options,
        ],
      );
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const largest = (report: { topics: { queries: unknown[] }[] }) =>
      Math.max(...report.topics.map(({ queries }) => queries.length));
    const [whole, split] = [await analyze(), await analyze("--max-cluster-size", "6")];
    assert.ok(largest(whole) > 6 && largest(split) <= 6, `${largest(whole)}, ${largest(split)}`);
    assert.equal(whole.method.max_cluster_size, null);
    assert.equal(split.method.max_cluster_size, 6);
    assert.ok(split.topics.length > whole.topics.length);
    assert.equal(split.summary.query_count, whole.summary.query_count);
  });

  await t.step("a draft that fails leaves the report of the gaps", async () => {
    await fault({ api: "chat", status: 400 });
    const { code, stdout, stderr } = await pageperfect("analyze", sample, "-k", queries, "--json");
    assert.equal(code, 1);
    assert.match(stderr, /rewrite_draft failed: /);
    const report = JSON.parse(stdout);
    assert.equal(report.job.status, "failed");
    assert.ok(report.gaps.length >= 5);
    assert.deepEqual(report.drafts, []);
  });

  await t.step("Ctrl-C leaves the job running and says how to look at it", async () => {
    await fault({ api: "files", delayMs: 5_000 });
    const child = start("analyze", sample, "-k", queries, "--no-draft");
    const stderr = child.stderr.pipeThrough(new TextDecoderStream());
    let told = "";
    for await (const text of stderr) {
      if (!/job [0-9a-f-]{36}/.test(told) && /job [0-9a-f-]{36}/.test(told + text)) {
        child.kill("SIGINT");
      }
      told += text;
    }
    await child.stdout.cancel();
    assert.equal((await child.status).code, 130, told);
    assert.match(told, /the job goes on[^]*\.\/pageperfect status [0-9a-f-]{36}/);
  });

  const wrong = async (name: string, args: string[], code: number, message: RegExp) => {
    await t.step(name, async () => {
      const result = await pageperfect("analyze", ...args);
      assert.match(result.stderr, message);
      assert.equal(result.code, code, result.stderr);
      assert.equal(result.stdout, "");
    });
  };
  const csv = ["-k", queries];
  const header = "Top queries,Clicks,Impressions,CTR,Position\n";

  await wrong("a missing page", ["none.html", ...csv], 2, /there is no file none\.html/);
  await wrong("a host without a scheme", ["example.com/a", ...csv], 2, /https:\/\/example\.com\/a/);
  await wrong("no CSV", [sample], 2, /required option .*--keywords/);
  await wrong("a missing CSV", [sample, "-k", "none.csv"], 2, /there is no file none\.csv/);
  await wrong("a number that is none", [sample, ...csv, "--eps", "x"], 2, /a number is needed/);
  await wrong(
    "a broken line of the CSV",
    [sample, "-k", await file("broken.csv", `${header}tea,1,10,10%,2\ncoffee,1,many,10%,2\n`)],
    2,
    /broken\.csv, line 3: /,
  );
  await wrong(
    "a CSV without queries",
    [sample, "-k", await file("empty.csv", header)],
    2,
    /empty\.csv/,
  );
  await wrong(
    "a ZIP that is none",
    [sample, "-k", await file("export.zip", new Uint8Array([0x50, 0x4b, 3, 4, 0]))],
    2,
    /export\.zip cannot be unpacked/,
  );
  await wrong(
    "every wrong parameter at once",
    [sample, ...csv, "--eps", "3", "--top", "0"],
    2,
    /--eps: [^]*--top: /,
  );
  await wrong("a scheme that is not the web's", ["ftp://example.com/", ...csv], 2, /the URL: /);
  await wrong("a private address", ["http://10.0.0.1/", ...csv], 2, /the URL: .*10\.0\.0\.1/);
  await wrong(
    "a page that is not there",
    [`${standinUrl}/files/none/page.html`, ...csv],
    1,
    /wait_crawl failed: .*HTTP 404[^]*dead letter: http_404/,
  );
  await wrong(
    "a PDF",
    [await file("page.pdf", "%PDF-1.7\n"), ...csv],
    1,
    /not an HTML page[^]*dead letter: not_html/,
  );
  await wrong("an empty page", [await file("empty.html", ""), ...csv], 1, /the page is empty/);
  await wrong(
    "a page without text",
    [await file("scripts.html", "<!doctype html><script>render()</script>"), ...csv],
    1,
    /segment_embed failed: .*no readable text[^]*--render/,
  );
  await wrong(
    "a page of 5 MB",
    [await file("huge.html", `<p>${"words ".repeat(850_000)}`), ...csv],
    1,
    /larger than [^]*dead letter: too_large/,
  );
  await wrong(
    "a job that does not end in time",
    [sample, ...csv, "--timeout", "0"],
    1,
    /still at \w+ after 0 s[^]*\.\/pageperfect status [0-9a-f-]{36}/,
  );
}
