import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cbor } from "../src/codec/cbor.js";
import { json } from "../src/codec/json.js";
import type { Codec, Message, OutgoingMessage } from "../src/codec/message.js";
import { msgpack } from "../src/codec/msgpack.js";

interface Vector {
  name: string;
  message: {
    type: string;
    topic?: string;
    ref?: string;
    body?: string;
    data?: string;
    offset?: string;
    trace?: string;
  };
  json?: string;
  jsonHex?: string;
  cbor?: string;
  msgpack?: string;
}

const vectors = (name: string): Vector[] =>
  JSON.parse(readFileSync(`${process.cwd()}/../live-protocol/vectors/${name}.json`, "utf8"));

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, "hex"));

const codecs: [name: "json" | "cbor" | "msgpack", codec: Codec][] = [
  ["json", json],
  ["cbor", cbor],
  ["msgpack", msgpack],
];

/** Offsets above 2^53-1 are not exact in JavaScript, and are rejected. */
const isTooLarge = ({ message: { offset } }: Vector): boolean => Number(offset ?? 0) > Number.MAX_SAFE_INTEGER;

const expected = ({ message }: Vector): Message => {
  const { body, data, offset, trace: _, ...rest } = message;
  return {
    ...rest,
    ...(body !== undefined && { body: bytesOf(body) }),
    ...(data !== undefined && { data: JSON.parse(data) }),
    ...(offset !== undefined && { offset: Number(offset) }),
  };
};

/** The protocol's fields of a decoded message. Empty names count as absent. */
const fieldsOf = ({ type, topic, ref, body, data, offset }: Message): object => ({
  type,
  ...(topic && { topic }),
  ...(ref && { ref }),
  ...(body && { body }),
  ...(data !== undefined && { data }),
  ...(offset !== undefined && { offset: offset + 0 }), // -0 is 0
});

const inputOf = (vector: Vector, name: "json" | "cbor" | "msgpack"): string | ArrayBuffer | undefined => {
  const input = vector[name];
  if (input === undefined || name == "json") return input;
  return bytesOf(input).buffer;
};

for (const file of ["messages", "accepted", "traced"])
  for (const [name, codec] of codecs)
    test(`${name} decodes all of ${file}.json`, () => {
      let count = 0;
      for (const vector of vectors(file)) {
        const input = inputOf(vector, name);
        if (input === undefined) continue;
        count++;
        if (isTooLarge(vector)) assert.throws(() => codec.decode(input), vector.name);
        else assert.deepEqual(fieldsOf(codec.decode(input)), expected(vector), vector.name);
      }
      assert.ok(count > 2, `${count} vectors`);
    });

for (const [name, codec] of codecs)
  test(`${name} encodes messages.json exactly, except offsets and traces, which clients do not send`, () => {
    let count = 0;
    for (const vector of vectors("messages")) {
      const { body, data, offset, ...rest } = vector.message;
      if (offset !== undefined) continue;
      const message: OutgoingMessage = { ...rest, json: data, body: body === undefined ? undefined : bytesOf(body) };
      const encoded = codec.encode(message);
      const text = typeof encoded == "string" ? encoded : Buffer.from(encoded).toString("hex");
      assert.equal(text, vector[name], vector.name);
      count++;
    }
    assert.ok(count > 40, `${count} vectors`);
  });

/**
 * Inputs that only a strict receiver rejects. The client accepts them, because a server does not send them, and the
 * checks would cost bytes in every page.
 */
const TOLERATED = [
  /surrogate pair|halves of a pair|high half before/,
  /name twice|field twice|(type|ref) twice/,
  /nested (too deep|65 deep)|ends nested too deep/,
  /^(type|topic|ref)( is)? too long|^topic (with|has) (a|DEL)/,
  /^offset is (a float|a double|1e-9+)$/,
  /not UTF-8.*unknown field|unknown text.*not UTF-8/,
];

for (const [name, codec] of codecs)
  test(`${name} rejects rejected.json, except what only a strict receiver must reject`, () => {
    const accepted = [];
    let count = 0;
    for (const vector of vectors("rejected")) {
      const input = inputOf(vector, name);
      if (input === undefined) continue;
      count++;
      try {
        codec.decode(input);
        accepted.push(vector.name);
      } catch {
        // rejected
      }
    }
    assert.ok(count > 90, `${count} vectors`);
    assert.deepEqual(
      accepted.filter((entry) => !TOLERATED.some((group) => group.test(entry))),
      [],
    );
  });
