// Tables for spreadsheets, of the command line and of the web app: comma-separated values as RFC 4180 has them.

/** At the start of a file it tells Excel that it is UTF-8. */
export const excelMark = "\ufeff";

/** Rows as text; null and undefined are empty cells. */
export const csvRows = (rows: unknown[][]): string =>
  rows.map((row) => row.map(cell).join(",") + "\r\n").join("");

/** What a spreadsheet shows and does not run: text that looks like a formula gets an apostrophe (OWASP, CSV injection). */
function cell(value: unknown): string {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = typeof value === "string" && /^[=+\-@＝＋－＠\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
