// The runtime's life cycle: work that outlives the response, and the warning before the isolate goes.
// On Supabase both come from EdgeRuntime; under plain Deno a termination signal plays the warning.

interface EdgeRuntimeApi {
  waitUntil(promise: Promise<unknown>): void;
}

const edgeRuntime = (globalThis as { EdgeRuntime?: EdgeRuntimeApi }).EdgeRuntime;

/** Why the isolate ends: `cpu`, `memory` and `wall_clock` are the work's doing, the others are not. */
export type UnloadReason = "cpu" | "memory" | "wall_clock" | "early_drop" | "termination";

type UnloadHandler = (reason: UnloadReason) => void | Promise<void>;

/** Lets `promise` run on after the response; a rejection is logged, never thrown. */
export function runBackground(promise: Promise<unknown>): void {
  const settled = promise.catch((error) => console.error("background work failed:", error));
  edgeRuntime?.waitUntil(settled);
}

const unloadHandlers = new Set<UnloadHandler>();
let listening = false;
let ending: UnloadReason | undefined;

/** Whether the isolate is about to go away: nothing new should be begun. */
export function isEnding(): boolean {
  return ending !== undefined;
}

async function unload(reason: UnloadReason): Promise<void> {
  ending = reason;
  const handlers = [...unloadHandlers];
  unloadHandlers.clear();
  await Promise.allSettled(handlers.map((handler) => handler(reason)));
}

function listen(): void {
  listening = true;
  addEventListener("beforeunload", (event) => {
    const reason = (event as CustomEvent<{ reason?: UnloadReason }>).detail?.reason;
    const done = unload(reason ?? "termination");
    edgeRuntime?.waitUntil(done);
  });
  if (edgeRuntime === undefined) {
    Deno.addSignalListener("SIGTERM", async () => {
      // Within the ten seconds that service managers leave between SIGTERM and SIGKILL.
      await Promise.race([
        unload("termination"),
        new Promise((resolve) => setTimeout(resolve, 8_000)),
      ]);
      Deno.exit(143);
    });
  }
}

/** Calls `fn` before the isolate goes away, at once if it is about to; returns a function that takes it back. */
export function registerBeforeUnload(fn: UnloadHandler): () => void {
  if (!listening) listen();
  if (ending) runBackground(Promise.resolve(fn(ending)));
  unloadHandlers.add(fn);
  return () => unloadHandlers.delete(fn);
}
