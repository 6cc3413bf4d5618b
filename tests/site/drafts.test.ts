// Drafts of a site's first edits on the real stack: what is written, what is paid for, and what of a failure is left.
import { deepEqual, equal, ok } from "node:assert/strict";
import type { Hold } from "../../local/standins/hold.ts";
import type { ReadingData } from "../../local/standins/reader.ts";
import { startStack } from "../../local/stack.ts";
import { deno, until } from "../functions/fakes.ts";
import { Lane } from "../functions/lane.ts";
import { keywords, writeSite } from "../functions/site.ts";

interface Draft {
  edit_id: string;
  status: string;
  is_reused: boolean;
  heading?: string;
  coverage_before?: number | null;
  coverage_after?: number | null;
  form?: string;
  brief?: { level: number; queries: string[] };
  verification?: { verdict: string; quote: string };
  reason?: { code: string; message: string };
}

const wanted = 3;
/** The page is analysed anew for these parameters, once. */
const unread = { parameters: { verify: false } };

Deno.test({
  name: "drafts of a site's first edits",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(test) {
    const chaosDir = await Deno.makeTempDir({ prefix: "pageperfect-chaos-" });
    await using stack = await startStack({
      deno,
      ticker: false,
      env: { PAGEPERFECT_VERIFY: "on", CHAOS_DIR: chaosDir },
      preload: new URL("../chaos/boundaries.ts", import.meta.url).pathname,
    });
    const { sql, standins } = stack;
    const folder = await writeSite();
    const lane = new Lane(stack, await stack.serveFile(folder));
    await sql`
      update pipeline.stage_config set retry_delay_seconds = 1, max_retry_delay_seconds = 1, max_attempts = 2`;
    // A second page that says the same of another plant.
    const article = await Deno.readTextFile(`${folder}/article.html`);
    const other = (text: string) => text.replaceAll("omato", "ucumber").replaceAll("tucu", "cucu");
    await Deno.writeTextFile(`${folder}/other.html`, other(article).replaceAll("Tucu", "Cucu"));
    const pages = ["article.html", "other.html"].map((name) => lane.siteUrl + name);
    const searched = [
      ...keywords,
      { query: "sell surplus tomatoes market stall", impressions: 900, clicks: 2, position: 11 },
      { query: "balcony tomato permit how to apply", impressions: 800, clicks: 1, position: 12 },
    ];
    const rows = pages.flatMap((page, index) =>
      searched.map((row) => ({
        ...row,
        page,
        query: index === 0 ? row.query : other(row.query),
        date: "2026-10-11",
      }))
    );
    await sql`select upsert_gsc_rows(${sql.json(rows)})`;

    const create = async (more: Record<string, unknown> = {}): Promise<string> => {
      const response = await lane.post("pageperfect-workflow", {
        ...{ site: { urls: pages }, max_age_hours: 8760 },
        ...more,
      });
      equal(response.status, 202, await response.clone().text());
      return (await response.json()).job_id;
    };
    const progress = async (id: string) =>
      (await sql`select site_progress(${id}) as progress`)[0].progress;
    const report = async (id: string) =>
      (await sql`select get_site_report(${id}) as report`)[0].report;
    const drafts = async (id: string): Promise<Draft[]> => (await report(id)).drafts;
    const statuses = async (id: string) => (await drafts(id)).map(({ status }) => status);
    const end = async (id: string): Promise<string> => {
      let status = "";
      await until(async () => {
        status = (await progress(id)).status;
        if (!["queued", "processing"].includes(status)) return true;
        await lane.ring();
        return false;
      }, `the end of site job ${id}`);
      return status;
    };
    const ringUntil = (held: Hold) =>
      until(async () => {
        await lane.ring();
        return held.isAsked;
      }, "the model is asked");
    /** What the language model was asked, by the name of the answer's schema. */
    const asked = (schema?: string) =>
      standins.calls.filter(({ api, request }) =>
        api === "chat" &&
        (!schema || JSON.stringify(request.response_format).includes(`"name":"${schema}"`))
      );
    const forget = async () => {
      await sql`delete from site_drafts`;
      standins.reset();
    };
    const retry = async (id: string) =>
      (await sql`select retry_site_job(${id}) as answer`)[0].answer;
    /** Ends the lease of a worker that has died. */
    const expire = async (id: string) => {
      await sql`update site_job_stages set lease_expires_at = now() where job_id = ${id} and status = 'processing'`;
      await sql`update pgmq.q_site set vt = now() where message ->> 'job_id' = ${id}`;
    };
    const prompts = () => asked().map(({ request }) => JSON.stringify(request.messages));
    const stageStart = async (id: string, stage: string) =>
      (await sql`select started_at from site_job_stages where job_id = ${id} and stage = ${stage}`)[
        0
      ]?.started_at;

    await test.step("a number of drafts that cannot be is refused", async () => {
      for (const drafts of [101, -1, 1.5]) {
        const body = { site: { urls: pages }, drafts };
        const response = await lane.post("pageperfect-workflow", body);
        equal(response.status, 400);
        const answer = await response.text();
        ok(answer.includes("must be a whole number from 0 to 100"), answer);
      }
    });

    await test.step("without drafts the plan is the end", async () => {
      const id = await create();
      equal(await end(id), "completed");
      const { edits, drafts } = await report(id);
      deepEqual(drafts, []);
      ok(
        edits.filter(({ kind }: { kind: string }) => ["write", "extend", "new_page"].includes(kind))
          .length >=
          wanted,
        JSON.stringify(edits.map(({ kind, label }: Record<string, string>) => [kind, label])),
      );
      equal((await progress(id)).drafts, null);
      equal(await stageStart(id, "site_drafts"), undefined);
    });

    await test.step("the plan is read while they are written, and a worker that is killed pays for nothing twice", async () => {
      standins.reset();
      using first = standins.hold("chat");
      using second = standins.hold("chat");
      const id = await create({ drafts: wanted });
      await ringUntil(first);
      const early = await report(id);
      deepEqual([early.job.status, early.drafts, early.edits.length > 0], ["processing", [], true]);
      const before = await progress(id);
      equal(before.stage, "site_drafts");
      deepEqual([before.drafts.wanted, before.drafts.written], [wanted, 0]);
      equal(before.facts.select_pages.estimate.drafts.count, wanted);
      ok(before.facts.select_pages.estimate.drafts.tokens > 0);
      first.release();
      await until(() => second.isAsked, "the model is asked again");
      equal(await stack.killFunction("site-drafts-worker"), true);
      second.release();
      await expire(id);
      equal(await end(id), "completed");
      const all = await drafts(id);
      deepEqual(all.map(({ status }) => status), Array(wanted).fill("written"));
      // The call under way when the worker died is all that is asked again.
      const counts = Map.groupBy(prompts(), (prompt) => prompt);
      const again = [...counts.values()].map(({ length }) => length).filter((count) => count > 1);
      deepEqual(again, [2]);

      const { edits, costs } = await report(id);
      const ranks = all.map(({ edit_id }) =>
        edits.findIndex((edit: { id: string }) => edit.id === edit_id)
      );
      deepEqual(ranks, ranks.toSorted((a, b) => a - b));
      for (const draft of all) {
        ok(draft.heading && draft.brief!.queries.length > 0);
        const { kind } = edits.find((edit: { id: string }) => edit.id === draft.edit_id);
        // An outline answers nothing itself.
        if (kind === "new_page") {
          deepEqual([draft.form, draft.coverage_after, draft.brief!.level], ["outline", null, 1]);
        } else ok(draft.coverage_after! >= draft.coverage_before!, JSON.stringify(draft));
        equal(draft.is_reused, false);
      }
      ok(all.some((draft) => draft.coverage_after! > draft.coverage_before!));
      const [{ calls }] = await sql`
        select sum(call_count)::integer as calls from model_usage
        where pipeline = 'site' and job_id = ${id} and stage = 'site_drafts'`;
      ok(calls >= wanted);
      equal(costs.call_count, calls);
      // The page was read when it was analysed.
      equal(asked("reading").length, 0);
      equal((await progress(id)).drafts.written, wanted);

      // One that dies with a draft in hand that nobody has yet: its successor asks nothing again, and nothing else.
      await forget();
      await Deno.writeTextFile(
        `${chaosDir}/armed`,
        "site-drafts-worker\tbefore\tPOST /rest/v1/rpc/stage_site_draft",
      );
      const other = await create({ drafts: wanted });
      await until(async () => {
        await lane.ring();
        return Deno.stat(`${chaosDir}/fired`).then(() => true, () => false);
      }, "the worker dies");
      await expire(other);
      equal(await end(other), "completed");
      deepEqual(prompts().toSorted(), [...counts.keys()].toSorted());
    });

    await test.step("a second run takes them all and asks nobody", async () => {
      standins.reset();
      const id = await create({ drafts: wanted });
      equal(await end(id), "completed");
      const again = await drafts(id);
      ok(again.length === wanted && again.every((draft) => draft.is_reused && draft.heading));
      equal(asked().length, 0);
      equal((await report(id)).costs.call_count, 0);
      equal((await progress(id)).drafts.reused, wanted);
    });

    await test.step("what the ceiling does not pay for is skipped, and written when it is raised", async () => {
      await forget();
      // Of the stand-ins.
      await sql`update model_prices set input_usd = 100, output_usd = 100 where provider = '127.0.0.1'`;
      const id = await create({ drafts: wanted, max_usd: 0.0001 });
      equal(await end(id), "completed");
      deepEqual(await statuses(id), ["written", "skipped", "skipped"]);
      equal((await drafts(id))[1].reason!.code, "ceiling");
      const paid = asked().length;
      await sql`update site_jobs set payload = payload || '{"max_usd": 1000}' where id = ${id}`;
      equal((await retry(id)).draft_count, 2);
      equal(await end(id), "completed");
      deepEqual(await statuses(id), ["written", "written", "written"]);
      ok(asked().length > paid);
      equal(new Set(prompts()).size, prompts().length, "nothing is asked twice");
    });

    await test.step("what a reader finds answered is not drafted, and makes room for the next", async () => {
      await forget();
      await sql`update rewrite_recommendations set verification = null`;
      const { reader } = standins;
      standins.reader = ({ queries, passages }: ReadingData) => ({
        answers: queries.map(({ number }) => ({
          number,
          verdict: "answered",
          quote: passages.find(({ text }) => text.length > 40)!.text,
        })),
      });
      try {
        const id = await create({ drafts: 1 });
        equal(await end(id), "completed");
        deepEqual(await statuses(id), Array(2).fill("answered"), "twice as many are read at most");
        for (const draft of await drafts(id)) {
          ok(draft.verification!.quote.length > 0 && draft.heading === undefined);
        }
        equal((await progress(id)).drafts.wanted, 0);
        equal(asked("missing_section").length, 0);
        equal(asked().length, 2);

        // What is known already makes room as well, at no cost.
        standins.reset();
        standins.reader = reader;
        const next = await create({ drafts: 2 });
        equal(await end(next), "completed");
        const [first, second, ...found] = await statuses(next);
        deepEqual([first, second, found.length], ["answered", "answered", 2]);
        ok(found.every((status) => ["written", "failed"].includes(status)), found.join());
        equal((await progress(next)).drafts.reused, 2);
      } finally {
        standins.reader = reader;
      }
    });

    await test.step("a draft that cannot be made keeps none from being made, and alone is tried again", async () => {
      await forget();
      // Refused twice, which is the most for a draft; then a provider that wants no such prompt.
      standins.fail({ api: "chat", body: "I would rather not.", count: 2 });
      standins.fail({ api: "chat", status: 400 });
      const id = await create({ drafts: wanted, ...unread });
      equal(await end(id), "completed");
      const [invalid, refused, written] = await drafts(id);
      deepEqual([invalid.status, invalid.reason!.code], ["failed", "draft_invalid"]);
      deepEqual([refused.status, written.status], ["failed", "written"]);
      ok(refused.reason!.message.length > 0);
      const [planned, pageJobs] = [
        await stageStart(id, "site_plan"),
        await sql`select id from pageperfect_jobs`,
      ];
      standins.reset();
      equal((await retry(id)).draft_count, 2);
      equal(await end(id), "completed");
      deepEqual(await statuses(id), Array(wanted).fill("written"));
      deepEqual(await stageStart(id, "site_plan"), planned);
      equal((await sql`select id from pageperfect_jobs`).length, pageJobs.length);
    });

    await test.step("a provider that is down ends the job after its attempts, and the plan stands", async () => {
      await forget();
      using held = standins.hold("chat");
      const id = await create({ drafts: wanted, ...unread });
      await ringUntil(held);
      standins.fail({ api: "chat", status: 500, count: 1000 });
      held.release();
      equal(await end(id), "failed");
      const { job, edits } = await report(id);
      deepEqual([job.status, edits.length > 0], ["failed", true]);
      const made = (await statuses(id)).length;
      const paid = asked().filter(({ status }) => status === 200).length;
      ok(made < wanted && paid > 0);
      standins.reset();
      equal((await retry(id)).draft_count, wanted - made);
      equal(await end(id), "completed");
      deepEqual(await statuses(id), Array(wanted).fill("written"));
    });

    await test.step("cancelling ends it", async () => {
      await forget();
      using held = standins.hold("chat");
      const id = await create({ drafts: wanted, ...unread });
      await ringUntil(held);
      await sql`select cancel_site_job(${id})`;
      held.release();
      equal(await end(id), "cancelled");
      await lane.ring();
      deepEqual(await drafts(id), []);
      // Nobody goes on with it.
      const [{ count }] = await sql`
        select count(*)::integer as count from pgmq.q_site where message ->> 'job_id' = ${id} and read_ct = 0`;
      equal(count, 0);
    });
    deepEqual(await sql`select * from check_invariants()`, []);
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(chaosDir, { recursive: true });
  },
});
