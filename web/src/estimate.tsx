// What a run will take, told before it begins.

import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { rpc } from "./api.ts";
import { compact, count, duration, plural, usd } from "./format.ts";

/** As `get_estimate` answers. */
interface Foreseen {
  page_count: number | null;
  query_count: number | null;
  job_count: number;
  seconds: number | null;
  tokens: number | null;
  usd: number | null;
}

/** `request` as the intake takes it, with `keyword_count` in the keywords' place; undefined: not complete yet. */
export function Estimate({ request }: { request: object | undefined }) {
  const found = useSignal<Foreseen | undefined>(undefined);
  const key = request && JSON.stringify(request);
  useEffect(() => {
    if (!key) {
      found.value = undefined;
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        found.value = await rpc("get_estimate", { p_request: JSON.parse(key) }, abort.signal);
      } catch {
        // An address that is being typed, or a database of an earlier version: the form goes on without.
        if (!abort.signal.aborted) found.value = undefined;
      }
    }, 400);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key]);
  const foreseen = found.value;
  return (
    <p class="estimate" role="status">
      {foreseen && <Sentence {...foreseen} />}
    </p>
  );
}

function Sentence({ page_count, query_count, job_count, seconds, tokens, usd: cost }: Foreseen) {
  const isPage = query_count !== null;
  return (
    <>
      {isPage && query_count > 0 && `${plural(query_count, "query", "queries")}.`}
      {isPage && query_count === 0 && (
        <strong>No queries are stored for this address: give their CSV.</strong>
      )}
      {!isPage && page_count === 0 && <strong>No page of it has rows yet.</strong>}
      {!isPage && page_count !== null && page_count > 0 && `${plural(page_count, "page")}.`}{" "}
      {job_count === 0
        ? "How long it takes and what it costs is known after the first analysis."
        : (
          <>
            About {seconds !== null && seconds < 60
              ? plural(Math.max(1, Math.round(seconds)), "second")
              : duration(seconds)}
            {tokens !== null && `, about ${compact(tokens)} tokens`}
            {cost !== null && (cost > 0 ? ` for ${usd(cost)}` : " at no cost")}
            {!isPage && page_count === null && ", when that many are found"}
            <span class="quiet">
              , going by the last {job_count === 1 ? "analysis" : `${count(job_count)} analyses`}
              {!isPage && "; unchanged pages cost nothing"}.
            </span>
          </>
        )}
    </>
  );
}
