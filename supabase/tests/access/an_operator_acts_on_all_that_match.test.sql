\ir ../_shared/setup.sql
select plan(17);
select gen_random_uuid() as operator, gen_random_uuid() as newcomer \gset
insert into auth.users (id, email) values (:'operator', 'operator@example.com'), (:'newcomer', 'Newcomer@example.com');
insert into access.members (user_id, role) values (:'operator', 'operator');
create temporary table letters as
select create_pageperfect_job(jsonb_build_object('url', 'https://example.com/' || n)) ->> 'job_id' as job_id from generate_series(1, 3) as n;
select count(*) from (
  select fail_stage('pageperfect', (l.lease ->> 'msg_id')::bigint, (l.lease ->> 'read_ct')::integer, '{"message": "no"}', 'dead_letter', 0,
    case when l.n = 3 then 'other' else 'quota' end)
  from (select row_number() over () as n, tests.claim_at(t.job_id::uuid, 'submit_crawl') as lease from letters as t) as l) as f;
select create_pageperfect_job('{"url": "https://example.com/open"}') ->> 'job_id' as open \gset

set local role authenticated;
select set_config('request.jwt.claims', json_build_object('sub', :'operator', 'role', 'authenticated')::text, true);
select is(whoami() ->> 'role', 'operator', 'the operator is one');
select is((list_dead_letters('{"reason": "quota"}') ->> 'total_count')::integer, 2, 'two letters of a reason');
select is((list_dead_letters('{"reason": "quota"}') -> 'groups' -> 1 ->> 'letter_count')::integer, 1, 'all groups stay in view');
select throws_ok($$select replay_matching('{"reason": "quota"}', 1)$$, '40001', null, 'more than was confirmed changes nothing');
select is((list_dead_letters('{"reason": "quota"}') ->> 'total_count')::integer, 2, 'and they are there still');
select is(replay_matching('{"reason": "quota"}', 2), '{"replayed_count": 2, "remaining_count": 0}', 'all of the reason go back');
select is((list_dead_letters() ->> 'total_count')::integer, 1, 'the other stays');
select is(count_open_jobs('{}'), 3::bigint, 'three jobs are open then');
select is((list_jobs('{"status": "queued", "url": "OPEN"}') ->> 'total_count')::integer, 1, 'filters join, and parts of a URL match in any case');
select is(cancel_matching('{"url": "/open"}', 1), '{"cancelled_count": 1, "remaining_count": 0}', 'the one that matches is cancelled');
select is(jsonb_array_length(list_jobs('{}', 2) -> 'jobs'), 2, 'a page of two');
select is(jsonb_array_length(list_jobs('{}', 2, list_jobs('{}', 2) ->> 'next') -> 'jobs'), 2, 'and the page after it');
select is(set_stages_enabled('pageperfect', array['submit_crawl'], false), '{"changed_count": 1}', 'a stage is paused');
select is(get_operations() -> 'settings' @> '[{"stage": "submit_crawl", "enabled": false}]', true, 'and shown so');
select ok(set_member('newcomer@example.com', 'reader') @> '[{"email": "Newcomer@example.com", "role": "reader"}]', 'a member is made, whatever the case of the address');
select throws_ok($$select set_member('nobody@example.com', 'reader')$$, 'P0002', null, 'who never signed in cannot be one');
select is(decide_edit(:'open', 7, 'accepted', 'a topic', 'good', '## Text') ->> 'body_markdown', '## Text', 'a decision is kept with its text');
reset role;
select * from finish();
rollback;
