/** Machines that sleep, and hooks that do: whatever happens meanwhile, there is one link, and one cycle of presence. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";

import { Edge, text, type OfflineEvent } from "../../src/index.js";
import { connect, Site, Sleeper, tabs, type Tools } from "./browser.js";
import { Gateway } from "./gateway.js";
import { soon } from "./program.js";
import { Proxy } from "./proxy.js";

test("a browser that was asleep until the gateway gave it up calls at once, and comes back once", async (t) => {
  const sleeper = await Sleeper.launch(t);
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()], websocket: ["ping_seconds: 4"] });
  const service = gateway.service("serve", "echo", "--edges");
  await service.prints(/is online/);
  const page = await site.open(await tabs(t, sleeper.browser));
  await connect(page, gateway.url, "sleepy");
  const before = await page.evaluate(() => String((globalThis as unknown as { tools: Tools }).tools.edge.id));
  const seen = service.lines.length;
  sleeper.sleep();
  await service.prints(new RegExp(`edge ${before} is offline`));
  sleeper.wake();
  const answer = page.evaluate(async () => {
    // As much later as it were if the gateway had its usual patience, and the machine had slept for minutes.
    const { now } = Date;
    Date.now = () => now() + 180_000;
    const { edge, sdk } = (globalThis as unknown as { tools: Tools }).tools;
    return [sdk.text(await edge.call("echo", "awake")), String(edge.id)];
  });
  const [said, after] = await soon(answer, "the call is answered");
  assert.equal(said, "awake");
  await service.prints(new RegExp(`edge ${after} is online`));
  const cycle = service.lines.slice(seen).flatMap((line) => /edge (\d+) is (\w+)/.exec(line)?.slice(1).join(" ") ?? []);
  assert.deepEqual(cycle, [`${before} offline`, `${after} online`]);
});

test("an edge whose admission takes too long has no second link beside the first", async (t) => {
  const gateway = await Gateway.start(t);
  const service = gateway.service("serve", "echo", "--edges");
  await service.prints(/is online/);
  const proxy = await Proxy.start(t, gateway.url);
  const sockets: WebSocket[] = [];
  let most = 0;
  class Counted extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
      most = Math.max(most, sockets.filter((socket) => socket.readyState <= WebSocket.OPEN).length);
    }
  }
  // The shortest pauses that there are.
  t.mock.method(Math, "random", () => 0);
  const edge = await soon(Edge.connect(proxy.url, { WebSocket: Counted, meta: "patient" }), "connecting");
  t.after(() => edge.close());
  // From now on whoever is asked about the edge says nothing.
  service.signal("SIGSTOP");
  t.after(() => service.signal("SIGCONT"));
  const lost = once(edge, "offline");
  proxy.cut();
  await soon(lost, "it is told of the loss");
  const [{ error }] = (await soon(once(edge, "offline"), "the gateway gives its admission up")) as [OfflineEvent];
  assert.equal(error.code, "refused", String(error));
  const online = once(edge, "online");
  service.signal("SIGCONT");
  await soon(online, "it is let in");
  assert.equal(text(await edge.call("echo", "here")), "here");
  assert.equal(most, 1);
  await service.prints(new RegExp(`edge ${edge.id} is online: patient`));
  await edge.close();
  await service.prints(new RegExp(`edge ${edge.id} is offline`));
});
