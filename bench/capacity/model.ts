// What the benchmarks of capacity share: what they assume of the outside, and queues on a simulated clock.

export const assumed = {
  /** Mean seconds that a worker holds a stage, without waiting for others. */
  stage: {
    submit_crawl: 0.2,
    segment_embed: 3,
    keyword_clustering: 5,
    gap_analysis: 0.5,
    rewrite_draft: 20,
  } as Record<string, number>,
  /** Mean seconds of a crawl, and how many the provider's plan runs at once. */
  crawl: { seconds: 8, concurrency: 20 },
  page: { segments: 60, segment_tokens: 40, keywords: 200, keyword_tokens: 5, clusters: 70 },
  draft: { prompt_tokens: 3_000, completion_tokens: 1_200 },
  /** The providers' limits, tokens a minute. */
  limit: { embedding_tokens: 1_000_000, draft_tokens: 400_000 },
  /** Dollars: a million tokens, a crawl, a million function invocations, a GB of database a month. */
  price: {
    embedding: 0.02,
    draft_prompt: 0.75,
    draft_completion: 4.5,
    crawl: 0.0005,
    invocations: 2,
    storage: 0.125,
  },
  /** HTTP calls of functions for a page: intake, dispatcher and worker a stage, crawler, re-rings. */
  calls: { invocations: 17 },
  /** Cores that Postgres has. */
  database: { cores: 2 },
};

/** Changes an assumption: `--price.embedding=0.13`. */
export function assume(flag: string): void {
  const groups = assumed as unknown as Record<string, Record<string, number>>;
  const [, group, name, value] = /^--(\w+)\.(\w+)=([\d.]+)$/.exec(flag) ?? [];
  if (groups[group]?.[name] === undefined) {
    const known = Object.entries(groups)
      .flatMap(([key, values]) => Object.keys(values).map((inner) => `--${key}.${inner}=`));
    throw new Error(`${flag} is none of ${known.join(" ")}`);
  }
  groups[group][name] = Number(value);
}

export const day = 86_400;

export interface Resource {
  name: string;
  /** Pages a day at full use. */
  capacity: number;
}

export const busiest = (resources: Resource[]) =>
  resources.reduce((least, one) => one.capacity < least.capacity ? one : least);

/** A queue with so many servers, each of which holds a job for about so long. */
export interface Step {
  servers: number;
  seconds: number;
}

/** When each job that arrives at a time (seconds) has left the last of the steps, of which no more than `window` are on their way at once. */
export function flow(
  arrivals: number[],
  steps: Step[],
  random: () => number,
  window = Infinity,
): Float64Array {
  /** Log-normal with half its mean as spread, as answers of remote services are. */
  const duration = (mean: number) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return mean * Math.exp(0.47 * normal - 0.11);
  };
  const ends = new Float64Array(arrivals.length);
  const free = steps.map(({ servers }) => new Float64Array(servers));
  // Jobs leave a stage in about the order of their arrival, so they can be worked off one after the other.
  for (let job = 0; job < arrivals.length; job++) {
    let time = Math.max(arrivals[job], ends[job - window] ?? 0);
    for (const [at, { seconds }] of steps.entries()) {
      const servers = free[at];
      let next = 0;
      for (let server = 1; server < servers.length; server++) {
        if (servers[server] < servers[next]) next = server;
      }
      time = servers[next] = Math.max(time, servers[next]) + duration(seconds);
    }
    ends[job] = time;
  }
  return ends;
}

/** Mulberry32: the same table for the same settings. */
export function generator(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function number(value: number): string {
  return value.toLocaleString("en-US");
}

export function percent(part: number): string {
  return part < 0.001 ? "< 0.1 %" : `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}
