/**
 * The JSON in payloads. What is empty or absent is not written. Names match in any case, unknown ones are ignored, `null` means
 * absent: as Go's decoder reads.
 */
import * as base64 from "./base64.js";
import { WireError } from "./header.js";

/** Bytes in memory that is shared with nobody. */
export type Bytes = Uint8Array<ArrayBuffer>;

const EMPTY: Bytes = new Uint8Array(0);

const utf8 = new TextEncoder();
// With the byte order mark left in, JSON refuses it, as Go does.
const fromUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export function toUtf8(text: string): Bytes {
  return utf8.encode(text) as Bytes;
}

/** Text of UTF-8; what is none becomes U+FFFD. */
export function ofUtf8(bytes: Uint8Array): string {
  return fromUtf8.decode(bytes);
}

const CAPS = ["cancel", "prompt", "fin", "credit"] as const;

/** What both sides understand beyond the protocol of Go: `docs/protocol.md`, "Extensions". */
export type Caps = Readonly<Record<(typeof CAPS)[number], boolean>>;

function capsWhere(has: (name: (typeof CAPS)[number]) => boolean): Caps {
  return Object.fromEntries(CAPS.map((name) => [name, has(name)])) as Caps;
}

export const NO_CAPS = capsWhere(() => false);
export const ALL_CAPS = capsWhere(() => true);

export function commonCaps(one: Caps, other: Caps): Caps {
  return capsWhere((name) => one[name] && other[name]);
}

/** Of Conn, ConnAck and DisConnAck. */
export interface ConnData {
  readonly meta: Bytes;
  readonly error: string;
  readonly caps: Caps;
}

/** Of Session, SessionAck, Dismiss and DismissAck. */
export interface SessionData {
  readonly meta: Bytes;
  readonly error: string;
  readonly peer: string;
}

/** Of Message, MessageAck, Request and Response. Times are milliseconds since 1970 by the sender's clock. */
export interface Body {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly topic: string;
  readonly custom: Bytes;
  readonly error: string;
  readonly deadline: number | undefined;
  readonly contextDeadline: number | undefined;
}

export function connData(data: Partial<ConnData> = {}): ConnData {
  return { meta: EMPTY, error: "", caps: NO_CAPS, ...data };
}

export function sessionData(data: Partial<SessionData> = {}): SessionData {
  return { meta: EMPTY, error: "", peer: "", ...data };
}

export function body(data: Partial<Body> = {}): Body {
  return {
    key: EMPTY, value: EMPTY, topic: "", custom: EMPTY, error: "", deadline: undefined, contextDeadline: undefined, ...data,
  };
}

// --- writing

/** `JSON.stringify` leaves out what is `undefined`. */
const orAbsent = (text: string) => text || undefined;
const bytesText = (bytes: Uint8Array) => orAbsent(base64.encode(bytes));
const timeText = (time: number | undefined) => (time === undefined ? undefined : new Date(time).toISOString());

export function encodeConnData({ meta, error, caps }: ConnData): string {
  const understood = CAPS.filter((name) => caps[name]).map((name) => [name, 1]);
  return JSON.stringify({
    meta: bytesText(meta),
    error: orAbsent(error),
    caps: understood.length > 0 ? Object.fromEntries(understood) : undefined,
  });
}

export function encodeSessionData({ meta, error, peer }: SessionData): string {
  return JSON.stringify({ meta: bytesText(meta), error: orAbsent(error), peer: orAbsent(peer) });
}

export function encodeBody({ key, value, topic, custom, error, deadline, contextDeadline }: Body): string {
  return JSON.stringify({
    key: bytesText(key),
    value: bytesText(value),
    topic: orAbsent(topic),
    custom: bytesText(custom),
    error: orAbsent(error),
    deadline: timeText(deadline),
    context: contextDeadline === undefined ? undefined : { deadline: timeText(contextDeadline) },
  });
}

// --- reading

/** The members of a JSON object by their names in lower case; of several with one name the last that is not `null` counts. */
function membersOf(value: unknown, what: string): Map<string, unknown> {
  const members = new Map<string, unknown>();
  if (value === null) return members;
  if (typeof value !== "object" || Array.isArray(value)) throw new WireError(`${what}: an object or null is needed`);
  for (const [name, member] of Object.entries(value)) {
    if (member !== null) members.set(name.toLowerCase(), member);
  }
  return members;
}

function parse(text: Uint8Array): Map<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(ofUtf8(text));
  } catch (error) {
    throw new WireError(`a body is no JSON: ${(error as Error).message}`);
  }
  return membersOf(value, "body");
}

function string(members: Map<string, unknown>, name: string): string {
  const value = members.get(name) ?? "";
  if (typeof value !== "string") throw new WireError(`${name}: a string or null is needed`);
  return value;
}

const isByte = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;

function bytes(members: Map<string, unknown>, name: string): Bytes {
  const value = members.get(name) ?? "";
  if (Array.isArray(value)) {
    const list = value.map((byte: unknown) => byte ?? 0);
    if (list.every(isByte)) return Uint8Array.from(list as number[]);
  } else if (typeof value === "string") {
    const decoded = value === "" ? EMPTY : base64.decode(value);
    if (decoded !== undefined) return decoded;
  }
  throw new WireError(`${name}: base64 text, an array of bytes or null is needed`);
}

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)([.,]\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Go writes the zero time where none is set. */
const ZERO_TIME = Date.parse("0001-01-01T00:00:00Z");

function time(members: Map<string, unknown>, name: string): number | undefined {
  const value = members.get(name);
  if (value === undefined) return undefined;
  const parts = typeof value === "string" ? RFC3339.exec(value) : null;
  // Fractions are cut to milliseconds: engines differ in what they do with longer ones.
  const stamp = parts && Date.parse(parts[1]! + (parts[2] ?? "").replace(",", ".").slice(0, 4) + parts[3]!);
  if (stamp === null || Number.isNaN(stamp)) throw new WireError(`${name}: an RFC 3339 time or null is needed`);
  return stamp === ZERO_TIME ? undefined : stamp;
}

/** A `caps` that is no object is somebody else's: it is ignored. A name counts if its value is an integer of 1 or more. */
function capsOf(value: unknown): Caps {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return NO_CAPS;
  const members = membersOf(value, "caps");
  return capsWhere((name) => Number.isInteger(members.get(name)) && (members.get(name) as number) >= 1);
}

export function decodeConnData(text: Uint8Array): ConnData {
  const members = parse(text);
  return { meta: bytes(members, "meta"), error: string(members, "error"), caps: capsOf(members.get("caps")) };
}

export function decodeSessionData(text: Uint8Array): SessionData {
  const members = parse(text);
  return { meta: bytes(members, "meta"), error: string(members, "error"), peer: string(members, "peer") };
}

export function decodeBody(text: Uint8Array): Body {
  const members = parse(text);
  return {
    key: bytes(members, "key"),
    value: bytes(members, "value"),
    topic: string(members, "topic"),
    custom: bytes(members, "custom"),
    error: string(members, "error"),
    deadline: time(members, "deadline"),
    contextDeadline: time(membersOf(members.get("context") ?? null, "context"), "deadline"),
  };
}

/** Reads the one key of a RegisterAck. */
export function decodeError(text: Uint8Array): string {
  return string(parse(text), "error");
}
