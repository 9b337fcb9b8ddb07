// A Socket.IO server that broadcasts every 20 ms, and its clients. All settings are the defaults, except for the
// transport, which is WebSocket from the start. Prints the server's port, then reads a line "PORT CLIENTS" from
// standard input and connects that many clients to PORT. Prints the number of a client for each message that it
// receives.
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { listen } from "./options.mjs";

const host = "127.0.0.1";
const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false, perMessageDeflate: false });
setInterval(() => io.emit("m", "news"), 20);
http.listen({ host, port: 0 }, () => listen(host, http.address().port));

createInterface({ input: process.stdin }).once("line", (line) => {
  const [port, clients] = line.split(" ").map(Number);
  for (let number = 0; number < clients; number++) {
    const socket = connect(`http://${host}:${port}`, { transports: ["websocket"], forceNew: true });
    socket.on("m", () => process.stdout.write(`${number}\n`));
  }
});
