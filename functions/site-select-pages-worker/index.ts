// Site stage 1: which pages the site has, by a list, a sitemap or the property's Search Console rows.
import * as v from "npm:valibot@1.5.0";
import { fetchSitemap } from "../_shared/crawl/crawl.ts";
import { Failure } from "../_shared/engine/failure.ts";
import { serveStage, type StageContext } from "../_shared/engine/serve_stage.ts";
import { type LeftOut, readSitemaps } from "../_shared/site/sitemaps.ts";
import * as policy from "../_shared/wasm/policy.ts";
import { parse_sitemap, type Sitemap, type SitemapEntry } from "../_shared/wasm/site.ts";

/** One of these; `property` alone is answered by the database. */
const Source = v.object({
  urls: v.nullish(v.array(v.union([
    v.string(),
    v.object({ url: v.string(), last_modified: v.nullish(v.string()) }),
  ]))),
  sitemap: v.nullish(v.string()),
  property: v.nullish(v.string()),
});

serveStage({
  pipeline: "site",
  stage: "select_pages",
  needs: ["embeddings"],
  async run(_job, context) {
    const { env } = context;
    const source = await context.input(Source);
    let entries: SitemapEntry[] | undefined;
    let leftOut: LeftOut[] = [];
    if (source.urls) {
      entries = source.urls.map((entry) =>
        typeof entry === "string"
          ? { url: entry, last_modified: null }
          : { url: entry.url, last_modified: entry.last_modified ?? null }
      );
    } else if (source.sitemap) {
      ({ entries, leftOut } = await readSitemaps(source.sitemap, (url) => {
        context.signal.throwIfAborted();
        return read(url, env);
      }));
      if (leftOut.length > 0) context.log.warn("sitemaps_left_out", { left_out: leftOut });
    }

    // Addresses that nobody may crawl are counted, not fatal: sitemaps are written by machines.
    const own = [new URL(env.supabaseUrl).host];
    let refusedCount = 0, refusal: string | undefined;
    const pages = entries?.flatMap(({ url, last_modified }) => {
      const check = policy.check_url(url, env.allowedHosts, own);
      if (check.ok) return [{ url: check.href, last_modified }];
      refusedCount++;
      refusal ??= `${url.slice(0, 200)}: ${check.message}`;
      return [];
    });
    if (pages?.length === 0) {
      const name = source.sitemap ?? "the list";
      throw new Failure(
        refusal === undefined
          ? `${name} names no page`
          : `${name} names no page that may be crawled: ${refusal}`,
        { code: "no_pages", kind: "permanent" },
      );
    }
    return {
      output: {
        model: env.embedding.model,
        // What drafts will cost goes by its prices.
        drafter: env.isDraftConfigured
          ? { provider: env.draft.provider, model: env.draft.model }
          : null,
        pages: pages ?? null,
        refused_count: refusedCount,
        left_out: leftOut,
      },
    };
  },
});

async function read(url: string, env: StageContext["env"]): Promise<Sitemap> {
  const bytes = await fetchSitemap(url, env);
  try {
    return parse_sitemap(bytes);
  } catch (error) {
    throw new Failure(`${url}: ${(error as Error).message}`, {
      code: "invalid_sitemap",
      kind: "permanent",
    });
  }
}
