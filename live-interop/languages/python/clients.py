"""The Python WebSocket clients in Debian. ClientMatrix.kt describes their sessions."""
import asyncio
import importlib.metadata
import re
import sys

import aiohttp
import tornado.httpclient
import tornado.websocket
import websocket
import websockets


def report(*words):
    print(*words, flush=True)


class Script:
    def __init__(self, path):
        with open(path) as file:
            self.frames = [line.split() for line in file]

    def next(self):
        return self.frames.pop(0) if self.frames else (None, None)


def received(frame):
    report(*(("t", frame.encode().hex()) if isinstance(frame, str) else ("b", frame.hex())))


async def with_websockets(url, subprotocol, script, **settings):
    try:
        async with websockets.connect(url, subprotocols=[subprotocol], **settings) as socket:
            report("open", socket.subprotocol or "-")

            async def send_next():
                kind, value = script.next()
                if kind == "c":
                    await socket.close(int(value))
                elif kind:
                    data = bytes.fromhex(value)
                    await socket.send(data if kind == "b" else data.decode())

            await send_next()
            try:
                while True:
                    received(await socket.recv())
                    await send_next()
            except websockets.ConnectionClosed:
                report("closed", socket.close_code)
    except websockets.InvalidStatusCode as e:
        report("refused", e.status_code)


async def with_aiohttp(url, subprotocol, script):
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(url, protocols=[subprotocol]) as socket:
                report("open", socket.protocol or "-")
                while True:
                    kind, value = script.next()
                    if kind == "c":
                        await socket.close(code=int(value))
                    elif kind:
                        data = bytes.fromhex(value)
                        await (socket.send_bytes(data) if kind == "b" else socket.send_str(data.decode()))
                    if socket.closed:
                        break
                    frame = await socket.receive()
                    if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                        break
                    received(frame.data)
                report("closed", socket.close_code)
        except aiohttp.WSServerHandshakeError as e:
            report("refused", e.status)


async def with_tornado(url, subprotocol, script):
    try:
        socket = await tornado.websocket.websocket_connect(url, subprotocols=[subprotocol])
    except tornado.httpclient.HTTPClientError as e:
        report("refused", e.code)
        return
    report("open", socket.selected_subprotocol or "-")
    while True:
        kind, value = script.next()
        if kind == "c":
            socket.close(int(value))
        elif kind:
            await socket.write_message(bytes.fromhex(value), binary=kind == "b")
        frame = await socket.read_message()
        if frame is None:
            break
        received(frame)
    report("closed", socket.close_code)


def with_websocket_client(url, subprotocol, script):
    """Its `WebSocketApp`, as its documentation shows."""
    ended = []

    def send_next(app):
        kind, value = script.next()
        if kind == "c":
            app.sock.close(int(value))
        elif kind:
            app.send(bytes.fromhex(value), websocket.ABNF.OPCODE_BINARY if kind == "b" else websocket.ABNF.OPCODE_TEXT)

    def on_open(app):
        report("open", app.sock.getsubprotocol() or "-")
        send_next(app)

    def on_message(app, frame):
        received(frame)
        send_next(app)

    def on_error(app, error):
        if isinstance(error, websocket.WebSocketBadStatusException):
            ended.append(("refused", error.status_code))
        elif isinstance(error, websocket.WebSocketProtocolException):
            ended.append(("failed", error))

    def on_close(app, code, reason):
        ended.append(("closed", code or "not reported"))

    app = websocket.WebSocketApp(
        url, subprotocols=[subprotocol], on_open=on_open, on_message=on_message, on_error=on_error, on_close=on_close,
    )
    app.run_forever()
    report(*(ended or [("closed", "not reported")])[0])


def blocking_websocket_client(url, subprotocol, script):
    """Its blocking `create_connection`."""
    try:
        socket = websocket.create_connection(url, subprotocols=[subprotocol])
    except websocket.WebSocketBadStatusException as e:
        report("refused", e.status_code)
        return
    report("open", socket.getsubprotocol() or "-")
    code = 1006
    while True:
        kind, value = script.next()
        if kind == "c":
            socket.send_close(int(value))
        elif kind:
            socket.send(bytes.fromhex(value), websocket.ABNF.OPCODE_BINARY if kind == "b" else websocket.ABNF.OPCODE_TEXT)
        try:
            opcode, data = socket.recv_data()
        except websocket.WebSocketException as e:
            report("failed", re.sub(r"\s+", " ", str(e)))
            return
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big")
            break
        received(data if opcode == websocket.ABNF.OPCODE_BINARY else data.decode())
    socket.close()
    report("closed", code)


def run(function, *arguments):
    result = function(*arguments)
    if asyncio.iscoroutine(result):
        asyncio.run(result)


VERSION = importlib.metadata.version
ENTRIES = [
    ("websockets", VERSION("websockets"), with_websockets),
    ("aiohttp", VERSION("aiohttp"), with_aiohttp),
    ("tornado", tornado.version, with_tornado),
    ("websocket-client, `WebSocketApp`", VERSION("websocket-client"), with_websocket_client),
    ("websocket-client, `create_connection`", VERSION("websocket-client"), blocking_websocket_client),
]

if sys.argv[1] == "list":
    for library, version, _ in ENTRIES:
        print(f"{library}|{version}|")
else:
    for line in sys.stdin:
        address, protocol, path = line.split()
        try:
            run(ENTRIES[int(sys.argv[2])][2], address, protocol, Script(path))
        except Exception as problem:
            report("failed", re.sub(r"\s+", " ", repr(problem)))
        report("done")
