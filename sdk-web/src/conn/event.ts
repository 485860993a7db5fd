import type { Body, SessionData } from "../wire/body.js";

/** Why something that was sent gets no answer from the peer. */
export type Failure =
  | { readonly why: "expired" | "session-ended" }
  /** The peer refused the session, with this text (capability `prompt`). */
  | { readonly why: "declined"; readonly text: string };

/** Something that happened on a connection. `W` is what waits for an answer; it comes back in exactly one event. */
export type Event<W> =
  /** The gateway let us in, under this id. */
  | { readonly type: "connected"; readonly id: bigint }
  | { readonly type: "refused"; readonly text: string }
  /** The peer calls a method. Answered by `respond`, exactly once. */
  | { readonly type: "request"; readonly session: bigint; readonly packet: bigint; readonly body: Body; readonly cost: number }
  /** The peer publishes. Answered by `ack`, exactly once. */
  | { readonly type: "message"; readonly session: bigint; readonly packet: bigint; readonly body: Body }
  /** The answer to a call. */
  | { readonly type: "response"; readonly waiter: W; readonly body: Body }
  /** The answer to a message or registration; an empty `error` accepts it. */
  | { readonly type: "acked"; readonly waiter: W; readonly error: string }
  /** A call, message, registration or opening will not be answered. */
  | { readonly type: "failed"; readonly waiter: W; readonly failure: Failure }
  /** The peer no longer wants the answer to this request of its. */
  | { readonly type: "cancelled"; readonly session: bigint; readonly packet: bigint }
  /** The peer opens a session. Answered by `confirm` or `decline`. */
  | { readonly type: "offered"; readonly session: bigint; readonly data: SessionData }
  /** A session that we opened is there. */
  | { readonly type: "opened"; readonly waiter: W; readonly session: bigint }
  | { readonly type: "data"; readonly session: bigint; readonly bytes: Uint8Array }
  /** No more raw bytes follow, the other direction stays open (capability `fin`). */
  | { readonly type: "data-end"; readonly session: bigint }
  /** Raw bytes of ours were handed to the socket. */
  | { readonly type: "sent"; readonly session: bigint; readonly count: number }
  /** The session is gone; `error` is the peer's reason, or empty. */
  | { readonly type: "ended"; readonly session: bigint; readonly error: string };
