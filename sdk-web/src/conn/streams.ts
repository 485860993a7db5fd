/** Raw bytes on sessions: order, turns, pacing, credit and half-close. */
import { encodeFrame } from "../wire/frame.js";
import { Kind } from "../wire/kind.js";
import { Core, Queue } from "./core.js";
import { PACE_PAUSE } from "./raw.js";
import type { Sessions } from "./sessions.js";

export class Streams<W> {
  readonly #core: Core<W>;
  readonly #sessions: Sessions<W>;
  /** Sessions with raw bytes that may be sent now; each has its turn. */
  readonly #ready = new Queue<bigint>();

  constructor(core: Core<W>, sessions: Sessions<W>) {
    this.#core = core;
    this.#sessions = sessions;
  }

  get hasNext(): boolean {
    return this.#ready.size > 0;
  }

  clear(): void {
    this.#ready.clear();
  }

  /** Queues raw bytes; those for a stream that can no longer be written to are dropped: `false`. */
  send(id: bigint, bytes: Uint8Array): boolean {
    const raw = this.#sessions.usable(id)?.raw;
    if (raw === undefined || raw.endWanted) return false;
    if (bytes.length > 0) {
      raw.push(bytes);
      this.#makeReady(id);
    }
    return true;
  }

  /**
   * Ends our direction of a stream behind everything queued, the other stays open. Towards a peer that does not know half-close the
   * whole session is dismissed: the only end of bytes that it knows.
   */
  end(now: number, id: bigint): void {
    if (!this.#core.caps.fin) return this.#sessions.dismiss(now, id, "");
    const raw = this.#sessions.get(id)?.raw;
    if (raw !== undefined) {
      raw.endWanted = true;
      this.#makeReady(id);
    }
  }

  /** The owner has consumed that many bytes: the peer may send as many more. */
  grant(id: bigint, count: number): void {
    const { caps, settings, ids } = this.#core;
    const raw = this.#sessions.get(id)?.raw;
    if (!caps.credit || raw === undefined) return;
    raw.owed += count;
    if (raw.owed >= settings.streamWindow / 4) {
      this.#core.urgent(ids.next(), { kind: Kind.Credit, session: id, count: raw.owed });
      raw.owed = 0;
    }
  }

  credited(id: bigint, count: number): void {
    this.#sessions.hear(id);
    const raw = this.#sessions.get(id)?.raw;
    if (raw?.credit !== undefined) {
      raw.credit += count;
      this.#makeReady(id);
    }
  }

  unpace(id: bigint): void {
    this.#sessions.get(id)?.raw?.unpace();
    this.#makeReady(id);
  }

  #makeReady(id: bigint): void {
    const session = this.#sessions.get(id);
    const raw = session?.raw;
    if (session?.maySend && raw?.maySend && !raw.ready) {
      raw.ready = true;
      this.#ready.push(id);
    }
  }

  /** The next frame of raw bytes, from the stream whose turn it is. */
  next(now: number): Uint8Array | undefined {
    for (;;) {
      const id = this.#ready.shift();
      if (id === undefined) return undefined;
      const frame = this.#take(now, id);
      if (frame !== undefined) {
        this.#makeReady(id);
        this.#sessions.advance(now, id);
        return frame;
      }
    }
  }

  #take(now: number, id: bigint): Uint8Array | undefined {
    const { caps, settings, ids, timers } = this.#core;
    const session = this.#sessions.get(id);
    const raw = session?.raw;
    if (raw === undefined) return undefined;
    raw.ready = false;
    if (!session!.maySend || !raw.maySend) return undefined;
    if (raw.queued === 0) {
      raw.endSaid = true;
      return encodeFrame(ids.next(), { kind: Kind.StreamEnd, session: id });
    }
    const bytes = raw.take(settings.streamChunk);
    raw.lastSent = now;
    if (!caps.credit && raw.pace(now)) timers.set(now + PACE_PAUSE, "pace", id);
    this.#core.emit({ type: "sent", session: id, count: bytes.length });
    return encodeFrame(ids.next(), { kind: Kind.Stream, session: id, bytes });
  }
}
