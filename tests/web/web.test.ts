// The web app in a real browser on the embedded stack, one journey a test.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { renderCsv } from "../../cli/site/csv.ts";
import type { SitePlan } from "../../cli/site/plan.ts";
import { bundleWeb } from "../../cli/web_bundle.ts";
import { root } from "../../local/paths.ts";
import {
  findChromium,
  patience,
  sample,
  screenshot,
  startWorld,
  Visitor,
  type World,
} from "./browser.ts";
import { site, sitePlan } from "../report/site_plan.ts";

await findChromium();
const world = await startWorld();

/** A job of the sample page that has come to its end. */
async function analyzedSample(userId?: string): Promise<string> {
  const gsc = await import("../../functions/_shared/wasm/gsc.ts");
  const { keywords } = gsc.parse_csv(await Deno.readFile(`${sample}/queries.csv`));
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (userId) headers.authorization = `Bearer ${world.stack.userToken(userId)}`;
  headers.apikey = userId ? world.stack.publishableKey : world.stack.secretKey;
  const response = await fetch(`${world.stack.apiUrl}/functions/v1/pageperfect-workflow`, {
    method: "POST",
    headers,
    body: JSON.stringify({
      url: await world.stack.serveFile(`${sample}/index.html`),
      keywords,
    }),
  });
  const { job_id } = await response.json();
  await until(`job ${job_id} ends`, async () => {
    const [job] = await world.stack.sql`
      select status, error from public.pageperfect_jobs where id = ${job_id}`;
    assert.notEqual(job.status, "failed", JSON.stringify(job.error));
    return job.status === "completed";
  });
  return job_id;
}

