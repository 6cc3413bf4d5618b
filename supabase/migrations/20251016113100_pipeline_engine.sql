-- A lease as the engine's functions hand it on, and what happens before a stage's retry.

do $$
begin
  if to_regtype('pipeline.lease') is null then
    create type pipeline.lease as (
      status text, -- held | lease_lost | cancelled
      pipeline text,
      queue text,
      job_id uuid,
      page_id uuid,
      stage text,
      msg_id bigint,
      read_ct integer,
      message jsonb,
      attempt_count integer,
      max_attempts integer,
      started_at timestamptz
    );
  end if;
end;
$$;

alter table pipeline.stage_config add column if not exists retry_hook text
  constraint stage_config_retry_hook_check check (retry_hook ~ '^pipeline\.[a-z_]+$');
comment on column pipeline.stage_config.retry_hook is
  'Function (job_id uuid, delay interval) run in the transaction that schedules a retry of the stage';
