// What the stand-in for a language model writes: an editor's outline of the missing section, made of
// the prompt's own data and nothing else. It is no language model, so it states no new facts; what a
// writer has to find out is in facts_to_check.

interface PromptData {
  page: { title: string; headings: string[]; excerpts: string[] };
  recommendation: {
    label: string;
    queries: string[];
    nearest_section: { heading_path: string[]; text: string };
  };
}

export interface Draft {
  heading: string;
  summary: string;
  body_markdown: string;
  placement: { after_heading: string };
  questions_answered: string[];
  facts_to_check: string[];
}

const mostQuestions = 8;
const mostQuotes = 3;

/** The JSON object between the prompt's two fence lines; throws when there is none. */
export function readData<T>(prompt: string): T {
  const fenced = /^(DATA-[0-9a-f]{16})\n(.*?)\n\1$/ms.exec(prompt);
  if (!fenced) throw new Error("the stand-in finds no fenced data in the prompt");
  return JSON.parse(fenced[2]);
}

const words = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? [];

/** Text that Markdown shows as it stands. */
const plain = (text: string) => text.replace(/[\\`*_{}[\]<>#|!~&]/g, "\\$&");

/** One line without Markdown, for the heading and the lists. */
const bare = (text: string) => text.replace(/[\\`*_{}[\]<>#|!~&\s]+/g, " ").trim();

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Whether the text may stand in a section: anyone can search for a URL until the logs show it. */
const isProse = (text: string) => !/:\/\/|www\.|@/i.test(text) && words(text).length > 0;

/** Writes the draft for a prompt of crates/draft; the same prompt gives the same draft. */
export function writeDraft(prompt: string): Draft {
  const { page, recommendation } = readData<PromptData>(prompt);
  const { label, queries, nearest_section: nearest } = recommendation;
  const taken = new Set(page.headings.map((heading) => heading.toLowerCase()));

  // A label may end in further words of its cluster: "bike insurance (home, uk)".
  const names = [label.replace(/\s*\(.*\)$/, ""), ...queries, page.title];
  const topic = bare(names.find(isProse) ?? "the subject");
  let heading = capital(topic).slice(0, 100);
  if (taken.has(heading.toLowerCase())) heading = `More on ${topic}`.slice(0, 110);

  // Wordings of one question differ little: show the ones that bring a new word.
  const seen = new Set<string>();
  const questions = queries.filter(isProse).filter((query) => {
    const fresh = words(query).some((word) => !seen.has(word));
    words(query).forEach((word) => seen.add(word));
    return fresh;
  }).slice(0, mostQuestions);
  if (questions.length === 0) questions.push(...queries.slice(0, 1));

  const quotes = relatedSentences([nearest.text, ...page.excerpts], seen);
  const after = nearest.heading_path.findLast((part) => page.headings.includes(part)) ?? "";
  const shown = questions.filter(isProse);
  const body = [
    `This section answers what readers ask about ${topic}. ` +
    (after
      ? `It follows “${
        plain(after)
      }”, the part of the page that comes nearest to the subject, and takes the reader ` +
        "from there to the questions that part leaves open."
      : "It closes the page, because no other part of it comes near the subject, and gives the reader who came " +
        "with these questions a place to find them answered."),
    ...(shown.length > 0
      ? ["### Questions to answer", shown.map((query) => `- ${plain(capital(query))}`).join("\n")]
      : []),
    ...(quotes.length > 0
      ? [
        "### What the page says so far",
        quotes.map((sentence) => `- ${plain(sentence)}`).join("\n"),
      ]
      : []),
    "### How to write it",
    [
      "1. Begin with the direct answer to the first question, in one or two sentences.",
      "2. Give the reason, and say when the answer is a different one.",
      "3. Take the other questions in the order of the list; each needs a sentence or two.",
      "4. End with the next step the reader should take, and link to the part of the page that helps.",
    ].join("\n"),
  ].join("\n\n");

  return {
    heading,
    summary: `An outline for the missing section on ${topic}`.slice(0, 300) +
      `, which ${
        queries.length === 1 ? "one search asks" : `${queries.length} searches ask`
      } about.`,
    body_markdown: body,
    placement: { after_heading: after },
    questions_answered: questions,
    facts_to_check: shown.map((query) =>
      `The answer to “${bare(query).slice(0, 200)}”: the page does not give it.`
    ),
  };
}

/** The sentences that share the most words with the questions, in the page's order. */
function relatedSentences(texts: string[], wanted: Set<string>): string[] {
  const sentences = [
    ...new Set(texts.flatMap((text) => text.split(/(?<=[.!?])\s+|\n+/)).map((part) => part.trim())),
  ].filter((sentence) => isProse(sentence) && sentence.length >= 30 && sentence.length <= 300);
  return sentences
    .map((sentence, position) => ({
      sentence,
      position,
      shared: new Set(words(sentence).filter((word) => wanted.has(word))).size,
    }))
    .filter(({ shared }) => shared >= 2)
    .sort((a, b) => b.shared - a.shared || a.position - b.position)
    .slice(0, mostQuotes)
    .sort((a, b) => a.position - b.position)
    .map(({ sentence }) => sentence);
}
