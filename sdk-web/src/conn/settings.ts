import { ALL_CAPS, type Caps } from "../wire/body.js";
import type { HeartbeatCode } from "../wire/frame.js";

/** What the owner of a connection decides once. Times are in milliseconds. */
export interface Settings {
  /** Capabilities that this side offers. */
  readonly caps: Caps;
  /** Time for the gateway's answer to our Conn. */
  readonly handshake: number;
  /** What the gateway is told about heartbeats: it drops a link that was silent for more than two of these intervals. */
  readonly heartbeatCode: HeartbeatCode;
  /** How often heartbeats are really sent. */
  readonly heartbeatEvery: number;
  /** Time for the answer to a heartbeat. Anything that comes is one. */
  readonly heartbeatAnswer: number;
  /** The same after the machine has slept, when the link is probably dead. */
  readonly probeAnswer: number;
  /** Most messages that wait for their ack on one session of a peer without capability `credit`. */
  readonly unackedMessages: number;
  /** Time between the last raw bytes and the Dismiss, towards peers that lose what they have not read by then. */
  readonly lateClose: number;
  /** Time for the peer to confirm a session that this side opens. */
  readonly open: number;
  /** Time for the rest of a dismissal before the session is dropped. */
  readonly dismiss: number;
  /** Time for the rest of the closing handshake before the socket is closed. */
  readonly closeGrace: number;
  /** Most bytes of replies that wait to be sent; a reply above it becomes a short error. */
  readonly replyBytes: number;
  /** Most sessions that this side opened and that have shown no packet of a peer without capability `prompt`. */
  readonly silentSessions: number;
  /** Most sessions at once, session 1 aside; further ones are declined, and twice as many end the link. */
  readonly maxSessions: number;
  /** Raw bytes that each end of a stream may send before it is granted more: by the protocol 1 MiB. */
  readonly streamWindow: number;
  /** Most raw bytes in one frame. */
  readonly streamChunk: number;
}

export const SETTINGS: Settings = {
  caps: ALL_CAPS,
  handshake: 10_000,
  // Browsers run the timers of a hidden page once a minute. With code 1 (20 s) the gateway would drop such a page after 45 s;
  // code 2 (80 s) lets it be silent for 160 s at least, and one minute later than every 20 s is 80 s. Sent is every 20 s all
  // the same: a page that is seen keeps proxies from taking its link for idle (60 s is usual) and notices a dead link
  // early.
  heartbeatCode: 2,
  heartbeatEvery: 20_000,
  heartbeatAnswer: 25_000,
  probeAnswer: 4_000,
  unackedMessages: 32,
  lateClose: 100,
  open: 25_000,
  dismiss: 30_000,
  closeGrace: 5_000,
  replyBytes: 16 * 1024 * 1024,
  silentSessions: 32,
  maxSessions: 4096,
  streamWindow: 1024 * 1024,
  streamChunk: 64 * 1024,
};
