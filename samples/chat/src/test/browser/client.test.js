/** The npm package against the chat's server, on Node with npm `ws`: all codecs, and a server that is killed. */
import assert from "node:assert/strict";
import WebSocket from "ws";
import { cbor } from "../../../../../live-js/dist/cbor.js";
import { LiveClient, LiveError, json, messages, updates } from "../../../../../live-js/dist/index.js";
import { msgpack } from "../../../../../live-js/dist/msgpack.js";
import { scene } from "./support/chat.js";

function connect(stage, name, codec) {
  return new LiveClient(`${stage.address}live?name=${name}`, { WebSocket, codecs: [codec], requestTimeoutMs: 120_000 });
}

scene("the npm package exchanges messages in all codecs", async (stage) => {
  const clients = [json, cbor, msgpack].map((codec, n) => connect(stage, `client${n}`, codec));
  const rooms = clients.map((live) => live.topic("room/package"));
  const received = rooms.map((room) => updates(room)[Symbol.asyncIterator]());
  for (const iterator of received) assert.equal((await iterator.next()).value.recovery, "first");

  for (const [n, room] of rooms.entries()) {
    await room.publish({ text: `grüße 👋 ${n}` });
    for (const iterator of received) {
      const { value } = await iterator.next();
      assert.equal(value.value.text, `grüße 👋 ${n}`);
      assert.equal(value.value.from, `client${n}`);
    }
  }
  assert.deepEqual(
    clients.map((live) => live.state.subprotocol),
    ["live.v1.json", "live.v1.cbor", "live.v1.msgpack"],
  );
  await assert.rejects(rooms[0].publish({ text: "x".repeat(2_001) }), (e) => {
    assert.ok(e instanceof LiveError);
    assert.equal(e.code, "bad_payload");
    return true;
  });
  clients.forEach((live) => live.close());
});

scene("the npm package reconnects to a server that was killed, and its iterators continue", async (stage) => {
  const live = connect(stage, "ann", json);
  const room = live.topic("room/package");
  const reports = [];
  room.subscribe({ subscribed: (recovery) => reports.push(recovery) });
  const iterator = messages(room)[Symbol.asyncIterator]();
  await room.publish({ text: "before" });
  assert.equal((await iterator.next()).value.text, "before");

  await stage.stopServer("SIGKILL");
  await stage.startServer();
  await room.publish({ text: "after" });

  assert.equal((await iterator.next()).value.text, "after");
  assert.deepEqual(reports, ["first", "gap"]);
  live.close();
});
