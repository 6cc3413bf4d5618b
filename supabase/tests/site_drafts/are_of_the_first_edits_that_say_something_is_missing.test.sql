\ir ../_shared/setup.sql
\ir setup.sql
select plan(28);
select tests.site_job() as job \gset
select is(get_site_report(:'job') #>> '{job,status}', 'completed', 'without drafts the plan is the end');
select is(site_progress(:'job') -> 'drafts', 'null'::jsonb, 'and nothing is said of them');
select is(get_site_report(:'job') -> 'drafts', '[]'::jsonb, 'nor in the report');
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select is((select string_agg(s ->> 'stage', ' ') from jsonb_array_elements(get_job_timeline('site', :'job') -> 'stages') as s), 'select_pages analyse_pages site_topics site_plan', 'nor among its stages');

select tests.site_job('{"drafts": 2}') as job \gset
select is(get_site_report(:'job') #>> '{job,status}', 'queued', 'the plan is there before its drafts');
select is(input_site_drafts(:'job') -> 'edit_ids', '["a", "c"]'::jsonb, 'a page that is to be found by other words needs no draft');
select is(site_draft_input(:'job', 'c') #>> '{desk,form}', 'text', 'sections are written');
update site_edits set kind = 'new_page' where id = 'c';
select is(site_draft_input(:'job', 'c') #>> '{desk,form}', 'outline', 'pages of their own are outlined');
select tests.site_claim('site_drafts') as claim \gset
select throws_ok(format('select commit_site_drafts(%s, %s, ''{}'')', tests.msg(:'claim'), tests.ct(:'claim')), '55000', null, 'it does not end before they are there');
select is(tests.begin(:'claim', 'a', 'da'), 'begun', 'a first one');
select save_checkpoint(tests.msg(:'claim'), tests.ct(:'claim'), 'da', 'AAAA', 'site');
select is(tests.put(:'claim', 'a', 'da', '{"status": "written", "draft": {"heading": "H"}, "verification": null}'), 'held', 'is kept');
select is((select count(*)::integer from pipeline.stage_checkpoints where stage = 'site_drafts'), 0, 'and what it was made from is not');
select is(input_site_drafts(:'job') -> 'edit_ids', '["c"]'::jsonb, 'the next invocation goes on behind it');
select is(public.stage_site_draft(tests.msg(:'claim'), tests.ct(:'claim') + 1, '{"edit_id": "c", "status": "written"}') ->> 'status', 'lease_lost', 'a stale lease keeps nothing');
select tests.put(:'claim', 'c', 'dc', '{"status": "failed", "error": {"code": "draft_invalid", "message": "the draft breaks the rules"}}');
select tests.spend(:'job', 0.25);
select is(commit_site_drafts(tests.msg(:'claim'), tests.ct(:'claim'), '{}') ->> 'status', 'committed', 'one that failed ends nothing');
select is(tests.counts(:'job'), '2 1 0 0 1 0', 'and is counted');
select is((get_site_report(:'job') #>> '{costs,usd}')::numeric, 0.25, 'the report''s costs have the drafts in');
select is(get_site_report(:'job') -> 'drafts' -> 0, '{"edit_id": "a", "status": "written", "heading": "H", "is_reused": false}'::jsonb, 'a draft');
select is(get_site_report(:'job') -> 'drafts' -> 1 -> 'reason', '{"code": "draft_invalid", "message": "the draft breaks the rules"}'::jsonb, 'and why there is none');
select is(get_site_report(:'job') #>> '{job,status}', 'completed', 'and the job is done');

select tests.site_job('{"drafts": 1}') as job \gset
select is(input_site_drafts(:'job') -> 'edit_ids', '["a"]'::jsonb, 'as many as are asked for');
select is(pipeline.draft_seconds(), 30::double precision, 'one draft tells nothing of how long they take');
select is((site_progress(:'job') -> 'minutes_left')::numeric, 0.5, 'but they have their minutes');
select tests.site_claim('site_drafts') as claim \gset
select tests.put(:'claim', 'a', 'da', '{"status": "answered", "verification": {"quote": "q"}}');
select is(input_site_drafts(:'job') -> 'edit_ids', '["c"]'::jsonb, 'one that a reader finds answered makes room for the next');
select is(tests.counts(:'job'), '1 0 1 0 0 0', 'and is not among those that are to be written');
insert into site_drafts (job_id, edit_id, page_id, status, created_at)
select e.job_id, 'past ' || n, e.page_id, 'written', now() - make_interval(hours => 5 * n, secs => 12 * n * n)
from site_edits as e, generate_series(1, 4) as n where e.job_id <> :'job' and e.id = 'a' and exists (select from site_drafts as d where d.job_id = e.job_id) limit 4;
select is(pipeline.draft_seconds() between 17000 and 19000, true, 'as the last ones took');
select tests.put(:'claim', 'c', 'dc', '{"status": "answered", "verification": {"quote": "q"}}');
select is(input_site_drafts(:'job') -> 'edit_ids', '[]'::jsonb, 'but no more than twice as many are read');
select is(commit_site_drafts(tests.msg(:'claim'), tests.ct(:'claim'), '{}') ->> 'status', 'committed', 'then it is done');
select * from finish();
rollback;
