-- What a call costs, dollars; null when the model has no price.
create or replace function pipeline.model_cost(p_provider text, p_model text, p_input_tokens bigint, p_output_tokens bigint)
returns numeric
language sql
stable
set search_path = ''
as $$
  select (p_input_tokens * p.input_usd + case when p_output_tokens = 0 then 0 else p_output_tokens * p.output_usd end) / 1e6
  from public.model_prices as p
  where p.provider = p_provider and p.model in (p_model, '*')
  order by p.model = '*'
  limit 1;
$$;

revoke execute on function pipeline.model_cost(text, text, bigint, bigint) from public, anon, authenticated;
