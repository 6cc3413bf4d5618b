// Views keep themselves current by asking again: paused while the tab is hidden or the person pauses it, slower while
// nothing answers.

import { type Signal, signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, connection } from "./api.ts";

/** False: the person paused it. */
export const isLive = signal(true);
/** Raised to make every view ask at once. */
const asked = signal(0);
export const refresh = () => asked.value++;

export interface Loaded<T> {
  data: Signal<T | undefined>;
  error: Signal<ApiError | undefined>;
}

/**
 * Loads by `load` now, whenever `key` changes, and again `seconds` after each answer (0: once). What was loaded stays
 * in view while newer data are on their way, and when they do not come.
 */
export function useLive<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  seconds: number | ((data: T | undefined) => number),
): Loaded<T> {
  const data = useSignal<T | undefined>(undefined);
  const error = useSignal<ApiError | undefined>(undefined);
  const loadedKey = useSignal("");
  const round = asked.value;
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    let failures = 0;
    if (loadedKey.value !== key) {
      data.value = undefined;
      error.value = undefined;
    }
    const run = async () => {
      try {
        data.value = await load(abort.signal);
        loadedKey.value = key;
        error.value = undefined;
        failures = 0;
      } catch (thrown) {
        if (abort.signal.aborted) return;
        failures++;
        error.value = thrown instanceof ApiError
          ? thrown
          : new ApiError(0, "error", String((thrown as Error).message ?? thrown));
      }
      schedule();
    };
    const schedule = () => {
      const wish = typeof seconds === "function" ? seconds(data.value) : seconds;
      const isLost = connection.value === "lost";
      if (wish === 0 && !isLost) return;
      const wait = isLost ? Math.min(2 ** Math.min(failures, 4), 15) : wish;
      timer = setTimeout(tick, wait * 1000);
    };
    const tick = () => {
      if ((document.hidden || !isLive.peek()) && connection.peek() === "ok") {
        timer = setTimeout(tick, 500);
      } else run();
    };
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, round]);
  return { data, error };
}
