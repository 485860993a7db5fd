import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, type Attempt } from "../../src/edge/backoff.js";

function ranges(attempts: Attempt[]): [number, number][] {
  const [least, most] = [new Backoff(), new Backoff()];
  return attempts.map((attempt) => [Math.round(least.pause(attempt, 0)), Math.round(most.pause(attempt, 1))]);
}

test("pauses double up to the widest range", () => {
  const expected = [[500, 2_000], [1_000, 4_000], [2_000, 8_000], [4_000, 16_000], [7_500, 30_000], [7_500, 30_000]];
  assert.deepEqual(ranges(Array<Attempt>(6).fill("failed")), expected);
});

test("only a link that lived for a minute begins anew, and a refusal counts twice", () => {
  assert.deepEqual(ranges([59_999, 59_999, 60_000]), [[500, 2_000], [1_000, 4_000], [500, 2_000]]);
  assert.deepEqual(ranges(["refused", "refused"]), [[1_000, 4_000], [4_000, 16_000]]);
});

test("no overflow after years of failures", () => {
  const backoff = new Backoff();
  for (let at = 0; at < 100_000; at++) backoff.pause("refused", 0);
  assert.equal(Math.round(backoff.pause("failed", 1)), 30_000);
});
