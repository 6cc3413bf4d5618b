// The site pipeline's SQL on a real Postgres, without workers: which pages are chosen, what is reused, that the job sleeps until its
// last page job has ended, the ceiling, retry and cancel.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { Sql } from "npm:postgres@3.4.9";
import { type Stack, startStack } from "../../local/stack.ts";
import { until } from "../functions/fakes.ts";

const model = "m";

class Site {
  constructor(readonly sql: Sql) {}

  // deno-lint-ignore no-explicit-any
  async call(name: string, ...args: any[]): Promise<any> {
    const places = args.map((_, index) => `$${index + 1}`).join(", ");
    const [row] = await this.sql.unsafe(`select public.${name}(${places}) as answer`, args);
    return row.answer;
  }

  async rows(pages: number[], impressions = 100) {
    await this.call(
      "upsert_gsc_rows",
      pages.flatMap((page) =>
        ["2026-10-11", "2026-09-01"].map((date) => ({
          page: `https://site.example/${page}`,
          query: `question ${page}`,
          date,
          impressions: impressions * page,
          clicks: 5,
          position: 7,
        }))
      ),
    );
  }

  /** Rows of the project's page that users analyse theirs with. */
  async shared(page: number) {
    await this
      .sql`update pipeline.owner_policies set shares_search_console = true where role = 'user'`;
    await this.rows([page]);
  }

  async create(request: Record<string, unknown> = {}): Promise<string> {
    const site = { property: "https://site.example/" };
    const { job_id } = await this.call("create_site_job", { site, ...request });
    return job_id;
  }

  async claim(stage: string) {
    const [claim] = await this.call("claim_stages", "site", stage, 600, 1);
    return claim as { msg_id: number; read_ct: number } | undefined;
  }

  async commit(stage: string, output: Record<string, unknown> = {}) {
    const claim = await this.claim(stage);
    ok(claim, `${stage} waits`);
    return await this.call(`commit_${stage}`, claim.msg_id, claim.read_ct, output);
  }

  /** As the worker of analyse_pages does; gives the counts. */
  async analyse(jobId: string) {
    const claim = await this.claim("analyse_pages");
    ok(claim, "analyse_pages is awake");
    const counts = await this.call("input_analyse_pages", jobId);
    if (counts.waiting + counts.open === 0) {
      await this.call("commit_analyse_pages", claim.msg_id, claim.read_ct, {});
    } else await this.call("defer_stage", "site", claim.msg_id, claim.read_ct, null, "waits");
    return counts;
  }

  async children(jobId: string) {
    return await this.sql<{ id: string; page_id: string; status: string }[]>`
      select id, page_id, status from pipeline.jobs where parent_id = ${jobId} order by created_at, id`;
  }

  /** Ends a page job as its last stage would. */
  async finish({ id, page_id }: { id: string; page_id: string }, text = "Some text.") {
    await this.sql`delete from page_embeddings where page_id = ${page_id}`;
    await this.sql`
      insert into page_embeddings (page_id, job_id, position, kind, text, model, dimensions, embedding)
      values (${page_id}, ${id}, 0, 'paragraph', ${text}, ${model}, 2, '[1,0]')`;
    await this.sql`
      update pipeline.job_stages set status = 'completed', finished_at = now(), started_at = now() where job_id = ${id}`;
    await this.sql`
      update pipeline.jobs set status = 'completed', result = ${
      this.sql.json({ segments: [{ text }] })
    } where pipeline = 'pageperfect' and id = ${id}`;
  }

  async report(jobId: string, edits: Record<string, unknown>[] = []) {
    await this.commit("site_topics", { query_count: 0, similar_count: 0 });
    const report = {
      ...{ schema_version: 1, site: { expected_clicks: 0 }, edits, links: [], topics: [] },
      ...{ decays: [], pages: [] },
    };
    const claim = await this.claim("site_plan");
    ok(claim, "site_plan waits");
    // In pieces, as the worker keeps it.
    const text = JSON.stringify(report);
    const states = {
      "report 0": text.slice(0, 20),
      "report 1": text.slice(20),
      report: JSON.stringify({ pieces: 2 }),
    };
    for (const [name, state] of Object.entries(states)) {
      const { status } = await this.call(
        "stage_site_state",
        ...["site_plan", claim.msg_id, claim.read_ct, name, state],
      );
      equal(status, "held");
    }
    await this.sql`
      insert into pipeline.stage_checkpoints (pipeline, job_id, stage, digest, state)
      select 'site', ${jobId}, stage, '', '' from unnest(array['site_topics mean', 'site_topics similar', 'site_topics similar 0.1', 'site_plan pack 0']) as s (stage)
      on conflict do nothing`;
    await this.call("commit_site_plan", claim.msg_id, claim.read_ct, {});
    // A next round begins with the mean; the rest nobody reads again.
    deepEqual(
      await this.sql`select stage from pipeline.stage_checkpoints where job_id = ${jobId}`,
      [{ stage: "site_topics mean" }],
    );
    return await this.call("get_site_report", jobId);
  }
}

