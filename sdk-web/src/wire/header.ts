import { hex, leastLength, type Kind } from "./kind.js";

/** Length of a header in bytes: version, type, packet id (8), payload length (4), big-endian. */
export const HEADER = 14;

/** The longest payload that may ever be sent, fixed fields included: 10 MiB. */
export const MAX_PAYLOAD = 10 * 1024 * 1024;

/** Bytes that no conforming peer sends. The link that sent them is closed. */
export class WireError extends Error {
  override name = "WireError";
}

/** A decoded header: the type is known, and the length is legal for it. */
export interface Header {
  readonly kind: Kind;
  /** The packet's id, or the id of the packet that it answers. */
  readonly packet: bigint;
  /** Length of the payload in bytes. */
  readonly length: number;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reads a header of {@link HEADER} bytes. The version is ignored, as every receiver ignores it.
 *
 * @throws {WireError} An unknown type, or a length that is illegal for the type: known before any of the payload has come.
 */
export function decodeHeader(bytes: Uint8Array): Header {
  const view = viewOf(bytes);
  const code = view.getUint8(1);
  const length = view.getUint32(10);
  const least = leastLength(code);
  if (least === undefined) throw new WireError(`unknown frame type ${hex(code)}`);
  const most = least === 0 ? 0 : MAX_PAYLOAD;
  if (length < least || length > most) {
    throw new WireError(`frame ${hex(code)} of ${length} payload bytes, ${least} to ${most} are allowed`);
  }
  return { kind: code as Kind, packet: view.getBigUint64(2), length };
}

/**
 * Cuts frames out of a byte stream that comes in pieces of any size. What is not a whole frame yet is kept: at most one
 * payload of {@link MAX_PAYLOAD}.
 */
export class FrameCutter {
  #pieces: Uint8Array[] = [];
  #held = 0;
  #header: Header | undefined;

  /** Takes in what came. It is kept without a copy, and must not change afterwards. */
  push(piece: Uint8Array): void {
    if (piece.length > 0) {
      this.#pieces.push(piece);
      this.#held += piece.length;
    }
  }

  /**
   * The next whole frame, `undefined` if there is none yet.
   *
   * @throws {WireError} What came is no frame; the byte stream is of no use any more.
   */
  next(): { header: Header; payload: Uint8Array } | undefined {
    if (this.#header === undefined) {
      if (this.#held < HEADER) return undefined;
      this.#header = decodeHeader(this.#take(HEADER));
    }
    const header = this.#header;
    if (this.#held < header.length) return undefined;
    this.#header = undefined;
    return { header, payload: this.#take(header.length) };
  }

  /** Takes bytes that are there; copies only what lies in several pieces. */
  #take(length: number): Uint8Array {
    this.#held -= length;
    const first = this.#pieces[0];
    if (first === undefined || length === 0) return new Uint8Array(0);
    if (first.length >= length) {
      if (first.length === length) this.#pieces.shift();
      else this.#pieces[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const joined = new Uint8Array(length);
    let at = 0;
    let used = 0;
    while (at < length) {
      const piece = this.#pieces[used]!;
      const part = piece.subarray(0, length - at);
      joined.set(part, at);
      at += part.length;
      if (part.length < piece.length) this.#pieces[used] = piece.subarray(part.length);
      else used += 1;
    }
    this.#pieces.splice(0, used);
    return joined;
  }
}
