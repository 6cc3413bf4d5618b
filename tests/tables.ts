// Figures that a test computes for people to read. `./pageperfect test` keeps what tests print in its logs and shows
// these after the suite.

/** Shows a table, or why there is none. */
export function showTable(title: string, lines: string[]) {
  const text = `\n${title}\n${lines.map((line) => `  ${line}\n`).join("")}`;
  const file = Deno.env.get("PAGEPERFECT_TEST_TABLES");
  if (file) Deno.writeTextFileSync(file, text, { append: true });
  else console.log(text);
}
