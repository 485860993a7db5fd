/**
 * Sessions: opening, confirming, declining, dismissing.
 *
 * ```text
 *          we open: opening ──ack──► live ──dismissal, both acks──► gone
 *                      └─too late──► abandoned ──ack──► dismissed at once
 *        peer opens: offered ──confirm / decline──► live
 * ```
 */
import { sessionData, type SessionData } from "../wire/body.js";
import { Kind } from "../wire/kind.js";
import { MAIN } from "../wire/ids.js";
import { Core, Queue } from "./core.js";
import { Raw } from "./raw.js";

/** Reason of an end that came before the last bytes. */
const UNTAKEN = "the last bytes of the stream were not taken in time";

export class Session {
  state: "opening" | "abandoned" | "offered" | "live";
  /** The packet that asked for it. */
  readonly packet: bigint;
  readonly negotiate: bigint;
  /** The packets of a dismissal, each sent or received at most once. */
  dismissSent = false;
  dismissReceived = false;
  dismissAcked = false;
  /** The owner wants it gone once everything queued is sent. */
  closing = false;
  /** Why this side ends it, or why the peer did. */
  error = "";
  /** We opened it and have seen no packet of the peer on it. */
  silent = false;
  /** Messages sent and not acked. */
  unacked = 0;
  /** Those of them that nobody waits for any more. They keep their place in the window: the peer still holds them. */
  readonly overdue = new Set<bigint>();
  /** Messages that wait for room in the window. */
  readonly window = new Queue<bigint>();
  /** Raw bytes; session 1 has none. */
  raw: Raw | undefined;

  constructor(state: Session["state"], packet = 0n, negotiate = 0n) {
    this.state = state;
    this.packet = packet;
    this.negotiate = negotiate;
  }

  /** Whether what the peer sends on it is delivered: until both acks of a dismissal are exchanged. */
  get live(): boolean {
    return this.state === "live";
  }

  /** Whether raw bytes and messages that are queued may leave. */
  get maySend(): boolean {
    return this.live && !this.dismissSent && !this.dismissReceived;
  }

  /** Whether the owner may still send on it. */
  get usable(): boolean {
    return this.maySend && !this.closing;
  }
}

export class Sessions<W> {
  readonly #core: Core<W>;
  readonly #main = new Session("live");
  readonly #others = new Map<bigint, Session>();
  /** Openings that wait until the peer has shown a sign of life on earlier ones. */
  readonly #openings = new Queue<{ packet: bigint; data: SessionData }>();
  #silent = 0;

  constructor(core: Core<W>) {
    this.#core = core;
  }

  get(id: bigint): Session | undefined {
    return id === MAIN ? this.#main : this.#others.get(id);
  }

  usable(id: bigint): Session | undefined {
    const session = this.get(id);
    return this.#core.open && session?.usable ? session : undefined;
  }

  /** The peer has sent a packet on this session. Whether it is to be delivered. */
  hear(id: bigint): boolean {
    const session = this.get(id);
    if (session?.silent) {
      session.silent = false;
      this.#silent -= 1;
      this.#advanceOpenings();
    }
    return session?.live ?? false;
  }

  // --- opening

