import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_CAPS, body, connData, sessionData, toUtf8, type Body } from "../../src/wire/body.js";
import { decodeFrame, encodeFrame, type Frame } from "../../src/wire/frame.js";
import { FrameCutter, HEADER, WireError } from "../../src/wire/header.js";
import { Kind, leastLength } from "../../src/wire/kind.js";
import { examples, recorded } from "./vectors.js";

const STREAM = 0x6650_0000_0000_0b02n;

function decode(bytes: Uint8Array): { packet: bigint; frame: Frame; rest: boolean } {
  const cutter = new FrameCutter();
  cutter.push(Uint8Array.from(bytes));
  const cut = cutter.next();
  assert.ok(cut, "a whole frame");
  return { packet: cut.header.packet, frame: decodeFrame(cut.header.kind, cut.payload), rest: cutter.next() !== undefined };
}

function meanings(): [string, number, Frame][] {
  const data = (kind: "Message" | "MessageAck" | "Request" | "Response", content: Partial<Body>): Frame => {
    return { kind: Kind[kind], session: 1n, body: body(content) };
  };
  const hello = { value: toUtf8("hello") };
  const echo = { key: toUtf8("echo") };
  const custom = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7);
  const deadline = Date.parse("2026-04-24T17:13:13.120Z");
  const conn = (wanted: bigint, meta: string): Frame => {
    return { kind: Kind.Conn, acquireId: true, heartbeat: 1, wanted, data: connData({ meta: toUtf8(meta) }) };
  };
  return [
    ["conn-with-meta", 0x01, conn(0n, "foo")],
    ["conn-with-wanted-id", 0x01, conn(42n, "")],
    ["connack-ok", 0x01, { kind: Kind.ConnAck, client: 0x6650_0000_0000_0102n, data: connData() }],
    ["connack-error", 0x01, { kind: Kind.ConnAck, client: 0n, data: connData({ error: 'edge <denied> & "bad"' }) }],
    ["disconn", 0x03, { kind: Kind.DisConn }],
    ["disconnack", 0x03, { kind: Kind.DisConnAck, data: connData() }],
    ["heartbeat", 0x05, { kind: Kind.Heartbeat }],
    ["heartbeatack", 0x05, { kind: Kind.HeartbeatAck }],
    [
      "session-of-client", 0x07,
      { kind: Kind.Session, acquireId: true, negotiate: 0x6650_0000_0000_0a01n, data: sessionData({ meta: toUtf8("m"), peer: "svc" }) },
    ],
    ["session-of-server", 0x08, { kind: Kind.Session, acquireId: false, negotiate: STREAM, data: sessionData() }],
    [
      "sessionack-to-client", 0x07,
      { kind: Kind.SessionAck, negotiate: 0x6650_0000_0000_0a01n, session: 0x6650_0000_0000_0b04n, data: sessionData() },
    ],
    ["sessionack-to-server", 0x08, { kind: Kind.SessionAck, negotiate: STREAM, session: STREAM, data: sessionData() }],
    ["dismiss", 0x09, { kind: Kind.Dismiss, session: STREAM, data: sessionData() }],
    ["dismissack", 0x09, { kind: Kind.DismissAck, session: STREAM, data: sessionData() }],
    ["message", 0x0b, data("Message", { ...hello, topic: "t<1>", custom })],
    ["message-with-deadline", 0x0b, data("Message", { ...hello, deadline })],
    ["messageack-ok", 0x0b, data("MessageAck", {})],
    ["messageack-error", 0x0b, data("MessageAck", { error: "edge not online" })],
    ["messageack-smallest", 0x0b, data("MessageAck", {})],
    ["request", 0x0d, data("Request", { ...echo, ...hello })],
    ["response-ok", 0x0d, data("Response", { ...echo, ...hello })],
    ["response-error", 0x0d, data("Response", { ...echo, error: "no such rpc: echo" })],
    ["requestcancel", 0x0d, { kind: Kind.RequestCancel, session: 1n, reason: 1 }],
    ["stream", 0x0f, { kind: Kind.Stream, session: STREAM, bytes: toUtf8("raw") }],
    ["register", 0x11, { kind: Kind.Register, session: 1n, method: "echo" }],
    ["registerack", 0x11, { kind: Kind.RegisterAck, session: 1n, error: "" }],
    ["streamend", 0x13, { kind: Kind.StreamEnd, session: STREAM }],
    ["credit", 0x15, { kind: Kind.Credit, session: STREAM, count: 0x1_0000 }],
  ];
}

test("the worked examples decode to the stated fields", () => {
  const found = examples();
  const stated = meanings();
  assert.equal(found.size, stated.length, "every example has a meaning");
  for (const [name, packet, meaning] of stated) {
    const decoded = decode(found.get(name)!);
    assert.equal(decoded.packet, 0x6650_0000_0000_0000n + BigInt(packet), name);
    assert.deepEqual({ ...decoded.frame }, meaning, name);
    assert.ok(!decoded.rest);
  }
});

test("header and fixed fields are encoded as in the examples", () => {
  const found = examples();
  for (const [name, packet, meaning] of meanings()) {
    const encoded = Buffer.from(encodeFrame(0x6650_0000_0000_0000n + BigInt(packet), meaning));
    const example = Buffer.from(found.get(name)!);
    const fixed = HEADER + leastLength(meaning.kind)!;
    assert.deepEqual(encoded.subarray(0, 10), example.subarray(0, 10), `${name}: version, type, packet id`);
    assert.deepEqual(encoded.subarray(HEADER, fixed), example.subarray(HEADER, fixed), `${name}: fixed fields`);
    assert.deepEqual(decode(encoded).frame, meaning, `${name}: it comes back`);
  }
});

test("recorded frames decode, encode, and decode to the same; recorded garbage is refused", () => {
  let frames = 0;
  let garbage = 0;
  const kinds = new Set<number>();
  for (const { where, frame, garbage: bytes } of recorded()) {
    if (frame !== undefined) {
      frames += 1;
      const first = decode(frame);
      kinds.add(first.frame.kind);
      assert.deepEqual(decode(encodeFrame(first.packet, first.frame)), first, where);
    } else if (bytes !== undefined) {
      garbage += 1;
      assert.throws(() => decode(Uint8Array.from(bytes)), WireError, where);
    }
  }
  assert.equal(frames, 7_708);
  assert.equal(garbage, 3);
  assert.equal(kinds.size, 18, "every type of the protocol of Go occurs");
});

test("capabilities travel in Conn and ConnAck", () => {
  const conn: Frame = { kind: Kind.Conn, acquireId: true, heartbeat: 2, wanted: 2n ** 64n - 1n, data: connData({ caps: ALL_CAPS }) };
  const bytes = encodeFrame(7n, conn);
  assert.ok(Buffer.from(bytes).toString().endsWith('{"caps":{"cancel":1,"prompt":1,"fin":1,"credit":1}}'));
  assert.deepEqual(decode(bytes).frame, conn);
});
