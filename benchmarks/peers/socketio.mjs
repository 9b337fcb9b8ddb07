// Socket.IO with its own rooms. Clients use WebSocket from the start.
import { Server } from "socket.io";
import { createServer } from "node:http";
import { listen, options } from "./options.mjs";

const { host, port } = options();
const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false, perMessageDeflate: false });

io.on("connection", (socket) => {
  socket.on("S", async (topic) => {
    await socket.join(topic);
    socket.emit("A", topic);
  });
  socket.on("P", (topic, payload) => io.to(topic).emit("m", payload));
  socket.on("E", (payload) => socket.emit("m", payload));
});

http.listen({ host, port, backlog: 4096 }, () => listen(host, port));
