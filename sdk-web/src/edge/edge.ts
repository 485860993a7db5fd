import { ClosedError, LinkLostError, type EdgeError } from "../errors.js";
import type { Bytes } from "../wire/body.js";
import { copyOf, type Handler, type Message, type Payload } from "./payload.js";
import { Mailbox } from "./mailbox.js";
import { DEFAULT_TIMEOUT, Scope, type SendOptions } from "./scope.js";
import type { Link } from "./link.js";
import type { WebSocketConstructor } from "./socket.js";
import { EdgeStream } from "./stream.js";
import { Supervisor } from "./supervisor.js";

/** Streams that wait to be accepted at most, and for how long in milliseconds: their openers have given up by then. */
const WAITING_STREAMS = 512;
const OFFER_PATIENCE = 25_000;

const MIB = 1024 * 1024;

/** How an edge connects. */
export interface EdgeOptions {
  /** What the edge says about itself, in any form; services get it with their hooks. */
  meta?: Payload;
  /** Asks for this id. Most gateways let a service decide instead. */
  edgeId?: bigint;
  /** Methods to offer from the start: see {@link Edge.register}. */
  methods?: Record<string, Handler>;
  /** Whether a lost link is made anew, until {@link Edge.close}: yes by default. */
  reconnect?: boolean;
  /** Time for one attempt to reach the gateway in milliseconds, 10 000 by default. Its answer has 10 s more. */
  connectTimeout?: number;
  /** Gives up connecting; later it has no meaning. */
  signal?: AbortSignal;
  /** The class to dial with where there is no global one, as in Node before 22: that of the package `ws`. */
  WebSocket?: WebSocketConstructor;
  /** Most bytes of calls, and most bytes of messages, that wait to be sent; one of any legal size always fits. 8 MiB by default. */
  queueBytes?: number;
  /**
   * Most bytes of messages that were received and not yet taken, for the edge and for each stream; one of any legal size always fits.
   * Further ones, and those beyond 512, are answered "congested". 8 MiB by default.
   */
  receiveBytes?: number;
}

/** Whether there is a link: one is being made, it is there, it was lost and is made anew, or the edge has ended for good. */
export type EdgeState = "connecting" | "online" | "offline" | "closed";

/** The link is there again, and every method is registered. */
export class OnlineEvent extends Event {
  constructor(readonly id: bigint) {
    super("online");
  }
}

/** The link was lost, or an attempt to make it anew has failed. */
export class OfflineEvent extends Event {
  constructor(readonly error: EdgeError) {
    super("offline");
  }
}

/** The link is made anew after `delay` milliseconds, or sooner if the network is back or the page is seen again. */
export class ReconnectEvent extends Event {
  constructor(
    /** How many attempts have failed in a row; a refusal counts twice. */
    readonly attempt: number,
    readonly delay: number,
  ) {
    super("reconnect");
  }
}

export interface EdgeEventMap {
  online: OnlineEvent;
  offline: OfflineEvent;
  reconnect: ReconnectEvent;
  /** For good: closed by the application, or lost with `reconnect: false`. */
  closed: Event;
}

