// Stand-ins for the outside HTTP APIs, in their wire formats: OpenAI (/v1/embeddings,
// /v1/chat/completions), the same as Ollama serves it (/ollama/v1/…: no key, numbers only, no rate limit),
// Anthropic (/v1/messages), ScraperAPI (/scraper/?api_key=…&url=…), the model that Edge Functions have built
// in (/session, see standin_session.ts), and the files that `serveFile` offers to the crawler. Tests tell them
// to fail through `fail` or POST /control/faults, and to keep a rate limit through `limit`.

import { offlineDimensions, OfflineModel, offlineModel } from "./embedding.ts";
import { type Embedding, encoderDimensions, encoderModel, OfflineEncoder } from "./encoder.ts";
import { readData, writeDraft } from "./draft.ts";
import { Hold } from "./hold.ts";
import { RateLimiter } from "./limits.ts";
import { sha256 } from "../paths.ts";
import { type ReadingAnswer, type ReadingData, readPage } from "./reader.ts";

export type Api = "embeddings" | "chat" | "messages" | "session" | "scraper" | "files";

/** How the next `count` answers of an API go wrong. */
export interface Fault {
  api: Api;
  /** Default 1. */
  count?: number;
  /** HTTP status to answer with; without it the answer is right, only late or cut off. */
  status?: number;
  /** Value of the Retry-After header: seconds, or an HTTP date. */
  retryAfter?: string | number;
  delayMs?: number;
  hold?: Hold;
  /** Breaks the connection in the middle of the answer. */
  drop?: boolean;
  /** Answered instead of the API's own body: a model that talks nonsense, a broken page. */
  body?: unknown;
}

/** A request that a stand-in got, for tests that count them. */
export interface Call {
  api: Api;
  /** When it came, milliseconds since 1970. */
  at: number;
  status: number;
  /** The JSON body, or the query of a GET. */
  request: Record<string, unknown>;
}

/** An error in the shape that OpenAI's clients know. */
class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    readonly param: string | null = null,
  ) {
    super(message);
  }
}

const postApis: Record<string, Api> = {
  "/v1/embeddings": "embeddings",
  "/v1/chat/completions": "chat",
  "/v1/messages": "messages",
  "/session": "session",
};

/** Vectors of the built-in model, and the tokens it looks at. */
const session = { model: "gte-small", dimensions: 384, maxTokens: 512 };

const maxInputs = 2048;
const maxInputTokens = 8192;

const loopback = new Set(["127.0.0.1", "localhost", "[::1]"]);

const contentTypes: Record<string, string> = {
  css: "text/css; charset=utf-8",
  // No charset: a file says its own in a <meta>, as on many a real server.
  htm: "text/html",
  html: "text/html",
  jpg: "image/jpeg",
  json: "application/json",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain",
  xhtml: "application/xhtml+xml",
};

export class Standins {
  /** Newest last; at most the last 10,000. */
  calls: Call[] = [];
  /** Who answers when a page is to be read; a benchmark that knows the answers puts its own here. */
  reader: (data: ReadingData) => { answers: ReadingAnswer[] } = readPage;
  #faults: Fault[] = [];
  #limits = new Map<Api, RateLimiter>();
  #model?: Promise<OfflineModel>;
  #encoder?: OfflineEncoder;
  #files = new Map<string, string>();

  /** `controlKey` opens /control, which can make the stack serve any file its user may read, and is ScraperAPI's key. */
  constructor(readonly controlKey: string) {}

  /** Makes the next answers of one API go wrong; faults of an API are used up in order. */
  fail(fault: Fault) {
    this.#faults.push({ count: 1, ...fault });
  }

  /** Keeps an API's next answer back. */
  hold(api: Api): Hold {
    const hold = new Hold();
    this.fail({ api, hold });
    return hold;
  }

  /** Lets an API take so many calls within so many seconds, as a bucket that refills evenly. */
  limit(api: Api, calls: number, seconds: number) {
    this.#limits.set(api, new RateLimiter(calls, seconds));
  }

  /** Forgets faults, limits and calls. */
  reset() {
    this.#faults = [];
    this.#limits.clear();
    this.calls = [];
  }

  /** Offers a file, or a folder of files, and returns its path on this server. */
  offer(path: string): string {
    // The same path keeps its address, so that its pages are known again.
    const token = sha256(path).slice(0, 8);
    const { isDirectory } = Deno.statSync(path);
    this.#files.set(token, path);
    const name = encodeURIComponent(path.replace(/\/$/, "").split("/").pop()!);
    return `/files/${token}/${isDirectory ? "" : name}`;
  }

