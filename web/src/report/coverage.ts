// How well the edited text answers the edit's queries, while it is typed: the words at once, what they mean as soon as the
// writer pauses, by one call that embeds what is new.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, callFunction, isOperator, rpc } from "../api.ts";
import { startWorker } from "../start_worker.ts";
import type { DraftNews, DraftTask } from "../worker.ts";
import { type PageInput, queriesBeside, type QueryNow } from "./draft_coverage.ts";
import type { Draft, Edit, ReportModel, Topic } from "./model.ts";
import { queryText } from "./profile.ts";
import { loadVectors } from "./vectors.ts";

export interface CoverageNow {
  threshold: number;
  before: number | null;
  now: number | null;
  closes: boolean;
  /** loading: nothing was measured here yet · words: what is new was not embedded yet · measured: as the draft's worker would. */
  state: "loading" | "words" | "measured" | "recorded";
  note: string;
  queries: Pick<QueryNow, "query" | "before" | "now" | "missing">[];
}

/** What a pause is, milliseconds without a keystroke. */
const pauseMs = 900;

export function useCoverage(
  model: ReportModel,
  edit: Edit,
  topic: Topic | undefined,
  draft: Draft | undefined,
  text: string,
): CoverageNow {
  const { job, method } = model.result;
  const news = useSignal<DraftNews | undefined>(undefined);
  const isLoaded = useSignal(false);
  /** Why it cannot be measured here, or what is new cannot be embedded. */
  const reason = useSignal("");
  const worker = useRef<Worker>(undefined);
  const current = useRef(text);
  current.current = text;
  const measure = () =>
    worker.current?.postMessage({ kind: "draft", text: current.current } satisfies DraftTask);

  useEffect(() => {
    const abort = new AbortController();
    load(model, edit, abort.signal).then((input) => {
      if (typeof input === "string") {
        reason.value = input;
        return;
      }
      const started = worker.current = startWorker();
      started.onmessage = ({ data }: MessageEvent<DraftNews | { error: string }>) => {
        if ("error" in data) reason.value = data.error;
        else news.value = data;
      };
      started.postMessage({ kind: "page", input } satisfies DraftTask);
      isLoaded.value = true;
    }).catch((thrown) => {
      if (!abort.signal.aborted) reason.value = (thrown as Error).message;
    });
    return () => {
      abort.abort();
      worker.current?.terminate();
      worker.current = undefined;
    };
  }, [job.id, edit.id]);

  useEffect(() => {
    if (isLoaded.value) measure();
  }, [text, isLoaded.value]);

  // One call a pause, for what no call has brought yet.
  const unknown = news.value?.text === text ? news.value.unknown : [];
  useEffect(() => {
    if (unknown.length === 0) return;
    if (!isOperator.value) {
      reason.value = "The words alone: operators of this project have the meaning measured.";
      return;
    }
    const abort = new AbortController();
    const ask = () =>
      callFunction<{ vectors: string[] }>("pageperfect-embed-passages", {
        job_id: job.id,
        passages: unknown,
      }, abort.signal).then(({ vectors }) => {
        reason.value = "";
        worker.current?.postMessage(
          { kind: "learn", passages: unknown, vectors } satisfies DraftTask,
        );
        measure();
      }).catch((thrown) => {
        if (abort.signal.aborted) return;
        const error = thrown as ApiError;
        reason.value = `The words alone: ${error.message}`;
        // A rate limit, or a model that does a few texts a call: what was embedded is kept, so the next call goes further.
        if (error.code === "try_again") timer = setTimeout(ask, 2 * pauseMs);
      });
    let timer = setTimeout(ask, pauseMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [unknown.join("\n")]);

  const threshold = method.threshold ?? 0.7;
  const found = news.value ?? recorded(edit, topic, draft, text);
  const state = news.value
    ? (unknown.length > 0 || news.value.text !== text ? "words" : "measured")
    : reason.value
    ? "recorded"
    : "loading";
  return {
    threshold,
    before: found.before,
    now: found.now,
    closes: found.closes,
    state,
    note: reason.value || {
      loading: "Loading what it is measured with …",
      words: "The words so far; the meaning follows when you pause.",
      measured: "Measured as you write, like the page itself.",
      recorded: "",
    }[state],
    queries: found.queries,
  };
}

/** What the report says of them. */
function recorded(edit: Edit, topic: Topic | undefined, draft: Draft | undefined, text: string) {
  const ofDraft = new Map((draft?.per_query ?? []).map((query) => [query.query, query]));
  const ofTopic = new Map((topic?.queries ?? []).map((query) => [query.query, query]));
  const names = edit.open_queries.length > 0 ? edit.open_queries : [...ofTopic.keys()];
  const before = draft?.coverage_before ?? edit.coverage;
  const hasText = text !== "" && draft !== undefined;
  return {
    before,
    now: hasText ? draft.coverage_after : before,
    closes: hasText && draft.closes_gap === true,
    queries: names.map((query) => {
      const before = ofDraft.get(query)?.before ?? ofTopic.get(query)?.coverage ?? edit.coverage;
      return {
        query,
        before,
        now: text === "" ? before : ofDraft.get(query)?.after ?? before,
        missing: ofTopic.get(query)?.missing_terms ?? [],
      };
    }),
  };
}

/** What the text is measured with, or why that is not there any more. */
async function load(
  model: ReportModel,
  edit: Edit,
  signal: AbortSignal,
): Promise<PageInput | string> {
  const { job, method, segments } = model.result;
  if (method.name !== "calibrated") {
    return "As it was drafted: text is measured while it is written for the calibrated method only.";
  }
  const stored: { ids: number[]; dimensions: number; texts: string[]; vectors: string[] } =
    await rpc("get_segments", { p_job_id: job.id }, signal);
  const { ids, dimensions, texts: passages, vectors } = stored;
  if (ids.length === 0) {
    return "As it was drafted: a later analysis of the page has replaced what it is measured with.";
  }
  const placeOf = new Map((segments ?? []).map((segment) => [segment.id, segment]));

  const ofTopic = model.topicById.get(edit.topic_id)?.queries ?? [];
  const impressionsOf = new Map(ofTopic.map((query) => [query.query, query.impressions]));
  const open = edit.open_queries.length > 0 ? edit.open_queries : ofTopic.map(({ query }) => query);
  const queries = queriesBeside(open, model.asked);
  const texts = await Promise.all(queries.map(({ query }) => queryText(method.model, query)));
  const found = await loadVectors(job.id, texts, signal, () => {});
  const queryVectors = found.vectors.filter((vector) => vector !== null);
  if (queryVectors.length < texts.length) {
    return "As it was drafted: some embeddings of the analysis are not stored any more.";
  }
  return {
    dimensions,
    // The report's texts are cut.
    segments: ids.map((id, index) => ({
      id,
      kind: placeOf.get(id)?.kind ?? "paragraph",
      heading_path: placeOf.get(id)?.heading_path ?? [],
      text: passages[index],
    })),
    segmentVectors: vectors,
    queries,
    openCount: open.length,
    openImpressions: open.map((query) => impressionsOf.get(query) ?? 0),
    threshold: method.threshold ?? 0.7,
    queryVectors,
  };
}
