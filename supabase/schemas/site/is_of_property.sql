-- Whether an address belongs to a Search Console property: `sc-domain:example.com`, or the beginning of the address.
create or replace function pipeline.is_of_property(p_url text, p_property text)
returns boolean
language sql
immutable
set search_path = ''
as $$
  select case when p_property like 'sc-domain:%'
    then substring(p_url from '^https?://([^/:?#]+)') ~ ('(^|\.)' || replace(substr(p_property, 11), '.', '\.') || '$')
    else starts_with(p_url, p_property) end;
$$;

revoke execute on function pipeline.is_of_property(text, text) from public, anon, authenticated;