  async handle(request: Request): Promise<Response> {
    const at = Date.now();
    const url = new URL(request.url);
    // A page in a browser may name us as it likes and have its name lead here.
    if (!loopback.has(url.hostname)) return new Response("Unknown host", { status: 421 });
    if (url.pathname.startsWith("/control/")) return await this.#control(url.pathname, request);
    const isOllama = url.pathname.startsWith("/ollama/");
    const path = url.pathname.replace(/^\/ollama/, "");
    const api = postApis[path] ??
      (/^\/scraper\/?$/.test(url.pathname) ? "scraper" : undefined) ??
      (url.pathname.startsWith("/files/") ? "files" : undefined);
    if (!api) return failure(new ApiError(404, `Unknown path ${url.pathname}`), undefined);
    if (path in postApis && request.method !== "POST") {
      return failure(new ApiError(405, `Use POST for ${url.pathname}`), api);
    }
    let body: Record<string, unknown> = Object.fromEntries(url.searchParams);
    if (request.method === "POST") {
      try {
        body = await request.json();
      } catch {
        return failure(new ApiError(400, "We could not parse the JSON body of your request."), api);
      }
    }
    const fault = this.#takeFault(api);
    await fault?.hold?.pass();
    if (fault?.delayMs) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    const limiter = isOllama ? undefined : this.#limits.get(api);
    const response = limiter && !limiter.take()
      ? failure(new ApiError(429, "Rate limit reached", "rate_limit_exceeded"), api)
      : await this.#answer(api, url, request, body, fault, isOllama);
    for (const [name, value] of limiter?.headers(api === "messages") ?? []) {
      response.headers.set(name, value);
    }
    this.calls.push({ api, at, status: response.status, request: body });
    if (this.calls.length > 10_000) this.calls.splice(0, 1_000);
    return fault?.drop ? cutOff(response) : response;
  }

