/**
 * Payloads with their meaning.
 *
 * ```text
 * Conn        flags, 0, wanted id (8)             JSON    Dismiss(Ack)   session (8)              JSON
 * ConnAck     code, client id (8)                 JSON    Message(Ack), Request, Response
 * DisConnAck  code                                JSON                   session (8)              JSON
 * Session     priority, flags, negotiate id (8)   JSON    Stream         session (8)              raw bytes
 * SessionAck  0, 0, negotiate id (8), session (8) JSON    RequestCancel  session (8), reason (2)
 * Register    session (8)  method name                    RegisterAck    session (8)              JSON
 * StreamEnd   session (8)                                 Credit         session (8), bytes (4)
 * DisConn, Heartbeat, HeartbeatAck: no payload
 * ```
 */
import {
  decodeBody, decodeConnData, decodeError, decodeSessionData, encodeBody, encodeConnData, encodeSessionData, ofUtf8, toUtf8,
  type Body, type ConnData, type SessionData,
} from "./body.js";
import { HEADER, viewOf } from "./header.js";
import { Kind } from "./kind.js";

/** Reason of a RequestCancel: the caller gave up. */
export const CANCELLED = 1;

/** Heartbeats come every 5, 20, 80 or 320 seconds: 5·4ⁿ of this code. */
export type HeartbeatCode = 0 | 1 | 2 | 3;

export type Frame =
  | { readonly kind: typeof Kind.Conn; acquireId: boolean; heartbeat: HeartbeatCode; wanted: bigint; data: ConnData }
  | { readonly kind: typeof Kind.ConnAck; client: bigint; data: ConnData }
  | { readonly kind: typeof Kind.DisConn | typeof Kind.Heartbeat | typeof Kind.HeartbeatAck }
  | { readonly kind: typeof Kind.DisConnAck; data: ConnData }
  | { readonly kind: typeof Kind.Session; acquireId: boolean; negotiate: bigint; data: SessionData }
  | { readonly kind: typeof Kind.SessionAck; negotiate: bigint; session: bigint; data: SessionData }
  | { readonly kind: typeof Kind.Dismiss | typeof Kind.DismissAck; session: bigint; data: SessionData }
  | {
      readonly kind: typeof Kind.Message | typeof Kind.MessageAck | typeof Kind.Request | typeof Kind.Response;
      session: bigint;
      body: Body;
    }
  | { readonly kind: typeof Kind.Stream; session: bigint; bytes: Uint8Array }
  | { readonly kind: typeof Kind.RequestCancel; session: bigint; reason: number }
  | { readonly kind: typeof Kind.Register; session: bigint; method: string }
  | { readonly kind: typeof Kind.RegisterAck; session: bigint; error: string }
  | { readonly kind: typeof Kind.StreamEnd; session: bigint }
  | { readonly kind: typeof Kind.Credit; session: bigint; count: number };

/**
 * Gives a payload, whose header was decoded and so has a legal length, its meaning. Raw bytes are not copied.
 *
 * @throws {WireError} JSON that is malformed or of the wrong shape.
 */
export function decodeFrame(kind: Kind, payload: Uint8Array): Frame {
  const view = viewOf(payload);
  const id = (at: number) => view.getBigUint64(at);
  const from = (at: number) => payload.subarray(at);
  switch (kind) {
    case Kind.Conn: {
      const flags = view.getUint8(0);
      const heartbeat = ((flags >> 4) & 3) as HeartbeatCode;
      return { kind, acquireId: (flags & 0x08) !== 0, heartbeat, wanted: id(2), data: decodeConnData(from(10)) };
    }
    case Kind.ConnAck:
      return { kind, client: id(1), data: decodeConnData(from(9)) };
    case Kind.DisConn:
    case Kind.Heartbeat:
    case Kind.HeartbeatAck:
      return { kind };
    case Kind.DisConnAck:
      return { kind, data: decodeConnData(from(1)) };
    case Kind.Session:
      return { kind, acquireId: (view.getUint8(1) & 0x10) !== 0, negotiate: id(2), data: decodeSessionData(from(10)) };
    case Kind.SessionAck:
      return { kind, negotiate: id(2), session: id(10), data: decodeSessionData(from(18)) };
    case Kind.Dismiss:
    case Kind.DismissAck:
      return { kind, session: id(0), data: decodeSessionData(from(8)) };
    case Kind.Message:
    case Kind.MessageAck:
    case Kind.Request:
    case Kind.Response:
      return { kind, session: id(0), body: decodeBody(from(8)) };
    case Kind.Stream:
      return { kind, session: id(0), bytes: from(8) };
    case Kind.RequestCancel:
      return { kind, session: id(0), reason: view.getUint16(8) };
    case Kind.Register:
      return { kind, session: id(0), method: ofUtf8(from(8)) };
    case Kind.RegisterAck:
      return { kind, session: id(0), error: decodeError(from(8)) };
    case Kind.StreamEnd:
      return { kind, session: id(0) };
    case Kind.Credit:
      return { kind, session: id(0), count: view.getUint32(8) };
  }
}

