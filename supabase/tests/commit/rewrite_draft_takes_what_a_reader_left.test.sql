\ir ../_shared/setup.sql
select plan(9);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'rewrite_draft') as claim \gset
insert into rewrite_recommendations (page_id, job_id, cluster_id, rank, label, opportunity, impressions, clicks, threshold, best_similarity, open_queries)
select page_id, job_id, cluster_id, n, 'r' || n, opportunity, impressions, clicks, threshold, best_similarity, '{a,b}'
from rewrite_recommendations, generate_series(2, 4) as n;
select jsonb_object_agg(rank, id) as ids, min(cluster_id) as topic from rewrite_recommendations \gset
select jsonb_build_object('edits', (
    -- The first one was struck out, the third goes before the second.
    select jsonb_agg(jsonb_build_object('id', e.id, 'rank', e.rank, 'kind', 'extend', 'open_queries', array['b'], 'expected_clicks', 5,
      'opportunity', 3, 'coverage', 0.4, 'confidence', 0.9, 'place', '{"kind": "extend"}'::jsonb, 'verification', '{"verdict": "partly"}'::jsonb))
    from (values ((:'ids'::jsonb ->> '3')::bigint, 1), ((:'ids'::jsonb ->> '2')::bigint, 2)) as e (id, rank)),
  'topics', jsonb_build_array(jsonb_build_object('id', :topic, 'kind', 'partly', 'coverage', 0.6, 'confidence', 0.9,
    'queries', '[{"query": "a", "variants": [], "impressions": 20, "clicks": 1, "is_answered": true}, {"query": "b", "variants": ["bs"], "impressions": 10, "clicks": 0, "is_answered": false}]'::jsonb)),
  'drafts', '[]'::jsonb, 'reason', 'not_requested', 'verified_by', 'reader-1') as output \gset
select is(commit_rewrite_draft(tests.msg(:'claim'), tests.ct(:'claim'), :'output') ->> 'status', 'committed', 'it commits');
select results_eq('select rank, label from rewrite_recommendations order by rank', $$values (1, 'r3'), (2, 'r2')$$, 'struck out, and ranked anew');
select result from pageperfect_jobs where id = :'job' \gset
select is(:'result'::jsonb -> 'edits' -> 0 -> 'verification' ->> 'verdict', 'partly', 'with what the reader said');
select is(:'result'::jsonb -> 'edits' -> 0 -> 'open_queries', '["b"]'::jsonb, 'with what is left open');
select is(:'result'::jsonb -> 'topics' -> 0 ->> 'kind', 'partly', 'the topic has changed');
select is(:'result'::jsonb -> 'summary', '{"query_count": 4, "impressions": 30, "clicks": 1, "answered_share": 0.6667, "gap_count": 1, "partly_count": 1,
  "improve_count": 0, "expected_clicks": 10.0}'::jsonb, 'and so has the verdict');
select is(:'result'::jsonb -> 'method' ->> 'verified_by', 'reader-1', 'which names the reader');
select is(:'result'::jsonb ->> 'draft_skipped', 'not_requested', 'and why there is no draft');

-- Another job replaced the recommendations meanwhile.
select tests.create_job() as other \gset
select tests.claim_at(:'other', 'rewrite_draft') as claim \gset
select throws_ok(format('select commit_rewrite_draft(%s, %s, %L)', tests.msg(:'claim'), tests.ct(:'claim'), :'output'), '40001', null, 'nothing is taken from rows that are gone');
select * from finish();
rollback;
