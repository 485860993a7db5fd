/** What a frame is. The values are the type codes on the wire. */
export const Kind = {
  Conn: 0x01,
  ConnAck: 0x02,
  DisConn: 0x11,
  DisConnAck: 0x12,
  Heartbeat: 0x21,
  HeartbeatAck: 0x22,
  Session: 0x31,
  SessionAck: 0x32,
  Dismiss: 0x41,
  DismissAck: 0x42,
  Message: 0x51,
  MessageAck: 0x52,
  Stream: 0x61,
  Request: 0x71,
  Response: 0x72,
  RequestCancel: 0x73,
  Register: 0x81,
  RegisterAck: 0x82,
  /** Extension `fin`: no more raw bytes follow in this direction. */
  StreamEnd: 0x91,
  /** Extension `credit`: the peer may send that many more raw bytes. */
  Credit: 0x92,
} as const;

export type Kind = (typeof Kind)[keyof typeof Kind];

/** The least payload length where it is not that of a session id. Shorter ones crash old peers: none is ever sent or accepted. */
const LEAST: Readonly<Partial<Record<Kind, number>>> = {
  [Kind.Conn]: 10,
  [Kind.ConnAck]: 9,
  [Kind.DisConn]: 0,
  [Kind.DisConnAck]: 1,
  [Kind.Heartbeat]: 0,
  [Kind.HeartbeatAck]: 0,
  [Kind.Session]: 10,
  [Kind.SessionAck]: 18,
  [Kind.RequestCancel]: 10,
  [Kind.Credit]: 12,
};

const KNOWN = new Set<number>(Object.values(Kind));

/** The least payload length of the kind with this type code; `undefined` for a code that is none of the protocol's. */
export function leastLength(code: number): number | undefined {
  return KNOWN.has(code) ? (LEAST[code as Kind] ?? 8) : undefined;
}

/** The type code as people write it. */
export function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")}`;
}
