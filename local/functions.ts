// Runs functions/<name>/index.ts unmodified, one process a function, started by its first request and
// again by the next one after it died. A process of its own is what makes kill -9 tests honest.

import { resolve } from "node:path";
import { parse as parseToml } from "npm:smol-toml@1.9.1";
import { exists, root, tool } from "./paths.ts";
import { isAlive, type ProcessId, type ProcessTable, stopProcesses } from "./processes.ts";

export interface FunctionSettings {
  /** Whether the gateway turns away requests without a valid token or API key. */
  verifyJwt: boolean;
  entrypoint: string;
}

interface RunningFunction {
  process: ProcessId;
  port: Promise<number>;
  exited: Promise<Deno.CommandStatus>;
}

/** Bodies up to this size are kept, so that a request to a process that just died can go again. */
const replayableBytes = 1 << 20;

export class FunctionHost {
  #running = new Map<string, RunningFunction>();
  #config?: Promise<Record<string, { verify_jwt?: boolean; entrypoint?: string }>>;
  #stopping = false;

  constructor(
    readonly options: {
      /** Folder that holds functions/ and supabase/config.toml. */
      projectDir: string;
      /** Folder of <name>.log. */
      logsDir: string;
      processes: ProcessTable;
      /** "2.1" is what hosted Supabase is compatible with. */
      deno: "newest" | "2.1";
      /** Module loaded into each process before the function, for tests; newest Deno only. */
      preload?: string;
      /** The whole environment of the functions. */
      env: () => Record<string, string>;
    },
  ) {}

  /** A function's section of supabase/config.toml, or undefined when there is no such function. */
  async settings(name: string): Promise<FunctionSettings | undefined> {
    if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(name)) return undefined;
    const supabaseDir = `${this.options.projectDir}/supabase`;
    this.#config ??= (async () => {
      const path = `${supabaseDir}/config.toml`;
      if (!await exists(path)) return {};
      const config = parseToml(await Deno.readTextFile(path));
      return (config.functions ?? {}) as Record<string, { verify_jwt?: boolean }>;
    })();
    const section = (await this.#config)[name];
    const entrypoint = section?.entrypoint
      ? resolve(supabaseDir, section.entrypoint)
      : `${this.options.projectDir}/functions/${name}/index.ts`;
    if (!await exists(entrypoint)) return undefined;
    return { verifyJwt: section?.verify_jwt ?? true, entrypoint };
  }

  /** Passes a request on; `path` starts with the function's name, as the function sees it hosted. */
  async fetch(
    name: string,
    entrypoint: string,
    path: string,
    request: Request,
  ): Promise<Response> {
    const { search } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.delete("host");
    // The answer is passed on as it comes, so it must not be compressed for us.
    headers.set("accept-encoding", "identity");
    const length = Number(headers.get("content-length") ?? (request.body ? Infinity : 0));
    const replayable = length <= replayableBytes;
    const body = replayable && request.body ? await request.arrayBuffer() : request.body;

    for (let attempt = 1;; attempt++) {
      // Its end may not have been noticed yet; a request is only sent to a process that lives.
      const known = this.#running.get(name);
      if (known && !isAlive(known.process)) this.#forget(name, known);
      const running = this.#start(name, entrypoint);
      let port: number;
      try {
        port = await running.port;
      } catch (error) {
        return Response.json({ code: "BOOT_ERROR", message: (error as Error).message }, {
          status: 503,
        });
      }
      try {
        const response = await fetch(`http://127.0.0.1:${port}/${path}${search}`, {
          method: request.method,
          headers,
          body,
          redirect: "manual",
        });
        return new Response(response.body, response);
      } catch (error) {
        // Refused: the process had died before it saw the request, so a new one may have it.
        const refused = /refused|tcp connect/i.test(String((error as Error).cause ?? error));
        if (refused && replayable && attempt === 1 && !this.#stopping) {
          this.#forget(name, running);
          continue;
        }
        const message = `function ${name} ended without an answer, see ${this.#logFile(name)}`;
        return Response.json({ code: "WORKER_ERROR", message }, { status: 502 });
      }
    }
  }

  /** The process that serves a function now, for tests. */
  pid(name: string): number | undefined {
    return this.#running.get(name)?.process.pid;
  }

  /** The functions that have a process now. */
  running(): string[] {
    return [...this.#running.keys()];
  }

  /** Sends a signal to a function's process and waits for its end; false when none was running. */
  async kill(name: string, signal: Deno.Signal = "SIGKILL"): Promise<boolean> {
    const running = this.#running.get(name);
    if (!running) return false;
    // It ends by itself, however busy the machine is; the grace is for one that hangs.
    await stopProcesses([running.process], signal, 60_000);
    await running.exited;
    return true;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const all = [...this.#running.values()];
    await stopProcesses(all.map(({ process }) => process), "SIGTERM", 3_000);
    await Promise.all(all.map(({ exited }) => exited));
  }

  #logFile(name: string): string {
    return `${this.options.logsDir}/${name}.log`;
  }

  #forget(name: string, running: RunningFunction) {
    if (this.#running.get(name) === running) this.#running.delete(name);
  }

  #start(name: string, entrypoint: string): RunningFunction {
    const current = this.#running.get(name);
    if (current) return current;
    if (this.#stopping) throw new Error("the stack is stopping");

    const newest = this.options.deno === "newest";
    const preload = [`${root}/local/standins/session.ts`, this.options.preload ?? []].flat()
      .flatMap((module) => ["--preload", module]);
    // What an Edge Function may do: reach the network and read its settings and its own code. A test's preload may do more.
    const readable = [this.options.projectDir, root, Deno.env.get("DENO_DIR")].filter(Boolean);
    const permissions = this.options.preload ? ["-A"] : [
      "--allow-net",
      "--allow-env",
      "--allow-sys",
      `--allow-read=${readable.join(",")}`,
      "--no-prompt",
    ];
    const child = new Deno.Command(tool(newest ? "deno" : "deno-2.1"), {
      // Deno 2.1 knows neither our lock file's version nor DENO_SERVE_ADDRESS.
      args: newest
        ? ["run", ...permissions, "--no-lock", ...preload, entrypoint]
        : ["run", ...permissions, "--no-lock", `${root}/local/serve_on_free_port.ts`, entrypoint],
      env: { ...this.options.env(), DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0", NO_COLOR: "1" },
      clearEnv: true,
      cwd: this.options.projectDir,
      detached: true, // Ctrl-C in the terminal is for the supervisor, which stops its children in order
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const process = this.options.processes.add(child.pid, `function ${name}`);

    const log = Deno.openSync(this.#logFile(name), { create: true, append: true });
    const listening = Promise.withResolvers<number>();
    listening.promise.catch(() => {});
    let tail = "";
    const follow = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) {
        log.writeSync(chunk);
        tail = (tail + decoder.decode(chunk, { stream: true })).slice(-4_000);
        const port = /Listening on http:\/\/[^:\s]+:(\d+)/.exec(tail)?.[1];
        if (port) listening.resolve(Number(port));
      }
    };
    const followed = Promise.all([follow(child.stdout), follow(child.stderr)]);

    const running: RunningFunction = {
      process,
      port: listening.promise,
      exited: child.status.then(async (status) => {
        this.options.processes.remove(process);
        this.#forget(name, running);
        await followed;
        log.close();
        listening.reject(
          new Error(
            `function ${name} did not start (exit ${status.code}), see ${this.#logFile(name)}:\n` +
              tail.trim().slice(-1_500),
          ),
        );
        return status;
      }),
    };
    this.#running.set(name, running);
    return running;
  }
}