async function onStack(work: (site: Site, stack: Stack) => Promise<void>) {
  await using stack = await startStack({ ticker: false });
  await work(new Site(stack.sql), stack);
}

Deno.test("a site's job sleeps until its last page has ended, and its failed pages alone are tried again", () =>
  onStack(async (site) => {
    await site.rows([1, 2, 3]);
    const job = await site.create();
    await site.commit("select_pages", { model, pages: null });
    const { facts } = await site.call("site_progress", job);
    equal(facts.select_pages.page_count, 3);
    equal(facts.select_pages.period_end, "2026-10-11");
    equal(facts.select_pages.estimate.crawls, 3);

    equal((await site.analyse(job)).open, 3);
    const children = await site.children(job);
    equal(children.length, 3);
    const pages = await site
      .sql`select url from site_pages where job_id = ${job} order by position`;
    equal(pages[0].url, "https://site.example/3", "the page with the most impressions goes first");
    await site.finish(children[0]);
    await site.finish(children[1]);
    equal(await site.claim("analyse_pages"), undefined, "one page is still open");
    deepEqual((await site.call("site_progress", job)).counts.done, 2);
    await site.call("cancel_job", "pageperfect", children[2].id);
    const [failed] = await site.sql`select url from pages where id = ${children[2].page_id}`;
    const counts = await site.analyse(job);
    deepEqual([counts.done, counts.failed], [2, 1]);
    const report = await site.report(job);
    equal(report.counts.failed, 1);
    equal(report.failed_pages[0].url, failed.url);
    equal(report.job.status, "completed");

    equal((await site.call("retry_site_job", job)).retried_count, 1);
    equal((await site.analyse(job)).open, 1);
    const [, , , again] = await site.children(job);
    equal(again.page_id, children[2].page_id);
    await site.finish(again);
    equal((await site.analyse(job)).done, 3);
    equal((await site.report(job)).counts.failed, 0);
    deepEqual(await site.sql`select * from public.check_invariants()`, []);
  }));

Deno.test("what has not changed keeps its result", () =>
  onStack(async (site) => {
    await site.rows([1, 2]);
    const first = await site.create();
    await site.commit("select_pages", { model, pages: null });
    await site.analyse(first);
    for (const child of await site.children(first)) await site.finish(child);
    await site.analyse(first);
    await site.report(first);
    const reused = async (request: Record<string, unknown>, output: Record<string, unknown>) => {
      const job = await site.create(request);
      await site.commit("select_pages", { model, pages: null, ...output });
      const { counts } = await site.call("site_progress", job);
      await site.call("cancel_site_job", job);
      return counts.reused;
    };
    equal(await reused({}, {}), 2);
    equal(await reused({}, { model: "another" }), 0);
    equal(await reused({ parameters: { eps: 0.2 } }, {}), 0);
    equal(await reused({ max_age_hours: 0 }, {}), 0);
    await site.rows([2], 200);
    equal(await reused({}, {}), 1, "the other page has other queries now");
    const changed = await site.create({ select: "changed" });
    await site.commit("select_pages", { model, pages: null });
    equal((await site.call("site_progress", changed)).counts.total, 1);
  }));

