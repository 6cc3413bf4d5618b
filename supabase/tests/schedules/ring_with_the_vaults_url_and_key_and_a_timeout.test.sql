\ir ../_shared/setup.sql
select plan(8);
select pipeline.set_schedule_secrets('https://project.example', 'sb_secret_first');
select pipeline.set_schedule_secrets('https://project.example', 'sb_secret_second');
select is((select count(*)::integer from vault.secrets where name = 'pageperfect_secret_key'), 1, 'a second call replaces the key');

select pipeline.ring('content-queue-dispatcher') as id \gset
select is(method || ' ' || url, 'POST https://project.example/functions/v1/content-queue-dispatcher', 'the function''s address')
from net.http_request_queue where id = :id;
select is(headers ->> 'apikey', 'sb_secret_second', 'the key as apikey') from net.http_request_queue where id = :id;
select is(timeout_milliseconds, (select seconds * 1000 from pipeline.time_limits() where name = 'http_timeout'), 'the one timeout')
from net.http_request_queue where id = :id;
select is(convert_from(body, 'UTF8'), '{}', 'an empty body') from net.http_request_queue where id = :id;

select throws_ok($$select pipeline.set_schedule_secrets('https://project.example', 'sb_publishable_x')$$, '22023', null, 'a publishable key is refused');
select throws_ok($$select pipeline.set_schedule_secrets('project.example', 'sb_secret_x')$$, '22023', null, 'so is an address without scheme');
select throws_ok($$select pipeline.set_schedule_secrets('https://project.example/functions', 'sb_secret_x')$$, '22023', null, 'or with a path');
select * from finish();
rollback;
