/** The recipe "Let browser edges connect" of the project's README, from its own text. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { launch, Site, tabs } from "./browser.js";
import { Gateway } from "./gateway.js";

/** From `sdk-web/build/test/e2e`. */
const PROJECT = join(import.meta.dirname, "../../../..");

function replaced(text: string, there: string, here: string): string {
  assert.ok(text.includes(there), `${there} is not in ${text}`);
  return text.replace(there, here);
}

/** The words of a line as a shell sees them, as far as the README uses one. */
function words(line: string): string[] {
  const [command = ""] = line.split(" # ");
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

test("a page connects, is called and hears, as the README says", async (t) => {
  const [, section = ""] = readFileSync(join(PROJECT, "README.md"), "utf8").split("\n### Let browser edges connect\n");
  const [start, script, ask] = [...section.matchAll(/\n```(?:js)?\n([^]*?)\n```\n/g)].map(([, block]) => block!);
  const [run, serve] = start!.split("\n");
  const config = /^make run ARGS="--config (\S+)"$/.exec(run!)?.[1];
  assert.ok(config, "the gateway is run with a file");

  const browser = await launch();
  t.after(() => browser.close());
  let yaml = readFileSync(join(PROJECT, config), "utf8");
  const address = /ws:\S+?(?=")/.exec(script!)![0];
  const site = await Site.serve(t);
  yaml = replaced(yaml, "http://localhost:5173", site.origin("localhost"));
  for (const port of ["30011", "30012", "30013"]) yaml = replaced(yaml, `0.0.0.0:${port}`, "127.0.0.1:0");
  const gateway = await Gateway.of(t, `${yaml}\nobservability: {enable: false}\n`);
  await site.run(replaced(script!, address, gateway.url));

  const [frontierctl, service, ...args] = words(serve!);
  assert.deepEqual([frontierctl, service], ["bin/frontierctl", "service"]);
  await gateway.service(...args).prints(/is online/);
  const page = await (await tabs(t, browser)).newPage();
  const lines: string[] = [];
  const online = page.waitForEvent("console", (message) => (lines.push(message.text()), /^edge \d+ is online$/.test(message.text())));
  await page.goto(site.origin("localhost"));
  const id = /\d+/.exec((await online).text())![0];
  const heard = page.waitForEvent("console");

  const [call, publish] = ask!.split("\n");
  const answer = await gateway.asService(words(call!.replace(/\d+…/, id)).slice(2));
  assert.equal(answer.out.toString().trim(), call!.split("# ")[1], answer.err);
  const published = await gateway.asService(words(publish!.replace(/\d+…/, id)).slice(2));
  assert.equal(published.code, 0, published.err);
  lines.push((await heard).text());

  const shown = script!.split("\n").flatMap((line) => line.split("// ")[1] ?? []);
  assert.deepEqual(lines, [shown[0], `edge ${id} is online`, shown[1]]);
});
