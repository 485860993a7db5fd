/** A `WebSocket` whose other end is the test: what an edge sends is read, and frames are given to it by hand. */
import assert from "node:assert/strict";

import { Edge, type EdgeOptions } from "../../src/index.js";
import { ALL_CAPS, connData, sessionData } from "../../src/wire/body.js";
import { decodeFrame, encodeFrame, type Frame } from "../../src/wire/frame.js";
import { FrameCutter } from "../../src/wire/header.js";
import { Kind } from "../../src/wire/kind.js";
import type { Sent } from "./peer.js";

/** How long anything may take that is sure to come, on a machine that is slow and busy, in milliseconds. */
const PATIENCE = 60_000;

/** Waits until `found` finds something. */
export async function until<T>(what: string, found: () => T | undefined | false): Promise<T> {
  const end = performance.now() + PATIENCE;
  for (let turn = 0; ; turn++) {
    const value = found();
    if (value !== undefined && value !== false) return value;
    assert.ok(performance.now() < end, `${what}: not within ${PATIENCE} ms`);
    await new Promise<void>((resolve) => (turn < 100 ? setImmediate(resolve) : setTimeout(resolve, 5)));
  }
}

/** Lets everything happen that needs neither time nor the other end. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** One connection, from its opening to its end. */
export class FarEnd {
  binaryType = "";
  readyState = 0;
  bufferedAmount = 0;
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: unknown) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  /** Frames that were sent and not looked at. */
  readonly frames: Sent[] = [];
  readonly #cutter = new FrameCutter();
  #packets = 5_000n;

  constructor(readonly url: string) {}

  send({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): void {
    assert.equal(this.readyState, 1, "nothing is sent on a WebSocket that is not open");
    this.#cutter.push(new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength)));
    for (let cut; (cut = this.#cutter.next()) !== undefined; ) {
      this.frames.push({ ...decodeFrame(cut.header.kind, cut.payload), packet: cut.header.packet });
    }
  }

  close(): void {
    this.readyState = 3;
  }

  get isClosed(): boolean {
    return this.readyState === 3;
  }

  /** The gateway accepts. */
  open(): void {
    this.readyState = 1;
    this.onopen?.({});
  }

  /** The gateway, or the network, ends the connection. */
  lose(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
  }

  /** The gateway sends a frame; its packet's id. */
  give(frame: Frame, packet = (this.#packets += 1n)): bigint {
    this.deliver(Uint8Array.from(encodeFrame(packet, frame)));
    return packet;
  }

  /** The gateway sends a binary message. */
  deliver({ buffer }: Uint8Array<ArrayBuffer>): void {
    this.onmessage?.({ data: buffer });
  }

  /** Waits for the next frame of this kind, and takes out what came before it. */
  async takes<K extends Kind>(kind: K): Promise<Sent & { readonly kind: K }> {
    const at = await until(`a frame of kind ${kind}`, () => {
      const index = this.frames.findIndex((frame) => frame.kind === kind);
      return index < 0 ? undefined : { index };
    });
    return this.frames.splice(0, at.index + 1).at(-1) as Sent & { readonly kind: K };
  }

  /** Lets an edge in that has just dialled, with its methods. */
  async admit(id = 77n): Promise<this> {
    this.open();
    const conn = await this.takes(Kind.Conn);
    this.give({ kind: Kind.ConnAck, client: id, data: connData({ caps: ALL_CAPS }) }, conn.packet);
    return this;
  }

  /** Confirms what the edge registers, which is this method. */
  async registered(method: string): Promise<void> {
    const register = await this.takes(Kind.Register);
    assert.equal(register.method, method);
    this.give({ kind: Kind.RegisterAck, session: 1n, error: "" }, register.packet);
  }

  /** Confirms the session that the edge opens; its id. */
  async opened(session = 900n): Promise<bigint> {
    const { negotiate, packet } = await this.takes(Kind.Session);
    this.give({ kind: Kind.SessionAck, negotiate, session, data: sessionData() }, packet);
    return session;
  }
}

/** All connections that an edge makes. */
export class FarEnds {
  readonly all: FarEnd[] = [];
  /** How many were open at once. */
  most = 0;
  readonly WebSocket: new (url: string) => FarEnd;

  constructor() {
    const ends = this;
    this.WebSocket = class extends FarEnd {
      constructor(url: string) {
        super(url);
        ends.all.push(this);
        ends.most = Math.max(ends.most, ends.alive.length);
      }
    };
  }

  /** Those that are not closed. */
  get alive(): FarEnd[] {
    return this.all.filter((end) => !end.isClosed);
  }

  /** The connection that is made as the `count`th, once it is there. */
  dialled(count: number): Promise<FarEnd> {
    return until(`connection ${count}`, () => this.all[count - 1]);
  }

  /** An edge that is online, and the gateway's end. */
  async edge(options: EdgeOptions = {}): Promise<{ edge: Edge; end: FarEnd }> {
    const count = this.all.length + 1;
    const connecting = Edge.connect("ws://gateway.test/", { WebSocket: this.WebSocket, ...options });
    const end = await (await this.dialled(count)).admit();
    for (const method of Object.keys(options.methods ?? {})) await end.registered(method);
    return { edge: await connecting, end };
  }
}
