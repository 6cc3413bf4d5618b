// Runs a worker as hosted Supabase does: an isolate of its own for each invocation, here a process, whose peak memory the
// kernel keeps. Its clock counts looks (meter.ts), so that no figure depends on how fast or busy this machine is.

import { type Stack, startStack } from "../../../local/stack.ts";
import { until } from "../fakes.ts";

export const dimensions = 1536;

/**
 * Garbage is collected when a heap's limit is near, so memory is that of the limit: hosted isolates have one. This leaves
 * half of their 256 MB to wasm and to what Deno itself holds outside the heap.
 */
const heapMb = 128;

export interface Invocation {
  /** What came before each look at the clock: its CPU time since the look before in units of meter.ts, and from where it was. */
  spans: { units: number; ms: number; what: string }[];
  /** Peak resident memory of the whole process, MB. */
  peakMb: number;
}

export interface Harness {
  stack: Stack;
  /** A stage's worker before its first request. */
  waiting(stage: string): Promise<Invocation>;
  /** How many texts the embedding API was asked for, for the last job. */
  embeddedCount(): number;
  /** A job that waits at a stage, before any embedding; `html` is what its crawl brought. */
  jobAt(
    stage: string,
    html: string,
    keywords: Keyword[],
    parameters?: Record<string, unknown>,
  ): Promise<string>;
  /**
   * Invokes the stage's worker, one fresh process after the other, until the job leaves the stage.
   *
   * @param cpuFactor PAGEPERFECT_CPU_FACTOR: how many times slower a processor the work is cut for
   */
  work(jobId: string, stage: string, cpuFactor?: number): Promise<Invocation[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Keyword {
  query: string;
  impressions: number;
  clicks: number;
  position: number;
}

export async function startHarness(): Promise<Harness> {
  let embeddedCount = 0;
  const api = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { input } = await request.json() as { input: string[] };
    embeddedCount += input.length;
    return Response.json({
      data: input.map((text, index) => ({ index, embedding: vectorOf(text) })),
      usage: { total_tokens: input.length },
    });
  });
  const stack = await startStack({ ticker: false });
  const { sql } = stack;
  // The dispatcher would run the worker too; here only the harness does.
  await sql`update pipeline.stage_config set worker = 'nobody'`;

  const env = {
    SUPABASE_URL: stack.apiUrl,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: stack.secretKey }),
    OPENAI_API_KEY: "none",
    OPENAI_BASE_URL: `http://127.0.0.1:${api.addr.port}/v1`,
    OPENAI_EMBEDDING_DIMENSIONS: String(dimensions),
    DRAFT_BASE_URL: `${stack.standinUrl}/v1`,
    DRAFT_API_KEY: "stand-in",
    OPENAI_DRAFT_MODEL: "offline-outline",
    PAGEPERFECT_VERIFY: "off",
  };
  return {
    stack,
    embeddedCount: () => embeddedCount,
    async jobAt(stage, html, keywords, parameters = {}) {
      // A worker takes the oldest job; this one is to be it.
      await sql`select cancel_job('pageperfect', id) from pageperfect_jobs where status = 'queued'`;
      await sql`delete from embedding_cache`;
      embeddedCount = 0;
      const url = `https://example.com/${crypto.randomUUID()}`;
      const [{ job_id }] = await sql`
        select create_pageperfect_job(${
        sql.json({ url, keywords, parameters: { method: "cosine", ...parameters } } as never)
      }) ->> 'job_id' as job_id`;
      for (const [name, output] of Object.entries(outputs)) {
        if (name === stage) break;
        if (name === "wait_crawl") {
          await sql`select commit_crawl((c ->> 'msg_id')::bigint, (c ->> 'read_ct')::integer, ${
            sql.json({ html, http_status: 200, provider: "direct" })
          }) from claim_stage('fetch', 'crawl', 60) as c`;
        }
        await sql`select ${
          sql(`commit_${name}`)
        }((c ->> 'msg_id')::bigint, (c ->> 'read_ct')::integer,
          ${sql.json({ ...output, url })}) from claim_stage('pageperfect', ${name}, 600) as c`;
      }
      return job_id;
    },
    async waiting(stage) {
      // The first start of a module also caches it, which no later one pays for.
      await measure(workerOf(stage), env, visit);
      return await measure(workerOf(stage), env, visit);
    },
    async work(jobId, stage, cpuFactor = 1) {
      const worker = workerOf(stage);
      const status = async () => {
        const [row] = await sql`select status, last_error from pageperfect_job_stages
          where job_id = ${jobId} and stage = ${stage}`;
        if (row.last_error) throw new Error(JSON.stringify(row.last_error));
        return row.status;
      };
      const invocations: Invocation[] = [];
      while (await status() === "queued") {
        const factor = { PAGEPERFECT_CPU_FACTOR: String(cpuFactor) };
        const invocation = await measure(worker, { ...env, ...factor }, async (url) => {
          const response = await fetch(url, {
            method: "POST",
            headers: { apikey: stack.secretKey },
          });
          await response.body?.cancel();
          if (response.status !== 202) throw new Error(`the worker answered ${response.status}`);
          await until(async () => await status() !== "processing", "the invocation's end", 600_000);
        });
        invocations.push(invocation);
        if (invocations.length > 400) throw new Error("the stage does not come to an end");
      }
      return invocations;
    },
    async [Symbol.asyncDispose]() {
      await api.shutdown();
      await stack.stop();
    },
  };
}

