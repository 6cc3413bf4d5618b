-- A call with a price is under way, until end_model_call or, when its worker dies, for ten minutes.
create or replace function pipeline.note_model_call(p_provider text, p_model text, p_job_id uuid, p_user_id uuid, p_usd numeric)
returns void
language sql
set search_path = ''
as $$
  delete from pipeline.model_calls_under_way as c where c.expires_at <= pipeline.now() and p_usd > 0;
  insert into pipeline.model_calls_under_way (provider, model, job_id, user_id, cost_usd, expires_at)
  select p_provider, p_model, p_job_id, p_user_id, p_usd, pipeline.now() + interval '10 minutes' where p_usd > 0;
$$;

revoke execute on function pipeline.note_model_call(text, text, uuid, uuid, numeric) from public, anon, authenticated;