Deno.test("a page with another modification time is analysed anew, and an edit that is gone was made", () =>
  onStack(async (site) => {
    await site.rows([1]);
    const select = async (lastModified: string) => {
      const job = await site.create();
      await site.commit("select_pages", {
        model,
        pages: [{ url: "https://site.example/1", last_modified: lastModified }],
      });
      return job;
    };
    const first = await select("monday");
    await site.analyse(first);
    const [child] = await site.children(first);
    await site.finish(child);
    await site.analyse(first);
    const edit = {
      ...{ id: "e", rank: 1, kind: "write", page_id: child.page_id, target_page_id: null },
      ...{ label: "question 1", queries: ["question 1"], coverage: 0.2, expected_clicks: 3 },
    };
    await site.report(first, [edit]);
    const same = await select("monday");
    equal((await site.call("site_progress", same)).counts.reused, 1);
    await site.call("cancel_site_job", same);
    const second = await select("tuesday");
    await site.analyse(second);
    await site.finish((await site.children(second))[0], "Some text, and the answer.");
    await site.analyse(second);
    await site.report(second, []);
    const [{ made_at }] = await site.sql`select made_at from site_edits where job_id = ${first}`;
    ok(made_at);

    const outcomes = await site.call("site_outcomes", first);
    deepEqual(outcomes.map((o: { window_days: number }) => o.window_days), [7, 30, 90]);
    ok(outcomes.every((o: Record<string, unknown>) => o.is_over === false && !("clicks" in o)));
    // Two weeks later there are figures for the first week, and still none for the others.
    await site.sql`update site_edits set made_at = '2026-10-10' where job_id = ${first}`;
    await site.call(
      "upsert_gsc_rows",
      ["2026-10-05", "2026-10-12", "2026-10-24"].map((date, index) => ({
        page: "https://site.example/1",
        query: "question 1",
        date,
        impressions: 50,
        clicks: 3 + index,
        position: 5,
      })),
    );
    const [week, month] = await site.call("site_outcomes", first);
    // The 11th has five clicks as well.
    deepEqual([week.is_over, week.clicks], [true, { before: 3, after: 9 }]);
    deepEqual([week.controls, month.is_over], [[], false]);
  }));

Deno.test("the ceiling holds, before the first page and while pages are analysed", () =>
  onStack(async (site) => {
    await site.rows([1, 2, 3, 4]);
    const spend = async (jobId: string, usd: number) =>
      await site.sql`
        insert into model_usage (job_id, stage, provider, model, call_count, input_tokens, output_tokens, cost_usd)
        values (${jobId}, 'segment_embed', 'openai', 'm', 1, 100, 0, ${usd})`;
    const first = await site.create({ max_usd: 1 });
    await site.commit("select_pages", { model, pages: null });
    await site.analyse(first);
    for (const child of await site.children(first)) {
      await spend(child.id, 0.5);
      await site.finish(child);
    }
    equal((await site.analyse(first)).done, 4, "what is open when the ceiling is met goes on");
    await site.report(first);
    const second = await site.create({ max_usd: 1, parameters: { eps: 0.2 } });
    await site.commit("select_pages", { model, pages: null });
    const { counts, facts } = await site.call("site_progress", second);
    deepEqual([counts.waiting, counts.skipped], [2, 2]);
    equal(Number(facts.select_pages.estimate.usd), 1);
  }));

Deno.test("a job without a page, or with none that could be analysed, says so", () =>
  onStack(async (site) => {
    const empty = await site.create();
    await rejects(
      site.commit("select_pages", { model, pages: null }),
      /no page to analyse: there are no Search Console rows of pages of https:\/\/site.example\//,
    );
    await site.call("cancel_site_job", empty);
    await site.rows([1]);
    // Before anything is paid for.
    const unseen = await site.create();
    const pages = [{ url: "https://site.example/a" }, { url: "https://site.example/b" }];
    await rejects(
      site.commit("select_pages", { model, pages }),
      /no search queries of the 2 pages are known/,
    );
    await site.call("cancel_site_job", unseen);
    const job = await site.create();
    await site.commit("select_pages", { model, pages: null });
    await site.analyse(job);
    await site.call("cancel_job", "pageperfect", (await site.children(job))[0].id);
    await rejects(site.analyse(job), /no page of 1 could be analysed/);
    await rejects(
      site.call("site_progress", crypto.randomUUID()),
      /there is no job .* in pipeline site/,
    );
  }));

