/** An edge against a gateway's end that is made by hand: answers, ends, and what is left behind. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test, type TestContext } from "node:test";

import { ConnectError, Edge, TimeoutError, type IncomingCall, type Message } from "../../src/index.js";
import { body, connData, toUtf8 } from "../../src/wire/body.js";
import { encodeFrame } from "../../src/wire/frame.js";
import { HEADER } from "../../src/wire/header.js";
import { Kind } from "../../src/wire/kind.js";
import { FarEnds, settled, until, type FarEnd } from "./far_end.js";

const MIB = 1024 * 1024;

/** The least pauses that there can be. */
function hasty(t: TestContext): void {
  t.mock.method(Math, "random", () => 0);
}

/** Timers that run. */
const timers = () => process.getActiveResourcesInfo().filter((what) => what === "Timeout").length;

const listeners = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

/** How many listen to the signals that are made from now on, which only the package itself has. */
function inside(t: TestContext): () => number {
  const Own = AbortController;
  const signals: AbortSignal[] = [];
  globalThis.AbortController = class extends Own {
    constructor() {
      super();
      signals.push(this.signal);
    }
  };
  t.after(() => (globalThis.AbortController = Own));
  return () => signals.reduce((sum, signal) => sum + listeners(signal), 0);
}

function request(end: FarEnd, method: string, packet?: bigint): bigint {
  return end.give({ kind: Kind.Request, session: 1n, body: body({ key: toUtf8(method) }) }, packet);
}

/** A request in a frame of so many bytes: whoever holds it holds them all, be they blanks. */
function largeRequest(end: FarEnd, method: string, bytes: number): bigint {
  const packet = 1_000_000n + BigInt(end.frames.length);
  const frame = new Uint8Array(bytes).fill(" ".charCodeAt(0));
  frame.set(encodeFrame(packet, { kind: Kind.Request, session: 1n, body: body({ key: toUtf8(method) }) }));
  new DataView(frame.buffer).setUint32(10, bytes - HEADER);
  end.deliver(frame);
  return packet;
}

function message(end: FarEnd, text: string): bigint {
  return end.give({ kind: Kind.Message, session: 1n, body: body({ topic: "t", value: toUtf8(text) }) });
}

/** Answers to these packets, of all that was sent: errors, in their order. */
function answers(end: FarEnd, kind: typeof Kind.Response | typeof Kind.MessageAck, packet: bigint): string[] {
  return end.frames.flatMap((frame) => (frame.kind === kind && frame.packet === packet ? [frame.body.error] : []));
}

test("a call of the gateway has one answer, however it ends", async () => {
  const calls: { call: IncomingCall; done: (text: string) => void }[] = [];
  const wait = (call: IncomingCall) => new Promise<string>((done) => calls.push({ call, done }));
  const { edge, end } = await new FarEnds().edge({ methods: { wait } });
  const idle = timers();
  const [served, cancelled] = [request(end, "wait"), request(end, "wait")];
  await until("both run", () => calls.length === 2);
  end.give({ kind: Kind.RequestCancel, session: 1n, reason: 1 }, cancelled);
  assert.ok(calls[1]!.call.signal.aborted && !calls[0]!.call.signal.aborted);
  for (const { done } of calls) done("late");
  await settled();
  end.give({ kind: Kind.RequestCancel, session: 1n, reason: 1 }, served);
  await settled();
  assert.deepEqual(answers(end, Kind.Response, served), [""]);
  assert.deepEqual(answers(end, Kind.Response, cancelled), ["context canceled"]);
  assert.equal(timers(), idle, "nothing waits for what is answered");

  // An id that is used anew is another call.
  request(end, "wait", served);
  await until("it runs", () => calls.length === 3);
  request(end, "wait", served);
  calls[2]!.done("again");
  await settled();
  assert.deepEqual(answers(end, Kind.Response, served), ["", "a call with this id is running", ""]);
  void edge.close();
});

test("what has been answered leaves room for other calls", async () => {
  const wait = (call: IncomingCall) => new Promise<void>((done) => call.signal.addEventListener("abort", () => done()));
  const { edge, end } = await new FarEnds().edge({ methods: { wait, large: () => "" } });
  const first = request(end, "wait");
  for (let time = 0; time < 10; time++) {
    const packet = largeRequest(end, "large", 9 * MIB);
    await until("an answer", () => answers(end, Kind.Response, packet).length > 0);
    assert.deepEqual(answers(end, Kind.Response, packet), [""]);
  }
  end.give({ kind: Kind.RequestCancel, session: 1n, reason: 1 }, first);
  void edge.close();
});

