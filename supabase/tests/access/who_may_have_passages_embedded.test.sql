\ir ../_shared/setup.sql
select plan(8);
select gen_random_uuid() as owner, gen_random_uuid() as operator, gen_random_uuid() as reader, gen_random_uuid() as stranger \gset
insert into auth.users (id, email) values (:'owner', 'owner@example.com'), (:'operator', 'operator@example.com'),
  (:'reader', 'reader@example.com'), (:'stranger', 'stranger@example.com');
insert into access.members (user_id, role) values (:'operator', 'operator'), (:'reader', 'reader');
select create_pageperfect_job('{"url": "https://example.com/own"}', :'owner') ->> 'job_id' as job \gset
select j.page_id as page from pageperfect_jobs as j where j.id = :'job' \gset

select is(admit_passages(:'job', null, 10), null, 'the service; nothing is stored of the page yet');
insert into page_embeddings (page_id, job_id, position, kind, heading_path, text, model, dimensions, embedding)
values (:'page', :'job', 0, 'paragraph', '{}', 'text', 'm', 2, '[1,0]');
select is(admit_passages(:'job', :'owner', 10), '{"model": "m", "dimensions": 2}', 'the owner, and what the page was embedded with');
select is(admit_passages(:'job', :'operator', 10), '{"model": "m", "dimensions": 2}', 'an operator');
select throws_ok(format('select admit_passages(%L, %L, 10)', :'job', :'reader'), '42501', null, 'a reader changes nothing, and spends nothing');
select throws_ok(format('select admit_passages(%L, %L, 10)', :'job', :'stranger'), 'P0002', null, 'for a stranger there is no such job');
select is((select byte_count from pipeline.daily_usage where owner_id = :'operator'), 10::bigint, 'who asks has it counted');
update pipeline.owner_policies set daily_bytes = 25 where role = 'user';
select throws_ok(format('select admit_passages(%L, %L, 30)', :'job', :'operator'), '53400', null, 'the bytes of a day have an end');
select is((select byte_count from pipeline.daily_usage where owner_id = :'operator'), 10::bigint, 'and what was refused is not counted');
select * from finish();
rollback;
