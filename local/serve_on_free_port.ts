// Runs a function on Deno 2.1, which has neither DENO_SERVE_ADDRESS nor --preload: Deno.serve is told its address here.

import { pathToFileURL } from "node:url";
import "./standins/session.ts";

const serve = Deno.serve as unknown as (
  options: Record<string, unknown>,
  handler: unknown,
) => unknown;

Deno.serve = ((...args: unknown[]) => {
  const handler = args.find((arg) => typeof arg === "function");
  const options = args.find((arg) => typeof arg === "object") as
    | Record<string, unknown>
    | undefined;
  return serve(
    { ...options, hostname: "127.0.0.1", port: 0 },
    handler ?? (options as { handler: unknown }).handler,
  );
}) as typeof Deno.serve;

await import(pathToFileURL(Deno.args[0]).href);
