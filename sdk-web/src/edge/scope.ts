/** What an edge and each of its streams have: handlers, an inbox, and calls and messages to the other side. */
import { CongestedError, EdgeError, TooLargeError } from "../errors.js";
import { cost } from "../conn/core.js";
import { body, toUtf8, type Bytes } from "../wire/body.js";
import { encodedLength } from "../wire/base64.js";
import { HEADER, MAX_PAYLOAD } from "../wire/header.js";
import type { Link } from "./link.js";
import { Mailbox } from "./mailbox.js";
import { copyOf, type Handler, type Message, type Payload } from "./payload.js";

/** Time for an answer where the application asks for none, in milliseconds. */
export const DEFAULT_TIMEOUT = 30_000;
/** Longest time for an answer: receivers take a deadline further ahead for a broken clock. */
const LONGEST_TIMEOUT = 3_600_000;
/** Messages that wait for the application at most: as many as a peer sends without an ack. */
const WAITING_MESSAGES = 512;

/** Of a call or message. */
export interface SendOptions {
  /** Time for the answer in milliseconds: 30 000 unless set, an hour at most. The other side learns of it. */
  timeout?: number;
  /** Gives it up: what is not sent yet is withdrawn, and the other side is told where it understands that. */
  signal?: AbortSignal;
  /** Bytes that accompany the payload. */
  custom?: Payload;
}

/** Where something goes: a link that can be used now, and a session on it. */
export interface Route {
  readonly link: Link;
  readonly session: bigint;
}

/** Finds the way, waiting for a link where that makes sense. Throws where there will be none. */
export type FindRoute = (deadline: number, signal: AbortSignal | undefined) => Promise<Route>;

export interface Bounds {
  readonly receiveBytes: number;
  readonly queueBytes: number;
}

export class Scope {
  readonly inbox: Mailbox<Message>;
  readonly #handlers = new Map<string, Handler>();
  readonly #route: FindRoute;
  /** What an error means to whoever used this way. */
  readonly #explain: (error: EdgeError) => EdgeError;
  readonly #queueBytes: number;

  constructor(route: FindRoute, explain: (error: EdgeError) => EdgeError, bounds: Bounds) {
    this.#route = route;
    this.#explain = explain;
    this.#queueBytes = bounds.queueBytes;
    this.inbox = new Mailbox(WAITING_MESSAGES, bounds.receiveBytes);
  }

  get methods(): string[] {
    return [...this.#handlers.keys()];
  }

  handler(method: string): Handler | undefined {
    return this.#handlers.get(method);
  }

  setHandler(method: string, handler: Handler): void {
    this.#handlers.set(method, handler);
  }

  async register(method: string, handler: Handler): Promise<void> {
    this.#handlers.set(method, handler);
    const deadline = performance.now() + DEFAULT_TIMEOUT;
    for (;;) {
      const { link, session } = await this.#route(deadline, undefined);
      try {
        await link.register(session, method, deadline);
        return;
      } catch (error) {
        const explained = this.#explain(error as EdgeError);
        // Registering twice does no harm, so it may be tried again on the next link.
        if (explained.code !== "link-lost") throw explained;
      }
    }
  }

  async send(kind: "call" | "publish", name: string, payload: Payload, options: SendOptions = {}): Promise<Bytes> {
    const { signal } = options;
    signal?.throwIfAborted();
    const timeout = Math.min(options.timeout ?? DEFAULT_TIMEOUT, LONGEST_TIMEOUT);
    const deadline = performance.now() + timeout;
    // What the application does to its bytes from now on changes nothing.
    const [value, custom] = [copyOf(payload), copyOf(options.custom)];
    const nothing = new Uint8Array(0);
    const [key, topic] = kind === "call" ? [toUtf8(name), ""] : [nothing, name];
    const content = body({ key, value, topic, custom, deadline: Date.now() + timeout });
    const length = [key, value, custom].reduce((sum, bytes) => sum + encodedLength(bytes.length), lengthAround(topic));
    if (length > MAX_PAYLOAD) throw new TooLargeError(length, MAX_PAYLOAD);
    const { link, session } = await this.#route(deadline, signal);
    signal?.throwIfAborted();
    const lane = kind === "call" ? "calls" : "messages";
    const queued = link.conn.queued[lane];
    if (queued > 0 && queued + cost(new Uint8Array(0)) + HEADER + length > this.#queueBytes) throw new CongestedError();
    let aborted = () => {};
    try {
      return await new Promise<Bytes>((done, reject) => {
        const failed = (error: EdgeError) => reject(this.#explain(error));
        const packet = link.ask(kind, session, content, deadline, { done, failed });
        aborted = () => {
          link.cancel(packet);
          reject(signal!.reason);
        };
        signal?.addEventListener("abort", aborted);
      });
    } finally {
      signal?.removeEventListener("abort", aborted);
    }
  }

  /** Nothing comes on it any more. */
  close(): void {
    this.inbox.close();
    this.#handlers.clear();
  }
}

/** Bytes of a body beside its base64 texts, at most. */
function lengthAround(topic: string): number {
  const names = 160;
  return names + toUtf8(JSON.stringify(topic)).length;
}
