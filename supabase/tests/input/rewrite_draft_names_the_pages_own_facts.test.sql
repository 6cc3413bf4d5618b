\ir ../_shared/setup.sql
select plan(3);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'rewrite_draft');
select input_rewrite_draft(:'job') -> 'prompt_input' as input \gset
select is(:'input'::jsonb -> 'page' -> 'excerpts', '["World"]'::jsonb, 'the segments nearest to the topic');
select is(:'input'::jsonb -> 'page' -> 'headings', '["Hello"]'::jsonb, 'the page''s headings');
select is(:'input'::jsonb -> 'recommendation' -> 'queries', '["a", "b"]'::jsonb, 'and what people asked');
select * from finish();
rollback;
