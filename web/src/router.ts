// Every state is a URL: `#/path/parts?query`. The hash needs no server that knows the paths.

import { computed, signal } from "@preact/signals";

function read(): { path: string[]; query: URLSearchParams } {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path.split("/").filter(Boolean).map(decodeURIComponent),
    query: new URLSearchParams(query),
  };
}

export const route = signal(read());
/** Changes only when another page is shown, not with its filters. */
export const page = computed(() => route.value.path.join("/"));
addEventListener("hashchange", () => (route.value = read()));

export type Query = Record<string, string | number | null | undefined>;

/** The address of a state; empty values are left out. */
export function href(path: string, query: Query = {}): string {
  const kept = Object.entries(query).filter(([, value]) =>
    value !== null && value !== undefined && value !== ""
  );
  const text = new URLSearchParams(kept.map(([key, value]) => [key, String(value)])).toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}

/** Goes there; `replace` leaves no step for Back, as for a keystroke in a search field. */
export function go(path: string, query: Query = {}, replace = false) {
  const target = href(path, query);
  if (target === location.hash) return;
  if (replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  route.value = read();
}

/** The address of this page with some of its query changed. */
export function withQuery(changes: Query): string {
  return href(route.value.path.map(encodeURIComponent).join("/"), {
    ...Object.fromEntries(route.value.query),
    ...changes,
  });
}

export function setQuery(changes: Query, replace = false) {
  go(route.value.path.map(encodeURIComponent).join("/"), {
    ...Object.fromEntries(route.value.query),
    ...changes,
  }, replace);
}

export const param = (name: string) => route.value.query.get(name) ?? undefined;
