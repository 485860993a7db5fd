/** Calls, messages, registrations and their answers. */
import { body, type Body } from "../wire/body.js";
import { CANCELLED, encodeFrame } from "../wire/frame.js";
import { Kind } from "../wire/kind.js";
import { cost, Core } from "./core.js";
import type { Sessions } from "./sessions.js";

/** Messages on one session that may wait for their ack where the peer bounds its queues by itself (capability `credit`). */
const OWN_WINDOW = 512;

export class Calls<W> {
  readonly #core: Core<W>;
  readonly #sessions: Sessions<W>;
  /** Whether the peer has sent a RequestCancel, which proves that it survives one. */
  peerCancels = false;

  constructor(core: Core<W>, sessions: Sessions<W>) {
    this.#core = core;
    this.#sessions = sessions;
  }

  /** `waiter` comes back in a `response` or, at the latest at `deadline`, in a `failed` event. */
  call(packet: bigint, session: bigint, request: Uint8Array, deadline: number, waiter: W): void {
    if (!this.#sessions.usable(session)) return this.#core.fail(waiter, "session-ended");
    const transmit = this.#core.count(request, "calls");
    this.#core.awaiting.set(packet, { session, wanted: "response", waiter, transmit });
    this.#core.setDeadline(deadline, packet);
    this.#core.queue(transmit);
  }

  /**
   * Messages of a session keep their order; above the window of un-acked ones they wait here. `waiter` comes back in an `acked` or,
   * at the latest at `deadline`, in a `failed` event.
   */
  publish(packet: bigint, session: bigint, message: Uint8Array, deadline: number, waiter: W): void {
    const state = this.#sessions.usable(session);
    if (!state) return this.#core.fail(waiter, "session-ended");
    const transmit = this.#core.count(message, "messages");
    this.#core.awaiting.set(packet, { session, wanted: "window", waiter, transmit });
    this.#core.setDeadline(deadline, packet);
    state.window.push(packet);
    this.#fillWindow(session);
  }

  /** Sends waiting messages as far as the window of un-acked ones allows. */
  #fillWindow(id: bigint): void {
    const limit = this.#core.caps.credit ? OWN_WINDOW : this.#core.settings.unackedMessages;
    const session = this.#sessions.get(id);
    while (session?.maySend && session.unacked < limit) {
      const packet = session.window.shift();
      if (packet === undefined) return;
      const waiting = this.#core.awaiting.get(packet);
      // It has expired, or was given up.
      if (waiting?.wanted !== "window") continue;
      waiting.wanted = "ack";
      session.unacked += 1;
      this.#core.queue(waiting.transmit!);
    }
  }

  /** Offers a method. `waiter` comes back in an `acked` or, at `deadline`, in a `failed` event. */
  register(packet: bigint, session: bigint, method: string, deadline: number, waiter: W): void {
    if (!this.#sessions.usable(session)) return this.#core.fail(waiter, "session-ended");
    this.#core.awaiting.set(packet, { session, wanted: "registration", waiter });
    this.#core.setDeadline(deadline, packet);
    this.#core.send(packet, { kind: Kind.Register, session, method });
  }

  /** Answers a request. A reply that finds no room among those that wait to be sent becomes a short error. */
  respond(session: bigint, packet: bigint, response: Body): void {
    this.#reply(Kind.Response, session, packet, response);
  }

  /** Answers a message. An empty `error` accepts it. */
  ack(session: bigint, packet: bigint, error: string): void {
    this.#reply(Kind.MessageAck, session, packet, body({ error }));
  }

  #reply(kind: typeof Kind.Response | typeof Kind.MessageAck, session: bigint, packet: bigint, reply: Body): void {
    if (!this.#core.open) return;
    let bytes = encodeFrame(packet, { kind, session, body: reply });
    const waiting = this.#core.queued.replies;
    if (waiting > 0 && waiting + cost(bytes) > this.#core.settings.replyBytes) {
      bytes = encodeFrame(packet, { kind, session, body: body({ error: "congested" }) });
    }
    this.#core.queue(this.#core.count(bytes, "replies"));
  }

  /**
   * Gives up a call, message, registration or opening: its waiter comes back, a late answer is ignored. What has not left is taken
   * out; the peer is told of a call that has if it is known to survive that.
   */
  cancel(now: number, packet: bigint): W | undefined {
    const waiting = this.#core.awaiting.get(packet);
    if (waiting === undefined) return undefined;
    this.#core.awaiting.delete(packet);
    const { session } = waiting;
    const unsent = this.#core.drop(waiting.transmit);
    if (waiting.wanted === "response" && !unsent && (this.#core.caps.cancel || this.peerCancels)) {
      this.#core.send(packet, { kind: Kind.RequestCancel, session, reason: CANCELLED });
    }
    this.#settle(now, packet, session, waiting.wanted, unsent);
    return waiting.waiter;
  }

  /** The deadline of something that we sent has passed. */
  expire(now: number, packet: bigint): void {
    const waiting = this.#core.awaiting.get(packet);
    if (waiting === undefined) return;
    this.#core.awaiting.delete(packet);
    const unsent = this.#core.drop(waiting.transmit);
    this.#settle(now, packet, waiting.session, waiting.wanted, unsent);
    this.#core.fail(waiting.waiter, "expired");
  }

  /** What remains of something that nobody waits for any more. */
  #settle(now: number, packet: bigint, id: bigint, wanted: string, unsent: boolean): void {
    if (wanted === "session") return this.#sessions.abandon(now, packet);
    const session = this.#sessions.get(id);
    if (wanted === "window") {
      // Those behind the front are skipped when their turn comes.
      const { window } = session ?? {};
      while (window?.front !== undefined && !this.#core.awaiting.has(window.front)) window.shift();
      this.#sessions.advance(now, id);
    } else if (wanted === "ack" && unsent) {
      this.#freeSlot(now, id);
    } else if (wanted === "ack") {
      session?.overdue.add(packet);
    }
  }

  answered(session: bigint, packet: bigint, response: Body): void {
    this.#sessions.hear(session);
    const waiting = this.#core.answer(session, packet, "response");
    if (waiting) this.#core.emit({ type: "response", waiter: waiting.waiter, body: response });
  }

  acked(now: number, session: bigint, packet: bigint, error: string): void {
    this.#sessions.hear(session);
    const waiting = this.#core.answer(session, packet, "ack", "registration");
    if (waiting) this.#core.emit({ type: "acked", waiter: waiting.waiter, error });
    if (waiting?.wanted === "ack" || this.#sessions.get(session)?.overdue.delete(packet)) this.#freeSlot(now, session);
  }

  /** A message that was sent has got its ack, or was not sent after all. */
  #freeSlot(now: number, id: bigint): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    session.unacked -= 1;
    this.#fillWindow(id);
    this.#sessions.advance(now, id);
  }
}
