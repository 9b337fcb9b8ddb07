#!/usr/bin/env bash
# Software: Tcl 8.6.13 and tcllib 1.21 (package websocket), from Debian 12.
# Expected: one Connection header, with the token Upgrade, as RFC 6455, 4.1 describes.
# Seen (2026-11-29): two, "Connection: close" and "Connection: Upgrade": http adds its own. Together they are a valid
#   list (RFC 9110, 5.3), but a server that reads only the first header detects no upgrade, such as Ktor's CIO engine.
# Affects: docs/interoperability.md, which requires a server on Netty for Tcl.
# Needs: Debian 12 with tcl and tcllib, and Python 3 for the server.
set -euo pipefail
echo 'package require websocket' | tclsh > /dev/null 2>&1 || { echo "cannot run: install tcl and tcllib"; exit 2; }
command -v python3 > /dev/null || { echo "cannot run: install python3"; exit 2; }
folder=$(mktemp -d)
server=
trap 'rm -rf "$folder"; [ -z "$server" ] || kill "$server" 2> /dev/null || true' EXIT
cat > "$folder/server.py" << 'PY'
import socket
import sys

listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(60)
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.settimeout(60)
with open(sys.argv[1], "wb") as request:
    request.write(connection.recv(4096))
connection.close()
PY
cat > "$folder/client.tcl" << 'TCL'
package require websocket
proc event {socket kind text} { set ::ended 1 }
websocket::open ws://127.0.0.1:[lindex $argv 0]/ event
after 60000 { set ended 1 }
vwait ended
TCL
python3 "$folder/server.py" "$folder/request" > "$folder/port" &
server=$!
for _ in $(seq 600); do [ -s "$folder/port" ] && break; sleep 0.1; done
tclsh "$folder/client.tcl" "$(cat "$folder/port")" 2> "$folder/errors" || true
wait "$server" || true
grep -i '^connection:' "$folder/request" | tr -d '\r'
[ "$(grep -ci '^connection:' "$folder/request")" -eq 2 ]