export interface Edge {
  addEventListener<K extends keyof EdgeEventMap>(
    type: K,
    listener: (event: EdgeEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

/**
 * An edge of the gateway.
 *
 * - **Deadlines.** Calls and messages end after 30 s unless told otherwise.
 * - **Reconnect.** A lost link is made anew with the same meta and wanted id, and with every method registered before it counts as
 *   online. Calls made in between wait for it until their deadline. What was under way when the link was lost fails with
 *   `LinkLostError` and is never sent again by itself: only the application knows whether that would be right. Only the first
 *   connect is not retried.
 * - **Ids** are bigints: they have 64 bits.
 */
export class Edge extends EventTarget {
  readonly #main: Scope;
  readonly #offers: Mailbox<{ link: Link; session: bigint; peer: string; until: number }>;
  #supervisor!: Supervisor;
  #id = 0n;
  #state: EdgeState = "connecting";

  private constructor(url: string, options: EdgeOptions) {
    super();
    const makeSocket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    if (makeSocket === undefined) throw new TypeError("no global WebSocket: give the option `WebSocket`, for example of the package ws");
    const bounds = { queueBytes: options.queueBytes ?? 8 * MIB, receiveBytes: options.receiveBytes ?? 8 * MIB };
    const route = async (deadline: number, signal: AbortSignal | undefined) => {
      return { link: await this.#supervisor.usable(deadline, signal), session: 1n };
    };
    this.#main = new Scope(route, (error) => this.#explain(error), bounds);
    for (const [method, handler] of Object.entries(options.methods ?? {})) this.#main.setHandler(method, handler);
    this.#offers = new Mailbox(WAITING_STREAMS, Infinity);
    this.#supervisor = new Supervisor({
      url,
      makeSocket,
      connectTimeout: options.connectTimeout ?? 10_000,
      reconnect: options.reconnect ?? true,
      link: {
        wanted: options.edgeId ?? 0n,
        meta: copyOf(options.meta),
        main: this.#main,
        bounds,
        onOffer: (session, peer) => this.#onOffer(session, peer),
      },
      onOnline: (id) => {
        this.#id = id;
        this.#become("online", new OnlineEvent(id));
      },
      onOffline: (error) => {
        // The gateway has told publishers and openers of the loss.
        this.#main.inbox.clear();
        this.#offers.clear();
        this.#become("offline", new OfflineEvent(error));
      },
      onRetry: (attempt, delay) => void this.dispatchEvent(new ReconnectEvent(attempt, delay)),
      onClosed: () => {
        this.#main.close();
        this.#offers.close();
        this.#become("closed", new Event("closed"));
      },
    });
  }

  /**
   * Connects to the gateway's port for browsers, for example `wss://gateway.example:30013/`. Done when the gateway has let the edge
   * in and knows its methods. The first connect is not tried again.
   *
   * @throws {ConnectError | RefusedError | HandshakeError} Or the signal's reason.
   */
  static async connect(url: string | URL, options: EdgeOptions = {}): Promise<Edge> {
    options.signal?.throwIfAborted();
    const edge = new Edge(String(url), options);
    const aborted = () => edge.#supervisor.close();
    options.signal?.addEventListener("abort", aborted);
    try {
      const online = new Promise<undefined>((resolve) => edge.addEventListener("online", () => resolve(undefined), { once: true }));
      const error = await Promise.race([online, edge.#supervisor.done]);
      options.signal?.throwIfAborted();
      if (error !== undefined) throw error;
      return edge;
    } finally {
      options.signal?.removeEventListener("abort", aborted);
    }
  }

  /** The id that the gateway gave: it may differ from that of the link before. */
  get id(): bigint {
    return this.#id;
  }

  get state(): EdgeState {
    return this.#state;
  }

  /**
   * Calls a method that a service offers; the gateway chooses the service.
   *
   * @returns What the service answered; {@link text} makes text of it.
   * @throws {RemoteError} With the text that the service, or the gateway for it, answered.
   * @throws {TimeoutError | LinkLostError | ClosedError} Or the signal's reason.
   * @throws {CongestedError | TooLargeError} Nothing was sent.
   */
  call(method: string, payload: Payload = "", options?: SendOptions): Promise<Bytes> {
    return this.#main.send("call", method, payload, options);
  }

  /**
   * Publishes a message on a topic; done when whoever receives it has accepted it. Messages keep their order.
   *
   * @throws {RemoteError} With the text of whoever rejected it; otherwise as {@link Edge.call}.
   */
  async publish(topic: string, payload: Payload = "", options?: SendOptions): Promise<void> {
    await this.#main.send("publish", topic, payload, options);
  }

  /**
   * Offers a method to services, now and on every later link, in place of the one of that name; done when the gateway knows it.
   *
   * @throws {TimeoutError | ClosedError}
   */
  register(method: string, handler: Handler): Promise<void> {
    return this.#main.register(method, handler);
  }

  /** Messages for this edge, over reconnects, until it is closed. Each goes to one of those who iterate, and is to be answered. */
  messages(): AsyncIterableIterator<Message> {
    return this.#main.inbox.iterate();
  }

  /**
   * Opens a stream to a service of this name.
   *
   * @throws {RefusedError} For example if no such service is online.
   * @throws {TimeoutError | LinkLostError | ClosedError} Or the signal's reason.
   */
  async openStream(service: string, options: { signal?: AbortSignal } = {}): Promise<EdgeStream> {
    const link = await this.#supervisor.usable(performance.now() + DEFAULT_TIMEOUT, options.signal);
    options.signal?.throwIfAborted();
    try {
      return new EdgeStream(await link.openStream(service, options.signal), service);
    } catch (error) {
      throw this.#explain(error as EdgeError);
    }
  }

  /**
   * Streams that services open to this edge, over reconnects, until it is closed. At most 512 wait to be taken, for 25 s; further
   * ones are refused.
   */
  async *streams(): AsyncGenerator<EdgeStream, void, undefined> {
    for await (const { link, session, peer, until } of this.#offers.iterate()) {
      if (performance.now() >= until || !link.isOnline) {
        this.#decline(link, session);
        continue;
      }
      link.conn.confirm(session);
      const stream = new EdgeStream(link.streams.add(session), peer);
      link.wake();
      yield stream;
    }
  }

  /**
   * Takes leave of the gateway: what is under way fails with {@link ClosedError}, streams end. Done when the link has ended, after
   * seconds at most.
   */
  async close(): Promise<void> {
    this.#supervisor.close();
    await this.#supervisor.done;
  }

  #onOffer(session: bigint, peer: string): void {
    const { link } = this.#supervisor;
    if (link === undefined) return;
    const until = performance.now() + OFFER_PATIENCE;
    if (!this.#offers.push({ link, session, peer, until }, 0)) this.#decline(link, session);
  }

  #decline(link: Link, session: bigint): void {
    link.conn.decline(link.now, session, "stream was not accepted");
    link.wake();
  }

  #explain(error: EdgeError): EdgeError {
    const lost = error.code === "link-lost" || error.code === "stream-closed";
    if (!lost) return error;
    return this.#supervisor.isClosing ? new ClosedError() : new LinkLostError();
  }

  #become(state: EdgeState, event: Event): void {
    this.#state = state;
    this.dispatchEvent(event);
  }
}
