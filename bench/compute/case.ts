/**
 * One measurement in a process of its own, as a cold Edge Function sees it:
 * `deno run -A case.ts NAME FILE..` prints a line of JSON.
 */
import process from "node:process";
import { readFileSync } from "node:fs";
import { hostilePages } from "./data.ts";

const dimensions = 1536;
const [name, ...files] = Deno.args;

/** What a case gives back: CPU seconds of the part that counts, and what it found. */
interface Result {
  cpu_s: number;
  warm_cpu_s?: number;
  ingest_cpu_s?: number;
  wasm_mb?: number;
  /** Labels of a clustering, hashed, or another number that must agree between the contenders. */
  check?: number;
  /** What took this long. */
  what?: string;
}

/** A specifier that is not resolved before the case runs: peers are fetched only for the run. */
const peer = (specifier: string) => import(specifier);
const wasm = (module: string) => import(`../../functions/_shared/wasm/${module}.ts`);

function cpu<T>(run: () => T): [number, T] {
  const before = process.cpuUsage();
  const value = run();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1e6, value];
}

function vectors(file: string): Float32Array {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

const base64 = (rows: Float32Array) =>
  new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength).toBase64();

/** FNV-1a. */
function hash(labels: ArrayLike<number>): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < labels.length; i++) value = Math.imul(value ^ (labels[i] + 1), 0x01000193);
  return value >>> 0;
}

/** Group labels by first appearance, noise -1. */
function labelsOf(clusters: number[][], count: number): Int32Array {
  const labels = new Int32Array(count).fill(-1);
  for (const cluster of clusters) {
    const first = Math.min(...cluster);
    for (const index of cluster) labels[index] = first;
  }
  const numbers = new Map<number, number>();
  return labels.map((first) => {
    if (first < 0) return -1;
    if (!numbers.has(first)) numbers.set(first, numbers.size);
    return numbers.get(first)!;
  });
}

/** DBSCAN as one writes it with typed arrays: half of the pairs, four sums, union-find. */
function typedArrays(rows: Float32Array, eps: number): Int32Array {
  const count = rows.length / dimensions;
  const parents = Int32Array.from({ length: count }, (_, i) => i);
  const root = (i: number) => {
    while (parents[i] !== i) i = parents[i] = parents[parents[i]];
    return i;
  };
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      if (1 - dot(rows, a * dimensions, rows, b * dimensions) <= eps) {
        const [x, y] = [root(a), root(b)];
        parents[Math.max(x, y)] = Math.min(x, y);
      }
    }
  }
  const groups = Map.groupBy(Array.from({ length: count }, (_, i) => i), root);
  return labelsOf([...groups.values()].filter((group) => group.length > 1), count);
}

function dot(x: Float32Array, i: number, y: Float32Array, j: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (const end = i + dimensions; i < end; i += 4, j += 4) {
    a += x[i] * y[j];
    b += x[i + 1] * y[j + 1];
    c += x[i + 2] * y[j + 2];
    d += x[i + 3] * y[j + 3];
  }
  return a + b + c + d;
}

/** pgvector's binary form, rows on end. */
function vectorSend(rows: Float32Array): string {
  const size = 4 + 4 * dimensions;
  const view = new DataView(new ArrayBuffer((rows.length / dimensions) * size));
  for (let i = 0; i < rows.length; i++) {
    const start = Math.floor(i / dimensions) * size;
    if (i % dimensions === 0) view.setUint16(start, dimensions);
    view.setFloat32(start + 4 + 4 * (i % dimensions), rows[i]);
  }
  return new Uint8Array(view.buffer).toBase64();
}

/** Reads pages with `read`, all once and all again until they are many, small as they may be. */
function pages(read: (html: string) => number): Result {
  const texts = files.map((file) => readFileSync(file, "utf8"));
  const all = () => texts.reduce((sum, html) => sum + read(html), 0);
  const [cpu_s, check] = cpu(all);
  const rounds = Math.ceil(10e6 / texts.reduce((sum, html) => sum + html.length, 0)) + 4;
  for (let i = 0; i < rounds; i++) all();
  const [rest] = cpu(() => {
    for (let i = 0; i < rounds; i++) all();
  });
  return { cpu_s, warm_cpu_s: rest / rounds, check };
}

