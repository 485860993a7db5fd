/** Bytes on their way between an application's stream and its link. */
import { ByteQueue } from "../conn/bytes.js";
import { EdgeError, LinkLostError, StreamAbortedError, StreamClosedError } from "../errors.js";
import type { Bytes } from "../wire/body.js";
import type { Link } from "./link.js";
import { bytesOf, type Payload } from "./payload.js";
import { Scope, type Bounds } from "./scope.js";

/** Bytes that may wait to be sent, and bytes that may wait to be read. */
const HELD = 1024 * 1024;
/** The same for bytes of a gateway that knows no credit, which cannot be stopped. */
const HELD_UNASKED = 8 * HELD;
/** Bytes that are handed on in one piece at most. */
const STEP = 64 * 1024;
/** Longest reason that is told. */
const REASON_LENGTH = 1024;

/** How a stream ended: by either side's wish, by the other side or the gateway for a reason, with the link. */
export type End = { readonly why: "closed" } | { readonly why: "lost" } | { readonly why: "aborted"; readonly reason: string };

function errorOf(end: End): EdgeError | undefined {
  if (end.why === "aborted") return new StreamAbortedError(end.reason);
  return end.why === "lost" ? new LinkLostError() : undefined;
}

export class Pipe {
  readonly scope: Scope;
  readonly readable: ReadableStream<Bytes>;
  readonly writable: WritableStream<Payload>;
  /** The end in both directions; rejected where it came for a reason, or with the link. */
  readonly closed: Promise<void>;
  #settle!: (end: End) => void;
  #end: End | undefined;

  /** Bytes that came and were not read yet. */
  readonly #incoming = new ByteQueue();
  #reader: ReadableStreamDefaultController<Bytes> | undefined;
  /** A read waits: to be called when there is something for it. */
  #wanted: (() => void) | undefined;
  /** The other side sends no more; the application reads no more. */
  #eof = false;
  #readDone = false;

  /** Bytes that were written and have not left yet. */
  #queued = 0;
  #writer: WritableStreamDefaultController | undefined;
  /** A write waits: to be called when there is room, or never will be. */
  #roomWanted: (() => void) | undefined;
  #shut = false;

  constructor(
    readonly link: Link,
    readonly session: bigint,
    bounds: Bounds,
  ) {
    const route = async () => {
      if (this.#end) throw errorOf(this.#end) ?? new StreamClosedError();
      return { link, session };
    };
    this.scope = new Scope(route, (error) => error, bounds);
    this.closed = new Promise((resolve, reject) => {
      this.#settle = (end) => (end.why === "closed" ? resolve() : reject(errorOf(end)));
    });
    // Not everybody asks.
    this.closed.catch(() => {});
    this.readable = new ReadableStream(
      {
        start: (controller) => void (this.#reader = controller),
        pull: () => this.#pull(),
        cancel: () => this.#discard(),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream({
      start: (controller) => {
        this.#writer = controller;
        controller.signal.addEventListener("abort", () => this.#wakeWriter());
      },
      write: (chunk) => this.#write(bytesOf(chunk)),
      close: () => this.#shutDown(),
      abort: (reason) => this.abort(reason instanceof Error ? reason.message : String(reason ?? "")),
    });
  }

  /** Ends it in both directions, behind what was written. */
  close(): void {
    this.link.conn.dismiss(this.link.now, this.session, "");
    this.link.wake();
  }

  /** Ends it in both directions at once; the other side is told why. */
  abort(reason: string): void {
    this.link.conn.abortSession(this.link.now, this.session, reason.slice(0, REASON_LENGTH) || "aborted");
    this.link.wake();
  }

  // --- reading

  #pull(): Promise<void> | void {
    if (this.#give()) return;
    return new Promise((resolve) => {
      this.#wanted = () => {
        if (!this.#give()) return;
        this.#wanted = undefined;
        resolve();
      };
    });
  }

  /** Gives a waiting read what there is, be it the end. */
  #give(): boolean {
    const reader = this.#reader!;
    if (this.#incoming.length > 0) {
      const bytes = this.#incoming.take(STEP);
      reader.enqueue(bytes);
      this.#consumed(bytes.length);
      return true;
    }
    const error = this.#eof || this.#end === undefined ? undefined : errorOf(this.#end);
    if (error !== undefined) {
      reader.error(error);
      return true;
    }
    if (!this.#eof && this.#end === undefined) return false;
    reader.close();
    this.#readDone = true;
    this.#dismissIfDone();
    return true;
  }

  #discard(): void {
    this.#consumed(this.#incoming.length);
    this.#incoming.clear();
    this.#readDone = true;
    this.#dismissIfDone();
  }

  #consumed(count: number): void {
    this.link.conn.grant(this.session, count);
    this.link.wake();
  }

  receive(bytes: Uint8Array): void {
    if (this.#eof || this.#end) return;
    if (this.#readDone) return this.#consumed(bytes.length);
    this.#incoming.push(bytes);
    this.#wanted?.();
    const most = this.link.conn.caps.credit ? HELD : HELD_UNASKED;
    if (this.#incoming.length <= most) return;
    const reason = "more was sent than was granted";
    this.end({ why: "aborted", reason });
    this.abort(reason);
  }

  receiveEnd(): void {
    this.#eof = true;
    this.#wanted?.();
  }

  // --- writing

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      while (this.#queued >= HELD && !this.#end && !this.#writer!.signal.aborted) {
        await new Promise<void>((resolve) => (this.#roomWanted = resolve));
      }
      const part = bytes.subarray(at, at + Math.min(STEP, HELD - this.#queued));
      if (this.#writer!.signal.aborted) return;
      if (this.#end || !this.link.conn.sendData(this.session, part)) {
        throw (this.#end && errorOf(this.#end)) ?? new StreamClosedError();
      }
      this.#queued += part.length;
      at += part.length;
      this.link.wake();
    }
  }

  #shutDown(): void {
    this.#shut = true;
    this.link.conn.endData(this.link.now, this.session);
    this.link.wake();
    this.#dismissIfDone();
  }

  /** Bytes have left. */
  sent(count: number): void {
    this.#queued -= count;
    this.#wakeWriter();
  }

  #wakeWriter(): void {
    this.#roomWanted?.();
    this.#roomWanted = undefined;
  }

  // --- the end

  /** Once nothing more goes in either direction the stream is of no use. */
  #dismissIfDone(): void {
    if (this.#readDone && this.#shut) this.close();
  }

  /** The stream is over. Later ends change nothing. */
  end(end: End): void {
    if (this.#end) return;
    this.#end = end;
    this.#wanted?.();
    this.#wakeWriter();
    if (!this.#shut) this.#writer!.error(errorOf(end) ?? new StreamClosedError());
    this.scope.close();
    this.#settle(end);
  }
}
