\ir ../_shared/setup.sql
\ir setup.sql
select plan(15);
insert into auth.users (id) values ('00000000-0000-4000-8000-000000000007');
select tests.site_job('{"drafts": 3}') as job \gset
select tests.site_claim('site_drafts') as claim \gset
select tests.put(:'claim', 'a', 'da', '{"status": "written", "draft": {"heading": "H"}}');
select tests.put(:'claim', 'c', 'dc', '{"status": "failed", "error": {"code": "draft_invalid", "message": "m"}}');
select tests.put(:'claim', 'd', 'dd', '{"status": "answered", "verification": {"quote": "q"}}');
select commit_site_drafts(tests.msg(:'claim'), tests.ct(:'claim'), '{}');

select tests.site_job('{"drafts": 3}', '00000000-0000-4000-8000-000000000007') as others \gset
select tests.site_claim('site_drafts') as claim \gset
select is(tests.begin(:'claim', 'a', 'da'), 'begun', 'nobody gets what another one paid for');
select cancel_site_job(:'others');

select tests.site_job('{"drafts": 3, "max_usd": 1}') as second \gset
select tests.site_claim('site_drafts') as claim \gset
select tests.spend(:'second', 1);
select is(tests.begin(:'claim', 'a', 'da', false), 'reused', 'the same draft is taken, without a model and above the ceiling');
select is(tests.begin(:'claim', 'd', 'dd'), 'reused', 'as is what a reader found');
select is(tests.begin(:'claim', 'c', 'dc'), 'skipped', 'one that failed is not: the ceiling is reached');
select commit_site_drafts(tests.msg(:'claim'), tests.ct(:'claim'), '{}');
select is(tests.counts(:'second'), '2 1 1 1 0 2', 'counted');
select is(get_site_report(:'second') #>> '{drafts,1,reason,code}', 'ceiling', 'and said');
select is(get_site_report(:'second') #> '{drafts,0,is_reused}', 'true', 'nothing was paid for it');

select is(retry_site_job(:'second') ->> 'draft_count', '1', 'what is missing is tried again');
select is((pipeline.job('site', :'second')).stage, 'site_drafts', 'and the plan is not made anew');
select tests.site_claim('site_drafts') as claim \gset
select is(input_site_drafts(:'second') -> 'edit_ids', '["c"]'::jsonb, 'nor what is there');
select save_checkpoint(tests.msg(:'claim'), tests.ct(:'claim'), 'dc', 'AAAA', 'site');
select is(tests.begin(:'claim', 'c', 'dc'), 'begun', 'what was begun is finished');
select tests.put(:'claim', 'c', 'dc', '{"status": "written", "draft": {"heading": "C"}}');
select commit_site_drafts(tests.msg(:'claim'), tests.ct(:'claim'), '{}');
select is(tests.counts(:'second'), '2 2 1 0 0 2', 'all of them are there');

-- A failed page: the plan is made anew, and what was drafted waits for its edits.
update site_pages set status = 'failed' where job_id = :'second';
select is(retry_site_job(:'second') ->> 'draft_count', '0', 'pages come first');
update site_pages set status = 'done' where job_id = :'second';
update site_drafts set is_of_plan = false where job_id = :'second';
select is(tests.counts(:'second'), '3 0 0 0 0 0', 'none is of the new plan');
delete from site_drafts where job_id = :'job';
select pipeline.queue_stage('site', :'second', 'site_drafts');
select tests.site_claim('site_drafts') as claim \gset
select is(array[tests.begin(:'claim', 'c', 'dc'), (select is_reused from site_drafts where job_id = :'second' and edit_id = 'c')::text],
  array['reused', 'false'], 'and its own are taken again');
select * from finish();
rollback;
