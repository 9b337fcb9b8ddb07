/**
 * Tests the documented protocol without code of this project: with a WebSocket, a CBOR and a MessagePack library of
 * third parties.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { decode as msgpackDecode, encode as msgpackEncode } from "@msgpack/msgpack";
import { decode as cborDecode, encode as cborEncode } from "cborg";
import WebSocket from "ws";
import { scene } from "./support/chat.js";

/** The encoding of an envelope and its `data` per codec: inline in JSON, as JSON text in the binary codecs. */
const codecs = {
  "live.v1.json": {
    write: (message) => JSON.stringify(message),
    read: (frame, isBinary) => (assert.equal(isBinary, false), JSON.parse(frame.toString("utf8"))),
  },
  "live.v1.cbor": binary(cborEncode, cborDecode),
  "live.v1.msgpack": binary(msgpackEncode, msgpackDecode),
};

function binary(encode, decode) {
  return {
    write: ({ data, ...message }) => encode(data === undefined ? message : { ...message, data: JSON.stringify(data) }),
    read: (frame, isBinary) => {
      assert.equal(isBinary, true);
      const { data, ...message } = decode(new Uint8Array(frame));
      return data === undefined ? message : { ...message, data: JSON.parse(data) };
    },
  };
}

class PlainClient {
  #received = [];
  #waiting = [];

  constructor(socket, codec) {
    this.socket = socket;
    this.codec = codec;
    socket.on("message", (frame, isBinary) => {
      const message = codec.read(frame, isBinary);
      const waiting = this.#waiting.shift();
      if (waiting) waiting(message);
      else this.#received.push(message);
    });
  }

  static async connect(stage, name, subprotocol) {
    const socket = new WebSocket(`${stage.address.replace("http", "ws")}live?name=${name}`, [subprotocol]);
    const client = new PlainClient(socket, codecs[subprotocol]);
    await once(socket, "open");
    assert.equal(socket.protocol, subprotocol);
    return client;
  }

  send(message) {
    this.socket.send(this.codec.write(message));
  }

  async next() {
    return this.#received.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close() {
    const closed = once(this.socket, "close");
    this.socket.close(1000);
    assert.equal((await closed)[0], 1000);
  }
}

for (const subprotocol of Object.keys(codecs)) {
  scene(
    `a plain client subscribes, receives its ack first, publishes and receives in ${subprotocol}`,
    async (stage) => {
      const ann = await PlainClient.connect(stage, "ann", subprotocol);

      ann.send({ type: "subscribe", topic: "room/plain", ref: "1" });
      assert.deepEqual(await ann.next(), { type: "ack", topic: "room/plain", ref: "1" });

      ann.send({ type: "publish", topic: "room/plain", ref: "2", data: { text: "grüße 👋" } });
      const [first, second] = [await ann.next(), await ann.next()];
      const message = first.type === "message" ? first : second;
      const ack = first.type === "message" ? second : first;
      assert.deepEqual(ack, { type: "ack", topic: "room/plain", ref: "2" });
      assert.equal(message.topic, "room/plain");
      assert.equal(message.data.from, "ann");
      assert.equal(message.data.text, "grüße 👋");
      assert.ok(Math.abs(Date.now() - Date.parse(message.data.at)) < 60_000);

      ann.send({ type: "publish", topic: "room/plain", ref: "3", data: { text: "x".repeat(2_001) } });
      const error = await ann.next();
      assert.deepEqual(error, {
        type: "error",
        topic: "room/plain",
        ref: "3",
        data: { code: "bad_payload", reason: "text is over 2000 characters" },
      });

      ann.send({ type: "unsubscribe", topic: "room/plain", ref: "4" });
      assert.deepEqual(await ann.next(), { type: "ack", topic: "room/plain", ref: "4" });
      ann.send({ type: "ping", ref: "5" });
      assert.deepEqual(await ann.next(), { type: "pong", ref: "5" });
      await ann.close();
    },
  );
}

scene("plain clients of all three codecs exchange messages", async (stage) => {
  const clients = await Promise.all(
    Object.keys(codecs).map((subprotocol) => PlainClient.connect(stage, subprotocol.split(".").at(-1), subprotocol)),
  );
  for (const client of clients) {
    client.send({ type: "subscribe", topic: "room/mixed", ref: "s" });
    assert.equal((await client.next()).type, "ack");
  }

  for (const speaker of clients) {
    speaker.send({ type: "publish", topic: "room/mixed", data: { text: "hello" } });
    const received = await Promise.all(clients.map((client) => client.next()));
    assert.equal(new Set(received.map((message) => JSON.stringify(message.data))).size, 1);
  }
  await Promise.all(clients.map((client) => client.close()));
});
