import { ConnectError } from "../errors.js";

/** Name of the protocol in the WebSocket handshake. */
export const SUB_PROTOCOL = "frontier.v1";

/** Has been `CLOSING` or `CLOSED`. */
const OPEN = 1;

/** What is needed of a WebSocket: that of browsers, of Node ≥ 22, or of the package `ws`. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send(data: ArrayBufferView<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** Bytes in both directions, over the binary messages of one WebSocket. */
export class Socket {
  readonly #inner: WebSocketLike;
  /** Called with what came; never after {@link Socket.close}. */
  onBytes: (bytes: Uint8Array) => void = () => {};
  /** Called once when the other side or the network ends it; never after {@link Socket.close}. */
  onEnd: (reason: string) => void = () => {};

  private constructor(inner: WebSocketLike) {
    this.#inner = inner;
  }

  /**
   * Dials, within `timeout` milliseconds.
   *
   * @throws {ConnectError}
   */
  static async dial(url: string, make: WebSocketConstructor, timeout: number, signal: AbortSignal): Promise<Socket> {
    signal.throwIfAborted();
    let inner: WebSocketLike;
    try {
      inner = new make(url, [SUB_PROTOCOL]);
    } catch (cause) {
      throw new ConnectError(url, (cause as Error).message, { cause });
    }
    inner.binaryType = "arraybuffer";
    const socket = new Socket(inner);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let aborted = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const fail = (reason: string) => reject(new ConnectError(url, reason));
        timer = setTimeout(() => fail(`no answer within ${timeout} ms`), timeout);
        aborted = () => reject(signal.reason);
        signal.addEventListener("abort", aborted);
        let cause = "nobody answers there, its origin rules keep this page out, or TLS fails; the console may say more";
        inner.onopen = () => resolve();
        // Node's say what was wrong, those of browsers never do.
        inner.onerror = (event: { message?: string }) => (cause = event.message || cause);
        inner.onclose = () => fail(cause);
      });
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
    }
    socket.#listen();
    return socket;
  }

  #listen(): void {
    const inner = this.#inner;
    inner.onmessage = ({ data }: { data: unknown }) => {
      // A text message is not of this protocol.
      if (data instanceof ArrayBuffer) this.onBytes(new Uint8Array(data));
      else this.#end("the gateway sent a text message");
    };
    inner.onerror = () => {};
    inner.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.#end(`the connection was closed (${code}${reason ? `: ${reason}` : ""})`);
    };
  }

  #end(reason: string): void {
    const { onEnd } = this;
    this.close();
    onEnd(reason);
  }

  /** Bytes that were sent and are still held here. */
  get buffered(): number {
    return this.#inner.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    // Between its end and the news of it a socket drops what it is given.
    if (this.#inner.readyState === OPEN) this.#inner.send(bytes as Uint8Array<ArrayBuffer>);
  }

  /** Closes it. Nothing is heard of it any more, however long the network takes. */
  close(): void {
    const inner = this.#inner;
    inner.onopen = inner.onmessage = inner.onclose = null;
    // A `ws` without a listener for errors would throw.
    inner.onerror = () => {};
    this.onBytes = this.onEnd = () => {};
    inner.close(1000);
  }
}
