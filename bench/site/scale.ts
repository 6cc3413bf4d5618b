// Sites of up to a million pages, by simulation: what a run measured of a page, of a site's stages and of the database, and how that grows
// with the site, put through the queue's limits on a simulated clock.

import { Buffer } from "node:buffer";
import { limits as budget } from "../../functions/_shared/engine/budget.ts";
import { SiteMeaning } from "../../functions/_shared/wasm/site.ts";
import process from "node:process";
import { assumed, flow, generator, number, type Step } from "../capacity/model.ts";

export interface Run {
  pages: number;
  queries: number;
  /** Pages that were analysed in this run; the others were unchanged. */
  analysed: number;
  wallSeconds: number;
  /** Of all functions and of the database; and by worker, and `postgres`. */
  cpuSeconds: number;
  cpuBy: Record<string, number>;
  /** Seconds of wall clock and CPU time of the site's own stages. */
  stages: Record<string, {
    seconds: number;
    invocations: number;
    cpuSeconds: number;
    mostCpuSeconds: number;
    /** CPU seconds until an invocation of site_plan had read its pages, the median; 0: none said so. */
    readCpuSeconds: number;
  }>;
  peakMb: Record<string, number>;
  database: {
    /** At rest. */
    bytes: number;
    walBytes: number;
    /** Sent to any queue. */
    messages: number;
    /** Sessions of the API at work at the same time, at most. */
    connections: number;
  };
  limits: Limits;
  tokens: number;
  edits: number;
  topics: number;
  failed: number;
}

/** Limits as migrated. */
export interface Limits {
  /** Workers of a stage at once. */
  workers: Record<string, number>;
  /** Crawls of one host at once, and open page jobs of one site. */
  crawlsPerHost: number;
  siteWindow: number;
}

/** What a simulation goes by: two sites, which tell how it grows. */
export interface Measured {
  date: string;
  where: string;
  /** CPU time to compare two queries by their sketches. */
  compareNanoseconds: number;
  small: Run;
  large: Run;
}

/** What Supabase grants an isolate. */
const isolate = { megabytes: 256, cpuSeconds: 2 };
const hour = 3_600;

/** CPU time to compare two queries that do not mean the same, which nearly all do not. */
export function compareNanoseconds(queryCount = 16_384): number {
  const random = generator(1);
  const bytes = new Uint8Array(132 * queryCount);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Math.floor(256 * random());
  // A query ends with its topic's number.
  const view = new DataView(bytes.buffer);
  for (let query = 0; query < queryCount; query++) {
    view.setUint32(132 * query + 128, Math.floor(query / 10), true);
  }
  const meaning = new SiteMeaning();
  meaning.push(0, Buffer.from(bytes).toString("base64"));
  // Its first steps are those of a compiler that is in a hurry.
  meaning.step(64);
  const before = process.cpuUsage();
  const blocks = queryCount / 512;
  const left = meaning.step(blocks * blocks / 4);
  const { user, system } = process.cpuUsage(before);
  const pairs = (blocks * (blocks + 1) / 2 - 64 - left) * 512 * 512;
  meaning.free();
  return 1_000 * (user + system) / pairs;
}

/** Figures of a site of any size. */
class Growth {
  constructor(readonly measured: Measured) {}

  /** A part that is in proportion to the pages or grows faster, as from the small site to the large one. */
  #grown(of: (run: Run) => number, pages: number): number {
    const { small, large } = this.measured;
    const exponent = Math.log(of(large) / of(small)) / Math.log(large.pages / small.pages);
    return of(large) *
      (pages / large.pages) ** Math.max(1, Number.isFinite(exponent) ? exponent : 1);
  }

  #compareSeconds(queries: number): number {
    return this.measured.compareNanoseconds * queries ** 2 / 2e9;
  }

  /** CPU seconds of all its invocations. */
  topicsSeconds(pages: number): number {
    const { large } = this.measured;
    const rest = (run: Run) =>
      Math.max(run.stages.site_topics.cpuSeconds - this.#compareSeconds(run.queries), 0.1);
    return this.#grown(rest, pages) + this.#compareSeconds(large.queries / large.pages * pages);
  }

  /** CPU seconds that each invocation of the plan needs to read the site. */
  readSeconds(pages: number): number {
    return this.#grown((run) => run.stages.site_plan.readCpuSeconds, pages);
  }

  planSeconds(pages: number): number {
    const work = this.#grown(
      ({ stages: { site_plan } }) =>
        Math.max(site_plan.cpuSeconds - site_plan.invocations * site_plan.readCpuSeconds, 0.1),
      pages,
    );
    const read = this.readSeconds(pages);
    const each = Math.max(budget.cpuMs / 1000 - read, budget.leastMs / 1000);
    return work + Math.ceil(work / each) * read;
  }

  /** Memory of the hungriest of the site's workers. */
  megabytes(pages: number): number {
    const { small, large } = this.measured;
    const of = (run: Run) =>
      Math.max(run.peakMb["site-plan-worker"], run.peakMb["site-topics-worker"]);
    const slope = (of(large) - of(small)) / (large.pages - small.pages);
    return of(large) + Math.max(slope, 0) * (pages - large.pages);
  }

  /** The largest site whose plan one isolate can hold and read, and what stands in the way of a larger one. */
  largest(): { pages: number; limit: string } {
    const fits: [string, (pages: number) => boolean][] = [
      ["memory", (pages) => this.megabytes(pages) <= isolate.megabytes],
      [
        "CPU time",
        (pages) => this.readSeconds(pages) + budget.leastMs / 1000 <= isolate.cpuSeconds,
      ],
    ];
    const ends = fits.map(([limit, fit]) => {
      let pages = 100;
      while (fit(pages + 100) && pages < 1e7) pages += 100;
      return { pages, limit };
    });
    return ends.reduce((least, end) => end.pages < least.pages ? end : least);
  }
}

