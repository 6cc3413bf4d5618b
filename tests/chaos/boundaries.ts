// Loaded into a function's process before its code (`deno run --preload`). A function's only effects outside itself are
// HTTP calls, so watching `fetch` finds every boundary there is, also those of code written tomorrow: nothing has to be
// marked. Each boundary is noted in <CHAOS_DIR>/seen; one that is named in <CHAOS_DIR>/armed kills the process there,
// once, with SIGKILL.

const dir = Deno.env.get("CHAOS_DIR");
if (!dir) throw new Error("CHAOS_DIR is not set");

const functionName = new URL(Deno.mainModule).pathname.split("/").at(-2)!;

/** What a call is, without what differs from run to run. */
function effectOf(method: string, url: URL): string {
  const path = url.pathname.replace(/^\/files\/.*/, "the page");
  return `${method} ${path}`;
}

function cross(when: "before" | "after", effect: string) {
  const boundary = `${functionName}\t${when}\t${effect}`;
  Deno.writeTextFileSync(`${dir}/seen`, boundary + "\n", { append: true, create: true });
  let armed: string;
  try {
    armed = Deno.readTextFileSync(`${dir}/armed`);
  } catch {
    return;
  }
  if (armed !== boundary) return;
  try {
    // Whoever can rename it may die; nobody else does.
    Deno.renameSync(`${dir}/armed`, `${dir}/fired`);
  } catch {
    return;
  }
  Deno.kill(Deno.pid, "SIGKILL");
}

const realFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const request = input instanceof Request ? input : undefined;
  const url = new URL(request?.url ?? String(input));
  const effect = effectOf(init?.method ?? request?.method ?? "GET", url);
  cross("before", effect);
  const response = await realFetch(input, init);
  cross("after", effect);
  return response;
};