  open(now: number, packet: bigint, data: SessionData, waiter: W): void {
    if (!this.#core.open) return this.#core.fail(waiter, "session-ended");
    this.#core.awaiting.set(packet, { session: 0n, wanted: "session", waiter });
    this.#core.setDeadline(now + this.#core.settings.open, packet);
    this.#openings.push({ packet, data });
    this.#advanceOpenings();
  }

  /** Sends openings as far as the peer's accept queue surely has room for them. */
  #advanceOpenings(): void {
    const { caps, settings, ids } = this.#core;
    while (caps.prompt || this.#silent < settings.silentSessions) {
      const opening = this.#openings.shift();
      if (opening === undefined) return;
      // Nobody waits for it any more.
      if (!this.#core.awaiting.has(opening.packet)) continue;
      const negotiate = ids.next();
      const session = new Session("opening", opening.packet, negotiate);
      session.silent = true;
      this.#silent += 1;
      this.#others.set(negotiate, session);
      this.#core.send(opening.packet, { kind: Kind.Session, acquireId: true, negotiate, data: opening.data });
    }
  }

  /** Nobody waits any more for a session that we have asked for, or were about to. */
  abandon(now: number, packet: bigint): void {
    for (const [id, session] of this.#others) {
      if (session.state === "opening" && session.packet === packet) {
        session.state = "abandoned";
        this.#core.timers.set(now + this.#core.settings.dismiss, "dismiss", id);
      }
    }
  }

  /** The peer asks for a session. `false` if no conforming peer does so. */
  offered(now: number, packet: bigint, acquireId: boolean, negotiate: bigint, data: SessionData): boolean {
    const { settings, ids } = this.#core;
    const id = acquireId ? ids.next() : negotiate;
    // Those that are refused take room until their dismissal is over.
    if (id <= MAIN || this.#others.has(id) || this.#others.size >= 2 * settings.maxSessions) return false;
    const full = this.#others.size >= settings.maxSessions;
    this.#others.set(id, new Session("offered", packet, negotiate));
    if (full) this.decline(now, id, "too many streams on this link");
    else this.#core.emit({ type: "offered", session: id, data });
    return true;
  }

  confirm(id: bigint): void {
    this.#answer(id, "");
  }

  /** Turns down a session that the peer asked for: acked, then dismissed, which is the only refusal that old peers understand. */
  decline(now: number, id: bigint, error: string): void {
    this.#answer(id, error);
    if (this.#core.caps.prompt) this.#others.delete(id);
    else this.dismiss(now, id, error);
  }

  #answer(id: bigint, error: string): void {
    const session = this.#others.get(id);
    if (session?.state !== "offered") return;
    this.#makeLive(session);
    const { packet, negotiate } = session;
    this.#core.send(packet, { kind: Kind.SessionAck, negotiate, session: id, data: sessionData({ error }) });
  }

  #makeLive(session: Session): void {
    const { caps, settings } = this.#core;
    session.state = "live";
    session.raw = new Raw(caps.credit ? settings.streamWindow : undefined);
  }

  /** The peer confirms a session. `false` if no conforming peer does so. */
  acked(now: number, packet: bigint, negotiate: bigint, id: bigint, error: string): boolean {
    const session = this.#others.get(negotiate);
    if (session === undefined) return true;
    const abandoned = session.state === "abandoned";
    if (!abandoned && !(session.state === "opening" && session.packet === packet)) return true;
    this.#makeLive(session);
    const waiting = this.#core.awaiting.get(packet);
    this.#core.awaiting.delete(packet);
    if (this.#core.caps.prompt && error !== "") {
      this.#forget(negotiate);
      if (waiting) this.#core.emit({ type: "failed", waiter: waiting.waiter, failure: { why: "declined", text: error } });
      return true;
    }
    if (negotiate !== id) {
      if (id <= MAIN || this.#others.has(id)) return false;
      this.#others.delete(negotiate);
      this.#others.set(id, session);
    }
    if (waiting) this.#core.emit({ type: "opened", waiter: waiting.waiter, session: id });
    else this.dismiss(now, id, "opened too late");
    return true;
  }

  // --- dismissing

  /**
   * Ends a session once everything queued on it is sent; once the peer has taken no raw bytes for `Settings.dismiss`, the rest
   * of them is dropped, which becomes the reason of the end. An `ended` event follows.
   */
  dismiss(now: number, id: bigint, error: string): void {
    const session = this.get(id);
    if (!this.#core.open || session === undefined) return;
    if (error !== "") session.error = error;
    if (!session.closing && session.raw?.pending) {
      this.#core.timers.set(now + this.#core.settings.dismiss, "flush", id);
    }
    session.closing = true;
    this.advance(now, id);
  }

  /**
   * A session that is to be dismissed still has raw bytes. If none of them have left lately it ends without them, and the peer is
   * told so: a stream that lacks its end must not look complete.
   */
  giveUpBytes(now: number, id: bigint): void {
    const session = this.get(id);
    if (session === undefined) return;
    if (!session.dismissSent && session.raw?.pending) {
      const due = (session.raw.lastSent ?? -Infinity) + this.#core.settings.dismiss;
      if (due > now) return this.#core.timers.set(due, "flush", id);
      session.raw.clear();
      session.error ||= UNTAKEN;
    }
    this.advance(now, id);
  }

  /** Sends our Dismiss if everything before it is out and the reader has had time for it. */
  advance(now: number, id: bigint): void {
    const session = this.get(id);
    if (!session?.closing || !session.live || session.dismissSent) return;
    if (session.raw?.pending || session.window.size > 0) return;
    const { caps, settings, timers, ids } = this.#core;
    const last = session.raw?.lastSent;
    if (!caps.credit && last !== undefined && now < last + settings.lateClose) {
      return timers.set(last + settings.lateClose, "late-close", id);
    }
    session.dismissSent = true;
    const error = session.error;
    session.error = "";
    this.#core.send(ids.next(), { kind: Kind.Dismiss, session: id, data: sessionData({ error }) });
    timers.set(now + settings.dismiss, "dismiss", id);
  }

  dismissed(now: number, packet: bigint, id: bigint, error: string): void {
    this.hear(id);
    this.#core.send(packet, { kind: Kind.DismissAck, session: id, data: sessionData() });
    const session = this.get(id);
    // Of a session that we have forgotten the ack is enough: two ends that both answered with a Dismiss would never stop.
    if (session === undefined) return;
    const first = !session.dismissReceived;
    session.dismissReceived = true;
    session.raw = undefined;
    if (error !== "") session.error = error;
    if (!session.dismissSent) {
      session.dismissSent = true;
      this.#core.send(this.#core.ids.next(), { kind: Kind.Dismiss, session: id, data: sessionData() });
    }
    if (first) this.#core.timers.set(now + this.#core.settings.dismiss, "dismiss", id);
    this.#endIfDismissed(id, session);
  }

  dismissAcked(id: bigint): void {
    const session = this.get(id);
    if (!session?.dismissSent) return;
    session.dismissAcked = true;
    this.#endIfDismissed(id, session);
  }

  #endIfDismissed(id: bigint, session: Session): void {
    if (session.dismissReceived && session.dismissAcked) this.end(id);
  }

  /** The session is over: whoever waits on it is told, and so is the owner. */
  end(id: bigint): void {
    const session = this.get(id);
    if (session === undefined) return;
    const { live: told, error } = session;
    this.#core.failAwaiting(id);
    this.#forget(id);
    if (told) this.#core.emit({ type: "ended", session: id, error });
  }

  /** All sessions are over. */
  endAll(): void {
    this.#core.failAwaiting();
    this.#openings.clear();
    const ids = [...this.#others.keys()];
    this.#others.clear();
    this.#silent = 0;
    for (const session of ids) this.#core.emit({ type: "ended", session, error: "" });
    this.#main.state = "abandoned";
  }

  #forget(id: bigint): void {
    const session = this.get(id);
    if (id === MAIN) this.#main.state = "abandoned";
    this.#others.delete(id);
    if (session?.silent) {
      session.silent = false;
      this.#silent -= 1;
      this.#advanceOpenings();
    }
  }
}
