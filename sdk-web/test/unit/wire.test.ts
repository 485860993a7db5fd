import assert from "node:assert/strict";
import { test } from "node:test";

import * as base64 from "../../src/wire/base64.js";
import { body, decodeBody, decodeConnData, encodeBody, NO_CAPS, ofUtf8, toUtf8 } from "../../src/wire/body.js";
import { encodeFrame } from "../../src/wire/frame.js";
import { decodeHeader, FrameCutter, HEADER, MAX_PAYLOAD, WireError } from "../../src/wire/header.js";
import { IdGenerator } from "../../src/wire/ids.js";
import { Kind, leastLength } from "../../src/wire/kind.js";

function header(kind: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt8(9, 0);
  bytes.writeUInt8(kind, 1);
  bytes.writeBigUInt64BE(2n ** 64n - 1n, 2);
  bytes.writeUInt32BE(length, 10);
  return bytes;
}

test("each kind has its least length, and nothing above 10 MiB is a frame", () => {
  for (const kind of Object.values(Kind)) {
    const least = leastLength(kind)!;
    assert.deepEqual(decodeHeader(header(kind, least)), { kind, packet: 2n ** 64n - 1n, length: least });
    if (least > 0) assert.throws(() => decodeHeader(header(kind, least - 1)), WireError);
    if (least > 0) assert.equal(decodeHeader(header(kind, MAX_PAYLOAD)).length, MAX_PAYLOAD);
    assert.throws(() => decodeHeader(header(kind, least === 0 ? 1 : MAX_PAYLOAD + 1)), WireError);
  }
  for (const code of [0x00, 0x03, 0x62, 0x83, 0x93, 0xff]) assert.throws(() => decodeHeader(header(code, 8)), WireError);
});

test("frames are cut out of pieces of any size", () => {
  const sent = [0, 1, 5_000, 3, 70_000].map((length, at) => {
    return encodeFrame(BigInt(at + 1), { kind: Kind.Stream, session: 5n, bytes: new Uint8Array(length).fill(at) });
  });
  const all = Buffer.concat([...sent, encodeFrame(6n, { kind: Kind.Heartbeat }), encodeFrame(7n, { kind: Kind.DisConn })]);
  for (const step of [1, 7, 14, 4_099, all.length]) {
    const cutter = new FrameCutter();
    const back: Buffer[] = [];
    for (let at = 0; at < all.length; at += step) {
      cutter.push(all.subarray(at, at + step));
      for (let cut; (cut = cutter.next()) !== undefined; ) {
        const head = Buffer.from(header(cut.header.kind, cut.header.length));
        head.writeUInt8(1, 0);
        head.writeBigUInt64BE(cut.header.packet, 2);
        back.push(head, Buffer.from(cut.payload));
      }
    }
    assert.ok(Buffer.concat(back).equals(all), `in steps of ${step}`);
  }
});

test("base64 is the standard one, padded, as Node has it", () => {
  for (const length of [0, 1, 2, 3, 0x6000, 0x6001, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 7) >> 2);
    const text = base64.encode(bytes);
    assert.equal(text, Buffer.from(bytes).toString("base64"));
    assert.equal(text.length, base64.encodedLength(length));
    assert.deepEqual(base64.decode(text), bytes);
  }
  assert.deepEqual(base64.decode("Zm9\r\nv"), toUtf8("foo"));
  assert.deepEqual(base64.decode("Zm9="), toUtf8("fo"), "bits behind the last byte do not count");
  for (const bad of ["Zg", "Zg=", "Z===", "Zm9v Zm9v", "Zm-_", "=", "Zg==Zg=="]) assert.equal(base64.decode(bad), undefined, bad);
});

test("bodies are read as Go reads them", () => {
  const read = (text: string) => decodeBody(toUtf8(text));
  const nothing = body();
  for (const text of ["{}", "null", " { } ", '{"unknown":[{"a":1}],"timeout":5}', '{"value":null,"error":null,"context":null}']) {
    assert.deepEqual(read(text), nothing, text);
  }
  assert.deepEqual(read('{"VALUE":"aGk=","Topic":"a","ErroR":"e"}'), body({ value: toUtf8("hi"), topic: "a", error: "e" }));
  assert.deepEqual(read('{"value":[104,null,105],"custom":""}').value, Uint8Array.of(104, 0, 105));
  assert.deepEqual(read('{"topic":"a","topic":"b"}').topic, "b");
  assert.equal(read('{"topic":"\\u003c\\ud800\\u2028\\"\\\\ä"}').topic, '<\ud800\u2028"\\ä');
  for (const text of [
    "", "x", "[]", "1", '"a"', "{}x", '{"value":1}', '{"value":"Zg"}', '{"value":[256]}', '{"value":[1.5]}', '{"topic":1}',
    '{"deadline":""}', '{"deadline":"2026-04-25"}', '{"deadline":"2026-13-25T01:13:13Z"}', '{"context":1}', "\ufeff{}",
  ]) {
    assert.throws(() => read(text), WireError, text);
  }
});

test("times: zero means none, offsets and long fractions are understood", () => {
  const of = (time: string) => decodeBody(toUtf8(JSON.stringify({ deadline: time, context: { deadline: time } })));
  const at = Date.parse("2026-04-24T17:13:13.120Z");
  for (const time of ["2026-04-25T01:13:13.12+08:00", "2026-04-24T17:13:13.120999999Z", "2026-04-24T17:13:13.1203Z"]) {
    assert.deepEqual([of(time).deadline, of(time).contextDeadline], [at, at], time);
  }
  assert.deepEqual(of("0001-01-01T00:00:00Z"), body());
  assert.deepEqual(of("0001-01-01T08:00:00+08:00"), body());
  assert.ok(of("9999-12-31T23:59:59Z").deadline! > at);
});

test("what is written comes back, whatever is in it", () => {
  const content = body({
    key: toUtf8("m"), value: Uint8Array.of(0, 255), topic: 'quote " \\ <&> \u2028 \u0007 ä 😀', custom: Uint8Array.of(1), error: "é",
    deadline: 1_777_000_000_123, contextDeadline: 1_777_000_000_000,
  });
  assert.deepEqual(decodeBody(toUtf8(encodeBody(content))), content);
  assert.equal(encodeBody(body()), "{}");
});

test("caps that are no object, or not 1, do not count", () => {
  const caps = (text: string) => decodeConnData(toUtf8(`{"caps":${text}}`)).caps;
  for (const text of ["null", "1", '"fin"', "[1]", '{"fin":0,"credit":true,"cancel":"1","prompt":1.5}']) {
    assert.deepEqual(caps(text), NO_CAPS, text);
  }
  assert.deepEqual(caps('{"fin":1,"credit":2,"new":1}'), { ...NO_CAPS, fin: true, credit: true });
});

test("ids are distinct, of 64 bits, and never 0 or 1", () => {
  const ids = new IdGenerator(0, 2 ** 32 - 2);
  assert.deepEqual([ids.next(), ids.next(), ids.next()], [(1n << 32n) | 0xffff_ffffn, 1n << 32n, (1n << 32n) | 1n]);
  assert.equal(new IdGenerator(2 ** 32 - 1, 5.7).next(), (0xffff_ffffn << 32n) | 6n);
});

test("text that is no UTF-8 is shown as such", () => {
  assert.equal(ofUtf8(Uint8Array.of(0x61, 0xff)), "a\ufffd");
});
