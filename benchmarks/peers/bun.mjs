// The plain protocol on Bun, with its own publish: topics, fan-out and write coalescing are native code (uWebSockets).
import { listen, options } from "./options.mjs";

const { host, port } = options();

const server = Bun.serve({
  hostname: host,
  port,
  fetch(request, server) {
    if (new URL(request.url).pathname === "/live" && server.upgrade(request)) return undefined;
    return new Response("not found", { status: 404 });
  },
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 0,
    message(socket, text) {
      const rest = text.slice(2);
      if (text[0] === "S") {
        socket.subscribe(rest);
        socket.send(`A ${rest}`);
      } else if (text[0] === "P") {
        const blank = rest.indexOf(" ");
        server.publish(rest.slice(0, blank), rest.slice(blank + 1));
      } else {
        socket.send(rest);
      }
    },
  },
});

listen(host, port);
