// OpenAI's client for whatever speaks its API: OpenAI, Azure, Ollama, vLLM and the like.
import type OpenAI from "npm:openai@7.57.0";
import type { ModelSettings } from "../platform/env.ts";

/**
 * The client of a server. Loaded at first use: it costs a cold start some hundred milliseconds.
 *
 * A base URL may end in a query, such as Azure's `…/openai/deployments/<name>?api-version=…`.
 */
export async function openAiClient(
  { apiKey, baseUrl, provider }: ModelSettings,
  timeout: number,
  fetcher?: typeof fetch,
): Promise<OpenAI> {
  const { default: OpenAI } = await import("npm:openai@7.57.0");
  const isAzure = provider.endsWith(".azure.com");
  return new OpenAI({
    apiKey: apiKey ?? "none", // the client demands one, and without it sends no header
    defaultHeaders: isAzure
      ? { Authorization: null, "api-key": apiKey }
      : apiKey
      ? {}
      : { Authorization: null },
    baseURL: baseUrl,
    maxRetries: 0, // Retries are the queue's: a client that sleeps on Retry-After would burn the worker's time.
    timeout,
    fetch: fetcher,
  });
}

/** Whether the server turned a request down because of the parameter `name`. */
export function isRefused(error: unknown, name: RegExp): boolean {
  const { status, param, message } = error as {
    status?: unknown;
    param?: unknown;
    message?: unknown;
  };
  return (status === 400 || status === 422) && name.test(`${param} ${message}`);
}