const workerOf = (stage: string) =>
  new URL(
    `../../../functions/pageperfect-${stage.replaceAll("_", "-")}-worker/index.ts`,
    import.meta.url,
  ).pathname;

// Without a key the worker answers at once.
const visit = async (url: string) => void await (await fetch(url)).text();

/** What the stages before the measured ones commit. */
const outputs: Record<string, Record<string, unknown>> = {
  submit_crawl: {},
  wait_crawl: {},
  segment_embed: {
    page: {},
    model: "text-embedding-3-small",
    dimensions,
    segments: [],
  },
  keyword_clustering: {},
};

/** Starts a server, lets `use` work with it, and ends it. */
async function measure(
  entrypoint: string,
  env: Record<string, string>,
  use: (url: string) => Promise<void>,
): Promise<Invocation> {
  const meter = await Deno.makeTempFile();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-lock", `--v8-flags=--max-heap-size=${heapMb}`],
      ...["--preload", new URL("meter.ts", import.meta.url).pathname, entrypoint],
    ],
    env: {
      ...env,
      DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0",
      NO_COLOR: "1",
      BUDGET_METER: meter,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const port = Promise.withResolvers<string>();
  let output = "";
  const follow = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      const found = /Listening on http:\/\/[^:\s]+:(\d+)/.exec(output)?.[1];
      if (found) port.resolve(found);
    }
    port.reject(new Error(`${entrypoint} ended:\n${output.slice(-2_000)}`));
  };
  const followed = Promise.all([follow(child.stdout), follow(child.stderr)]);
  try {
    await use(`http://127.0.0.1:${await port.promise}/`);
    child.kill("SIGUSR1");
    let notes: { what: string; ms: number; unitMs: number }[] = [];
    await until(
      async () => {
        notes = (await Deno.readTextFile(meter)).split("\n").slice(0, -1).map((line) =>
          JSON.parse(line)
        );
        // What the worker still looks at after that is nothing of the stage's.
        return notes.some(({ what }) => what === "end");
      },
      "the end of the meter's notes",
      600_000,
    );
    const spans = notes.map(({ ms, unitMs, what }) => ({ units: ms / unitMs, ms, what }));
    return { spans, peakMb: peakMbOf(child.pid) };
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await followed;
    await Deno.remove(meter);
  }
}

function peakMbOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
}

/**
 * base64 of a unit vector: texts with the same first word are near each other (cosine about 0.86), all others far apart.
 * `inside3 one` and `inside3 two` are a pair just within a cosine distance of 0.3, `outside3 …` one just beyond.
 */
export function vectorOf(text: string): string {
  const [topic, own] = text.split(" ");
  const edge = /^(in|out)side/.exec(topic)?.[1];
  const similarity = edge === undefined
    ? 1 / Math.sqrt(1.16)
    : own === "one"
    ? 1
    : edge === "in"
    ? 0.700002
    : 0.699998;
  const base = unit(randomVector(topic));
  const random = randomVector(text);
  const along = dot(random, base);
  const across = unit(random.map((x, i) => x - along * base[i]));
  const rest = Math.sqrt(1 - similarity ** 2);
  const vector = Float32Array.from(base, (x, i) => similarity * x + rest * across[i]);
  return new Uint8Array(vector.buffer).toBase64();
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);

function unit(vector: Float64Array): Float64Array {
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((x) => x / length);
}

function randomVector(seed: string): Float64Array {
  let state = 2_166_136_261;
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 16_777_619);
  const vector = new Float64Array(dimensions);
  for (let i = 0; i < dimensions; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    vector[i] = state / 2 ** 31;
  }
  return vector;
}
