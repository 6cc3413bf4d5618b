// A small site for the crawler, made in a temporary folder.

const article = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Growing tomatoes on a balcony</title>
<link rel="canonical" href="https://site.org/tomatoes"></head>
<body><main><article>
<h1>Growing tomatoes on a balcony</h1>
<p>Tomatoes grow well in pots when they get six hours of sun a day and steady water at the root.</p>
<h2>Choosing a pot</h2>
<p>A pot for one tomato plant should hold at least twenty litres and have holes that let water out.</p>
<p>Dark pots heat up in the sun, which dries the soil; light ones keep the roots cooler in July.</p>
<h2>Watering tomatoes</h2>
<p>Water tomatoes in the morning and give the soil, not the leaves, as much as it takes in.</p>
<p>Uneven watering makes the fruit split and causes blossom end rot on the lower trusses.</p>
</article></main></body></html>`;

export const keywords = [
  { query: "how to water tomatoes in pots", impressions: 900, clicks: 40, position: 6.1 },
  { query: "watering tomatoes in pots", impressions: 700, clicks: 30, position: 6.8 },
  { query: "how often to water potted tomatoes", impressions: 500, clicks: 21, position: 7.2 },
  { query: "tomato fertilizer schedule", impressions: 2400, clicks: 4, position: 18.5 },
  { query: "tomato fertilizer schedule in weeks", impressions: 1100, clicks: 2, position: 21 },
  { query: "best fertilizer for tomatoes", impressions: 1900, clicks: 3, position: 19.4 },
  { query: "pot size for tomatoes", impressions: 650, clicks: 25, position: 5.9 },
  { query: "opening hours garden centre", impressions: 30, clicks: 0, position: 60 },
];

/** Writes the site; the folder is the caller's to delete. */
export async function writeSite(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "pageperfect-site-" });
  // The crawler may be another user's process.
  await Deno.chmod(folder, 0o755);
  const files: Record<string, string> = {
    "article.html": article,
    "empty.html": "",
    "blank.html": "<html><body><script>let shop = true;</script></body></html>",
    "report.pdf": "%PDF-1.7",
    "huge.html": `<html><body><p>${"long ".repeat(1_000_000)}</p></body></html>`,
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  return folder;
}