test("a message is answered once, and at once where it finds no room", async () => {
  const { edge, end } = await new FarEnds().edge({ receiveBytes: 1_000 });
  const packets = [message(end, "one"), message(end, "x".repeat(900)), message(end, "three")];
  await settled();
  assert.deepEqual(packets.map((packet) => answers(end, Kind.MessageAck, packet)), [[], ["congested"], []]);
  const received = edge.messages();
  for (const packet of [packets[0]!, packets[2]!]) {
    const { value } = (await received.next()) as { value: Message };
    value.reject("no");
    value.ack();
    value.reject("no again");
    await settled();
    assert.deepEqual(answers(end, Kind.MessageAck, packet), ["no"]);
  }
  void edge.close();
});

test("who gives up is not heard of any more, and leaves no listener and no timer", async () => {
  const before = timers();
  const { edge, end } = await new FarEnds().edge();
  const controller = new AbortController();
  const { signal } = controller;
  const answered = edge.call("m", "", { signal });
  const { packet } = await end.takes(Kind.Request);
  end.give({ kind: Kind.Response, session: 1n, body: body() }, packet);
  await answered;
  const accepted = edge.publish("t", "", { signal });
  end.give({ kind: Kind.MessageAck, session: 1n, body: body() }, (await end.takes(Kind.Message)).packet);
  await accepted;
  const opening = edge.openStream("svc", { signal });
  await end.opened();
  await opening;
  await assert.rejects(edge.call("m", "", { signal, timeout: 1 }), TimeoutError);
  assert.equal(listeners(signal), 0);

  end.frames.length = 0;
  const given = [edge.call("left", "", { signal }), edge.openStream("svc", { signal })];
  const left = await end.takes(Kind.Request);
  const withdrawn = edge.call("withdrawn", "", { signal });
  // By now it waits to be sent, which happens when all that is asked for in one go has been asked for.
  await Promise.resolve();
  controller.abort(new Error("changed my mind"));
  for (const promise of [...given, withdrawn]) await assert.rejects(promise, /changed my mind/);
  await settled();
  const cancels = end.frames.filter((frame) => frame.kind === Kind.RequestCancel);
  assert.ok(cancels.some((cancel) => cancel.packet === left.packet));
  const requests = end.frames.filter((frame) => frame.kind === Kind.Request).map((frame) => frame.packet);
  assert.deepEqual(cancels.map((cancel) => cancel.packet).filter((id) => id !== left.packet), requests, "what left is cancelled");
  assert.equal(listeners(signal), 0);

  const closed = edge.close();
  end.lose(1001);
  await closed;
  assert.ok(end.isClosed);
  assert.equal(timers(), before);
});

test("connecting that is given up, or takes too long, leaves nothing open", async () => {
  const before = timers();
  const ends = new FarEnds();
  const controller = new AbortController();
  const options = { WebSocket: ends.WebSocket, signal: controller.signal };
  const late = Edge.connect("ws://gateway.test/", { ...options, connectTimeout: 1 });
  await assert.rejects(late, (error: ConnectError) => error instanceof ConnectError && error.message.includes("no answer within 1 ms"));
  assert.equal(listeners(controller.signal), 0);
  const given = Edge.connect("ws://gateway.test/", options);
  controller.abort(new Error("changed my mind"));
  await assert.rejects(given, /changed my mind/);
  assert.deepEqual([ends.all.length, ends.alive.length, timers()], [2, 0, before]);

  // The gateway does not let it in.
  const refused = Edge.connect("ws://gateway.test/", { WebSocket: ends.WebSocket });
  const end = await ends.dialled(3);
  end.open();
  const conn = await end.takes(Kind.Conn);
  end.give({ kind: Kind.ConnAck, client: 0n, data: connData({ error: "not you" }) }, conn.packet);
  await assert.rejects(refused, { name: "RefusedError", text: "not you" });
  assert.deepEqual([ends.all.length, ends.alive.length, timers()], [3, 0, before]);
});

test("a lost link is made anew once, with every method before it counts as online", async (t) => {
  hasty(t);
  const before = timers();
  const listening = inside(t);
  const ends = new FarEnds();
  const { edge, end } = await ends.edge({ methods: { one: () => "1" } });
  const two = edge.register("two", () => "2");
  await end.registered("two");
  await two;
  message(end, "of the first link");
  const listened = listening();
  const seen: string[] = [];
  for (const type of ["online", "offline", "reconnect", "closed"] as const) edge.addEventListener(type, () => seen.push(type));
  const { onclose } = end;
  end.lose();
  // As some engines do after an error.
  onclose?.({ code: 1006, reason: "" });
  await until("it is told", () => seen.length > 0);
  const { signal } = new AbortController();
  const waits = edge.call("m", "", { signal });
  const next = await (await ends.dialled(2)).admit(78n);
  await next.registered("one");
  await settled();
  assert.deepEqual([edge.state, seen], ["offline", ["offline", "reconnect"]]);
  await next.registered("two");
  const { packet } = await next.takes(Kind.Request);
  next.give({ kind: Kind.Response, session: 1n, body: body() }, packet);
  await waits;
  assert.equal(listeners(signal), 0);
  assert.deepEqual([edge.state, edge.id, listening()], ["online", 78n, listened]);
  message(next, "of the second link");
  const { value } = (await edge.messages().next()) as { value: Message };
  assert.equal(value.text(), "of the second link", "the publisher of the first has been told that it was lost");
  const closed = edge.close();
  await next.takes(Kind.DisConn);
  next.lose(1000);
  await closed;
  assert.deepEqual(seen, ["offline", "reconnect", "online", "closed"]);
  assert.deepEqual([ends.all.length, ends.most, ends.alive.length, timers()], [2, 1, 0, before]);
});

