\ir ../_shared/setup.sql
select plan(5);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'rewrite_draft');
select input_rewrite_draft(:'job') -> 'desk' as desk \gset
select is((select jsonb_agg(s -> 'text') from jsonb_array_elements(:'desk'::jsonb -> 'segments') as s), '["Hello", "World"]'::jsonb, 'the whole page');
select is(:'desk'::jsonb -> 'edits' -> 0 -> 'open_queries', '["a", "b"]'::jsonb, 'what people asked');
select is((select jsonb_agg(e.text order by n.ordinality) from jsonb_array_elements(:'desk'::jsonb -> 'edits' -> 0 -> 'nearest') with ordinality as n
  join page_embeddings as e on e.id = n.value::bigint), '["World", "Hello"]'::jsonb, 'the segments nearest to the topic');
select is(:'desk'::jsonb -> 'edits' -> 0 -> 'topic_id', :'desk'::jsonb -> 'topics' -> 0 -> 'id', 'and the topic');
select is(jsonb_array_length(:'desk'::jsonb -> 'topics'), 1, 'of the recommendations only');
select * from finish();
rollback;
