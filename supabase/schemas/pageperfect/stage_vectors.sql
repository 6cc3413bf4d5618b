-- Keeps vectors (pgvector text) for the commit of the leased stage, from position p_first on. Repeating it changes
-- nothing; another p_digest drops what an earlier input left. Returns {status: staged | lease_lost | cancelled, count}.
create or replace function public.stage_vectors(
  p_msg_id bigint, p_read_ct integer, p_digest text, p_first integer, p_vectors text[]
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('pageperfect', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status, 'count', 0);
  end if;
  delete from pipeline.staged_vectors as s
  where s.job_id = v_lease.job_id and s.stage = v_lease.stage and s.digest <> p_digest;
  insert into pipeline.staged_vectors (job_id, stage, position, digest, vector)
  select v_lease.job_id, v_lease.stage, p_first + v.ordinality - 1, p_digest, v.vector::extensions.vector
  from unnest(p_vectors) with ordinality as v (vector, ordinality)
  on conflict (job_id, stage, position) do update set vector = excluded.vector;
  return jsonb_build_object('status', 'staged', 'count', (
    select count(*) from pipeline.staged_vectors as s where s.job_id = v_lease.job_id and s.stage = v_lease.stage));
end;
$$;

revoke execute on function public.stage_vectors(bigint, integer, text, integer, text[]) from public, anon, authenticated;
