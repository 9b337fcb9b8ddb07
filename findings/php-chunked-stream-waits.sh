#!/usr/bin/env bash
# Software: PHP 8.2 from Debian 12 (php-cli), fopen("http://…").
# Expected: fgets returns each line when it arrives, as for sockets and for responses without chunks.
# Seen (2026-11-29): in a response with Transfer-Encoding: chunked, PHP buffers every line that arrives after the headers
#   until the stream has 8 KB or ends. With stream_set_chunk_size($stream, 1) each line arrives at once.
# Affects: live-interop/languages/php/live.php, which reads server-sent events.
# Needs: Debian 12 with php-cli, and Python 3 for the server.
set -euo pipefail
[[ "$(php --version 2> /dev/null)" == "PHP 8.2"* ]] || { echo "cannot run: install PHP 8.2 (php-cli of Debian 12)"; exit 2; }
command -v python3 > /dev/null || { echo "cannot run: install python3"; exit 2; }
folder=$(mktemp -d)
server=
trap 'rm -rf "$folder"; [ -z "$server" ] || kill "$server" 2> /dev/null || true' EXIT
cat > "$folder/server.py" << 'PY'
# responds to two requests with five lines, one per second, each in its own chunk
import socket
import time

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for _ in range(2):
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(5):
        line = b"data: %d\n" % number
        connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        time.sleep(1)
    connection.sendall(b"0\r\n\r\n")
    connection.close()
PY
cat > "$folder/client.php" << 'PHP'
<?php
$stream = fopen('http://127.0.0.1:' . $argv[1] . '/', 'r');
if ($argv[2] === 'one') stream_set_chunk_size($stream, 1);
$began = microtime(true);
for ($lines = []; ($line = fgets($stream)) !== false;) $lines[] = round(microtime(true) - $began, 1) . ' s ' . trim($line);
echo implode("\n", $lines), "\n";
$second = (float) $lines[1];
exit($argv[2] === 'one' ? ($second < 3.5 ? 0 : 1) : ($second > 3.5 ? 0 : 1));
PHP
python3 "$folder/server.py" > "$folder/port" &
server=$!
for _ in $(seq 600); do [ -s "$folder/port" ] && break; sleep 0.1; done
port=$(cat "$folder/port")
echo "by default:"
php "$folder/client.php" "$port" default
echo "with stream_set_chunk_size(\$stream, 1):"
php "$folder/client.php" "$port" one
