package dev.live.fuzz.handshake

/** Seed requests. */
internal object HandshakeSeeds {
    val WORDS: List<String> =
        listOf(
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: ",
            "Sec-WebSocket-Protocol: ",
            "live.v1.json",
            "live.v1.cbor",
            "live.v1.msgpack",
            ".trace",
            "live.bearer.",
            "Origin: https://",
            "Host: ",
            "Sec-Fetch-Site: cross-site",
            "Authorization: Bearer ",
            "token=",
            "topic=",
            "lastEventId=",
            "Last-Event-ID: ",
            "params=",
            "%00",
            "%ff",
        )

    private const val KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    private const val USUAL =
        "Upgrade: websocket\nConnection: keep-alive, Upgrade\nSec-WebSocket-Version: 13\n$KEY\nHost: localhost"

    /** A text frame, masked with zeros, followed by the end of the stream. */
    private const val PING = "\u0081\u008f\u0000\u0000\u0000\u0000{\"type\":\"ping\"}"

    val all: List<ByteArray> =
        listOf(
            "GET /live\n$USUAL\n\n$PING",
            "GET /live\n$USUAL\nSec-WebSocket-Protocol: live.v1.cbor, live.v1.json\nAuthorization: Bearer abc\n\n",
            "GET /live\n$USUAL\nSec-WebSocket-Protocol: live.bearer.YW5u\nSec-WebSocket-Protocol: live.v1.json.trace\n\n",
            "GET /live?token=abc\n$USUAL\nOrigin: https://example.org\n\n\u0088\u0080\u0000\u0000\u0000\u0000",
            "GET /live\n$USUAL\nOrigin: http://localhost:80\n\n",
            "GET /live\n$USUAL\nSec-Fetch-Site: cross-site\n\n",
            "POST /live\n$USUAL\n\n",
            "GET /live?topic=room/a&lastEventId=e:4&params=%7B%22a%22%3A1%7D\nLast-Event-ID: a:b:7\n\n",
        ).map { it.toByteArray(Charsets.ISO_8859_1) }
}
