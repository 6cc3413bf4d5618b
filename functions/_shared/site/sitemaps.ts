// The pages that a sitemap leads to, over the parts of an index.
import { factsOf } from "../engine/failure.ts";
import * as policy from "../wasm/policy.ts";
import type { Sitemap, SitemapEntry } from "../wasm/site.ts";

/** A part of an index whose pages are missing. */
export interface LeftOut {
  url: string;
  message: string;
}

/** Parts of an index that are read, and addresses that are looked at: the most seen are chosen of them. */
const most = { parts: 20, entries: 50_000 };

/**
 * Reads a sitemap, or an index and what it leads to. A part that will stay unreadable is left out, as long as there is another.
 *
 * @param read fetches one file
 * @throws what `read` throws: of the file itself, of a part that may be readable later, of the first part when none has a page
 */
export async function readSitemaps(
  address: string,
  read: (url: string) => Promise<Sitemap>,
): Promise<{ entries: SitemapEntry[]; leftOut: LeftOut[] }> {
  const entries: SitemapEntry[] = [];
  const leftOut: LeftOut[] = [];
  const waiting = [address];
  const seen = new Set(waiting);
  let partCount = -1, failure: unknown; // the index is no part
  for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
    const limit = entries.length >= most.entries
      ? `${most.entries} addresses`
      : partCount >= most.parts
      ? `${most.parts} parts`
      : undefined;
    if (limit !== undefined) {
      leftOut.push({ url, message: `of an index the first ${limit} are read` });
      continue;
    }
    partCount++;
    try {
      const { pages, sitemaps } = await read(url);
      for (const page of pages) entries.push(page);
      for (const { url } of sitemaps) {
        if (seen.has(url)) continue;
        seen.add(url);
        waiting.push(url);
      }
    } catch (error) {
      if (url === address || !isPermanent(error)) throw error;
      failure ??= error;
      leftOut.push({ url, message: (error as Error).message });
    }
  }
  if (entries.length === 0 && failure !== undefined) throw failure;
  return { entries: entries.slice(0, most.entries), leftOut };
}

function isPermanent(error: unknown): boolean {
  const { kind, httpStatus, code } = factsOf(error);
  return (kind ?? policy.classify_error(httpStatus, code)) === "permanent";
}
