-- A secret from Vault; null when it, or Vault, is not there, or it cannot be decrypted.
create or replace function pipeline.vault_secret(p_name text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  if to_regclass('vault.decrypted_secrets') is null then
    return null;
  end if;
  return (select nullif(s.decrypted_secret, '') from vault.decrypted_secrets as s where s.name = p_name);
exception when others then
  return null; -- of another project's key, as in a clone: as good as none
end;
$$;

revoke execute on function pipeline.vault_secret(text) from public, anon, authenticated;
