// The embeddings that an analysis was made with, for what is computed here.

import { rpc } from "../api.ts";

export interface QueryVectors {
  model: string;
  dimensions: number;
  /** Base64 of little-endian f32s, in the order of the texts; null: not stored any more. */
  vectors: (string | null)[];
}

const chunk = 500;

/** Vectors of `texts`, in chunks; `told` hears the share that is there. */
export async function loadVectors(
  jobId: string,
  texts: string[],
  signal: AbortSignal,
  told: (share: number) => void,
): Promise<QueryVectors> {
  const all: QueryVectors = { model: "", dimensions: 0, vectors: [] };
  for (let first = 0; first < texts.length; first += chunk) {
    const part: QueryVectors = await rpc("get_embeddings", {
      p_job_id: jobId,
      p_texts: texts.slice(first, first + chunk),
    }, signal);
    all.model = part.model;
    all.dimensions = part.dimensions;
    all.vectors.push(...part.vectors);
    told(all.vectors.length / texts.length);
  }
  return all;
}
