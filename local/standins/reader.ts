// What the stand-in for a language model says when it is asked whether passages of a page answer queries. It compares words,
// so its verdicts show the form of a reading and mean little.

/** The data of a prompt of crates/draft, reading. */
export interface ReadingData {
  page: { title: string; language: string };
  queries: { number: number; query: string }[];
  passages: { under: string; text: string }[];
}

export interface ReadingAnswer {
  number: number;
  verdict: "answered" | "not_answered";
  quote: string;
}

/** Share of a query's words that a sentence needs, with its headings, to be quoted as the answer. */
const leastShare = 0.75;

/** Judges each query; the same data gives the same answer. */
export function readPage({ queries, passages }: ReadingData): { answers: ReadingAnswer[] } {
  const sentences = passages.flatMap(({ under, text }) =>
    text.split(/(?<=[.!?。])\s*|\n/).filter((sentence) => sentence.trim().length >= 20)
      .map((sentence) => ({ sentence: sentence.trim(), stems: stems(`${under} ${sentence}`) }))
  );
  return {
    answers: queries.map(({ number, query }) => {
      const wanted = [...stems(query)];
      const share = (held: Set<string>) =>
        wanted.filter((stem) => held.has(stem)).length / Math.max(wanted.length, 1);
      const best = sentences.map(({ sentence, stems }) => ({ sentence, share: share(stems) }))
        .sort((a, b) => b.share - a.share)[0];
      return best && best.share >= leastShare
        ? { number, verdict: "answered", quote: best.sentence }
        : { number, verdict: "not_answered", quote: "" };
    }),
  };
}

const stems = (text: string) =>
  new Set((text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []).map((word) => word.slice(0, 6)));
