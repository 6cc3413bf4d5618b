// Installs on projects that live: whatever they have stays theirs, or they are told what to do before anything is touched.

import assert from "node:assert/strict";
import { root, tool } from "../../local/paths.ts";
import { objectsMigration, objectsMigrationPath } from "../../supabase/schema.ts";
import { startProject } from "./project.ts";

type Project = Awaited<ReturnType<typeof startProject>>;

function test(name: string, body: (project: Project) => Promise<void>) {
  Deno.test(name, async () => {
    await using project = await startProject();
    await body(project);
  });
}

/** One job from intake to its last stage, by the functions that workers call. */
async function runsAJob({ sql }: Project, url = "https://example.com/install") {
  const [{ job }] = await sql`select public.create_pageperfect_job(${
    sql.json({ url, keywords: [{ query: "a question", impressions: 10, clicks: 1, position: 3 }] })
  }) as job`;
  const [{ claim }] = await sql`select public.claim_stage('pageperfect', 'submit_crawl') as claim`;
  assert.equal(claim?.job_id, job.job_id);
  const [{ input }] = await sql`select public.input_submit_crawl(${job.job_id}) as input`;
  assert.equal(input.url, url);
  const [{ done }] = await sql`
    select public.commit_submit_crawl(${claim.msg_id}, ${claim.read_ct}, ${
    sql.json(input)
  }) as done`;
  assert.equal(done.next_stage, "wait_crawl");
  assert.deepEqual([...await sql`select * from public.check_invariants()`], []);
}

/** What the database holds of ours. */
async function count({ sql }: Project) {
  const [{ count }] = await sql`
    select (select count(*) from pg_class where relnamespace in (select oid from pg_namespace where nspname in ('public', 'pipeline', 'pgmq')))
      + (select count(*) from pg_proc where pronamespace in (select oid from pg_namespace where nspname in ('public', 'pipeline'))) as count`;
  return Number(count);
}

async function refuses(project: Project, ...reasons: RegExp[]) {
  const before = await count(project);
  const error = await project.install().then(() => undefined, (error: Error) => error);
  assert.ok(error, "the install must be refused");
  for (const reason of reasons) assert.match(error.message, reason);
  assert.match(error.message, /nothing was changed/);
  assert.equal(await count(project), before, "nothing may be left behind");
}

test("fresh: all is made, and a second time changes nothing", async (project) => {
  await project.install();
  await runsAJob(project);
  const before = await count(project);
  await project.install();
  assert.equal(await count(project), before);
});

