-- Included after setup.sql: a site's job with a plan of four edits on one page, as the stages before leave it.
create function tests.site_job(p_more jsonb default '{}', p_user uuid default null) returns uuid language plpgsql as $$
declare
  v_job uuid;
  v_claim jsonb;
  v_page uuid;
  v_edits jsonb;
begin
  v_job := (public.create_site_job('{"site": {"urls": ["https://example.com/page"]}}'::jsonb || p_more, p_user) ->> 'job_id')::uuid;
  insert into public.pages (owner_id, url) values (p_user, 'https://example.com/page') on conflict do nothing;
  select p.id into v_page from public.pages as p where p.owner_id is not distinct from p_user and p.url = 'https://example.com/page';
  insert into public.site_pages (job_id, page_id, position, url, digest, status) values (v_job, v_page, 1, 'https://example.com/page', 'd', 'done');
  v_claim := tests.site_claim('select_pages');
  perform pipeline.finish_stage(pipeline.lock_commit('site', 'select_pages', tests.msg(v_claim), tests.ct(v_claim)));
  v_claim := tests.site_claim('analyse_pages');
  perform public.commit_analyse_pages(tests.msg(v_claim), tests.ct(v_claim), '{}');
  v_claim := tests.site_claim('site_topics');
  perform public.commit_site_topics(tests.msg(v_claim), tests.ct(v_claim), '{}');
  v_claim := tests.site_claim('site_plan');
  select jsonb_agg(jsonb_build_object('id', e.id, 'rank', e.ordinality, 'kind', e.kind, 'page_id', v_page, 'label', e.id, 'queries', jsonb_build_array('query ' || e.id),
    'coverage', 0.2, 'expected_clicks', 3, 'impressions', 100, 'confidence', 0.5)) into v_edits
  from unnest(array['a', 'b', 'c', 'd'], array['write', 'move', 'extend', 'write']) with ordinality as e (id, kind, ordinality);
  perform public.stage_site_state('site_plan', tests.msg(v_claim), tests.ct(v_claim), 'report',
    jsonb_build_object('site', '{}'::jsonb, 'topics', '[]'::jsonb, 'edits', v_edits)::text);
  perform public.commit_site_plan(tests.msg(v_claim), tests.ct(v_claim), '{}');
  return v_job;
end;
$$;

create function tests.site_claim(p_stage text) returns jsonb language sql as $$
  select public.claim_stage('site', p_stage, 600);
$$;

create function tests.begin(p_claim jsonb, p_edit text, p_digest text, p_has_model boolean default true) returns text language sql as $$
  select public.begin_site_draft(tests.msg(p_claim), tests.ct(p_claim), p_edit, p_digest, p_has_model) ->> 'outcome';
$$;

create function tests.put(p_claim jsonb, p_edit text, p_digest text, p_more jsonb) returns text language sql as $$
  select public.stage_site_draft(tests.msg(p_claim), tests.ct(p_claim), jsonb_build_object('edit_id', p_edit, 'digest', p_digest) || p_more) ->> 'status';
$$;

create function tests.spend(p_job uuid, p_usd numeric) returns void language sql as $$
  insert into public.model_usage (pipeline, job_id, stage, provider, model, call_count, input_tokens, output_tokens, cost_usd)
  values ('site', p_job, 'site_drafts', 'p', 'm', 1, 10, 10, p_usd);
$$;

create function tests.counts(p_job uuid) returns text language sql as $$
  select concat_ws(' ', d ->> 'wanted', d ->> 'written', d ->> 'answered', d ->> 'skipped', d ->> 'failed', d ->> 'reused')
  from (select public.site_progress(p_job) -> 'drafts' as d) as p;
$$;