  async #answer(
    api: Api,
    url: URL,
    request: Request,
    body: Record<string, unknown>,
    fault: Fault | undefined,
    isOllama: boolean,
  ): Promise<Response> {
    if (fault?.status && fault.status !== 200) {
      const response = failure(
        new ApiError(fault.status, "Fault asked for by a test"),
        api,
        fault.body,
      );
      if (fault.retryAfter !== undefined) {
        response.headers.set("retry-after", String(fault.retryAfter));
      }
      return response;
    }
    try {
      switch (api) {
        case "embeddings":
          if (isOllama) return await this.#embeddings({ ...body, encoding_format: "float" });
          bearer(request);
          return await this.#embeddings(body);
        case "chat":
          if (!isOllama) bearer(request);
          return await this.#chat(body, fault);
        case "session":
          return await this.#session(body);
        case "messages":
          if (!request.headers.has("x-api-key")) bearer(request);
          return await this.#messages(body, fault);
        case "scraper":
          return await this.#scrape(body, fault);
        case "files":
          return await this.#file(url.pathname, request, fault);
      }
    } catch (error) {
      if (error instanceof ApiError) return failure(error, api);
      console.error(`stand-in ${api}:`, error);
      return failure(new ApiError(500, String(error)), api);
    }
  }

  #takeFault(api: Api): Fault | undefined {
    const fault = this.#faults.find((fault) => fault.api === api);
    if (fault && --fault.count! <= 0) this.#faults.splice(this.#faults.indexOf(fault), 1);
    return fault;
  }

  async #control(path: string, request: Request): Promise<Response> {
    if (request.headers.get("apikey") !== this.controlKey) {
      return Response.json({ error: "unauthorized" }, { status: 401 });
    }
    switch (`${request.method} ${path}`) {
      case "POST /control/faults":
        this.fail(await request.json());
        return new Response(null, { status: 204 });
      case "DELETE /control/faults":
        this.reset();
        return new Response(null, { status: 204 });
      case "GET /control/calls":
        return Response.json(this.calls);
      case "POST /control/files":
        try {
          return Response.json({ path: this.offer((await request.json()).path) });
        } catch (error) {
          return Response.json({ error: (error as Error).message }, { status: 400 });
        }
      default:
        return Response.json({ error: "unknown control" }, { status: 404 });
    }
  }

  async #load(): Promise<OfflineModel> {
    return await (this.#model ??= OfflineModel.load());
  }

  /** Ends what runs beside this process's own thread. */
  close() {
    this.#encoder?.close();
  }

  async #embed(model: unknown, texts: string[], dimensions: number): Promise<Embedding[]> {
    if (model === encoderModel) return await (this.#encoder ??= new OfflineEncoder()).embed(texts);
    const table = await this.#load();
    return texts.map((text) => table.embed(text, dimensions));
  }

  async #embeddings(body: Record<string, unknown>): Promise<Response> {
    const longest = body.model === encoderModel ? encoderDimensions : offlineDimensions;
    const { model, encoding_format: format = "float", dimensions = longest } = body;
    if (model !== offlineModel && model !== encoderModel) {
      throw new ApiError(404, `The model \`${model}\` does not exist`, "model_not_found");
    }
    if (model === encoderModel && dimensions !== encoderDimensions) {
      const message = "This model does not support specifying dimensions.";
      throw new ApiError(400, message, null, "dimensions");
    }
    if (format !== "float" && format !== "base64") {
      throw new ApiError(
        400,
        "encoding_format must be 'float' or 'base64'",
        null,
        "encoding_format",
      );
    }
    if (
      !Number.isInteger(dimensions) || dimensions as number < 1 ||
      dimensions as number > longest
    ) {
      const message =
        `Invalid value for 'dimensions' = ${dimensions}. Must be between 1 and ${longest}.`;
      throw new ApiError(400, message, null, "dimensions");
    }
    const inputs = Array.isArray(body.input) ? body.input : [body.input];
    if (inputs.length === 0 || inputs.length > maxInputs) {
      throw new ApiError(
        400,
        `'$.input' is invalid: it must have 1 to ${maxInputs} items.`,
        null,
        "input",
      );
    }
    for (const input of inputs) {
      if (typeof input !== "string" || input === "") {
        throw new ApiError(
          400,
          "'$.input' is invalid: every item must be a string that is not empty.",
          null,
          "input",
        );
      }
    }
    let tokenCount = 0;
    const data = (await this.#embed(model, inputs, dimensions as number)).map((result, index) => {
      if (result.tokenCount > maxInputTokens) {
        const message = `This model's maximum context length is ${maxInputTokens} tokens, ` +
          `however you requested ${result.tokenCount} tokens.`;
        throw new ApiError(400, message, "context_length_exceeded", "input");
      }
      tokenCount += result.tokenCount;
      const embedding = format === "base64"
        ? new Uint8Array(result.vector.buffer as ArrayBuffer).toBase64()
        : [...result.vector];
      return { object: "embedding", index, embedding };
    });
    const usage = { prompt_tokens: tokenCount, total_tokens: tokenCount };
    return Response.json({ object: "list", data, model, usage });
  }

  async #session({ model, text }: Record<string, unknown>): Promise<Response> {
    if (model !== session.model) throw new ApiError(400, `there is no model ${model}`);
    const { vector } = (await this.#load())
      .embed(String(text), offlineDimensions, session.maxTokens);
    return Response.json([...vector, ...Array(session.dimensions - vector.length).fill(0)]);
  }

  async #chat(body: Record<string, unknown>, fault: Fault | undefined): Promise<Response> {
    const messages = body.messages as { role: string; content: unknown }[] | undefined;
    if (!messages?.length) {
      throw new ApiError(400, "Missing required parameter: 'messages'.", null, "messages");
    }
    if (body.stream) {
      throw new ApiError(400, "Streaming is not supported by the stand-in.", null, "stream");
    }
    const { content, prompt_tokens, completion_tokens } = await this.#draft(messages, fault);
    return Response.json({
      id: `chatcmpl-${crypto.randomUUID()}`,
      object: "chat.completion",
      created: Math.floor(Date.now() / 1000),
      model: body.model,
      choices: [{
        index: 0,
        message: { role: "assistant", content, refusal: null },
        logprobs: null,
        finish_reason: "stop",
      }],
      usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
    });
  }

  async #messages(body: Record<string, unknown>, fault: Fault | undefined): Promise<Response> {
    if (typeof body.max_tokens !== "number") throw new ApiError(400, "max_tokens: Field required");
    const messages = [
      { role: "system", content: body.system ?? "" },
      ...(body.messages as { role: string; content: unknown }[] ?? []),
    ];
    const { content, prompt_tokens, completion_tokens } = await this.#draft(messages, fault);
    const tool = body.tool_choice as { type?: string; name?: string } | undefined;
    return Response.json({
      id: `msg_${crypto.randomUUID().replaceAll("-", "")}`,
      type: "message",
      role: "assistant",
      model: body.model,
      content: tool?.type === "tool"
        ? [{ type: "tool_use", id: "toolu_1", name: tool.name, input: JSON.parse(content) }]
        : [{ type: "text", text: content }],
      stop_reason: tool?.type === "tool" ? "tool_use" : "end_turn",
      stop_sequence: null,
      usage: { input_tokens: prompt_tokens, output_tokens: completion_tokens },
    });
  }

  /** What the model says, or what a test wants it to say. */
  async #draft(messages: { role: string; content: unknown }[], fault: Fault | undefined) {
    const texts = messages.map(({ content }) =>
      typeof content === "string"
        ? content
        : (content as { text?: string }[]).map((part) => part.text ?? "").join("\n")
    );
    const content = fault?.body !== undefined
      ? typeof fault.body === "string" ? fault.body : JSON.stringify(fault.body)
      : JSON.stringify(this.#say(texts.join("\n\n")));
    const encoder = await this.#load();
    const count = (text: string) => encoder.tokenize(text).length;
    return { content, prompt_tokens: count(texts.join("\n")), completion_tokens: count(content) };
  }

  /** A reading or a draft, whichever the prompt asks for. */
  #say(prompt: string): unknown {
    const data = readData<ReadingData>(prompt);
    return data.passages ? this.reader(data) : writeDraft(prompt);
  }

  /** Fetches the page as ScraperAPI would, statuses passed on. */
  async #scrape(query: Record<string, unknown>, fault: Fault | undefined): Promise<Response> {
    if (query.api_key !== this.controlKey) {
      throw new ApiError(401, "Unauthorized request, please make sure your API key is valid.");
    }
    if (typeof query.url !== "string" || !/^https?:\/\//i.test(query.url)) {
      throw new ApiError(400, "url is required, of http or https");
    }
    if (fault?.body !== undefined) {
      return new Response(String(fault.body), {
        headers: { "content-type": "text/html; charset=utf-8" },
      });
    }
    let response: Response;
    try {
      response = await fetch(query.url, { signal: AbortSignal.timeout(60_000) });
    } catch (error) {
      throw new ApiError(500, `Failed to fetch ${query.url}: ${(error as Error).message}`);
    }
    const headers = new Headers({
      "sa-final-url": response.url,
      "sa-statuscode": String(response.status),
    });
    headers.set("content-type", response.headers.get("content-type") ?? "application/octet-stream");
    return new Response(response.body, { status: response.status, headers });
  }

  async #file(
    pathname: string,
    request: Request,
    fault: Fault | undefined,
  ): Promise<Response> {
    const [token, ...rest] = pathname.slice("/files/".length).split("/").map(decodeURIComponent);
    const offered = this.#files.get(token);
    if (fault?.body !== undefined) {
      return new Response(String(fault.body), { headers: { "content-type": "text/html" } });
    }
    const notFound = () =>
      new Response("<h1>404 Not Found</h1>", {
        status: 404,
        headers: { "content-type": "text/html" },
      });
    if (!offered || rest.some((part) => part === ".." || part.includes("/"))) return notFound();
    try {
      let path = (await Deno.stat(offered)).isDirectory ? [offered, ...rest].join("/") : offered;
      if ((await Deno.stat(path)).isDirectory) path = `${path.replace(/\/$/, "")}/index.html`;
      const file = await Deno.open(path);
      const { size, mtime } = await file.stat();
      const modified = (mtime ?? new Date()).toUTCString();
      if (request.headers.get("if-modified-since") === modified) {
        file.close();
        return new Response(null, { status: 304, headers: { "last-modified": modified } });
      }
      const extension = path.split(".").pop()!.toLowerCase();
      return new Response(file.readable, {
        headers: {
          "content-type": contentTypes[extension] ?? "application/octet-stream",
          "content-length": String(size),
          "last-modified": modified,
        },
      });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return notFound();
      throw error;
    }
  }
}

function bearer(request: Request) {
  if (!/^Bearer \S+/.test(request.headers.get("authorization") ?? "")) {
    throw new ApiError(401, "You didn't provide an API key.", "invalid_api_key");
  }
}

/** An error as the API in question words it. */
function failure(error: ApiError, api: Api | undefined, body?: unknown): Response {
  const { status, message, code, param } = error;
  if (body !== undefined) {
    return typeof body === "string"
      ? new Response(body, { status })
      : Response.json(body, { status });
  }
  if (api === "scraper" || api === "files") return new Response(message, { status });
  if (api === "messages") {
    const type =
      ({ 401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error" })[status] ??
        (status < 500 ? "invalid_request_error" : "api_error");
    return Response.json({ type: "error", error: { type, message } }, { status });
  }
  const type = status === 429
    ? "rate_limit_exceeded"
    : status < 500
    ? "invalid_request_error"
    : "server_error";
  return Response.json({ error: { message, type, param, code } }, { status });
}

/** The answer's headers and its first bytes, then a broken connection. */
function cutOff(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("content-length", "1000000");
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode(" "));
      await response.body?.cancel();
    },
    pull: (controller) => controller.error(new Error("connection dropped on purpose")),
  });
  return new Response(body, { status: response.status, headers });
}