/** A frame's fixed fields and what follows them. */
type Payload = [fixed: number, fill: (view: DataView) => void, rest: Uint8Array | string];

function payloadOf(frame: Frame): Payload {
  const session = (id: bigint) => (view: DataView) => view.setBigUint64(0, id);
  switch (frame.kind) {
    case Kind.Conn:
      return [
        10,
        (view) => {
          view.setUint8(0, (frame.acquireId ? 0x08 : 0) | (frame.heartbeat << 4));
          view.setBigUint64(2, frame.wanted);
        },
        encodeConnData(frame.data),
      ];
    case Kind.ConnAck:
      return [
        9,
        (view) => {
          view.setUint8(0, frame.data.error === "" ? 0 : 1);
          view.setBigUint64(1, frame.client);
        },
        encodeConnData(frame.data),
      ];
    case Kind.DisConn:
    case Kind.Heartbeat:
    case Kind.HeartbeatAck:
      return [0, () => {}, ""];
    case Kind.DisConnAck:
      return [1, () => {}, encodeConnData(frame.data)];
    case Kind.Session:
      return [
        10,
        (view) => {
          view.setUint8(1, frame.acquireId ? 0x10 : 0);
          view.setBigUint64(2, frame.negotiate);
        },
        encodeSessionData(frame.data),
      ];
    case Kind.SessionAck:
      return [
        18,
        (view) => {
          view.setBigUint64(2, frame.negotiate);
          view.setBigUint64(10, frame.session);
        },
        encodeSessionData(frame.data),
      ];
    case Kind.Dismiss:
    case Kind.DismissAck:
      return [8, session(frame.session), encodeSessionData(frame.data)];
    case Kind.Message:
    case Kind.MessageAck:
    case Kind.Request:
    case Kind.Response:
      return [8, session(frame.session), encodeBody(frame.body)];
    case Kind.Stream:
      return [8, session(frame.session), frame.bytes];
    case Kind.RequestCancel:
      return [
        10,
        (view) => {
          view.setBigUint64(0, frame.session);
          view.setUint16(8, frame.reason);
        },
        "",
      ];
    case Kind.Register:
      return [8, session(frame.session), frame.method];
    case Kind.RegisterAck:
      return [8, session(frame.session), frame.error === "" ? "{}" : JSON.stringify({ error: frame.error })];
    case Kind.StreamEnd:
      return [8, session(frame.session), ""];
    case Kind.Credit:
      return [
        12,
        (view) => {
          view.setBigUint64(0, frame.session);
          view.setUint32(8, frame.count);
        },
        "",
      ];
  }
}

/** The whole frame in bytes, header included. */
export function encodeFrame(packet: bigint, frame: Frame): Uint8Array {
  const [fixed, fill, rest] = payloadOf(frame);
  const tail = typeof rest === "string" ? toUtf8(rest) : rest;
  const bytes = new Uint8Array(HEADER + fixed + tail.length);
  const view = viewOf(bytes);
  view.setUint8(0, 1);
  view.setUint8(1, frame.kind);
  view.setBigUint64(2, packet);
  view.setUint32(10, fixed + tail.length);
  fill(new DataView(bytes.buffer, HEADER));
  bytes.set(tail, HEADER + fixed);
  return bytes;
}
