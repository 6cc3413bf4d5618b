// What `site` was given, read and checked before anything is begun or paid for.

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { filesUnder, root } from "../../local/paths.ts";
import { plain } from "../report/text.ts";
import { say } from "../say.ts";
import { csvFiles, isZip } from "../zip.ts";

/** What is wrong with the input, a line each. */
export class InputError extends Error {
  readonly lines: string[];
  constructor(...lines: string[]) {
    super(lines[0]);
    this.lines = lines;
  }
}

export interface Given {
  file?: string;
  sample?: boolean;
  property?: string;
  sitemap?: string;
  list?: string;
  folder?: string;
  out?: string;
}

export interface Row {
  page: string;
  impressions: number;
}

/** The part of functions/_shared/wasm/gsc.ts that is used here. */
export interface Rows {
  next(max: number): Row[] | undefined;
  readonly row_count: number;
  readonly warnings: string[];
}

/** The site's pages and their queries, as far as files tell them. */
export interface Input {
  /** The export's rows, to be stored. */
  rows?: Rows;
  /** Its name. */
  file?: string;
  /** A folder that the export's pages are taken from, and those pages in it. */
  folder?: string;
  files?: string[];
  /** A list's pages. */
  urls?: string[];
}

/** Most pages that one request names. */
export const maxUrls = 10_000;

/** What is wrong with paths shows without a build. */
export async function checkPaths({ file, list, folder, out }: Given): Promise<void> {
  for (const path of [file, list, folder].filter((path) => path !== undefined)) {
    const { isDirectory } = await Deno.stat(path).catch((error) => {
      throw new InputError(`${path} cannot be read: ${(error as Error).message}`);
    });
    if (isDirectory !== (path === folder)) {
      throw new InputError(`${path} is ${isDirectory ? "a folder" : "no folder"}`);
    }
  }
  if (out === undefined) return;
  for (let path = resolve(out);; path = dirname(path)) {
    const found = await Deno.stat(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw new InputError(`--out ${out} is no folder and cannot become one`);
    });
    if (found === undefined) continue;
    if (!found.isDirectory) {
      throw new InputError(`--out ${out} is no folder and cannot become one`);
    }
    await access(path, constants.W_OK).catch(() => {
      throw new InputError(`--out ${out}: nobody may write into ${path} here`);
    });
    return;
  }
}

/** Reads the files; the modules are built by then. */
export async function readInput(given: Given): Promise<Input> {
  const { list } = given;
  const sample = `${root}/cli/sample-site`;
  const file = given.sample ? `${sample}/export.csv` : given.file;
  const folder = given.sample ? sample : given.folder && await Deno.realPath(given.folder);
  if (list !== undefined) {
    const { urls, ...rest } = { ...await readExport(file), urls: await readList(list) };
    if (urls.length > maxUrls) {
      throw new InputError(
        `${list} names ${urls.length.toLocaleString("en")} pages, and one run takes ${
          maxUrls.toLocaleString("en")
        }: name those that matter most`,
      );
    }
    return { ...rest, urls };
  }
  const input = await readExport(file);
  if (folder === undefined) return input;
  const files = await filesUnder(folder, "index.html");
  if (files.length === 0) {
    throw new InputError(`${folder} has no page: an index.html each`);
  }
  return { ...input, folder, files };
}

// A generated module: it need not exist when this one is loaded.
const gsc = () => import(new URL("../../functions/_shared/wasm/gsc.ts", import.meta.url).href);

async function readExport(file: string | undefined): Promise<Pick<Input, "rows" | "file">> {
  if (file === undefined) return {};
  const { SearchConsoleRows } = await gsc();
  const bytes = await readBytes(file);
  let rows: Rows | undefined;
  if (isZip(bytes)) rows = firstWithPages(bytes, file, (csv) => new SearchConsoleRows(csv));
  else {
    try {
      rows = new SearchConsoleRows(bytes) as Rows;
    } catch (error) {
      const message = plain((error as Error).message)
        .replace(/the header lacks page;.*/, "the header names no column of pages");
      const isApart = /no column of pages|this is \w+\.csv/i.test(message);
      throw new InputError(`${file}, ${message}`, ...isApart ? needsPages : []);
    }
  }
  if (rows.row_count === 0) {
    throw new InputError(
      `${file} has no rows below its header: export it again, for a period with searches`,
    );
  }
  for (const warning of rows.warnings) say(`${file}: ${plain(warning)}`);
  return { rows, file };
}

const needsPages = [
  "a site needs pages and queries in one table: page, query, clicks, impressions, position",
  "Search Console's own download has them apart; its API, BigQuery export, Looker Studio and the add-ons for Sheets have them together",
  "for one page alone: ./pageperfect analyze URL --keywords Queries.csv",
];

function firstWithPages(bytes: Uint8Array, file: string, read: (csv: Uint8Array) => Rows): Rows {
  let files;
  try {
    files = csvFiles(bytes);
  } catch (error) {
    throw new InputError(`${file} cannot be unpacked: ${(error as Error).message}`);
  }
  for (const csv of files) {
    try {
      const rows = read(csv);
      if (rows.row_count > 0) return rows;
    } catch { /* another report of the export */ }
  }
  throw files.length === 0
    ? new InputError(`${file} holds no CSV file; a workbook is saved as CSV first`)
    : new InputError(`${file} holds no CSV file with a column of pages`, ...needsPages);
}

async function readList(list: string): Promise<string[]> {
  const { parse_pages } = await gsc();
  try {
    const { pages, warnings } = parse_pages(await readBytes(list));
    for (const warning of warnings) say(`${list}: ${plain(warning)}`);
    return pages;
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${list}, ${plain((error as Error).message)}`);
  }
}

const readBytes = (file: string) =>
  Deno.readFile(file).catch((error) => {
    throw new InputError(`${file} cannot be read: ${(error as Error).message}`);
  });