/** Prints what saturates first, and what it costs. */
export function simulateSites(measured: Measured): void {
  const growth = new Growth(measured);
  const { large } = measured;
  const { limits } = large;
  const largest = growth.largest();
  const of = (value: number) => value / large.pages;
  console.log(`
By simulation. Measured: ${of(large.cpuSeconds).toFixed(2)} s CPU a page, ${
    of(large.cpuBy.postgres).toFixed(2)
  } s of it the database's; ${number(Math.round(of(large.database.bytes)))} bytes at rest and ${
    number(Math.round(of(large.database.walBytes)))
  } of WAL, ${of(large.database.messages).toFixed(1)} messages and ${
    of(large.tokens).toFixed(0)
  } tokens a page; ${measured.compareNanoseconds.toFixed(1)} ns to compare two queries.
Assumed (--assume): a crawl takes ${assumed.crawl.seconds} s; segment_embed ${assumed.stage.segment_embed} s and keyword_clustering ${assumed.stage.keyword_clustering} s, as providers answer; ${assumed.database.cores} cores for Postgres; prices as in bench capacity. Limits as migrated.
One plan holds ${number(largest.pages)} pages: then its ${largest.limit} is what an isolate has.
`);
  const columns = [9, 7, 10, 10, 9, 34, 8, 8, 8, 9, 9];
  const row = (...cells: string[]) =>
    console.log(cells.map((cell, at) => cell.padStart(columns[at])).join(" "));
  row(
    "pages",
    "sites",
    "analysis h",
    "topics h",
    "plan h",
    "saturates first, and next",
    "db CPU",
    "rest GB",
    "WAL GB",
    "messages",
    "dollars",
  );
  row("", "", "", "", "", "(hours at full use)", "h", "", "", "a second", "");
  for (const pages of [1_000, 10_000, 100_000, 1_000_000]) {
    for (const sites of pages > 1_000 ? [1, pages / 1_000] : [1]) {
      const each = pages / sites;
      const steps = stepsOf(sites, limits);
      const ends = flow(new Array(pages).fill(0), steps, generator(1), limits.siteWindow * sites);
      const analysis = ends.reduce((last, end) => Math.max(last, end), 0);
      const isHeld = each <= largest.pages;
      const topics = sites * growth.topicsSeconds(each) / limits.workers.site_topics;
      const plan = sites * growth.planSeconds(each) / limits.workers.site_plan;
      const database = pages * of(large.cpuBy.postgres);
      const uses = [
        ...steps.map(({ name, servers, seconds }) => ({
          name,
          seconds: pages * seconds / servers,
        })),
        { name: "database", seconds: database / assumed.database.cores },
        {
          name: "embedding tokens",
          seconds: 60 * pages * of(large.tokens) / assumed.limit.embedding_tokens,
        },
        { name: `site_topics (${limits.workers.site_topics})`, seconds: topics },
        { name: `site_plan (${limits.workers.site_plan})`, seconds: isHeld ? plan : 0 },
      ].sort((a, b) => b.seconds - a.seconds);
      const [first, next] = uses.map(({ name, seconds }) => `${name} ${hours(seconds)}`);
      const seconds = Math.max(analysis, uses[0].seconds);
      const dollars = pages * of(large.tokens) / 1e6 * assumed.price.embedding +
        pages * assumed.price.crawl +
        pages * assumed.calls.invocations / 1e6 * assumed.price.invocations +
        pages * of(large.database.bytes) / 1e9 * assumed.price.storage;
      row(
        number(pages),
        number(sites),
        hours(analysis),
        hours(topics),
        isHeld ? hours(plan) : "too large",
        `${first}, ${next}`,
        hours(database),
        (pages * of(large.database.bytes) / 1e9).toFixed(1),
        (pages * of(large.database.walBytes) / 1e9).toFixed(1),
        (pages * of(large.database.messages) / seconds).toFixed(1),
        dollars.toFixed(2),
      );
    }
  }
}

/** What each page job waits for, one after the other. */
function stepsOf(sites: number, { workers, crawlsPerHost }: Limits): (Step & { name: string })[] {
  const atOnce = Math.min(workers.crawl, assumed.crawl.concurrency);
  const ofHosts = crawlsPerHost * sites;
  const crawl = ofHosts < atOnce
    ? { name: `crawls of one host (${ofHosts})`, servers: ofHosts }
    : { name: `crawls (${atOnce})`, servers: atOnce };
  return [
    { ...crawl, seconds: assumed.crawl.seconds },
    ...["segment_embed", "keyword_clustering", "gap_analysis"].map((stage) => ({
      name: `${stage} (${workers[stage]})`,
      servers: workers[stage],
      seconds: assumed.stage[stage],
    })),
  ];
}

const hours = (seconds: number) =>
  seconds >= 10 * hour ? number(Math.round(seconds / hour)) : (seconds / hour).toFixed(2);