async function until(what: string, isTrue: () => Promise<boolean>) {
  const deadline = Date.now() + patience;
  while (!await isTrue()) {
    if (Date.now() > deadline) throw new Error(`it did not come to it: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const clipboard = (visitor: Visitor) =>
  visitor.page.evaluate("navigator.clipboard.readText()") as Promise<string>;

/** Widths and colours that a view is looked at in. */
const looks: [width: number, dark: boolean, name: string][] = [
  [1280, false, "light"],
  [1280, true, "dark"],
  [390, false, "phone"],
];

const jobId = await analyzedSample();

/** The browser and the stack are the file's, not a test's. */
const journey = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });

Deno.test.afterAll(async () => await world[Symbol.asyncDispose]());

journey(
  "first visit: the sample's report, a draft edited and accepted, copied",
  async () => {
    await using visitor = await Visitor.open(world);
    const { page } = visitor;
    await page.getByRole("link", { name: /Commuting by bike/ }).click();
    await page.getByText(/This page answers \d+\s%/).waitFor();
    await page.locator(".edit h2 a").first().click();
    const editor = page.getByRole("textbox", { name: /section \(Markdown\)/ });
    await editor.fill(
      "## Cycle to work scheme\n\nThe scheme saves you tax. Written by a person.",
    );
    await page.locator(".added").getByText("Written by a person.").waitFor();
    await page.getByLabel("Reason").fill("fits the page");
    await page.getByRole("button", { name: "Accept", exact: true }).click();
    await page.getByText("Accepted", { exact: true }).first().waitFor();
    const [decision] = await world.stack
      .sql`select * from access.edit_decisions where job_id = ${jobId}`;
    assert.equal(decision.decision, "accepted");
    assert.equal(decision.reason, "fits the page");
    assert.match(decision.body_markdown, /Written by a person/);

    await page.getByRole("button", { name: "Copy Markdown" }).click();
    await page.getByText("The section as Markdown copied").waitFor();
    assert.match(await clipboard(visitor), /^## Cycle to work scheme/);
    await page.getByRole("button", { name: "Copy HTML" }).click();
    await page.getByText("The section as HTML copied").waitFor();
    assert.match(await clipboard(visitor), /<h2>Cycle to work scheme<\/h2><p>The scheme saves/);

    // The decision is there for the next visitor, and undone by one click.
    await page.reload();
    await page.getByRole("button", { name: "Reopen" }).click();
    await until(
      "the decision is taken back",
      async () =>
        (await world.stack.sql`select from access.edit_decisions where job_id = ${jobId}`)
          .length === 0,
    );
    assert.deepEqual(visitor.problems, []);
  },
);

journey(
  "coverage while typing: the words at once, their meaning by one call when the writer pauses",
  async () => {
    const [{ edit_id, coverage_after }] = await world.stack.sql`
      select recommendation_id as edit_id, coverage_after from public.rewrite_drafts where job_id = ${jobId}`;
    await using visitor = await Visitor.open(world);
    const { page } = visitor;
    const calls: string[][] = [];
    let letThrough = Promise.withResolvers<void>();
    await page.route("**/pageperfect-embed-passages", async (route) => {
      calls.push(route.request().postDataJSON().passages);
      await letThrough.promise;
      await route.continue();
    });
    await visitor.go(`report/${jobId}/edit/${edit_id}`);
    const panel = page.getByRole("region", { name: "Coverage", exact: true });
    await panel.getByText("The words so far").waitFor();
    letThrough.resolve();
    // The draft as it stands: what its worker found.
    await panel.getByText("Measured as you write").waitFor();
    const after = panel.locator(".coverage-total strong");
    assert.equal(await after.innerText(), `${Math.round(coverage_after * 100)}\u00a0%`);
    assert.equal(calls.length, 1);

    letThrough = Promise.withResolvers();
    const row = panel.locator(".coverage li").first();
    const query = await row.locator("[dir=auto]").innerText();
    const editor = page.getByRole("textbox", { name: /section \(Markdown\)/ });
    await editor.fill("## Weather\n\nIt may rain, and then it is wet outside.");
    await panel.getByText("The words so far").waitFor();
    await until(
      "the words count at once",
      async () => (await row.locator(".missing").count()) > 0,
    );
    const low = await after.innerText();
    await editor.fill(`## Heading\n\nAll about the ${query}: this is what the ${query} is.`);
    await row.locator(".missing").waitFor({ state: "detached" });
    letThrough.resolve();
    await panel.getByText("Measured as you write").waitFor();
    assert.ok(
      parseInt(await after.innerText()) > parseInt(low),
      `${await after.innerText()} > ${low}`,
    );
    assert.deepEqual(calls.at(-1), [`All about the ${query}: this is what the ${query} is.`]);
    // What the calls used is booked with the job.
    const usage = await world.stack.sql`
      select call_count from public.model_usage where job_id = ${jobId} and stage = 'editing'`;
    assert.ok(usage.length > 0);

    // Without the model the words are told, and why.
    await page.unroute("**/pageperfect-embed-passages");
    await page.route(
      "**/pageperfect-embed-passages",
      (route) =>
        route.fulfill({
          status: 429,
          json: { error: "quota_exceeded", message: "go on tomorrow" },
        }),
    );
    await editor.fill("## Heading\n\nSomething else.");
    await panel.getByText("The words alone: go on tomorrow").waitFor();
    assert.deepEqual(visitor.problems, []);
  },
);

journey(
  "a page of one's own: a CSV dropped on the window, the report at the end",
  async () => {
    await using visitor = await Visitor.open(world);
    const { page } = visitor;
    const drop = async (name: string, csv: string) => {
      const dataTransfer = await page.evaluateHandle(`(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([${JSON.stringify(csv)}], "${name}", { type: "text/csv" }));
        return transfer;
      })()`);
      await page.dispatchEvent("body", "drop", { dataTransfer });
    };
    await drop(
      "Queries.csv",
      "Top queries,Clicks,Impressions,CTR,Position\nhow to brew tea,10,900,1%,8\ntea caffeine,2,1200,0.2%,14\n",
    );
    await page.getByText("Queries.csv: 2 queries").waitFor();
    const file = `${Deno.makeTempDirSync()}/tea.html`;
    Deno.writeTextFileSync(
      file,
      `<!doctype html><html lang="en"><title>Tea for beginners</title><main><h1>Tea for beginners</h1>
      <h2>Brewing</h2><p>To brew tea, pour hot water over the leaves and wait for three minutes. Green tea wants cooler water than black tea does.</p>
      <h2>Keeping</h2><p>Keep tea in a closed tin, away from light and from the smell of spices.</p></main></html>`,
    );
    const url = await world.stack.serveFile(file);
    await page.getByLabel("Address of the page").fill(url);
    // Of an export of many pages, this page's rows; where it ranks is not in it.
    const rows = [[url, "how to brew tea"], [url, "keep tea fresh"], [url, "tea caffeine"]];
    await drop(
      "all.csv",
      [
        "Page,Query,Clicks,Impressions",
        ...[...rows, [`${url}x`, "coffee"]].map((row) => [...row, "2,900"].join(",")),
      ].join("\n"),
    );
    await page.getByText("all.csv: 3 queries").waitFor();
    await page.getByText("there is no column of position").waitFor();
    await page.locator(".estimate").filter({ hasText: /3 queries.*going by the last/ }).waitFor();
    await page.getByRole("button", { name: "Analyse", exact: true }).click();
    await page.getByText(/This page answers/).waitFor();
    await page.getByRole("heading", { name: "Tea for beginners" }).first().waitFor();
    await page.getByText("it is not known where the page ranks").waitFor();
    assert.deepEqual(visitor.problems, []);
  },
);

journey("what is wrong with the input is said where it was given", async () => {
  await using visitor = await Visitor.open(world);
  const { page } = visitor;
  await visitor.go("new");
  await page.getByLabel("Its queries (CSV)").setInputFiles({
    name: "a.csv",
    mimeType: "text/csv",
    buffer: Buffer.from("a,b\n1,2\n"),
  });
  await page.getByText(/a\.csv: /).waitFor();
  // Nothing starts without the file that was meant to go along, until it is taken away.
  await page.getByLabel("Address of the page").fill("https://example.com/");
  await page.getByRole("button", { name: "Analyse", exact: true }).click();
  await page.getByText(/a\.csv: /).waitFor();
  assert.match(page.url(), /#\/new/);
  await page.getByRole("button", { name: "Take the file away" }).click();
  await page.getByLabel("Address of the page").fill("http://169.254.169.254/latest/meta-data");
  await page.getByRole("button", { name: "Analyse", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: /address/i }).first().waitFor();
  assert.deepEqual(visitor.problems, []);
});

journey(
  "the page: a topic lights up its passages, a passage names its topics; Back goes back",
  async () => {
    await using visitor = await Visitor.open(world);
    const { page } = visitor;
    await visitor.go(`report/${jobId}/text`);
    // Whole, where the report has the beginning: the longest one.
    const [{ tail }] = await world.stack.sql`
      select right(text, 40) as tail from public.page_embeddings
      where job_id = ${jobId} and length(text) > 440 order by length(text) desc limit 1`;
    await page.locator(".passage p").filter({ hasText: tail }).waitFor();
    await page.locator(".topic-list button").nth(1).click();
    await page.locator(".passage.lit").first().waitFor();
    assert.match(page.url(), /topic=/);
    await page.locator(".passage-count").first().click();
    await page.getByRole("heading", { name: "Topics this passage answers" }).waitFor();
    await page.getByRole("link", { name: "Heat map" }).click();
    const cell = page.getByRole("gridcell").first();
    await cell.focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.evaluate("document.activeElement.dataset.at"), "0 1");
    await page.goBack();
    await page.getByRole("heading", { name: "Topics this passage answers" }).waitFor();
    assert.deepEqual(visitor.problems, []);
  },
);

journey("the map: every query is there, what is encircled becomes a list and a file", async () => {
  await using visitor = await Visitor.open(world);
  const { page } = visitor;
  await visitor.go(`report/${jobId}/map`);
  await page.getByText(/^\d+ queries$/).waitFor();
  const canvas = page.locator(".map canvas");
  // It may be drawn once more when it has no size any longer.
  const frames =
    "await new Promise((r) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(r)), 50));";
  await page.evaluate(`(async () => {
    const { style } = document.querySelector(".map canvas");
    style.display = "none";
    ${frames}
    style.display = "";
    ${frames}
  })()`);
  const box = (await canvas.boundingBox())!;
  await page.keyboard.down("Shift");
  await page.mouse.move(box.x + 4, box.y + 4);
  await page.mouse.down();
  for (
    const [x, y] of [[box.width - 4, 4], [box.width - 4, box.height - 4], [4, box.height - 4]]
  ) {
    await page.mouse.move(box.x + x, box.y + y, { steps: 3 });
  }
  await page.mouse.up();
  await page.keyboard.up("Shift");
  const selected = page.getByRole("region", { name: "Selected queries" }).first();
  await selected.getByRole("heading", { name: /\d+ queries/ }).waitFor();
  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    selected.getByRole("button", { name: "CSV" }).click(),
  ]);
  const lines = (await Deno.readTextFile(await saved.path())).trim().split("\r\n");
  assert.match(lines[0], /query,topic,impressions,coverage/);
  assert.ok(lines.length > 150, `${lines.length} lines`);
  assert.deepEqual(visitor.problems, []);
});

