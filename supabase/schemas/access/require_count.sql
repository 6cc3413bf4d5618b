-- Refuses when more match than the operator saw and confirmed; fewer are no surprise while the queue moves.
create or replace function access.require_count(p_count bigint, p_expected bigint)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_count > p_expected then
    raise exception '% match now, more than the % that were confirmed', p_count, p_expected using errcode = '40001',
      hint = 'Nothing was changed.';
  end if;
end;
$$;

revoke execute on function access.require_count(bigint, bigint) from public, anon, authenticated;
