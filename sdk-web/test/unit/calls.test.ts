/** Calls, messages and registrations in the state machine. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_CAPS, body, NO_CAPS, sessionData, toUtf8 } from "../../src/wire/body.js";
import { encodeFrame } from "../../src/wire/frame.js";
import { Kind } from "../../src/wire/kind.js";
import { Peer } from "./peer.js";

function ask(peer: Peer, kind: "call" | "publish", waiter: string, timeout = 30_000, session = 1n): bigint {
  const packet = peer.conn.freshPacket();
  const frame = { kind: kind === "call" ? Kind.Request : Kind.Message, session, body: body({ value: toUtf8(waiter) }) };
  peer.conn[kind](packet, session, encodeFrame(packet, frame), peer.now + timeout, waiter);
  return packet;
}

test("a call gets one answer: what comes late or twice changes nothing", () => {
  const peer = Peer.open();
  const packet = ask(peer, "call", "a");
  assert.deepEqual(peer.kinds(), [Kind.Request]);
  const answer = body({ value: toUtf8("yes") });
  peer.give({ kind: Kind.Response, session: 2n, body: answer }, packet);
  assert.deepEqual(peer.events(), [], "of another session");
  peer.give({ kind: Kind.MessageAck, session: 1n, body: body() }, packet);
  assert.deepEqual(peer.events(), [], "of another kind");
  for (let time = 0; time < 2; time++) peer.give({ kind: Kind.Response, session: 1n, body: answer }, packet);
  assert.deepEqual(peer.events(), [{ type: "response", waiter: "a", body: answer }]);
});

test("a call ends at its deadline", () => {
  const peer = Peer.open();
  const packet = ask(peer, "call", "a", 500);
  peer.sent();
  peer.pass(499);
  assert.deepEqual(peer.events(), []);
  peer.pass(1);
  assert.deepEqual(peer.events(), [{ type: "failed", waiter: "a", failure: { why: "expired" } }]);
  peer.give({ kind: Kind.Response, session: 1n, body: body() }, packet);
  assert.deepEqual(peer.events(), []);
});

test("a call that is given up is taken back, or its target is told if it survives that", () => {
  const ours = Peer.open();
  assert.equal(ours.conn.cancel(ours.now, ask(ours, "call", "a")), "a");
  assert.deepEqual([ours.sent(), ours.conn.queued.calls], [[], 0], "it had not left");
  const packet = ask(ours, "call", "a");
  ours.sent();
  ours.conn.cancel(ours.now, packet);
  assert.deepEqual(ours.sent(), [{ kind: Kind.RequestCancel, session: 1n, reason: 1, packet }]);
  assert.equal(ours.conn.cancel(ours.now, packet), undefined);

  const old = Peer.open(NO_CAPS);
  const sent = ask(old, "call", "a");
  old.sent();
  old.conn.cancel(old.now, sent);
  assert.deepEqual(old.sent(), [], "it would kill an old one");
  old.give({ kind: Kind.RequestCancel, session: 1n, reason: 1 });
  const next = ask(old, "call", "a");
  old.sent();
  old.conn.cancel(old.now, next);
  assert.deepEqual(old.kinds(), [Kind.RequestCancel], "one that sends them itself survives them");
});

test("an old peer has 32 un-acked messages at most, in order, and those given up keep their place", () => {
  const peer = Peer.open(NO_CAPS);
  const packets = Array.from({ length: 40 }, (_, at) => ask(peer, "publish", String(at), at === 0 ? 10 : 30_000));
  assert.deepEqual(peer.sent().map((frame) => frame.packet), packets.slice(0, 32));
  peer.pass(10);
  assert.deepEqual(peer.events(), [{ type: "failed", waiter: "0", failure: { why: "expired" } }]);
  assert.deepEqual(peer.sent(), [], "the peer still holds the first");
  peer.give({ kind: Kind.MessageAck, session: 1n, body: body() }, packets[0]!);
  assert.deepEqual(peer.events(), []);
  assert.deepEqual(peer.sent().map((frame) => frame.packet), packets.slice(32, 33));
  peer.conn.cancel(peer.now, packets[33]!);
  peer.give({ kind: Kind.MessageAck, session: 1n, body: body({ error: "no" }) }, packets[5]!);
  assert.deepEqual(peer.events(), [{ type: "acked", waiter: "5", error: "no" }]);
  assert.deepEqual(peer.sent().map((frame) => frame.packet), packets.slice(34, 35), "the one given up is skipped");
});

test("a message that is given up before it left frees its place", () => {
  const peer = Peer.open(NO_CAPS, { unackedMessages: 1 });
  const [first, second] = [ask(peer, "publish", "1"), ask(peer, "publish", "2")];
  peer.conn.cancel(peer.now, first);
  assert.deepEqual(peer.sent().map((frame) => frame.packet), [second]);
  assert.equal(peer.conn.queued.messages, 0);
});

test("between our own peers the window is 512", () => {
  const peer = Peer.open();
  for (let at = 0; at < 600; at++) ask(peer, "publish", String(at));
  assert.equal(peer.sent().length, 512);
  assert.ok(peer.conn.queued.messages > 0);
});

test("requests and messages come with what they are answered by; on a session that is gone they are answered here", () => {
  const peer = Peer.open();
  const content = body({ key: toUtf8("m") });
  const request = peer.give({ kind: Kind.Request, session: 1n, body: content });
  const message = peer.give({ kind: Kind.Message, session: 1n, body: content });
  const events = peer.events();
  assert.deepEqual(events.map((event) => event.type), ["request", "message"]);
  peer.conn.respond(1n, request, body({ key: toUtf8("m"), value: toUtf8("v") }));
  peer.conn.ack(1n, message, "");
  assert.deepEqual(peer.sent().map(({ kind, packet }) => [kind, packet]), [[Kind.Response, request], [Kind.MessageAck, message]]);
  peer.give({ kind: Kind.Request, session: 99n, body: content });
  peer.give({ kind: Kind.Message, session: 99n, body: content });
  assert.deepEqual(peer.events(), []);
  const errors = peer.sent().map((frame) => ("body" in frame ? frame.body.error : ""));
  assert.deepEqual(errors, ["force closed", "force closed"]);
});

test("a reply that finds no room becomes a short error", () => {
  const peer = Peer.open(undefined, { replyBytes: 4_000 });
  for (let at = 1n; at <= 3n; at++) peer.conn.respond(1n, at, body({ value: new Uint8Array(2_000) }));
  const replies = peer.sent().map((frame) => ("body" in frame ? frame.body.error : ""));
  assert.deepEqual(replies, ["", "congested", "congested"]);
});

test("a peer that takes none of its answers is cut", () => {
  const peer = Peer.open(undefined, { replyBytes: 1_000 });
  for (let at = 0; at < 100 && peer.conn.closed === undefined; at++) {
    const packet = peer.give({ kind: Kind.Message, session: 1n, body: body() });
    peer.conn.ack(1n, packet, "");
  }
  assert.equal(peer.conn.closed, "the gateway does not read its answers");
});

test("registrations are confirmed, and the peer's are", () => {
  const peer = Peer.open();
  peer.conn.register(1n, "méthode", peer.now + 100, "registered");
  const [register] = peer.sent();
  assert.ok(register?.kind === Kind.Register);
  assert.equal(register.method, "méthode");
  peer.give({ kind: Kind.RegisterAck, session: 1n, error: "" }, register.packet);
  assert.deepEqual(peer.events(), [{ type: "acked", waiter: "registered", error: "" }]);
  const packet = peer.give({ kind: Kind.Register, session: 1n, method: "theirs" });
  assert.deepEqual(peer.sent(), [{ kind: Kind.RegisterAck, session: 1n, error: "", packet }]);
});

test("nothing can be asked on a session that is gone, and deadlines of what is answered do not pile up", () => {
  // Heartbeats, which nobody answers here, would end the link before any of the deadlines.
  const peer = Peer.open(ALL_CAPS, { heartbeatEvery: 1e9 });
  ask(peer, "call", "a", 10, 5n);
  ask(peer, "publish", "b", 10, 5n);
  assert.deepEqual(peer.events().map((event) => event.type), ["failed", "failed"]);
  assert.deepEqual(peer.sent(), []);
  for (let at = 0; at < 1_000; at++) {
    const packet = ask(peer, "call", "c", 3_600_000 - at);
    peer.sent();
    peer.give({ kind: Kind.Response, session: 1n, body: body() }, packet);
  }
  assert.equal(peer.events().length, 1_000);
  let rings = 0;
  for (let next; (next = peer.conn.nextTimeout) !== undefined && next <= peer.now + 3_600_000; rings++) {
    peer.now = Math.max(peer.now, next);
    peer.conn.handleTimeout(peer.now);
  }
  assert.ok(peer.conn.isOpen && rings < 100, `${rings} rings of a connection that waits for nothing`);
});

test("what waits on a stream fails when it ends, and nothing else", () => {
  const peer = Peer.open();
  const session = peer.stream();
  const elsewhere = ask(peer, "call", "elsewhere");
  ask(peer, "call", "a", 30_000, session);
  ask(peer, "publish", "b", 30_000, session);
  peer.sent();
  peer.give({ kind: Kind.Dismiss, session, data: sessionData({ error: "because" }) });
  const own = peer.sent().find((frame) => frame.kind === Kind.Dismiss);
  peer.give({ kind: Kind.DismissAck, session, data: sessionData() }, own!.packet);
  assert.deepEqual(peer.events(), [
    { type: "failed", waiter: "a", failure: { why: "session-ended" } },
    { type: "failed", waiter: "b", failure: { why: "session-ended" } },
    { type: "ended", session, error: "because" },
  ]);
  peer.give({ kind: Kind.Response, session: 1n, body: body() }, elsewhere);
  assert.deepEqual(peer.events(), [{ type: "response", waiter: "elsewhere", body: body() }]);
});

test("what expires before it has left is not sent", () => {
  const peer = Peer.open(NO_CAPS);
  ask(peer, "call", "a", 10);
  ask(peer, "publish", "b", 10);
  const kept = [ask(peer, "call", "c"), ask(peer, "publish", "d")];
  peer.pass(10);
  assert.deepEqual(peer.events().map((event) => ("waiter" in event ? event.waiter : event.type)), ["a", "b"]);
  assert.deepEqual(peer.sent().map((frame) => frame.packet), kept);
  assert.deepEqual({ ...peer.conn.queued }, { calls: 0, messages: 0, replies: 0, other: 0 });
});

test("a stream that is to end sends the messages that wait for room first, and ends at once when the last is given up", () => {
  for (const way of ["acked", "given up"]) {
    const peer = Peer.open(NO_CAPS, { unackedMessages: 1 });
    const session = peer.stream();
    const [first, second] = [ask(peer, "publish", "1", 30_000, session), ask(peer, "publish", "2", 30_000, session)];
    peer.conn.dismiss(peer.now, session, "");
    assert.deepEqual(peer.sent().map((frame) => frame.packet), [first]);
    if (way === "acked") peer.give({ kind: Kind.MessageAck, session, body: body() }, first);
    else peer.conn.cancel(peer.now, second!);
    assert.deepEqual(peer.kinds(), way === "acked" ? [Kind.Message, Kind.Dismiss] : [Kind.Dismiss]);
  }
});
