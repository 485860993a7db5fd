/** Edges of the Frontier gateway in browsers and Node. See the README of this package. */
export { Edge, OfflineEvent, OnlineEvent, ReconnectEvent, type EdgeEventMap, type EdgeOptions, type EdgeState } from "./edge/edge.js";
export { IncomingCall, Message, type Handler, type Payload } from "./edge/payload.js";
export type { SendOptions } from "./edge/scope.js";
export { SUB_PROTOCOL, type WebSocketConstructor, type WebSocketLike } from "./edge/socket.js";
export { EdgeStream } from "./edge/stream.js";
export * from "./errors.js";
export { ofUtf8 as text, type Bytes } from "./wire/body.js";
