/**
 * Whatever a peer sends and an application asks for, in whatever order: nothing is thrown, whoever waits is told exactly once, every
 * stream ends exactly once, nothing remains counted, and what leaves keeps to the windows and ends that there are.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_CAPS, body, connData, NO_CAPS, sessionData, toUtf8, type Caps } from "../../src/wire/body.js";
import { decodeFrame, encodeFrame, type Frame } from "../../src/wire/frame.js";
import { FrameCutter, WireError } from "../../src/wire/header.js";
import { Kind } from "../../src/wire/kind.js";
import { Peer, type Sent } from "./peer.js";
import { recorded } from "./vectors.js";

/** Numbers that look random and are the same every time. */
function dice(seed: number): (sides: number) => number {
  let state = seed * 2_654_435_769 + 1;
  return (sides) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % sides;
  };
}

/** Bytes that each end of a stream may send before it is granted more. */
const STREAM_WINDOW = 100_000;
const UNACKED = 2;

/** What has left and what came, on one session. */
class Line {
  bytes = 0;
  granted = STREAM_WINDOW;
  ended = false;
  dismissed = false;
  lastMessage = 0n;
  readonly unacked = new Set<bigint>();
  /** Acks for what was still waiting to leave. */
  readonly early = new Set<bigint>();
}

/** Looks at the rules for what leaves. */
class Watch {
  readonly #lines = new Map<bigint, Line>();
  /** Requests that came, and how often each was handed on or answered here. */
  readonly requests = new Map<bigint, number>();
  readonly #caps: Caps;
  looked = 0;

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  #line(session: bigint): Line {
    const line = this.#lines.get(session) ?? new Line();
    this.#lines.set(session, line);
    return line;
  }

  given(frame: Frame, packet: bigint): void {
    if (frame.kind === Kind.Request) this.requests.set(packet, 0);
    if (frame.kind === Kind.Credit) this.#line(frame.session).granted += frame.count;
    // Either is taken for the other: an id is answered once.
    if (frame.kind === Kind.MessageAck || frame.kind === Kind.RegisterAck) {
      const line = this.#line(frame.session);
      if (!line.unacked.delete(packet)) line.early.add(packet);
    }
  }

  requested(packet: bigint): void {
    if (this.requests.has(packet)) this.requests.set(packet, this.requests.get(packet)! + 1);
  }

  sent(frame: Sent): void {
    if (frame.kind === Kind.Response) this.requested(frame.packet);
    if (frame.kind !== Kind.Stream && frame.kind !== Kind.StreamEnd && frame.kind !== Kind.Dismiss && frame.kind !== Kind.Message) return;
    const line = this.#line(frame.session);
    assert.ok(!line.dismissed, "nothing leaves behind a Dismiss");
    this.looked += 1;
    if (frame.kind === Kind.Dismiss) line.dismissed = true;
    if (frame.kind === Kind.Stream || frame.kind === Kind.StreamEnd) assert.ok(!line.ended, "no bytes leave behind their end, and one end");
    if (frame.kind === Kind.StreamEnd) line.ended = true;
    if (frame.kind === Kind.Stream && this.#caps.credit) {
      line.bytes += frame.bytes.length;
      assert.ok(line.bytes <= line.granted, `${line.bytes} bytes have left, ${line.granted} may`);
    }
    if (frame.kind === Kind.Message) {
      assert.ok(frame.packet > line.lastMessage, "messages keep their order");
      line.lastMessage = frame.packet;
      if (!line.early.has(frame.packet)) line.unacked.add(frame.packet);
      assert.ok(this.#caps.credit || line.unacked.size <= UNACKED, `${line.unacked.size} messages wait for their ack`);
    }
  }
}

class Run {
  readonly roll: (sides: number) => number;
  readonly peer: Peer;
  readonly watch: Watch;
  #fresh = 1_000n;
  /** How often each waiter was told. */
  readonly told = new Map<string, number>();
  readonly packets: bigint[] = [];
  /** Ids that a peer may name: of sessions that there are, were, or never will be. */
  readonly sessions = [0n, 1n, 2n ** 64n - 1n];
  readonly openings: { packet: bigint; negotiate: bigint }[] = [];
  readonly live = new Map<bigint, number>();

