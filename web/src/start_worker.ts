/** A worker of this bundle's own script. */
export function startWorker(): Worker {
  const url = new URL("./worker.js", import.meta.url).href;
  return new Worker(policy?.createScriptURL(url) ?? url, { type: "module" });
}

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

// A worker's address is a sink of Trusted Types: this one policy lets the bundle's own through. A name is given out once.
const policy = (self as unknown as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy(
  "pageperfect-worker",
  { createScriptURL: (url) => url },
);
