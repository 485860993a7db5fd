/** Streams of an edge against a gateway's end that is made by hand: back-pressure and ends. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { StreamAbortedError, type EdgeStream } from "../../src/index.js";
import { sessionData } from "../../src/wire/body.js";
import { Kind } from "../../src/wire/kind.js";
import { FarEnds, settled, until, type FarEnd } from "./far_end.js";

const MIB = 1024 * 1024;

async function opened(): Promise<{ stream: EdgeStream; end: FarEnd; session: bigint; close: () => void }> {
  const { edge, end } = await new FarEnds().edge();
  const opening = edge.openStream("svc");
  const session = await end.opened();
  return { stream: await opening, end, session, close: () => void edge.close() };
}

/** Takes out all bytes and credit that were sent. */
function taken(end: FarEnd): { bytes: Buffer; credit: number; ended: boolean } {
  const all = end.frames.splice(0);
  const bytes = Buffer.concat(all.map((frame) => (frame.kind === Kind.Stream ? frame.bytes : new Uint8Array(0))));
  const credit = all.reduce((sum, frame) => sum + (frame.kind === Kind.Credit ? frame.count : 0), 0);
  return { bytes, credit, ended: all.some((frame) => frame.kind === Kind.StreamEnd) };
}

test("a writer goes as far as credit and one MiB more, and on when there is credit again", async () => {
  const { stream, end, session, close } = await opened();
  const all = Uint8Array.from({ length: 5 * MIB }, (_, at) => at >> 9);
  const writer = stream.writable.getWriter();
  let written = 0;
  const writing = (async () => {
    for (let at = 0; at < all.length; at += MIB / 2, written = at) await writer.write(all.subarray(at, at + MIB / 2));
    await writer.close();
  })();
  await settled();
  assert.ok(written >= MIB && written <= 2 * MIB, `${written} bytes are taken off the application`);
  const parts = [taken(end).bytes];
  assert.equal(parts[0]!.length, MIB);
  await settled();
  assert.equal(taken(end).bytes.length, 0);
  let ended = false;
  for (let granted = MIB; granted < all.length; granted += MIB) {
    end.give({ kind: Kind.Credit, session, count: MIB });
    await settled();
    const more = taken(end);
    assert.equal(more.bytes.length, MIB);
    parts.push(more.bytes);
    ended = more.ended;
  }
  await writing;
  await settled();
  assert.ok(ended || taken(end).ended);
  assert.ok(Buffer.concat(parts).equals(all));
  close();
});

test("credit is given for what was read, and for all of it", async () => {
  const { stream, end, session, close } = await opened();
  const reader = stream.readable.getReader();
  const piece = new Uint8Array(MIB / 16).fill(7);
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < 16; at++) end.give({ kind: Kind.Stream, session, bytes: piece });
    await settled();
    assert.equal(taken(end).credit, 0, "nothing was read");
    for (let length = 0; length < MIB; length += (await reader.read()).value!.length);
    await settled();
    assert.equal(taken(end).credit, MIB);
  }
  // Who reads no more lets the other side go on all the same.
  await reader.cancel();
  for (let at = 0; at < 16; at++) end.give({ kind: Kind.Stream, session, bytes: piece });
  await settled();
  assert.equal(taken(end).credit, MIB);
  close();
});

test("more than was granted ends the stream, for either side", async () => {
  const { stream, end, session, close } = await opened();
  for (let at = 0; at <= 16; at++) end.give({ kind: Kind.Stream, session, bytes: new Uint8Array(MIB / 16) });
  const dismiss = await end.takes(Kind.Dismiss);
  assert.equal(dismiss.data.error, "more was sent than was granted");
  await assert.rejects(stream.closed, (error: StreamAbortedError) => error.reason === "more was sent than was granted");
  close();
});

test("what comes behind the end of a direction does not count, and a torn stream is an error of its reader", async () => {
  const { stream, end, session, close } = await opened();
  end.give({ kind: Kind.Stream, session, bytes: Uint8Array.of(1, 2) });
  end.give({ kind: Kind.StreamEnd, session });
  end.give({ kind: Kind.Stream, session, bytes: Uint8Array.of(3) });
  assert.deepEqual([...new Uint8Array(await new Response(stream.readable).arrayBuffer())], [1, 2]);
  await stream.writable.close();
  const dismiss = await end.takes(Kind.Dismiss);
  end.give({ kind: Kind.DismissAck, session, data: sessionData() }, dismiss.packet);
  end.give({ kind: Kind.Dismiss, session, data: sessionData() });
  await stream.closed;
  close();

  const torn = await opened();
  torn.end.give({ kind: Kind.Stream, session: torn.session, bytes: Uint8Array.of(1) });
  torn.end.lose();
  await assert.rejects(new Response(torn.stream.readable).arrayBuffer(), { code: "link-lost" });
  await assert.rejects(torn.stream.writable.getWriter().write("x"));
  await until("it is over", () => torn.end.isClosed);
  torn.close();
});
