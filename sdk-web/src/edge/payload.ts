import { ofUtf8, toUtf8, type Bytes } from "../wire/body.js";

/** What can be sent: bytes, or text, which travels as UTF-8. */
export type Payload = string | ArrayBuffer | ArrayBufferView;

/** The bytes of a payload, without a copy where it has some. */
export function bytesOf(payload: Payload | undefined | void): Uint8Array {
  if (payload === undefined) return new Uint8Array(0);
  if (typeof payload === "string") return toUtf8(payload);
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
  return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
}

/** Bytes that nobody else can change. */
export function copyOf(payload: Payload | undefined): Bytes {
  return Uint8Array.from(bytesOf(payload));
}

/** Something with a payload, which can be read as what it is meant to be. */
export abstract class Readable {
  constructor(
    /** What was sent. */
    readonly payload: Bytes,
    /** Bytes that accompany the payload. */
    readonly custom: Bytes,
    /**
     * When the sender gives up, as far as its clock can be believed: a time of more than 60 s ago or 1 h ahead counts as none.
     */
    readonly deadline: Date | undefined,
  ) {}

  /** The payload as UTF-8. */
  text(): string {
    return ofUtf8(this.payload);
  }

  /** The payload as JSON. Throws a `SyntaxError` if it is none. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

/** A method of the edge that somebody calls. */
export class IncomingCall extends Readable {
  constructor(
    /** The method that is called. */
    readonly method: string,
    payload: Bytes,
    custom: Bytes,
    deadline: Date | undefined,
    /** Aborted when nobody wants the answer any more. */
    readonly signal: AbortSignal,
  ) {
    super(payload, custom, deadline);
  }
}

/** Answers a call: with a payload, with nothing, or, by throwing, with an error whose message the caller gets. */
export type Handler = (call: IncomingCall) => Payload | void | Promise<Payload | void>;

/**
 * A message. Its publisher waits until it is answered: {@link Message.ack} or {@link Message.reject}; one that is not gets an
 * error at its deadline. An answer to a message of a link that has been lost since goes nowhere: its publisher has been told.
 */
export class Message extends Readable {
  #answer: ((error: string) => void) | undefined;

  /** @internal */
  constructor(
    /** What it is about. Empty where the publisher gave nothing. */
    readonly topic: string,
    payload: Bytes,
    custom: Bytes,
    deadline: Date | undefined,
    /** Its number, unique on its link. */
    readonly id: bigint,
    answer: (error: string) => void,
  ) {
    super(payload, custom, deadline);
    this.#answer = answer;
  }

  /** Tells the publisher that the message was accepted. */
  ack(): void {
    this.#settle("");
  }

  /** Tells the publisher that it was not, and why. Of a long text the front is told. */
  reject(reason: string): void {
    this.#settle(shorten(reason) || "rejected");
  }

  #settle(error: string): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.(error);
  }
}

/** Longest error text that is sent, in UTF-16 units. */
const ERROR_LENGTH = 16 * 1024;

export function shorten(error: string): string {
  return error.slice(0, ERROR_LENGTH);
}

const BELIEVED_PAST = 60_000;
const BELIEVED_AHEAD = 3_600_000;

/** When the sender of a body gives up, if what it says can be believed: clocks are wrong in the field. */
export function believedDeadline(one: number | undefined, other: number | undefined): Date | undefined {
  const stated = Math.min(one ?? Infinity, other ?? Infinity);
  const ahead = stated - Date.now();
  return ahead >= -BELIEVED_PAST && ahead <= BELIEVED_AHEAD ? new Date(stated) : undefined;
}
