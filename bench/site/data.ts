// A made site of any size: each page about a thing of its own, with sections that answer some of what its people search for, and what
// they search for beside: what the page leaves open, and what another page answers.

const materials = [
  "oak",
  "steel",
  "copper",
  "linen",
  "wool",
  "glass",
  "granite",
  "cork",
  "bamboo",
  "leather",
].concat(
  ["ceramic", "velvet", "marble", "walnut", "brass", "cotton", "slate", "pine", "silk", "iron"],
);
const things = [
  "table",
  "kettle",
  "lamp",
  "curtain",
  "blanket",
  "vase",
  "worktop",
  "floor",
  "chair",
  "bag",
].concat(
  ["bowl", "sofa", "basin", "shelf", "mirror", "towel", "roof", "fence", "cushion", "gate"],
  ["bench", "bucket", "door", "ladder", "basket", "clock", "drawer", "stool", "tray", "wardrobe"],
  ["bed", "desk", "rug", "candle", "frame", "hook", "jug", "knife", "mat", "oven"],
  ["pan", "plate", "rack", "sink", "spoon", "tap", "tile", "tub", "wall", "window"],
);
const aspects: [name: string, verbs: string[], text: string][] = [
  [
    "cleaning",
    ["clean", "wash", "wipe"],
    "Wipe it with a damp cloth and mild soap once a week, then dry it with a towel so that no marks stay behind.",
  ],
  [
    "price",
    ["buy", "price", "cost"],
    "A good one costs between 80 and 240 pounds, and the cheapest offers save on thickness and on the finish.",
  ],
  [
    "repair",
    ["repair", "fix", "mend"],
    "Small cracks are filled with a paste of the same colour, left for a night and sanded with fine paper.",
  ],
  [
    "size",
    ["size", "measure", "dimensions"],
    "Measure the room first and leave sixty centimetres on each side, so that people can walk past it.",
  ],
  [
    "storage",
    ["store", "keep", "protect"],
    "Keep it dry and out of the sun, wrapped in paper, and never stack two of them without felt between.",
  ],
  [
    "assembly",
    ["assemble", "install", "fit"],
    "Two people fit it in half an hour with a screwdriver, a spirit level and the bolts that come with it.",
  ],
  [
    "safety",
    ["safe", "dangerous", "children"],
    "Round edges and a fixed base make it safe where small children play, and no part can be swallowed.",
  ],
  [
    "warranty",
    ["warranty", "guarantee", "return"],
    "It comes with a warranty of five years on every part, and can be sent back within thirty days.",
  ],
  [
    "recycling",
    ["recycle", "dispose", "waste"],
    "The council collects it with bulky waste, and the metal parts go to any scrap yard.",
  ],
  [
    "paint",
    ["paint", "varnish", "colour"],
    "Sand it lightly, apply a primer, and give it two thin coats of varnish a day apart.",
  ],
];
const forms = [
  "how to VERB MATERIAL THING",
  "VERB MATERIAL THING at home",
  "MATERIAL THING VERB guide",
  "best way to VERB a MATERIAL THING",
].concat(
  [
    "can you VERB MATERIAL THING",
    "MATERIAL THING VERB tips",
    "VERB old MATERIAL THING",
    "MATERIAL THING VERB 2026",
    "VERB MATERIAL THING uk",
    "why VERB MATERIAL THING",
  ],
);

export interface MadePage {
  path: string;
  html: string;
  queries: { query: string; impressions: number; clicks: number; position: number }[];
}

const capital = (text: string) => text[0].toUpperCase() + text.slice(1);

/** Page `index` of a site; the same every time. Of its ten aspects it answers seven. */
export function makePage(index: number, queryCount: number): MadePage {
  const material = materials[index % materials.length];
  const thing = things[Math.floor(index / materials.length) % things.length];
  const round = Math.floor(index / (materials.length * things.length));
  const name = `${material} ${thing}${round > 0 ? ` model ${round}` : ""}`;
  const path = `/${name.replaceAll(" ", "-")}/`;
  const answered = aspects.filter((_, at) => (at + index) % 10 < 7);
  const sections = answered.map(([aspect, , text]) =>
    `<h2>${
      capital(aspect)
    } of the ${name}</h2>\n<p>${text} This holds for every ${name} that we have made since 1998.</p>\n` +
    `<p>Ask for number ${
      index * 7 + aspect.length
    } when you order; the ${thing} leaves the workshop in ${material} and in nothing else.</p>`
  );
  const html = `<!doctype html><html lang="en"><head><title>${
    capital(name)
  } guide</title></head><body><main><article>
<h1>${capital(name)}: all you need to know</h1>
<p>A ${name} lasts for decades when it is looked after. This page says how, from the workshop where it is made.</p>
${sections.join("\n")}
</article></main></body></html>`;
  const queries: MadePage["queries"] = [];
  for (let at = 0; queries.length < queryCount; at++) {
    const [, verbs] = aspects[at % 10];
    const form = forms[Math.floor(at / 10) % forms.length];
    const verb = verbs[Math.floor(at / 100) % verbs.length];
    const again = at >= 300 ? ` ${at}` : "";
    const query = form.replace("VERB", verb).replace("MATERIAL", material)
      .replace("THING", thing + (round > 0 ? ` model ${round}` : "")) + again;
    const impressions = 20 + (at * 37 + index * 11) % 400;
    queries.push({
      query,
      impressions,
      clicks: Math.floor(impressions / 40),
      position: 3 + (at * 7 + index) % 15,
    });
  }
  return { path, html, queries };
}
