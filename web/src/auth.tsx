// Signing in on a hosted copy: Supabase Auth with PKCE, by a link in an e-mail or by password.

import { AuthClient } from "@supabase/auth-js";
import { signal } from "@preact/signals";
import { render } from "preact";
import { type Config, useTokens } from "./api.ts";
import { Button, Field } from "./ui.tsx";

const email = signal("");
const password = signal("");
const note = signal("");
const error = signal("");
const busy = signal(false);

/** Resolves when somebody is signed in, with what signs them out. */
export async function signIn(config: Config, root: HTMLElement): Promise<() => void> {
  const auth = new AuthClient({
    url: `${config.api}/auth/v1`,
    headers: { apikey: config.publishableKey! },
    flowType: "pkce",
    persistSession: true,
    autoRefreshToken: true,
    detectSessionInUrl: true,
    storageKey: "pageperfect-session",
  });
  useTokens(async () => (await auth.getSession()).data.session?.access_token);
  const signOut = async () => {
    await auth.signOut();
    location.reload();
  };
  const { data, error: broken } = await auth.getSession();
  // The code of the link has been exchanged: it need not stand in the address any more.
  if (new URLSearchParams(location.search).has("code")) {
    history.replaceState(null, "", location.pathname + location.hash);
  }
  if (data.session) return signOut;
  if (broken) error.value = broken.message;

  const signedIn = Promise.withResolvers<void>();
  auth.onAuthStateChange((event) => {
    if (event === "SIGNED_IN") signedIn.resolve();
  });
  const run = async (
    action: () => Promise<{ error: { message: string } | null }>,
    said: string,
  ) => {
    busy.value = true;
    error.value = note.value = "";
    const { error: wrong } = await action();
    if (wrong) error.value = wrong.message;
    else note.value = said;
    busy.value = false;
  };
  const withPassword = (event: Event) => {
    event.preventDefault();
    run(
      () => auth.signInWithPassword({ email: email.value, password: password.value }),
      "Signed in",
    );
  };
  const withLink = () =>
    run(
      () =>
        auth.signInWithOtp({
          email: email.value,
          options: {
            shouldCreateUser: false,
            emailRedirectTo: location.origin + location.pathname,
          },
        }),
      "Look into your mail: the link there signs you in, in this browser.",
    );
  function SignIn() {
    return (
      <main id="main" class="sign-in">
        <h1>
          <img src="icon.svg" alt="" width="32" height="32" /> PagePerfect
        </h1>
        <p class="quiet">{config.name}</p>
        <form onSubmit={withPassword}>
          <Field label="E-mail">
            {(id) => (
              <input
                id={id}
                type="email"
                required
                autocomplete="username"
                value={email.value}
                onInput={(event) => (email.value = event.currentTarget.value)}
              />
            )}
          </Field>
          <Field label="Password">
            {(id) => (
              <input
                id={id}
                type="password"
                autocomplete="current-password"
                value={password.value}
                onInput={(event) => (password.value = event.currentTarget.value)}
              />
            )}
          </Field>
          {error.value && <p class="error" role="alert">{error.value}</p>}
          {note.value && <p role="status">{note.value}</p>}
          <div class="actions">
            <button
              type="submit"
              class="button primary"
              disabled={busy.value || !email.value || !password.value}
            >
              Sign in
            </button>
            <Button busy={busy.value} disabled={!email.value} onClick={withLink}>
              Send me a link
            </Button>
          </div>
        </form>
      </main>
    );
  }
  render(<SignIn />, root);
  await signedIn.promise;
  render(null, root);
  return signOut;
}
