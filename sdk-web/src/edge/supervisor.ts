/** Makes links, one after another: never two at once. */
import { ClosedError, ConnectError, HandshakeError, TimeoutError, type EdgeError } from "../errors.js";
import { Backoff } from "./backoff.js";
import { Link, type LinkEnd, type LinkOptions } from "./link.js";
import { Socket, type WebSocketConstructor } from "./socket.js";
import { onWake } from "./wake.js";

export interface SupervisorOptions {
  readonly url: string;
  readonly makeSocket: WebSocketConstructor;
  /** Time for one attempt to reach the gateway, in milliseconds; its answer has 10 s more. */
  readonly connectTimeout: number;
  /** Whether a lost link is made anew. */
  readonly reconnect: boolean;
  readonly link: Omit<LinkOptions, "onOnline">;
  onOnline(id: bigint): void;
  /** The link was lost, or could not be made anew. */
  onOffline(error: EdgeError): void;
  /** It is tried again after `delay` milliseconds, the `attempt`th time in a row. */
  onRetry(attempt: number, delay: number): void;
  /** For good. */
  onClosed(): void;
}

/** Of many pages that find their network back together not all dial at once: each waits up to this many milliseconds. */
const WAKE_SPREAD = 500;
/** A link that is lost within this many milliseconds after a wake was dead before. */
const WAKE_LASTS = 10_000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stop = new AbortController();
  readonly #stopWaking: () => void;
  #link: Link | undefined;
  /** Who waits for a link that is online, or for the end. */
  readonly #waiting = new Set<() => void>();
  #wokenAt = -Infinity;
  #hurry: (() => void) | undefined;
  #finished = false;
  /** Is done when all has ended; tells why. Never rejected. */
  readonly done: Promise<EdgeError>;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#stopWaking = onWake(() => {
      this.#probe();
      this.#hurry?.();
    });
    this.done = this.#run();
  }

  /** The link may have died unnoticed. */
  #probe(): void {
    this.#wokenAt = performance.now();
    this.#link?.probe();
  }

  get link(): Link | undefined {
    return this.#link?.isOnline ? this.#link : undefined;
  }

  get isClosing(): boolean {
    return this.#stop.signal.aborted;
  }

  /**
   * A link that is online and has not been silent for suspiciously long, else waits for one. What is then sent on it at once was
   * not sent on any other.
   *
   * @throws {ClosedError | TimeoutError} Or the signal's reason.
   */
  async usable(deadline: number, signal: AbortSignal | undefined): Promise<Link> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#finished || this.isClosing) throw new ClosedError();
      const { link } = this;
      if (link !== undefined && !link.isSuspect) return link;
      if (performance.now() >= deadline) throw new TimeoutError();
      if (link !== undefined) this.#probe();
      let tell = () => {};
      const changed = new Promise<void>((resolve) => (tell = resolve));
      this.#waiting.add(tell);
      link?.heard().then(tell);
      await within(changed, deadline, signal).finally(() => this.#waiting.delete(tell));
    }
  }

  /** Begins the end: the link takes its leave, no other is made. */
  close(): void {
    this.#stop.abort(new ClosedError());
    this.#link?.leave();
    this.#wakeWaiting();
  }

  #wakeWaiting(): void {
    for (const tell of this.#waiting) tell();
  }

  async #run(): Promise<EdgeError> {
    const backoff = new Backoff();
    let proven = false;
    let last: EdgeError;
    for (;;) {
      const end = await this.#connectOnce();
      last = end.error;
      proven ||= end.lived !== undefined;
      if (this.isClosing) last = new ClosedError();
      if (this.isClosing || !proven || !this.#options.reconnect) break;
      this.#options.onOffline(end.error);
      const drawn = backoff.pause(end.error.code === "refused" ? "refused" : (end.lived ?? "failed"), Math.random());
      const woken = end.lived !== undefined && performance.now() < this.#wokenAt + WAKE_LASTS;
      const pause = woken ? Math.min(drawn, Math.random() * WAKE_SPREAD) : drawn;
      this.#options.onRetry(backoff.failures, pause);
      await this.#pause(pause);
      if (this.isClosing) break;
    }
    this.#finished = true;
    this.#stopWaking();
    this.#wakeWaiting();
    this.#options.onClosed();
    return last;
  }

  /** Runs one link from its dialling to its end. */
  async #connectOnce(): Promise<LinkEnd> {
    const { url, makeSocket, connectTimeout, link: options } = this.#options;
    let socket: Socket;
    try {
      socket = await Socket.dial(url, makeSocket, connectTimeout, this.#stop.signal);
    } catch (error) {
      const known = error instanceof ConnectError || error instanceof ClosedError;
      return {
        error: known ? error : new HandshakeError(String(error)), reason: String(error), lived: undefined,
      };
    }
    const online = (id: bigint) => {
      if (this.isClosing) return;
      this.#options.onOnline(id);
      this.#wakeWaiting();
    };
    const link = new Link(socket, { ...options, onOnline: online });
    this.#link = link;
    // It was asked to end while it was being dialled.
    if (this.isClosing) link.leave();
    const end = await link.ended;
    this.#link = undefined;
    return end;
  }

  /** Waits, less long if the network is back or the page is seen again. */
  #pause(pause: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stop;
      let timer = setTimeout(done, pause);
      const due = performance.now() + pause;
      const hurry = () => {
        clearTimeout(timer);
        this.#hurry = undefined;
        timer = setTimeout(done, Math.max(0, Math.min(due - performance.now(), Math.random() * WAKE_SPREAD)));
      };
      this.#hurry = hurry;
      signal.addEventListener("abort", done);
      const cleanUp = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#hurry = undefined;
      };
      function done() {
        cleanUp();
        resolve();
      }
    });
  }
}

/** What `promise` gives, or an error at the deadline or by the signal. */
async function within(promise: Promise<void>, deadline: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let aborted = () => {};
  const ended = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError()), Math.max(0, deadline - performance.now()));
    aborted = () => reject(signal!.reason);
    signal?.addEventListener("abort", aborted);
  });
  try {
    await Promise.race([promise, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", aborted);
  }
}
