import { ByteQueue } from "./bytes.js";

/** Towards a peer that drops what it cannot queue: that many frames, then a pause, in which bytes collect to larger frames. */
const PACE_FRAMES = 16;
export const PACE_PAUSE = 2;

/** What a session holds of raw bytes that are to be sent. Bounded by the owner, which learns what has left. */
export class Raw {
  readonly #queue = new ByteQueue();
  /** Where the peer grants credit: how much of it is left. */
  credit: number | undefined;
  /** Consumed bytes for which the peer has not been granted new credit. */
  owed = 0;
  /** The owner will send no more: unsaid, said. */
  endWanted = false;
  endSaid = false;
  /** In the queue of sessions that may send. */
  ready = false;
  lastSent: number | undefined;
  paced = false;
  #frames = 0;
  #paceFrom = -Infinity;

  constructor(credit: number | undefined) {
    this.credit = credit;
  }

  /** Whether bytes or their end still have to be sent. */
  get pending(): boolean {
    return this.queued > 0 || this.#owesEnd;
  }

  get #owesEnd(): boolean {
    return this.endWanted && !this.endSaid;
  }

  get maySend(): boolean {
    if (this.paced) return false;
    return this.queued > 0 ? this.credit !== 0 : this.#owesEnd;
  }

  get queued(): number {
    return this.#queue.length;
  }

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  /** Drops what is queued, and the end behind it. */
  clear(): void {
    this.#queue.clear();
    this.endWanted = false;
  }

  /** Takes at most `limit` bytes off the queue. */
  take(limit: number): Uint8Array {
    const bytes = this.#queue.take(Math.min(limit, this.credit ?? limit));
    if (this.credit !== undefined) this.credit -= bytes.length;
    return bytes;
  }

  /** Counts a frame; whether a pause begins. */
  pace(now: number): boolean {
    if (now >= this.#paceFrom + PACE_PAUSE) {
      this.#paceFrom = now;
      this.#frames = 0;
    }
    this.#frames += 1;
    this.paced = this.#frames >= PACE_FRAMES;
    return this.paced;
  }

  unpace(): void {
    this.paced = false;
    this.#paceFrom = -Infinity;
  }
}
