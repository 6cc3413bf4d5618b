// Heavy compute off the main thread, on the same wasm as the workers of the pipeline. One worker, one kind of work.

import type { DraftCoverage, Measured, PageInput } from "./report/draft_coverage.ts";
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

/** The page, once; then the text as often as it changes, and the vectors of its passages as they come. */
export type DraftTask =
  | { kind: "page"; input: PageInput }
  | { kind: "draft"; text: string }
  | { kind: "learn"; passages: string[]; vectors: string[] };

export type DraftNews = Measured & { text: string };

const post = (news: LayoutNews | WhatIfNews | DraftNews | { error: string }) =>
  (self as unknown as Worker).postMessage(news);

let input: Input | undefined;
let page: Promise<DraftCoverage> | undefined;
/** The text that waits to be measured: of those that came meanwhile, the last. */
let waiting: string | undefined;

type Task = LayoutTask | WhatIfTask | DraftTask;

self.addEventListener("message", async ({ data }: MessageEvent<Task>) => {
  try {
    if (data.kind === "layout") await layOut(data);
    else if (data.kind === "page") {
      page = import("./report/draft_coverage.ts").then(({ DraftCoverage }) =>
        DraftCoverage.open(data.input)
      );
    } else if (data.kind === "learn") (await page)?.learn(data.passages, data.vectors);
    else if (data.kind === "draft") {
      const isFirst = waiting === undefined;
      waiting = data.text;
      if (!isFirst) return;
      const coverage = await page;
      // Messages that have come by now are heard first.
      await new Promise((resolve) => setTimeout(resolve));
      const text = waiting;
      waiting = undefined;
      if (coverage) post({ ...coverage.measure(text), text });
    } else if (data.kind === "what-if") input = data.input;
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
