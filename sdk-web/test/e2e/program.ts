/** Our programs as processes. What a test starts ends with it. */
import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";

/** How long anything may take that is sure to come, on a machine that is slow and busy. */
export const PATIENCE = 120_000;

/** A built program: the gateway is the one that `FRONTIER_BIN` names, the others lie in `FRONTIER_PROGRAMS`, or beside it. */
export function built(name: string): string {
  const { FRONTIER_BIN: frontier, FRONTIER_PROGRAMS: programs } = process.env;
  assert.ok(frontier, "FRONTIER_BIN does not name the built gateway: `make test-web` does that");
  return name === "frontier" ? frontier : join(programs ?? dirname(frontier), name);
}

/** Waits for a promise, with a limit and a reason. */
export async function soon<T>(promise: Promise<T>, what: string, patience = PATIENCE): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${patience} ms`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #said: string;
  readonly #lines: string[] = [];
  readonly #exited: Promise<number | null>;
  #news = new EventTarget();

  /** `end`: the signal by which it ends with its test, SIGKILL unless it has something to tidy up. */
  constructor(
    t: TestContext,
    name: string,
    args: string[],
    { env, cwd, end = "SIGKILL" }: { env?: Record<string, string>; cwd?: string; end?: NodeJS.Signals } = {},
  ) {
    this.#said = [name, ...args].join(" ");
    this.#child = spawn(built(name), args, { env: { ...process.env, ...env }, cwd });
    this.#exited = once(this.#child, "exit").then(([code]) => code as number | null);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.#lines.push(line);
        this.#news.dispatchEvent(new Event("line"));
      });
    }
    t.after(() => this.end(end));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** All lines so far, of both outputs. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The first line that matches; waits for it. */
  async prints(match: RegExp): Promise<RegExpExecArray> {
    let look = () => {};
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      look = () => {
        for (const line of this.#lines) {
          const hit = match.exec(line);
          if (hit) return resolve(hit);
        }
      };
      this.#news.addEventListener("line", look);
      void this.#exited.then((code) => {
        look();
        reject(new Error(`${this.#said} ended with ${code} before it printed ${match}:\n${this.#lines.join("\n")}`));
      });
      look();
    });
    try {
      return await soon(found, `${this.#said} prints ${match}, so far:\n${this.#lines.join("\n")}`);
    } finally {
      this.#news.removeEventListener("line", look);
    }
  }

  input(bytes: string | Uint8Array): void {
    this.#child.stdin.end(bytes);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for its end; its exit code. */
  exit(): Promise<number | null> {
    return soon(this.#exited, `the end of ${this.#said}`);
  }

  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
  }
}

/** Runs a program to its end; its exit code and what it wrote to standard output. */
export async function run(name: string, args: string[], env: Record<string, string>, input: string | Uint8Array = "") {
  const child = spawn(built(name), args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => out.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => err.push(bytes));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code] = (await soon(once(child, "close"), `the end of ${name} ${args.join(" ")}`)) as [number | null];
  return { code, out: Buffer.concat(out), err: Buffer.concat(err).toString() };
}
