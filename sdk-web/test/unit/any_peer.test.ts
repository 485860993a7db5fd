/**
 * Whatever a peer sends and an application asks for, in whatever order: nothing is thrown, whoever waits is told exactly once, every
 * stream ends exactly once, and nothing remains counted.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_CAPS, body, connData, NO_CAPS, sessionData, toUtf8 } from "../../src/wire/body.js";
import { decodeFrame, encodeFrame, type Frame } from "../../src/wire/frame.js";
import { FrameCutter, WireError } from "../../src/wire/header.js";
import { Kind } from "../../src/wire/kind.js";
import { Peer } from "./peer.js";
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

class Run {
  readonly roll: (sides: number) => number;
  readonly peer: Peer;
  /** How often each waiter was told. */
  readonly told = new Map<string, number>();
  readonly packets: bigint[] = [];
  /** Ids that a peer may name: of sessions that there are, were, or never will be. */
  readonly sessions = [0n, 1n, 2n ** 64n - 1n];
  readonly openings: { packet: bigint; negotiate: bigint }[] = [];
  readonly live = new Map<bigint, number>();

  constructor(seed: number) {
    this.roll = dice(seed);
    this.peer = Peer.open(this.roll(2) === 0 ? ALL_CAPS : NO_CAPS, { maxSessions: 3, silentSessions: 2, unackedMessages: 2, replyBytes: 9_000 });
  }

  pick<T>(from: readonly T[]): T {
    return from[this.roll(from.length)]!;
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
    const session = this.pick(this.sessions);
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
        return conn.dismiss(now, session, this.pick(["", "why"]));
      case 8:
        return conn.grant(session, this.roll(1_000_000));
      case 9:
        return this.roll(2) === 0 ? conn.probe(now) : conn.abortSession(now, session, "torn");
      case 10:
        return this.roll(20) === 0 ? conn.leave(now) : conn.respond(session, packet, body({ value: new Uint8Array(this.roll(3_000)) }));
      default:
        return this.roll(2) === 0 ? this.peer.pass(this.roll(40_000)) : this.peer.sleep(this.roll(4_000));
    }
  }

  /** The peer sends something that decodes. */
  receive(): void {
    const session = this.pick(this.sessions);
    const data = sessionData({ error: this.pick(["", "", "no"]) });
    const text = body({ key: toUtf8("m"), error: this.pick(["", "no"]) });
    const opening = this.openings.length > 0 ? this.pick(this.openings) : { packet: 1n, negotiate: 1n };
    const fresh = BigInt(1_000 + this.roll(1_000_000));
    const packet = this.pick([...this.packets, 5n]);
    const frames: [Frame, bigint][] = [
      [{ kind: this.pick([Kind.Request, Kind.Message]), session, body: text }, fresh],
      [{ kind: this.pick([Kind.Response, Kind.MessageAck]), session, body: text }, packet],
      [{ kind: Kind.RegisterAck, session, error: "" }, packet],
      [{ kind: Kind.SessionAck, negotiate: opening.negotiate, session: fresh, data }, opening.packet],
      [{ kind: Kind.Session, acquireId: false, negotiate: fresh, data }, fresh],
      [{ kind: this.pick([Kind.Dismiss, Kind.DismissAck]), session, data }, fresh],
      [{ kind: Kind.Stream, session, bytes: new Uint8Array(this.roll(30)) }, fresh],
      [{ kind: Kind.RequestCancel, session, reason: 1 }, fresh],
      [{ kind: Kind.HeartbeatAck }, fresh],
      [{ kind: Kind.Register, session, method: "m" }, fresh],
    ];
    const rare: [Frame, bigint][] = [
      [{ kind: Kind.StreamEnd, session }, fresh],
      [{ kind: Kind.Credit, session, count: this.roll(1_000_000) }, fresh],
      [{ kind: Kind.DisConn }, fresh],
      [{ kind: Kind.DisConnAck, data: connData() }, fresh],
    ];
    const fin = this.peer.conn.caps.fin;
    const [frame, id] = this.pick(this.roll(100) === 0 ? rare : fin ? [...frames, ...rare.slice(0, 2)] : frames);
    if (frame.kind === Kind.SessionAck || frame.kind === Kind.Session) this.sessions.push(fresh);
    this.peer.give(frame, id);
  }

  /** What was sent and what happened is looked at. */
  look(): void {
    if (this.roll(3) > 0) {
      for (const frame of this.peer.sent()) if (frame.kind === Kind.Session) this.openings.push(frame);
    }
    for (const event of this.peer.events()) {
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
  let [answered, ended] = [0, 0];
  for (let seed = 1; seed <= 400; seed++) {
    const run = new Run(seed);
    for (let step = 0; step < 150; step++) {
      if (run.roll(2) === 0) run.act();
      else run.receive();
      run.look();
    }
    run.peer.conn.abort("the end");
    run.peer.sent();
    run.look();
    for (const [waiter, times] of run.told) assert.equal(times, 1, `waiter ${waiter} of run ${seed}`);
    for (const [session, times] of run.live) assert.equal(times, 1, `stream ${session} of run ${seed}`);
    assert.deepEqual({ ...run.peer.conn.queued }, { calls: 0, messages: 0, replies: 0, other: 0 }, `run ${seed}`);
    answered += run.told.size;
    ended += run.live.size;
  }
  assert.ok(answered > 1_000 && ended > 300, `${answered} waiters and ${ended} streams show something`);
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
