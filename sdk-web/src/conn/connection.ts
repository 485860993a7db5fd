/**
 * The protocol state of one link, client's side: frames and time in; frames, events and one deadline out.
 *
 * It never looks at a clock and never waits. Its owner feeds it what was received and the time, and takes from it what is to be
 * sent, what happened and when it wants to be called again. It does what `proto/src/conn` does in Rust.
 */
import { body, connData, type Body, type Bytes, type SessionData } from "../wire/body.js";
import { decodeFrame, type Frame } from "../wire/frame.js";
import { WireError, type Header } from "../wire/header.js";
import type { IdGenerator } from "../wire/ids.js";
import { hex, Kind } from "../wire/kind.js";
import { Calls } from "./calls.js";
import { cost, Core } from "./core.js";
import type { Event } from "./event.js";
import { Sessions } from "./sessions.js";
import type { Settings } from "./settings.js";
import { Streams } from "./streams.js";

/** How much later than asked for a call of `handleTimeout` may be before it means that the machine has slept. */
const LATE = 2_000;

type Phase =
  /** Conn sent. */
  | { readonly name: "await-ack"; readonly packet: bigint; readonly until: number }
  | { readonly name: "open" }
  /** One side has said DisConn. */
  | { readonly name: "leaving"; readonly until: number; ackSent: boolean; ackReceived: boolean; readonly reason: string };

export class Connection<W> {
  readonly #core: Core<W>;
  readonly #sessions: Sessions<W>;
  readonly #streams: Streams<W>;
  readonly #calls: Calls<W>;
  #phase: Phase;
  #nextHeartbeat: number;
  /** Something must have been heard by then. */
  #answerDue: number | undefined;
  /** Whether it was late once already, and we may have slept. */
  #excused = false;

  /** The dialing end. Its Conn, with `wanted` id (0 = none) and `meta`, is ready to be sent. */
  constructor(now: number, settings: Settings, ids: IdGenerator, wanted: bigint, meta: Bytes) {
    this.#core = new Core<W>(settings, ids);
    this.#sessions = new Sessions(this.#core);
    this.#streams = new Streams(this.#core, this.#sessions);
    this.#calls = new Calls(this.#core, this.#sessions);
    const packet = ids.next();
    this.#phase = { name: "await-ack", packet, until: now + settings.handshake };
    this.#nextHeartbeat = now + settings.heartbeatEvery;
    const data = connData({ meta, caps: settings.caps });
    this.#core.send(packet, { kind: Kind.Conn, acquireId: true, heartbeat: settings.heartbeatCode, wanted, data });
  }

  // --- state

  /** Why the connection is over, once it is: a text for logs. Frames that are still to be sent may be sent, nothing else happens. */
  get closed(): string | undefined {
    return this.#core.closed;
  }

  /** Whether the handshake is done and neither side has begun to leave. */
  get isOpen(): boolean {
    return this.#core.open;
  }

  /** Extensions that both sides understand. */
  get caps() {
    return this.#core.caps;
  }

  /** Bytes of calls and of messages that have not left yet. */
  get queued(): { readonly calls: number; readonly messages: number } {
    return this.#core.queued;
  }

  isUsable(session: bigint): boolean {
    return this.#sessions.usable(session) !== undefined;
  }

  freshPacket(): bigint {
    return this.#core.ids.next();
  }

  // --- in and out

