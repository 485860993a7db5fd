/** Sessions and raw bytes in the state machine. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_CAPS, NO_CAPS, sessionData, type Caps } from "../../src/wire/body.js";
import { Kind } from "../../src/wire/kind.js";
import { Peer, type Sent } from "./peer.js";

const MIB = 1024 * 1024;

const bytesIn = (frames: Sent[]) => frames.reduce((sum, frame) => sum + (frame.kind === Kind.Stream ? frame.bytes.length : 0), 0);

function opening(peer: Peer, waiter: string): Sent & { negotiate: bigint } {
  peer.conn.openSession(peer.now, peer.conn.freshPacket(), sessionData({ peer: "svc" }), waiter);
  const open = peer.sent().at(-1);
  assert.ok(open?.kind === Kind.Session && open.acquireId && open.data.peer === "svc");
  return open;
}

test("a session is usable from its ack on, under the id that the gateway chose", () => {
  const peer = Peer.open();
  const open = opening(peer, "s");
  assert.ok(!peer.conn.isUsable(open.negotiate));
  peer.give({ kind: Kind.SessionAck, negotiate: open.negotiate, session: 900n, data: sessionData() }, open.packet);
  peer.give({ kind: Kind.Stream, session: 900n, bytes: Uint8Array.of(1) });
  assert.deepEqual(peer.events(), [
    { type: "opened", waiter: "s", session: 900n },
    { type: "data", session: 900n, bytes: Uint8Array.of(1) },
  ]);
  assert.ok(peer.conn.isUsable(900n) && !peer.conn.isUsable(open.negotiate));
});

test("an error in the ack refuses, where that was negotiated", () => {
  for (const caps of [ALL_CAPS, NO_CAPS]) {
    const peer = Peer.open(caps);
    const open = opening(peer, "s");
    peer.give({ kind: Kind.SessionAck, negotiate: open.negotiate, session: 900n, data: sessionData({ error: "no" }) }, open.packet);
    const refused = { type: "failed", waiter: "s", failure: { why: "declined", text: "no" } };
    assert.deepEqual(peer.events(), [caps.prompt ? refused : { type: "opened", waiter: "s", session: 900n }]);
    assert.equal(peer.conn.isUsable(900n), !caps.prompt);
  }
});

test("an opening that nobody waits for any more is dismissed when it is confirmed after all", () => {
  const peer = Peer.open();
  const open = opening(peer, "s");
  peer.pass(25_000);
  assert.deepEqual(peer.events(), [{ type: "failed", waiter: "s", failure: { why: "expired" } }]);
  peer.sent();
  peer.give({ kind: Kind.SessionAck, negotiate: open.negotiate, session: 900n, data: sessionData() }, open.packet);
  const [dismiss] = peer.sent();
  assert.ok(dismiss?.kind === Kind.Dismiss && dismiss.session === 900n);
  peer.give({ kind: Kind.DismissAck, session: 900n, data: sessionData() }, dismiss.packet);
  peer.give({ kind: Kind.Dismiss, session: 900n, data: sessionData() });
  assert.deepEqual(peer.events(), [{ type: "ended", session: 900n, error: "" }]);
});

test("an opening that nobody waits for any more is forgotten when it is not confirmed either", () => {
  for (const way of ["expired", "given up"]) {
    const peer = Peer.open(NO_CAPS, { silentSessions: 1, heartbeatEvery: 1e9 });
    const packet = peer.conn.freshPacket();
    peer.conn.openSession(peer.now, packet, sessionData(), "first");
    const [open] = peer.sent();
    assert.ok(open?.kind === Kind.Session);
    peer.conn.openSession(peer.now + 60_000, peer.conn.freshPacket(), sessionData(), "second");
    if (way === "given up") assert.equal(peer.conn.cancel(peer.now, packet), "first");
    else peer.pass(25_000);
    peer.events();
    assert.deepEqual(peer.sent(), [], "the peer may still hold it");
    peer.pass(29_999);
    assert.deepEqual(peer.sent(), []);
    peer.pass(1);
    assert.deepEqual(peer.kinds(), [Kind.Session], "its place is free for whoever waits behind it");
  }
});

test("an old peer is asked for 32 sessions at most before it has shown a sign of life on one", () => {
  const peer = Peer.open(NO_CAPS);
  for (let at = 0; at < 34; at++) peer.conn.openSession(peer.now, peer.conn.freshPacket(), sessionData(), `${at}`);
  const opens = peer.sent();
  assert.equal(opens.length, 32);
  const [open] = opens;
  assert.ok(open?.kind === Kind.Session);
  peer.give({ kind: Kind.SessionAck, negotiate: open.negotiate, session: 900n, data: sessionData() }, open.packet);
  assert.deepEqual(peer.sent(), [], "an ack shows only that it is queued");
  peer.give({ kind: Kind.Stream, session: 900n, bytes: Uint8Array.of(1) });
  assert.deepEqual(peer.kinds(), [Kind.Session]);
});

test("sessions of the gateway: confirmed, declined, too many, with an impossible id", () => {
  const offer = (peer: Peer, negotiate: bigint, acquireId = false) => {
    return peer.give({ kind: Kind.Session, acquireId, negotiate, data: sessionData({ peer: "7" }) });
  };
  const peer = Peer.open();
  const packet = offer(peer, 50n);
  assert.deepEqual(peer.events(), [{ type: "offered", session: 50n, data: sessionData({ peer: "7" }) }]);
  assert.ok(!peer.conn.isUsable(50n));
  peer.give({ kind: Kind.Stream, session: 50n, bytes: Uint8Array.of(1) });
  assert.deepEqual(peer.events(), [], "nothing is delivered before it is confirmed");
  peer.conn.confirm(50n);
  assert.deepEqual(peer.sent(), [{ kind: Kind.SessionAck, negotiate: 50n, session: 50n, data: sessionData(), packet }]);
  assert.ok(peer.conn.isUsable(50n));
  offer(peer, 51n);
  peer.conn.decline(peer.now, 51n, "no");
  const [ack] = peer.sent();
  assert.ok(ack?.kind === Kind.SessionAck && ack.data.error === "no");

  const old = Peer.open(NO_CAPS);
  offer(old, 51n);
  old.conn.decline(old.now, 51n, "no");
  assert.deepEqual(old.kinds(), [Kind.SessionAck, Kind.Dismiss]);

  const full = Peer.open(ALL_CAPS, { maxSessions: 1 });
  for (const id of [50n, 51n]) offer(full, id);
  assert.equal(full.events().length, 1);
  assert.deepEqual(full.kinds(), [Kind.SessionAck]);
  offer(full, 51n);
  assert.deepEqual([full.kinds(), full.conn.closed], [[Kind.SessionAck], undefined], "its id is free again");

  // One that is not told of a refusal at once may go on for a while, but not for ever.
  const flood = Peer.open(NO_CAPS, { maxSessions: 2 });
  for (const id of [50n, 51n, 52n, 53n]) offer(flood, id);
  assert.equal(flood.conn.closed, undefined);
  offer(flood, 54n);
  assert.match(flood.conn.closed ?? "", /unexpected frame 0x31/);

  for (const id of [0n, 1n, 50n]) {
    const strict = Peer.open();
    offer(strict, 50n);
    offer(strict, id);
    assert.match(strict.conn.closed ?? "", /unexpected frame 0x31/);
  }
});

test("a dismissal is four frames, in either order, and data is delivered until the last", () => {
  for (const ackFirst of [true, false]) {
    const peer = Peer.open();
    const session = peer.stream();
    peer.conn.dismiss(peer.now, session, "done");
    const [own] = peer.sent();
    assert.ok(own?.kind === Kind.Dismiss && own.data.error === "done");
    const answers = [
      () => peer.give({ kind: Kind.DismissAck, session, data: sessionData() }, own.packet),
      () => peer.give({ kind: Kind.Dismiss, session, data: sessionData() }),
    ];
    answers[ackFirst ? 0 : 1]!();
    peer.give({ kind: Kind.Stream, session, bytes: Uint8Array.of(1) });
    assert.deepEqual(peer.events().map((event) => event.type), ["data"]);
    answers[ackFirst ? 1 : 0]!();
    assert.deepEqual(peer.events(), [{ type: "ended", session, error: "" }]);
    assert.deepEqual(peer.kinds(), [Kind.DismissAck]);
  }
});

test("the peer dismisses: answered, and a session that we do not know only acked", () => {
  const peer = Peer.open();
  const session = peer.stream();
  const packet = peer.give({ kind: Kind.Dismiss, session, data: sessionData({ error: "why" }) });
  const [ack, own] = peer.sent();
  assert.deepEqual([ack?.kind, ack?.packet, own?.kind], [Kind.DismissAck, packet, Kind.Dismiss]);
  assert.ok(!peer.conn.sendData(session, Uint8Array.of(1)));
  peer.give({ kind: Kind.DismissAck, session, data: sessionData() }, own!.packet);
  assert.deepEqual(peer.events(), [{ type: "ended", session, error: "why" }]);
  peer.give({ kind: Kind.Dismiss, session, data: sessionData() });
  assert.deepEqual(peer.kinds(), [Kind.DismissAck]);
  peer.give({ kind: Kind.DismissAck, session: 4n, data: sessionData() });
  assert.deepEqual(peer.events(), []);
});

test("a dismissal that is not finished ends after 30 s, whoever began it, and nothing comes on it any more", () => {
  for (const ours of [true, false]) {
    const peer = Peer.open(ALL_CAPS, { heartbeatEvery: 1e9 });
    const session = peer.stream();
    if (ours) peer.conn.dismiss(peer.now, session, "");
    else peer.give({ kind: Kind.Dismiss, session, data: sessionData() });
    assert.ok(!peer.conn.isUsable(session) && !peer.conn.sendData(session, Uint8Array.of(1)));
    peer.conn.call(peer.conn.freshPacket(), session, new Uint8Array(30), peer.now + 1_000, "call");
    assert.deepEqual(peer.events(), [{ type: "failed", waiter: "call", failure: { why: "session-ended" } }]);
    peer.sent();
    peer.pass(30_000);
    assert.deepEqual(peer.events(), [{ type: "ended", session, error: "" }]);
    peer.give({ kind: Kind.Stream, session, bytes: Uint8Array.of(1) });
    assert.deepEqual(peer.events(), []);
  }
});

test("the main session can be dismissed like any other", () => {
  const peer = Peer.open();
  peer.give({ kind: Kind.Dismiss, session: 1n, data: sessionData() });
  const own = peer.sent().at(-1)!;
  peer.give({ kind: Kind.DismissAck, session: 1n, data: sessionData() }, own.packet);
  assert.deepEqual(peer.events(), [{ type: "ended", session: 1n, error: "" }]);
  assert.ok(peer.conn.isOpen && !peer.conn.isUsable(1n));
});

test("bytes leave as far as credit goes, in frames of 64 KiB, and the end behind them", () => {
  const peer = Peer.open();
  const session = peer.stream();
  const all = Uint8Array.from({ length: 3 * MIB }, (_, at) => at >> 8);
  for (let at = 0; at < all.length; at += 100_000) assert.ok(peer.conn.sendData(session, all.subarray(at, at + 100_000)));
  peer.conn.endData(peer.now, session);
  assert.ok(!peer.conn.sendData(session, Uint8Array.of(1)), "nothing behind the end");
  const frames = peer.sent();
  assert.equal(bytesIn(frames), MIB);
  assert.ok(frames.every((frame) => frame.kind === Kind.Stream && frame.bytes.length <= 64 * 1024));
  const sent = peer.events().reduce((sum, event) => sum + (event.type === "sent" ? event.count : 0), 0);
  assert.equal(sent, MIB);
  peer.give({ kind: Kind.Credit, session, count: 1 });
  assert.equal(bytesIn([...(frames.push(...peer.sent()), frames)]), MIB + 1);
  peer.give({ kind: Kind.Credit, session, count: 2 * MIB - 1 });
  frames.push(...peer.sent());
  const end = frames.pop();
  assert.equal(end?.kind, Kind.StreamEnd);
  assert.ok(Buffer.concat(frames.map((frame) => (frame.kind === Kind.Stream ? frame.bytes : new Uint8Array(0)))).equals(all));
});

test("consumed bytes are granted anew in quarters of the window", () => {
  const peer = Peer.open();
  const session = peer.stream();
  peer.conn.grant(session, MIB / 4 - 1);
  assert.deepEqual(peer.sent(), []);
  peer.conn.grant(session, 11);
  const [credit] = peer.sent();
  assert.ok(credit?.kind === Kind.Credit && credit.count === MIB / 4 + 10);
  peer.conn.grant(session, MIB / 4 - 1);
  assert.deepEqual(peer.sent(), [], "what is granted once is not owed again");
  peer.conn.grant(session, 1);
  const [next] = peer.sent();
  assert.ok(next?.kind === Kind.Credit && next.count === MIB / 4);
});

test("credit adds up: what comes in small parts, or early, is not lost", () => {
  const peer = Peer.open();
  const session = peer.stream();
  for (const count of [5, 7]) peer.give({ kind: Kind.Credit, session, count });
  peer.conn.sendData(session, new Uint8Array(2 * MIB));
  assert.equal(bytesIn(peer.sent()), MIB + 12);
  for (const count of [3, 4]) peer.give({ kind: Kind.Credit, session, count });
  assert.equal(bytesIn(peer.sent()), 7);
});

test("streams take turns, and neither delays a heartbeat", () => {
  const peer = Peer.open();
  const [one, two] = [peer.stream(900n), peer.stream(901n)];
  for (const session of [one, two]) peer.conn.sendData(session, new Uint8Array(MIB / 2));
  peer.conn.probe(peer.now);
  const [heartbeat, ...frames] = peer.sent();
  assert.equal(heartbeat?.kind, Kind.Heartbeat);
  const turns = frames.map((frame) => (frame.kind === Kind.Stream ? frame.session : 0n));
  assert.deepEqual(turns.slice(0, 4), [one, two, one, two]);
});

test("towards an old peer: 16 frames, a pause, and the Dismiss 100 ms behind the last bytes", () => {
  const peer = Peer.open(NO_CAPS);
  const session = peer.stream();
  peer.conn.sendData(session, new Uint8Array(20 * 64 * 1024));
  assert.equal(peer.sent().length, 16);
  peer.pass(1);
  assert.deepEqual(peer.sent(), []);
  peer.pass(1);
  assert.equal(peer.sent().length, 4);
  peer.conn.endData(peer.now, session);
  assert.deepEqual(peer.sent(), [], "half-close is not known there");
  peer.pass(99);
  assert.deepEqual(peer.sent(), []);
  peer.pass(1);
  assert.deepEqual(peer.kinds(), [Kind.Dismiss]);
});

test("frames that were not negotiated end the link", () => {
  for (const frame of [{ kind: Kind.StreamEnd, session: 1n }, { kind: Kind.Credit, session: 1n, count: 1 }] as const) {
    const peer = Peer.open(NO_CAPS);
    peer.give(frame);
    assert.match(peer.conn.closed ?? "", /unexpected frame/);
  }
});

test("a peer that takes nothing for 30 s loses the rest, and is told so", () => {
  const peer = Peer.open(ALL_CAPS as Caps, { heartbeatEvery: 1e9 });
  const session = peer.stream();
  peer.conn.sendData(session, new Uint8Array(2 * MIB));
  peer.sent();
  peer.conn.dismiss(peer.now, session, "");
  assert.deepEqual(peer.sent(), [], "first what was written");
  assert.ok(!peer.conn.isUsable(session) && !peer.conn.sendData(session, Uint8Array.of(1)), "and nothing behind it");
  peer.pass(30_000);
  const [dismiss] = peer.sent();
  assert.ok(dismiss?.kind === Kind.Dismiss);
  assert.equal(dismiss.data.error, "the last bytes of the stream were not taken in time");
});

test("a peer that takes some now and then has more time for the rest", () => {
  const peer = Peer.open(ALL_CAPS, { heartbeatEvery: 1e9 });
  const session = peer.stream();
  peer.conn.sendData(session, new Uint8Array(2 * MIB));
  peer.conn.dismiss(peer.now, session, "");
  peer.sent();
  peer.pass(20_000);
  peer.give({ kind: Kind.Credit, session, count: 1 });
  assert.equal(bytesIn(peer.sent()), 1);
  peer.pass(29_999);
  assert.deepEqual(peer.sent(), []);
  peer.pass(1);
  assert.deepEqual(peer.kinds(), [Kind.Dismiss]);
});

test("what is written last is sent before a dismissal, and dropped by an abort", () => {
  for (const aborted of [false, true]) {
    const peer = Peer.open();
    const session = peer.stream();
    peer.conn.sendData(session, new Uint8Array(10));
    if (aborted) peer.conn.endData(peer.now, session);
    if (aborted) peer.conn.abortSession(peer.now, session, "why");
    else peer.conn.dismiss(peer.now, session, "");
    assert.deepEqual(peer.kinds(), aborted ? [Kind.Dismiss] : [Kind.Stream, Kind.Dismiss]);
  }
});

test("a half-closed stream still brings bytes", () => {
  const peer = Peer.open();
  const session = peer.stream();
  peer.conn.endData(peer.now, session);
  assert.deepEqual(peer.kinds(), [Kind.StreamEnd]);
  peer.give({ kind: Kind.Stream, session, bytes: Uint8Array.of(5) });
  peer.give({ kind: Kind.StreamEnd, session });
  assert.deepEqual(peer.events().map((event) => event.type), ["data", "data-end"]);
  assert.ok(peer.conn.isUsable(session), "for calls and messages");
});
