import { Queue } from "../conn/core.js";

/** A bounded queue from the link to the application. An empty one takes any one entry. */
export class Mailbox<T> {
  readonly #entries = new Queue<{ readonly entry: T; readonly bytes: number }>();
  #waiters: ((entry: T | undefined) => void)[] = [];
  #bytes = 0;
  #closed = false;

  constructor(
    readonly maxEntries: number,
    readonly maxBytes: number,
  ) {}

  /** Adds an entry that counts as `bytes`. `false` if there is no room, or the mailbox is closed. */
  push(entry: T, bytes: number): boolean {
    if (this.#closed) return false;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter(entry);
      return true;
    }
    const held = this.#entries.size;
    if (held > 0 && (held >= this.maxEntries || this.#bytes + bytes > this.maxBytes)) return false;
    this.#bytes += bytes;
    this.#entries.push({ entry, bytes });
    return true;
  }

  /** Entries in their order, each to one of those who iterate, until the mailbox is closed and empty. */
  iterate(): AsyncIterableIterator<T> {
    // Iterating is over for whoever has called `return`, also while a `next` of theirs waits.
    let give: ((entry: T | undefined) => void) | undefined;
    let over = false;
    const next = async (): Promise<IteratorResult<T>> => {
      const entry = over ? undefined : await this.#pop((waiter) => (give = waiter));
      return entry === undefined ? { done: true, value: undefined } : { done: false, value: entry };
    };
    const end = async (): Promise<IteratorResult<T>> => {
      over = true;
      if (give !== undefined) {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== give);
        give(undefined);
      }
      return { done: true, value: undefined };
    };
    return { next, return: end, [Symbol.asyncIterator]() { return this; } };
  }

  #pop(waits: (waiter: (entry: T | undefined) => void) => void): Promise<T | undefined> {
    const first = this.#entries.shift();
    if (first !== undefined) {
      this.#bytes -= first.bytes;
      return Promise.resolve(first.entry);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      waits(resolve);
    });
  }

  /** Takes everything out. */
  clear(): T[] {
    const all: T[] = [];
    for (let first; (first = this.#entries.shift()) !== undefined; ) all.push(first.entry);
    this.#bytes = 0;
    return all;
  }

  /** Takes nothing more. What is in it can still be taken out. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter(undefined);
    this.#waiters = [];
  }
}