test("the six tables in another shape: adopted with their rows and rights", async (project) => {
  const { sql } = project;
  await sql.unsafe(`
    create table public.pages (id uuid primary key default gen_random_uuid(), url varchar(500) not null, site text not null default 'main');
    create table public.crawl_jobs (id uuid primary key default gen_random_uuid(), url text, status text not null default 'new', fetched_at timestamp);
    create table public.page_embeddings (id bigserial primary key, page_id uuid references public.pages, content text, embedding float8[]);
    alter table public.page_embeddings rename column embedding to old_embedding;
    create table public.gsc_page_query (page text, query text, clicks integer, impressions integer, position numeric, date date);
    create table public.keyword_clusters (id bigint generated always as identity primary key, label text, keywords jsonb);
    create table public.rewrite_recommendations (id bigserial primary key, page_id uuid, suggestion text);
    insert into public.pages (url) values ('https://example.com/install'), ('https://example.com/2');
    insert into public.crawl_jobs (url) values ('https://example.com/2');
    insert into public.page_embeddings (page_id, content) select id, 'theirs' from public.pages;
    insert into public.gsc_page_query (page, query, clicks, impressions, position, date)
      values ('https://example.com/2', 'q', 1, 2, 3, '2026-01-01'), ('https://example.com/install', 'q', 1, 2, 3, '2026-01-01');
    insert into public.keyword_clusters (label) values ('theirs');
    insert into public.rewrite_recommendations (suggestion) values ('theirs');
    alter table public.pages enable row level security;
    create policy "anyone reads" on public.pages for select to anon using (true);
    grant select on public.pages to anon;
    grant select, insert on public.crawl_jobs to authenticated;
  `).simple();
  for (const time of ["first", "second"]) {
    await project.install();
    const [rows] =
      await sql`select (select count(*) from public.pages) as pages, (select count(*) from public.crawl_jobs) as crawls,
      (select count(*) from public.page_embeddings) as segments, (select count(*) from public.gsc_page_query) as queries,
      (select count(*) from public.keyword_clusters) as clusters, (select count(*) from public.rewrite_recommendations) as recommendations`;
    assert.deepEqual(Object.values(rows).map(Number), [2, 1, 2, 2, 1, 1], time);
    const [rights] = await sql`select has_table_privilege('anon', 'public.pages', 'select') as anon,
      has_table_privilege('authenticated', 'public.crawl_jobs', 'insert') as authenticated,
      (select relrowsecurity from pg_class where oid = 'public.pages'::regclass) as pages,
      (select relrowsecurity from pg_class where oid = 'public.crawl_jobs'::regclass) as crawls`;
    assert.deepEqual(
      { ...rights },
      { anon: true, authenticated: true, pages: true, crawls: false },
      time,
    );
    // What the project's own code does goes on working.
    await sql`insert into public.gsc_page_query (page, query, clicks, impressions, position, date)
      values ('https://example.com/2', 'q', 1, 2, 3, '2026-01-02') `;
    await sql`delete from public.gsc_page_query where date = '2026-01-02'`;
  }
  await runsAJob(project);
  const [{ pages }] =
    await sql`select count(*) as pages from public.pages where url = 'https://example.com/install'`;
  assert.equal(Number(pages), 1, "the page that was there is the job's");
});

test("tables that cannot be adopted: every reason at once, nothing touched", async (project) => {
  await project.sql.unsafe(`
    create table public.pages (id bigint primary key, url text, tenant uuid not null);
    create table public.content_jobs (id uuid primary key);
    create table public.model_limits (id uuid primary key);
    create table public.rewrite_recommendations (id bigserial primary key, page_id uuid, rank integer);
    insert into public.rewrite_recommendations (page_id, rank) select '00000000-0000-0000-0000-000000000001', 1 from generate_series(1, 2);
  `).simple();
  await refuses(
    project,
    /public\.pages\.id is of type bigint, and PagePerfect needs uuid/,
    /public\.pages\.tenant is required and has no default/,
    /table public\.content_jobs is the project's own.*rename it/,
    /table public\.model_limits is the project's own.*rename it/,
    /public\.rewrite_recommendations must hold each \(page_id, rank\) once/,
  );
});

test("own migration history: untouched", async (project) => {
  const { sql } = project;
  await sql.unsafe(`create schema supabase_migrations;
    create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
    insert into supabase_migrations.schema_migrations values ('20240101000000', '{}', 'theirs')`)
    .simple();
  await project.install();
  const history = await sql`select version from supabase_migrations.schema_migrations`;
  assert.deepEqual(history.map(({ version }) => version), ["20240101000000"]);
  await runsAJob(project);
});

test("own set_updated_at: it stays as it is", async (project) => {
  const { sql } = project;
  await sql.unsafe(`create table public.notes (id integer primary key, changed_at timestamptz);
    create function public.set_updated_at() returns trigger language plpgsql as $$ begin new.changed_at := 'epoch'; return new; end $$;
    create trigger touch before update on public.notes for each row execute function public.set_updated_at();
    insert into public.notes values (1)`).simple();
  await project.install();
  await sql`update public.notes set id = 2`;
  assert.equal(
    (await sql`select changed_at = 'epoch' as is_theirs from public.notes`)[0].is_theirs,
    true,
  );
  await runsAJob(project);
});

