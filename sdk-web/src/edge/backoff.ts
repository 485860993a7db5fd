/** How an attempt to be online ended: it never was, the gateway refused it, or it was, for this many milliseconds. */
export type Attempt = "failed" | "refused" | number;

/** The middle of the range for the first pause, and of the widest, in milliseconds. */
const FIRST = 1_250;
const WIDEST = 18_750;
/** The ends of a range, in parts of its middle. */
const SHORTEST = 0.4;
const LONGEST = 1.6;
/** A link that lived this long was a good one. */
const PROVEN = 60_000;

/**
 * The pauses between attempts, drawn at random from a range that begins with 0.5 to 2 s and doubles up to 7.5 to 30 s. It begins
 * anew only after a link that lived for a minute, so that two who claim the same id drive each other out ever more seldom. A
 * refusal counts as two failures.
 */
export class Backoff {
  #failures = 0;

  /** The pause after an attempt that ended like this, in milliseconds. `random`: 0 to 1. */
  pause(attempt: Attempt, random: number): number {
    if (typeof attempt === "number" && attempt >= PROVEN) this.#failures = 0;
    this.#failures += attempt === "refused" ? 2 : 1;
    const middle = Math.min(WIDEST, FIRST * 2 ** Math.min(16, this.#failures - 1));
    return middle * (SHORTEST + random * (LONGEST - SHORTEST));
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }
}
