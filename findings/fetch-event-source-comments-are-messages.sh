#!/usr/bin/env bash
# Software: @microsoft/fetch-event-source 2.0.1, from npm.
# Expected: a comment line followed by an empty line dispatches no event; HTML standard, section "Interpreting an event stream": an event
#   with an empty data buffer is not dispatched.
# Seen (2026-11-30): onmessage is called for it, with an empty string as data. A server that keeps the connection open with comments,
#   as the standard advises, makes JSON.parse(message.data) throw in onmessage; the library then ends the stream with that error.
# Affects: docs/server-sent-events.md, "Client libraries": skip messages without data.
# Needs: Node 20 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund @microsoft/fetch-event-source@2.0.1
cat > program.cjs <<'JS'
globalThis.window = globalThis; // the library is written for pages
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = require("@microsoft/fetch-event-source");
const server = require("node:http").createServer((request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(": keep alive\n\ndata: 1\n\n");
});
server.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}/`;
  const seen = [];
  const stop = new AbortController();
  fetchEventSource(url, {
    signal: stop.signal,
    onmessage(message) {
      seen.push(JSON.stringify(message.data));
      if (message.data === "1") stop.abort();
    },
  });
  await new Promise((done) => stop.signal.addEventListener("abort", done));
  console.log("messages: " + seen.join(" "));
  await fetchEventSource(url, {
    onmessage: (message) => void JSON.parse(message.data),
    onerror: (error) => { throw error; },
  }).catch((error) => console.log("with JSON.parse: " + error.name));
  process.exit(0);
});
JS
seen=$(node program.cjs)

echo "$seen"
[ "$seen" = 'messages: "" "1"
with JSON.parse: SyntaxError' ]
