// Doorbells: calls that tell another function to look at its queue. The queue is the truth, so a doorbell may be
// lost or doubled, and never fails what rang it.
import { readEnv } from "../platform/env.ts";
import { errorText, type Log } from "../platform/log.ts";

const timeoutMs = 10_000;

export interface Doorbell {
  (name: string, body?: Record<string, unknown>, traceparent?: string): Promise<number | null>;
}

/** A bell that calls functions of this project; answers the HTTP status, or null when nobody answered in time. */
export function createDoorbell(log: Log, fetcher: typeof fetch = fetch): Doorbell {
  return async (name, body = {}, traceparent) => {
    try {
      const { supabaseUrl, serviceKey } = readEnv();
      const response = await fetcher(`${supabaseUrl}/functions/v1/${name}`, {
        method: "POST",
        headers: {
          "apikey": serviceKey,
          "content-type": "application/json",
          ...(traceparent ? { traceparent } : {}),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      if (!response.ok) {
        log.warn("doorbell_refused", { function: name, http_status: response.status });
      }
      return response.status;
    } catch (error) {
      log.warn("doorbell_unanswered", { function: name, message: errorText(error) });
      return null;
    }
  };
}

export const dispatcher = "content-queue-dispatcher";
