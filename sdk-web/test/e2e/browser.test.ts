/** The SDK in Chromium, against the real gateway; services are those of `frontierctl`. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";

import { connect, launch, Site, tabs, type Tools } from "./browser.js";
import { Gateway } from "./gateway.js";
import { soon } from "./program.js";
import { Proxy } from "./proxy.js";

type Global = { tools: Tools };

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a page calls and is called, publishes to a service and to a bridge, and receives", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  const echo = gateway.service("serve", "echo", "--edges");
  const receive = gateway.service("receive", "readings");
  for (const service of [echo, receive]) await service.prints(/is online/);
  const context = await tabs(t, browser);
  const page = await site.open(context);
  const id = await connect(page, gateway.url, "page 1");
  await echo.prints(new RegExp(`edge ${id} is online: page 1, from 127.0.0.1:`));

  const answers = await page.evaluate(async () => {
    const { edge, sdk } = (globalThis as unknown as Global).tools;
    const unknown = await edge.call("unknown").catch((error: Error) => `${error.name}: ${error.message}`);
    await edge.publish("readings", "21.5");
    await edge.publish("to-file", "22.5");
    return [sdk.text(await edge.call("echo", "ä😀")), unknown];
  });
  assert.deepEqual(answers, ["ä😀", "RemoteError: record not found"]);
  await receive.prints(/21\.5/);
  const [reading] = gateway.readings;
  assert.deepEqual([reading?.["edge_id"], reading?.["payload"]], [id, "22.5"]);

  const called = await gateway.asService(["call", id, "greet", "page"]);
  assert.equal(called.out.toString().trim(), "hello page", called.err);
  const received = page.evaluate(async () => {
    for await (const message of (globalThis as unknown as Global).tools.edge.messages()) {
      message.ack();
      return message.text();
    }
  });
  const published = await gateway.asService(["publish", id, "slow down"]);
  assert.equal(published.code, 0, published.err);
  assert.equal(await received, "slow down");
});

test("10 MiB go both ways on a page's streams", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  await gateway.service("serve", "--name", "mirror").prints(/is online/);
  const context = await tabs(t, browser);
  const page = await site.open(context);
  const id = await connect(page, gateway.url);

  const sums = await page.evaluate(async () => {
    const { edge } = (globalThis as unknown as Global).tools;
    const sum = async (bytes: ArrayBuffer | Uint8Array<ArrayBuffer>) => {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    };
    const bytes = new Uint8Array(10 * 1024 * 1024).map((_, at) => at * 31 + (at >> 11));
    const stream = await edge.openStream("mirror");
    const sending = new Blob([bytes]).stream().pipeTo(stream.writable);
    const back = await new Response(stream.readable).arrayBuffer();
    await sending;
    await stream.closed;
    return [await sum(bytes), await sum(back)];
  });
  const bytes = Buffer.alloc(10 * 1024 * 1024).map((_, at) => (at * 31 + (at >> 11)) & 0xff);
  const sum = createHash("sha256").update(bytes).digest("hex");
  assert.deepEqual(sums, [sum, sum]);

  await page.evaluate(() => {
    const { edge } = (globalThis as unknown as Global).tools;
    void (async () => {
      for await (const stream of edge.streams()) void stream.readable.pipeTo(stream.writable);
    })();
  });
  const back = await gateway.asService(["open", id], bytes);
  assert.equal(back.code, 0, back.err);
  assert.equal(createHash("sha256").update(back.out).digest("hex"), sum);
});

test("a page comes back after a restart of the gateway, with its methods", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  const context = await tabs(t, browser);
  const page = await site.open(context);
  await connect(page, gateway.url);
  const events = page.evaluate(() => {
    const { edge } = (globalThis as unknown as Global).tools;
    const seen: string[] = [];
    return new Promise<string[]>((resolve) => {
      for (const type of ["offline", "reconnect", "online"] as const) {
        edge.addEventListener(type, () => {
          seen.push(type);
          if (type === "online") resolve(seen);
        });
      }
    });
  });
  await gateway.stop();
  await gateway.start();
  const seen = await soon(events, "the page comes back");
  assert.deepEqual([seen[0], seen[1], seen.at(-1)], ["offline", "reconnect", "online"]);
  const id = await page.evaluate(() => String((globalThis as unknown as Global).tools.edge.id));
  const called = await gateway.asService(["call", id, "greet", "again"]);
  assert.equal(called.out.toString().trim(), "hello again", called.err);
});

test("two tabs are two edges", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  const service = gateway.service("serve", "echo", "--edges");
  await service.prints(/is online/);
  const context = await tabs(t, browser);
  const [one, two] = [await site.open(context), await site.open(context)];
  const ids = [await connect(one, gateway.url, "one"), await connect(two, gateway.url, "two")];
  assert.notEqual(ids[0], ids[1]);
  await one.close();
  await service.prints(new RegExp(`edge ${ids[0]} is offline`));
  const called = await gateway.asService(["call", ids[1]!, "greet", "two"]);
  assert.equal(called.out.toString().trim(), "hello two", called.err);
});

test("a page that is closed in the middle of a call ends the call, and is offline once", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  const service = gateway.service("serve", "echo", "--edges");
  await service.prints(/is online/);
  const context = await tabs(t, browser);
  const page = await site.open(context);
  const id = await connect(page, gateway.url);
  const called = page.evaluate(() => {
    const { edge } = (globalThis as unknown as Global).tools;
    return new Promise<void>((resolve) => {
      void edge.register("never", () => (resolve(), new Promise<never>(() => {}))).then(() => Object.assign(globalThis, { ready: true }));
    });
  });
  await page.waitForFunction(() => "ready" in globalThis);
  const call = gateway.asService(["call", id, "never"]);
  await called;
  await page.close();
  const { code, err } = await call;
  assert.notEqual(code, 0);
  assert.match(err, /force closed|edge not online/);
  await service.prints(new RegExp(`edge ${id} is offline`));
  // Another edge that has come and gone shows that nothing more is told of the first.
  const other = await site.open(context);
  const next = await connect(other, gateway.url);
  await other.close();
  await service.prints(new RegExp(`edge ${next} is offline`));
  assert.equal(service.lines.filter((line) => line.includes(`edge ${id} is offline`)).length, 1);
});

test("a page of another origin is kept out, and is told that it cannot connect", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  const service = gateway.service("serve", "echo", "--edges");
  await service.prints(/is online/);
  const context = await tabs(t, browser);
  const foreign = await site.open(context, "localhost");
  const refused = connect(foreign, gateway.url, "foreign").then(() => "it came in", (error: Error) => error.message);
  assert.match(await refused, /ConnectError: cannot connect to ws:.*origin rules/);
  const own = await site.open(context);
  await connect(own, gateway.url, "own");
  await service.prints(/is online: own/);
  assert.ok(!service.lines.some((line) => line.includes("foreign")));
});

test("a link that has died unnoticed is made anew when the network is back", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  await gateway.service("serve", "echo").prints(/is online/);
  const proxy = await Proxy.start(t, gateway.url);
  const context = await tabs(t, browser);
  const page = await site.open(context);
  await connect(page, proxy.url);
  const answers = page.evaluate(() => {
    const { edge, sdk } = (globalThis as unknown as Global).tools;
    return new Promise<string>((resolve) => {
      edge.addEventListener("online", () => resolve(edge.call("echo", "here again").then(sdk.text)));
    });
  });
  proxy.deafen();
  await context.setOffline(true);
  await context.setOffline(false);
  assert.equal(await soon(answers, "the page is online again"), "here again");
});

test("a page that wakes while it connects has one link all the same", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  const service = gateway.service("serve", "echo", "--edges");
  await service.prints(/is online/);
  const proxy = await Proxy.start(t, gateway.url);
  proxy.hold();
  const page = await site.open(await tabs(t, browser));
  const connecting = connect(page, proxy.url, "sleepy");
  // By name: a network that were really away would end the attempt.
  await page.evaluate(() => {
    window.dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
  });
  proxy.release();
  const id = await connecting;
  const called = await gateway.asService(["call", id, "greet", "you"]);
  assert.equal(called.out.toString().trim(), "hello you", called.err);
  assert.equal(proxy.connections, 1);
  assert.equal(service.lines.filter((line) => line.includes("is online: sleepy")).length, 1);
});

test("a call right after a sleep waits for a link that is alive, and is sent once", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()] });
  const service = gateway.service("receive", "readings");
  await service.prints(/is online/);
  const proxy = await Proxy.start(t, gateway.url);
  const page = await site.open(await tabs(t, browser));
  await connect(page, proxy.url);
  proxy.deafen();
  const published = page.evaluate(() => {
    // What a page sees that was asleep for three minutes.
    const { now } = Date;
    Date.now = () => now() + 180_000;
    return (globalThis as unknown as Global).tools.edge.publish("readings", "after a sleep");
  });
  await soon(published, "it is accepted");
  assert.equal(service.lines.filter((line) => line.includes("after a sleep")).length, 1);
});

test("ids of 64 bits are exact", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()], edgebound: ["honour_wanted_id: true"] });
  const context = await tabs(t, browser);
  const page = await site.open(context);
  for (const id of [2n ** 53n + 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n].map(String)) {
    const given = await page.evaluate(
      async ([url, id]) => {
        const { Edge } = (globalThis as unknown as Global).tools.sdk;
        const methods = { greet: () => `I am ${id}` };
        return String((await Edge.connect(url!, { edgeId: BigInt(id!), methods })).id);
      },
      [gateway.url, id],
    );
    assert.equal(given, id);
    const called = await gateway.asService(["call", id, "greet"]);
    assert.equal(called.out.toString().trim(), `I am ${id}`, called.err);
  }
});
