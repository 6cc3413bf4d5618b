// Search Console's rows through the function: files of any size, and the API day by day with all that goes wrong.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type AnalyticsRow, StandinGoogle } from "../../local/standins/google.ts";
import { type Stack, startStack } from "../../local/stack.ts";
import { tool } from "../../local/paths.ts";
import { until } from "./fakes.ts";

const name = "pageperfect-gsc-import";
const header = "page,query,date,clicks,impressions,position\n";

class Importer {
  constructor(readonly stack: Stack) {}

  get sql() {
    return this.stack.sql;
  }

  async post(body: BodyInit, type: string, search = "", key = this.stack.secretKey) {
    const response = await fetch(`${this.stack.apiUrl}/functions/v1/${name}${search}`, {
      method: "POST",
      headers: { apikey: key, "content-type": type },
      body,
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }

  csv(text: BodyInit, search = "") {
    return this.post(text, "text/csv; charset=utf-8", search);
  }

  ring(body: unknown = {}) {
    return this.post(JSON.stringify(body), "application/json");
  }

  async sums() {
    const [row] = await this.sql`
      select count(*)::int as rows, coalesce(sum(impressions), 0)::int as impressions,
        coalesce(sum(clicks), 0)::int as clicks, round(coalesce(sum(position), 0)::numeric, 3)::text as positions,
        (select count(*)::int from pages) as pages
      from gsc_page_query`;
    return { ...row };
  }

  async property(property: string) {
    const [row] = await this.sql`
      select *, import_date::text as import_date, imported_until::text as imported_until
      from gsc_properties where property = ${property}`;
    return row;
  }

  async ended(property: string, ring = false) {
    await until(
      async () => {
        if (ring) await this.ring();
        const { import_date, last_imported_at, last_error } = await this.property(property);
        return import_date === null && (last_imported_at ?? last_error) !== null;
      },
      `the end of the import of ${property}`,
      60_000,
    );
    return await this.property(property);
  }

  /** The stage of a property's import, with the seconds until it may be claimed. */
  async stage(property: string) {
    const [row] = await this.sql`
      select s.*, extract(epoch from s.available_at - now())::float as delay
      from gsc_properties as g
      join fetch_job_stages as s on s.job_id = g.job_id where g.property = ${property}`;
    return row;
  }

  /** Moves the import's message to a later time, or to now. */
  async due(property: string, at: Date) {
    const { msg_id } = await this.stage(property);
    await this.sql`
      update pgmq.q_fetch set vt = ${at}, message = pipeline.put_to_sleep(message, ${at}, now())
      where msg_id = ${msg_id}`;
  }

  async clear() {
    await this.sql`delete from fetch_jobs`;
    await this.sql`truncate pages, gsc_properties cascade`;
  }
}

/** `count` rows of a day over fifty pages, the same ones whenever they are asked for. */
function dayOf(site: string, day: string, count: number): AnalyticsRow[] {
  return Array.from({ length: count }, (_, i) => ({
    keys: [`${site}page-${i % 50}`, `query number ${Math.floor(i / 50)}`, day],
    clicks: i % 3,
    impressions: 10 + i % 7,
    ctr: 0.1,
    position: 1 + (i % 90) / 4,
  }));
}

async function peakMemory(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1000);
}

async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const site = "https://shop.example/";
const rowCounts: Record<string, number> = { "2025-03-01": 60_000, "2025-03-02": 0 };

Deno.test({
  name: "gsc_import",
  fn: async (test) => {
    await using google = new StandinGoogle((property, day) =>
      property === "sc-domain:shop.example" ? dayOf(site, day, rowCounts[day] ?? 40) : undefined
    );
    await using stack = await startStack({ ticker: false, env: google.env });
    const lane = new Importer(stack);
    const property = "sc-domain:shop.example";

    await test.step("only_a_secret_key_opens_it", async () => {
      for (const key of ["", "wrong", stack.publishableKey, stack.anonKey]) {
        equal((await lane.post(header, "text/csv", "", key)).status, 401);
      }
    });

    await test.step("a_file_of_many_pages_is_stored_once_however_often_it_comes", async () => {
      const file = header +
        "https://shop.example/a,red shoes,2025-01-31,1,20,3.5\n" +
        "https://shop.example/a,red shoes,2025-02-01,2,30,3\n" +
        "https://shop.example/b,blue shoes,2025-01-31,0,5,9\n";
      const expected = { row_count: 3, page_count: 2, warnings: [] };
      deepEqual(await lane.csv(file), { status: 200, body: expected });
      const sums = await lane.sums();
      deepEqual(sums, { rows: 3, impressions: 55, clicks: 3, positions: "15.500", pages: 2 });
      deepEqual(await lane.csv(file), { status: 200, body: expected });
      deepEqual(await lane.sums(), sums);
    });

    await test.step("a_file_without_pages_says_whose_it_is", async () => {
      await lane.clear();
      const file = "Top queries,Clicks,Impressions,CTR,Position\nred shoes,1,20,5%,3.5\n";
      const url = encodeURIComponent("https://shop.example/a");
      equal((await lane.csv(file, `?url=${url}&date=2025-01-31`)).status, 200);
      const [page] = await lane.sql`select id, url from pages`;
      equal(page.url, "https://shop.example/a");
      equal((await lane.csv(file, `?page_id=${page.id}`)).status, 200);
      const rows = await lane.sql`select date::text from gsc_page_query order by date`;
      deepEqual(rows.map(({ date }) => date), ["2025-01-31", null]);

      const unknown = await lane.csv(file, `?page_id=${crypto.randomUUID()}`);
      deepEqual([unknown.status, unknown.body.error], [404, "unknown_page"]);
      const nobody = await lane.csv(file);
      deepEqual([nobody.status, nobody.body.error], [400, "invalid_csv"]);
      match(nobody.body.message, /^line 1: the header lacks page/);
    });

    await test.step("a_broken_file_names_its_line_and_stores_nothing", async () => {
      await lane.clear();
      const good = "https://shop.example/a,red shoes,2025-01-31,1,20,3.5\n".repeat(9_000);
      const { status, body } = await lane.csv(
        `${header}${good}https://shop.example/a,x,soon,1,2,3\n`,
      );
      deepEqual([status, body.error], [400, "invalid_csv"]);
      match(body.message, /^line 9002: date is not a date like 2025-01-31/);
      equal((await lane.sums()).rows, 0);
    });

    await test.step("a_file_above_the_limit_is_refused_with_the_way_out", async () => {
      const { status, body } = await lane.csv("x".repeat(4_000_001));
      deepEqual([status, body.error], [413, "too_large"]);
      match(body.message, /in parts/);
    });

    await test.step("the_api_is_read_page_by_page_and_day_by_day", async () => {
      await lane.clear();
      const request = { property, start_date: "2025-03-01", end_date: "2025-03-03" };
      const { status, body } = await lane.ring(request);
      equal(status, 202);
      deepEqual([body.property, body.end_date], [property, "2025-03-03"]);
      equal((await lane.ring(request)).status, 409);
      // Its budget ends within: it rings itself for the rest.
      const row = await lane.ended(property);
      deepEqual([Number(row.row_count), row.enabled, row.last_error], [60_040, false, null]);
      deepEqual(
        google.queries.map(({ startDate, startRow, status }) => [startDate, startRow, status]),
        [
          ["2025-03-01", 0, 200],
          ["2025-03-01", 25_000, 200],
          ["2025-03-01", 50_000, 200],
          ["2025-03-02", 0, 200],
          ["2025-03-03", 0, 200],
        ],
      );
      const sums = await lane.sums();
      deepEqual([sums.rows, sums.pages], [60_040, 50]);

      await lane.ring(request);
      await lane.ended(property);
      deepEqual(await lane.sums(), sums, "the same days again change nothing");
    });

    await test.step("a_quota_is_waited_for_and_the_import_goes_on_at_its_row", async () => {
      await lane.clear();
      google.queries = [];
      google.fail({ api: "token", status: 503 });
      google.fail({ api: "query" });
      google.fail({ api: "query", status: 429, reason: "rateLimitExceeded", retryAfter: "2" });
      google.fail({ api: "query", status: 403, reason: "quotaExceeded" });
      await lane.ring({ property, start_date: "2025-03-01", end_date: "2025-03-01" });
      for (const [status, nextRow] of [[503, 0], [429, 25_000], [403, 25_000]]) {
        await until(async () => {
          const row = await lane.property(property);
          return row.last_error?.http_status === status &&
            (await lane.stage(property)).status === "queued";
        }, `HTTP ${status} is recorded`);
        const row = await lane.property(property);
        equal(row.next_row, nextRow);
        equal(row.last_error.retryable, true);
        const { delay } = await lane.stage(property);
        ok(delay > (status === 429 ? 0.5 : -1) && delay < 300, `${status}: ${delay} s`);
        await lane.due(property, new Date(Date.now() + 3_600_000));
        equal((await lane.ring()).status, 204, "nothing is due while it waits");
        await lane.due(property, new Date());
        equal((await lane.ring()).status, 202);
      }
      const row = await lane.ended(property);
      equal(row.last_error, null);
      equal((await lane.sums()).rows, 60_000);
      equal(google.queries.filter(({ startRow }) => startRow === 0).length, 1);
    });

    await test.step("a_worker_killed_in_the_middle_counts_nothing_twice", async () => {
      await lane.clear();
      google.queries = [];
      google.fail({ api: "query" });
      using _second = google.hold("query");
      await lane.ring({ property, start_date: "2025-03-01", end_date: "2025-03-01" });
      await until(async () => (await lane.property(property)).next_row === 25_000, "a checkpoint");
      equal(await stack.killFunction(name), true);
      equal((await lane.ring()).status, 204, "the dead one's lease still runs");
      await lane.sql`update fetch_job_stages set lease_expires_at = now()`;
      await lane.due(property, new Date());
      const row = await lane.ended(property, true);
      equal(Number(row.row_count), 60_000);
      equal((await lane.sums()).rows, 60_000);
      equal(google.queries.filter(({ startRow }) => startRow === 0).length, 1);
    });

    await test.step("a_worker_told_to_go_hands_the_import_back_at_once", async () => {
      await lane.clear();
      using asked = google.hold("query");
      await lane.ring({ property, start_date: "2025-03-03", end_date: "2025-03-03" });
      await until(() => asked.isAsked, "it asks Google");
      await stack.killFunction(name, "SIGTERM");
      await until(
        async () => (await lane.stage(property)).status === "queued",
        "a release",
      );
      const row = await lane.ended(property, true);
      equal(Number(row.row_count), 40);
    });

    await test.step("a_property_without_access_ends_with_googles_words", async () => {
      await lane.clear();
      await lane.ring({
        property: "https://other.example/",
        start_date: "2025-03-03",
        end_date: "2025-03-03",
      });
      const { last_error } = await lane.ended("https://other.example/");
      match(last_error.message, /sufficient permission for site 'https:\/\/other\.example\/'/);
      equal(last_error.retryable, false);
      const wrong = await lane.ring({
        property: "other.example",
        start_date: "2025-03-03",
        end_date: "2025-03-03",
      });
      deepEqual([wrong.status, wrong.body.error], [400, "invalid_request"]);
      equal((await lane.ring({ property })).status, 400);
    });

    await test.step("the_schedule_imports_the_new_days_of_listed_properties", async () => {
      await lane.clear();
      google.queries = [];
      await lane.sql`insert into gsc_properties (property, lookback_days) values (${property}, 2)`;
      const [{ command }] = await lane.sql`select command from cron.job where jobname = ${name}`;
      await lane.sql.unsafe(command);
      const [call] = await lane
        .sql`select url from net.http_request_queue order by id desc limit 1`;
      match(call.url, new RegExp(`/functions/v1/${name}$`));
      await lane.ring();
      const row = await lane.ended(property, true);
      equal(google.queries.length, 2);
      equal(row.imported_until, google.queries[1].startDate);
      equal((await lane.ring()).status, 204, "done for today");
    });

    await test.step("100,000_rows_in_one_command_twice_with_the_same_result", async () => {
      await lane.clear();
      const folder = await Deno.makeTempDir({ prefix: "pageperfect-gsc-" });
      const file = `${folder}/export.csv`;
      const lines = Array.from({ length: 100_000 }, (_, i) => {
        const day = String(1 + i % 28).padStart(2, "0");
        return `https://shop.example/catalogue/section-${i % 20}/article-${i % 500},` +
          `how to choose number ${Math.floor(i / 28)} of everything,2025-02-${day},` +
          `${i % 4},${10 + i % 90},${(1 + (i % 400) / 10).toFixed(1)}\n`;
      });
      await Deno.writeTextFile(file, header + lines.join(""));
      const size = (await Deno.stat(file)).size;

      const run = async () => {
        const startedAt = performance.now();
        const child = new Deno.Command(tool("deno"), {
          args: ["run", "-A", "--no-lock", "cli/main.ts", "gsc-import", file, "--json"]
            .concat("--project-url", stack.apiUrl),
          cwd: new URL("../..", import.meta.url),
          env: { PAGEPERFECT_SECRET_KEY: stack.secretKey },
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        let memory = 0;
        const timer = setInterval(async () => {
          memory = Math.max(memory, await peakMemory(child.pid).catch(() => 0));
        }, 20);
        const { code, stdout, stderr } = await child.output();
        clearInterval(timer);
        equal(code, 0, new TextDecoder().decode(stderr));
        const answer = JSON.parse(new TextDecoder().decode(stdout));
        return { answer, memory, seconds: (performance.now() - startedAt) / 1000 };
      };

      await stack.killFunction(name);
      const seen: unknown[] = [];
      for (const time of ["first", "second"]) {
        const { answer, memory, seconds } = await run();
        deepEqual(answer, { row_count: 100_000, page_count: 500, warnings: [] });
        const pid = stack.functions.pid(name)!;
        const functionMemory = await peakMemory(pid);
        console.log(
          `${time} time: ${(size / 1e6).toFixed(1)} MB in ${
            seconds.toFixed(1)
          } s; peak memory: command ` +
            `${memory} MB, function ${functionMemory} MB; CPU of the function so far ${await cpuSeconds(
              pid,
            )} s`,
        );
        // Of the 256 MB that a function has; without streaming it is several times that.
        ok(memory < 220 && functionMemory < 220, `${memory} MB, ${functionMemory} MB`);
        seen.push(await lane.sums());
      }
      deepEqual(seen[0], seen[1]);
      equal((seen[0] as { rows: number }).rows, 100_000);
      await Deno.remove(folder, { recursive: true });
    });
  },
});
