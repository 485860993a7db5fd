import type { Bytes } from "../wire/body.js";
import { TimeoutError, type EdgeError } from "../errors.js";
import type { Handler, Message, Payload } from "./payload.js";
import type { Pipe } from "./pipe.js";
import type { SendOptions } from "./scope.js";

/** Time for the rest of the closing handshake, in milliseconds. */
const CLOSE = 30_000;

/**
 * A stream between this edge and a service, through the gateway: bytes in both directions, and beside them calls and messages of its
 * own.
 *
 * - **Writing** waits while 1 MiB of this stream waits to be sent.
 * - **Closing the writable** ends this direction behind what was written; the other stays open.
 * - **Reading** ends, after all bytes that came, when the other side ends its direction or closes. An end for a reason, or with the
 *   link, is an error: no reader takes a torn transfer for a whole one.
 * - **Back-pressure.** At most 1 MiB is held for a stream that is not read: the gateway sends no more before that.
 * - **The end.** It ends when both directions have ended, by {@link EdgeStream.close} or {@link EdgeStream.abort}, and with the edge's
 *   link: it is not restored.
 */
export class EdgeStream {
  readonly #pipe: Pipe;

  /** @internal */
  constructor(
    pipe: Pipe,
    /** With whom: the name of a service. For accepted streams what the gateway says about the opener, which may be nothing. */
    readonly peer: string,
  ) {
    this.#pipe = pipe;
  }

  /** Unique on its link. The other side has another one. */
  get id(): bigint {
    return this.#pipe.session;
  }

  /** Bytes of the other side, in chunks of at most 64 KiB. Cancelling it discards what still comes. */
  get readable(): ReadableStream<Bytes> {
    return this.#pipe.readable;
  }

  /** Bytes for the other side. Aborting it ends the stream in both directions, for that reason. */
  get writable(): WritableStream<Payload> {
    return this.#pipe.writable;
  }

  /** Settles with the end in both directions: rejected if it came for a reason ({@link EdgeError}), or with the link. */
  get closed(): Promise<void> {
    return this.#pipe.closed;
  }

  /** Calls a method that the other end offers on this stream: as `Edge.call`. */
  call(method: string, payload: Payload = "", options?: SendOptions): Promise<Bytes> {
    return this.#pipe.scope.send("call", method, payload, options);
  }

  /** Offers a method to the other end of this stream, for as long as it lasts. */
  register(method: string, handler: Handler): Promise<void> {
    return this.#pipe.scope.register(method, handler);
  }

  /** Publishes a message to the other end of this stream: as `Edge.publish`. */
  async publish(topic: string, payload: Payload = "", options?: SendOptions): Promise<void> {
    await this.#pipe.scope.send("publish", topic, payload, options);
  }

  /** Messages of the other end, until the stream ends. Each goes to one of those who iterate. */
  messages(): AsyncIterableIterator<Message> {
    return this.#pipe.scope.inbox.iterate();
  }

  /**
   * Ends the stream in both directions, behind what was written; done when the other side has confirmed.
   *
   * @throws {TimeoutError} After 30 s.
   */
  async close(): Promise<void> {
    this.#pipe.close();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((_, reject) => (timer = setTimeout(() => reject(new TimeoutError()), CLOSE)));
    try {
      await Promise.race([this.closed, late]);
    } catch (error) {
      // An end for whatever reason is what was asked for.
      if ((error as EdgeError).code !== "stream-aborted") throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Ends the stream in both directions because of `reason`, which the other side's reader and writer get as an error. What has not
   * left yet is dropped.
   */
  abort(reason: string): void {
    this.#pipe.abort(reason);
  }
}
