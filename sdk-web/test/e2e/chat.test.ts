/** The example `examples/web-chat`: two browsers and a terminal in one room. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";

import { launch, picture, tabs } from "./browser.js";
import { built, Program } from "./program.js";

const PAGE = join(import.meta.dirname, "../../../../examples/web-chat/dist");

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Opens the room; where its page is, how a terminal comes in, and where all is written down. */
async function chat(t: TestContext) {
  const args = ["--gateway", built("frontier"), "--page", PAGE, "--listen", "127.0.0.1:0"];
  // It ends its gateway, too.
  const room = new Program(t, "web_chat", args, { end: "SIGINT" });
  const url = (await room.prints(/open (http:\S+)/))[1]!;
  const edges = (await room.prints(/--address (\S+) --name/))[1]!;
  const transcript = (await room.prints(/is kept in (\S+)/))[1]!;
  const terminal = (name: string) => new Program(t, "chatroom_client", ["--address", edges, "--name", name]);
  return { room, url, transcript, terminal };
}

async function user(t: TestContext, url: string, name: string, colorScheme: "light" | "dark"): Promise<Page> {
  const context = await tabs(t, browser, { colorScheme, viewport: { width: 720, height: 640 } });
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(error));
  await page.goto(url);
  // By keyboard alone: the first field has the focus.
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  return page;
}

async function says(page: Page, what: string): Promise<void> {
  await page.keyboard.type(what);
  await page.keyboard.press("Enter");
}

const hears = (page: Page, what: string) => page.getByRole("log").getByText(what).waitFor();

test("two browsers and a terminal talk to each other, and a bridge writes it down", async (t) => {
  const { room, url, transcript, terminal } = await chat(t);
  const alice = await user(t, url, "alice", "light");
  await alice.getByRole("status").getByText("In the room as alice").waitFor();
  const bob = await user(t, url, "bob", "dark");
  await bob.getByRole("status").getByText("In the room as bob").waitFor();
  const carol = terminal("carol");
  await carol.prints(/in the room as carol/);

  await says(alice, "hello, <b>everybody</b> 😀");
  await hears(bob, "alice: hello, <b>everybody</b> 😀");
  await carol.prints(/\[ +alice\]: hello, <b>everybody<\/b> 😀/);
  await says(bob, "hello alice");
  for (const hearer of [alice, bob]) await hears(hearer, "bob: hello alice");
  await carol.prints(/\[ +bob\]: hello alice/);
  carol.input("greetings from a terminal\n");
  for (const hearer of [alice, bob]) await hears(hearer, "carol: greetings from a terminal");

  await alice.screenshot({ path: picture("web-chat-light") });
  await bob.screenshot({ path: picture("web-chat-dark") });

  const written = readFileSync(transcript, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as { payload: string });
  assert.deepEqual(written.map(({ payload }) => payload), ["hello, <b>everybody</b> 😀", "hello alice", "greetings from a terminal"]);

  await alice.getByRole("button", { name: "Leave" }).click();
  await room.prints(/alice leaves/);
  await alice.getByLabel("Your name").waitFor();
  await room.end("SIGINT");
});

test("a name that is taken is told, by voice too, and another one lets in", async (t) => {
  const { url } = await chat(t);
  const first = await user(t, url, "alice", "light");
  await first.getByRole("status").getByText("In the room as alice").waitFor();
  const second = await user(t, url, "alice", "dark");
  await second.getByRole("alert").getByText("Somebody of this name is in the room already.").waitFor();
  const name = second.getByLabel("Your name");
  assert.ok(await name.evaluate((field) => field === document.activeElement), "the field can be corrected at once");
  await name.fill("alice 2");
  await second.keyboard.press("Enter");
  await second.getByRole("status").getByText("In the room as alice 2").waitFor();
});

test("everything on the page can be reached by keyboard and has a name", async (t) => {
  const { url } = await chat(t);
  const page = await user(t, url, "alice", "light");
  await page.getByRole("status").getByText("In the room as alice").waitFor();
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement as HTMLInputElement;
      const by = document.getElementById(element.getAttribute("aria-labelledby") ?? "");
      return (element.labels?.[0] ?? by ?? element).textContent;
    });
  const names = [await focused()];
  for (const key of ["Tab", "Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab"]) {
    await page.keyboard.press(key);
    names.push(await focused());
  }
  assert.deepEqual(names, ["Say something", "Say", "Leave", "Say", "Say something", "What is said"]);
});
