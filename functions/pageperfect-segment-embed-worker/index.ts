// Stage 3: HTML → segments → embeddings.
import { embed } from "../_shared/embeddings.ts";
import { Failure } from "../_shared/failure.ts";
import { serveStage } from "../_shared/serve_stage.ts";
import * as rust from "../_shared/wasm/segment.ts";

interface Input {
  url: string;
  page_id: string;
  html: string | null;
}

serveStage({
  stage: "segment_embed",
  needs: ["embeddings"],
  async run(_job, context) {
    const { url, html } = await context.input<Input>();
    if (html === null) throw new Failure("the crawl left no HTML", { code: "invalid_input" });

    const { segments, ...page } = rust.segment(html, url);
    if (segments.length === 0) {
      throw new Failure(`${url} has no readable text`, { code: "empty_page" });
    }
    const texts = rust.embedding_texts(page.title, segments);
    const { vectors, usage } = await embed(texts, context);
    return {
      output: {
        page,
        model: context.env.embedding.model,
        dimensions: context.env.embedding.dimensions,
        segments: segments.map((segment, i) => ({
          ...segment,
          embedding: rust.pgvector_text(vectors[i]),
        })),
        usage,
      },
    };
  },
});
