#!/usr/bin/env bash
# Software: faye-websocket 0.11.4 (websocket-driver below it), with ws 8.18.3 as the server, from npm.
# Expected: a client reports the code of the server's close frame. 1012 (service restart), 1013 (try again later) and 1014 (bad
#   gateway) are in IANA's registry of WebSocket close codes, which RFC 6455 section 7.4.2 reserves for such extensions.
# Seen (2026-11-30): the client reports 1002 (protocol error) for these three, with the server's reason, and also responds 1002. An
#   application that reconnects after a restart but not after a protocol error stays away.
# Affects: docs/interoperability.md (row faye-websocket): the server sends `goodbye` before 1012 and 1013, so that clients do not depend on the code.
# Needs: Node 20 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund faye-websocket@0.11.4 ws@8.18.3
cat > program.cjs <<'JS'
const { Client } = require("faye-websocket");
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("connection", (socket, request) => {
  socket.on("close", (code) => console.log(`  the server receives ${code}`));
  socket.close(Number(request.url.slice(1)), "reason");
});
server.on("listening", async () => {
  for (const code of [1011, 1012, 1013, 1014, 4000]) {
    const client = new Client(`ws://127.0.0.1:${server.address().port}/${code}`);
    await new Promise((done) => client.on("close", (event) => {
      console.log(`sent ${code}: the client reports ${event.code} ${event.reason}`);
      setTimeout(done, 100);
    }));
  }
  process.exit(0);
});
JS
seen=$(node program.cjs)

echo "$seen"
[ "$(grep sent <<< "$seen")" = 'sent 1011: the client reports 1011 reason
sent 1012: the client reports 1002 reason
sent 1013: the client reports 1002 reason
sent 1014: the client reports 1002 reason
sent 4000: the client reports 4000 reason' ]
