// What is deployed: functions/ and supabase/config.toml, and where they disagree.

import { parse as parseToml } from "npm:smol-toml@1.9.1";
import { exists, filesUnder, root } from "../../local/paths.ts";
import { run } from "./project.ts";

/** Supabase bundles at most 5 MB on its side; what it adds to the sources must fit as well. */
export const maxSourceBytes = 4_000_000;

export interface FunctionSource {
  slug: string;
  entrypoint: string;
  verifyJwt: boolean;
  /** Every module the function imports, itself included, relative to the repository. */
  modules: string[];
  /** Their bytes together. */
  bytes: number;
}

interface GraphModule {
  specifier: string;
  size?: number;
  error?: string;
  dependencies?: { code?: { specifier?: string }; type?: { specifier?: string } }[];
}

/** The repository's modules that `entrypoint` (relative to the repository) imports, itself included. */
export async function localModules(
  entrypoint: string,
): Promise<{ modules: string[]; bytes: number; missing: string[] }> {
  const { stdout } = await run(Deno.execPath(), ["info", "--json", "--no-lock", entrypoint]);
  const graph = JSON.parse(stdout) as { roots: string[]; modules: GraphModule[] };
  const byName = new Map(graph.modules.map((module) => [module.specifier, module]));
  const seen = new Set<string>();
  const pending = [...graph.roots];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (!name.startsWith("file:") || seen.has(name)) continue;
    seen.add(name);
    for (const { code, type } of byName.get(name)?.dependencies ?? []) {
      for (const target of [code, type]) if (target?.specifier) pending.push(target.specifier);
    }
  }
  const local = (name: string) => decodeURIComponent(new URL(name).pathname).slice(root.length + 1);
  const names = [...seen];
  return {
    modules: names.map(local).sort(),
    bytes: names.reduce((sum, name) => sum + (byName.get(name)?.size ?? 0), 0),
    missing: names.filter((name) => byName.get(name)?.error).map(local),
  };
}

/** What one section of supabase/config.toml and its function say together, and where they disagree. */
async function checkFunction(
  slug: string,
  section: Record<string, unknown>,
): Promise<{ source?: FunctionSource; problems: string[] }> {
  const problems: string[] = [];
  const at = `[functions.${slug}] of supabase/config.toml`;
  const entrypoint = `functions/${slug}/index.ts`;
  if (typeof section.verify_jwt !== "boolean") {
    problems.push(`${at} needs verify_jwt: without it the project keeps what it had`);
  }
  // The CLI reports a missing entrypoint as deployed.
  if (section.entrypoint !== `../${entrypoint}`) {
    problems.push(`${at} needs entrypoint = "../${entrypoint}"`);
    return { problems };
  }
  if (!await exists(`${root}/${entrypoint}`)) {
    problems.push(`${entrypoint} does not exist: remove ${at} or add the function`);
    return { problems };
  }
  const { modules, bytes, missing } = await localModules(entrypoint);
  for (const file of missing) problems.push(`${slug} imports ${file}, which does not exist`);
  if (bytes >= maxSourceBytes) {
    problems.push(
      `${slug} has ${megabytes(bytes)} of source, more than ${megabytes(maxSourceBytes)}`,
    );
  }
  const verifyJwt = section.verify_jwt === true;
  return { source: { slug, entrypoint, verifyJwt, modules, bytes }, problems };
}

/** What functions/ and supabase/config.toml say together, and where they disagree. */
export async function checkFunctions(): Promise<
  { functions: FunctionSource[]; problems: string[] }
> {
  const config = parseToml(await Deno.readTextFile(`${root}/supabase/config.toml`));
  const sections = (config.functions ?? {}) as Record<string, Record<string, unknown>>;
  const folders = (await filesUnder(`${root}/functions`, "/index.ts"))
    .map((path) => path.slice(`${root}/functions/`.length, -"/index.ts".length))
    .filter((slug) => !slug.startsWith("_"));
  const unknown = folders.filter((slug) => !(slug in sections)).map((slug) =>
    `functions/${slug} is in no section of supabase/config.toml: add [functions.${slug}]`
  );
  const checked = await Promise.all(
    Object.entries(sections).map(([slug, section]) => checkFunction(slug, section)),
  );
  return {
    functions: checked.flatMap(({ source }) => source ?? []),
    problems: [...unknown, ...checked.flatMap(({ problems }) => problems)],
  };
}

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
