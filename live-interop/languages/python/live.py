import asyncio, json, os
import websockets  # pip install websockets, or Debian's python3-websockets

async def main():
    url = os.environ.get("LIVE_URL", "ws://localhost:8080/live")
    async with websockets.connect(url, subprotocols=["live.v1.json"]) as socket:
        await socket.send(json.dumps({"type": "subscribe", "topic": "room/lobby", "ref": "1"}))
        async for frame in socket:
            message = json.loads(frame)
            if message["type"] == "ack" and message["ref"] == "1":
                note = {"text": "hello from Python"}
                await socket.send(json.dumps({"type": "publish", "topic": "room/lobby", "ref": "2", "data": note}))
            elif message["type"] == "error":
                print("refused:", message["data"]["reason"])
            elif message["type"] == "message":
                print(message["data"]["text"])
                return  # remove this to stay connected

asyncio.run(main())
