/** Names what went wrong, for programs: each class of errors has one. */
export type ErrorCode =
  | "connect" | "handshake" | "refused" | "remote" | "timeout" | "link-lost" | "closed" | "stream-closed" | "stream-aborted"
  | "congested" | "too-large";

/** What every error of this package is. */
export class EdgeError extends Error {
  override name = "EdgeError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The gateway could not be reached. Browsers do not tell programs why; their consoles do. */
export class ConnectError extends EdgeError {
  override name = "ConnectError";
  constructor(
    readonly url: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super("connect", `cannot connect to ${url}: ${reason}`, options);
  }
}

/** The gateway did not finish the handshake in time, or not by the protocol. */
export class HandshakeError extends EdgeError {
  override name = "HandshakeError";
  constructor(reason: string) {
    super("handshake", `the gateway did not let us in: ${reason}`);
  }
}

/** The gateway refused the edge or the stream, with this text. */
export class RefusedError extends EdgeError {
  override name = "RefusedError";
  constructor(readonly text: string) {
    super("refused", `refused by the gateway: ${text}`);
  }
}

/** The other side, or the gateway on its behalf, answered with this error. */
export class RemoteError extends EdgeError {
  override name = "RemoteError";
  constructor(readonly text: string) {
    super("remote", text);
  }
}

/** No answer, or no link, before the deadline. A call or message may have arrived all the same. */
export class TimeoutError extends EdgeError {
  override name = "TimeoutError";
  constructor() {
    super("timeout", "no answer before the deadline");
  }
}

/** The link was lost while the answer was outstanding. The call or message may have arrived; it is not sent again. */
export class LinkLostError extends EdgeError {
  override name = "LinkLostError";
  constructor(readonly reason = "the link to the gateway was lost") {
    super("link-lost", `${reason} before the answer came`);
  }
}

/** The edge was closed, or has given up reconnecting. */
export class ClosedError extends EdgeError {
  override name = "ClosedError";
  constructor() {
    super("closed", "this edge is closed");
  }
}

/** The stream was closed by either side before the answer came, or is written to after its end. */
export class StreamClosedError extends EdgeError {
  override name = "StreamClosedError";
  constructor() {
    super("stream-closed", "the stream is closed");
  }
}

/** The other side of a stream, or the gateway, ended it for this reason. */
export class StreamAbortedError extends EdgeError {
  override name = "StreamAbortedError";
  constructor(readonly reason: string) {
    super("stream-aborted", `the stream was ended: ${reason}`);
  }
}

/** More calls or messages wait to be sent than `EdgeOptions.queueBytes` allows. Nothing was sent. */
export class CongestedError extends EdgeError {
  override name = "CongestedError";
  constructor() {
    super("congested", "too much waits to be sent to the gateway already; try again later");
  }
}

/** The encoded payload does not fit into a frame. Nothing was sent. */
export class TooLargeError extends EdgeError {
  override name = "TooLargeError";
  /** `length`: bytes that the frame would have, headers aside; `max`: bytes that it may have. */
  constructor(
    readonly length: number,
    readonly max: number,
  ) {
    super("too-large", `the payload takes ${length} bytes when encoded, the protocol allows ${max}; split it, or use a stream`);
  }
}
