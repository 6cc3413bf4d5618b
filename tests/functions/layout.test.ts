// What holds for the folder functions/ as a whole.

import { deepEqual, equal, ok } from "node:assert/strict";
import { parse as parseToml } from "npm:smol-toml@1.9.1";

const root = new URL("../../", import.meta.url);

const functions = [...Deno.readDirSync(new URL("functions", root))]
  .filter(({ isDirectory, name }) => isDirectory && name !== "_shared")
  .map(({ name }) => name).sort();

/** The files of the project that a module imports, itself included. */
function importsOf(module: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(module.href)) return seen;
  seen.add(module.href);
  for (const [, path] of Deno.readTextFileSync(module).matchAll(/\bfrom "(\.[^"]+)"/g)) {
    importsOf(new URL(path, module), seen);
  }
  return seen;
}

const modulesOf = (name: string) =>
  [...importsOf(new URL(`functions/${name}/index.ts`, root))]
    .map((href) => href.slice(new URL("functions/", root).href.length));

Deno.test("every_function_has_its_section_in_config_toml", () => {
  const config = parseToml(Deno.readTextFileSync(new URL("supabase/config.toml", root)));
  const sections = config.functions as Record<string, { verify_jwt: unknown; entrypoint: string }>;
  deepEqual(Object.keys(sections).sort(), functions);
  for (const [name, { verify_jwt, entrypoint }] of Object.entries(sections)) {
    equal(verify_jwt, false, `${name} checks its callers itself`);
    equal(entrypoint, `../functions/${name}/index.ts`);
    ok(Deno.statSync(new URL(`functions/${name}/index.ts`, root)).isFile);
  }
});

Deno.test("no_function_imports_from_another", () => {
  for (const name of functions) {
    const strangers = modulesOf(name)
      .filter((path) => !path.startsWith(`${name}/`) && !path.startsWith("_shared/"));
    deepEqual(strangers, [], name);
  }
});

Deno.test("a_function_loads_only_the_wasm_it_needs", () => {
  const own: Record<string, string | string[]> = {
    "crawl-cron": "charset",
    "pageperfect-gsc-import": "gsc",
    "pageperfect-segment-embed-worker": "segment",
    "pageperfect-keyword-clustering-worker": ["advice", "cluster", "coverage"],
    "pageperfect-gap-analysis-worker": ["advice", "gap"],
    "pageperfect-rewrite-draft-worker": ["advice", "coverage", "draft"],
    "site-select-pages-worker": ["charset", "site"],
    "site-topics-worker": ["coverage", "site"],
    "site-plan-worker": "site",
    "site-drafts-worker": ["advice", "coverage", "draft"],
  };
  for (const name of functions) {
    const loaded = modulesOf(name).map((path) => /^_shared\/wasm\/(\w+)\.wasm\.ts$/.exec(path)?.[1])
      .filter((module) => module !== undefined).sort();
    deepEqual(loaded, ["policy", ...[own[name] ?? []].flat()].sort(), name);
  }
});

Deno.test("every_dependency_has_an_exact_version", () => {
  const specifier = /(?:from|import\() ?"((?:npm|jsr|https?):[^"]+)"/g;
  for (const name of functions) {
    for (const path of modulesOf(name)) {
      const text = Deno.readTextFileSync(new URL(`functions/${path}`, root));
      for (const [, dependency] of text.matchAll(specifier)) {
        ok(/^npm:(@[^/]+\/)?[^@]+@\d+\.\d+\.\d+$/.test(dependency), `${path}: ${dependency}`);
      }
    }
  }
});
