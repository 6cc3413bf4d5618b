// A thread of the offline encoder: the model is loaded with the first texts.

import { Encoder } from "../../functions/_shared/wasm/encoder.ts";

export interface Task {
  id: number;
  /** The model's file. */
  path: string;
  texts: string[];
}

export type Outcome =
  | { id: number; vectors: Float32Array; tokenCounts: Uint32Array }
  | { id: number; error: string };

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Task>) => void;
  postMessage(outcome: Outcome): void;
};
let encoder: Encoder | undefined;

scope.onmessage = ({ data: { id, path, texts } }) => {
  try {
    encoder ??= new Encoder(Deno.readFileSync(path));
    const embeddings = encoder.embed(texts);
    const { vectors, token_counts: tokenCounts } = embeddings;
    embeddings.free();
    scope.postMessage({ id, vectors, tokenCounts });
  } catch (error) {
    scope.postMessage({ id, error: String(error) });
  }
};
