/** One link: a connection's protocol state, its socket, its timer, and whom its events concern. */
import { Connection } from "../conn/connection.js";
import type { Event, Failure } from "../conn/event.js";
import { SETTINGS } from "../conn/settings.js";
import {
  EdgeError, HandshakeError, LinkLostError, RefusedError, RemoteError, StreamClosedError, TimeoutError,
} from "../errors.js";
import { sessionData, type Body, type Bytes } from "../wire/body.js";
import { encodeFrame } from "../wire/frame.js";
import { FrameCutter, WireError } from "../wire/header.js";
import { IdGenerator, MAIN } from "../wire/ids.js";
import { Kind } from "../wire/kind.js";
import { Inbound } from "./inbound.js";
import type { Pipe } from "./pipe.js";
import type { Bounds, Scope } from "./scope.js";
import type { Socket } from "./socket.js";
import { Streams } from "./streams.js";

/** Bytes that may wait in the socket. Few, so that heartbeats and answers do not wait long behind bulk. */
const SOCKET_BYTES = 256 * 1024;
/** Frames are joined to messages of about this size. */
const MESSAGE_BYTES = 64 * 1024;
/** How often a full socket is looked at, in milliseconds: it does not tell when it has room. */
const DRAIN_LOOK = 4;
/** Without a word for this long, heartbeats and all, a link is not trusted. */
const SUSPICIOUS = 1.5 * SETTINGS.heartbeatEvery;
/** How much more the clock may advance than the timers did before it means that the machine has slept. */
const ASLEEP = 2_000;
/** Time for the gateway to confirm the methods after a connect. */
const RESTORE = 10_000;

/** Who waits for an answer. */
export interface Waiter {
  done(value: Bytes): void;
  opened?(session: bigint): void;
  failed(error: EdgeError): void;
}

/** A text for people, and the error that stands for it. */
export interface LinkEnd {
  readonly reason: string;
  readonly error: EdgeError;
  /** How long it was online, in milliseconds; `undefined` if it never was. */
  readonly lived: number | undefined;
}

export interface LinkOptions {
  readonly wanted: bigint;
  readonly meta: Bytes;
  /** Handlers and messages of session 1. */
  readonly main: Scope;
  readonly bounds: Bounds;
  /** The link is online, and every method is registered. */
  onOnline(id: bigint): void;
  onOffer(session: bigint, peer: string): void;
}

export class Link {
  readonly conn: Connection<Waiter>;
  readonly streams: Streams;
  readonly ended: Promise<LinkEnd>;
  readonly #options: LinkOptions;
  readonly #socket: Socket;
  readonly #cutter = new FrameCutter();
  readonly #inbound: Inbound;
  #finish!: (end: LinkEnd) => void;
  #over = false;
  #scheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #heardAt = Date.now();
  #onHeard: (() => void)[] = [];
  #refusal: string | undefined;
  #complaint: string | undefined;
  #onlineSince: number | undefined;

