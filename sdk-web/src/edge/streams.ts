/** The streams of a link. */
import type { Link } from "./link.js";
import { Pipe } from "./pipe.js";
import type { Bounds, Scope } from "./scope.js";

export class Streams {
  readonly #link: Link;
  readonly #bounds: Bounds;
  readonly #pipes = new Map<bigint, Pipe>();

  constructor(link: Link, bounds: Bounds) {
    this.#link = link;
    this.#bounds = bounds;
  }

  /** Starts to follow a session that is open. */
  add(session: bigint): Pipe {
    const pipe = new Pipe(this.#link, session, this.#bounds);
    if (this.#link.conn.isUsable(session)) this.#pipes.set(session, pipe);
    else pipe.end(this.#link.conn.isOpen ? { why: "closed" } : { why: "lost" });
    return pipe;
  }

  scope(session: bigint): Scope | undefined {
    return this.#pipes.get(session)?.scope;
  }

  onData(session: bigint, bytes: Uint8Array): void {
    this.#pipes.get(session)?.receive(bytes);
  }

  onDataEnd(session: bigint): void {
    this.#pipes.get(session)?.receiveEnd();
  }

  onSent(session: bigint, count: number): void {
    this.#pipes.get(session)?.sent(count);
  }

  onEnded(session: bigint, reason: string): void {
    const pipe = this.#pipes.get(session);
    this.#pipes.delete(session);
    if (!this.#link.conn.isOpen) pipe?.end({ why: "lost" });
    else pipe?.end(reason === "" ? { why: "closed" } : { why: "aborted", reason });
  }

  /** The link has ended. */
  end(): void {
    for (const pipe of this.#pipes.values()) pipe.end({ why: "lost" });
    this.#pipes.clear();
  }
}
