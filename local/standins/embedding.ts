// The offline embedding model: wordllama's table of token vectors, averaged over a text's tokens.
// Tokens are found as the reference does: Llama 2's byte pair encoding over the whole text.

import { exists, toolsDir } from "../paths.ts";

/** Name the stand-in goes by in OPENAI_EMBEDDING_MODEL and in the report. */
export const offlineModel = "wordllama-l2-supercat-256";
export const offlineDimensions = 256;

export class OfflineModel {
  /** Rank of a pair of tokens: lower merges first. */
  #ranks = new Map<string, number>();
  #vocabulary: Map<string, number>;
  #table: Float16Array;
  /** Words repeat, and merges never cross a word's start, so each word is tokenized once. */
  #words = new Map<string, number[]>();

  private constructor(vocabulary: Record<string, number>, merges: string[], table: Float16Array) {
    this.#vocabulary = new Map(Object.entries(vocabulary));
    merges.forEach((pair, rank) => this.#ranks.set(pair, rank));
    this.#table = table;
  }

  /** Reads the table and the tokenizer from the wheel that ./pageperfect installed. */
  static async load(): Promise<OfflineModel> {
    const dir = `${toolsDir()}/model/wordllama`;
    if (!await exists(dir)) {
      throw new Error(`the offline model is missing in ${dir}: delete that tools folder`);
    }
    const tokenizer = JSON.parse(
      await Deno.readTextFile(`${dir}/tokenizers/l2_supercat_tokenizer_config.json`),
    );
    const file = await Deno.readFile(`${dir}/weights/l2_supercat_256.safetensors`);
    const headerLength = Number(new DataView(file.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerLength)));
    const { dtype, shape, data_offsets: [start, end] } = header["embedding.weight"];
    if (dtype !== "F16" || shape[1] !== offlineDimensions) {
      throw new Error(`unexpected table in the offline model: ${dtype} ${shape}`);
    }
    const bytes = file.slice(8 + headerLength + start, 8 + headerLength + end);
    return new OfflineModel(
      tokenizer.model.vocab,
      tokenizer.model.merges,
      new Float16Array(bytes.buffer),
    );
  }

  /** Token ids of a text, without the special tokens. */
  tokenize(text: string): number[] {
    // A special token's name in the text stands for the token, in the reference too.
    return text.split(/(<unk>|<s>|<\/s>)/).filter((part) => part !== "").flatMap((part) => {
      const special = ["<unk>", "<s>", "</s>"].indexOf(part);
      return special >= 0 ? [special] : this.#tokenizePlain(part);
    });
  }

  #tokenizePlain(text: string): number[] {
    const marked = `\u2581${text.replaceAll(" ", "\u2581")}`;
    const ids: number[] = [];
    for (const word of marked.match(/\u2581*[^\u2581]+|\u2581+/g) ?? []) {
      let known = this.#words.get(word);
      if (!known) {
        known = this.#encode(word);
        if (this.#words.size > 200_000) this.#words.clear();
        this.#words.set(word, known);
      }
      for (const id of known) ids.push(id);
    }
    return ids;
  }

  #encode(word: string): number[] {
    const parts = [...word];
    for (;;) {
      let best = Infinity, at = -1;
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = this.#ranks.get(`${parts[i]} ${parts[i + 1]}`);
        if (rank !== undefined && rank < best) [best, at] = [rank, i];
      }
      if (at < 0) break;
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
    return parts.flatMap((part) => {
      const id = this.#vocabulary.get(part);
      if (id !== undefined) return [id];
      // Characters outside of the vocabulary are spelled as their UTF-8 bytes.
      return [...new TextEncoder().encode(part)].map((byte) =>
        this.#vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`)!
      );
    });
  }

  /** The unit vector of a text's first tokens, cut to `dimensions` and normalised again, and the number of tokens. */
  embed(
    text: string,
    dimensions = offlineDimensions,
    maxTokens = Infinity,
  ): { vector: Float32Array; tokenCount: number } {
    const ids = this.tokenize(text).slice(0, maxTokens);
    const vector = new Float32Array(dimensions);
    for (const id of ids) {
      const row = id * offlineDimensions;
      for (let i = 0; i < dimensions; i++) vector[i] += this.#table[row + i];
    }
    const length = Math.hypot(...vector);
    if (length > 0) { for (let i = 0; i < dimensions; i++) vector[i] /= length; }
    return { vector, tokenCount: ids.length };
  }
}