  constructor(seed: number) {
    this.roll = dice(seed);
    const caps = this.roll(2) === 0 ? ALL_CAPS : NO_CAPS;
    const bounds = { maxSessions: 3, silentSessions: 2, unackedMessages: UNACKED, replyBytes: 9_000, streamWindow: STREAM_WINDOW };
    this.peer = Peer.open(caps, bounds);
    this.watch = new Watch(caps);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.roll(from.length)]!;
  }

  /** A session: mostly one of those that came up last, which live. */
  session(): bigint {
    return this.pick(this.roll(4) === 0 ? this.sessions : this.sessions.slice(-4));
  }

  /** The same for what ends it, which is seldom the main one: much would end with it. */
  doomed(): bigint {
    const session = this.session();
    return session === 1n && this.roll(8) > 0 ? 5n : session;
  }

  waiter(): string {
    const name = String(this.told.size);
    this.told.set(name, 0);
    return name;
  }

  tell(waiter: string | undefined): void {
    if (waiter !== undefined) this.told.set(waiter, this.told.get(waiter)! + 1);
  }

  /** The application does something. */
  act(): void {
    const { conn } = this.peer;
    const { now } = this.peer;
    const session = this.session();
    const packet = conn.freshPacket();
    const deadline = now + this.roll(60_000);
    const kind = this.pick([Kind.Request, Kind.Message] as const);
    switch (this.roll(12)) {
      case 0:
      case 1: {
        const frame = encodeFrame(packet, { kind, session, body: body({ value: new Uint8Array(this.roll(50)) }) });
        conn[kind === Kind.Request ? "call" : "publish"](packet, session, frame, deadline, this.waiter());
        this.packets.push(packet);
        return;
      }
      case 2:
        return conn.register(session, "m", deadline, this.waiter());
      case 3:
        conn.openSession(now, packet, sessionData({ peer: "svc" }), this.waiter());
        this.packets.push(packet);
        return;
      case 4:
        return this.tell(conn.cancel(now, this.pick([...this.packets, 5n])));
      case 5:
        return void conn.sendData(session, new Uint8Array(this.roll(200_000)));
      case 6:
        return conn.endData(now, session);
      case 7:
        return conn.dismiss(now, this.doomed(), this.pick(["", "why"]));
      case 8:
        return conn.grant(session, this.roll(1_000_000));
      case 9:
        return this.roll(2) === 0 ? conn.probe(now) : conn.abortSession(now, this.doomed(), "torn");
      case 10:
        return this.roll(80) === 0 ? conn.leave(now) : conn.respond(session, packet, body({ value: new Uint8Array(this.roll(3_000)) }));
      default:
        return this.roll(2) === 0 ? this.peer.pass(this.roll(15_000)) : this.peer.sleep(this.roll(4_000));
    }
  }

  /** The peer sends something that decodes. */
  receive(): void {
    const session = this.session();
    const data = sessionData({ error: this.pick(["", "", "no"]) });
    const text = body({ key: toUtf8("m"), error: this.pick(["", "no"]) });
    const opening = this.openings.length > 0 ? this.pick(this.openings) : { packet: 1n, negotiate: 1n };
    const fresh = (this.#fresh += BigInt(1 + this.roll(1_000)));
    const packet = this.pick([...this.packets.slice(-5), 5n]);
    const frames: [Frame, bigint][] = [
      [{ kind: this.pick([Kind.Request, Kind.Message]), session, body: text }, fresh],
      [{ kind: this.pick([Kind.Response, Kind.MessageAck]), session, body: text }, packet],
      [{ kind: Kind.RegisterAck, session, error: "" }, packet],
      [{ kind: Kind.SessionAck, negotiate: opening.negotiate, session: fresh, data }, opening.packet],
      [{ kind: Kind.Session, acquireId: false, negotiate: fresh, data }, fresh],
      [{ kind: this.pick([Kind.Dismiss, Kind.DismissAck]), session: this.doomed(), data }, fresh],
      [{ kind: Kind.Stream, session, bytes: new Uint8Array(this.roll(30)) }, fresh],
      [{ kind: Kind.RequestCancel, session, reason: 1 }, fresh],
      [{ kind: Kind.HeartbeatAck }, fresh],
      [{ kind: Kind.Register, session, method: "m" }, fresh],
    ];
    const rare: [Frame, bigint][] = [
      [{ kind: Kind.StreamEnd, session }, fresh],
      [{ kind: Kind.Credit, session, count: this.roll(100_000) }, fresh],
      [{ kind: Kind.DisConn }, fresh],
      [{ kind: Kind.DisConnAck, data: connData() }, fresh],
    ];
    const fin = this.peer.conn.caps.fin;
    const [frame, id] = this.pick(this.roll(400) === 0 ? rare : fin ? [...frames, ...rare.slice(0, 2)] : frames);
    if (frame.kind === Kind.Session && this.roll(3) > 0) return;
    if (frame.kind === Kind.SessionAck || frame.kind === Kind.Session) this.sessions.push(fresh);
    if (this.peer.conn.isOpen) this.watch.given(frame, id);
    this.peer.give(frame, id);
  }

  takeSent(): void {
    for (const frame of this.peer.sent()) {
      this.watch.sent(frame);
      if (frame.kind === Kind.Session) this.openings.push(frame);
    }
  }

  /** What was sent and what happened is looked at. */
  look(): void {
    if (this.roll(3) > 0) this.takeSent();
    for (const event of this.peer.events()) {
      if (event.type === "request") this.watch.requested(event.packet);
      if ("waiter" in event) this.tell(event.waiter);
      if (event.type === "opened") this.live.set(event.session, 0);
      if (event.type === "offered") {
        this.live.set(event.session, 0);
        if (this.roll(4) > 0) this.peer.conn.confirm(event.session);
        else this.peer.conn.decline(this.peer.now, event.session, "no"), this.live.delete(event.session);
      }
      if (event.type === "ended" && this.live.has(event.session)) this.live.set(event.session, this.live.get(event.session)! + 1);
    }
  }
}