  /** Takes in one frame. One that no conforming peer sends closes the connection. */
  handleFrame(now: number, header: Header, payload: Uint8Array): void {
    if (this.closed !== undefined) return;
    this.#answerDue = undefined;
    this.#excused = false;
    let frame: Frame;
    try {
      frame = decodeFrame(header.kind, payload);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return this.malformed(error);
    }
    if (this.#phase.name === "open") this.#handleOpen(now, header.packet, frame, payload);
    else this.#handleUnopened(now, this.#phase, header.packet, frame);
  }

  /** What came cannot be cut into frames: the connection is over. */
  malformed(error: WireError): void {
    this.#close(`malformed input: ${error.message}`);
  }

  /** Ends the connection at once and without a word; the owner then closes the socket. */
  abort(reason: string): void {
    this.#close(reason);
  }

  /** Lets time pass: to be called at, or any time after, `nextTimeout`. */
  handleTimeout(now: number): void {
    if (this.closed !== undefined) return;
    const phase = this.#phase;
    if (phase.name === "open") this.#keepAlive(now);
    else if (now >= phase.until) return this.#close(phase.name === "leaving" ? phase.reason : "handshake timeout");
    for (let timer; (timer = this.#core.timers.popDue(now)) !== undefined; ) {
      const { kind, id } = timer;
      if (kind === "await") this.#calls.expire(now, id);
      else if (kind === "late-close") this.#sessions.advance(now, id);
      else if (kind === "flush") this.#sessions.giveUpBytes(now, id);
      else if (kind === "dismiss") this.#sessions.end(id);
      else this.#streams.unpace(id);
    }
  }

  /** When `handleTimeout` is to be called next. May be earlier than needed. */
  get nextTimeout(): number | undefined {
    if (this.closed !== undefined) return undefined;
    const phase = this.#phase;
    const own = phase.name === "open" ? Math.min(this.#nextHeartbeat, this.#answerDue ?? Infinity) : phase.until;
    return Math.min(own, this.#core.timers.next ?? Infinity);
  }

  /** The next frame to write: urgent ones first, then bodies in their order, then raw bytes, a stream at a time. */
  pollTransmit(now: number): Uint8Array | undefined {
    return this.#core.next() ?? this.#streams.next(now);
  }

  get hasTransmit(): boolean {
    return this.#core.hasNext || this.#streams.hasNext;
  }

  /** What happened, in order. */
  pollEvent(): Event<W> | undefined {
    return this.#core.events.shift();
  }

  // --- what the owner asks for

  /** Takes leave: answers that are queued are sent, then DisConn; closed when the peer has confirmed or after the grace time. */
  leave(now: number): void {
    if (this.#phase.name === "open") this.#startLeaving(now, "closed by this side", false);
    else if (this.#phase.name === "await-ack") this.#close("closed by this side");
  }

  /** The link may be dead, for example because the machine has slept: asks for a sign of life, and allows little time for it. */
  probe(now: number): void {
    const { probeAnswer } = this.#core.settings;
    // One that waits for its answer already is enough.
    if (this.#core.open && (this.#answerDue ?? Infinity) > now + probeAnswer) this.#heartbeat(now, probeAnswer);
  }

  call(packet: bigint, session: bigint, request: Uint8Array, deadline: number, waiter: W): void {
    this.#calls.call(packet, session, request, deadline, waiter);
  }

  publish(packet: bigint, session: bigint, message: Uint8Array, deadline: number, waiter: W): void {
    this.#calls.publish(packet, session, message, deadline, waiter);
  }

  register(session: bigint, method: string, deadline: number, waiter: W): void {
    this.#calls.register(this.freshPacket(), session, method, deadline, waiter);
  }

  cancel(now: number, packet: bigint): W | undefined {
    return this.#calls.cancel(now, packet);
  }

  respond(session: bigint, packet: bigint, response: Body): void {
    this.#calls.respond(session, packet, response);
  }

  ack(session: bigint, packet: bigint, error: string): void {
    this.#calls.ack(session, packet, error);
  }

  openSession(now: number, packet: bigint, data: SessionData, waiter: W): void {
    this.#sessions.open(now, packet, data, waiter);
  }

  confirm(session: bigint): void {
    this.#sessions.confirm(session);
  }

  decline(now: number, session: bigint, error: string): void {
    this.#sessions.decline(now, session, error);
  }

  dismiss(now: number, session: bigint, error: string): void {
    this.#sessions.dismiss(now, session, error);
  }

  /** As `dismiss`, but raw bytes that have not left are dropped. */
  abortSession(now: number, session: bigint, error: string): void {
    this.#sessions.get(session)?.raw?.clear();
    this.#sessions.dismiss(now, session, error);
  }

  sendData(session: bigint, bytes: Uint8Array): boolean {
    return this.#streams.send(session, bytes);
  }

  endData(now: number, session: bigint): void {
    this.#streams.end(now, session);
  }

  grant(session: bigint, count: number): void {
    this.#streams.grant(session, count);
  }

  // --- frames

  #handleOpen(now: number, packet: bigint, frame: Frame, payload: Uint8Array): void {
    switch (frame.kind) {
      case Kind.Request:
      case Kind.Message:
        return this.#handleBody(packet, frame.kind, frame.session, frame.body, cost(payload));
      case Kind.Response:
        return this.#calls.answered(frame.session, packet, frame.body);
      case Kind.MessageAck:
        return this.#calls.acked(now, frame.session, packet, frame.body.error);
      case Kind.RegisterAck:
        return this.#calls.acked(now, frame.session, packet, frame.error);
      case Kind.RequestCancel:
        this.#calls.peerCancels = true;
        return this.#core.emit({ type: "cancelled", session: frame.session, packet });
      case Kind.Register:
        if (this.#sessions.hear(frame.session)) {
          this.#core.urgent(packet, { kind: Kind.RegisterAck, session: frame.session, error: "" });
        }
        return;
      case Kind.Session:
        if (!this.#sessions.offered(now, packet, frame.acquireId, frame.negotiate, frame.data)) this.#unexpected(frame);
        return;
      case Kind.SessionAck:
        if (!this.#sessions.acked(now, packet, frame.negotiate, frame.session, frame.data.error)) this.#unexpected(frame);
        return;
      case Kind.Dismiss:
        return this.#sessions.dismissed(now, packet, frame.session, frame.data.error);
      case Kind.DismissAck:
        return this.#sessions.dismissAcked(frame.session);
      case Kind.Stream:
        if (this.#sessions.hear(frame.session)) {
          this.#core.emit({ type: "data", session: frame.session, bytes: frame.bytes });
        }
        return;
      case Kind.StreamEnd:
        if (!this.#core.caps.fin) this.#unexpected(frame);
        else if (this.#sessions.hear(frame.session)) this.#core.emit({ type: "data-end", session: frame.session });
        return;
      case Kind.Credit:
        if (this.#core.caps.credit) this.#streams.credited(frame.session, frame.count);
        else this.#unexpected(frame);
        return;
      case Kind.DisConn:
        this.#core.urgent(packet, { kind: Kind.DisConnAck, data: connData() });
        return this.#startLeaving(now, "the gateway left", true);
      case Kind.ConnAck:
      case Kind.DisConnAck:
        return this.#unexpected(frame);
      // A HeartbeatAck says that the peer lives, which was noted; the others mean nothing to a client.
      case Kind.HeartbeatAck:
      case Kind.Heartbeat:
      case Kind.Conn:
        return;
    }
  }

  /** A request or message of the peer. On a session that is gone it is answered here, with an error. */
  #handleBody(
    packet: bigint,
    kind: typeof Kind.Request | typeof Kind.Message,
    session: bigint,
    content: Body,
    held: number,
  ): void {
    const live = this.#sessions.hear(session);
    if (kind === Kind.Request) {
      if (live) this.#core.emit({ type: "request", session, packet, body: content, cost: held });
      else this.#calls.respond(session, packet, body({ error: "force closed" }));
    } else {
      if (live) this.#core.emit({ type: "message", session, packet, body: content });
      else this.#calls.ack(session, packet, "force closed");
    }
    // A peer that asks and asks, and takes none of the answers, is cut before they fill the memory.
    const { replies, other } = this.#core.queued;
    if (replies + other > 4 * this.#core.settings.replyBytes) this.#close("the gateway does not read its answers");
  }

  /** Frames before the connection is open, or after one side has begun to leave. */
  #handleUnopened(now: number, phase: Exclude<Phase, { name: "open" }>, packet: bigint, frame: Frame): void {
    const { kind } = frame;
    if (phase.name === "leaving") {
      if (kind === Kind.DisConn && !phase.ackSent) {
        phase.ackSent = true;
        this.#core.urgent(packet, { kind: Kind.DisConnAck, data: connData() });
      } else if (kind === Kind.DisConnAck) {
        phase.ackReceived = true;
      }
      // The peer may have sent more before it learned that we leave; it is discarded.
      if (phase.ackSent && phase.ackReceived) this.#close(phase.reason);
    } else if (kind === Kind.ConnAck) {
      // An ack of something else is not for us: the handshake goes on until its limit.
      if (packet === phase.packet) this.#admitted(now, frame);
    } else if (kind === Kind.Conn || kind === Kind.DisConn || kind === Kind.DisConnAck) {
      this.#unexpected(frame);
    }
    // Data and heartbeats that come too early are ignored.
  }

  #admitted(now: number, { client, data }: Extract<Frame, { kind: typeof Kind.ConnAck }>): void {
    if (data.error !== "") {
      this.#core.emit({ type: "refused", text: data.error });
      return this.#close(`refused by the gateway: ${data.error}`);
    }
    this.#core.adopt(data.caps);
    this.#core.open = true;
    this.#phase = { name: "open" };
    this.#nextHeartbeat = now + this.#core.settings.heartbeatEvery;
    this.#core.emit({ type: "connected", id: client });
  }

  // --- the link's own life

  #keepAlive(now: number): void {
    const { settings } = this.#core;
    const due = this.#answerDue;
    if (due !== undefined && now >= due) {
      // After a sleep the answer may still lie unread: once that is no proof.
      if (now < due + LATE || this.#excused) return this.#close("no answer to a heartbeat");
      this.#excused = true;
      this.#answerDue = undefined;
      return this.probe(now);
    }
    const late = now >= this.#nextHeartbeat + LATE;
    if (now >= this.#nextHeartbeat) this.#heartbeat(now, late ? settings.probeAnswer : settings.heartbeatAnswer);
  }

  #heartbeat(now: number, answer: number): void {
    this.#core.urgent(this.freshPacket(), { kind: Kind.Heartbeat });
    this.#nextHeartbeat = now + this.#core.settings.heartbeatEvery;
    this.#answerDue = Math.min(this.#answerDue ?? Infinity, now + answer);
  }

  #startLeaving(now: number, reason: string, ackSent: boolean): void {
    this.#endEverything();
    this.#core.send(this.freshPacket(), { kind: Kind.DisConn });
    this.#phase = { name: "leaving", until: now + this.#core.settings.closeGrace, ackSent, ackReceived: false, reason };
  }

  #unexpected({ kind }: Frame): void {
    this.#close(`unexpected frame ${hex(kind)}`);
  }

  #close(reason: string): void {
    if (this.closed !== undefined) return;
    this.#endEverything();
    this.#core.closed = reason;
  }

  /** Everything that waits for the peer fails, every session ends. */
  #endEverything(): void {
    this.#core.open = false;
    this.#sessions.endAll();
    this.#streams.clear();
  }
}