const cases: Record<string, () => Promise<Result>> = {
  async "cluster wasm"() {
    const { KeywordClustering, initSync } = await wasm("cluster");
    const clustering = new KeywordClustering(dimensions);
    const rows = vectors(files[0]);
    let ingest_cpu_s = 0;
    for (let start = 0; start < rows.length; start += 500 * dimensions) {
      const text = base64(rows.subarray(start, start + 500 * dimensions));
      ingest_cpu_s += cpu(() => clustering.push_base64(text))[0];
    }
    const [cpu_s, labels] = cpu(() => clustering.cluster(0.3, 2));
    // Called again, initSync hands out the exports it already has.
    const wasm_mb = initSync({ module: new Uint8Array() }).memory.buffer.byteLength / 1e6;
    const [warm_cpu_s] = cpu(() => clustering.cluster(0.3, 2));
    return { cpu_s, warm_cpu_s, ingest_cpu_s, wasm_mb, check: hash(labels) };
  },
  async "cluster exact"() {
    const { KeywordClustering } = await wasm("cluster");
    const clustering = new KeywordClustering(dimensions);
    clustering.push_f32(vectors(files[0]));
    const [cpu_s, labels] = cpu(() => {
      clustering.start(0.3, 2, true);
      while (clustering.step(64) < 1);
      return clustering.labels();
    });
    return { cpu_s, check: hash(labels) };
  },
  "cluster typed arrays"() {
    const rows = vectors(files[0]);
    const [cpu_s, labels] = cpu(() => typedArrays(rows, 0.3));
    return Promise.resolve({ cpu_s, check: hash(labels) });
  },
  async "cluster density-clustering"() {
    const { default: clustering } = await peer("npm:density-clustering@1.3.0");
    const rows = vectors(files[0]);
    const count = rows.length / dimensions;
    const points = Array.from(
      { length: count },
      (_, i) => Array.from(rows.subarray(i * dimensions, (i + 1) * dimensions)),
    );
    const distance = (a: number[], b: number[]) => {
      let [product, x, y] = [0, 0, 0];
      for (let i = 0; i < a.length; i++) {
        product += a[i] * b[i];
        x += a[i] * a[i];
        y += b[i] * b[i];
      }
      return 1 - product / Math.sqrt(x * y);
    };
    const [cpu_s, clusters] = cpu(() => new clustering.DBSCAN().run(points, 0.3, 2, distance));
    return { cpu_s, check: hash(labelsOf(clusters as number[][], count)) };
  },
  async "gap wasm"() {
    const { GapScorer } = await wasm("gap");
    const rows = vectors(files[0]);
    const segments = vectorSend(rows.subarray(0, 1000 * dimensions));
    const clusters = vectorSend(rows.subarray(1000 * dimensions, 1200 * dimensions));
    const describe = (length: number) =>
      Array.from({ length }, (_, id) => ({ id, is_noise: false, impressions: 1, avg_position: 1 }));
    const score = () => {
      const scorer = new GapScorer(dimensions);
      scorer.push_segments(segments);
      const [seconds] = cpu(() => scorer.push_clusters(clusters));
      const { coverage } = scorer.score(describe(200), describe(1000), 0.7, 10);
      scorer.free();
      return [
        seconds,
        hash(coverage.map((match: { best_segment_id: number }) => match.best_segment_id)),
      ];
    };
    const [ingest_cpu_s, [cpu_s, check]] = cpu(score);
    for (let i = 0; i < 10; i++) score();
    const warm = Array.from({ length: 20 }, () => score()[0]).sort((a, b) => a - b);
    return { cpu_s, ingest_cpu_s: ingest_cpu_s - cpu_s, warm_cpu_s: warm[10], check };
  },
  "gap typed arrays"() {
    const rows = vectors(files[0]);
    const score = () =>
      Array.from({ length: 200 }, (_, cluster) => {
        let best = -1, most = -2;
        for (let segment = 0; segment < 1000; segment++) {
          const x = dot(rows, (1000 + cluster) * dimensions, rows, segment * dimensions);
          if (x > most) [best, most] = [segment, x];
        }
        return best;
      });
    const [cpu_s, best] = cpu(score);
    return Promise.resolve({ cpu_s, warm_cpu_s: cpu(score)[0], check: hash(best) });
  },
  "ingest JSON.parse"() {
    const text = JSON.stringify(Array.from(vectors(files[0]).subarray(0, 1000 * dimensions)));
    const [cpu_s] = cpu(() => Float32Array.from(JSON.parse(text)));
    return Promise.resolve({ cpu_s: cpu_s * 25 });
  },
  async "segment wasm"() {
    const { segment } = await wasm("segment");
    return pages((html) => segment(html, "https://example.com/").segments.length);
  },
  async "segment hostile"() {
    const { segment } = await wasm("segment");
    let worst: Result = { cpu_s: 0 };
    for (const [what, html] of hostilePages()) {
      const once = () => cpu(() => segment(html, "https://example.com/"))[0];
      // Twice, as the runtime collects garbage when it likes.
      const cpu_s = Math.min(once(), once());
      if (cpu_s > worst.cpu_s) worst = { cpu_s, what };
    }
    return worst;
  },
  async "segment cheerio p"() {
    const { load } = await peer("npm:cheerio@1.2.0");
    return pages((html) => {
      const $ = load(html);
      return $("p").map((_: number, element: unknown) => $(element).text()).length;
    });
  },
  async "segment readability"() {
    const [{ parseHTML }, { Readability }] = await Promise.all([
      peer("npm:linkedom@0.18.12"),
      peer("npm:@mozilla/readability@0.6.0"),
    ]);
    return pages((html) => new Readability(parseHTML(html).document).parse()?.length ?? 0);
  },
};

console.log(JSON.stringify(await cases[name]()));