test("every waiter and every stream has one end, whatever happens", () => {
  let [answered, ended, looked, requests] = [0, 0, 0, 0];
  for (let seed = 1; seed <= 400; seed++) {
    const run = new Run(seed);
    for (let step = 0; step < 150; step++) {
      if (run.roll(2) === 0) run.act();
      else run.receive();
      run.look();
    }
    run.peer.conn.abort("the end");
    run.takeSent();
    run.look();
    for (const [packet, times] of run.watch.requests) assert.equal(times, 1, `request ${packet} of run ${seed}`);
    for (const [waiter, times] of run.told) assert.equal(times, 1, `waiter ${waiter} of run ${seed}`);
    for (const [session, times] of run.live) assert.equal(times, 1, `stream ${session} of run ${seed}`);
    assert.deepEqual({ ...run.peer.conn.queued }, { calls: 0, messages: 0, replies: 0, other: 0 }, `run ${seed}`);
    answered += run.told.size;
    ended += run.live.size;
    looked += run.watch.looked;
    requests += run.watch.requests.size;
  }
  assert.ok(answered > 1_000 && ended > 300, `${answered} waiters and ${ended} streams show something`);
  assert.ok(looked > 1_500 && requests > 1_000, `${looked} frames and ${requests} requests do, too`);
});

test("damaged frames are refused as such, and nothing else is thrown", () => {
  const roll = dice(7);
  let [refused, taken] = [0, 0];
  for (const { frame } of recorded()) {
    if (frame === undefined || frame.length > 4_000) continue;
    const bytes = Uint8Array.from(frame);
    for (let time = 0; time <= roll(3); time++) bytes[roll(bytes.length)] = roll(256);
    const cutter = new FrameCutter();
    cutter.push(bytes);
    try {
      const cut = cutter.next();
      if (cut) decodeFrame(cut.header.kind, cut.payload);
      taken += 1;
    } catch (error) {
      assert.ok(error instanceof WireError, String(error));
      refused += 1;
    }
  }
  assert.ok(refused > 500 && taken > 500, `${refused} refused, ${taken} taken`);
});
