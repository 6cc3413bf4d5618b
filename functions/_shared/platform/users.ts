// Who calls, where signed-in users may.
import { supabaseAdmin } from "../client.ts";
import { bearerToken, hasSecretKey } from "./http.ts";

/** `userId` is null for the service, which holds a secret key. */
export interface Caller {
  userId: string | null;
}

/** The service or a signed-in user; undefined for everybody else: a publishable key or an expired token is nobody. */
export async function callerOf(request: Request): Promise<Caller | undefined> {
  if (await hasSecretKey(request)) return { userId: null };
  const token = bearerToken(request);
  if (!token) return undefined;
  const { data } = await supabaseAdmin.auth.getUser(token);
  return data.user ? { userId: data.user.id } : undefined;
}
