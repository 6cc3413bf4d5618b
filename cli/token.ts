// `token [email]`: signs a user up in the embedded stack and prints a token, as an app gets it from Supabase Auth.

import type { Command } from "npm:commander@15.1.0";
import { signJwt } from "../local/gateway.ts";
import { attachStack } from "../local/stack.ts";
import { say } from "./say.ts";

export function registerToken(program: Command) {
  program.command("token [email]")
    .description(
      "print a token of a user of the embedded stack, made if need be, for app development",
    )
    .option("--hours <hours>", "how long it is valid", Number, 24)
    .option("--json", "print {user_id, email, token, apiUrl, publishableKey}")
    .addHelpText(
      "after",
      `
The stack has no Auth server: this is its sign-up. An app sends the token as Supabase's client does:
  curl "$API/functions/v1/pageperfect-workflow" -H "authorization: Bearer $(./pageperfect token)" \\
    -H 'content-type: application/json' -d '{"url": "https://example.com/"}'`,
    )
    .action(async (email: string | undefined, options: { hours: number; json?: boolean }) => {
      await using stack = await attachStack();
      if (!stack) throw new Error("no stack is running: start it with ./pageperfect up");
      const address = email ?? "user@example.com";
      const [{ id }] = await stack.sql`
        insert into auth.users (email) values (${address})
        on conflict (email) do update set email = excluded.email returning id`;
      const now = Math.floor(Date.now() / 1000);
      const token = signJwt({
        sub: id,
        email: address,
        role: "authenticated",
        aud: "authenticated",
        iat: now,
        exp: now + Math.round(options.hours * 3600),
      }, stack.jwtSecret);
      if (options.json) {
        const { apiUrl, publishableKey } = stack;
        console.log(
          JSON.stringify({ user_id: id, email: address, token, apiUrl, publishableKey }, null, 2),
        );
      } else {
        say(`${address} is user ${id}, for ${options.hours} hours`);
        console.log(token);
      }
    });
}
