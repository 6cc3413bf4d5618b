// The wasm modules as they ship against the same crates compiled for this machine.

import assert from "node:assert/strict";
import { embeddings, type Kind } from "../../bench/compute/data.ts";
import { GapScorer } from "../../functions/_shared/wasm/gap.ts";
import { KeywordClustering } from "../../functions/_shared/wasm/cluster.ts";

const root = new URL("../..", import.meta.url).pathname;

/** What the native command answers to each of `inputs`. */
// deno-lint-ignore no-explicit-any
async function native(command: string, inputs: unknown[]): Promise<any[]> {
  const child = new Deno.Command("cargo", {
    args: ["run", "--quiet", "--package", "pageperfect-score", "--", command],
    cwd: root,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = inputs.map((input) => JSON.stringify(input) + "\n").join("");
  const writing = new Response(lines).body!.pipeTo(child.stdin);
  const { code, stdout } = await child.output();
  await writing;
  assert.equal(code, 0);
  return new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
}

const kinds: Kind[] = ["site", "multi", "flat", "homog"];

function rowsOf(values: Float32Array, dimensions: number): number[][] {
  const rows = [];
  for (let i = 0; i < values.length; i += dimensions) {
    rows.push([...values.subarray(i, i + dimensions)]);
  }
  return rows;
}

/** base64 as OpenAI packs rows, or with `head` in front of each and big-endian, as Postgres does. */
function packed(rows: number[][], head?: number[]): string {
  const bytes = rows.flatMap((row) => {
    const view = new DataView(new ArrayBuffer(4 * row.length));
    row.forEach((x, i) => view.setFloat32(4 * i, x, head === undefined));
    return [...head ?? [], ...new Uint8Array(view.buffer)];
  });
  return btoa(bytes.map((byte) => String.fromCharCode(byte)).join(""));
}

Deno.test("clusters and their summaries are the same natively", async () => {
  const words = ["trail", "shoes", "the", "winter", "how to", "für", "lock", "チェーン", "best"];
  const cases = kinds.flatMap((kind, i) =>
    // Sketches choose the candidates from 2,048 keywords and 128 dimensions on; 33 needs padding.
    [[300, 33], [2100, 128]].map(([count, dimensions]) => ({
      vectors: rowsOf(embeddings(kind, count, dimensions), dimensions),
      eps: [0.3, 0.2, 0.45, 0.12][i],
      min_pts: [2, 4, 1, 2][i],
      max_cluster_size: i < 3 ? 8 : undefined,
      keywords: Array.from({ length: count }, (_, n) => ({
        query: [n, n >> 2, n >> 4].map((m) => words[m % words.length]).join(" ") + ` ${n % 50}`,
        impressions: (n * 7919) % 1000,
        clicks: n % 7,
        position: 1 + (n % 90) / 4,
      })),
    }))
  );
  const answers = await native("cluster", cases);
  for (const [index, input] of cases.entries()) {
    const clustering = new KeywordClustering(input.vectors[0].length);
    for (let i = 0; i < input.vectors.length; i += 250) {
      clustering.push_base64(packed(input.vectors.slice(i, i + 250)));
    }
    const labels = clustering.cluster(input.eps, input.min_pts, input.max_cluster_size);
    assert.deepEqual([...labels], answers[index].labels);
    assert.ok(Math.max(...labels) > 2, `case ${index} has clusters`);
    assert.deepEqual(clustering.summarize(input.keywords), answers[index].clusters);
    clustering.free();
  }
});

Deno.test("gaps are the same natively", async () => {
  const cases = kinds.flatMap((kind) =>
    [33, 128].map((dimensions) => {
      const rows = rowsOf(embeddings(kind, 130, dimensions), dimensions);
      return {
        segments: rows.slice(0, 80),
        vectors: rows.slice(80),
        clusters: rows.slice(80).map((_, id) => ({
          id,
          is_noise: id % 5 === 0,
          impressions: (id * 7919) % 500,
          avg_position: id % 9,
        })),
        threshold: 0.7,
        top: 10,
      };
    })
  );
  const answers = await native("gap", cases);
  for (const [index, input] of cases.entries()) {
    const dimensions = input.segments[0].length;
    const head = [dimensions >> 8, dimensions & 255, 0, 0];
    const scorer = new GapScorer(dimensions);
    scorer.push_segments(packed(input.segments, head));
    scorer.push_clusters(packed(input.vectors, head));
    const segments = input.segments.map((_, id) => ({ id }));
    const found = scorer.score(input.clusters, segments, input.threshold, input.top);
    const matches = (list: typeof found.coverage) =>
      list.map((match) => ({
        cluster: match.cluster_id,
        best: { segment: match.best_segment_id, similarity: match.best_similarity },
        second: { segment: match.second_segment_id, similarity: match.second_similarity },
        is_gap: match.is_gap,
        opportunity: match.opportunity,
        rank: match.rank,
      }));
    assert.deepEqual(matches(found.coverage), answers[index].coverage);
    assert.deepEqual(matches(found.recommendations), answers[index].recommendations);
    assert.equal(found.recommendations.length, 10);
    scorer.free();
  }
});

Deno.test("base64 is read as it is anywhere, wrapped or not", () => {
  const rows = rowsOf(embeddings("flat", 40, 33), 33);
  const labels = (text: string) => {
    const clustering = new KeywordClustering(33);
    clustering.push_base64(text);
    return [...clustering.cluster(1, 2), ...clustering.checkpoint()];
  };
  const text = packed(rows);
  for (const width of [1, 3, 16, 17, 31, 32, 33, 64, 76]) {
    const wrapped = text.replace(new RegExp(`.{${width}}`, "g"), "$&\n");
    assert.deepEqual(labels(wrapped), labels(text), `lines of ${width}`);
  }
  // The checkpoint holds a fingerprint of the vectors: other bytes would show.
  assert.notDeepEqual(labels(packed(rows.toReversed())), labels(text));
  for (let at = 0; at < 200; at++) {
    assert.throws(() => labels(text.slice(0, at) + "*" + text.slice(at + 1)), {
      message: `vectors are not valid base64: look at character ${at}`,
    });
  }
});

Deno.test("an instance that failed is replaced, and its objects say so", () => {
  for (let time = 0; time < 3; time++) {
    const [old, other] = [new GapScorer(2), new GapScorer(2)];
    // No pointer: wasm-bindgen throws out of the middle of the call, as a panic does.
    const broken = Object.create(GapScorer.prototype, { __wbg_ptr: { value: 0 } });
    assert.throws(() => broken.push_segments("AAAA"), /null pointer/);
    assert.throws(() => old.push_segments("AAAA"), /stale object/);
    old.free();
    other.free();
    const next = new GapScorer(1);
    next.push_segments(packed([[1]], [0, 1, 0, 0]));
    next.push_clusters(packed([[1]], [0, 1, 0, 0]));
    const cluster = { id: 0, is_noise: false, impressions: 1, avg_position: 1 };
    assert.equal(next.score([cluster], [{ id: "a" }], 0.7, 1).coverage[0].best_segment_id, "a");
    next.free();
  }
});
