/** The session that every link has from the start, without opening it. */
export const MAIN = 1n;

/** Makes ids in the usual shape: seconds since 1970 in the upper half, a counter in the lower. Never 0 or 1. */
export class IdGenerator {
  readonly #upper: bigint;
  #counter: number;

  /** Starts at `unixSeconds`, counting from `seed`: unsigned numbers of 32 bits. */
  constructor(unixSeconds: number, seed: number) {
    // A clock at the very beginning must not yield the reserved ids 0 and 1.
    this.#upper = BigInt(Math.max(1, Math.trunc(unixSeconds) >>> 0)) << 32n;
    this.#counter = seed >>> 0;
  }

  next(): bigint {
    this.#counter = (this.#counter + 1) >>> 0;
    return this.#upper | BigInt(this.#counter);
  }
}
