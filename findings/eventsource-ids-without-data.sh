#!/usr/bin/env bash
# Software: eventsource 4.1.1 and, for comparison, undici 7.30.2, from npm.
# Expected: HTML standard, section "Interpreting an event stream": the last event id is a state of the stream. An `id` in a block without
#   data sets it, a reconnect sends it, and events without an own `id` carry it as lastEventId.
# Seen (2026-11-30): eventsource, the usual EventSource of Node, ignores an `id` in a block without data: it reconnects with the older
#   id and receives again what the server had marked as done. Events without an id have an empty lastEventId, not the last one.
#   undici's EventSource does both as the standard says.
# Affects: docs/server-sent-events.md, "Client libraries". live sends each id with the data of its message, never alone.
# Needs: Node 20 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund eventsource@4.1.1 undici@7.30.2
cat > program.mjs <<'JS'
import http from "node:http";
const classes = { eventsource: (await import("eventsource")).EventSource, undici: (await import("undici")).EventSource };
for (const [name, EventSource] of Object.entries(classes)) {
  let reconnected;
  const idOfReconnect = new Promise((done) => (reconnected = done));
  let requests = 0;
  const server = http.createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (++requests === 1) response.end("retry: 50\n\nid: 5\ndata: a\n\ndata: b\n\nid: 6\n\n");
    else reconnected(request.headers["last-event-id"]);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const source = new EventSource(`http://127.0.0.1:${server.address().port}/`);
  const ids = [];
  source.onmessage = (event) => ids.push(`${event.data}:"${event.lastEventId}"`);
  const id = await idOfReconnect;
  console.log(`${name}: lastEventId ${ids.join(" ")}, reconnects with ${id}`);
  source.close();
}
process.exit(0);
JS
seen=$(node program.mjs 2>/dev/null)

echo "$seen"
[ "$seen" = 'eventsource: lastEventId a:"5" b:"", reconnects with 5
undici: lastEventId a:"5" b:"5", reconnects with 6' ]
