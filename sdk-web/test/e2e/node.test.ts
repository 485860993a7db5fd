/** The SDK in Node, against the real gateway; services are those of `frontierctl`. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { WebSocket } from "ws";

import {
  ClosedError, ConnectError, Edge, LinkLostError, RefusedError, RemoteError, StreamAbortedError, text, TimeoutError, TooLargeError,
  type EdgeOptions, type IncomingCall, type Message,
} from "../../src/index.js";
import { Gateway } from "./gateway.js";
import { soon } from "./program.js";
import { Proxy } from "./proxy.js";

async function connect(t: TestContext, gateway: Gateway, options: EdgeOptions = {}): Promise<Edge> {
  const edge = await soon(Edge.connect(gateway.url, { WebSocket, ...options }), "connecting");
  t.after(() => edge.close());
  return edge;
}

async function serving(gateway: Gateway, ...args: string[]) {
  const service = gateway.service("serve", ...args);
  await service.prints(/is online/);
  return service;
}

test("calls go both ways, with their errors", async (t) => {
  const gateway = await Gateway.start(t);
  const service = await serving(gateway, "echo", "--edges");
  const seen: IncomingCall[] = [];
  const methods = { greet: (call: IncomingCall) => (seen.push(call), `hello ${call.text()}`) };
  const edge = await connect(t, gateway, { meta: "sensor 7", methods });
  assert.ok(edge.id > 2n ** 53n, "an id of 64 bits");
  assert.equal(edge.state, "online");
  await service.prints(new RegExp(`edge ${edge.id} is online: sensor 7`));

  assert.equal(text(await edge.call("echo", "ä😀")), "ä😀");
  assert.deepEqual(await edge.call("echo"), new Uint8Array(0));
  const large = Uint8Array.from({ length: 7_000_000 }, (_, at) => at >> 7);
  assert.ok(Buffer.from(await edge.call("echo", large)).equals(large));
  await assert.rejects(edge.call("echo", new Uint8Array(8_000_000)), TooLargeError);
  await assert.rejects(edge.call("unknown"), { name: "RemoteError", code: "remote", text: "record not found" });

  const answer = await gateway.asService(["call", String(edge.id), "greet", "you", "--custom", "c"]);
  assert.deepEqual([answer.code, answer.out.toString().trim()], [0, "hello you"], answer.err);
  assert.equal(new TextDecoder().decode(seen[0]!.custom), "c");
  const left = seen[0]!.deadline!.getTime() - Date.now();
  assert.ok(left > 0 && left <= 30_000, `${left} ms are left`);
  await edge.register("fail", async () => {
    throw new Error("out of paper");
  });
  const failed = await gateway.asService(["call", String(edge.id), "fail"]);
  assert.notEqual(failed.code, 0);
  assert.match(failed.err, /out of paper/);
  const unknown = await gateway.asService(["call", String(edge.id), "unknown"]);
  assert.match(unknown.err, /no such rpc: unknown/);
});

test("messages go both ways, to services and to a bridge, each answered once", async (t) => {
  const gateway = await Gateway.start(t);
  const service = gateway.service("receive", "readings");
  await service.prints(/is online/);
  const edge = await connect(t, gateway);
  await Promise.all(Array.from({ length: 100 }, (_, at) => edge.publish("readings", `reading ${at}`)));
  await service.prints(/reading 99/);
  const readings = service.lines.filter((line) => line.includes("reading "));
  assert.deepEqual(readings.map((line) => line.split(" ").at(-1)), Array.from({ length: 100 }, (_, at) => String(at)), "in order");
  await assert.rejects(edge.publish("nobody's", "x"), (error: RemoteError) => error.text === "topic not online");

  await edge.publish("to-file", "21.5", { custom: "c" });
  const [reading] = gateway.readings;
  assert.deepEqual([reading?.["edge_id"], reading?.["topic"], reading?.["payload"]], [String(edge.id), "to-file", "21.5"]);

  const received: Message[] = [];
  const receiving = (async () => {
    for await (const message of edge.messages()) {
      received.push(message);
      if (message.text() === "no") message.reject("not now");
      else message.ack();
      message.ack();
    }
  })();
  const yes = await gateway.asService(["publish", String(edge.id), "yes"]);
  assert.equal(yes.code, 0, yes.err);
  const no = await gateway.asService(["publish", String(edge.id), "no"]);
  assert.match(no.err, /not now/);
  assert.deepEqual(received.map((message) => message.text()), ["yes", "no"]);
  await edge.close();
  await soon(receiving, "the end of the messages");
});

test("10 MiB go both ways on streams of either side", async (t) => {
  const gateway = await Gateway.start(t);
  await serving(gateway, "--name", "mirror");
  const edge = await connect(t, gateway);
  const bytes = Buffer.alloc(10 * 1024 * 1024).map((_, at) => (at * 31 + (at >> 11)) & 0xff);
  const sum = createHash("sha256").update(bytes).digest("hex");

  const stream = await edge.openStream("mirror");
  assert.equal(stream.peer, "mirror");
  const writer = stream.writable.getWriter();
  const writing = (async () => {
    for (let at = 0; at < bytes.length; at += 300_000) await writer.write(bytes.subarray(at, at + 300_000));
    await writer.close();
  })();
  const hash = createHash("sha256");
  for await (const chunk of stream.readable as unknown as AsyncIterable<Uint8Array>) hash.update(chunk);
  await soon(writing, "writing");
  assert.equal(hash.digest("hex"), sum);
  await soon(stream.closed, "the end, once both directions have ended");

  const serving10 = (async () => {
    for await (const stream of edge.streams()) await stream.readable.pipeTo(stream.writable);
  })();
  const back = await gateway.asService(["open", String(edge.id)], bytes);
  assert.equal(back.code, 0, back.err);
  assert.equal(createHash("sha256").update(back.out).digest("hex"), sum);
  await edge.close();
  await soon(serving10, "the end of the streams");
});

/** What the gateway sees of it offers no extensions, as an old client: the key is another one. */
class WithoutExtensions extends WebSocket {
  override send(data: unknown): void {
    const bytes = Buffer.from(data as Uint8Array);
    const at = bytes[1] === 0x01 ? bytes.indexOf('"caps"') : -1;
    if (at > 0) bytes.write('"gaps"', at);
    super.send(bytes);
  }
}

