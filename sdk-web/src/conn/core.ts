import { commonCaps, NO_CAPS, type Caps } from "../wire/body.js";
import { encodeFrame, type Frame } from "../wire/frame.js";
import { IdGenerator } from "../wire/ids.js";
import type { Event } from "./event.js";
import type { Settings } from "./settings.js";
import { Timers } from "./timers.js";

/** What a frame counts in queues and budgets: its bytes and what it takes to hold it. */
export function cost(frame: Uint8Array): number {
  return frame.length + 96;
}

/** What a waiting frame is counted as. */
export type Lane = "calls" | "messages" | "replies" | "other";

/** A frame that waits to be written. */
export interface Transmit {
  readonly bytes: Uint8Array;
  readonly lane: Lane;
  /** Written, or taken out of the queue before that. */
  done: boolean;
}

/** What an entry waits for. `window`: for room in its session's window of un-acked messages, with the message's frame. */
export type Wanted = "response" | "ack" | "window" | "registration" | "session";

export interface Waiting<W> {
  readonly session: bigint;
  wanted: Wanted;
  readonly waiter: W;
  /** What was queued for it. */
  readonly transmit?: Transmit;
}

/** A first-in, first-out queue whose front is cheap to take. */
export class Queue<T> {
  #items: T[] = [];
  #from = 0;

  get size(): number {
    return this.#items.length - this.#from;
  }

  get front(): T | undefined {
    return this.#items[this.#from];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#from]!;
    this.#from += 1;
    if (this.#from === this.#items.length) {
      this.clear();
    } else if (this.#from > 1024 && this.#from * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#from);
      this.#from = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#from = 0;
  }
}

/** What the parts of a connection share: queues, timers, who waits for an answer. */
export class Core<W> {
  caps: Caps = NO_CAPS;
  /** Whether the handshake is done, neither side has begun to leave, and nothing has gone wrong. */
  open = false;
  closed: string | undefined;
  readonly events = new Queue<Event<W>>();
  readonly awaiting = new Map<bigint, Waiting<W>>();
  readonly timers = new Timers();
  /** Bytes that wait to be written, by lane. */
  readonly queued: Record<Lane, number> = { calls: 0, messages: 0, replies: 0, other: 0 };
  /** Short frames that others must not delay. */
  readonly #urgent = new Queue<Transmit>();
  readonly #ordinary = new Queue<Transmit>();

  constructor(
    readonly settings: Settings,
    readonly ids: IdGenerator,
  ) {}

  adopt(caps: Caps): void {
    this.caps = commonCaps(this.settings.caps, caps);
  }

  emit(event: Event<W>): void {
    this.events.push(event);
  }

  urgent(packet: bigint, frame: Frame): void {
    this.#urgent.push(this.count(encodeFrame(packet, frame), "other"));
  }

  send(packet: bigint, frame: Frame): void {
    this.#ordinary.push(this.count(encodeFrame(packet, frame), "other"));
  }

  /** Counts a frame in, which is then to be given to {@link Core.queue} or {@link Core.drop}. */
  count(bytes: Uint8Array, lane: Lane): Transmit {
    this.queued[lane] += cost(bytes);
    return { bytes, lane, done: false };
  }

  queue(transmit: Transmit): void {
    this.#ordinary.push(transmit);
  }

  /** Takes a frame out, unless it has left. Whether it had not. */
  drop(transmit: Transmit | undefined): boolean {
    if (transmit === undefined || transmit.done) return false;
    transmit.done = true;
    this.queued[transmit.lane] -= cost(transmit.bytes);
    return true;
  }

  /** The next frame to write: urgent ones first. */
  next(): Uint8Array | undefined {
    for (;;) {
      const transmit = this.#urgent.shift() ?? this.#ordinary.shift();
      if (transmit === undefined) return undefined;
      if (this.drop(transmit)) return transmit.bytes;
    }
  }

  get hasNext(): boolean {
    return this.#urgent.size + this.#ordinary.size > 0;
  }

  /** Removes the entry if it is of this session and waits for one of these. */
  answer(session: bigint, packet: bigint, ...wanted: Wanted[]): Waiting<W> | undefined {
    const waiting = this.awaiting.get(packet);
    if (waiting === undefined || waiting.session !== session || !wanted.includes(waiting.wanted)) return undefined;
    this.awaiting.delete(packet);
    return waiting;
  }

  /** Whoever waits for an answer of the peer, on this session or at all, is told that none comes. */
  failAwaiting(session?: bigint): void {
    for (const [packet, waiting] of this.awaiting) {
      if (session !== undefined && waiting.session !== session) continue;
      this.awaiting.delete(packet);
      this.drop(waiting.transmit);
      this.fail(waiting.waiter, "session-ended");
    }
  }

  fail(waiter: W, why: "expired" | "session-ended"): void {
    this.emit({ type: "failed", waiter, failure: { why } });
  }

  /** Rings when the answer to a packet is overdue. */
  setDeadline(at: number, packet: bigint): void {
    const live = (id: bigint) => this.awaiting.has(id);
    this.timers.tidy("await", live, this.awaiting.size);
    this.timers.set(at, "await", packet);
  }
}
