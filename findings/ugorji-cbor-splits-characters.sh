#!/usr/bin/env bash
# Software: ugorji/go/codec 1.2.8, from Debian 12 (golang-github-ugorji-go-codec-dev), with Go 1.19.
# Expected: with CborHandle.IndefiniteLength, a text with several bytes per character is written in chunks that are
#   valid UTF-8 each, as RFC 8949, 3.2.3 requires: "the bytes of a single Unicode code point cannot be spread between chunks".
# Seen (2026-11-29): chunks end in the middle of a character. A reader that follows the RFC rejects the text.
# Affects: docs/interoperability.md. live replies "not valid UTF-8"; leave IndefiniteLength off.
# Needs: Debian 12, apt-get, and its golang-go.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q golang-github-ugorji-go-codec-dev=1.2.8-1 > apt.log 2>&1
dpkg -x ./*.deb root
cat > main.go << 'GO'
package main

import (
	"fmt"
	"strings"

	"github.com/ugorji/go/codec"
)

func main() {
	handle := &codec.CborHandle{}
	handle.IndefiniteLength = true
	var out []byte
	if err := codec.NewEncoderBytes(&out, handle).Encode("a" + strings.Repeat("€", 40)); err != nil {
		panic(err)
	}
	fmt.Printf("%x\n", out)
}
GO
seen=$(GO111MODULE=off GOFLAGS= GOPATH="$folder/root/usr/share/gocode:/usr/share/gocode" GOCACHE="$folder/cache" /usr/bin/go run main.go)
echo "$seen"
# 7f: a text of chunks; each chunk begins with its length, and a character is e2 82 ac
python3 - "$seen" << 'PY'
import sys
data, at, split = bytes.fromhex(sys.argv[1]), 1, 0
assert data[0] == 0x7F, "not a text of chunks"
while data[at] != 0xFF:
    length = data[at] & 31
    at += 1
    if length == 24:
        length = data[at]
        at += 1
    elif length == 25:
        length = int.from_bytes(data[at:at + 2], "big")
        at += 2
    chunk = data[at:at + length]
    at += length
    try:
        chunk.decode()
    except UnicodeDecodeError:
        split += 1
print(f"{split} chunks are not UTF-8")
sys.exit(0 if split else 1)
PY
