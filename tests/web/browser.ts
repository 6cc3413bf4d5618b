// What the web tests share: one stack, the dashboard's server in front of it, Chromium, and a page that fails the test when
// something in it breaks.

import assert from "node:assert/strict";
import axe from "npm:axe-core@4.14.1";
import { type Browser, type BrowserContext, chromium, type Page } from "npm:playwright-core@1.65.1";
import { madeByStandins } from "../../cli/analyze.ts";
import { type DashboardServer, serveDashboard } from "../../cli/dashboard.ts";
import { ensureWebBuilt } from "../../cli/web_bundle.ts";
import { root } from "../../local/paths.ts";
import { type Stack, startStack } from "../../local/stack.ts";

/** A guard against hanging, milliseconds: nothing here is a test of speed, and the machine may be a slow and busy one. */
export const patience = 600_000;

export interface World extends AsyncDisposable {
  stack: Stack;
  server: DashboardServer;
  browser: Browser;
  bundle: string;
}

/** Chrome or Chromium; on Debian tests/wasm.sh or the run script has installed it. */
export async function findChromium(): Promise<string> {
  for (const name of ["chromium", "google-chrome", "google-chrome-stable", "chrome"]) {
    const { code, stdout } = await new Deno.Command("sh", { args: ["-c", `command -v ${name}`] })
      .output();
    if (code === 0) return new TextDecoder().decode(stdout).trim();
  }
  throw new Error("there is no Chromium on PATH: apt-get install chromium");
}

export async function startWorld(): Promise<World> {
  const bundle = await ensureWebBuilt(() => {});
  const stack = await startStack();
  const server = serveDashboard(bundle, {
    apiUrl: stack.apiUrl,
    secretKey: stack.secretKey,
    name: "test",
    standins: madeByStandins(stack.realApis),
  });
  const browser = await chromium.launch({
    executablePath: await findChromium(),
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    timeout: patience,
  });
  return {
    stack,
    server,
    browser,
    bundle,
    async [Symbol.asyncDispose]() {
      await browser.close();
      await server[Symbol.asyncDispose]();
      await stack.stop();
    },
  };
}

/** A browser window of its own. What breaks in it is collected and fails `close`. */
export class Visitor implements AsyncDisposable {
  readonly problems: string[] = [];

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    readonly base: string,
  ) {}

  static async open(
    world: World,
    options: {
      width?: number;
      height?: number;
      dark?: boolean;
      base?: string;
      link?: string;
    } = {},
  ): Promise<Visitor> {
    const { width = 1280, height = 900, dark = false } = options;
    const context = await world.browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      reducedMotion: "reduce",
      locale: "en-GB",
      timezoneId: "UTC",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    const base = options.base ?? `http://127.0.0.1:${world.server.port}`;
    const visitor = new Visitor(page, context, base);
    page.on("pageerror", (error) => visitor.problems.push(`error: ${error.message}`));
    page.on("console", (message) => {
      // A refused request is written by the browser itself; tests of refusals look at what the page says.
      if (message.type() === "error" && !/Failed to load resource/.test(message.text())) {
        visitor.problems.push(`console: ${message.text()}`);
      }
    });
    await page.goto(options.link ?? world.server.link());
    await page.waitForSelector("h1");
    return visitor;
  }

  async go(path: string) {
    await this.page.goto(`${this.base}/#/${path}`);
    await this.page.waitForSelector("h1");
  }

  /** axe-core over what is shown, WCAG 2.2 A and AA and its best practices. */
  async checkAccessibility(what: string) {
    // The page's policy lets no script in; the browser's own channel does.
    const session = await this.context.newCDPSession(this.page);
    const { frameTree } = await session.send("Page.getFrameTree");
    const { executionContextId } = await session.send("Page.createIsolatedWorld", {
      frameId: frameTree.frame.id,
    });
    const evaluate = async (expression: string) => {
      const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
        expression,
        contextId: executionContextId,
        awaitPromise: true,
        returnByValue: true,
      });
      assert.equal(exceptionDetails, undefined, `${what}: ${exceptionDetails?.text}`);
      return result.value;
    };
    await evaluate(axe.source);
    const violations = JSON.parse(
      await evaluate(`axe.run(document, { resultTypes: ["violations"] }).then((found) =>
        JSON.stringify(found.violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => html + " " + failureSummary) }))))`),
    );
    await session.detach();
    assert.deepEqual(violations, [], `axe finds no violation in ${what}`);
  }

  async [Symbol.asyncDispose]() {
    await this.context.close();
  }
}

/** Where screenshots go: WEB_SCREENSHOTS, or nowhere. */
export async function screenshot(visitor: Visitor, name: string) {
  const dir = Deno.env.get("WEB_SCREENSHOTS");
  if (!dir) return;
  await Deno.mkdir(dir, { recursive: true });
  await visitor.page.screenshot({ path: `${dir}/${name}.png` });
}

export const sample = `${root}/cli/sample`;