Deno.test("a sitemap of any length is looked up page by page, and what is missing of it is told", () =>
  onStack(async (site) => {
    const count = 3_000;
    const pages = Array.from({ length: count }, (_, i) => ({ url: `https://site.example/${i}` }));
    await site.rows([7]);
    const left_out = [{ url: "https://site.example/2.xml", message: "HTTP 404" }];
    for (const user_id of [null, crypto.randomUUID()]) {
      await site.sql.begin(async (sql) => {
        const inside = new Site(sql as unknown as Sql);
        await inside.call("create_site_job", {
          site: { sitemap: "https://site.example/s" },
          max_pages: 5,
        }, user_id);
        const claim = await inside.claim("select_pages");
        ok(claim);
        const commit = inside.call("commit_select_pages", claim.msg_id, claim.read_ct, {
          model,
          pages,
          left_out,
        });
        // A user's pages have queries of their own, or none.
        if (user_id !== null) {
          return await rejects(commit, /no search queries of the 5 pages are known/);
        }
        await commit;
        const [{ read }] = await sql`
          select seq_tup_read as read from pg_stat_xact_user_tables where relname = 'pages'`;
        ok(Number(read) <= 5 * count, `${read} pages read for ${count}`);
      }).catch((error) => {
        // The refusal ended the transaction.
        if (user_id === null) throw error;
      });
    }
    const [{ facts }] = await site.sql`
      select public.site_progress(id) -> 'facts' -> 'select_pages' as facts from pipeline.jobs where pipeline = 'site'`;
    deepEqual([facts.page_count, facts.unseen_count, facts.left_out], [5, 4, left_out]);
  }));

Deno.test("a user reads the plan of their own site, and nobody else's", () =>
  onStack(async (site) => {
    const [owner, other] = [crypto.randomUUID(), crypto.randomUUID()];
    await site.sql`insert into auth.users (id) values (${owner}), (${other})`;
    await site.shared(1);
    const request = { site: { urls: ["https://site.example/1"] } };
    const { job_id } = await site.call("create_site_job", request, owner);
    await site.commit("select_pages", { model, pages: [{ url: "https://site.example/1" }] });
    await site.analyse(job_id);
    const [child] = await site.children(job_id);
    await site.finish(child);
    await site.analyse(job_id);
    const edit = {
      ...{ id: "e", rank: 1, kind: "write", page_id: child.page_id, target_page_id: null },
      ...{ label: "question", queries: ["question"], coverage: 0.2, expected_clicks: 3 },
    };
    await site.report(job_id, [edit]);
    const seen = (user: string) =>
      site.sql.begin(async (sql) => {
        await sql`set local role authenticated`;
        const claims = JSON.stringify({ sub: user, role: "authenticated" });
        await sql`select set_config('request.jwt.claims', ${claims}, true)`;
        const counts: Record<string, number> = {};
        for (
          const table of [
            "site_jobs",
            "site_job_stages",
            "site_job_events",
            "site_pages",
            "site_edits",
          ]
        ) {
          const [{ count }] = await sql`select count(*)::integer from ${sql(table)}`;
          counts[table] = count;
        }
        await rejects(sql.savepoint((sql) => sql`select summary from site_pages`), /permission/);
        await rejects(sql.savepoint((sql) => sql`select 1 from site_answers`), /permission/);
        return counts;
      });
    const own = await seen(owner);
    deepEqual([own.site_jobs, own.site_pages, own.site_edits], [1, 1, 1]);
    ok(own.site_job_stages > 0 && own.site_job_events > 0);
    ok(Object.values(await seen(other)).every((count) => count === 0));
  }));

Deno.test({
  name:
    "a user with as many jobs as they may have: their site's pages wait, and are looked at again",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    onStack(async (site, stack) => {
      const user = crypto.randomUUID();
      await site.sql`insert into auth.users (id) values (${user})`;
      await site.shared(1);
      await site.sql`update pipeline.owner_policies set max_open_jobs = 1 where role = 'user'`;
      const busy = await site.call(
        "create_pageperfect_job",
        { url: "https://site.example/2" },
        user,
      );
      const url = "https://site.example/1";
      const { job_id } = await site.call("create_site_job", { site: { urls: [url] } }, user);
      await site.commit("select_pages", { model, pages: [{ url }] });
      /** Wakes the stage, runs its worker; gives what is known of when it looks again. */
      const analyse = async (readCount: number) => {
        await site.sql`select pipeline.wake_stage('site', ${job_id}, 'analyse_pages')`;
        const asked = await fetch(`${stack.apiUrl}/functions/v1/site-analyse-pages-worker`, {
          method: "POST",
          headers: { apikey: stack.secretKey },
        });
        ok(asked.ok, await asked.text());
        let comes: string | undefined;
        await until(async () => {
          const [message] = await site.sql`
            select case when q.vt = 'infinity' then 'when it is woken' when q.vt > now() then 'by itself' end as comes
            from pgmq.q_site as q join pipeline.job_stages as s using (msg_id)
            where s.job_id = ${job_id} and s.status = 'queued' and q.read_ct = ${readCount}`;
          comes = message?.comes;
          return comes !== undefined;
        }, "the stage is put to sleep");
        return comes;
      };
      equal(await analyse(1), "by itself");
      deepEqual(await site.children(job_id), []);
      await site.call("cancel_job", "pageperfect", busy.job_id);
      equal(await analyse(2), "when it is woken");
      equal((await site.children(job_id)).length, 1);
    }),
});

