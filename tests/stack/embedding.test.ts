// The offline embedding model against the reference implementation (Python wordllama 0.4.0.post1,
// 256 dimensions, normalised), whose answers are written down here.

import assert from "node:assert/strict";
import { OfflineModel } from "../../local/standins/embedding.ts";

const reference = [
  {
    text: "how to clean a moka pot",
    ids: [920, 304, 5941, 263, 286, 17029, 3104],
    head: [-0.027907, 0.185641, 0.163075, -0.06874, -0.042883, -0.043391, -0.078604, 0.074517],
  },
  {
    text: "ESPRESSO vs Drip?",
    ids: [26480, 26785, 29949, 7186, 360, 6472, 29973],
    head: [-0.005047, -0.07116, -0.033816, 0.060763, 0.091473, -0.088129, 0.033314, 0.013936],
  },
  {
    text: "  two  spaces, and a trailing one ",
    ids: [259, 1023, 29871, 8162, 29892, 322, 263, 25053, 697, 29871],
    head: [-0.019551, -0.022771, 0.045423, 0.05367, -0.118103, -0.034714, -0.085973, 0.003351],
  },
  {
    text: "Café naïve ünïcödé – “quotes”",
    ids: [
      315,
      28059,
      1055,
      30085,
      345,
      2505,
      29876,
      30085,
      29883,
      9289,
      29948,
      785,
      1346,
      339,
      4769,
      30024,
    ],
    head: [-0.05788, 0.065538, 0.034533, -0.027451, -0.019198, -0.055377, 0.044489, -0.033636],
  },
  {
    text: "日本語のテキスト 😀",
    ids: [29871, 30325, 30346, 30968, 30199, 30572, 30454, 30255, 30279, 29871, 243, 162, 155, 131],
    head: [-0.116594, 0.108355, 0.013639, -0.088993, 0.043719, 0.05204, -0.042159, -0.121537],
  },
  {
    text: "tab\tand\nnewline",
    ids: [4434, 12, 392, 13, 1482, 1220],
    head: [-0.01518, -0.101839, 0.069003, -0.093958, 0.022004, -0.047385, -0.006054, -0.159518],
  },
  {
    text: "é combining",
    ids: [321, 30103, 29299],
    head: [-0.060214, 0.050528, -0.050661, -0.04979, 0.012475, -0.026926, -0.027321, 0.015275],
  },
  {
    text: "<s> special </s> <unk>",
    ids: [1, 29871, 4266, 29871, 2, 259, 0],
    head: [-0.080916, 0.076317, 0.016077, 0.033792, 0.056924, 0.05612, -0.058086, 0.089576],
  },
  {
    text: "1,234.56 € (12%)",
    ids: [
      29871,
      29896,
      29892,
      29906,
      29941,
      29946,
      29889,
      29945,
      29953,
      25540,
      313,
      29896,
      29906,
      10997,
    ],
    head: [0.081288, -0.043249, -0.067594, 0.044972, -0.020295, -0.072074, -0.04036, -0.00784],
  },
];

const model = await OfflineModel.load();

Deno.test("tokens_are_the_references", () => {
  for (const { text, ids } of reference) assert.deepEqual(model.tokenize(text), ids, text);
});

Deno.test("vectors_are_the_references_to_six_digits", () => {
  for (const { text, head } of reference) {
    const { vector, tokenCount } = model.embed(text);
    head.forEach((value, i) => assert.ok(Math.abs(vector[i] - value) < 2e-6, `${text} [${i}]`));
    assert.equal(tokenCount, model.tokenize(text).length);
  }
});

Deno.test("a_vector_cut_short_is_a_unit_vector_again", () => {
  for (const dimensions of [1, 64, 256]) {
    const { vector } = model.embed("how to true a wheel", dimensions);
    assert.equal(vector.length, dimensions);
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5);
  }
});

Deno.test("similar_meanings_are_nearer_than_different_ones", () => {
  const cosine = (a: string, b: string) => {
    const [x, y] = [model.embed(a).vector, model.embed(b).vector];
    return x.reduce((sum, value, i) => sum + value * y[i], 0);
  };
  assert.ok(
    cosine("bike tyre pressure", "how much air in bicycle tires") >
      cosine("bike tyre pressure", "cheap flights to Rome") + 0.2,
  );
});
