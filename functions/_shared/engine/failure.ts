// Errors on their way to the retry policy. TypeScript only gathers the facts (HTTP status, code, Retry-After);
// what they mean is decided in Rust.
import * as v from "npm:valibot@1.5.0";
import * as policy from "../wasm/policy.ts";
import { errorText } from "../platform/log.ts";

export interface FailureFacts {
  /** A stable word for the cause, e.g. `not_html`; the dead letter's reason when it is permanent. */
  code?: string;
  httpStatus?: number;
  /** The Retry-After header as it came. */
  retryAfter?: string;
  /** Set when the cause was classified before, e.g. by the crawl. */
  kind?: policy.ErrorKind;
  /** For the database only: it may quote the page or the draft, so it is never logged. */
  details?: Record<string, unknown>;
}

/** An error with the facts that the retry policy asks for. */
export class Failure extends Error {
  override name = "Failure";
  constructor(message: string, readonly facts: FailureFacts = {}) {
    super(message);
  }
}

/** What `fail_stage` stores about an error. */
export interface ErrorRecord {
  message: string;
  code?: string;
  /** What the code means, for eyes that the message is not for. */
  meaning?: string;
  http_status?: number;
  retryable: boolean;
  details?: Record<string, unknown>;
}

/** How often a stage was tried, and under which settings. */
export const Attempt = v.object({
  attempt_count: v.number(),
  max_attempts: v.number(),
  retry_delay_seconds: v.number(),
  max_retry_delay_seconds: v.number(),
});
export type Attempt = v.InferOutput<typeof Attempt>;

export interface Verdict {
  error: ErrorRecord;
  action: "retry" | "dead_letter";
  delaySeconds: number;
  /** Why, for the dead letter or the event. */
  reason: string;
}

// The errors of the openai and @anthropic-ai/sdk clients carry status, code and headers; their connection
// errors and fetch's carry none of them.
interface ApiErrorShape {
  status?: unknown;
  code?: unknown;
  type?: unknown;
  headers?: unknown;
}

/** The error itself, where a caller hands it over as `{ error }`. */
const unwrap = (error: unknown) =>
  !(error instanceof Error) && (error as { error?: unknown } | null)?.error instanceof Error
    ? (error as { error: Error }).error
    : error;

/** A value as JSON keeps it, errors with what they say: JSON.stringify makes `{}` of them. */
export function plain(value: unknown): unknown {
  if (value instanceof Error) {
    const { name } = value;
    const { code, httpStatus } = factsOf(value);
    return {
      name,
      message: errorText(value),
      ...code && { code },
      ...httpStatus && { http_status: httpStatus },
    };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (
    value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype
  ) {
    // `{ error }` says no more than the error.
    const entries = Object.entries(value);
    if (entries.length === 1 && entries[0][1] instanceof Error) return plain(entries[0][1]);
    return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

/** What an error says of its cause, whoever threw it. */
export function factsOf(error: unknown): FailureFacts {
  error = unwrap(error);
  if (error instanceof Failure) return error.facts;
  if (error instanceof DOMException && error.name === "TimeoutError") return { code: "timeout" };
  const { status, code, type, headers } = (error ?? {}) as ApiErrorShape;
  if (typeof status === "number") {
    const header = headers instanceof Headers ? headers : new Headers();
    const milliseconds = header.get("retry-after-ms");
    return {
      httpStatus: status,
      code: [code, type].find((word): word is string => typeof word === "string"),
      retryAfter: header.get("retry-after") ??
        (milliseconds ? String(Math.ceil(Number(milliseconds) / 1000)) : undefined),
    };
  }
  const isConnection = error instanceof TypeError ||
    (error instanceof Error && /^APIConnection/.test(error.constructor.name));
  return { code: isConnection ? "connection_failed" : "unexpected_error" };
}

let knownMeanings: Map<string, string> | undefined;
/** The vocabulary of error codes. */
const meanings = () =>
  knownMeanings ??= new Map(policy.error_codes().map(({ code, meaning }) => [code, meaning]));

/** What is to become of a failed attempt, as Rust decides it. */
export function judge(error: unknown, attempt: Attempt, now = Date.now()): Verdict {
  const facts = factsOf(error);
  const kind = facts.kind ?? policy.classify_error(facts.httpStatus, facts.code);
  const decision = policy.retry_decision(
    attempt.attempt_count,
    attempt.max_attempts,
    attempt.retry_delay_seconds,
    attempt.max_retry_delay_seconds,
    kind,
    policy.retry_after_seconds(facts.retryAfter, now),
  );
  return {
    error: {
      message: errorText(unwrap(error)),
      code: facts.code,
      meaning: facts.code && meanings().get(facts.code),
      http_status: facts.httpStatus,
      retryable: kind === "transient",
      details: facts.details,
    },
    action: decision.action,
    delaySeconds: decision.delay_seconds,
    reason: kind === "permanent" && facts.code ? facts.code : decision.reason,
  };
}

/** Seconds until the attempt after `attempt`, exponential in the attempts made; for a caller that will retry. */
export function retryDelaySeconds(attempt: Attempt): number {
  return policy.retry_decision(
    attempt.attempt_count,
    attempt.attempt_count + 1,
    attempt.retry_delay_seconds,
    attempt.max_retry_delay_seconds,
    "transient",
  ).delay_seconds;
}
