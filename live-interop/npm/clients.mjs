/** The npm WebSocket clients. ClientMatrix.kt describes their sessions. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import Faye from "faye-websocket";
import { WebSocket as Undici } from "undici";
import websocket from "websocket";
import Ws from "ws";

/**
 * Each client connects and calls `on.open(send, close)`, `on.frame(kind, bytes)`, `on.closed(code)`, and
 * `on.refused(status)` if it gets a status.
 */
const clients = {
  ws(url, subprotocol, on) {
    const socket = new Ws(url, [subprotocol]);
    const send = (kind, bytes) => socket.send(bytes, { binary: kind === "b" });
    socket.on("open", () => on.open(socket.protocol, send, (code) => socket.close(code)));
    socket.on("message", (bytes, isBinary) => on.frame(isBinary ? "b" : "t", bytes));
    socket.on("unexpected-response", (_, response) => on.refused(response.statusCode));
    socket.on("error", () => {});
    socket.on("close", on.closed);
  },
  undici: (url, subprotocol, on) => standard(new Undici(url, [subprotocol]), on),
  "faye-websocket": (url, subprotocol, on) => standard(new Faye.Client(url, [subprotocol]), on),
  "websocket, `W3CWebSocket`": (url, subprotocol, on) => standard(new websocket.w3cwebsocket(url, [subprotocol]), on),
  "websocket, `client`"(url, subprotocol, on) {
    const client = new websocket.client();
    client.on("connectFailed", (error) => on.refused(/status: (\d+)/.exec(error.message)?.[1] ?? "-"));
    client.on("connect", (connection) => {
      connection.on("message", (message) =>
        message.type === "binary" ? on.frame("b", message.binaryData) : on.frame("t", Buffer.from(message.utf8Data)),
      );
      connection.on("close", on.closed);
      const send = (kind, bytes) =>
        kind === "b" ? connection.sendBytes(bytes) : connection.sendUTF(bytes.toString("utf8"));
      on.open(connection.protocol, send, (code) => connection.close(code));
    });
    client.connect(url, [subprotocol]);
  },
};

function standard(socket, on) {
  socket.binaryType = "arraybuffer";
  const send = (kind, bytes) => socket.send(kind === "b" ? bytes : bytes.toString("utf8"));
  socket.onopen = () => on.open(socket.protocol, send, (code) => socket.close(code));
  socket.onmessage = ({ data }) =>
    typeof data === "string" ? on.frame("t", Buffer.from(data)) : on.frame("b", Buffer.from(data));
  socket.onerror = (event) => {
    const status = /response code: (\d+)/.exec(event.message ?? "");
    if (status) on.refused(status[1]);
  };
  socket.onclose = ({ code }) => on.closed(code);
}

function session(connect, url, subprotocol, frames) {
  return new Promise((resolve) => {
    let next = () => {};
    let ended = false;
    const end = (line) => {
      if (ended) return;
      ended = true;
      console.log(line);
      resolve();
    };
    connect(url, subprotocol, {
      open(protocol, send, close) {
        console.log(`open ${protocol || "-"}`);
        next = () => {
          const [kind, value] = frames.shift()?.split(" ") ?? [];
          if (kind === "c") close(Number(value));
          else if (kind) send(kind, Buffer.from(value, "hex"));
        };
        next();
      },
      frame(kind, bytes) {
        console.log(`${kind} ${Buffer.from(bytes).toString("hex")}`);
        next();
      },
      closed: (code) => end(`closed ${code}`),
      refused: (status) => end(`refused ${status}`),
    });
  });
}

if (process.argv[2] === "list") {
  for (const name of Object.keys(clients)) {
    const file = new URL(`node_modules/${name.split(",")[0]}/package.json`, import.meta.url);
    console.log(`${name}|${JSON.parse(readFileSync(file)).version}|`);
  }
} else {
  const connect = Object.values(clients)[Number(process.argv[3])];
  for await (const line of createInterface({ input: process.stdin })) {
    const [url, subprotocol, file] = line.split(" ");
    await session(connect, url, subprotocol, readFileSync(file, "utf8").split("\n").filter(Boolean));
    console.log("done");
  }
  process.exit();
}
