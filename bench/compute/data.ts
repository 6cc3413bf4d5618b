/**
 * Made-up embeddings with the geometry of real ones: unit vectors that share a direction (the
 * site), a topic and, in groups of a few, a meaning.
 */
export type Kind = "site" | "multi" | "flat" | "homog";

/** Share of the squared length that all vectors have in common: their median cosine, nearly. */
const common: Record<Kind, number> = { site: 0.25, multi: 0.03, flat: 0, homog: 0.45 };

export function embeddings(kind: Kind, count: number, dimensions = 1536): Float32Array {
  const random = generator(20261123);
  const direction = () => {
    const row = new Float32Array(dimensions);
    for (let i = 0; i < dimensions; i++) row[i] = random() / Math.sqrt(dimensions);
    return row;
  };
  const uniform = () => Math.abs(random() * 0.7654321 * 1e4) % 1;
  const site = direction();
  const topics = Array.from({ length: 40 }, direction);
  const rows = new Float32Array(count * dimensions);
  let left = 0, group = site, topic = site, closeness = 0;
  for (let index = 0; index < count; index++) {
    if (left === 0) {
      left = uniform() < 0.4 ? 1 : 2 + Math.floor(uniform() ** 2 * 14);
      group = direction();
      topic = topics[Math.floor(uniform() * topics.length)];
      closeness = 0.2 + 0.6 * uniform();
    }
    left--;
    const ofTopic = kind === "flat" ? 0 : 0.08 + 0.08 * uniform();
    const ofGroup = kind === "flat" ? 0 : (1 - common[kind] - ofTopic) * closeness;
    const own = Math.sqrt(Math.max(0, 1 - common[kind] - ofTopic - ofGroup) / dimensions);
    const [a, b, c] = [common[kind], ofTopic, ofGroup].map(Math.sqrt);
    const start = index * dimensions;
    let square = 0;
    for (let i = 0; i < dimensions; i++) {
      const x = a * site[i] + b * topic[i] + c * group[i] + own * random();
      rows[start + i] = x;
      square += x * x;
    }
    const scale = 1 / Math.sqrt(square);
    for (let i = 0; i < dimensions; i++) rows[start + i] *= scale;
  }
  return rows;
}

/** Standard normal numbers, the same on every machine: the polar method over xorshift32. */
function generator(seed: number): () => number {
  let state = seed, spare: number | undefined;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  };
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const [x, y] = [uniform(), uniform()];
      const square = x * x + y * y;
      if (square > 0 && square < 1) {
        const factor = Math.sqrt(-2 * Math.log(square) / square);
        spare = y * factor;
        return x * factor;
      }
    }
  };
}

/** The pages of crates/segment/tests/hostile.json: name and HTML. */
export function* hostilePages(): Generator<[string, string]> {
  const file = new URL("../../crates/segment/tests/hostile.json", import.meta.url);
  const pages: Record<string, [string, number][]> = JSON.parse(Deno.readTextFileSync(file));
  for (const [name, parts] of Object.entries(pages)) {
    const repeated = parts.map(([text, times]) =>
      text.includes("{i}")
        ? Array.from({ length: times }, (_, i) => text.replaceAll("{i}", `${i}`)).join("")
        : text.repeat(times)
    );
    yield [name, repeated.join("")];
  }
}
