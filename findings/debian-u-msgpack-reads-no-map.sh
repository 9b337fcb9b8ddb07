#!/usr/bin/env bash
# Software: u-msgpack-python 2.3.0, from Debian 12 (python3-u-msgpack), with Debian's Python 3.11.
# Expected: umsgpack.unpackb reads what umsgpack.packb wrote.
# Seen (2026-11-29): it cannot read a map: AttributeError, because it uses collections.Hashable, which Python 3.10 removed.
#   The package of a stable distribution cannot read the most common type with the Python of that distribution.
# Affects: docs/interoperability.md, in the row for this library.
# Needs: Debian 12, apt-get.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q python3-u-msgpack=2.3.0-3 > apt.log 2>&1
dpkg -x ./*.deb root
PYTHONPATH=root/usr/lib/python3/dist-packages /usr/bin/python3 - << 'PY'
import sys
import umsgpack

print(umsgpack.packb({"a": 1}).hex())
try:
    print(umsgpack.unpackb(umsgpack.packb({"a": 1})))
    sys.exit(1)
except AttributeError as problem:
    print(repr(problem))
PY
