/** The link's own life: handshake, heartbeats, sleep, taking leave. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_CAPS, body, connData, sessionData } from "../../src/wire/body.js";
import { Kind } from "../../src/wire/kind.js";
import { Peer } from "./peer.js";

test("the first bytes are 01 01, and the Conn says what is offered", () => {
  const peer = new Peer({}, 2n ** 63n);
  const bytes = peer.conn.pollTransmit(0)!;
  assert.deepEqual([bytes[0], bytes[1]], [1, 1]);
  const again = new Peer({}, 2n ** 63n);
  const [conn] = again.sent();
  assert.ok(conn?.kind === Kind.Conn);
  assert.deepEqual([conn.acquireId, conn.heartbeat, conn.wanted, conn.data.caps], [true, 2, 2n ** 63n, ALL_CAPS]);
});

test("an ack of something else is not for us; without one the handshake ends after 10 s", () => {
  const peer = new Peer();
  const [conn] = peer.sent();
  peer.give({ kind: Kind.ConnAck, client: 1n, data: connData() }, conn!.packet + 1n);
  assert.ok(!peer.conn.isOpen);
  peer.pass(9_999);
  assert.equal(peer.conn.closed, undefined);
  peer.pass(1);
  assert.equal(peer.conn.closed, "handshake timeout");
});

test("an error text refuses, whatever the code says", () => {
  const peer = new Peer();
  const [conn] = peer.sent();
  peer.give({ kind: Kind.ConnAck, client: 5n, data: connData({ error: "no" }) }, conn!.packet);
  assert.deepEqual(peer.events(), [{ type: "refused", text: "no" }]);
  assert.equal(peer.conn.closed, "refused by the gateway: no");
});

test("data before the ack is ignored, a misplaced frame of the link closes", () => {
  const early = new Peer();
  early.give({ kind: Kind.Message, session: 1n, body: body() });
  assert.deepEqual([early.events(), early.conn.closed], [[], undefined]);
  for (const kind of [Kind.ConnAck, Kind.DisConnAck] as const) {
    const peer = Peer.open();
    peer.give(kind === Kind.ConnAck ? { kind, client: 1n, data: connData() } : { kind, data: connData() });
    assert.match(peer.conn.closed ?? "", /unexpected frame/);
  }
});

test("heartbeats go out every 20 s, and anything that comes answers them", () => {
  const peer = Peer.open();
  for (let round = 0; round < 5; round++) {
    peer.pass(20_000);
    const [heartbeat, ...others] = peer.sent();
    assert.deepEqual([heartbeat?.kind, others], [Kind.Heartbeat, []]);
    if (round % 2 === 0) peer.give({ kind: Kind.HeartbeatAck }, heartbeat!.packet);
    else peer.give({ kind: Kind.Stream, session: 4n, bytes: new Uint8Array(0) });
  }
  peer.pass(44_999);
  assert.equal(peer.conn.closed, undefined);
  peer.pass(1);
  assert.equal(peer.conn.closed, "no answer to a heartbeat");
});

test("a page whose timers run once a minute keeps its link, within what the gateway was promised", () => {
  const peer = Peer.open();
  for (let minute = 0; minute < 10; minute++) {
    peer.sleep(60_000);
    const [heartbeat] = peer.sent();
    assert.equal(heartbeat?.kind, Kind.Heartbeat);
    peer.give({ kind: Kind.HeartbeatAck }, heartbeat!.packet);
  }
  assert.ok(peer.conn.isOpen);
});

test("such a page notices a dead link, too", () => {
  const peer = Peer.open();
  peer.sleep(60_000);
  peer.sleep(60_000);
  assert.ok(peer.conn.isOpen, "the answer may lie unread");
  peer.sleep(60_000);
  assert.equal(peer.conn.closed, "no answer to a heartbeat");
});

test("a page that has overslept an answer, and got it, may do so again", () => {
  const peer = Peer.open();
  for (let time = 0; time < 3; time++) {
    peer.sleep(60_000);
    peer.sleep(60_000);
    assert.ok(peer.conn.isOpen, `time ${time}`);
    peer.give({ kind: Kind.HeartbeatAck });
  }
});

test("after a sleep an answer is wanted within 4 s, and not before that", () => {
  for (const answered of [true, false]) {
    const peer = Peer.open();
    peer.pass(20_000);
    peer.sent();
    peer.sleep(180_000);
    const probe = peer.sent().find((frame) => frame.kind === Kind.Heartbeat);
    assert.ok(probe && peer.conn.isOpen);
    if (answered) peer.give({ kind: Kind.HeartbeatAck }, probe.packet);
    peer.pass(4_000);
    assert.equal(peer.conn.isOpen, answered);
  }
});

test("however often a sign of life is wanted, one heartbeat asks for it", () => {
  const peer = Peer.open();
  peer.pass(20_000);
  assert.deepEqual(peer.kinds(), [Kind.Heartbeat]);
  for (let time = 0; time < 3; time++) peer.conn.probe(peer.now);
  assert.deepEqual(peer.kinds(), [Kind.Heartbeat], "the one before has longer");
  peer.give({ kind: Kind.HeartbeatAck });
  peer.conn.probe(peer.now);
  assert.deepEqual(peer.kinds(), [Kind.Heartbeat]);
  peer.pass(4_000);
  assert.equal(peer.conn.closed, "no answer to a heartbeat");
});

test("the gateway leaves: both sides confirm, and whoever waits is told", () => {
  const peer = Peer.open();
  peer.conn.register(1n, "m", peer.now + 9_000, "registration");
  peer.sent();
  const packet = peer.give({ kind: Kind.DisConn });
  assert.deepEqual(peer.events(), [{ type: "failed", waiter: "registration", failure: { why: "session-ended" } }]);
  const [ack, own] = peer.sent();
  assert.deepEqual([ack?.kind, ack?.packet, own?.kind], [Kind.DisConnAck, packet, Kind.DisConn]);
  assert.equal(peer.conn.closed, undefined);
  peer.give({ kind: Kind.DisConnAck, data: connData() }, own!.packet);
  assert.equal(peer.conn.closed, "the gateway left");
});

test("we leave: in either order of the gateway's two frames, or after 5 s without them", () => {
  for (const order of [[0, 1], [1, 0], []]) {
    const peer = Peer.open();
    peer.conn.leave(peer.now);
    const [disconn] = peer.sent();
    assert.equal(disconn?.kind, Kind.DisConn);
    const answers = [
      () => peer.give({ kind: Kind.DisConnAck, data: connData() }, disconn!.packet),
      () => peer.give({ kind: Kind.DisConn }),
    ];
    for (const at of order) {
      assert.equal(peer.conn.closed, undefined);
      answers[at]!();
    }
    if (order.length === 0) peer.pass(5_000);
    assert.equal(peer.conn.closed, "closed by this side");
    assert.deepEqual(peer.kinds(), order.length === 0 ? [] : [Kind.DisConnAck]);
  }
});

test("malformed input ends the link, and everything on it exactly once", () => {
  const peer = Peer.open();
  const session = peer.stream();
  peer.conn.call(9_000n, session, new Uint8Array(30), peer.now + 1_000, "call");
  peer.conn.handleFrame(peer.now, { kind: Kind.Message, packet: 1n, length: 9 }, Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 1, 120]));
  assert.match(peer.conn.closed ?? "", /malformed input/);
  const ends = [
    { type: "failed", waiter: "call", failure: { why: "session-ended" } },
    { type: "ended", session, error: "" },
  ];
  assert.deepEqual(peer.events(), ends);
  peer.give({ kind: Kind.Dismiss, session, data: sessionData() });
  peer.pass(100_000);
  assert.deepEqual(peer.events(), []);
});
