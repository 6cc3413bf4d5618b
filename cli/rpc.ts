// Calls of the database's functions by their generated types, as functions/_shared/client.ts makes them for the workers.

import type { SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import type { Answer, Args, FunctionName } from "../functions/_shared/platform/database.ts";

/** What the database refused, with its SQLSTATE. */
export class RpcError extends Error {
  constructor(message: string, readonly code: string) {
    super(message);
  }
}

/** @throws RpcError */
export async function rpc<Name extends FunctionName, InJson>(
  supabase: SupabaseClient,
  name: Name,
  args: Args<Name>,
): Promise<Answer<Name, InJson>> {
  const { data, error } = await supabase.rpc(name, args);
  if (error) throw new RpcError(error.message, error.code);
  return data;
}
