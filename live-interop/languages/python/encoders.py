"""The Python encoders in Debian. Encoder.kt describes the commands."""
import base64
import importlib.metadata
import json
import platform
import sys

import cbor2
import msgpack
import umsgpack


class Json:
    codec = "json"

    def encode(self, message):
        return json.dumps(message).encode()

    def decode(self, frame):
        return json.loads(frame)

    def body(self, data):
        return base64.b64encode(data).decode()


class JsonWithLineBreaks(Json):
    def body(self, data):
        return base64.encodebytes(data).decode()


class Binary:
    def __init__(self, codec, encode, decode):
        self.codec, self.encode, self.decode = codec, encode, decode

    def body(self, data):
        return data


VERSION = importlib.metadata.version
ENTRIES = [
    ("json, base64.b64encode", platform.python_version(), "", "", Json()),
    ("json, base64.encodebytes", platform.python_version(), "", "line break", JsonWithLineBreaks()),
    ("cbor2", VERSION("cbor2"), "", "", Binary("cbor", cbor2.dumps, cbor2.loads)),
    ("msgpack", VERSION("msgpack"), "", "", Binary("msgpack", msgpack.packb, msgpack.unpackb)),
    ("msgpack", VERSION("msgpack"), "use_bin_type=False", "",
     Binary("msgpack", lambda message: msgpack.packb(message, use_bin_type=False), msgpack.unpackb)),
    ("u-msgpack-python", VERSION("u-msgpack-python"), "", "!Hashable", Binary("msgpack", umsgpack.packb, umsgpack.unpackb)),
]


def unhex(field):
    return None if field == "-" else bytes.fromhex("" if field == "." else field)


def text(field):
    value = unhex(field)
    return value if value is None else value.decode()


def enhex(value):
    if value is None:
        return "-"
    return (value if isinstance(value, bytes) else value.encode()).hex() or "."


def answer(encoder, command, fields):
    is_json = encoder.codec == "json"
    if command == "write":
        type_, topic, ref, body, data = fields[:5]
        message = {"type": text(type_), "topic": text(topic), "ref": text(ref), "body": None, "data": None, "offset": None}
        if body != "-":
            message["body"] = encoder.body(unhex(body))
        if data != "-":
            message["data"] = json.loads(text(data)) if is_json else text(data)
        if fields[5] == "0":
            wanted = {"type", "topic", "ref"} | ({"body"} if body != "-" else set()) | ({"data"} if data != "-" else set())
            message = {name: message[name] for name in message if name in wanted}
        return enhex(encoder.encode(message))
    if command == "since":
        data = encoder.decode(unhex(fields[2]))["data"]
        data = data if is_json else json.loads(data)
        since = {"since": {"epoch": data["epoch"], "offset": data["offset"]}}
        return enhex(encoder.encode({
            "type": "subscribe", "topic": text(fields[0]), "ref": text(fields[1]),
            "data": since if is_json else json.dumps(since),
        }))
    message = encoder.decode(unhex(fields[0]))
    body, data, offset = message.get("body"), message.get("data"), message.get("offset")
    if is_json:
        body = None if body is None else base64.b64decode(body)
        data = json.dumps(data) if "data" in message else None
    parts = [message["type"], message.get("topic"), message.get("ref"), body, data]
    return " ".join(enhex(part) for part in parts) + " " + ("-" if offset is None else str(offset))


if sys.argv[1] == "list":
    for library, version, setting, expected, encoder in ENTRIES:
        print("|".join([library, version, encoder.codec, setting, expected]))
else:
    chosen = ENTRIES[int(sys.argv[2])][4]
    for line in sys.stdin:
        name, *rest = line.split()
        try:
            print(answer(chosen, name, rest), flush=True)
        except Exception as e:
            print("! " + repr(e).replace("\n", " "), flush=True)