Deno.test("cancelling a site's job ends its pages' jobs", () =>
  onStack(async (site) => {
    await site.rows([1, 2]);
    const job = await site.create();
    await site.commit("select_pages", { model, pages: null });
    await site.analyse(job);
    await site.call("cancel_site_job", job);
    deepEqual((await site.children(job)).map(({ status }) => status), ["cancelled", "cancelled"]);
    equal((await site.call("site_progress", job)).status, "cancelled");
  }));

Deno.test("a scheduled site is analysed again when it is due, one job at a time", () =>
  onStack(async (site) => {
    const user = crypto.randomUUID();
    await site.sql`insert into auth.users (id) values (${user})`;
    const page = { url: "https://site.example/1", last_modified: "monday" };
    const request = { site: { urls: [page] }, top: 3, priority: 7 };
    const { job_id: first } = await site.call("create_site_job", request, user);
    const jobs = () =>
      site.sql<
        { id: string; user_id: string; status: string; priority: number; payload: unknown }[]
      >`
        select id, user_id, status, priority, payload from site_jobs order by created_at`;
    const due = async () => {
      await site.sql`update site_schedules set next_at = now() - interval '40 days'`;
      const [{ count }] = await site.sql`select pipeline.start_due_sites() as count`;
      return count;
    };
    await rejects(site.call("schedule_site", first, 0), /every 1 to 366 days/);
    equal((await site.call("schedule_site", first, 7)).status, "scheduled");
    const [{ count: early }] = await site.sql`select pipeline.start_due_sites() as count`;
    deepEqual([early, await due()], [0, 0], "not yet due; then its first job is still open");

    await site.call("cancel_site_job", first);
    equal(await due(), 1);
    const [, second] = await jobs();
    deepEqual([second.user_id, second.status, second.priority], [user, "queued", 7]);
    deepEqual(second.payload, { site: { urls: [{ url: page.url }] }, top: 3 });
    const [schedule] = await site
      .sql`select job_id, next_at > now() as is_ahead from site_schedules`;
    deepEqual([schedule.job_id, schedule.is_ahead], [second.id, true], "weeks missed are one");

    // What is refused is said and tried again, and holds up nobody else.
    await site.call("cancel_site_job", second.id);
    await site.sql`update site_schedules set request = request - 'site'`;
    equal(await due(), 0);
    const [{ error }] = await site.sql`select error from site_schedules`;
    ok(/needs site/.test(error), error);
    await site.sql`update site_schedules set request = ${site.sql.json(second.payload as never)}`;
    await site.sql`update site_schedules set request = request || '{"priority": 7}'`;

    equal((await site.call("schedule_site", second.id, 30)).every_days, 30);
    equal((await site.sql`select every_days from site_schedules`).length, 1, "one a request");
    equal((await site.call("schedule_site", second.id, null)).status, "unscheduled");
    equal((await site.sql`select every_days from site_schedules`).length, 0);
    await site.call("schedule_site", second.id, 7);
    await site.call("erase_user", user);
    equal((await site.sql`select every_days from site_schedules`).length, 0);
    deepEqual(await site.sql`select * from public.check_invariants()`, []);
  }));

Deno.test("pages that are tried again do not meet what was worked out without them", () =>
  onStack(async (site) => {
    await site.rows([1, 2]);
    const job = await site.create();
    await site.commit("select_pages", { model, pages: null });
    await site.analyse(job);
    const [one, two] = await site.children(job);
    await site.finish(one);
    await site.call("cancel_job", "pageperfect", two.id);
    await site.analyse(job);
    await site.commit("site_topics", { query_count: 0, similar_count: 0 });
    const claim = await site.claim("site_plan");
    ok(claim, "site_plan waits");
    for (const name of ["planning", "finder", "report"]) {
      await site.call("stage_site_state", "site_plan", claim.msg_id, claim.read_ct, name, "{}");
    }
    await site.call("cancel_site_job", job);
    equal((await site.call("retry_site_job", job)).retried_count, 1);
    deepEqual(
      await site.sql`select stage from pipeline.stage_checkpoints where job_id = ${job}`,
      [],
    );
  }));
