import type { Bytes } from "../wire/body.js";
import { Queue } from "./core.js";

/** Pieces below this size are joined, so that holding them takes little more than their bytes. */
const JOIN_BELOW = 4 * 1024;

/** Bytes in order, copied when they are put in. */
export class ByteQueue {
  readonly #pieces = new Queue<Bytes>();
  /** What of the first piece is taken already. */
  #taken = 0;
  /** Small pieces, behind the others. */
  #tail = new Uint8Array(0);
  #tailLength = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (bytes.length >= JOIN_BELOW || this.#tailLength + bytes.length > JOIN_BELOW) this.#seal();
    if (bytes.length >= JOIN_BELOW) return this.#pieces.push(Uint8Array.from(bytes));
    const needed = this.#tailLength + bytes.length;
    if (needed > this.#tail.length) {
      const larger = new Uint8Array(Math.min(JOIN_BELOW, Math.max(64, 2 * needed)));
      larger.set(this.#tail);
      this.#tail = larger;
    }
    this.#tail.set(bytes, this.#tailLength);
    this.#tailLength = needed;
  }

  /** Moves the tail in front of what comes next. */
  #seal(): void {
    if (this.#tailLength > 0) this.#pieces.push(this.#tail.subarray(0, this.#tailLength));
    this.#tail = new Uint8Array(0);
    this.#tailLength = 0;
  }

  /** Takes out as many as there are, at most `limit`. */
  take(limit: number): Bytes {
    const length = Math.min(limit, this.#length);
    this.#seal();
    const first = this.#pieces.front;
    if (this.#taken === 0 && first?.length === length) {
      this.#length -= length;
      return this.#pieces.shift()!;
    }
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const front = this.#pieces.front!;
      const part = front.subarray(this.#taken, this.#taken + length - at);
      bytes.set(part, at);
      at += part.length;
      this.#taken += part.length;
      if (this.#taken === front.length) {
        this.#pieces.shift();
        this.#taken = 0;
      }
    }
    this.#length -= length;
    return bytes;
  }

  clear(): void {
    this.#pieces.clear();
    this.#seal();
    this.#pieces.clear();
    this.#taken = 0;
    this.#length = 0;
  }
}
