// The database's schema as this checkout has it, and the one statement that brings a database to it (apply.sql).
// `deploy`, the embedded stack and the migration of objects (see objectsMigration) all go through here.

import { createHash } from "node:crypto";

export interface SchemaFile {
  /** Migrations run once and in order; objects (functions, views, policies, grants) at each deploy. */
  kind: "migration" | "object";
  /** `20251016110000_site_tables.sql`, `engine/claim_stage.sql` */
  name: string;
  text: string;
  sha256: string;
  /** What the file makes, as `function public.claim_stage(text, text, integer)` or `view public.v`; else `file <name>`. */
  identities: string[];
}

/** Migrations that hold the objects of a release, for those who push without `deploy`, which does not run them. */
const isOfObjects = (name: string) => name.endsWith("_objects.sql");

async function sqlFiles(dir: string, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(dir)) {
      const name = `${prefix}${entry.name}`;
      if (entry.isDirectory) names.push(...await sqlFiles(`${dir}/${entry.name}`, `${name}/`));
      else if (name.endsWith(".sql")) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

/** What an object file makes: functions by the line that takes their rights away, views by the one that makes them. */
export function identitiesIn(name: string, text: string): string[] {
  const found = [
    ...text.matchAll(/^revoke execute on (function \w+\.\w+\([^;]*?\)) from/gm),
    ...text.matchAll(/^create or replace (view \w+\.\w+)/gm),
  ].map(([, identity]) => identity.replace(/\s+/g, " "));
  return found.length > 0 ? found : [`file ${name}`];
}

async function read(dir: string, kind: SchemaFile["kind"], name: string): Promise<SchemaFile> {
  const text = await Deno.readTextFile(`${dir}/${name}`);
  return {
    kind,
    name,
    text,
    sha256: createHash("sha256").update(text).digest("hex"),
    identities: kind === "object" ? identitiesIn(name, text) : [],
  };
}

/** All files of `projectDir` in the order in which they are applied. */
export async function readSchema(projectDir: string): Promise<SchemaFile[]> {
  const migrations = `${projectDir}/supabase/migrations`;
  const objects = `${projectDir}/supabase/schemas`;
  const names = await sqlFiles(objects);
  // What stands at the root is for after everything else.
  const ordered = [
    ...names.filter((name) => name.includes("/")),
    ...names.filter((name) => !name.includes("/")),
  ];
  return await Promise.all([
    ...(await sqlFiles(migrations)).filter((name) => !isOfObjects(name))
      .map((name) => read(migrations, "migration", name)),
    ...ordered.map((name) => read(objects, "object", name)),
  ]);
}

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** What the rehearsal ends with when all went well. */
export const rehearsed = "all of it would apply";

/** The statement that applies `files`; a transaction by itself. A rehearsal does all of it and takes it back by an error. */
export async function applyStatement(
  files: (SchemaFile | Mark)[],
  isRehearsal = false,
): Promise<string> {
  const template = await Deno.readTextFile(new URL("apply.sql", import.meta.url));
  const rows = files.map(({ kind, name, sha256, identities, text }) => {
    if (text.includes("$file$")) throw new Error(`${name} must not contain $file$`);
    const made = identities.length === 0
      ? "'{}'::text[]"
      : `array[${identities.map(literal).join(", ")}]`;
    return `(${literal(kind)}, ${literal(name)}, ${literal(sha256)}, ${made}, $file$${text}$file$)`;
  });
  const tables = files.flatMap((file) => file.kind === "migration" ? tablesIn(file) : []);
  const fill: Record<string, string> = {
    files: rows.join(",\n"),
    identities: files.flatMap(({ identities }) => identities.map(literal)).join(", "),
    schemas: schemasIn(files).filter((name) => name !== "pipeline").map(literal).join(", "),
    queues: files.flatMap(({ text }) =>
      [...text.matchAll(/^insert into pipeline\.pipelines .* values \('\w+', ('\w+')\)/gm)]
        .map(([, queue]) => queue)
    ).join(", "),
    tables: tables.map(({ migration, name, parent, columns, definition }) =>
      `(${literal(migration)}, ${literal(name)}, ${
        parent === null ? "null" : literal(parent)
      }, array[${columns.map(literal).join(", ")}]::text[], $file$${definition}$file$),`
    ).join("\n"),
  };
  fill.rehearsal = isRehearsal ? `raise exception ${literal(rehearsed)};` : "";
  return template.replace(/\/\* (\w+) \*\//g, (whole, name) => fill[name] ?? whole);
}

/** The statement that drops what is not in `files` any more. */
export async function tidyStatement(files: SchemaFile[]): Promise<string> {
  const template = await Deno.readTextFile(new URL("tidy.sql", import.meta.url));
  const paths = files.filter(({ kind }) => kind === "object").map(({ name }) => literal(name));
  return template.replace("/* paths */", () => paths.join(", ") || "''");
}

/** The statement that takes all of it out of a database again. */
export async function removeStatement(projectDir: string): Promise<string> {
  const template = await Deno.readTextFile(new URL("remove.sql", import.meta.url));
  const files = await readSchema(projectDir);
  const fill: Record<string, string> = {
    table_names: files.flatMap((file) => file.kind === "migration" ? tablesIn(file) : [])
      .map(({ name }) => literal(name)).join(", "),
    schemas: schemasIn(files).map(literal).join(", "),
    migration_names: (await sqlFiles(`${projectDir}/supabase/migrations`)).map(literal).join(", "),
  };
  return template.replace(/\/\* (\w+) \*\//g, (whole, name) => fill[name] ?? whole);
}

/** Schemas that the migrations make. */
function schemasIn(files: (SchemaFile | Mark)[]): string[] {
  return files.flatMap(({ kind, text }) =>
    kind === "migration"
      ? [...text.matchAll(/^create schema (?:if not exists )?(\w+)/gm)].map(([, name]) => name)
      : []
  );
}

/** Tables that a migration makes in `public`; a partition has a parent in `pipeline` and no columns of its own. */
function tablesIn({ name: migration, text }: SchemaFile) {
  const found = text.matchAll(
    /^create table (?:if not exists )?public\.(\w+)(?: partition of pipeline\.(\w+)[^;]*| \(\n([\s\S]*?)^\)[^;]*);/gm,
  );
  return [...found].map(([statement, name, parent = null, body = ""]) => ({
    migration,
    name,
    parent,
    columns: [...body.matchAll(/^ {2}(\w+) /gm)].map(([, column]) => column)
      .filter((word) => !/^(constraint|unique|primary|foreign|check)$/.test(word)),
    definition: parent === null ? statement.replaceAll("public.", "pageperfect_adopt.") : "",
  }));
}

/** A migration that ran already, to be noted as such. */
type Mark = Omit<SchemaFile, "kind"> & { kind: "mark" };

/**
 * The migration of objects: what `supabase db push` runs after the tables, so that a fresh clone and the Supabase CLI
 * alone make a whole project. It notes the migrations before it, so that a later `deploy` goes on from there.
 */
export async function objectsMigration(projectDir: string): Promise<string> {
  const files = (await readSchema(projectDir)).map((file): SchemaFile | Mark =>
    file.kind === "migration" ? { ...file, kind: "mark", text: "" } : file
  );
  return "-- Made by `./pageperfect schema` of supabase/schemas; not to be edited. `deploy` applies those files themselves.\n\n" +
    await applyStatement(files) + "\n" + await tidyStatement(await readSchema(projectDir));
}

/**
 * Where that migration goes: after all others; one that was released is left, and a new one begun. `outdated` are those
 * that it takes the place of.
 */
export async function objectsMigrationPath(
  projectDir: string,
): Promise<{ path: string; outdated: string[] }> {
  const dir = `${projectDir}/supabase/migrations`;
  const names = await sqlFiles(dir);
  const released = new Set((await releasedMigrations(projectDir)).map(({ name }) => name));
  const current = names.filter((name) => isOfObjects(name) && !released.has(name));
  const last = names.filter((name) => !current.includes(name)).at(-1)!;
  if (
    isOfObjects(last) &&
    await Deno.readTextFile(`${dir}/${last}`) === await objectsMigration(projectDir)
  ) {
    // The release is still as the tree is.
    return { path: `${dir}/${last}`, outdated: current.map((name) => `${dir}/${name}`) };
  }
  const path = `${dir}/${Number(last.slice(0, 14)) + 1}_objects.sql`;
  return {
    path,
    outdated: current.map((name) => `${dir}/${name}`).filter((name) => name !== path),
  };
}

/** Why the migration of objects is not as the tree is; undefined when it is. */
export async function objectsProblem(projectDir: string): Promise<string | undefined> {
  const { path, outdated } = await objectsMigrationPath(projectDir);
  const text = await Deno.readTextFile(path).catch(() => "");
  return outdated.length > 0 || text !== await objectsMigration(projectDir)
    ? "the migration of objects is not current: run ./pageperfect schema and commit what it writes"
    : undefined;
}

/** The migrations that are never edited again, of supabase/released.sha256. */
export async function releasedMigrations(
  projectDir: string,
): Promise<{ name: string; sha256: string }[]> {
  const text = await Deno.readTextFile(`${projectDir}/supabase/released.sha256`);
  return text.split("\n").filter(Boolean).map((line) => {
    const [sha256, name] = line.split(/\s+/);
    return { name, sha256 };
  });
}

/** The migrations that are not held yet, that of objects included. */
export async function unreleased(
  projectDir: string,
): Promise<{ name: string; sha256: string }[]> {
  const dir = `${projectDir}/supabase/migrations`;
  const released = new Set((await releasedMigrations(projectDir)).map(({ name }) => name));
  const names = (await sqlFiles(dir)).filter((name) => !released.has(name));
  return await Promise.all(names.map((name) => read(dir, "migration", name)));
}

/** What is wrong with the released migrations: edited or gone, each with what to do instead. */
export async function checkReleased(projectDir: string): Promise<string[]> {
  const problems: string[] = [];
  for (const { name, sha256 } of await releasedMigrations(projectDir)) {
    const path = `${projectDir}/supabase/migrations/${name}`;
    const text = await Deno.readTextFile(path).catch(() => undefined);
    if (text === undefined) {
      problems.push(
        `${name} was released and is gone: projects that have it could not be pushed to any more; put it back`,
      );
    } else if (createHash("sha256").update(text).digest("hex") !== sha256) {
      problems.push(
        `${name} was released and is edited: projects that have it would never get the change. Put it back ` +
          "(git checkout), and make the change in a new migration, or in supabase/schemas if it is a function or a view",
      );
    }
  }
  return problems;
}