journey("500 dead letters of one reason are replayed, and only those", async () => {
  await failJobs(world, 500, "quota_exceeded");
  await failJobs(world, 3, "not_html");
  await pause(true); // what is replayed waits
  await using visitor = await Visitor.open(world);
  const { page } = visitor;
  await visitor.go("dead-letters");
  await page.getByRole("link", { name: "quota exceeded" }).click();
  await page.getByRole("button", { name: "Replay all 500 that match" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("quota exceeded").waitFor();
  // Saying no changes nothing.
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await openLetters(world, "quota_exceeded"), 500);
  await page.getByRole("button", { name: "Replay all 500 that match" }).click();
  await dialog.getByRole("button", { name: "Replay 500 dead letters" }).click();
  await page.getByText("500 dead letters replayed").waitFor();
  assert.equal(await openLetters(world, "quota_exceeded"), 0);
  assert.equal(await openLetters(world, "not_html"), 3);
  assert.deepEqual(visitor.problems, []);
});

journey(
  "jobs: filters stand in the address and survive Back; all that match are cancelled",
  async () => {
    await using visitor = await Visitor.open(world);
    const { page } = visitor;
    await visitor.go("jobs");
    await page.getByLabel("Status").selectOption("queued");
    await page.getByLabel("Address").fill("letters.example/quota");
    await until(
      "the address has the filter",
      () => Promise.resolve(page.url().includes("url=letters")),
    );
    await page.locator("tbody tr").first().getByRole("link").click();
    await page.getByRole("heading", { name: "Events" }).waitFor();
    await page.goBack();
    assert.match(page.url(), /status=queued/);
    assert.equal(await page.getByLabel("Address").inputValue(), "letters.example/quota");
    const [{ count }] = await world.stack.sql`select count(*)::int from public.pageperfect_jobs
      where status in ('queued', 'processing') and url like '%letters.example/quota_exceeded/%'`;
    await page.getByRole("button", { name: "Cancel all that match" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(`Type ${count} to go on`).fill(String(count));
    await dialog.getByRole("button", { name: `Cancel ${count} jobs` }).click();
    await page.getByText(`${count} jobs cancelled`).waitFor();
    const [left] = await world.stack.sql`select count(*)::int from public.pageperfect_jobs
      where status in ('queued', 'processing') and url like '%letters.example/quota_exceeded/%'`;
    assert.equal(left.count, 0);
    await pause(false);
    assert.deepEqual(visitor.problems, []);
  },
);

journey("the operator pauses and resumes", async () => {
  await using visitor = await Visitor.open(world);
  const { page } = visitor;
  await visitor.go("operations");
  await page.getByRole("button", { name: "Pause all" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause all" }).click();
  await page.getByRole("button", { name: "Resume all" }).waitFor();
  const enabled = async () =>
    (await world.stack
      .sql`select count(*)::int from pipeline.stage_config where pipeline = 'pageperfect' and enabled`)[
        0
      ].count;
  assert.equal(await enabled(), 0);
  await page.getByRole("button", { name: "Resume all" }).click();
  await page.getByRole("button", { name: "Pause all" }).waitFor();
  assert.equal(await enabled(), 6);
  assert.deepEqual(visitor.problems, []);
});

journey("what if: other settings at once, then the analysis run so", async () => {
  await using visitor = await Visitor.open(world);
  const { page } = visitor;
  await visitor.go(`report/${jobId}/what-if`);
  const topics = page.locator(".figure").filter({ hasText: "Topics" }).locator("strong");
  await topics.waitFor();
  const before = Number(await topics.innerText());
  await page.getByLabel(/^Topics: /).fill("0.15");
  await until("narrower topics", async () => Number(await topics.innerText()) > before);
  assert.match(page.url(), /eps=0\.15/);
  await visitor.checkAccessibility("what if");
  await screenshot(visitor, "what-if-light");
  await page.getByRole("button", { name: "Run it so" }).click();
  await until(
    "another job's report",
    () => Promise.resolve(/report\/[0-9a-f-]{36}$/.test(page.url()) && !page.url().includes(jobId)),
  );
  await page.getByText(/This page answers/).waitFor();
  const [job] = await world.stack.sql`
    select payload -> 'parameters' ->> 'eps' as eps from public.pageperfect_jobs order by created_at desc limit 1`;
  assert.equal(Number(job.eps), 0.15);
  assert.deepEqual(visitor.problems, []);
});

journey(
  "a site: the plan filtered by its address, an edit, its outcome, its page's report",
  async () => {
    const { sql } = world.stack;
    const [page] = await sql`select page_id, url from public.pageperfect_jobs where id = ${jobId}`;
    const other = crypto.randomUUID();
    const edit = (rank: number, kind: string, label: string, more = {}) => ({
      ...{ id: String(rank), rank, kind, page_id: page.page_id, url: page.url },
      ...{ target_page_id: null, target_url: null },
      ...{ place: { after_heading: "Kit and clothes" }, label, queries: [`${label} query`] },
      ...{
        impressions: 900,
        clicks: 3,
        avg_position: 12,
        coverage: 0.2,
        expected_clicks: 40 - rank,
      },
      ...{
        effort: "low",
        confidence: 0.9,
        reason: "asked for and not answered",
        is_decayed: false,
      },
      ...more,
    });
    const plan = {
      schema_version: 1,
      job: {
        id: jobId,
        status: "completed",
        created_at: new Date().toISOString(),
        completed_at: null,
      },
      site: { page_count: 2, query_count: 30, impressions: 5000, clicks: 90, expected_clicks: 80 },
      edits: [
        edit(1, "write", "bike insurance"),
        edit(2, "merge", "bike lights", {
          target_page_id: other,
          target_url: "https://other.example/lights",
        }),
      ],
      topics: [{
        ...{ id: 1, label: "bike lights", kind: "answered", intent: null, avg_position: 8 },
        owner: { page_id: other, url: "https://other.example/lights", reason: "answers it best" },
        ...{ queries: ["bike lights query"], query_count: 1, impressions: 1000, clicks: 20 },
        expected_clicks: 38,
        pages: [
          {
            ...{ page_id: page.page_id, url: page.url, impressions: 600 },
            ...{ clicks: 5, position: 9, coverage: 0.4 },
          },
          {
            ...{ page_id: other, url: "https://other.example/lights", impressions: 400 },
            ...{ clicks: 15, position: 6, coverage: 0.9 },
          },
        ],
      }],
      links: [],
      decays: [],
      pages: [],
      failed_pages: [],
    };
    // Stands in for the answers of a run; what a run makes of pages is tests/site's business.
    await using visitor = await Visitor.open(world);
    const { page: window } = visitor;
    const answer = (name: string, value: unknown) =>
      window.route(`**/rpc/${name}`, (route) => route.fulfill({ json: value }));
    const counts = { total: 3, waiting: 0, open: 0, done: 2, reused: 0, failed: 1, skipped: 0 };
    const made = (window_days: number, more: object) => ({
      ...{ id: "1", kind: "write", url: page.url, label: "bike insurance" },
      ...{ made_at: "2026-08-01T00:00:00Z", window_days, ...more },
    });
    await answer("get_site_outcomes", [
      made(7, { is_over: false }),
      made(30, {
        is_over: true,
        clicks: { before: 400, after: 900 },
        impressions: { before: 9000, after: 12000 },
        position_before: 12.1,
        position_after: 6.4,
        controls: Array(20).fill({ before: 300, after: 310 }),
      }),
      made(90, { is_over: false }),
    ]);
    await answer("get_site_plan", plan);
    await answer("get_site_progress", {
      status: "completed",
      stage: "site_plan",
      error: null,
      counts,
    });
    await visitor.go(`site/${jobId}`);
    await window.getByText("bike insurance", { exact: true }).waitFor();
    const [saved] = await Promise.all([
      window.waitForEvent("download"),
      window.getByRole("button", { name: "CSV", exact: true }).click(),
    ]);
    assert.equal(
      await Deno.readTextFile(await saved.path()),
      "\ufeff" + renderCsv(plan as unknown as SitePlan),
      "the command's edits.csv",
    );
    await window.getByLabel("Kind").selectOption("merge");
    await window.getByText("1 of 2").waitFor();
    assert.match(window.url(), /kind=merge/);
    await window.getByText("to other.example/lights").waitFor();
    await window.goBack();
    await window.getByText("2 of 2").waitFor();
    await visitor.checkAccessibility("the plan of a site");
    await screenshot(visitor, "site-light");

    // Which pages take the same queries, and what to do about it.
    await window.getByRole("link", { name: "Cannibalisation" }).click();
    const rivalry = window.getByRole("region", { name: "bike lights", exact: true });
    assert.match(
      await rivalry.locator("tbody tr").nth(1).innerText(),
      /other\.example\/lights\s+should own it\s+400 \(40\s%\)/,
    );
    await rivalry.getByText(/Merge this page into other\.example\/lights and/).waitFor();
    await window.getByText("600 impressions go to another page").waitFor();
    await visitor.checkAccessibility("cannibalisation");
    await screenshot(visitor, "cannibalisation-light");
    await window.emulateMedia({ colorScheme: "dark" });
    await window.setViewportSize({ width: 390, height: 844 });
    await visitor.checkAccessibility("cannibalisation, dark, on a phone");
    await noOverflow(visitor, "cannibalisation");
    await screenshot(visitor, "cannibalisation-phone");
    await window.setViewportSize({ width: 1280, height: 900 });
    await window.getByLabel("Search").fill("nothing like it");
    await window.getByText("0 of 1").waitFor();

    // Whether it paid, by the same wasm as on the command line.
    await window.getByRole("link", { name: "Outcomes" }).click();
    await window.getByText("400 → 900").waitFor();
    const effect = await window.locator("tbody .badge").first().innerText();
    assert.match(effect, /^\+\d+ clicks$/);
    assert.ok(parseInt(effect) > 300 && parseInt(effect) < 500, effect);
    await visitor.checkAccessibility("outcomes");
    await screenshot(visitor, "outcomes-light");
    await window.getByLabel("After").selectOption("90");
    await window.getByText("not over yet").waitFor();
    assert.match(window.url(), /days=90/);
    const retried = Promise.withResolvers<unknown>();
    await window.route("**/rpc/retry_own_site_job", (route) => {
      retried.resolve(route.request().postDataJSON());
      return route.fulfill({ json: { status: "queued", retried_count: 1 } });
    });
    await window.getByRole("button", { name: "Retry the 1 page that failed" }).click();
    assert.deepEqual(await retried.promise, { p_job_id: jobId });

    await window.getByRole("link", { name: "Edits", exact: true }).click();
    await window.locator("tbody tr").first().getByRole("link").click();
    await window.getByText(/This page answers/).waitFor();
    assert.deepEqual(visitor.problems, []);
  },
);

journey(
  "a site's drafts: asked for, counted while they are written, unfolded, copied, looked for by their state",
  async () => {
    await using visitor = await Visitor.open(world);
    const { page } = visitor;
    const plan = sitePlan();
    const evil = `<img src=x onerror="document.title='owned'"><script>alert(1)</script>`;
    for (const draft of plan.drafts!) {
      if (draft.status === "written") {
        draft.body_markdown += `\n\n${evil} [click](javascript:alert(1))`;
      }
      if (draft.status === "answered") draft.verification.quote += evil;
    }
    const { drafts } = plan;
    let ended = 1, plansRead = 0;
    await page.route("**/rpc/get_site_plan", (route) => {
      plansRead++;
      return route.fulfill({ json: { ...plan, drafts: drafts!.slice(0, ended) } });
    });
    await page.route("**/rpc/get_site_progress", (route) =>
      route.fulfill({
        json: {
          ...{ status: ended < 5 ? "processing" : "completed", stage: "site_drafts" },
          ...{ error: null, counts: plan.counts, facts: {}, minutes_left: 0 },
          drafts: ended < 5
            ? { wanted: 5, written: ended, answered: 0, skipped: 0, failed: 0, reused: 0 }
            : { wanted: 4, written: 2, answered: 1, skipped: 1, failed: 1, reused: 1 },
        },
      }));
    const sent = Promise.withResolvers<{ drafts?: number }>();
    await page.route("**/pageperfect-workflow", (route) => {
      sent.resolve(route.request().postDataJSON());
      return route.fulfill({ status: 202, json: { job_id: plan.job.id } });
    });

    await visitor.go("site/new");
    await page.getByLabel("Sitemap").fill(`${site}/sitemap.xml`);
    await page.getByLabel("Drafts").fill("5");
    await visitor.checkAccessibility("the start of a site's run");
    await screenshot(visitor, "site-new-light");
    await page.getByRole("button", { name: "Begin" }).click();
    assert.equal((await sent.promise).drafts, 5);

    // The plan is there while its drafts are written, and each is shown as it comes.
    await page.getByText("1 of 5 drafts").first().waitFor();
    await page.getByText("Drafts: 1 written").waitFor();
    ended = 5;
    await page.getByText(/Drafts: 1 written.*, 1 as an outline/).waitFor();
    assert.ok(plansRead >= 2, String(plansRead));

    const rows = page.locator(".draft-row");
    const row = (rank: number) => rows.nth(rank);
    await row(0).getByText("Coverage 10 % → 92 %").click();
    await row(0).getByRole("heading", { name: "Does green tea have caffeine?" }).waitFor();
    await row(0).getByText("The amount of caffeine in a cup.").waitFor();
    await row(0).getByRole("button", { name: "Copy Markdown" }).click();
    await page.getByText("The section as Markdown copied").waitFor();
    assert.match(
      await clipboard(visitor),
      /^## Does green tea have caffeine\?\n\nYes, green tea has \*\*caffeine\*\*/,
    );
    await rows.getByText("Keep the leaves in a tin").waitFor();
    await rows.getByText("the model's draft links to a foreign site").waitFor();
    await rows.getByText("beyond the dollars that the job may spend").waitFor();
    assert.notEqual(await page.title(), "owned");
    assert.equal(
      await page.locator("main img, main script, main a[href^='javascript']").count(),
      0,
    );
    for (const [width, dark, name] of looks) {
      await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
      await page.setViewportSize({ width, height: 900 });
      await visitor.checkAccessibility(`a site's drafts, ${name}`);
      await noOverflow(visitor, `a site's drafts, ${name}`);
      await row(0).scrollIntoViewIfNeeded();
      await screenshot(visitor, `site-drafts-${name}`);
    }
    const retried = Promise.withResolvers<unknown>();
    await page.route("**/rpc/retry_own_site_job", (route) => {
      retried.resolve(route.request().postDataJSON());
      return route.fulfill({ json: { status: "queued", retried_count: 0, draft_count: 2 } });
    });
    await page.getByRole("button", { name: "Retry the 2 missing drafts" }).click();
    assert.deepEqual(await retried.promise, { p_job_id: plan.job.id });
    await page.getByLabel("Draft").selectOption("failed");
    await page.getByText("1 of 6").waitFor();
    assert.match(page.url(), /draft=failed/);
    assert.deepEqual(visitor.problems, []);
  },
);

journey(
  "a site that is really run: planned from its sitemap, an edit made, found by the next run, its outcome",
  async () => {
    const { stack } = world;
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o755);
    const base = await stack.serveFile(folder);
    const write = async (name: string, title: string, sections: string[][]) =>
      await Deno.writeTextFile(
        `${folder}/${name}.html`,
        `<!doctype html><html lang="en"><title>${title}</title><main><h1>${title}</h1>${
          sections.map(([heading, text]) => `<h2>${heading}</h2><p>${text}</p>`).join("")
        }</main></html>`,
      );
    const sitemap = async (changed: string) =>
      await Deno.writeTextFile(
        `${folder}/sitemap.xml`,
        `<urlset>${
          ["lights", "brightness", "locks"].map((name) =>
            `<url><loc>${base}${name}.html</loc><lastmod>${
              name === "locks" ? changed : "2026-01-01"
            }</lastmod></url>`
          ).join("")
        }</urlset>`,
      );
    const brightness =
      "Bike lights of 200 lumens are bright enough for lit streets; unlit lanes want a bright front light of 600 lumens or more.";
    await write("lights", "Bike lights", [
      ["How bright should bike lights be", brightness],
      ["Mounting a light", "Clamp the front light to the handlebar, level with the road ahead."],
    ]);
    await write("brightness", "How bright should bike lights be", [
      ["How bright should bike lights be", brightness],
    ]);
    const locks = [
      [
        "Which bike lock is best",
        "A hardened steel shackle through the frame resists bolt cutters.",
      ],
      ["Where to lock a bike", "Lock the bike to an iron stand in a place where people pass by."],
    ];
    await write("locks", "Bike locks", locks);
    await sitemap("2026-01-01");
    const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    const rows = (page: string, query: string, impressions: number, position: number) =>
      [...Array(70).keys()].map((ago) => ({
        ...{ page: `${base}${page}.html`, query, date: day(ago + 1), impressions, position },
        clicks: ago < 35 ? 9 : 4,
      }));
    await stack.sql`select public.upsert_gsc_rows(${
      stack.sql.json([
        ...rows("lights", "how bright should bike lights be", 300, 8),
        ...rows("brightness", "how bright should bike lights be", 200, 11),
        ...rows("locks", "which bike lock is best", 300, 6),
        ...rows("locks", "what does bicycle insurance cost a year", 400, 14),
      ])
    })`;

    await using visitor = await Visitor.open(world);
    const { page } = visitor;
    const run = async (drafts = 0) => {
      await visitor.go("site/new");
      await page.getByLabel("Drafts").fill(String(drafts));
      await page.getByLabel("Sitemap").fill(`${base}sitemap.xml`);
      await page.locator(".estimate").filter({ hasText: "going by the last" }).waitFor();
      await page.getByRole("button", { name: "Begin" }).click();
      await page.getByRole("link", { name: "Topics and owners" }).waitFor();
      return page.url().match(/[0-9a-f-]{36}/)![0];
    };
    const first = await run(1);
    const edit = page.getByRole("row").filter({ hasText: "insurance" }).first();
    await edit.getByText("Write", { exact: true }).waitFor();
    await page.getByText("Drafts: 1 written").waitFor();
    const draft = page.locator("details.draft");
    await draft.getByText(/Coverage \d+ % → \d+ %/).click();
    await draft.getByText("Written by the offline stand-in").waitFor();
    await visitor.checkAccessibility("the plan of a real site");
    await screenshot(visitor, "site-real-light");
    await page.getByRole("link", { name: "Cannibalisation" }).click();
    const rivalry = page.getByRole("region", { name: "how bright should bike lights be" }).first();
    await rivalry.getByText("lights.html").first().waitFor();
    await rivalry.getByText("brightness.html").first().waitFor();
    await screenshot(visitor, "cannibalisation-real-light");

    // Somebody makes the edit; the next run finds it made, and analyses no page but this one.
    await write("locks", "Bike locks", [...locks, [
      "What does bicycle insurance cost a year",
      "Bicycle insurance costs about 60 pounds a year for a bicycle of 1,000 pounds: what bicycle insurance does cost a year depends on the lock.",
    ]]);
    await sitemap("2026-02-02");
    const second = await run();
    assert.notEqual(second, first);
    const pages = await stack.sql`
      select status from public.site_pages where job_id = ${second} order by status`;
    assert.deepEqual(pages.map(({ status }) => status), ["done", "reused", "reused"]);
    await visitor.go(`site/${first}/outcomes`);
    const outcome = page.getByRole("row").filter({ hasText: "insurance" });
    await outcome.getByText("not over yet").waitFor();
    // A month and more later.
    await stack.sql`update public.site_edits set made_at = ${
      day(35)
    } where job_id = ${first} and made_at is not null`;
    await page.reload();
    await outcome.getByText(/^1\d\d → 2\d\d$/).waitFor();
    await visitor.checkAccessibility("the outcome of an edit");
    await screenshot(visitor, "outcomes-real-light");
    assert.deepEqual(visitor.problems, []);
  },
);

journey("hostile text stays text: titles, queries, drafts", async () => {
  const evil =
    `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
  const [{ id: page_id }] = await world.stack.sql`
      insert into public.pages (url, title) values ('https://evil.example/', ${evil}) returning id`;
  const result = JSON.parse(await Deno.readTextFile(`${root}/tests/report/result.json`));
  result.page.title = evil;
  result.page.id = page_id;
  for (const topic of result.topics) topic.label = topic.queries[0].query = `${evil} ${topic.id}`;
  for (const segment of result.segments) segment.text = `${evil} ${segment.id}`;
  for (const edit of result.edits) edit.label = edit.place.after_heading = evil;
  for (const draft of result.drafts) {
    draft.heading = evil;
    draft.body_markdown =
      `${evil}\n\n[click](javascript:alert(1)) ![x](https://evil.example/pixel.png) <b onclick="x()">b</b>`;
  }
  const [{ id }] = await world.stack.sql`
      insert into public.pageperfect_jobs (url, page_id, status, stage, completed_at, result)
      values ('https://evil.example/', ${page_id}, 'completed', 'rewrite_draft', now(), ${
    world.stack.sql.json(result)
  }) returning id`;
  await using visitor = await Visitor.open(world);
  const asked: string[] = [];
  visitor.page.on("request", (request) => asked.push(request.url()));
  for (
    const path of [
      "",
      `report/${id}`,
      `report/${id}/text`,
      `report/${id}/heatmap`,
      `report/${id}/topics`,
      `report/${id}/how`,
      `report/${id}/edit/${result.edits[0].id}`,
    ]
  ) {
    await visitor.go(path);
    await visitor.page.getByText("onerror").first().waitFor();
    assert.notEqual(await visitor.page.title(), "owned");
    assert.equal(
      await visitor.page.locator("main img, main script, main b, main a[href^='javascript']")
        .count(),
      0,
      path,
    );
  }
  assert.deepEqual(
    asked.filter((url) => !url.startsWith(visitor.base)),
    [],
    "nothing is fetched from elsewhere",
  );
  assert.deepEqual(visitor.problems, []);
  await world.stack.sql`delete from public.pageperfect_jobs where id = ${id}`;
  await world.stack.sql`delete from public.pages where id = ${page_id}`;
});

journey(
  "a lost connection is said, what was loaded stays, and it comes back by itself",
  async () => {
    await using visitor = await Visitor.open(world);
    const { page } = visitor;
    await visitor.go("operations");
    await page.getByRole("columnheader", { name: "Ready" }).first().waitFor();
    await page.route("**/api/**", (route) => route.abort());
    await page.getByText("The connection is lost").waitFor();
    await page.getByRole("columnheader", { name: "Ready" }).first().waitFor();
    await page.unroute("**/api/**");
    await page.getByText("The connection is lost").waitFor({ state: "detached" });
  },
);

journey(
  "the loopback server: a link works once; other hosts, origins and functions are refused",
  async () => {
    const base = `http://127.0.0.1:${world.server.port}`;
    const link = world.server.link();
    const first = await fetch(link, { redirect: "manual" });
    await first.body?.cancel();
    assert.equal(first.status, 303);
    const cookie = first.headers.get("set-cookie")!;
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    const again = await fetch(link, { redirect: "manual" });
    assert.equal(again.status, 403);
    assert.match(await again.text(), /Press Enter/);
    const session = cookie.split(";")[0];
    const post = async (path: string, headers: Record<string, string>, body = "{}") => {
      const response = await fetch(base + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
      });
      return { status: response.status, text: await response.text(), headers: response.headers };
    };
    assert.equal((await post("/api/rest/v1/rpc/whoami", {})).status, 401, "without the session");
    assert.equal(
      (await post("/api/rest/v1/rpc/whoami", { cookie: session })).status,
      200,
      "with it",
    );
    assert.equal(
      (await post("/api/rest/v1/rpc/whoami", { cookie: session, origin: "https://evil.example" }))
        .status,
      403,
    );
    assert.equal(
      (await post("/api/rest/v1/rpc/whoami", { cookie: session, "sec-fetch-site": "cross-site" }))
        .status,
      403,
    );
    assert.equal(
      (await post("/api/rest/v1/rpc/prune", { cookie: session })).status,
      404,
      "not a function of the app",
    );
    assert.equal(
      (await post("/api/rest/v1/rpc/whoami", { cookie: session, "content-type": "text/plain" }))
        .status,
      415,
      "what a form can send",
    );
    const { status } = await new Promise<{ status: string }>((resolve) => {
      // fetch does not let a Host be set.
      Deno.connect({ hostname: "127.0.0.1", port: world.server.port }).then(
        async (connection) => {
          await connection.write(
            new TextEncoder().encode(
              `GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
            ),
          );
          const buffer = new Uint8Array(64);
          const length = await connection.read(buffer);
          connection.close();
          resolve({
            status: new TextDecoder().decode(buffer.subarray(0, length ?? 0)).split(" ")[1],
          });
        },
      );
    });
    assert.equal(status, "421");
    const page = await fetch(base);
    const policy = page.headers.get("content-security-policy")!;
    const html = await page.text();
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /'unsafe-/);
    assert.ok(!html.includes(world.stack.secretKey), "the page does not hold the key");
    for await (const { name } of Deno.readDir(world.bundle)) {
      assert.ok(
        !(await Deno.readTextFile(`${world.bundle}/${name}`)).includes(world.stack.secretKey),
      );
    }
  },
);

journey(
  "hosted: a reader signs in, reads everything, and changes nothing whatever they try",
  async () => {
    await using site = await hostedCopy(world);
    const [reader, stranger, operator] = await members(world);
    await using visitor = await signIn(world, site.base, reader);
    const { page } = visitor;
    await page.getByRole("link", { name: /Commuting by bike/ }).click();
    await page.locator(".edit h2 a").first().click();
    await page.getByText("Operators of this project decide").waitFor();
    assert.equal(await page.getByRole("button", { name: "Accept", exact: true }).count(), 0);
    await visitor.go("dead-letters");
    await page.getByText("not html").first().waitFor();
    assert.equal(await page.getByRole("button", { name: /Replay/ }).count(), 0);
    // Past the page: the same functions by hand.
    const call = (name: string, args: object, token: string) =>
      fetch(`${world.stack.apiUrl}/rest/v1/rpc/${name}`, {
        method: "POST",
        headers: {
          apikey: world.stack.publishableKey,
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(args),
      }).then(async (response) => ({ status: response.status, body: await response.json() }));
    const before = await openLetters(world, "not_html");
    for (
      const [name, args] of Object.entries({
        replay_matching: { p_filters: {}, p_expected: before },
        cancel_matching: { p_filters: {}, p_expected: 0 },
        set_stages_enabled: { p_pipeline: "pageperfect", p_stages: null, p_enabled: false },
        decide_edit: { p_job_id: jobId, p_edit_id: 1, p_decision: "accepted" },
        set_member: { p_email: "reader@example.com", p_role: "operator" },
      })
    ) {
      const { status, body } = await call(name, args, reader.token);
      assert.equal(status, 403, `${name}: ${JSON.stringify(body)}`);
    }
    assert.equal(await openLetters(world, "not_html"), before);
    // The analysis that the page's passages are of now.
    const [{ job_id }] = await world.stack.sql`
      select e.job_id from public.page_embeddings as e
      join public.pageperfect_jobs as j on j.page_id = e.page_id where j.id = ${jobId} limit 1`;
    const embed = (token: string, passages: unknown = ["a passage"]) =>
      fetch(`${world.stack.apiUrl}/functions/v1/pageperfect-embed-passages`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ job_id, passages }),
      }).then(async (response) => ({ status: response.status, body: await response.json() }));
    assert.equal((await embed(reader.token)).status, 403, "nothing is paid for a reader");
    assert.equal((await embed(stranger.token)).status, 404);
    for (const wrong of [[], [""], "text", ["x".repeat(50_001)], Array(101).fill("x")]) {
      assert.equal(
        (await embed(operator.token, wrong)).status,
        400,
        JSON.stringify(wrong).slice(0, 40),
      );
    }
    const { status, body } = await embed(operator.token);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.vectors.length, 1);

    // Who is no member sees none of it.
    await using other = await signIn(world, site.base, stranger);
    await other.page.getByText("Analyse your first page").waitFor();
    await other.go("operations");
    await other.page.getByText("only members of this project may see this").waitFor();
    await other.go(`report/${jobId}`);
    await other.page.getByText("there is no job").waitFor();
    assert.deepEqual(visitor.problems, []);
  },
);

journey("hosted: an operator replays and decides with their own account", async () => {
  await using site = await hostedCopy(world);
  const [, , operator] = await members(world);
  await using visitor = await signIn(world, site.base, operator);
  const { page } = visitor;
  await visitor.go("dead-letters?reason=not_html");
  await page.getByRole("button", { name: /Replay all 3/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Replay 3 dead letters" }).click();
  await page.getByText("3 dead letters replayed").waitFor();
  assert.equal(await openLetters(world, "not_html"), 0);
  await visitor.go("members");
  await page.getByText("reader@example.com").waitFor();
  assert.deepEqual(visitor.problems, []);
});

journey(
  "every view: axe finds nothing, nothing sticks out, in light, dark and on a phone",
  async () => {
    const [edit] = await world.stack
      .sql`select recommendation_id as id, job_id from public.rewrite_drafts order by created_at desc limit 1`;
    const views: Record<string, string> = {
      pages: "",
      report: `report/${jobId}`,
      text: `report/${jobId}/text`,
      heatmap: `report/${jobId}/heatmap`,
      topics: `report/${jobId}/topics`,
      map: `report/${jobId}/map`,
      how: `report/${jobId}/how`,
      workspace: `report/${edit.job_id}/edit/${edit.id}`,
      site: "site",
      "site-new": "site/new",
      new: "new",
      operations: "operations",
      jobs: "jobs",
      job: `jobs/${jobId}`,
      "dead-letters": "dead-letters",
      costs: "costs",
      members: "members",
      "not-found": "nowhere",
    };
    for (
      const [look, options] of Object.entries({
        light: {},
        dark: { dark: true },
        phone: { width: 390, height: 844 },
      })
    ) {
      await using visitor = await Visitor.open(world, options);
      for (const [name, path] of Object.entries(views)) {
        await visitor.go(path);
        await visitor.page.locator(".skeleton").waitFor({ state: "detached" });
        if (name === "workspace") await visitor.page.getByText("Measured as you write").waitFor();
        await visitor.checkAccessibility(`${name}, ${look}`);
        await noOverflow(visitor, `${name}, ${look}`);
        await screenshot(visitor, `${name}-${look}`);
      }
      assert.deepEqual(visitor.problems, []);
    }
  },
);

async function noOverflow({ page }: Visitor, name: string) {
  const overflow = await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  assert.equal(overflow, 0, `${name} sticks out`);
}

/** Jobs that failed for good at their first stage, all for one reason; nobody sees them before they have. */
async function failJobs(world: World, count: number, reason: string) {
  await world.stack.sql.begin(async (sql) => {
    for (let n = 0; n < count; n++) {
      const url = `https://letters.example/${reason}/${n}`;
      await sql`select public.create_pageperfect_job(${sql.json({ url })})`;
    }
    const error = sql.json({ message: "You exceeded your current quota", code: reason });
    for (let n = 0; n < count; n++) {
      const [{ claim }] =
        await sql`select public.claim_stage('pageperfect', 'submit_crawl', 60) as claim`;
      await sql`select public.fail_stage('pageperfect', ${claim.msg_id}, ${claim.read_ct}, ${error}, 'dead_letter', 0, ${reason})`;
    }
  });
}

const pause = (isPaused: boolean) =>
  world.stack
    .sql`update pipeline.stage_config set enabled = ${!isPaused} where pipeline = 'pageperfect'`;

async function openLetters(world: World, reason: string): Promise<number> {
  const [{ count }] = await world.stack.sql`
    select count(*)::int from public.pageperfect_dead_letters where failure_reason = ${reason} and replayed_at is null`;
  return count;
}

interface Account {
  id: string;
  email: string;
  token: string;
}

/** A reader, a stranger and an operator. */
async function members(world: World): Promise<Account[]> {
  const accounts = await Promise.all(["reader", "stranger", "operator"].map(async (name) => {
    const email = `${name}@example.com`;
    const [{ id }] = await world.stack.sql`
      insert into auth.users (email) values (${email}) on conflict (email) do update set email = excluded.email returning id`;
    return { id, email, token: world.stack.userToken(id, { email }) };
  }));
  await world.stack.sql`
    insert into access.members (user_id, role) values (${accounts[0].id}, 'reader'), (${
    accounts[2].id
  }, 'operator')
    on conflict do nothing`;
  return accounts;
}

/** The bundle on a static host of another origin, as GitHub Pages would have it. */
async function hostedCopy(world: World) {
  const dir = Deno.makeTempDirSync();
  const { origin } = new URL(world.stack.apiUrl);
  await bundleWeb(dir, origin);
  await Deno.writeTextFile(
    `${dir}/config.json`,
    JSON.stringify({
      mode: "hosted",
      api: origin,
      publishableKey: world.stack.publishableKey,
      name: "hosted",
    }),
  );
  const types: Record<string, string> = {
    html: "text/html",
    js: "text/javascript",
    css: "text/css",
    svg: "image/svg+xml",
    json: "application/json",
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const name = new URL(request.url).pathname.slice(1) || "index.html";
      const body = await Deno.readFile(`${dir}/${name}`).catch(() => undefined);
      return body
        ? new Response(body, { headers: { "content-type": types[name.split(".").pop()!] } })
        : new Response("", { status: 404 });
    },
  );
  return {
    base: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Signs in by the form. Supabase Auth itself is answered here, in its wire format; the token is one that the gateway checks. */
async function signIn(world: World, base: string, account: Account): Promise<Visitor> {
  const visitor = await Visitor.open(world, { base, link: base });
  const { page } = visitor;
  await page.route("**/auth/v1/token*", async (route) => {
    const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
    if (route.request().method() === "OPTIONS") {
      return await route.fulfill({ status: 204, headers });
    }
    const given = route.request().postDataJSON();
    assert.equal(given.email, account.email);
    await route.fulfill({
      status: 200,
      headers,
      json: {
        access_token: account.token,
        token_type: "bearer",
        expires_in: 3600,
        expires_at: Math.floor(Date.now() / 1000) + 3600,
        refresh_token: "refresh",
        user: {
          id: account.id,
          aud: "authenticated",
          role: "authenticated",
          email: account.email,
          app_metadata: {},
          user_metadata: {},
          created_at: new Date().toISOString(),
        },
      },
    });
  });
  await page.getByLabel("E-mail").fill(account.email);
  await page.getByLabel("Password").fill("correct horse battery staple");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  return visitor;
}
