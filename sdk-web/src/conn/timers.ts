/** What is to happen: see where `Connection` handles each. */
export type TimerKind = "await" | "late-close" | "flush" | "dismiss" | "pace";

interface Timer {
  readonly at: number;
  readonly kind: TimerKind;
  readonly id: bigint;
}

/**
 * What is to happen when: a heap. Whether an entry still matters is looked up when its time comes, so nothing has to be
 * cancelled.
 */
export class Timers {
  #heap: Timer[] = [];

  set(at: number, kind: TimerKind, id: bigint): void {
    const heap = this.#heap;
    const timer = { at, kind, id };
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]!.at <= at) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = timer;
  }

  get next(): number | undefined {
    return this.#heap[0]?.at;
  }

  get size(): number {
    return this.#heap.length;
  }

  popDue(now: number): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > now) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let place = 0;
      for (;;) {
        let child = 2 * place + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child += 1;
        if (heap[child]!.at >= last.at) break;
        heap[place] = heap[child]!;
        place = child;
      }
      heap[place] = last;
    }
    return first;
  }

  /** Forgets entries of this kind whose matter is settled, once they make up most of this. */
  tidy(kind: TimerKind, isLive: (id: bigint) => boolean, live: number): void {
    if (this.#heap.length <= 64 + 2 * live) return;
    const kept = this.#heap.filter((timer) => timer.kind !== kind || isLive(timer.id));
    // A sorted list is a heap.
    this.#heap = kept.sort((one, other) => one.at - other.at);
  }
}