test("own prune(integer): it keeps its grants; one of our signature is refused", async (project) => {
  const { sql } = project;
  await sql.unsafe(
    `create function public.prune(days integer) returns integer language sql as 'select days';
    grant execute on function public.prune(integer) to anon`,
  ).simple();
  await project.install();
  const [{ anon }] =
    await sql`select has_function_privilege('anon', 'public.prune(integer)', 'execute') as anon`;
  assert.equal(anon, true);
});

test("own function of our name and arguments: refused", async (project) => {
  await project.sql.unsafe(
    `create function public.cancel_job(a text, b uuid) returns integer language sql as 'select 1'`,
  );
  await refuses(
    project,
    /function public\.cancel_job\(text,uuid\) is the project's own.*rename it/,
  );
});

test("own queue of our name: refused", async (project) => {
  await project.sql.unsafe(
    "create extension pgmq; select pgmq.create('content'); select pgmq.send('content', '{}')",
  )
    .simple();
  await refuses(project, /queue content is the project's own/);
});

test("own schema named pipeline: refused", async (project) => {
  await project.sql.unsafe("create schema pipeline; create table pipeline.steps (id integer)")
    .simple();
  await refuses(project, /schema named pipeline of its own/);
});

test("pgvector in public: used where it is", async (project) => {
  const { sql } = project;
  await sql`create extension vector with schema public`;
  await project.install();
  await runsAJob(project);
  const [{ type }] = await sql`
    select format_type(atttypid, null) as type from pg_attribute where attrelid = 'public.page_embeddings'::regclass and attname = 'embedding'`;
  assert.match(type, /vector/);
});

test("pg_cron without seconds: every minute instead", async (project) => {
  const { sql, stack } = project;
  await sql`create extension pg_cron`;
  const admin = (await import("npm:postgres@3.4.9")).default(stack.adminDbUrl, {
    max: 1,
    onnotice: () => {},
  });
  try {
    await admin`update pg_extension set extversion = '1.4' where extname = 'pg_cron'`;
  } finally {
    await admin.end();
  }
  await project.install();
  const jobs = await sql`select schedule from cron.job where jobname = 'pageperfect-dispatcher'`;
  assert.deepEqual(jobs.map(({ schedule }) => schedule), ["* * * * *"]);
  const [{ is_ready }] = await sql`
    select is_ready from pipeline.check_schedules() where item = 'schedule pageperfect-dispatcher'`;
  assert.equal(is_ready, true);
});

test("half-installed by db push, with a content_jobs of the project's own: told, and then it goes on", async (project) => {
  const { sql } = project;
  for (const name of ["110000_site_tables", "113000_pipeline_tables", "113100_pipeline_engine"]) {
    await sql.unsafe(await Deno.readTextFile(`${root}/supabase/migrations/20251016${name}.sql`))
      .simple();
  }
  await sql`create table public.content_jobs (id uuid primary key)`;
  await refuses(project, /public\.content_jobs is the project's own/);
  await sql`alter table public.content_jobs rename to our_content_jobs`;
  await project.install();
  await runsAJob(project);
});

test("remove and again: nothing is left, and the next install is whole", async (project) => {
  const { sql } = project;
  await sql`create extension pgmq`;
  const before = await count(project);
  await project.install();
  await sql`select pipeline.set_schedule_secrets('https://project.supabase.co', 'sb_secret_x')`;
  await runsAJob(project);
  await project.remove();
  assert.equal(await count(project), before);
  assert.equal((await sql`select * from cron.job`).length, 0);
  assert.equal((await sql`select * from vault.secrets`).length, 0);
  await assert.rejects(project.remove(), /there is no PagePerfect/);
  await project.install();
  await runsAJob(project);
});

test("remove leaves an adopted table as it was, and it is adopted again", async (project) => {
  const { sql } = project;
  await sql`create table public.pages (id uuid primary key default gen_random_uuid(), url text not null)`;
  await sql`insert into public.pages (url) values ('https://example.com/install')`;
  await sql`grant select on public.pages to anon`;
  for (const _ of [1, 2]) {
    await project.install();
    await runsAJob(project);
    await project.remove();
    assert.deepEqual([...await sql`select url from public.pages`], [{
      url: "https://example.com/install",
    }]);
    assert.equal(
      (await sql`select has_table_privilege('anon', 'public.pages', 'select') as anon`)[0].anon,
      true,
    );
  }
});

test("a user is erased with all that is theirs, and nobody else's", async (project) => {
  const { sql } = project;
  await project.install();
  const [{ leaving }] = await sql`select gen_random_uuid() as leaving`;
  const [{ staying }] = await sql`select gen_random_uuid() as staying`;
  for (const user of [leaving, staying]) {
    for (const path of ["a", "b"]) {
      await sql`select public.create_pageperfect_job(${
        sql.json({
          url: `https://example.com/${path}`,
          keywords: [{ query: "q", impressions: 1, clicks: 0, position: 1 }],
        })
      }, ${user})`;
    }
  }
  await sql`select public.claim_stage('pageperfect', 'submit_crawl')`;
  const [{ erased }] = await sql`select public.erase_user(${leaving}) as erased`;
  assert.deepEqual(erased, { job_count: 2, page_count: 2 });
  const [rest] =
    await sql`select (select count(*) from public.pageperfect_jobs) as jobs, (select count(*) from public.pages) as pages,
    (select count(*) from public.gsc_page_query) as queries, (select count(*) from pgmq.q_pageperfect) as messages,
    (select count(*) from public.pageperfect_job_events where job_id not in (select id from public.pageperfect_jobs)) as events`;
  assert.deepEqual(Object.values(rest).map(Number), [2, 2, 2, 2, 0]);
  assert.deepEqual([...await sql`select * from public.check_invariants()`], []);
});

test("the schedules' secrets: a key that is none is refused, one waiting ring is enough", async (project) => {
  const { sql } = project;
  await project.install();
  const set = (key: string) =>
    sql`select pipeline.set_schedule_secrets('https://project.supabase.co', ${key})`;
  const jwt = (role: string) =>
    `eyJhbGciOiJIUzI1NiJ9.${btoa(JSON.stringify({ role })).replaceAll("=", "")}.x`;
  await assert.rejects(set("sb_secret_x\n"), /line break/);
  await assert.rejects(set("sb_publishable_x"), /not a publishable one/);
  await assert.rejects(set(jwt("anon")), /not the anon key/);
  await set(jwt("service_role"));
  await set("sb_secret_x");
  await sql`select pipeline.ring('crawl-cron'), pipeline.ring('crawl-cron'), pipeline.ring('content-queue-dispatcher')`;
  await sql`select pipeline.ring('crawl-cron')`;
  const urls =
    await sql`select url from net.http_request_queue where url like 'https://project.%' order by url`;
  assert.deepEqual(urls.map(({ url }) => url.split("/").at(-1)), [
    "content-queue-dispatcher",
    "crawl-cron",
  ]);
});

test("supabase db push alone makes a fresh project, and a deploy goes on from there", async (project) => {
  const { stack } = project;
  const copy = await Deno.makeTempDir({ prefix: "pageperfect-push-" });
  try {
    await new Deno.Command("cp", { args: ["-R", `${root}/supabase`, copy] }).output();
    const { path, outdated } = await objectsMigrationPath(copy);
    for (const file of outdated) await Deno.remove(file);
    await Deno.writeTextFile(path, await objectsMigration(copy));
    const { success, stderr } = await new Deno.Command(tool("supabase"), {
      args: ["db", "push", `--remote=${stack.dbUrl}?sslmode=disable`, "--yes"],
      cwd: copy,
      env: { DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1", NO_COLOR: "1" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await runsAJob(project);
    const before = await count(project);
    await project.install();
    assert.equal(await count(project), before);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});
