// Heavy compute off the main thread, on the same wasm as the workers of the pipeline. One worker, one kind of work.

import type { Input, Settings, WhatIf } from "./report/what_if.ts";

export interface LayoutTask {
  kind: "layout";
  dimensions: number;
  /** Base64 of little-endian f32s, one or many vectors on end. */
  vectors: string[];
}

export interface LayoutNews {
  /** 0 to 1. */
  done: number;
  /** x, y of each vector. */
  positions: Float32Array;
}

/** What does not change, once; the settings follow, as often as they change. */
export type WhatIfTask = { kind: "what-if"; input: Input } | {
  kind: "settings";
  settings: Settings;
};

export type WhatIfNews = { done: number } | { found: WhatIf; settings: Settings };

const post = (news: LayoutNews | WhatIfNews | { error: string }) =>
  (self as unknown as Worker).postMessage(news);

let input: Input | undefined;

self.addEventListener("message", async ({ data }: MessageEvent<LayoutTask | WhatIfTask>) => {
  try {
    if (data.kind === "layout") await layOut(data);
    else if (data.kind === "what-if") input = data.input;
    else if (input) {
      const { compute } = await import("./report/what_if.ts");
      const found = await compute(input, data.settings, (done) => post({ done }));
      post({ found, settings: data.settings });
    }
  } catch (error) {
    post({ error: (error as Error).message ?? String(error) });
  }
});

async function layOut({ dimensions, vectors }: LayoutTask) {
  const { MapLayout } = await import("../../functions/_shared/wasm/layout.ts");
  const layout = new MapLayout(dimensions);
  for (const packed of vectors) layout.push_base64(packed);
  for (let done = layout.step(0);; done = layout.step(5)) {
    post({ done, positions: layout.positions() });
    if (done >= 1) break;
  }
  layout.free();
}