  constructor(socket: Socket, options: LinkOptions) {
    this.#options = options;
    this.#socket = socket;
    this.#inbound = new Inbound(this);
    this.streams = new Streams(this, options.bounds);
    const ids = new IdGenerator(Date.now() / 1000, Math.random() * 2 ** 32);
    this.conn = new Connection<Waiter>(this.now, SETTINGS, ids, options.wanted, options.meta);
    this.ended = new Promise((resolve) => (this.#finish = resolve));
    socket.onBytes = (bytes) => this.#receive(bytes);
    socket.onEnd = (reason) => {
      this.conn.abort(reason);
      this.#pump();
    };
    this.wake();
  }

  /** Milliseconds of a clock that only runs forward. */
  get now(): number {
    return performance.now();
  }

  get isOnline(): boolean {
    return this.#onlineSince !== undefined && this.conn.isOpen;
  }

  // --- asking

  /** Sends a request or message. Gives its packet, to cancel it with. */
  ask(kind: "call" | "publish", session: bigint, body: Body, deadline: number, waiter: Waiter): bigint {
    const packet = this.conn.freshPacket();
    const frame = encodeFrame(packet, { kind: kind === "call" ? Kind.Request : Kind.Message, session, body });
    this.conn[kind](packet, session, frame, deadline, waiter);
    this.wake();
    return packet;
  }

  /** Offers a method to the other side of a session. */
  register(session: bigint, method: string, deadline: number): Promise<unknown> {
    return this.#answer((waiter) => this.conn.register(session, method, deadline, waiter));
  }

  /** Opens a stream. What comes on it is kept from the first byte on. */
  async openStream(peer: string, signal: AbortSignal | undefined): Promise<Pipe> {
    const packet = this.conn.freshPacket();
    let aborted = () => {};
    try {
      return await new Promise<Pipe>((resolve, failed) => {
        const opened = (session: bigint) => resolve(this.streams.add(session));
        this.conn.openSession(this.now, packet, sessionData({ peer }), { done() {}, opened, failed });
        aborted = () => {
          this.cancel(packet);
          failed(signal!.reason);
        };
        signal?.addEventListener("abort", aborted);
        this.wake();
      });
    } finally {
      signal?.removeEventListener("abort", aborted);
    }
  }

  #answer(ask: (waiter: Waiter) => void): Promise<Bytes> {
    return new Promise((done, failed) => {
      ask({ done, failed });
      this.wake();
    });
  }

  cancel(packet: bigint): void {
    this.conn.cancel(this.now, packet);
    this.wake();
  }

  leave(): void {
    this.conn.leave(this.now);
    this.wake();
  }

  // --- liveness

  /** Whether it has been silent for longer than heartbeats allow, as after a sleep. */
  get isSuspect(): boolean {
    return Math.abs(Date.now() - this.#heardAt) > SUSPICIOUS;
  }

  /** Asks for a sign of life; without one within seconds the link ends. */
  probe(): void {
    this.conn.probe(this.now);
    this.wake();
  }

  /** Is done when something has been heard, or the link is over. */
  heard(): Promise<void> {
    return new Promise((resolve) => (this.#over ? resolve() : this.#onHeard.push(resolve)));
  }

  #tellHeard(): void {
    for (const resolve of this.#onHeard.splice(0)) resolve();
  }

  // --- the link at work

  #receive(bytes: Uint8Array): void {
    this.#heardAt = Date.now();
    try {
      this.#cutter.push(bytes);
      for (let frame; this.conn.closed === undefined && (frame = this.#cutter.next()) !== undefined; ) {
        this.conn.handleFrame(this.now, frame.header, frame.payload);
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.conn.malformed(error);
    }
    this.#tellHeard();
    this.#pump();
  }

  /**
   * Has what was asked of the connection carried out, soon: what a program asks for in one go leaves together. Of a link that is over
   * nothing can be had, which whoever asks is told in the same way.
   */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    let full = false;
    do {
      for (let event; (event = this.conn.pollEvent()) !== undefined; ) this.#onEvent(event);
      full = this.#transmit();
      // What has left makes room for more.
    } while (!full && this.conn.hasTransmit);
    for (let event; (event = this.conn.pollEvent()) !== undefined; ) this.#onEvent(event);
    if (this.conn.closed !== undefined) return this.#end(this.conn.closed);
    const timeout = this.conn.nextTimeout ?? Infinity;
    this.#arm(full ? Math.min(timeout, this.now + DRAIN_LOOK) : timeout);
  }

  /** Writes as far as the socket has room. Whether it is full. */
  #transmit(): boolean {
    while (this.conn.hasTransmit) {
      if (this.#socket.buffered > SOCKET_BYTES) return true;
      const frames: Uint8Array[] = [];
      let length = 0;
      for (let frame; length < MESSAGE_BYTES && (frame = this.conn.pollTransmit(this.now)) !== undefined; ) {
        frames.push(frame);
        length += frame.length;
      }
      if (length === 0) return false;
      this.#socket.send(frames.length === 1 ? frames[0]! : joined(frames, length));
    }
    return false;
  }

  #arm(at: number): void {
    if (at === this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    const [armed, wall] = [this.now, Date.now()];
    // Engines take longer times for none.
    const pause = Math.min(Math.max(0, at - armed), 2 ** 31 - 1);
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      // Some clocks stand still while the machine sleeps.
      if (Date.now() - wall > this.now - armed + ASLEEP) this.conn.probe(this.now);
      this.conn.handleTimeout(this.now);
      this.#pump();
    }, pause);
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket.close();
    this.#inbound.end();
    this.streams.end();
    this.#tellHeard();
    const lived = this.#onlineSince === undefined ? undefined : this.now - this.#onlineSince;
    const text = this.#complaint ?? reason;
    const lost = () => (lived === undefined ? new HandshakeError(text) : new LinkLostError(text));
    const error = this.#refusal === undefined ? lost() : new RefusedError(this.#refusal);
    this.#finish({ reason: text, error, lived });
  }

  // --- events

  #onEvent(event: Event<Waiter>): void {
    switch (event.type) {
      case "connected":
        return this.#restore(event.id);
      case "refused":
        this.#refusal = event.text;
        return;
      case "response":
        if (event.body.error === "") return event.waiter.done(event.body.value);
        return event.waiter.failed(new RemoteError(event.body.error));
      case "acked":
        return event.error === "" ? event.waiter.done(new Uint8Array(0)) : event.waiter.failed(new RemoteError(event.error));
      case "failed":
        return event.waiter.failed(this.#failure(event.failure));
      case "request":
        return this.#inbound.onRequest(event, this.#scope(event.session));
      case "message":
        return this.#inbound.onMessage(event, this.#scope(event.session));
      case "cancelled":
        return this.#inbound.onCancelled(event.session, event.packet);
      case "offered":
        return this.#options.onOffer(event.session, event.data.peer);
      case "opened":
        return event.waiter.opened?.(event.session);
      case "data":
        return this.streams.onData(event.session, event.bytes);
      case "data-end":
        return this.streams.onDataEnd(event.session);
      case "sent":
        return this.streams.onSent(event.session, event.count);
      case "ended":
        this.#inbound.onEnded(event.session);
        this.streams.onEnded(event.session, event.error);
        if (event.session === MAIN) this.#complain("the gateway has ended the main session");
    }
  }

  #scope(session: bigint): Scope | undefined {
    return session === MAIN ? this.#options.main : this.streams.scope(session);
  }

  #failure(failure: Failure): EdgeError {
    if (failure.why === "expired") return new TimeoutError();
    if (failure.why === "declined") return new RefusedError(failure.text);
    return this.conn.isOpen ? new StreamClosedError() : new LinkLostError();
  }

  /** The gateway has let us in: every method is registered before the link counts as online. */
  #restore(id: bigint): void {
    const deadline = this.now + RESTORE;
    const methods = this.#options.main.methods;
    let missing = methods.length;
    const confirmed = () => {
      missing -= 1;
      if (missing <= 0) this.#online(id);
    };
    if (missing === 0) return this.#online(id);
    const failed = () => this.#complain("methods are not confirmed");
    for (const method of methods) this.conn.register(MAIN, method, deadline, { done: confirmed, failed });
  }

  #online(id: bigint): void {
    this.#onlineSince = this.now;
    this.#options.onOnline(id);
  }

  /** The gateway is of no use any more. */
  #complain(complaint: string): void {
    if (!this.conn.isOpen) return;
    this.#complaint = complaint;
    this.conn.leave(this.now);
  }
}

function joined(frames: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const frame of frames) {
    all.set(frame, at);
    at += frame.length;
  }
  return all;
}
