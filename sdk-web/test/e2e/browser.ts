/** A headless Chromium, and pages of a site of the test's own that have the SDK. */
import assert from "node:assert/strict";
import { accessSync, constants, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { build } from "esbuild";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";

import type * as sdk from "../../src/index.js";
import { PATIENCE } from "./program.js";

/** What pages of the site have. */
export interface Tools {
  sdk: typeof sdk;
  edge: sdk.Edge;
}

/** From `sdk-web/build/test/e2e`. */
const ROOT = join(import.meta.dirname, "../../..");

/** Where pictures of pages are kept. */
export function picture(name: string): string {
  const folder = join(ROOT, "build/pictures");
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.png`);
}

function executable(): string {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const places = (process.env["PATH"] ?? "").split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  assert.ok(found, "no Chromium in PATH: scripts/setup.sh web installs it");
  return found;
}

/** As root there is no sandbox, and nothing foreign is loaded here. */
const FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"];

export function launch(...flags: string[]): Promise<Browser> {
  const args = [...FLAGS, ...flags];
  return chromium.launch({ executablePath: executable(), args, timeout: PATIENCE });
}

/** A browser that can be put to sleep as a machine is: all its processes at once. */
export class Sleeper {
  private constructor(
    readonly browser: Browser,
    readonly pid: number,
  ) {}

  static async launch(t: TestContext): Promise<Sleeper> {
    const server = await chromium.launchServer({ executablePath: executable(), args: FLAGS, timeout: PATIENCE });
    const sleeper = new Sleeper(await chromium.connect(server.wsEndpoint()), server.process().pid!);
    t.after(() => {
      sleeper.wake();
      return server.close();
    });
    return sleeper;
  }

  /** Sends a signal to the browser's processes, from the first to its last descendants. */
  #signal(signal: NodeJS.Signals): void {
    const parents = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), parent(name)] as const);
    const all = [this.pid];
    for (const pid of all) all.push(...parents.flatMap(([child, parent]) => (parent === pid ? [child] : [])));
    for (const pid of all) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  sleep(): void {
    this.#signal("SIGSTOP");
  }

  wake(): void {
    this.#signal("SIGCONT");
  }
}

/** The process that started this one, if it still is there. */
function parent(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in front, in brackets, may hold anything.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

/** Tabs that share nothing with others, until the end of the test. */
export async function tabs(t: TestContext, browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  t.after(() => context.close());
  return context;
}

export class Site {
  #port = 0;
  #script = "";

  /** Serves a page that has the SDK, built from its sources, in `globalThis.tools`. */
  static async serve(t: TestContext): Promise<Site> {
    const site = new Site();
    await site.run('import * as sdk from "@frontier/edge"; globalThis.tools = { sdk };');
    const server = createServer((request, response) => {
      const isScript = request.url === "/script.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(isScript ? site.#script : '<!doctype html><title>edge</title><script type="module" src="script.js"></script>');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    site.#port = (server.address() as AddressInfo).port;
    return site;
  }

  /** Has the page run this module instead. */
  async run(contents: string): Promise<void> {
    const alias = { "@frontier/edge": join(ROOT, "src/index.ts") };
    const stdin = { contents, resolveDir: ROOT };
    const built = await build({ stdin, alias, bundle: true, format: "esm", target: "es2022", write: false });
    this.#script = built.outputFiles[0]!.text;
  }

  /** Two names of one server are two origins. */
  origin(host = "127.0.0.1"): string {
    return `http://${host}:${this.#port}`;
  }

  /** Opens the page in a tab. */
  async open(tabs: { newPage(): Promise<Page> }, host?: string): Promise<Page> {
    const page = await tabs.newPage();
    await page.goto(this.origin(host));
    await page.waitForFunction(() => "tools" in globalThis);
    return page;
  }
}

/** Connects the page's edge; its id. */
export async function connect(page: Page, url: string, meta = ""): Promise<string> {
  return page.evaluate(
    async ([url, meta]) => {
      const { tools } = globalThis as unknown as { tools: Tools };
      const methods = { greet: (call: sdk.IncomingCall) => `hello ${call.text()}` };
      tools.edge = await tools.sdk.Edge.connect(url!, { meta: meta!, methods });
      return String(tools.edge.id);
    },
    [url, meta],
  );
}
