-- Says as an event of the job what calls to a model it is about to make, and what they will cost by the prices of the day.
create or replace function public.announce_model_calls(
  p_job_id uuid, p_stage text, p_provider text, p_model text, p_purpose text, p_call_count integer, p_input_tokens bigint,
  p_output_tokens bigint
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_cost numeric := pipeline.model_cost(p_provider, p_model, p_input_tokens, p_output_tokens);
  v_facts jsonb := jsonb_build_object('purpose', p_purpose, 'provider', p_provider, 'model', p_model, 'call_count', p_call_count,
    'input_tokens', p_input_tokens, 'output_tokens', p_output_tokens, 'cost_usd', v_cost);
begin
  perform pipeline.log_event('pageperfect', p_job_id, p_stage, 'model_calls_announced',
    format('%s: %s calls to %s, about %s tokens, %s', p_purpose, p_call_count, p_model, p_input_tokens + p_output_tokens,
      coalesce('$' || round(v_cost, 4), 'at an unknown price')), v_facts);
  return v_facts;
end;
$$;

revoke execute on function public.announce_model_calls(uuid, text, text, text, text, integer, bigint, bigint) from public, anon, authenticated;
