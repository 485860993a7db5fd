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
  // By keyboard alone: the first field gets the focus, though maybe only after the page has loaded.
  await page.locator("#name:focus").waitFor();
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  return page;
}

async function says(page: Page, what: string): Promise<void> {
  await page.keyboard.type(what);
  await page.keyboard.press("Enter");
}

/** Roles that mean something to who hears the page instead of seeing it. */
const ROLES = ["banner", "main", "heading", "status", "alert", "region", "log", "paragraph", "textbox", "button"];

/** What Chromium tells assistive technology of the page, in its order: role, name, and what else is worth telling. */
async function told(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  type Node = (typeof nodes)[number];
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const walk = (node: Node | undefined): Node[] => (node ? [node, ...(node.childIds ?? []).flatMap((id) => walk(byId.get(id)))] : []);
  return walk(nodes[0]).flatMap(({ ignored, role, name, description, properties = [] }) => {
    if (ignored || !ROLES.includes(role?.value as string)) return [];
    const more = properties.flatMap(({ name, value }) => {
      const worth = ["live", "focused", "required", "invalid"].includes(name) && value.value !== false && value.value !== "false";
      return worth ? [name === "live" ? `live ${value.value as string}` : name] : [];
    });
    const said = description?.value ? [`described as ${JSON.stringify(description.value)}`] : [];
    return [[role!.value, JSON.stringify(name?.value ?? ""), ...more.sort(), ...said].join(" ")];
  });
}

/** The least contrast that any text of the page has, by WCAG: 1 to 21. */
function contrast(page: Page): Promise<number> {
  return page.evaluate(() => {
    const parts = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (color: string) => {
      const [red = 0, green = 0, blue = 0] = parts(color).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element: Element | null): string => {
      if (element === null) throw new Error("there is nothing behind some text");
      const { backgroundColor } = getComputedStyle(element);
      return parts(backgroundColor)[3] === 0 ? behind(element.parentElement) : backgroundColor;
    };
    const seen = [...document.querySelectorAll<HTMLElement>("body *")].filter((element) => element.getClientRects().length > 0);
    const texts = seen.filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent!.trim() !== ""));
    return Math.min(...texts.map((element) => {
      const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    }));
  });
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

  for (const page of [alice, bob]) assert.ok((await contrast(page)) >= 4.5, "text can be read in the light and in the dark");
  const grounds = await Promise.all([alice, bob].map((page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor)));
  assert.notEqual(grounds[0], grounds[1]);
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
  assert.deepEqual(await told(second), [
    'banner ""',
    'heading "Chat room"',
    'status "" live polite',
    'main ""',
    'textbox "Your name" focused invalid required described as "Somebody of this name is in the room already."',
    'button "Enter"',
    'alert "" live assertive',
  ]);
  assert.ok((await contrast(second)) >= 4.5);
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
  await says(page, "hello");
  await hears(page, "alice: hello");
  assert.deepEqual(await told(page), [
    'banner ""',
    'heading "Chat room"',
    'status "" live polite',
    'main ""',
    'region "What is said"',
    'heading "What is said"',
    'log "What is said" live polite',
    'paragraph ""',
    'textbox "Say something" focused required',
    'button "Say"',
    'button "Leave"',
  ]);
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