test("where there are no extensions, streams and all else go as they do for old clients", async (t) => {
  const gateway = await Gateway.start(t);
  await serving(gateway, "echo", "--name", "mirror");
  const edge = await connect(t, gateway, { WebSocket: WithoutExtensions, methods: { greet: () => "hello" } });
  assert.equal(text(await edge.call("echo", "x")), "x");
  const called = await gateway.asService(["call", String(edge.id), "greet"]);
  assert.equal(called.out.toString().trim(), "hello", called.err);

  const stream = await edge.openStream("mirror");
  const bytes = Buffer.alloc(3 * 1024 * 1024).map((_, at) => at >> 5);
  const writer = stream.writable.getWriter();
  const writing = writer.write(bytes);
  const back: Uint8Array[] = [];
  const reader = stream.readable.getReader();
  for (let length = 0; length < bytes.length; ) {
    const { value } = await soon(reader.read(), "bytes come back");
    back.push(value!);
    length += value!.length;
  }
  await writing;
  assert.ok(Buffer.concat(back).equals(bytes));
  // The end of one direction is that of the stream there.
  await writer.close();
  assert.equal((await soon(reader.read(), "the end")).done, true);
  await soon(stream.closed, "the end of it all");
  // Such a client is told of a refusal by the end of what it opened.
  const refused = await edge.openStream("nobody");
  const ended = (error: StreamAbortedError) => error.reason === "service not online";
  await assert.rejects(soon(refused.readable.getReader().read(), "the end at once"), ended);
});

test("a stream that is not read holds up nobody, and a reason reaches either side", async (t) => {
  const gateway = await Gateway.start(t);
  await serving(gateway, "echo", "--name", "mirror");
  const edge = await connect(t, gateway);
  const stream = await edge.openStream("mirror");
  const writer = stream.writable.getWriter();
  // More than all windows on the way there and back have room for.
  let written = 0;
  const writing = (async () => {
    for (; written < 64; written++) await writer.write(new Uint8Array(1024 * 1024));
  })();
  writing.catch(() => {});
  assert.equal(text(await edge.call("echo", "still here")), "still here");
  const other = await edge.openStream("mirror");
  const otherWriter = other.writable.getWriter();
  await otherWriter.write("x");
  await otherWriter.close();
  assert.equal(await new Response(other.readable).text(), "x");
  assert.ok(written < 64, "writing waits for the reader");
  stream.abort("enough");
  await assert.rejects(writing);
  await soon(stream.closed.catch(() => {}), "the end");

  await serving(gateway, "--name", "broken", "--fail", "out of order");
  const refused = await edge.openStream("broken");
  await assert.rejects(refused.readable.getReader().read(), (error: StreamAbortedError) => error.reason === "out of order");
  await assert.rejects(refused.closed, StreamAbortedError);
  await assert.rejects(edge.openStream("nobody"), RefusedError);
});

