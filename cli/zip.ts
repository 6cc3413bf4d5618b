// The CSV files in a ZIP, as Search Console hands its exports out.

import { unzipSync } from "npm:fflate@0.8.2";

/** Whether a file begins as a ZIP does; so do workbooks. */
export const isZip = (bytes: Uint8Array) =>
  [0x50, 0x4b, 0x03, 0x04].every((byte, i) => bytes[i] === byte);

/** The CSV files of a ZIP, that named Queries.csv first: its name is in the user's language. @throws what cannot be unpacked */
export function csvFiles(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const files = unzipSync(bytes, {
    filter: ({ name, originalSize }) => /\.csv$/i.test(name) && originalSize < 100_000_000,
  });
  const isQueries = (name: string) => /(^|\/)queries\.csv$/i.test(name);
  return Object.entries(files).sort(([a], [b]) => Number(isQueries(b)) - Number(isQueries(a)))
    .map(([, file]) => file as Uint8Array<ArrayBuffer>);
}
