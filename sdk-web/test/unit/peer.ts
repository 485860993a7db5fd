/** A connection whose other end is the test: frames are given to it by hand, and what it sends is read. */
import assert from "node:assert/strict";

import { Connection } from "../../src/conn/connection.js";
import type { Event } from "../../src/conn/event.js";
import { SETTINGS, type Settings } from "../../src/conn/settings.js";
import { ALL_CAPS, connData, toUtf8, type Caps } from "../../src/wire/body.js";
import { decodeFrame, encodeFrame, type Frame } from "../../src/wire/frame.js";
import { FrameCutter } from "../../src/wire/header.js";
import { IdGenerator } from "../../src/wire/ids.js";
import { Kind } from "../../src/wire/kind.js";

export type Sent = Frame & { readonly packet: bigint };

export class Peer {
  now = 1_000;
  readonly conn: Connection<string>;
  #packets = 500n;

  constructor(settings: Partial<Settings> = {}, wanted = 0n) {
    this.conn = new Connection(this.now, { ...SETTINGS, ...settings }, new IdGenerator(10, 0), wanted, toUtf8("meta"));
  }

  /** One that has been let in, with these capabilities on the gateway's side. */
  static open(caps: Caps = ALL_CAPS, settings: Partial<Settings> = {}): Peer {
    const peer = new Peer(settings);
    const [conn] = peer.sent();
    peer.give({ kind: Kind.ConnAck, client: 77n, data: connData({ caps }) }, conn!.packet);
    assert.deepEqual(peer.events(), [{ type: "connected", id: 77n }]);
    return peer;
  }

  /** The other end sends a frame; its packet's id. */
  give(frame: Frame, packet = (this.#packets += 1n)): bigint {
    const cutter = new FrameCutter();
    cutter.push(encodeFrame(packet, frame));
    const { header, payload } = cutter.next()!;
    this.conn.handleFrame(this.now, header, payload);
    return packet;
  }

  /** All that is to be sent now. */
  sent(): Sent[] {
    const frames: Sent[] = [];
    for (let bytes; (bytes = this.conn.pollTransmit(this.now)) !== undefined; ) {
      const cutter = new FrameCutter();
      cutter.push(bytes);
      const { header, payload } = cutter.next()!;
      frames.push({ ...decodeFrame(header.kind, payload), packet: header.packet });
    }
    return frames;
  }

  /** The kinds of all that is to be sent now. */
  kinds(): number[] {
    return this.sent().map((frame) => frame.kind);
  }

  events(): Event<string>[] {
    const events: Event<string>[] = [];
    for (let event; (event = this.conn.pollEvent()) !== undefined; ) events.push(event);
    return events;
  }

  /** Lets time pass as a timer that is never late does. */
  pass(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (let next; (next = this.conn.nextTimeout) !== undefined && next <= until; ) {
      this.now = Math.max(this.now, next);
      this.conn.handleTimeout(this.now);
    }
    this.now = until;
  }

  /** Sleeps through this time, and then the timer rings. */
  sleep(milliseconds: number): void {
    this.now += milliseconds;
    this.conn.handleTimeout(this.now);
  }

  /** Opens a stream; its session. */
  stream(session = 900n): bigint {
    this.conn.openSession(this.now, this.conn.freshPacket(), { meta: new Uint8Array(0), error: "", peer: "svc" }, "stream");
    const [open] = this.sent();
    assert.equal(open?.kind, Kind.Session);
    if (open?.kind !== Kind.Session) throw new Error("not reached");
    const data = { meta: new Uint8Array(0), error: "", peer: "" };
    this.give({ kind: Kind.SessionAck, negotiate: open.negotiate, session, data }, open.packet);
    assert.deepEqual(this.events(), [{ type: "opened", waiter: "stream", session }]);
    return session;
  }
}
