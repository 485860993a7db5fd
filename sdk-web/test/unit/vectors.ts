/** Reads `proto/tests/vectors`: its README and `integration-tests/src/replay` describe the formats. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** From `sdk-web/build/test/unit`. */
const FOLDER = join(import.meta.dirname, "../../../../proto/tests/vectors");

export function hex(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ""), "hex"));
}

/** The worked examples by name. */
export function examples(): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  let name = "";
  for (const line of readFileSync(join(FOLDER, "examples.txt"), "utf8").split("\n")) {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) continue;
    if (!line.startsWith(" ")) name = content;
    else {
      const more = content.startsWith("{") ? Buffer.from(content) : hex(content);
      found.set(name, Buffer.concat([found.get(name) ?? Buffer.alloc(0), more]));
    }
  }
  return found;
}

/** The bytes that `<prefix:rule+from:count>` stands for. */
function pattern(token: string): Buffer {
  const [, prefix = "", rule = "", from = "", count = ""] = /^<(.*):(.*)\+(\d+):(\d+)>$/.exec(token) ?? [];
  const seed = parseInt(rule.slice(4), 16);
  const rules: Record<string, (at: number) => number> = {
    count: (at) => at,
    mix: (at) => 7 * at + Math.floor(at / 256),
    seed: (at) => (at % 4 === 0 ? seed : Math.floor(at / 4) >>> (8 * (3 - (at % 4)))),
  };
  const byte = rules[rule.startsWith("seed") ? "seed" : rule];
  if (byte === undefined) throw new Error(`${token} is no pattern`);
  const bytes = Array.from({ length: Number(count) }, (_, at) => byte(Number(from) + at) & 0xff);
  return Buffer.concat([hex(prefix), Uint8Array.from(bytes)]);
}

const PATTERN = /<[0-9a-f]*:[a-z0-9]+\+\d+:\d+>/g;

const KINDS: Record<string, number> = {
  Conn: 0x01, ConnAck: 0x02, DisConn: 0x11, DisConnAck: 0x12, Heartbeat: 0x21, HeartbeatAck: 0x22, Session: 0x31,
  SessionAck: 0x32, Dismiss: 0x41, DismissAck: 0x42, Message: 0x51, MessageAck: 0x52, Stream: 0x61, Request: 0x71,
  Response: 0x72, RequestCancel: 0x73, Register: 0x81, RegisterAck: 0x82,
};

/** Every recorded frame, and every run of bytes that is none. */
export function* recorded(): Generator<{ where: string; frame?: Uint8Array; garbage?: Uint8Array }> {
  for (const folder of ["gen-a", "go-client-new", "go-client-old"]) {
    for (const file of readdirSync(join(FOLDER, folder)).sort()) {
      const lines = readFileSync(join(FOLDER, folder, file), "utf8").split("\n");
      for (const [index, line] of lines.entries()) {
        const where = `${folder}/${file}:${index + 1}`;
        const [, , , name = "", packet = "", fixed = "", ...rest] = line.split(" ");
        if (line.startsWith("#")) continue;
        if (name === "garbage") yield { where, garbage: hex(packet) };
        const kind = KINDS[name];
        if (kind === undefined) continue;
        const tail = bodyOf(kind, rest.join(" "));
        const payload = Buffer.concat([fixed === "-" ? Buffer.alloc(0) : hex(fixed), tail]);
        const header = Buffer.alloc(14);
        header.writeUInt8(1, 0);
        header.writeUInt8(kind, 1);
        header.writeBigUInt64BE(BigInt(`0x${packet}`), 2);
        header.writeUInt32BE(payload.length, 10);
        yield { where, frame: Buffer.concat([header, payload]) };
      }
    }
  }
}

function bodyOf(kind: number, text: string): Buffer {
  if (kind === KINDS["Stream"]) return text.startsWith("<") ? pattern(text) : Buffer.from(text, "hex");
  return Buffer.from(text.replaceAll(PATTERN, (token) => pattern(token).toString("base64")));
}
