\ir ../_shared/setup.sql
select plan(6);
select pipeline.set_schedule_secrets('https://project.example', 'sb_secret_x');
create function tests.run(p_schedule text) returns bigint language plpgsql as $$
declare
  v_before bigint := (select count(*) from net.http_request_queue);
begin
  execute (select command from cron.job where jobname = p_schedule);
  return (select count(*) from net.http_request_queue) - v_before;
end;
$$;
select is(tests.run('pageperfect-crawl'), 0::bigint, 'no crawl waits: no call');
select tests.create_job() as job \gset
select ok(pipeline.dispatcher_is_wanted(), 'a job waits');
select is(tests.run('pageperfect-dispatcher'), 1::bigint, 'one call to the dispatcher');
select tests.claim_at(:'job', 'wait_crawl') is not null as claimed \gset
select is(tests.run('pageperfect-crawl'), 1::bigint, 'a crawl waits: one call to the crawler');
select tests.travel('1 hour');
select ok(pipeline.dispatcher_is_wanted(), 'a lease ran out');
select is(tests.run('pageperfect-retention') + tests.run('pageperfect-cron-history'), 0::bigint, 'retention and history run, without calls');
select * from finish();
rollback;
