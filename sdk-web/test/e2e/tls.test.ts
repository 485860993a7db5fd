/** Edges over `wss://`. Whoever runs this makes the certificate, and has Node trust it by `NODE_EXTRA_CA_CERTS`. */
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { WebSocket } from "ws";

import { ConnectError, Edge } from "../../src/index.js";
import { connect, launch, Site, tabs, type Tools } from "./browser.js";
import { Gateway, type Certificate } from "./gateway.js";
import { soon } from "./program.js";

function certificate(): Certificate {
  const { FRONTIER_TLS_CERT: cert, FRONTIER_TLS_KEY: key } = process.env;
  assert.ok(cert && key, "FRONTIER_TLS_CERT and FRONTIER_TLS_KEY do not name a certificate and its key: `make test-web` does that");
  return { cert, key };
}

test("an edge in Node connects over TLS, again after a restart, and to nobody whose certificate is wrong", async (t) => {
  const gateway = await Gateway.start(t, { certificate: certificate() });
  assert.match(gateway.url, /^wss:/);
  await gateway.service("serve", "echo", "--name", "mirror").prints(/is online/);
  const edge = await soon(Edge.connect(gateway.url, { WebSocket, methods: { greet: (call) => `hello ${call.text()}` } }), "connecting");
  t.after(() => edge.close());
  const large = new Uint8Array(1024 * 1024).fill(7);
  assert.deepEqual(await edge.call("echo", large), large);
  const stream = await edge.openStream("mirror");
  const writer = stream.writable.getWriter();
  await Promise.all([writer.write(large), writer.close()]);
  assert.deepEqual(new Uint8Array(await new Response(stream.readable).arrayBuffer()), large);

  const online = once(edge, "online");
  await gateway.stop();
  await gateway.start();
  await soon(online, "it comes back");
  const called = await gateway.asService(["call", String(edge.id), "greet", "again"]);
  assert.equal(called.out.toString().trim(), "hello again", called.err);

  const { port } = new URL(gateway.url);
  const wrong = Edge.connect(`wss://localhost:${port}/`, { WebSocket });
  await assert.rejects(wrong, (error: ConnectError) => error instanceof ConnectError && /does not match certificate/.test(error.message));
  await assert.rejects(Edge.connect(`ws://127.0.0.1:${port}/`, { WebSocket }), ConnectError);
});

test("a page connects over TLS, and to nobody whom its browser does not trust", async (t) => {
  const site = await Site.serve(t);
  const gateway = await Gateway.start(t, { origins: [site.origin()], certificate: certificate() });
  await gateway.service("serve", "echo").prints(/is online/);
  const key = new X509Certificate(readFileSync(certificate().cert)).publicKey.export({ type: "spki", format: "der" });
  const trusted = createHash("sha256").update(key).digest("base64");
  const browser = await launch(`--ignore-certificate-errors-spki-list=${trusted}`);
  t.after(() => browser.close());
  const page = await site.open(await tabs(t, browser));
  const id = await connect(page, gateway.url, "page");
  const answer = await page.evaluate(async () => {
    const { edge, sdk } = (globalThis as unknown as { tools: Tools }).tools;
    return sdk.text(await edge.call("echo", "over TLS"));
  });
  assert.equal(answer, "over TLS");
  const called = await gateway.asService(["call", id, "greet", "page"]);
  assert.equal(called.out.toString().trim(), "hello page", called.err);

  const stranger = await launch();
  t.after(() => stranger.close());
  const refused = connect(await site.open(await tabs(t, stranger)), gateway.url).then(() => "it came in", String);
  assert.match(await refused, /ConnectError: cannot connect to wss:.*TLS fails/);
});