test("time-outs and signals end what they are for, and nothing else", async (t) => {
  const gateway = await Gateway.start(t);
  await serving(gateway, "slow", "--exec", "sleep 60");
  const edge = await connect(t, gateway);
  // The gateway, which knows the deadline, may be first to tell.
  const late = (error: Error) => error instanceof TimeoutError || error.message === "context deadline exceeded";
  await assert.rejects(edge.call("slow", "", { timeout: 300 }), late);
  const controller = new AbortController();
  const call = edge.call("slow", "", { signal: controller.signal });
  controller.abort(new Error("changed my mind"));
  await assert.rejects(call, /changed my mind/);
  await assert.rejects(edge.call("slow", "", { signal: AbortSignal.abort(new Error("too late")) }), /too late/);

  // On a link that has died unnoticed a call has its deadline, too.
  const proxy = await Proxy.start(t, gateway.url);
  const cut = await soon(Edge.connect(proxy.url, { WebSocket }), "connecting");
  proxy.deafen();
  await assert.rejects(cut.call("slow", "", { timeout: 300 }), TimeoutError);
  void cut.close();

  // The other way round: the caller is gone, the handler is told.
  let called = (_: IncomingCall) => {};
  const calling = new Promise<IncomingCall>((resolve) => (called = resolve));
  await edge.register("wait", (incoming) => {
    called(incoming);
    return new Promise<string>((resolve) => incoming.signal.addEventListener("abort", () => resolve("too late")));
  });
  const caller = gateway.service("call", String(edge.id), "wait");
  const { signal } = await soon(calling, "the handler is called");
  await caller.end("SIGINT");
  if (!signal.aborted) await soon(once(signal, "abort"), "the handler is told");
});

test("the gateway is killed and comes back: what was under way fails, what waits goes on, methods are there", async (t) => {
  const gateway = await Gateway.start(t);
  const service = await serving(gateway, "echo");
  const edge = await connect(t, gateway, { methods: { one: () => "1" } });
  await edge.register("two", () => "2");
  const events: string[] = [];
  for (const type of ["online", "offline", "reconnect"] as const) edge.addEventListener(type, (event) => events.push(event.type));
  await service.end("SIGKILL");
  await serving(gateway, "slow", "--exec", "sleep 60");
  const under = edge.call("slow");
  under.catch(() => {});
  const offline = once(edge, "offline");
  await gateway.kill();
  await assert.rejects(under, LinkLostError);
  await soon(offline, "it is told");
  assert.equal(edge.state, "offline");
  const waits = edge.call("one", "", { timeout: 120_000 });
  waits.catch(() => {});
  const online = once(edge, "online");
  await gateway.start();
  await soon(online, "it comes back", 120_000);
  assert.deepEqual([events[0], events[1], events.at(-1)], ["offline", "reconnect", "online"]);
  await assert.rejects(waits, RemoteError, "it was sent on the new link, where nobody serves it");
  for (const [method, answer] of [["one", "1"], ["two", "2"]] as const) {
    const called = await gateway.asService(["call", String(edge.id), method]);
    assert.equal(called.out.toString().trim(), answer, called.err);
  }
});

test("the first connect is not tried again, and says why it failed", async (t) => {
  const gateway = await Gateway.start(t);
  await gateway.stop();
  await assert.rejects(Edge.connect(gateway.url, { WebSocket }), ConnectError);
  await assert.rejects(Edge.connect("no url", { WebSocket }), ConnectError);
  await assert.rejects(Edge.connect(gateway.url, { WebSocket, signal: AbortSignal.abort(new Error("no")) }), /no/);
});

test("a closed edge is of no use, and says so", async (t) => {
  const gateway = await Gateway.start(t);
  await serving(gateway, "slow", "--exec", "sleep 60");
  const edge = await connect(t, gateway);
  const [call, stream] = [edge.call("slow"), edge.openStream("nobody")];
  stream.catch(() => {});
  call.catch(() => {});
  const closed = once(edge, "closed");
  await edge.close();
  await closed;
  assert.equal(edge.state, "closed");
  await assert.rejects(call, ClosedError);
  await assert.rejects(edge.call("slow"), ClosedError);
  await assert.rejects(edge.register("m", () => {}), ClosedError);
  await edge.close();
});

test("a lost edge without reconnect is closed", async (t) => {
  const gateway = await Gateway.start(t);
  const edge = await connect(t, gateway, { reconnect: false });
  const closed = once(edge, "closed");
  await gateway.kill();
  await soon(closed, "it is closed");
});

test("a service refuses an edge with its own words", async (t) => {
  const gateway = await Gateway.start(t);
  const other = await connect(t, gateway);
  assert.ok(other.id !== 0n);
  const chat = gateway.program("chatroom_service", "--address");
  await chat.prints(/the chat room is open/);
  await connect(t, gateway, { meta: "alice" });
  await assert.rejects(connect(t, gateway, { meta: "alice" }), (error: RefusedError) => error.text === "user exists");
});
