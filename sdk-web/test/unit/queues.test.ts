/** The queues that things wait in. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ByteQueue } from "../../src/conn/bytes.js";
import { Queue } from "../../src/conn/core.js";
import { Timers } from "../../src/conn/timers.js";
import { Mailbox } from "../../src/edge/mailbox.js";

test("bytes come out in order, in steps of any size, and are the queue's own", () => {
  const pieces = [1, 5_000, 2, 3, 4_095, 4_096, 7, 0, 60, 60];
  const all = Uint8Array.from({ length: pieces.reduce((sum, piece) => sum + piece) }, (_, at) => at >> 3);
  for (const step of [1, 100, 4_096, 100_000]) {
    const queue = new ByteQueue();
    let from = 0;
    for (const piece of pieces) {
      const bytes = all.slice(from, from + piece);
      queue.push(bytes);
      bytes.fill(0xee);
      from += piece;
    }
    assert.equal(queue.length, all.length);
    const taken: Uint8Array[] = [];
    while (queue.length > 0) taken.push(queue.take(step));
    assert.ok(Buffer.concat(taken).equals(all), `in steps of ${step}`);
  }
});

test("bytes can be put in between takes, and cleared", () => {
  const queue = new ByteQueue();
  queue.push(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...queue.take(2)], [1, 2]);
  queue.push(Uint8Array.of(4));
  assert.deepEqual([...queue.take(9)], [3, 4]);
  queue.push(new Uint8Array(10_000));
  queue.take(1);
  queue.clear();
  queue.push(Uint8Array.of(5));
  assert.deepEqual([...queue.take(9)], [5]);
});

test("a queue keeps its order however it grows and shrinks", () => {
  const queue = new Queue<number>();
  let [put, taken] = [0, 0];
  for (let round = 0; round < 5_000; round++) {
    for (let at = 0; at < round % 7; at++) queue.push(put++);
    for (let at = 0; at < round % 5; at++) if (queue.size > 0) assert.equal(queue.shift(), taken++);
    assert.equal(queue.front, queue.size > 0 ? taken : undefined);
  }
  assert.equal(queue.size, put - taken);
});

test("timers ring in their order, and settled ones are forgotten", () => {
  const timers = new Timers();
  const times = Array.from({ length: 500 }, (_, at) => (at * 7_919) % 1_000);
  for (const [id, at] of times.entries()) timers.set(at, "await", BigInt(id));
  timers.tidy("await", (id) => id % 10n === 0n, 50);
  assert.equal(timers.size, 50);
  const rung: number[] = [];
  assert.equal(timers.popDue(-1), undefined);
  for (let timer; (timer = timers.popDue(2_000)) !== undefined; ) rung.push(timer.at);
  assert.deepEqual(rung, times.filter((_, id) => id % 10 === 0).sort((one, other) => one - other));
});

test("a mailbox has bounds, but an empty one takes anything", async () => {
  const mailbox = new Mailbox<number>(2, 10);
  assert.ok(mailbox.push(1, 50));
  assert.ok(!mailbox.push(2, 1), "too many bytes");
  const entries = mailbox.iterate();
  assert.equal((await entries.next()).value, 1);
  assert.ok(mailbox.push(3, 1) && mailbox.push(4, 1));
  assert.ok(!mailbox.push(5, 1), "too many entries");
  assert.deepEqual([(await entries.next()).value, (await entries.next()).value], [3, 4]);
});

test("those who wait get one entry each, those who stop get none, and the end wakes all", async () => {
  const mailbox = new Mailbox<number>(10, 10);
  const [one, two, three] = [mailbox.iterate(), mailbox.iterate(), mailbox.iterate()];
  const waits = [one.next(), two.next(), three.next()];
  await two.return!();
  mailbox.push(1, 1);
  mailbox.push(2, 1);
  mailbox.push(3, 1);
  assert.deepEqual((await Promise.all(waits)).map(({ value }) => value as unknown), [1, undefined, 2]);
  assert.equal((await two.next()).done, true);
  mailbox.close();
  assert.ok(!mailbox.push(4, 1));
  assert.equal((await one.next()).value, 3, "what was in it");
  assert.equal((await one.next()).done, true);
});