test("what is asked of a link in its last moment is told of its end", async () => {
  const { edge, end } = await new FarEnds().edge();
  const opening = edge.openStream("svc");
  await end.opened();
  const stream = await opening;
  const asked = [edge.call("m"), edge.publish("t"), edge.openStream("svc"), stream.call("m")];
  end.lose();
  for (const promise of asked) await assert.rejects(promise, { code: "link-lost" });
  void edge.close();
});

test("an edge that is closed while it waits to dial again does not dial", async (t) => {
  hasty(t);
  const before = timers();
  const ends = new FarEnds();
  const { edge, end } = await ends.edge();
  end.lose();
  const next = edge.call("m");
  await settled();
  void edge.close();
  await assert.rejects(next, { code: "closed" });
  await edge.close();
  assert.deepEqual([ends.all.length, ends.alive.length, timers()], [1, 0, before]);
});

/** A page of the test's own around the edges that are made in it: what wakes it, and who listens. */
class Page {
  readonly #heard = new Map<string, Set<() => void>>();

  static open(t: TestContext): Page {
    const page = new Page();
    const target = {
      visibilityState: "visible",
      addEventListener: (type: string, listener: () => void) => void page.#of(type).add(listener),
      removeEventListener: (type: string, listener: () => void) => void page.#of(type).delete(listener),
    };
    const scope = globalThis as Record<string, unknown>;
    const names = ["addEventListener", "removeEventListener", "document"];
    const own = { ...target, document: target } as Record<string, unknown>;
    const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(scope, name)] as const);
    for (const name of names) Object.defineProperty(scope, name, { value: own[name], configurable: true });
    t.after(() => {
      for (const [name, there] of before) there ? Object.defineProperty(scope, name, there) : delete scope[name];
    });
    return page;
  }

  #of(type: string): Set<() => void> {
    if (!this.#heard.has(type)) this.#heard.set(type, new Set());
    return this.#heard.get(type)!;
  }

  wake(type: "online" | "visibilitychange" | "resume"): void {
    for (const listener of this.#of(type)) listener();
  }

  get listeners(): number {
    return [...this.#heard.values()].reduce((sum, of) => sum + of.size, 0);
  }
}

test("a page that wakes asks for one sign of life, dials once, and forgets the edge when it is closed", async (t) => {
  const before = timers();
  const page = Page.open(t);
  const ends = new FarEnds();
  const { edge, end } = await ends.edge();
  for (const type of ["online", "visibilitychange", "resume"] as const) page.wake(type);
  await settled();
  assert.equal(end.frames.filter((frame) => frame.kind === Kind.Heartbeat).length, 1);

  // Not for long seconds would it dial by itself: the pause is drawn when the link is lost.
  const random = t.mock.method(Math, "random", () => 1);
  const lost = new Promise((resolve) => edge.addEventListener("reconnect", resolve));
  t.mock.method(performance, "now", ((now) => () => now() + 60_000)(performance.now.bind(performance)));
  end.lose();
  await lost;
  random.mock.mockImplementation(() => 0);
  for (const type of ["online", "visibilitychange", "resume"] as const) page.wake(type);
  await (await ends.dialled(2)).admit();
  await until("it is online", () => edge.state === "online");
  assert.deepEqual([ends.all.length, ends.most], [2, 1]);
  void edge.close();
  ends.all[1]!.lose(1000);
  await edge.close();
  assert.deepEqual([page.listeners, timers()], [0, before]);
});

test("after a sleep nothing is sent before the link has shown that it lives, and then once", async (t) => {
  const { edge, end } = await new FarEnds().edge();
  const { now } = Date;
  let slept = 0;
  t.mock.method(Date, "now", () => now() + slept);
  slept = 180_000;
  const published = edge.publish("t", "after a sleep");
  await end.takes(Kind.Heartbeat);
  await settled();
  assert.ok(!end.frames.some((frame) => frame.kind === Kind.Message));
  end.give({ kind: Kind.HeartbeatAck });
  const { packet } = await end.takes(Kind.Message);
  await settled();
  assert.deepEqual(end.frames, []);
  end.give({ kind: Kind.MessageAck, session: 1n, body: body() }, packet);
  await published;
  void edge.close();
});
