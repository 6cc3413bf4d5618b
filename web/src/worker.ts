// Heavy compute off the main thread, on the same wasm as the workers of the pipeline. One worker, one piece of work.

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

const post = (news: LayoutNews | { error: string }) =>
  (self as unknown as Worker).postMessage(news);

self.addEventListener("message", async (event: MessageEvent<LayoutTask>) => {
  try {
    const { MapLayout } = await import("../../functions/_shared/wasm/layout.ts");
    const layout = new MapLayout(event.data.dimensions);
    for (const packed of event.data.vectors) layout.push_base64(packed);
    for (let done = layout.step(0);; done = layout.step(5)) {
      post({ done, positions: layout.positions() });
      if (done >= 1) break;
    }
    layout.free();
  } catch (error) {
    post({ error: (error as Error).message });
  }
});
