/** The npm encoders. Encoder.kt describes the commands. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import * as msgpackOfficial from "@msgpack/msgpack";
import msgpackYgoe from "@ygoe/msgpack";
import cbor from "cbor";
import cborJs from "cbor-js";
import { CBOR as cborRedux } from "cbor-redux";
import * as cborX from "cbor-x";
import * as cbor2 from "cbor2";
import * as cborg from "cborg";
import msgpackLite from "msgpack-lite";
import msgpack5 from "msgpack5";
import * as msgpackr from "msgpackr";
import notepack from "notepack.io";

const five = msgpack5();
const records = "useRecords: false";
const json = {
  encode: (message) => Buffer.from(JSON.stringify(message)),
  decode: (frame) => JSON.parse(Buffer.from(frame).toString("utf8")),
};

/** library, codec, setting, expected error, encoder, and body type. */
const entries = [
  ["JSON.stringify, body as base64", "json", "", "", json, (body) => Buffer.from(body).toString("base64")],
  ["JSON.stringify, body as Buffer", "json", "", "base64", json, (body) => Buffer.from(body)],
  [
    "JSON.stringify, body as url-safe base64",
    "json",
    "",
    "RFC 4648",
    json,
    (body) => Buffer.from(body).toString("base64url"),
  ],
  ["cbor-x", "cbor", "", "", cborX],
  ["cbor-x, `new Encoder()`", "cbor", "", records, new cborX.Encoder()],
  ["cbor-x, `new Encoder()`", "cbor", records, "", new cborX.Encoder({ useRecords: false })],
  ["cborg", "cbor", "", "", cborg],
  ["cbor", "cbor", "", "", cbor],
  ["cbor2", "cbor", "", "", cbor2],
  ["cbor-js", "cbor", "", "", { encode: cborJs.encode, decode: (frame) => cborJs.decode(arrayBuffer(frame)) }],
  ["cbor-redux", "cbor", "", "", { encode: cborRedux.encode, decode: (frame) => cborRedux.decode(arrayBuffer(frame)) }],
  ["@msgpack/msgpack", "msgpack", "", "", msgpackOfficial],
  ["msgpackr", "msgpack", "", "", { encode: msgpackr.pack, decode: msgpackr.unpack }],
  ["msgpackr, `new Packr()`", "msgpack", "", records, new msgpackr.Packr()],
  ["msgpackr, `new Packr()`", "msgpack", records, "", new msgpackr.Packr({ useRecords: false })],
  ["msgpack-lite", "msgpack", "", "", msgpackLite, (body) => Buffer.from(body)],
  [
    "msgpack5",
    "msgpack",
    "",
    "",
    { encode: (message) => five.encode(message).slice(), decode: (frame) => five.decode(Buffer.from(frame)) },
    (body) => Buffer.from(body),
  ],
  [
    "notepack.io",
    "msgpack",
    "",
    "",
    { encode: notepack.encode, decode: (frame) => notepack.decode(Buffer.from(frame)) },
  ],
  ["@ygoe/msgpack", "msgpack", "", "", msgpackYgoe],
];

function arrayBuffer(bytes) {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

function version(library) {
  const name = library.split(",")[0];
  if (name === "JSON.stringify") return `Node ${process.versions.node.split(".")[0]}`;
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}

const bytes = (text) => (text === "-" ? undefined : new Uint8Array(Buffer.from(text === "." ? "" : text, "hex")));
const text = (field) => (field === "-" ? undefined : Buffer.from(field === "." ? "" : field, "hex").toString("utf8"));
const hex = (value) => (value === undefined || value === null ? "-" : Buffer.from(value).toString("hex") || ".");

function run([, codec, , , encoder, wrap = (body) => body]) {
  const isJson = codec === "json";
  const encode = (message) => hex(encoder.encode(message));
  const commands = {
    write(type, topic, ref, body, data, absent) {
      const message = { type: text(type), topic: text(topic), ref: text(ref) };
      if (body !== "-") message.body = wrap(bytes(body));
      if (data !== "-") message.data = isJson ? JSON.parse(text(data)) : text(data);
      if (absent === "0") return encode(message);
      const nothing = absent === "1" ? null : undefined;
      return encode({ body: nothing, data: nothing, offset: nothing, ...message });
    },
    since(topic, ref, ack) {
      const { data } = encoder.decode(bytes(ack));
      const { epoch, offset } = isJson ? data : JSON.parse(data);
      const parameters = { since: { epoch, offset } };
      return encode({
        type: "subscribe",
        topic: text(topic),
        ref: text(ref),
        data: isJson ? parameters : JSON.stringify(parameters),
      });
    },
    read(frame) {
      const { type, topic, ref, body, data, offset } = encoder.decode(bytes(frame));
      const raw = isJson && body !== undefined ? Buffer.from(body, "base64") : body;
      const payload = isJson && data !== undefined ? JSON.stringify(data) : data;
      return [type, topic, ref, raw, payload].map(hex).join(" ") + ` ${offset ?? "-"}`;
    },
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    const [command, ...fields] = line.split(" ");
    try {
      console.log(commands[command](...fields));
    } catch (e) {
      console.log(`! ${e.message}`);
    }
  });
}

if (process.argv[2] === "list") {
  for (const [library, codec, setting, expected] of entries)
    console.log([library, version(library), codec, setting, expected].join("|"));
} else {
  run(entries[Number(process.argv[3])]);
}
