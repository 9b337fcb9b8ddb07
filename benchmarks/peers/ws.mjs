// The plain protocol on `ws`, with a loop of send() as in its documentation.
import { WebSocketServer } from "ws";
import { listen, options } from "./options.mjs";

const { host, port } = options();
const rooms = new Map();
const server = new WebSocketServer({ host, port, path: "/live", perMessageDeflate: false, backlog: 4096 });

server.on("connection", (socket) => {
  const joined = [];
  socket.on("message", (data) => {
    const text = data.toString("latin1");
    const rest = text.slice(2);
    if (text[0] === "S") {
      if (!rooms.has(rest)) rooms.set(rest, new Set());
      rooms.get(rest).add(socket);
      joined.push(rest);
      socket.send(`A ${rest}`);
    } else if (text[0] === "P") {
      const blank = rest.indexOf(" ");
      const room = rooms.get(rest.slice(0, blank));
      if (!room) return;
      const payload = Buffer.from(rest.slice(blank + 1), "latin1");
      for (const subscriber of room) subscriber.send(payload, { binary: false });
    } else {
      socket.send(rest);
    }
  });
  socket.on("close", () => joined.forEach((topic) => rooms.get(topic).delete(socket)));
});

server.on("listening", () => listen(host, port));
