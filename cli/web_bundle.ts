// The web app as static files: bundled from web/ by Deno itself, and kept in the cache by a hash of all that goes in.

import { basename } from "node:path";
import { fillOnce } from "../local/cache.ts";
import { cacheDir, filesUnder, root, sha256, tool } from "../local/paths.ts";

/**
 * Scripts and styles come from the bundle alone, no text becomes markup, and nothing is fetched from elsewhere but from
 * `connect`, a hosted project's origin.
 */
export function contentSecurityPolicy(connect = ""): string {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${connect}`.trim(),
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types pageperfect-worker",
  ].join("; ");
}

/**
 * Bundles web/ into `out`. Names carry a hash of the content, so that a browser may keep them for ever; index.html and
 * config.json alone are asked for again.
 */
export async function bundleWeb(out: string, connect = ""): Promise<void> {
  await Deno.mkdir(out, { recursive: true });
  const web = `${root}/web`;
  const { code, stderr } = await new Deno.Command(tool("deno"), {
    args: [
      ...["bundle", "--quiet", "--config", `${web}/deno.json`, "--lock", `${web}/deno.lock`],
      ...["--frozen", "--platform", "browser", "--minify", "--code-splitting", "--outdir", out],
      `${web}/src/main.tsx`,
      `${web}/src/worker.ts`,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (code !== 0) {
    throw new Error(`the web app could not be bundled:\n${new TextDecoder().decode(stderr)}`);
  }
  const stamp = async (name: string) => {
    const hash = sha256(await Deno.readFile(`${out}/${name}`)).slice(0, 8);
    const stamped = name.replace(/(\.\w+)$/, `-${hash}$1`);
    await Deno.rename(`${out}/${name}`, `${out}/${stamped}`);
    return stamped;
  };
  const worker = await stamp("worker.js");
  const main = await Deno.readTextFile(`${out}/main.js`);
  await Deno.writeTextFile(`${out}/main.js`, main.replaceAll("./worker.js", `./${worker}`));
  await Deno.copyFile(`${web}/src/styles.css`, `${out}/styles.css`);
  await Deno.copyFile(`${web}/icon.svg`, `${out}/icon.svg`);
  const html = (await Deno.readTextFile(`${web}/index.html`))
    .replace("__CSP__", contentSecurityPolicy(connect))
    .replaceAll("__STYLES__", await stamp("styles.css"))
    .replaceAll("__MAIN__", await stamp("main.js"));
  await Deno.writeTextFile(`${out}/index.html`, html);
}

/** The bundle's folder, made first unless this very source was bundled before. */
export async function ensureWebBuilt(report: (line: string) => void): Promise<string> {
  const files = [
    ...await filesUnder(`${root}/web`),
    ...await filesUnder(`${root}/functions/_shared/wasm`),
    `${root}/cli/web_bundle.ts`,
  ];
  const parts: (string | Uint8Array)[] = [];
  for (const file of files) parts.push("\0", basename(file), "\0", await Deno.readFile(file));
  const dir = `${cacheDir}/web-${sha256(...parts).slice(0, 16)}`;
  await fillOnce(dir, async (temporary) => {
    report("bundling the web app (once)");
    await bundleWeb(temporary);
  });
  return dir;
}
