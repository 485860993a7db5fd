/** A user of the chat room: an edge whose meta is the user's name. */
import { Edge, RefusedError } from "@frontier/edge";

/** The topic to which users publish what they say, as plain text. */
const TOPIC = "chatroom";

/** What the room tells the other users. */
interface Chat {
  User: string;
  Msg: string;
}

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [join, say] = [element<HTMLFormElement>("join"), element<HTMLFormElement>("say")];
const [name, text] = [element<HTMLInputElement>("name"), element<HTMLInputElement>("text")];
const [room, talk] = [element("room"), element("talk")];
const [state, problem] = [element("state"), element("problem")];

let edge: Edge | undefined;

join.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = join.querySelector("button")!;
  button.disabled = true;
  problem.textContent = "";
  name.ariaInvalid = null;
  try {
    await enter(name.value.trim());
  } catch (error) {
    const taken = error instanceof RefusedError && error.text === "user exists";
    problem.textContent = taken ? "Somebody of this name is in the room already." : (error as Error).message;
    name.ariaInvalid = "true";
    name.focus();
  } finally {
    button.disabled = false;
  }
});

say.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = text.value;
  text.value = "";
  try {
    await edge?.publish(TOPIC, said);
    show(name.value, said);
  } catch (error) {
    note(`Nobody heard “${said}”: ${(error as Error).message}`);
  }
});

element("leave").addEventListener("click", () => void edge?.close());

async function enter(user: string): Promise<void> {
  const { url } = (await (await fetch("gateway.json")).json()) as { url: string };
  const entered = await Edge.connect(url, { meta: user });
  edge = entered;
  entered.addEventListener("online", () => told(`In the room as ${user}`, true));
  entered.addEventListener("offline", () => told("The way to the room is lost, trying again", false));
  entered.addEventListener("closed", () => {
    told("Not in the room", false);
    seeRoom(false);
  });
  seeRoom(true);
  told(`In the room as ${user}`, true);
  void listen(entered);
}

async function listen(edge: Edge): Promise<void> {
  for await (const message of edge.messages()) {
    try {
      const { User, Msg } = message.json() as Chat;
      show(User, Msg);
      message.ack();
    } catch (error) {
      message.reject(`no chat message: ${(error as Error).message}`);
    }
  }
}

function seeRoom(inside: boolean): void {
  join.hidden = inside;
  room.hidden = !inside;
  (inside ? text : name).focus();
}

function told(what: string, online: boolean): void {
  state.textContent = what;
  state.classList.toggle("online", online);
}

function show(user: string, said: string): void {
  const who = document.createElement("b");
  who.textContent = user;
  line(who, `: ${said}`);
}

function note(what: string): void {
  line(what).className = "note";
}

function line(...parts: (Node | string)[]): HTMLParagraphElement {
  const item = document.createElement("p");
  item.append(...parts);
  talk.append(item);
  talk.scrollTop = talk.scrollHeight;
  return item;
}
