// Which pages an index of sitemaps leads to when some of its parts cannot be read.
import { deepEqual, equal, rejects } from "node:assert/strict";
import { Failure } from "../../functions/_shared/engine/failure.ts";
import { readSitemaps } from "../../functions/_shared/site/sitemaps.ts";
import type { Sitemap } from "../../functions/_shared/wasm/site.ts";

const entry = (url: string) => ({ url, last_modified: null });
const pages = (...urls: string[]): Sitemap => ({ pages: urls.map(entry), sitemaps: [] });
const index = (...urls: string[]): Sitemap => ({ pages: [], sitemaps: urls.map(entry) });

/** Reads what `files` hold; what is not there is gone, what is undefined answers 503. */
function readAll(files: Record<string, Sitemap | undefined>, from = "index") {
  const asked: string[] = [];
  const answer = readSitemaps(from, (url) => {
    asked.push(url);
    const file = files[url];
    if (file !== undefined) return Promise.resolve(file);
    const httpStatus = url in files ? 503 : 404;
    return Promise.reject(
      new Failure(`${url} answered HTTP ${httpStatus}`, { code: `http_${httpStatus}`, httpStatus }),
    );
  });
  return { answer, asked };
}

Deno.test("an index, nested and circular, is read part by part", async () => {
  const { answer, asked } = readAll({
    index: index("a", "nested", "index", "a"),
    a: pages("1", "2"),
    nested: index("b", "index"),
    b: pages("3"),
  });
  const { entries, leftOut } = await answer;
  deepEqual(entries.map(({ url }) => url), ["1", "2", "3"]);
  deepEqual(leftOut, []);
  deepEqual(asked, ["index", "a", "nested", "b"]);
});

Deno.test("a part that is gone is left out and told; without any page it is why there is none", async () => {
  const { entries, leftOut } = await readAll({ index: index("gone", "a"), a: pages("1") }).answer;
  equal(entries.length, 1);
  deepEqual(leftOut, [{ url: "gone", message: "gone answered HTTP 404" }]);
  await rejects(
    readAll({ index: index("gone", "a"), a: pages() }).answer,
    /gone answered HTTP 404/,
  );
  await rejects(readAll({}).answer, /index answered HTTP 404/);
});

Deno.test("a part that may be back is waited for", () =>
  rejects(
    readAll({ index: index("a", "busy"), a: pages("1"), busy: undefined }).answer,
    /busy answered HTTP 503/,
  ));

Deno.test("what is beyond the limits is told", async () => {
  const names = Array.from({ length: 23 }, (_, i) => `part ${i}`);
  const small = Object.fromEntries(names.map((name) => [name, pages(`page of ${name}`)]));
  const few = await readAll({ index: index(...names), ...small }).answer;
  equal(few.entries.length, 20);
  deepEqual(few.leftOut.map(({ url }) => url), ["part 20", "part 21", "part 22"]);
  const large = pages(...Array.from({ length: 30_000 }, (_, i) => `${i}`));
  const many = await readAll({ index: index("a", "b", "c"), a: large, b: large, c: large }).answer;
  equal(many.entries.length, 50_000);
  deepEqual(many.leftOut.map(({ url }) => url), ["c"]);
});
