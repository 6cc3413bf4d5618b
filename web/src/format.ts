// Numbers, dates and texts as people read them, in the browser's language.

import { csvRows, excelMark } from "../../cli/csv.ts";

const locale = navigator.language || "en";
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat(locale, {
  style: "currency",
  currency: "USD",
  maximumFractionDigits: 4,
});
const when = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const dayOnly = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
const ago = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });

const none = "–";
type Maybe = number | null | undefined;

export const count = (
  value: Maybe,
) => (value === null || value === undefined ? none : whole.format(value));
export const compact = (
  value: Maybe,
) => (value === null || value === undefined ? none : short.format(value));
/** 0.9 → 90 %, on one line: as the texts of plans and reports write it, which stand beside it. */
export const percent = (
  value: Maybe,
) => (value === null || value === undefined ? none : `${whole.format(100 * value)}\u00a0%`);
export const usd = (
  value: Maybe,
) => (value === null || value === undefined ? none : dollars.format(value));
export const position = (
  value: Maybe,
) => (value === null || value === undefined ? none : value.toFixed(1));
export const date = (
  value: string | null | undefined,
) => (value ? when.format(new Date(value)) : none);
/** A day that a page names. */
export const day = (
  value: string | null | undefined,
) => (value ? dayOnly.format(new Date(value)) : none);
export const dateExact = (
  value: string | null | undefined,
) => (value ? exact.format(new Date(value)) : none);

export const plural = (value: number, one: string, many = `${one}s`) =>
  `${count(value)} ${value === 1 ? one : many}`;

/** 90 → 1 min 30 s */
export function duration(seconds: Maybe): string {
  if (seconds === null || seconds === undefined) return none;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86400) {
    return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  }
  return `${Math.floor(seconds / 86400)} d ${Math.round((seconds % 86400) / 3600)} h`;
}

export function relative(value: string | null | undefined): string {
  if (!value) return none;
  const seconds = (new Date(value).getTime() - Date.now()) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [["second", 60], ["minute", 3600], [
    "hour",
    86400,
  ], ["day", 86400 * 30]];
  let divisor = 1;
  for (const [unit, limit] of steps) {
    if (Math.abs(seconds) < limit) return ago.format(Math.round(seconds / divisor), unit);
    divisor = limit;
  }
  return date(value);
}

/** An address without what every address has. */
export const shortUrl = (url: string | null | undefined) =>
  (url ?? "").replace(/^https?:\/\/(www\.)?/, "").replace(/\/$/, "");

/** A text with its addresses as `shortUrl` shows them. */
export const shortUrls = (text: string) =>
  text.replace(/https?:\/\/[^\s,;“”()]+/g, (url) => shortUrl(url));

/** A key such as `wait_crawl` as words. */
export const words = (key: string | null | undefined) => (key ?? none).replaceAll("_", " ");

/** A table as a file that Excel opens as it is. */
export const csv = (header: string[], rows: unknown[][]) => excelMark + csvRows([header, ...rows]);
