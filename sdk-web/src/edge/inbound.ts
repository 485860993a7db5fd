/** What the other side wants: calls of our handlers, messages for the application. */
import type { Event } from "../conn/event.js";
import { body, ofUtf8, toUtf8, type Body, type Bytes } from "../wire/body.js";
import { encodedLength } from "../wire/base64.js";
import { MAX_PAYLOAD } from "../wire/header.js";
import type { Link } from "./link.js";
import { believedDeadline, bytesOf, IncomingCall, Message, shorten, type Handler } from "./payload.js";
import type { Scope } from "./scope.js";

/** Most handlers that run at once, and most bytes of their calls; one of any legal size always fits. */
const HANDLERS = 4096;
const REQUEST_BYTES = 64 * 1024 * 1024;
/** Time that a handler gets at least, in milliseconds, and in all where its caller states no credible deadline. */
const PATIENCE = 30_000;
/** What a message takes beside its bytes, about. */
const MESSAGE_BYTES = 200;
/** Room for what stands around a value in a response. */
const AROUND = 1024;

type Of<T extends string> = Extract<Event<unknown>, { type: T }>;

interface Running {
  readonly session: bigint;
  readonly packet: bigint;
  readonly key: Bytes;
  readonly cost: number;
  readonly abort: AbortController;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class Inbound {
  readonly #link: Link;
  readonly #running = new Map<string, Running>();
  #runningBytes = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  onRequest({ session, packet, body: content, cost }: Of<"request">, scope: Scope | undefined): void {
    const { key } = content;
    const method = ofUtf8(key);
    const handler = scope?.handler(method);
    if (handler === undefined) return this.#refuse(session, packet, key, `no such rpc: ${method}`);
    const full = this.#running.size >= HANDLERS || (this.#running.size > 0 && this.#runningBytes + cost > REQUEST_BYTES);
    if (full) return this.#refuse(session, packet, key, "congested");
    const name = nameOf(session, packet);
    if (this.#running.has(name)) return this.#refuse(session, packet, key, "a call with this id is running");
    const deadline = believedDeadline(content.deadline, content.contextDeadline);
    const abort = new AbortController();
    const time = Math.max(PATIENCE, (deadline?.getTime() ?? 0) - Date.now());
    const timer = setTimeout(() => this.#giveUp(name, "timeout"), time);
    this.#running.set(name, { session, packet, key, cost, abort, timer });
    this.#runningBytes += cost;
    const call = new IncomingCall(method, content.value, content.custom, deadline, abort.signal);
    void this.#run(name, handler, call);
  }

  async #run(name: string, handler: Handler, call: IncomingCall): Promise<void> {
    let answer: Partial<Body>;
    try {
      const value = bytesOf(await handler(call));
      const length = encodedLength(value.length) + AROUND;
      answer = length > MAX_PAYLOAD ? { error: `result too large: ${value.length} bytes` } : { value: value as Bytes };
    } catch (error) {
      answer = { error: shorten(error instanceof Error ? error.message : String(error)) || "error" };
    }
    const running = this.#remove(name);
    if (running === undefined) return;
    this.#respond(running.session, running.packet, running.key, answer);
  }

  /** The caller no longer wants the answer, but every request gets one. */
  onCancelled(session: bigint, packet: bigint): void {
    this.#giveUp(nameOf(session, packet), "context canceled");
  }

  /** A session has ended: its callers have given up. */
  onEnded(session: bigint): void {
    for (const [name, running] of this.#running) {
      if (running.session === session) this.#giveUp(name, "force closed");
    }
  }

  /** The link has ended. */
  end(): void {
    for (const name of [...this.#running.keys()]) this.#remove(name)?.abort.abort();
  }

  onMessage({ session, packet, body: content }: Of<"message">, scope: Scope | undefined): void {
    const { topic, value, custom, deadline, contextDeadline } = content;
    const answer = (error: string) => {
      this.#link.conn.ack(session, packet, error);
      this.#link.wake();
    };
    const message = new Message(topic, value, custom, believedDeadline(deadline, contextDeadline), packet, answer);
    const held = MESSAGE_BYTES + topic.length + value.length + custom.length;
    if (!scope?.inbox.push(message, held)) message.reject("congested");
  }

  #giveUp(name: string, error: string): void {
    const running = this.#remove(name);
    if (running === undefined) return;
    this.#refuse(running.session, running.packet, running.key, error);
    running.abort.abort(new Error(error));
  }

  #remove(name: string): Running | undefined {
    const running = this.#running.get(name);
    if (running === undefined) return undefined;
    clearTimeout(running.timer);
    this.#running.delete(name);
    this.#runningBytes -= running.cost;
    return running;
  }

  #refuse(session: bigint, packet: bigint, key: Bytes, error: string): void {
    this.#respond(session, packet, key, { error });
  }

  #respond(session: bigint, packet: bigint, key: Bytes, answer: Partial<Body>): void {
    // A caller does not need the name. One that is longer than any method's is not worth sending back.
    this.#link.conn.respond(session, packet, body({ key: key.length < AROUND / 2 ? key : toUtf8(""), ...answer }));
    this.#link.wake();
  }
}

function nameOf(session: bigint, packet: bigint): string {
  return `${session}/${packet}`;
}
