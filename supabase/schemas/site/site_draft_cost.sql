-- What a draft of a site's plan takes, with the readings that found no need for one: tokens, and dollars where all of them have a price. As the latest drafts of site jobs took,
-- else those of page jobs; before there are any, one reading (3,000 tokens in, 250 out) and one and a half versions (2,000 in, 900 out
-- each) at the model's price.
create or replace function pipeline.site_draft_cost(p_provider text, p_model text, out tokens numeric, out usd numeric)
language plpgsql
stable
set search_path = ''
as $$
begin
  select sum(u.tokens) / sum(n.count), case when not bool_or(u.is_unpriced) then sum(u.usd) / sum(n.count) end into tokens, usd
  from (
    select u.stage, u.job_id, sum(u.input_tokens + u.output_tokens) as tokens, sum(u.cost_usd) as usd, bool_or(u.cost_usd is null) as is_unpriced
    from public.model_usage as u where u.stage in ('site_drafts', 'rewrite_draft')
    group by u.stage, u.job_id order by max(u.created_at) desc limit 200) as u
  cross join lateral (
    select case u.stage
      when 'site_drafts' then (select count(*) from public.site_drafts as d where d.job_id = u.job_id and not d.is_reused and d.status = 'written')
      else (select count(*) from public.rewrite_drafts as d where d.job_id = u.job_id) end as count) as n
  where n.count > 0
  group by u.stage order by u.stage = 'site_drafts' desc limit 1;
  if tokens is null and p_model is not null then
    tokens := 7600;
    usd := pipeline.model_cost(p_provider, p_model, 6000, 1600);
  end if;
end;
$$;

revoke execute on function pipeline.site_draft_cost(text, text) from public, anon, authenticated;
