// The six stages on real SQL, and what happens when the world around them misbehaves.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Hold } from "../../local/standins/hold.ts";
import { startStack } from "../../local/stack.ts";
import { deno, until } from "./fakes.ts";
import { Lane } from "./lane.ts";
import { keywords, writeSite } from "./site.ts";

interface Topic {
  queries: { query: string; variants: string[] }[];
}

/** Queries about three topics that the article does not mention. */
const gapsOnly = [
  ["apply for a balcony garden permit", 900],
  ["balcony garden permit how to apply", 400],
  ["sell surplus vegetables at the market", 700],
  ["selling surplus vegetables market stall", 300],
  ["parmesan cheese pizza recipe", 500],
  ["pizza recipe with parmesan cheese", 200],
].map(([query, impressions]) => ({ query, impressions, clicks: 1, position: 14 }));

const stages = [
  "submit_crawl",
  "wait_crawl",
  "segment_embed",
  "keyword_clustering",
  "gap_analysis",
  "rewrite_draft",
];

Deno.test({
  name: "pipeline_on_the_real_stack",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(test) {
    await using stack = await startStack({
      deno,
      ticker: false,
      env: { PAGEPERFECT_QUEUE_VISIBILITY: "30" },
    });
    const { sql, standins } = stack;
    const site = await writeSite();
    const lane = new Lane(stack, await stack.serveFile(site));
    await sql`update pipeline.stage_config set retry_delay_seconds = 1, max_retry_delay_seconds = 1`;

    /** Rings until what a stand-in holds back has been asked for: the worker is in the middle of it. */
    const ringUntil = (held: Hold) =>
      until(async () => {
        await lane.ring();
        return held.isAsked;
      }, "a worker asks");
    /** Ends the lease of whoever holds the job's message. */
    const expire = async (id: string) => {
      await sql`update pageperfect_job_stages set lease_expires_at = now()
        where job_id = ${id} and status = 'processing'`;
      await sql`update pgmq.q_pageperfect set vt = now() where message ->> 'job_id' = ${id}`;
    };
    const leaseIsLost = (id: string) =>
      until(async () => {
        const path = `${stack.logsDir}/pageperfect-segment-embed-worker.log`;
        return (await Deno.readTextFile(path)).split("\n").some((line) =>
          line.includes("lease_lost") && line.includes(id)
        );
      }, "its worker notices that the lease is lost");

    await test.step("a_job_passes_all_six_stages_with_one_attempt_each", async () => {
      const id = await lane.submit("article.html");
      equal(await lane.end(id), "completed");
      const rows = await sql`select stage, status, attempt_count from pageperfect_job_stages
        where job_id = ${id} order by started_at`;
      deepEqual(
        rows.map((row) => [row.stage, row.status, row.attempt_count]),
        stages.map((stage) => [stage, "completed", 1]),
      );
      const [{ report }] = await sql`select get_pageperfect_report(${id}) as report`;
      equal(report.page.title, "Growing tomatoes on a balcony");
      ok(report.segments.length >= 5, `${report.segments.length} segments`);
      equal(report.schema_version, 2);
      const clustered = report.topics.flatMap(({ queries }: Topic) =>
        queries.flatMap(({ query, variants }) => [query, ...variants])
      );
      deepEqual([...clustered].sort(), keywords.map(({ query }) => query).sort());
      ok(report.edits.length > 0);
      ok(report.drafts[0].heading.length > 0);
      const [{ payload }] = await sql`select data as payload from pageperfect_payloads
        where job_id = ${id} and stage = 'rewrite_draft'`;
      ok(payload.paragraph_count > 0 && payload.cluster_count > 0 && payload.html_length > 0);
      const [{ letters }] =
        await sql`select count(*)::int as letters from pageperfect_dead_letters`;
      const [{ left }] = await sql`select count(*)::int as left from pgmq.q_pageperfect`;
      deepEqual([letters, left], [0, 0]);
    });

    await test.step("a_second_analysis_pays_for_no_embedding_again", async () => {
      standins.reset();
      equal(await lane.end(await lane.submit("article.html")), "completed");
      equal(standins.calls.filter(({ api }) => api === "embeddings").length, 0);
    });

    await test.step("a_page_that_has_not_changed_is_analysed_from_its_earlier_html", async () => {
      const crawls = await sql`select http_status, html, html_length, final_url, last_modified
        from crawl_jobs where url like '%article.html' order by created_at`;
      deepEqual(crawls.map(({ http_status }) => http_status), [200, 304]);
      ok(crawls[0].html_length > 100 && crawls[0].last_modified);
      deepEqual({ ...crawls[1], http_status: 200 }, crawls[0]);

      await Deno.utime(`${site}/article.html`, new Date(), new Date(Date.now() - 3_600_000));
      const id = await lane.submit("article.html");
      equal(await lane.end(id), "completed");
      const [{ http_status }] = await sql`select http_status from crawl_jobs where job_id = ${id}`;
      equal(http_status, 200);
    });

    await test.step("a_page_keeps_the_canonical_url_it_states_and_the_url_it_was_found_at", async () => {
      const [row] = await sql`select p.canonical_url, c.final_url
        from pages as p join crawl_jobs as c on c.page_id = p.id where p.url like '%article.html' limit 1`;
      deepEqual({ ...row }, {
        canonical_url: "https://site.org/tomatoes",
        final_url: `${lane.siteUrl}article.html`,
      });
    });

    await test.step("a_job_without_a_draft_or_without_keywords_completes", async () => {
      const undrafted = await lane.submit("article.html", { generate_draft: false });
      equal(await lane.end(undrafted), "completed");
      const [{ result }] = await sql`select result from pageperfect_jobs where id = ${undrafted}`;
      deepEqual([result.drafts, result.draft_skipped], [[], "not_requested"]);

      const queryless = await lane.submit("article.html?bare", { keywords: [] });
      equal(await lane.end(queryless), "completed");
      const [bare] = await sql`select result from pageperfect_jobs where id = ${queryless}`;
      deepEqual([bare.result.topics, bare.result.draft_skipped], [[], "no_gaps"]);
    });

    await test.step("a_rate_limit_is_waited_out_as_retry_after_says", async () => {
      await sql`truncate embedding_cache`;
      standins.reset();
      standins.fail({ api: "embeddings", status: 429, retryAfter: 3 });
      const id = await lane.submit("article.html");
      equal(await lane.end(id), "completed");
      const [refused, next] = standins.calls.filter(({ api }) => api === "embeddings");
      deepEqual([refused.status, next.status], [429, 200]);
      ok(next.at - refused.at >= 2_990, `${next.at - refused.at} ms`);
      equal((await lane.stage(id, "segment_embed")).attempt_count, 1, "it costs no attempt");
      await sql`delete from model_limits`;
    });

    await test.step("an_empty_account_goes_straight_to_the_dead_letters", async () => {
      await sql`truncate embedding_cache`;
      standins.reset();
      const body = { error: { message: "no credit", code: "insufficient_quota", type: "x" } };
      standins.fail({ api: "embeddings", status: 429, body });
      const id = await lane.submit("article.html");
      equal(await lane.end(id), "failed");
      const letter = await lane.deadLetter(id);
      deepEqual([letter.stage, letter.failure_reason], ["segment_embed", "insufficient_quota"]);
      equal((await lane.stage(id, "segment_embed")).attempt_count, 1);
    });

    await test.step("a_draft_is_scored_like_the_page_and_tried_again_with_what_it_leaves_open", async () => {
      standins.reset();
      const query = "sell surplus vegetables at the market";
      const draft = (sentence: string) =>
        JSON.stringify({
          heading: "A word about the season",
          summary: "What the season brings.",
          body_markdown: Array(12).fill(sentence).join(" "),
          placement: { after_heading: "" },
          questions_answered: [query],
          facts_to_check: [],
        });
      standins.fail({ api: "chat", body: draft("Rain falls softly upon distant hills tonight.") });
      const answer = "You may sell surplus vegetables at the market from a stall of your own.";
      standins.fail({ api: "chat", body: draft(answer) });
      const id = await lane.submit("article.html?score", { keywords: [{ ...gapsOnly[2], query }] });
      equal(await lane.end(id), "completed");
      const prompts = standins.calls.filter(({ api }) => api === "chat")
        .map(({ request }) => JSON.stringify(request.messages));
      equal(prompts.length, 2);
      match(prompts[1], /Rain falls softly/);
      const [{ drafts }] = await sql`select result -> 'drafts' as drafts from pageperfect_jobs
        where id = ${id}`;
      const [{ coverage_before, coverage_after, per_query, closes_gap, attempts, body_markdown }] =
        drafts;
      ok(body_markdown.startsWith("You may sell"));
      ok(coverage_before < 0.7 && coverage_after >= 0.7, `${coverage_before} → ${coverage_after}`);
      deepEqual(per_query, [{ query, before: coverage_before, after: coverage_after }]);
      deepEqual([closes_gap, attempts], [true, 2]);
    });

    await test.step("a_draft_that_breaks_the_rules_is_asked_for_again_with_what_is_wrong", async () => {
      standins.reset();
      standins.fail({ api: "chat", body: "Sure! Here is your section." });
      const id = await lane.submit("article.html");
      equal(await lane.end(id), "completed");
      equal((await lane.stage(id, "rewrite_draft")).attempt_count, 1, "in the same attempt");
      const prompts = standins.calls.filter(({ api }) => api === "chat")
        .map(({ request }) => JSON.stringify(request.messages));
      equal(prompts.length, 2);
      match(prompts[1], /the answer is not JSON/);
      const [{ drafts }] = await sql`select result -> 'drafts' as drafts from pageperfect_jobs
        where id = ${id}`;
      equal(drafts[0].attempts, 2);

      standins.fail({ api: "chat", body: "No.", count: 2 });
      const stubborn = await lane.submit("article.html");
      equal(await lane.end(stubborn), "completed");
      const [retry] = await lane.eventsOf(stubborn, "retry_scheduled");
      deepEqual([retry.stage, retry.metadata.error.code], ["rewrite_draft", "draft_invalid"]);
    });

    await test.step("a_reader_strikes_out_what_the_page_answers_at_a_price_that_is_said_before", async () => {
      await sql`insert into model_prices (provider, model, input_usd, output_usd)
        values ('127.0.0.1', 'offline-outline', 1, 10)`;
      const unread = await lane.submit("article.html", {
        keywords: gapsOnly,
        parameters: { method: "cosine", verify: false },
      });
      equal(await lane.end(unread), "completed");
      const resultOf = async (id: string) => {
        const [{ result }] = await sql`select result from pageperfect_jobs where id = ${id}`;
        return result;
      };
      const before = await resultOf(unread);
      deepEqual([before.method.verified_by, before.edits[0].verification], [null, null]);

      standins.reset();
      const first = before.edits[0];
      const { reader } = standins;
      // One is answered, by words of the page; one is called answered without any; the others are not.
      standins.reader = ({ queries, passages }) => ({
        answers: queries.map(({ number, query }) =>
          first.open_queries.includes(query)
            ? { number, verdict: "answered", quote: passages.at(-1)!.text }
            : { number, verdict: "answered", quote: "words that stand nowhere in the page" }
        ),
      });
      const id = await lane.submit("article.html", {
        keywords: gapsOnly,
        parameters: { method: "cosine", verify: true },
      });
      equal(await lane.end(id), "completed");
      standins.reader = reader;
      const { edits, topics, method, summary } = await resultOf(id);
      equal(method.verified_by, "offline-outline");
      equal(edits.length, before.edits.length - 1, "what is answered is no recommendation");
      ok(edits.every(({ label }: { label: string }) => label !== first.label));
      deepEqual(
        edits.map(({ rank }: { rank: number }) => rank),
        edits.map((_: unknown, i: number) => i + 1),
      );
      for (const { verification } of edits) {
        deepEqual([verification.verdict, verification.quote], ["not_answered", null]);
      }
      const read = topics.find(({ label }: { label: string }) => label === first.label);
      deepEqual([read.kind, read.queries[0].is_answered], ["answered", true]);
      ok(summary.answered_share > before.summary.answered_share);
      const [announced] = await lane.eventsOf(id, "model_calls_announced");
      const calls = standins.calls.filter(({ api }) => api === "chat");
      equal(announced.metadata.call_count, calls.length - 1, "one is the draft's");
      ok(announced.metadata.cost_usd > 0);
      ok(announced.created_at.getTime() <= calls[0].at, "before the first is made");
      await sql`delete from model_prices where provider = '127.0.0.1'`;
    });

    await test.step("several_drafts_and_outlines_on_request", async () => {
      const parameters = { method: "cosine", drafts: 3, draft_form: "outline" };
      const id = await lane.submit("article.html", { keywords: gapsOnly, parameters });
      equal(await lane.end(id), "completed");
      const [{ result }] = await sql`select result from pageperfect_jobs where id = ${id}`;
      const wanted = Math.min(3, result.edits.length);
      ok(wanted > 1, "the page has gaps enough");
      deepEqual(
        result.drafts.map((
          { edit_id, form }: { edit_id: number; form: string },
        ) => [edit_id, form]),
        result.edits.slice(0, wanted).map(({ id }: { id: number }) => [id, "outline"]),
      );
      for (const { brief, heading } of result.drafts) equal(brief.heading, heading);
    });

    await test.step("pages_that_cannot_be_analysed_end_in_the_dead_letters_with_their_reason", async () => {
      for (
        const [page, stage, reason] of [
          ["missing.html", "wait_crawl", "http_404"],
          ["report.pdf", "wait_crawl", "not_html"],
          ["empty.html", "wait_crawl", "empty_page"],
          ["huge.html", "wait_crawl", "too_large"],
          ["blank.html", "segment_embed", "empty_page"],
        ]
      ) {
        const id = await lane.submit(page);
        equal(await lane.end(id), "failed", page);
        const letter = await lane.deadLetter(id);
        deepEqual([letter.stage, letter.failure_reason], [stage, reason], page);
        ok(letter.error_details.message.length > 10, page);
      }
    });

    await test.step("a_crawl_that_fails_for_the_moment_is_tried_again_without_the_job_noticing", async () => {
      standins.reset();
      standins.fail({ api: "files", status: 503, retryAfter: 1 });
      const id = await lane.submit("article.html");
      equal(await lane.end(id), "completed");
      const [crawl] = await sql`select attempt_count from crawl_jobs where job_id = ${id}`;
      deepEqual([crawl.attempt_count, (await lane.stage(id, "wait_crawl")).attempt_count], [2, 1]);
    });

    await test.step("waiting_for_a_crawl_spends_no_attempt_and_no_time_after_it_is_done", async () => {
      standins.reset();
      using page = standins.hold("files");
      const id = await lane.submit("article.html");
      await until(async () => {
        await lane.ring();
        return page.isAsked && (await lane.stage(id, "wait_crawl"))?.status === "queued";
      }, "the page is fetched and the stage sleeps");
      const deferred = await lane.eventsOf(id, "deferred");
      // Until the crawl begins it need not look at all.
      ok([5, 900].includes(deferred[0].metadata.delay_seconds));
      await sql`update pgmq.q_pageperfect set vt = now() + interval '1 hour'
        where message ->> 'job_id' = ${id}`;
      page.release();
      equal(await lane.end(id), "completed", "woken by the crawl, not by the clock");
      equal((await lane.stage(id, "wait_crawl")).attempt_count, 1);
    });

    await test.step("a_crawler_told_to_go_hands_its_crawls_back", async () => {
      standins.reset();
      using page = standins.hold("files");
      const id = await lane.submit("article.html");
      await ringUntil(page);
      await stack.killFunction("crawl-cron", "SIGTERM");
      const [crawl] = await sql`select status, error from crawl_jobs where job_id = ${id}`;
      deepEqual([crawl.status, crawl.error], ["pending", null], "no attempt is spent");
      equal(await lane.end(id), "completed");
    });

    await test.step("a_worker_killed_in_the_middle_loses_nothing", async () => {
      await sql`truncate embedding_cache`;
      standins.reset();
      using embeddings = standins.hold("embeddings");
      const id = await lane.submit("article.html");
      await ringUntil(embeddings);
      equal(await stack.killFunction("pageperfect-segment-embed-worker"), true);
      await expire(id);
      equal(await lane.end(id), "completed");
      equal((await lane.stage(id, "segment_embed")).attempt_count, 2);
      equal((await lane.eventsOf(id, "completed")).length, 6);
    });

    await test.step("a_worker_told_to_go_hands_its_job_back_at_once", async () => {
      await sql`truncate embedding_cache`;
      standins.reset();
      using embeddings = standins.hold("embeddings");
      const id = await lane.submit("article.html");
      await ringUntil(embeddings);
      await stack.killFunction("pageperfect-segment-embed-worker", "SIGTERM");
      equal((await lane.eventsOf(id, "deferred")).at(-1)!.stage, "segment_embed");
      equal(await lane.end(id), "completed");
      equal((await lane.stage(id, "segment_embed")).attempt_count, 1);
    });

    await test.step("a_worker_that_lost_its_lease_changes_nothing", async () => {
      await sql`truncate embedding_cache`;
      standins.reset();
      using embeddings = standins.hold("embeddings");
      const id = await lane.submit("article.html");
      await ringUntil(embeddings);
      // As if the lease had run out and another worker had the message now.
      await sql`update pgmq.q_pageperfect set read_ct = read_ct + 1 where message ->> 'job_id' = ${id}`;
      await sql`update pageperfect_job_stages set read_ct = read_ct + 1
        where job_id = ${id} and stage = 'segment_embed'`;
      const before = await lane.stage(id, "segment_embed");
      await leaseIsLost(id);
      const after = await lane.stage(id, "segment_embed");
      deepEqual([after.status, after.attempt_count], [before.status, before.attempt_count]);
      equal((await sql`select from page_embeddings where job_id = ${id}`).length, 0);
      await expire(id);
      equal(await lane.end(id), "completed");
    });

    await test.step("a_cancelled_job_stops_its_worker", async () => {
      await sql`truncate embedding_cache`;
      standins.reset();
      using embeddings = standins.hold("embeddings");
      const id = await lane.submit("article.html");
      await ringUntil(embeddings);
      await sql`select cancel_job('pageperfect', ${id})`;
      await leaseIsLost(id);
      equal((await lane.stage(id, "segment_embed")).status, "cancelled");
      equal((await sql`select from page_embeddings where job_id = ${id}`).length, 0);
    });

    await test.step("one_trace_runs_through_the_logs_of_a_job", async () => {
      const id = await lane.submit("article.html");
      equal(await lane.end(id), "completed");
      const [{ traceparent }] =
        await sql`select traceparent from pageperfect_jobs where id = ${id}`;
      for (const worker of ["submit-crawl", "gap-analysis", "rewrite-draft"]) {
        const log = await Deno.readTextFile(`${stack.logsDir}/pageperfect-${worker}-worker.log`);
        const lines = log.split("\n").filter((line) => line.includes(id)).map((line) =>
          JSON.parse(line)
        );
        ok(lines.length >= 2, worker);
        for (const line of lines) equal(line.traceparent, traceparent);
      }
    });

    await test.step("no_log_holds_a_secret_html_or_draft_text", async () => {
      for await (const { name } of Deno.readDir(stack.logsDir)) {
        if (name === "postgres.log") continue;
        const log = await Deno.readTextFile(`${stack.logsDir}/${name}`);
        for (const secret of [stack.secretKey, stack.serviceRoleKey, "blossom end rot", "<p>"]) {
          ok(!log.includes(secret), `${name} holds ${secret}`);
        }
        for (const line of log.split("\n").filter((line) => line.startsWith("{"))) {
          match(JSON.parse(line).event, /^[a-z_]+$/);
        }
      }
    });

    deepEqual([...await sql`select * from check_invariants()`], []);
    await Deno.remove(site, { recursive: true });
  },
});
